//! The sentences of a scenario's steps: words to [`Act`]s.

use std::time::Duration;

use crate::acd::{self, AgentTarget, DeviceState, QueueState, Reason, ReserveMode, TransferKind};
use crate::node::{AgentChange, Consulted, QueueChange, SkillChange};
use crate::sim::act::{Act, Telling};
use crate::sim::agent_phone::{First, Manner, Own, Then};
use crate::sim::caller::{Acknowledges, Dial, Invite, Quit};
use crate::sim::handset::Habits;
use crate::sim::network::DropRule;
use crate::sim::session::{Provisionals, SessionTimer, Told};
use crate::sim::terms::Direction;
use crate::sim::words::{duration, names, number};
use crate::sim::world::TRUNK;

/// Reads one step; a range of agents gives one act each.
///
/// # Errors
/// What cannot be read, in words.
pub fn step(words: &[&str]) -> Result<Vec<Act>, String> {
    let act = match words {
        ["agent", agents, "next", rest @ ..] => {
            let manner = manner(rest)?;
            return each(agents, |name| Act::NextManner(name, manner.clone()));
        }
        ["agent", agents, rest @ ..] => {
            let manner = manner(rest)?;
            return each(agents, |name| Act::Manner(name, manner.clone()));
        }
        ["drop", "next", rest @ ..] => Act::Drop(drop_rule(rest)?),
        ["drain", limit] => Act::Drain(duration(limit)?),
        ["cut", "off", host] => Act::Cut((*host).to_string()),
        [host, "is", "behind", "nat"] => Act::Nat((*host).to_string()),
        [host, "gets", "only", "answers"] => Act::Closed((*host).to_string()),
        ["join", "again", host] => Act::Mend((*host).to_string()),
        ["set", agents, rest @ ..] => return set_agents(agents, rest),
        ["extend", "wrap-up", "of", agents, "by", more] => {
            let more = duration(more)?;
            return each(agents, |name| Act::ExtendWrapUp(name, more));
        }
        ["end", "wrap-up", "of", agents] => return each(agents, Act::EndWrapUp),
        ["device", "of", agents, "is", rest @ ..] => {
            let device = device_of(rest)?;
            return each(agents, |name| Act::Device(name, device));
        }
        ["withdraw", caller] => Act::Withdraw((*caller).to_string()),
        ["requeue", caller] => Act::Requeue((*caller).to_string(), None),
        ["requeue", caller, "to", queue] => Act::Requeue((*caller).to_string(), Some((*queue).to_string())),
        ["prefer", "nobody", "for", caller] => Act::Prefer((*caller).to_string(), None),
        ["prefer", agent, "for", caller] => Act::Prefer((*caller).to_string(), Some((*agent).to_string())),
        ["transfer", caller, "to", target] => {
            Act::Transfer((*caller).to_string(), TransferKind::Blind, (*target).to_string())
        }
        ["consult", "about", caller, "with", target] => {
            Act::Transfer((*caller).to_string(), TransferKind::Consult, (*target).to_string())
        }
        ["complete", caller] => Act::Consultation((*caller).to_string(), Consulted::Complete),
        ["cancel", "consultation", "about", caller] => Act::Consultation((*caller).to_string(), Consulted::Cancel),
        ["phone", name, "at", exchange, rest @ ..] => {
            Act::Phone((*name).to_string(), (*exchange).to_string(), manner(rest)?)
        }
        ["queue", queue, rest @ ..] => Act::SetQueue((*queue).to_string(), queue_change(rest)?),
        ["priority", "of", caller, "is", priority] => Act::SetPriority((*caller).to_string(), number(priority)?),
        ["skill", skill, "of", agents, "is", level] => {
            let skills = vec![((*skill).into(), skill_change(level)?)];
            return each(agents, |name| Act::Assign(name, AgentChange::Skills(skills.clone())));
        }
        ["team", "of", agents, "is", team] => {
            let team = (*team != "none").then(|| (*team).to_string());
            return each(agents, |name| Act::Assign(name, AgentChange::Team(team.clone())));
        }
        ["defaults", "of", agents] => return each(agents, |name| Act::Assign(name, AgentChange::Defaults(None))),
        ["penalty", "of", agents, "in", queue, "is", penalty] => {
            let penalty = number(penalty)?;
            return each(agents, |name| Act::Assign(name, AgentChange::Penalty((*queue).to_string(), penalty)));
        }
        [name, "hangs", "up"] => Act::HangUp((*name).to_string()),
        [name, "answers"] => Act::Answer((*name).to_string()),
        [name, how @ ("holds" | "resumes"), rest @ ..] => Act::Change((*name).to_string(), direction(how, rest)?),
        [name, "sends", "a", "fax"] => Act::Fax((*name).to_string()),
        [name, "calls", "as", "a", "fax"] => Act::FaxTone((*name).to_string()),
        [name, "presses", keys] => return Ok(keys.chars().map(|key| Act::Press((*name).to_string(), key)).collect()),
        [name, "refers", "to", to, rest @ ..] => refer(name, to, rest)?,
        [name, "is", "now", number, "by", how @ ("update" | "re-invite")] => connect(name, number, how),
        [name, "vanishes"] => Act::Vanish((*name).to_string()),
        [name, "returns"] => Act::Return((*name).to_string()),
        [caller, "dials", number, rest @ ..] => return each(caller, |name| dial(&name, number, rest)).and_then(all),
        words => device_step(words)?,
    };
    Ok(vec![act])
}

