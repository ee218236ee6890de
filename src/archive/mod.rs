//! WAL archives: directories with what `archive_command` or `pg_receivewal` put there.
//!
//! Promises: a name is read as PostgreSQL and its helpers write it, and anything else is passed over; a history is
//! believed only where it is whole. Never: writes to an archive.

pub mod history;
pub mod name;

pub use history::{HistoryError, TimelineHistory};
pub use name::{ArchiveFile, SegmentName};
