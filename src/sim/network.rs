//! The simulated network: loses, delays, doubles and reorders datagrams by its seed, cuts hosts off, and drops what a rule
//! names. Decides only; the world keeps what is on its way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::base::Rng;
use crate::sim::wire::Wire;

/// How the network behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Weather {
    /// The shortest time a datagram takes.
    pub delay: Duration,
    /// Up to so much more, drawn for each datagram; with more than zero, datagrams overtake each other.
    pub jitter: Duration,
    /// The fraction lost.
    pub loss: f64,
    /// The fraction that arrives twice.
    pub doubled: f64,
    /// The fraction that takes 50 to 100 ms longer, so that later ones arrive first.
    pub reordered: f64,
    /// The fraction of messages by a stream connection with which it breaks, and all that is on its way there is lost.
    pub broken: f64,
}

impl Weather {
    /// Ten milliseconds, nothing lost, in order.
    pub const fn fair() -> Self {
        let delay = Duration::from_millis(10);
        Self { delay, jitter: Duration::ZERO, loss: 0.0, doubled: 0.0, reordered: 0.0, broken: 0.0 }
    }

    /// True when every message arrives once and in order.
    pub fn is_fair(&self) -> bool {
        let shares = [self.loss, self.doubled, self.reordered, self.broken];
        self.jitter.is_zero() && shares.iter().all(|share| *share == 0.0)
    }
}

/// Drops the next messages that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropRule {
    /// How many more.
    pub count: u32,
    /// What the ladder calls the message (`BYE`, `200 INVITE`).
    pub what: String,
    /// The sender's name in the ladder.
    pub from: Option<String>,
    /// The receiver's name in the ladder.
    pub to: Option<String>,
}

/// The network; see the module.
#[derive(Debug)]
pub struct Network {
    weather: Weather,
    rng: Rng,
    cut: BTreeSet<IpAddr>,
    /// Hosts that let in only answers.
    closed: BTreeSet<IpAddr>,
    /// Whom these have written to, each from which of its addresses.
    written: BTreeSet<(SocketAddr, SocketAddr)>,
    rules: Vec<DropRule>,
    succeeded: BTreeMap<String, u64>,
}

/// The least that a reordered datagram is late.
const LATE: Duration = Duration::from_millis(50);

impl Network {
    /// A network of the given weather.
    pub const fn new(weather: Weather, rng: Rng) -> Self {
        Self {
            weather,
            rng,
            cut: BTreeSet::new(),
            closed: BTreeSet::new(),
            written: BTreeSet::new(),
            rules: Vec::new(),
            succeeded: BTreeMap::new(),
        }
    }

    /// Other weather from now on.
    pub const fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// The weather.
    pub const fn weather(&self) -> &Weather {
        &self.weather
    }

    /// Cuts a host off.
    pub fn cut(&mut self, host: IpAddr) {
        self.cut.insert(host);
    }

    /// From now on a host gets nothing but from the very addresses, ports included, that it has written to before: as behind a
    /// NAT that filters by address and port (RFC 4787 5).
    pub fn close(&mut self, host: IpAddr) {
        self.closed.insert(host);
    }

    /// Joins a host again.
    pub fn mend(&mut self, host: IpAddr) {
        self.cut.remove(&host);
    }

    /// Joins all hosts again.
    pub fn mend_all(&mut self) {
        self.cut.clear();
    }

    /// Drops what fits from now on.
    pub fn add_rule(&mut self, rule: DropRule) {
        self.rules.push(rule);
    }

    /// True when any rule still waits for its message.
    pub const fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// True when a rule takes this message away.
    pub fn is_dropped(&mut self, what: &str, from: &str, to: &str) -> bool {
        let fits = |rule: &DropRule| {
            let name_fits = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
            what.starts_with(rule.what.as_str()) && name_fits(&rule.from, from) && name_fits(&rule.to, to)
        };
        let Some(index) = self.rules.iter().position(fits) else { return false };
        self.rules[index].count -= 1;
        if self.rules[index].count == 0 {
            self.rules.remove(index);
        }
        true
    }

    /// Counts what was sent; see [`Network::succeeded`].
    pub fn note(&mut self, message: &Wire) {
        if let (Some(200..300), Some((_, method))) = (message.code(), message.cseq()) {
            *self.succeeded.entry(method.to_string()).or_default() += 1;
        }
    }

