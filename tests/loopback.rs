//! Real sockets, real RTP: the engine with test phones that send one tone each. What each side hears is judged by content:
//! music, then only the other party's tone, in one unbroken stream. Times are read from RTP, not from a clock, so that a busy
//! machine does not fail the tests.

#![cfg(feature = "node")]

#[path = "loopback/adapter.rs"]
mod adapter;
#[path = "loopback/families.rs"]
mod families;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use adapter::Adapter;
use families::speak_both;
use strowger::base::{Instant, Rng};
use strowger::config::{self, AnswerPolicy, Config, OtherFamily};
use strowger::io::clock::Clock;
use strowger::io::engine::Engine;
use strowger::io::load::{Loader, Origin};
use strowger::io::phones::{PhoneId, Phones};
use strowger::io::signalling::Ended;
use strowger::media::Codec;
use strowger::media::tone::{AGENT_HZ, CALLER_HZ, Tone, share};
use strowger::media::tune;
use strowger::node::{Control, Reply};
use strowger::sim::agent_phone::Manner;
use strowger::sim::caller::Dial;
use strowger::sim::phone::PhoneEvent;
use strowger::sim::voice::Heard;

/// Samples of 20 ms.
const FRAME: u32 = 160;
/// Samples of 60 ms: the longest gap between music and voice.
const GAP_MAX: u32 = 480;
/// Frames of 100 ms.
const BEGINNING: usize = 5;
/// A frame is the tone when this part of its power is.
const PURE: f64 = 0.95;
/// A step that does not come in this time never comes.
const STEP_MAX: Duration = Duration::from_secs(20);

/// RTP ports of a test, below the system's ephemeral ones.
const RTP_PORTS: u16 = 100;
const FIRST_RTP: u16 = 10_000;
/// So many tests find ports.
const RANGES: u16 = 100;
static NEXT_RANGE: AtomicU16 = AtomicU16::new(0);

#[test]
fn a_caller_hears_music_then_only_the_agent() {
    let mut stage = Stage::open(|_| {}, &[8], &[8]);
    stage.talk();
    let (caller, agent) = stage.close();

    assert_unbroken(&caller);
    let join = caller.iter().position(|heard| is_tone(heard, AGENT_HZ)).expect("the caller hears the agent");
    let (music, voice) = caller.split_at(join);
    let expected: Vec<i16> = tune::built_in().iter().map(|sample| through(Codec::Pcma, *sample)).collect();
    for (frame, samples) in music.iter().zip(expected.chunks(FRAME as usize)).take(BEGINNING) {
        assert_eq!(frame.samples, samples, "the music begins with its beginning");
    }
    assert!(music.len() > 25, "half a second of music while the agent's phone rings");
    assert!(music.iter().all(|heard| share(&heard.samples, CALLER_HZ) < 0.2), "nobody hears themselves");
    assert!(voice.len() > 50 && voice.iter().all(|heard| is_tone(heard, AGENT_HZ)), "then only the agent");
    let gap = voice[0].timestamp.wrapping_sub(music[join - 1].timestamp) - FRAME;
    assert!(gap <= GAP_MAX, "a gap of {gap} samples");
    assert_beginning(voice, AGENT_HZ, Codec::Pcma);

    assert_unbroken(&agent);
    assert!(agent.len() > 50 && agent.iter().all(|heard| is_tone(heard, CALLER_HZ)), "the agent hears only the caller");
}

#[test]
fn codecs_that_differ_are_converted_both_ways() {
    let mut stage = Stage::open(|_| {}, &[0], &[8]);
    stage.talk();
    let (caller, agent) = stage.close();
    let join = caller.iter().position(|heard| is_tone(heard, AGENT_HZ)).expect("the caller hears the agent");
    assert_unbroken(&caller);
    assert!(caller[join..].iter().all(|heard| heard.codec == Codec::Pcmu && is_tone(heard, AGENT_HZ)));
    assert_unbroken(&agent);
    assert!(agent.iter().all(|heard| heard.codec == Codec::Pcma && is_tone(heard, CALLER_HZ)));
}

