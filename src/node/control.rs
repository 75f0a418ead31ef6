//! The control plane's requests, as far as the hub answers them: agents by itself, calls with the help of their shards.

use std::sync::Arc;

use crate::acd::{Actor, AgentPlan, AgentState, AgentStatus, AgentTarget, DeviceState, Target};
use crate::base::limits::{CONTROL_QUEUE_MAX, ROWS_MAX};
use crate::base::{CallId, Instant, PeerId, Pii, QueueId, ShardId};
use crate::node::hub::Hub;
use crate::node::letter::{Answer, Ask, Ticket, Told};
use crate::node::listing::Listing;
use crate::node::message::{AgentView, CallView, Control, RegistrationView, Reply};
use crate::node::seen::why_not_rung;

impl Hub {
    /// The control plane asks; [`Hub::poll_reply`] gives the answer under the same ticket, which the asker uses once.
    pub fn handle_control(&mut self, now: Instant, ticket: Ticket, control: Control) {
        self.keep_roster(now);
        match control {
            Control::Agents { offset, limit } => {
                let reply = self.agents(now, offset, limit);
                self.reply(ticket, reply);
            }
            Control::Queue(name) => {
                let reply = self.queue_view(now, &name);
                self.reply(ticket, reply);
            }
            Control::Teams => {
                let reply = self.teams();
                self.reply(ticket, reply);
            }
            Control::Calls { offset, limit } => self.list(ticket, Listing::new(offset, limit.min(ROWS_MAX))),
            Control::SetAgents { who, change, by } => {
                let reply = self.set_agents(now, &who, &change, &by);
                self.reply(ticket, reply);
            }
            Control::Explain(call) => {
                let reply = self.explain(now, call);
                self.reply(ticket, reply);
            }
            Control::Decisions { queue, limit } => {
                let reply = self.decisions(now, queue.as_deref(), limit);
                self.reply(ticket, reply);
            }
            Control::SetQueues { queues, change, by } => {
                let reply = self.set_queues(now, &queues, &change, &by);
                self.reply(ticket, reply);
            }
            Control::SetPriority { call, priority, by } => {
                let reply = self.set_priority(now, call, priority, by);
                self.reply(ticket, reply);
            }
            Control::Prefer { call, agent, by } => {
                let reply = self.prefer(now, call, agent.as_deref(), by);
                self.reply(ticket, reply);
            }
            Control::Ladder { call, shows_numbers } => self.ask_owner(ticket, call, Ask::Ladder(call, shows_numbers)),
            Control::StartTrace { peer, number, lasts, shows_numbers, by } => {
                let of = (peer.as_deref(), number.as_deref());
                let reply = self.start_trace(now, of, lasts, shows_numbers, &by);
                self.reply(ticket, reply);
            }
            // Phones and their registrations are the first shard's.
            Control::Registrations { offset, limit } => {
                self.tell(ShardId(0), Told::Ask(ticket, Ask::Registrations { offset, limit }));
            }
            Control::StopTrace(trace) => {
                let reply = self.stop_trace(now, trace);
                self.reply(ticket, reply);
            }
            Control::Traces { after, limit, shows_numbers } => {
                self.read_traces(now, ticket, (&after, limit, shows_numbers));
            }
            Control::Withdraw { call, by } => self.ask_owner(ticket, call, Ask::Withdraw(call, by)),
            Control::HangUp { call, by } => self.ask_owner(ticket, call, Ask::HangUp(call, by)),
            Control::Requeue { call, queue, by } => self.ask_owner(ticket, call, Ask::Requeue(call, queue, by)),
            Control::Transfer { call, kind, to, by } => match self.target(&to) {
                Ok(target) => self.ask_owner(ticket, call, Ask::Transfer(call, kind, target, by)),
                Err(reply) => self.reply(ticket, reply),
            },
            Control::Consultation { call, end, .. } => self.ask_owner(ticket, call, Ask::Consultation(call, end)),
        }
    }

