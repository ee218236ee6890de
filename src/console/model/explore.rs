//! What can be opened, and what can be closed.

use super::{
    Model,
    explored::{Counted, ExploredLine, Level},
    tree::Node,
};
use crate::{
    console::{format, message::CompareWish},
    domain::{ItemName, Kind, Parent, Reach, RestorePoint, ServerAddress, SessionId},
    machine::{Phase, Refusal, Session, decide},
    manager::SessionAction,
};
use std::sync::Arc;

/// Why a database or a schema is not compared or counted.
const NO_TABLE: &str = "select a table: its rows are what is compared and counted";

impl Model {
    /// The restore point that is meant to be opened, or why there is none.
    pub fn point_to_open(&self) -> Result<RestorePoint, String> {
        let mut points = self.restore_points()?;
        match (points.pop(), points.len()) {
            (Some(point), 0) => Ok(point),
            (Some(_), more) => {
                Err(format!("{} are marked, and one is opened at a time", format::many(more + 1, "instance")))
            }
            (None, _) => Err("select an instance first".to_owned()),
        }
    }

    /// The explore session that is selected, or that holds what is selected.
    pub fn explored(&self) -> Option<&Arc<Session>> {
        let id = match self.tree.selected() {
            Node::Session(id) | Node::Item(id, _) => *id,
            Node::Group(_)
            | Node::Unreadable(_)
            | Node::Instance(_)
            | Node::Job(_)
            | Node::Object(..)
            | Node::Run(_)
            | Node::UnreadableRun(_) => return None,
        };
        let session = self.shown.snapshot.session(id)?;
        (session.order().kind() == Kind::Explore).then_some(session)
    }

    /// The same, where it can be closed now.
    pub fn session_to_close(&self) -> Option<&Arc<Session>> {
        self.explored().filter(|session| self.close_refusal(session).is_none())
    }

    /// Why an explore session cannot be closed now.
    pub fn close_refusal(&self, session: &Session) -> Option<String> {
        let children = self.children_of(session.id());
        if !children.is_empty() {
            return Some(Refusal::ChildrenAtWork { children }.to_string());
        }
        let stop = SessionAction::Stop(Reach::AnyOrigin).command(&self.options.by);
        decide(session, stop, self.now()).err().map(|refusal| refusal.to_string())
    }

    /// How many sessions take items out of one: at work, waiting, done.
    pub fn children_counts(&self, id: SessionId) -> [usize; 3] {
        let mut counts = [0, 0, self.shown.explored.taken(id)];
        for session in &self.shown.snapshot.ongoing {
            if session.parent() == Some(Parent::Explore(id)) {
                let at = match session.phase() {
                    Phase::Running { .. } | Phase::Cancelling { .. } => 0,
                    Phase::Queued { .. } | Phase::Waiting { .. } | Phase::Stuck { .. } | Phase::Paused { .. } => 1,
                    // It is not among the ongoing ones.
                    Phase::Completed { .. } => 2,
                };
                counts[at] += 1;
            }
        }
        counts
    }

    /// The ongoing sessions that take items out of one.
    pub fn children_of(&self, id: SessionId) -> Vec<SessionId> {
        let is_child = |session: &&Arc<Session>| session.parent() == Some(Parent::Explore(id));
        self.shown.snapshot.ongoing.iter().filter(is_child).map(|session| session.id()).collect()
    }
}

impl Model {
    /// The next level of an open restore point that is looked at and was not asked for, and the server to ask.
    pub(in crate::console) fn level_due(&self) -> Option<(Level, ServerAddress)> {
        if self.frozen.is_some() {
            return None;
        }
        let explored = &self.shown.explored;
        let selected = match self.tree.selected() {
            Node::Item(session, item) => Some((*session, Some(item.clone()))),
            Node::Group(_)
            | Node::Session(_)
            | Node::Unreadable(_)
            | Node::Instance(_)
            | Node::Job(_)
            | Node::Object(..)
            | Node::Run(_)
            | Node::UnreadableRun(_) => None,
        };
        let unread = |session: &&Arc<Session>| {
            let id = session.id();
            let selected = selected.clone().filter(|level| level.0 == id && explored.seen(level).is_none());
            selected.or_else(|| explored.unread(id))
        };
        self.shown.snapshot.ongoing_of(Kind::Explore).find_map(|session| {
            let open = session.open_at()?;
            unread(&session).map(|level| (level, open.clone()))
        })
    }

