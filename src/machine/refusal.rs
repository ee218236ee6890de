//! Every "no" to a command, as a value; the sentence is its `Display`.

use crate::domain::{
    AttemptNo, InstanceName, JobId, JobResult, Lsn, ObjectName, Origin, Port, SessionId, StopMode, Timestamp, recovery,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use thiserror::Error;

/// Why a command was not carried out. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Retry of a running session (R12).
    #[error("it is running (attempt {attempt}); retry is for a session that waits or is stuck")]
    Running {
        /// The attempt that runs.
        attempt: AttemptNo,
    },
    /// Retry of a session that already stands in the queue.
    #[error("it is queued already and starts when a slot is free")]
    Queued,
    /// Retry while tries remain, where the setting forbids it (D1).
    #[error("try {next} of {of} comes by itself at {at:.0}; retry.while_waiting = false forbids to come before it")]
    TriesRemain {
        /// The number of the next try.
        next: u32,
        /// Tries in all.
        of: u32,
        /// When it is due.
        at: Timestamp,
    },
    /// Retry or cancel of a session that is being cancelled.
    #[error("it is being cancelled")]
    Cancelling,
    /// Retry or cancel of a session that is being stopped, or that ends as failed.
    #[error("it is ending already")]
    Ending,
    /// Retry or cancel of a session that has ended (R20).
    #[error("it is completed; start a new restore instead")]
    Completed,
    /// Retry of a session whose recovery has paused at its goal.
    #[error("its recovery has reached its goal and is paused; go on, promote it, stop it there or cancel it")]
    Paused,
    /// Going on to a goal that recovery has passed already, or that it stands at.
    #[error(
        "its recovery is paused at {at} already{}, and only goes forward: name a later goal; an earlier one needs a new \
         copy (howdah restore)",
        last_commit(*committed)
    )]
    NotLater {
        /// Where it is paused.
        at: Lsn,
        /// The time of the last replayed commit, where there was one.
        committed: Option<Timestamp>,
    },
    /// Going on with a session whose recovery has not paused.
    #[error("its recovery is not paused")]
    NotPaused,
    /// Stop of a session that holds nothing open.
    #[error("it holds nothing open; stop is for explore sessions, cancel it instead")]
    NotHeldOpen,
    /// The end of an explore session out of which items are being taken.
    #[error("{}", at_work(children))]
    ChildrenAtWork {
        /// Those sessions; at least one.
        children: Vec<SessionId>,
    },
    /// Items are to be taken out of what no session holds open.
    #[error("session {session} holds nothing open now: open the restore point first, with howdah explore start")]
    NotOpen {
        /// The session that was named.
        session: SessionId,
    },
    /// Stop of a session that has ended (R22).
    #[error("it is not active: it has ended already")]
    NotActive,
    /// Force without a cancel that is under way.
    #[error("there is nothing to force: force is for a cancel whose attempt does not end")]
    NothingToForce,
    /// Force of a disposal that is in time (D6).
    #[error("its partial data is being dealt with, and that is in time until {until:.0}; force is for what is overdue")]
    DisposalInTime {
        /// When it is overdue.
        until: Timestamp,
    },
    /// Recover of a session that the journal knows.
    #[error("the journal knows it: there is nothing to recover")]
    NothingToRecover,
    /// Dismiss of an ongoing session.
    #[error("it is ongoing; only a completed session can be dismissed")]
    Ongoing,
    /// A cancel from the command line of a session that was not started there (R27).
    #[error("it was started from {origin}; add --any-origin to end it from the command line")]
    OtherOrigin {
        /// Where it was started.
        origin: Origin,
    },
    /// A verb of the command line on a session of a kind that was not asked for.
    #[error("it is of the kind {kind}; add --kind {kind} to mean it")]
    OtherKind {
        /// Its kind.
        kind: String,
    },
    /// No such session.
    #[error("there is no session {id}")]
    Unknown {
        /// The number that was given.
        id: SessionId,
    },
    /// The session's record cannot be read; it stays where it is (S10).
    #[error("session {id} cannot be read, so nothing was done: {problem}")]
    Unreadable {
        /// The number that was given.
        id: SessionId,
        /// What the journal said.
        problem: String,
    },
    /// The data directory belongs to another ongoing session (S9).
    #[error(
        "{directory:?} is in use by session {holder} ({instance}); choose another directory or cancel that session"
    )]
    DirectoryHeld {
        /// The directory.
        directory: PathBuf,
        /// The session that has it.
        holder: SessionId,
        /// Its instance.
        instance: InstanceName,
    },
    /// The port belongs to another ongoing session (S9).
    #[error("port {port} is taken by session {holder} ({instance}); choose another port")]
    PortHeld {
        /// The port.
        port: Port,
        /// The session that has it.
        holder: SessionId,
        /// Its instance.
        instance: InstanceName,
    },
    /// The object belongs to another ongoing session (S9).
    #[error("{} is being worked on by session {holder} ({instance}); wait for it or cancel that session", object.as_str())]
    ObjectHeld {
        /// The object.
        object: ObjectName,
        /// The session that has it.
        holder: SessionId,
        /// Its name.
        instance: InstanceName,
    },
    /// The order of a backup outside a job.
    #[error("a backup is made by a run of its job: start the job")]
    OnlyInJob,
    /// The start of a job of which a run goes on.
    #[error("job {job} is running already (run {run}); wait for its end or stop it")]
    JobRunning {
        /// The job.
        job: InstanceName,
        /// Its run.
        run: JobId,
    },
    /// The start of a job with an object that a run of another job has.
    #[error("its object {object} is also one of job {job}, which is running (run {run}); wait for its end or stop it")]
    ObjectOfOtherRun {
        /// The object.
        object: InstanceName,
        /// The other job.
        job: InstanceName,
        /// Its run.
        run: JobId,
    },
    /// No such run.
    #[error("there is no run {id} of a job")]
    UnknownJob {
        /// The number that was given.
        id: JobId,
    },
    /// The run's record cannot be read; it stays where it is (S10).
    #[error("run {id} of a job cannot be read, so nothing was done: {problem}")]
    UnreadableJob {
        /// The number that was given.
        id: JobId,
        /// What the journal said.
        problem: String,
    },
    /// A stop of a run in a way that its kind does not allow (R40).
    #[error("it cannot be stopped {mode}: {reason}; stop it immediately")]
    StopForbidden {
        /// The way.
        mode: StopMode,
        /// Why not: one clause.
        reason: String,
    },
    /// A second stop of a run that is being stopped so already, or in the harder way.
    #[error("it is being stopped {current} already{}", if current == mode { "" } else { ", and that is not taken back" })]
    JobStopping {
        /// How it is being stopped.
        current: StopMode,
        /// How it was to be stopped now.
        mode: StopMode,
    },
    /// A stop of a run that has ended.
    #[error("the run has ended ({result}): there is nothing to stop")]
    JobEnded {
        /// How.
        result: JobResult,
    },
    /// Dismiss of a run that has not ended.
    #[error("the run is going on; only one that has ended can be dismissed")]
    JobOngoing,
    /// The start of an object that is not to be begun now.
    #[error("this object is not to be begun: it was already, it is not its turn, or the run is being stopped")]
    ObjectNotStartable,
    /// A place is claimed by a session of another state directory, or could not be claimed (S9).
    #[error("{reason}")]
    NotClaimed {
        /// Who has it, or why not, and what to do: one printable sentence.
        reason: String,
    },
    /// The journal could not store the change, so nothing was done.
    #[error("the journal could not store it, so nothing was done: {cause}")]
    NotStored {
        /// What the store said.
        cause: String,
    },
    /// The manager ended, or the connection to it was lost, before there was an answer.
    #[error(
        "the owner of the sessions ended before it answered, so it may or may not have been done: look at the session \
         before you ask again"
    )]
    ManagerGone,
    /// Whoever asked is only to look.
    #[error("nothing was asked: this howdah was started with --read-only")]
    ReadOnly,
    /// The manager is in another process, and the command did not get there.
    #[error("nothing was asked, since the owner of the sessions was not reached: {reason}")]
    NotSent {
        /// Why: one printable clause.
        reason: String,
    },
}

fn last_commit(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| format!(" (last commit {})", recovery::moment(at)))
}

fn at_work(children: &[SessionId]) -> String {
    let numbers: Vec<String> = children.iter().map(SessionId::to_string).collect();
    let (sessions, them) = if children.len() == 1 { ("session", "it") } else { ("sessions", "them") };
    let numbers = numbers.join(", ");
    format!("items are being taken out of it ({sessions} {numbers}): wait for {them}, or cancel {them} first")
}

impl Refusal {
    /// Whether another place would be accepted, as far as one can know.
    pub const fn is_of_place(&self) -> bool {
        matches!(self, Self::DirectoryHeld { .. } | Self::PortHeld { .. } | Self::NotClaimed { .. })
    }
}
