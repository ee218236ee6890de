//! The tables of the headings: what they are sorted by, the row that the keys are on.
//!
//! Promises: without a choice the order is that of the tree: what needs a person first, the newest first; the choice stays
//! until the screen closes. Never: paints.

use super::{
    Model,
    column::{Column, columns},
    explored::ExploredLine,
    history::Left,
    sort_key::Key,
    tree::{Group, Node, TreeRow},
};
use crate::{
    console::view::states,
    domain::{InstanceName, Kind, RestorePoint, Step, Timestamp},
    machine::{CompletedRow, PastSession, Session},
    manager::{CompletedResult, Moment},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

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

impl Restores {
    fn of(completed: &Arc<Vec<Arc<CompletedRow>>>) -> Self {
        let (mut newest, mut verified) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, BTreeMap<_, _>>::new());
        for row in completed.iter() {
            match row.kind {
                // Items that were taken out tell nothing of how long a whole cluster takes.
                Kind::Restore if row.took_items() => {}
                Kind::Restore => match newest.get_mut(&row.title) {
                    Some(rows) if rows.len() < REMEMBERED => rows.push(Arc::clone(row)),
                    Some(_) => {}
                    None => {
                        newest.insert(row.title.clone(), vec![Arc::clone(row)]);
                    }
                },
                Kind::Verify if matches!(row.result, CompletedResult::Succeeded | CompletedResult::Damaged) => {
                    let of_instance = verified.entry(row.title.clone()).or_default();
                    of_instance.entry(row.details.target.clone()).or_insert((row.ended, row.result));
                }
                Kind::Verify | Kind::Explore | Kind::Backup => {}
            }
        }
        let succeeded =
            |row: &&Arc<CompletedRow>| (row.kind, row.result) == (Kind::Restore, CompletedResult::Succeeded);
        let rates =
            completed.iter().filter(succeeded).filter(|row| !row.took_items()).filter_map(|row| row.details.rate);
        Self { of: Arc::clone(completed), newest, rates: rates.take(REMEMBERED).collect(), verified }
    }
}

impl Tables {
    /// Whether the keys were put on a row.
    pub(in crate::console) const fn is_chosen(&self) -> bool {
        self.cursor.is_some()
    }
}

#[derive(Debug, Clone)]
struct Restores {
    of: Arc<Vec<Arc<CompletedRow>>>,
    /// Of each instance, the newest first.
    newest: BTreeMap<InstanceName, Vec<Arc<CompletedRow>>>,
    /// Bytes a second of the newest restores of all instances.
    rates: Vec<u64>,
    /// The newest verification of each restore point: when it ended, and how.
    verified: BTreeMap<InstanceName, BTreeMap<String, (Timestamp, CompletedResult)>>,
}

/// Restores of an instance that are remembered: more are in the list of completed ones.
const REMEMBERED: usize = 10;

#[derive(Debug, Clone)]
struct Order {
    group: Group,
    column: usize,
    choice: u64,
    completed: Arc<Vec<Arc<CompletedRow>>>,
    past: Arc<Vec<PastSession>>,
    rows: Vec<TreeRow>,
}

impl Model {
    /// The heading whose table is shown.
    pub fn table_group(&self) -> Option<Group> {
        match self.tree.selected() {
            Node::Group(group) if !columns(*group).is_empty() => Some(*group),
            Node::Group(_)
            | Node::Session(_)
            | Node::Unreadable(_)
            | Node::Instance(_)
            | Node::Job(_)
            | Node::Object(..)
            | Node::Run(_)
            | Node::UnreadableRun(_)
            | Node::Item(..) => None,
        }
    }

    /// The place of the column that a heading's table is sorted by.
    pub fn sorted_by(&self, group: Group) -> Option<usize> {
        self.tables.sorted.get(&group).copied()
    }

    /// How many rows a heading's table has.
    pub fn table_len(&self, group: Group) -> usize {
        if group == Group::Explore { self.table_members(group).count() } else { self.tree.count(group) }
    }

