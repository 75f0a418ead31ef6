//! What a dialled feature code means and whose phone dialled it: the configuration of codes with its names looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::acd::{AgentTarget, Reason};
use crate::base::{AgentId, LegId, PeerId};
use crate::config::{Feature, FeatureCodesConfig, PhoneIdentity};
use crate::node::message::AgentChange;
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::uri::Uri;
use crate::sip::value::NameAddr;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Features {
    config: FeatureCodesConfig,
    peers: BTreeSet<PeerId>,
    /// Agents by their names and by the user parts of their phones' URIs; `None`: several share it.
    numbers: BTreeMap<Arc<str>, Option<AgentId>>,
    names: BTreeMap<AgentId, Arc<str>>,
}

/// A code that an agent has dialled, for the hub.
#[derive(Debug)]
pub(super) struct Dialled {
    /// Which waits for the outcome.
    pub(super) leg: LegId,
    pub(super) agent: AgentId,
    pub(super) code: Box<str>,
    pub(super) feature: Feature,
}

impl Features {
    /// The codes of a configuration; agents with their ids and URIs.
    pub(super) fn new<'a>(
        config: &FeatureCodesConfig,
        peers: BTreeSet<PeerId>,
        agents: impl Iterator<Item = (AgentId, &'a Arc<str>, &'a str)> + Clone,
    ) -> Self {
        let mut features = Self { config: config.clone(), peers, ..Self::default() };
        if features.peers.is_empty() {
            return features;
        }
        for (id, _, uri) in agents.clone() {
            let user = Uri::parse(uri.as_bytes()).ok().and_then(|uri| String::from_utf8(uri.number().into()).ok());
            if let Some(user) = user.filter(|user| !user.is_empty()) {
                features.numbers.entry(user.into()).and_modify(|known| *known = None).or_insert(Some(id));
            }
        }
        // A name stands before what a phone is called elsewhere.
        for (id, name, _) in agents {
            features.numbers.insert(Arc::clone(name), Some(id));
            features.names.insert(id, Arc::clone(name));
        }
        features
    }

    /// What a number from this neighbour asks for, where it is a code.
    pub(super) fn meaning(&self, from: Option<PeerId>, number: &str) -> Option<Feature> {
        from.filter(|peer| self.peers.contains(peer))?;
        self.config.meaning(number)
    }

    /// Whose phone sends this request, as the trusted neighbour says.
    pub(super) fn agent_of(&self, request: &Message) -> Option<AgentId> {
        let asserted = request.elements(Name::PAssertedIdentity);
        let mut parties = asserted.filter_map(NameAddr::parse).peekable();
        let user = |party: NameAddr<'_>| {
            let uri = Uri::parse(party.uri).ok()?;
            self.agent_of_number(std::str::from_utf8(&uri.number()).ok()?)
        };
        if parties.peek().is_some() {
            return parties.find_map(user);
        }
        match self.config.identity {
            PhoneIdentity::Asserted => None,
            PhoneIdentity::From => user(request.from()?),
        }
    }

    /// The agent of this number.
    pub(super) fn agent_of_number(&self, number: &str) -> Option<AgentId> {
        self.numbers.get(number).copied().flatten()
    }

    /// True when phones that are not known may say by PIN who dials.
    pub(super) fn asks_pins(&self) -> bool {
        !self.config.pins.is_empty()
    }

    /// The agent of this number, where the PIN is its own. An unknown number takes as long as a wrong PIN.
    pub(super) fn agent_of_pin(&self, number: &str, pin: &str) -> Option<AgentId> {
        let agent = self.agent_of_number(number);
        let own = agent.and_then(|agent| self.config.pins.get(self.names.get(&agent)?));
        let fits = own.or_else(|| self.config.pins.values().next()).is_some_and(|it| it.fits(pin));
        agent.filter(|_| fits && own.is_some())
    }
}

/// What becomes of an agent by a code.
pub(super) fn change_of(feature: &Feature) -> AgentChange {
    match feature {
        Feature::Login | Feature::Ready => AgentChange::State(AgentTarget::Ready),
        Feature::Logout => AgentChange::State(AgentTarget::LoggedOut),
        Feature::NotReady(reason) => AgentChange::State(AgentTarget::NotReady(Reason::Custom(Arc::clone(reason)))),
        Feature::EndWrapUp => AgentChange::EndWrapUp,
    }
}
