//! What was read of segments that change no more, so that it is read once.
//!
//! Promise: an entry goes by the file that it was read from: its segment, size and time of change; what nobody asks for any
//! more is forgotten. Never: holds what was read of a segment that was not full, or more than [`MAX_ENTRIES`].

use super::{Chain, DumpError, tail::Tail};
use crate::domain::{Edge, Lsn, Timeline};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

/// Some hundred bytes each.
const MAX_ENTRIES: usize = 50_000;

/// What the key of restore points begins with.
pub(super) const POINTS: &str = "points";

/// The entries, by what they are of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memo {
    edges: BTreeMap<String, Edge>,
    tails: BTreeMap<String, Lsn>,
    points: BTreeMap<String, Vec<(String, Lsn)>>,
    /// The keys that were asked for.
    #[serde(skip)]
    used: BTreeSet<String>,
}

impl Memo {
    /// The key of what was read of a segment up to a position; `None` where the segment may still change.
    pub(super) fn key(chain: &Chain<'_>, number: u64, what: &str, until: Lsn) -> Option<String> {
        let (timeline, stored) = chain.file(number)?;
        let cluster = chain.listing.header?.system_identifier;
        // What lies before a position depends on the path that leads there.
        let leaf = if what == POINTS { Timeline(0) } else { chain.timelines().last()? };
        let (bytes, at) = (stored.bytes, stored.modified.as_nanosecond());
        (!stored.partial).then(|| format!("{what} {cluster} {timeline} {number} {bytes} {at} {until} {leaf}"))
    }

    pub(super) fn edge(
        &mut self,
        key: String,
        read: impl FnOnce() -> Result<Edge, DumpError>,
    ) -> Result<Edge, DumpError> {
        self.used.insert(key.clone());
        if let Some(known) = self.edges.get(&key) {
            return Ok(*known);
        }
        let edge = read()?;
        if edge.exact && self.has_room() {
            self.edges.insert(key, edge);
        }
        Ok(edge)
    }

    /// The end of undamaged WAL; what is damaged may be replaced by a good copy.
    pub(super) fn tail(&mut self, key: String, read: impl FnOnce() -> io::Result<Tail>) -> io::Result<Tail> {
        self.used.insert(key.clone());
        if let Some(last) = self.tails.get(&key) {
            return Ok(Tail { last: Some(*last), damage: None });
        }
        let tail = read()?;
        if let (Some(last), None) = (tail.last, &tail.damage)
            && self.has_room()
        {
            self.tails.insert(key, last);
        }
        Ok(tail)
    }

    pub(super) fn points(&mut self, key: &str) -> Option<Vec<(String, Lsn)>> {
        self.used.insert(key.to_owned());
        self.points.get(key).cloned()
    }

    pub(super) fn learn_points(&mut self, key: String, names: &[(String, Lsn)]) {
        if self.has_room() {
            self.points.insert(key, names.to_vec());
        }
    }

    /// Forgets what was not asked for since this was last called, or this memo made.
    pub(super) fn forget_unused(&mut self) {
        let used = std::mem::take(&mut self.used);
        self.edges.retain(|key, _| used.contains(key));
        self.tails.retain(|key, _| used.contains(key));
        self.points.retain(|key, _| used.contains(key));
    }

    fn has_room(&self) -> bool {
        self.edges.len() + self.tails.len() + self.points.len() < MAX_ENTRIES
    }
}
