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

/// The rows that belong to the list, and whose name holds `needle`, which is in lower case.
pub(super) fn filtered<T>(needle: &str, all: &[T], name: impl Fn(&T) -> &str, belongs: impl Fn(&T) -> bool) -> List {
    // Nearly always all rows are of one kind, and a list of a hundred thousand numbers is worth avoiding.
    if needle.is_empty() && all.iter().all(&belongs) {
        return List::All(all.len());
    }
    let holds = |one: &T| belongs(one) && (needle.is_empty() || contains(name(one), needle));
    List::Only(all.iter().enumerate().filter(|(_, one)| holds(one)).map(|(at, _)| at).collect())
}

/// Whether `text` holds `needle`, which is in lower case.
fn contains(text: &str, needle: &str) -> bool {
    if text.is_ascii() && needle.is_ascii() {
        let needle = needle.as_bytes();
        return text.as_bytes().windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle));
    }
    text.to_lowercase().contains(needle)
}
