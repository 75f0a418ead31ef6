//! [`Sources`]: something for each source address, bounded: sources share a table of fixed size.

use std::net::IpAddr;

use crate::base::origin;
use crate::sip::transaction::Secret;

/// Places of a table.
const PLACES: usize = 4_096;

/// See the module.
#[derive(Debug)]
pub(super) struct Sources<T> {
    places: Box<[T]>,
    secret: Secret,
}

impl<T: Copy> Sources<T> {
    /// A table of these. Nobody without the secret can choose a source that shares another's place.
    pub(super) fn new(secret: Secret, fresh: T) -> Self {
        Self { places: vec![fresh; PLACES].into(), secret }
    }

    /// What is kept for a source: a host, or a network of IPv6.
    pub(super) fn of(&mut self, source: IpAddr) -> &mut T {
        let place = self.secret.digest(&origin(source).to_be_bytes());
        &mut self.places[place as usize % PLACES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    #[test]
    fn neighbouring_addresses_have_places_of_their_own_and_no_more_than_there_are() {
        let mut sources = Sources::new(Secret::draw(&mut Rng::from_u64(1)), 0_u32);
        (0..=255).for_each(|host| *sources.of([192, 0, 2, host].into()) += 1);
        let alone = sources.places.iter().filter(|count| **count == 1).count();
        assert!(alone > 200, "{alone}");
        (0..100_000u32).for_each(|source| *sources.of(source.to_be_bytes().into()) += 1);
        assert_eq!((sources.places.len(), sources.places.iter().sum::<u32>()), (PLACES, 100_256));
    }
}
