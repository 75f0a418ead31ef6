//! [`Workday`]: how an agent has spent its time since it logged in, as far as its occupancy needs it ("Decisions" 5).

use std::time::Duration;

use crate::acd::plan::AgentState;

/// Time since the log-in. What is in neither is not ready, in calls of its own, or unreachable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Workday {
    /// Talk, hold, consultation and wrap-up.
    pub handling: Duration,
    /// In the queues' service: handling, ready, reserved and ringing.
    pub service: Duration,
}

impl Workday {
    /// The same after so long in a state more.
    #[must_use]
    pub fn after(mut self, state: &AgentState, spent: Duration) -> Self {
        match state {
            AgentState::Talking | AgentState::Hold | AgentState::Consult | AgentState::WrapUp => {
                self.handling += spent;
                self.service += spent;
            }
            AgentState::Ready | AgentState::Reserved | AgentState::Ringing => self.service += spent,
            AgentState::LoggedOut | AgentState::NotReady(_) | AgentState::Unreachable | AgentState::OtherCall(_) => {}
        }
        self
    }

    /// The part of its service in which it handled calls, 0 to 1; `None` before it was in service.
    pub fn occupancy(&self) -> Option<f64> {
        (!self.service.is_zero()).then(|| self.handling.as_secs_f64() / self.service.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::plan::{Direction, Reason};

    #[test]
    fn ringing_and_ready_are_below_the_line_and_pauses_are_nowhere() {
        let seconds = Duration::from_secs;
        let day = [
            (AgentState::Ready, 30),
            (AgentState::Ringing, 10),
            (AgentState::Talking, 40),
            (AgentState::Hold, 3),
            (AgentState::Consult, 2),
            (AgentState::WrapUp, 15),
            (AgentState::NotReady(Reason::Initial), 600),
            (AgentState::OtherCall(Direction::In), 60),
            (AgentState::Unreachable, 60),
        ];
        let spent = day.iter().fold(Workday::default(), |day, (state, time)| day.after(state, seconds(*time)));
        assert_eq!(spent, Workday { handling: seconds(60), service: seconds(100) });
        assert_eq!((spent.occupancy(), Workday::default().occupancy()), (Some(0.6), None));
    }
}
