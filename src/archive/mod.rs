//! WAL archives: directories with what `archive_command` or `pg_receivewal` put there.
//!
//! Promises: a name is read as PostgreSQL and its helpers write it, and anything else is passed over; a history is
//! believed only where it is whole; a recovery is planned only where every segment is there that it needs, and what is
//! refused comes with what would be possible. Never: writes to an archive.

pub mod answer;
mod chain;
mod dump;
mod edge;
pub mod fetch;
pub mod file;
mod goal;
pub mod history;
pub mod listing;
mod look;
mod memo;
pub mod missing;
pub mod name;
mod named;
mod nearby;
pub mod needed;
pub mod place;
mod plan;
mod refuse;
pub mod restore_command;
mod search;
pub mod segment;
pub mod spool;
mod stage;
mod tail;
#[cfg(test)]
mod tests;
mod timelines;
mod window;

pub use answer::{Answer, Outcome};
pub use chain::{Chain, Run, RunStop};
pub use dump::{DumpError, Tools, TransactionEnd};
pub use history::{HistoryError, TimelineHistory};
pub use listing::{Listing, Stored};
pub use memo::Memo;
pub use name::{ArchiveFile, SegmentName};
pub use nearby::{CommitsAround, nearby};
pub use needed::NeededWal;
pub use plan::plan;
pub use refuse::unreachable;
pub use restore_command::RestoreCommand;
pub use search::{Between, Search};
pub use segment::{ClusterWal, SegmentFault};
pub use tail::{Tail, first_damage, tail};
pub use window::{WindowPoint, WindowReading, window};
