//! [`Registrar`]: which contacts are registered for an account, and until when (RFC 3261 10.3). Who may register is decided
//! before; an account is known by the id of the neighbour that its phone is. Pure: time comes in, changes come out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use super::message::Message;
use super::name::Name;
use super::transaction::Wire;
use super::uri::{Scheme, Uri};
use super::value::{NameAddr, decimal};
use crate::base::limits::CONTACTS_MAX;
use crate::base::{Instant, PeerId};

/// What a registration that says nothing of its time gets (RFC 3261 10.2.1.1).
const USUAL: Duration = Duration::from_secs(3_600);

/// Bytes kept of what a phone says it is.
const USER_AGENT_BYTES_MAX: usize = 64;

/// For how long a phone may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Less is refused (423): each registration costs two exchanges.
    pub min: Duration,
    /// More is cut down to this.
    pub max: Duration,
}

/// See the module. After each input drain [`Registrar::poll_change`].
#[derive(Debug, Default)]
pub struct Registrar {
    /// Contacts of each account, the newest last.
    accounts: BTreeMap<PeerId, Vec<Binding>>,
    /// When each contact runs out.
    ends: BTreeSet<(Instant, PeerId)>,
    changes: VecDeque<PeerId>,
}

/// One registered contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its URI, as registered: the Request-URI of calls to it.
    pub uri: Box<[u8]>,
    /// Where the registration came from: where calls go to, for behind NAT the URI's host means nothing.
    pub source: SocketAddr,
    /// The stream connection that it came by: without that the phone is not reached any more.
    pub wire: Option<Wire>,
    /// When it runs out.
    pub until: Instant,
    /// What it says it is (User-Agent), at most 64 bytes.
    pub user_agent: Box<[u8]>,
    call_id: Box<[u8]>,
    number: u32,
}

/// Why a registration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The status: 400, 423 or 500.
    pub code: u16,
    /// The reason phrase, where it is not the usual one.
    pub reason: Option<&'static str>,
}

/// One contact of a request.
struct Wish<'a> {
    uri: &'a [u8],
    time: Duration,
}

impl Registrar {
    /// A REGISTER for this account, whose user has proven itself. All of it is done or nothing.
    ///
    /// # Errors
    /// What to answer; nothing has changed.
    pub fn register(
        &mut self,
        now: Instant,
        account: PeerId,
        (source, wire): (SocketAddr, Option<Wire>),
        request: &Message,
        times: Times,
    ) -> Result<(), Refused> {
        self.expire(now);
        let (Some(call_id), Some(cseq)) = (request.call_id(), request.cseq()) else { return Err(bad("Bad CSeq")) };
        let mut bindings = self.accounts.get(&account).cloned().unwrap_or_default();
        // A request that was overtaken by a later one of its series.
        let is_late = |binding: &Binding| *binding.call_id == *call_id && cseq.number <= binding.number;
        if request.elements(Name::Contact).any(|contact| contact == b"*") {
            let alone = request.elements(Name::Contact).count() == 1;
            if !alone || request.value(Name::Expires).and_then(decimal) != Some(0) {
                return Err(bad("Contact * needs Expires: 0"));
            }
            if bindings.iter().any(is_late) {
                return Err(Refused { code: 500, reason: Some("Out of Order") });
            }
            bindings.clear();
        }
        for wish in wishes(request, times)? {
            let known = bindings.iter().position(|binding| is_same(&binding.uri, wish.uri));
            if known.is_some_and(|at| is_late(&bindings[at])) {
                return Err(Refused { code: 500, reason: Some("Out of Order") });
            }
            known.map(|at| bindings.remove(at));
            if wish.time.is_zero() {
                continue;
            }
            if bindings.len() >= CONTACTS_MAX {
                // What a phone has left behind when it got another address.
                bindings.remove(0);
            }
            let (uri, call_id) = (wish.uri.into(), call_id.into());
            let user_agent = request.value(Name::UserAgent).unwrap_or_default();
            let user_agent = user_agent[..user_agent.len().min(USER_AGENT_BYTES_MAX)].into();
            let until = now + wish.time;
            bindings.push(Binding { uri, source, wire, until, user_agent, call_id, number: cseq.number });
        }
        self.put(account, bindings);
        Ok(())
    }

