//! [`Guard`]: a stream's encryption, both ways. What does not authenticate has no effect but a count: no state is kept of it.

use bytes::{BufMut, BytesMut};
use smallvec::SmallVec;

use super::cipher::{Cipher, Of};
use super::keys::{Keys, MasterKey, RTCP_OVERHEAD, Suite, TAG_BYTES_MAX};
use super::window::Window;
use crate::media::rtp;

/// Encrypts what one stream sends and decrypts what it receives; see the module.
#[derive(Debug)]
pub(crate) struct Guard {
    sender: Sender,
    receiver: Receiver,
    /// With what the far end sent before it changed its key: what is under way still counts, until it sends with the new one.
    before: Option<Box<Receiver>>,
}

/// The keys of one direction.
#[derive(Debug)]
struct Ciphers {
    suite: Suite,
    master: MasterKey,
    rtp: Cipher,
    rtcp: Cipher,
}

/// Our one source.
#[derive(Debug)]
struct Sender {
    ciphers: Ciphers,
    /// What was sent; none before the first packet.
    sent: Option<Window>,
    /// Of the next SRTCP packet.
    rtcp_index: u32,
}

/// The far end's sources.
#[derive(Debug)]
struct Receiver {
    ciphers: Ciphers,
    /// Those that have authenticated, the newest last.
    sources: SmallVec<[Source; 1]>,
    /// Where the sources were under the key before: a new key does not reset the count (RFC 3711 3.3.1).
    known: SmallVec<[(u32, Window); 1]>,
}

/// One of the far end's sources.
#[derive(Debug, Clone, Copy)]
struct Source {
    ssrc: u32,
    rtp: Option<Window>,
    rtcp: Option<Window>,
}

/// Sources of one far end: more come one after the other, as its calls are handed on. The oldest gives way.
const SOURCES_MAX: usize = 4;
/// Sequence numbers until they roll over.
const ROUND: u64 = 1 << 16;
/// Bit of the index of an SRTCP packet whose payload is encrypted (RFC 3711 3.4).
const ENCRYPTED: u32 = 1 << 31;
/// Octets of an RTCP packet that stay in the clear: the first header, and the source.
const RTCP_CLEAR_BYTES: usize = 8;

impl Guard {
    /// One that begins with these keys.
    pub(crate) fn new(keys: &Keys) -> Self {
        Self {
            sender: Sender { ciphers: Ciphers::new(keys.suite, keys.ours), sent: None, rtcp_index: 0 },
            receiver: Receiver::new(Ciphers::new(keys.suite, keys.theirs)),
            before: None,
        }
    }

    /// Goes on with these keys. A side whose key stays goes on as if nothing had been.
    pub(crate) fn change(&mut self, keys: &Keys) {
        if !self.sender.ciphers.are(keys.suite, &keys.ours) {
            self.sender.ciphers = Ciphers::new(keys.suite, keys.ours);
            if keys.fresh {
                self.sender.sent = None;
            }
        }
        if !self.receiver.ciphers.are(keys.suite, &keys.theirs) {
            let mut receiver = Receiver::new(Ciphers::new(keys.suite, keys.theirs));
            if !keys.fresh {
                receiver.known = self.receiver.windows();
            }
            let before = std::mem::replace(&mut self.receiver, receiver);
            self.before = (!keys.fresh).then(|| Box::new(before));
        }
    }

    /// True while nothing was sent that the far end of these keys could count from.
    pub(crate) const fn is_unused(&self) -> bool {
        self.sender.sent.is_none()
    }

    /// Encrypts the packet that is all of `packet`, whose header has twelve octets, and adds its tag. False, and nothing done,
    /// for one whose index has been used: nothing else may be sent with the same key stream.
    pub(crate) fn protect_rtp(&mut self, packet: &mut BytesMut) -> bool {
        let Some((_, sequence, ssrc)) = numbers(packet) else { return false };
        let Sender { ciphers, sent, .. } = &mut self.sender;
        let index = sent.as_ref().map_or_else(|| u64::from(sequence), |sent| sent.index_of(sequence));
        match sent {
            Some(window) if !window.takes(index) => return false,
            Some(window) => window.mark(index),
            None => *sent = Some(Window::new(index)),
        }
        ciphers.rtp.crypt(ssrc, index, &mut packet[rtp::HEADER_BYTES..]);
        let tag = ciphers.rtp.tag(packet, &rollover(index));
        packet.put_slice(&tag[..ciphers.rtp.tag_bytes()]);
        true
    }

