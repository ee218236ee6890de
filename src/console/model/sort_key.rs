//! What the rows of a table are compared by.

use super::{
    Model,
    column::{Column, CompletedColumn, ExploreColumn, InstanceColumn, OngoingColumn},
    explored::ExploredLine,
    history::Left,
    tree::TreeRow,
};
use crate::{
    catalog::CatalogEntry,
    domain::Timestamp,
    machine::{Cause, CompletedRow, Phase, Session, StuckReason},
};
use std::{cmp::Ordering, path::Path, time::Duration};

/// What rows are compared by. What is not known stands last.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    /// In the order of the alphabet.
    Text(String),
    /// The smaller first.
    Number(f64),
    /// Last of all.
    Unknown,
}

impl Key {
    fn largest(number: f64) -> Self {
        Self::Number(-number)
    }

    fn of(length: Duration) -> Self {
        Self::Number(length.as_secs_f64())
    }

    fn at(moment: Timestamp) -> Self {
        Self::Number(moment.as_second() as f64)
    }

    /// Which of two stands first.
    pub(super) fn compared(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Number(one), Self::Number(two)) => one.total_cmp(two),
            (Self::Unknown, Self::Unknown) => Ordering::Equal,
            (Self::Text(_), _) | (Self::Number(_), Self::Unknown) => Ordering::Less,
            (_, _) => Ordering::Greater,
        }
    }
}

impl Model {
    /// What a row of a table is compared by in this column.
    pub(super) fn key(&self, row: TreeRow, column: Column) -> Key {
        let snapshot = &self.shown.snapshot;
        match (row, column) {
            (TreeRow::Ongoing(at), Column::Ongoing(column)) => {
                snapshot.ongoing.get(at).map_or(Key::Unknown, |session| self.ongoing_key(session, column))
            }
            (TreeRow::Completed(at), Column::Completed(column)) => {
                snapshot.completed.get(at).map_or(Key::Unknown, |row| completed_key(row, column))
            }
            (TreeRow::Past(at), Column::Completed(column)) => {
                self.shown.past.get(at).map_or(Key::Unknown, |past| completed_key(&past.row, column))
            }
            (TreeRow::Past(at), Column::Dismissed) => {
                self.shown.past.get(at).map_or(Key::Unknown, |past| Key::Number(f64::from(!past.is_dismissed)))
            }
            (TreeRow::Instance(at), Column::Instance(column)) => self.instance_key(at, column),
            (TreeRow::Explored(at), Column::Explore(column)) => match self.shown.explored.lines.get(at) {
                Some(ExploredLine::Session(at)) => {
                    snapshot.ongoing.get(*at).map_or(Key::Unknown, |session| self.explored_key(session, column))
                }
                Some(ExploredLine::Item(_)) | None => Key::Unknown,
            },
            (TreeRow::Completed(at), Column::Explore(column)) => {
                snapshot.completed.get(at).map_or(Key::Unknown, |row| closed_key(row, column))
            }
            (_, _) => Key::Unknown,
        }
    }

    fn ongoing_key(&self, session: &Session, column: OngoingColumn) -> Key {
        match column {
            OngoingColumn::Instance => Key::Text(session.title().as_str().to_lowercase()),
            OngoingColumn::Target => {
                let last = session.order().directory().and_then(Path::file_name);
                last.map_or(Key::Unknown, |last| Key::Text(last.to_string_lossy().to_lowercase()))
            }
            OngoingColumn::Step => {
                session.current_step().map_or(Key::Unknown, |step| Key::Number(f64::from(step as u8)))
            }
            OngoingColumn::Share => Key::largest(session.ratio()),
            OngoingColumn::Rate => self.rate(session).map_or(Key::Unknown, Key::largest),
            OngoingColumn::Left => match self.left(session) {
                Some(Left::Range(_, slow)) => Key::of(slow),
                Some(Left::Hidden | Left::Stalled(_)) | None => Key::Unknown,
            },
            OngoingColumn::Tries => tries_used(session).map_or(Key::Unknown, |tries| Key::largest(f64::from(tries))),
            OngoingColumn::Number => Key::Number(session.id().0 as f64),
            OngoingColumn::Since => Key::at(session.created_at()),
            OngoingColumn::By => Key::Text(session.by().to_lowercase()),
            // The order of the tree is that of the state: what needs a person first.
            OngoingColumn::State => Key::Unknown,
        }
    }

