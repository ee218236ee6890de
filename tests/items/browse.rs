//! What can be seen of an open restore point.

use crate::needs_postgres;
use crate::{
    append,
    ended::Holder,
    session::address,
    shop::{Shop, fresh, live, open},
    support::timeout::until_true,
};
use howdah::{
    domain::browse::{BrowsedCell, RelationKind},
    postgres::browse::Browser,
};
use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn browser(shop: &Shop, database: &str) -> Browser {
    Browser::open(&address(&shop.0), database).await.unwrap()
}

#[test]
fn databases_schemas_relations_and_columns_are_listed_as_they_are() {
    needs_postgres!();
    let open = open();
    run(async {
        let of = browser(open, "postgres").await;
        let databases = of.databases().await.unwrap();
        let named = |name: &str| databases.iter().find(|found| found.name == name).unwrap();
        assert!(named(append::DATABASE).connectable && named("shop").bytes.0 > 1_000_000);
        assert!(!named("template0").connectable);
        let of = browser(open, "shop").await;
        let schemas: Vec<_> = of.schemas().await.unwrap().into_iter().map(|found| found.name).collect();
        assert_eq!(schemas, ["public", "sales"]);
        let relations = of.relations("sales").await.unwrap();
        let named = |name: &str| relations.iter().find(|found| found.name == name).unwrap();
        let lines = named("lines");
        assert_eq!((lines.kind, lines.rows), (RelationKind::Table, Some(2000)));
        assert!(lines.bytes.0 >= 100_000 && lines.index_bytes.0 >= 50_000, "{lines:?}");
        assert_eq!(named("parts").kind, RelationKind::Partitioned);
        assert_eq!(named("parts_1").partition_of, Some(("sales".to_owned(), "parts".to_owned())));
        assert_eq!((named("open").kind, named("lines_id_seq").kind), (RelationKind::View, RelationKind::Sequence));
        let columns = of.columns("sales", "lines").await.unwrap();
        let shown: Vec<_> = columns
            .iter()
            .map(|c| (c.name.as_str(), c.type_name.as_str(), c.not_null, c.generated, c.key, c.default.is_some()))
            .collect();
        assert_eq!(
            shown,
            [
                ("id", "integer", true, false, Some(1), true),
                ("order_id", "integer", true, false, None, false),
                ("note", "text", false, false, None, true),
                ("twice", "integer", false, true, None, true),
            ]
        );
        assert_eq!(of.columns("sales", "none").await.unwrap(), []);
        assert_eq!(of.count("sales", "parts").await.unwrap(), 51);
        let hostile = browser(open, append::DATABASE).await;
        let columns = hostile.columns(append::SCHEMA, append::TABLE).await.unwrap();
        assert_eq!(columns.iter().filter_map(|column| column.key).collect::<Vec<_>>(), [1, 2]);
        assert!(hostile.columns(append::SCHEMA, "ids").await.unwrap()[0].identity);
        assert_eq!(hostile.relations(append::SCHEMA).await.unwrap().iter().filter(|r| r.rows.is_none()).count(), 4);
    });
}

#[test]
fn no_more_rows_come_than_were_asked_for_and_long_values_are_cut_on_the_server() {
    needs_postgres!();
    let (open, live) = (open(), live());
    run(async {
        let of = browser(open, append::DATABASE).await;
        let found = of.first_rows(append::SCHEMA, append::TABLE, 3, 2).await.unwrap();
        assert_eq!((found.columns.len(), found.rows.len(), found.more), (4, 3, true));
        let cell = |text: Option<&str>, cut| BrowsedCell { text: text.map(str::to_owned), cut };
        assert_eq!(found.rows[0][0], cell(Some("\\."), true));
        assert_eq!((&found.rows[0][2], &found.rows[2][2]), (&cell(Some(""), false), &cell(None, false)));
        let all = of.first_rows(append::SCHEMA, append::TABLE, 300, 100).await.unwrap();
        assert!(all.rows.len() == 300 && !all.more && all.rows.iter().flatten().all(|cell| !cell.cut));
        // Functions of the backup are not run: a view, a cast, an operator are such.
        let name = fresh("browsed");
        live.ask("postgres", &format!("create database \"{name}\""));
        live.ask(&name, "create table ran (x int); insert into ran values (0); \
             create function f(int) returns text language sql as 'select pg_notify(''x'', ''y''); select ''ran''::text'; \
             create view v as select f(1) as x; create type t as (a int, b text); create type e as enum ('one'); \
             create function cast_of(e) returns text language sql as 'select ''cast''::text'; \
             create cast (e as text) with function cast_of(e); \
             create table rows (x e, y t, z int[]); insert into rows values ('one', row(null, null), '{}'), (null, null, null)");
        let of = browser(live, &name).await;
        let failure = of.first_rows("public", "v", 1, 10).await.unwrap_err();
        assert!(failure.cause.contains("functions of the backup"), "{failure}");
        let rows = of.first_rows("public", "rows", 9, 10).await.unwrap().rows;
        assert_eq!(rows[0], [cell(Some("one"), false), cell(Some("(,)"), false), cell(Some("{}"), false)]);
        assert_eq!(rows[1], [cell(None, false), cell(None, false), cell(None, false)]);
        let failure = of.count("public", "none").await.unwrap_err();
        assert!(failure.cause.contains("no relation none"), "{failure}");
    });
}

#[test]
fn a_question_that_nobody_waits_for_is_ended_on_the_server() {
    needs_postgres!();
    let live = live();
    let name = fresh("dropped");
    live.ask("postgres", &format!("create database \"{name}\""));
    live.ask(&name, "create table large as select g from generate_series(1, 1000000) g");
    let at_work = |count: &'static str| {
        let query = format!(
            "select count(*) from pg_stat_activity where application_name = 'howdah-browse' and datname = '{name}' \
             and state = 'active'"
        );
        move || live.ask("postgres", &query) == count
    };
    // A lock that somebody else has holds the question for as long as it takes.
    let holder = Holder::of(live, &name, "lock table large in access exclusive mode");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let of = Arc::new(runtime.block_on(browser(live, &name)));
    // The connection stays: it is the question that is ended.
    for question in [0, 1] {
        let asked = Arc::clone(&of);
        let question = runtime.spawn(async move {
            if question == 0 {
                drop(asked.first_rows("public", "large", 1, 1).await);
            } else {
                drop(asked.count("public", "large").await);
            }
        });
        until_true("it is asked", at_work("1"));
        question.abort();
        let began = Instant::now();
        until_true("it is ended", at_work("0"));
        assert!(began.elapsed() < Duration::from_secs(10), "by its timeout alone");
    }
    assert_eq!(runtime.block_on(of.columns("public", "large")).unwrap().len(), 1);
    // So is one whose process is gone.
    let of = runtime.block_on(browser(live, &name));
    runtime.spawn(async move { of.count("public", "large").await });
    until_true("it is asked", at_work("1"));
    runtime.shutdown_background();
    until_true("it is ended", at_work("0"));
    drop(holder);
}
