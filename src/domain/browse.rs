//! What there is to see in an open restore point: databases, schemas, relations, columns and the first rows.
//!
//! All names and texts are as the cluster has them: not yet safe to show.

use super::ByteCount;
use serde::{Deserialize, Serialize};

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowsedDatabase {
    /// Its name.
    pub name: String,
    /// All its bytes on the disk.
    pub bytes: ByteCount,
    /// Whether it can be looked into (`datallowconn`).
    pub connectable: bool,
}

/// A schema that is not PostgreSQL's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowsedSchema {
    /// Its name.
    pub name: String,
    /// Relations in it that are listed.
    pub relations: u64,
    /// Their bytes, indexes left out.
    pub bytes: ByteCount,
}

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// An ordinary table.
    Table,
    /// A table whose rows are in its partitions.
    Partitioned,
    /// A view.
    View,
    /// A view whose rows are stored.
    MaterializedView,
    /// A table whose rows are on another server.
    Foreign,
    /// A sequence.
    Sequence,
}

/// A relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowsedRelation {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: RelationKind,
    /// The table that it is a partition of, with its schema.
    pub partition_of: Option<(String, String)>,
    /// Its rows as the server estimates them (`reltuples`); `None` where it was never analysed.
    pub rows: Option<u64>,
    /// Bytes of its rows, TOAST included.
    pub bytes: ByteCount,
    /// Bytes of its indexes.
    pub index_bytes: ByteCount,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowsedColumn {
    /// Its name.
    pub name: String,
    /// Its type (`format_type`).
    pub type_name: String,
    /// Whether it is `NOT NULL`.
    pub not_null: bool,
    /// The expression of its default, or that it is generated from.
    pub default: Option<String>,
    /// Whether it is generated from others.
    pub generated: bool,
    /// Whether it is an identity column.
    pub identity: bool,
    /// Its place in the primary key, from 1.
    pub key: Option<u32>,
}

impl BrowsedColumn {
    /// What it is beside its type, in a line; not yet safe to show.
    pub fn traits(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.key.map(|at| format!("key {at}")));
        parts.extend(self.not_null.then(|| "not null".to_owned()));
        parts.extend(self.identity.then(|| "identity".to_owned()));
        match (&self.default, self.generated) {
            (Some(from), true) => parts.push(format!("generated from {from}")),
            (Some(default), false) => parts.push(format!("default {default}")),
            (None, _) => {}
        }
        parts.join(", ")
    }
}

/// The first rows of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowsedRows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each with one cell for each column.
    pub rows: Vec<Vec<BrowsedCell>>,
    /// Whether there are more rows.
    pub more: bool,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowsedCell {
    /// Its text, or the beginning of it; `None` for NULL.
    pub text: Option<String>,
    /// Whether there is more of it.
    pub cut: bool,
}

/// What a comparison of a table at an open restore point with the live table of the same name has found, so far or in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableComparison {
    /// Rows at the restore point.
    pub rows_here: u64,
    /// Rows at the live server.
    pub rows_live: u64,
    /// Keys of rows that are at the restore point alone.
    pub only_here: DifferingKeys,
    /// Keys of rows that are at the live server alone.
    pub only_live: DifferingKeys,
    /// Keys of rows that are on both sides with other values.
    pub changed: DifferingKeys,
    /// The columns of the key.
    pub key: Vec<String>,
    /// Columns that are not compared, each with its reason.
    pub not_compared: Vec<String>,
}

/// Keys of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferingKeys {
    /// How many.
    pub count: u64,
    /// The first of them, each as the text of a row: `(7,"a b")`.
    pub first: Vec<String>,
}

/// Keys of one kind that are kept to be shown: as many as fit on a screen.
pub const KEPT_KEYS: usize = 20;

impl DifferingKeys {
    /// One more.
    pub fn add(&mut self, key: &[u8]) {
        self.count += 1;
        if self.first.len() < KEPT_KEYS {
            self.first.push(String::from_utf8_lossy(key).into_owned());
        }
    }
}

impl TableComparison {
    /// Whether the rows are the same on both sides, as far as they were compared.
    pub const fn is_same(&self) -> bool {
        self.only_here.count == 0 && self.only_live.count == 0 && self.changed.count == 0
    }
}
