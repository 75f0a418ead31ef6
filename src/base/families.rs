//! [`PerFamily`]: what there is once for each address family (IPv4, IPv6) that is spoken.

use std::net::IpAddr;

/// One of these for the first family, and one for the other where both are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerFamily<T> {
    /// The first family is IPv4.
    is_ipv4: bool,
    first: T,
    other: Option<T>,
}

impl<T> PerFamily<T> {
    /// `ip` is an address of the first one's family.
    pub const fn new(ip: IpAddr, first: T, other: Option<T>) -> Self {
        Self { is_ipv4: ip.is_ipv4(), first, other }
    }

    /// That of the first family.
    pub const fn first(&self) -> &T {
        &self.first
    }

    /// That of the other family, where it is spoken.
    pub const fn other(&self) -> Option<&T> {
        self.other.as_ref()
    }

    /// All there are, the first one first.
    pub fn all(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.other)
    }

    /// As [`PerFamily::all`].
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        std::iter::once(&mut self.first).chain(&mut self.other)
    }

    /// The one for a far end; `None` where its family is not spoken.
    pub fn facing(&self, far: IpAddr) -> Option<&T> {
        if far.is_ipv4() == self.is_ipv4 { Some(&self.first) } else { self.other.as_ref() }
    }

    /// The one for a far end, or the first where its family is not spoken.
    pub fn towards(&self, far: IpAddr) -> &T {
        self.facing(far).unwrap_or(&self.first)
    }

    /// As [`PerFamily::towards`].
    pub fn towards_mut(&mut self, far: IpAddr) -> &mut T {
        match &mut self.other {
            Some(other) if far.is_ipv4() != self.is_ipv4 => other,
            Some(_) | None => &mut self.first,
        }
    }

    /// The same by reference.
    pub const fn as_ref(&self) -> PerFamily<&T> {
        PerFamily { is_ipv4: self.is_ipv4, first: &self.first, other: self.other.as_ref() }
    }

    /// What each of them is made into.
    ///
    /// # Errors
    /// The first of `make`.
    pub fn try_map<U, E>(self, mut make: impl FnMut(T) -> Result<U, E>) -> Result<PerFamily<U>, E> {
        let Self { is_ipv4, first, other } = self;
        Ok(PerFamily { is_ipv4, first: make(first)?, other: other.map(make).transpose()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_far_end_gets_what_is_of_its_family() {
        let [v4, v6]: [IpAddr; 2] = ["192.0.2.1", "2001:db8::1"].map(|text| text.parse().unwrap());
        let mut both = PerFamily::new(v6, 6, Some(4));
        assert_eq!(
            [v4, v6].map(|far| (both.facing(far).copied(), *both.towards_mut(far))),
            [(Some(4), 4), (Some(6), 6)]
        );
        let one = PerFamily::new(v4, 4, None);
        assert_eq!([v4, v6].map(|far| (one.facing(far).copied(), *one.towards(far))), [(Some(4), 4), (None, 4)]);
        assert_eq!(both.try_map(|n| if n < 9 { Ok(n * 2) } else { Err(n) }), Ok(PerFamily::new(v6, 12, Some(8))));
    }
}
