//! Who owns the sessions while a console looks at them: this process, or another one behind the socket.
//!
//! Promises: the screen sees one switch for its whole life, whoever owns the sessions meanwhile; a console that is
//! stopped by its shell owns nothing, for an owner that stands still would hold up every try and every other face.
//! Never: decides anything about sessions.

use crate::{
    app::{
        attach,
        context::AppContext,
        handover::KeeperCommand,
        owner::{After, Owner, OwnerError, OwnerSettings},
    },
    control::Client,
    domain::Who,
    machine::Refusal,
    manager::{Clock, Moment, OwnerState, Reply, Request, Service, Snapshot},
};
use futures_util::future::BoxFuture;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// The owner switch of one console.
pub(super) struct OwnerSwitch {
    state: PathBuf,
    settings: OwnerSettings,
    keeper: KeeperCommand,
    who: Who,
    clock: Clock,
    backend: Mutex<Backend>,
    /// Sources of snapshots for the relay, the newest one counts.
    sources: mpsc::Sender<Source>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    owner: watch::Receiver<OwnerState>,
    relay: JoinHandle<()>,
}

/// The owner, with what reaches it; [`Backend::source`] says where that is.
enum Backend {
    /// In this process.
    Local(Owner),
    /// In another one.
    Remote(Client),
    /// Nowhere that is known: between two backends, or because none was found.
    Unreachable { since: Moment, reason: String },
}

/// Where snapshots come from.
struct Source {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    owner: watch::Receiver<OwnerState>,
    /// Keeps `owner` open where it never changes.
    _here: Option<watch::Sender<OwnerState>>,
}

impl OwnerSwitch {
    /// Owns the sessions, or attaches to whoever does.
    pub(super) async fn open(context: &AppContext, who: &Who, clock: Clock) -> anyhow::Result<Arc<Self>> {
        let (settings, keeper) = (context.owner_settings(), context.keeper());
        let backend = connect_backend(&context.state, &settings, &keeper, who, clock).await?;
        let source = backend.source();
        let (publisher, snapshots) = watch::channel(Arc::clone(&source.snapshots.borrow()));
        let (reporter, owner) = watch::channel(source.owner.borrow().clone());
        let (sources, changes) = mpsc::channel(1);
        let relay = tokio::spawn(relay(source, changes, publisher, reporter, clock));
        let (state, who, backend) = (context.state.clone(), who.clone(), Mutex::new(backend));
        let switch = Arc::new(Self { state, settings, keeper, who, clock, backend, sources, snapshots, owner, relay });
        switch.watch_owner();
        Ok(switch)
    }

    /// Looks for the owner that took the sessions from the one in this process, should that happen.
    fn watch_owner(self: &Arc<Self>) {
        let stepped_down = match &*self.backend.lock().unwrap_or_else(PoisonError::into_inner) {
            Backend::Local(owner) => owner.stepped_down(),
            Backend::Remote(_) | Backend::Unreachable { .. } => return,
        };
        let switch = Arc::downgrade(self);
        tokio::spawn(async move {
            let Some(reason) = stepped_down.await else { return };
            let Some(own) = switch.upgrade() else { return };
            tracing::error!(reason, "the owner in this console has stepped down");
            let unreachable = own.unreachable(reason);
            let gone = std::mem::replace(&mut *own.backend.lock().unwrap_or_else(PoisonError::into_inner), unreachable);
            if let Backend::Local(owner) = gone {
                owner.close().await;
            }
            own.reacquire().await;
        });
    }

    /// Where the owner is, and each change of that.
    pub(super) fn owner(&self) -> watch::Receiver<OwnerState> {
        self.owner.clone()
    }

    /// Releases the sessions before this process stands still. A console that is attached has nothing to release.
    pub(super) async fn release(&self) {
        let owner = {
            let mut backend = self.backend.lock().unwrap_or_else(PoisonError::into_inner);
            match std::mem::replace(&mut *backend, self.unreachable("this console was stopped".to_owned())) {
                Backend::Local(owner) => owner,
                other @ (Backend::Remote(_) | Backend::Unreachable { .. }) => {
                    *backend = other;
                    return;
                }
            }
        };
        if let Err(error) = owner.leave(self.keeper.clone()).await {
            tracing::error!(%error, "the console stands still and nobody goes on");
        }
    }

