//! Who lives in a world: exchanges at their addresses, the phones behind them with their voices, and when each wishes to be
//! woken. Knows names and addresses; sends nothing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

use crate::base::{Instant, PerFamily, Rng};
use crate::config::Config;
use crate::media::tone::{AGENT_HZ, CALLER_HZ};
use crate::sim::agent_phone::{AgentPhone, Manner};
use crate::sim::caller::Caller;
use crate::sim::exchange::Exchange;
use crate::sim::handset;
use crate::sim::phone::Phone;
use crate::sim::session::address_of;
use crate::sim::voice::{Ear, Voice};
use crate::sim::wire::{Wire, user_of};
use crate::sip::auth::Credentials;

/// A phone: its exchange and its index there.
pub type Place = (usize, usize);

/// Whether phones speak and listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audio {
    /// They signal only.
    Off,
    /// Each sends its tone and records what it hears.
    On,
}

/// Phones that register are at 10.0.4.0 and the next.
const REGISTERED: u32 = 0x0a00_0400;

/// Who lives in a world; see the module.
#[derive(Debug)]
pub struct Town {
    engine: PerFamily<SocketAddr>,
    audio: Audio,
    exchanges: Vec<Exchange>,
    by_sip: BTreeMap<SocketAddr, usize>,
    by_rtp: BTreeMap<SocketAddr, Place>,
    phones: BTreeMap<String, Place>,
    agents: BTreeSet<String>,
    /// By what callers of an exchange prove themselves.
    credentials: BTreeMap<usize, Arc<Credentials>>,
    /// Further addresses of an exchange, where each phone of an agent is once more, by the exchange.
    further: BTreeMap<usize, Vec<usize>>,
    voices: BTreeMap<Place, (Voice, Ear)>,
    manner: Manner,
    wakes: BTreeSet<(Instant, usize)>,
    wake_of: Vec<Option<Instant>>,
    rng: Rng,
}

impl Town {
    /// An empty town around the node at `engine`; agents' phones that come behave in this manner.
    pub const fn new(engine: PerFamily<SocketAddr>, audio: Audio, manner: Manner, rng: Rng) -> Self {
        Self {
            engine,
            audio,
            exchanges: Vec::new(),
            by_sip: BTreeMap::new(),
            by_rtp: BTreeMap::new(),
            phones: BTreeMap::new(),
            agents: BTreeSet::new(),
            credentials: BTreeMap::new(),
            further: BTreeMap::new(),
            voices: BTreeMap::new(),
            manner,
            wakes: BTreeSet::new(),
            wake_of: Vec::new(),
            rng,
        }
    }

    /// Exchanges for all peers and phones for all agents that are not there yet.
    ///
    /// # Errors
    /// An address that is not numeric.
    pub fn build(&mut self, now: Instant, config: &Config) -> Result<(), String> {
        let mut peers = BTreeMap::new();
        for peer in &config.peers {
            let ip = peer.address.host.parse().map_err(|_| format!("peer `{}` needs a numeric address", peer.name))?;
            let index = self.exchange(&peer.name, SocketAddr::new(ip, peer.address.port));
            if let Some(auth) = &peer.auth {
                self.credentials.insert(index, Arc::new(auth.credentials.clone()));
            }
            if let Some(credentials) = &peer.outbound_auth {
                self.exchanges[index].ask_for(credentials);
            }
            for (number, other) in (2..).zip(peer.addresses.iter().skip(1)) {
                let ip = other.endpoint.host.parse().map_err(|_| format!("peer `{}` needs numbers", peer.name))?;
                let place = self.exchange(&format!("{}/{number}", peer.name), SocketAddr::new(ip, other.endpoint.port));
                let further = self.further.entry(index).or_default();
                if !further.contains(&place) {
                    further.push(place);
                }
            }
            peers.insert(Arc::clone(&peer.name), index);
        }
        for agent in &config.agents {
            let user = user_of(&agent.uri).to_string();
            if self.phones.contains_key(&user) {
                continue;
            }
            let index = match agent.peer.as_ref().and_then(|peer| peers.get(peer)) {
                Some(index) => *index,
                None if agent.register.is_some() => {
                    let host = Ipv4Addr::from(REGISTERED + u32::try_from(self.exchanges.len()).unwrap_or(0));
                    self.exchange(&user, SocketAddr::from((host, 5060)))
                }
                None => {
                    let address =
                        address_of(&agent.uri).ok_or_else(|| format!("agent `{}`: no address", agent.name))?;
                    self.exchange(&user, address)
                }
            };
            let setup = self.setup_of(&user, index);
            let engine = *self.engine.towards(setup.sip.ip());
            let mut phone = AgentPhone::new(setup, self.manner.clone());
            if let Some(credentials) = &agent.register {
                phone.register(now, engine, Arc::clone(credentials));
            }
            self.agents.insert(user.clone());
            for place in self.further.get(&index).cloned().unwrap_or_default() {
                let twin = AgentPhone::new(self.setup_of(&user, place), self.manner.clone());
                self.add(place, &user, Phone::Agent(Box::new(twin)));
            }
            self.add(index, &user, Phone::Agent(Box::new(phone)));
            self.note_wake(index);
        }
        Ok(())
    }

