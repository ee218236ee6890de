//! Single items of a backup, and where they are taken to.

use super::InstanceName;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The order to take items out of an open restore point. Its explore session is the session's parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemOrder {
    /// The instance that the items are of.
    pub instance: InstanceName,
    /// What is taken.
    pub items: Vec<ItemName>,
    /// Schema and data, or one of them.
    pub part: ItemPart,
    /// Where it goes.
    pub to: ItemDestination,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemName {
    /// A whole database.
    Database {
        /// Its name.
        database: String,
    },
    /// A schema.
    Schema {
        /// Its database.
        database: String,
        /// Its name.
        schema: String,
    },
    /// A table.
    Table {
        /// Its database.
        database: String,
        /// Its schema.
        schema: String,
        /// Its name.
        table: String,
    },
}

/// What of an item is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemPart {
    /// Definitions and rows.
    All,
    /// Definitions only.
    Schema,
    /// Rows only.
    Data,
}

/// Where items are taken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemDestination {
    /// A directory that `pg_dump -Fd` writes.
    Dump {
        /// The directory; it does not exist yet.
        directory: PathBuf,
    },
    /// A running server.
    Server {
        /// How it is reached. Never: holds a password.
        conninfo: String,
        /// What to do where an item of the name exists there.
        existing: ExistingItem,
    },
}

/// What to do with an item that exists at the destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExistingItem {
    /// Refuse.
    Refuse,
    /// Take the item there under this name.
    Rename {
        /// The new name.
        to: String,
    },
    /// Add the rows whose key is not there.
    AppendMissing,
}
