//! Reads `address` or `addresses` of a peer: where it is reached, and in which order.

use std::net::IpAddr;

use super::endpoint::PeerAddress;
use super::error::Report;
use super::families::same_family;
use super::reader::{Item, Section, integer, string};
use super::types::SipConfig;
use super::values;
use crate::base::limits::PEER_ADDRESSES_MAX;

/// The addresses as they were read.
pub(super) struct Addresses {
    /// By priority, else as in the text; none when they are wrong.
    pub(super) read: Vec<PeerAddress>,
    /// Where requests come from when nothing is said, each with its byte; none when some are names, which the shell looks up.
    pub(super) sources: Vec<((IpAddr, u8), usize)>,
    /// The key that they stand under.
    pub(super) key: &'static str,
}

const ADDRESS_KEYS: [&str; 3] = ["address", "priority", "weight"];

/// `address` or `addresses`; one of them must be there. `usual` is the port where none is written.
pub(super) fn read(
    section: &Section<'_, '_>,
    usual: u16,
    sip: Option<&SipConfig>,
    report: &mut Report<'_>,
) -> Addresses {
    let mut read: Vec<(PeerAddress, usize)> = Vec::new();
    let several = section.get("addresses");
    let key = if several.is_some() { "addresses" } else { "address" };
    match &several {
        None => {
            let endpoint = section.required("address", "\"pbx.example:5060\"", report, |value| {
                values::endpoint_or(string(value)?, usual)
            });
            let at = section.get("address").map_or(section.at, |item| item.at);
            let one = |endpoint| (PeerAddress { endpoint, priority: 0, weight: 1 }, at);
            read.extend(endpoint.map(one));
            check_family(&read, section.child("address"), sip, report);
        }
        Some(item) => {
            if section.get("address").is_some() {
                report.value(item.at, &item.path, "and address are both there; write one of them");
            }
            let elements = section.elements("addresses", report);
            let is_list = elements.is_some();
            let elements = elements.unwrap_or_default();
            if is_list && (elements.is_empty() || elements.len() > PEER_ADDRESSES_MAX) {
                report.value(item.at, &item.path, format!("lists 1 to {PEER_ADDRESSES_MAX} addresses"));
            }
            for element in elements.iter().take(PEER_ADDRESSES_MAX) {
                let before = read.len();
                read.extend(one(element, usual, report).map(|address| (address, element.at)));
                check_family(&read[before..], element.path.clone(), sip, report);
                let is_known = |(address, _): &(PeerAddress, usize)| {
                    read.last().is_some_and(|(last, _)| last.endpoint == address.endpoint)
                };
                if read.len() > before && read[..before].iter().any(is_known) {
                    report.value(element.at, &element.path, "is listed twice");
                }
            }
        }
    }
    let numeric = |(address, at): &(PeerAddress, usize)| {
        let ip: IpAddr = address.endpoint.host.parse().ok()?;
        Some(((ip, values::address_bits(ip)), *at))
    };
    let sources: Option<Vec<_>> = read.iter().map(numeric).collect();
    let mut sources = sources.unwrap_or_default();
    // Two ports of one host.
    sources.sort_by_key(|(network, at)| (*network, *at));
    sources.dedup_by_key(|(network, _)| *network);
    read.sort_by_key(|(address, _)| address.priority);
    Addresses { read: read.into_iter().map(|(address, _)| address).collect(), sources, key }
}

fn one(item: &Item<'_, '_>, usual: u16, report: &mut Report<'_>) -> Option<PeerAddress> {
    if item.value.as_str().is_some() {
        return match string(item.value).and_then(|text| values::endpoint_or(text, usual)) {
            Ok(endpoint) => Some(PeerAddress { endpoint, priority: 0, weight: 1 }),
            Err(message) => {
                report.value(item.at, &item.path, message);
                None
            }
        };
    }
    let section = Section::open(item, &ADDRESS_KEYS, report)?;
    let number = |value: &toml::de::DeValue<'_>| integer(value, 0, u16::MAX.into()).map(|number| number as u16);
    let priority = section.read("priority", report, number).unwrap_or(0);
    let weight = section.read("weight", report, number).unwrap_or(1);
    let endpoint = section
        .required("address", "\"pbx.example:5060\"", report, |value| values::endpoint_or(string(value)?, usual))?;
    Some(PeerAddress { endpoint, priority, weight })
}

fn check_family(read: &[(PeerAddress, usize)], path: String, sip: Option<&SipConfig>, report: &mut Report<'_>) {
    for (address, at) in read {
        if let (Ok(numeric), Some(spoken)) = (address.endpoint.host.parse(), sip.map(SipConfig::spoken)) {
            same_family(numeric, &spoken, *at, &path, report);
        }
    }
}
