//! A session that happens again: what the screen is given in the place of an owner.

use super::history::History;
use crate::{
    catalog::Catalog,
    console::{
        keymap::Keymap,
        ports::{Closing, ConsoleOptions, OpenedFor, Ports},
        theme::Theme,
    },
    domain::{Failure, Port, Timestamp, Who, Zones},
    machine::{CompletedRow, EndedCounts, Event, Refusal, Session, evolve},
    manager::{Clock, Counts, OwnerState, Reply, Request, Service, Snapshot},
};
use futures_util::future::BoxFuture;
use futures_util::stream::once;
use std::{
    future::ready,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{advance, sleep},
};

/// Two pictures of progress a second, as on a live screen.
const PAUSE: Duration = Duration::from_millis(500);

/// The end is seen for so long.
const AT_THE_END: Duration = Duration::from_secs(3);

/// A live screen shows whatever happens within this time.
const SHOWN: Duration = Duration::from_millis(600);

/// The session, as far as it has come again.
pub(super) struct Replayed {
    history: Arc<History>,
    clock: Clock,
    happened: Arc<Happened>,
}

struct Happened {
    session: watch::Sender<Arc<Session>>,
    snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Replayed {
    /// As it was ordered.
    pub(super) fn new(history: History, clock: Clock) -> Self {
        let session = Arc::new(history.session());
        let snapshots = watch::Sender::new(Arc::new(snapshot(&session, 1)));
        let happened = Happened { session: watch::Sender::new(session), snapshots };
        Self { history: Arc::new(history), clock, happened: Arc::new(happened) }
    }

    /// What the screen asks.
    pub(super) fn ports(&self) -> Ports {
        let (history, clock) = (Arc::clone(&self.history), self.clock);
        Ports {
            manager: Arc::clone(&self.happened) as Arc<dyn Service>,
            owner: watch::channel(OwnerState::Local).1,
            exposed: watch::channel(None).1,
            catalog: watch::channel(Arc::new(Catalog::default())).1,
            refresh_catalog: Box::new(|| {}),
            plan: Box::new(|_| Box::pin(ready(Err(Failure::bug("nothing is planned in a replay"))))),
            browse: Box::new(|_, _| Box::pin(ready(Err(Failure::bug("nothing is open in a replay"))))),
            count: Box::new(|_, _| Box::pin(ready(Err(Failure::bug("nothing is open in a replay"))))),
            compare: Box::new(|_| Box::pin(once(ready(Err(Failure::bug("nothing is open in a replay")))))),
            plan_order: Box::new(|_| Box::pin(ready(Err(Failure::bug("nothing is planned in a replay"))))),
            plan_job: Box::new(|_| Box::pin(ready(Vec::new()))),
            run_history: Box::new(|_| Box::pin(ready(Ok(Vec::new())))),
            log: Box::new(|_, _, _| Box::pin(ready(Ok(Vec::new())))),
            save_log: Box::new(|_, _, _| Box::pin(ready(Err(io::Error::other("a replay writes no file"))))),
            history: Box::new(move |_| Box::pin(ready(Ok(history.until(clock.now()))))),
            past: Box::new(|| Box::pin(ready(Ok(Vec::new())))),
            server: Box::new(|_| Box::pin(ready(Err("a replay looks at no server".to_owned())))),
            stop_server: Box::new(|_, _| Box::pin(ready(Err("a replay stops no server".to_owned())))),
            release: Box::new(|| Box::pin(ready(()))),
            reacquire: Box::new(|| Box::pin(ready(()))),
            places: Box::new(|_| Box::pin(ready(Vec::new()))),
            window: Box::new(|_| Box::pin(ready(Err(Failure::bug("no archive is read in a replay"))))),
            commits: Box::new(|_, _, _| Box::pin(ready(Err(Failure::bug("no archive is read in a replay"))))),
            clock,
        }
    }

    /// Lets all of it happen again, each change at its moment. Where nothing happens for longer than `leap`, time leaps by
    /// so much at once, and is seen in between.
    pub(super) async fn play(self, leap: Duration) {
        for (at, event) in &self.history.changes {
            loop {
                sleep(self.clock.until_steady(*at).min(SHOWN)).await;
                let idle = self.clock.until_steady(*at);
                if idle.is_zero() {
                    break;
                }
                // What comes next is awaited with the clock going.
                advance(idle.saturating_sub(SHOWN).min(leap)).await;
            }
            self.happened.next(event, *at);
        }
        sleep(AT_THE_END).await;
    }
}

impl Happened {
    fn next(&self, event: &Event, at: Timestamp) {
        let session = Arc::new(evolve(Session::clone(&self.session.borrow()), event, at));
        self.session.send_replace(Arc::clone(&session));
        let revision = self.snapshots.borrow().revision + 1;
        self.snapshots.send_replace(Arc::new(snapshot(&session, revision)));
    }
}

/// A snapshot with nothing but this session. One that was dismissed is shown all the same: it is what this is about.
fn snapshot(session: &Arc<Session>, revision: u64) -> Snapshot {
    let mut snapshot = Snapshot { revision, ..Snapshot::default() };
    let mut ended = EndedCounts::default();
    if let Some(row) = CompletedRow::of(session) {
        *ended.count_mut(row.kind, row.result) += 1;
        snapshot.completed = Arc::new(vec![Arc::new(row)]);
    } else {
        snapshot.ongoing = vec![Arc::clone(session)];
    }
    snapshot.counts = Counts::of(&snapshot.ongoing, ended);
    snapshot
}

impl Service for Happened {
    fn ask(&self, request: Request, _: Who) -> BoxFuture<'static, Reply> {
        Box::pin(ready(match request {
            Request::Session(id) => {
                let session = Arc::clone(&self.session.borrow());
                Reply::Session((session.id() == id).then_some(session))
            }
            Request::Start(_)
            | Request::Act { .. }
            | Request::StartJob(_)
            | Request::ActOnJob { .. }
            | Request::Job(_) => request.refused(Refusal::ReadOnly),
        }))
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.subscribe()
    }
}

/// Options that depend on the session alone, and on where it is kept.
pub(super) fn options(history: &History, (state, ascii): (&Path, bool)) -> anyhow::Result<ConsoleOptions> {
    Ok(ConsoleOptions {
        by: history.by(),
        closing: Closing::Safe,
        restore_dir: PathBuf::from("/"),
        max_rate: None,
        first_port: Port::new(5433)?,
        own_hint: String::new(),
        program: "howdah".into(),
        state_dir: state.to_owned(),
        attempts_dir: state.join("attempts"),
        keymap: Keymap::default(),
        zones: Zones::utc(),
        jobs: Arc::default(),
        theme: Theme::Dark,
        ascii,
        mouse: false,
        progress_pause: PAUSE,
        bell: false,
        purpose: OpenedFor::Replay,
    })
}
