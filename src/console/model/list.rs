//! The rows of one group of the tree, all of them or those that the filter lets through.

/// The rows of one group that the filter lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum List {
    /// All of so many.
    All(usize),
    /// Those at these indices, ascending.
    Only(Vec<usize>),
}

impl List {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::All(len) => *len,
            Self::Only(rows) => rows.len(),
        }
    }

    /// The index of the row at this place.
    pub(super) fn get(&self, at: usize) -> usize {
        match self {
            Self::All(_) => at,
            Self::Only(rows) => rows[at],
        }
    }

    /// The place of the row with this index.
    pub(super) fn position(&self, index: usize) -> Option<usize> {
        match self {
            Self::All(len) => (index < *len).then_some(index),
            Self::Only(rows) => rows.binary_search(&index).ok(),
        }
    }
}

/// The rows that belong to the list, and that the filter lets through, where there is one.
pub(super) fn filtered<T>(all: &[T], belongs: impl Fn(&T) -> bool, holds: Option<&impl Fn(&T) -> bool>) -> List {
    // Nearly always all rows are of one kind, and a list of a hundred thousand numbers is worth avoiding.
    if holds.is_none() && all.iter().all(&belongs) {
        return List::All(all.len());
    }
    let holds = |one: &T| belongs(one) && holds.is_none_or(|holds| holds(one));
    List::Only(all.iter().enumerate().filter(|(_, one)| holds(one)).map(|(at, _)| at).collect())
}
