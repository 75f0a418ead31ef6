//! What can be done to a world: the vocabulary that scripts and random workloads share, and its one interpreter.

use std::sync::Arc;
use std::time::Duration;

use crate::acd::{Actor, AgentTarget, DeviceState, TransferKind};
use crate::base::{CallId, Instant};
use crate::config::Config;
use crate::node::{AgentChange, Consulted, Control, QueueChange, Reply, Selection};
use crate::sim::agent_phone::{Manner, Own};
use crate::sim::caller::Dial;
use crate::sim::handset::Handset;
use crate::sim::network::{DropRule, Weather};
use crate::sim::phone::Phone;
use crate::sim::session::{Session, Told};
use crate::sim::terms::Direction;
use crate::sim::world::{TRUNK, World};

/// One deed.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A caller dials.
    Dial {
        /// The caller's phone; made when it does not exist.
        caller: String,
        /// The exchange it stands behind.
        via: String,
        /// Its payload types; unchanged when empty.
        formats: Vec<u8>,
        /// The call; the dialog that it replaces is named by the phone that is in it.
        dial: Dial,
    },
    /// A person hangs up.
    HangUp(String),
    /// An agent answers a ringing phone.
    Answer(String),
    /// A person holds (sends only) or resumes.
    Change(String, Direction),
    /// A phone asks for fax instead of audio (T.38).
    Fax(String),
    /// A phone's voice is the tone of a fax machine from now on.
    FaxTone(String),
    /// A person presses keys.
    Press(String, char),
    /// A person has the phone ask by REFER that the call be handed on.
    Refer {
        /// Whose phone.
        name: String,
        /// The URI.
        to: String,
        /// In whose place, by the name of the phone; of nobody's here when there is none of this name.
        replaces: Option<String>,
        /// With news of it.
        news: bool,
    },
    /// A phone takes its registration back, and registers again after a while.
    Unregister(String),
    /// A phone registers from two places from now on.
    RegisterTwice(String),
    /// The PBX of a phone has put somebody else on its end of the call, and tells so.
    Connect(String, String, Told),
    /// A phone begins or ends a call that does not come by here.
    OwnCall(String, Own),
    /// A PBX forgets who has subscribed, refuses it by a status, takes it again, or ends it for a reason.
    Hints(String, Telling),
    /// A phone loses its power.
    Vanish(String),
    /// A phone has power again.
    Return(String),
    /// How an agent's phone behaves from the next call on.
    Manner(String, Manner),
    /// How it behaves at the next call only.
    NextManner(String, Manner),
    /// A host is cut off.
    Cut(String),
    /// A host is joined again.
    Mend(String),
    /// A host's audio passes an address translator from now on.
    Nat(String),
    /// A host gets only answers from now on, as behind a NAT.
    Closed(String),
    /// The network changes.
    Weather(Weather),
    /// The network drops what fits.
    Drop(DropRule),
    /// Another configuration.
    Reload(Arc<Config>),
    /// The node drains.
    Drain(Duration),
    /// The control plane sets an agent's state.
    SetAgent {
        /// Whose.
        agent: String,
        /// To what.
        target: AgentTarget,
        /// Not ready for so long.
        lasts: Option<Duration>,
        /// A supervisor forces it, and says why.
        why: Option<Arc<str>>,
    },
    /// An agent's wrap-up lasts longer.
    ExtendWrapUp(String, Duration),
    /// An agent's wrap-up ends.
    EndWrapUp(String),
    /// Somebody says what an agent's device does.
    Device(String, DeviceState),
    /// The control plane hangs up a caller's call.
    Withdraw(String),
    /// The control plane puts a caller's call into a queue (its own when `None`).
    Requeue(String, Option<String>),
    /// The control plane says whom a caller's call prefers (nobody when `None`)
    Prefer(String, Option<String>),
    /// The control plane hands a caller on: at once or after a word, to `agent:`, `queue:` or `number:` of a name.
    Transfer(String, TransferKind, String),
    /// The control plane ends the consultation about a caller.
    Consultation(String, Consulted),
    /// There is a phone of this name behind an exchange, which takes calls in this manner and is no agent's.
    Phone(String, String, Manner),
    /// The control plane changes how an agent is asked: skills, memberships, penalties.
    Assign(String, AgentChange),
    /// The control plane changes a queue.
    SetQueue(String, QueueChange),
    /// The control plane changes the priority of a caller's call.
    SetPriority(String, i32),
}

/// How a PBX tells what its phones do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Telling {
    /// It has forgotten whom.
    Forgets,
    /// It refuses by this status.
    Refuses(u16),
    /// It tells.
    Tells,
    /// It ends all subscriptions for this reason.
    Ends(String),
}

