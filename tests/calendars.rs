//! Hours, days and months at the borders of three zones, in virtual time with real SIP bytes: where a day ends, where the clock
//! goes back by an hour or by half of one, and where it goes forward. Every interval and every rolling span is held against a
//! count of the facts that knows no calendar, and agents change their team at the local midnight exactly.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use strowger::acd::Fact;
use strowger::base::{CallId, Instant, Rng, WallTime};
use strowger::sim::act::Act;
use strowger::sim::agent_phone::Manner;
use strowger::sim::books::Note;
use strowger::sim::caller::Dial;
use strowger::sim::ladder::Detail;
use strowger::sim::network::Weather;
use strowger::sim::script::read_config;
use strowger::sim::town::Audio;
use strowger::sim::world::{TRUNK, World, WorldSetup};
use strowger::stats::calendar::Grain;
use strowger::stats::export::Exposition;
use strowger::stats::intervals::{Attribution, Figures, Interval, Intervals, Question};
use strowger::stats::work::{self, Workers};

/// A stretch of time around borders, with what must come out, worked out by hand.
struct Stretch {
    zone: &'static str,
    from: &'static str,
    minutes: u64,
    /// The hours that it touches.
    hours: &'static [&'static str],
    /// The days that it touches.
    days: [&'static str; 2],
    /// The date at which agents change their team, and when it begins.
    date: &'static str,
    midnight: &'static str,
}

const STRETCHES: [Stretch; 5] = [
    Stretch {
        zone: "Asia/Shanghai",
        from: "2026-11-30T15:10:00Z",
        minutes: 100,
        hours: &["2026-11-30T23:00:00+08:00", "2026-12-01T00:00:00+08:00"],
        days: ["2026-11-30T00:00:00+08:00", "2026-12-01T00:00:00+08:00"],
        date: "2026-12-01",
        midnight: "2026-11-30T16:00:00Z",
    },
    Stretch {
        zone: "America/New_York",
        from: "2026-11-01T03:20:00Z",
        minutes: 219,
        hours: &[
            "2026-10-31T23:00:00-04:00",
            "2026-11-01T00:00:00-04:00",
            "2026-11-01T01:00:00-04:00",
            "2026-11-01T01:00:00-05:00",
        ],
        days: ["2026-10-31T00:00:00-04:00", "2026-11-01T00:00:00-04:00"],
        date: "2026-11-01",
        midnight: "2026-11-01T04:00:00Z",
    },
    Stretch {
        zone: "America/New_York",
        from: "2026-03-08T04:20:00Z",
        minutes: 219,
        hours: &[
            "2026-03-07T23:00:00-05:00",
            "2026-03-08T00:00:00-05:00",
            "2026-03-08T01:00:00-05:00",
            "2026-03-08T03:00:00-04:00",
        ],
        days: ["2026-03-07T00:00:00-05:00", "2026-03-08T00:00:00-05:00"],
        date: "2026-03-08",
        midnight: "2026-03-08T05:00:00Z",
    },
    Stretch {
        zone: "Australia/Lord_Howe",
        from: "2026-04-04T12:20:00Z",
        minutes: 230,
        hours: &[
            "2026-04-04T23:00:00+11:00",
            "2026-04-05T00:00:00+11:00",
            "2026-04-05T01:00:00+11:00",
            "2026-04-05T01:30:00+10:30",
            "2026-04-05T02:00:00+10:30",
        ],
        days: ["2026-04-04T00:00:00+11:00", "2026-04-05T00:00:00+11:00"],
        date: "2026-04-05",
        midnight: "2026-04-04T13:00:00Z",
    },
    Stretch {
        zone: "Australia/Lord_Howe",
        from: "2026-10-03T12:50:00Z",
        minutes: 230,
        hours: &[
            "2026-10-03T23:00:00+10:30",
            "2026-10-04T00:00:00+10:30",
            "2026-10-04T01:00:00+10:30",
            "2026-10-04T02:30:00+11:00",
            "2026-10-04T03:00:00+11:00",
        ],
        days: ["2026-10-03T00:00:00+10:30", "2026-10-04T00:00:00+10:30"],
        date: "2026-10-04",
        midnight: "2026-10-03T13:30:00Z",
    },
];