    /// The level that is selected, where it can be unfolded.
    pub(in crate::console) fn level_to_fold(&self) -> Option<Level> {
        match self.tree.selected() {
            Node::Session(id) => self.explored().filter(|session| session.open_at().is_some()).map(|_| (*id, None)),
            Node::Item(session, item @ (ItemName::Database { .. } | ItemName::Schema { .. })) => {
                Some((*session, Some(item.clone())))
            }
            Node::Item(_, ItemName::Table { .. })
            | Node::Group(_)
            | Node::Unreadable(_)
            | Node::Instance(_)
            | Node::Job(_)
            | Node::Object(..)
            | Node::Run(_)
            | Node::UnreadableRun(_) => None,
        }
    }

    /// Shows or hides what is below a level.
    pub(in crate::console) fn fold_level(&mut self, level: Level, open: bool) {
        Arc::make_mut(&mut self.shown.explored).set_open(level, open);
        self.refresh_explored();
    }

    /// The rows of open restore points, after what is known of them has changed.
    pub(in crate::console) fn refresh_explored(&mut self) {
        let before = self.shown.clone();
        Arc::make_mut(&mut self.shown.explored).refresh(&self.shown.snapshot);
        let now = self.now();
        self.tree.refresh(&self.shown, &before, now);
    }

    /// The items that are meant to be taken out, of one session: the marked ones, else the selected one; or why there are
    /// none.
    pub fn items_to_take(&self) -> Result<(SessionId, Vec<ItemName>), String> {
        let marked = &self.tree.marked_items;
        let Some((session, _)) = marked.first() else {
            return match (self.take_refusal(), self.tree.selected()) {
                (None, Node::Item(session, item)) => Ok((*session, vec![item.clone()])),
                (refusal, _) => Err(refusal.unwrap_or_default()),
            };
        };
        if marked.iter().any(|(other, _)| other != session) {
            return Err("items of two open restore points are marked: take them out of one at a time".to_owned());
        }
        Ok((*session, marked.iter().map(|(_, item)| item.clone()).collect()))
    }

    /// Takes the marks from items of what is not open any more.
    pub(in crate::console) fn forget_marked_items(&mut self) {
        let snapshot = &self.shown.snapshot;
        let is_open = |id: SessionId| snapshot.session(id).is_some_and(|session| session.open_at().is_some());
        self.tree.marked_items.retain(|(session, _)| is_open(*session));
    }

    /// Why the selected item cannot be taken out now, if so.
    pub fn take_refusal(&self) -> Option<String> {
        match self.tree.selected() {
            Node::Item(..) if self.explored().is_some_and(|session| session.open_at().is_some()) => None,
            Node::Item(..) => Some("its restore point is not open now".to_owned()),
            Node::Group(_)
            | Node::Session(_)
            | Node::Unreadable(_)
            | Node::Instance(_)
            | Node::Job(_)
            | Node::Object(..)
            | Node::Run(_)
            | Node::UnreadableRun(_) => {
                Some("select a database, a schema or a table of an open restore point".to_owned())
            }
        }
    }

    /// The table that is meant to be compared with the live one, or why there is none. The live server is still to be
    /// named.
    pub fn table_to_compare(&self) -> Result<(ItemName, CompareWish), String> {
        let (_, item, address) = self.selected_table()?;
        let ItemName::Table { database, schema, table } = item.clone() else { return Err(NO_TABLE.to_owned()) };
        Ok((item.clone(), CompareWish { address: address.clone(), database, schema, table, live: String::new() }))
    }

    /// The table whose rows are meant to be counted, and its server, or why there is none.
    pub fn table_to_count(&self) -> Result<(SessionId, ItemName, ServerAddress), String> {
        let (session, item, address) = self.selected_table()?;
        match self.shown.explored.count(&(session, item.clone())) {
            Some(Counted::Counting) => Err("its rows are being counted".to_owned()),
            Some(Counted::Rows(_) | Counted::Failed(_)) | None => Ok((session, item.clone(), address.clone())),
        }
    }

    fn selected_table(&self) -> Result<(SessionId, &ItemName, &ServerAddress), String> {
        if let Some(reason) = self.take_refusal() {
            return Err(reason);
        }
        match (self.tree.selected(), self.explored().and_then(|session| session.open_at())) {
            (Node::Item(session, item @ ItemName::Table { .. }), Some(address)) => Ok((*session, item, address)),
            _ => Err(NO_TABLE.to_owned()),
        }
    }

    /// The rows of a table as its server estimates them.
    pub(in crate::console) fn estimated_rows(&self, session: SessionId, item: &ItemName) -> Option<u64> {
        let explored = &self.shown.explored;
        match explored.lines.get(explored.line_of(session, item)?)? {
            ExploredLine::Item(row) => row.rows,
            ExploredLine::Session(_) => None,
        }
    }
}
