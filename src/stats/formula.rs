//! The one table of formulas (FEATURES section 4): key, names in English and Chinese, the formula as it is printed, its unit,
//! and how numerator and denominator come out of counts. Every board, report and rule takes them from here.
//!
//! Whoever adds up spans, queues or teams adds [`Ratio`]s (or the counts below them), never values.

use crate::acd::{OfferResult, Share};
use crate::stats::counts::{Bucket, Counts};

/// What a formula's value is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A fraction, shown as a percentage.
    Fraction,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// As it is written in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fraction => "fraction",
            Self::Seconds => "seconds",
        }
    }
}

/// A numerator and its denominator, in counts or microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ratio {
    /// Above the line.
    pub numerator: u64,
    /// Below the line.
    pub denominator: u64,
}

/// What a formula is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inputs<'a> {
    /// Visits, or their sum over queues.
    counts: Option<&'a Counts>,
    /// A(T), B(T); `None` when T is no bound of the histograms.
    in_threshold: Option<Bucket>,
    seconds: AgentSeconds,
}

/// Agents' time by what it counts as, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AgentSeconds([u64; Share::LOGGED_IN.len()]);

impl AgentSeconds {
    /// The time of each share that counts.
    pub fn of(spent: impl Fn(Share) -> u64) -> Self {
        Self(Share::LOGGED_IN.map(spent))
    }

    /// Adds another span's or team's.
    pub fn add(&mut self, more: &Self) {
        for (sum, more) in self.0.iter_mut().zip(more.0) {
            *sum += more;
        }
    }

    /// Of one share; none of those out of work.
    pub fn of_share(&self, share: Share) -> u64 {
        self.sum(&[share])
    }

    /// Talk, hold and wrap-up.
    pub fn handling(&self) -> u64 {
        self.sum(&Share::HANDLING)
    }

    /// Time in the queue's service: handling, ready and ringing.
    pub fn in_service(&self) -> u64 {
        self.sum(&Share::IN_SERVICE)
    }

    /// Logged in, whatever the state.
    pub fn logged_in(&self) -> u64 {
        self.sum(&Share::LOGGED_IN)
    }

    fn sum(&self, shares: &[Share]) -> u64 {
        Share::LOGGED_IN.iter().zip(self.0).filter(|(share, _)| shares.contains(share)).map(|(_, spent)| spent).sum()
    }
}

impl<'a> Inputs<'a> {
    /// Counts with `threshold` (microseconds) as T, one of `bounds`.
    pub fn new(counts: &'a Counts, bounds: &[u64], threshold: u64, seconds: AgentSeconds) -> Self {
        Self { counts: Some(counts), in_threshold: counts.within(bounds, threshold), seconds }
    }

    /// Agents' time alone: of the formulas only those of agents have a value.
    pub fn of_agents(seconds: AgentSeconds) -> Self {
        Self { seconds, ..Self::default() }
    }
}

/// One formula: the sum of `over`, divided by the sum of `under` less the sum of `less`.
#[derive(Debug, Clone, Copy)]
pub struct Formula {
    /// Its name in JSON, rules and boards.
    pub key: &'static str,
    /// Its English name.
    pub english: &'static str,
    /// Its Chinese name.
    pub chinese: &'static str,
    /// As it is printed beside a figure.
    pub text: &'static str,
    /// What its value is measured in.
    pub unit: Unit,
    /// Above the line.
    pub over: &'static [Term],
    /// Below the line.
    pub under: &'static [Term],
    /// Taken away below the line.
    pub less: &'static [Term],
}

