//! The demo's configuration: the built-in one with this run's addresses and the agents' phones.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use crate::cli::args;
use crate::config::{self, AgentConfig, Config, SkillConfig};

/// Ranges of RTP ports tried, upwards.
const RANGES_MAX: usize = 8;
/// The first agent's name; the others count on.
const FIRST_AGENT: u32 = 1001;

/// The name of an agent by its place.
pub(super) fn agent_name(place: usize) -> String {
    (FIRST_AGENT as usize + place).to_string()
}

/// Makes the configuration for phones at these addresses (none: the agents stay where the built-in configuration has
/// them). The notes say which default address was taken by another program.
pub(super) fn make(options: &args::Demo, phones: &[SocketAddr]) -> (Config, Vec<String>) {
    let mut config = config::built_in();
    let mut notes = Vec::new();
    config.sip.listen = choose("--sip", options.sip, config.sip.listen, |at| UdpSocket::bind(at).is_ok(), &mut notes);
    config.http.listen =
        choose("--http", options.http, config.http.listen, |at| TcpListener::bind(at).is_ok(), &mut notes);
    config.media.ports = rtp_ports(config.media.ports);
    if let Some(pattern) = config.agents.first().cloned()
        && !phones.is_empty()
    {
        config.agents = phones.iter().enumerate().map(|(place, at)| agent(&pattern, place, *at)).collect();
    }
    (config, notes)
}

/// A third of the agents serves everything, the others one queue.
fn agent(pattern: &AgentConfig, place: usize, phone: SocketAddr) -> AgentConfig {
    let name = agent_name(place);
    let skills: &[&str] = match place % 3 {
        0 => &["support", "sales"],
        1 => &["support"],
        _ => &["sales"],
    };
    AgentConfig {
        uri: format!("sip:{name}@{phone}"),
        name: name.into(),
        peer: None,
        skills: skills.iter().map(|skill| SkillConfig::plain((*skill).into())).collect(),
        ..pattern.clone()
    }
}

/// A range of RTP ports that no other program holds, tried at eight places: the usual one, else the next of its size.
fn rtp_ports((first, last): (u16, u16)) -> (u16, u16) {
    let size = last - first + 1;
    let ranges = (first..=u16::MAX - size).step_by(usize::from(size));
    let is_free =
        |first: &u16| (0..8).all(|place| UdpSocket::bind((Ipv4Addr::LOCALHOST, *first + size / 8 * place)).is_ok());
    let first = ranges.take(RANGES_MAX).find(is_free).unwrap_or(first);
    (first, first + size - 1)
}

fn choose(
    flag: &str,
    wished: Option<SocketAddr>,
    usual: SocketAddr,
    is_free: impl Fn(SocketAddr) -> bool,
    notes: &mut Vec<String>,
) -> SocketAddr {
    match wished {
        Some(at) => at,
        None if is_free(usual) => usual,
        None => {
            notes
                .push(format!("{usual} is taken by another program; a free port is used instead ({flag} chooses one)"));
            SocketAddr::new(usual.ip(), 0)
        }
    }
}
