//! Our own side of a NAT: far ends there are told our address there, all others the one that the world sees. What is written
//! names the world's address; on its way to the inside the places that name it are written anew. Only such messages pay for
//! the copy.

use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

use crate::base::networks::within;

/// The networks inside, and our address there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalNetworks {
    /// Address and prefix length.
    pub networks: Vec<(IpAddr, u8)>,
    /// What far ends inside are told.
    pub address: IpAddr,
}

impl LocalNetworks {
    /// True when a far end is inside.
    pub fn covers(&self, far: IpAddr) -> bool {
        let far = far.to_canonical();
        self.networks.iter().any(|(network, prefix)| within(*network, *prefix, far))
    }

    /// Us as the world sees us, where we are called `outside`, and as far ends inside do.
    pub(super) const fn names(&self, outside: IpAddr) -> Names {
        Names { outside, inside: if self.networks.is_empty() { outside } else { self.address } }
    }

    /// A message of ours, written with `sent_by` or with `public`, as a far end inside gets it: the Via of a request, our
    /// Contact, and the addresses of our session description. Those may be of either family, whatever the message goes by.
    pub(super) fn rewrite(
        &self,
        payload: &Bytes,
        (sent_by, public): (SocketAddr, Option<SocketAddr>),
        described: &[Option<Names>; 2],
    ) -> Bytes {
        let is_same = |names: &Names| names.inside == names.outside;
        if self.address == sent_by.ip() && described.iter().flatten().all(is_same) {
            return payload.clone();
        }
        let names = [Some(sent_by), public].map(|it| {
            let it = it?;
            Some((it.to_string(), SocketAddr::new(self.address, it.port()).to_string()))
        });
        renamed(payload, &names, |body| description(body, described))
    }
}

/// One family's address of ours, by who sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names {
    /// By the world.
    outside: IpAddr,
    /// By our own side of the NAT; where no network is there, as by the world.
    inside: IpAddr,
}

