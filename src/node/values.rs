//! The values that contacts are told apart by, as numbers: a name gets one when it first comes, keeps it over reloads, and no
//! other name ever gets it. Figures carry the numbers and learn the names with the plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acd::{Dimension, ValueId};

/// The names of all dimensions with their numbers.
#[derive(Debug, Clone)]
pub(super) struct Values {
    of: [Names; Dimension::ALL.len()],
}

#[derive(Debug, Clone)]
struct Names {
    /// By number.
    names: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, ValueId>,
}

impl Values {
    /// Every dimension has the value of those who have none.
    pub(super) fn new() -> Self {
        let of = Dimension::ALL.map(|dimension| {
            let none: Arc<str> = dimension.none().into();
            Names { names: vec![Arc::clone(&none)], numbers: BTreeMap::from([(none, ValueId::default())]) }
        });
        Self { of }
    }

    /// The number of a name. When there are more names than numbers, over years of reloads, the last number is that of all
    /// others.
    pub(super) fn number(&mut self, dimension: Dimension, name: &Arc<str>) -> ValueId {
        let Names { names, numbers } = &mut self.of[dimension as usize];
        if let Some(number) = numbers.get(name) {
            return *number;
        }
        let Some(number) = u16::try_from(names.len()).ok().filter(|number| *number < u16::MAX) else {
            return ValueId(u16::MAX);
        };
        names.push(Arc::clone(name));
        numbers.insert(Arc::clone(name), ValueId(number));
        ValueId(number)
    }

    /// The names by their numbers.
    pub(super) fn names(&self) -> [Vec<Arc<str>>; Dimension::ALL.len()] {
        self.of.each_ref().map(|of| of.names.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_shares_it_with_none() {
        let mut values = Values::new();
        let number = |values: &mut Values, name: &str| values.number(Dimension::Region, &name.into());
        assert_eq!(number(&mut values, "unknown"), ValueId(0));
        assert_eq!((number(&mut values, "上海"), number(&mut values, "北京")), (ValueId(1), ValueId(2)));
        assert_eq!(number(&mut values, "上海"), ValueId(1));
        assert_eq!(values.number(Dimension::Trunk, &"上海".into()), ValueId(1), "each dimension counts by itself");
        (0..70_000).for_each(|n| assert!(number(&mut values, &format!("r{n}")).0 > 2));
        assert_eq!(number(&mut values, "one more"), ValueId(u16::MAX));
    }
}
