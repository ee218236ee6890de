//! Rows that were lost and come back, compared before and after.

use crate::needs_postgres;
use crate::{
    session::{Session, address, order, server},
    shop::{SUM, Shop, live, open},
};
use howdah::{
    domain::{ExistingItem, Failure, FailureClass, ItemDestination, WorkerSettings, browse::TableComparison},
    postgres::compare::{CompareRequest, clients, compare},
};

/// A database, a schema, a table and columns of names that mean something to shells, to psql and to SQL.
pub(crate) const DATABASE: &str = "-d'\"\\; :x";
pub(crate) const SCHEMA: &str = "s\"; drop table x; --";
pub(crate) const TABLE: &str = "-t\n\\. \u{1b}[2J*.\u{fc}\u{1f418}";

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A database of a hostile name with three tables: a composite key of text in an odd order, an identity key, and a large one.
pub(crate) fn fill(shop: &Shop, database: &str, locale: &str) {
    shop.ask("postgres", &format!("create database {} template template0 {locale}", quoted(database)));
    let (schema, table) = (quoted(SCHEMA), quoted(TABLE));
    let connection = address(&shop.0).conninfo(database);
    let mut psql = crate::program("psql");
    psql.args(["-XAtqv", "ON_ERROR_STOP=1", "-d", &connection]);
    psql.arg("-c").arg(format!(
        "create schema {schema}; \
         create collation {schema}.odd (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         create table {schema}.{table} (a text collate {schema}.odd, b numeric(9, 2), {column} text, {computed} text \
           generated always as (a || b::text) stored, primary key (a, b)); \
         insert into {schema}.{table} select case g % 5 when 0 then '' when 1 then E'\\\\.' when 2 then E'a\\n\\t\\\\b' \
           when 3 then 'B\"; drop table x; --' else E'\u{fc}\\x1b[2J' end || g, g / 4.0, \
           case g % 3 when 0 then null when 1 then '' else E'\\\\N\\r\\n''' end from generate_series(1, 300) g; \
         create table {schema}.ids (id bigint generated always as identity primary key, v text); \
         insert into {schema}.ids (v) select md5(g::text) from generate_series(1, 100) g; \
         create table {schema}.big (id int primary key, v text); \
         insert into {schema}.big select g, md5(g::text) from generate_series(1, 20000) g; \
         create table {schema}.keyless (v text)",
        column = quoted("c: 'x' \\\" \n"),
        computed = quoted("; drop table"),
    ));
    crate::must(&mut psql);
}

pub(crate) fn ask(shop: &Shop, query: &str) -> String {
    let connection = address(&shop.0).conninfo(DATABASE);
    crate::must(crate::program("psql").args(["-XAtqv", "ON_ERROR_STOP=1", "-d", &connection, "-c", query]))
}

fn compared(database: &str, schema: &str, table: &str) -> TableComparison {
    compare_with(database, schema, table, &mut |_| true).unwrap().unwrap()
}

fn compare_with(
    database: &str,
    schema: &str,
    table: &str,
    go_on: &mut dyn FnMut(&TableComparison) -> bool,
) -> Result<Option<TableComparison>, Failure> {
    let live = address(&live().0).conninfo(database);
    let of = if database == DATABASE { DATABASE } else { "shop" };
    let (here, live) = clients(&address(&open().0), &live, of, &WorkerSettings::default())?;
    compare(&CompareRequest { here: &here, live: &live, schema, table }, go_on)
}

fn append_to(database: Option<&str>, items: &[&str]) -> Session {
    Session::new(open(), order(items, server(&live().0, ExistingItem::AppendMissing, database)))
}

/// How an item of the hostile database is written.
pub(crate) fn item(table: &str) -> String {
    let part = |name: &str| serde_json::Value::from(name).to_string();
    format!("{}/{}/{}", part(DATABASE), part(SCHEMA), part(table))
}

