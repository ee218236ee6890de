//! Restore points that a story opens, what is in them, and what comes back out of them.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{SMALL, read};
use crate::{
    demo::{OpenPoints, Story, World, open_points::LiveTable},
    domain::{
        Disposition, ExistingItem, FileMethod, ItemDestination, ItemName, ItemOrder, ItemPart, OpenPoint, Order,
        Origin, Reach, Recovery, ServerAddress, SessionId,
    },
    machine::{CompletedRow, Scope, Session},
    manager::{Clock, CompletedResult, SessionAction, StartRequest},
};
use std::{path::Path, sync::Arc};
use tokio::time::Instant;

const TABLES: &str = r#"[[table]]
instance = "orders"
name = "shop/public/customers"
rows = 40
size = "96M"
columns = ["id bigint key", "name text"]
first = [["1", "Ana"], ["2", "Bo"]]
dropped = true

[[table]]
instance = "orders"
name = "shop/public/lines"
rows = 1000
size = "160M"
columns = ["id bigint key", "at timestamp with time zone"]
lost = 3

[[table]]
instance = "orders"
name = "shop/audit/entries"
rows = 7
size = "1M"
columns = ["what text"]

[[script]]"#;

fn with_tables() -> String {
    SMALL.replacen("[[script]]", TABLES, 1).replacen("version = 17", "version = 17\nplain = true", 1)
}

/// A story with an open restore point.
struct Opened {
    world: World,
    story: Arc<Story>,
    points: OpenPoints,
    session: SessionId,
    address: ServerAddress,
}

async fn start(world: &World, story: &Story, order: Order) -> SessionId {
    let request = StartRequest { orders: vec![order], policy: None, origin: Origin::Console };
    let receipt = world.service.start(request, story.by.clone()).await;
    receipt.lines[0].session.unwrap()
}

impl Opened {
    async fn new(text: &str) -> Self {
        let story = Arc::new(read(text).unwrap().story);
        let world = World::begin(&story, Clock::starting_at(story.starts).at_speed(story.speed)).unwrap();
        let points = world.open_points(&story);
        let point = story.catalog.instances[0].newest().unwrap().clone();
        let (order, plan) = points.plan_opening(point, Recovery::to_consistency(), Path::new("/srv/open"));
        let session = start(&world, &story, Order::Explore(order)).await;
        let mut snapshots = world.service.snapshots();
        let is_open = |one: &Arc<Session>| one.id() == session && one.open_at().is_some();
        snapshots.wait_for(|now| now.ongoing.iter().any(is_open)).await.unwrap();
        Self { world, story, points, session, address: plan.open.unwrap() }
    }

    fn order(&self, item: &str, existing: ExistingItem) -> ItemOrder {
        let session = self.world.service.snapshots().borrow().session(self.session).cloned().unwrap();
        let scratch = session.order().directory().unwrap().to_owned();
        ItemOrder {
            instance: session.title().clone(),
            from: OpenPoint { session: session.id(), uuid: session.uuid(), scratch },
            items: vec![item.parse().unwrap()],
            part: ItemPart::All,
            to: ItemDestination::Server { conninfo: "host=db1".to_owned(), existing },
        }
    }

    async fn take_out(&self, item: &str, existing: ExistingItem) -> SessionId {
        let id = start(&self.world, &self.story, Order::Items(self.order(item, existing))).await;
        let mut snapshots = self.world.service.snapshots();
        let is_done = |row: &Arc<CompletedRow>| row.id == id;
        let ended = snapshots.wait_for(|now| now.completed.iter().any(is_done)).await.unwrap();
        let row = ended.completed.iter().find(|row| row.id == id).unwrap();
        assert_eq!((row.result, row.details.taken_from), (CompletedResult::Succeeded, Some(self.session)));
        id
    }

