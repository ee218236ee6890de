//! What leads from one picture of all sessions to another, cut into lines of bounded size.
//!
//! Promises: the way from one picture to another is as long as what differs between the two, however many pictures lay
//! between them; only what was replaced is looked at, never what is still the same value in memory. Never: a line may be
//! shown by itself, a picture is complete only at its [`Change::Picture`].

use crate::{
    domain::SessionId,
    machine::{CompletedRow, Session, UnreadableSession},
    manager::Snapshot,
};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

/// Completed sessions that the first picture shows at once: more than any screen has rows.
pub const FIRST_ROWS: usize = 200;

/// Completed sessions in one line: some 150 KiB.
pub const ROWS_PER_LINE: usize = 1000;

/// Numbers of sessions in one line: some 70 KiB.
pub const IDS_PER_LINE: usize = 10_000;

/// One line on the way to a picture.
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
    /// With the lines up to this one a picture is complete.
    Picture {
        /// The owner's number for it.
        revision: u64,
        /// Ended and not dismissed, the instance back: all of them, also those whose rows are still to come.
        succeeded: usize,
        /// Ended and not dismissed, cancelled.
        cancelled: usize,
        /// Whether older completed sessions follow at once, which belong to this picture too.
        more: bool,
    },
}

/// A line that is still to be told; it holds on to what it tells of, and is written down when its turn comes.
#[derive(Debug)]
enum Piece {
    Session(Arc<Session>),
    Gone(Vec<SessionId>),
    Rows(Vec<Arc<CompletedRow>>),
    RowsGone(Vec<SessionId>),
    Unreadable(Arc<Vec<UnreadableSession>>),
    Picture { more: bool },
}

type Pieces = VecDeque<Piece>;

/// The lines from one picture to another, in order.
#[derive(Debug)]
pub struct Way {
    target: Arc<Snapshot>,
    pieces: Pieces,
}

impl Way {
    /// From nothing: all ongoing sessions and the newest completed ones make a picture that can be shown; the other
    /// completed ones follow.
    pub fn to_first(target: Arc<Snapshot>) -> Self {
        let mut pieces: Pieces = target.ongoing.iter().cloned().map(Piece::Session).collect();
        if !target.unreadable.is_empty() {
            pieces.push_back(Piece::Unreadable(Arc::clone(&target.unreadable)));
        }
        let (newest, others) = target.completed.split_at(target.completed.len().min(FIRST_ROWS));
        pieces.extend(rows(newest));
        if !others.is_empty() {
            pieces.push_back(Piece::Picture { more: true });
            pieces.extend(rows(others));
        }
        pieces.push_back(Piece::Picture { more: false });
        Self { target, pieces }
    }

    /// From a picture that is known.
    pub fn between(known: &Snapshot, target: Arc<Snapshot>) -> Self {
        let mut pieces = Pieces::new();
        differing_sessions(&mut pieces, known, &target);
        if !Arc::ptr_eq(&known.completed, &target.completed) {
            differing_rows(&mut pieces, &known.completed, &target.completed);
        }
        if !Arc::ptr_eq(&known.unreadable, &target.unreadable) && known.unreadable != target.unreadable {
            pieces.push_back(Piece::Unreadable(Arc::clone(&target.unreadable)));
        }
        pieces.push_back(Piece::Picture { more: false });
        Self { target, pieces }
    }

    /// Where it leads to.
    pub fn target(&self) -> &Arc<Snapshot> {
        &self.target
    }

    /// Whether everything has been told.
    pub fn is_told(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Gives the next line to `tell`; `None` when everything has been told.
    pub fn tell_next<T>(&mut self, tell: impl FnOnce(Change<'_>) -> T) -> Option<T> {
        let piece = self.pieces.pop_front()?;
        Some(tell(piece.change(&self.target)))
    }
}

impl Piece {
    fn change(&self, target: &Snapshot) -> Change<'_> {
        match self {
            Self::Session(session) => Change::Session(Box::new(Cow::Borrowed(session))),
            Self::Gone(ids) => Change::Gone(ids.clone()),
            Self::Rows(rows) => Change::Rows(rows.iter().map(|row| Cow::Borrowed(&**row)).collect()),
            Self::RowsGone(ids) => Change::RowsGone(ids.clone()),
            Self::Unreadable(all) => Change::Unreadable(all.iter().map(Cow::Borrowed).collect()),
            Self::Picture { more } => Change::Picture {
                revision: target.revision,
                succeeded: target.counts.succeeded,
                cancelled: target.counts.cancelled,
                more: *more,
            },
        }
    }
}

fn differing_sessions(pieces: &mut Pieces, known: &Snapshot, target: &Snapshot) {
    let mut old: HashMap<SessionId, &Arc<Session>> =
        known.ongoing.iter().map(|session| (session.id(), session)).collect();
    for session in &target.ongoing {
        let before = old.remove(&session.id());
        if !before.is_some_and(|before| Arc::ptr_eq(before, session)) {
            pieces.push_back(Piece::Session(Arc::clone(session)));
        }
    }
    let gone: Vec<SessionId> = old.into_keys().collect();
    pieces.extend(gone.chunks(IDS_PER_LINE).map(|ids| Piece::Gone(ids.to_vec())));
}

/// Rows come at the beginning and go anywhere, so most is the same at both ends: only what lies between is compared.
fn differing_rows(pieces: &mut Pieces, known: &[Arc<CompletedRow>], target: &[Arc<CompletedRow>]) {
    let same = |(a, b): &(&Arc<CompletedRow>, &Arc<CompletedRow>)| Arc::ptr_eq(a, b);
    let before = known.iter().zip(target).take_while(same).count();
    let (known, target) = (&known[before..], &target[before..]);
    let after = known.iter().rev().zip(target.iter().rev()).take_while(same).count();
    let (known, target) = (&known[..known.len() - after], &target[..target.len() - after]);
    let old: HashMap<SessionId, &Arc<CompletedRow>> = known.iter().map(|row| (row.id, row)).collect();
    let new: HashSet<SessionId> = target.iter().map(|row| row.id).collect();
    let gone: Vec<SessionId> = known.iter().map(|row| row.id).filter(|id| !new.contains(id)).collect();
    pieces.extend(gone.chunks(IDS_PER_LINE).map(|ids| Piece::RowsGone(ids.to_vec())));
    let is_new = |row: &&Arc<CompletedRow>| !old.get(&row.id).is_some_and(|before| Arc::ptr_eq(before, row));
    let added: Vec<Arc<CompletedRow>> = target.iter().filter(is_new).cloned().collect();
    pieces.extend(rows(&added));
}

fn rows(rows: &[Arc<CompletedRow>]) -> impl Iterator<Item = Piece> {
    rows.chunks(ROWS_PER_LINE).map(|rows| Piece::Rows(rows.to_vec()))
}
