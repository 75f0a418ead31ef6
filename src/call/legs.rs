//! All legs of a shard over one transaction stack: inputs, polls, look-up, and the UA core's small answers.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::base::digits::{Digits, hexadecimal, padded_hex};
use crate::base::{IdMap, Instant, LegId, PerFamily, Rng, ShardId, Slots, Timers};
use crate::call::event::Event;
use crate::call::leg::{Leg, Lines, Timer};
use crate::call::refer::Notifier;
use crate::call::session::{Session, SessionTerms};
use crate::call::subscription::{Subscribed, Subscription, SubscriptionId};
use crate::call::wallet::Wallet;
use crate::sip::dialog::Dialog;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::{
    self, ClientKey, Door, Home, LocalNetworks, Refused, ServerKey, Stack, StackConfig, Wire,
};
use crate::sip::write::{self, Writer};

/// The methods we answer (RFC 3261 20.5).
pub(super) const ALLOW: &[u8] = b"INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER";
/// The extensions that we know (RFC 3261 20.37).
pub(super) const SUPPORTED: &[u8] = b"timer, 100rel, replaces";
/// Those of a request that is to begin no session timer.
pub(super) const SUPPORTED_UNTIMED: &[u8] = b"100rel, replaces";
/// After CANCEL the owner waits this long for the final response.
pub(super) const RELEASE_AFTER: Duration = Duration::from_secs(4);
/// A neighbour has this long to answer an OPTIONS.
pub(super) const QUALIFY_TIME: Duration = Duration::from_secs(2);
/// Unanswered calls get a provisional this often (13.3.1.1).
pub(super) const REFRESH: Duration = Duration::from_secs(60);
/// A caller who knows no dialog is asked once more after this long, behind another provisional.
pub(super) const AGAIN: Duration = Duration::from_secs(2);
/// How long a transaction may live: 64*T1.
pub(super) const TRANSACTION_TIME: Duration = Duration::from_secs(32);

/// The legs of a shard. Give it inputs, then drain [`Legs::poll_event`] and [`Legs::poll_transmit`].
#[derive(Debug)]
pub struct Legs {
    pub(super) stack: Stack,
    pub(super) legs: Slots<Leg>,
    pub(super) clients: IdMap<ClientKey, Purpose>,
    pub(super) servers: IdMap<ServerKey, LegId>,
    /// Who asked for a transfer on which leg; some of these are gone.
    pub(super) notifiers: IdMap<LegId, Notifier>,
    /// What the next 200 to a leg's INVITE, or its BYE, says more; few have any.
    pub(super) carried: IdMap<LegId, Box<Lines>>,
    /// What PBXs are asked to tell; these outlive calls, and count for none.
    pub(super) subscriptions: Slots<Subscription>,
    pub(super) timers: Timers<Timer>,
    pub(super) events: VecDeque<Event>,
    pub(super) contacts: Contacts,
    pub(super) host: String,
    sent_by: SocketAddr,
    accepting: Accepting,
    pub(super) terms: SessionTerms,
    pub(super) wallet: Arc<Wallet>,
    /// Phones may register here.
    pub(super) registers: bool,
    pub(super) rng: Rng,
}

/// What a request of ours is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Invite(LegId),
    Bye(LegId),
    Probe(LegId),
    /// A re-INVITE or UPDATE that refreshes the session.
    Refresh(LegId),
    Notify(LegId),
    Subscribe(SubscriptionId),
    /// A CANCEL, an INFO: nobody waits for the answer.
    Nothing,
    Qualify(u64),
}

/// What an INVITE of ours says.
#[derive(Debug, Clone)]
pub struct Invite<'a> {
    /// The Request-URI.
    pub uri: &'a [u8],
    /// Where it goes.
    pub destination: SocketAddr,
    /// The From value without a tag.
    pub from: &'a [u8],
    /// More header lines, by name and value.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Our offer.
    pub sdp: Option<&'a [u8]>,
    /// Max-Forwards: one less than that of the call it is made for, so that a call which comes back to us ends (482, 483).
    pub hops: u32,
    /// The far end is behind NAT: all goes to `destination` and by this door, whatever its Contact says.
    pub behind_nat: Option<Door>,
}