    /// A caller's phone behind an exchange (by its name), made when it does not exist yet.
    ///
    /// # Errors
    /// No such exchange.
    pub fn caller(&mut self, name: &str, exchange: &str) -> Result<(), String> {
        if self.phones.contains_key(name) {
            return Ok(());
        }
        let found = self.exchanges.iter().position(|candidate| candidate.name() == exchange);
        let index = found.ok_or_else(|| format!("no exchange `{exchange}`"))?;
        let setup = self.setup_of(name, index);
        let engine = *self.engine.towards(setup.sip.ip());
        let mut caller = Caller::new(setup, engine);
        caller.set_credentials(self.credentials.get(&index).cloned());
        self.add(index, name, Phone::Caller(Box::new(caller)));
        Ok(())
    }

    /// A phone behind an exchange (by its name) that takes calls and is no agent's.
    ///
    /// # Errors
    /// No such exchange.
    pub fn phone(&mut self, name: &str, exchange: &str, manner: Manner) -> Result<(), String> {
        let found = self.exchanges.iter().position(|candidate| candidate.name() == exchange);
        let index = found.ok_or_else(|| format!("no exchange `{exchange}`"))?;
        if let Some((exchange, index)) = self.place_of(name) {
            if let Phone::Agent(phone) = self.exchanges[exchange].phone(index) {
                phone.set_manner(manner);
            }
            return Ok(());
        }
        let setup = self.setup_of(name, index);
        self.add(index, name, Phone::Agent(Box::new(AgentPhone::new(setup, manner))));
        Ok(())
    }

    /// The exchange at an address, made when it does not exist yet.
    pub fn exchange(&mut self, name: &str, address: SocketAddr) -> usize {
        if let Some(index) = self.by_sip.get(&address) {
            return *index;
        }
        let rng = self.rng.fork();
        self.exchanges.push(Exchange::new(name, address, rng));
        self.wake_of.push(None);
        self.by_sip.insert(address, self.exchanges.len() - 1);
        self.exchanges.len() - 1
    }

    /// Where a phone of this name is.
    pub fn place_of(&self, name: &str) -> Option<Place> {
        self.phones.get(name).copied()
    }

    /// The exchange at a SIP address.
    pub fn at_sip(&self, address: SocketAddr) -> Option<usize> {
        self.by_sip.get(&address).copied()
    }

    /// The phone at an RTP address.
    pub fn at_rtp(&self, address: SocketAddr) -> Option<Place> {
        self.by_rtp.get(&address).copied()
    }

    /// The exchange of this name.
    pub fn exchange_of(&self, name: &str) -> Option<usize> {
        self.exchanges.iter().position(|exchange| exchange.name() == name)
    }

    /// An exchange by its index.
    pub fn get(&mut self, index: usize) -> &mut Exchange {
        &mut self.exchanges[index]
    }

    /// Every phone.
    pub fn phones(&self) -> impl Iterator<Item = &Phone> {
        self.exchanges.iter().flat_map(Exchange::phones)
    }

    /// All phones have power again, and none asks to be registered any more.
    pub fn make_peace(&mut self, now: Instant) {
        let places: Vec<Place> = self
            .exchanges
            .iter()
            .enumerate()
            .flat_map(|(at, it)| (0..it.phones().len()).map(move |one| (at, one)))
            .collect();
        for (exchange, index) in places {
            let phone = self.exchanges[exchange].phone(index);
            phone.come_back(now);
            if let Phone::Agent(phone) = phone {
                phone.retire();
            }
            self.note_wake(exchange);
        }
    }

    /// Names of phones still in a call, of hosts that were never cut off.
    pub fn busy(&self, cut: &BTreeSet<IpAddr>) -> Vec<&str> {
        let hosts = self.exchanges.iter().filter(|exchange| !cut.contains(&exchange.address().ip()));
        hosts.flat_map(Exchange::phones).filter(|phone| !phone.is_idle()).map(Phone::name).collect()
    }

    /// The host of an exchange or phone by its name.
    pub fn host_of(&self, name: &str) -> Option<IpAddr> {
        let by_phone = self.place_of(name).map(|(exchange, _)| exchange);
        let index = self.exchanges.iter().position(|exchange| exchange.name() == name).or(by_phone)?;
        Some(self.exchanges[index].address().ip())
    }

