//! The loop on paused time, with a surface that counts frames instead of painting them.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;
use crate::{
    catalog::Catalog,
    console::{Closing, Keymap, Theme, ports::OpenedFor},
    domain::{
        BackupFacts, BackupForm, BackupSource, ByteCount, ClusterRestore, ExistingData, Failure, InstanceName,
        LeftServer, Lsn, MissingWal, Port, Recovery, RestorePoint, RetryPolicy, ServerWish, SessionId, Target,
        Timeline, Timestamp, Who, Zones,
    },
    machine::{Event, Scope, Session, event::Created, evolve},
    manager::{Clock, OwnerState, Receipt, Reply, Request, Service, SessionAction, Snapshot},
};
use futures_util::stream;
use std::sync::{
    Arc, Mutex, OnceLock,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

#[derive(Clone, Default)]
struct Counter {
    frames: Arc<AtomicUsize>,
    owner: Arc<Mutex<Option<OwnerState>>>,
    /// The way in for input.
    input: Arc<OnceLock<mpsc::WeakUnboundedSender<ExternalEvent>>>,
    /// Whether nobody read input any more when the terminal was given back.
    input_left: Arc<Mutex<Option<bool>>>,
}

impl Drop for Counter {
    fn drop(&mut self) {
        let input = self.input.get().and_then(mpsc::WeakUnboundedSender::upgrade);
        let mut left = self.input_left.lock().unwrap();
        *left = left.or(input.map(|input| input.is_closed()));
    }
}

impl Counter {
    fn frames(&self) -> usize {
        self.frames.load(Ordering::SeqCst)
    }

    /// The owner that the newest frame told.
    fn owner(&self) -> Option<OwnerState> {
        self.owner.lock().unwrap().clone()
    }
}

impl Surface for Counter {
    fn size(&self) -> io::Result<(u16, u16)> {
        Ok((100, 30))
    }

    fn draw(&mut self, model: &Model, _: &mut Brush) -> io::Result<()> {
        self.frames.fetch_add(1, Ordering::SeqCst);
        *self.owner.lock().unwrap() = Some(model.owner().clone());
        Ok(())
    }
}

struct Fake {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    acts: Arc<Mutex<Vec<(SessionAction, Scope)>>>,
}

impl Service for Fake {
    fn ask(&self, request: Request, _: Who) -> BoxFuture<'static, Reply> {
        let acts = Arc::clone(&self.acts);
        // A manager that is asked only when it is polled, and answers later.
        async move {
            match request {
                Request::Start(_) => Reply::Receipt(Receipt::default()),
                Request::Act { act, scope } => {
                    sleep(Duration::from_millis(100)).await;
                    acts.lock().unwrap().push((act, scope));
                    Reply::Receipt(Receipt::default())
                }
                Request::Session(_) => Reply::Session(None),
                Request::StartJob(_) | Request::ActOnJob { .. } | Request::Job(_) => Reply::Job(None),
            }
        }
        .boxed()
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }
}

struct Bench {
    frames: Counter,
    publish: watch::Sender<Arc<Snapshot>>,
    owner: watch::Sender<OwnerState>,
    acts: Arc<Mutex<Vec<(SessionAction, Scope)>>>,
    histories: Arc<AtomicUsize>,
    send: mpsc::UnboundedSender<ExternalEvent>,
    ends: tokio::task::JoinHandle<io::Result<Ending>>,
}

