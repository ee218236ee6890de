//! What was read of open restore points: the sessions, and below each what is unfolded of its databases.
//!
//! Promises: a level is read when it is looked at, and not before; what was read of a server that is gone is forgotten.
//! Never: paints, or asks by itself.

use crate::{
    console::message::Browsed,
    domain::{ByteCount, ItemName, Kind, SessionId, browse::RelationKind},
    machine::{CompletedResult, CompletedRow, Session},
    manager::Snapshot,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

/// A session, or an item of what it holds open: what can be unfolded and read.
pub type Level = (SessionId, Option<ItemName>);

/// What is known of open restore points, and the rows that it makes.
#[derive(Debug, Clone, Default)]
pub struct Explored {
    /// The rows from above to below.
    pub lines: Vec<ExploredLine>,
    open: BTreeSet<Level>,
    counts: BTreeMap<(SessionId, ItemName), Counted>,
    known: BTreeMap<Level, Seen>,
    /// How many sessions took items out of each, and what they were counted in.
    taken: (Arc<Vec<Arc<CompletedRow>>>, BTreeMap<SessionId, usize>),
    /// The server that each session's levels were read from.
    servers: BTreeMap<SessionId, PathBuf>,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExploredLine {
    /// The ongoing session at this index of the snapshot.
    Session(usize),
    /// An item.
    Item(ExploredItem),
}

/// An item as its row shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExploredItem {
    /// The session that holds it open.
    pub session: SessionId,
    /// Its name.
    pub item: ItemName,
    /// What it is.
    pub what: &'static str,
    /// Its bytes, indexes left out.
    pub bytes: ByteCount,
    /// Its rows as the server estimates them.
    pub rows: Option<u64>,
}

/// How counting the rows of a table stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// It goes on.
    Counting,
    /// So many.
    Rows(u64),
    /// Why they cannot be counted.
    Failed(String),
}

/// How reading a level stands.
#[derive(Debug, Clone)]
pub enum Seen {
    /// It was asked for.
    Reading,
    /// What is there.
    Read(Arc<Browsed>),
    /// Why it cannot be read.
    Failed(String),
}

impl ExploredItem {
    /// The last part of its name, as the cluster has it.
    pub fn name(&self) -> &str {
        match &self.item {
            ItemName::Database { database } => database,
            ItemName::Schema { schema, .. } => schema,
            ItemName::Table { table, .. } => table,
        }
    }

    /// How deep it stands below its session: 1 to 3.
    pub const fn depth(&self) -> usize {
        match &self.item {
            ItemName::Database { .. } => 1,
            ItemName::Schema { .. } => 2,
            ItemName::Table { .. } => 3,
        }
    }
}

