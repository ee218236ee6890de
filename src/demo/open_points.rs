//! What an open restore point of a story answers, and what stands at the live server beside it.
//!
//! Promises: what is at the live server follows from the story and from the sessions that have taken items there, and from
//! nothing else. Never: asks a server.

use super::{Story, plan};
use crate::{
    catalog::propose,
    domain::{
        BackupForm, BackupSource, ByteCount, ExistingItem, ExploreOrder, ExplorePlan, Failure, FileMethod,
        InstanceName, ItemDestination, ItemName, ItemOrder, ItemPart, ItemPlan, MajorVersion, Order, Outcome,
        PlannedItem, Port, Recovery, RestorePoint, ServerAddress,
        browse::{
            BrowsedCell, BrowsedColumn, BrowsedDatabase, BrowsedRelation, BrowsedRows, BrowsedSchema, RelationKind,
            TableComparison,
        },
        explore::ReplayPlan,
        instance::{printable, printable_name},
        plan::{ServerPlan, WalFinding},
        quantity::many,
    },
    journal::MemoryStore,
    machine::{Phase, Session},
};
use std::{path::Path, sync::Arc, time::Duration};

/// A table of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTable {
    /// The instance that it is of.
    pub instance: InstanceName,
    /// Its name.
    pub name: ItemName,
    /// Its rows at the restore point.
    pub rows: u64,
    /// Their bytes.
    pub size: ByteCount,
    /// Its columns.
    pub columns: Vec<BrowsedColumn>,
    /// Its first rows, each with a value for each column.
    pub first: Vec<Vec<String>>,
    /// What has become of it at the live server.
    pub live: LiveTable,
}

/// How a table stands at the live server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveTable {
    /// As at the restore point.
    Same,
    /// So many of its rows are gone, the last ones.
    Lost(u64),
    /// It is gone.
    Dropped,
}

/// The open restore points of a story.
#[derive(Debug, Clone)]
pub struct OpenPoints {
    story: Arc<Story>,
    journal: MemoryStore,
}

/// What a database takes beside the rows of its tables.
const EMPTY_DATABASE: u64 = 7 << 20;

/// Where the server of an open restore point answers.
pub(super) fn address(story: &Story, point: &RestorePoint) -> ServerAddress {
    let version = point.facts.version.unwrap_or(MajorVersion(17));
    let at = story.catalog.instances.iter().position(|one| one.name == point.instance);
    ServerAddress {
        sockets: format!("/tmp/howdah-demo-{}", at.unwrap_or_default()).into(),
        port: Port::new(5432).expect("it is a port"),
        role: "postgres".to_owned(),
        programs: format!("/usr/lib/postgresql/{version}/bin").into(),
        version,
    }
}

/// The plan of opening a restore point; packed ones are copied.
pub(super) fn opening(story: &Story, order: &ExploreOrder) -> ExplorePlan {
    /// Room on the story's disk, as for restores.
    const ROOM: u64 = 4;
    /// What a segment of WAL takes.
    const SEGMENT: u64 = 16 << 20;
    let facts = &order.point.facts;
    let address = address(story, &order.point);
    let is_plain = matches!(order.point.source, BackupSource::BaseBackup { form: BackupForm::Plain, .. });
    let (method, copies) = if is_plain { (FileMethod::Overlay, ByteCount(0)) } else { (FileMethod::Copy, facts.size) };
    let wal = ByteCount(facts.stop_lsn.0 - facts.start_lsn.0);
    let free_bytes = ByteCount(facts.size.0.saturating_mul(ROOM));
    ExplorePlan {
        scratch: order.scratch.clone(),
        method,
        reasons: vec!["its files and the scratch are not on one file system that shares blocks".to_owned()],
        bytes: facts.size,
        files: facts.files,
        copies,
        free_bytes,
        limit: ByteCount(free_bytes.0 / 100 * 80),
        wal: WalFinding::Included { start: facts.start_lsn, stop: facts.stop_lsn },
        replay: Some(ReplayPlan {
            segments: wal.0 / SEGMENT + 1,
            bytes: wal,
            at_best: Duration::ZERO,
            at_worst: Duration::from_secs(1 + wal.0 / super::course::REPLAY),
        }),
        server: ServerPlan::Start {
            binaries: address.programs.clone(),
            version: address.version,
            user: "postgres".to_owned(),
            port: address.port,
            leave_running: false,
        },
        system_identifier: facts.system_identifier,
        warnings: Vec::new(),
        open: Some(address),
        recovery: plan::recovery(story, (&order.point, &order.recovery)).map(Box::new),
    }
}

