//! Who owns the sessions while a console looks at them: this process, or another one behind the socket.
//!
//! Promises: the screen sees one steward for its whole life, whoever owns the sessions meanwhile; a console that is
//! stopped by its shell owns nothing, for an owner that stands still would hold up every try and every other face.
//! Never: it decides nothing about sessions.

use crate::{
    app::{
        attach,
        handover::KeeperCall,
        owner::{After, Owner, OwnerError},
        setting::Setting,
    },
    console::ports::OwnerState,
    control::{Client, ConnectionState},
    domain::Who,
    machine::Refusal,
    manager::{ManagerSettings, Reply, Request, Service, Snapshot},
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

/// The steward of one console.
pub(super) struct Steward {
    state: PathBuf,
    settings: ManagerSettings,
    keeper: KeeperCall,
    who: Who,
    seat: Mutex<Seat>,
    /// Sources of pictures for the relay, the newest one counts.
    sources: mpsc::Sender<Source>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    place: watch::Receiver<OwnerState>,
    relay: JoinHandle<()>,
}

/// Where the owner sits.
enum Seat {
    /// In this process.
    Here(Owner),
    /// In another one.
    There(Client),
    /// Nowhere that is known: between two seats, or because none was found.
    Nowhere(String),
}

/// Where pictures come from.
struct Source {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    place: watch::Receiver<OwnerState>,
    /// Keeps `place` open where it never changes.
    _here: Option<watch::Sender<OwnerState>>,
}

impl Steward {
    /// Owns the sessions, or attaches to whoever does.
    pub(super) async fn open(setting: &Setting, who: &Who) -> anyhow::Result<Arc<Self>> {
        let (settings, keeper) = (setting.manager_settings(), setting.keeper());
        let seat = take_seat(&setting.state, &settings, &keeper, who).await?;
        let source = seat.source();
        let (publisher, snapshots) = watch::channel(Arc::clone(&source.snapshots.borrow()));
        let (teller, place) = watch::channel(source.place.borrow().clone());
        let (sources, changes) = mpsc::channel(1);
        let relay = tokio::spawn(relay(source, changes, publisher, teller));
        let (state, who, seat) = (setting.state.clone(), who.clone(), Mutex::new(seat));
        let steward = Arc::new(Self { state, settings, keeper, who, seat, sources, snapshots, place, relay });
        steward.watch_owner();
        Ok(steward)
    }

    /// Looks for the owner that took the sessions from the one in this process, should that happen.
    fn watch_owner(self: &Arc<Self>) {
        let stepped_down = match &*self.seat.lock().unwrap_or_else(PoisonError::into_inner) {
            Seat::Here(owner) => owner.stepped_down(),
            Seat::There(_) | Seat::Nowhere(_) => return,
        };
        let steward = Arc::downgrade(self);
        tokio::spawn(async move {
            let Some(reason) = stepped_down.await else { return };
            let Some(own) = steward.upgrade() else { return };
            tracing::error!(reason, "the owner in this console has stepped down");
            let nowhere = Seat::Nowhere(reason);
            let gone = std::mem::replace(&mut *own.seat.lock().unwrap_or_else(PoisonError::into_inner), nowhere);
            if let Seat::Here(owner) = gone {
                owner.close().await;
            }
            own.reacquire().await;
        });
    }

    /// Where the owner is, and word of each change.
    pub(super) fn place(&self) -> watch::Receiver<OwnerState> {
        self.place.clone()
    }

    /// Lets go of the sessions before this process stands still. A console that is attached has nothing to let go of.
    pub(super) async fn release(&self) {
        let owner = {
            let mut seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
            match std::mem::replace(&mut *seat, Seat::Nowhere("this console was stopped".to_owned())) {
                Seat::Here(owner) => owner,
                other @ (Seat::There(_) | Seat::Nowhere(_)) => {
                    *seat = other;
                    return;
                }
            }
        };
        if let Err(error) = owner.leave(self.keeper.clone()).await {
            tracing::error!(%error, "the console stands still and nobody goes on");
        }
    }

    /// Looks for a seat again after this process went on.
    pub(super) async fn reacquire(self: &Arc<Self>) {
        if !matches!(*self.seat.lock().unwrap_or_else(PoisonError::into_inner), Seat::Nowhere(_)) {
            return;
        }
        let seat = match take_seat(&self.state, &self.settings, &self.keeper, &self.who).await {
            Ok(seat) => seat,
            Err(error) => {
                tracing::error!(%error, "the console found no owner when it went on");
                Seat::Nowhere(error.to_string())
            }
        };
        // The relay lives as long as the steward.
        let _: Result<(), mpsc::error::SendError<Source>> = self.sources.send(seat.source()).await;
        *self.seat.lock().unwrap_or_else(PoisonError::into_inner) = seat;
        self.watch_owner();
    }

    /// Leaves for good; what becomes of the sessions.
    pub(super) async fn leave(&self) -> anyhow::Result<After> {
        self.relay.abort();
        let gone = Seat::Nowhere("this console was left".to_owned());
        let seat = std::mem::replace(&mut *self.seat.lock().unwrap_or_else(PoisonError::into_inner), gone);
        match seat {
            Seat::Here(owner) => owner.leave(self.keeper.clone()).await,
            Seat::There(client) => Ok(match &*client.state().borrow() {
                ConnectionState::Connected { pid } => After::Kept(*pid),
                ConnectionState::Disconnected { reason } => After::Lost(reason.clone()),
            }),
            Seat::Nowhere(reason) => Ok(After::Lost(reason)),
        }
    }

    /// The way to the owner as it is now.
    fn face(&self) -> Result<Box<dyn Service>, Refusal> {
        match &*self.seat.lock().unwrap_or_else(PoisonError::into_inner) {
            Seat::Here(owner) => Ok(Box::new(owner.handle.clone())),
            Seat::There(client) => Ok(Box::new(client.clone())),
            Seat::Nowhere(reason) => Err(Refusal::NotSent { reason: reason.clone() }),
        }
    }
}

impl Service for Steward {
    fn ask(&self, request: Request, by: Who) -> BoxFuture<'static, Reply> {
        match self.face() {
            Ok(face) => face.ask(request, by),
            Err(refusal) => Box::pin(std::future::ready(request.refused(refusal))),
        }
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }
}

