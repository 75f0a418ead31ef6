//! What callers and agents of a random world are like: patience, habits, how a phone takes a call.

use std::time::Duration;

use super::{Draw, SESSION};
use crate::sim::act::Act;
use crate::sim::agent_phone::{First, Manner, Then};
use crate::sim::caller::{Acknowledges, Dial, Invite, Quit};
use crate::sim::handset::Habits;
use crate::sim::session::{Provisionals, SessionTimer};
use crate::sim::world::TRUNK;

impl Draw {
    pub(super) fn dial(&mut self, caller: &str) -> Act {
        let number =
            if self.rng.chance(0.03) { "999".to_string() } else { format!("80{}", self.rng.below(self.shape.queues)) };
        let mut dial = Dial::to(&number);
        dial.patience = Some(self.seconds(30.0) + Duration::from_millis(1));
        dial.quit = match self.rng.below(20) {
            0 => Quit::AtOnce,
            1 => Quit::OnTrying,
            2 => Quit::OnRinging,
            3 => Quit::OnAnswer,
            _ => Quit::Never,
        };
        dial.invite = match self.rng.below(12) {
            0 => Invite::WithoutOffer,
            1 => Invite::Twice,
            _ => Invite::WithOffer,
        };
        if self.rng.chance(0.03) {
            dial.acknowledges = Acknowledges::Never;
        }
        if self.rng.chance(0.4) {
            dial.names = Some((1001 + self.rng.below(self.shape.agents)).to_string());
        }
        dial.habits = self.habits();
        let formats = self.pick(&[vec![8, 0], vec![9, 8, 0], vec![0], vec![8], vec![3]]);
        Act::Dial { caller: caller.to_string(), via: TRUNK.to_string(), formats, dial }
    }

    pub(super) fn habits(&mut self) -> Habits {
        let mut habits = Habits::default();
        if self.rng.chance(0.1) {
            habits.hold = Some((self.seconds(3.0), self.seconds(3.0)));
        }
        if self.rng.chance(0.04) {
            habits.vanish = Some(self.seconds(8.0));
        }
        if self.rng.chance(0.05) {
            habits.digits = Some((self.seconds(2.0), "12#".to_string()));
        }
        if self.rng.chance(0.15) {
            let asks = self.rng.chance(0.7).then(|| self.pick(&[SESSION, SESSION * 5]));
            let (refresher, updates) = (self.pick(&[None, Some("uac"), Some("uas")]), self.rng.chance(0.5));
            habits.timer = Some(SessionTimer { asks, refresher, updates });
        }
        if self.rng.chance(0.15) {
            habits.provisionals = Provisionals::Reliable;
        }
        habits
    }

    pub(super) fn manner(&mut self) -> Manner {
        let after = self.seconds(2.0);
        let mut manner = Manner::answers(after);
        manner.first = self.pick(&[
            First::Ringing,
            First::Ringing,
            First::Ringing,
            First::Progress,
            First::Trying,
            First::Nothing,
        ]);
        manner.then = match self.rng.below(16) {
            0 => Then::Refuse(self.pick(&[486, 600, 603, 302, 404, 408, 480, 488, 500, 503]), after),
            1 => Then::Nothing,
            2 => Then::AnswerOnCancel,
            3 => Then::RingAfter(after * 2),
            _ => Then::Answer(after),
        };
        // Some phones prefer wide band, and some can do nothing else.
        manner.formats = self.pick(&[vec![], vec![], vec![], vec![9, 8], vec![9]]);
        manner.habits = self.habits();
        manner.forks = self.rng.chance(0.06);
        if self.rng.chance(0.5) {
            manner.habits.digits = Some((self.seconds(1.0), "1".to_string()));
        }
        manner.habits.hang_up = Some(self.seconds(8.0) + Duration::from_millis(1));
        manner
    }
}