impl Act {
    /// Does it.
    ///
    /// # Errors
    /// A name nobody bears, or a refusal by the control plane, in words.
    pub fn apply(self, world: &mut World) -> Result<(), String> {
        match self {
            Self::Dial { caller, via, formats, dial } => {
                world.caller(&caller, &via)?;
                let replaces = dial.replaces.as_ref().map(|who| dialog_of(world, who));
                dial_from(world, &caller, formats, Dial { replaces, ..dial })
            }
            Self::HangUp(name) => with(world, &name, hang_up),
            Self::Answer(name) => {
                let now = world.now();
                with_agent(world, &name, |phone| phone.answer(now))
            }
            Self::Change(name, direction) => redirect(world, &name, direction),
            Self::Fax(name) => in_talk(world, &name, |now, talk, it| talk.fax(&mut it.ua, now)),
            Self::FaxTone(name) => fax_tone(world, &name),
            Self::Press(name, digit) => press(world, &name, digit),
            Self::Connect(name, number, by) => connect(world, &name, &number, by),
            Self::Refer { name, to, replaces, news } => refer(world, &name, (to, replaces), news),
            Self::Unregister(name) => unregister(world, &name),
            Self::RegisterTwice(name) => with_agent(world, &name, |phone| phone.register_twice()),
            Self::OwnCall(name, doing) => with_agent(world, &name, |phone| phone.set_own(doing)),
            Self::Hints(name, telling) => tell(world, &name, &telling),
            Self::Vanish(name) => with(world, &name, |_, phone| phone.vanish()),
            Self::Return(name) => with(world, &name, |now, phone| phone.come_back(now)),
            Self::Manner(name, manner) => with_agent(world, &name, |phone| phone.set_manner(manner)),
            Self::NextManner(name, manner) => with_agent(world, &name, |phone| phone.push_manner(manner)),
            Self::Cut(name) => found(world.cut(&name), &name),
            Self::Mend(name) => found(world.mend(&name), &name),
            Self::Nat(name) => found(world.translate(&name), &name),
            Self::Closed(name) => close(world, &name),
            Self::Weather(weather) => {
                world.network.set_weather(weather);
                Ok(())
            }
            Self::Drop(rule) => lose(world, rule),
            Self::Reload(config) => world.reload(&config).map(drop),
            Self::Drain(limit) => {
                world.drain_node(limit);
                Ok(())
            }
            Self::SetAgent { agent, target, lasts, why } => {
                let change = match (target, lasts) {
                    (AgentTarget::NotReady(reason), Some(lasts)) => AgentChange::Pause(reason, lasts),
                    (target, _) => AgentChange::State(target),
                };
                done(world.control(Control::SetAgents { who: Selection::one(agent), change, by: actor(why) }))
            }
            Self::ExtendWrapUp(agent, more) => change(world, agent, AgentChange::ExtendWrapUp(more)),
            Self::EndWrapUp(agent) => change(world, agent, AgentChange::EndWrapUp),
            Self::Device(agent, device) => change(world, agent, AgentChange::Device(device)),
            Self::Withdraw(caller) => about(world, &caller, |call, by| Control::HangUp { call, by }),
            Self::Requeue(caller, queue) => about(world, &caller, |call, by| Control::Requeue { call, queue, by }),
            Self::Prefer(caller, agent) => about(world, &caller, |call, by| Control::Prefer { call, agent, by }),
            Self::Transfer(caller, kind, to) => {
                about(world, &caller, |call, by| Control::Transfer { call, kind, to, by })
            }
            Self::Consultation(caller, end) => {
                about(world, &caller, |call, by| Control::Consultation { call, end, by })
            }
            Self::Phone(name, exchange, manner) => world.phone(&name, &exchange, manner),
            Self::SetPriority(caller, priority) => {
                about(world, &caller, |call, by| Control::SetPriority { call, priority, by })
            }
            Self::SetQueue(queue, change) => {
                done(world.control(Control::SetQueues { queues: vec![queue], change, by: SCRIPT.into() }))
            }
            Self::Assign(agent, assigned) => change(world, agent, assigned),
        }
    }
}

fn fax_tone(world: &mut World, name: &str) -> Result<(), String> {
    world.caller(name, TRUNK)?;
    let rtp = world.with_phone(name, |_, phone| phone.rtp());
    if rtp.is_some_and(|rtp| world.media.fax_from(rtp)) { Ok(()) } else { world.town.fax_tone(name) }
}

fn unregister(world: &mut World, name: &str) -> Result<(), String> {
    let now = world.now();
    with_agent(world, name, |phone| phone.unregister(now))
}

fn tell(world: &mut World, name: &str, telling: &Telling) -> Result<(), String> {
    let told = world.with_hints(name, |now, hints, ua| match telling {
        Telling::Forgets => hints.forget(),
        Telling::Refuses(status) => hints.refuse(Some(*status)),
        Telling::Tells => hints.refuse(None),
        Telling::Ends(reason) => hints.end(ua, now, reason),
    });
    found(told, name)
}

fn hang_up(now: Instant, phone: &mut Phone) {
    match phone {
        Phone::Caller(phone) => phone.hang_up(now),
        Phone::Agent(phone) => phone.hang_up(now),
    }
}

/// The control plane is asked for something about a caller's call.
fn about(world: &mut World, caller: &str, control: impl FnOnce(CallId, Actor) -> Control) -> Result<(), String> {
    let call = call_of(world, caller)?;
    done(world.control(control(call, SCRIPT.into())))
}