#[test]
fn exactly_the_rows_that_were_lost_come_back_and_what_differs_is_left_alone() {
    needs_postgres!();
    let live = live();
    // The one side sorts as people do, the other by bytes.
    fill(live, DATABASE, "");
    let (schema, table) = (quoted(SCHEMA), quoted(TABLE));
    for name in [TABLE, "ids", "big"] {
        let found = compared(DATABASE, SCHEMA, name);
        assert!(found.is_same() && found.not_compared.is_empty() && found.rows_here > 0, "{found:?}");
    }
    let all = format!("select md5(string_agg(t::text, ',' order by t::text)) from {schema}.{table} t");
    let before = ask(live, &all);
    ask(live, &format!("delete from {schema}.{table} where b > 10 and b < 30; delete from {schema}.ids where id > 90"));
    ask(live, &format!("alter sequence {schema}.ids_id_seq restart with 91"));
    let lost = compared(DATABASE, SCHEMA, TABLE);
    assert_eq!((lost.only_here.count, lost.only_live.count, lost.changed.count), (79, 0, 0), "{lost:?}");
    assert_eq!((lost.only_here.first.len(), lost.key.as_slice()), (20, &["a".to_owned(), "b".to_owned()][..]));
    // Beside the loss somebody has worked on: a row that was changed, one that is new.
    let column = quoted("c: 'x' \\\" \n");
    ask(live, &format!("update {schema}.{table} set {column} = 'theirs' where b = 50"));
    ask(live, &format!("insert into {schema}.{table} (a, b) values ('new', 1000)"));
    let session = append_to(None, &[&item(TABLE), &item("ids")]);
    let success = session.succeed();
    let shown = success.warnings.join("; ");
    assert!(shown.contains("1 row with a key of the restore point and other values there"), "{shown}");
    assert!(shown.contains("stands before the highest value that was added (100)"), "{shown}");
    let found = compared(DATABASE, SCHEMA, TABLE);
    assert_eq!((found.only_here.count, found.only_live.count, found.changed.count), (0, 1, 1), "{found:?}");
    assert!(compared(DATABASE, SCHEMA, "ids").is_same());
    // A second time there is nothing to add.
    let again = append_to(None, &[&item(TABLE)]);
    again.succeed();
    assert!(again.log().contains("0 rows added"), "{}", again.log());
    ask(live, &format!("delete from {schema}.{table} where b in (50, 1000)"));
    append_to(None, &[&item(TABLE)]).succeed();
    assert_eq!(ask(live, &all), before);
    session.left_nothing(&live.0);
}

#[test]
fn a_comparison_takes_nothing_but_access_share_and_ends_when_it_is_told_to() {
    needs_postgres!();
    let live = live();
    let name = live.with_sales("compared");
    live.ask(&name, "create table sales.big (id int primary key, v text)");
    let open_table = "sales.lines";
    live.ask(&name, &format!("insert into {open_table} select g, 1, 'x' from generate_series(3000, 60000) g"));
    let locks = "select coalesce(string_agg(distinct mode, ','), '') from pg_locks l join pg_stat_activity a using (pid) \
                 where a.application_name = 'howdah-compare' and a.datname = current_database() \
                   and l.locktype = 'relation'";
    let mut seen = String::new();
    let found = compare_with(&name, "sales", "lines", &mut |_| {
        if seen.is_empty() {
            seen = live.ask(&name, locks);
        }
        true
    });
    let found = found.unwrap().unwrap();
    assert_eq!((found.rows_here, found.only_live.count, found.changed.count), (2000, 57_001, 0), "{found:?}");
    assert_eq!(seen, "AccessShareLock");
    assert_eq!(compare_with(&name, "sales", "lines", &mut |_| false), Ok(None));
    let left = "select count(*) from pg_stat_activity where application_name = 'howdah-compare' \
                and datname = current_database()";
    crate::support::timeout::until_true("the comparison is gone", || live.ask(&name, left) == "0");
    // The first of them by value, not by the letters of their digits.
    assert_eq!(found.only_live.first[..2], ["(3000)".to_owned(), "(3001)".to_owned()]);
    live.ask(&name, "delete from sales.lines where id in (9, 10, 100, 2000)");
    let lost = compared(&name, "sales", "lines").only_here;
    assert_eq!(lost.first, ["(9)", "(10)", "(100)", "(2000)"]);
    // Columns that differ are named, and keys that do are refused.
    live.ask(&name, "alter table sales.lines add more int; alter table sales.lines alter note type varchar(99)");
    let found = compared(&name, "sales", "lines");
    let shown = found.not_compared.join("; ");
    assert!(shown.contains("note: text at") && shown.contains("more: at the live server alone"), "{shown}");
    live.ask(&name, "alter table sales.lines alter id type bigint");
    let failure = compare_with(&name, "sales", "lines", &mut |_| true).unwrap_err();
    assert!(failure.cause.contains("(id integer)") && failure.cause.contains("(id bigint)"), "{failure}");
}