/// A session description with `o=`, `c=` and `a=rtcp:` that name one of the world's addresses written as the inside has it.
fn description(body: &[u8], names: &[Option<Names>; 2]) -> Vec<u8> {
    let named = |ip: IpAddr| format!("IN {} {ip}", if ip.is_ipv4() { "IP4" } else { "IP6" });
    let names = names.map(|names| names.map(|names| (named(names.outside), named(names.inside))));
    let mut out = Vec::with_capacity(body.len() + 16);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        let is_address = [&b"o="[..], b"c=", b"a=rtcp:"].iter().any(|begin| line.starts_with(begin));
        let mut ours = names.iter().flatten().filter(|_| is_address);
        match ours.find_map(|(outside, inside)| Some((text.strip_suffix(outside.as_bytes())?, inside))) {
            Some((before, inside)) => {
                out.extend_from_slice(before);
                out.extend_from_slice(inside.as_bytes());
                out.extend_from_slice(&line[text.len()..]);
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// A message of ours with other names of our addresses in the Via of a request and in our Contact, and its session description
/// as `describe` makes it.
pub(super) fn renamed(
    payload: &Bytes,
    names: &[Option<(String, String)>],
    describe: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Bytes {
    let header = memchr::memmem::find(payload, b"\r\n\r\n").map_or(payload.len(), |end| end + 4);
    let (head, body) = payload.split_at(header);
    let body = if body.starts_with(b"v=0") { describe(body) } else { body.to_vec() };
    let mut out = BytesMut::with_capacity(payload.len() + 64);
    let mut is_request = !head.starts_with(b"SIP/2.0 ");
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let is_via = is_request && line.starts_with(b"Via: ");
        if is_via || line.starts_with(b"Contact: ") {
            // The first Via is ours: a request of ours has no other.
            is_request &= !is_via;
            replace(line, names.iter().flatten(), &mut out);
        } else if line.starts_with(b"Content-Length: ") {
            out.put_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        } else {
            out.put_slice(line);
        }
    }
    out.put_slice(&body);
    out.freeze()
}

/// `line` with the first address of ours in it, as the world knows it, written as the inside does.
fn replace<'a>(line: &[u8], mut names: impl Iterator<Item = &'a (String, String)>, out: &mut BytesMut) {
    let found = names.find_map(|(from, to)| {
        let at = memchr::memmem::find(line, from.as_bytes())?;
        let begins = at.checked_sub(1).is_none_or(|before| matches!(line[before], b' ' | b'@' | b':' | b'<'));
        let end = at + from.len();
        (begins && line.get(end).is_none_or(|next| !next.is_ascii_alphanumeric())).then_some((at, end, to))
    });
    match found {
        Some((at, end, to)) => {
            out.put_slice(&line[..at]);
            out.put_slice(to.as_bytes());
            out.put_slice(&line[end..]);
        }
        None => out.put_slice(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside() -> LocalNetworks {
        LocalNetworks { networks: vec![("10.0.0.0".parse().unwrap(), 8)], address: "10.0.0.5".parse().unwrap() }
    }

    fn rewritten(text: &str) -> String {
        let out = inside().rewrite(
            &Bytes::from(text.replace('\n', "\r\n")),
            ("203.0.113.5:5060".parse().unwrap(), Some("203.0.113.5:5070".parse().unwrap())),
            &[Some(inside().names("203.0.113.5".parse().unwrap())), None],
        );
        String::from_utf8(out.to_vec()).unwrap().replace('\r', "")
    }

    #[test]
    fn a_request_names_us_as_the_inside_knows_us() {
        let body = "v=0\no=- 1 1 IN IP4 203.0.113.5\ns=IN IP4 203.0.113.5\nc=IN IP4 203.0.113.5\nm=audio 4000 RTP/AVP 8\n\
                    a=rtcp:4001 IN IP4 203.0.113.5\nc=IN IP4 203.0.113.55\n";
        let length = body.replace('\n', "\r\n").len();
        let head = |host: &str, length: usize| {
            format!(
                "INVITE sip:1@10.0.0.9 SIP/2.0\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK1;rport\n\
                 From: <sip:1@203.0.113.5:5060>;tag=1\nContact: <sip:strowger@{host}:5060>\nX-A: 203.0.113.5:5060\n\
                 Content-Length: {length}\n\n"
            )
        };
        let expected = body.replace("o=- 1 1 IN IP4 203.0.113.5", "o=- 1 1 IN IP4 10.0.0.5");
        let expected = expected.replace("\nc=IN IP4 203.0.113.5\n", "\nc=IN IP4 10.0.0.5\n");
        let expected = expected.replace("a=rtcp:4001 IN IP4 203.0.113.5", "a=rtcp:4001 IN IP4 10.0.0.5");
        let out = rewritten(&(head("203.0.113.5", length) + body));
        assert_eq!(out, head("10.0.0.5", length - 9) + &expected);
    }

    #[test]
    fn a_response_keeps_the_vias_and_others_keep_their_addresses() {
        let text = "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK1\nContact: <sip:x@203.0.113.5:50600>\n\
                    Content-Length: 0\n\n";
        assert_eq!(rewritten(text), text);
        let ours = text.replace("50600>", "5060;transport=tcp>");
        assert_eq!(rewritten(&ours), ours.replace("x@203.0.113.5", "x@10.0.0.5"));
        let public = text.replace("50600>", "5070>");
        assert_eq!(rewritten(&public), public.replace("x@203.0.113.5", "x@10.0.0.5"), "the first shard's");
        for strange in ["", "x", "\n\n", "INVITE", "INVITE\nVia: \n\nv=0\nc=\no="] {
            assert_eq!(rewritten(strange), strange);
        }
    }

    #[test]
    fn only_those_networks_are_inside() {
        let covers = |text: &str| inside().covers(text.parse().unwrap());
        assert!(covers("10.1.2.3") && covers("::ffff:10.1.2.3") && !covers("192.0.2.1") && !covers("::1"));
    }
}
