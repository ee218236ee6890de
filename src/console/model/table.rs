//! The tables of the headings: which columns they have, what they are sorted by, the row that the keys are on.
//!
//! Promises: without a choice the order is that of the tree: what needs a person first, the newest first; the choice stays
//! until the screen closes. Never: paints.

use super::{
    Model,
    history::Left,
    tree::{Group, Node, TreeRow},
};
use crate::{
    console::view::states,
    domain::{InstanceName, Kind, Step, Timestamp},
    machine::{Cause, CompletedRow, Phase, Session, StuckReason},
    manager::{CompletedResult, Moment},
};
use std::{cmp::Ordering, collections::BTreeMap, path::Path, sync::Arc, time::Duration};

/// A column of one of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Of sessions that go on.
    Ongoing(OngoingColumn),
    /// Of sessions that have ended.
    Completed(CompletedColumn),
    /// Of instances.
    Instance(InstanceColumn),
}

/// What is shown of a session that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after what stands in it")]
pub enum OngoingColumn {
    State,
    Instance,
    Target,
    Step,
    Share,
    Rate,
    Left,
    Tries,
    Number,
    Since,
    By,
}

/// What is shown of a session that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after what stands in it")]
pub enum CompletedColumn {
    Outcome,
    Instance,
    Number,
    Ended,
    Took,
}

/// What is shown of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after what stands in it")]
pub enum InstanceColumn {
    Name,
    Points,
    Newest,
    Size,
    LastRestore,
    LastTook,
}

/// What is remembered of the tables.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// The column that a table is sorted by, by its place.
    sorted: BTreeMap<Group, usize>,
    /// The row that the keys are on.
    cursor: Option<Node>,
    /// The rows of the selected heading in the order that was chosen, and what they were made of.
    order: Option<Order>,
    /// The newest restores of each instance, and what they were found in.
    restores: Option<Restores>,
}

#[derive(Debug, Clone)]
struct Restores {
    of: Arc<Vec<Arc<CompletedRow>>>,
    /// Of each instance, the newest first.
    newest: BTreeMap<InstanceName, Vec<Arc<CompletedRow>>>,
}

/// Restores of an instance that are remembered: more are in the list of completed ones.
const REMEMBERED: usize = 10;

#[derive(Debug, Clone)]
struct Order {
    group: Group,
    column: usize,
    choice: u64,
    completed: Arc<Vec<Arc<CompletedRow>>>,
    rows: Vec<TreeRow>,
}

/// What rows are compared by. What is not known stands last.
#[derive(Debug, Clone, PartialEq)]
enum Key {
    Text(String),
    /// The smaller first.
    Number(f64),
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

    fn compared(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Number(one), Self::Number(two)) => one.total_cmp(two),
            (Self::Unknown, Self::Unknown) => Ordering::Equal,
            (Self::Text(_), _) | (Self::Number(_), Self::Unknown) => Ordering::Less,
            (_, _) => Ordering::Greater,
        }
    }
}

/// The columns of a heading's table, from left to right; none where it has no table.
pub const fn columns(group: Group) -> &'static [Column] {
    use Column::{Completed, Instance, Ongoing};
    use CompletedColumn as C;
    use InstanceColumn as I;
    use OngoingColumn as O;
    match group {
        Group::Restore => &[
            Ongoing(O::State),
            Ongoing(O::Instance),
            Ongoing(O::Target),
            Ongoing(O::Step),
            Ongoing(O::Share),
            Ongoing(O::Rate),
            Ongoing(O::Left),
            Ongoing(O::Tries),
            Ongoing(O::Number),
            Ongoing(O::Since),
            Ongoing(O::By),
        ],
        Group::Completed => &[
            Completed(C::Outcome),
            Completed(C::Instance),
            Completed(C::Number),
            Completed(C::Ended),
            Completed(C::Took),
        ],
        Group::Instances => &[
            Instance(I::Name),
            Instance(I::Points),
            Instance(I::Newest),
            Instance(I::Size),
            Instance(I::LastRestore),
            Instance(I::LastTook),
        ],
        Group::Verify | Group::Explore | Group::Backup | Group::Unreadable => &[],
    }
}