#[test]
fn every_interval_and_rolling_span_holds_what_happened_in_it() {
    for (seed, stretch) in (1..).zip(&STRETCHES) {
        let mut world = world(stretch, seed);
        let mut rng = Rng::from_u64(seed);
        let end = Instant::ZERO + minutes(stretch.minutes);
        let mut looks: Vec<Instant> =
            (1..=stretch.minutes / 13).map(|turn| Instant::ZERO + minutes(turn * 13)).collect();
        // On the border itself, a moment before and a moment after.
        let midnight = wall(stretch.midnight).as_micros() - wall(stretch.from).as_micros();
        looks.extend([-1, 0, 1].map(|more| Instant::from_micros((midnight + more) as u64)));
        looks.push(end);
        looks.sort();
        let mut at = Instant::ZERO;
        for call in 0.. {
            at += Duration::from_micros((rng.exponential(24.0) * 1e6) as u64);
            while looks.first().is_some_and(|look| *look <= at) {
                world.run_until(looks.remove(0));
                look(&world, stretch);
            }
            if at >= end {
                break;
            }
            world.run_until(at);
            let mut dial = Dial::to("800");
            dial.patience = Some(Duration::from_micros(1_000 + (rng.exponential(8.0) * 1e6) as u64));
            let caller = format!("c{}", call % 50);
            Act::Dial { caller, via: TRUNK.to_string(), formats: Vec::new(), dial }.apply(&mut world).unwrap();
        }
        assert_eq!(world.error(), None, "{}", stretch.zone);
        let seen = events(&world);
        let answered = seen.iter().filter(|event| event.what == What::Answered).count();
        let abandoned = seen.iter().filter(|event| event.what == What::Abandoned).count();
        assert!(answered > 50 && abandoned > 20, "{}: {answered} answered, {abandoned} abandoned", stretch.zone);
        let starts = |by| {
            let found = ask(&world, by, minutes(stretch.minutes), Attribution::Event);
            found.intervals.into_iter().map(|interval| interval.start).collect::<Vec<_>>()
        };
        assert_eq!(starts(Grain::Minutes(60)), stretch.hours, "{}", stretch.zone);
        assert_eq!(starts(Grain::Day), stretch.days, "{}", stretch.zone);
    }
}

