//! The engines that bring files back, behind one trait.
//!
//! Promises: an engine writes only below the target's directories, resumes what an earlier attempt left verified, and
//! reports every end as a classified [`Failure`]. Never: starts a server, or knows sessions or the screen.

mod at_target;
pub mod chain;
pub mod claim;
pub mod durable;
pub mod native;
pub mod point_use;
mod real_path;
mod source;
pub mod verify;
pub mod watched;

use crate::domain::{Failure, FilePlan, Progress};

/// What an engine reports while it works, and where it learns that it should stop. Called from several threads.
pub trait Observer: Sync {
    /// How far the copy has come; may be called often, the receiver thins it out.
    fn progress(&self, progress: Progress);
    /// Something a person should know; one sentence.
    fn note(&self, sentence: String);
    /// A sentence for the attempt's log: a decision, or how a piece of work went. Nobody has to keep one.
    fn log(&self, _sentence: &str) {}
    /// Whether the attempt was asked to stop. Engines look at least every few megabytes.
    fn stop_requested(&self) -> bool;
}

/// Why an engine's work ended early.
#[derive(Debug)]
pub enum Halt {
    /// It was asked to stop, and did: all it left is marked as it is.
    Stopped,
    /// It went wrong.
    Failed(Failure),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What an engine has found out before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// What it will do.
    pub files: FilePlan,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Below the mark, while nothing at the target may start yet: the directory in which `global/pg_control` waits.
pub const STAGED_CONTROL: &str = "control";

/// One engine, set up for one request. The order of calls is plan, copy, hand over, complete.
///
/// Its marks and what becomes of partial data are not its business: see [`claim`].
pub trait Engine {
    /// Looks and decides; writes nothing. Every reason to refuse is found here where it can be.
    fn plan(&mut self) -> Result<Planned, Failure>;
    /// Brings the files: copied, verified, durable; all but `global/pg_control`, which waits below [`STAGED_CONTROL`].
    /// Plans first if nobody has.
    fn copy(&mut self, observer: &dyn Observer) -> Result<(), Halt>;
    /// Notes durably that the session's own server is about to run on the data, so that what it creates counts as ours.
    fn before_server_start(&mut self) -> Result<(), Failure>;
    /// Puts `global/pg_control` in its place, durably: from here on a server can start on the directory (S3).
    fn complete(&mut self) -> Result<(), Failure>;
}
