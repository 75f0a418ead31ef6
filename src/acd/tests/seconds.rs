//! Where an agent's time goes: folded from the facts alone, the seconds of all states but logged out add up to the time between
//! logging in and logging out, for each agent at each moment, in worlds where everything happens.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::acd::{AgentState, Fact, Stamped};
use crate::base::{AgentId, Instant};

/// The fold; see the module.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    agents: BTreeMap<AgentId, Ledger>,
    /// Moments at which somebody's sum was compared, and logins seen.
    pub(super) compared: u64,
    pub(super) logins: u64,
}

#[derive(Debug)]
struct Ledger {
    /// Closed seconds by state, as the facts say.
    spent: [Duration; AgentState::LABELS.len()],
    state: AgentState,
    since: Instant,
    /// Logins that are over, and since when the one that lasts does: by the moments of the facts, not by their seconds.
    logged_in: Duration,
    login: Option<Instant>,
}

impl Seconds {
    pub(super) fn take(&mut self, stamped: &Stamped) {
        let at = stamped.at;
        let Fact::AgentState { agent, from, to, spent, .. } = &stamped.fact else { return };
        let ledger = self.agents.entry(*agent).or_insert_with(|| Ledger {
            spent: [Duration::ZERO; AgentState::LABELS.len()],
            state: AgentState::LoggedOut,
            since: Instant::from_micros(at.as_micros() - spent.as_micros() as u64),
            logged_in: Duration::ZERO,
            login: None,
        });
        assert_eq!(ledger.state, *from, "{agent} leaves the state it was in");
        ledger.spent[from.index()] += *spent;
        (ledger.state, ledger.since) = (to.clone(), at);
        match (*from == AgentState::LoggedOut, *to == AgentState::LoggedOut) {
            (true, false) => {
                self.logins += 1;
                ledger.login = Some(at);
            }
            (false, true) => {
                let login = ledger.login.take().expect("who logs out has logged in");
                ledger.logged_in += at.since(login);
            }
            (true, true) | (false, false) => {}
        }
    }

    /// At any moment the seconds of an agent's states add up to its time since it logged in.
    pub(super) fn judge(&mut self, now: Instant) {
        for (agent, ledger) in &self.agents {
            let mut spent = ledger.spent;
            spent[ledger.state.index()] += now.since(ledger.since);
            let logged_out = AgentState::LoggedOut.index();
            let states = spent.iter().enumerate().filter(|(state, _)| *state != logged_out);
            let sum: Duration = states.map(|(_, spent)| *spent).sum();
            let login = ledger.logged_in + ledger.login.map_or(Duration::ZERO, |login| now.since(login));
            assert_eq!(sum, login, "{agent}: {ledger:?}");
            self.compared += 1;
        }
    }
}
