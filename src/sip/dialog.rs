//! Dialogs (RFC 3261 section 12): what both ends agreed on, enough to write the next request and to judge the next one that
//! comes. Keeps copies of its own, so that a waiting call does not hold a datagram's memory.

use std::net::SocketAddr;

use crate::base::Digits;
use crate::base::limits::ROUTES_MAX;
use crate::sip::message::Message;
use crate::sip::name::{Method, Name};
use crate::sip::transaction::{ClientKey, HOPS_MAX, Stack};
use crate::sip::uri::Uri;
use crate::sip::value::NameAddr;
use crate::sip::write::Writer;

/// One end of a dialog; ours. An early dialog has no remote tag yet.
#[derive(Debug, Clone)]
pub struct Dialog {
    call_id: Box<[u8]>,
    local: Box<[u8]>,
    local_tag: Box<[u8]>,
    remote: Box<[u8]>,
    remote_tag: Option<Box<[u8]>>,
    target: Box<[u8]>,
    routes: Vec<Box<[u8]>>,
    local_seq: u32,
    remote_seq: Option<u32>,
    peer: SocketAddr,
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
        let from = request.value(Name::From)?;
        let target = request.contact()?.uri;
        let routes = routes(request)?;
        Some(Self {
            call_id: request.call_id()?.into(),
            local: tagged(request.value(Name::To)?, local_tag),
            local_tag: local_tag.into(),
            remote: flat(from),
            remote_tag: request.from_tag().map(Into::into),
            target: target.into(),
            routes,
            local_seq: 0,
            remote_seq: request.cseq().map(|cseq| cseq.number),
            peer: source,
        })
    }

    /// The UAC side before any answer (12.1.2).
    pub fn outgoing(spec: Outgoing<'_>) -> Self {
        let mut to = Vec::with_capacity(spec.uri.len() + 2);
        to.push(b'<');
        to.extend_from_slice(spec.uri);
        to.push(b'>');
        Self {
            call_id: spec.call_id.into(),
            local: tagged(spec.from, spec.tag),
            local_tag: spec.tag.into(),
            remote: to.into(),
            remote_tag: None,
            target: spec.uri.into(),
            routes: Vec::new(),
            local_seq: 0,
            remote_seq: None,
            peer: spec.peer,
        }
    }

    /// The UAC side rebuilt from a 2xx alone, when all else about its INVITE is forgotten. `None` when the response lacks what
    /// a dialog needs.
    pub fn of_answer(response: &Message, source: SocketAddr) -> Option<Self> {
        let mut dialog = Self {
            call_id: response.call_id()?.into(),
            local: flat(response.value(Name::From)?),
            local_tag: response.from_tag()?.into(),
            remote: Box::default(),
            remote_tag: None,
            target: response.contact()?.uri.into(),
            routes: Vec::new(),
            local_seq: response.cseq()?.number,
            remote_seq: None,
            peer: source,
        };
        dialog.establish(response);
        Some(dialog)
    }

    /// The UAC side takes tag, target and routes of a response (12.1.2): an early dialog's may still be replaced. Another fork
    /// counts its requests by itself.
    pub fn establish(&mut self, response: &Message) {
        let Some(to) = response.value(Name::To) else { return };
        if *self.remote != *to {
            self.remote = flat(to);
        }
        if self.remote_tag.as_deref() != response.to_tag() {
            self.remote_tag = response.to_tag().map(Into::into);
            self.remote_seq = None;
        }
        if let Some(contact) = response.contact()
            && *self.target != *contact.uri
        {
            self.target = contact.uri.into();
        }
        if let Some(mut routes) = routes(response) {
            routes.reverse();
            self.routes = routes;
        }
    }

    /// Takes the Contact of a target refresh request or its 2xx (12.2.1.2, 12.2.2).
    pub fn refresh_target(&mut self, message: &Message) {
        if let Some(contact) = message.contact() {
            self.target = contact.uri.into();
        }
    }

    /// True when the request is of this dialog (12.2.2). A peer of RFC 2543 has no tag.
    pub fn matches(&self, request: &Message) -> bool {
        request.call_id() == Some(&*self.call_id)
            && request.to_tag() == Some(&*self.local_tag)
            && (self.remote_tag.is_none() || request.from_tag() == self.remote_tag.as_deref())
    }

    /// The tag of the far end, once known.
    pub fn remote_tag(&self) -> Option<&[u8]> {
        self.remote_tag.as_deref()
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
        self.write(stack, method, self.local_seq, hops)
    }

    /// Begins the ACK of the 2xx to our INVITE of that CSeq number (13.2.2.4).
    pub fn ack(&self, stack: &mut Stack, number: u32) -> (Writer, SocketAddr) {
        let (_, writer, destination) = self.write(stack, Method::Ack, number, HOPS_MAX);
        (writer, destination)
    }

    fn write(&self, stack: &mut Stack, method: Method, number: u32, hops: u32) -> (ClientKey, Writer, SocketAddr) {
        let first = self.routes.first().and_then(|route| NameAddr::parse(route));
        let strict = first.filter(|route| Uri::parse(route.uri).is_ok_and(|uri| uri.param("lr").is_none()));
        let (key, mut writer) =
            stack.start_request_within(method, strict.map_or(&self.target, |route| route.uri), hops);
        let kept = if strict.is_some() { &self.routes[1..] } else { &self.routes[..] };
        for route in kept {
            writer.line(Name::Route, route);
        }
        if strict.is_some() {
            writer.line_fmt(Name::Route, format_args!("<{}>", String::from_utf8_lossy(&self.target)));
        }
        writer.line(Name::From, &self.local);
        writer.line(Name::To, &self.remote);
        writer.line(Name::CallId, &self.call_id);
        writer.line_of(Name::CSeq, &[Digits::decimal(number.into()).as_bytes(), b" ", method.as_str().as_bytes()]);
        (key, writer, self.next_hop(first.map(|route| route.uri)))
    }

    /// The first route, else the target, when its host is an address; else where the dialog began. Names are not looked up
    /// here: inside a dialog the far end's proxy has written addresses of its own.
    fn next_hop(&self, route: Option<&[u8]>) -> SocketAddr {
        Uri::parse(route.unwrap_or(&self.target)).ok().and_then(|uri| uri.socket_addr()).unwrap_or(self.peer)
    }
}

fn routes(message: &Message) -> Option<Vec<Box<[u8]>>> {
    let mut routes = Vec::new();
    for route in message.elements(Name::RecordRoute) {
        if routes.len() == ROUTES_MAX {
            return None;
        }
        routes.push(flat(route));
    }
    Some(routes)
}

fn tagged(value: &[u8], tag: &[u8]) -> Box<[u8]> {
    let mut out = Vec::with_capacity(value.len() + tag.len() + 5);
    out.extend_from_slice(value);
    out.iter_mut().for_each(unfold);
    out.extend_from_slice(b";tag=");
    out.extend_from_slice(tag);
    out.into()
}

fn flat(value: &[u8]) -> Box<[u8]> {
    let mut out: Box<[u8]> = value.into();
    out.iter_mut().for_each(unfold);
    out
}

/// A folded value goes on one line again: line ends become spaces (RFC 3261 7.3.1).
fn unfold(byte: &mut u8) {
    *byte = if matches!(*byte, b'\r' | b'\n') { b' ' } else { *byte };
}
