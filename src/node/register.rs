//! Agents' phones that register here. The first shard keeps the registrations, for all of a phone's traffic comes and goes by
//! its socket; what it has found goes to the hub, and from there to all shards before any offer that needs it. An agent
//! without a registration is unreachable, and so is one whose phone does not answer OPTIONS.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::acd::{Proving, Unproven};
use crate::base::digits::Digits;
use crate::base::limits::ROWS_MAX;
use crate::base::{Instant, PeerId, ShardId};
use crate::node::message::Reply;
use crate::node::neighbour::Listing;
use crate::node::phones::Registered;
use crate::node::shard::Shard;
use crate::node::strikes::Place;
use crate::node::view::RegistrationRow;
use crate::sip::auth::Verdict;
use crate::sip::message::Message;
use crate::sip::name::Name;
use crate::sip::registrar::Binding;
use crate::sip::transaction::{ServerKey, Wire};
use crate::sip::uri::Uri;

impl Shard {
    /// Where requests to a neighbour go, if that is known.
    pub(super) fn address_of(&self, peer: PeerId) -> Option<SocketAddr> {
        let phones = || self.phones.get(peer);
        let peer = self.directory.peer(peer);
        peer.address.or_else(|| phones().filter(|phone| peer.may_come_by(phone.wire)).map(|phone| phone.source))
    }

    /// Whether a REGISTER may change something; if not, it has been answered, or is not worth an answer. Nothing is kept of
    /// whoever has not proven itself but a bounded count of wrong passwords.
    pub(super) fn may_register(&mut self, now: Instant, source: SocketAddr, request: &Message) -> bool {
        if self.legs.is_known(request) {
            return true;
        }
        let account = self.account_of(request);
        let from = account.map_or(Place::Elsewhere, |id| self.tried_from(id, source));
        let proves = request.value(Name::Authorization).is_some();
        // Who is at home is not shut out by others behind the same address.
        let heard = match (from, account) {
            (Place::Phone, Some(id)) => self.strikes.believes(now, id, from),
            (Place::Host, _) => true,
            (Place::Phone | Place::Elsewhere | Place::NeighbourHost | Place::Neighbour, _) => {
                self.strikes.hears(now, source.ip())
            }
        };
        if proves && !heard {
            self.unknowns.fail(Proving::Register, Unproven::Locked);
            return false;
        }
        let directory = Arc::clone(&self.directory);
        let credentials = account.and_then(|id| directory.peer(id).account.as_deref());
        let verdict = self.guard.judge(now, source.ip(), request, &directory.registrar.algorithms, |_| credentials);
        // An account that is tried too often is not told apart from one that is not there: both are answered as for a wrong
        // password.
        let locked = proves && account.is_some_and(|id| !self.strikes.believes(now, id, from));
        let verdict = match verdict {
            Verdict::Good if locked => Verdict::Wrong,
            verdict @ (Verdict::Good | Verdict::Missing | Verdict::Stale | Verdict::Wrong | Verdict::Bad(_)) => verdict,
        };
        self.count_verdict(Proving::Register, verdict, locked);
        match verdict {
            Verdict::Good => {
                self.unknowns.allowance.grant(now, source.ip());
                if let Some(id) = account {
                    self.strikes.move_in(id, source.ip());
                }
            }
            Verdict::Missing | Verdict::Stale => {
                let Self { legs, guard, .. } = self;
                let algorithms = &directory.registrar.algorithms;
                let challenge = |writer: &mut _| guard.challenge(now, source.ip(), writer, algorithms, verdict);
                legs.respond_bounded(source, request, 401, challenge);
            }
            Verdict::Wrong => {
                if from == Place::Elsewhere {
                    self.strikes.strike_source(now, source.ip());
                }
                if let Some(id) = account.filter(|id| !locked && self.strikes.strike(now, *id, from)) {
                    tracing::warn!(phone = %directory.peer(id).name, %source, "wrong password");
                }
                self.legs.respond_bounded(source, request, 403, |_| {});
            }
            Verdict::Bad(reason) => self.legs.respond_stateless(source, request, 400, Some(reason)),
        }
        verdict == Verdict::Good
    }

    /// How near to a phone its account is tried.
    fn tried_from(&self, account: PeerId, source: SocketAddr) -> Place {
        let mut sources = self.registrar.bindings(account).iter().map(|binding| binding.source);
        if sources.any(|registered| registered == source) {
            Place::Phone
        } else if self.strikes.lives_at(account, source.ip()) {
            Place::Host
        } else {
            Place::Elsewhere
        }
    }

