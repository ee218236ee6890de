//! What is refused, before a byte is written: with the reason, and with what to do.

use crate::needs_postgres;
use crate::{
    append,
    session::{Session, dump_to, order, server},
    shop::{SUM, fresh, live, open},
    support::cluster::server_scratch,
};
use howdah::{
    domain::{ExistingItem, Failure, FailureClass, ItemDestination, ItemPart, Step, explore::address_in},
    worker,
};
use std::fs;

#[track_caller]
fn check(failure: &Failure, class: FailureClass, words: &[&str]) {
    assert_eq!(failure.class, class, "{failure}");
    assert!(class == FailureClass::Disruption || !failure.advice.is_empty(), "{failure}");
    for word in words {
        assert!(failure.cause.contains(word), "{word}: {failure}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_its_reason_and_nothing_is_touched() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let name = live.with_sales("refused");
    let before = live.ask(&name, SUM);
    let to = |existing| server(&live.0, existing, Some(&name));
    let append = || to(ExistingItem::AppendMissing);
    let secret = ItemDestination::Server {
        conninfo: "host=nowhere password=hunter2".to_owned(),
        existing: ExistingItem::Refuse,
    };
    let keyless = {
        let part = |name: &str| serde_json::Value::from(name).to_string();
        format!("{}/{}/keyless", part(append::DATABASE), part(append::SCHEMA))
    };
    let elsewhere = server(&live.0, ExistingItem::Refuse, Some("no such database"));
    let rename = |to_name: &str| to(ExistingItem::Rename { to: to_name.to_owned() });
    let cases = [
        (order(&["shop/sales/lines"], to(ExistingItem::Refuse)), "table sales.lines, ", "stands at the destination"),
        (order(&["shop/sales"], to(ExistingItem::Refuse)), "schema sales with ", "stands at the destination"),
        (order(&["postgres"], to(ExistingItem::Refuse)), "database postgres", "stands at the destination"),
        (order(&["shop/sales/lines"], rename("orders")), "table sales.orders, ", "stands at the destination"),
        (order(&["shop/sales/parts"], rename("kept")), "has partitions", ""),
        (order(&["shop/sales/none"], append()), "no shop/sales/none", "in the restore point"),
        (order(&["shop/none"], to(ExistingItem::Refuse)), "no shop/none", "in the restore point"),
        (order(&["none"], to(ExistingItem::Refuse)), "database \"none\" does not exist", ""),
        (order(&["shop/sales/lines"], elsewhere), "no such database", "does not exist"),
        (order(&["other/public/t"], append()), "no table t in public", "at the destination"),
        (order(&["shop/sales"], append()), "to tables alone", ""),
        (order(&["shop", "other"], rename("x")), "one item alone", ""),
        (order(&["shop/sales/lines", "shop/sales"], to(ExistingItem::Refuse)), "part of another item", ""),
        (order(&["shop"], secret), "holds password", ""),
        (
            order(&[&keyless], server(&live.0, ExistingItem::AppendMissing, Some("postgres"))),
            "keyless at the restore point",
            "has no primary key",
        ),
    ];
    for (order, word, other) in cases {
        let session = Session::new(open, order);
        let failure = session.fail();
        check(&failure, FailureClass::Incurable, &[word, other]);
        let log = session.log();
        assert!(!log.contains("hunter2"), "{log}");
        // The plan alone says the same.
        let planned = worker::plan_items(&session.order, &session.settings()).unwrap_err();
        let said = |failure: &Failure| failure.cause.rsplit(": ").next().unwrap().to_owned();
        assert_eq!((said(&planned), failure.step), (said(&failure), Some(Step::Check)));
        session.left_nothing(&live.0);
    }
    assert_eq!(live.ask(&name, SUM), before);
}

#[test]
fn a_table_without_a_primary_key_or_with_other_columns_is_not_appended_to() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let name = live.with_sales("unlike");
    let append =
        |item: &str| Session::new(open, order(&[item], server(&live.0, ExistingItem::AppendMissing, Some(&name))));
    live.ask(&name, "alter table sales.lines drop note");
    check(&append("shop/sales/lines").fail(), FailureClass::Incurable, &["note text at the restore point alone"]);
    live.ask(&name, "alter table sales.orders drop constraint orders_pkey cascade");
    check(
        &append("shop/sales/orders").fail(),
        FailureClass::Incurable,
        &["orders at the destination has no primary key"],
    );
    check(&append("shop/sales/open").fail(), FailureClass::Incurable, &["open at the restore point is no table"]);
}

#[test]
fn a_point_that_is_not_open_is_waited_for() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let place = server_scratch("dumps");
    let session = Session::new(open, order(&["other"], dump_to(&place.join("dump"))));
    let file = address_in(&session.order.from.scratch);
    let text = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    check(&session.fail(), FailureClass::Disruption, &["is not open"]);
    let mut moved: serde_json::Value = serde_json::from_str(&text).unwrap();
    moved["port"] = 1.into();
    fs::write(&file, moved.to_string()).unwrap();
    check(&session.fail(), FailureClass::Disruption, &["No such file or directory"]);
    fs::write(&file, text).unwrap();
    session.succeed();
    // So is a destination that does not answer.
    let to = ItemDestination::Server {
        conninfo: format!("host={} port=1 user=postgres", live.0.sockets.display()),
        existing: ExistingItem::Refuse,
    };
    check(&Session::new(open, order(&["other"], to)).fail(), FailureClass::Disruption, &[".s.PGSQL.1"]);
}

#[test]
fn roles_and_extensions_that_are_missing_are_in_the_plan_and_the_rows_come_all_the_same() {
    needs_postgres!();
    let (open, live) = (open(), live());
    open.write("postgres", "create role keeper_of_shop; create role reader_of_shop");
    open.write(
        "other",
        "create schema kept authorization keeper_of_shop; create table kept.t (id int primary key); \
         alter table kept.t owner to keeper_of_shop; grant select on kept.t to reader_of_shop; insert into kept.t values (1)",
    );
    let name = fresh("roles");
    live.ask("postgres", &format!("create database \"{name}\""));
    let mut order = order(&["other/kept"], server(&live.0, ExistingItem::Refuse, Some(&name)));
    order.part = ItemPart::All;
    let session = Session::new(open, order);
    let plan = worker::plan_items(&session.order, &session.settings()).unwrap();
    assert_eq!(plan.missing_roles, ["keeper_of_shop", "reader_of_shop"], "{plan:?}");
    assert!(plan.warnings.iter().any(|warning| warning.contains("will belong to postgres")), "{plan:?}");
    assert_eq!(live.ask(&name, "select count(*) from pg_namespace where nspname = 'kept'"), "0", "a plan alone");
    session.succeed();
    assert_eq!(live.ask(&name, "select id from kept.t"), "1");
}
