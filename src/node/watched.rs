//! One device that its PBX is asked about, as a pure machine: when to subscribe, to refresh and to begin anew, and what is known
//! of the device meanwhile. Holds no timer and sends nothing; `watch` does what it wishes.
//!
//! ```text
//!            due          a place is free        accepted
//! Resting --------> Queued -------------> Asking ---------> Resting (held; asked again before it ends)
//!    ^                                      | refused, no answer
//!    +--------------------------------------+ (after a pause that grows; a long one where the PBX cannot tell)
//! ```
//!
//! What the PBX has said holds until its subscription has ended, or it counts as down. Then nobody knows: that is never `busy`.

use std::time::Duration;

use crate::base::{Instant, Rng};
use crate::call::{Ended, Notice, Standing, Subscribed, SubscriptionId};
use crate::sip::dialog_info::Activity;
use crate::sip::package::{Document, Picture};
use crate::sip::xml::Unreadable;

/// The first pause after a failure; each further one doubles it.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// A PBX that cannot tell is asked again: somebody may have configured it meanwhile.
const PAUSE_IN_VAIN: Duration = Duration::from_secs(600);
/// The longest time that a PBX may say it is to be left alone for, and that it may ask to be subscribed for.
const SAID_MAX: Duration = Duration::from_secs(86_400);
/// Shorter subscriptions than this are refreshed as if they were so long; they lapse meanwhile.
const EXPIRES_MIN: Duration = Duration::from_secs(5);
/// A subscription that has held for so long and is ended is begun again at once.
const HELD_LONG: Duration = Duration::from_secs(60);
/// Each SUBSCRIBE is followed by a NOTIFY within this time (RFC 6665 timer N).
const NOTIFY_WITHIN: Duration = Duration::from_secs(32);

/// See the module.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) picture: Picture,
    pub(super) knowledge: Knowledge,
    pub(super) step: Step,
    /// The subscription that is asked for, or holds.
    id: Option<SubscriptionId>,
    /// Until when it holds, once it was accepted, and since when.
    until: Option<Instant>,
    since: Instant,
    /// When it is asked for (again).
    ask_at: Option<Instant>,
    /// A NOTIFY has come since it was asked for.
    heard: bool,
    /// In a row.
    failures: u32,
    /// For how long it is asked.
    expires: Duration,
    link: Link,
}

/// How far the asking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Until `ask_at`.
    Resting,
    /// It waits for a place among those that are asked at once.
    Queued,
    /// A SUBSCRIBE has no answer.
    Asking,
}

/// Whether the PBX counts as up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Up,
    Down,
}

/// What is known of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// The PBX has been asked, or will be.
    Asked,
    /// What its documents say.
    Told,
    /// It was to be told, and is not (any more).
    Stale(Lost),
    /// The PBX cannot tell, by this status.
    Untold(u16),
    /// The PBX has ended the subscription for good.
    Ended,
}

/// Why nothing is known any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The PBX is down.
    Down,
    /// It did not answer.
    Unanswered,
    /// It refused for the time being.
    Refused(u16),
    /// It accepted, and told nothing.
    Silent,
    /// What it told cannot be read.
    Unreadable(Unreadable),
    /// What it told says nothing of the device.
    Wordless,
    /// The time has run out.
    Lapsed,
    /// It has ended the subscription.
    Ended,
}

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// A new subscription.
    Subscribe(Duration),
    /// The same again.
    Renew(SubscriptionId, Duration),
}

impl Watched {
    /// A device that is to be asked about at `at`.
    pub(super) fn new(at: Instant, expires: Duration, link: Link) -> Self {
        let ask_at = match link {
            Link::Up => Some(at),
            Link::Down => None,
        };
        Self {
            picture: Picture::default(),
            knowledge: Knowledge::Asked,
            step: Step::Resting,
            id: None,
            until: None,
            since: at,
            ask_at,
            heard: false,
            failures: 0,
            expires,
            link,
        }
    }

    /// When [`Watched::handle_due`] is wanted.
    pub(super) fn due(&self) -> Option<Instant> {
        let ask_at = self.ask_at.filter(|_| self.step == Step::Resting);
        ask_at.into_iter().chain(self.until).min()
    }

    /// The subscription that is asked for, or holds.
    pub(super) const fn subscription(&self) -> Option<SubscriptionId> {
        self.id
    }