impl Explored {
    /// The rows for a snapshot, of which nothing was read yet.
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut explored = Self::default();
        explored.refresh(snapshot);
        explored
    }

    /// What was read of a level.
    pub fn seen(&self, level: &Level) -> Option<&Seen> {
        self.known.get(level)
    }

    /// Whether what is below a level is shown.
    pub fn is_open(&self, level: &Level) -> bool {
        self.open.contains(level)
    }

    /// Shows or hides what is below a level.
    pub fn set_open(&mut self, level: Level, open: bool) {
        if open {
            // Who looks again after a failure wants it read again.
            if matches!(self.known.get(&level), Some(Seen::Failed(_))) {
                self.known.remove(&level);
            }
            self.open.insert(level);
        } else {
            self.open.remove(&level);
        }
    }

    /// A level is being read.
    pub fn ask(&mut self, level: Level) {
        self.known.insert(level, Seen::Reading);
    }

    /// Takes in what was read.
    pub fn take(&mut self, level: Level, found: Result<Browsed, String>) {
        let seen = found.map_or_else(Seen::Failed, |found| Seen::Read(Arc::new(found)));
        self.known.insert(level, seen);
    }

    /// How counting the rows of a table stands, if somebody has asked.
    pub fn count(&self, of: &(SessionId, ItemName)) -> Option<&Counted> {
        self.counts.get(of)
    }

    /// The rows of a table are being counted.
    pub fn counting(&mut self, of: (SessionId, ItemName)) {
        self.counts.insert(of, Counted::Counting);
    }

    /// Takes in how many there are, where it is still asked.
    pub fn counted(&mut self, of: &(SessionId, ItemName), count: Result<u64, String>) {
        if let Some(known) = self.counts.get_mut(of) {
            *known = count.map_or_else(Counted::Failed, Counted::Rows);
        }
    }

    /// Forgets what was read of a session: it is read again where it is looked at.
    pub fn forget(&mut self, session: SessionId) {
        self.known.retain(|(known, _), _| *known != session);
        self.counts.retain(|(known, _), _| *known != session);
    }

    /// The next level of a session that is unfolded and was not asked for.
    pub fn unread(&self, session: SessionId) -> Option<Level> {
        self.open.iter().find(|level| level.0 == session && !self.known.contains_key(level)).cloned()
    }

    /// The rows for a snapshot. What was read of a server that answers no more is forgotten.
    pub fn refresh(&mut self, snapshot: &Snapshot) {
        let sessions: BTreeSet<SessionId> = snapshot.ongoing_of(Kind::Explore).map(|session| session.id()).collect();
        self.open.retain(|(session, _)| sessions.contains(session));
        self.known.retain(|(session, _), _| sessions.contains(session));
        self.counts.retain(|(session, _), _| sessions.contains(session));
        self.servers.retain(|session, _| sessions.contains(session));
        self.count_taken(snapshot);
        self.lines.clear();
        for (at, session) in snapshot.ongoing.iter().enumerate() {
            if session.order().kind() == Kind::Explore {
                self.notice_server(session);
                self.lines.push(ExploredLine::Session(at));
                self.add_below(session.id(), None);
            }
        }
    }

    /// Sessions that took items out of this one, and are not dismissed.
    pub fn taken(&self, session: SessionId) -> usize {
        self.taken.1.get(&session).copied().unwrap_or_default()
    }

    fn count_taken(&mut self, snapshot: &Snapshot) {
        if Arc::ptr_eq(&self.taken.0, &snapshot.completed) {
            return;
        }
        let mut taken = BTreeMap::new();
        for row in snapshot.completed.iter().filter(|row| row.result == CompletedResult::Succeeded) {
            if let Some(from) = row.details.taken_from {
                *taken.entry(from).or_default() += 1;
            }
        }
        self.taken = (Arc::clone(&snapshot.completed), taken);
    }

    fn notice_server(&mut self, session: &Session) {
        let Some(open) = session.open_at() else { return };
        let before = self.servers.insert(session.id(), open.sockets.clone());
        if before.is_some_and(|before| before != open.sockets) {
            self.forget(session.id());
        }
    }

    fn add_below(&mut self, session: SessionId, item: Option<&ItemName>) {
        let level = (session, item.cloned());
        if !self.open.contains(&level) {
            return;
        }
        let Some(Seen::Read(found)) = self.known.get(&level).cloned() else { return };
        for row in below(session, item, &found) {
            let item = row.item.clone();
            self.lines.push(ExploredLine::Item(row));
            self.add_below(session, Some(&item));
        }
    }

    /// The row of an item.
    pub fn line_of(&self, session: SessionId, item: &ItemName) -> Option<usize> {
        let is_it = |line: &ExploredLine| matches!(line, ExploredLine::Item(row) if row.session == session && row.item == *item);
        self.lines.iter().position(is_it)
    }
}

/// The rows of what is below a level.
fn below(session: SessionId, item: Option<&ItemName>, found: &Browsed) -> Vec<ExploredItem> {
    let row = |item, what, bytes, rows| ExploredItem { session, item, what, bytes, rows };
    match (found, item) {
        (Browsed::Databases(list), None) => list
            .iter()
            .map(|one| {
                let what = if one.connectable { "database" } else { "closed to all" };
                row(ItemName::Database { database: one.name.clone() }, what, one.bytes, None)
            })
            .collect(),
        (Browsed::Schemas(list), Some(ItemName::Database { database })) => list
            .iter()
            .map(|one| {
                let item = ItemName::Schema { database: database.clone(), schema: one.name.clone() };
                row(item, "schema", one.bytes, None)
            })
            .collect(),
        (Browsed::Relations(list), Some(ItemName::Schema { database, schema })) => list
            .iter()
            .map(|one| {
                let (database, schema, table) = (database.clone(), schema.clone(), one.name.clone());
                row(ItemName::Table { database, schema, table }, word(one.kind), one.bytes, one.rows)
            })
            .collect(),
        (Browsed::Databases(_) | Browsed::Schemas(_) | Browsed::Relations(_) | Browsed::Table { .. }, _) => Vec::new(),
    }
}

/// What a relation is called.
const fn word(kind: RelationKind) -> &'static str {
    match kind {
        RelationKind::Table => "table",
        RelationKind::Partitioned => "partitioned table",
        RelationKind::View => "view",
        RelationKind::MaterializedView => "materialized view",
        RelationKind::Foreign => "foreign table",
        RelationKind::Sequence => "sequence",
    }
}