    fn compared(&self, item: &str) -> Result<(u64, u64, Vec<String>), String> {
        let item: ItemName = item.parse().unwrap();
        let found = self.points.compared(&self.address, &item).map_err(|failure| failure.to_string())?;
        assert!(found.windows(2).all(|two| two[0].rows_here <= two[1].rows_here), "{found:?}");
        let last = found.last().unwrap();
        Ok((last.rows_here, last.rows_live, last.only_here.first.clone()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_table_is_missed_until_a_session_has_brought_it_back() {
    let opened = Opened::new(&with_tables()).await;
    let customers = "shop/public/customers";
    let missed = opened.compared(customers).unwrap_err();
    assert!(missed.contains("there is no table customers at the live server"), "{missed}");
    let plan = opened.points.plan_items(&opened.order(customers, ExistingItem::Refuse)).unwrap();
    assert_eq!((plan.tables(), plan.items[0].becomes.as_str()), (1, "made there"));
    let id = opened.take_out(customers, ExistingItem::Refuse).await;
    assert_eq!(opened.compared(customers).unwrap(), (40, 40, Vec::new()));
    let session = opened.world.service.session(id, opened.story.by.clone()).await.unwrap();
    assert_eq!(session.progress().files_done, 1);
    // It stands there now.
    let refused = opened.points.plan_items(&opened.order(customers, ExistingItem::Refuse)).unwrap_err();
    assert!(refused.cause.contains("customers stands at the destination"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn rows_that_were_lost_are_named_and_a_copy_beside_them_changes_nothing() {
    let opened = Opened::new(&with_tables()).await;
    let lines = "shop/public/lines";
    let lost = ["(998)", "(999)", "(1000)"].map(str::to_owned).to_vec();
    assert_eq!(opened.compared(lines).unwrap(), (1000, 997, lost.clone()));
    opened.take_out(lines, ExistingItem::Rename { to: "lines_old".to_owned() }).await;
    assert_eq!(opened.compared(lines).unwrap(), (1000, 997, lost));
    opened.take_out(lines, ExistingItem::AppendMissing).await;
    assert_eq!(opened.compared(lines).unwrap(), (1000, 1000, Vec::new()));
    let unkeyed = opened.compared("shop/audit/entries").unwrap_err();
    assert!(unkeyed.contains("no primary key"), "{unkeyed}");
}

#[tokio::test(start_paused = true)]
async fn an_open_point_shows_its_tables_and_its_server_answers_for_its_own_instance() {
    let opened = Opened::new(&with_tables()).await;
    let (points, address) = (&opened.points, &opened.address);
    let names: Vec<String> = points.databases(address).into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["postgres", "shop"]);
    let schemas = points.schemas(address, "shop");
    let counted: Vec<_> = schemas.iter().map(|one| (one.name.as_str(), one.relations)).collect();
    assert_eq!(counted, [("audit", 1), ("public", 2)]);
    assert_eq!(points.schemas(address, "postgres")[0].relations, 0);
    let (columns, rows) = points.table(address, &"shop/public/customers".parse().unwrap()).unwrap();
    assert_eq!((columns[0].traits().as_str(), rows.rows.len(), rows.more), ("key 1, not null", 2, true));
    assert_eq!(columns.len(), 2);
    let other = ServerAddress { sockets: "/tmp/other".into(), ..address.clone() };
    assert!(points.databases(&other).iter().all(|one| one.name == "postgres"));
    assert!(points.count(&other, &"shop/public/customers".parse().unwrap()).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_packed_point_is_copied_first_and_a_second_opening_has_a_scratch_of_its_own() {
    let (open, packed) = (with_tables(), with_tables().replacen("plain = true\n", "", 1));
    let mut took = Vec::new();
    for (text, method) in [(open, FileMethod::Overlay), (packed, FileMethod::Copy)] {
        let begun = Instant::now();
        let opened = Opened::new(&text).await;
        took.push(begun.elapsed());
        let point = opened.story.catalog.instances[0].newest().unwrap().clone();
        let (order, plan) = opened.points.plan_opening(point, Recovery::to_consistency(), Path::new("/srv/open"));
        assert_eq!((plan.method, order.scratch.as_path()), (method, Path::new("/srv/open/orders-2")));
        let stop = SessionAction::Stop(Reach::AnyOrigin);
        let scope = Scope::Sessions(vec![opened.session]);
        assert_eq!(opened.world.service.act(stop, scope, opened.story.by.clone()).await.done(), 1);
        let mut snapshots = opened.world.service.snapshots();
        let is_it = |row: &&Arc<CompletedRow>| row.id == opened.session;
        let ended = snapshots.wait_for(|now| now.completed.iter().any(|row| is_it(&row))).await.unwrap();
        assert_eq!(ended.completed.iter().find(is_it).unwrap().result, CompletedResult::Stopped);
    }
    assert!(took[0].as_secs() < 3 && took[1].as_secs() > 30, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn taking_items_out_is_cancelled_like_any_work() {
    let opened = Opened::new(&with_tables()).await;
    let id = start(
        &opened.world,
        &opened.story,
        Order::Items(opened.order("shop/public/lines", ExistingItem::AppendMissing)),
    )
    .await;
    let cancel = SessionAction::Cancel(Disposition::Default, Reach::AnyOrigin);
    opened.world.service.act(cancel, Scope::Sessions(vec![id]), opened.story.by.clone()).await;
    let mut snapshots = opened.world.service.snapshots();
    snapshots.wait_for(|now| now.completed.iter().any(|row| row.id == id)).await.unwrap();
    assert_eq!(opened.compared("shop/public/lines").unwrap().1, 997, "nothing came back");
}

#[test]
fn what_is_wrong_with_a_table_is_named_with_its_line() {
    let text = with_tables();
    let tables = read(&text).unwrap().story.tables;
    let live: Vec<LiveTable> = tables.iter().map(|table| table.live).collect();
    assert_eq!(live, [LiveTable::Dropped, LiveTable::Lost(3), LiveTable::Same]);
    for (good, bad, line, words) in [
        ("instance = \"orders\"\nname", "instance = \"order\"\nname", 26, "write one of orders"),
        ("shop/public/customers", "shop/public", 27, "DATABASE/SCHEMA/TABLE"),
        ("rows = 40", "rows = 1", 25, "more of them are shown"),
        ("\"id bigint key\", \"name text\"", "\"id\"", 30, "its name and its type"),
        ("[\"2\", \"Bo\"]", "[\"2\"]", 31, "each of the 2 columns"),
        ("lost = 3", "lost = 1001", 34, "at most all of its rows"),
        ("dropped = true", "dropped = true\nlost = 1", 25, "write one of them"),
    ] {
        assert!(text.contains(good), "{good}");
        let problem = read(&text.replacen(good, bad, 1)).expect_err(bad);
        assert!(problem.starts_with(&format!("small.toml, line {line}: ")), "{bad}: {problem}");
        assert!(problem.contains(words), "{bad}: {problem}");
    }
}
