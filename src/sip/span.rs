//! Where things stand in a datagram. [`Span`] is one place; the others are the places of what every layer asks of a message
//! again (top Via, From, To, CSeq), so that each is read once a message. Offsets only: the text stays in the datagram.

use super::name::Method;
use super::value::{CSeq, NameAddr, Via};

/// A part of the datagram. Sixteen bits suffice, for `limits::MESSAGE_BYTES_MAX` is below 2^16.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) from: u16,
    pub(super) to: u16,
}

impl Span {
    pub(super) const fn new(from: usize, to: usize) -> Self {
        Self { from: from as u16, to: to as u16 }
    }

    #[inline]
    pub(super) fn of(self, raw: &[u8]) -> &[u8] {
        &raw[usize::from(self.from)..usize::from(self.to)]
    }

    /// The place of `part`, which was cut out of `raw`; for an empty part any place does.
    fn find(raw: &[u8], part: &[u8]) -> Self {
        if part.is_empty() {
            return Self::default();
        }
        let from = part.as_ptr().addr() - raw.as_ptr().addr();
        debug_assert!(from + part.len() <= raw.len(), "a part of this datagram");
        Self::new(from, from + part.len())
    }
}

/// The places of one Via.
#[derive(Debug, Clone, Copy)]
pub(super) struct ViaAt {
    version: Span,
    transport: Span,
    host: Span,
    port: Option<u16>,
    branch: Option<Span>,
    received: Option<Span>,
    rport: Option<Option<u16>>,
    sent: Span,
    params: Span,
}

impl ViaAt {
    pub(super) fn find(raw: &[u8], via: &Via<'_>) -> Self {
        let find = |part| Span::find(raw, part);
        Self {
            version: find(via.version),
            transport: find(via.transport),
            host: find(via.host),
            port: via.port,
            branch: via.branch.map(find),
            received: via.received.map(find),
            rport: via.rport,
            sent: find(via.sent),
            params: find(via.params),
        }
    }

    pub(super) fn of<'a>(&self, raw: &'a [u8]) -> Via<'a> {
        Via {
            version: self.version.of(raw),
            transport: self.transport.of(raw),
            host: self.host.of(raw),
            port: self.port,
            branch: self.branch.map(|span| span.of(raw)),
            received: self.received.map(|span| span.of(raw)),
            rport: self.rport,
            sent: self.sent.of(raw),
            params: self.params.of(raw),
        }
    }
}

/// The places of one address and of its tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct AddressAt {
    display: Option<Span>,
    uri: Span,
    params: Span,
    pub(super) tag: Option<Span>,
}

impl AddressAt {
    pub(super) fn find(raw: &[u8], address: &NameAddr<'_>) -> Self {
        let find = |part| Span::find(raw, part);
        Self {
            display: address.display.map(find),
            uri: find(address.uri),
            params: find(address.params),
            tag: address.tag().map(find),
        }
    }

    pub(super) fn of<'a>(&self, raw: &'a [u8]) -> NameAddr<'a> {
        NameAddr { display: self.display.map(|span| span.of(raw)), uri: self.uri.of(raw), params: self.params.of(raw) }
    }
}

/// A CSeq and the place of its method.
#[derive(Debug, Clone, Copy)]
pub(super) struct CSeqAt {
    number: u32,
    method: Method,
    text: Span,
}

impl CSeqAt {
    pub(super) fn find(raw: &[u8], cseq: &CSeq<'_>) -> Self {
        Self { number: cseq.number, method: cseq.method, text: Span::find(raw, cseq.method_text) }
    }

    pub(super) fn of<'a>(&self, raw: &'a [u8]) -> CSeq<'a> {
        CSeq { number: self.number, method: self.method, method_text: self.text.of(raw) }
    }
}