impl Model {
    /// The heading whose table is shown.
    pub fn table_group(&self) -> Option<Group> {
        match self.tree.selected() {
            Node::Group(group) if !columns(*group).is_empty() => Some(*group),
            Node::Group(_) | Node::Session(_) | Node::Unreadable(_) | Node::Instance(_) => None,
        }
    }

    /// The place of the column that a heading's table is sorted by.
    pub fn sorted_by(&self, group: Group) -> Option<usize> {
        self.tables.sorted.get(&group).copied()
    }

    /// How many rows a heading's table has.
    pub fn table_len(&self, group: Group) -> usize {
        self.tree.count(group)
    }

    /// So many rows of a heading's table, from the one with number `from` on.
    pub fn table_rows(&self, group: Group, from: usize, most: usize) -> Vec<TreeRow> {
        match &self.tables.order {
            Some(order) if order.group == group => order.rows.iter().skip(from).take(most).copied().collect(),
            Some(_) | None => self.tree.members(group).skip(from).take(most).collect(),
        }
    }

    /// The number of the row that the keys are on.
    pub fn table_cursor(&self, group: Group) -> usize {
        let Some(wanted) = &self.tables.cursor else { return 0 };
        let is_it = |row: &TreeRow| self.shown.node(*row).as_ref() == Some(wanted);
        match &self.tables.order {
            Some(order) if order.group == group => order.rows.iter().position(is_it),
            Some(_) | None => self.tree.members(group).position(|row| is_it(&row)),
        }
        .unwrap_or(0)
    }

    /// Puts the keys on the row with this number.
    pub(in crate::console) fn move_table_cursor(&mut self, group: Group, to: usize) {
        let row = self.table_rows(group, to, 1).first().copied();
        self.tables.cursor = row.and_then(|row| self.shown.node(row));
    }

    /// Sorts the shown table by the next column, or the one before; past the last one stands the order of the tree.
    pub(in crate::console) fn sort_table(&mut self, back: bool) -> Option<(Group, Option<Column>)> {
        let group = self.table_group()?;
        let all = columns(group).len();
        let next = match (self.sorted_by(group), back) {
            (None, false) => Some(0),
            (None, true) => Some(all - 1),
            (Some(at), false) => (at + 1 < all).then_some(at + 1),
            (Some(at), true) => at.checked_sub(1),
        };
        match next {
            Some(at) => self.tables.sorted.insert(group, at),
            None => self.tables.sorted.remove(&group),
        };
        Some((group, next.map(|at| columns(group)[at])))
    }

    /// Bytes a second of a session that reads or writes files.
    pub fn rate(&self, session: &Session) -> Option<f64> {
        /// Long enough to be steady, short enough to be of now.
        const SPAN: Duration = Duration::from_secs(10);
        let moves = matches!(session.current_step(), Some(Step::Copy | Step::Read | Step::Wal));
        self.history(session.id()).filter(|_| moves).and_then(|history| history.rate(self.beat(), SPAN))
    }

    /// How long the rest of the present gauge of an ongoing session takes, as far as it can be said.
    pub fn left(&self, session: &Session) -> Option<Left> {
        states::left(session, self.history(session.id()), self.beat())
    }

    /// The moment that speeds are of. A figure that changes more often is not read, and costs a slow link its bytes.
    fn beat(&self) -> Moment {
        const STANDS: i64 = 2;
        let now = self.moment();
        let steady = Timestamp::from_second(now.steady.as_second().div_euclid(STANDS) * STANDS).unwrap_or(now.steady);
        Moment { steady, ..now }
    }

    /// When an instance was restored last, and how long that took.
    pub fn last_restore(&self, instance: &InstanceName) -> Option<(Timestamp, Duration)> {
        let succeeded = |row: &&Arc<CompletedRow>| row.result == CompletedResult::Succeeded;
        self.restores_of(instance).iter().find(succeeded).map(|row| (row.ended, row.took))
    }

    /// The newest restores of an instance that have ended, newest first.
    pub fn restores_of(&self, instance: &InstanceName) -> &[Arc<CompletedRow>] {
        self.tables.restores.as_ref().and_then(|known| known.newest.get(instance)).map_or(&[], Vec::as_slice)
    }