    /// Encrypts the compound RTCP packet that is all of `packet`, and adds its index and its tag.
    pub(crate) fn protect_rtcp(&mut self, packet: &mut BytesMut) {
        let Some(ssrc) = rtcp_source(packet) else { return };
        let Sender { ciphers, rtcp_index, .. } = &mut self.sender;
        let index = *rtcp_index;
        *rtcp_index = (index + 1) & !ENCRYPTED;
        ciphers.rtcp.crypt(ssrc, index.into(), &mut packet[RTCP_CLEAR_BYTES..]);
        packet.put_u32(ENCRYPTED | index);
        let tag = ciphers.rtcp.tag(packet, &[]);
        packet.put_slice(&tag);
    }

    /// Writes what an SRTP packet is in the clear; false for one that is none of the far end's, or has been there.
    pub(crate) fn unprotect_rtp(&mut self, packet: &[u8], clear: &mut Vec<u8>) -> bool {
        if self.receiver.unprotect_rtp(packet, clear) {
            self.before = None;
            return true;
        }
        self.before.as_mut().is_some_and(|before| before.unprotect_rtp(packet, clear))
    }

    /// Writes what an SRTCP packet is in the clear; false as for RTP.
    pub(crate) fn unprotect_rtcp(&mut self, packet: &[u8], clear: &mut Vec<u8>) -> bool {
        self.receiver.unprotect_rtcp(packet, clear)
            || self.before.as_mut().is_some_and(|before| before.unprotect_rtcp(packet, clear))
    }
}

impl Ciphers {
    fn new(suite: Suite, master: MasterKey) -> Self {
        let rtp = Cipher::new(&master, Of::Rtp, suite.tag_bytes());
        // RFC 4568 6.2.2: also where RTP has a short one.
        let rtcp = Cipher::new(&master, Of::Rtcp, TAG_BYTES_MAX);
        Self { suite, master, rtp, rtcp }
    }

    fn are(&self, suite: Suite, master: &MasterKey) -> bool {
        self.suite == suite && self.master == *master
    }
}

impl Receiver {
    fn new(ciphers: Ciphers) -> Self {
        Self { ciphers, sources: SmallVec::new(), known: SmallVec::new() }
    }

    /// Where its sources are.
    fn windows(&self) -> SmallVec<[(u32, Window); 1]> {
        let heard = self.sources.iter().filter_map(|source| Some((source.ssrc, source.rtp?)));
        let known = self.known.iter().copied();
        heard.chain(known).take(SOURCES_MAX).collect()
    }

    fn unprotect_rtp(&mut self, packet: &[u8], clear: &mut Vec<u8>) -> bool {
        let Some((header, sequence, ssrc)) = numbers(packet) else { return false };
        let cipher = &self.ciphers.rtp;
        let Some(end) = packet.len().checked_sub(cipher.tag_bytes()).filter(|end| *end >= header) else { return false };
        let (body, tag) = packet.split_at(end);
        let window = self.source(ssrc).and_then(|source| source.rtp);
        let index = match window {
            Some(window) => {
                let index = window.index_of(sequence);
                Some(index).filter(|index| window.takes(*index) && cipher.verifies(body, &rollover(*index), tag))
            }
            None => {
                // Many begin to count anew with a new key; and a source's first packets, before its number rolled over, may
                // have been lost, or have come before its key was known.
                let known = self.known.iter().find(|(of, _)| *of == ssrc).map(|(_, window)| window.index_of(sequence));
                let rolled = (sequence <= u16::MAX / 2).then_some(ROUND + u64::from(sequence));
                let mut guesses = known.into_iter().chain([sequence.into()]).chain(rolled);
                guesses.find(|index| cipher.verifies(body, &rollover(*index), tag))
            }
        };
        let Some(index) = index else { return false };
        clear.clear();
        clear.extend_from_slice(body);
        cipher.crypt(ssrc, index, &mut clear[header..]);
        note(&mut self.source_mut(ssrc).rtp, index);
        true
    }

