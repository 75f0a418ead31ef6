//! Networks of addresses.

use std::net::IpAddr;

/// The prefix length that covers one address alone.
pub const fn host_prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// True when `address` lies in `network/prefix`.
pub fn within(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_covers_its_addresses_and_no_others() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(within(ip("192.0.2.0"), 24, ip("192.0.2.77")));
        assert!(!within(ip("192.0.2.0"), 24, ip("192.0.3.1")));
        assert!(within(ip("0.0.0.0"), 0, ip("198.51.100.1")));
        assert!(within(ip("192.0.2.7"), 32, ip("192.0.2.7")) && !within(ip("192.0.2.7"), 32, ip("192.0.2.6")));
        assert!(within(ip("2001:db8::"), 32, ip("2001:db8::1")) && !within(ip("2001:db8::"), 32, ip("192.0.2.1")));
        assert!(within(ip("::"), 0, ip("::1")));
    }
}
