//! Single items of a backup, and where they are taken to.

use super::{ByteCount, InstanceName, OpenPoint, instance::printable, quantity::many};
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf, str::FromStr};

/// The order to take items out of an open restore point. Its explore session is the session's parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemOrder {
    /// The instance that the items are of.
    pub instance: InstanceName,
    /// What they are taken out of.
    pub from: OpenPoint,
    /// What is taken.
    pub items: Vec<ItemName>,
    /// Schema and data, or one of them.
    pub part: ItemPart,
    /// Where it goes.
    pub to: ItemDestination,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// What taking items out will do, made known before a byte is written (S7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemPlan {
    /// The items, in the order of the work.
    pub items: Vec<PlannedItem>,
    /// Where they go: a printable clause without a secret.
    pub to: String,
    /// What is done, and by which programs: printable clauses.
    pub method: Vec<String>,
    /// Roles that own or use what is taken and are not at the destination.
    pub missing_roles: Vec<String>,
    /// Extensions that what is taken needs and that cannot be created at the destination.
    pub missing_extensions: Vec<String>,
    /// Free bytes where the dump is written; `None` where that cannot be seen.
    pub free_bytes: Option<ByteCount>,
    /// What a person should know before; nothing here stops the work.
    pub warnings: Vec<String>,
}

/// One item of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedItem {
    /// Which.
    pub name: ItemName,
    /// Tables in it, itself counted.
    pub tables: u64,
    /// Their bytes at the open restore point, indexes left out.
    pub bytes: ByteCount,
    /// What stands at the destination under the name that it gets there: a printable clause; `None` where nothing does.
    pub existing: Option<String>,
    /// What becomes of it there: a printable clause.
    pub becomes: String,
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

impl ItemPlan {
    /// Bytes of all items.
    pub fn bytes(&self) -> ByteCount {
        ByteCount(self.items.iter().fold(0, |sum, item| sum.saturating_add(item.bytes.0)))
    }

    /// Tables of all items.
    pub fn tables(&self) -> u64 {
        self.items.iter().fold(0, |sum, item| sum.saturating_add(item.tables))
    }

    /// What a person reads of it: name and text of each line, the warnings last.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![("to", self.to.clone())];
        for item in &self.items {
            let size = format!("{} in {}", item.bytes, many(item.tables, "table"));
            rows.push(("item", format!("{}: {size}; {}", printable(&item.name.to_string()), item.becomes)));
            rows.extend(item.existing.iter().map(|existing| ("exists", existing.clone())));
        }
        rows.extend(self.method.iter().map(|clause| ("how", clause.clone())));
        rows.extend(self.free_bytes.map(|free| ("free space", free.to_string())));
        let missing = |names: &[String]| names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ");
        if !self.missing_roles.is_empty() {
            rows.push(("no role", format!("{} at the destination", missing(&self.missing_roles))));
        }
        if !self.missing_extensions.is_empty() {
            rows.push(("no extension", format!("{} at the destination", missing(&self.missing_extensions))));
        }
        rows.extend(self.warnings.iter().map(|warning| ("warning", warning.clone())));
        rows
    }
}

impl ItemName {
    /// The database that it is in, or is.
    pub fn database(&self) -> &str {
        match self {
            Self::Database { database } | Self::Schema { database, .. } | Self::Table { database, .. } => database,
        }
    }

    /// An item of one, two or three parts.
    fn of(mut parts: Vec<String>) -> Option<Self> {
        let last = parts.pop()?;
        match (parts.pop(), parts.pop(), parts.pop()) {
            (None, ..) => Some(Self::Database { database: last }),
            (Some(database), None, _) => Some(Self::Schema { database, schema: last }),
            (Some(schema), Some(database), None) => Some(Self::Table { database, schema, table: last }),
            (Some(_), Some(_), Some(_)) => None,
        }
    }
}

impl fmt::Display for ItemName {
    /// `DATABASE[/SCHEMA[/TABLE]]`, each part plain where that can be read back, else a JSON string.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<&str> = match self {
            Self::Database { database } => vec![database],
            Self::Schema { database, schema } => vec![database, schema],
            Self::Table { database, schema, table } => vec![database, schema, table],
        };
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 {
                f.write_str("/")?;
            }
            if is_plain(part) { f.write_str(part)? } else { f.write_str(&serde_json::Value::from(part).to_string())? }
        }
        Ok(())
    }
}

/// Whether a part of a name is read back as it stands, and means nothing else on a command line.
fn is_plain(part: &str) -> bool {
    !part.is_empty() && !part.starts_with('-') && part.chars().all(|c| c.is_alphanumeric() || "_$-.".contains(c))
}

impl FromStr for ItemName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let not_one = |why: &str| format!("{text:?} is not an item ({why}): write {SPELLING}");
        let (mut parts, mut rest) = (Vec::new(), text);
        loop {
            let (part, behind) = part(rest).ok_or_else(|| not_one("a part is empty, or a quote does not end"))?;
            parts.push(part);
            match behind.strip_prefix('/') {
                Some(next) => rest = next,
                None if behind.is_empty() => break,
                None => return Err(not_one("something follows a quote")),
            }
        }
        Self::of(parts).ok_or_else(|| not_one("it has more than three parts"))
    }
}

/// How items are written.
const SPELLING: &str = "DATABASE[/SCHEMA[/TABLE]], each part plain or a JSON string";

/// The first part of a name, and what follows it.
fn part(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let part = strings.next()?.ok().filter(|part| !part.is_empty())?;
        return Some((part, &text[strings.byte_offset()..]));
    }
    let end = text.find('/').unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_item_is_written_plain_or_as_json() {
        let parts = |parts: &[&str]| ItemName::of(parts.iter().map(|part| (*part).to_owned()).collect()).unwrap();
        for (text, item) in [
            ("shop", parts(&["shop"])),
            ("shop/public/lines", parts(&["shop", "public", "lines"])),
            (r#"shop/public/"a/b""#, parts(&["shop", "public", "a/b"])),
            (r#""a \"b\""/"\u001b"/"-""#, parts(&["a \"b\"", "\u{1b}", "-"])),
        ] {
            assert_eq!(text.parse(), Ok(item.clone()), "{text}");
            assert_eq!(item.to_string(), text);
        }
        for bad in ["", "/", "shop/", "a//b", "a/b/c/d", r#""a"#, r#""a"b"#, "\"\""] {
            assert!(bad.parse::<ItemName>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_item_is_read_back_as_it_was_written(parts in proptest::collection::vec(".{1,8}", 1..=3)) {
            let item = ItemName::of(parts).unwrap();
            prop_assert_eq!(item.to_string().parse(), Ok(item));
        }
    }
}
