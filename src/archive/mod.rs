//! WAL archives: directories with what `archive_command` or `pg_receivewal` put there.
//!
//! Promises: a name is read as PostgreSQL and its helpers write it, and anything else is passed over; a history is
//! believed only where it is whole; a recovery is planned only where every segment is there that it needs, and what is
//! refused comes with what would be possible. Never: writes to an archive.

mod chain;
mod dump;
mod edge;
pub mod file;
mod goal;
pub mod history;
pub mod listing;
mod memo;
pub mod name;
mod nearby;
mod plan;
mod refuse;
mod search;
mod stage;
mod tail;
mod timelines;
mod window;

pub use chain::{Chain, Run, RunStop};
pub use dump::{DumpError, Tools, TransactionEnd};
pub use history::{HistoryError, TimelineHistory};
pub use listing::{Listing, Stored};
pub use memo::Memo;
pub use name::{ArchiveFile, SegmentName};
pub use nearby::{CommitsAround, nearby};
pub use plan::plan;
pub use refuse::unreachable;
pub use search::{Between, Search};
pub use tail::{Tail, tail};
pub use window::{WindowPoint, WindowReading, window};

use dump::Dump;
