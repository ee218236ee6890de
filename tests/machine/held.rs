//! A restore point that is held open: what ends a disruption of it, where no attempt can get past the one before.

use super::sample;
use howdah::{
    domain::{
        Failure, RetryPolicy, Step, StepState,
        fact::{End, Fact},
    },
    machine::{Command, Phase, Report, Session, decide, evolve},
};

fn turn(session: &Session, command: Command, seconds: i64) -> Session {
    let now = sample::after(seconds);
    let events = decide(session, command, now).unwrap();
    events.iter().fold(session.clone(), |session, event| evolve(session, event, now))
}

fn said(session: &Session, report: Report, seconds: i64) -> Session {
    turn(session, Command::Report { attempt: session.live_attempt().unwrap(), report }, seconds)
}

/// Holds the point open, and loses its server.
fn held_and_lost(session: &Session, seconds: i64) -> Session {
    let held = Fact::Step { step: Step::Hold, state: StepState::Running { detail: "open".to_owned() } };
    let session = said(session, Report::Fact(held), seconds);
    let failure = Failure::disruption("the server has ended", "");
    said(&session, Report::Over(Some(End::Failed(failure))), seconds + 1)
}

#[test]
fn d3_each_time_that_a_point_is_open_again_its_disruption_is_over() {
    let mut session = sample::session_of(sample::explore_order(), RetryPolicy::default());
    session = turn(&session, Command::Launch, 0);
    // More often than there are tries in one series.
    for round in 0..25 {
        let seconds = 1000 * round;
        session = held_and_lost(&session, seconds + 1);
        let Phase::Waiting { tries_used, .. } = session.phase() else { panic!("{round}: {:?}", session.phase()) };
        assert_eq!(*tries_used, 0, "round {round}");
        session = turn(&session, Command::Wake, seconds + 400);
        session = turn(&session, Command::Launch, seconds + 400);
    }
    // One that never gets so far uses its tries up.
    let mut waits = session;
    for round in 0..20 {
        if waits.live_attempt().is_none() {
            break;
        }
        let seconds = 100_000 + 1000 * round;
        let failure = Failure::disruption("the repository is gone", "");
        waits = said(&waits, Report::Over(Some(End::Failed(failure))), seconds);
        if matches!(waits.phase(), Phase::Waiting { .. }) {
            waits = turn(&waits, Command::Wake, seconds + 400);
            waits = turn(&waits, Command::Launch, seconds + 400);
        }
    }
    assert!(matches!(waits.phase(), Phase::Stuck { .. }), "{:?}", waits.phase());
}