    /// A REGISTER whose user has proven itself.
    pub(super) fn on_register(&mut self, now: Instant, key: ServerKey, source: SocketAddr, request: &Message) {
        let Some(id) = self.account_of(request) else {
            return self.legs.respond_in(now, key, source, request, (403, None), |_| {});
        };
        let wire = self.certified.wire();
        let phone = self.directory.peer(id);
        if !phone.may_come_by(wire) {
            tracing::info!(phone = %phone.name, "its audio is to be encrypted, but it does not register over TLS");
            return self.legs.respond_in(now, key, source, request, (403, Some("TLS Required")), |_| {});
        }
        let times = self.directory.registrar.times;
        match self.registrar.register(now, id, (source, wire), request, times) {
            Ok(()) => {
                let Self { legs, registrar, .. } = self;
                legs.respond_in(now, key, source, request, (200, None), |writer| {
                    for binding in registrar.bindings(id) {
                        let seconds = binding.until.since(now).as_secs();
                        let left = Digits::decimal(seconds);
                        writer.line_of(Name::Contact, &[b"<", &binding.uri, b">;expires=", left.as_bytes()]);
                    }
                });
            }
            Err(refused) => {
                self.legs.respond_in(now, key, source, request, (refused.code, refused.reason), |writer| {
                    if refused.code == 423 {
                        writer.line_text("Min-Expires", Digits::decimal(times.min.as_secs()).as_bytes());
                    }
                });
            }
        }
        self.drain_registrar(now);
    }

    /// A page of the registered contacts, and how many there are.
    pub(super) fn registrations(&self, now: Instant, offset: usize, limit: usize) -> Reply {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(char::is_control, ".");
        let row = |(id, binding): (PeerId, &Binding)| RegistrationRow {
            agent: self.directory.peer(id).registers_as().unwrap_or_default().to_string(),
            contact: text(&binding.uri),
            source: binding.source.to_string(),
            user_agent: text(&binding.user_agent),
            expires_seconds: binding.until.since(now),
            rung: self.registrar.bindings(id).last() == Some(binding),
            answers: self.peers.is_up(id),
        };
        let rows = self.registrar.all().skip(offset).take(limit.min(ROWS_MAX)).map(row).collect();
        Reply::Registrations { rows, total: self.registrar.all().count() }
    }

    /// Forgets the phones of agents that are gone, and those that would have to come over TLS now.
    pub(super) fn keep_registrations(&mut self, now: Instant) {
        let directory = Arc::clone(&self.directory);
        let Self { registrar, phones, .. } = self;
        registrar.retain(|id| {
            let peer = directory.peer(id);
            let is_there = peer.listing == Listing::Present && peer.account.is_some();
            is_there && phones.get(id).is_none_or(|phone| peer.may_come_by(phone.wire))
        });
        self.drain_registrar(now);
    }

    /// Tells everybody what has changed.
    pub(super) fn drain_registrar(&mut self, now: Instant) {
        while let Some(id) = self.registrar.poll_change() {
            let bindings = self.registrar.bindings(id);
            let registered = bindings.last().map(|newest| {
                let Binding { uri, source, wire, until, .. } = newest.clone();
                Arc::new(Registered { uri, source, wire, until, contacts: bindings.len() })
            });
            let before = self.phones.get(id).map(|phone| phone.source);
            let after = registered.as_ref().map(|phone| phone.source);
            self.phones.put(id, registered.clone());
            self.registered.push_back((id, registered));
            if before != after || !self.peers.is_up(id) {
                self.on_phone(now, id, after.is_some());
            }
        }
    }

    /// What another shard knows of a phone.
    pub(super) fn on_phone_told(&mut self, id: PeerId, registered: Option<Arc<Registered>>) {
        if self.id == ShardId(0) {
            return;
        }
        if let Some((source, wire)) = registered.as_ref().and_then(|phone| Some((phone.source, phone.wire?))) {
            self.legs.note_stream(source, wire);
        }
        self.phones.put(id, registered);
    }

    /// The phones that have registered by a stream connection are gone with it.
    pub(super) fn forget_phones(&mut self, now: Instant, far: SocketAddr, wire: Wire) {
        self.registrar.handle_closed(far, wire);
        self.drain_registrar(now);
    }

    /// The account that a REGISTER is for: the user of its To (RFC 3261 10.3).
    fn account_of(&self, request: &Message) -> Option<PeerId> {
        let uri = Uri::parse(request.to()?.uri).ok()?;
        self.directory.account(std::str::from_utf8(&uri.user_decoded()).ok()?)
    }
}