    /// Successes sent so far by either side, repeats counted in, by method.
    pub const fn succeeded(&self) -> &BTreeMap<String, u64> {
        &self.succeeded
    }

    /// How long a message by a stream connection takes; `None`: the connection breaks.
    pub fn stream_delivery(&mut self, from: IpAddr, to: IpAddr) -> Option<Duration> {
        let is_cut = self.cut.contains(&from) || self.cut.contains(&to);
        let breaks = is_cut || self.weather.broken > 0.0 && self.rng.chance(self.weather.broken);
        (!breaks).then(|| self.delay())
    }

    /// After which times a datagram arrives: none, one or two.
    pub fn deliveries(&mut self, from: SocketAddr, to: SocketAddr) -> [Option<Duration>; 2] {
        if self.cut.contains(&from.ip()) || self.cut.contains(&to.ip()) {
            return [None, None];
        }
        if self.closed.contains(&from.ip()) {
            self.written.insert((from, to));
        }
        if self.closed.contains(&to.ip()) && !self.written.contains(&(to, from)) {
            return [None, None];
        }
        let lost = self.weather.loss > 0.0 && self.rng.chance(self.weather.loss);
        if lost {
            return [None, None];
        }
        let first = self.delay();
        let doubled = self.weather.doubled > 0.0 && self.rng.chance(self.weather.doubled);
        let second = doubled.then(|| self.delay());
        [Some(first), second]
    }

    fn delay(&mut self) -> Duration {
        let mut delay = self.weather.delay;
        if !self.weather.jitter.is_zero() {
            delay += self.weather.jitter.mul_f64(self.rng.fraction());
        }
        if self.weather.reordered > 0.0 && self.rng.chance(self.weather.reordered) {
            delay += LATE.mul_f64(1.0 + self.rng.fraction());
        }
        delay
    }
}

/// Where a translator sends a host's packets from: another address and another port.
pub(super) fn translation(inside: SocketAddr) -> SocketAddr {
    let ip = match inside.ip() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::new(203, 0, 113, ip.octets()[2])),
        ip @ IpAddr::V6(_) => ip,
    };
    SocketAddr::new(ip, inside.port().wrapping_add(TRANSLATED_BY))
}

/// How far a translator moves ports.
pub(super) const TRANSLATED_BY: u16 = 10_001;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_drops_only_what_it_names_and_only_so_often() {
        let mut network = Network::new(Weather::fair(), Rng::from_u64(1));
        let rule = DropRule { count: 2, what: "BYE".into(), from: Some("1001".into()), to: None };
        network.add_rule(rule);
        assert!(!network.is_dropped("BYE", "a", "acd"));
        assert!(!network.is_dropped("200 BYE", "1001", "acd"));
        assert!(network.is_dropped("BYE", "1001", "acd"));
        assert!(network.is_dropped("BYE", "1001", "acd"));
        assert!(!network.is_dropped("BYE", "1001", "acd"));
    }

    #[test]
    fn a_closed_host_gets_answers_from_where_it_has_written_to_and_nothing_else() {
        let [a, b, c] = [1, 2, 3].map(|port| SocketAddr::from(([10, 0, 0, 1], port)));
        let inside = SocketAddr::from(([10, 0, 0, 2], 1));
        let mut network = Network::new(Weather::fair(), Rng::from_u64(1));
        network.close(inside.ip());
        let mut arrives = |from, to| network.deliveries(from, to)[0].is_some();
        assert!(!arrives(a, inside) && arrives(inside, a) && arrives(a, inside));
        assert!(!arrives(b, inside) && !arrives(c, inside), "other ports of the same host");
        assert!(!arrives(a, SocketAddr::new(inside.ip(), 2)), "another socket inside");
    }

    #[test]
    fn a_cut_host_gets_nothing_until_it_is_mended() {
        let (a, b): (SocketAddr, SocketAddr) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:1".parse().unwrap());
        let mut network = Network::new(Weather::fair(), Rng::from_u64(1));
        network.cut(b.ip());
        assert_eq!(network.deliveries(a, b), [None, None]);
        network.mend(b.ip());
        assert_eq!(network.deliveries(a, b), [Some(Duration::from_millis(10)), None]);
    }
}
