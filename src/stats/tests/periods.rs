//! What a board shows of the day and of the last half hour.

use super::*;
use crate::base::WallTime;
use crate::stats::calendar::Calendar;

/// 2026-11-23 23:50 in Shanghai: ten minutes before the day ends.
const ORIGIN: i64 = 1_795_449_000;

fn told(live: &Live, second: u64, facts: impl IntoIterator<Item = Fact>) {
    for fact in facts {
        live.fold(&Stamped { at: at(second), fact });
    }
}

#[test]
fn a_day_begins_at_midnight_of_the_queue_s_calendar_and_the_half_hour_goes_on() {
    let live = live();
    live.set_origin(WallTime::from_micros(ORIGIN * 1_000_000));
    live.set_calendars(&[(SALES, Arc::new(Calendar::new("Asia/Shanghai", 0, "monday").unwrap()))]);
    told(&live, 60, [offered(SALES), answered(SALES, secs(10))]);
    let before = live.queue(at(61), "sales").unwrap();
    let [today, lately] = [before.today.unwrap(), before.last_30m.unwrap()];
    assert_eq!(
        (today.offered, today.answered, today.service_level, today.answer_wait_mean_seconds),
        (1, 1, Some(1.0), Some(10.0))
    );
    assert_eq!(lately, today);
    // Twenty minutes later it is another day.
    let losses = [
        offered(SALES),
        missed(SALES),
        abandoned(SALES, secs(30), false),
        offered(SALES),
        flowed_out(SALES, secs(1), FlowOut::Timeout),
    ];
    told(&live, 1_260, losses);
    told(
        &live,
        1_260,
        [
            offered(SALES),
            flowed_out(SALES, secs(1), FlowOut::Requeued),
            offered(SALES),
            flowed_out(SALES, secs(1), FlowOut::Closed),
        ],
    );
    let after = live.queue(at(1_261), "sales").unwrap();
    let [today, lately] = [after.today.unwrap(), after.last_30m.unwrap()];
    assert_eq!((today.offered, today.answered, today.abandoned, today.flowed_out, today.lost), (4, 0, 1, 3, 2));
    assert_eq!((lately.offered, lately.answered, lately.lost), (5, 1, 2));
    assert_eq!((today.service_level, lately.service_level), (Some(0.0), Some(0.5)));
    // An hour later the half hour is empty, the day is not.
    let late = live.queue(at(5_000), "sales").unwrap();
    assert_eq!((late.today.unwrap().offered, late.last_30m.unwrap().offered), (4, 0));
}

#[test]
fn a_sum_adds_counts_and_never_rates() {
    let live = live();
    live.set_origin(WallTime::from_micros(ORIGIN * 1_000_000));
    let call = |queue, wait: Duration| {
        let passed = (wait > secs(20)).then(|| missed(queue));
        [Some(offered(queue)), passed, Some(answered(queue, wait))].into_iter().flatten()
    };
    for _ in 0..9 {
        told(&live, 1, call(SALES, secs(0)));
    }
    told(&live, 1, call(HELP, secs(50)));
    let total = live.overview(at(2)).total;
    let lately = total.last_30m.unwrap();
    assert_eq!((lately.offered, lately.service_level, lately.answer_wait_mean_seconds), (10, Some(0.9), Some(5.0)));
    assert_eq!(total.today.unwrap(), lately);
}

#[test]
fn without_a_calendar_there_is_no_day() {
    let live = live();
    told(&live, 1, [offered(SALES)]);
    let sales = live.queue(at(2), "sales").unwrap();
    assert_eq!((sales.today, sales.last_30m, live.total(at(2)).today), (None, None, None));
}

#[test]
fn who_joins_now_is_told_the_mean_wait_once_a_call_was_handled() {
    let live = live();
    assert_eq!(live.queue(at(1), "sales").unwrap().expected_wait_seconds, None);
    told(
        &live,
        1,
        [offered(SALES), answered(SALES, secs(0)), talk_ended(SALES, 0, secs(50)), wrap_up_ended(SALES, 0, secs(10))],
    );
    let sales = live.queue(at(2), "sales").unwrap();
    // Two agents who take a minute each: the next is free after half a minute.
    assert_eq!(sales.expected_wait_seconds, Some(30.0));
    assert_eq!(live.total(at(2)).expected_wait_seconds, None);
}
