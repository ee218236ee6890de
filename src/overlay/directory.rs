//! The names in one directory, and the order in which they are listed.
//!
//! Promise: a name that is there from the beginning of a listing to its end is listed once, whatever is made and removed
//! meanwhile. Each name has a number that only grows, and a listing goes on behind the number where it stopped.

use super::change::Ino;
use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    sync::Arc,
};

/// Numbers 1 and 2 are those of `.` and `..`.
pub(super) const FIRST: u64 = 3;

/// The names.
#[derive(Debug)]
pub(super) struct Directory {
    names: HashMap<Arc<OsStr>, Named>,
    order: BTreeMap<u64, Arc<OsStr>>,
    next: u64,
}

#[derive(Debug, Clone, Copy)]
struct Named {
    ino: Ino,
    number: u64,
}

impl Default for Directory {
    fn default() -> Self {
        Self { names: HashMap::new(), order: BTreeMap::new(), next: FIRST }
    }
}

impl Directory {
    pub(super) fn get(&self, name: &OsStr) -> Option<Ino> {
        self.names.get(name).map(|named| named.ino)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Gives a name to a node, and returns the one that had it.
    pub(super) fn insert(&mut self, name: &OsStr, ino: Ino) -> Option<Ino> {
        if let Some(named) = self.names.get_mut(name) {
            return Some(std::mem::replace(&mut named.ino, ino));
        }
        let name: Arc<OsStr> = name.into();
        self.names.insert(Arc::clone(&name), Named { ino, number: self.next });
        self.order.insert(self.next, name);
        self.next += 1;
        None
    }

    /// Takes a name away, and returns the node that had it.
    pub(super) fn remove(&mut self, name: &OsStr) -> Option<Ino> {
        let named = self.names.remove(name)?;
        self.order.remove(&named.number);
        Some(named.ino)
    }

    /// The names behind a number, each with its own.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = (u64, &OsStr, Ino)> {
        let behind = self.order.range(number.saturating_add(1)..);
        behind.filter_map(|(number, name)| Some((*number, &**name, self.names.get(name)?.ino)))
    }
}

#[test]
fn a_listing_goes_on_where_it_stopped_whatever_changes() {
    let mut directory = Directory::default();
    for (at, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        assert_eq!(directory.insert(OsStr::new(name), at as u64 + 10), None);
    }
    let names = |directory: &Directory, after| {
        let found = directory.after(after).map(|(_, name, ino)| format!("{}{ino}", name.display()));
        found.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&directory, 0), "a10 b11 c12 d13");
    assert_eq!(directory.remove(OsStr::new("a")), Some(10));
    assert_eq!(directory.insert(OsStr::new("c"), 99), Some(12));
    directory.insert(OsStr::new("a"), 14);
    assert_eq!(names(&directory, FIRST + 1), "c99 d13 a14", "b was the last one that was listed");
}
