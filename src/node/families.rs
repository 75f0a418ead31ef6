//! Both address families on one shard: what we are called in each, and in which one each far end's audio comes and goes. A leased
//! port is bound in both under one number, so that whose audio it is for decides only how we describe ourselves.

use std::net::{IpAddr, SocketAddr};

use crate::base::{CallId, LegId, PerFamily, ShardId};
use crate::config::Config;
use crate::media::{Far, SessionDescription};
use crate::node::contact::{Audio, Stream};
use crate::node::message::Setup;
use crate::node::shard::{Shard, Side};
use crate::sip::transaction::Home;

impl Shard {
    /// It speaks the other family too, where there is one, and knows where RTP is received and who is on our own side of a NAT;
    /// after all else that names us is set.
    pub(super) fn speaking_both(mut self, setup: &Setup) -> Self {
        let index = usize::from(self.id.0);
        if let Some(other) = &setup.other
            && let Some(&sent_by) = other.sip_addresses.get(index)
        {
            let public = other.sip_addresses.first().copied().filter(|_| self.id > ShardId(0));
            let tls = setup.config.sip.tls_address(sent_by.ip());
            self.legs.set_other(Home { sent_by, tls, public });
        }
        self.set_local(&setup.config);
        self.rtp = rtp(setup);
        self
    }

    /// Who is on our own side of a NAT, in each family: whichever the configuration has first, we are called what we were at
    /// the start.
    pub(super) fn set_local(&mut self, config: &Config) {
        let other = config.sip.other.as_ref().map(|other| other.local.clone());
        self.legs.set_local(&PerFamily::new(config.sip.listen.ip(), config.sip.local.clone(), other));
    }

    /// True when RTP can go there.
    pub(super) fn reaches(&self, far: &Far) -> bool {
        reaches(self.rtp.as_ref(), far)
    }

    /// What a side is offered next is in the family of this far end, which has said nothing of its audio.
    pub(in crate::node) fn face_side(&mut self, call: CallId, side: Side, far: IpAddr) {
        let ours = self.rtp.and_then(|rtp| rtp.facing(far).copied());
        if let (Some(ours), Some(stream)) = (ours, self.audio_mut(call, side).and_then(Audio::stream_mut)) {
            stream.lease.address.set_ip(ours);
        }
    }

    /// Our host as the far end of a leg sees it.
    pub(super) fn local_to(&self, leg: Option<LegId>) -> IpAddr {
        self.legs.local(leg.and_then(|leg| self.legs.far(leg))).ip()
    }
}

impl Stream {
    /// From now on we describe ourselves in the family that a far end describes itself in.
    pub(super) fn face(&mut self, theirs: &SessionDescription, rtp: Option<&PerFamily<IpAddr>>) {
        self.lease.address = self.facing(theirs, rtp);
    }

    /// Our address in that family. An unspecified one of theirs is hold, and says nothing.
    pub(super) fn facing(&self, theirs: &SessionDescription, rtp: Option<&PerFamily<IpAddr>>) -> SocketAddr {
        let far = theirs.address().map(|far| far.ip()).filter(|far| !far.is_unspecified());
        let ours = far.and_then(|far| rtp?.facing(far)).copied();
        SocketAddr::new(ours.unwrap_or_else(|| self.lease.address.ip()), self.lease.address.port())
    }
}

/// Where RTP is received; `None` without a port.
fn rtp(setup: &Setup) -> Option<PerFamily<IpAddr>> {
    let ip = setup.leases.first()?.address.ip();
    Some(PerFamily::new(ip, ip, setup.other.as_ref().map(|other| other.rtp)))
}

/// True when RTP can go from one of our addresses to theirs; an unspecified one is hold.
pub(super) fn reaches(ours: Option<&PerFamily<IpAddr>>, far: &Far) -> bool {
    let far = far.address.ip();
    far.is_unspecified() || ours.is_none_or(|ours| ours.facing(far).is_some())
}
