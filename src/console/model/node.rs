//! What the rows of the tree stand for, and where that is found in the snapshot and the catalog.

use crate::{
    console::ports::{Catalog, InstanceKey},
    domain::{Kind, SessionId},
    machine::PastSession,
    manager::Snapshot,
};
use std::sync::Arc;

/// What the tree shows, one at a time; the tabs of the action bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Screen {
    /// What goes on, what is completed and not dismissed, and what can be restored.
    Restore,
    /// All that has ever ended.
    History,
}

/// The headings, in the order of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Ongoing restores (R2).
    Restore,
    /// Restores that succeeded or were cancelled (R3).
    Completed,
    /// Verifications, those that have ended behind the others; shown only when there are any, like the next two.
    Verify,
    /// Explore sessions.
    Explore,
    /// Objects of jobs.
    Backup,
    /// Records of sessions that could not be read (S10); shown only when there are any.
    Unreadable,
    /// What can be restored.
    Instances,
    /// All sessions that have ended, dismissed ones too.
    History,
}

impl Screen {
    /// All of them, in the order of the bar.
    pub const ALL: [Self; 2] = [Self::Restore, Self::History];

    /// The word of its tab.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restore => "Restore",
            Self::History => "History",
        }
    }
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
    /// The session of the history at this index.
    Past(usize),
}

/// The data that the rows show.
#[derive(Debug, Clone)]
pub struct TreeData {
    /// The sessions.
    pub snapshot: Arc<Snapshot>,
    /// The instances.
    pub catalog: Arc<Catalog>,
    /// The sessions that have ended, as they were read when somebody looked at the history.
    pub past: Arc<Vec<PastSession>>,
}

/// Lists of rows that the groups are made of: of each kind of session those that are ongoing, then those that have ended;
/// then records that could not be read, instances, and the history.
pub(super) const SECTIONS: usize = 2 * Kind::ALL.len() + 3;

const UNREADABLE: usize = SECTIONS - 3;
const INSTANCES: usize = SECTIONS - 2;
const PAST: usize = SECTIONS - 1;

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is a heading.
    Heading(Group),
    /// It is a row of a section, at this index of what the section shows.
    Row {
        /// The section.
        section: usize,
        /// The index in the snapshot or the catalog.
        index: usize,
    },
}

impl Group {
    /// All of them, in the order of the screen.
    pub const ALL: [Self; 8] = [
        Self::Restore,
        Self::Completed,
        Self::Verify,
        Self::Explore,
        Self::Backup,
        Self::Unreadable,
        Self::Instances,
        Self::History,
    ];

    /// Where it stands.
    pub const fn screen(self) -> Screen {
        match self {
            Self::Restore
            | Self::Completed
            | Self::Verify
            | Self::Explore
            | Self::Backup
            | Self::Unreadable
            | Self::Instances => Screen::Restore,
            Self::History => Screen::History,
        }
    }

    /// The kind of the sessions under it; `None` where there are none.
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Restore | Self::Completed => Some(Kind::Restore),
            Self::Verify => Some(Kind::Verify),
            Self::Explore => Some(Kind::Explore),
            Self::Backup => Some(Kind::Backup),
            Self::Unreadable | Self::Instances | Self::History => None,
        }
    }

    /// The words of its heading.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restore => "Restore",
            Self::Completed => "Completed",
            Self::Verify => "Verify",
            Self::Explore => "Explore",
            Self::Backup => "Backup",
            Self::Unreadable => "Unreadable",
            Self::Instances => "Instances",
            Self::History => "History",
        }
    }

    /// Whether it is there without rows, too.
    pub(super) const fn is_always_shown(self) -> bool {
        matches!(self, Self::Restore | Self::Completed | Self::Instances | Self::History)
    }

    /// The sections of a kind: ongoing, and ended.
    pub(super) const fn sections_of(kind: Kind) -> (usize, usize) {
        (2 * kind as usize, 2 * kind as usize + 1)
    }

    /// What it is made of.
    pub(super) const fn sections(self) -> std::ops::Range<usize> {
        match self {
            Self::Restore => 0..1,
            Self::Completed => 1..2,
            Self::Verify => 2..4,
            Self::Explore => 4..6,
            Self::Backup => 6..8,
            Self::Unreadable => UNREADABLE..INSTANCES,
            Self::Instances => INSTANCES..PAST,
            Self::History => PAST..SECTIONS,
        }
    }

    /// The group that a section is part of.
    pub(super) fn of_section(section: usize) -> Self {
        Self::ALL.into_iter().find(|group| group.sections().contains(&section)).unwrap_or(Self::Instances)
    }
}

impl TreeRow {
    pub(super) const fn at(section: usize, index: usize) -> Self {
        match section {
            UNREADABLE => Self::Unreadable(index),
            INSTANCES => Self::Instance(index),
            PAST => Self::Past(index),
            section if section % 2 == 0 => Self::Ongoing(index),
            _ => Self::Completed(index),
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
            TreeRow::Past(at) => Node::Session(self.past.get(at)?.row.id),
        })
    }

    /// Where a node stands on a screen. `near` is where it was, to look there first.
    pub(super) fn place(&self, node: &Node, near: usize, screen: Screen) -> Option<Place> {
        let row = |group: Group, index| Place::Row { section: group.sections().start, index };
        match node {
            Node::Group(group) => (group.screen() == screen).then_some(Place::Heading(*group)),
            Node::Session(id) if screen == Screen::History => {
                let index = from(near, self.past.len(), |at| self.past[at].row.id == *id)?;
                Some(row(Group::History, index))
            }
            Node::Unreadable(_) | Node::Instance(_) if screen == Screen::History => None,
            Node::Session(id) => {
                if let Some(index) = self.snapshot.ongoing.iter().position(|one| one.id() == *id) {
                    let (section, _) = Group::sections_of(self.snapshot.ongoing[index].order().kind());
                    return Some(Place::Row { section, index });
                }
                let rows = &self.snapshot.completed;
                let index = from(near, rows.len(), |at| rows[at].id == *id)?;
                let (_, section) = Group::sections_of(rows[index].kind);
                Some(Place::Row { section, index })
            }
            Node::Unreadable(id) => {
                self.snapshot.unreadable.iter().position(|one| one.id == *id).map(|at| row(Group::Unreadable, at))
            }
            Node::Instance(key) => {
                self.catalog.instances.iter().position(|one| key.is(one)).map(|at| row(Group::Instances, at))
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
