//! Dialogs (RFC 3261 section 12): what both ends agreed on, enough to write the next request and to judge the next one that
//! comes. Keeps copies of its own, so that a waiting call does not hold a datagram's memory.

use std::net::SocketAddr;

use smallvec::SmallVec;

use crate::base::Digits;
use crate::base::limits::ROUTES_MAX;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::{ClientKey, HOPS_MAX, Stack, Wire};
use crate::sip::uri::Uri;
use crate::sip::value::NameAddr;
use crate::sip::write::Writer;

/// One end of a dialog; ours. An early dialog has no remote tag yet.
#[derive(Debug, Clone)]
pub struct Dialog {
    /// Every text of the dialog in one buffer, no longer than they are: many dialogs live for long.
    text: Box<[u8]>,
    at: Places,
    local_seq: u32,
    remote_seq: Option<u32>,
    peer: SocketAddr,
    /// All goes to `peer`, whatever the far end says.
    pinned: bool,
    /// And by the first shard's door: a NAT lets nothing else through.
    by_public: bool,
    /// It has gone over TLS, and goes no other way any more.
    by_tls: bool,
}

/// Where the texts stand in the buffer: Call-ID, our From value, the far end's, the target, then the routes, each ended by a
/// line feed. Each begins where the one before it ends.
#[derive(Debug, Clone, Copy)]
struct Places {
    call_id: u32,
    local: u32,
    remote: u32,
    target: u32,
    /// Our tag, inside our value.
    local_tag: (u32, u32),
    /// The far end's tag, inside its value.
    remote_tag: Option<(u32, u32)>,
}

/// What a dialog is made of.
#[derive(Debug)]
struct Texts<'a> {
    call_id: &'a [u8],
    local: Party<'a>,
    remote: Party<'a>,
    target: &'a [u8],
    routes: SmallVec<[&'a [u8]; 4]>,
}

/// A From or To value, cut around its tag.
#[derive(Debug, Clone, Copy)]
struct Party<'a> {
    before: [&'a [u8]; 2],
    tag: Option<&'a [u8]>,
    after: &'a [u8],
}

/// Who an outgoing dialog is between.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Our Call-ID.
    pub call_id: &'a [u8],
    /// The From value without a tag.
    pub from: &'a [u8],
    /// Our tag.
    pub tag: &'a [u8],
    /// The Request-URI, also the To URI.
    pub uri: &'a [u8],
    /// Where the INVITE goes.
    pub peer: SocketAddr,
}

impl Dialog {
    /// The UAS side, from a request that creates a dialog (12.1.1). `None` when it has no usable Contact or too many routes.
    pub fn incoming(request: &Message, source: SocketAddr, local_tag: &[u8]) -> Option<Self> {
        let (text, at) = Texts {
            call_id: request.call_id()?,
            local: Party::with_tag(request.value(Name::To)?, local_tag),
            remote: Party::of(request.value(Name::From)?, request.from_tag()),
            target: request.contact()?.uri,
            routes: routes(request)?,
        }
        .store();
        let remote_seq = request.cseq().map(|cseq| cseq.number);
        Some(Self { remote_seq, ..Self::between(text, at, source) })
    }

    /// The UAC side before any answer (12.1.2).
    pub fn outgoing(spec: Outgoing<'_>) -> Self {
        let (text, at) = Texts {
            call_id: spec.call_id,
            local: Party::with_tag(spec.from, spec.tag),
            remote: Party { before: [b"<", spec.uri], tag: None, after: b">" },
            target: spec.uri,
            routes: SmallVec::new(),
        }
        .store();
        Self::between(text, at, spec.peer)
    }

