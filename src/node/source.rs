//! Whom a source address stands for, where something is kept for each source in tables of fixed size.

use std::net::IpAddr;

use crate::sip::transaction::Secret;

/// Places of such a table: more sources share places.
pub(super) const SOURCES: usize = 4_096;

/// The place of a source. Nobody without the secret can choose one that shares another's.
pub(super) fn place_of(secret: Secret, source: IpAddr) -> usize {
    let digest = match source.to_canonical() {
        IpAddr::V4(ip) => secret.digest(&ip.octets()),
        // Whoever has one address of IPv6 has a network of them.
        IpAddr::V6(ip) => secret.digest(&ip.octets()[..8]),
    };
    digest as usize % SOURCES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    #[test]
    fn a_network_of_ipv6_has_one_place_and_an_address_of_ipv4_one_whichever_way_it_is_written() {
        let secret = Secret::draw(&mut Rng::from_u64(1));
        let place = |text: &str| place_of(secret, text.parse().unwrap());
        assert_eq!(place("2001:db8:1:2::1"), place("2001:db8:1:2:ffff::9"));
        assert_ne!(place("2001:db8:1:2::1"), place("2001:db8:1:3::1"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
        assert_ne!(place("192.0.2.1"), place("192.0.2.2"));
    }
}
