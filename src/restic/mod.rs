//! restic: how it is started and asked, what it answers, and what follows from how it ends.
//!
//! Its programs are started as those of PostgreSQL are (`postgres::account`, `postgres::command_output`).
//!
//! Promises: a question takes no lock and leaves no cache; restic gets the password as the name of a file alone, and no
//! variable of our environment. Never: reads the password, or changes a repository by itself.

pub(crate) mod answer;
pub(crate) mod listing;
mod point;
mod program;
pub(crate) mod refusals;

pub use point::{SnapshotPoint, snapshot_points};
pub(crate) use program::{PROGRAM, Restic, Version, tag};
