//! The tree: which rows there are, which one is selected, what is marked, what the filter lets through.
//!
//! Promises: a row is found by its number without building the others, so 100,000 completed sessions cost what ten do;
//! the selection follows its session when it moves from Restore to Completed. Never: paints, or keeps a copy of what
//! the snapshot holds.

use super::{
    explored::ExploredLine,
    facts::Facts,
    filter::Filter,
    list::{List, filtered},
    node::{EXPLORED, Place, SECTIONS},
};
pub use super::{
    node::{Group, Node, TreeData, TreeRow},
    screen::Screen,
};
pub use crate::console::ports::InstanceKey;
use crate::{
    domain::{ItemName, Kind, SessionId, Timestamp},
    machine::{CompletedRow, PastSession, Session, job::JobRow},
};
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The state of the tree.
#[derive(Debug, Clone)]
pub struct Tree {
    selected: Node,
    index: usize,
    /// The first row in view.
    pub offset: usize,
    closed: BTreeSet<Group>,
    filter: Filter,
    /// When the passing of time alone changes what the filter lets through.
    filter_due: Option<Timestamp>,
    /// Grows when the rows are chosen anew, though nothing else has changed.
    choice: u64,
    lists: [List; SECTIONS],
    /// What is to be selected as soon as it comes.
    wanted: Option<Node>,
    /// Whether a person has moved; until then the selection is where the first Enter is most useful.
    pub moved: bool,
    /// Marked sessions.
    pub marked: BTreeSet<SessionId>,
    /// Marked instances.
    pub marked_instances: BTreeSet<InstanceKey>,
    /// Marked items of open restore points.
    pub marked_items: BTreeSet<(SessionId, ItemName)>,
    /// The row that was marked last: where a range begins.
    pub anchor: Option<Node>,
    screen: Screen,
    /// What was selected on the other screens, and their first rows in view.
    left: BTreeMap<Screen, (Node, usize)>,
}

impl Tree {
    /// A tree without rows but the headings.
    pub fn new() -> Self {
        Self {
            selected: Node::Group(Group::Restore),
            index: 0,
            offset: 0,
            closed: BTreeSet::new(),
            filter: Filter::default(),
            filter_due: None,
            choice: 0,
            lists: [const { List::All(0) }; SECTIONS],
            wanted: None,
            moved: false,
            marked: BTreeSet::new(),
            marked_instances: BTreeSet::new(),
            marked_items: BTreeSet::new(),
            anchor: None,
            screen: Screen::Restore,
            left: BTreeMap::new(),
        }
    }

    /// The screen that is shown.
    pub const fn screen(&self) -> Screen {
        self.screen
    }

    /// Shows another screen, as it was left.
    pub fn switch(&mut self, screen: Screen, data: &TreeData) {
        if screen == self.screen {
            return;
        }
        self.left.insert(self.screen, (self.selected.clone(), self.offset));
        self.screen = screen;
        self.anchor = None;
        let (selected, offset) = self.left.remove(&screen).unwrap_or((Node::Group(screen.first()), 0));
        self.offset = offset;
        if !self.select_node(&selected, data) {
            self.select(0, data);
        }
    }

    /// What is selected.
    pub const fn selected(&self) -> &Node {
        &self.selected
    }

    /// The number of the selected row.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// What rows must be.
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// When the passing of time alone changes what the filter lets through.
    pub(super) const fn filter_due(&self) -> Option<Timestamp> {
        self.filter_due
    }

    /// Another number once a filter, or the time that it asks for, has chosen other rows.
    pub(super) const fn choice(&self) -> u64 {
        self.choice
    }

    /// Whether the rows of a group are shown.
    pub fn is_open(&self, group: Group) -> bool {
        !self.closed.contains(&group)
    }

    /// How many rows of a group the filter lets through.
    pub fn count(&self, group: Group) -> usize {
        self.lists[group.sections()].iter().map(List::len).sum()
    }

