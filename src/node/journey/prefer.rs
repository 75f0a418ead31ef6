//! Whom a caller prefers: the agent whom the queue that it comes to has named, by the number, the INVITE, an attribute or the
//! past. What it brings to a queue that names nobody goes on with it, with what is left of the time.

use std::sync::Arc;

use crate::acd::requirement::Value;
use crate::acd::{Preference, Whom};
use crate::base::{AgentId, CallId, Instant, QueueId};
use crate::config::PreferredSource;
use crate::node::directory::Called;
use crate::node::identity;
use crate::node::shard::Shard;
use crate::node::wishes::{Named, Wishes};
use crate::sip::message::Message;

/// What a caller has behind it when it comes to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    /// It has talked with nobody.
    New,
    /// It has talked, the last time with this agent, if it is known. Who served it last is no wish then.
    Talked(Option<AgentId>),
}

impl Shard {
    /// Whom a caller prefers who comes to this number.
    pub(super) fn wishes_of(&self, now: Instant, request: &Message, called: &Called) -> Wishes {
        let named = self.named(request);
        let preferred = self.preferred(called, &named, called.queue, Past::New).map(Preference::from(now));
        Wishes::new(preferred, named)
    }

    /// Whom the header fields name that some queue looks for agents in.
    fn named(&self, request: &Message) -> Named {
        let agent = |header: &Arc<str>| {
            let name = identity::named(request, header)?;
            Some((Arc::clone(header), self.directory.agent_of_name(&name)?))
        };
        self.directory.preferring.iter().filter_map(agent).collect()
    }

    /// Whom a caller of this number prefers in a queue: the number's own agent where it leads to that queue, else the first that
    /// the queue's sources name. Nobody is to meet by a preference whom it has just left.
    fn preferred(&self, called: &Called, named: &[(Arc<str>, AgentId)], queue: QueueId, past: Past) -> Option<Whom> {
        let sources = &self.directory.queue(queue).config.routing.preferred.by;
        let known = |whom: &Whom| match past {
            Past::New => true,
            Past::Talked(with) => *whom != Whom::Last && with.is_none_or(|with| *whom != Whom::Agent(with)),
        };
        let own = called.preferred.as_ref().filter(|_| called.queue == queue);
        if let Some(name) = own {
            return self.directory.agent_of_name(name).map(Whom::Agent).filter(known);
        }
        let agent = |name: &str| self.directory.agent_of_name(name);
        let whom = |source: &PreferredSource| match source {
            PreferredSource::Header(header) => {
                named.iter().find(|(name, _)| **name == **header).map(|(_, agent)| Whom::Agent(*agent))
            }
            PreferredSource::Attribute(name) => match called.attributes.get(name)? {
                Value::Text(text) => agent(text).map(Whom::Agent),
                Value::Number(number) => agent(&number.to_string()).map(Whom::Agent),
            },
            PreferredSource::Last => Some(Whom::Last),
        };
        sources.iter().filter_map(whom).find(known)
    }

    /// A caller comes from one queue to another: it prefers whom that one names, from now on; else whom it has preferred so far.
    /// What a supervisor has said stands.
    pub(super) fn prefer_in(&mut self, now: Instant, call: CallId, queue: QueueId, left: Option<AgentId>) {
        let Some(contact) = self.contacts.get(call.0) else { return };
        let wishes = &contact.wishes;
        if contact.queue == queue || wishes.is_by_word() {
            return;
        }
        let past = if wishes.has_talked() { Past::Talked(left) } else { Past::New };
        let Some(whom) = self.preferred(&contact.called, wishes.named(), queue, past) else { return };
        if let Some(contact) = self.contact(call) {
            contact.wishes.prefer(Some(Preference { whom, from: now }), false);
        }
    }
}