/// Our Contact.
#[derive(Debug)]
pub(super) struct Contacts {
    pub(super) own: Bytes,
    /// For who is spoken to by the first shard's door, where that is another's.
    public: Option<Bytes>,
}

impl Contacts {
    /// The one for a dialog.
    pub(super) fn of(&self, dialog: &Dialog) -> &Bytes {
        self.public.as_ref().filter(|_| dialog.is_by_public()).unwrap_or(&self.own)
    }
}

/// Whether OPTIONS says that calls are welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepting {
    Calls,
    Nothing,
}

impl Legs {
    /// No legs yet; `sent_by` is the address of Via and Contact.
    pub fn new(sent_by: SocketAddr, rng: Rng) -> Self {
        Self::of_shard(ShardId(0), sent_by, rng)
    }

    /// The same for one of several shards: tags and branches tell which.
    pub fn of_shard(shard: ShardId, sent_by: SocketAddr, mut rng: Rng) -> Self {
        Self {
            stack: Stack::new(StackConfig { shard, ..StackConfig::new(sent_by) }, rng.fork()),
            legs: Slots::new(shard),
            clients: IdMap::default(),
            servers: IdMap::default(),
            notifiers: IdMap::default(),
            carried: IdMap::default(),
            subscriptions: Slots::new(shard),
            timers: Timers::default(),
            events: VecDeque::new(),
            contacts: Contacts { own: contact(sent_by), public: None },
            host: sent_by.to_string(),
            sent_by,
            accepting: Accepting::Calls,
            terms: SessionTerms::default(),
            wallet: Arc::default(),
            registers: false,
            rng,
        }
    }

    /// The next messages came in by this door.
    pub fn set_door(&mut self, door: Door) {
        self.stack.set_door(door);
    }

    /// There are stream connections; before this nothing is sent by one. `tls` is our address there, where TLS is spoken.
    pub const fn enable_streams(&mut self, tls: Option<SocketAddr>) {
        self.stack.enable_streams(tls);
    }

    /// The first shard, which is another one, is at this address: phones behind NAT know no other.
    pub fn set_public(&mut self, public: SocketAddr) {
        self.contacts.public = Some(contact(public));
        self.stack.set_public(public);
    }

    /// These neighbours are reached by a stream connection, and no others.
    pub fn set_stream_peers(&mut self, peers: Vec<(SocketAddr, Wire)>) {
        self.stack.set_stream_peers(peers);
    }

    /// A stream connection that another shard has seen leads there.
    pub fn note_stream(&mut self, far: SocketAddr, wire: Wire) {
        self.stack.note_stream(far, wire);
    }

    /// Who is on our own side of a NAT, and is told our address there, in each address family.
    pub fn set_local(&mut self, local: &PerFamily<Option<Arc<LocalNetworks>>>) {
        self.stack.set_local(local);
    }

    /// The other address family is spoken too, under these names; after all else that names us is set.
    pub fn set_other(&mut self, home: Home) {
        self.stack.set_other(home);
    }

    /// True while there is a stream connection with this address.
    pub fn is_connected(&self, far: SocketAddr, wire: Wire) -> bool {
        self.stack.is_connected(far, wire)
    }

    /// The stream that leads to this address: one that is there, or may be opened at any time.
    pub fn stream_to(&self, far: SocketAddr) -> Option<Wire> {
        self.stack.stream_to(far)
    }

    /// A stream connection is gone.
    pub fn handle_closed(&mut self, far: SocketAddr, wire: Wire) {
        self.stack.handle_closed(far, wire);
    }