impl Bench {
    fn new(snapshot: Snapshot) -> Self {
        let (publish, snapshots) = watch::channel(Arc::new(snapshot));
        let (_, catalog) = watch::channel(Arc::new(Catalog::default()));
        let (reporter, owner) = watch::channel(OwnerState::Local);
        let acts: Arc<Mutex<Vec<(SessionAction, Scope)>>> = Arc::default();
        let histories: Arc<AtomicUsize> = Arc::default();
        let asked = Arc::clone(&histories);
        let ports = Ports {
            manager: Arc::new(Fake { snapshots, acts: Arc::clone(&acts) }),
            owner,
            exposed: watch::channel(None).1,
            catalog,
            refresh_catalog: Box::new(|| {}),
            plan: Box::new(|_| std::future::ready(Err(Failure::bug("no plan here"))).boxed()),
            browse: Box::new(|_, _| std::future::ready(Err(Failure::bug("nothing is open here"))).boxed()),
            count: Box::new(|_, _| std::future::ready(Err(Failure::bug("nothing is open here"))).boxed()),
            compare: Box::new(|_| stream::once(std::future::ready(Err(Failure::bug("nothing is open here")))).boxed()),
            plan_order: Box::new(|_| std::future::ready(Err(Failure::bug("no plan here"))).boxed()),
            plan_job: Box::new(|_| std::future::ready(Vec::new()).boxed()),
            run_history: Box::new(|_| std::future::ready(Ok(Vec::new())).boxed()),
            log: Box::new(|_, _, _| std::future::ready(Ok(Vec::new())).boxed()),
            save_log: Box::new(|_, _, _| std::future::ready(Ok(0)).boxed()),
            history: Box::new(move |_| {
                asked.fetch_add(1, Ordering::SeqCst);
                std::future::ready(Ok(vec![(noon(), "ordered".to_owned())])).boxed()
            }),
            past: Box::new(|| std::future::ready(Ok(Vec::new())).boxed()),
            server: Box::new(|_| std::future::ready(Ok(LeftServer::Down)).boxed()),
            stop_server: Box::new(|_, _| std::future::ready(Ok(true)).boxed()),
            release: Box::new(|| std::future::ready(()).boxed()),
            reacquire: Box::new(|| std::future::ready(()).boxed()),
            places: Box::new(|_| std::future::ready(Vec::new()).boxed()),
            window: Box::new(|_| std::future::ready(Err(Failure::bug("no window here"))).boxed()),
            commits: Box::new(|_, _, _| std::future::ready(Err(Failure::bug("no commits here"))).boxed()),
            clock: Clock::starting_at(noon()),
        };
        let options = ConsoleOptions {
            by: Who::new("ops", "bastion", 42, Some("pts/3")),
            closing: Closing::Safe,
            restore_dir: "/srv".into(),
            max_rate: None,
            first_port: Port::new(5433).unwrap(),
            own_hint: String::new(),
            program: "howdah".into(),
            state_dir: "/state".into(),
            attempts_dir: "/attempts".into(),
            keymap: Keymap::default(),
            zones: Zones::utc(),
            jobs: Arc::default(),
            theme: Theme::Dark,
            ascii: false,
            mouse: false,
            progress_pause: Duration::from_millis(500),
            bell: false,
            purpose: OpenedFor::Work,
        };
        let (send, outside) = mpsc::unbounded_channel();
        let outside = stream::unfold(outside, |mut outside| async { Some((outside.recv().await?, outside)) });
        let frames = Counter::default();
        frames.input.set(send.downgrade()).unwrap();
        let ends = tokio::spawn(drive(ports, options, frames.clone(), outside));
        Self { frames, publish, owner: reporter, acts, histories, send, ends }
    }

    fn press(&self, key: &str) {
        self.send.send(ExternalEvent::Message(Message::Key(key.parse().unwrap()))).unwrap();
    }
}

fn noon() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn session() -> Session {
    let instance = InstanceName::new("orders");
    let facts = BackupFacts {
        size: ByteCount(1),
        files: 1,
        timeline: Timeline(1),
        start_lsn: Lsn(0),
        stop_lsn: Lsn(0),
        taken_at: noon(),
        version: None,
        system_identifier: None,
    };
    let point = RestorePoint {
        instance,
        label: "1".to_owned(),
        source: BackupSource::BaseBackup { directory: "/b".into(), form: BackupForm::Plain },
        facts,
        repository: None,
    };
    let target = Target::new("/srv/orders", Port::new(5433).unwrap()).unwrap();
    let (server, existing) = (ServerWish::FilesOnly, ExistingData::Refuse);
    let missing_wal = MissingWal::Refuse;
    let request = ClusterRestore {
        point,
        target,
        recovery: Recovery::to_consistency(),
        server,
        max_rate: None,
        existing,
        missing_wal,
    };
    let (id, policy, by) = (SessionId(1), RetryPolicy::default(), "ops".to_owned());
    let (uuid, origin, places) = (uuid::Uuid::nil(), Origin::Console, Vec::new());
    Session::create(Created { id, uuid, order: request.into(), parent: None, policy, by, origin, at: noon(), places })
}

fn with(session: Session) -> Snapshot {
    Snapshot { ongoing: vec![Arc::new(session)], ..Snapshot::default() }
}

#[tokio::test(start_paused = true)]
async fn an_idle_screen_draws_nothing() {
    for snapshot in [Snapshot::default(), with(session())] {
        let bench = Bench::new(snapshot);
        sleep(Duration::from_secs(1)).await;
        let before = bench.frames.frames();
        sleep(Duration::from_secs(10)).await;
        assert_eq!((before, bench.frames.frames()), (1, 1));
        assert!(!bench.ends.is_finished());
    }
}

