//! The tables of a scenario, checked.

use super::check::{Source, unknown};
use crate::{
    catalog::Catalog,
    demo::{
        open_points::{LiveTable, PlannedTable},
        scenario::ScenarioError,
        written,
    },
    domain::{InstanceName, ItemName, browse::BrowsedColumn},
};
use toml::Spanned;

/// A table of an instance of the story.
pub(super) fn planned(
    source: &Source<'_>,
    written: Spanned<written::Table>,
    catalog: &Catalog,
) -> Result<PlannedTable, ScenarioError> {
    let at = written.span();
    let written::Table { instance: of, name, rows, size, columns, first, lost, dropped } = written.into_inner();
    let instance = InstanceName::new(of.get_ref());
    if !catalog.instances.iter().any(|one| one.name == instance) {
        return Err(source.error(&of.span(), unknown(&instance, catalog)));
    }
    let item: ItemName = source.parse(&name)?;
    if !matches!(item, ItemName::Table { .. }) {
        return Err(source.error(&name.span(), "a table has three parts: write DATABASE/SCHEMA/TABLE"));
    }
    let columns = columns.iter().map(|text| column(source, text)).collect::<Result<Vec<_>, _>>()?;
    if let Some(row) = first.iter().find(|row| row.get_ref().len() != columns.len()) {
        return Err(source.error(&row.span(), format!("a row has a value for each of the {} columns", columns.len())));
    }
    let first: Vec<Vec<String>> = first.into_iter().map(Spanned::into_inner).collect();
    if rows < first.len() as u64 {
        return Err(source.error(&at, format!("it has {rows} rows, and more of them are shown")));
    }
    let live = match (dropped, lost) {
        (false, None) => LiveTable::Same,
        (false, Some(lost)) if lost <= rows => LiveTable::Lost(lost),
        (true, None) => LiveTable::Dropped,
        (false | true, Some(_)) => {
            return Err(
                source.error(&at, "it has lost at most all of its rows, or else it is dropped: write one of them")
            );
        }
    };
    Ok(PlannedTable { instance, name: item, rows, size, columns, first, live })
}

/// A column, written as `id bigint key`.
fn column(source: &Source<'_>, text: &Spanned<String>) -> Result<BrowsedColumn, ScenarioError> {
    let written = text.get_ref().trim();
    let (written, key) = match written.strip_suffix(" key") {
        Some(written) => (written, Some(1)),
        None => (written, None),
    };
    let problem =
        || source.error(&text.span(), "write a column as its name and its type, then key where it is the key");
    let (name, type_name) = written.split_once(' ').ok_or_else(problem)?;
    Ok(BrowsedColumn {
        name: name.to_owned(),
        type_name: type_name.trim().to_owned(),
        not_null: key.is_some(),
        default: None,
        generated: false,
        identity: false,
        key,
    })
}