    /// Connects to a backend again after this process was continued.
    pub(super) async fn reacquire(self: &Arc<Self>) {
        if !matches!(*self.backend.lock().unwrap_or_else(PoisonError::into_inner), Backend::Unreachable { .. }) {
            return;
        }
        let backend = match connect_backend(&self.state, &self.settings, &self.keeper, &self.who, self.clock).await {
            Ok(backend) => backend,
            Err(error) => {
                tracing::error!(%error, "the console found no owner when it went on");
                self.unreachable(error.to_string())
            }
        };
        // The relay lives as long as the switch.
        let _: Result<(), mpsc::error::SendError<Source>> = self.sources.send(backend.source()).await;
        *self.backend.lock().unwrap_or_else(PoisonError::into_inner) = backend;
        self.watch_owner();
    }

    /// Leaves for good; what becomes of the sessions.
    pub(super) async fn leave(&self) -> anyhow::Result<After> {
        self.relay.abort();
        let gone = self.unreachable("this console was left".to_owned());
        let backend = std::mem::replace(&mut *self.backend.lock().unwrap_or_else(PoisonError::into_inner), gone);
        match backend {
            Backend::Local(owner) => owner.leave(self.keeper.clone()).await,
            Backend::Remote(client) => Ok(After::of(&client)),
            Backend::Unreachable { reason, .. } => Ok(After::Lost(reason)),
        }
    }

    /// What there is from now on instead of a backend.
    fn unreachable(&self, reason: String) -> Backend {
        Backend::Unreachable { since: self.clock.moment(), reason }
    }

    /// The service of the owner as it is now.
    fn service(&self) -> Result<Box<dyn Service>, Refusal> {
        match &*self.backend.lock().unwrap_or_else(PoisonError::into_inner) {
            Backend::Local(owner) => Ok(Box::new(owner.handle.clone())),
            Backend::Remote(client) => Ok(Box::new(client.clone())),
            Backend::Unreachable { reason, .. } => Err(Refusal::NotSent { reason: reason.clone() }),
        }
    }
}

impl Service for OwnerSwitch {
    fn ask(&self, request: Request, by: Who) -> BoxFuture<'static, Reply> {
        match self.service() {
            Ok(face) => face.ask(request, by),
            Err(refusal) => Box::pin(std::future::ready(request.refused(refusal))),
        }
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }
}

impl Backend {
    fn source(&self) -> Source {
        match self {
            Self::Local(owner) => {
                let (here, state) = watch::channel(OwnerState::Local);
                Source { snapshots: owner.handle.snapshots(), owner: state, _here: Some(here) }
            }
            Self::Remote(client) => Source { snapshots: client.snapshots(), owner: client.owner(), _here: None },
            Self::Unreachable { since, reason } => {
                let (here, state) = watch::channel(OwnerState::Unreachable { since: *since, reason: reason.clone() });
                let (_, snapshots) = watch::channel(Arc::default());
                Source { snapshots, owner: state, _here: Some(here) }
            }
        }
    }
}

async fn connect_backend(
    state: &std::path::Path,
    settings: &OwnerSettings,
    keeper: &KeeperCommand,
    who: &Who,
    clock: Clock,
) -> anyhow::Result<Backend> {
    match Owner::open(state, settings.clone()) {
        Ok(owner) => {
            owner.fill_completed();
            Ok(Backend::Local(owner))
        }
        Err(OwnerError::Held { .. }) => Ok(Backend::Remote(attach::connect(keeper, who, true, clock).await?)),
        Err(error) => Err(error.into()),
    }
}

/// Passes on what the newest source publishes.
async fn relay(
    mut source: Source,
    mut newer: mpsc::Receiver<Source>,
    publisher: watch::Sender<Arc<Snapshot>>,
    reporter: watch::Sender<OwnerState>,
    clock: Clock,
) {
    let report = |state: OwnerState| reporter.send_modify(|owner| owner.change_to(state));
    let mut snapshots_open = true;
    loop {
        tokio::select! {
            biased;
            Some(next) = newer.recv() => {
                source = next;
                snapshots_open = true;
                if !matches!(*source.owner.borrow_and_update(), OwnerState::Unreachable { .. }) {
                    publisher.send_replace(Arc::clone(&source.snapshots.borrow_and_update()));
                }
                report(source.owner.borrow().clone());
            }
            changed = source.snapshots.changed(), if snapshots_open => {
                snapshots_open = changed.is_ok();
                if snapshots_open {
                    publisher.send_replace(Arc::clone(&source.snapshots.borrow_and_update()));
                } else {
                    // The manager in this process has ended. If it was released, the next source knows more.
                    let reason = "the session manager of this console has ended; open howdah again".to_owned();
                    report(OwnerState::Unreachable { since: clock.moment(), reason });
                }
            }
            changed = source.owner.changed() => match changed {
                Ok(()) => report(source.owner.borrow_and_update().clone()),
                Err(_) => return,
            },
        }
    }
}
