//! `howdah wal fetch`, the restore_command of recoveries: by hand, and asked by a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "wal_fetch/command.rs"]
mod command;
#[path = "wal_fetch/disturbed.rs"]
mod disturbed;
#[path = "wal_fetch/files.rs"]
mod files;
#[path = "support/rng.rs"]
mod rng;
mod support;
