//! The figures that every reader is given of a session.

use super::sample;
use howdah::{
    domain::{
        ByteCount, FilePlan, Plan, RestorePlan, RetryPolicy, Step, StepState, Timestamp,
        fact::{End, Fact},
        plan::TablespacePlan,
    },
    machine::{Command, Report, Session, decide, evolve},
};
use std::{path::Path, time::Duration};

fn then(session: &Session, command: Command, now: Timestamp) -> Session {
    let events = decide(session, command, now).unwrap();
    events.iter().fold(session.clone(), |session, event| evolve(session, event, now))
}

fn said(session: &Session, report: Report, now: Timestamp) -> Session {
    then(session, Command::Report { attempt: session.live_attempt().unwrap(), report }, now)
}

fn copied(session: &Session, bytes: u64) -> Session {
    said(session, Report::Fact(Fact::Progress(sample::progress(bytes, None))), sample::start())
}

fn launched() -> Session {
    then(&sample::session(1, RetryPolicy::default()), Command::Launch, sample::start())
}

fn figures(session: &Session) -> (u64, u64, f64) {
    (session.bytes_done().0, session.bytes_total().0, session.ratio())
}

#[test]
fn what_is_on_disk_counts_through_attempts_that_bring_nothing() {
    let mut session = said(&launched(), Report::Fact(Fact::Planned(Box::new(sample::plan()))), sample::start());
    assert_eq!(figures(&session), (0, 1000, 0.0));
    session = copied(&session, 500);
    assert_eq!(figures(&session), (500, 1000, 0.5));
    // Progress that falls back, such as that of a file which is copied anew, takes nothing from the disk.
    session = copied(&session, 400);
    assert_eq!(figures(&session), (500, 1000, 0.5));
    for number in 1..=2 {
        session = said(&session, sample::over(End::Failed(sample::disruption())), sample::start());
        assert_eq!(figures(&session), (500, 1000, 0.5), "it waits for try {number}");
        let due = sample::after(300);
        session = then(&then(&session, Command::Wake, due), Command::Launch, due);
        assert_eq!(figures(&session), (500, 1000, 0.5), "try {number} has not looked yet");
    }
    session = copied(&session, 700);
    assert_eq!(figures(&session), (700, 1000, 0.7));
    let restored = said(&session, sample::over(End::Succeeded(sample::success())), sample::start());
    assert_eq!(figures(&restored), (1000, 1000, 1.0), "of what succeeded all is there");
}

#[test]
fn nothing_is_known_before_a_plan() {
    assert_eq!(figures(&launched()), (0, 0, 0.0));
}

#[test]
fn no_wait_is_shown_that_is_longer_than_one_pause() {
    let session = said(&launched(), sample::over(End::Failed(sample::disruption())), sample::start());
    let pause = Duration::from_mins(5);
    let day = Duration::from_hours(24);
    assert_eq!(session.until_next_try(sample::start()), Some(pause));
    assert_eq!(session.until_next_try(sample::after(299)), Some(Duration::from_secs(1)));
    assert_eq!(session.until_next_try(sample::start() - day), Some(pause));
    assert_eq!(session.until_next_try(sample::start() + day), Some(Duration::ZERO));
    assert_eq!(launched().until_next_try(sample::start()), None);
}

#[test]
fn a_session_took_at_least_as_long_as_its_steps() {
    let done = |seconds| StepState::Done { took: Duration::from_secs(seconds), detail: String::new() };
    let session = said(&launched(), Report::Fact(Fact::Step { step: Step::Check, state: done(2) }), sample::start());
    let session = said(&session, Report::Fact(Fact::Step { step: Step::Copy, state: done(100) }), sample::start());
    assert_eq!(session.elapsed(sample::after(200)).as_secs(), 200);
    assert_eq!(session.elapsed(sample::after(-3600)).as_secs(), 102, "the clock was set back");
}

#[test]
fn the_directories_of_a_session_are_its_own_and_those_of_its_tablespaces() {
    let space = |oid, directory: &str| TablespacePlan { oid, original: "/old".into(), directory: directory.into() };
    let tablespaces = vec![space(1, "/ts/one"), space(2, "/ts/two")];
    let plan = sample::restore_plan();
    let files = FilePlan { tablespaces, bytes: ByteCount(1), ..plan.files };
    let plan = Plan::Restore(RestorePlan { files, ..plan });
    let session = said(&launched(), Report::Fact(Fact::Planned(Box::new(plan))), sample::start());
    assert_eq!(session.directories(), ["/srv/pg/orders-1", "/ts/one", "/ts/two"].map(Path::new));
    let mut created = sample::created(1, RetryPolicy::default());
    let mut order = sample::request(1);
    order.target = order.target.with_tablespace(1, "/ts/one").unwrap();
    created.order = order.into();
    let ordered = Session::create(created);
    assert_eq!(ordered.directories(), ["/srv/pg/orders-1", "/ts/one"].map(Path::new));
}
