//! An office of many phones behind one address, all of which come back at once: as when its power was cut.

use super::*;
use crate::node::gate::{Gate, Next};
use crate::sip::auth::{Answer, Credentials, Password, answer};

const PHONES: usize = 200;
const STEP: Duration = Duration::from_millis(20);

/// One of the phones.
struct Desk {
    /// The number of its REGISTER, and with what it proves itself once it has been asked.
    number: u32,
    proof: Option<Answer>,
    /// When it sends again, and how long it waits then.
    at: Duration,
    wait: Duration,
    is_registered: bool,
    password: &'static str,
}

impl Desk {
    fn text(&self, desk: usize) -> String {
        let proof = self
            .proof
            .as_ref()
            .map(|proof| format!("{}: {}\r\n", proof.name.as_str(), String::from_utf8_lossy(&proof.value)));
        format!(
            "REGISTER sip:{OURS} SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bK{desk}-{};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{OURS}>;tag=p\r\nTo: <sip:{user}@{OURS}>\r\nCall-ID: {desk}\r\n\
             CSeq: {} REGISTER\r\nContact: <sip:{user}@192.168.1.5>;expires=600\r\n{}Content-Length: 0\r\n\r\n",
            self.number,
            self.number,
            proof.unwrap_or_default(),
            user = 2_001 + desk,
        )
    }

    /// An answer has come.
    fn hears(&mut self, desk: usize, now: Duration, message: &Message) {
        if message.cseq().is_none_or(|cseq| cseq.number != self.number) || self.is_registered {
            return;
        }
        match message.status() {
            200 => self.is_registered = true,
            401 => {
                let username = (2_001 + desk).to_string();
                let user = Credentials { username, password: Password::Text(self.password.to_owned()) };
                let request = Message::parse(Bytes::from(format!("REGISTER sip:{OURS} SIP/2.0\r\n\r\n"))).unwrap();
                self.proof = answer(message, &request, &user, 7);
                (self.number, self.at, self.wait) = (self.number + 1, now, Duration::from_millis(500));
            }
            403 => {
                assert_ne!(self.password, "secret");
                (self.number, self.proof, self.at) = (self.number + 1, None, now + Duration::from_secs(1));
            }
            other => panic!("{other}"),
        }
    }
}

/// The office, before an engine that has just begun.
struct Office {
    world: World,
    gate: Gate,
    desks: Vec<Desk>,
    now: Duration,
}

impl Office {
    fn new() -> Self {
        let agents = format!("[agents.2001-{}]\nregister = true\npassword = \"secret\"\n", 2_000 + PHONES);
        let world = World::new(&(config(0, "") + &agents), 100);
        let gate = Gate::new(world.now);
        Self { world, gate, desks: Vec::new(), now: Duration::ZERO }
    }

    /// All of its phones begin within a second.
    fn begin(&mut self, password: impl Fn(usize) -> &'static str) {
        let desk = |desk: usize| Desk {
            number: self.now.as_millis() as u32,
            proof: None,
            at: self.now + Duration::from_millis(5 * desk as u64),
            wait: Duration::from_millis(500),
            is_registered: false,
            password: password(desk),
        };
        self.desks = (0..PHONES).map(desk).collect();
    }

    /// So long their NAT sends them from ports that begin there; how many are registered then.
    fn pass(&mut self, seconds: u64, port: u16) -> usize {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            self.now += STEP;
            let Self { world, gate, desks, now } = self;
            world.pass(STEP);
            let due = |(_, desk): &(usize, &mut Desk)| desk.at <= *now && !desk.is_registered;
            for (number, desk) in desks.iter_mut().enumerate().filter(due) {
                let source = SocketAddr::new([198, 51, 100, 7].into(), port + number as u16);
                gate.push(world.now, source, desk.text(number).into(), |source| world.node.sender(source));
                (desk.at, desk.wait) = (*now + desk.wait, (2 * desk.wait).min(Duration::from_secs(4)));
            }
            while let Some(next) = gate.pop(world.now) {
                let Next::Handle(passed) = next else { panic!("{next:?}") };
                world.node.handle_datagram(world.now, passed.source, passed.payload);
            }
            world.settle();
            for (_, message) in std::mem::take(&mut world.sent).into_iter().filter(|(_, message)| !message.is_request())
            {
                let number: usize = std::str::from_utf8(message.call_id().unwrap()).unwrap().parse().unwrap();
                desks[number].hears(number, *now, &message);
            }
        }
        self.desks.iter().filter(|desk| desk.is_registered).count()
    }
}

#[test]
fn two_hundred_phones_behind_one_address_are_registered_within_seconds() {
    let mut office = Office::new();
    office.begin(|_| "secret");
    assert_eq!(office.pass(8, 20_000), PHONES);
}

#[test]
fn phones_with_wrong_passwords_do_not_keep_their_neighbours_out() {
    let mut office = Office::new();
    office.begin(|_| "secret");
    office.pass(8, 20_000);
    // The power is cut. Twenty come back with an old password, and try it again and again.
    office.begin(|desk| if desk < 20 { "old" } else { "secret" });
    office.desks.iter_mut().skip(20).for_each(|desk| desk.at += Duration::from_secs(10));
    assert_eq!(office.pass(10, 30_000), 0);
    assert_eq!(office.pass(8, 30_000), PHONES - 20);
}
