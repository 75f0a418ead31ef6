//! `[media]`: where audio is received, and in what.

use std::net::IpAddr;
use std::time::Duration;

use crate::media::Codecs;

/// `[media]`: RTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaConfig {
    /// `address`: where RTP is received; default the host of `sip.listen`. Cannot change at run time.
    pub address: IpAddr,
    /// The same in the other address family, where both are spoken: each port is bound in both.
    pub other: Option<IpAddr>,
    /// `ports = "20000-29999"`: first and last RTP/RTCP port (even to odd). Cannot change at run time.
    pub ports: (u16, u16),
    /// `workers = 2`: threads that carry audio, each with its own share of the ports. Default `"auto"` (`None`): the shell
    /// chooses by the number of cores. Cannot change at run time.
    pub workers: Option<u8>,
    /// `codecs = ["g722", "pcma", "pcmu"]`: what may be used, the preferred one first: of `pcma`, `pcmu`, `g722`, `g729` and
    /// `opus`. Default (`None`) all of them, in the order in which callers offer them. Nothing is transcoded but the two laws
    /// of G.711, so both legs of a call share one. A change is for the next offer.
    pub codecs: Option<Codecs>,
    /// `silence_probe = "90s"`: without RTP for so long, or of talk without media, the far end is asked whether it
    /// knows the call.
    pub silence_probe: Duration,
}