/// What formulas are made of: each is a count, or a time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// A
    Answered,
    /// B
    Abandoned,
    /// F, without those who left a closed queue or one in an emergency, and fax machines: they are untargeted ("Decisions" 2).
    FlowedOut,
    /// A(T)
    AnsweredIn,
    /// B(T)
    AbandonedIn,
    /// B(S)
    AbandonedShort,
    /// B - B(S)
    AbandonedLong,
    /// Waits of the answered.
    AnswerWait,
    /// Waits of the abandoned.
    AbandonWait,
    /// Talks that ended.
    Talks,
    /// Talks with a hold.
    Held,
    /// Time of talks.
    Talk,
    /// Time on hold.
    Hold,
    /// Time of wrap-ups.
    WrapUp,
    /// Offers that were accepted.
    Accepted,
    /// Offers that the agent rejected.
    Rejected,
    /// Offers that rang without an answer.
    TimedOut,
    /// Service-level events: answered in T.
    EventsAnswered,
    /// Service-level events: answered, abandoned, missed; flow-outs in T are not among them.
    EventsDecided,
    /// Of the missed events, those that flowed out.
    EventsMissedFlowOut,
    /// Agents' time: talk, hold, wrap-up.
    Handling,
    /// Agents' time: handling, ready, reserved, ringing.
    InService,
    /// Agents' time: all but logged out.
    LoggedIn,
}

impl Term {
    /// True when it depends on T.
    pub const fn needs_threshold(self) -> bool {
        matches!(self, Self::AnsweredIn | Self::AbandonedIn)
    }

    /// True when it is agents' time, which is no queue's.
    pub const fn is_of_agents(self) -> bool {
        matches!(self, Self::Handling | Self::InService | Self::LoggedIn)
    }

    fn value(self, inputs: &Inputs<'_>) -> Option<u64> {
        let visits = |count: fn(&Counts) -> u64| inputs.counts.map(count);
        match self {
            Self::Answered => visits(|c| c.answered),
            Self::Abandoned => visits(|c| c.abandoned),
            Self::FlowedOut => visits(Counts::flowouts_targeted),
            Self::AnsweredIn => inputs.in_threshold.map(|bucket| bucket.answered),
            Self::AbandonedIn => inputs.in_threshold.map(|bucket| bucket.abandoned),
            Self::AbandonedShort => visits(|c| c.abandoned_short),
            Self::AbandonedLong => visits(|c| c.abandoned.saturating_sub(c.abandoned_short)),
            Self::AnswerWait => visits(|c| c.answer_wait),
            Self::AbandonWait => visits(|c| c.abandon_wait),
            Self::Talks => visits(|c| c.talks),
            Self::Held => visits(|c| c.held),
            Self::Talk => visits(|c| c.talk),
            Self::Hold => visits(|c| c.hold),
            Self::WrapUp => visits(|c| c.wrap_up),
            Self::Accepted => visits(|c| c.offers[OfferResult::Accepted as usize]),
            Self::Rejected => visits(|c| c.offers[OfferResult::Rejected as usize]),
            Self::TimedOut => visits(|c| c.offers[OfferResult::TimedOut as usize]),
            Self::EventsAnswered => visits(|c| c.events.answered),
            Self::EventsDecided => visits(|c| c.events.decided()),
            Self::EventsMissedFlowOut => visits(|c| c.events.missed_flowout),
            Self::Handling => Some(inputs.seconds.handling()),
            Self::InService => Some(inputs.seconds.in_service()),
            Self::LoggedIn => Some(inputs.seconds.logged_in()),
        }
    }
}

impl Formula {
    /// The formula of that key.
    pub fn named(key: &str) -> Option<&'static Self> {
        FORMULAS.iter().find(|formula| formula.key == key)
    }

    /// All its terms.
    pub fn terms(&self) -> impl Iterator<Item = Term> {
        self.over.iter().chain(self.under).chain(self.less).copied()
    }

    /// True when it is computed from visits, false when from agents' time.
    pub fn is_of_visits(&self) -> bool {
        !self.terms().any(Term::is_of_agents)
    }

    /// True when its value depends on T.
    pub fn needs_threshold(&self) -> bool {
        self.terms().any(Term::needs_threshold)
    }

    /// Numerator and denominator; `None` when the inputs lack what it needs.
    pub fn ratio(&self, inputs: &Inputs<'_>) -> Option<Ratio> {
        let sum = |terms: &[Term]| terms.iter().map(|term| term.value(inputs)).sum::<Option<u64>>();
        let (numerator, denominator) = (sum(self.over)?, sum(self.under)?.saturating_sub(sum(self.less)?));
        Some(Ratio { numerator, denominator })
    }

    /// The value in the formula's unit; `None` without a denominator: no calls, no figure.
    pub fn value(&self, inputs: &Inputs<'_>) -> Option<f64> {
        self.ratio(inputs).and_then(|ratio| self.value_of(ratio))
    }

    /// The value of a sum of ratios.
    pub fn value_of(&self, ratio: Ratio) -> Option<f64> {
        if ratio.denominator == 0 {
            return None;
        }
        let value = ratio.numerator as f64 / ratio.denominator as f64;
        Some(match self.unit {
            Unit::Fraction => value,
            Unit::Seconds => value / 1_000_000.0,
        })
    }
}