    /// A shard has answered.
    pub(super) fn on_answer(&mut self, now: Instant, shard: ShardId, ticket: Ticket, answer: Answer) {
        match answer {
            Answer::Calls { rows, total } => {
                let Some(mut listing) = self.listings.remove(&ticket) else { return };
                let placed =
                    |(call, view): (CallId, CallView)| CallView { position: self.engine.position(call), ..view };
                listing.add(rows.into_iter().map(placed).collect(), total);
                self.list(ticket, listing);
            }
            Answer::Movable { call, queue, stays, by } => {
                if !stays && self.is_full(queue) {
                    let name = &self.directory.queue(queue).name;
                    return self.reply(ticket, Reply::Conflict(format!("{name} takes no calls: it is full")));
                }
                self.tell(shard, Told::Move(call, queue, by));
                self.reply(ticket, Reply::Done);
            }
            Answer::Held { bonds, next } => self.on_held(shard, ticket.0, &bonds, next),
            Answer::Traces(read) => self.on_traces_read(now, ticket, read),
            Answer::Missing(bonds) => self.on_missing(ticket.0, &bonds),
            Answer::Reply(reply) => self.reply(ticket, reply),
        }
    }

    pub(super) fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.replies.push_back((ticket, reply));
    }

    /// Asks the next shard, or replies when all have answered.
    fn list(&mut self, ticket: Ticket, listing: Listing) {
        if listing.shard.0 >= self.shards {
            let Listing { rows, total, .. } = listing;
            return self.reply(ticket, Reply::Calls { rows, total });
        }
        if self.listings.len() >= CONTROL_QUEUE_MAX {
            return self.reply(ticket, Reply::Conflict("too many listings at once".to_string()));
        }
        self.tell(listing.shard, Told::Ask(ticket, listing.ask()));
        self.listings.insert(ticket, listing);
    }

    fn ask_owner(&mut self, ticket: Ticket, call: CallId, ask: Ask) {
        if call.shard().0 >= self.shards {
            return self.reply(ticket, Reply::NotFound(format!("no call {call}")));
        }
        self.tell(call.shard(), Told::Ask(ticket, ask));
    }

    /// Whom `agent:1002`, `queue:sales` or `number:+4420...` names, and whether it can be reached now as far as is known here.
    fn target(&self, to: &str) -> Result<Target, Reply> {
        match to.split_once(':') {
            Some(("agent", name)) => {
                let unknown = || Reply::NotFound(format!("no agent {name}"));
                let agent = self.directory.agent_of_name(name).ok_or_else(unknown)?;
                let state = self.engine.agent(agent).map_or(AgentState::LoggedOut, |status| status.state);
                if state == AgentState::Ready {
                    return Ok(Target::Agent(agent));
                }
                Err(Reply::Conflict(format!("{name} is {}", state.as_str())))
            }
            Some(("queue", name)) => {
                let queue = self.queue_named(name)?;
                if self.is_full(queue) {
                    return Err(Reply::Conflict(format!("{name} takes no calls: it is full")));
                }
                Ok(Target::Queue(queue))
            }
            Some(("number", number)) => match self.directory.outside(number) {
                Ok(_) => Ok(Target::Number(Pii::new(number.into()))),
                Err(why) => Err(Reply::Invalid(why)),
            },
            Some(_) | None => Err(Reply::Invalid("write whom to: agent:NAME, queue:NAME or number:DIGITS".to_string())),
        }
    }

    fn is_full(&self, queue: QueueId) -> bool {
        let max = self.directory.queue(queue).config.waiting_max;
        max.is_some_and(|max| self.engine.waiting(queue) >= max as usize)
    }

    fn agents(&self, now: Instant, offset: usize, limit: usize) -> Reply {
        let agents = &self.plan().agents;
        let rows = agents.iter().skip(offset).take(limit.min(ROWS_MAX));
        Reply::Agents { rows: rows.map(|agent| self.agent_view(now, agent)).collect(), total: agents.len() }
    }

    fn agent_view(&self, now: Instant, agent: &AgentPlan) -> AgentView {
        let status = self.engine.agent(agent.id);
        let state = status.as_ref().map_or(&AgentState::LoggedOut, |status| &status.state);
        let reason = match state {
            AgentState::NotReady(reason) => Some(reason.as_str().to_string()),
            AgentState::OtherCall(direction) => Some(direction.as_str().to_string()),
            AgentState::LoggedOut
            | AgentState::Ready
            | AgentState::Unreachable
            | AgentState::Reserved
            | AgentState::Ringing
            | AgentState::Talking
            | AgentState::Hold
            | AgentState::Consult
            | AgentState::WrapUp => None,
        };
        let (by, why) = by_and_why(status.as_ref());
        let device = status.as_ref().map_or(DeviceState::Unknown, |status| status.device);
        let is_down = self.down.contains(&agent.peer);
        let is_absent = status.as_ref().is_some_and(|status| status.is_absent);
        let unreachable = match is_down {
            true => Some(self.why_unreachable(agent.peer)),
            false => why_not_rung(device, is_absent),
        };
        let next = status.as_ref().and_then(|status| status.next.as_ref());
        let queues = self.engine.queues_of(agent.id);
        let occupancy = status.as_ref().and_then(|status| {
            let occupancy = status.workday.after(state, now.since(status.since)).occupancy()?;
            // A part of one, in thousandths.
            Some((occupancy * 1_000.0).round() as u16)
        });
        AgentView {
            name: Arc::clone(&agent.name),
            state: state.as_str(),
            reason,
            state_seconds: status.as_ref().map_or_else(Default::default, |status| now.since(status.since)),
            call: status.as_ref().and_then(|status| status.call).map(|call| call.to_string()),
            queue: status.as_ref().and_then(|status| status.queue).map(|queue| self.name_of(queue)),
            talks: status.as_ref().map_or(0, |status| status.talks),
            occupancy,
            by,
            why,
            ends_seconds: status.as_ref().and_then(|status| status.until).map(|until| until.since(now)),
            next: next.map(AgentTarget::as_str),
            queues: queues.map(|queue| self.name_of(queue)).collect(),
            device: device.as_str(),
            device_call: match device {
                DeviceState::Busy(direction) => Some(direction.as_str()),
                DeviceState::Unknown
                | DeviceState::Idle
                | DeviceState::Ringing
                | DeviceState::Offline
                | DeviceState::Stale => None,
            },
            device_source: self.devices.how(agent.id),
            disagrees: status.as_ref().is_some_and(|status| status.disagrees),
            overrides: self.overrides_of(agent.id),
            peer: Arc::clone(&self.directory.peer(agent.peer).name),
            reachable: unreachable.is_none(),
            unreachable,
            registration: self.phones.get(agent.peer).map(|phone| RegistrationView {
                contact: String::from_utf8_lossy(&phone.uri).into_owned(),
                source: phone.source.to_string(),
                contacts: phone.contacts,
                expires_seconds: phone.until.since(now),
            }),
        }
    }

    /// Why a neighbour that is down is so.
    fn why_unreachable(&self, peer: PeerId) -> &'static str {
        let registers = self.directory.peer(peer).account.is_some();
        if registers && self.phones.get(peer).is_none() { "not registered" } else { "does not answer" }
    }

    fn name_of(&self, queue: QueueId) -> Arc<str> {
        Arc::clone(&self.directory.queue(queue).name)
    }
}

/// Who made an agent's state so, and why.
fn by_and_why(status: Option<&AgentStatus>) -> (Option<Arc<str>>, Option<Arc<str>>) {
    match status.map(|status| &status.by) {
        None | Some(Actor::Engine) => (None, None),
        Some(Actor::User(name)) => (Some(Arc::clone(name)), None),
        Some(Actor::Supervisor { name, why }) => (Some(Arc::clone(name)), Some(Arc::clone(why))),
    }
}
