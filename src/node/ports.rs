//! [`Ports`]: the leases of RTP ports a shard holds, a pool for each media worker, and who is let in: both legs of a call live
//! in one worker, so a call needs a port there and whoever is offered to it another one.

use crate::media::{Lease, Pool};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ports {
    banks: Vec<Bank>,
    /// Streams that belong to agents' legs, in all workers.
    agents: usize,
}

/// The ports of one worker and what lives on them.
#[derive(Debug)]
struct Bank {
    worker: u8,
    pool: Pool,
    /// All leases, free or not.
    leases: usize,
    /// Contacts with audio that were let in, and how many of them have their stream.
    contacts: usize,
    callers: usize,
    agents: usize,
}

/// Which side of a contact holds a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Caller,
    Agent,
}

impl Ports {
    /// `shard` is the number of the shard that holds the leases: each fills another worker first.
    pub(super) fn new(leases: &[Lease], shard: u8) -> Self {
        let mut workers: Vec<u8> = leases.iter().map(|lease| lease.port.worker()).collect();
        workers.sort_unstable();
        workers.dedup();
        let bank = |worker| {
            let its: Vec<Lease> = leases.iter().filter(|lease| lease.port.worker() == worker).copied().collect();
            Bank { worker, leases: its.len(), pool: Pool::new(its), contacts: 0, callers: 0, agents: 0 }
        };
        let mut banks: Vec<Bank> = workers.into_iter().map(bank).collect();
        let first = usize::from(shard).checked_rem(banks.len()).unwrap_or(0);
        banks.rotate_left(first);
        Self { banks, agents: 0 }
    }

    /// The worker for one more contact: the first that is not half full, else the one with the most room, because a worker
    /// that wakes up for few packets pays more for each. `None` unless it would find a port there and, whenever it is
    /// offered, one for an agent: at most as many agents' ports are wanted as there are agents, and as there are contacts
    /// without one, each of which rings `each` at once.
    pub(super) fn choose(&self, agents: usize, each: usize) -> Option<u8> {
        let room = |bank: &Bank| self.room(bank, agents, each);
        let with_room = || self.banks.iter().filter(|bank| room(bank) > 0);
        let early = with_room().find(|bank| bank.contacts < HALF_FULL.min(bank.leases / 2));
        early.or_else(|| with_room().max_by_key(|bank| room(bank))).map(|bank| bank.worker)
    }

    /// True when this worker has room for one more contact.
    pub(super) fn has_room(&self, worker: u8, agents: usize, each: usize) -> bool {
        self.banks.iter().any(|bank| bank.worker == worker && self.room(bank, agents, each) > 0)
    }

    fn room(&self, bank: &Bank, agents: usize, each: usize) -> usize {
        let idle = agents.saturating_sub(self.agents);
        let wanted = idle.min(((bank.contacts + 1) * each).saturating_sub(bank.agents));
        bank.pool.free().saturating_sub(bank.contacts.saturating_sub(bank.callers) + wanted)
    }

    /// A contact with audio is let in; one that is handed on counts as two while it may need ports for a third party.
    pub(super) fn enter(&mut self, worker: u8) {
        if let Some(bank) = self.bank(worker) {
            bank.contacts += 1;
        }
    }

    /// It is over.
    pub(super) fn leave(&mut self, worker: u8) {
        if let Some(bank) = self.bank(worker) {
            bank.contacts -= 1;
        }
    }

    /// A port of this worker.
    pub(super) fn take(&mut self, worker: u8, holder: Holder) -> Option<Lease> {
        let bank = self.bank(worker)?;
        let lease = bank.pool.take()?;
        match holder {
            Holder::Caller => bank.callers += 1,
            Holder::Agent => {
                bank.agents += 1;
                self.agents += 1;
            }
        }
        Some(lease)
    }

    /// An agent's port is from now on that of a third party, for whom its contact was let in again.
    pub(super) fn hand_on(&mut self, worker: u8) {
        if let Some(bank) = self.bank(worker) {
            bank.agents -= 1;
            bank.callers += 1;
            self.agents -= 1;
        }
    }

