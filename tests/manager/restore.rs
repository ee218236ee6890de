//! `howdah restore` over a real manager: what it says on stderr and how it ends.

use crate::{
    harness::{Harness, Plan, ends, ops, runs},
    sample,
};
use howdah::{
    attempt::Scenario,
    cli::{
        exit::Exit,
        restore::{self, Interrupt},
        state::CommandForm,
        streams::Streams,
    },
    domain::{
        AtTarget, AttemptNo, ClusterRestore, Disposed, Origin, Recovery, RecoveryGoal, SessionId, Target,
        fact::{Began, End, Fact},
        ticket::Work,
    },
    machine::{CancelStage, Phase, Report, Session, Urgency},
    manager::{Ids, StartRequest},
};
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// A stream that others read while it is written.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The person at the terminal of the command.
struct Person {
    interrupts: mpsc::Sender<Interrupt>,
    err: Heard,
}

impl Person {
    async fn interrupt(&self) {
        self.interrupts.send(Interrupt).await.unwrap();
    }
}

/// Runs the command while a person does something; how it ended, the lines on stderr, and the object on stdout.
async fn run(harness: &Harness, script: impl AsyncFnOnce(Person)) -> (Exit, Vec<String>, serde_json::Value) {
    run_request(harness, sample::request(1), script).await
}

async fn run_request(
    harness: &Harness,
    request: ClusterRestore,
    script: impl AsyncFnOnce(Person),
) -> (Exit, Vec<String>, serde_json::Value) {
    let (interrupts, receiver) = mpsc::channel(2);
    let order = StartRequest { orders: vec![request.into()], policy: None, origin: Origin::CommandLine };
    let (mut out, mut err) = (Vec::new(), Heard::default());
    let person = Person { interrupts, err: err.clone() };
    let form = CommandForm::new(Some("/srv/state".to_owned()));
    let mut streams = Streams { out: &mut out, err: &mut err, live: false, columns: 80, json: true };
    let by = ops();
    let command = restore::run(&harness.handle, (harness.clock, &form), (order, &by), receiver, &mut streams);
    let (exit, ()) = tokio::join!(command, script(person));
    (exit.unwrap(), err.lines(), serde_json::from_slice(&out).unwrap())
}

async fn until_disposing(harness: &Harness) -> Arc<Session> {
    harness
        .until_phase(1, |phase| matches!(phase, Phase::Cancelling { stage: CancelStage::Disposing { .. }, .. }))
        .await
}

#[tokio::test(start_paused = true)]
async fn r11_the_end_says_that_the_tries_are_used_up_and_how_to_go_on() {
    let harness = Plan::default().open(|_| ends(1, sample::over(End::Failed(sample::disruption()))));
    let (exit, lines, object) = run(&harness, async |_| ()).await;
    assert_eq!(exit, Exit::Stuck);
    assert_eq!(
        lines[lines.len() - 2..],
        [
            "orders-1: stuck, all 10 tries used up: the repository is gone",
            "howdah session retry 1 --state-dir /srv/state makes another attempt, howdah session cancel 1 --state-dir /srv/state ends it; so do the keys of the console, \
             howdah",
        ]
    );
    assert!(lines.iter().any(|line| line.contains("attempt 3, try 2 of 10")), "{lines:#?}");
    assert_eq!(
        (&object["reason"], &object["tries_total"], &object["tries_limit"]),
        (&"tries_used_up".into(), &10.into(), &10.into())
    );
}

#[tokio::test(start_paused = true)]
async fn at_a_pause_the_command_ends_and_names_how_it_goes_on() {
    let harness = Plan::default().open(crate::paused::pauses);
    let recovery = Recovery {
        goal: RecoveryGoal::Time("2026-11-20T12:29:59Z".parse().unwrap()),
        at_target: AtTarget::Pause,
        archive: Some("/srv/wal/orders-1".into()),
        ..Recovery::to_consistency()
    };
    let (exit, lines, object) =
        run_request(&harness, ClusterRestore { recovery, ..sample::request(1) }, async |_| ()).await;
    assert_eq!(exit as u8, 6);
    assert_eq!(
        lines[lines.len() - 3..],
        [
            "orders-1: paused at the goal of its recovery (2026-11-20 12:29:59 UTC), 0/2000100, last commit 2026-11-20 \
             02:00:00 UTC; it answered: PostgreSQL 15.4",
            "psql -h /tmp/howdah-s -p 5432 -U postgres -d postgres",
            "howdah session go-on 1 --time ... --state-dir /srv/state moves it to a later goal, howdah session promote 1 \
             --state-dir /srv/state opens it for writing, howdah session stop-here 1 --state-dir /srv/state shuts it down \
             there, howdah session cancel 1 --state-dir /srv/state ends it",
        ]
    );
    assert_eq!(
        (&object["phase"], &object["recovery"], &object["paused"]),
        (
            &"paused".into(),
            &serde_json::json!({
                "goal": {"time": "2026-11-20T12:29:59Z"}, "inclusive": true, "timeline": "current", "at_target": "pause",
                "archive": "/srv/wal/orders-1", "standby_of": null,
            }),
            &serde_json::json!({
                "lsn": "0/2000100", "committed": "2026-11-20T02:00:00Z", "answer": "PostgreSQL 15.4",
                "server": {
                    "sockets": "/tmp/howdah-s", "port": 5432, "psql": "psql -h /tmp/howdah-s -p 5432 -U postgres -d postgres",
                },
            }),
        )
    );
    assert_eq!(harness.now().await.counts.paused, 1, "what ends the command ends nothing else");
}

