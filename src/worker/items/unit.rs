//! What is dumped and delivered together: the items of one database that one `pg_dump` can take.
//!
//! Tables that refer to each other are taken at once, so that their constraints find both; schemas and single tables of one
//! database are not, since `pg_dump` takes either schemas or tables.

use crate::domain::{Failure, ItemName, instance::printable};

/// Items that are taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) database: String,
    pub(super) items: Vec<ItemName>,
    pub(super) kind: UnitKind,
}

/// What its items are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnitKind {
    Database,
    Schemas,
    Tables,
}

/// The units of an order, in the order of their first items.
pub(super) fn units(items: &[ItemName]) -> Result<Vec<Unit>, Failure> {
    let mut units: Vec<Unit> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let twice = |why: &str| {
            let cause = format!("{} {why}", printable(&item.to_string()));
            Err(Failure::incurable(cause, "name each item once"))
        };
        if items[..at].contains(item) {
            return twice("is named twice");
        }
        if items.iter().any(|other| holds(other, item)) {
            return twice("is part of another item that is named");
        }
        let kind = kind_of(item);
        match units.iter_mut().find(|unit| unit.kind == kind && unit.database == item.database()) {
            Some(unit) => unit.items.push(item.clone()),
            None => units.push(Unit { database: item.database().to_owned(), items: vec![item.clone()], kind }),
        }
    }
    if units.is_empty() {
        return Err(Failure::incurable("no item is named", "name at least one"));
    }
    Ok(units)
}

/// The database of a destination in which one can ask of all units: the first that must be there.
pub(super) fn meeting_place(units: &[Unit]) -> &str {
    let there = units.iter().find(|unit| unit.kind != UnitKind::Database);
    there.map_or("postgres", |unit| &unit.database)
}

impl Unit {
    /// Its items, as a person reads them.
    pub(super) fn label(&self) -> String {
        self.items.iter().map(|item| printable(&item.to_string())).collect::<Vec<_>>().join(", ")
    }

    /// The names of its schemas.
    pub(super) fn schemas(&self) -> Vec<&str> {
        let mut schemas: Vec<&str> = self.items.iter().filter_map(schema_of).collect();
        schemas.dedup();
        schemas
    }

    /// Its tables, each with its schema.
    pub(super) fn tables(&self) -> Vec<(&str, &str)> {
        self.items.iter().filter_map(table_of).collect()
    }
}

fn kind_of(item: &ItemName) -> UnitKind {
    match item {
        ItemName::Database { .. } => UnitKind::Database,
        ItemName::Schema { .. } => UnitKind::Schemas,
        ItemName::Table { .. } => UnitKind::Tables,
    }
}

fn schema_of(item: &ItemName) -> Option<&str> {
    match item {
        ItemName::Database { .. } => None,
        ItemName::Schema { schema, .. } | ItemName::Table { schema, .. } => Some(schema),
    }
}

fn table_of(item: &ItemName) -> Option<(&str, &str)> {
    match item {
        ItemName::Table { schema, table, .. } => Some((schema, table)),
        ItemName::Database { .. } | ItemName::Schema { .. } => None,
    }
}

/// Whether an item is a part of another one.
fn holds(outer: &ItemName, inner: &ItemName) -> bool {
    let same_database = outer.database() == inner.database();
    match (outer, inner) {
        (ItemName::Database { .. }, ItemName::Schema { .. } | ItemName::Table { .. }) => same_database,
        (ItemName::Schema { schema, .. }, ItemName::Table { schema: inner, .. }) => same_database && schema == inner,
        (ItemName::Database { .. }, ItemName::Database { .. })
        | (ItemName::Schema { .. }, ItemName::Database { .. } | ItemName::Schema { .. })
        | (ItemName::Table { .. }, _) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn items_of_one_kind_and_database_go_together_and_none_goes_twice() {
        let items = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<ItemName>>();
        let found = units(&items(&["a/s/t", "b", "a/x", "a/s/u"])).unwrap();
        let shown: Vec<String> = found.iter().map(Unit::label).collect();
        assert_eq!(shown, ["a/s/t, a/s/u", "b", "a/x"]);
        for twice in [&["a/s/t", "a/s/t"][..], &["a/s/t", "a"], &["a/s/t", "a/s"], &[]] {
            assert!(units(&items(twice)).is_err(), "{twice:?}");
        }
        assert!(units(&items(&["a/s/t", "b/s"])).is_ok(), "another database");
    }
}
