//! The hook command, as the owner of the sessions sees it: for which occasions it is run, and how many at once.
//!
//! Promises: it is run at most once for an occasion, whoever owns the sessions meanwhile: that it begins is on the disk
//! before it does; what was not begun before an owner left, the next one begins. Never: holds up the manager, fails a
//! session, or is waited for when an owner leaves: each runs below a process of its own, which ends it in time.

mod begun;
mod supervise;
mod tail;

pub(super) use supervise::run;

use super::config::HookSettings;
use crate::{
    cli::session::object::SessionObject,
    domain::Timestamp,
    domain::environment,
    journal::{JournalReader, SqliteJournal},
    machine::{Occasion, OccasionKind, Session},
    manager::{Clock, CompletedRow, Notice, Occasions, Snapshot},
    process::OWN_PROGRAM,
};
use begun::{Begun, Since};
use std::{
    cell::RefCell,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use supervise::Job;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinHandle,
};
use uuid::Uuid;

/// Hooks that run at once. They send a message and end; more would be many small programs beside restores.
const AT_ONCE: usize = 4;

/// How long what was begun is kept on record at least. A month later nobody is told of what happened now.
const KEPT: Duration = Duration::from_hours(24 * 30);

/// The hooks of one owner.
#[derive(Debug)]
pub(super) struct Hooks {
    waiting: watch::Receiver<usize>,
    closing: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

/// What begins them.
struct HookQueue {
    state: PathBuf,
    settings: HookSettings,
    begun: Arc<Begun>,
    clock: Clock,
    slots: Arc<Semaphore>,
    waiting: watch::Sender<usize>,
    closing: watch::Receiver<bool>,
}

impl Hooks {
    /// The hooks of an owner that is about to begin, and the way by which its manager tells of occasions. `start` is how
    /// the sessions stand now: what an earlier owner left is begun first.
    pub(super) fn open(state: &Path, settings: HookSettings, start: Arc<Snapshot>, clock: Clock) -> (Self, Occasions) {
        let begun = Arc::new(Begun::new(state));
        let (closing, closed) = watch::channel(false);
        if settings.command.is_empty() {
            // What happens from now on is nothing to be told of by a hook that is set one day.
            begun.forget();
            let (_, waiting) = watch::channel(0);
            return (Self { waiting, closing, task: None }, Occasions::default());
        }
        let (occasions, inbox, waiting) = Occasions::new();
        // Until it is known what was left nobody may think that nothing waits.
        waiting.send_replace(1);
        let watched = waiting.subscribe();
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let queue = HookQueue { state: state.to_owned(), settings, begun, clock, slots, waiting, closing: closed };
        let task = Some(tokio::spawn(queue.run(start, inbox)));
        (Self { waiting: watched, closing, task }, occasions)
    }

    /// How many wait to be begun, and each change.
    pub(super) fn waiting(&self) -> watch::Receiver<usize> {
        self.waiting.clone()
    }

    /// Begins no more; one that is being begun is.
    pub(super) async fn close(self) {
        self.closing.send_replace(true);
        if let Some(task) = self.task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the hooks ended badly");
        }
    }
}

impl HookQueue {
    async fn run(mut self, start: Arc<Snapshot>, mut inbox: mpsc::Receiver<Notice>) {
        let left = self.left(start).await;
        // They are waited for one by one from here on, and no longer all as one.
        self.waiting.send_modify(|waiting| *waiting += left.len());
        self.done_with_one();
        for (occasion, session) in left {
            if !self.one(occasion, session).await {
                return;
            }
        }
        while let Some((occasion, session)) = self.next(&mut inbox).await {
            if !self.one(occasion, session).await {
                return;
            }
        }
    }

    async fn next(&mut self, inbox: &mut mpsc::Receiver<Notice>) -> Option<Notice> {
        tokio::select! {
            biased;
            _ = self.closing.wait_for(|closing| *closing) => None,
            next = inbox.recv() => next,
        }
    }

