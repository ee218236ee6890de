//! Items taken out of an open restore point: into a dump, into a live server, renamed, appended; and how each can go wrong.
//!
//! The open restore point is an ordinary server here, whose address stands where an explore session leaves it.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "items/append.rs"]
mod append;
#[path = "items/browse.rs"]
mod browse;
#[path = "items/ended.rs"]
mod ended;
#[path = "items/refused.rs"]
mod refused;
#[path = "items/renamed.rs"]
mod renamed;
#[path = "items/session.rs"]
mod session;
#[path = "items/shop.rs"]
mod shop;
mod support;

use howdah::{
    domain::{Achieved, ExistingItem, ItemPart, Plan, Success, fact::Fact},
    worker,
};
use session::{Session, dump_to, order, server};
use shop::{SUM, fresh, live, open};
use support::{
    cluster::{must, program, server_scratch},
    place::{listing, names},
    writes::Writes,
};

fn items_of(success: &Success) -> u64 {
    let Achieved::Items { items } = success.result else { panic!("{success:?}") };
    items
}

#[test]
fn a_table_a_schema_and_a_database_come_into_a_server_at_work() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let writes = Writes::on(&live.0);
    // The whole database first: the others go into it.
    let name = fresh("taken");
    let whole = Session::new(open, order(&["shop"], server(&live.0, ExistingItem::Rename { to: name.clone() }, None)));
    assert_eq!(items_of(&whole.succeed()), 1, "{}", whole.log());
    assert_eq!(live.ask(&name, SUM), open.ask("shop", SUM));
    assert_eq!(live.ask(&name, "select count(*) from pg_constraint where contype = 'f'"), "1");
    // A dropped schema, then a dropped table.
    live.ask(&name, "drop schema sales cascade");
    let into = server(&live.0, ExistingItem::Refuse, Some(&name));
    let schema = Session::new(open, order(&["shop/sales"], into.clone()));
    schema.succeed();
    assert_eq!(live.ask(&name, SUM), open.ask("shop", SUM));
    live.ask(&name, "drop table sales.lines");
    let table = Session::new(open, order(&["shop/sales/lines"], into));
    table.succeed();
    assert_eq!(live.ask(&name, SUM), open.ask("shop", SUM));
    assert_eq!(live.ask(&name, "select nextval('sales.lines_id_seq')"), "2001");
    drop(writes);
    // The plan had it before a byte was written.
    let planned =
        table.facts().into_iter().find_map(|fact| if let Fact::Planned(plan) = fact { Some(*plan) } else { None });
    let Some(Plan::Items(plan)) = planned else { panic!("{planned:?}") };
    assert_eq!((plan.tables(), plan.items[0].existing.clone()), (1, None), "{plan:?}");
    assert!(plan.bytes().0 > 100_000 && plan.to.contains(&name), "{plan:?}");
    for session in [&whole, &schema, &table] {
        session.left_nothing(&live.0);
    }
    // Another attempt of the session, whose end nobody had heard, delivers nothing twice.
    table.succeed();
    assert_eq!(live.ask(&name, SUM), open.ask("shop", SUM));
}

#[test]
fn a_dump_is_whole_has_its_name_last_and_restores_elsewhere() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let place = server_scratch("dumps");
    let directory = place.join("a dump");
    let session = Session::new(open, order(&["shop", "other/public"], dump_to(&directory)));
    assert_eq!(items_of(&session.succeed()), 2, "{}", session.log());
    assert_eq!(names(&place), ["a dump"]);
    let name = fresh("restored");
    live.ask("postgres", &format!("create database \"{name}\" template template0"));
    let mut restore = program("pg_restore");
    restore.args(live.0.connection()).args(["-d", &name]).arg(directory.join("shop"));
    must(&mut restore);
    assert_eq!(live.ask(&name, SUM), open.ask("shop", SUM));
    must(program("pg_restore").arg("--list").arg(directory.join("other")));
    // The same session finds it made; another one touches nothing.
    session.succeed();
    let before = listing(&place);
    let other = Session::new(open, order(&["shop"], dump_to(&directory)));
    let failure = other.fail();
    assert!(failure.cause.contains("is there already"), "{failure}");
    other.dispose();
    assert_eq!(listing(&place), before);
}

#[test]
fn a_partitioned_table_brings_its_partitions_and_public_goes_into_an_empty_public() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let name = live.with_sales("parted");
    live.ask(&name, "drop table sales.parts");
    let into = server(&live.0, ExistingItem::Refuse, Some(&name));
    live.ask(&name, "drop table sales.lines");
    let two = Session::new(open, order(&["shop/sales/lines", "shop/sales/parts"], into.clone()));
    let plan = worker::plan_items(&two.order, &two.settings()).unwrap();
    assert_eq!(plan.tables(), 4, "lines, parts, and two partitions: {plan:?}");
    two.succeed();
    assert_eq!(live.ask(&name, SUM), open.ask("shop", SUM));
    Session::new(open, order(&["other/public"], into)).succeed();
    assert_eq!(live.ask(&name, "select count(*) from public.t"), "10");
}

#[test]
fn definitions_and_rows_go_by_themselves() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let name = fresh("parts");
    live.ask("postgres", &format!("create database \"{name}\" template template0"));
    let to = server(&live.0, ExistingItem::Refuse, Some(&name));
    let of = |part| {
        let mut order = order(&["shop/sales"], to.clone());
        order.part = part;
        Session::new(open, order)
    };
    of(ItemPart::Schema).succeed();
    assert_eq!(live.ask(&name, "select count(*) from sales.lines"), "0");
    of(ItemPart::Data).succeed();
    assert_eq!(live.ask(&name, SUM), open.ask("shop", SUM));
    let failure = of(ItemPart::Data).fail();
    assert!(failure.cause.contains("holds rows"), "{failure}");
    assert_eq!(live.ask(&name, SUM), open.ask("shop", SUM));
}