impl OpenPoints {
    pub(super) const fn new(story: Arc<Story>, journal: MemoryStore) -> Self {
        Self { story, journal }
    }

    /// The order to open a restore point in a scratch below this directory, and its plan.
    pub fn plan_opening(&self, point: RestorePoint, recovery: Recovery, below: &Path) -> (ExploreOrder, ExplorePlan) {
        let taken = |scratch: &Path| self.journal.sessions().iter().any(|one| one.order().directory() == Some(scratch));
        let first = propose::directory_for(below, &point.instance);
        let others = (2..=u32::MAX).map(|number| {
            let mut name = first.clone().into_os_string();
            name.push(format!("-{number}"));
            name.into()
        });
        let scratch = std::iter::once(first.clone()).chain(others).find(|one| !taken(one)).unwrap_or(first);
        let order = ExploreOrder { point, scratch, recovery, port: None };
        let plan = opening(&self.story, &order);
        (order, plan)
    }

    /// Its databases.
    pub fn databases(&self, address: &ServerAddress) -> Vec<BrowsedDatabase> {
        let mut found = vec![("postgres".to_owned(), 0)];
        for table in self.tables(address) {
            add(&mut found, table.name.database(), table.size.0);
        }
        let database =
            |(name, bytes)| BrowsedDatabase { name, bytes: ByteCount(EMPTY_DATABASE + bytes), connectable: true };
        found.into_iter().map(database).collect()
    }

    /// The schemas of a database; `public` is in each.
    pub fn schemas(&self, address: &ServerAddress, of: &str) -> Vec<BrowsedSchema> {
        let mut found = vec![("public".to_owned(), 0)];
        for table in self.tables(address) {
            if let ItemName::Table { database, schema, .. } = &table.name
                && database == of
            {
                add(&mut found, schema, table.size.0);
            }
        }
        found.sort();
        let schema = |(name, bytes): (String, u64)| {
            let relations = self.relations(address, of, &name).len() as u64;
            BrowsedSchema { name, relations, bytes: ByteCount(bytes) }
        };
        found.into_iter().map(schema).collect()
    }

    /// The relations of a schema.
    pub fn relations(&self, address: &ServerAddress, database: &str, schema: &str) -> Vec<BrowsedRelation> {
        let item = ItemName::Schema { database: database.to_owned(), schema: schema.to_owned() };
        let relation = |table: &PlannedTable| BrowsedRelation {
            name: table.table().to_owned(),
            kind: RelationKind::Table,
            partition_of: None,
            rows: Some(table.rows),
            bytes: table.size,
            index_bytes: ByteCount(table.size.0 / 4),
        };
        self.tables(address).filter(|table| table.is_in(&item)).map(relation).collect()
    }

    /// The columns and the first rows of a table.
    pub fn table(
        &self,
        address: &ServerAddress,
        item: &ItemName,
    ) -> Result<(Vec<BrowsedColumn>, BrowsedRows), Failure> {
        let table = self.find(address, item)?;
        let cell = |text: &String| BrowsedCell { text: Some(text.clone()), cut: false };
        let rows = BrowsedRows {
            columns: table.columns.iter().map(|column| column.name.clone()).collect(),
            rows: table.first.iter().map(|row| row.iter().map(cell).collect()).collect(),
            more: table.rows > table.first.len() as u64,
        };
        Ok((table.columns.clone(), rows))
    }

