//! Becoming the owner of a state directory: the lock, the journal, the workers, the manager.

use super::{
    claims::MachineClaims,
    config::HookSettings,
    exposure,
    handover::{KeeperCommand, KeeperError},
    hook::Hooks,
    limits,
    ownership::{self, LOCK},
    state_directory::{self, StateDirectoryError},
};
use crate::{
    attempt::{self, CHANNEL_CAPACITY, Processes},
    cli::streams::print_error,
    control::{self, Client, Server},
    journal::{JournalError, Migration, SqliteJournal, ThreadStore},
    machine::{Session, UnreadableSession},
    manager::{Clock, Ended, Handle, Ids, Manager, ManagerSettings, OwnerState, Service as _},
    private_file,
};
use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use thiserror::Error;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// An opened state directory: as long as this lives, no other howdah owns it.
#[derive(Debug)]
pub struct Owner {
    /// The way to the manager.
    pub handle: Handle,
    state: PathBuf,
    task: JoinHandle<()>,
    ended: watch::Receiver<Option<Ended>>,
    server: Server,
    hooks: Hooks,
    /// Looks whether the lock is still the one that counts; ends with this.
    _watch: AbortOnDropHandle,
    /// Looks whether the state directory is still this user's alone; ends with this.
    _exposure: AbortOnDropHandle,
    /// Held for its lock; the kernel gives it back however this process ends.
    _lock: File,
}

/// How an owner does its work.
#[derive(Debug, Clone)]
pub struct OwnerSettings {
    /// That of its manager.
    pub manager: ManagerSettings,
    /// What it runs when a session ends or needs a person.
    pub hook: HookSettings,
}

/// A task that ends when this is dropped.
#[derive(Debug)]
struct AbortOnDropHandle(JoinHandle<()>);

/// What becomes of the sessions when their owner leaves.
#[derive(Debug)]
pub(super) enum After {
    /// A keeper goes on as this process.
    Kept(u32),
    /// Nothing is left that an owner could do.
    Idle,
    /// The owner, which was another process, is not there now.
    Lost(String),
    /// Nobody owned them before either.
    Unowned,
    /// Nobody goes on.
    Unkept(KeeperError),
}

impl After {
    /// Where a console is left that was attached.
    pub(super) fn of(client: &Client) -> Self {
        match &*client.owner().borrow() {
            OwnerState::Local => Self::Kept(std::process::id()),
            OwnerState::Remote { pid } => Self::Kept(*pid),
            OwnerState::Nobody { .. } => Self::Unowned,
            OwnerState::Unreachable { reason, .. } => Self::Lost(reason.clone()),
        }
    }
}

/// Readers hold the lock for microseconds; a real owner is told from them within fifty milliseconds.
const MOMENT: Duration = Duration::from_millis(5);
const MOMENTS: u32 = 10;

/// Why the state directory cannot be owned.
#[derive(Debug, Error)]
pub enum OwnerError {
    /// Another howdah has it.
    #[error(
        "another howdah{} owns {state:?}; close it first, or use a state directory of your own with --state-dir",
        .holder.map_or_else(String::new, |pid| format!(" (process {pid})"))
    )]
    Held {
        /// The directory.
        state: PathBuf,
        /// Which process, as far as the lock file tells.
        holder: Option<u32>,
    },
    /// The directory cannot be made or used.
    #[error(transparent)]
    Directory(#[from] StateDirectoryError),
    /// An owner would run out of open files.
    #[error(
        "an owner of sessions needs {needed} open files, and this process may have {limit}: raise the limit \
         (ulimit -n {needed}; in a service LimitNOFILE={needed})"
    )]
    FewFiles {
        /// What this process may have.
        limit: u64,
        /// What it needs.
        needed: u64,
    },
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Says on stderr and in the log how far the change of an old journal has come, once it takes longer than a person waits
/// without a word.
fn migration_notice() -> impl FnMut(Migration) {
    const SILENT: Duration = Duration::from_secs(1);
    let mut last = Instant::now();
    move |Migration { schema, done, total }| {
        if last.elapsed() >= SILENT {
            last = Instant::now();
            tracing::info!(schema, done, total, "the journal is brought up to date");
            print_error(&format!("bringing the journal to schema {schema}: {done} of {total} sessions"));
        }
    }
}