    /// Time passed. Answers with a subscription that is to be forgotten.
    pub(super) fn handle_due(&mut self, now: Instant, rng: &mut Rng) -> Option<SubscriptionId> {
        let mut gone = None;
        if self.until.is_some_and(|until| until <= now) {
            gone = self.lose(Lost::Lapsed);
            self.ask_at = self.when_up(now);
        }
        if self.step != Step::Resting || self.ask_at.is_none_or(|at| at > now) {
            return gone;
        }
        if self.until.is_some() && !self.heard {
            gone = self.lose(Lost::Silent);
            self.pause(now, rng, None);
            return gone;
        }
        if self.until.is_some() {
            self.failures = 0;
        }
        self.ask_at = None;
        self.step = Step::Queued;
        gone
    }

    /// There is a place to ask.
    pub(super) fn handle_place(&mut self) -> Option<Order> {
        if self.step != Step::Queued {
            return None;
        }
        self.step = Step::Asking;
        self.heard = false;
        Some(match self.id {
            Some(id) => Order::Renew(id, self.expires),
            None => {
                self.picture = Picture::default();
                Order::Subscribe(self.expires)
            }
        })
    }

    /// The SUBSCRIBE has gone out under this name.
    pub(super) const fn handle_sent(&mut self, id: SubscriptionId) {
        self.id = Some(id);
    }

    /// What became of a SUBSCRIBE.
    pub(super) fn handle_answer(&mut self, now: Instant, id: SubscriptionId, answer: Subscribed, rng: &mut Rng) {
        if self.id != Some(id) {
            return;
        }
        let was_asking = std::mem::replace(&mut self.step, Step::Resting) == Step::Asking;
        match answer {
            Subscribed::Until(_) if !was_asking => {}
            Subscribed::Until(said) => {
                if self.until.is_none() {
                    self.since = now;
                }
                let lasts = said.unwrap_or(self.expires).min(SAID_MAX);
                self.until = Some(now + lasts);
                let again = lasts.max(EXPIRES_MIN).mul_f64(0.75 + 0.15 * rng.fraction());
                self.ask_at = Some(now + if self.heard { again } else { again.min(NOTIFY_WITHIN) });
            }
            Subscribed::Refused(423, Some(least)) if least > self.expires => {
                self.expires = least.min(SAID_MAX);
                self.fail(now, Lost::Refused(423), None, rng);
            }
            // Our own subscription is not known any more: the PBX has begun anew.
            Subscribed::Refused(481, _) if self.until.is_some() => {
                self.lose(Lost::Ended);
                self.ask_at = self.when_up(now);
            }
            Subscribed::Refused(status, after) if is_in_vain(status) => {
                self.lose(Lost::Ended);
                self.knowledge = Knowledge::Untold(status);
                self.rest(now, PAUSE_IN_VAIN.max(after.unwrap_or_default()), rng);
            }
            Subscribed::Refused(status, after) => self.fail(now, Lost::Refused(status), after, rng),
            Subscribed::Unanswered => self.fail(now, Lost::Unanswered, None, rng),
        }
    }

    /// A NOTIFY has come. True when nothing but the device made the PBX tell that it does nothing: it tells unasked, and the
    /// subscription goes on.
    pub(super) fn handle_notice(&mut self, now: Instant, id: SubscriptionId, notice: Notice, rng: &mut Rng) -> bool {
        if self.id != Some(id) {
            return false;
        }
        let is_told = matches!(notice.document, Some(Ok(_))) && matches!(notice.standing, Standing::Active(_));
        let was_asking = self.step != Step::Resting;
        let was_heard = std::mem::replace(&mut self.heard, true);
        // What is said before anybody has decided whether we may know (RFC 6665 4.1.3) need not be true.
        if notice.standing != Standing::Pending {
            self.take(now, notice.document);
        }
        match notice.standing {
            Standing::Active(said) => {
                let ends = said.map(|said| now + said.min(SAID_MAX));
                if let (Some(until), Some(ends)) = (self.until, ends)
                    && ends < until
                {
                    self.until = Some(ends);
                    self.ask_at = self.ask_at.map(|at| at.min(now + ends.since(now).max(EXPIRES_MIN).mul_f64(0.8)));
                }
                if let (Some(until), false, Step::Resting) = (self.until, was_heard, self.step) {
                    let left = until.since(now).max(EXPIRES_MIN);
                    self.ask_at = Some(now + left.mul_f64(0.75 + 0.15 * rng.fraction()));
                }
            }
            Standing::Pending => {}
            Standing::Terminated(ended) => self.on_ended(now, ended, rng),
        }
        let is_idle = self.knowledge == Knowledge::Told && self.picture.activity() == Some(Activity::Idle);
        is_told && was_heard && !was_asking && is_idle
    }