    /// The rows of a heading that its table has: items of an open restore point are rows of the tree alone.
    fn table_members(&self, group: Group) -> Box<dyn Iterator<Item = TreeRow> + '_> {
        let members = self.tree.members(group);
        if group != Group::Explore {
            return Box::new(members);
        }
        let explored = &self.shown.explored;
        let is_item = |at: usize| matches!(explored.lines.get(at), Some(ExploredLine::Item(_)));
        Box::new(members.filter(move |row| !matches!(row, TreeRow::Explored(at) if is_item(*at))))
    }

    /// So many rows of a heading's table, from the one with number `from` on.
    pub fn table_rows(&self, group: Group, from: usize, most: usize) -> Vec<TreeRow> {
        match &self.tables.order {
            Some(order) if order.group == group => order.rows.iter().skip(from).take(most).copied().collect(),
            Some(_) | None => self.table_members(group).skip(from).take(most).collect(),
        }
    }

    /// The number of the row that the keys are on.
    pub fn table_cursor(&self, group: Group) -> usize {
        let Some(wanted) = &self.tables.cursor else { return 0 };
        let is_it = |row: &TreeRow| self.shown.node(*row).as_ref() == Some(wanted);
        match &self.tables.order {
            Some(order) if order.group == group => order.rows.iter().position(is_it),
            Some(_) | None => self.table_members(group).position(|row| is_it(&row)),
        }
        .unwrap_or(0)
    }

    /// Puts the keys on the row with this number.
    pub(in crate::console) fn move_table_cursor(&mut self, group: Group, to: usize) {
        let row = self.table_rows(group, to, 1).first().copied();
        self.tables.cursor = row.and_then(|row| self.shown.node(row));
    }

    /// Sorts a table by the column with this number; where it is sorted by it, as in the tree.
    pub(in crate::console) fn sort_table_by(&mut self, group: Group, column: usize) -> Option<Column> {
        if self.sorted_by(group) == Some(column) {
            self.tables.sorted.remove(&group);
            return None;
        }
        self.tables.sorted.insert(group, column);
        columns(group).get(column).copied()
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
        let moves = matches!(session.current_step(), Some(Step::Copy | Step::Read | Step::Wal | Step::Replay));
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

    /// How fast the newest restores of any instance were, in bytes a second: the slowest, the fastest, and how many.
    pub fn restore_rates(&self) -> Option<(u64, u64, usize)> {
        let rates = &self.tables.restores.as_ref()?.rates;
        Some((*rates.iter().min()?, *rates.iter().max()?, rates.len()))
    }

    /// When a restore point of an instance was verified last since it was taken, and what that found.
    pub fn verified(&self, instance: &InstanceName, point: &RestorePoint) -> Option<(Timestamp, CompletedResult)> {
        let known = self.tables.restores.as_ref()?.verified.get(instance)?;
        known.get(&point.label).copied().filter(|(ended, _)| *ended > point.facts.taken_at)
    }

    /// Brings what the tables show up to date; done after every message, and nothing where nothing changed.
    pub(in crate::console) fn settle_tables(&mut self) {
        let completed = Arc::clone(&self.shown.snapshot.completed);
        let about_instances = matches!(self.tree.selected(), Node::Instance(_) | Node::Group(Group::Instances));
        let known = self.tables.restores.as_ref().is_some_and(|known| Arc::ptr_eq(&known.of, &completed));
        if about_instances && !known {
            self.tables.restores = Some(Restores::of(&completed));
        }
        let Some((group, at)) = self.table_group().and_then(|group| Some((group, self.sorted_by(group)?))) else {
            self.tables.order = None;
            return;
        };
        // The order of what has ended changes only with it; that of what goes on with every report.
        let stands = self.tables.order.as_ref().is_some_and(|order| {
            matches!(order.group, Group::Completed | Group::History)
                && (order.group, order.column) == (group, at)
                && order.choice == self.tree.choice()
                && Arc::ptr_eq(&order.completed, &completed)
                && Arc::ptr_eq(&order.past, &self.shown.past)
        });
        if stands {
            return;
        }
        let column = columns(group)[at];
        let mut rows: Vec<(Key, TreeRow)> = self.table_members(group).map(|row| (self.key(row, column), row)).collect();
        rows.sort_by(|(one, _), (two, _)| one.compared(two));
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        let (choice, past) = (self.tree.choice(), Arc::clone(&self.shown.past));
        self.tables.order = Some(Order { group, column: at, choice, completed, past, rows });
    }
}