/// What a phone does by itself, and how its PBX tells of that.
fn device_step(words: &[&str]) -> Result<Act, String> {
    let own = |name: &str, doing| Act::OwnCall(name.to_string(), doing);
    let hints = |pbx: &str, telling| Act::Hints(pbx.to_string(), telling);
    Ok(match words {
        [name, "begins", "a", "call", "of", "its", "own"] => own(name, Own::Talks),
        [name, "rings", "for", "a", "call", "of", "its", "own"] => own(name, Own::Rings),
        [name, "ends", "its", "own", "call"] => own(name, Own::Nothing),
        [name, "is", "unplugged"] => own(name, Own::Away),
        [name, "is", "plugged", "in"] => own(name, Own::Nothing),
        [name, "leaves", "its", "call", "to", "somebody"] => own(name, Own::Left),
        [name, "takes", "its", "registration", "back"] => Act::Unregister((*name).to_string()),
        [name, "registers", "twice"] => Act::RegisterTwice((*name).to_string()),
        [pbx, "forgets", "its", "subscriptions"] => hints(pbx, Telling::Forgets),
        [pbx, "refuses", "subscriptions", status] => hints(pbx, Telling::Refuses(number(status)?)),
        [pbx, "takes", "subscriptions"] => hints(pbx, Telling::Tells),
        [pbx, "ends", "its", "subscriptions", reason] => hints(pbx, Telling::Ends((*reason).to_string())),
        _ => return Err("no such step".to_string()),
    })
}

fn each<T>(range: &str, act: impl Fn(String) -> T) -> Result<Vec<T>, String> {
    Ok(names(range)?.into_iter().map(act).collect())
}

fn refer(name: &str, to: &str, words: &[&str]) -> Result<Act, String> {
    let (replaces, news) = match words {
        [] => (None, true),
        ["without", "news"] => (None, false),
        ["in", "place", "of", who] => (Some((*who).to_string()), true),
        words => return Err(format!("`{}` says nothing of a REFER", words.join(" "))),
    };
    Ok(Act::Refer { name: name.to_string(), to: refer_uri(to), replaces, news })
}

fn connect(name: &str, number: &str, how: &str) -> Act {
    let by = if how == "update" { Told::ByUpdate } else { Told::ByReInvite };
    Act::Connect(name.to_string(), number.to_string(), by)
}

/// `1002` is somebody at the PBX; whatever has a colon is a URI of its own.
fn refer_uri(to: &str) -> String {
    if to.contains(':') { to.to_string() } else { format!("sip:{to}@10.0.2.1") }
}

fn all(acts: Vec<Result<Act, String>>) -> Result<Vec<Act>, String> {
    acts.into_iter().collect()
}

/// `holds`, `holds silently`, `resumes`.
fn direction(verb: &str, rest: &[&str]) -> Result<Direction, String> {
    match (verb, rest) {
        ("holds", []) => Ok(Direction::SendOnly),
        ("holds", ["silently"]) => Ok(Direction::Inactive),
        ("resumes", []) => Ok(Direction::SendRecv),
        _ => Err("a phone holds, holds silently, or resumes".to_string()),
    }
}