    /// The PBX has begun or ceased to answer.
    pub(super) fn handle_link(&mut self, now: Instant, link: Link, rng: &mut Rng) {
        if std::mem::replace(&mut self.link, link) == link {
            return;
        }
        match link {
            Link::Down => {
                self.knowledge = Knowledge::Stale(Lost::Down);
                self.ask_at = None;
                if self.step == Step::Queued {
                    self.step = Step::Resting;
                }
            }
            Link::Up => {
                self.failures = 0;
                // Not all at once, and after the PBX has read its configuration.
                self.ask_at = Some(now + Duration::from_secs(1).mul_f64(rng.fraction()));
            }
        }
    }

    fn take(&mut self, now: Instant, document: Option<Result<Document, Unreadable>>) {
        match document {
            None => {}
            Some(Err(why)) => self.knowledge = Knowledge::Stale(Lost::Unreadable(why)),
            Some(Ok(document)) => match self.picture.take(document) {
                Ok(()) if self.link == Link::Up => {
                    let says = self.picture.activity().is_some();
                    self.knowledge = if says { Knowledge::Told } else { Knowledge::Stale(Lost::Wordless) };
                }
                Ok(()) => {}
                // The answer to a refresh names all dialogs.
                Err(_) if self.step == Step::Resting => self.ask_at = self.when_up(now),
                Err(_) => {}
            },
        }
    }

    fn on_ended(&mut self, now: Instant, ended: Ended, rng: &mut Rng) {
        let held_long = self.until.is_some() && now.since(self.since) >= HELD_LONG;
        self.step = Step::Resting;
        self.lose(Lost::Ended);
        match ended {
            Ended::Anew if held_long => self.ask_at = self.when_up(now),
            Ended::Anew => self.pause(now, rng, None),
            Ended::Later(after) => self.pause(now, rng, after),
            Ended::Vain => {
                self.knowledge = Knowledge::Ended;
                self.rest(now, PAUSE_IN_VAIN, rng);
            }
        }
    }

    /// Asking has failed; it is tried again.
    fn fail(&mut self, now: Instant, lost: Lost, after: Option<Duration>, rng: &mut Rng) {
        self.lose(lost);
        self.pause(now, rng, after);
    }

    /// The subscription is gone, and with it what was known.
    fn lose(&mut self, lost: Lost) -> Option<SubscriptionId> {
        self.until = None;
        if self.step == Step::Asking {
            self.step = Step::Resting;
        }
        if self.link == Link::Up {
            self.knowledge = Knowledge::Stale(lost);
        }
        self.id.take()
    }

    fn pause(&mut self, now: Instant, rng: &mut Rng, after: Option<Duration>) {
        let doubled = PAUSE.saturating_mul(1 << self.failures.min(8)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.rest(now, doubled.max(after.unwrap_or_default()), rng);
    }

    fn rest(&mut self, now: Instant, pause: Duration, rng: &mut Rng) {
        let pause = pause.min(SAID_MAX).mul_f64(1.0 + 0.25 * rng.fraction());
        self.ask_at = self.when_up(now + pause);
    }

    /// A PBX that is down is asked when it is back.
    const fn when_up(&self, at: Instant) -> Option<Instant> {
        match self.link {
            Link::Up => Some(at),
            Link::Down => None,
        }
    }
}

/// Statuses by which a PBX says that it will not tell, now or in a moment: asking at once again would be in vain.
const fn is_in_vain(status: u16) -> bool {
    matches!(status, 300..=399 | 400..=407 | 410..=416 | 420 | 421 | 484 | 485 | 488 | 489 | 501 | 505 | 603 | 604 | 606)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Legs, Subscribe};
    use crate::sip::dialog_info::{self, State, Way};
    use crate::sip::package::Package;
    use crate::sip::pidf::{self, Basic, Doing};

    const EXPIRES: Duration = Duration::from_secs(600);