#[test]
fn a_caller_answered_by_the_agent_misses_nothing_of_the_first_words() {
    let on_agent = |config: &mut Config| {
        for queue in &mut config.queues {
            queue.answer = AnswerPolicy::OnAgent;
        }
    };
    let mut stage = Stage::open(on_agent, &[8], &[8]);
    stage.talk();
    let (caller, agent) = stage.close();
    assert_unbroken(&caller);
    assert!(caller.iter().all(|heard| is_tone(heard, AGENT_HZ)), "nothing but the agent");
    assert_beginning(&caller, AGENT_HZ, Codec::Pcma);
    assert_unbroken(&agent);
    assert_beginning(&agent, CALLER_HZ, Codec::Pcma);
}

/// Nobody decodes what goes by the name of G.722 or Opus: it arrives bit for bit, by its own clock.
#[test]
fn other_codecs_pass_bit_for_bit() {
    let on_agent = |config: &mut Config| {
        for queue in &mut config.queues {
            queue.answer = AnswerPolicy::OnAgent;
        }
    };
    for (format, codec) in [(9, Codec::G722), (107, Codec::Opus)] {
        let mut stage = Stage::open(on_agent, &[format, 8], &[8, format]);
        stage.talk();
        let (caller, agent) = stage.close();
        for (heard, hz) in [(caller, AGENT_HZ), (agent, CALLER_HZ)] {
            assert!(heard.len() > 50 && heard.iter().all(|heard| heard.codec == codec && is_tone(heard, hz)));
            assert_beginning(&heard, hz, codec);
            for pair in heard.windows(2) {
                assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "every packet");
                let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp) / codec.ticks();
                assert!((FRAME..=FRAME + GAP_MAX).contains(&step), "a step of {step} samples");
            }
        }
    }
}

/// The agent's phone speaks nothing but G.722, in which there is no music: the caller is offered it in the middle of the call.
#[test]
fn a_caller_changes_to_the_agents_codec() {
    let mut stage = Stage::open(|_| {}, &[8, 9], &[9]);
    stage.talk();
    let (caller, agent) = stage.close();
    let join = caller.iter().position(|heard| heard.codec == Codec::G722).expect("the caller hears the agent");
    assert!(join > 25 && caller[join..].len() > 50);
    assert!(caller[join..].iter().all(|heard| is_tone(heard, AGENT_HZ)));
    assert!(agent.len() > 50 && agent.iter().all(|heard| heard.codec == Codec::G722 && is_tone(heard, CALLER_HZ)));
}