    /// What an earlier owner has stored and not begun.
    async fn left(&self, start: Arc<Snapshot>) -> Vec<Notice> {
        let (begun, journal, on) = (Arc::clone(&self.begun), self.state.join("journal.db"), self.settings.on.clone());
        let now = self.clock.now();
        let read = tokio::task::spawn_blocking(move || {
            let since = begun.since(&on, now)?;
            let completed = |row: &Arc<CompletedRow>| row.ended >= since.completed;
            let rows = start.completed.iter().filter(|row| completed(row));
            let ended: Vec<Arc<Session>> = match SqliteJournal::read(&journal) {
                Ok(journal) => rows.filter_map(|row| journal.session(row.id).ok()?).map(Arc::new).collect(),
                Err(error) => {
                    tracing::error!(%error, "what ended before cannot be told of");
                    Vec::new()
                }
            };
            let all = ended.iter().chain(&start.ongoing);
            let left = all.filter_map(|session| Some((Occasion::of(session)?, Arc::clone(session))));
            let is_left = |(occasion, session): &Notice| {
                occasion.at >= since.of(occasion.kind) && !begun.is_begun(session.uuid(), occasion)
            };
            let left: Vec<Notice> = left.filter(is_left).collect();
            // What is not removed now is at the next start.
            match remove_old(&begun, since, (&on, &left), &journal, now) {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "records of hooks that were run long ago were removed"),
                Err(error) => tracing::warn!(%error, "records of hooks that were run long ago cannot be removed"),
            }
            io::Result::Ok(left)
        });
        match read.await.map_err(io::Error::other).flatten() {
            Ok(left) => left,
            Err(error) => {
                tracing::error!(%error, "what an earlier owner left cannot be told of");
                Vec::new()
            }
        }
    }

    /// Begins the hook for one occasion when there is room; false when no more are to be begun.
    async fn one(&mut self, occasion: Occasion, session: Arc<Session>) -> bool {
        if !self.settings.on.contains(&occasion.kind) {
            self.done_with_one();
            return true;
        }
        let slot = tokio::select! {
            biased;
            _ = self.closing.wait_for(|closing| *closing) => return false,
            slot = Arc::clone(&self.slots).acquire_owned() => slot,
        };
        if let Ok(slot) = slot {
            self.begin(occasion, &session, slot).await;
        }
        self.done_with_one();
        true
    }

    async fn begin(&self, occasion: Occasion, session: &Arc<Session>, slot: OwnedSemaphorePermit) {
        let (id, event) = (session.id().0, occasion.kind.as_str());
        let (begun, uuid, now) = (Arc::clone(&self.begun), session.uuid(), self.clock.now());
        let recorded = tokio::task::spawn_blocking(move || begun.begin(uuid, &occasion, now)).await;
        match recorded.map_err(io::Error::other).flatten() {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(session = id, event, %error, "the hook is not run: that it begins cannot be stored");
                return;
            }
        }
        match self.start(event, session).await {
            Ok(mut child) => {
                tokio::spawn(async move {
                    // How the hook ended is in the log; this is about the process above it.
                    match child.wait().await {
                        Ok(status) if status.success() => {}
                        Ok(status) => {
                            tracing::error!(session = id, event, %status, "the hook could not be looked after");
                        }
                        Err(error) => tracing::error!(session = id, event, %error, "the hook is out of sight"),
                    }
                    drop(slot);
                });
            }
            Err(error) => tracing::error!(session = id, event, %error, "the hook could not be started"),
        }
    }

    /// Starts the process that runs the hook, and gives it what it needs to know.
    async fn start(&self, event: &'static str, session: &Session) -> io::Result<Child> {
        let job = Job {
            state: self.state.clone(),
            command: self.settings.command.clone(),
            time_limit: self.settings.time_limit,
            session: session.id(),
            event: event.to_owned(),
            input: SessionObject::of(session, None, self.clock.now()).event_line(event)?,
        };
        let mut child = Command::new(OWN_PROGRAM)
            .arg0("howdah")
            .arg("hook")
            .env_clear()
            .envs(environment::for_worker(std::env::vars_os(), &[]))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(&serde_json::to_vec(&job)?).await?;
        }
        Ok(child)
    }

    fn done_with_one(&self) {
        self.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

/// Forgets what can matter no more: first no occasion of that time is told of any longer, and where one still is to be told
/// of, none is forgotten. How many records were removed.
fn remove_old(
    begun: &Begun,
    mut since: Since,
    (on, left): (&[OccasionKind], &[Notice]),
    journal: &Path,
    now: Timestamp,
) -> io::Result<usize> {
    let before = now.checked_sub(KEPT).map_err(io::Error::other)?;
    for kind in on.iter().copied() {
        let waits = left.iter().any(|(occasion, _)| occasion.kind == kind && occasion.at < before);
        if !waits && since.of(kind) < before {
            begun.advance(kind, before)?;
            since = since.with(kind, before);
        }
    }
    let reader = JournalReader::open(journal).map(RefCell::new).map_err(io::Error::other)?;
    // A session that the journal does not know may be brought back.
    let has_ended = |session: Uuid| {
        let mut reader = reader.borrow_mut();
        let names = reader.with_prefix(&session.to_string(), 1).unwrap_or_default();
        let found = names.first().and_then(|names| reader.session(names.id).ok().flatten());
        found.is_some_and(|session| !session.is_ongoing())
    };
    begun.prune(since, before, has_ended)
}