/// `a dials 800 with 0 8, without offer, hangs up on ringing ...`
fn dial<'a>(caller: &str, number_dialled: &str, mut words: &'a [&'a str]) -> Result<Act, String> {
    let mut dial = Dial::to(number_dialled);
    let mut via = TRUNK.to_string();
    let mut formats = Vec::new();
    loop {
        words = match words {
            [] => break,
            ["via", exchange, rest @ ..] => {
                via = (*exchange).to_string();
                rest
            }
            ["offering", list, rest @ ..] => {
                formats = list.split(',').map(number).collect::<Result<_, _>>()?;
                rest
            }
            ["without", "offer", rest @ ..] => {
                dial.invite = Invite::WithoutOffer;
                rest
            }
            ["naming", agent, rest @ ..] => {
                dial.names = Some((*agent).to_string());
                rest
            }
            ["asserted", "as", who, rest @ ..] => {
                dial.asserts = Some((*who).to_string());
                rest
            }
            ["in", "place", "of", "early", who, rest @ ..] => {
                dial.replaces = Some(format!("early {who}"));
                rest
            }
            ["in", "place", "of", who, rest @ ..] => {
                dial.replaces = Some((*who).to_string());
                rest
            }
            ["twice", rest @ ..] => {
                dial.invite = Invite::Twice;
                rest
            }
            ["never", "acknowledging", rest @ ..] => {
                dial.acknowledges = Acknowledges::Never;
                rest
            }
            ["patient", "for", time, rest @ ..] => {
                dial.patience = Some(duration(time)?);
                rest
            }
            ["leaving", stage @ ("at-once" | "on-trying" | "on-ringing" | "on-answer"), rest @ ..] => {
                dial.quit = match *stage {
                    "at-once" => Quit::AtOnce,
                    "on-trying" => Quit::OnTrying,
                    "on-ringing" => Quit::OnRinging,
                    _ => Quit::OnAnswer,
                };
                rest
            }
            words => habit(&mut dial.habits, words)?,
        };
    }
    Ok(Act::Dial { caller: caller.to_string(), via, formats, dial })
}

/// `answers after 2s without ringing talks 5s`, `rejects with 486 after 1s`, `rings for ever`, `ignores`, `only tries`.
///
/// # Errors
/// What cannot be read, in words.
pub fn manner<'a>(mut words: &'a [&'a str]) -> Result<Manner, String> {
    let mut manner = Manner::answers(Duration::ZERO);
    loop {
        words = match words {
            [] => break,
            ["answers", "after", time, rest @ ..] => {
                manner.then = Then::Answer(duration(time)?);
                rest
            }
            ["answers", "on", "cancel", rest @ ..] => {
                manner.then = Then::AnswerOnCancel;
                rest
            }
            ["rejects", "with", code, "after", time, rest @ ..] => {
                manner.then = Then::Refuse(number(code)?, duration(time)?);
                rest
            }
            ["rejects", "with", code, rest @ ..] => {
                manner.then = Then::Refuse(number(code)?, Duration::ZERO);
                rest
            }
            ["rings", "after", time, rest @ ..] => {
                (manner.first, manner.then) = (First::Nothing, Then::RingAfter(duration(time)?));
                rest
            }
            ["rings", "for", "ever", rest @ ..] => {
                manner.then = Then::Nothing;
                rest
            }
            ["ignores", rest @ ..] => {
                (manner.first, manner.then) = (First::Nothing, Then::Nothing);
                rest
            }
            ["only", "tries", rest @ ..] => {
                (manner.first, manner.then) = (First::Trying, Then::Nothing);
                rest
            }
            ["without", "ringing", rest @ ..] => {
                manner.first = First::Nothing;
                rest
            }
            ["speaking", list, rest @ ..] => {
                manner.formats = list.split(',').map(number).collect::<Result<_, _>>()?;
                rest
            }
            ["beside", "another", rest @ ..] => {
                manner.forks = true;
                rest
            }
            ["with", "progress", rest @ ..] => {
                manner.first = First::Progress;
                rest
            }
            words => habit(&mut manner.habits, words)?,
        };
    }
    Ok(manner)
}

