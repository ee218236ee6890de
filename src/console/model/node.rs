//! What the rows of the tree stand for, and where that is found in the snapshot and the catalog.

use super::{
    explored::{Explored, ExploredLine},
    jobs::{JobLine, Jobs},
    screen::Screen,
};
use crate::{
    console::ports::{Catalog, InstanceKey},
    domain::{InstanceName, ItemName, JobId, Kind, SessionId},
    machine::PastSession,
    manager::Snapshot,
};
use std::sync::Arc;

/// The headings, in the order of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Ongoing restores (R2).
    Restore,
    /// Restores that succeeded or were cancelled (R3).
    Completed,
    /// Verifications, those that have ended behind the others; shown only when there are any, like the next one.
    Verify,
    /// Explore sessions.
    Explore,
    /// Records of sessions that could not be read (S10); shown only when there are any.
    Unreadable,
    /// What can be restored.
    Instances,
    /// The jobs, each with the objects of its run that goes on.
    Jobs,
    /// Runs that have ended and are not dismissed, and records of runs that could not be read; only when there are any.
    Runs,
    /// Objects of jobs whose run does not stand among the jobs; only when there are any.
    Backup,
    /// All sessions that have ended, dismissed ones too.
    History,
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
    /// A job.
    Job(InstanceName),
    /// An object, by its place, of a run that goes on, as long as it has no session.
    Object(JobId, usize),
    /// A run that has ended.
    Run(JobId),
    /// A record of a run that could not be read.
    UnreadableRun(JobId),
    /// An item of what a session holds open.
    Item(SessionId, ItemName),
}

impl Node {
    /// The session that it stands for.
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Session(id) => Some(*id),
            Self::Group(_)
            | Self::Unreadable(_)
            | Self::Instance(_)
            | Self::Job(_)
            | Self::Object(..)
            | Self::Run(_)
            | Self::Item(..)
            | Self::UnreadableRun(_) => None,
        }
    }

    /// The instance that it stands for.
    pub const fn instance(&self) -> Option<&InstanceKey> {
        match self {
            Self::Instance(key) => Some(key),
            Self::Group(_)
            | Self::Session(_)
            | Self::Unreadable(_)
            | Self::Job(_)
            | Self::Object(..)
            | Self::Run(_)
            | Self::Item(..)
            | Self::UnreadableRun(_) => None,
        }
    }
}

impl TreeRow {
    /// The place of the ongoing session that it shows.
    pub const fn ongoing(self) -> Option<usize> {
        if let Self::Ongoing(at) = self { Some(at) } else { None }
    }

    /// The place of the completed session that it shows.
    pub const fn completed(self) -> Option<usize> {
        if let Self::Completed(at) = self { Some(at) } else { None }
    }
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
    /// The row of the jobs at this index: a job, or an object of its run.
    Job(usize),
    /// The run that has ended at this index.
    Run(usize),
    /// The unreadable record of a run at this index.
    UnreadableRun(usize),
    /// The row of open restore points at this index: a session, or an item.
    Explored(usize),
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
    /// The jobs and their runs.
    pub jobs: Arc<Jobs>,
    /// What was read of open restore points.
    pub explored: Arc<Explored>,
}

/// Lists of rows that the groups are made of: of each kind of session those that are ongoing, then those that have ended;
/// then records that could not be read, instances, the history, jobs, runs, and records of runs that could not be read.
pub(super) const SECTIONS: usize = 2 * Kind::ALL.len() + 6;

const UNREADABLE: usize = SECTIONS - 6;
const INSTANCES: usize = SECTIONS - 5;
const PAST: usize = SECTIONS - 4;
const JOBS: usize = SECTIONS - 3;
const RUNS: usize = SECTIONS - 2;
const UNREADABLE_RUNS: usize = SECTIONS - 1;

/// The ongoing explore sessions have a section of their own kind: below each stands what is unfolded of it.
pub(super) const EXPLORED: usize = 2 * Kind::Explore as usize;

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Place {
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
    pub const ALL: [Self; 10] = [
        Self::Restore,
        Self::Completed,
        Self::Verify,
        Self::Explore,
        Self::Unreadable,
        Self::Instances,
        Self::Jobs,
        Self::Runs,
        Self::Backup,
        Self::History,
    ];

    /// Where it stands.
    pub const fn screen(self) -> Screen {
        match self {
            Self::Restore | Self::Completed | Self::Verify | Self::Unreadable | Self::Instances => Screen::Restore,
            Self::Explore => Screen::Explore,
            Self::Jobs | Self::Runs | Self::Backup => Screen::Jobs,
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
            Self::Unreadable | Self::Instances | Self::Jobs | Self::Runs | Self::History => None,
        }
    }

    /// The words of its heading.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restore => "Restore",
            Self::Completed => "Completed",
            Self::Verify => "Verify",
            Self::Explore => "Explore",
            Self::Unreadable => "Unreadable",
            Self::Instances => "Instances",
            Self::Jobs => "Jobs",
            Self::Runs => "Runs that have ended",
            Self::Backup => "Their objects",
            Self::History => "History",
        }
    }

    /// Whether it is there without rows, too.
    pub(super) const fn is_always_shown(self) -> bool {
        matches!(self, Self::Restore | Self::Completed | Self::Instances | Self::Jobs | Self::Explore | Self::History)
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
            Self::History => PAST..JOBS,
            Self::Jobs => JOBS..RUNS,
            Self::Runs => RUNS..SECTIONS,
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
            JOBS => Self::Job(index),
            RUNS => Self::Run(index),
            UNREADABLE_RUNS => Self::UnreadableRun(index),
            EXPLORED => Self::Explored(index),
            section if section % 2 == 0 => Self::Ongoing(index),
            _ => Self::Completed(index),
        }
    }
}

