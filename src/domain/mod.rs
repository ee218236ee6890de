//! Words and values: what every other layer talks about.
//!
//! Promises: every value here is plain data, checked when it is made, and can be written to disk and read again.
//! Never: no clock, no files, no network, no terminal, no async runtime. Time and randomness come in as arguments.

pub mod backup;
pub mod browse;
pub mod checkpoint;
pub mod cluster;
pub mod conninfo;
pub mod disposition;
pub mod environment;
pub mod explore;
pub mod fact;
pub mod failure;
pub mod hold;
pub mod ids;
pub mod instance;
pub mod item;
pub mod job;
pub mod keep;
pub mod left_server;
pub mod moment;
pub mod object;
pub mod order;
pub mod outcome;
pub mod path_text;
pub mod plan;
pub mod point_mark;
pub mod progress;
pub mod quantity;
pub mod recovery;
pub mod recovery_plan;
pub mod remnant;
pub mod restore;
pub mod restored;
pub mod retry;
pub mod settings;
pub mod step;
pub mod target;
pub mod ticket;
pub mod upgrade;
pub mod verification;
pub mod who;
pub mod window;
mod window_choice;
pub mod workload;

pub use backup::{BackupFacts, BackupForm, BackupSource, ChainMember, Compression, RestorePoint};
pub use checkpoint::{CheckpointVerdict, LeftCheckpoint};
pub use cluster::{Lsn, MajorVersion, SystemIdentifier, Timeline};
pub use disposition::{Disposed, Disposition};
pub use explore::{ExploreOrder, ExplorePlan, FileMethod, OpenPoint, ServerAddress};
pub use failure::{Failure, FailureClass};
pub use hold::{Filesystem, HeldDirectory, Hold, ObjectName};
pub use ids::{AttemptNo, JobId, SessionId};
pub use instance::InstanceName;
pub use item::{ExistingItem, ItemDestination, ItemName, ItemOrder, ItemPart, ItemPlan, PlannedItem};
pub use job::{InvalidJob, JobKind, JobObject, JobResult, JobSpec, StopMode};
pub use keep::{Fate, InvalidKeep, Keep, KeepPoint};
pub use left_server::{LeftServer, RunningServer};
pub use moment::{InvalidMoment, TypedMoment, Zones};
pub use object::{BackupObject, BackupOrder, FULL_EVERY, PasswordSource, is_slot_name};
pub use order::{Kind, KindFilter, Leftover, Order, Parent, VerifyOrder};
pub use outcome::{Achieved, Outcome, ServerOutcome, Success};
pub use plan::{AnyRestorePlan, BackupPlan, DataPlan, FilePlan, ObjectPlan, Plan, RestorePlan, VerifyPlan};
pub use point_mark::PointMark;
pub use progress::{Progress, Reached, WalProgress};
pub use quantity::{ByteCount, Rate};
pub use recovery::{AtTarget, Recovery, RecoveryGoal, RecoveryTimeline, Upstream};
pub use recovery_plan::RecoveryPlan;
pub use remnant::{Remnant, RemnantKind, SessionStanding, Verdict};
pub use restore::{ClusterRestore, ExistingData, FilesRestore, MachineRestore, MissingWal, RestoreOrder, ServerWish};
pub use retry::{RetryPolicy, WhenUsedUp};
pub use settings::WorkerSettings;
pub use step::{Step, StepState};
pub use target::{Port, Target};
pub use verification::{Damage, Verification};
pub use who::{Origin, Reach, Who};
pub use window::{
    ArchiveOrigin, Edge, NearbyCommits, RecoverableSpan, SpanEnd, WalArchive, WalCommit, WalGap, WalMoment,
    WalRestorePoint, WalUnsought, WalWindow, WindowTimeline,
};
pub use workload::{MachineRestorePoint, TreeRestorePoint, Workload};

/// A moment in UTC. Made only at the edges (see the manager's clock); everything below takes it as an argument.
pub use jiff::Timestamp;
