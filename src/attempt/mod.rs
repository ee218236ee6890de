//! Launching, following, adopting and stopping attempts.
//!
//! Promises: an attempt is over only when its whole process group is proven gone; a pid that was reused is never
//! signalled; nothing of an attempt depends on this process staying alive. Never: it decides nothing about sessions.

pub mod observe;
pub mod place;
pub mod processes;
pub mod simulated;
pub mod tail;

mod crew;
mod follow;
mod supervise;
mod traces;

pub use place::{AttemptPlace, sessions, uuid_of};
pub use processes::Processes;
pub use simulated::{Scenario, Simulated};
pub use traces::{Traced, Traces, traces};

use crate::{
    domain::{AttemptNo, SessionId, fact::ProcessMark, ticket::Ticket},
    machine::Command,
};
use uuid::Uuid;

/// Something that an attempt has to say to its session: a report, or that it was lost.
pub type Word = (SessionId, Command);

/// Words that may wait for the manager before a follower has to wait itself; they are thinned out before they come
/// here, so this is several seconds' worth of a thousand attempts.
pub const WORDS_QUEUED: usize = 4096;

/// The world in which attempts run. Every call returns at once; what comes of it is told by words.
pub trait Attempts: Send + 'static {
    /// Starts an attempt.
    fn launch(&mut self, ticket: Ticket);

    /// Goes on following an attempt that an earlier owner launched. It ends with `Over`, or with `Lost` when it had gone
    /// down without a last word before it was found. What another session left under its number is not read.
    fn adopt(&mut self, session: SessionId, uuid: Uuid, attempt: AttemptNo, mark: Option<ProcessMark>);

    /// Asks an attempt to stop.
    fn stop(&mut self, session: SessionId, attempt: AttemptNo);

    /// Kills an attempt's process group.
    fn kill(&mut self, session: SessionId, attempt: AttemptNo);
}
