//! Dumps put into a live server by `pg_restore`.
//!
//! Promises: schemas and tables are there whole or not at all, by one transaction; a database has its name when it is
//! whole. Never: touches what stands there.

use super::{
    Items, dump,
    plan::{Checked, Destination, PlannedUnit},
    program, record, rename, standing,
    survey::Locale,
    target,
    unit::UnitKind,
};
use crate::{
    domain::{Failure, FailureClass, ItemName, ItemPart, instance::printable},
    engine::Halt,
    postgres::{
        client::{
            Client,
            dump::{RestoreOptions, is_public_itself, restored_table},
            stream::FIXED,
        },
        configure::DataDirectory,
        quote,
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How often a person is shown which table is filled.
const BETWEEN_DETAILS: Duration = Duration::from_secs(1);

/// Dumps units into the scratch, under the names that they get at the destination.
pub(super) fn sources<'a>(
    items: &Items<'_>,
    checked: &Checked,
    units: &[&'a PlannedUnit],
    directory: &Path,
) -> Result<Vec<(&'a PlannedUnit, PathBuf)>, Halt> {
    let renamed =
        standing::new_name(items.order).filter(|_| units.iter().all(|unit| unit.unit.kind != UnitKind::Database));
    let paths = match (renamed, units) {
        (Some(to), [unit]) => vec![rename::dump(items, checked, unit, to, directory)?],
        (Some(_) | None, _) => dump::all(items, checked, units, directory)?,
    };
    Ok(units.iter().copied().zip(paths).collect())
}

/// Puts a dump into the destination.
pub(super) fn restore(items: &Items<'_>, unit: &PlannedUnit, source: &Path) -> Result<Vec<String>, Halt> {
    let to = destination(unit)?;
    match unit.unit.items.first() {
        Some(ItemName::Database { database }) => whole_database(items, unit, to, database, source),
        Some(ItemName::Schema { .. } | ItemName::Table { .. }) => {
            fill(items, unit, to, &to.live, None, source)?;
            Ok(Vec::new())
        }
        None => Err(Failure::bug("a unit without items").into()),
    }
}

fn destination(unit: &PlannedUnit) -> Result<&Destination, Failure> {
    unit.to.as_ref().ok_or_else(|| Failure::bug("items without a destination are restored"))
}

/// The name of a database that is not whole yet.
pub(super) fn passing_name(items: &Items<'_>, database: &str) -> String {
    let at = items.order.items.iter().position(|item| item.database() == database).unwrap_or(0);
    format!("howdah_{}_{at}", items.ticket.session_uuid.simple())
}

fn whole_database(
    items: &Items<'_>,
    unit: &PlannedUnit,
    to: &Destination,
    database: &str,
    source: &Path,
) -> Result<Vec<String>, Halt> {
    let passing = passing_name(items, database);
    drop_database(items, &to.live, &passing)?;
    let create = create(&passing, &unit.survey.locale);
    execute(items, &to.live, &format!("making the database {}", printable(database)), &[&create])?;
    let doing = "asking for the database that was made";
    let query = format!("select to_json(oid::bigint) from pg_database where datname = {}", quote::text(&passing));
    let oid: u32 = to.live.query(doing, super::APPLICATION_NAME, &query)?;
    record::keep(&items.workspace(), &record::Delivery::Made { items: unit.unit.items.clone(), oid })?;
    let jobs = dump::jobs(items, unit.survey.tables.len());
    fill(items, unit, to, &to.live.in_database(&passing), Some(jobs), source)?;
    let name = standing::new_name(items.order).unwrap_or(database);
    let rename = format!("alter database {} rename to {}", quote::name(&passing), quote::name(name));
    execute(items, &to.live, &format!("giving the database {} its name", printable(name)), &[&rename])?;
    Ok(Vec::new())
}

/// The statement that makes an empty database with the locale of another one.
pub(super) fn create(name: &str, locale: &Locale) -> String {
    let provider = match (locale.provider.as_deref(), &locale.provider_name) {
        (Some("i"), Some(name)) => format!(" locale_provider icu icu_locale {}", quote::text(name)),
        (Some("b"), Some(name)) => format!(" locale_provider builtin builtin_locale {}", quote::text(name)),
        (_, _) => String::new(),
    };
    format!(
        "create database {} template template0 encoding {} lc_collate {} lc_ctype {}{provider}",
        quote::name(name),
        quote::text(&locale.encoding),
        quote::text(&locale.collate),
        quote::text(&locale.ctype)
    )
}

/// Removes a database of the session that is not whole.
pub(super) fn drop_database(items: &Items<'_>, live: &Client, passing: &str) -> Result<(), Halt> {
    let statement = format!("drop database if exists {} with (force)", quote::name(passing));
    execute(items, live, "removing what an earlier attempt had made", &[&statement])
}

/// Runs statements, each by itself.
pub(super) fn execute(items: &Items<'_>, live: &Client, doing: &str, statements: &[&str]) -> Result<(), Halt> {
    let name = target::application_name(items.ticket.session_uuid);
    let commands: Vec<&str> = [FIXED].into_iter().chain(statements.iter().copied()).collect();
    let stream = live.stream(&name, &commands)?;
    let pids = [stream.pid()];
    program::unless_stopped(&pids, items.stop, move || stream.finish(doing))
}

fn fill(
    items: &Items<'_>,
    unit: &PlannedUnit,
    to: &Destination,
    live: &Client,
    jobs: Option<usize>,
    source: &Path,
) -> Result<(), Halt> {
    let application_name = target::application_name(items.ticket.session_uuid);
    let contents = if is_in_public(items, unit, to) { Some(without_public(items, live, source)?) } else { None };
    let options = RestoreOptions {
        directory: source,
        jobs,
        contents: contents.as_deref(),
        no_owner: to.no_owner,
        no_privileges: to.no_privileges,
        application_name: &application_name,
    };
    let doing = format!("delivering {}", unit.unit.label());
    let mut shown: Option<Instant> = None;
    program::run(&mut live.restore(&options), &doing, (items.report, items.stop), &mut |line| {
        let Some(table) = restored_table(line) else { return };
        if shown.is_none_or(|at| at.elapsed() >= BETWEEN_DETAILS) {
            shown = Some(Instant::now());
            items.report.detail(&format!("filling {}", printable(table)));
        }
    })
}

/// Whether a schema is the `public` that each database has: empty, or it would have been refused.
fn is_in_public(items: &Items<'_>, unit: &PlannedUnit, to: &Destination) -> bool {
    let renamed = standing::new_name(items.order);
    let schemas = unit.unit.schemas();
    unit.unit.kind == UnitKind::Schemas
        && schemas.into_iter().any(|schema| renamed.unwrap_or(schema) == "public")
        && to.target.schemas.contains_key("public")
}

/// The table of contents of a dump without the schema `public` itself, which is there and is not changed.
fn without_public(items: &Items<'_>, live: &Client, source: &Path) -> Result<PathBuf, Halt> {
    let failed = |error: std::io::Error| {
        Failure::incurable(format!("the table of contents of a dump: {error}"), "see the scratch of the restore point")
    };
    let whole = source.join("contents");
    let mut command = live.contents(source, &whole);
    program::run(&mut command, "reading the contents of a dump", (items.report, items.stop), &mut |_| {})?;
    let text = fs::read_to_string(&whole).map_err(failed)?;
    let kept: String = text.lines().filter(|line| !is_public_itself(line)).flat_map(|line| [line, "\n"]).collect();
    let (name, owner) = ("contents-kept", items.account()?.owner());
    let written = DataDirectory::open(source).and_then(|directory| directory.replace(name, kept.as_bytes(), owner));
    written.map_err(failed)?;
    Ok(source.join(name))
}

/// Whether an earlier attempt, whose end nobody knows, has delivered a unit: then it is not delivered again. A failure
/// where something stands there that is not what it would have been.
pub(super) fn is_delivered(items: &Items<'_>, checked: &Checked, unit: &PlannedUnit) -> Result<bool, Failure> {
    let (Some(existing), true) = (&unit.existing, unit.uncertain) else { return Ok(false) };
    let to = destination(unit)?;
    let is_there = match unit.unit.items.first() {
        Some(ItemName::Database { database }) => {
            let name = standing::new_name(items.order).unwrap_or(database);
            let query = format!("select to_json(oid::bigint) from pg_database where datname = {}", quote::text(name));
            let oid: u32 = to.live.query("looking at the database there", super::APPLICATION_NAME, &query)?;
            unit.made.contains(&oid)
        }
        Some(ItemName::Schema { .. } | ItemName::Table { .. }) | None => has_same_rows(items, checked, unit, to)?,
    };
    if is_there {
        items.report.note(&format!("an earlier attempt has delivered {}", unit.unit.label()));
        return Ok(true);
    }
    if items.order.part == ItemPart::Data
        && unit
            .survey
            .tables
            .iter()
            .all(|table| to.target.relation(&table.schema, &table.name).is_some_and(|standing| standing.empty))
    {
        return Ok(false);
    }
    Err(Failure::incurable(
        format!(
            "{existing} stands at the destination now: an earlier attempt may have delivered it, and it was changed since, or \
             somebody else has made it"
        ),
        "compare it with the restore point; move it away and retry if it is not what you want",
    ))
}

/// Whether each table of a unit is there with as many rows.
fn has_same_rows(items: &Items<'_>, checked: &Checked, unit: &PlannedUnit, to: &Destination) -> Result<bool, Failure> {
    let (schema_to, table_to) = match (unit.unit.kind, standing::new_name(items.order)) {
        (UnitKind::Schemas, to) => (to, None),
        (UnitKind::Tables, to) => (None, to),
        (UnitKind::Database, _) => (None, None),
    };
    let tables = &unit.survey.tables;
    if tables.is_empty() {
        return Ok(true);
    }
    let here = tables.iter().map(|table| quote::qualified(&table.schema, &table.name));
    let there = tables
        .iter()
        .map(|table| quote::qualified(schema_to.unwrap_or(&table.schema), table_to.unwrap_or(&table.name)));
    let counts = |names: &mut dyn Iterator<Item = String>| {
        let selects = names.enumerate().map(|(at, name)| format!("select {at} as at, count(*) as n from {name}"));
        let all = selects.collect::<Vec<_>>().join(" union all ");
        format!("select json_agg(n order by at) from ({all}) counted")
    };
    let doing = "counting what an earlier attempt may have delivered";
    let ask = |client: &Client, names: &mut dyn Iterator<Item = String>| -> Result<Vec<u64>, Failure> {
        client.query(doing, super::APPLICATION_NAME, &counts(names))
    };
    let wanted = ask(&checked.here.in_database(&unit.unit.database), &mut { here })?;
    match ask(&to.live, &mut { there }) {
        // Definitions alone have no rows there.
        Ok(found) if items.order.part == ItemPart::Schema => Ok(found.iter().all(|rows| *rows == 0)),
        Ok(found) => Ok(found == wanted),
        // A table is not there.
        Err(failure) if failure.class == FailureClass::Incurable => Ok(false),
        Err(failure) => Err(failure),
    }
}
