//! Restore points that are held open, and what is in them.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use super::stage::*;
use howdah::{
    console::message::{Browsed, Intent, Message},
    domain::{
        Achieved, ByteCount, Disposed, ExistingItem, ExploreOrder, ExplorePlan, FileMethod, ItemDestination, ItemName,
        ItemOrder, ItemPart, ItemPlan, Lsn, MajorVersion, OpenPoint, Order, Parent, Plan, PlannedItem, Port, Recovery,
        RetryPolicy, ServerAddress, SessionId, Step, Success,
        browse::{
            BrowsedCell, BrowsedColumn, BrowsedDatabase, BrowsedRelation, BrowsedRows, BrowsedSchema, RelationKind,
            TableComparison,
        },
        explore::ReplayPlan,
        plan::{ServerPlan, WalFinding},
    },
    machine::{Event, Session, event::Created},
};
use std::{sync::Arc, time::Duration};

/// The order to open the newest restore point of an instance.
pub(crate) fn explore_order(instance: &str) -> ExploreOrder {
    ExploreOrder {
        point: point(instance, "2026-11-20T0200", 61 * GIB),
        scratch: format!("/srv/pg/.howdah-explore/{instance}").into(),
        recovery: Recovery::to_consistency(),
        port: None,
    }
}

pub(crate) fn explore_plan(instance: &str) -> ExplorePlan {
    let (start, stop) = (Lsn(0x200_0028), Lsn(0x500_0138));
    ExplorePlan {
        scratch: format!("/srv/pg/.howdah-explore/{instance}").into(),
        method: FileMethod::Overlay,
        reasons: vec!["no clones from the backup to the scratch: Operation not supported".to_owned()],
        bytes: ByteCount(61 * GIB),
        files: 4_213,
        copies: ByteCount(0),
        free_bytes: ByteCount(210 * GIB),
        limit: ByteCount(168 * GIB),
        wal: WalFinding::Included { start, stop },
        replay: Some(ReplayPlan {
            segments: 4,
            bytes: ByteCount(stop.0 - start.0),
            at_best: Duration::ZERO,
            at_worst: secs(5),
        }),
        server: ServerPlan::Start {
            binaries: "/usr/lib/postgresql/15/bin".into(),
            version: MajorVersion(15),
            user: "postgres".to_owned(),
            port: Port::new(5432).unwrap(),
            leave_running: false,
        },
        system_identifier: None,
        warnings: Vec::new(),
        recovery: None,
        open: Some(ServerAddress {
            sockets: "/tmp/howdah-0a1b2c3d4e5f-4711-0".into(),
            port: Port::new(5432).unwrap(),
            role: "postgres".to_owned(),
            programs: "/usr/lib/postgresql/15/bin".into(),
            version: MajorVersion(15),
        }),
    }
}

/// A session that holds a restore point open.
pub(crate) fn open(id: u64, instance: &str) -> Arc<Session> {
    let story = Story::of(Order::Explore(explore_order(instance)), id, mins(3)).launched();
    let attempt = story.attempt();
    let plan = Box::new(Plan::Explore(Box::new(explore_plan(instance))));
    story
        .done(Step::Check, secs(0), "61.0 GiB in 4,213 files, by block overlay")
        .done(Step::Open, secs(0), "block overlay")
        .done(Step::Configure, secs(0), "")
        .done(Step::Start, secs(0), "")
        .done(Step::Replay, secs(2), "consistent, replayed to 0/5000138")
        .done(Step::Probe, secs(0), "PostgreSQL 15.18, 4 databases, timeline 1")
        .then(Event::Planned { attempt, plan })
        .doing(Step::Hold, "open, 368.0 KiB on disk")
        .arc()
}

/// The order to take a table out of it.
fn item_order(of: &Session, to: ItemDestination) -> ItemOrder {
    let from = OpenPoint { session: of.id(), uuid: of.uuid(), scratch: "/srv/pg/.howdah-explore/orders".into() };
    let items = vec![item("shop/public/lines")];
    ItemOrder { instance: of.title().clone(), from, items, part: ItemPart::All, to }
}

/// One that has taken it into the live server.
pub(crate) fn taken(id: u64, of: &Session) -> Session {
    let to =
        ItemDestination::Server { conninfo: "host=db1 user=\u{1b}[31mamy".to_owned(), existing: ExistingItem::Refuse };
    let order = item_order(of, to);
    let plan = ItemPlan {
        items: vec![PlannedItem {
            name: order.items[0].clone(),
            tables: 1,
            bytes: ByteCount(3 << 30),
            existing: None,
            becomes: "shop/public/lines".to_owned(),
        }],
        to: "the server at host=db1".to_owned(),
        method: Vec::new(),
        missing_roles: Vec::new(),
        missing_extensions: Vec::new(),
        free_bytes: None,
        warnings: Vec::new(),
    };
    let story = Story::of(Order::Items(order), id, mins(2)).launched();
    let attempt = story.attempt();
    let result = Achieved::Items { items: 1 };
    let success = Success { result, warnings: Vec::new(), unchecked: vec!["its rows were not compared".to_owned()] };
    story
        .then(Event::Planned { attempt, plan: Box::new(Plan::Items(plan)) })
        .after(secs(8))
        .then(Event::Succeeded { attempt, success })
        .shown()
}