    /// The UAC side rebuilt from a 2xx alone, when all else about its INVITE is forgotten. `None` when the response lacks what
    /// a dialog needs.
    pub fn of_answer(response: &Message, source: SocketAddr) -> Option<Self> {
        let local_tag = response.from_tag()?;
        let mut routes = routes(response).unwrap_or_default();
        routes.reverse();
        let (text, at) = Texts {
            call_id: response.call_id()?,
            local: Party::of(response.value(Name::From)?, Some(local_tag)),
            remote: Party::of(response.value(Name::To)?, response.to_tag()),
            target: response.contact()?.uri,
            routes,
        }
        .store();
        Some(Self { local_seq: response.cseq()?.number, ..Self::between(text, at, source) })
    }

    const fn between(text: Box<[u8]>, at: Places, peer: SocketAddr) -> Self {
        Self { text, at, local_seq: 0, remote_seq: None, peer, pinned: false, by_public: false, by_tls: false }
    }

    /// The UAC side takes tag, target and routes of a response (12.1.2): an early dialog's may still be replaced. Another fork
    /// counts its requests by itself.
    pub fn establish(&mut self, response: &Message) {
        let Some(to) = response.value(Name::To) else { return };
        let target = response.contact().map_or_else(|| self.target(), |contact| contact.uri);
        let routes = match routes(response) {
            Some(routes) => routes.into_iter().rev().collect(),
            None => self.routes().collect::<SmallVec<_>>(),
        };
        let same_end = self.remote_tag() == response.to_tag();
        if same_end && self.remote() == to && self.target() == target && self.routes().eq(routes.iter().copied()) {
            return;
        }
        let remote = Party::of(to, response.to_tag());
        (self.text, self.at) = Texts { remote, target, routes, ..self.texts() }.store();
        if !same_end {
            self.remote_seq = None;
        }
    }

    /// Takes the Contact of a target refresh request or its 2xx (12.2.1.2, 12.2.2).
    pub fn refresh_target(&mut self, message: &Message) {
        if let Some(contact) = message.contact()
            && contact.uri != self.target()
        {
            (self.text, self.at) = Texts { target: contact.uri, ..self.texts() }.store();
        }
    }

    /// Where its INVITE came from, or went to.
    pub const fn far(&self) -> SocketAddr {
        self.peer
    }

    /// True when the request is of this dialog (12.2.2). A peer of RFC 2543 has no tag.
    pub fn matches(&self, request: &Message) -> bool {
        let remote_tag = self.remote_tag();
        request.call_id() == Some(self.call_id())
            && request.to_tag() == Some(self.part(self.at.local_tag))
            && (remote_tag.is_none() || request.from_tag() == remote_tag)
    }

    /// True when these are its Call-ID and tags; a far end of RFC 2543, which has no tag, is named `0` (RFC 3891 3).
    pub fn is_between(&self, call_id: &[u8], local_tag: &[u8], remote_tag: &[u8]) -> bool {
        call_id == self.call_id()
            && local_tag == self.part(self.at.local_tag)
            && remote_tag == self.remote_tag().unwrap_or(b"0")
    }

    /// The tag of the far end, once known.
    pub fn remote_tag(&self) -> Option<&[u8]> {
        self.at.remote_tag.map(|place| self.part(place))
    }

    /// Notes the CSeq number of a request; false when it is lower than one seen (answered 500).
    pub fn accept_sequence(&mut self, number: u32) -> bool {
        if self.remote_seq.is_some_and(|seen| number < seen) {
            return false;
        }
        self.remote_seq = Some(number);
        true
    }

    /// Begins the next request of the dialog: start line, Via, routes and the dialog's headers are written; tells where it
    /// goes (12.2.1.1).
    pub fn request(&mut self, stack: &mut Stack, method: Method) -> (ClientKey, Writer, SocketAddr) {
        self.request_within(stack, method, HOPS_MAX)
    }

    /// The same with a Max-Forwards of `hops`.
    pub fn request_within(&mut self, stack: &mut Stack, method: Method, hops: u32) -> (ClientKey, Writer, SocketAddr) {
        self.local_seq += 1;
        let request = self.write(stack, method, self.local_seq, hops);
        self.by_tls |= stack.next_goes_by_tls(request.2);
        request
    }