    fn unprotect_rtcp(&mut self, packet: &[u8], clear: &mut Vec<u8>) -> bool {
        let Some(ssrc) = rtcp_source(packet) else { return false };
        let Some(end) = packet.len().checked_sub(RTCP_OVERHEAD).filter(|end| *end >= RTCP_CLEAR_BYTES) else {
            return false;
        };
        let (body, rest) = packet.split_at(end);
        let Some((index, tag)) = rest.split_first_chunk::<4>() else { return false };
        let number = u32::from_be_bytes(*index);
        let at = u64::from(number & !ENCRYPTED);
        let has_been = self.source(ssrc).and_then(|source| source.rtcp).is_some_and(|window| !window.takes(at));
        let cipher = &self.ciphers.rtcp;
        if has_been || !cipher.verifies(body, index, tag) {
            return false;
        }
        clear.clear();
        clear.extend_from_slice(body);
        if number & ENCRYPTED != 0 {
            cipher.crypt(ssrc, at, &mut clear[RTCP_CLEAR_BYTES..]);
        }
        note(&mut self.source_mut(ssrc).rtcp, at);
        true
    }

    fn source(&self, ssrc: u32) -> Option<&Source> {
        self.sources.iter().find(|source| source.ssrc == ssrc)
    }

    /// The source, which has authenticated.
    fn source_mut(&mut self, ssrc: u32) -> &mut Source {
        let place = self.sources.iter().position(|source| source.ssrc == ssrc).unwrap_or_else(|| {
            if self.sources.len() == SOURCES_MAX {
                self.sources.remove(0);
            }
            self.sources.push(Source { ssrc, rtp: None, rtcp: None });
            self.sources.len() - 1
        });
        &mut self.sources[place]
    }
}

fn note(window: &mut Option<Window>, index: u64) {
    match window {
        Some(window) => window.mark(index),
        None => *window = Some(Window::new(index)),
    }
}

/// The rollover counter of an index, which is authenticated with the packet (RFC 3711 4.2).
const fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// The octets of a packet's header, its sequence number and its source; `None` when it is no RTP packet.
fn numbers(packet: &[u8]) -> Option<(usize, u16, u32)> {
    let header = rtp::header_bytes(packet)?;
    let [_, _, s0, s1, _, _, _, _, c0, c1, c2, c3] = *packet.first_chunk::<{ rtp::HEADER_BYTES }>()?;
    Some((header, u16::from_be_bytes([s0, s1]), u32::from_be_bytes([c0, c1, c2, c3])))
}