    /// The contacts of an account, the newest last.
    pub fn bindings(&self, account: PeerId) -> &[Binding] {
        self.accounts.get(&account).map_or(&[], Vec::as_slice)
    }

    /// A stream connection is gone: what was registered by it is not reached any more. The phone registers again by another.
    pub fn handle_closed(&mut self, far: SocketAddr, wire: Wire) {
        let by_it = |binding: &Binding| binding.source == far && binding.wire == Some(wire);
        let accounts: Vec<_> =
            self.accounts.iter().filter(|(_, all)| all.iter().any(by_it)).map(|(id, _)| *id).collect();
        for account in accounts {
            let mut left = self.bindings(account).to_vec();
            left.retain(|binding| !by_it(binding));
            self.put(account, left);
        }
    }

    /// All contacts in the order of the accounts.
    pub fn all(&self) -> impl Iterator<Item = (PeerId, &Binding)> {
        self.accounts.iter().flat_map(|(account, bindings)| bindings.iter().map(|binding| (*account, binding)))
    }

    /// Forgets every account that is not kept.
    pub fn retain(&mut self, keep: impl Fn(PeerId) -> bool) {
        let gone: Vec<_> = self.accounts.keys().copied().filter(|account| !keep(*account)).collect();
        for account in gone {
            self.put(account, Vec::new());
        }
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
    }

    /// When [`Registrar::handle_timeout`] is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// The next account whose contacts have changed.
    pub fn poll_change(&mut self) -> Option<PeerId> {
        self.changes.pop_front()
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(at, account)) = self.ends.first() {
            if at > now {
                return;
            }
            let mut left = self.bindings(account).to_vec();
            left.retain(|binding| binding.until > now);
            self.put(account, left);
        }
    }

    fn put(&mut self, account: PeerId, bindings: Vec<Binding>) {
        let before = self.accounts.remove(&account).unwrap_or_default();
        for binding in &before {
            self.ends.remove(&(binding.until, account));
        }
        self.ends.extend(bindings.iter().map(|binding| (binding.until, account)));
        if before != bindings {
            self.changes.push_back(account);
        }
        if !bindings.is_empty() {
            self.accounts.insert(account, bindings);
        }
    }
}

/// What a request wishes for each of its contacts.
fn wishes(request: &Message, times: Times) -> Result<Vec<Wish<'_>>, Refused> {
    let mut wishes = Vec::new();
    for element in request.elements(Name::Contact).filter(|contact| *contact != b"*") {
        let contact = NameAddr::parse(element).ok_or(bad("Bad Contact"))?;
        if !matches!(Uri::parse(contact.uri).map(|uri| uri.scheme), Ok(Scheme::Sip | Scheme::Sips)) {
            return Err(bad("Contact is no sip: URI"));
        }
        if wishes.len() == CONTACTS_MAX {
            return Err(bad("Too many contacts"));
        }
        let asked = contact.param("expires").or_else(|| request.value(Name::Expires));
        // A time that cannot be read counts as the usual one (10.3); what is too long for a number is long.
        let time = asked.and_then(decimal).map_or(USUAL, Duration::from_secs);
        if !time.is_zero() && time < times.min {
            return Err(Refused { code: 423, reason: None });
        }
        wishes.push(Wish { uri: contact.uri, time: time.min(times.max) });
    }
    Ok(wishes)
}

/// Whether two URIs are one contact: the same place, or the same text.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    match (Uri::parse(one), Uri::parse(other)) {
        (Ok(one), Ok(other)) => one.same_place(&other),
        (Ok(_) | Err(_), _) => false,
    }
}