    /// A group's rows that the filter lets through.
    pub fn members(&self, group: Group) -> impl Iterator<Item = TreeRow> + '_ {
        group.sections().flat_map(|section| {
            let list = &self.lists[section];
            (0..list.len()).map(move |at| TreeRow::at(section, list.get(at)))
        })
    }

    /// The number of rows, headings included.
    pub fn size(&self) -> usize {
        self.shown().map(|group| 1 + self.open_len(group)).sum()
    }

    /// The row with this number.
    pub fn row(&self, number: usize) -> Option<TreeRow> {
        let mut left = number;
        for group in self.shown() {
            if left == 0 {
                return Some(TreeRow::Group(group));
            }
            left -= 1;
            for section in group.sections().filter(|_| self.is_open(group)) {
                let list = &self.lists[section];
                if left < list.len() {
                    return Some(TreeRow::at(section, list.get(left)));
                }
                left -= list.len();
            }
        }
        None
    }

    /// The heading that a row stands under; a heading stands under itself.
    pub fn group_of(&self, number: usize) -> Group {
        let mut first = 0;
        for group in self.shown() {
            first += 1 + self.open_len(group);
            if number < first {
                return group;
            }
        }
        self.shown().last().unwrap_or(Group::Restore)
    }

    /// The number of a heading's row.
    pub fn heading(&self, wanted: Group) -> usize {
        self.shown().take_while(|group| *group != wanted).map(|group| 1 + self.open_len(group)).sum()
    }

    /// The number of the row that stands for this node, if it is shown.
    pub fn position(&self, node: &Node, data: &TreeData) -> Option<usize> {
        (0..self.size()).find(|at| self.row(*at).and_then(|row| data.node(row)).as_ref() == Some(node))
    }

    /// The number of the heading before a group's; the first one's own.
    pub fn heading_before(&self, group: Group) -> usize {
        self.shown().take_while(|one| *one != group).last().map_or(0, |before| self.heading(before))
    }

    /// The number of the heading after a group's; the last row, after the last one's.
    pub fn heading_after(&self, group: Group) -> usize {
        let after = self.shown().skip_while(|one| *one != group).nth(1);
        after.map_or_else(|| self.size().saturating_sub(1), |after| self.heading(after))
    }

    /// Selects a node now or, when it is not there yet, as soon as it comes.
    pub fn want(&mut self, node: &Node, data: &TreeData) {
        self.wanted = (!self.select_node(node, data)).then(|| node.clone());
    }

    /// Selects the row with this number, or the nearest there is.
    pub fn select(&mut self, number: usize, data: &TreeData) {
        self.wanted = None;
        self.index = number.min(self.size().saturating_sub(1));
        if let Some(node) = self.row(self.index).and_then(|row| data.node(row)) {
            self.selected = node;
        }
    }

    /// Selects a node wherever it stands; its group is opened. Nothing changes when it is not there.
    pub fn select_node(&mut self, node: &Node, data: &TreeData) -> bool {
        let Some(place) = data.place(node, self.index, self.screen) else { return false };
        let (group, at) = match place {
            // One that is not shown without rows may have lost its last one.
            Place::Heading(group) => (group, self.shown().any(|shown| shown == group).then_some(0)),
            Place::Row { section, index } => {
                let group = Group::of_section(section);
                let before: usize = self.lists[group.sections().start..section].iter().map(List::len).sum();
                (group, self.lists[section].position(index).map(|at| before + at + 1))
            }
        };
        let Some(at) = at else { return false };
        self.closed.remove(&group);
        self.index = self.heading(group) + at;
        self.selected = node.clone();
        true
    }

    /// Shows or hides the rows of a group.
    pub fn set_open(&mut self, group: Group, open: bool, data: &TreeData) {
        if open {
            self.closed.remove(&group);
        } else {
            self.closed.insert(group);
        }
        self.settle(data);
    }

    /// Changes the filter.
    pub(super) fn set_filter(&mut self, filter: Filter, data: &TreeData, now: Timestamp) {
        self.filter = filter;
        self.list(data, None, now);
        let selected = self.selected.clone();
        let is_heading = matches!(selected, Node::Group(_)) && !self.filter.is_empty();
        if !self.select_node(&selected, data) || is_heading {
            // The first row that the filter lets through is the one that is looked for.
            let first = (0..self.size()).find(|at| !matches!(self.row(*at), Some(TreeRow::Group(_))));
            self.select(first.unwrap_or(0), data);
        }
    }

    /// Takes in changed sessions or instances; `before` is what the rows were made of until now.
    pub fn refresh(&mut self, data: &TreeData, before: &TreeData, now: Timestamp) {
        self.list(data, Some(before), now);
        if !self.moved && self.screen == Screen::Restore {
            self.select_first_use(data);
        }
        self.settle(data);
        if let Some(wanted) = self.wanted.take() {
            self.want(&wanted, data);
        }
    }

    /// Takes in that time has passed, where the filter asks for it.
    pub(in crate::console) fn settle_filter(&mut self, data: &TreeData, now: Timestamp) {
        if self.filter_due.is_some_and(|due| due <= now) {
            self.list(data, None, now);
            self.settle(data);
        }
    }

    /// Moves the view so that the selection is in it.
    pub fn scroll_to_selection(&mut self, height: usize) {
        let last_start = self.size().saturating_sub(height);
        self.offset = self.offset.min(self.index).max((self.index + 1).saturating_sub(height)).min(last_start);
    }

    /// Where the first Enter is most useful: the first ongoing session; on a fresh machine the first instance.
    fn select_first_use(&mut self, data: &TreeData) {
        let restore = data.snapshot.ongoing_of(Kind::Restore).next();
        let first = match (restore, data.catalog.instances.first()) {
            (Some(session), _) => Node::Session(session.id()),
            (None, Some(instance)) => Node::Instance(InstanceKey::of(instance)),
            (None, None) => return,
        };
        self.select_node(&first, data);
    }

    /// Finds the selected node again; when it is gone, the row that took its place is selected.
    fn settle(&mut self, data: &TreeData) {
        let selected = self.selected.clone();
        let was_open = self.closed.clone();
        let found = self.select_node(&selected, data);
        // Following a selection must not open what a person has closed.
        let group = self.group_of(self.index);
        if found && was_open.contains(&group) && !matches!(selected, Node::Group(_)) {
            self.closed = was_open;
            self.select(self.heading(group), data);
            return;
        }
        self.closed = was_open;
        if !found {
            self.select(self.index, data);
        }
    }

    fn list(&mut self, data: &TreeData, before: Option<&TreeData>, now: Timestamp) {
        let (snapshot, catalog) = (&data.snapshot, &data.catalog);
        // What a filter says of time it says anew.
        let before = before.filter(|_| self.filter_due.is_none());
        let completed_unchanged = before.is_some_and(|old| Arc::ptr_eq(&old.snapshot.completed, &snapshot.completed));
        self.choice += u64::from(before.is_none());
        let due: Cell<Option<Timestamp>> = Cell::new(None);
        let filter = Some(&self.filter).filter(|filter| !filter.is_empty());
        let holds = |filter: &Filter, facts: &Facts<'_>| {
            due.set([due.get(), filter.due(facts, now)].into_iter().flatten().min());
            filter.holds(facts, now)
        };
        let lists = &mut self.lists;
        // An object has its row below its run as long as that goes on.
        let jobs = &data.jobs;
        let jobs_unchanged = before.is_some_and(|old| Arc::ptr_eq(&old.jobs, jobs));
        for kind in Kind::ALL {
            let (ongoing, completed) = Group::sections_of(kind);
            let apart = |id: SessionId| kind != Kind::Backup || !jobs.sessions.contains(&id);
            let is_ongoing = |one: &Arc<Session>| one.order().kind() == kind && apart(one.id());
            let lets = filter.map(|filter| move |one: &Arc<Session>| holds(filter, &Facts::ongoing(one)));
            lists[ongoing] = filtered(&snapshot.ongoing, is_ongoing, lets.as_ref());
            let unchanged = completed_unchanged && (kind != Kind::Backup || jobs_unchanged);
            if !unchanged || lists[completed] == List::All(0) {
                let is_completed = |one: &Arc<CompletedRow>| one.kind == kind && apart(one.id);
                let lets = filter.map(|filter| move |one: &Arc<CompletedRow>| holds(filter, &Facts::completed(one)));
                lists[completed] = filtered(&snapshot.completed, is_completed, lets.as_ref());
            }
        }
        let explored = &data.explored.lines;
        lists[EXPLORED] = match filter {
            None => List::All(explored.len()),
            Some(filter) => {
                let lets = |at: &usize| match &explored[*at] {
                    ExploredLine::Session(at) => {
                        snapshot.ongoing.get(*at).is_some_and(|one| holds(filter, &Facts::ongoing(one)))
                    }
                    ExploredLine::Item(item) => holds(filter, &Facts::item(item)),
                };
                List::Only((0..explored.len()).filter(lets).collect())
            }
        };
        let all = jobs.lines.len();
        lists[Group::Jobs.sections().start] = match filter {
            None => List::All(all),
            Some(filter) => {
                let lets = |at: &usize| jobs.line(*at).is_some_and(|of| holds(filter, &Facts::job(of)));
                List::Only((0..all).filter(lets).collect())
            }
        };
        let lets = filter.map(|filter| move |one: &Arc<JobRow>| holds(filter, &Facts::run(one)));
        lists[Group::Runs.sections().start] = filtered(&snapshot.ended_runs, |row| !row.dismissed, lets.as_ref());
        lists[Group::Runs.sections().start + 1] = List::All(snapshot.unreadable_runs.len());
        lists[Group::Unreadable.sections().start] = List::All(snapshot.unreadable.len());
        let lets = filter.map(|filter| move |one: &_| holds(filter, &Facts::instance(one)));
        lists[Group::Instances.sections().start] = filtered(&catalog.instances, |_| true, lets.as_ref());
        // As long as the completed ones, and read far less often than sessions report.
        if !before.is_some_and(|old| Arc::ptr_eq(&old.past, &data.past)) {
            let lets = filter.map(|filter| move |one: &PastSession| holds(filter, &Facts::completed(&one.row)));
            lists[Group::History.sections().start] = filtered(&data.past, |_| true, lets.as_ref());
        }
        self.filter_due = due.get();
    }

    fn shown(&self) -> impl Iterator<Item = Group> + '_ {
        let here = Group::ALL.into_iter().filter(|group| group.screen() == self.screen);
        here.filter(|group| group.is_always_shown() || self.count(*group) > 0)
    }

    fn open_len(&self, group: Group) -> usize {
        if self.is_open(group) { self.count(group) } else { 0 }
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}