#[test]
fn agents_change_their_team_at_the_local_midnight_and_no_second_is_moved() {
    for (seed, stretch) in (1..).zip(&STRETCHES) {
        let mut world = world(stretch, seed);
        let call = |world: &mut World, caller: &str| {
            let dial = Act::Dial {
                caller: caller.to_string(),
                via: TRUNK.to_string(),
                formats: Vec::new(),
                dial: Dial::to("800"),
            };
            dial.apply(world).unwrap();
        };
        let midnight = (wall(stretch.midnight).as_micros() - wall(stretch.from).as_micros()) as u64;
        // One call is answered ten seconds before midnight and ends after it; the other is answered after it.
        for (caller, at) in [("a", midnight - 10_000_000), ("b", midnight + 60_000_000)] {
            world.run_until(Instant::from_micros(at));
            call(&mut world, caller);
        }
        let end = Instant::ZERO + minutes(stretch.minutes);
        world.run_until(end);
        let moved = |note: &Note| {
            let Note::Fact(stamped) = note else { return None };
            let Fact::AgentTeam { team, .. } = &stamped.fact else { return None };
            (stamped.at > Instant::ZERO).then(|| (stamped.at.as_micros(), team.clone()))
        };
        let told: Vec<_> = world.books().notes().iter().filter_map(moved).collect();
        let late = (midnight, Some("floor/late".into()));
        assert_eq!(told, [late.clone(), late], "{}", stretch.zone);
        let live = Arc::clone(world.books().live());
        let page = Exposition::new(live, move || end).render();
        let sum = |family: &str, team: &str| -> f64 {
            let begins = format!("{family}{{team=\"{team}\"");
            page.lines().filter(|line| line.starts_with(&begins)).map(value).sum()
        };
        let seconds = |team: &str| sum("acd_agent_state_seconds_total", team);
        let (before, all) = (midnight as f64 / 1e6, (stretch.minutes * 60) as f64);
        let found = (seconds("floor/early"), seconds("floor/late"));
        assert!((found.0 - 2.0 * before).abs() < 1e-6, "{}: {found:?}", stretch.zone);
        assert!((found.1 - 2.0 * (all - before)).abs() < 1e-6, "{}: {found:?}", stretch.zone);
        // The same by the days of the calendar, which the team's change and the clock's cut.
        let question = work::Question { by: Grain::Day, last: minutes(stretch.minutes) };
        let floor = Workers::Team("floor".to_owned());
        let days = world.books().live().work(end, &floor, question).expect("so far back is kept");
        let logged_in: Vec<_> = days.intervals.iter().map(|day| day.figures.agents.logged_in_seconds).collect();
        assert_eq!(logged_in, [2.0 * before, 2.0 * (all - before)], "{}", stretch.zone);
        // Each call in the team its agent was in when it was answered; their seconds in the teams they were spent in.
        let talks = |team: &str| sum("acd_team_talk_seconds_count", team);
        assert_eq!((talks("floor/early"), talks("floor/late")), (1.0, 1.0), "{}", stretch.zone);
        let talking = |team: &str| {
            let name = format!("acd_agent_state_seconds_total{{team=\"{team}\",state=\"talking\"");
            page.lines().find(|line| line.starts_with(&name)).map(value).unwrap()
        };
        assert!(talking("floor/early") > 8.0 && talking("floor/early") < 10.0, "{}", talking("floor/early"));
        assert!(talking("floor/late") > 30.0 && talking("floor/late") < 32.0, "{}", talking("floor/late"));
    }
}

fn world(stretch: &Stretch, seed: u64) -> World {
    let Stretch { zone, date, .. } = stretch;
    // The teams have a zone of their own: that of the figures says nothing.
    let config = format!(
        "[figures]\ntime_zone = \"{zone}\"\n[teams.floor]\ntime_zone = \"{zone}\"\n[teams.early]\nparent = \"floor\"\n\
         [teams.late]\nparent = \"floor\"\n[queues.q]\nnumbers = [\"800\"]\nwrap_up = \"0s\"\nthreshold = \"5s\"\n\
         [agents.\"1001-1002\"]\npeer = \"pbx\"\nteam = [{{ name = \"early\" }}, {{ name = \"late\", from = \"{date}\" }}]\n"
    );
    let mut manner = Manner::answers(Duration::from_secs(1));
    manner.habits.hang_up = Some(Duration::from_secs(20));
    let setup = WorldSetup {
        config: Arc::new(read_config(&config).expect("the configuration is right")),
        seed,
        weather: Weather::fair(),
        detail: Detail::Nothing,
        ports: 200,
        manner,
        audio: Audio::Off,
        shards: 1,
        lag: Duration::ZERO,
        origin: wall(stretch.from),
        keeps_notes: true,
    };
    World::new(setup).expect("every address is numeric")
}

/// What happened to a visit, by the calendar: microseconds since the epoch, and no more.
#[derive(Debug)]
struct Event {
    at: i64,
    joined: i64,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Offered,
    Answered,
    Abandoned,
}

