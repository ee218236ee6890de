//! The sessions as a console sees them that was started with `--read-only`: those of the owner in another process, or what
//! the journal says while nobody owns them.
//!
//! Promises: it owns nothing and starts nobody; each command is refused with the reason, before it reaches an owner; an
//! owner that comes is attached to, one that goes leaves its journal to look at. Never: writes into the state directory.

use super::unowned::UnownedJournal;
use crate::{
    app::{attach, owner::After, ownership},
    control::Client,
    domain::{JobId, SessionId, Who},
    journal::JournalReader,
    machine::{Refusal, Session, job::JobRun},
    manager::{Clock, OwnerState, Reply, Request, Service, Snapshot},
};
use futures_util::future::BoxFuture;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
    time::sleep,
};

/// Between two looks for an owner, and at a journal that nobody owns.
const PAUSE: Duration = Duration::from_secs(1);

/// What refuses commands and answers the rest.
pub(super) struct ReadOnly {
    state: PathBuf,
    client: Arc<Mutex<Option<Client>>>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    owner: watch::Receiver<OwnerState>,
    follower: JoinHandle<()>,
}

/// What publishes them.
struct Follower {
    state: PathBuf,
    who: Who,
    clock: Clock,
    client: Arc<Mutex<Option<Client>>>,
    publisher: watch::Sender<Arc<Snapshot>>,
    reporter: watch::Sender<OwnerState>,
}

impl ReadOnly {
    /// Begins to look: at the owner's sessions where there is one, else at the journal.
    pub(super) async fn open(state: &Path, who: &Who, clock: Clock) -> anyhow::Result<Arc<Self>> {
        let nobody = OwnerState::Nobody { since: clock.moment() };
        let ((publisher, snapshots), (reporter, owner)) = (watch::channel(Arc::default()), watch::channel(nobody));
        let client = Arc::new(Mutex::new(None));
        let (state, who) = (state.to_owned(), who.clone());
        let follower = Follower { state: state.clone(), who, clock, client: Arc::clone(&client), publisher, reporter };
        let attached = if ownership::is_owned(&state) { Some(follower.attach().await?) } else { None };
        let journal = if attached.is_none() { Some(follower.read(UnownedJournal::open(&state)?).await?) } else { None };
        let follower = tokio::spawn(follower.follow(attached, journal));
        Ok(Arc::new(Self { state, client, snapshots, owner, follower }))
    }

    /// Where the owner is, and each change of that.
    pub(super) fn owner(&self) -> watch::Receiver<OwnerState> {
        self.owner.clone()
    }

    /// What becomes of the sessions when this console is left: nothing that it could know of.
    pub(super) fn left(&self) -> After {
        match &*self.client.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(client) => After::of(client),
            None => After::Unowned,
        }
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl Service for ReadOnly {
    fn ask(&self, request: Request, by: Who) -> BoxFuture<'static, Reply> {
        match request {
            Request::Session(id) => match &*self.client.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(client) => client.ask(request, by),
                None => Box::pin(stored(self.state.clone(), id)),
            },
            Request::Job(id) => match &*self.client.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(client) => client.ask(request, by),
                None => Box::pin(stored_run(self.state.clone(), id)),
            },
            Request::Start(_) | Request::Act { .. } | Request::StartJob(_) | Request::ActOnJob { .. } => {
                Box::pin(std::future::ready(request.refused(Refusal::ReadOnly)))
            }
        }
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }
}

impl Follower {
    async fn follow(self, mut attached: Option<Client>, mut journal: Option<UnownedJournal>) {
        loop {
            if let Some(client) = attached.take() {
                self.relay(&client).await;
                self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
                drop(client);
                journal = None;
            }
            let read = match journal.take().map_or_else(|| UnownedJournal::open(&self.state), Ok) {
                Ok(opened) => self.read(opened).await,
                Err(error) => Err(error.into()),
            };
            match read {
                Ok(opened) => journal = Some(opened),
                Err(error) => tracing::warn!(%error, "the journal cannot be read"),
            }
            sleep(PAUSE).await;
            if ownership::is_owned(&self.state) {
                match self.attach().await {
                    Ok(client) => attached = Some(client),
                    Err(error) => {
                        let lost = OwnerState::Unreachable { since: self.clock.moment(), reason: error.to_string() };
                        self.report(lost);
                    }
                }
            }
        }
    }

    async fn attach(&self) -> anyhow::Result<Client> {
        let client = attach::look_on(&self.state, &self.who, self.clock).await?;
        self.client.lock().unwrap_or_else(PoisonError::into_inner).replace(client.clone());
        self.publisher.send_replace(Arc::clone(&client.snapshots().borrow()));
        self.report(client.owner().borrow().clone());
        Ok(client)
    }

    /// Passes on what an owner publishes, until it is gone and nobody owns the sessions.
    async fn relay(&self, client: &Client) {
        let (mut snapshots, mut owner) = (client.snapshots(), client.owner());
        loop {
            let is_lost = matches!(*owner.borrow(), OwnerState::Unreachable { .. });
            if is_lost && !ownership::is_owned(&self.state) {
                return;
            }
            tokio::select! {
                Ok(()) = snapshots.changed() => {
                    self.publisher.send_replace(Arc::clone(&snapshots.borrow_and_update()));
                }
                Ok(()) = owner.changed() => {
                    let state = owner.borrow_and_update().clone();
                    if !matches!(state, OwnerState::Unreachable { .. }) || ownership::is_owned(&self.state) {
                        self.report(state);
                    }
                }
                () = sleep(PAUSE), if is_lost => {}
                else => return,
            }
        }
    }

    /// Publishes what the journal says, if that is something else than before.
    async fn read(&self, mut journal: UnownedJournal) -> anyhow::Result<UnownedJournal> {
        let publisher = self.publisher.clone();
        let read = spawn_blocking(move || {
            let mut is_new = false;
            let read = journal.read(|snapshot| {
                is_new = true;
                publisher.send_replace(Arc::new(snapshot));
            });
            read.map(|()| (journal, is_new))
        });
        let (journal, is_new) = read.await??;
        let known = matches!(*self.reporter.borrow(), OwnerState::Nobody { .. });
        if is_new || !known {
            self.report(OwnerState::Nobody { since: self.clock.moment() });
        }
        Ok(journal)
    }

    fn report(&self, state: OwnerState) {
        self.reporter.send_modify(|owner| owner.change_to(state));
    }
}

/// A session as the journal has it.
async fn stored(state: PathBuf, id: SessionId) -> Reply {
    let read = spawn_blocking(move || JournalReader::open(&state.join("journal.db"))?.session(id));
    let session: Option<Session> = match read.await {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a session cannot be read");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "a session cannot be read");
            None
        }
    };
    Reply::Session(session.map(Arc::new))
}

/// A run of a job as the journal has it.
async fn stored_run(state: PathBuf, id: JobId) -> Reply {
    let read = spawn_blocking(move || JournalReader::open(&state.join("journal.db"))?.run(id));
    let run: Option<JobRun> = match read.await {
        Ok(Ok(run)) => run,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a run cannot be read");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "a run cannot be read");
            None
        }
    };
    Reply::Job(run.map(Arc::new))
}
