//! Items under another name: what stands under the old one is not touched, and what is made meets nothing of it.

use crate::needs_postgres;
use crate::{
    append::{DATABASE, SCHEMA, TABLE, ask, item, quoted},
    session::{Session, address, order, server},
    shop::{SUM, fresh, live, open},
    support::cluster::{must, program},
};
use howdah::domain::ExistingItem;

/// What a table has beside its rows, by name.
const BESIDE: &str = "select string_agg(name, ' ' order by name) from ( \
     select relname::text as name from pg_class c join pg_index i on i.indexrelid = c.oid \
       where indrelid = 'sales.lines_then'::regclass \
     union all select pg_get_serial_sequence('sales.lines_then', 'id') \
     union all select conname from pg_constraint where conrelid = 'sales.lines_then'::regclass \
     union all select tgname from pg_trigger where tgrelid = 'sales.lines_then'::regclass and not tgisinternal \
     union all select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'sales.lines_then'::regclass) n";

#[test]
fn a_table_stands_beside_the_one_that_has_its_name_with_all_that_belongs_to_it() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let name = live.with_sales("renamed");
    live.ask(&name, "update sales.lines set note = 'changed' where id = 1");
    let before = live.ask(&name, SUM);
    let to = |to: &str| server(&live.0, ExistingItem::Rename { to: to.to_owned() }, Some(&name));
    let session = Session::new(open, order(&["shop/sales/lines"], to("lines_then")));
    session.succeed();
    assert_eq!(live.ask(&name, SUM), before);
    let rows = |table: &str| format!("select md5(string_agg(l::text, ',' order by id)) from sales.{table} l");
    assert_eq!(live.ask(&name, &rows("lines_then")), open.ask("shop", &rows("lines")));
    assert_eq!(
        live.ask(&name, BESIDE),
        "'x'::text (order_id * 2) lines_id_check lines_order_id_fkey lines_then_by_order lines_then_pkey lines_then_pkey \
         nextval('sales.lines_then_id_seq'::regclass) sales.lines_then_id_seq touch"
    );
    // A new row of the one table does not move the other's sequence.
    assert_eq!(live.ask(&name, "insert into sales.lines_then (order_id) values (1) returning id"), "2001");
    assert_eq!(live.ask(&name, "insert into sales.lines (order_id) values (1) returning id"), "2001");
    // A schema of another name, and what stands in the session's way is named.
    let schema = Session::new(open, order(&["shop/sales"], to("sales; \"then\"")));
    schema.succeed();
    let sum = SUM.replace("sales.", "\"sales; \"\"then\"\"\".");
    assert_eq!(live.ask(&name, &sum), open.ask("shop", SUM));
    let failure = Session::new(open, order(&["shop/sales/lines"], to("lines_then"))).fail();
    assert!(failure.cause.contains("table sales.lines_then"), "{failure}");
    for session in [&session, &schema] {
        session.left_nothing(&live.0);
        session.left_nothing(&open.0);
    }
}

#[test]
fn hostile_names_are_taken_as_what_they_are() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let name = fresh("-to ' \\ \" $(x); \n\\q");
    let (schema, table, new) = (quoted(SCHEMA), quoted(TABLE), "\\! \n'\";-- \u{1f418}");
    let whole = serde_json::Value::from(DATABASE).to_string();
    Session::new(open, order(&[&whole], server(&live.0, ExistingItem::Rename { to: name.clone() }, None))).succeed();
    let there = |query: &str| {
        let connection = address(&live.0).conninfo(&name);
        must(program("psql").args(["-XAtqv", "ON_ERROR_STOP=1", "-d", &connection, "-c", query]))
    };
    let all = |table: &str| format!("select md5(string_agg(t::text, ',' order by t::text)) from {schema}.{table} t");
    let wanted = ask(open, &all(&table));
    assert_eq!(there(&all(&table)), wanted);
    let to = |existing| server(&live.0, existing, Some(&name));
    let renamed = Session::new(open, order(&[&item(TABLE)], to(ExistingItem::Rename { to: new.to_owned() })));
    renamed.succeed();
    assert_eq!((there(&all(&quoted(new))), there(&all(&table))), (wanted.clone(), wanted.clone()));
    there(&format!("drop table {schema}.{table}"));
    Session::new(open, order(&[&item(TABLE)], to(ExistingItem::Refuse))).succeed();
    assert_eq!(there(&all(&table)), wanted);
    // Nothing of them reaches a reader of the log or of the plan as it is.
    assert!(!renamed.log().contains('\u{1b}'), "{}", renamed.log());
}