#[tokio::test(start_paused = true)]
async fn d06_a_second_interrupt_leaves_a_disposal_in_time_alone() {
    let harness = Plan::default().open(|ticket| match ticket.work {
        Work::Run(_) => runs(),
        Work::Dispose { .. } => ends(20, sample::over(End::Disposed(Disposed::Removed))),
    });
    let (exit, lines, object) = run(&harness, async |person| {
        harness.until(|now| now.counts.running == 1).await;
        person.interrupt().await;
        until_disposing(&harness).await;
        person.interrupt().await;
    })
    .await;
    assert_eq!(
        (exit, &object["disposed"], &object["left"]),
        (Exit::Cancelled, &"removed".into(), &serde_json::json!([]))
    );
    let calm = "howdah: session 1 was not forced: its partial data is being dealt with, and that is in time until";
    assert!(lines.iter().any(|line| line.starts_with(calm)), "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "orders-1: cancelled; partial data removed");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_left_data_says_where() {
    let harness = Plan::default().open(|ticket| match ticket.work {
        Work::Run(_) => runs(),
        Work::Dispose { .. } => Scenario {
            steps: vec![(Duration::ZERO, Report::Fact(Fact::Began(Began::of(sample::mark(AttemptNo(2)), None))))],
            stops_in: None,
        },
    });
    // Of the two directories that it may have written to, one is there.
    let (there, mut request) = (tempfile::tempdir().unwrap(), sample::request(1));
    let target = Target::new(there.path(), request.target.port()).unwrap();
    request.target = target.with_tablespace(16384, "/no/such/home").unwrap();
    let (exit, lines, object) = run_request(&harness, request, async |person| {
        harness.until(|now| now.counts.running == 1).await;
        person.interrupt().await;
        harness.until(|now| now.session(SessionId(1)).is_some_and(is_overdue)).await;
        person.interrupt().await;
    })
    .await;
    let there = there.path().to_str().unwrap();
    assert_eq!((exit, &object["left"]), (Exit::Cancelled, &serde_json::json!([there])));
    let overdue = "orders-1: cancelling, overdue: attempt 2 (process 1002) is still alive past its deadline; howdah session \
                   cancel 1 --force --state-dir /srv/state kills it";
    assert!(lines.iter().any(|line| line == overdue), "{lines:#?}");
    let left =
        format!("orders-1: cancelled; partial data was left in {there}: the worker that deals with it was killed");
    assert_eq!(lines.last().unwrap(), &left);
}

fn is_overdue(session: &Arc<Session>) -> bool {
    let Phase::Cancelling { stage, .. } = session.phase() else { return false };
    let (CancelStage::Stopping { urgency, .. } | CancelStage::Disposing { urgency, .. }) = stage;
    *urgency == Urgency::Overdue
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_on_although_the_clock_was_set_back() {
    let clock_set_by: &'static AtomicI64 = Box::leak(Box::default());
    let report = |bytes| (Duration::from_secs(1), Report::Fact(Fact::Progress(sample::progress(bytes, None))));
    let steps: Vec<_> = (0..60).map(report).collect();
    let harness = Plan { clock_set_by, ..Plan::default() }.open(move |ticket| match ticket.work {
        Work::Run(_) => Scenario { steps: steps.clone(), stops_in: Some(Duration::ZERO) },
        Work::Dispose { .. } => Scenario::default(),
    });
    run(&harness, async |person| {
        harness.wait(20).await;
        let before = person.err.lines().len();
        clock_set_by.store(-24 * 3600 * 1000, Ordering::SeqCst);
        harness.wait(20).await;
        let after = person.err.lines().len() - before;
        assert!((3..=6).contains(&after), "{after} lines in twenty seconds");
        person.interrupt().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn names_come_from_outside_so_that_a_run_can_be_repeated() {
    let named = async || {
        let harness = Plan { ids: Ids::counted(), ..Plan::default() }.open(|_| runs());
        harness.start([1, 2]).await;
        let now = harness.until(|now| now.ongoing.len() == 2).await;
        now.ongoing.iter().map(|session| session.uuid()).collect::<Vec<_>>()
    };
    let (once, again) = (named().await, named().await);
    assert_eq!(once, again);
    assert_ne!(once[0], once[1]);
}
