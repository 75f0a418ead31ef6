//! The other address family, where two are spoken. What is written names our addresses in the first one; on its way to a far end
//! of the other one Via and Contact are written anew, as it knows us. A session description is left as it is: it has the
//! family that audio comes and goes by. Only such messages pay for the copy.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::event::Home;
use super::local::{LocalNetworks, renamed};

/// What we are called in the other family.
#[derive(Debug)]
pub(super) struct OtherHome {
    pub(super) home: Home,
    /// Who is on our own side of a NAT there.
    pub(super) local: Option<Arc<LocalNetworks>>,
    /// Our names in the first family with those in this one.
    names: [Option<(String, String)>; 2],
}

impl OtherHome {
    /// `first` is what messages are written with.
    pub(super) fn new(first: &Home, home: Home) -> Self {
        let public = first.public.zip(home.public);
        let pairs = [Some((first.sent_by, home.sent_by)), public];
        let names = pairs.map(|pair| pair.map(|(from, to)| (from.to_string(), to.to_string())));
        Self { home, local: None, names }
    }

    /// True when a far end is of this family.
    pub(super) const fn faces(&self, far: SocketAddr) -> bool {
        far.is_ipv4() == self.home.sent_by.is_ipv4()
    }

    /// A message of ours as a far end of this family gets it.
    pub(super) fn rewrite(&self, payload: &Bytes) -> Bytes {
        renamed(payload, &self.names, <[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_us_in_the_other_family_and_its_audio_stays() {
        let home = |sent_by: &str, public: &str| Home {
            sent_by: sent_by.parse().unwrap(),
            tls: None,
            public: Some(public.parse().unwrap()),
        };
        let first = home("192.0.2.2:5061", "192.0.2.2:5060");
        let other = OtherHome::new(&first, home("[2001:db8::2]:5071", "[2001:db8::2]:5070"));
        let text = |via: &str, contact: &str| {
            format!(
                "INVITE sip:7@[2001:db8::9] SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK1;rport\r\n\
                 From: <sip:1@192.0.2.2:5061>;tag=1\r\nContact: <sip:strowger@{contact}>\r\nContent-Length: 40\r\n\r\n\
                 v=0\r\nc=IN IP4 192.0.2.2\r\nm=audio 4 RTP/8 8\r\n"
            )
        };
        for (v4, v6) in [("192.0.2.2:5061", "[2001:db8::2]:5071"), ("192.0.2.2:5060", "[2001:db8::2]:5070")] {
            let out = other.rewrite(&Bytes::from(text(v4, v4)));
            let length = text(v4, v4).split_once("\r\n\r\n").unwrap().1.len();
            let expected = text(v6, v6).replace("Length: 40", &format!("Length: {length}"));
            assert_eq!(String::from_utf8(out.to_vec()).unwrap(), expected);
        }
        let response = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.2:5061\r\nContact: <sip:a@192.0.2.2:5061>\r\n\r\n";
        let expected = response.replace("a@192.0.2.2:5061", "a@[2001:db8::2]:5071");
        assert_eq!(other.rewrite(&Bytes::from(response)), expected, "the Via is theirs");
        assert!(other.faces("[::1]:1".parse().unwrap()) && !other.faces("127.0.0.1:1".parse().unwrap()));
    }
}