    /// It began over TLS: nothing of it is ever sent another way.
    pub const fn keep_to_tls(&mut self) {
        self.by_tls = true;
    }

    /// From now on all requests go to where the dialog began, `by_public`: by the first shard's door. The far end is behind
    /// NAT, and its addresses mean nothing here.
    pub const fn pin(&mut self, by_public: bool) {
        (self.pinned, self.by_public) = (true, by_public);
    }

    /// True when all of it goes by the first shard's door.
    pub const fn is_by_public(&self) -> bool {
        self.by_public
    }

    /// True when the request, one of ours, is of this dialog.
    pub fn is_of(&self, request: &Message) -> bool {
        request.call_id() == Some(self.call_id()) && request.from_tag() == Some(self.part(self.at.local_tag))
    }

    /// The CSeq number of our next request, for one that is not begun by [`Dialog::request`].
    pub const fn next_number(&mut self) -> u32 {
        self.local_seq += 1;
        self.local_seq
    }

    /// Begins the ACK of the 2xx to our INVITE of that CSeq number (13.2.2.4).
    pub fn ack(&self, stack: &mut Stack, number: u32) -> (Writer, SocketAddr) {
        let (_, writer, destination) = self.write(stack, Method::Ack, number, HOPS_MAX);
        (writer, destination)
    }

    fn write(&self, stack: &mut Stack, method: Method, number: u32, hops: u32) -> (ClientKey, Writer, SocketAddr) {
        let first = self.routes().next().and_then(NameAddr::parse);
        let strict = first.filter(|route| Uri::parse(route.uri).is_ok_and(|uri| uri.param("lr").is_none()));
        let destination = self.next_hop(stack, first.map(|route| route.uri));
        let (key, mut writer) =
            stack.start_request_within(method, strict.map_or_else(|| self.target(), |route| route.uri), hops);
        for route in self.routes().skip(usize::from(strict.is_some())) {
            writer.line(Name::Route, route);
        }
        if strict.is_some() {
            writer.line_of(Name::Route, &[b"<", self.target(), b">"]);
        }
        writer.line(Name::From, self.local());
        writer.line(Name::To, self.remote());
        writer.line(Name::CallId, self.call_id());
        writer.line_of(Name::CSeq, &[Digits::decimal(number.into()).as_bytes(), b" ", method.as_str().as_bytes()]);
        (key, writer, destination)
    }

    /// The first route, else the target, when its host is an address; else where the dialog began. Names are not looked up
    /// here: inside a dialog the far end's proxy has written addresses of its own.
    /// Where that is the host of a stream connection which the dialog began by, it is this connection (RFC 3261 18.2.2 says
    /// so of responses); another connection is opened only where the address asks for one. What began over TLS stays on its
    /// connection while that lives, whatever the far end calls itself, and is sent over another one afterwards.
    fn next_hop(&self, stack: &mut Stack, route: Option<&[u8]>) -> SocketAddr {
        if self.by_public {
            stack.ask_for_public(self.peer);
            return self.peer;
        }
        let open = stack.stream_to(self.peer);
        if self.pinned || self.by_tls && open == Some(Wire::Tls) {
            stack.ask_for_stream(self.by_tls.then_some((self.peer, Wire::Tls)));
            return self.peer;
        }
        let uri = Uri::parse(route.unwrap_or_else(|| self.target())).ok();
        let written = uri.as_ref().and_then(Uri::socket_addr).map_or(self.peer, |written| stack.reached(written));
        let asks = if self.by_tls { Some(Wire::Tls) } else { uri.as_ref().and_then(Wire::of) };
        stack.ask_for_stream(asks.map(|wire| (written, wire)));
        if written.ip() == self.peer.ip() && open.is_some() && !self.by_tls { self.peer } else { written }
    }

    fn call_id(&self) -> &[u8] {
        self.part((0, self.at.call_id))
    }

