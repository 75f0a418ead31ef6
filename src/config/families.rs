//! Keys that hold an address of ours: one, or a list with one of each address family where `sip.listen` has both.

use std::net::{IpAddr, SocketAddr};

use toml::de::DeValue;

use super::error::Report;
use super::reader::Section;
use crate::base::PerFamily;

/// What a key says, at most once for each address family, each with its byte and path.
#[derive(Debug)]
pub(super) struct Written<T>(Vec<(T, usize, String)>);

impl<T: Copy + Into<Host>> Written<T> {
    /// What it says for the family of this address.
    pub(super) fn of(&self, listen: SocketAddr) -> Option<T> {
        let all = self.all().map(|(value, ..)| value);
        all.into_iter().find(|value| Host::from(listen).0.is_ipv4() == (*value).into().0.is_ipv4())
    }

    /// Everything, in the order of the text.
    pub(super) fn all(&self) -> impl Iterator<Item = (T, usize, &str)> {
        self.0.iter().map(|(value, at, path)| (*value, *at, path.as_str()))
    }

    /// Reports what is of a family that is not spoken.
    pub(super) fn check_families(&self, spoken: &PerFamily<SocketAddr>, report: &mut Report<'_>) {
        for (value, at, path) in self.all() {
            same_family(value.into().0, spoken, at, path, report);
        }
    }
}

/// An address without its port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Host(IpAddr);

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        Self(ip)
    }
}

impl From<SocketAddr> for Host {
    fn from(address: SocketAddr) -> Self {
        Self(address.ip())
    }
}

/// Reads a key with an address, or with a list that has one of each family. `None` when it is absent or, reported, wrong.
pub(super) fn read<T: Copy + Into<Host>>(
    section: &Section<'_, '_>,
    key: &str,
    report: &mut Report<'_>,
    reader: impl Fn(&DeValue<'_>) -> Result<T, String>,
) -> Option<Written<T>> {
    let item = section.get(key)?;
    if item.value.as_array().is_none() {
        let value = section.read(key, report, reader)?;
        return Some(Written(vec![(value, item.at, item.path)]));
    }
    let elements = section.elements(key, report)?;
    if elements.is_empty() {
        report.value(item.at, &item.path, "is empty; it lists an address, or one of each family");
    }
    let mut written: Vec<(T, usize, String)> = Vec::new();
    for element in &elements {
        let family = |value: T| name(value.into().0);
        match reader(element.value) {
            Ok(value) if written.iter().any(|(other, ..)| family(*other) == family(value)) => {
                let message = format!("is a second address of {}; the list has one of each family", family(value));
                report.value(element.at, &element.path, message);
            }
            Ok(value) => written.push((value, element.at, element.path.clone())),
            Err(message) => report.value(element.at, &element.path, message),
        }
    }
    (!elements.is_empty() && written.len() == elements.len()).then_some(Written(written))
}

/// A socket speaks one IP version: reports an address of one that is not spoken.
pub(super) fn same_family(
    address: IpAddr,
    spoken: &PerFamily<SocketAddr>,
    at: usize,
    path: &str,
    report: &mut Report<'_>,
) {
    if spoken.facing(address).is_none() {
        let message = format!("{address} is {}, but sip.listen is {}", name(address), name(spoken.first().ip()));
        report.whole(at, path, message);
    }
}

/// What a family is called.
pub(super) const fn name(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}