    struct World {
        machine: Watched,
        rng: Rng,
        now: Instant,
        ids: Vec<SubscriptionId>,
    }

    impl World {
        fn new() -> Self {
            let mut legs = Legs::new(([192, 0, 2, 1], 5060).into(), Rng::from_u64(1));
            let ask = Subscribe {
                package: Package::Dialog,
                uri: b"sip:1@pbx",
                destination: ([192, 0, 2, 2], 5060).into(),
                expires: EXPIRES,
                token: 1,
            };
            let ids = (0..20).map(|_| legs.subscribe(Instant::ZERO, &ask)).rev().collect();
            Self {
                machine: Watched::new(Instant::ZERO, EXPIRES, Link::Up),
                rng: Rng::from_u64(2),
                now: Instant::ZERO,
                ids,
            }
        }

        /// Lets time pass until the machine wishes something, and asks; how long that took.
        fn ask(&mut self) -> (Duration, Order) {
            let before = self.now;
            for _ in 0..9 {
                if self.machine.step == Step::Queued {
                    break;
                }
                self.now = self.machine.due().expect("it asks again").max(self.now);
                let _gone = self.machine.handle_due(self.now, &mut self.rng);
            }
            let order = self.machine.handle_place().expect("it is asked about");
            if let Order::Subscribe(_) = order {
                self.machine.handle_sent(self.ids.pop().expect("few are begun"));
            }
            (self.now.since(before), order)
        }

        fn answer(&mut self, answer: Subscribed) {
            let id = self.machine.subscription().expect("it was asked for");
            self.machine.handle_answer(self.now, id, answer, &mut self.rng);
        }

        fn notice(&mut self, standing: Standing, document: Option<Result<Document, Unreadable>>) -> bool {
            let id = self.machine.subscription().expect("it was asked for");
            self.machine.handle_notice(self.now, id, Notice { standing, document }, &mut self.rng)
        }

        /// A world in which the device is told to be in a call.
        fn told() -> Self {
            let mut world = Self::new();
            world.ask();
            world.answer(Subscribed::Until(Some(EXPIRES)));
            world.notice(Standing::Active(Some(EXPIRES)), Some(Ok(busy())));
            assert_eq!(world.machine.knowledge, Knowledge::Told);
            world
        }
    }

    fn busy() -> Document {
        let entry =
            dialog_info::Entry { id: "1".into(), state: State::Confirmed, way: Some(Way::Initiator), remote: None };
        Document::Dialogs(dialog_info::Document { version: 0, full: true, dialogs: vec![entry] })
    }

