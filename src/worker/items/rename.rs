//! A dump of a table or schema under another name.
//!
//! No option of `pg_dump` or `pg_restore` gives a thing another name, and a name in a script is nothing that could be
//! replaced safely. So PostgreSQL renames it: in a database of the session at the open restore point, with the definitions
//! of the whole database, since a table needs its types and functions, and the rows of the item alone. What is dumped from
//! there has its new name in each constraint, index, sequence and default, and meets nothing at the destination.
//!
//! Promises: the restore point's own databases are not changed; the session's is gone at the end, or goes with the next
//! attempt. Never: touches what has the old name at the destination.

use super::{
    Items,
    dump::{self, Gauge},
    plan::{Checked, PlannedUnit},
    program, restore, standing, target,
    unit::Unit,
};
use crate::{
    domain::{Failure, ItemName, ItemPart},
    engine::Halt,
    postgres::{
        client::{
            Client,
            dump::{DumpOptions, RestoreOptions},
        },
        quote,
    },
};
use std::path::{Path, PathBuf};

/// The name of the session's own database at the open restore point.
pub(super) fn staging_name(items: &Items<'_>) -> String {
    format!("howdah_{}_renaming", items.ticket.session_uuid.simple())
}

/// Dumps an item under its new name into a directory below this one.
pub(super) fn dump(
    items: &Items<'_>,
    checked: &Checked,
    unit: &PlannedUnit,
    to: &str,
    directory: &Path,
) -> Result<PathBuf, Halt> {
    let writer = Client::to_open_point(&checked.address, &items.account()?, &unit.unit.database)?;
    let (name, locale) = (staging_name(items), &unit.survey.locale);
    restore::drop_database(items, &writer, &name)?;
    restore::execute(items, &writer, "making a database to rename in", &[&restore::create(&name, locale)])?;
    let (here, staging) = (checked.here.in_database(&unit.unit.database), writer.in_database(&name));
    items.report.detail("the definitions of the database, to rename in them");
    let definitions = directory.join("definitions");
    let application_name = target::application_name(items.ticket.session_uuid);
    let whole = [ItemName::Database { database: unit.unit.database.clone() }];
    let options = |directory, items, part, jobs| DumpOptions {
        directory,
        items,
        partitions: &[],
        part,
        jobs,
        passing: true,
        application_name: &application_name,
    };
    let mut command = here.dump(&options(definitions.as_path(), &whole[..], ItemPart::Schema, 1));
    // A subscription would have to be dropped before its database.
    command.args(["--no-publications", "--no-subscriptions"]);
    run(items, &mut command, "dumping the definitions of the database")?;
    let into = |directory| RestoreOptions {
        directory,
        jobs: Some(1),
        contents: None,
        no_owner: false,
        no_privileges: false,
        application_name: &application_name,
    };
    run(items, &mut staging.restore(&into(&definitions)), "restoring the definitions of the database")?;
    if items.order.part != ItemPart::Schema {
        let rows = directory.join("rows");
        let mut gauge = Gauge::new(items, checked);
        dump::one(items, &here, (&unit.unit, &unit.survey, ItemPart::Data), &rows, &mut gauge)?;
        let mut command = staging.restore(&into(&rows));
        // A constraint to a table that is not taken finds no rows here.
        command.args(["--data-only", "--disable-triggers"]);
        run(items, &mut command, "restoring the rows to rename their table")?;
    }
    let (statements, renamed) = renamed(unit, to)?;
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    restore::execute(items, &staging, "renaming", &statements)?;
    let path = directory.join("renamed");
    let jobs = dump::jobs(items, unit.survey.tables.len());
    run(items, &mut staging.dump(&options(&path, &renamed.items, items.order.part, jobs)), "dumping what was renamed")?;
    restore::drop_database(items, &writer, &name)?;
    Ok(path)
}

fn run(items: &Items<'_>, command: &mut std::process::Command, doing: &str) -> Result<(), Halt> {
    program::run(command, doing, (items.report, items.stop), &mut |_| {})
}

/// The statements that rename an item and what belongs to it, and the item by its new name.
fn renamed(unit: &PlannedUnit, to: &str) -> Result<(Vec<String>, Unit), Failure> {
    let (statements, item) = match unit.unit.items.as_slice() {
        [ItemName::Schema { database, schema }] => {
            let statement = format!("alter schema {} rename to {}", quote::name(schema), quote::name(to));
            (vec![statement], ItemName::Schema { database: database.clone(), schema: to.to_owned() })
        }
        [ItemName::Table { database, schema, table }] => {
            let rename = |kind: &str, name: &str, to: &str| {
                format!("alter {kind} {} rename to {}", quote::qualified(schema, name), quote::name(to))
            };
            let attached = unit.survey.attached.iter().map(|found| {
                let kind = if found.kind == "S" { "sequence" } else { "index" };
                rename(kind, &found.name, &standing::attached_name(&found.name, table, to))
            });
            // `alter table` renames views and sequences, too.
            let statements = std::iter::once(rename("table", table, to)).chain(attached).collect();
            (statements, ItemName::Table { database: database.clone(), schema: schema.clone(), table: to.to_owned() })
        }
        _ => return Err(Failure::bug("only one schema or table is renamed")),
    };
    Ok((statements, Unit { items: vec![item], ..unit.unit.clone() }))
}