impl TreeData {
    /// What is published; of the history and of jobs nothing is known yet.
    pub fn new(snapshot: Arc<Snapshot>, catalog: Arc<Catalog>) -> Self {
        Self { snapshot, catalog, past: Arc::default(), jobs: Arc::default(), explored: Arc::default() }
    }

    /// What a row stands for.
    pub fn node(&self, row: TreeRow) -> Option<Node> {
        Some(match row {
            TreeRow::Group(group) => Node::Group(group),
            TreeRow::Ongoing(at) => Node::Session(self.snapshot.ongoing.get(at)?.id()),
            TreeRow::Completed(at) => Node::Session(self.snapshot.completed.get(at)?.id),
            TreeRow::Unreadable(at) => Node::Unreadable(self.snapshot.unreadable.get(at)?.id),
            TreeRow::Instance(at) => Node::Instance(InstanceKey::of(self.catalog.instances.get(at)?)),
            TreeRow::Past(at) => Node::Session(self.past.get(at)?.row.id),
            TreeRow::Job(at) => match self.jobs.line(at)? {
                (job, None) => Node::Job(job.name.clone()),
                (job, Some((object, state))) => match state.session() {
                    Some(session) => Node::Session(session),
                    None => Node::Object(job.run.as_ref()?.id(), object),
                },
            },
            TreeRow::Run(at) => Node::Run(self.snapshot.ended_runs.get(at)?.id),
            TreeRow::UnreadableRun(at) => Node::UnreadableRun(self.snapshot.unreadable_runs.get(at)?.id),
            TreeRow::Explored(at) => match self.explored.lines.get(at)? {
                ExploredLine::Session(session) => Node::Session(self.snapshot.ongoing.get(*session)?.id()),
                ExploredLine::Item(item) => Node::Item(item.session, item.item.clone()),
            },
        })
    }

    /// Where a node stands on a screen. `near` is where it was, to look there first.
    pub(in crate::console) fn place(&self, node: &Node, near: usize, screen: Screen) -> Option<Place> {
        let row = |group: Group, index| Place::Row { section: group.sections().start, index };
        let place = match node {
            Node::Group(group) => Place::Heading(*group),
            Node::Session(id) if screen == Screen::History => {
                row(Group::History, from(near, self.past.len(), |at| self.past[at].row.id == *id)?)
            }
            Node::Session(id) => self.session_place(*id, near)?,
            Node::Unreadable(id) => {
                row(Group::Unreadable, self.snapshot.unreadable.iter().position(|one| one.id == *id)?)
            }
            Node::Instance(key) => row(Group::Instances, self.catalog.instances.iter().position(|one| key.is(one))?),
            Node::Job(name) => {
                let job = self.jobs.list.iter().position(|job| job.name == *name)?;
                row(Group::Jobs, self.jobs.lines.iter().position(|line| *line == JobLine::Job(job))?)
            }
            Node::Object(run, object) => {
                // From the moment that it has a session, its row is the session's.
                self.jobs.run(*run)?.objects().get(*object).filter(|state| state.session().is_none())?;
                let is_it = |job: &super::jobs::Job| job.run.as_ref().is_some_and(|known| known.id() == *run);
                let job = self.jobs.list.iter().position(is_it)?;
                let line = JobLine::Object { job, object: *object };
                row(Group::Jobs, self.jobs.lines.iter().position(|known| *known == line)?)
            }
            Node::Run(id) => row(Group::Runs, self.snapshot.ended_runs.iter().position(|one| one.id == *id)?),
            Node::Item(session, item) => {
                Place::Row { section: EXPLORED, index: self.explored.line_of(*session, item)? }
            }
            Node::UnreadableRun(id) => {
                let index = self.snapshot.unreadable_runs.iter().position(|one| one.id == *id)?;
                Place::Row { section: UNREADABLE_RUNS, index }
            }
        };
        let group = match place {
            Place::Heading(group) => group,
            Place::Row { section, .. } => Group::of_section(section),
        };
        (group.screen() == screen).then_some(place)
    }

    /// Where a session stands that is ongoing, or has ended and is not dismissed.
    fn session_place(&self, id: SessionId, near: usize) -> Option<Place> {
        let ongoing = self.snapshot.ongoing.iter().position(|one| one.id() == id);
        if ongoing.is_none_or(|at| self.snapshot.ongoing[at].order().kind() == Kind::Backup)
            && let Some(index) = self.jobs.line_of_session(id)
        {
            return Some(Place::Row { section: JOBS, index });
        }
        if let Some(index) = ongoing {
            let (section, _) = Group::sections_of(self.snapshot.ongoing[index].order().kind());
            let index = match section {
                EXPLORED => self.explored.lines.iter().position(|line| *line == ExploredLine::Session(index))?,
                _ => index,
            };
            return Some(Place::Row { section, index });
        }
        let rows = &self.snapshot.completed;
        let index = from(near, rows.len(), |at| rows[at].id == id)?;
        let (_, section) = Group::sections_of(rows[index].kind);
        Some(Place::Row { section, index })
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
