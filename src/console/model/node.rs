//! What the rows of the tree stand for, and where that is found in the snapshot and the catalog.

use crate::{
    console::ports::{Catalog, InstanceKey},
    domain::SessionId,
    manager::Snapshot,
};
use std::sync::Arc;

/// The headings, in the order of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Ongoing sessions (R2).
    Restore,
    /// Sessions that succeeded or were cancelled (R3).
    Completed,
    /// Records of sessions that could not be read (S10); shown only when there are any.
    Unreadable,
    /// What can be restored.
    Instances,
}

/// What a row stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A heading: all of it.
    Group(Group),
    /// A session.
    Session(SessionId),
    /// A record that could not be read.
    Unreadable(SessionId),
    /// An instance of the catalog.
    Instance(InstanceKey),
}

/// Where a row's data is in the snapshot or the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeRow {
    /// A heading.
    Group(Group),
    /// The ongoing session at this index.
    Ongoing(usize),
    /// The completed session at this index.
    Completed(usize),
    /// The unreadable record at this index.
    Unreadable(usize),
    /// The instance at this index.
    Instance(usize),
}

/// The data that the rows show.
#[derive(Debug, Clone)]
pub struct TreeData {
    /// The sessions.
    pub snapshot: Arc<Snapshot>,
    /// The instances.
    pub catalog: Arc<Catalog>,
}

impl TreeRow {
    pub(super) const fn at(group: Group, index: usize) -> Self {
        match group {
            Group::Restore => Self::Ongoing(index),
            Group::Completed => Self::Completed(index),
            Group::Unreadable => Self::Unreadable(index),
            Group::Instances => Self::Instance(index),
        }
    }
}

impl TreeData {
    /// What a row stands for.
    pub fn node(&self, row: TreeRow) -> Option<Node> {
        Some(match row {
            TreeRow::Group(group) => Node::Group(group),
            TreeRow::Ongoing(at) => Node::Session(self.snapshot.ongoing.get(at)?.id()),
            TreeRow::Completed(at) => Node::Session(self.snapshot.completed.get(at)?.id),
            TreeRow::Unreadable(at) => Node::Unreadable(self.snapshot.unreadable.get(at)?.id),
            TreeRow::Instance(at) => Node::Instance(InstanceKey::of(self.catalog.instances.get(at)?)),
        })
    }

    /// The group of a node and its index in it; a heading has none. `near` is where it was, to look there first.
    pub(super) fn place(&self, node: &Node, near: usize) -> Option<(Group, Option<usize>)> {
        match node {
            Node::Group(group) => Some((*group, None)),
            Node::Session(id) => {
                if let Some(at) = self.snapshot.ongoing.iter().position(|one| one.id() == *id) {
                    return Some((Group::Restore, Some(at)));
                }
                let rows = &self.snapshot.completed;
                let at = from(near, rows.len(), |at| rows[at].id == *id)?;
                Some((Group::Completed, Some(at)))
            }
            Node::Unreadable(id) => {
                let at = self.snapshot.unreadable.iter().position(|one| one.id == *id)?;
                Some((Group::Unreadable, Some(at)))
            }
            Node::Instance(key) => {
                let at = self.catalog.instances.iter().position(|one| key.is(one))?;
                Some((Group::Instances, Some(at)))
            }
        }
    }
}

/// The index that `is_it` accepts, looked for outwards from `near`: rows move by a few places at a time.
fn from(near: usize, len: usize, is_it: impl Fn(usize) -> bool) -> Option<usize> {
    let near = near.min(len);
    let before = (0..near).rev().map(Some).chain(std::iter::repeat(None));
    let after = (near..len).map(Some).chain(std::iter::repeat(None));
    let outwards = after.zip(before).take_while(|pair| *pair != (None, None));
    outwards.flat_map(|(after, before)| [after, before]).flatten().find(|at| is_it(*at))
}
