//! What the screen needs from the rest of the program, as a set of sockets that the composition root fills.
//!
//! Promises: everything here is asynchronous or a value; the screen never waits for any of it while it draws.
//! Never: lets the screen open a file or start a process by itself.

use super::{
    glyphs::Glyphs,
    keymap::Keymap,
    message::{Browsed, CompareWish, Comparing, NearGoal, OrderWish, PlannedOrder},
    theme::Theme,
};
use crate::{
    domain::{
        AnyRestorePlan, AttemptNo, Failure, ItemName, JobId, JobSpec, LeftServer, NearbyCommits, ObjectPlan, Port,
        Rate, RestoreOrder, ServerAddress, SessionId, Timeline, Timestamp, WalWindow, Who, fact::ProcessMark,
        moment::Zones,
    },
    machine::{PastSession, Session},
    manager::{Clock, OwnerState, Service},
};
use futures_util::{future::BoxFuture, stream::BoxStream};
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;

use crate::catalog::propose::{Proposal, Wanted};
pub use crate::catalog::{Catalog, CatalogEntry, CatalogInstance, InstanceKey, Repository, RepositoryKind};

/// Makes the plan of a request without writing anything; runs in another process.
pub type PlanPort = Box<dyn Fn(RestoreOrder) -> BoxFuture<'static, Result<AnyRestorePlan, Failure>> + Send + Sync>;

/// Makes the plans of a job's objects, in their order, without writing anything; runs in other processes.
pub type JobPlanPort = Box<dyn Fn(JobSpec) -> BoxFuture<'static, Vec<ObjectPlan>> + Send + Sync>;

/// Reads a level of an open restore point.
pub type BrowsePort =
    Box<dyn Fn(ServerAddress, Option<ItemName>) -> BoxFuture<'static, Result<Browsed, Failure>> + Send + Sync>;

/// Counts the rows of a table of an open restore point.
pub type CountPort = Box<dyn Fn(ServerAddress, ItemName) -> BoxFuture<'static, Result<u64, Failure>> + Send + Sync>;

/// Compares a table with the live one: what it has found, several times, and then all of it. Dropped, it ends.
pub type ComparePort = Box<dyn Fn(CompareWish) -> BoxStream<'static, Result<Comparing, Failure>> + Send + Sync>;

/// Makes the plan of an order without writing anything; runs in another process.
pub type OrderPlanPort = Box<dyn Fn(OrderWish) -> BoxFuture<'static, Result<PlannedOrder, Failure>> + Send + Sync>;

/// Reads the history of a run of a job, whoever owns it.
pub type RunHistoryPort = Box<dyn Fn(JobId) -> BoxFuture<'static, io::Result<EventHistory>> + Send + Sync>;

/// The last bytes, at most so many, of the raw output of an attempt.
pub type LogPort = Box<dyn Fn(SessionId, AttemptNo, u64) -> BoxFuture<'static, io::Result<Vec<u8>>> + Send + Sync>;

/// Saves all of the raw output of an attempt to a file that must not exist yet and only its user may read; how many bytes.
pub type SaveLogPort = Box<dyn Fn(SessionId, AttemptNo, PathBuf) -> BoxFuture<'static, io::Result<u64>> + Send + Sync>;

/// The history of a session in the journal, oldest first: when something happened, and the sentence for it.
pub type EventHistory = Vec<(Timestamp, String)>;

/// Reads the history of a session, whoever owns it.
pub type HistoryPort = Box<dyn Fn(SessionId) -> BoxFuture<'static, io::Result<EventHistory>> + Send + Sync>;

/// Reads all sessions that have ended, dismissed ones too, newest first.
pub type PastPort = Box<dyn Fn() -> BoxFuture<'static, io::Result<Vec<PastSession>>> + Send + Sync>;

/// Looks at the server that a session has left running.
pub type ServerPort = Box<dyn Fn(Arc<Session>) -> BoxFuture<'static, Result<LeftServer, String>> + Send + Sync>;

/// Asks exactly this server of a session to stop; whether it has ended by then.
pub type StopServerPort =
    Box<dyn Fn(Arc<Session>, ProcessMark) -> BoxFuture<'static, Result<bool, String>> + Send + Sync>;

/// Finds a free place for each wanted directory; none at all when that cannot be found out.
pub type PlacesPort = Box<dyn Fn(Wanted) -> BoxFuture<'static, Vec<Proposal>> + Send + Sync>;

/// Reads the recoverable window of an instance with an archive.
pub type WindowPort = Box<dyn Fn(InstanceKey) -> BoxFuture<'static, Result<WalWindow, Failure>> + Send + Sync>;

/// Reads the commits around a goal on this timeline of an instance's archive.
pub type CommitsPort =
    Box<dyn Fn(InstanceKey, Timeline, NearGoal) -> BoxFuture<'static, Result<NearbyCommits, Failure>> + Send + Sync>;