#[test]
fn a_violated_foreign_key_takes_all_of_it_back_and_is_named() {
    needs_postgres!();
    let live = live();
    let name = live.with_sales("violated");
    let before = live.ask(&name, SUM);
    live.ask(&name, "delete from sales.lines where order_id in (5, 6); delete from sales.orders where id = 5");
    let without = live.ask(&name, SUM);
    let session = append_to(Some(&name), &["shop/sales/lines"]);
    let failure = session.fail();
    assert_eq!(failure.class, FailureClass::Incurable);
    assert!(failure.cause.contains("lines_order_id_fkey") && failure.cause.contains("(order_id)=(5)"), "{failure}");
    assert_eq!(live.ask(&name, SUM), without);
    let both = append_to(Some(&name), &["shop/sales/orders", "shop/sales/lines"]);
    both.succeed();
    assert_eq!(live.ask(&name, SUM), before);
    both.left_nothing(&live.0);
    // A trigger that refuses does so for all.
    live.ask(
        &name,
        "delete from sales.parts where id < 10; create function f() returns trigger language plpgsql as \
         'begin if new.id = 7 then raise exception ''not seven''; end if; return new; end'; \
         create trigger no before insert on sales.parts for each row execute function f()",
    );
    let session = append_to(Some(&name), &["shop/sales/parts"]);
    let failure = session.fail();
    assert!(failure.cause.contains("not seven") && failure.class == FailureClass::Incurable, "{failure}");
    assert_eq!(live.ask(&name, "select count(*) from sales.parts"), "41");
    live.ask(&name, "drop trigger no on sales.parts");
    append_to(Some(&name), &["shop/sales/parts"]).succeed();
    assert_eq!(live.ask(&name, SUM), before);
    // A whole table whose constraint fails when all its rows are there is gone with them.
    live.ask(&name, "drop table sales.lines; delete from sales.orders where id = 5");
    let whole = Session::new(open(), order(&["shop/sales/lines"], server(&live.0, ExistingItem::Refuse, Some(&name))));
    let failure = whole.fail();
    assert_eq!(failure.class, FailureClass::Incurable);
    assert!(failure.cause.contains("lines_order_id_fkey"), "{failure}");
    assert_eq!(live.ask(&name, "select to_regclass('sales.lines') is null"), "t");
}

#[test]
fn a_role_that_may_do_no_more_than_it_must_appends_and_restores() {
    needs_postgres!();
    let live = live();
    let name = live.with_sales("clerk");
    let before = live.ask(&name, SUM);
    live.ask("postgres", "create role clerk login");
    live.ask(
        &name,
        "grant usage, create on schema sales to clerk; grant select, insert on sales.lines to clerk; \
         grant references on sales.orders to clerk; delete from sales.lines where id % 3 = 0",
    );
    let conninfo = format!("host={} port={} user=clerk dbname={name}", live.0.sockets.display(), live.0.port);
    let to = |existing| ItemDestination::Server { conninfo: conninfo.clone(), existing };
    let append = Session::new(open(), order(&["shop/sales/lines"], to(ExistingItem::AppendMissing)));
    append.succeed();
    assert_eq!(live.ask(&name, SUM), before);
    live.ask(&name, "drop table sales.lines");
    let session = Session::new(open(), order(&["shop/sales/lines"], to(ExistingItem::Refuse)));
    session.succeed();
    assert_eq!(live.ask(&name, SUM), before);
    let owner = "select relowner::regrole from pg_class where oid = 'sales.lines'::regclass";
    assert_eq!(live.ask(&name, owner), "clerk");
    // What it may not do is said.
    live.ask(
        &name,
        "alter table sales.lines owner to postgres; delete from sales.lines where id = 1; \
         revoke insert on sales.lines from clerk",
    );
    let failure = Session::new(open(), order(&["shop/sales/lines"], to(ExistingItem::AppendMissing))).fail();
    assert_eq!(failure.class, FailureClass::Incurable);
    assert!(failure.cause.contains("permission denied for table lines"), "{failure}");
    let failure = Session::new(open(), order(&["other"], to(ExistingItem::Refuse))).fail();
    assert!(failure.cause.contains("clerk may not create databases"), "{failure}");
}