#[tokio::test(start_paused = true)]
async fn an_elapsed_time_in_view_is_drawn_once_a_second() {
    let attempt = crate::domain::AttemptNo(1);
    let bench = Bench::new(with(evolve(session(), &Event::Launched { attempt }, noon())));
    sleep(Duration::from_millis(10_500)).await;
    assert_eq!(bench.frames.frames(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pictures_is_drawn_twice_a_second_and_the_last_one_always() {
    let bench = Bench::new(Snapshot::default());
    sleep(Duration::from_secs(1)).await;
    let before = bench.frames.frames();
    for revision in 0..10_000 {
        bench.publish.send_replace(Arc::new(Snapshot { revision, ..Snapshot::default() }));
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_secs(1)).await;
    let drawn = bench.frames.frames() - before;
    assert!((19..=22).contains(&drawn), "{drawn} frames");
    let before = bench.frames.frames();
    bench.publish.send_replace(Arc::default());
    bench.publish.send_replace(Arc::default());
    sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.frames.frames() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_person_does_is_seen_sixty_times_a_second_whatever_progresses() {
    let bench = Bench::new(Snapshot::default());
    sleep(Duration::from_secs(1)).await;
    let before = bench.frames.frames();
    for revision in 0..1_000 {
        bench.publish.send_replace(Arc::new(Snapshot { revision, ..Snapshot::default() }));
        bench.press(if revision % 2 == 0 { "j" } else { "k" });
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_secs(1)).await;
    let drawn = bench.frames.frames() - before;
    assert!((55..=64).contains(&drawn), "{drawn} frames");
    // Who gets stuck or comes is no progress.
    let before = bench.frames.frames();
    bench.publish.send_replace(Arc::new(Snapshot { revision: 1, ..Snapshot::default() }));
    sleep(Duration::from_millis(100)).await;
    let counts = crate::manager::Counts { queued: 1, ..Default::default() };
    bench.publish.send_replace(Arc::new(Snapshot { counts, ..with(session()) }));
    sleep(Duration::from_millis(20)).await;
    assert_eq!(bench.frames.frames() - before, 2);
}

#[tokio::test(start_paused = true)]
async fn who_orders_and_leaves_in_one_breath_has_still_ordered() {
    use crate::domain::FailureClass;
    let attempt = crate::domain::AttemptNo(1);
    let failure = Failure { class: FailureClass::Incurable, ..Failure::bug("full") };
    let (reached, reason) = (crate::domain::Reached::default(), crate::machine::StuckReason::Incurable);
    let stuck = [Event::Launched { attempt }, Event::GotStuck { attempt, failure, reached, reason }];
    let bench = Bench::new(with(stuck.iter().fold(session(), |session, event| evolve(session, event, noon()))));
    bench.press("r");
    bench.press("q");
    let ending = bench.ends.await.unwrap().unwrap();
    assert_eq!(ending.reason, EndReason::Closed);
    assert_eq!(*bench.acts.lock().unwrap(), [(SessionAction::Retry, Scope::Sessions(vec![SessionId(1)]))]);
}

#[tokio::test(start_paused = true)]
async fn a_hang_up_and_a_signal_end_the_screen_at_once() {
    for reason in [EndReason::HungUp, EndReason::Signal] {
        let bench = Bench::new(Snapshot::default());
        bench.send.send(ExternalEvent::End(reason)).unwrap();
        assert_eq!(bench.ends.await.unwrap().unwrap().reason, reason);
    }
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_ends_is_told_and_does_not_spin() {
    let bench = Bench::new(Snapshot::default());
    sleep(Duration::from_secs(1)).await;
    let Bench { frames, publish, ends, send, .. } = bench;
    drop(publish);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(frames.frames(), 2);
    send.send(ExternalEvent::End(EndReason::Closed)).unwrap();
    assert!(ends.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_owner_who_goes_and_comes_back_is_shown_without_a_new_picture() {
    let bench = Bench::new(Snapshot::default());
    sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.frames.owner(), Some(OwnerState::Local));
    let since = noon().checked_add(Duration::from_secs(2)).unwrap().into();
    for state in [
        OwnerState::Remote { pid: 4_090 },
        OwnerState::Unreachable { since, reason: "it hung up".to_owned() },
        OwnerState::Remote { pid: 4_091 },
    ] {
        bench.owner.send_replace(state.clone());
        sleep(Duration::from_secs(1)).await;
        assert_eq!(bench.frames.owner(), Some(state));
    }
}

#[tokio::test(start_paused = true)]
async fn the_events_in_view_are_read_once_and_at_most_once_a_second_while_their_session_changes() {
    let bench = Bench::new(with(session()));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.histories.load(Ordering::SeqCst), 0, "nobody looks at them");
    bench.press("4");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.histories.load(Ordering::SeqCst), 1, "nothing has changed");
    for _ in 0..100 {
        bench.publish.send_replace(Arc::new(with(session())));
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_secs(10)).await;
    let read = bench.histories.load(Ordering::SeqCst) - 1;
    assert!((5..=7).contains(&read), "{read} times in five seconds");
}

#[tokio::test(start_paused = true)]
async fn input_is_left_to_the_shell_before_it_gets_the_terminal_back() {
    let Bench { frames, send, ends, .. } = Bench::new(Snapshot::default());
    send.send(ExternalEvent::Message(Message::Key("q".parse().unwrap()))).unwrap();
    ends.await.unwrap().unwrap();
    assert_eq!(*frames.input_left.lock().unwrap(), Some(true));
}
