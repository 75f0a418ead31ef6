//! Who is trusted: by the address that a request comes from, or by the certificate that its TLS connection has shown. Who must
//! prove itself more, does: requests of a neighbour with `auth` are challenged before anything is kept of them.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::acd::{Proving, Refusal, Unproven};
use crate::base::{Instant, PeerId};
use crate::config::Transport;
use crate::node::certified::Names;
use crate::node::shard::{Shard, refused};
use crate::node::strikes::Place;
use crate::sip::auth::Verdict;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::Wire;

impl Shard {
    /// The far end of a TLS connection has shown a good certificate with these names.
    pub fn handle_certified(&mut self, far: SocketAddr, names: Names) {
        self.certified.put(far, names);
    }

    /// Whose call the message in hand may be: that of the neighbour which its connection's certificate names, else of the one
    /// at its address; whoever is to come over TLS is not believed another way, for addresses of datagrams can be forged.
    pub(super) fn trusted(&self, source: SocketAddr) -> Option<PeerId> {
        let by_tls = self.certified.wire() == Some(Wire::Tls);
        if by_tls && let Some(peer) = self.certified_peer(source) {
            return Some(peer);
        }
        let peer = self.directory.trusted(source.ip())?;
        (by_tls || self.directory.peer(peer).transport != Transport::Tls).then_some(peer)
    }

    /// The neighbour that the certificate of a connection names.
    pub(super) fn certified_peer(&self, source: SocketAddr) -> Option<PeerId> {
        let names = self.certified.names(source)?;
        names.iter().find_map(|name| self.directory.certified(name))
    }

    /// Whether a request outside any dialog is proven to be whose it seems to be; if not, it has been answered. ACK and CANCEL
    /// cannot be challenged (RFC 3261 22.1), and an OPTIONS learns and changes nothing.
    pub(super) fn is_proven(&mut self, now: Instant, source: SocketAddr, request: &Message) -> bool {
        if matches!(request.method(), Method::Ack | Method::Cancel | Method::Options) {
            return true;
        }
        let Some(id) = self.trusted(source) else { return true };
        let Some(auth) = self.directory.peer(id).auth.as_ref().map(Arc::clone) else { return true };
        // Its credentials were good when it came first, and are not good twice.
        if self.legs.is_known(request) {
            return true;
        }
        let credentials = &auth.credentials;
        let find = |name: &[u8]| (name == credentials.username.as_bytes()).then_some(credentials);
        let verdict = self.guard.judge(now, source.ip(), request, &auth.algorithms, find);
        let proves = request.value(Name::Authorization).is_some();
        let by_stream = self.certified.wire().is_some();
        let from = self.strikes.tried_from(id, source, by_stream);
        let locked = proves && from.is_some_and(|from| !self.strikes.believes(now, id, from));
        let verdict = match verdict {
            Verdict::Good if locked => Verdict::Wrong,
            verdict @ (Verdict::Good | Verdict::Missing | Verdict::Stale | Verdict::Wrong | Verdict::Bad(_)) => verdict,
        };
        self.count_verdict(Proving::Peer, verdict, locked);
        match verdict {
            Verdict::Good => {
                self.strikes.settle(id, source, by_stream);
                self.note_credentials(id, true, false);
            }
            Verdict::Missing | Verdict::Stale => {
                let Self { legs, guard, .. } = self;
                let challenge = |writer: &mut _| guard.challenge(now, source.ip(), writer, &auth.algorithms, verdict);
                legs.respond_bounded(source, request, 401, challenge);
            }
            Verdict::Wrong => {
                let first = !locked && self.strikes.strike(now, id, from.unwrap_or(Place::Neighbour));
                self.note_credentials(id, false, first);
                if request.method() == Method::Invite {
                    self.commands.push_back(refused(Refusal::Untrusted));
                }
                self.legs.respond_stateless(source, request, 403, None);
            }
            Verdict::Bad(reason) => self.legs.respond_stateless(source, request, 400, Some(reason)),
        }
        verdict == Verdict::Good
    }

    /// Counts credentials that are not good.
    pub(super) const fn count_verdict(&mut self, of: Proving, verdict: Verdict, locked: bool) {
        let why = match verdict {
            Verdict::Good | Verdict::Missing => return,
            Verdict::Stale => Unproven::Stale,
            Verdict::Wrong if locked => Unproven::Locked,
            Verdict::Wrong => Unproven::Wrong,
            Verdict::Bad(_) => Unproven::Unreadable,
        };
        self.unknowns.fail(of, why);
    }

    /// That its credentials are wrong is said once, until they are right again; while somebody else tries passwords in its name,
    /// not again and again.
    fn note_credentials(&mut self, id: PeerId, good: bool, first: bool) {
        let Some(peer) = self.peers.states.get_mut(id.0 as usize) else { return };
        if !std::mem::replace(&mut peer.refused, !good) && !good && first {
            tracing::warn!(peer = %self.directory.peer(id).name, "peer sends a wrong user name or password");
        }
    }
}