/// `talks 5s`, `holds after 2s for 3s`, `vanishes after 4s`.
fn habit<'a>(habits: &mut Habits, words: &'a [&'a str]) -> Result<&'a [&'a str], String> {
    match words {
        ["talks", time, rest @ ..] => {
            habits.hang_up = Some(duration(time)?);
            Ok(rest)
        }
        ["holds", "after", time, "for", length, rest @ ..] => {
            habits.hold = Some((duration(time)?, duration(length)?));
            Ok(rest)
        }
        ["vanishes", "after", time, rest @ ..] => {
            habits.vanish = Some(duration(time)?);
            Ok(rest)
        }
        ["presses", digits, "after", time, rest @ ..] => {
            habits.digits = Some((duration(time)?, (*digits).to_string()));
            Ok(rest)
        }
        ["presented", "as", number, rest @ ..] => {
            habits.presents = Some((*number).to_string());
            Ok(rest)
        }
        ["saying", line, rest @ ..] => {
            let (name, value) = line.split_once('=').ok_or_else(|| format!("`{line}` is no NAME=VALUE"))?;
            habits.says.push((name.to_string(), value.to_string()));
            Ok(rest)
        }
        ["reliably", rest @ ..] => {
            habits.provisionals = Provisionals::Reliable;
            Ok(rest)
        }
        ["timer", rest @ ..] => {
            let (asks, rest) = match rest {
                [time, rest @ ..] if time.ends_with('s') && time.len() > 1 => match duration(time) {
                    Ok(time) => (Some(time), rest),
                    Err(_) => return Err(format!("`{time}` is no interval of a session")),
                },
                rest => (None, rest),
            };
            let (refresher, rest) = match rest {
                ["by", "uac", rest @ ..] => (Some("uac"), rest),
                ["by", "uas", rest @ ..] => (Some("uas"), rest),
                rest => (None, rest),
            };
            let (updates, rest) = match rest {
                ["taking", "updates", rest @ ..] => (true, rest),
                rest => (false, rest),
            };
            habits.timer = Some(SessionTimer { asks, refresher, updates });
            Ok(rest)
        }
        _ => Err(format!("`{}` is nothing a person does", words.join(" "))),
    }
}

/// `BYE from 1001`, `3 x 200 INVITE from acd to a`.
fn drop_rule(mut words: &[&str]) -> Result<DropRule, String> {
    let mut rule = DropRule { count: 1, what: String::new(), from: None, to: None };
    if let [count, "x", rest @ ..] = words {
        rule.count = number(count)?;
        words = rest;
    }
    loop {
        words = match words {
            [] => break,
            ["from", name, rest @ ..] => {
                rule.from = Some((*name).to_string());
                rest
            }
            ["to", name, rest @ ..] => {
                rule.to = Some((*name).to_string());
                rest
            }
            [word, rest @ ..] => {
                if !rule.what.is_empty() {
                    rule.what.push(' ');
                }
                rule.what.push_str(word);
                rest
            }
        };
    }
    if rule.count == 0 || rule.what.is_empty() { Err("drops nothing".to_string()) } else { Ok(rule) }
}

/// `set 1001 not-ready lunch for 30s because of a meeting`
fn set_agents(agents: &str, words: &[&str]) -> Result<Vec<Act>, String> {
    let because = words.iter().position(|word| *word == "because").unwrap_or(words.len());
    let (words, why) = words.split_at(because);
    let why = (!why.is_empty()).then(|| why[1..].join(" ").into());
    let (words, lasts) = match words {
        [words @ .., "for", time] => (words, Some(duration(time)?)),
        words => (words, None),
    };
    let target = target_of(words)?;
    each(agents, |agent| Act::SetAgent { agent, target: target.clone(), lasts, why: Option::clone(&why) })
}

/// `idle`, `busy`, `busy out`, `ringing`, `offline`, `unknown`.
fn device_of(words: &[&str]) -> Result<DeviceState, String> {
    match words {
        ["idle"] => Ok(DeviceState::Idle),
        ["ringing"] => Ok(DeviceState::Ringing),
        ["busy"] | ["busy", "in"] => Ok(DeviceState::Busy(acd::Direction::In)),
        ["busy", "out"] => Ok(DeviceState::Busy(acd::Direction::Out)),
        ["busy", "internal"] => Ok(DeviceState::Busy(acd::Direction::Internal)),
        ["offline"] => Ok(DeviceState::Offline),
        ["stale"] => Ok(DeviceState::Stale),
        ["unknown"] => Ok(DeviceState::Unknown),
        _ => Err("is nothing that a device does".to_string()),
    }
}

fn target_of(words: &[&str]) -> Result<AgentTarget, String> {
    match words {
        ["ready"] => Ok(AgentTarget::Ready),
        ["not-ready", reason] => Ok(AgentTarget::NotReady(Reason::Custom((*reason).into()))),
        ["logged-out"] => Ok(AgentTarget::LoggedOut),
        _ => Err("is no state of an agent".to_string()),
    }
}

/// `is open`, `is closed`, `is in emergency`, `reserve on`, `takes linear`.
fn queue_change(words: &[&str]) -> Result<QueueChange, String> {
    match words {
        ["is", "open"] => Ok(QueueChange::State(QueueState::Open)),
        ["is", "closed"] => Ok(QueueChange::State(QueueState::Closed)),
        ["is", "in", "emergency"] => Ok(QueueChange::State(QueueState::Emergency)),
        ["reserve", "on"] => Ok(QueueChange::Reserve(ReserveMode::On)),
        ["reserve", "off"] => Ok(QueueChange::Reserve(ReserveMode::Off)),
        ["reserve", "auto"] => Ok(QueueChange::Reserve(ReserveMode::Auto)),
        ["takes", strategy] => Ok(QueueChange::Strategy((*strategy).to_string())),
        _ => Err("is nothing that a queue does".to_string()),
    }
}

/// `on`, `off`, `gone`, or a level.
fn skill_change(word: &str) -> Result<SkillChange, String> {
    match word {
        "on" => Ok(SkillChange::Enabled(true)),
        "off" => Ok(SkillChange::Enabled(false)),
        "gone" => Ok(SkillChange::Removed),
        level => Ok(SkillChange::Level(number(level)?)),
    }
}
