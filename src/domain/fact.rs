//! What a worker reports: one fact a line in `events.jsonl`, append-only, in order.

use super::{Disposed, Failure, Lsn, Plan, Progress, ServerAddress, Step, StepState, Success, Timestamp, Verification};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactLine {
    /// [`super::ticket::CONTRACT_VERSION`] of the writer.
    pub version: u32,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub fact: Fact,
}

/// Something that is true of an attempt from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The worker runs, in a session and process group of its own. Always the first line.
    Began(Began),
    /// The plan that is now carried out.
    Planned(Box<Plan>),
    /// A step changed.
    Step {
        /// Which.
        step: Step,
        /// To what.
        state: StepState,
    },
    /// How far it has come; at most a few a second.
    Progress(Progress),
    /// Something a person should know that fits nowhere else; one printable sentence.
    Note(String),
    /// The worker is about to exit. Always the last line; without it the worker died.
    Ended(End),
}

/// Who works, and for which session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Began {
    /// The worker's process id; also its process group and session id.
    pub pid: u32,
    /// When it started (see [`ProcessMark::started`]).
    pub started: u64,
    /// Where the two above count (see [`ProcessMark::realm`]).
    pub realm: Option<Realm>,
    /// The session's uuid: its number may have been another one's before. `None` where the ticket could not be read, and
    /// in records from before it was told.
    pub session: Option<Uuid>,
}

impl Began {
    /// This process, for this session.
    pub const fn of(mark: ProcessMark, session: Option<Uuid>) -> Self {
        let ProcessMark { pid, started, realm } = mark;
        Self { pid, started, realm, session }
    }

    /// What identifies the worker.
    pub const fn mark(&self) -> ProcessMark {
        ProcessMark { pid: self.pid, started: self.started, realm: self.realm }
    }
}

/// What identifies a process beyond reuse of its pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessMark {
    /// The process id; also its process group and session id.
    pub pid: u32,
    /// Start time in clock ticks since boot (`/proc/<pid>/stat`, field 22).
    pub started: u64,
    /// Where the two above count; `None` where the system does not tell, and in records from before it was asked.
    pub realm: Option<Realm>,
}

/// Where a pid and a start time mean one process: one run of the kernel, and one namespace of pids in it. Elsewhere the
/// same numbers mean another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Realm {
    /// The run of the kernel (`/proc/sys/kernel/random/boot_id`).
    pub boot: Uuid,
    /// The inode of the namespace of pids (`/proc/self/ns/pid`).
    pub namespace: u64,
}

/// Where recovery waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausePoint {
    /// The position.
    pub at: Lsn,
    /// The time of the last replayed commit, where there was one.
    pub committed: Option<Timestamp>,
    /// What the server answered.
    pub answer: String,
    /// The server that waits there. Records of version 6 do not tell it.
    #[serde(default)]
    pub server: Option<Box<PausedServer>>,
}

/// A server whose recovery waits at its goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedServer {
    /// What identifies its process.
    pub mark: ProcessMark,
    /// Where it answers, on a private socket.
    pub address: ServerAddress,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The work is done.
    Succeeded(Success),
    /// The backup was read to its end, and is damaged.
    Damaged(Verification),
    /// Recovery has reached its goal and waits there; the server runs, and answers read-only.
    Paused(PausePoint),
    /// It went wrong.
    Failed(Failure),
    /// It was told to stop, and did.
    Stopped,
    /// The partial data was dealt with.
    Disposed(Disposed),
}