    /// The rows of a table.
    pub fn count(&self, address: &ServerAddress, item: &ItemName) -> Result<u64, Failure> {
        self.find(address, item).map(|table| table.rows)
    }

    /// What a comparison with the live table finds: how far it is a few times, then all.
    pub fn compared(&self, address: &ServerAddress, item: &ItemName) -> Result<Vec<TableComparison>, Failure> {
        const REPORTS: u64 = 5;
        let table = self.find(address, item)?;
        let lost = match self.live(table) {
            LiveTable::Same => 0,
            LiveTable::Lost(lost) => lost,
            LiveTable::Dropped => {
                let cause = format!("there is no table {} at the live server", printable(table.table()));
                return Err(Failure::incurable(cause, "choose one that is on both sides"));
            }
        };
        let key: Vec<String> =
            table.columns.iter().filter(|one| one.key.is_some()).map(|one| one.name.clone()).collect();
        if key.is_empty() {
            let cause = format!("{} has no primary key: its rows cannot be told apart", printable(table.table()));
            return Err(Failure::incurable(cause, "take the whole table under another name, and compare it there"));
        }
        let kept = table.rows - lost;
        let found = |rows: u64| {
            let mut found =
                TableComparison { rows_here: rows, rows_live: rows.min(kept), ..TableComparison::default() };
            found.key.clone_from(&key);
            for number in kept..rows {
                found.only_here.add(format!("({})", number + 1).as_bytes());
            }
            found
        };
        Ok((1..=REPORTS).map(|report| found(table.rows * report / REPORTS)).collect())
    }

    /// The plan of taking items out.
    pub fn plan_items(&self, order: &ItemOrder) -> Result<ItemPlan, Failure> {
        let items = order.items.iter().map(|item| self.plan_item(order, item)).collect::<Result<Vec<_>, _>>()?;
        let (to, method) = match &order.to {
            ItemDestination::Dump { directory } => {
                (printable_name(directory.as_os_str()), "pg_dump 17, directory format")
            }
            ItemDestination::Server { conninfo, existing } => {
                let method = match existing {
                    ExistingItem::Refuse | ExistingItem::Rename { .. } => {
                        "pg_dump 17 into the scratch of the open restore point, then pg_restore, in one transaction"
                    }
                    ExistingItem::AppendMissing => "rows whose key is not there are inserted in one transaction",
                };
                (format!("PostgreSQL 17 at {}", printable(conninfo)), method)
            }
        };
        Ok(ItemPlan {
            items,
            to,
            method: vec![method.to_owned()],
            missing_roles: Vec::new(),
            missing_extensions: Vec::new(),
            free_bytes: None,
            warnings: Vec::new(),
        })
    }

    fn plan_item(&self, order: &ItemOrder, item: &ItemName) -> Result<PlannedItem, Failure> {
        let tables: Vec<&PlannedTable> =
            self.story.tables.iter().filter(|one| one.instance == order.instance && one.is_in(item)).collect();
        let shown = printable(&item.to_string());
        let stands = tables.iter().find(|table| self.live(table) != LiveTable::Dropped);
        let is_new = order.part != ItemPart::Data;
        let becomes = match (&order.to, stands) {
            (ItemDestination::Dump { .. }, _) => "written into the dump".to_owned(),
            (ItemDestination::Server { existing: ExistingItem::Rename { to }, .. }, _) => {
                format!("made there under the name {}", printable(to))
            }
            (ItemDestination::Server { existing: ExistingItem::Refuse, .. }, Some(table)) if is_new => {
                let cause = format!("{shown} cannot be made there: table {} stands at the destination", table.table());
                return Err(Failure::incurable(cause, "take it under another name, or add the rows that are missing"));
            }
            (ItemDestination::Server { existing: ExistingItem::Refuse, .. }, None) if is_new => "made there".to_owned(),
            (ItemDestination::Server { existing: ExistingItem::Refuse | ExistingItem::AppendMissing, .. }, None) => {
                return Err(Failure::incurable(
                    format!("{shown} is not at the destination: its rows have nowhere to go"),
                    "take its definitions, too",
                ));
            }
            (ItemDestination::Server { existing: ExistingItem::Refuse, .. }, Some(_)) => {
                "its rows go into what is there".to_owned()
            }
            (ItemDestination::Server { existing: ExistingItem::AppendMissing, .. }, Some(_)) => {
                "its rows whose key is not there are added".to_owned()
            }
        };
        let bytes = tables.iter().fold(0_u64, |sum, table| sum.saturating_add(table.size.0));
        let existing = stands.map(|table| format!("table {}", printable(table.table())));
        let existing = existing.filter(|_| matches!(order.to, ItemDestination::Server { .. }));
        let tables = tables.len() as u64;
        Ok(PlannedItem { name: item.clone(), tables, bytes: ByteCount(bytes), existing, becomes })
    }