    /// A message arrived.
    pub fn handle_message(&mut self, now: Instant, source: SocketAddr, message: Message) {
        self.stack.handle_message(now, source, message);
        self.drain_stack(now);
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.stack.handle_timeout(now);
        self.drain_stack(now);
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Refresh(leg) => self.on_refresh(now, leg),
                Timer::Reliable(leg) => self.on_reliable_due(now, leg),
                Timer::Retransmit(leg) => self.on_retransmit(now, leg),
                Timer::Release(leg) => self.on_release(leg),
                Timer::Reoffer(leg) => self.on_reoffer_due(now, leg),
                Timer::Session(leg) => self.on_session_due(now, leg),
                Timer::Qualify(key) => self.on_qualify_late(now, key),
                Timer::Unsubscribed(id) => drop(self.subscriptions.remove(id.0)),
            }
        }
    }

    /// When [`Legs::handle_timeout`] is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.stack.poll_timeout(), self.timers.next()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The next thing that happened to a leg.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<transaction::Transmit> {
        self.stack.poll_transmit()
    }

    /// Answers a request that is no leg's business, keeping no state.
    pub fn respond_stateless(&mut self, source: SocketAddr, request: &Message, code: u16, reason: Option<&str>) {
        let tag = self.stack.fresh_token();
        let writer = write::respond(request, source, code, reason, &tag);
        self.stack.respond_stateless(source, writer.finish());
    }

    /// As [`Legs::respond_stateless`], with further header lines, but nothing when that would be more than twice as long as the
    /// request: whoever sends under another's address shall not be worth anything.
    pub fn respond_bounded(&mut self, source: SocketAddr, request: &Message, code: u16, add: impl FnOnce(&mut Writer)) {
        let tag = self.stack.fresh_token();
        let mut writer = write::respond(request, source, code, None, &tag);
        add(&mut writer);
        let response = writer.finish();
        if response.len() <= 2 * request.raw().len() {
            self.stack.respond_stateless(source, response);
        }
    }

    /// True when something was answered since this was last asked that nothing is remembered of.
    pub const fn take_stateless(&mut self) -> bool {
        self.stack.take_stateless()
    }

    /// Takes back those of the messages not yet drained that are not to be kept.
    pub fn retain_transmits(&mut self, keep: impl FnMut(&mut transaction::Transmit) -> bool) {
        self.stack.retain_transmits(keep);
    }

    /// Answers a request in its transaction, with a status, a reason phrase when it is not the usual one, and further lines.
    pub fn respond_in(
        &mut self,
        now: Instant,
        key: ServerKey,
        source: SocketAddr,
        request: &Message,
        (code, reason): (u16, Option<&str>),
        add: impl FnOnce(&mut Writer),
    ) {
        let mut writer = self.response(source, request, code, reason);
        add(&mut writer);
        self.stack.respond(now, key, code, writer.finish());
    }

    /// From now on all of a leg goes to where its INVITE came from, whatever the far end's Contact says.
    pub fn pin(&mut self, id: LegId) {
        if let Some(leg) = self.leg(id) {
            leg.dialog.pin(false);
        }
    }

    /// Our 200 to the far end's INVITE, or else our BYE, is to say these lines more.
    pub fn carry(&mut self, id: LegId, lines: Box<Lines>) {
        if self.legs.get(id.0).is_some() {
            self.carried.insert(id, lines);
        }
    }

    /// What the other side has to say; once.
    pub(super) fn write_carried(&mut self, id: LegId, writer: &mut Writer) {
        if self.carried.is_empty() {
            return;
        }
        for (name, value) in self.carried.remove(&id).iter().flat_map(|lines| &lines.0) {
            writer.line_text(name, value);
        }
    }

    /// True when a request is no new one: it repeats one that was taken, or it cannot be one at all.
    pub fn is_known(&mut self, request: &Message) -> bool {
        self.stack.is_known(request)
    }

    /// Refuses an INVITE that there is no room for, keeping no state.
    pub fn refuse_invite(&mut self, now: Instant, source: SocketAddr, request: &Message) -> Refused {
        self.stack.refuse_invite(now, source, request)
    }

    /// From now on OPTIONS is answered 503: neighbours take this node out.
    pub fn stop_accepting(&mut self) {
        self.accepting = Accepting::Nothing;
    }

    /// Live legs, those included that wait for the end of a transaction, and who is told how a transfer goes.
    pub fn live(&self) -> usize {
        self.legs.len() + self.notifiers.len()
    }

    /// Live transactions.
    pub fn transactions(&self) -> usize {
        self.stack.live()
    }

    /// Our address as a far end sees it, in its own address family where that is spoken.
    pub fn local(&self, far: Option<IpAddr>) -> SocketAddr {
        far.map_or(self.sent_by, |far| self.stack.home(far).sent_by)
    }

    /// Where a leg's far end is.
    pub fn far(&self, id: LegId) -> Option<IpAddr> {
        self.legs.get(id.0).map(|leg| leg.dialog.far().ip())
    }

    /// Our host and port as others see them.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Asks a neighbour by OPTIONS outside any dialog; [`Event::Qualified`] tells the outcome within 2 s.
    pub fn qualify(&mut self, now: Instant, destination: SocketAddr, token: u64) {
        let uri = format!("sip:{destination}");
        let (key, mut writer) = self.stack.start_request(Method::Options, uri.as_bytes());
        let tag = self.stack.fresh_token();
        let call_id = self.stack.fresh_token();
        writer.line_fmt(Name::From, format_args!("<sip:strowger@{}>;tag={}", self.host, String::from_utf8_lossy(&tag)));
        writer.line_fmt(Name::To, format_args!("<{uri}>"));
        writer.line(Name::CallId, &call_id);
        writer.line(Name::CSeq, b"1 OPTIONS");
        writer.line(Name::Contact, &self.contacts.own);
        self.clients.insert(key, Purpose::Qualify(token));
        self.stack.send_request(now, key, destination, writer.finish());
        self.timers.arm(now + QUALIFY_TIME, Timer::Qualify(key));
    }

    pub(super) fn leg(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(id.0)
    }

    /// The leg that a request inside a dialog belongs to: our tag carries its id.
    pub(super) fn find(&mut self, request: &Message) -> Option<&mut Leg> {
        let id = leg_of_tag(request.to_tag()?)?;
        self.legs.get_mut(id.0).filter(|leg| leg.dialog.matches(request))
    }

    /// A tag that carries the leg's id and cannot be guessed.
    pub(super) fn tag(&mut self, id: LegId) -> SmallVec<[u8; 40]> {
        let mut tag = SmallVec::from_slice(Digits::hex(id.0).as_bytes());
        tag.push(b'-');
        tag.extend_from_slice(&padded_hex(self.rng.u64()));
        tag
    }

    /// Forgets a leg and what still points to it.
    pub(super) fn remove(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(id.0)?;
        if !self.carried.is_empty() {
            self.carried.remove(&id);
        }
        if let Some(unacknowledged) = &leg.unacknowledged {
            self.timers.cancel(unacknowledged.timer);
        }
        for timer in [leg.session.as_deref().and_then(Session::timer), leg.reoffer_timer()].into_iter().flatten() {
            self.timers.cancel(timer);
        }
        if let Some(invite) = leg.invite {
            self.clients.remove(&invite);
        }
        if let Some(notifier) = self.notifiers.get_mut(&id) {
            notifier.dialog = Some(leg.dialog.clone());
        }
        Some(leg)
    }

    fn drain_stack(&mut self, now: Instant) {
        while let Some(event) = self.stack.poll_event() {
            match event {
                transaction::Event::Request { key, source, message } => self.on_request(now, key, source, message),
                // A message is long: it stays where it is.
                transaction::Event::Ack { ref message, .. } => self.on_ack(now, message),
                transaction::Event::Cancelled { key, .. } => self.on_cancelled(now, key),
                transaction::Event::Response { key, source, ref message } => {
                    self.on_response(now, key, source, message);
                }
                transaction::Event::Challenged { key, source, destination, ref message, request } => {
                    if !self.on_challenged(now, key, destination, message, request) {
                        self.on_response(now, key, source, message);
                    }
                }
                transaction::Event::Stray2xx { key, source, ref message } => {
                    self.on_response(now, key, source, message);
                }
                transaction::Event::Failed { key, .. } => self.on_failed(now, key),
                transaction::Event::Unacknowledged { .. } => {}
            }
        }
    }

    fn on_response(&mut self, now: Instant, key: ClientKey, source: SocketAddr, response: &Message) {
        let Some(purpose) = self.clients.get(&key).copied() else {
            let answers_invite = response.method() == Method::Invite && (200..300).contains(&response.status());
            return if answers_invite {
                self.on_stray(now, source, response)
            };
        };
        let last = response.status() >= 200;
        match purpose {
            Purpose::Invite(leg) => return self.on_invite_response(now, leg, response),
            Purpose::Refresh(leg) => return self.on_refreshed(now, leg, key, response),
            Purpose::Bye(leg) if last => drop(self.remove(leg)),
            Purpose::Probe(leg) if last => self.on_probe_answered(now, leg, response),
            Purpose::Notify(leg) if last => self.on_notified(now, leg, response.status()),
            Purpose::Subscribe(id) if last => self.on_subscribed(id, response),
            Purpose::Qualify(token) if last => {
                self.events.push_back(Event::Qualified { token, alive: !matches!(response.status(), 408 | 503) });
            }
            Purpose::Bye(_)
            | Purpose::Probe(_)
            | Purpose::Notify(_)
            | Purpose::Subscribe(_)
            | Purpose::Qualify(_)
            | Purpose::Nothing => {}
        }
        if last {
            self.clients.remove(&key);
        }
    }

    fn on_failed(&mut self, now: Instant, key: ClientKey) {
        let Some(purpose) = self.clients.remove(&key) else { return };
        match purpose {
            Purpose::Invite(leg) => self.on_invite_timeout(leg),
            Purpose::Bye(leg) => drop(self.remove(leg)),
            Purpose::Probe(leg) => self.on_probed(leg, false),
            Purpose::Refresh(leg) => self.on_refresh_timeout(leg),
            Purpose::Notify(leg) => self.on_notified(now, leg, 408),
            Purpose::Subscribe(id) => self.on_unsubscribed(id, Subscribed::Unanswered),
            Purpose::Qualify(token) => self.events.push_back(Event::Qualified { token, alive: false }),
            Purpose::Nothing => {}
        }
    }

    fn on_qualify_late(&mut self, now: Instant, key: ClientKey) {
        if let Some(Purpose::Qualify(token)) = self.clients.remove(&key) {
            self.stack.give_up(now, key);
            self.events.push_back(Event::Qualified { token, alive: false });
        }
    }

    /// OPTIONS (RFC 3261 11.2): what an INVITE would be told. Inside a dialog that is a change of the session, which a drain
    /// does not refuse.
    pub(super) fn answer_options(&mut self, now: Instant, key: ServerKey, source: SocketAddr, request: &Message) {
        let code = match self.accepting {
            Accepting::Nothing if request.to_tag().is_none() => 503,
            Accepting::Nothing | Accepting::Calls => 200,
        };
        let mut writer = self.response(source, request, code, None);
        writer.line(Name::Allow, ALLOW);
        writer.line(Name::Supported, SUPPORTED);
        writer.line(Name::Accept, b"application/sdp");
        if code == 200 {
            writer.line(Name::Contact, &self.contacts.own);
        }
        self.finish(now, key, request, code, writer);
    }

    /// Sends a final response that changes nothing. Outside a dialog it is not remembered: strangers ask as often as they like.
    pub(super) fn finish(&mut self, now: Instant, key: ServerKey, request: &Message, code: u16, writer: Writer) {
        match request.to_tag() {
            Some(_) => self.stack.respond(now, key, code, writer.finish()),
            None => self.stack.dismiss(key, writer.finish()),
        }
    }

    /// Refuses a request that is no leg's business, and remembers nothing of it.
    pub(super) fn dismiss(&mut self, key: ServerKey, source: SocketAddr, request: &Message, code: u16) {
        let tag = self.stack.steady_tag(request);
        self.stack.dismiss(key, write::respond(request, source, code, None, &tag).finish());
    }

    /// A response with a tag of its own when the request has none.
    pub(super) fn response(
        &mut self,
        source: SocketAddr,
        request: &Message,
        code: u16,
        reason: Option<&str>,
    ) -> Writer {
        let tag = self.stack.fresh_token();
        write::respond(request, source, code, reason, &tag)
    }

    /// Answers a request that needs nothing but a status.
    pub(super) fn reply(&mut self, now: Instant, key: ServerKey, source: SocketAddr, request: &Message, code: u16) {
        let writer = self.response(source, request, code, None);
        self.stack.respond(now, key, code, writer.finish());
    }
}

/// The leg whose tag this would be, if it is of our making.
pub fn leg_of_tag(tag: &[u8]) -> Option<LegId> {
    hexadecimal(&tag[..memchr::memchr(b'-', tag)?]).map(LegId)
}

fn contact(sent_by: SocketAddr) -> Bytes {
    Bytes::from(format!("<sip:strowger@{sent_by}>"))
}
