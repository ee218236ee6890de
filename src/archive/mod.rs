//! WAL archives: directories with what `archive_command` or `pg_receivewal` put there.
//!
//! Promises: a name is read as PostgreSQL and its helpers write it, and anything else is passed over; a history is
//! believed only where it is whole. Never: writes to an archive.

pub mod answer;
pub mod fetch;
pub mod history;
mod look;
pub mod missing;
pub mod name;
pub mod needed;
pub mod place;
pub mod restore_command;
pub mod segment;
pub mod spool;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Outcome};
pub use history::{HistoryError, TimelineHistory};
pub use name::{ArchiveFile, SegmentName};
pub use needed::NeededWal;
pub use restore_command::RestoreCommand;
pub use segment::{ClusterWal, SegmentFault};
