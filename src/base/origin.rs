//! Who is meant where something is kept or allowed by address: one host, or one network of IPv6.

use std::net::IpAddr;

/// A number for an address, whichever way it is written. Whoever has one address of IPv6 has a network of them, which has one
/// number.
pub fn origin(source: IpAddr) -> u64 {
    match source.to_canonical() {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_has_one_number_and_an_address_of_ipv4_one_whichever_way_it_is_written() {
        let number = |text: &str| origin(text.parse().unwrap());
        assert_eq!(number("2001:db8:1:2::1"), number("2001:db8:1:2:ffff::9"));
        assert_ne!(number("2001:db8:1:2::1"), number("2001:db8:1:3::1"));
        assert_eq!(number("::ffff:192.0.2.1"), number("192.0.2.1"));
        assert_ne!(number("192.0.2.1"), number("192.0.2.2"));
    }
}
