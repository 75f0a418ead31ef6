//! The hub's part of feature codes: what an agent dialled is done as a supervisor would, and told to the phone's shard.

use crate::acd::{Actor, AgentState};
use crate::base::{Instant, ShardId};
use crate::config::Feature;
use crate::node::features::{Dialled, change_of};
use crate::node::hub::Hub;
use crate::node::letter::Told;
use crate::node::message::{Reply, Selection};

impl Hub {
    /// An agent has dialled a code.
    pub(super) fn on_dialled(&mut self, now: Instant, shard: ShardId, dialled: &Dialled) {
        self.keep_roster(now);
        let done = self.do_dialled(now, dialled);
        self.tell(shard, Told::Dialled(dialled.leg, done));
    }

    /// False when it does not fit the agent's state, or the agent is gone.
    fn do_dialled(&mut self, now: Instant, dialled: &Dialled) -> bool {
        let Some(status) = self.engine.agent(dialled.agent) else { return false };
        let needs_login = match dialled.feature {
            Feature::Login | Feature::Logout => false,
            Feature::Ready | Feature::NotReady(_) | Feature::EndWrapUp => true,
        };
        if needs_login && status.state == AgentState::LoggedOut {
            return false;
        }
        let name = &self.directory.agent(dialled.agent).name;
        let by = Actor::User(format!("{name} by phone ({})", dialled.code).into());
        let who = Selection { agents: vec![name.to_string()], teams: Vec::new() };
        let reply = self.set_agents(now, &who, &change_of(&dialled.feature), &by);
        let done = matches!(reply, Reply::Set(_));
        if !done {
            tracing::info!(agent = ?dialled.agent, ?reply, "what an agent dialled cannot be done");
        }
        done
    }
}
