//! Who takes another's place in random worlds: by REFER with Replaces, and by INVITE.

use super::{Draw, OUTSIDE};
use crate::base::Instant;
use crate::sim::act::Act;
use crate::sim::caller::Dial;

impl Draw {
    /// Somebody takes another's place, by a REFER of an agent's phone or by an INVITE.
    pub(super) fn replace(&mut self, at: Instant, caller: &str, acts: &mut Vec<(Instant, Act)>) {
        let name = (1001 + self.rng.below(self.shape.agents)).to_string();
        let refer = |to: &str, who: &str| Act::Refer {
            name: name.clone(),
            to: format!("sip:{to}@10.0.2.1"),
            replaces: Some(who.to_string()),
            news: true,
        };
        match self.rng.below(4) {
            0 => acts.push((at, refer(self.pick(&OUTSIDE), "nobody"))),
            1 => {
                let line = format!("l{name}");
                acts.push((at, self.dial(&line)));
                acts.push((at + self.seconds(2.0), refer("801", &line)));
            }
            _ => {
                let who = if self.rng.chance(0.5) { caller.to_string() } else { name };
                if let Act::Dial { caller, via, formats, dial } = self.dial(&format!("r{caller}")) {
                    let dial = Dial { replaces: Some(who), ..dial };
                    acts.push((at, Act::Dial { caller, via, formats, dial }));
                }
            }
        }
    }
}
