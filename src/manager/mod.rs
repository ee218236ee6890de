//! The only owner of sessions, and of the runs of jobs that stand above them.
//!
//! One actor takes every command, decides it, stores it durably, and only then acts; everybody else sees an
//! `Arc<Snapshot>`. Promises: no change is acted on before it is on disk; every question gets an answer. Never: meets
//! an engine, or draws.

mod acting;
pub mod action;
mod actor;
pub mod claims;
pub mod clock;
mod commit;
mod completed_list;
pub mod handle;
pub mod ids;
pub mod occasions;
pub mod owner_state;
pub mod receipt;
mod recover;
pub mod request;
pub mod runs;
mod servers;
pub mod snapshot;
mod start;

pub use crate::machine::{CompletedResult, CompletedRow, UnreadableSession};
pub use action::SessionAction;
pub use actor::{Ended, Manager, ManagerSettings};
pub use claims::{Claims, KnownSessions, Unclaimed, Wanted};
pub use clock::{Clock, Moment};
pub use handle::Handle;
pub use ids::Ids;
pub use occasions::{Notice, Occasions};
pub use owner_state::OwnerState;
pub use receipt::{Receipt, ReceiptLine};
pub use request::{Reply, Request, Service, StartRequest};
pub use runs::{JobAction, StartJob};
pub use snapshot::{Counts, Snapshot};