macro_rules! formulas {
    ($($key:literal, $english:literal, $chinese:literal, $text:literal, $unit:ident,
        [$($over:ident)*] / [$($under:ident)*] - [$($less:ident)*];)*) => {
        &[$(Formula {
            key: $key,
            english: $english,
            chinese: $chinese,
            text: $text,
            unit: Unit::$unit,
            over: &[$(Term::$over),*],
            under: &[$(Term::$under),*],
            less: &[$(Term::$less),*],
        }),*]
    };
}

/// Every formula. A answered, B abandoned, F flowed out (without the untargeted: closed, emergency, fax), X(T) with a
/// wait of at most T, S the short-abandon limit.
pub const FORMULAS: &[Formula] = formulas! {
    "sl_f1", "Service level F1, abandons in T count as met", "服务水平①（阈值内放弃计为达标）", "(A(T)+B(T))/(A+B)",
        Fraction, [AnsweredIn AbandonedIn] / [Answered Abandoned] - [];
    "sl_f2", "Service level F2, of answered calls", "服务水平②（按接通量）", "A(T)/A",
        Fraction, [AnsweredIn] / [Answered] - [];
    "sl_f3", "Service level F3", "服务水平③（含放弃）", "A(T)/(A+B)",
        Fraction, [AnsweredIn] / [Answered Abandoned] - [];
    "sl_f3o", "Service level F3 with flow-outs", "服务水平③（含放弃与溢出）", "A(T)/(A+B+F)",
        Fraction, [AnsweredIn] / [Answered Abandoned FlowedOut] - [];
    "sl_f4", "Service level F4, abandons in T left out", "服务水平④（剔除阈值内放弃）", "A(T)/(A+B-B(T))",
        Fraction, [AnsweredIn] / [Answered Abandoned] - [AbandonedIn];
    "sl_f5", "Service level F5, short abandons count as met", "服务水平⑤（短放弃计为达标）", "(A(T)+B(S))/(A+B)",
        Fraction, [AnsweredIn AbandonedShort] / [Answered Abandoned] - [];
    "sl_f6", "Service level F6, short abandons left out", "服务水平⑥（剔除短放弃）", "A(T)/(A+B-B(S))",
        Fraction, [AnsweredIn] / [Answered Abandoned] - [AbandonedShort];
    "sl_live", "Service level live, counted when decided", "实时服务水平", "A(T)/(A(T)+B(T)+missed-missed that flowed out)",
        Fraction, [EventsAnswered] / [EventsDecided] - [EventsMissedFlowOut];
    "answer_rate", "Answer rate", "人工接通率", "A/(A+B+F)",
        Fraction, [Answered] / [Answered Abandoned FlowedOut] - [];
    "answer_rate_in", "Answer rate in T", "N秒人工接通率", "A(T)/(A+B+F)",
        Fraction, [AnsweredIn] / [Answered Abandoned FlowedOut] - [];
    "loss_rate", "Loss rate", "呼损率", "(B+F)/(A+B+F)",
        Fraction, [Abandoned FlowedOut] / [Answered Abandoned FlowedOut] - [];
    "abandon_rate", "Abandon rate", "放弃率", "B/(A+B+F)",
        Fraction, [Abandoned] / [Answered Abandoned FlowedOut] - [];
    "abandon_rate_net", "Abandon rate without short abandons", "净放弃率（剔除短放弃）", "(B-B(S))/(A+B+F-B(S))",
        Fraction, [AbandonedLong] / [Answered Abandoned FlowedOut] - [AbandonedShort];
    "asa", "Average speed of answer (ASA)", "平均应答速度", "sum of waits of the answered/A",
        Seconds, [AnswerWait] / [Answered] - [];
    "ata", "Average time to abandon (ATA)", "平均放弃时长", "sum of waits of the abandoned/B",
        Seconds, [AbandonWait] / [Abandoned] - [];
    "aht", "Average handle time (AHT)", "平均处理时长", "(talk+hold+wrap-up)/handled",
        Seconds, [Talk Hold WrapUp] / [Talks] - [];
    "talk_mean", "Average talk time", "平均通话时长", "talk/handled",
        Seconds, [Talk] / [Talks] - [];
    "hold_mean", "Average hold time", "平均保持时长", "hold/handled",
        Seconds, [Hold] / [Talks] - [];
    "wrap_up_mean", "Average wrap-up time", "平均话后处理时长", "wrap-up/handled",
        Seconds, [WrapUp] / [Talks] - [];
    "hold_rate", "Hold rate", "保持率", "talks with a hold/handled",
        Fraction, [Held] / [Talks] - [];
    "agent_answer_rate", "Agent answer rate", "坐席应答率", "accepted/(accepted+timed out+rejected)",
        Fraction, [Accepted] / [Accepted TimedOut Rejected] - [];
    "occupancy", "Occupancy", "占用率", "(talk+hold+wrap-up)/(logged in-not ready-other calls-unreachable)",
        Fraction, [Handling] / [InService] - [];
    "utilisation", "Utilisation of logged-in time", "工时利用率（分母：登录时长）", "(talk+hold+wrap-up)/logged in",
        Fraction, [Handling] / [LoggedIn] - [];
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::{AgentState, Direction, FlowOut, Reason};

    const BOUNDS: [u64; 3] = [5_000_000, 20_000_000, 60_000_000];

    /// FEATURES section 4: A=1000, B=60, A(20)=860, B(20)=20, B(5)=10.
    fn fixture() -> Counts {
        let bucket = |answered, abandoned| Bucket { answered, abandoned };
        Counts {
            offered: 1_060,
            answered: 1_000,
            abandoned: 60,
            abandoned_short: 10,
            waits: vec![bucket(300, 10), bucket(560, 10), bucket(100, 30), bucket(40, 10)],
            answer_wait: 12_500_000_000,
            abandon_wait: 1_800_000_000,
            ..Counts::default()
        }
    }

    fn percent(key: &str, inputs: &Inputs<'_>) -> String {
        format!("{:.2}", 100.0 * Formula::named(key).unwrap().value(inputs).unwrap())
    }

    #[test]
    fn the_worked_example_comes_out_to_the_digits() {
        let counts = fixture();
        let inputs = Inputs::new(&counts, &BOUNDS, 20_000_000, AgentSeconds::default());
        for (key, expected) in [
            ("sl_f1", "83.02"),
            ("sl_f2", "86.00"),
            ("sl_f3", "81.13"),
            ("sl_f4", "82.69"),
            ("sl_f5", "82.08"),
            ("sl_f6", "81.90"),
            ("sl_f3o", "81.13"),
            ("answer_rate", "94.34"),
            ("answer_rate_in", "81.13"),
            ("loss_rate", "5.66"),
            ("abandon_rate", "5.66"),
            ("abandon_rate_net", "4.76"),
        ] {
            assert_eq!(percent(key, &inputs), expected, "{key}");
        }
        assert_eq!(Formula::named("asa").unwrap().value(&inputs), Some(12.5));
        assert_eq!(Formula::named("ata").unwrap().value(&inputs), Some(30.0));
    }

    #[test]
    fn flow_outs_are_in_f3o_and_the_loss_rate_but_the_untargeted_are_not() {
        let mut counts = fixture();
        counts.flowed_out[FlowOut::Timeout as usize] = 40;
        counts.flowed_out[FlowOut::Closed as usize] = 1_000;
        counts.flowed_out[FlowOut::Emergency as usize] = 1_000;
        counts.flowed_out[FlowOut::Fax as usize] = 1_000;
        let inputs = Inputs::new(&counts, &BOUNDS, 20_000_000, AgentSeconds::default());
        assert_eq!(percent("sl_f3", &inputs), "81.13");
        assert_eq!(percent("sl_f3o", &inputs), "78.18");
        assert_eq!(percent("loss_rate", &inputs), "9.09");
        assert_eq!(percent("answer_rate", &inputs), "90.91");
    }

    #[test]
    fn handle_time_is_the_sum_of_its_parts_and_occupancy_has_ready_and_ringing_below() {
        let counts = Counts {
            talks: 10,
            talk: 1_200_000_000,
            held: 2,
            hold: 100_000_000,
            wrap_up: 200_000_000,
            ..Counts::default()
        };
        let states = [
            (AgentState::Talking, 1_200),
            (AgentState::Hold, 100),
            (AgentState::WrapUp, 200),
            (AgentState::Ready, 400),
            (AgentState::Reserved, 40),
            (AgentState::Ringing, 60),
            (AgentState::NotReady(Reason::Initial), 700),
            (AgentState::OtherCall(Direction::In), 200),
            (AgentState::Unreachable, 100),
            (AgentState::LoggedOut, 9_000),
        ];
        let in_share = |share| states.iter().filter(|(state, _)| state.share() == share).map(|(_, spent)| spent).sum();
        let seconds = AgentSeconds::of(in_share);
        let inputs = Inputs::new(&counts, &BOUNDS, 20_000_000, seconds);
        let value = |key: &str| Formula::named(key).unwrap().value(&inputs).unwrap();
        assert_eq!(
            (value("aht"), value("talk_mean"), value("hold_mean"), value("wrap_up_mean")),
            (150.0, 120.0, 10.0, 20.0)
        );
        assert_eq!((value("hold_rate"), value("occupancy"), value("utilisation")), (0.2, 0.75, 0.5));
        assert_eq!(Formula::named("sl_f2").unwrap().value(&inputs), None, "no call, no figure");
        assert_eq!(Formula::named("asa").unwrap().value(&Inputs::of_agents(seconds)), None);
    }

    #[test]
    fn sums_of_counts_are_no_averages_of_rates() {
        let bucket = |answered, abandoned| Bucket { answered, abandoned };
        let queue = |waits: Vec<Bucket>| Counts {
            answered: waits.iter().map(|bucket| bucket.answered).sum(),
            abandoned: waits.iter().map(|bucket| bucket.abandoned).sum(),
            waits,
            ..Counts::default()
        };
        let mut sum = queue(vec![bucket(0, 0), bucket(90, 0), bucket(0, 10), bucket(0, 0)]);
        sum.add(&queue(vec![bucket(0, 0), bucket(1, 0), bucket(9, 0), bucket(0, 0)]));
        let inputs = Inputs::new(&sum, &BOUNDS, 20_000_000, AgentSeconds::default());
        assert_eq!(percent("sl_f3", &inputs), "82.73", "not the 50 % that the mean of 90 % and 10 % is");
    }

    #[test]
    fn a_threshold_that_is_no_bound_gives_no_figure_and_a_bound_includes_itself() {
        let counts = fixture();
        let inputs = |threshold| Inputs::new(&counts, &BOUNDS, threshold, AgentSeconds::default());
        assert_eq!(Formula::named("sl_f3").unwrap().value(&inputs(21_000_000)), None);
        assert_eq!(counts.within(&BOUNDS, 60_000_000), Some(Bucket { answered: 960, abandoned: 50 }));
    }

    #[test]
    fn every_formula_has_its_own_key_both_names_and_its_text() {
        let keys: std::collections::BTreeSet<_> = FORMULAS.iter().map(|formula| formula.key).collect();
        assert_eq!(keys.len(), FORMULAS.len());
        for formula in FORMULAS {
            assert!(formula.english.is_ascii() && !formula.chinese.is_ascii(), "{}", formula.key);
            assert!(formula.text.contains('/'), "{}", formula.key);
        }
    }
}
