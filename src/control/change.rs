//! What leads from one snapshot of all sessions to another, cut into lines of bounded size.
//!
//! Promises: a delta is as long as what differs between its two snapshots, however many lay between them; only what was
//! replaced is compared, not what is still the same value in memory; a snapshot is complete at its
//! [`Change::Snapshot`]. Never: makes a line that may be shown by itself.

use crate::{
    domain::{JobId, SessionId},
    machine::{
        CompletedRow, EndedCounts, Session, UnreadableSession,
        job::{JobRow, JobRun, UnreadableJob},
    },
    manager::Snapshot,
};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

/// Completed sessions that the first snapshot shows at once: more than any screen has rows.
pub const FIRST_ROWS: usize = 200;

/// Completed sessions in one line: some 150 KiB.
pub const ROWS_PER_LINE: usize = 1000;

/// Numbers of sessions in one line: some 70 KiB.
pub const IDS_PER_LINE: usize = 10_000;

/// One line of a delta.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change<'a> {
    /// An ongoing session is new, or stands like this now.
    Session(Box<Cow<'a, Session>>),
    /// These are no longer ongoing.
    Gone(Vec<SessionId>),
    /// These are under Completed now.
    Rows(Vec<Cow<'a, CompletedRow>>),
    /// These are no longer under Completed.
    RowsGone(Vec<SessionId>),
    /// All records that cannot be read.
    Unreadable(Vec<Cow<'a, UnreadableSession>>),
    /// A run of a job goes on, or stands like this now.
    Run(Box<Cow<'a, JobRun>>),
    /// These runs do not go on any more.
    RunsGone(Vec<JobId>),
    /// All runs that have ended and are shown, newest first.
    EndedRuns(Vec<Cow<'a, JobRow>>),
    /// All records of runs that cannot be read.
    UnreadableRuns(Vec<Cow<'a, UnreadableJob>>),
    /// With the lines up to this one a snapshot is complete.
    Snapshot {
        /// The owner's number for it.
        revision: u64,
        /// Ended and not dismissed: all of them, also those whose rows are still to come.
        ended: EndedCounts,
        /// Whether older completed sessions follow at once, which belong to this snapshot too.
        more: bool,
    },
}

/// A line that is still to be sent; it keeps a reference to its content, and is encoded when its turn comes.
#[derive(Debug)]
enum Part {
    Session(Arc<Session>),
    Gone(Vec<SessionId>),
    Rows(Vec<Arc<CompletedRow>>),
    RowsGone(Vec<SessionId>),
    Unreadable(Arc<Vec<UnreadableSession>>),
    Run(Arc<JobRun>),
    RunsGone(Vec<JobId>),
    EndedRuns(Arc<Vec<Arc<JobRow>>>),
    UnreadableRuns(Arc<Vec<UnreadableJob>>),
    Complete { more: bool },
}

type Parts = VecDeque<Part>;

/// The lines from one snapshot to another, in order.
#[derive(Debug)]
pub struct Delta {
    target: Arc<Snapshot>,
    parts: Parts,
}

impl Delta {
    /// From nothing: all ongoing sessions and the newest completed ones make a snapshot that can be shown; the other
    /// completed ones follow.
    pub fn initial(target: Arc<Snapshot>) -> Self {
        let mut parts: Parts = target.ongoing.iter().cloned().map(Part::Session).collect();
        if !target.unreadable.is_empty() {
            parts.push_back(Part::Unreadable(Arc::clone(&target.unreadable)));
        }
        // A first snapshot differs from an empty one in its runs as any later one does.
        differing_runs(&mut parts, &Snapshot::default(), &target);
        let (newest, others) = target.completed.split_at(target.completed.len().min(FIRST_ROWS));
        parts.extend(rows(newest));
        if !others.is_empty() {
            parts.push_back(Part::Complete { more: true });
            parts.extend(rows(others));
        }
        parts.push_back(Part::Complete { more: false });
        Self { target, parts }
    }

    /// From a snapshot that is known.
    pub fn between(known: &Snapshot, target: Arc<Snapshot>) -> Self {
        let mut parts = Parts::new();
        differing_sessions(&mut parts, known, &target);
        if !Arc::ptr_eq(&known.completed, &target.completed) {
            differing_rows(&mut parts, &known.completed, &target.completed);
        }
        if !Arc::ptr_eq(&known.unreadable, &target.unreadable) && known.unreadable != target.unreadable {
            parts.push_back(Part::Unreadable(Arc::clone(&target.unreadable)));
        }
        differing_runs(&mut parts, known, &target);
        parts.push_back(Part::Complete { more: false });
        Self { target, parts }
    }

    /// The snapshot it leads to.
    pub fn target(&self) -> &Arc<Snapshot> {
        &self.target
    }

    /// Whether all lines have been taken.
    pub fn is_done(&self) -> bool {
        self.parts.is_empty()
    }

    /// Gives the next line to `encode`; `None` when all have been taken.
    pub fn next_line<T>(&mut self, encode: impl FnOnce(Change<'_>) -> T) -> Option<T> {
        let part = self.parts.pop_front()?;
        Some(encode(part.change(&self.target)))
    }
}

impl Part {
    fn change(&self, target: &Snapshot) -> Change<'_> {
        match self {
            Self::Session(session) => Change::Session(Box::new(Cow::Borrowed(session))),
            Self::Gone(ids) => Change::Gone(ids.clone()),
            Self::Rows(rows) => Change::Rows(rows.iter().map(|row| Cow::Borrowed(&**row)).collect()),
            Self::RowsGone(ids) => Change::RowsGone(ids.clone()),
            Self::Unreadable(all) => Change::Unreadable(all.iter().map(Cow::Borrowed).collect()),
            Self::Run(run) => Change::Run(Box::new(Cow::Borrowed(run))),
            Self::RunsGone(ids) => Change::RunsGone(ids.clone()),
            Self::EndedRuns(rows) => Change::EndedRuns(rows.iter().map(|row| Cow::Borrowed(&**row)).collect()),
            Self::UnreadableRuns(all) => Change::UnreadableRuns(all.iter().map(Cow::Borrowed).collect()),
            Self::Complete { more } => {
                Change::Snapshot { revision: target.revision, ended: target.counts.ended, more: *more }
            }
        }
    }
}

fn differing_sessions(parts: &mut Parts, known: &Snapshot, target: &Snapshot) {
    let mut old: HashMap<SessionId, &Arc<Session>> =
        known.ongoing.iter().map(|session| (session.id(), session)).collect();
    for session in &target.ongoing {
        let before = old.remove(&session.id());
        if !before.is_some_and(|before| Arc::ptr_eq(before, session)) {
            parts.push_back(Part::Session(Arc::clone(session)));
        }
    }
    let gone: Vec<SessionId> = old.into_keys().collect();
    parts.extend(gone.chunks(IDS_PER_LINE).map(|ids| Part::Gone(ids.to_vec())));
}

/// Runs are few, and of those that have ended only the newest are shown: each list is sent whole.
fn differing_runs(parts: &mut Parts, known: &Snapshot, target: &Snapshot) {
    for run in &target.runs {
        if !known.run(run.id()).is_some_and(|before| Arc::ptr_eq(before, run)) {
            parts.push_back(Part::Run(Arc::clone(run)));
        }
    }
    let gone: Vec<JobId> = known.runs.iter().map(|run| run.id()).filter(|id| target.run(*id).is_none()).collect();
    parts.extend((!gone.is_empty()).then_some(Part::RunsGone(gone)));
    if !Arc::ptr_eq(&known.ended_runs, &target.ended_runs) && known.ended_runs != target.ended_runs {
        parts.push_back(Part::EndedRuns(Arc::clone(&target.ended_runs)));
    }
    if !Arc::ptr_eq(&known.unreadable_runs, &target.unreadable_runs) && known.unreadable_runs != target.unreadable_runs
    {
        parts.push_back(Part::UnreadableRuns(Arc::clone(&target.unreadable_runs)));
    }
}

/// Rows come at the beginning and go anywhere, so most is the same at both ends: only what lies between is compared.
fn differing_rows(parts: &mut Parts, known: &[Arc<CompletedRow>], target: &[Arc<CompletedRow>]) {
    let same = |(a, b): &(&Arc<CompletedRow>, &Arc<CompletedRow>)| Arc::ptr_eq(a, b);
    let before = known.iter().zip(target).take_while(same).count();
    let (known, target) = (&known[before..], &target[before..]);
    let after = known.iter().rev().zip(target.iter().rev()).take_while(same).count();
    let (known, target) = (&known[..known.len() - after], &target[..target.len() - after]);
    let old: HashMap<SessionId, &Arc<CompletedRow>> = known.iter().map(|row| (row.id, row)).collect();
    let new: HashSet<SessionId> = target.iter().map(|row| row.id).collect();
    let gone: Vec<SessionId> = known.iter().map(|row| row.id).filter(|id| !new.contains(id)).collect();
    parts.extend(gone.chunks(IDS_PER_LINE).map(|ids| Part::RowsGone(ids.to_vec())));
    let is_new = |row: &&Arc<CompletedRow>| !old.get(&row.id).is_some_and(|before| Arc::ptr_eq(before, row));
    let added: Vec<Arc<CompletedRow>> = target.iter().filter(is_new).cloned().collect();
    parts.extend(rows(&added));
}

fn rows(rows: &[Arc<CompletedRow>]) -> impl Iterator<Item = Part> {
    rows.chunks(ROWS_PER_LINE).map(|rows| Part::Rows(rows.to_vec()))
}
