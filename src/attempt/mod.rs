//! Launching, following, adopting and stopping attempts.
//!
//! Promises: an attempt is over only when its whole process group is proven gone; a pid that was reused is never
//! signalled; nothing of an attempt depends on this process staying alive. Never: decides anything about sessions.

pub mod attempt_dir;
pub mod observe;
pub mod processes;
pub mod simulated;
pub mod tail;

mod follow;
mod progress;
mod supervise;
mod traces;
mod worker_command;
mod worker_group;

pub use attempt_dir::{AttemptDir, sessions, uuid_of};
pub use processes::Processes;
pub use progress::progress_of;
pub use simulated::{Scenario, Simulated};
pub use traces::{Traced, Traces, traces};
pub use worker_command::worker_command;

use crate::{
    domain::{
        AttemptNo, SessionId,
        fact::{PausedServer, ProcessMark},
        ticket::Ticket,
    },
    machine::Command,
};
use uuid::Uuid;

/// What an attempt sends to its session: a report, or that it was lost.
pub type AttemptMessage = (SessionId, Command);

/// Messages that may wait for the manager before a follower has to wait itself; they are thinned out before they come
/// here, so this is several seconds' worth of a thousand attempts.
pub const CHANNEL_CAPACITY: usize = 4096;

/// The world in which attempts run. Every call returns at once; what comes of it arrives as messages.
pub trait Attempts: Send + 'static {
    /// Starts an attempt.
    fn launch(&mut self, ticket: Ticket);

    /// Goes on following an attempt that an earlier owner launched. It ends with `Over`, or with `Lost` when it had gone
    /// down without a last report before it was found. What another session left under its number is not read.
    fn adopt(&mut self, session: SessionId, uuid: Uuid, attempt: AttemptNo, mark: Option<ProcessMark>);

    /// Asks an attempt to stop.
    fn stop(&mut self, session: SessionId, attempt: AttemptNo);

    /// Kills an attempt's process group.
    fn kill(&mut self, session: SessionId, attempt: AttemptNo);

    /// Whether a server still waits where an attempt has left it. One that cannot be seen from here is taken to.
    fn stands(&self, server: &PausedServer) -> bool;
}