    fn explored_key(&self, session: &Session, column: ExploreColumn) -> Key {
        match column {
            // The order of the tree is that of the state.
            ExploreColumn::State => Key::Unknown,
            ExploreColumn::Instance => Key::Text(session.title().as_str().to_lowercase()),
            ExploreColumn::Point => {
                session.order().label().map_or(Key::Unknown, |label| Key::Text(label.to_lowercase()))
            }
            ExploreColumn::Since => Key::at(session.created_at()),
            ExploreColumn::Space => session.occupied().map_or(Key::Unknown, |bytes| Key::largest(bytes.0 as f64)),
            ExploreColumn::Children => {
                Key::largest(self.children_counts(session.id()).into_iter().sum::<usize>() as f64)
            }
            ExploreColumn::By => Key::Text(session.by().to_lowercase()),
        }
    }

    fn instance_key(&self, at: usize, column: InstanceColumn) -> Key {
        let Some(one) = self.shown.catalog.instances.get(at) else { return Key::Unknown };
        let newest = one.newest_row();
        match column {
            InstanceColumn::Name => Key::Text(one.name.as_str().to_lowercase()),
            InstanceColumn::Points => Key::largest(one.rows.len() as f64),
            InstanceColumn::Newest => newest.and_then(CatalogEntry::taken_at).map_or(Key::Unknown, Key::at),
            InstanceColumn::Size => {
                newest.and_then(CatalogEntry::size).map_or(Key::Unknown, |size| Key::largest(size.0 as f64))
            }
            InstanceColumn::LastRestore => {
                self.last_restore(&one.name).map_or(Key::Unknown, |(ended, _)| Key::at(ended))
            }
            InstanceColumn::LastTook => {
                self.last_restore(&one.name).map_or(Key::Unknown, |(_, took)| Key::largest(took.as_secs_f64()))
            }
        }
    }
}

/// What was held open stands behind what is, and has no more than its name, its beginning and who asked.
fn closed_key(row: &CompletedRow, column: ExploreColumn) -> Key {
    match column {
        ExploreColumn::Instance => Key::Text(row.title.as_str().to_lowercase()),
        ExploreColumn::Since => Key::at(row.began()),
        ExploreColumn::By => Key::Text(row.details.by.to_lowercase()),
        ExploreColumn::State | ExploreColumn::Point | ExploreColumn::Space | ExploreColumn::Children => Key::Unknown,
    }
}

fn completed_key(row: &CompletedRow, column: CompletedColumn) -> Key {
    let details = &row.details;
    match column {
        CompletedColumn::Outcome => Key::Number(f64::from(row.result as u8)),
        CompletedColumn::Instance => Key::Text(row.title.as_str().to_lowercase()),
        CompletedColumn::Number => Key::Number(row.id.0 as f64),
        CompletedColumn::Ended => Key::largest(row.ended.as_second() as f64),
        CompletedColumn::Took => Key::largest(row.took.as_secs_f64()),
        CompletedColumn::Target => match details.target.as_str() {
            "" => Key::Unknown,
            target => Key::Text(target.to_lowercase()),
        },
        CompletedColumn::Bytes => details.bytes.map_or(Key::Unknown, |bytes| Key::largest(bytes.0 as f64)),
        CompletedColumn::Rate => details.rate.map_or(Key::Unknown, |rate| Key::largest(rate as f64)),
        CompletedColumn::Tries => details.tries.map_or(Key::Unknown, |tries| Key::largest(f64::from(tries))),
        CompletedColumn::By => Key::Text(details.by.to_lowercase()),
    }
}

/// The try of the present series that is made, or was made last; `None` where the first attempt has not been disrupted.
pub fn tries_used(session: &Session) -> Option<u32> {
    match session.phase() {
        Phase::Waiting { tries_used, .. } => Some(*tries_used),
        Phase::Running { cause: Cause::Try(number), .. } | Phase::Queued { cause: Cause::Try(number), .. } => {
            Some(*number)
        }
        Phase::Stuck { reason: StuckReason::TriesUsedUp, .. } => Some(session.policy().tries),
        Phase::Running { cause: Cause::First | Cause::Retry | Cause::Resume, .. }
        | Phase::Queued { cause: Cause::First | Cause::Retry | Cause::Resume, .. }
        | Phase::Stuck { reason: StuckReason::Incurable | StuckReason::Bug, .. }
        | Phase::Paused { .. }
        | Phase::Cancelling { .. }
        | Phase::Completed { .. } => None,
    }
}
