//! What stands at the destination under the names that items get there, and what follows from it.
//!
//! Promises: nothing that stands there is touched: what would have to be is refused, with what it is.

use super::{
    Subject, plan,
    survey::Survey,
    target::Target,
    unit::{Unit, UnitKind},
};
use crate::{
    domain::{
        ExistingItem, Failure, ItemDestination, ItemName, ItemOrder, ItemPart,
        instance::{printable, printable_name},
        quantity::many,
    },
    postgres::account::{Account, Permission},
};
use sha2::{Digest, Sha256};
use std::path::Path;

/// The longest name that PostgreSQL keeps.
const MAX_NAME_LEN: usize = 63;

/// How many of several names are shown.
const SHOWN: usize = 3;

/// The new name, where one is wished.
pub(super) fn new_name(order: &ItemOrder) -> Option<&str> {
    match &order.to {
        ItemDestination::Server { existing: ExistingItem::Rename { to }, .. } => Some(to),
        ItemDestination::Server { existing: ExistingItem::Refuse | ExistingItem::AppendMissing, .. }
        | ItemDestination::Dump { .. } => None,
    }
}

/// The name of an index or sequence once its table has another name: none that stands beside the old one.
pub(super) fn attached_name(name: &str, table: &str, to: &str) -> String {
    let rest = name.strip_prefix(table).filter(|rest| rest.starts_with('_'));
    let whole = rest.map_or_else(|| format!("{to}_{name}"), |rest| format!("{to}{rest}"));
    if whole.len() <= MAX_NAME_LEN {
        return whole;
    }
    let sum = Sha256::digest(whole.as_bytes());
    let end = format!("_{:02x}{:02x}{:02x}{:02x}", sum[0], sum[1], sum[2], sum[3]);
    let cut = (0..=MAX_NAME_LEN - end.len()).rev().find(|at| whole.is_char_boundary(*at)).unwrap_or(0);
    format!("{}{end}", &whole[..cut])
}

/// The names that the relations of a unit get at the destination, or have there.
pub(super) fn names(order: &ItemOrder, unit: &Unit, survey: &Survey) -> Vec<(String, String)> {
    let to = new_name(order);
    match unit.kind {
        UnitKind::Database => Vec::new(),
        UnitKind::Schemas => {
            let tables = survey.tables.iter().filter(|_| order.part == ItemPart::Data);
            let names = tables.map(|table| (table.schema.clone(), table.name.clone()));
            // The new name of a schema is asked for as one of a relation in it, which there is none of.
            names.chain(to.map(|to| (to.to_owned(), String::new()))).collect()
        }
        UnitKind::Tables => {
            let own = unit.tables().into_iter().map(|(schema, table)| (schema.to_owned(), table.to_owned()));
            let all: Vec<(String, String)> = own.chain(survey.partitions()).collect();
            let attached = survey.attached.iter().filter(|_| order.part != ItemPart::Data);
            match to {
                None => {
                    let attached = attached.map(|found| (found.schema.clone(), found.name.clone()));
                    all.into_iter().chain(attached).collect()
                }
                Some(to) => {
                    let attached =
                        attached.map(|found| (found.schema.clone(), attached_name(&found.name, &found.table, to)));
                    all.into_iter().map(|(schema, _)| (schema, to.to_owned())).chain(attached).collect()
                }
            }
        }
    }
}

/// What stands where an item goes, and what becomes of the item: printable clauses; a failure where it cannot go there.
pub(super) fn judge(
    subject: &Subject<'_>,
    unit: &Unit,
    item: &ItemName,
    survey: &Survey,
    target: &Target,
) -> Result<(Option<String>, String), Failure> {
    let order = subject.order;
    if appends(order) {
        return Ok(appended(item, target));
    }
    let existing = match (item, new_name(order)) {
        (_, _) if order.part == ItemPart::Data => match filled(unit, survey, target) {
            Err(_) if plan::may_be_delivered(subject.deliveries, unit) => Some("rows".to_owned()),
            judged => return judged,
        },
        (ItemName::Database { database }, to) => {
            let name = to.unwrap_or(database);
            target.has_database(name).then(|| format!("database {}", printable(name)))
        }
        (ItemName::Schema { schema, .. }, to) => {
            let name = to.unwrap_or(schema);
            // `public` is in each database from its beginning.
            let objects = target.schemas.get(name).filter(|objects| **objects > 0 || name != "public");
            objects.map(|objects| format!("schema {} with {}", printable(name), many(*objects, "object")))
        }
        (ItemName::Table { schema, .. }, to) => {
            if !target.schemas.contains_key(schema) {
                let cause = format!(
                    "there is no schema {} in {} at the destination",
                    printable(schema),
                    printable(&target.database)
                );
                return Err(Failure::incurable(cause, "create it, or take the schema"));
            }
            if to.is_some() && survey.tables.len() > 1 {
                let cause = format!("{} has partitions, which would need new names, too", printable(&item.to_string()));
                return Err(Failure::incurable(cause, "take it under its own name, into another database"));
            }
            let names = names(order, unit, survey);
            names
                .iter()
                .find_map(|(schema, name)| target.relation(schema, name))
                .map(super::target::StandingRelation::describe)
        }
    };
    let becomes = match new_name(order) {
        Some(to) => format!("made there under the name {}", printable(to)),
        None => "made there".to_owned(),
    };
    match existing {
        None => Ok((None, becomes)),
        // Whether it is the session's own is looked at before it is delivered once more.
        Some(existing) if plan::may_be_delivered(subject.deliveries, unit) => {
            Ok((Some(existing), "compared with what an earlier attempt may have delivered".to_owned()))
        }
        Some(existing) => Err(Failure::incurable(
            format!("{} cannot be made there: {existing} stands at the destination", printable(&item.to_string())),
            "take it under another name, append the rows that are missing, or move away what stands there",
        )),
    }
}

