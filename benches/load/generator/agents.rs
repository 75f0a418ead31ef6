//! The answering side: every agent's phone on one socket. Each rings and answers at once; no state is kept of a call, so a
//! request that comes twice is answered twice, with the same tag.

use std::collections::HashSet;
use std::net::UdpSocket;
use std::sync::Arc;

use crate::message::{Lines, respond};
use crate::rtp::Rtp;
use crate::socket::{self, Reader};

/// Whether agents that answer now send audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    Silent,
    Speaks,
}

/// All agents.
#[derive(Debug)]
pub(crate) struct Agents {
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) voice: Voice,
    contact: Vec<u8>,
    /// Call-IDs of those who speak: an INVITE that comes twice is still one voice.
    speaking: HashSet<Vec<u8>>,
    out: Vec<u8>,
}

impl Agents {
    /// Agents on this port.
    pub(crate) fn new(port: u16) -> Result<Self, String> {
        Ok(Self {
            socket: Arc::new(socket::open_at(port)?),
            voice: Voice::Silent,
            contact: format!("Contact: <sip:agent@127.0.0.1:{port}>\r\n").into_bytes(),
            speaking: HashSet::new(),
            out: Vec::with_capacity(2_048),
        })
    }

    /// Takes what arrived; tells how many datagrams.
    pub(crate) fn read(&mut self, reader: &mut Reader, rtp: &Rtp) -> usize {
        let socket = Arc::clone(&self.socket);
        reader.read(&socket, |_, source, datagram| {
            let lines = Lines::read(datagram);
            if lines.status().is_some() || lines.start.starts_with(b"ACK ") {
                return;
            }
            let mut answer = |line: &str, contact: &[u8], port: Option<u16>| {
                respond(&mut self.out, line, &lines, contact, port);
                // What a full buffer loses is lost as on a wire.
                let _ = socket.send_to(&self.out, source);
            };
            if !lines.start.starts_with(b"INVITE ") {
                return answer("200 OK", b"", None);
            }
            let number = self.speaking.len() as u32;
            answer("180 Ringing", &self.contact, None);
            answer("200 OK", &self.contact, Some(rtp.port(number)));
            if self.voice == Voice::Speaks && self.speaking.insert(lines.call_id.to_vec()) {
                rtp.speak(rtp.index(number), lines.media_port());
            }
        })
    }
}