    /// The agent whose phone behind this exchange a message belongs to.
    pub fn agent_of(&self, exchange: usize, message: &Wire) -> Option<&str> {
        let phone = self.exchanges[exchange].recipient(message)?;
        let name = self.exchanges[exchange].phones()[phone].name();
        self.agents.contains(name).then_some(name)
    }

    /// True when it is an agent's phone.
    pub fn is_agent(&self, name: &str) -> bool {
        self.agents.contains(name)
    }

    /// A phone, or the exchange itself.
    pub fn who(&self, exchange: usize, phone: Option<usize>) -> (&str, Option<&Phone>) {
        let exchange = &self.exchanges[exchange];
        let phone = phone.map(|index| &exchange.phones()[index]);
        (phone.map_or_else(|| exchange.name(), Phone::name), phone)
    }

    /// Which of several addresses an exchange is: `/2`; nothing for the first.
    pub fn mark_of(&self, exchange: usize) -> &str {
        let name = self.exchanges[exchange].name();
        name.find('/').map_or("", |at| &name[at..])
    }

    /// Which phone of an exchange a message belongs to.
    pub fn recipient(&self, exchange: usize, message: &Wire) -> Option<usize> {
        self.exchanges[exchange].recipient(message)
    }

    /// The voice of a phone is the tone of a fax machine from now on.
    ///
    /// # Errors
    /// No such phone, or no audio in this world.
    pub fn fax_tone(&mut self, name: &str) -> Result<(), String> {
        let place = self.phones.get(name).ok_or_else(|| format!("no phone {name}"))?;
        let (voice, _) =
            self.voices.get_mut(place).ok_or_else(|| format!("{name} has no voice: write `with audio`"))?;
        voice.call_as_fax();
        Ok(())
    }

    /// A phone hears an RTP packet.
    pub fn hear(&mut self, now: Instant, place: Place, packet: &[u8]) {
        if let Some((_, ear)) = self.voices.get_mut(&place) {
            ear.hear(now, packet);
        }
    }

    /// What the phones of an exchange say now: from, to, packet.
    pub fn speak(&mut self, now: Instant, exchange: usize) -> Vec<(SocketAddr, SocketAddr, Bytes)> {
        let mut spoken = Vec::new();
        for ((_, index), (voice, _)) in self.voices.range_mut((exchange, 0)..(exchange + 1, 0)) {
            let phone = self.exchanges[exchange].phone(*index);
            let (from, sound) = (phone.rtp(), phone.sound());
            while let Some((to, packet)) = voice.speak(now, sound) {
                spoken.push((from, to, Bytes::from(packet)));
            }
        }
        spoken
    }

    /// What each phone has heard, by name.
    pub fn ears(&self) -> impl Iterator<Item = (&str, &Ear)> {
        self.phones.iter().filter_map(|(name, place)| Some((name.as_str(), &self.voices.get(place)?.1)))
    }

    /// Which exchange wishes to be woken first, and when.
    pub fn next_wake(&self) -> Option<(Instant, usize)> {
        self.wakes.first().copied()
    }

    /// Notes when an exchange wishes to be woken.
    pub fn note_wake(&mut self, index: usize) {
        let voices = self.voices.range((index, 0)..(index + 1, 0));
        let voice = voices.filter_map(|(_, (voice, _))| voice.next()).min();
        let wake = self.exchanges[index].poll_timeout().into_iter().chain(voice).min();
        if self.wake_of[index] == wake {
            return;
        }
        if let Some(old) = self.wake_of[index] {
            self.wakes.remove(&(old, index));
        }
        if let Some(at) = wake {
            self.wakes.insert((at, index));
        }
        self.wake_of[index] = wake;
    }

    fn setup_of(&mut self, name: &str, exchange: usize) -> handset::Setup {
        let sip = self.exchanges[exchange].address();
        let port = 30_000 + 2 * u16::try_from(self.exchanges[exchange].phones().len()).unwrap_or(0);
        handset::Setup {
            name: name.to_string(),
            sip,
            rtp: SocketAddr::new(sip.ip(), port),
            formats: vec![8, 0],
            rng: self.rng.fork(),
        }
    }

    fn add(&mut self, exchange: usize, name: &str, phone: Phone) {
        let (says, hears) = match phone {
            Phone::Caller(_) => (CALLER_HZ, AGENT_HZ),
            Phone::Agent(_) => (AGENT_HZ, CALLER_HZ),
        };
        let rtp = phone.rtp();
        let place = (exchange, self.exchanges[exchange].add(phone));
        if self.audio == Audio::On {
            let mut ear = Ear::new(hears);
            ear.record();
            self.voices.insert(place, (Voice::new(says, &mut self.rng), ear));
        }
        self.by_rtp.insert(rtp, place);
        self.phones.insert(name.to_string(), place);
    }
}