    /// A port comes back.
    pub(super) fn give_back(&mut self, lease: Lease, holder: Holder) {
        let Some(bank) = self.bank(lease.port.worker()) else { return };
        bank.pool.give_back(lease);
        match holder {
            Holder::Caller => bank.callers -= 1,
            Holder::Agent => {
                bank.agents -= 1;
                self.agents -= 1;
            }
        }
    }

    /// That no port is lost while so many streams are open.
    ///
    /// # Errors
    /// What does not add up, in words.
    pub(super) fn check(&self, streams: usize) -> Result<(), String> {
        let used: usize = self.banks.iter().map(|bank| bank.callers + bank.agents).sum();
        if used != streams {
            return Err(format!("{used} ports are held by {streams} streams"));
        }
        for bank in &self.banks {
            let (free, used) = (bank.pool.free(), bank.callers + bank.agents);
            if free + used != bank.leases || bank.callers > bank.contacts {
                let Bank { worker, leases, contacts, callers, .. } = bank;
                return Err(format!(
                    "worker {worker}: {free} ports free and {used} in use of {leases}; {callers} of {contacts} callers heard"
                ));
            }
        }
        Ok(())
    }

    fn bank(&mut self, worker: u8) -> Option<&mut Bank> {
        self.banks.iter_mut().find(|bank| bank.worker == worker)
    }
}

/// Contacts that half fill a worker, where its ports do not say less: 100,000 packets of music a second are half a core.
const HALF_FULL: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::PortId;

    #[test]
    fn workers_are_filled_one_by_one_to_the_half_and_an_agent_finds_a_port_beside_its_caller() {
        let mut ports = ports(&[4, 4]);
        let mut chosen = Vec::new();
        while let Some(worker) = ports.choose(1, 1) {
            ports.enter(worker);
            ports.take(worker, Holder::Caller).unwrap();
            chosen.push(worker);
        }
        assert_eq!(chosen, [0, 0, 1, 1, 1, 0], "one port in each is left for the agent");
        for worker in [0, 1] {
            let lease = ports.take(worker, Holder::Agent).unwrap();
            assert_eq!(lease.port.worker(), worker);
            ports.check(7).unwrap();
            ports.give_back(lease, Holder::Agent);
        }
        ports.check(6).unwrap();
    }

    #[test]
    fn who_was_let_in_and_has_no_stream_yet_is_counted() {
        let mut ports = ports(&[4]);
        let mut let_in = 0;
        while let Some(worker) = ports.choose(100, 1) {
            ports.enter(worker);
            let_in += 1;
        }
        assert_eq!(let_in, 2, "each with one for its agent");
        ports.leave(0);
        assert_eq!(ports.choose(100, 1), Some(0));
        assert_eq!(Ports::new(&[], 3).choose(0, 1), None);
    }

    #[test]
    fn each_shard_fills_another_worker_first() {
        let lease = |worker| Lease { port: PortId::new(worker, 0), address: ([192, 0, 2, 1], 20_000).into() };
        let leases: Vec<Lease> = [0, 0, 1, 1].map(lease).into();
        assert_eq!([0, 1, 2].map(|shard| Ports::new(&leases, shard).choose(1, 1)), [Some(0), Some(1), Some(0)]);
    }

    fn ports(workers: &[u32]) -> Ports {
        let leases = |(worker, count): (u8, &u32)| {
            let lease =
                |index: u32| (PortId::new(worker, index), 20_000 + 2_000 * u16::from(worker) + 2 * index as u16);
            (0..*count).map(lease).collect::<Vec<_>>()
        };
        let all = (0..).zip(workers).flat_map(leases);
        let leases: Vec<Lease> = all.map(|(port, at)| Lease { port, address: ([192, 0, 2, 1], at).into() }).collect();
        Ports::new(&leases, 0)
    }
}
