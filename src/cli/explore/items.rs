//! `howdah explore items`: what there is to take out of an open restore point, in the spelling that takes it out.
//!
//! Promises: names of a database reach a terminal escaped, and a program as they are; an item is written as it is read.

use crate::{
    cli::{
        backup_list::escaped,
        session::table::{self, Column, numbers, words},
        streams::Streams,
    },
    domain::{
        ItemName,
        browse::{BrowsedColumn, BrowsedDatabase, BrowsedRelation, BrowsedSchema, RelationKind},
        instance::printable,
    },
};
use serde_json::{Value, json};
use std::{
    io::{self, Read},
    str::FromStr,
};

/// What one question to an open restore point lists.
#[derive(Debug)]
pub enum Listing {
    /// Its databases.
    Databases(Vec<BrowsedDatabase>),
    /// The schemas of a database.
    Schemas(String, Vec<BrowsedSchema>),
    /// The relations of a schema of a database.
    Relations(String, String, Vec<BrowsedRelation>),
    /// The columns of a relation.
    Columns(Vec<BrowsedColumn>),
}

/// One item, or those that come through a pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemSelector {
    /// `-`: items on standard input.
    Piped,
    /// One.
    One(ItemName),
}

impl FromStr for ItemSelector {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if word == "-" { Ok(Self::Piped) } else { word.parse().map(Self::One) }
    }
}

/// The items of a pipe: objects of `howdah explore items --json`, or their spellings as JSON strings; one, or a list.
pub fn piped(input: &mut dyn Read) -> Result<Vec<ItemName>, String> {
    /// What a list may be at most: more is no list of names.
    const MAX_LEN: u64 = 64 << 20;
    let mut text = String::new();
    let read = input.take(MAX_LEN).read_to_string(&mut text);
    read.map_err(|error| format!("the items on standard input cannot be read: {error}"))?;
    let mut items = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        let value = value.map_err(|error| format!("standard input holds no items in JSON: {error}"))?;
        let several = match value {
            Value::Array(several) => several,
            one @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => vec![one],
        };
        for one in &several {
            let spelled = one.as_str().or_else(|| one.get("item")?.as_str());
            let spelled = spelled
                .ok_or_else(|| format!("standard input holds what is no item: {}", printable(&one.to_string())))?;
            items.push(spelled.parse()?);
        }
    }
    if items.is_empty() { Err("standard input holds no item".to_owned()) } else { Ok(items) }
}

/// Writes what is there.
pub fn write(listing: &Listing, streams: &mut Streams<'_>) -> io::Result<()> {
    if streams.json {
        let lines = objects(listing).iter().map(|object| escaped(&object.to_string())).collect::<Vec<_>>();
        return match lines.as_slice() {
            [] => writeln!(streams.out, "[]"),
            lines => writeln!(streams.out, "[\n{}\n]", lines.join(",\n")),
        };
    }
    match listing {
        Listing::Databases(list) => {
            let columns = [words("ITEM"), numbers("SIZE")];
            let rows = list.iter().map(|one| [name(&database(one)), one.bytes.to_string()]);
            table::write(streams.out, &columns, &rows.collect::<Vec<_>>())
        }
        Listing::Schemas(database, list) => {
            let columns = [words("ITEM"), numbers("RELATIONS"), numbers("SIZE")];
            let row = |one: &BrowsedSchema| {
                [name(&schema(database, &one.name)), one.relations.to_string(), one.bytes.to_string()]
            };
            table::write(streams.out, &columns, &list.iter().map(row).collect::<Vec<_>>())
        }
        Listing::Relations(database, schema, list) => {
            const COLUMNS: [Column; 5] =
                [words("ITEM"), words("KIND"), numbers("ROWS (ABOUT)"), numbers("SIZE"), numbers("INDEXES")];
            let row = |one: &BrowsedRelation| {
                [
                    name(&relation(database, schema, &one.name)),
                    kind(one.kind).to_owned(),
                    one.rows.map_or_else(|| "-".to_owned(), |rows| rows.to_string()),
                    one.bytes.to_string(),
                    one.index_bytes.to_string(),
                ]
            };
            table::write(streams.out, &COLUMNS, &list.iter().map(row).collect::<Vec<_>>())
        }
        Listing::Columns(list) => {
            let columns = [words("COLUMN"), words("TYPE"), words("IS")];
            let row = |one: &BrowsedColumn| [printable(&one.name), printable(&one.type_name), printable(&one.traits())];
            table::write(streams.out, &columns, &list.iter().map(row).collect::<Vec<_>>())
        }
    }
}

/// What a relation is called.
pub const fn kind(kind: RelationKind) -> &'static str {
    match kind {
        RelationKind::Table => "table",
        RelationKind::Partitioned => "partitioned",
        RelationKind::View => "view",
        RelationKind::MaterializedView => "materialized_view",
        RelationKind::Foreign => "foreign",
        RelationKind::Sequence => "sequence",
    }
}

fn objects(listing: &Listing) -> Vec<Value> {
    match listing {
        Listing::Databases(list) => list
            .iter()
            .map(|one| {
                json!({ "item": database(one).to_string(), "kind": "database", "bytes": one.bytes,
                        "connectable": one.connectable })
            })
            .collect(),
        Listing::Schemas(database, list) => list
            .iter()
            .map(|one| {
                json!({ "item": schema(database, &one.name).to_string(), "kind": "schema", "bytes": one.bytes,
                        "relations": one.relations })
            })
            .collect(),
        Listing::Relations(database, schema, list) => list
            .iter()
            .map(|one| {
                json!({ "item": relation(database, schema, &one.name).to_string(), "kind": kind(one.kind),
                        "bytes": one.bytes, "index_bytes": one.index_bytes, "rows": one.rows })
            })
            .collect(),
        Listing::Columns(list) => list
            .iter()
            .map(|one| {
                json!({ "column": one.name, "type": one.type_name, "not_null": one.not_null, "default": one.default,
                        "generated": one.generated, "identity": one.identity, "key": one.key })
            })
            .collect(),
    }
}

fn name(item: &ItemName) -> String {
    printable(&item.to_string())
}

fn database(one: &BrowsedDatabase) -> ItemName {
    ItemName::Database { database: one.name.clone() }
}

fn schema(database: &str, schema: &str) -> ItemName {
    ItemName::Schema { database: database.to_owned(), schema: schema.to_owned() }
}

fn relation(database: &str, schema: &str, table: &str) -> ItemName {
    ItemName::Table { database: database.to_owned(), schema: schema.to_owned(), table: table.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn r25_items_come_through_a_pipe_as_they_were_listed() {
        let shop = || "shop/public/lines".parse::<ItemName>().unwrap();
        for text in [
            r#""shop/public/lines""#,
            r#"{"item":"shop/public/lines","kind":"table"}"#,
            r#"[{"item":"shop/public/lines"}]"#,
        ] {
            assert_eq!(piped(&mut text.as_bytes()), Ok(vec![shop()]), "{text}");
        }
        let two = format!("[{0},{0}]\n{{\"item\":\"a/b\"}}", r#""shop/public/lines""#);
        assert_eq!(piped(&mut two.as_bytes()).unwrap().len(), 3);
        for bad in ["", "[]", "7", "{}", r#"{"item":"a//b"}"#, "shop"] {
            assert!(piped(&mut bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
