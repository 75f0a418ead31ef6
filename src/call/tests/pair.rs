//! Two ends in virtual time: one calls, the other is called. The wire takes 10 ms and loses what a test names.

use std::collections::BTreeMap;

use super::*;

const LATENCY: Duration = Duration::from_millis(10);

/// The caller's end is 0, the called end is 1.
struct Pair {
    now: Instant,
    ends: [Legs; 2],
    air: BTreeMap<(Instant, u64), (usize, Bytes)>,
    serial: u64,
    /// (sender, label) of datagrams to lose, each once.
    lost: Vec<(usize, &'static str)>,
    told: [Vec<String>; 2],
    legs: [LegId; 2],
}

impl Pair {
    fn dial() -> Self {
        let mut pair = Self {
            now: at(0),
            ends: [legs(1), legs(2)],
            air: BTreeMap::new(),
            serial: 0,
            lost: Vec::new(),
            told: [Vec::new(), Vec::new()],
            legs: [LegId(0); 2],
        };
        pair.legs[0] = pair.ends[0].invite(pair.now, &spec(address(2)));
        pair
    }

    fn run(&mut self, by: Duration) {
        let end = self.now + by;
        loop {
            self.collect();
            let arrives = self.air.first_key_value().map(|((at, _), _)| *at);
            let wakes = self.ends.iter().filter_map(Legs::poll_timeout).min();
            let Some(next) = arrives.into_iter().chain(wakes).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if arrives == Some(next) {
                let (_, (to, payload)) = self.air.pop_first().unwrap();
                let from = address(if to == 0 { 2 } else { 1 });
                self.ends[to].handle_message(self.now, from, Message::parse(payload).unwrap());
            } else {
                self.ends.iter_mut().for_each(|end| end.handle_timeout(self.now));
            }
        }
        self.now = end;
    }

    fn collect(&mut self) {
        for sender in 0..2 {
            while let Some(transmit) = self.ends[sender].poll_transmit() {
                let label = label(&transmit.payload);
                if let Some(index) = self.lost.iter().position(|lost| *lost == (sender, &label)) {
                    self.lost.remove(index);
                    continue;
                }
                self.serial += 1;
                self.air.insert((self.now + LATENCY, self.serial), (1 - sender, transmit.payload));
            }
            while let Some(event) = self.ends[sender].poll_event() {
                if let Event::Incoming { leg, .. } = &event {
                    self.legs[1] = *leg;
                }
                self.told[sender].push(describe(&event));
            }
        }
    }

    fn told(&mut self, end: usize) -> Vec<String> {
        std::mem::take(&mut self.told[end])
    }

    fn answered(lost: &[(usize, &'static str)]) -> Self {
        let mut pair = Self::dial();
        pair.run(Duration::from_millis(20));
        pair.ends[1].ring(pair.now, pair.legs[1], 180, None);
        pair.run(Duration::from_millis(20));
        pair.lost.extend_from_slice(lost);
        pair.ends[1].answer(pair.now, pair.legs[1], SDP);
        pair.run(Duration::from_millis(20));
        pair
    }

    fn ends_clean(mut self) {
        self.run(Duration::from_secs(100));
        for end in &self.ends {
            let left = (end.legs.len(), end.clients.len(), end.servers.len(), end.timers.len(), end.transactions());
            assert_eq!(left, (0, 0, 0, 0, 0), "legs, clients, servers, timers, transactions");
        }
    }
}

#[test]
fn a_call_is_answered_and_ended_by_either_side() {
    for side in 0..2 {
        let mut pair = Pair::answered(&[]);
        assert_eq!(pair.told(0), ["progress 100", "progress 180", "answered with sdp"]);
        assert_eq!(pair.told(1), ["incoming", "confirmed"]);
        pair.ends[side].hang_up(pair.now, pair.legs[side]);
        pair.run(Duration::from_millis(50));
        assert_eq!((pair.told(side).len(), pair.told(1 - side)), (0, vec!["ended Bye".to_owned()]));
        assert_eq!([pair.ends[0].live(), pair.ends[1].live()], [0, 0]);
        pair.ends_clean();
    }
}

#[test]
fn lost_2xx_acks_and_byes_are_made_good_and_nothing_is_told_twice() {
    let lost = [(1, "200 INVITE"), (1, "200 INVITE"), (0, "ACK"), (0, "ACK")];
    let mut pair = Pair::answered(&lost);
    pair.run(Duration::from_secs(20));
    assert_eq!(pair.told(0), ["progress 100", "progress 180", "answered with sdp"]);
    assert_eq!(pair.told(1), ["incoming", "confirmed"]);
    pair.lost.extend([(0, "BYE"), (0, "BYE"), (1, "200 BYE")]);
    pair.ends[0].hang_up(pair.now, pair.legs[0]);
    pair.run(Duration::from_secs(10));
    assert_eq!(pair.told(1), ["ended Bye"]);
    pair.ends_clean();
}

#[test]
fn both_hang_up_at_once() {
    let mut pair = Pair::answered(&[]);
    pair.told(0);
    pair.told(1);
    for side in 0..2 {
        pair.ends[side].hang_up(pair.now, pair.legs[side]);
    }
    pair.run(Duration::from_secs(1));
    assert_eq!((pair.told(0).len(), pair.told(1).len()), (0, 0));
    assert_eq!([pair.ends[0].live(), pair.ends[1].live()], [0, 0]);
    pair.ends_clean();
}

#[test]
fn cancel_meets_the_answer_at_every_moment_and_nothing_stays() {
    for offset in 0..60 {
        let mut pair = Pair::dial();
        pair.run(Duration::from_millis(20));
        pair.ends[1].ring(pair.now, pair.legs[1], 180, None);
        pair.run(Duration::from_millis(offset));
        pair.ends[0].hang_up(pair.now, pair.legs[0]);
        pair.run(Duration::from_millis(30_u64.saturating_sub(offset)));
        pair.ends[1].answer(pair.now, pair.legs[1], SDP);
        pair.run(Duration::from_secs(4));
        let released = pair.told(0).iter().filter(|told| *told == "failed Released").count();
        assert_eq!(released, 1, "offset {offset} ms");
        let ends = pair.told(1).iter().filter(|told| told.starts_with("ended")).count();
        assert_eq!(ends, 1, "offset {offset} ms");
        pair.ends_clean();
    }
}

#[test]
fn the_called_end_vanishes_and_the_caller_gives_up_in_time() {
    let mut pair = Pair::dial();
    pair.ends[0].poll_transmit();
    pair.lost.extend([(0, "INVITE"); 10]);
    pair.run(Duration::from_secs(2));
    pair.ends[0].hang_up(pair.now, pair.legs[0]);
    pair.run(Duration::from_secs(4));
    assert_eq!(pair.told(0), ["failed Released"]);
    pair.lost.clear();
    pair.ends_clean();
}