fn events(world: &World) -> Vec<Event> {
    let origin = world.books().origin().as_micros();
    let mut joined: Vec<(CallId, i64)> = Vec::new();
    let mut events = Vec::new();
    for note in world.books().notes() {
        let Note::Fact(stamped) = note else { continue };
        let at = origin + stamped.at.as_micros() as i64;
        assert!(!matches!(stamped.fact, Fact::FlowedOut { .. }), "nobody flows out here");
        let (call, what) = if let Fact::Offered { call, .. } = &stamped.fact {
            joined.push((*call, at));
            (call, What::Offered)
        } else if let Fact::Answered { call, .. } = &stamped.fact {
            (call, What::Answered)
        } else if let Fact::Abandoned { call, .. } = &stamped.fact {
            (call, What::Abandoned)
        } else {
            continue;
        };
        let joined = joined.iter().rfind(|(other, _)| other == call).expect("it was offered").1;
        events.push(Event { at, joined, what });
    }
    events
}

/// Holds everything that can be asked now against the count.
fn look(world: &World, stretch: &Stretch) {
    let events = events(world);
    let now = wall(stretch.from).as_micros() + world.now().as_micros() as i64;
    let so_far = Duration::from_micros(world.now().as_micros());
    for by in Grain::ALL {
        let last = if by <= Grain::Minutes(5) { so_far.min(minutes(110)) } else { so_far };
        let found = ask(world, by, last, Attribution::Event);
        assert_eq!(found.time_zone, stretch.zone);
        follow_each_other(&found.intervals, now);
        for interval in &found.intervals {
            let (start, end) = (wall(&interval.start).as_micros(), wall(&interval.end).as_micros());
            let place = format!("{by} from {} at {now}", interval.start);
            same(&interval.figures, &events, |event| (start..end).contains(&event.at), &place);
            assert_eq!(interval.complete, start >= wall(stretch.from).as_micros() && end <= now, "{place}");
        }
        for (name, length) in [("1m", 1), ("5m", 5), ("15m", 15), ("30m", 30), ("60m", 60)] {
            let minute = 60_000_000;
            let from = (now.div_euclid(minute) + 1 - length) * minute;
            same(&found.rolling[name], &events, |event| event.at >= from, &format!("rolling {name} at {now}"));
        }
    }
    for by in [15, 30, 60].map(Grain::Minutes) {
        let found = ask(world, by, so_far, Attribution::Arrival);
        for interval in &found.intervals {
            let (start, end) = (wall(&interval.start).as_micros(), wall(&interval.end).as_micros());
            let place = format!("those who came in {by} from {} at {now}", interval.start);
            same(&interval.figures, &events, |event| (start..end).contains(&event.joined), &place);
        }
    }
}

fn ask(world: &World, by: Grain, last: Duration, attribution: Attribution) -> Intervals {
    let question = Question { by, last, attribution, threshold: None };
    world.books().live().intervals(world.now(), "q", question).expect("so far back is kept")
}

/// No gap, no overlap, and the last one is in progress.
fn follow_each_other(intervals: &[Interval<Figures>], now: i64) {
    for pair in intervals.windows(2) {
        assert_eq!(wall(&pair[0].end), wall(&pair[1].start));
    }
    let last = intervals.last().expect("now lies in one");
    assert!(wall(&last.start).as_micros() <= now && now < wall(&last.end).as_micros(), "{} {now}", last.start);
}

fn same(figures: &Figures, events: &[Event], is_in: impl Fn(&Event) -> bool, place: &str) {
    let count = |what: What| events.iter().filter(|event| event.what == what && is_in(event)).count() as u64;
    let counted = (count(What::Offered), count(What::Answered), count(What::Abandoned));
    assert_eq!((figures.offered, figures.answered, figures.abandoned), counted, "{place}");
}

fn value(line: &str) -> f64 {
    line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok()).expect("a sample ends with its value")
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn wall(text: &str) -> WallTime {
    WallTime::from_micros(text.parse::<Timestamp>().expect("a moment with its offset").as_microsecond())
}