/// What becomes of the work when this screen closes and its user logs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// It goes on, and after a restart of the machine, too.
    Safe,
    /// It goes on until the machine is restarted; then it waits until howdah is opened.
    UntilReboot,
    /// It goes on when the screen closes, but not beyond the logout.
    LogoutEnds {
        /// The command that makes it go on.
        fix: String,
    },
}

/// A change of who owns the sessions; over when it is done, as far as it can be.
pub type SwitchPort = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The sockets.
pub struct Ports {
    /// The owner of sessions.
    pub manager: Arc<dyn Service>,
    /// Where that owner is.
    pub owner: watch::Receiver<OwnerState>,
    /// What is wrong with the state directory's mode or owner, in a clause that goes on after its name; `None` when it is
    /// for its user alone.
    pub exposed: watch::Receiver<Option<String>>,
    /// What can be restored. No repositories at all means that it is still being read.
    pub catalog: watch::Receiver<Arc<Catalog>>,
    /// Asks for the repositories to be read again; the answer comes through `catalog`.
    pub refresh_catalog: Box<dyn Fn() + Send + Sync>,
    /// See [`PlanPort`].
    pub plan: PlanPort,
    /// See [`JobPlanPort`].
    pub plan_job: JobPlanPort,
    /// See [`BrowsePort`].
    pub browse: BrowsePort,
    /// See [`CountPort`].
    pub count: CountPort,
    /// See [`ComparePort`].
    pub compare: ComparePort,
    /// See [`OrderPlanPort`].
    pub plan_order: OrderPlanPort,
    /// See [`RunHistoryPort`].
    pub run_history: RunHistoryPort,
    /// See [`LogPort`].
    pub log: LogPort,
    /// See [`SaveLogPort`].
    pub save_log: SaveLogPort,
    /// See [`HistoryPort`].
    pub history: HistoryPort,
    /// See [`PastPort`].
    pub past: PastPort,
    /// See [`ServerPort`].
    pub server: ServerPort,
    /// See [`StopServerPort`].
    pub stop_server: StopServerPort,
    /// Releases the sessions before this process is stopped by its shell.
    pub release: SwitchPort,
    /// Looks for their owner again after it was continued.
    pub reacquire: SwitchPort,
    /// See [`PlacesPort`].
    pub places: PlacesPort,
    /// See [`WindowPort`].
    pub window: WindowPort,
    /// See [`CommitsPort`].
    pub commits: CommitsPort,
    /// The time.
    pub clock: Clock,
}

/// What is settled before the screen opens.
#[derive(Debug, Clone)]
pub struct ConsoleOptions {
    /// Who acts.
    pub by: Who,
    /// What closing and logging out do to the work.
    pub closing: Closing,
    /// Where targets are proposed: one directory an instance below this one.
    pub restore_dir: PathBuf,
    /// The bandwidth that the wizard proposes.
    pub max_rate: Option<Rate>,
    /// The first port that the wizard proposes.
    pub first_port: Port,
    /// Shown where only the sample can be restored: one line that says how to add a repository.
    pub own_hint: String,
    /// How this program is called, as the Request tab shows it.
    pub program: PathBuf,
    /// The state directory.
    pub state_dir: PathBuf,
    /// The directory of the attempts, as the Request tab shows it: `<here>/<session>/<attempt>`.
    pub attempts_dir: PathBuf,
    /// The keys.
    pub keymap: Keymap,
    /// The zones that a moment may be typed in.
    pub zones: Zones,
    /// The backup jobs of the settings.
    pub jobs: Arc<Vec<JobSpec>>,
    /// The colours.
    pub theme: Theme,
    /// Whether only ASCII signs are used.
    pub ascii: bool,
    /// Whether the mouse is on from the start.
    pub mouse: bool,
    /// The least time between two pictures of progress alone; what a person does is answered at once.
    pub progress_pause: Duration,
    /// Whether the terminal is rung when a session completes or needs a person.
    pub bell: bool,
    /// What it is opened for.
    pub purpose: OpenedFor,
}

/// What a screen is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenedFor {
    /// The sessions are real.
    Work,
    /// All of it is only played, and the header says so.
    Demo,
    /// It happened, some time ago, and is shown again; the header says so.
    Replay,
}

/// How the screen was left; the composition root makes one line for the shell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Why it ended.
    pub reason: EndReason,
    /// Sessions with an attempt.
    pub running: usize,
    /// Sessions that wait for a try or a slot.
    pub waiting: usize,
    /// Sessions that wait for a person.
    pub stuck: usize,
}

/// Why the screen was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// A person closed it.
    Closed,
    /// SIGTERM or SIGHUP.
    Signal,
    /// The terminal is gone: nobody reads what is written to it.
    HungUp,
}

impl ConsoleOptions {
    /// The signs that the options ask for.
    pub const fn glyphs(&self) -> Glyphs {
        if self.ascii { super::glyphs::ASCII } else { super::glyphs::UNICODE }
    }
}
