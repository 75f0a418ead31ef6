//! Contacts: each is served, lost with one cause, or untargeted, in the queue that it joined first; they add up in every scrape.

use super::*;
use crate::acd::Refusal;
use crate::stats::queue::Tamper;

fn call(fact: fn(CallId) -> Fact, id: u64) -> Fact {
    fact(CallId(id))
}

fn series(live: &Arc<Live>) -> BTreeMap<String, f64> {
    let text = exposition(live, Instant::ZERO).render();
    parse(&text).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn lost(cause: &str) -> String {
    format!("acd_contacts_lost_total{{queue=\"sales\",cause=\"{cause}\"}}")
}

const OFFERED: &str = "acd_contacts_offered_total{queue=\"sales\"}";
const SERVED: &str = "acd_contacts_served_total{queue=\"sales\"}";
const OPEN: &str = "acd_contacts_in_progress{queue=\"sales\"}";

#[test]
fn a_caller_moved_to_another_queue_is_one_contact_and_two_visits() {
    let live = Arc::new(live());
    fold(&live, [offered(SALES), flowed_out(SALES, secs(5), FlowOut::Requeued), offered(HELP)]);
    let series_now = series(&live);
    assert_eq!((series_now[OFFERED], series_now[OPEN]), (1.0, 1.0));
    assert_eq!(series_now["acd_contacts_offered_total{queue=\"help\"}"], 0.0);
    fold(&live, [answered(HELP, secs(9)), talk_ended(HELP, 1, secs(60))]);
    let series = series(&live);
    assert_eq!((series[SERVED], series[OPEN]), (1.0, 0.0));
    assert_eq!(series["acd_calls_flowout_served_later_total{queue=\"sales\",reason=\"requeued\"}"], 1.0);
    assert_eq!(
        series["acd_calls_answered_total{queue=\"help\",dnis_group=\"\"}"], 1.0,
        "the visit counts where it was"
    );
    assert_eq!(series["acd_invariant_violations_total"], 0.0);
}

#[test]
fn each_lost_contact_has_one_cause() {
    let live = Arc::new(live());
    let offered = |id| call(|call| Fact::Offered { call, queue: SALES, dimensions: Dimensions::default() }, id);
    let gone = |id, seconds, while_ringing| gave_up(CallId(id), SALES, secs(seconds), while_ringing);
    let out = |id, reason| left(CallId(id), SALES, secs(1), reason);
    (1..=8).for_each(|id| fold(&live, [offered(id)]));
    fold(&live, [gone(1, 3, true), gone(2, 9, true), gone(3, 9, false)]);
    fold(&live, [out(4, FlowOut::Full), out(5, FlowOut::Timeout), out(6, FlowOut::Closed)]);
    fold(&live, [out(8, FlowOut::Emergency)]);
    let refused = |cause| Fact::Refused { queue: Some(SALES), cause, dimensions: Dimensions::default() };
    fold(&live, [refused(Refusal::Overload), refused(Refusal::Unusable)]);
    let series = series(&live);
    for cause in ["caller_short", "caller_while_ringing", "caller_in_queue", "queue_full", "timeout", "overload"] {
        assert_eq!(series[&lost(cause)], 1.0, "{cause}");
    }
    assert_eq!((series[OFFERED], series[SERVED], series[OPEN]), (10.0, 0.0, 1.0));
    assert_eq!(series["acd_contacts_untargeted_total{queue=\"sales\",reason=\"closed\"}"], 1.0);
    assert_eq!(series["acd_contacts_untargeted_total{queue=\"sales\",reason=\"emergency\"}"], 1.0);
    assert_eq!(series["acd_contacts_untargeted_total{queue=\"sales\",reason=\"unusable\"}"], 1.0);
    assert_eq!(series["acd_invariant_violations_total"], 0.0);
}

#[test]
fn contacts_add_up_over_random_journeys() {
    use crate::base::Rng;
    let mut rng = Rng::from_u64(5);
    let live = Arc::new(live());
    let (mut open, mut next): (Vec<(CallId, QueueId)>, u64) = (Vec::new(), 0);
    for second in 0..20_000 {
        let fold = |fact| live.fold(&Stamped { at: at(second), fact });
        if open.is_empty() || rng.below(3) == 0 {
            next += 1;
            let (call, queue) = (CallId(next), QueueId(rng.below(2)));
            fold(Fact::Offered { call, queue, dimensions: Dimensions::default() });
            open.push((call, queue));
            continue;
        }
        let (call, queue) = open.swap_remove(rng.below(open.len() as u32) as usize);
        let wait = secs(rng.below(40).into());
        match rng.below(4) {
            0 => fold(gave_up(call, queue, wait, false)),
            1 => fold(left(call, queue, wait, FlowOut::ALL[rng.below(10) as usize])),
            2 => {
                fold(Fact::Answered { call, queue, agent: AgentId(0), wait, since: Instant::ZERO });
                let by = [EndedBy::Caller, EndedBy::Supervisor][rng.below(2) as usize];
                fold(Fact::TalkEnded { call, queue, agent: AgentId(0), talk: secs(1), hold: secs(0), by });
                if by == EndedBy::Supervisor && rng.below(2) == 0 {
                    fold(Fact::Offered { call, queue: HELP, dimensions: Dimensions::default() });
                    open.push((call, HELP));
                }
            }
            _ => {
                fold(left(call, queue, wait, FlowOut::Requeued));
                fold(Fact::Offered { call, queue: HELP, dimensions: Dimensions::default() });
                open.push((call, HELP));
            }
        }
    }
    let all = series(&live);
    let of =
        |family: &str| all.iter().filter(|(name, _)| name.starts_with(family)).map(|(_, value)| value).sum::<f64>();
    assert_eq!(all["acd_invariant_violations_total"], 0.0);
    assert_eq!(of("acd_contacts_offered_total"), next as f64);
    let ended = of("acd_contacts_served_total") + of("acd_contacts_lost_total") + of("acd_contacts_untargeted_total");
    assert_eq!(next as f64, ended + of("acd_contacts_in_progress"));
    assert!(of("acd_contacts_in_progress") <= open.len() as f64 + 60.0);
    assert!(of("acd_calls_flowout_served_later_total") > 100.0);
}

#[test]
fn a_contact_counted_twice_raises_the_alarm() {
    let live = Arc::new(live());
    fold(&live, [offered(SALES)]);
    live.block_of(SALES).tamper(Tamper::ContactsServed, 1);
    assert_eq!(series(&live)["acd_invariant_violations_total"], 1.0);
}