impl Owner {
    /// Takes the state directory and starts the manager on the current runtime. What an earlier owner left is adopted.
    pub fn open(state: &Path, settings: OwnerSettings) -> Result<Self, OwnerError> {
        let OwnerSettings { manager: settings, hook } = settings;
        // Given back where the rest fails.
        let lock = lock(state)?;
        limits::allow_open_files(settings.max_running)
            .map_err(|(limit, needed)| OwnerError::FewFiles { limit, needed })?;
        let journal = SqliteJournal::open_watched(&state.join("journal.db"), &mut migration_notice())?;
        let mut initial = journal.initial_state()?;
        let failed = |cause| StateDirectoryError::io(state, cause);
        // A journal that was lost or put back knows less than the attempts do; a number is never given twice.
        let with_files = attempt::sessions(state).map_err(failed)?;
        initial.last_id = initial.last_id.max(with_files.last().map_or(0, |last| last.0));
        let (known, ongoing) =
            (journal.known(&with_files)?, initial.ongoing.iter().map(Session::id).collect::<BTreeSet<_>>());
        let wanted = |id| !known.contains(&id) || ongoing.contains(&id);
        let (traces, unread) = attempt::traces(state, wanted).map_err(failed)?;
        // What cannot be read may go on one day: its places stay its own.
        initial.holding.extend(unread.iter().filter_map(|(id, _)| attempt::uuid_of(state, *id)));
        initial.unreadable.extend(unread.into_iter().map(|(id, error)| {
            let problem = format!("the files of its attempts cannot be read: {error}");
            UnreadableSession { id, problem }
        }));
        let io = |cause| StateDirectoryError::io(state, cause);
        let store = ThreadStore::spawn(journal).map_err(io)?;
        let (words, inbox) = mpsc::channel(CHANNEL_CAPACITY);
        let attempts = Processes::new(state.to_owned(), words);
        let clock = Clock::system();
        let claims = Arc::new(MachineClaims::new(state.to_owned(), settings.worker.os_user.clone()));
        let (manager, handle) =
            Manager::open(settings, (clock, Ids::random()), (store, initial), (attempts, inbox), claims);
        // Before the manager runs: from here on each change is told of, and what stands so far is an earlier owner's.
        let start = Arc::clone(&handle.snapshots().borrow());
        let (hooks, occasions) = Hooks::open(state, hook, start, clock);
        let manager = manager.with_traces(traces).with_occasions(occasions);
        let listener = control::bind(state).map_err(io)?;
        let (ending, ended) = watch::channel(None);
        let task = tokio::spawn(async move {
            let how = manager.run().await;
            ending.send_replace(Some(how));
        });
        let server = control::serve(listener, handle.clone(), std::process::id());
        let watched =
            tokio::spawn(ownership::watch(state.to_owned(), ownership::identity(&lock).map_err(io)?, handle.clone()));
        let (watch, exposure) = (AbortOnDropHandle(watched), AbortOnDropHandle(exposure::log(state)));
        Ok(Self {
            handle,
            state: state.to_owned(),
            task,
            ended,
            server,
            hooks,
            _watch: watch,
            _exposure: exposure,
            _lock: lock,
        })
    }

    /// Comes when the manager has ended: why, where the sessions are not its own any more, or `None` where it was closed.
    pub(super) fn stepped_down(&self) -> impl Future<Output = Option<String>> + Send + use<> {
        let mut ended = self.ended.clone();
        async move {
            let how = ended.wait_for(Option::is_some).await.ok()?;
            match &*how {
                Some(Ended::SteppedDown { reason }) => Some(reason.clone()),
                Some(Ended::Closed) | None => None,
            }
        }
    }

    /// Reads the completed sessions that the first picture left out, on a thread of its own.
    pub fn fill_completed(&self) {
        let (state, handle) = (self.state.clone(), self.handle.clone());
        tokio::spawn(async move {
            let read = tokio::task::spawn_blocking(move || SqliteJournal::read(&state.join("journal.db"))?.completed());
            match read.await {
                Ok(Ok(rows)) => handle.fill_completed(rows).await,
                Ok(Err(error)) => tracing::error!(%error, "older completed sessions cannot be read"),
                Err(error) => tracing::error!(%error, "older completed sessions cannot be read"),
            }
        });
    }

    /// How many faces are connected, and each change.
    pub fn connections(&self) -> watch::Receiver<usize> {
        self.server.connections()
    }

    /// How many hooks wait to be begun, and each change.
    pub(super) fn waiting_hooks(&self) -> watch::Receiver<usize> {
        self.hooks.waiting()
    }

    /// Ends the manager and gives the state directory to a keeper, if there is anything for one to do.
    pub(super) async fn leave(self, keeper: KeeperCommand) -> anyhow::Result<After> {
        let needs_owner = self.handle.snapshots().borrow().needs_owner();
        let hooks = self.waiting_hooks();
        self.close().await;
        if !needs_owner && *hooks.borrow() == 0 {
            return Ok(After::Idle);
        }
        let started = tokio::task::spawn_blocking(move || keeper.start()).await?;
        Ok(match started {
            Ok(pid) => After::Kept(pid),
            Err(error) => {
                tracing::error!(%error, "no keeper goes on");
                After::Unkept(error)
            }
        })
    }

    /// Ends the manager; attempts go on by themselves.
    pub async fn close(self) {
        self.server.close().await;
        self.handle.close().await;
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the manager ended badly");
        }
        self.hooks.close().await;
    }
}

impl Drop for AbortOnDropHandle {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A reader asks for the lock, shared and for an instant, to tell whether anybody owns the sessions; an owner that comes
/// in that instant must not take the reader for another owner.
fn try_for_a_moment(file: &File) -> Result<(), TryLockError> {
    for _ in 0..MOMENTS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(MOMENT),
            settled => return settled,
        }
    }
    file.try_lock()
}

fn lock(state: &Path) -> Result<File, OwnerError> {
    state_directory::prepare(state)?;
    let io = |cause| StateDirectoryError::io(state, cause);
    let path = state.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = private_file::open(&path, &mut options).map_err(io)?;
    match try_for_a_moment(&file) {
        Ok(()) => {
            file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
            writeln!(file, "{}", std::process::id()).map_err(io)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The number is a help for people; without it the sentence stands.
            let holder = file.read_to_string(&mut holder).ok().and_then(|_| holder.trim().parse().ok());
            Err(OwnerError::Held { state: state.to_owned(), holder })
        }
        Err(TryLockError::Error(cause)) => Err(io(cause).into()),
    }
}