const fn bad(reason: &'static str) -> Refused {
    Refused { code: 400, reason: Some(reason) }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const TIMES: Times = Times { min: Duration::from_secs(60), max: Duration::from_secs(600) };
    const ACCOUNT: PeerId = PeerId(7);

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn source(port: u16) -> SocketAddr {
        SocketAddr::from(([198, 51, 100, 1], port))
    }

    struct Phones {
        registrar: Registrar,
        now: Instant,
    }

    impl Phones {
        fn new() -> Self {
            Self { registrar: Registrar::default(), now: at(1) }
        }

        fn register(&mut self, call_id: &str, number: u32, lines: &str) -> Result<(), u16> {
            self.register_by(None, call_id, number, lines)
        }

        fn register_by(&mut self, wire: Option<Wire>, call_id: &str, number: u32, lines: &str) -> Result<(), u16> {
            let text = format!(
                "REGISTER sip:h SIP/2.0\r\nTo: <sip:1001@h>\r\nCall-ID: {call_id}\r\nCSeq: {number} REGISTER\r\n{lines}\r\n"
            );
            let message = Message::parse(Bytes::from(text)).unwrap();
            self.registrar
                .register(self.now, ACCOUNT, (source(5060), wire), &message, TIMES)
                .map_err(|refused| refused.code)
        }

        fn contacts(&self) -> Vec<String> {
            let show = |binding: &Binding| {
                let left = binding.until.since(self.now).as_secs();
                format!("{} {left}", String::from_utf8_lossy(&binding.uri))
            };
            self.registrar.bindings(ACCOUNT).iter().map(show).collect()
        }

        fn changes(&mut self) -> usize {
            std::iter::from_fn(|| self.registrar.poll_change()).count()
        }
    }

    #[test]
    fn a_contact_is_registered_refreshed_and_runs_out() {
        let mut phones = Phones::new();
        assert_eq!(phones.register("a", 1, "Contact: <sip:x@10.0.0.1>;expires=120\r\n"), Ok(()));
        assert_eq!(phones.contacts(), ["sip:x@10.0.0.1 120"]);
        assert_eq!((phones.changes(), phones.registrar.poll_timeout()), (1, Some(at(121))));
        phones.now = at(100);
        assert_eq!(phones.register("a", 2, "Contact: <sip:x@10.0.0.1>\r\nExpires: 200\r\n"), Ok(()));
        phones.registrar.handle_timeout(at(121));
        assert_eq!(phones.contacts(), ["sip:x@10.0.0.1 200"]);
        phones.changes();
        phones.now = at(300);
        phones.registrar.handle_timeout(phones.now);
        assert!(phones.contacts().is_empty());
        assert_eq!((phones.changes(), phones.registrar.poll_timeout()), (1, None));
        phones.registrar.handle_timeout(phones.now);
        assert_eq!(phones.changes(), 0);
    }

    #[test]
    fn what_has_come_by_a_connection_goes_with_it() {
        let mut phones = Phones::new();
        for (number, wire) in [(1, None), (2, Some(Wire::Tcp)), (3, Some(Wire::Tls))] {
            let contact = format!("Contact: <sip:{number}@h>\r\n");
            assert_eq!(phones.register_by(wire, "a", number, &contact), Ok(()));
        }
        phones.changes();
        phones.registrar.handle_closed(source(5061), Wire::Tls);
        assert_eq!((phones.contacts().len(), phones.changes()), (3, 0), "another connection");
        phones.registrar.handle_closed(source(5060), Wire::Tls);
        assert_eq!((phones.contacts(), phones.changes()), (vec!["sip:1@h 600".into(), "sip:2@h 600".into()], 1));
        phones.registrar.handle_closed(source(5060), Wire::Tcp);
        assert_eq!(phones.contacts(), ["sip:1@h 600"]);
    }

    #[test]
    fn times_have_bounds() {
        let mut phones = Phones::new();
        assert_eq!(phones.register("a", 1, "Contact: <sip:x@h>;expires=59\r\n"), Err(423));
        assert_eq!(phones.register("a", 2, "Contact: <sip:x@h>\r\nExpires: 1\r\n"), Err(423));
        for (number, text) in [(3, ";expires=601"), (4, ""), (5, ";expires=never"), (6, ";expires=99999999999")] {
            assert_eq!(phones.register("a", number, &format!("Contact: <sip:x@h>{text}\r\n")), Ok(()));
            assert_eq!(phones.contacts(), ["sip:x@h 600"], "{text}");
        }
    }

    #[test]
    fn several_contacts_stand_beside_each_other_and_the_newest_is_last_up_to_a_bound() {
        let mut phones = Phones::new();
        for phone in 0..=CONTACTS_MAX {
            assert_eq!(phones.register(&format!("c{phone}"), 1, &format!("Contact: <sip:{phone}@h>\r\n")), Ok(()));
        }
        let contacts = phones.contacts();
        assert_eq!((contacts.len(), &*contacts[0]), (CONTACTS_MAX, "sip:1@h 600"), "the oldest had to go");
        assert_eq!(phones.register("c2", 2, "Contact: <sip:2@h>\r\n"), Ok(()));
        assert_eq!(phones.contacts().last().unwrap(), "sip:2@h 600");
        let many: String = (0..=CONTACTS_MAX).map(|phone| format!("Contact: <sip:{phone}@h>\r\n")).collect();
        assert_eq!(phones.register("d", 1, &many), Err(400));
    }

    #[test]
    fn contacts_are_taken_out_one_by_one_or_all_at_once_and_can_be_asked_for() {
        let mut phones = Phones::new();
        let both = "Contact: <sip:x@h>, <sip:y@h;transport=udp>\r\n";
        assert_eq!(phones.register("a", 1, both), Ok(()));
        assert_eq!(phones.register("b", 1, ""), Ok(()), "a query");
        assert_eq!((phones.contacts().len(), phones.changes()), (2, 1));
        assert_eq!(phones.register("b", 2, "Contact: <sip:x@H>;expires=0\r\n"), Ok(()));
        assert_eq!(phones.contacts(), ["sip:y@h;transport=udp 600"]);
        for wrong in ["Contact: *\r\n", "Contact: *\r\nExpires: 60\r\n", "Contact: *, <sip:x@h>\r\nExpires: 0\r\n"] {
            assert_eq!(phones.register("b", 3, wrong), Err(400), "{wrong}");
        }
        assert_eq!(phones.register("b", 4, "Contact: *\r\nExpires: 0\r\n"), Ok(()));
        assert!(phones.contacts().is_empty() && phones.registrar.poll_timeout().is_none());
    }

    #[test]
    fn what_was_overtaken_changes_nothing() {
        let mut phones = Phones::new();
        assert_eq!(phones.register("a", 5, "Contact: <sip:x@h>\r\n"), Ok(()));
        assert_eq!(phones.register("a", 4, "Contact: <sip:x@h>;expires=0\r\n"), Err(500));
        assert_eq!(phones.register("a", 5, "Contact: *\r\nExpires: 0\r\n"), Err(500));
        assert_eq!(phones.register("a", 4, "Contact: <sip:y@h>, <sip:x@h>\r\n"), Err(500), "nothing of it is done");
        assert_eq!(phones.contacts(), ["sip:x@h 600"]);
        assert_eq!(
            phones.register("b", 1, "Contact: <sip:x@h>;expires=0\r\n"),
            Ok(()),
            "another series, after a restart"
        );
    }

    #[test]
    fn hostile_contacts_are_refused() {
        let mut phones = Phones::new();
        for wrong in ["<sip:x@h", "\"x <sip:x@h>", "<tel:1>", "<http://h>", "x", "<>"] {
            assert_eq!(phones.register("a", 1, &format!("Contact: {wrong}\r\n")), Err(400), "{wrong}");
        }
        assert_eq!((phones.changes(), phones.contacts().len()), (0, 0));
    }

    #[test]
    fn accounts_that_are_gone_are_forgotten() {
        let mut phones = Phones::new();
        assert_eq!(phones.register("a", 1, "Contact: <sip:x@h>\r\n"), Ok(()));
        phones.changes();
        phones.registrar.retain(|_| true);
        assert_eq!(phones.changes(), 0);
        phones.registrar.retain(|account| account != ACCOUNT);
        assert_eq!((phones.changes(), phones.contacts().len(), phones.registrar.poll_timeout()), (1, 0, None));
    }
}
