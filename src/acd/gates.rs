//! [`Gates`]: which groups of a hall are held back for now. Its ordinary members come in as they are; those in reserve and
//! those of another queue stand behind a gate, open or closed for all of them at once. A gate that turns costs what stands
//! behind it, and nothing else in the hall is looked at.

use std::collections::BTreeMap;

use crate::acd::bits::Bits;
use crate::base::QueueId;

/// How the agents of a group come to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// They belong to it.
    Own,
    /// They belong to it, in reserve.
    Reserve,
    /// This queue lends them.
    Lent(QueueId),
}

impl Way {
    pub(super) const fn is_lent(self) -> bool {
        match self {
            Self::Lent(_) => true,
            Self::Own | Self::Reserve => false,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gates {
    /// By group.
    ways: Vec<Way>,
    gates: BTreeMap<Way, Gate>,
    /// Groups behind a closed gate.
    closed: Bits,
}

#[derive(Debug, Default)]
struct Gate {
    is_open: bool,
    groups: Vec<usize>,
}

impl Gates {
    /// One more group, or another in the place of one that is gone.
    pub(super) fn put_group(&mut self, group: usize, way: Way) {
        match self.ways.get_mut(group) {
            Some(place) => *place = way,
            None => self.ways.push(way),
        }
        if way != Way::Own {
            let gate = self.gates.entry(way).or_default();
            gate.groups.push(group);
            self.closed.put(group, !gate.is_open);
        }
    }

    /// The group is gone.
    pub(super) fn forget_group(&mut self, group: usize) {
        let way = std::mem::replace(&mut self.ways[group], Way::Own);
        if let Some(gate) = self.gates.get_mut(&way) {
            gate.groups.retain(|other| *other != group);
        }
        self.closed.put(group, false);
    }

    /// The same gates, each open or closed, with nobody behind them.
    pub(super) fn emptied(&self) -> Self {
        let gates = self.gates.iter().map(|(way, gate)| (*way, Gate { is_open: gate.is_open, groups: Vec::new() }));
        Self { ways: Vec::new(), gates: gates.collect(), closed: Bits::default() }
    }

    /// Opens or closes a gate.
    pub(super) fn turn(&mut self, way: Way, open: bool) {
        let gate = self.gates.entry(way).or_default();
        gate.is_open = open;
        for &group in &gate.groups {
            self.closed.put(group, !open);
        }
    }

    /// The groups behind a gate, by number.
    pub(super) fn behind(&self, way: Way, index: usize) -> Option<usize> {
        self.gates.get(&way)?.groups.get(index).copied()
    }

    /// True when the gate is so, or nobody stands behind it.
    pub(super) fn is_turned(&self, way: Way, open: bool) -> bool {
        self.gates.get(&way).is_none_or(|gate| {
            let is_held = |group: &usize| self.closed.has(*group) != open;
            gate.groups.is_empty() || (gate.is_open == open && gate.groups.iter().all(is_held))
        })
    }

    pub(super) fn is_open(&self, group: usize) -> bool {
        !self.closed.has(group)
    }

    pub(super) fn way(&self, group: usize) -> Way {
        self.ways[group]
    }
}
