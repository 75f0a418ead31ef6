//! [`Clients`]: the client transactions by their keys. A key is the number of a request, which its branch carries; what it
//! finds is small, so that the table's spare room is small too.

use std::hash::BuildHasherDefault;
use std::net::SocketAddr;

use super::event::{ClientKey, Door};
use super::invite_client::InviteClient;
use super::request_client::RequestClient;
use crate::base::idmap::IdHasher;
use crate::base::{Slots, SteadyMap};
use crate::sip::name::Method;

/// One client transaction.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) peer: SocketAddr,
    /// Which way the request went.
    pub(super) door: Door,
    pub(super) method: Method,
    pub(super) machine: ClientMachine,
}

#[derive(Debug)]
pub(super) enum ClientMachine {
    Invite(InviteClient),
    Request(RequestClient),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Clients {
    slots: Slots<Client>,
    by_key: SteadyMap<ClientKey, u64, BuildHasherDefault<IdHasher>>,
}

impl Default for Clients {
    fn default() -> Self {
        Self { slots: Slots::default(), by_key: SteadyMap::with_hasher(BuildHasherDefault::default()) }
    }
}

impl Clients {
    /// Files a transaction; gives the one of this key that it replaces.
    pub(super) fn insert(&mut self, key: ClientKey, client: Client) -> Option<Client> {
        let slot = self.slots.insert_with(|_| client);
        self.by_key.insert(key, slot).and_then(|replaced| self.slots.remove(replaced))
    }

    /// The transaction of this key, while it lives.
    pub(super) fn get_mut(&mut self, key: ClientKey) -> Option<&mut Client> {
        self.slots.get_mut(*self.by_key.get(&key)?)
    }

    /// Forgets a transaction.
    pub(super) fn remove(&mut self, key: ClientKey) {
        if let Some(slot) = self.by_key.remove(&key) {
            self.slots.remove(slot);
        }
    }

    /// How many live.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}