    /// How a table stands at the live server now.
    fn live(&self, table: &PlannedTable) -> LiveTable {
        let is_back = self.journal.sessions().iter().any(|session| brings_back(session, table));
        if is_back { LiveTable::Same } else { table.live }
    }

    fn tables<'a>(&'a self, at: &ServerAddress) -> impl Iterator<Item = &'a PlannedTable> + use<'a> {
        let instances = &self.story.catalog.instances;
        let is_it = |point: &RestorePoint| address(&self.story, point).sockets == at.sockets;
        let instance = instances.iter().find(|one| one.newest().is_some_and(is_it)).map(|one| &one.name);
        self.story.tables.iter().filter(move |table| Some(&table.instance) == instance)
    }

    fn find<'a>(&'a self, address: &ServerAddress, item: &ItemName) -> Result<&'a PlannedTable, Failure> {
        let found = self.tables(address).find(|table| table.name == *item);
        found.ok_or_else(|| Failure::incurable(format!("there is no table {}", printable(&item.to_string())), ""))
    }
}

impl PlannedTable {
    /// The last part of its name.
    pub fn table(&self) -> &str {
        match &self.name {
            ItemName::Database { database: name }
            | ItemName::Schema { schema: name, .. }
            | ItemName::Table { table: name, .. } => name,
        }
    }

    /// Whether it is an item, or in it.
    fn is_in(&self, item: &ItemName) -> bool {
        let ItemName::Table { database, schema, .. } = &self.name else { return false };
        match item {
            ItemName::Database { database: of } => database == of,
            ItemName::Schema { database: of, schema: within } => database == of && schema == within,
            ItemName::Table { .. } => self.name == *item,
        }
    }
}

/// Whether a session has brought a table back to the live server, with all its rows.
fn brings_back(session: &Session, table: &PlannedTable) -> bool {
    let Order::Items(order) = session.order() else { return false };
    let is_done = matches!(session.phase(), Phase::Completed { outcome: Outcome::Succeeded(_), .. });
    let to = match &order.to {
        ItemDestination::Server { existing: ExistingItem::Refuse | ExistingItem::AppendMissing, .. } => true,
        ItemDestination::Server { existing: ExistingItem::Rename { .. }, .. } | ItemDestination::Dump { .. } => false,
    };
    let is_of = order.instance == table.instance && order.items.iter().any(|item| table.is_in(item));
    is_done && to && order.part != ItemPart::Schema && is_of
}

/// The sentence of a plan's size.
pub(super) fn size(plan: &ItemPlan) -> String {
    format!("{} in {}", plan.bytes(), many(plan.tables(), "table"))
}

fn add(found: &mut Vec<(String, u64)>, name: &str, bytes: u64) {
    match found.iter_mut().find(|(known, _)| known == name) {
        Some((_, sum)) => *sum += bytes,
        None => found.push((name.to_owned(), bytes)),
    }
}