fn rtcp_source(packet: &[u8]) -> Option<u32> {
    let [first, _, _, _, source @ ..] = *packet.first_chunk::<RTCP_CLEAR_BYTES>()?;
    (first >> 6 == 2).then_some(u32::from_be_bytes(source))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The packets that libsrtp checks itself by, with the keys of RFC 3711 B.3.
    #[test]
    fn packets_are_those_of_another_implementation() {
        let plain = octets("800f1234decafbadcafebabeabababababababababababababababab");
        let secret = octets("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
        let (mut here, mut there) = (guard(&rfc(), &rfc()), guard(&rfc(), &rfc()));
        assert_eq!(send(&mut here, &plain).unwrap(), secret);
        assert_eq!(receive(&mut there, &secret).unwrap(), plain);
        let plain = octets("81c8000bcafebabeabababababababababababababababab");
        let secret = octets("81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798");
        here.sender.rtcp_index = 1;
        let mut packet = BytesMut::from(&plain[..]);
        here.protect_rtcp(&mut packet);
        assert_eq!(packet, secret);
        let mut clear = Vec::new();
        assert!(there.unprotect_rtcp(&secret, &mut clear));
        assert_eq!(clear, plain);
        assert!(!there.unprotect_rtcp(&secret, &mut clear), "a second time");
    }

    #[test]
    fn the_header_s_extension_and_sources_stay_in_the_clear() {
        let (here, mut there) = pair(Suite::Sha1Tag80);
        let head = octets("920f1234decafbadcafebabe 0000000100000002 bede0001 11223344");
        // As a far end sends it: ours never do.
        let packet = [&head[..], b"audio"].concat();
        let mut body = packet.clone();
        here.sender.ciphers.rtp.crypt(0xcafe_babe, 0x1234, &mut body[head.len()..]);
        let tag = here.sender.ciphers.rtp.tag(&body, &[0; 4]);
        assert_eq!(receive(&mut there, &[&body[..], &tag].concat()).unwrap(), packet);
        assert!(!there.unprotect_rtp(&head, &mut Vec::new()), "no room for a tag");
    }

    #[test]
    fn what_is_altered_repeated_or_a_stranger_s_is_refused_and_leaves_nothing_behind() {
        for suite in Suite::ALL {
            let (mut here, mut there) = pair(suite);
            let secret = send(&mut here, &packet(7, 1)).unwrap();
            assert_eq!(secret.len(), packet(7, 1).len() + suite.tag_bytes());
            for at in 0..secret.len() {
                let mut altered = secret.clone();
                altered[at] ^= 0x10;
                assert_eq!(receive(&mut there, &altered), None, "octet {at}");
            }
            (0..100).for_each(|ssrc| assert_eq!(receive(&mut there, &[&packet(7, ssrc)[..], &[0; 10]].concat()), None));
            assert_eq!(there.receiver.sources.len(), 0);
            assert_eq!(receive(&mut there, &secret), Some(packet(7, 1)));
            assert_eq!(receive(&mut there, &secret), None, "a second time");
            for ssrc in 2..10 {
                let secret = guard_of_source(&mut here, &packet(7, ssrc));
                assert_eq!(receive(&mut there, &secret), Some(packet(7, ssrc)));
            }
            assert_eq!(there.receiver.sources.len(), SOURCES_MAX);
        }
    }

    #[test]
    fn sequence_numbers_roll_over_and_loss_and_disorder_do_no_harm() {
        let (mut here, mut there) = pair(Suite::Sha1Tag80);
        for round in 0..3_u32 {
            for sequence in (0..=u16::MAX).step_by(1_000).chain([65_530, 65_535]) {
                let packet = packet(sequence, 1);
                let secret = send(&mut here, &packet).unwrap();
                assert_eq!(receive(&mut there, &secret), Some(packet), "round {round}, {sequence}");
            }
        }
        let early = send(&mut here, &packet(5, 1)).unwrap();
        let late = send(&mut here, &packet(65_534, 1)).unwrap();
        assert_eq!(receive(&mut there, &early), Some(packet(5, 1)));
        assert_eq!(receive(&mut there, &late), Some(packet(65_534, 1)), "of the round before");
    }

    #[test]
    fn a_source_is_heard_though_its_number_rolled_over_before_its_first_packet_came() {
        let (mut here, mut there) = pair(Suite::Sha1Tag80);
        let lost = [65_533, 65_534].map(|sequence| send(&mut here, &packet(sequence, 1)).unwrap());
        for sequence in [2, 1, 3] {
            let secret = send(&mut here, &packet(sequence, 1)).unwrap();
            assert_eq!(receive(&mut there, &secret), Some(packet(sequence, 1)));
            assert_eq!(receive(&mut there, &secret), None, "a second time");
        }
        assert_eq!(receive(&mut there, &lost[1]), Some(packet(65_534, 1)), "late, of the round before");
    }

    #[test]
    fn nothing_is_sent_twice_with_the_same_key_stream() {
        let (mut here, _) = pair(Suite::Sha1Tag80);
        assert!(send(&mut here, &packet(5, 1)).is_some());
        assert_eq!(send(&mut here, &packet(5, 1)), None);
        assert!(send(&mut here, &packet(4, 1)).is_some());
    }

    #[test]
    fn a_new_key_goes_on_counting_and_what_was_under_way_still_counts() {
        let (mut here, mut there) = pair(Suite::Sha1Tag80);
        for sequence in [65_000, 30, 31] {
            let secret = send(&mut here, &packet(sequence, 1)).unwrap();
            assert!(receive(&mut there, &secret).is_some());
        }
        let under_way = send(&mut here, &packet(32, 1)).unwrap();
        here.change(&Keys { suite: Suite::Sha1Tag80, ours: key(8), theirs: key(2), fresh: false });
        there.change(&Keys { suite: Suite::Sha1Tag80, ours: key(2), theirs: key(8), fresh: false });
        assert_eq!(here.sender.ciphers.master, key(8));
        assert_eq!(receive(&mut there, &under_way), Some(packet(32, 1)));
        let new = send(&mut here, &packet(33, 1)).unwrap();
        assert_eq!(receive(&mut there, &new), Some(packet(33, 1)), "in the second round");
        assert_eq!(receive(&mut there, &under_way), None);
        assert!(there.before.is_none());
        // One that begins to count anew with its key.
        let mut anew = guard(&key(9), &key(2));
        there.change(&Keys { suite: Suite::Sha1Tag80, ours: key(2), theirs: key(9), fresh: false });
        let secret = send(&mut anew, &packet(34, 1)).unwrap();
        assert_eq!(receive(&mut there, &secret), Some(packet(34, 1)));
    }

    #[test]
    fn another_far_end_is_sent_to_as_from_the_beginning() {
        let (mut here, _) = pair(Suite::Sha1Tag80);
        [65_535, 0, 1].into_iter().for_each(|sequence| assert!(send(&mut here, &packet(sequence, 1)).is_some()));
        here.change(&Keys { suite: Suite::Sha1Tag32, ours: key(5), theirs: key(6), fresh: true });
        let mut other = Guard::new(&Keys { suite: Suite::Sha1Tag32, ours: key(6), theirs: key(5), fresh: true });
        let secret = send(&mut here, &packet(2, 1)).unwrap();
        assert_eq!(receive(&mut other, &secret), Some(packet(2, 1)));
        let secret = send(&mut other, &packet(9, 3)).unwrap();
        assert_eq!(receive(&mut here, &secret), Some(packet(9, 3)));
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(noise in proptest::collection::vec(any::<u8>(), 0..80), rtcp: bool) {
            let (mut here, _) = pair(Suite::Sha1Tag80);
            let mut clear = Vec::new();
            let taken = if rtcp { here.unprotect_rtcp(&noise, &mut clear) } else { here.unprotect_rtp(&noise, &mut clear) };
            prop_assert!(!taken && here.receiver.sources.is_empty());
        }
    }

    fn pair(suite: Suite) -> (Guard, Guard) {
        let keys = |ours, theirs| Keys { suite, ours: key(ours), theirs: key(theirs), fresh: true };
        (Guard::new(&keys(1, 2)), Guard::new(&keys(2, 1)))
    }

    fn guard(ours: &MasterKey, theirs: &MasterKey) -> Guard {
        Guard::new(&Keys { suite: Suite::Sha1Tag80, ours: *ours, theirs: *theirs, fresh: true })
    }

    /// A packet of another source of the same far end.
    fn guard_of_source(here: &mut Guard, plain: &[u8]) -> Vec<u8> {
        here.sender.sent = None;
        send(here, plain).unwrap()
    }

    fn send(guard: &mut Guard, plain: &[u8]) -> Option<Vec<u8>> {
        let mut packet = BytesMut::from(plain);
        guard.protect_rtp(&mut packet).then(|| packet.to_vec())
    }

    fn receive(guard: &mut Guard, secret: &[u8]) -> Option<Vec<u8>> {
        let mut clear = Vec::new();
        guard.unprotect_rtp(secret, &mut clear).then_some(clear)
    }

    fn packet(sequence: u16, ssrc: u32) -> Vec<u8> {
        let mut packet = BytesMut::new();
        rtp::Header { marker: false, payload_type: 8, sequence, timestamp: 5, ssrc }.write(&mut packet);
        packet.put_slice(b"some audio");
        packet.to_vec()
    }

    fn key(octet: u8) -> MasterKey {
        MasterKey([octet; 30])
    }

    fn rfc() -> MasterKey {
        let octets = octets("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6");
        MasterKey(octets.try_into().unwrap())
    }

    fn octets(digits: &str) -> Vec<u8> {
        let digits: Vec<u8> = digits.bytes().filter(|digit| *digit != b' ').collect();
        let digits = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }
}