impl Seat {
    fn source(&self) -> Source {
        match self {
            Self::Here(owner) => {
                let (here, place) = watch::channel(OwnerState::Local);
                Source { snapshots: owner.handle.snapshots(), place, _here: Some(here) }
            }
            Self::There(client) => Source { snapshots: client.snapshots(), place: places(client.state()), _here: None },
            Self::Nowhere(reason) => {
                let (here, place) = watch::channel(OwnerState::Unreachable { reason: reason.clone() });
                let (_, snapshots) = watch::channel(Arc::default());
                Source { snapshots, place, _here: Some(here) }
            }
        }
    }
}

async fn take_seat(
    state: &std::path::Path,
    settings: &ManagerSettings,
    keeper: &KeeperCall,
    who: &Who,
) -> anyhow::Result<Seat> {
    match Owner::open(state, settings.clone()) {
        Ok(owner) => {
            owner.fill_completed();
            Ok(Seat::Here(owner))
        }
        Err(OwnerError::Held { .. }) => Ok(Seat::There(attach::connect(keeper, who, true).await?)),
        Err(error) => Err(error.into()),
    }
}

/// Passes on what the newest source publishes.
async fn relay(
    mut source: Source,
    mut newer: mpsc::Receiver<Source>,
    publisher: watch::Sender<Arc<Snapshot>>,
    teller: watch::Sender<OwnerState>,
) {
    let mut pictures = true;
    loop {
        tokio::select! {
            biased;
            Some(next) = newer.recv() => {
                source = next;
                pictures = true;
                if !matches!(*source.place.borrow_and_update(), OwnerState::Unreachable { .. }) {
                    publisher.send_replace(Arc::clone(&source.snapshots.borrow_and_update()));
                }
                teller.send_replace(source.place.borrow().clone());
            }
            changed = source.snapshots.changed(), if pictures => {
                pictures = changed.is_ok();
                if pictures {
                    publisher.send_replace(Arc::clone(&source.snapshots.borrow_and_update()));
                } else {
                    // The manager in this process has ended. If it was let go of, the next source tells more.
                    let reason = "the session manager of this console has ended; open howdah again".to_owned();
                    teller.send_replace(OwnerState::Unreachable { reason });
                }
            }
            changed = source.place.changed() => match changed {
                Ok(()) => drop(teller.send_replace(source.place.borrow_and_update().clone())),
                Err(_) => return,
            },
        }
    }
}

/// Where the owner is, in the words of the screen.
fn places(mut state: watch::Receiver<ConnectionState>) -> watch::Receiver<OwnerState> {
    let place = |state: &ConnectionState| match state {
        ConnectionState::Connected { pid } => OwnerState::Remote { pid: *pid },
        ConnectionState::Disconnected { reason } => OwnerState::Unreachable { reason: reason.clone() },
    };
    let (tell, told) = watch::channel(place(&state.borrow_and_update()));
    tokio::spawn(async move {
        while state.changed().await.is_ok() {
            let now = place(&state.borrow_and_update());
            if tell.send(now).is_err() {
                return;
            }
        }
    });
    told
}