/// One that was held open, and was closed.
pub(crate) fn closed(id: u64, instance: &str) -> Session {
    let story = Story::of(Order::Explore(explore_order(instance)), id, mins(73)).launched();
    let stop = Event::StopRequested { by: "ops@bastion".to_owned(), deadline: now() };
    story.then(stop).after(mins(31)).then(Event::Stopped { disposed: Disposed::Removed }).shown()
}

/// A session that takes a table out of it.
pub(crate) fn taking(id: u64, of: &Session) -> Arc<Session> {
    let to = ItemDestination::Dump { directory: "/srv/dump".into() };
    let order = item_order(of, to);
    Arc::new(Session::create(Created {
        id: SessionId(id),
        uuid: uuid::Uuid::from_u128(u128::from(id)),
        order: Order::Items(order),
        parent: Some(Parent::Explore(of.id())),
        policy: RetryPolicy::default(),
        by: "ops@bastion".to_owned(),
        origin: howdah::domain::Origin::Console,
        at: now(),
        places: Vec::new(),
    }))
}

pub(crate) fn item(text: &str) -> ItemName {
    text.parse().unwrap()
}

pub(crate) fn databases() -> Browsed {
    let one = |name: &str, bytes| BrowsedDatabase { name: name.to_owned(), bytes: ByteCount(bytes), connectable: true };
    Browsed::Databases(vec![one("postgres", 7 << 20), one("shop", 61 * GIB), one("evil\u{1b}[2Jname", 7 << 20)])
}

pub(crate) fn schemas() -> Browsed {
    let one = |name: &str| BrowsedSchema { name: name.to_owned(), relations: 2, bytes: ByteCount(9 << 30) };
    Browsed::Schemas(vec![one("crm"), one("public")])
}

pub(crate) fn relations() -> Browsed {
    let one = |name: &str, kind, rows| BrowsedRelation {
        name: name.to_owned(),
        kind,
        partition_of: None,
        rows,
        bytes: ByteCount(3 << 30),
        index_bytes: ByteCount(1 << 30),
    };
    Browsed::Relations(vec![
        one("lines", RelationKind::Table, Some(1_250_000)),
        one("totals", RelationKind::View, None),
    ])
}

pub(crate) fn table() -> Browsed {
    let column = |name: &str, type_name: &str, key| BrowsedColumn {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        not_null: key == Some(1),
        default: None,
        generated: false,
        identity: key == Some(1),
        key,
    };
    let columns = vec![column("id", "bigint", Some(1)), column("note", "text", None)];
    let cell = |text: Option<&str>, cut| BrowsedCell { text: text.map(str::to_owned), cut };
    let rows = BrowsedRows {
        columns: vec!["id".to_owned(), "note".to_owned()],
        rows: vec![
            vec![cell(Some("1"), false), cell(Some("plain"), false)],
            vec![cell(Some("2"), false), cell(None, false)],
            vec![cell(Some("3"), false), cell(Some(""), false)],
            vec![
                cell(Some("4"), false),
                cell(Some("red \u{1b}[31m and \u{202e}turned, much longer than any cell"), true),
            ],
        ],
        more: true,
    };
    Browsed::Table { columns, rows: Ok(rows) }
}

/// What a comparison of that table with the live one finds.
pub(crate) fn compared() -> TableComparison {
    let mut found = TableComparison { rows_here: 1_250_000, rows_live: 1_249_951, ..TableComparison::default() };
    found.key = vec!["id".to_owned()];
    for key in 700..750 {
        found.only_here.add(format!("({key})").as_bytes());
    }
    found.only_live.add("(\"evil\u{1b}[2J\")".as_bytes());
    found.not_compared.push("note: text at the restore point, integer at the live server".to_owned());
    found
}

/// What the server answers to what is asked, as long as anything is.
pub(crate) fn answer(stage: &mut Stage) {
    use howdah::console::message::Query;
    loop {
        let asked = stage.wanted().into_iter().filter_map(|intent| match intent {
            Intent::Query(Query::Browse(session, _, item)) => Some((session, item)),
            _ => None,
        });
        let asked: Vec<_> = asked.collect();
        if asked.is_empty() {
            return;
        }
        for (session, item) in asked {
            let found = match &item {
                None => databases(),
                Some(ItemName::Database { .. }) => schemas(),
                Some(ItemName::Schema { .. }) => relations(),
                Some(ItemName::Table { .. }) => table(),
            };
            stage.tell(Message::Browsed(session, item, Ok(found)));
        }
    }
}
