//! A scenario as it stands in its file, before it is checked.

use super::lengths::{Length, some_text, text};
use crate::domain::{ByteCount, Rate, Timestamp};
use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) title: String,
    #[serde(deserialize_with = "text")]
    pub(super) starts: Timestamp,
    #[serde(default)]
    pub(super) opens: Length,
    pub(super) speed: Option<Spanned<u32>>,
    pub(super) size: Option<Spanned<String>>,
    pub(super) slots: Option<Spanned<usize>>,
    pub(super) tries: Option<u32>,
    pub(super) try_every: Option<Length>,
    pub(super) person: Person,
    #[serde(default)]
    pub(super) link: Vec<Link>,
    pub(super) repository: Vec<Repository>,
    #[serde(default)]
    pub(super) restore: Vec<Restore>,
    #[serde(default)]
    pub(super) job: Vec<Spanned<Job>>,
    #[serde(default)]
    pub(super) table: Vec<Spanned<Table>>,
    #[serde(default)]
    pub(super) script: Vec<Spanned<Step>>,
}

/// Who sits at the screen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) terminal: Option<String>,
}

/// The way to the owner of the sessions is cut for a while.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Link {
    pub(super) cut: Length,
    pub(super) back: Spanned<Length>,
    pub(super) cause: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repository {
    pub(super) path: Spanned<String>,
    #[serde(deserialize_with = "text")]
    pub(super) rate: Rate,
    #[serde(default)]
    pub(super) down: Vec<Down>,
    pub(super) instance: Vec<Instance>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Down {
    pub(super) from: Length,
    pub(super) to: Spanned<Length>,
    pub(super) cause: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Instance {
    pub(super) name: Spanned<String>,
    pub(super) version: u32,
    #[serde(default)]
    pub(super) plain: bool,
    pub(super) backups: Spanned<Vec<Backup>>,
    pub(super) archive: Option<Spanned<Archive>>,
}

/// The archive of an instance's WAL; ages count back from the start of the story.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Archive {
    pub(super) directory: String,
    pub(super) since: Length,
    #[serde(deserialize_with = "text")]
    pub(super) rate: Rate,
    pub(super) gap: Option<Gap>,
    pub(super) fork: Option<Length>,
    #[serde(default)]
    pub(super) points: Vec<Point>,
}

/// Segments that are missing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gap {
    pub(super) from: Length,
    pub(super) to: Length,
}

/// A named restore point.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Point {
    pub(super) name: String,
    pub(super) age: Length,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backup {
    pub(super) age: Spanned<Length>,
    #[serde(deserialize_with = "text")]
    pub(super) size: ByteCount,
    pub(super) files: u64,
    #[serde(deserialize_with = "text")]
    pub(super) wal: ByteCount,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restore {
    pub(super) instance: Spanned<String>,
    #[serde(default)]
    pub(super) at: Length,
    #[serde(default)]
    pub(super) attempts: Vec<Spanned<Attempt>>,
}

/// A backup job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    pub(super) name: String,
    pub(super) repository: Spanned<String>,
    pub(super) at: Option<Length>,
    pub(super) objects: Vec<Spanned<Object>>,
}

/// A server that a job backs up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Object {
    pub(super) name: String,
    #[serde(deserialize_with = "text")]
    pub(super) size: ByteCount,
    #[serde(default)]
    pub(super) attempts: Vec<Spanned<Attempt>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attempt {
    #[serde(default)]
    pub(super) ends: Ends,
    #[serde(default, deserialize_with = "some_text")]
    pub(super) after: Option<ByteCount>,
    pub(super) cause: Option<String>,
    pub(super) advice: Option<String>,
    #[serde(default, deserialize_with = "some_text")]
    pub(super) rate: Option<Rate>,
}

/// A table of an instance, as it is at each of its restore points.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) instance: Spanned<String>,
    pub(super) name: Spanned<String>,
    pub(super) rows: u64,
    #[serde(deserialize_with = "text")]
    pub(super) size: ByteCount,
    pub(super) columns: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) first: Vec<Spanned<Vec<String>>>,
    pub(super) lost: Option<u64>,
    #[serde(default)]
    pub(super) dropped: bool,
}

/// How an attempt ends, unless its repository goes down before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ends {
    #[default]
    Done,
    Disrupted,
    Stuck,
}

/// One step of the script; exactly one of its first four, or a marker alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) wait: Option<Spanned<String>>,
    pub(super) key: Option<Spanned<String>>,
    pub(super) r#type: Option<Spanned<String>>,
    pub(super) pause: Option<Length>,
    pub(super) marker: Option<String>,
}
