//! IPv4 and IPv6 in one process, by UDP, TCP and TLS: audio both ways, and each side told of us in its own family.

use super::adapter::{Adapter, Way};
use super::*;
use strowger::config::Config;
use strowger::sip::auth::{Credentials, Password};
use strowger::sip::registrar::Times;

pub(super) const HOSTS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Both families on loopback, with so many shards.
pub(super) fn speak_both(config: &mut Config, shards: u8) {
    let listen = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    config.sip.other = Some(OtherFamily { listen, advertise: None, local: None, tls: None });
    config.sip.shards = shards;
    config.media.other = Some(listen.ip());
    for peer in &mut config.peers {
        peer.sources.push((listen.ip(), 128));
    }
}

/// Where a phone at this host finds the engine.
fn engine_at(stage: &Stage, host: IpAddr, way: &Way) -> SocketAddr {
    let both = [Some(stage.engine.sip), stage.engine.sip_other];
    let udp = both.into_iter().flatten().find(|own| own.ip() == host).expect("both families");
    match way {
        Way::Udp | Way::Tcp => udp,
        Way::Tls(_) => SocketAddr::new(host, stage.first_rtp),
    }
}

/// A stage whose caller and agent are behind adapters.
fn stage_of(way: &Way, (caller, agent): (IpAddr, IpAddr), shards: u8, change: impl FnOnce(&mut Config)) -> Stage {
    let (mut trunk, mut desk) = (Adapter::at(caller, way), Adapter::at(agent, way));
    let both = |config: &mut Config| {
        speak_both(config, shards);
        way.configure(config);
        config.agents[0].uri = desk.uri("1001");
        change(config);
    };
    let mut stage = Stage::open_at(agent, both, &[8], &[8]);
    desk.join(Some(stage.phones.address(stage.agent)), engine_at(&stage, agent, way));
    trunk.join(None, engine_at(&stage, caller, way));
    stage.caller = stage.phones.add_caller("caller", trunk.near(), &[8]).expect("sockets");
    stage.phones.ear(stage.caller).record();
    stage.adapters = vec![trunk, desk];
    stage
}

fn assert_talk((caller, agent): (Vec<Heard>, Vec<Heard>)) {
    let join = caller.iter().position(|heard| is_tone(heard, AGENT_HZ)).expect("the caller hears the agent");
    // How fast the agent follows upon the music is for other tests: an adapter takes its time.
    let (music, voice) = caller.split_at(join);
    assert_unbroken(music);
    assert_unbroken(voice);
    assert!(music.last().is_none_or(|last| voice[0].sequence == last.sequence.wrapping_add(1)), "every packet");
    assert!(voice.iter().all(|heard| is_tone(heard, AGENT_HZ)));
    assert_unbroken(&agent);
    assert!(agent.len() > 50 && agent.iter().all(|heard| is_tone(heard, CALLER_HZ)));
}

fn assert_says(message: &str, line: &str) {
    assert!(message.lines().any(|said| said.starts_with(line)), "{line} in {message}");
}

/// A caller of each family and an agent of the other one.
fn talk_both_ways(way: &Way, shards: u8) {
    for (caller, agent) in [(HOSTS[0], HOSTS[1]), (HOSTS[1], HOSTS[0])] {
        let mut stage = stage_of(way, (caller, agent), shards, |_| {});
        stage.talk();
        let [trunk, desk] = &stage.adapters[..] else { panic!("two adapters") };
        for (adapter, host, begins) in
            [(trunk, caller, &["SIP/2.0 200 "][..]), (desk, agent, &["INVITE ", "ACK ", "BYE "])]
        {
            let mut own = engine_at(&stage, host, way).to_string();
            if shards > 1 {
                // Any of them may have the call.
                own.truncate(own.rfind(':').expect("a port") + 1);
            }
            for begin in begins.iter().filter(|begin| !begin.starts_with("SIP/")) {
                assert_says(adapter.first(begin), &format!("Via: SIP/2.0/{} {own}", way.name()));
            }
            let describes = adapter.first(begins[0]);
            assert_says(describes, &format!("Contact: <sip:strowger@{own}"));
            let contact = describes.lines().find(|line| line.starts_with("Contact: ")).expect("just seen");
            assert!(contact.ends_with(&format!("{}>", way.parameter())), "{contact}");
            let family = if host.is_ipv4() { "IP4" } else { "IP6" };
            assert_says(describes, &format!("c=IN {family} {host}"));
            let origin = describes.lines().find(|line| line.starts_with("o=")).expect("a description");
            assert!(origin.ends_with(&format!(" IN {family} {host}")), "{origin}");
        }
        assert_talk(stage.close());
    }
}