    fn presence(basic: Option<Basic>, doing: Option<Doing>) -> Option<Result<Document, Unreadable>> {
        Some(Ok(Document::Presence(pidf::Document { basic, doing })))
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_subscription_is_refreshed_before_it_ends_and_tells_again() {
        let mut world = World::told();
        for _ in 0..3 {
            let (after, order) = world.ask();
            assert!((secs(450)..=secs(540)).contains(&after), "{after:?}");
            assert!(matches!(order, Order::Renew(_, EXPIRES)), "{order:?}");
            world.notice(Standing::Active(Some(EXPIRES)), Some(Ok(busy())));
            world.answer(Subscribed::Until(None));
        }
        assert!(matches!(world.machine.picture.activity(), Some(Activity::Calls { .. })));
    }

    #[test]
    fn only_what_is_told_unasked_of_an_idle_device_is_a_sign_of_life() {
        let dialogs = || dialog_info::Document { version: 0, full: true, dialogs: Vec::new() };
        let idle = || Some(Ok(Document::Dialogs(dialogs())));
        let active = Standing::Active(Some(EXPIRES));
        let mut world = World::told();
        assert!(world.notice(active, idle()), "it has ended its call");
        assert!(world.notice(active, idle()), "and tells of it once more");
        assert!(!world.notice(active, Some(Ok(busy()))), "what it does now says more");
        assert!(!world.notice(active, None));
        assert!(!world.notice(active, Some(Err(Unreadable::Xml))));
        // Asked, it tells of what is gone too: before its answer, and after it.
        world.ask();
        assert!(!world.notice(active, idle()));
        world.answer(Subscribed::Until(None));
        world.ask();
        world.answer(Subscribed::Until(None));
        assert!(!world.notice(active, idle()));
        assert!(world.notice(active, idle()));
        assert!(!world.notice(Standing::Terminated(Ended::Anew), idle()));
    }

    #[test]
    fn whoever_grants_less_is_asked_sooner_and_never_in_a_storm() {
        for (granted, least, most) in [(60, 45, 54), (4, 3, 5), (0, 0, 1)] {
            let mut world = World::new();
            world.ask();
            world.notice(Standing::Active(None), Some(Ok(busy())));
            world.answer(Subscribed::Until(Some(secs(granted))));
            let (after, _) = world.ask();
            assert!((secs(least)..=secs(most)).contains(&after), "{granted}: {after:?}");
        }
    }

    #[test]
    fn what_is_not_refreshed_lapses() {
        let mut world = World::told();
        world.ask();
        let until = world.machine.due().unwrap();
        assert_eq!(until, Instant::ZERO + EXPIRES);
        world.now = until;
        assert!(world.machine.handle_due(until, &mut world.rng).is_some(), "it is to be forgotten");
        assert_eq!(world.machine.knowledge, Knowledge::Stale(Lost::Lapsed));
        assert!(matches!(world.ask().1, Order::Subscribe(_)), "begun anew");
    }

    #[test]
    fn a_refusal_is_told_and_tried_again_by_its_meaning() {
        for (answer, knowledge, least, most) in [
            (Subscribed::Refused(489, None), Knowledge::Untold(489), 600, 750),
            (Subscribed::Refused(404, Some(secs(900))), Knowledge::Untold(404), 900, 1_125),
            (Subscribed::Refused(403, None), Knowledge::Untold(403), 600, 750),
            (Subscribed::Refused(503, None), Knowledge::Stale(Lost::Refused(503)), 2, 3),
            (Subscribed::Refused(503, Some(secs(30))), Knowledge::Stale(Lost::Refused(503)), 30, 38),
            (Subscribed::Refused(480, None), Knowledge::Stale(Lost::Refused(480)), 2, 3),
            (Subscribed::Refused(481, None), Knowledge::Stale(Lost::Refused(481)), 2, 3),
            (Subscribed::Unanswered, Knowledge::Stale(Lost::Unanswered), 2, 3),
        ] {
            let mut world = World::new();
            world.ask();
            world.answer(answer);
            assert_eq!(world.machine.knowledge, knowledge, "{answer:?}");
            let (after, order) = world.ask();
            assert!((secs(least)..=secs(most)).contains(&after), "{answer:?}: {after:?}");
            assert_eq!(order, Order::Subscribe(EXPIRES));
        }
    }

    #[test]
    fn pauses_grow_and_end_with_success() {
        let mut world = World::new();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            world.ask();
            world.answer(Subscribed::Refused(500, None));
            pauses.push(world.machine.due().unwrap().since(world.now).as_secs());
        }
        assert!(pauses.windows(2).take(6).all(|pair| pair[1] > pair[0]), "{pauses:?}");
        assert!(pauses[9..].iter().all(|pause| (300..=375).contains(pause)), "{pauses:?}");
    }

    #[test]
    fn too_short_a_time_is_asked_for_longer() {
        let mut world = World::new();
        world.ask();
        world.answer(Subscribed::Refused(423, Some(secs(1_800))));
        assert_eq!(world.ask().1, Order::Subscribe(secs(1_800)));
    }

    #[test]
    fn a_pbx_that_knows_the_subscription_no_more_is_asked_anew_at_once() {
        let mut world = World::told();
        world.ask();
        world.answer(Subscribed::Refused(481, None));
        assert_eq!(world.ask(), (Duration::ZERO, Order::Subscribe(EXPIRES)));
    }

    #[test]
    fn an_ended_subscription_is_begun_again_by_its_reason() {
        for (ended, knowledge, least, most) in [
            (Ended::Anew, Knowledge::Stale(Lost::Ended), 2, 3),
            (Ended::Later(Some(secs(40))), Knowledge::Stale(Lost::Ended), 40, 50),
            (Ended::Later(None), Knowledge::Stale(Lost::Ended), 2, 3),
            (Ended::Vain, Knowledge::Ended, 600, 750),
        ] {
            let mut world = World::told();
            world.notice(Standing::Terminated(ended), None);
            assert_eq!((world.machine.knowledge, world.machine.subscription()), (knowledge, None));
            let (after, _) = world.ask();
            assert!((secs(least)..=secs(most)).contains(&after), "{ended:?}: {after:?}");
        }
        let mut world = World::told();
        world.now = Instant::ZERO + secs(61);
        world.notice(Standing::Terminated(Ended::Anew), None);
        assert_eq!(world.ask().0, Duration::ZERO, "it had held for long");
        world.notice(Standing::Terminated(Ended::Anew), None);
        assert_eq!(world.machine.step, Step::Resting, "also while it is asked for");
        assert!(world.ask().0 >= secs(2));
    }