fn dial_from(world: &mut World, caller: &str, formats: Vec<u8>, dial: Dial) -> Result<(), String> {
    with(world, caller, |now, phone| {
        if let Phone::Caller(phone) = phone {
            if !formats.is_empty() {
                phone.handset().set_formats(formats);
            }
            phone.dial(now, dial);
        }
    })
}

fn with(world: &mut World, name: &str, act: impl FnOnce(Instant, &mut Phone)) -> Result<(), String> {
    world.with_phone(name, act).ok_or_else(|| format!("no phone `{name}`"))
}

fn with_agent(
    world: &mut World,
    name: &str,
    act: impl FnOnce(&mut crate::sim::agent_phone::AgentPhone),
) -> Result<(), String> {
    with(world, name, |_, phone| match phone {
        Phone::Caller(_) => {}
        Phone::Agent(phone) => act(phone),
    })
}

fn in_talk(world: &mut World, name: &str, act: impl FnOnce(Instant, &mut Session, &mut Handset)) -> Result<(), String> {
    with(world, name, |now, phone| {
        let talk = match phone {
            Phone::Caller(phone) => phone.session(),
            Phone::Agent(phone) => phone.session(),
        };
        if let Some((session, handset)) = talk {
            act(now, session, handset);
        }
    })
}

fn redirect(world: &mut World, name: &str, direction: Direction) -> Result<(), String> {
    in_talk(world, name, |now, session, handset| session.change(&mut handset.ua, now, direction))
}

fn press(world: &mut World, name: &str, digit: char) -> Result<(), String> {
    in_talk(world, name, |now, session, handset| session.press(&mut handset.ua, now, digit))
}

fn connect(world: &mut World, name: &str, number: &str, by: Told) -> Result<(), String> {
    in_talk(world, name, |now, session, handset| session.connect(&mut handset.ua, now, number, by))
}

fn refer(world: &mut World, name: &str, (to, place): (String, Option<String>), news: bool) -> Result<(), String> {
    let headers = place.map(|who| dialog_of(world, &who).replace(';', "%3B").replace('=', "%3D").replace('@', "%40"));
    let to = headers.map_or_else(|| to.clone(), |dialog| format!("{to}?Replaces={dialog}"));
    in_talk(world, name, |now, session, handset| session.refer(&mut handset.ua, now, &to, news))
}

/// The dialog that a phone is in, `early` before its name: only while it is not answered; one that nobody here knows where
/// there is no such phone, or it is in none.
fn dialog_of(world: &mut World, who: &str) -> String {
    let (name, early) = who.strip_prefix("early ").map_or((who, ""), |name| (name, ";early-only"));
    let dialog = world.with_phone(name, |_, phone| match phone {
        Phone::Caller(phone) => phone.call().map(Session::replaced),
        Phone::Agent(phone) => phone.call().map(Session::replaced),
    });
    dialog.flatten().unwrap_or_else(|| format!("{name}@elsewhere;to-tag=there;from-tag=here")) + early
}

/// Who acts in a script, and forces it when a reason is given.
fn actor(why: Option<Arc<str>>) -> Actor {
    why.map_or_else(|| SCRIPT.into(), |why| Actor::Supervisor { name: SCRIPT.into(), why })
}

/// Who acts in a script.
const SCRIPT: &str = "script";

fn change(world: &mut World, agent: String, change: AgentChange) -> Result<(), String> {
    done(world.control(Control::SetAgents { who: Selection::one(agent), change, by: SCRIPT.into() }))
}

fn lose(world: &mut World, rule: DropRule) -> Result<(), String> {
    world.network.add_rule(rule);
    Ok(())
}

fn close(world: &mut World, name: &str) -> Result<(), String> {
    let host = world.town.host_of(name);
    found(host.map(|host| world.network.close(host)).is_some(), name)
}

fn found(found: bool, name: &str) -> Result<(), String> {
    if found { Ok(()) } else { Err(format!("no host `{name}`")) }
}

fn done(reply: Reply) -> Result<(), String> {
    match reply {
        Reply::Done | Reply::Set(_) => Ok(()),
        Reply::NotFound(text) | Reply::Invalid(text) | Reply::Conflict(text) => Err(text),
        Reply::Agents { .. }
        | Reply::Calls { .. }
        | Reply::Teams(_)
        | Reply::Queue(_)
        | Reply::Registrations { .. }
        | Reply::Trace(_)
        | Reply::Ladder(_)
        | Reply::Explanation(_)
        | Reply::Decisions(_) => Err("an answer to another question".to_string()),
    }
}

/// The call whose caller bears this name, as the control plane shows it.
fn call_of(world: &mut World, caller: &str) -> Result<CallId, String> {
    let Reply::Calls { rows, .. } = world.control(Control::Calls { offset: 0, limit: 1_000 }) else {
        return Err("the control plane shows no calls".to_string());
    };
    let row = rows.iter().find(|row| row.caller.expose() == caller);
    let row = row.ok_or_else(|| format!("the control plane shows no call of `{caller}`"))?;
    let digits: String = row.id.chars().filter(char::is_ascii_digit).collect();
    digits.parse().map(CallId).map_err(|_| format!("`{}` is no call id", row.id))
}