#[test]
fn by_udp_each_side_is_told_of_us_in_its_own_family() {
    talk_both_ways(&Way::Udp, 1);
}

#[test]
fn by_tcp_each_side_is_told_of_us_in_its_own_family() {
    talk_both_ways(&Way::Tcp, 1);
    talk_both_ways(&Way::Tcp, 2);
}

#[test]
fn by_tls_each_side_is_told_of_us_in_its_own_family() {
    talk_both_ways(&Way::tls(), 1);
}

/// A phone at ::1 that has registered there is rung for callers at 127.0.0.1, by whichever of two shards has the call.
#[test]
fn a_phone_that_registers_by_ipv6_is_rung_by_each_shard() {
    let credentials =
        Arc::new(Credentials { username: "1001".to_string(), password: Password::Text("word of a phone".to_string()) });
    let registers = |config: &mut Config| {
        speak_both(config, 2);
        config.registrar.times = Times { min: Duration::from_secs(5), ..config.registrar.times };
        config.agents[0].uri = "sip:1001@registered".to_string();
        config.agents[0].register = Some(Arc::clone(&credentials));
        config.agents[0].policy.wrap_up = Some(Duration::ZERO);
    };
    let mut stage = Stage::open_at(HOSTS[1], registers, &[8], &[8]);
    let registrar = stage.engine.sip_other.expect("both families");
    stage.phones.register(stage.agent, registrar, Arc::clone(&credentials));
    let mut shards = BTreeSet::new();
    while shards.len() < 2 {
        stage.events.clear();
        stage.phones.dial(stage.caller, Dial::to("800"));
        let before = stage.phones.ear(stage.agent).recorded().len();
        stage.run_until("they hear each other", |stage| {
            let heard = stage.phones.ear(stage.agent).recorded().len();
            heard > before && stage.phones.ear(stage.caller).far_since().is_some()
        });
        let [call] = &stage.calls(0, 5)[..] else { panic!("one call") };
        shards.insert(call[1..].parse::<u64>().expect("a call's id") >> 56);
        stage.phones.hang_up(stage.caller);
        stage.run_until("the agent is told", |stage| stage.events.contains(&(stage.agent, PhoneEvent::EndedByFar)));
        stage.run_until("the call is gone", |stage| stage.calls(0, 5).is_empty());
    }
    let (_, agent) = stage.close();
    assert!(!agent.is_empty() && agent.iter().all(|heard| is_tone(heard, CALLER_HZ)));
}

/// The caller's connection breaks while an agent is rung: the answer comes by a new one, to where the caller's Via says.
#[test]
fn an_answer_finds_a_caller_whose_connection_is_gone() {
    let on_agent = |config: &mut Config| {
        for queue in &mut config.queues {
            queue.answer = AnswerPolicy::OnAgent;
        }
    };
    let mut stage = stage_of(&Way::Tcp, (HOSTS[1], HOSTS[0]), 1, on_agent);
    stage.phones.dial(stage.caller, Dial::to("800"));
    stage.run_until("the agent's phone rings", |stage| stage.adapters[0].has_heard("SIP/2.0 180 "));
    stage.adapters[0].break_off();
    stage.hear();
    assert!(stage.adapters[0].accepted > 0, "the engine has connected");
    assert_talk(stage.close());
}