    /// Brings what the tables show up to date; done after every message, and nothing where nothing changed.
    pub(in crate::console) fn settle_tables(&mut self) {
        let completed = Arc::clone(&self.shown.snapshot.completed);
        let about_instances = matches!(self.tree.selected(), Node::Instance(_) | Node::Group(Group::Instances));
        let known = self.tables.restores.as_ref().is_some_and(|known| Arc::ptr_eq(&known.of, &completed));
        if about_instances && !known {
            let mut newest: BTreeMap<InstanceName, Vec<Arc<CompletedRow>>> = BTreeMap::new();
            for row in completed.iter().filter(|row| row.kind == Kind::Restore) {
                match newest.get_mut(&row.title) {
                    Some(rows) if rows.len() < REMEMBERED => rows.push(Arc::clone(row)),
                    Some(_) => {}
                    None => {
                        newest.insert(row.title.clone(), vec![Arc::clone(row)]);
                    }
                }
            }
            self.tables.restores = Some(Restores { of: Arc::clone(&completed), newest });
        }
        let Some((group, at)) = self.table_group().and_then(|group| Some((group, self.sorted_by(group)?))) else {
            self.tables.order = None;
            return;
        };
        // The order of what has ended changes only with it; that of what goes on with every report.
        let stands = self.tables.order.as_ref().is_some_and(|order| {
            order.group == Group::Completed
                && (order.group, order.column) == (group, at)
                && order.choice == self.tree.choice()
                && Arc::ptr_eq(&order.completed, &completed)
        });
        if stands {
            return;
        }
        let column = columns(group)[at];
        let mut rows: Vec<(Key, TreeRow)> = self.tree.members(group).map(|row| (self.key(row, column), row)).collect();
        rows.sort_by(|(one, _), (two, _)| one.compared(two));
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        self.tables.order = Some(Order { group, column: at, choice: self.tree.choice(), completed, rows });
    }

    fn key(&self, row: TreeRow, column: Column) -> Key {
        let snapshot = &self.shown.snapshot;
        match (row, column) {
            (TreeRow::Ongoing(at), Column::Ongoing(column)) => {
                snapshot.ongoing.get(at).map_or(Key::Unknown, |session| self.ongoing_key(session, column))
            }
            (TreeRow::Completed(at), Column::Completed(column)) => {
                snapshot.completed.get(at).map_or(Key::Unknown, |row| completed_key(row, column))
            }
            (TreeRow::Instance(at), Column::Instance(column)) => self.instance_key(at, column),
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

    fn instance_key(&self, at: usize, column: InstanceColumn) -> Key {
        let Some(one) = self.shown.catalog.instances.get(at) else { return Key::Unknown };
        let newest = one.newest();
        match column {
            InstanceColumn::Name => Key::Text(one.name.as_str().to_lowercase()),
            InstanceColumn::Points => Key::largest(one.rows.len() as f64),
            InstanceColumn::Newest => newest.map_or(Key::Unknown, |point| Key::at(point.facts.taken_at)),
            InstanceColumn::Size => newest.map_or(Key::Unknown, |point| Key::largest(point.facts.size.0 as f64)),
            InstanceColumn::LastRestore => {
                self.last_restore(&one.name).map_or(Key::Unknown, |(ended, _)| Key::at(ended))
            }
            InstanceColumn::LastTook => {
                self.last_restore(&one.name).map_or(Key::Unknown, |(_, took)| Key::largest(took.as_secs_f64()))
            }
        }
    }
}

fn completed_key(row: &CompletedRow, column: CompletedColumn) -> Key {
    match column {
        CompletedColumn::Outcome => Key::Number(f64::from(row.result as u8)),
        CompletedColumn::Instance => Key::Text(row.title.as_str().to_lowercase()),
        CompletedColumn::Number => Key::Number(row.id.0 as f64),
        CompletedColumn::Ended => Key::largest(row.ended.as_second() as f64),
        CompletedColumn::Took => match Key::of(row.took) {
            Key::Number(seconds) => Key::largest(seconds),
            other @ (Key::Text(_) | Key::Unknown) => other,
        },
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