/// Whether rows are added to what stands there.
pub(super) fn appends(order: &ItemOrder) -> bool {
    matches!(&order.to, ItemDestination::Server { existing: ExistingItem::AppendMissing, .. })
}

fn appended(item: &ItemName, target: &Target) -> (Option<String>, String) {
    let standing = match item {
        ItemName::Table { schema, table, .. } => target.relation(schema, table),
        ItemName::Database { .. } | ItemName::Schema { .. } => None,
    };
    let becomes = "its rows whose key is not there are added".to_owned();
    (standing.map(super::target::StandingRelation::describe), becomes)
}

/// Rows alone go into tables that are there and hold none: then nothing that stands there is changed.
fn filled(unit: &Unit, survey: &Survey, target: &Target) -> Result<(Option<String>, String), Failure> {
    let advice = "take the definitions, too, or append the rows that are missing";
    let (mut missing, mut full) = (Vec::new(), Vec::new());
    for table in &survey.tables {
        match target.relation(&table.schema, &table.name) {
            None => missing.push(printable(&table.quoted)),
            Some(standing) if !standing.empty => full.push(standing.describe()),
            Some(_) => {}
        }
    }
    for (names, what) in [(missing, "is not at the destination"), (full, "holds rows, or did, at the destination")] {
        if let Some(first) = names.first() {
            let others = names.len().saturating_sub(SHOWN);
            let shown = if names.len() == 1 { first.clone() } else { names[..names.len().min(SHOWN)].join(", ") };
            let more = if others == 0 { String::new() } else { format!(" and {others} more") };
            return Err(Failure::incurable(format!("{shown}{more} {what}"), advice));
        }
    }
    let tables = many(survey.tables.len() as u64, "empty table");
    Ok((Some(tables), format!("the rows of {} go into what is there", unit.label())))
}

/// How a unit is delivered, in words.
pub(super) fn how(unit: &Unit) -> String {
    match unit.kind {
        UnitKind::Database => format!(
            "{}: made under a name of this session, in many transactions, and renamed when it is whole",
            unit.label()
        ),
        UnitKind::Schemas | UnitKind::Tables => format!("{}: in one transaction", unit.label()),
    }
}

/// Refuses a directory that is there, unless this session has made it, and one that cannot be made.
pub(super) fn refuse_dump(directory: &Path, subject: &Subject<'_>, account: &Account) -> Result<(), Failure> {
    let shown = printable_name(directory.as_os_str());
    if directory.symlink_metadata().is_ok() && !super::dump::is_ours(directory, subject.session) {
        let cause = format!("{shown} is there already");
        return Err(Failure::incurable(cause, "name a directory that does not exist: nothing is overwritten"));
    }
    let nearest = directory.ancestors().skip(1).find(|path| path.is_dir()).unwrap_or(directory);
    let at = printable_name(nearest.as_os_str());
    let may_enter = account.may(Permission::Enter, nearest);
    if !may_enter.map_err(|error| Failure::disruption(format!("cannot look at {at}: {error}"), ""))? {
        let cause = format!("{} may not enter {at}", account.name());
        return Err(Failure::incurable(cause, "give that user the right, or choose another place"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_renamed_table_gets_a_name_that_fits_beside_the_old_one() {
        assert_eq!(attached_name("lines_pkey", "lines", "lines_old"), "lines_old_pkey");
        assert_eq!(attached_name("by_day", "lines", "kept"), "kept_by_day");
        assert_eq!(attached_name("linesman", "lines", "kept"), "kept_linesman");
        let long = attached_name(&"ü".repeat(31), "lines", &"n".repeat(40));
        assert!(long.len() <= MAX_NAME_LEN && long.starts_with(&"n".repeat(40)), "{long}");
        assert_ne!(long, attached_name(&"ü".repeat(30), "lines", &"n".repeat(40)));
    }
}
