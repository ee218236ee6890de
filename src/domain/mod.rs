//! Words and values: what every other layer talks about.
//!
//! Promises: every value here is plain data, checked when it is made, and can be written to disk and read again.
//! Never: no clock, no files, no network, no terminal, no async runtime. Time and randomness come in as arguments.

pub mod backup;
pub mod cluster;
pub mod disposition;
pub mod environment;
pub mod fact;
pub mod failure;
pub mod hold;
pub mod ids;
pub mod instance;
pub mod outcome;
pub mod plan;
pub mod progress;
pub mod quantity;
pub mod request;
pub mod restored;
pub mod retry;
pub mod settings;
pub mod step;
pub mod target;
pub mod ticket;
pub mod verification;
pub mod who;

pub use backup::{BackupFacts, BackupForm, Compression, RestorePoint};
pub use cluster::{Lsn, MajorVersion, SystemIdentifier, Timeline};
pub use disposition::{Disposed, Disposition};
pub use failure::{Failure, FailureClass};
pub use hold::{Filesystem, HeldDirectory, Hold};
pub use ids::{AttemptNo, SessionId};
pub use instance::InstanceName;
pub use outcome::{Outcome, ServerOutcome, Success};
pub use plan::Plan;
pub use progress::{Progress, Reached, WalProgress};
pub use quantity::{ByteCount, Rate};
pub use request::{ExistingData, MissingWal, RestoreRequest, ServerWish};
pub use retry::RetryPolicy;
pub use settings::WorkerSettings;
pub use step::{Step, StepState};
pub use target::{Port, Target};
pub use verification::{Damage, Verification};
pub use who::{Origin, Reach, Who};

/// A moment in UTC. Made only at the edges (see the manager's clock); everything below takes it as an argument.
pub use jiff::Timestamp;
