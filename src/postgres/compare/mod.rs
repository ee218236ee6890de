//! A table at an open restore point beside the table of the same name at a live server.
//!
//! Both sides send each row's key with a checksum of the row, in an order that two servers agree on whatever their
//! collations are; no row is held for longer than it takes to look at it. A key of numbers is read by its index, the order
//! of any other costs each server a sort in its temporary files.
//!
//! Promises: only reads, with ACCESS SHARE at most; memory does not grow with the table; told to stop it ends both servers'
//! work. Never: calls rows the same that it has not compared.

mod order;
mod rows;
mod shape;

pub use shape::{ColumnSequence, KeyColumn, ShapeColumn, TableShape};

use super::{
    account::Account,
    client::{Client, stream::FIXED},
    quote,
};
use crate::domain::{
    Failure, PasswordSource, ServerAddress, WorkerSettings, browse::TableComparison, conninfo, instance::printable,
};
use order::{FROM, KeyOrder};
use rows::{Row, Rows};
use std::cmp::Ordering;

/// How the connections show themselves in `pg_stat_activity`.
const APPLICATION_NAME: &str = "howdah-compare";

/// The table, and how either side is reached: clients in its database.
#[derive(Debug)]
pub struct CompareRequest<'a> {
    /// The open restore point.
    pub here: &'a Client,
    /// The live server.
    pub live: &'a Client,
    /// The schema.
    pub schema: &'a str,
    /// The table.
    pub table: &'a str,
}

/// How both sides are reached: the open restore point in this database, the live server in the one that its connection
/// string names, or else in one of the same name. A string with a password is refused.
pub fn clients(
    address: &ServerAddress,
    live: &str,
    database: &str,
    settings: &WorkerSettings,
) -> Result<(Client, Client), Failure> {
    conninfo::check(live)
        .map_err(|error| Failure::incurable(error.to_string(), "correct the connection string of the live server"))?;
    let account = Account::for_server(&settings.os_user)?;
    let (programs, none) = (&address.programs, PasswordSource::None);
    let here = Client::new(programs, &account, &address.conninfo(database), &none, &[])?;
    let live = Client::new(programs, &account, live, &none, &settings.environment)?;
    Ok((here, live.by_default_in(database)))
}

/// Compares the two. `go_on` is called several times a second with what has been found so far, and says whether to go on;
/// `None` when it did not.
pub fn compare(
    request: &CompareRequest<'_>,
    go_on: &mut dyn FnMut(&TableComparison) -> bool,
) -> Result<Option<TableComparison>, Failure> {
    let (here, live) =
        (shape(request, request.here, "at the restore point")?, shape(request, request.live, "at the live server")?);
    here.refuse_other_key(&live, request.table)?;
    if here.encoding != live.encoding {
        let cause = format!("the restore point's database is in {}, the live one in {}", here.encoding, live.encoding);
        return Err(Failure::incurable(cause, "take the whole table under another name, and compare it there"));
    }
    let (columns, not_compared) = common(&here, &live);
    let key = KeyOrder::of_key(&here);
    let names = key.iter().map(|(name, _)| name.clone()).collect();
    let mut found = TableComparison { key: names, not_compared, ..TableComparison::default() };
    let start = |client: &Client, shape: &TableShape| {
        let query = rows_query(shape, request, &key, &columns);
        let commands = [FIXED, "start transaction read only", &query, "commit"];
        let stream = client.stream(APPLICATION_NAME, &commands)?;
        Rows::of(stream, key.iter().map(|(_, order)| *order).collect())
    };
    let (mut here, mut live) = (start(request.here, &here)?, start(request.live, &live)?);
    let (mut one, mut other): (Option<Row>, Option<Row>) = (None, None);
    let (mut here_ended, mut live_ended) = (false, false);
    loop {
        // Each side is waited for with an end to it, so that a stop is heard while the servers sort.
        while one.is_none() && !here_ended {
            match here.next("comparing at the restore point", &mut || go_on(&found))? {
                rows::Next::Row(row) => one = Some(row),
                rows::Next::End => here_ended = true,
                rows::Next::Stopped => return Ok(None),
            }
        }
        while other.is_none() && !live_ended {
            match live.next("comparing at the live server", &mut || go_on(&found))? {
                rows::Next::Row(row) => other = Some(row),
                rows::Next::End => live_ended = true,
                rows::Next::Stopped => return Ok(None),
            }
        }
        let order = match (&one, &other) {
            (None, None) => return Ok(Some(found)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.values.cmp(&other.values),
        };
        judge(&mut found, order, &mut one, &mut other);
    }
}

/// Counts the row that comes first, or the two of one key.
fn judge(found: &mut TableComparison, order: Ordering, one: &mut Option<Row>, other: &mut Option<Row>) {
    let here = if order == Ordering::Greater { None } else { one.take() };
    let live = if order == Ordering::Less { None } else { other.take() };
    found.rows_here += u64::from(here.is_some());
    found.rows_live += u64::from(live.is_some());
    match (here, live) {
        (Some(here), Some(live)) if here.sum != live.sum => found.changed.add(&here.key),
        (Some(here), None) => found.only_here.add(&here.key),
        (None, Some(live)) => found.only_live.add(&live.key),
        (Some(_), Some(_)) | (None, None) => {}
    }
}

fn shape(request: &CompareRequest<'_>, client: &Client, side: &str) -> Result<TableShape, Failure> {
    let (schema, table) = (request.schema, request.table);
    let found = TableShape::ask(client, APPLICATION_NAME, schema, table)?.ok_or_else(|| {
        let cause = format!("there is no table {} in the schema {} {side}", printable(table), printable(schema));
        Failure::incurable(cause, "choose one that is on both sides")
    })?;
    found.refuse_unkeyed(table, side)?;
    Ok(found)
}

/// The columns that both have with one type, and what of the others is to be said.
fn common(here: &TableShape, live: &TableShape) -> (Vec<String>, Vec<String>) {
    let (mut columns, mut others) = (Vec::new(), Vec::new());
    for column in &here.columns {
        match live.columns.iter().find(|other| other.name == column.name) {
            Some(other) if other.type_name == column.type_name => columns.push(column.name.clone()),
            Some(other) => others.push(format!(
                "{}: {} at the restore point, {} at the live server",
                printable(&column.name),
                printable(&column.type_name),
                printable(&other.type_name)
            )),
            None => others.push(format!("{}: at the restore point alone", printable(&column.name))),
        }
    }
    for column in live.columns.iter().filter(|column| here.columns.iter().all(|other| other.name != column.name)) {
        others.push(format!("{}: at the live server alone", printable(&column.name)));
    }
    (columns, others)
}

/// The text of a row by the output functions of its types quotes each value, so that no two keys have one text.
fn rows_query(
    shape: &TableShape,
    request: &CompareRequest<'_>,
    key: &[(String, KeyOrder)],
    columns: &[String],
) -> String {
    let list =
        |names: &mut dyn Iterator<Item = &String>| names.map(|name| quote::name(name)).collect::<Vec<_>>().join(", ");
    let from = shape.from(request.schema, request.table);
    let (names, columns) = (list(&mut key.iter().map(|(name, _)| name)), list(&mut columns.iter()));
    let terms = key.iter().map(|(name, order)| order.terms(name, &shape.encoding));
    let (values, order): (Vec<_>, Vec<_>) = terms.unzip();
    let (values, order) = (values.join(", "), order.join(", "));
    format!(
        "copy (select row({names})::text, md5(row({columns})::text), {values} from {from} {FROM} order by {order}) to stdout"
    )
}