    #[test]
    fn who_accepts_and_tells_nothing_is_asked_anew() {
        let mut world = World::new();
        world.ask();
        world.answer(Subscribed::Until(Some(EXPIRES)));
        assert_eq!(world.machine.knowledge, Knowledge::Asked);
        let (after, order) = world.ask();
        assert!((secs(34)..=secs(35)).contains(&after), "{after:?}");
        assert_eq!((world.machine.knowledge, order), (Knowledge::Stale(Lost::Silent), Order::Subscribe(EXPIRES)));
    }

    #[test]
    fn a_pbx_that_is_down_tells_nothing_and_is_asked_when_it_is_back() {
        let mut world = World::told();
        world.machine.handle_link(world.now, Link::Down, &mut world.rng);
        assert_eq!(world.machine.knowledge, Knowledge::Stale(Lost::Down));
        assert_eq!(world.machine.due(), Some(Instant::ZERO + EXPIRES), "only its end is waited for");
        world.machine.handle_link(world.now, Link::Up, &mut world.rng);
        let (after, order) = world.ask();
        assert!(after <= secs(1) && matches!(order, Order::Renew(..)), "{after:?} {order:?}");
        world.machine.handle_link(world.now, Link::Down, &mut world.rng);
        world.answer(Subscribed::Unanswered);
        assert_eq!((world.machine.knowledge, world.machine.due()), (Knowledge::Stale(Lost::Down), None));
    }

    #[test]
    fn what_cannot_be_read_or_has_a_gap_is_never_busy_for_long() {
        let mut world = World::told();
        world.notice(Standing::Active(None), Some(Err(Unreadable::Xml)));
        assert_eq!(world.machine.knowledge, Knowledge::Stale(Lost::Unreadable(Unreadable::Xml)));
        let mut world = World::told();
        world.notice(
            Standing::Active(None),
            Some(Ok(Document::Dialogs(dialog_info::Document { version: 9, full: false, dialogs: Vec::new() }))),
        );
        assert!(matches!(world.ask(), (Duration::ZERO, Order::Renew(..))), "the whole is asked for");
    }

    #[test]
    fn a_presence_that_says_nothing_or_is_not_decided_upon_is_never_busy() {
        let active = Standing::Active(None);
        let mut world = World::told();
        world.notice(active, presence(Some(Basic::Open), Some(Doing::Calls)));
        assert!(matches!(world.machine.picture.activity(), Some(Activity::Calls { .. })));
        world.notice(active, presence(None, None));
        assert_eq!(world.machine.knowledge, Knowledge::Stale(Lost::Wordless));
        world.notice(active, presence(Some(Basic::Open), None));
        assert_eq!(
            (world.machine.knowledge, world.machine.picture.activity()),
            (Knowledge::Told, Some(Activity::Idle))
        );
        world.notice(Standing::Pending, presence(Some(Basic::Closed), None));
        assert_eq!(world.machine.picture.activity(), Some(Activity::Idle));
    }

    #[test]
    fn only_a_device_that_is_there_shows_life() {
        let mut world = World::told();
        for (basic, is_alive) in
            [(Basic::Open, true), (Basic::Closed, false), (Basic::Closed, false), (Basic::Open, true)]
        {
            assert_eq!(world.notice(Standing::Active(None), presence(Some(basic), None)), is_alive, "{basic:?}");
        }
    }

    #[test]
    fn answers_and_notices_of_a_subscription_that_is_gone_change_nothing() {
        let mut world = World::told();
        let old = world.ids.pop().unwrap();
        let before = format!("{:?}", world.machine);
        world.machine.handle_answer(world.now, old, Subscribed::Unanswered, &mut world.rng);
        let notice = Notice { standing: Standing::Terminated(Ended::Vain), document: None };
        world.machine.handle_notice(world.now, old, notice, &mut world.rng);
        assert_eq!(format!("{:?}", world.machine), before);
    }
}