/// The caller's phone is at 127.0.0.1 and the agent's at ::1, or the other way round; with one shard and with two.
#[test]
fn a_caller_and_an_agent_of_two_address_families_talk_through_us() {
    for (v6_agent, shards) in [(true, 1), (false, 1), (true, 2)] {
        let both = |config: &mut Config| speak_both(config, shards);
        let agent = if v6_agent { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
        let mut stage = Stage::open_at(agent, both, &[8], &[8]);
        let (caller_at, agent_at) = (stage.phones.address(stage.caller), stage.phones.address(stage.agent));
        assert!(caller_at.is_ipv4() == v6_agent && agent_at.is_ipv6() == v6_agent);
        stage.talk();
        let (caller, agent) = stage.close();
        let join = caller.iter().position(|heard| is_tone(heard, AGENT_HZ)).expect("the caller hears the agent");
        assert_unbroken(&caller);
        assert!(caller[join..].iter().all(|heard| is_tone(heard, AGENT_HZ)));
        assert_unbroken(&agent);
        assert!(agent.len() > 50 && agent.iter().all(|heard| is_tone(heard, CALLER_HZ)));
    }
}

#[test]
fn many_calls_at_once_are_counted_and_drained() {
    let mut stage = Stage::open(|_| {}, &[8], &[8]);
    let callers: Vec<PhoneId> = (0..8).map(|n| stage.add_caller(&format!("more{n}"), &[0, 8])).collect();
    for caller in &callers {
        stage.phones.dial(*caller, Dial { patience: Some(Duration::from_millis(700)), ..Dial::to("800") });
    }
    stage.run_until("every caller has given up", |stage| callers.iter().all(|caller| stage.phones.is_idle(*caller)));
    stage.run_until("every call is counted", |stage| {
        let total = stage.engine.handle.live.overview(stage.engine.handle.now()).total;
        assert!(total.conserved());
        total.offered == 8 && total.waiting == 0
    });
    stage.close();
}

#[test]
fn calls_of_several_shards_talk_wait_and_end_as_those_of_one() {
    for shards in [2, 3] {
        let mut stage = Stage::open(|config| config.sip.shards = shards, &[8], &[8]);
        stage.talk();
        let callers: Vec<PhoneId> = (0..12).map(|n| stage.add_caller(&format!("more{n}"), &[8])).collect();
        for caller in &callers {
            stage.phones.dial(*caller, Dial { patience: Some(Duration::from_secs(2)), ..Dial::to("800") });
        }
        let mut pages = Vec::new();
        stage.run_until("the control plane shows all of them", |stage| {
            pages = (0..4).flat_map(|page| stage.calls(5 * page, 5)).collect();
            // Calls that come or go between two pages move the others.
            pages.len() == callers.len() && pages.iter().collect::<BTreeSet<_>>().len() == callers.len()
        });
        let used: BTreeSet<u64> = pages.iter().map(|id| id[1..].parse::<u64>().expect("a call's id") >> 56).collect();
        // The hash of the Call-ID chooses: that twelve calls meet in one of them is as good as impossible.
        assert!(used.len() >= 2, "several shards have calls: {pages:?}");
        stage.run_until("every caller is gone", |stage| callers.iter().all(|caller| stage.phones.is_idle(*caller)));
        stage.run_until("every call is counted", |stage| {
            let total = stage.engine.handle.live.overview(stage.engine.handle.now()).total;
            assert!(total.conserved());
            total.offered == 13 && total.waiting == 0
        });
        let health = &stage.engine.handle.health;
        assert!(health.is_alive(stage.engine.handle.now()));
        let (caller, agent) = stage.close();
        assert_unbroken(&agent);
        assert!(caller.iter().any(|heard| is_tone(heard, AGENT_HZ)));
    }
}

#[test]
fn a_call_by_tcp_keeps_its_connection_and_is_hung_up_there() {
    let mut stage = Stage::open(|config| config.sip.tcp = true, &[8], &[8]);
    let mut line = Line::connect(stage.engine.sip);
    line.write("\r\n\r\n");
    stage.run_until("the ping is answered", |_| line.heard("\r\n").is_some());
    let invite = line.request("INVITE", 1, "");
    let (first, second) = invite.split_at(invite.len() / 2);
    line.write(first);
    stage.phones.turn(Duration::from_millis(50)).expect("a poll");
    line.write(second);
    let mut answer = None;
    stage.run_until("the call is answered", |_| {
        answer = answer.take().or_else(|| line.message("SIP/2.0 200"));
        answer.is_some()
    });
    let answer = answer.expect("just seen");
    let contact = answer.lines().find(|line| line.starts_with("Contact: ")).expect("a Contact");
    assert!(contact.ends_with(";transport=tcp>"), "{contact}");
    let tag = answer.split("To: ").nth(1).and_then(|to| to.split([';', '\r']).find(|part| part.starts_with("tag=")));
    let ack = line.request("ACK", 1, &format!(";{}", tag.expect("a tag")));
    line.write(&ack);
    let agent = stage.agent;
    stage.run_until("the agent talks", |stage| stage.events.contains(&(agent, PhoneEvent::Changed)));
    stage.phones.hang_up(agent);
    let mut bye = None;
    stage.run_until("the caller is told", |_| {
        bye = bye.take().or_else(|| line.message("BYE "));
        bye.is_some()
    });
    let bye = bye.expect("just seen");
    assert!(bye.contains("Via: SIP/2.0/TCP "), "{bye}");
    assert!(line.message("BYE ").is_none(), "it is said once");
    let headers =
        bye.lines().skip(1).filter(|line| !line.starts_with("Content-Length")).collect::<Vec<_>>().join("\r\n");
    line.write(&format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", headers.trim_end()));
    stage.close();
}

/// A caller's TCP connection.
struct Line {
    stream: TcpStream,
    heard: String,
}

impl Line {
    fn connect(engine: SocketAddr) -> Self {
        let stream = TcpStream::connect(engine).expect("the engine listens");
        stream.set_nonblocking(true).expect("a socket");
        Self { stream, heard: String::new() }
    }

    fn write(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("the engine reads");
    }

    /// A request with a body of audio for INVITE, from an address that nothing listens on.
    fn request(&self, method: &str, number: u32, to_tag: &str) -> String {
        let own = self.stream.local_addr().expect("a socket");
        let ip = own.ip();
        let kind = if own.is_ipv4() { "IP4" } else { "IP6" };
        let sdp = match method {
            "INVITE" => {
                format!("v=0\r\no=- 1 1 IN {kind} {ip}\r\ns=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n")
            }
            _ => String::new(),
        };
        let body_type = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:800@strowger SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.77:5060;branch=z9hG4bK{method}{number}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:tcp@192.0.2.77>;tag=f\r\nTo: <sip:800@strowger>{to_tag}\r\nCall-ID: by-tcp\r\n\
             CSeq: {number} {method}\r\nContact: <sip:tcp@{own};transport=tcp>\r\n{body_type}\
             Content-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        )
    }

    /// What has come begins with this: takes it.
    fn heard(&mut self, begin: &str) -> Option<()> {
        self.read();
        let rest = self.heard.strip_prefix(begin)?.to_string();
        self.heard = rest;
        Some(())
    }

    /// The header of the first message that begins so, and all that came before it is dropped.
    fn message(&mut self, begin: &str) -> Option<String> {
        self.read();
        let at = self.heard.find(begin)?;
        let end = at + self.heard[at..].find("\r\n\r\n")? + 4;
        let message = self.heard[at..end].to_string();
        self.heard = self.heard[end..].to_string();
        Some(message)
    }

    fn read(&mut self) {
        let mut bytes = [0; 4_096];
        while let Ok(length) = self.stream.read(&mut bytes) {
            assert!(length > 0, "the engine has closed the connection after {:?}", self.heard);
            self.heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    }
}

/// An engine, a caller and an agent, both with their ears open.
struct Stage {
    engine: Engine,
    phones: Phones,
    caller: PhoneId,
    agent: PhoneId,
    clock: Clock,
    events: Vec<(PhoneId, PhoneEvent)>,
    adapters: Vec<Adapter>,
    /// The test's own ports begin here.
    first_rtp: u16,
}

impl Stage {
    /// The demo's configuration with one agent, changed by `change`.
    fn open(change: impl FnOnce(&mut Config), caller_formats: &[u8], agent_formats: &[u8]) -> Self {
        Self::open_at(Ipv4Addr::LOCALHOST.into(), change, caller_formats, agent_formats)
    }

    /// The same with the agent's phone at this host; the caller's is of the other address family, where the engine speaks it.
    fn open_at(host: IpAddr, change: impl FnOnce(&mut Config), caller_formats: &[u8], agent_formats: &[u8]) -> Self {
        let clock = Clock::start();
        let mut phones = Phones::new(clock, Rng::from_u64(1)).expect("a poll");
        let manner = Manner::answers(Duration::from_millis(600));
        let agent = phones.add_agent_at(host, "1001", manner, agent_formats).expect("sockets");
        let config = config_for(phones.address(agent), change);
        let first_rtp = config.media.ports.0;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let start = || {
            let mut loader = Loader::new(Origin::Made(Box::new(config.clone())));
            Engine::start(runtime.block_on(loader.load(&BTreeMap::new())).expect("a valid configuration"), [7; 32])
        };
        // A port that the system has chosen by UDP may be taken by TCP.
        let engine = start().or_else(|_| start()).or_else(|_| start()).expect("free ports");
        let dialled = engine.sip_other.filter(|_| host.is_ipv4()).unwrap_or(engine.sip);
        let caller = phones.add_caller("caller", dialled, caller_formats).expect("sockets");
        for phone in [caller, agent] {
            phones.ear(phone).record();
        }
        Self { engine, phones, caller, agent, clock, events: Vec::new(), adapters: Vec::new(), first_rtp }
    }

    fn add_caller(&mut self, name: &str, formats: &[u8]) -> PhoneId {
        self.phones.add_caller(name, self.engine.sip, formats).expect("sockets")
    }

    /// The ids of a page of calls, as the control plane shows them.
    fn calls(&self, offset: usize, limit: usize) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        match runtime.block_on(self.engine.handle.ask(Control::Calls { offset, limit })) {
            Ok(Reply::Calls { rows, .. }) => rows.into_iter().map(|row| row.id).collect(),
            Ok(_) | Err(_) => panic!("the control plane shows calls"),
        }
    }

    /// A call until both have heard each other for a while; the caller hangs up.
    fn talk(&mut self) {
        self.phones.dial(self.caller, Dial::to("800"));
        self.hear();
    }

    /// A call that was dialled.
    fn hear(&mut self) {
        self.run_until("they hear each other", |stage| {
            [stage.caller, stage.agent].into_iter().all(|phone| stage.phones.ear(phone).far_since().is_some())
        });
        let both = [self.caller, self.agent];
        let heard = both.map(|phone| self.phones.ear(phone).recorded().len());
        self.run_until("they talk for more than a second", |stage| {
            both.into_iter().zip(heard).all(|(phone, before)| stage.phones.ear(phone).recorded().len() > before + 60)
        });
        self.phones.hang_up(self.caller);
        self.run_until("the agent is told", |stage| stage.events.contains(&(stage.agent, PhoneEvent::EndedByFar)));
    }

    fn run_until(&mut self, what: &str, mut is_done: impl FnMut(&mut Self) -> bool) {
        let deadline: Instant = self.clock.now() + STEP_MAX;
        while !is_done(self) {
            assert!(self.clock.now() < deadline, "{what}: {:?}", self.events);
            self.phones.turn(Duration::from_millis(10)).expect("a poll");
            self.adapters.iter_mut().for_each(Adapter::turn);
            while let Some(event) = self.phones.poll_event() {
                self.events.push(event);
            }
        }
    }

    /// Drains the engine; answers with what the caller and the agent heard.
    fn close(mut self) -> (Vec<Heard>, Vec<Heard>) {
        self.engine.drain(Duration::from_secs(1));
        let mut ended = None;
        self.run_until("the engine drains", |stage| {
            ended = stage.engine.try_ended();
            ended.is_some()
        });
        assert_eq!(ended, Some(Ended::Drained));
        let heard = [self.caller, self.agent].map(|phone| self.phones.ear(phone).recorded().to_vec());
        self.engine.finish();
        heard.into()
    }
}

/// SIP and HTTP ports are chosen by the system; each test has RTP ports of its own.
fn config_for(agent: SocketAddr, change: impl FnOnce(&mut Config)) -> Config {
    let first = free_range();
    let mut config = config::built_in();
    config.media.ports = (first, first + RTP_PORTS - 1);
    config.sip.listen.set_port(0);
    config.http.listen.set_port(0);
    config.agents.truncate(1);
    config.agents[0].peer = None;
    config.agents[0].uri = format!("sip:1001@{agent}");
    change(&mut config);
    config
}

/// The first port of a range that nobody holds.
fn free_range() -> u16 {
    // Elsewhere than another run of these tests beside this one.
    let begin = (std::process::id() * 29 % u32::from(RANGES)) as u16;
    loop {
        let number = NEXT_RANGE.fetch_add(1, Ordering::Relaxed);
        assert!(number < RANGES, "no free RTP ports");
        let first = FIRST_RTP + (begin + number) % RANGES * RTP_PORTS;
        let is_free = |host: IpAddr| {
            UdpSocket::bind((host, first)).and_then(|_| std::net::TcpListener::bind((host, first))).is_ok()
        };
        if families::HOSTS.into_iter().all(is_free) {
            return first;
        }
    }
}

fn is_tone(heard: &Heard, hz: u32) -> bool {
    share(&heard.samples, hz) > PURE
}

/// One source, every packet, every sample.
fn assert_unbroken(stream: &[Heard]) {
    for pair in stream.windows(2) {
        assert_eq!(pair[1].ssrc, pair[0].ssrc, "one source");
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "every packet");
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!((FRAME..=FRAME + GAP_MAX).contains(&step), "a step of {step} samples");
    }
}

/// The first 100 ms of the far side's tone are those that it sent first.
fn assert_beginning(voice: &[Heard], hz: u32, codec: Codec) {
    let sent: Vec<i16> = Tone::new(hz, strowger::sim::voice::AMPLITUDE)
        .take(FRAME as usize * BEGINNING)
        .map(|sample| through(codec, sample))
        .collect();
    let heard: Vec<i16> = voice.iter().take(BEGINNING).flat_map(|heard| heard.samples.iter().copied()).collect();
    assert_eq!(heard, sent);
}

/// A sample as it is after coding and decoding.
fn through(codec: Codec, sample: i16) -> i16 {
    let law = strowger::sim::voice::law_of(codec);
    law.decode(law.encode(sample))
}