    /// Our name-addr, with our tag.
    fn local(&self) -> &[u8] {
        self.part((self.at.call_id, self.at.local))
    }

    /// The far end's name-addr, with its tag once known.
    fn remote(&self) -> &[u8] {
        self.part((self.at.local, self.at.remote))
    }

    /// The Request-URI of requests in the dialog.
    fn target(&self) -> &[u8] {
        self.part((self.at.remote, self.at.target))
    }

    fn routes(&self) -> impl Iterator<Item = &[u8]> {
        let lines = &self.text[self.at.target as usize..];
        lines.split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1])
    }

    fn part(&self, (from, to): (u32, u32)) -> &[u8] {
        &self.text[from as usize..to as usize]
    }

    fn texts(&self) -> Texts<'_> {
        Texts {
            call_id: self.call_id(),
            local: Party::of(self.local(), Some(self.part(self.at.local_tag))),
            remote: Party::of(self.remote(), self.remote_tag()),
            target: self.target(),
            routes: self.routes().collect(),
        }
    }
}

impl<'a> Party<'a> {
    /// A value that holds this tag, cut out of it, or none.
    fn of(value: &'a [u8], tag: Option<&'a [u8]>) -> Self {
        let Some(tag) = tag else { return Self { before: [value, b""], tag, after: b"" } };
        let from = tag.as_ptr().addr().saturating_sub(value.as_ptr().addr());
        match (value.get(..from), value.get(from + tag.len()..)) {
            (Some(before), Some(after)) if !tag.is_empty() => Self { before: [before, b""], tag: Some(tag), after },
            (Some(_) | None, Some(_) | None) => Self { before: [value, b""], tag: Some(b""), after: b"" },
        }
    }

    /// A value that gets this tag.
    const fn with_tag(value: &'a [u8], tag: &'a [u8]) -> Self {
        Self { before: [value, b";tag="], tag: Some(tag), after: b"" }
    }

    fn pieces(&self) -> [&'a [u8]; 4] {
        [self.before[0], self.before[1], self.tag.unwrap_or_default(), self.after]
    }
}

impl Texts<'_> {
    /// Writes all into one buffer.
    fn store(&self) -> (Box<[u8]>, Places) {
        let parties = [&self.local, &self.remote].map(Party::pieces);
        let routes = self.routes.iter().map(|route| route.len() + 1).sum::<usize>();
        let named = parties.as_flattened().iter().map(|piece| piece.len()).sum::<usize>();
        let mut out = Vec::with_capacity(self.call_id.len() + named + self.target.len() + routes);
        let mut put = |pieces: &[&[u8]]| {
            pieces.iter().for_each(|piece| out.extend_from_slice(piece));
            u32::try_from(out.len()).expect("a dialog's texts are not much longer than the message they come from")
        };
        let call_id = put(&[self.call_id]);
        let [(local_tag, local), (remote_tag, remote)] = parties.map(|[first, second, tag, after]| {
            let tag = (put(&[first, second]), put(&[tag]));
            (tag, put(&[after]))
        });
        let target = put(&[self.target]);
        unfold(&mut out);
        let remote_tag = self.remote.tag.map(|_| remote_tag);
        for route in &self.routes {
            let from = out.len();
            out.extend_from_slice(route);
            unfold(&mut out[from..]);
            out.push(b'\n');
        }
        (out.into(), Places { call_id, local, remote, target, local_tag, remote_tag })
    }
}

/// Folded values go on one line again: line ends become spaces (RFC 3261 7.3.1).
fn unfold(text: &mut [u8]) {
    if memchr::memchr2(b'\r', b'\n', text).is_some() {
        text.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
    }
}

/// The routes that a message records; `None` when there are too many.
fn routes(message: &Message) -> Option<SmallVec<[&[u8]; 4]>> {
    let mut routes = SmallVec::new();
    for route in message.elements(Name::RecordRoute) {
        if routes.len() == ROUTES_MAX {
            return None;
        }
        routes.push(route);
    }
    Some(routes)
}
