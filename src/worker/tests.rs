//! Whole attempts, with an engine that copies a directory, and with real servers where PostgreSQL is installed.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod completion;
mod fake;
mod interrupted;
mod log;
mod real;
mod starting;

use super::{DONE, FAILED, STOPPED, carry_out};
use crate::domain::{
    Disposed, Disposition, FailureClass, Leftover, ServerOutcome, ServerWish, Step, StepState, SystemIdentifier,
    fact::{End, Fact},
    ticket::{CONTRACT_VERSION, Work},
};
use fake::{Bench, Trick};

/// The steps of a report: their name and what became of them.
fn steps(facts: &[Fact]) -> Vec<String> {
    let shown = facts.iter().filter_map(|fact| match fact {
        Fact::Step { step, state: StepState::Done { .. } } => Some(format!("{step} done")),
        Fact::Step { step, state: StepState::Skipped { .. } } => Some(format!("{step} skipped")),
        Fact::Step { step, state: StepState::Failed { .. } } => Some(format!("{step} failed")),
        Fact::Step { .. } | Fact::Began(_) | Fact::Planned(_) | Fact::Progress(_) | Fact::Note(_) | Fact::Ended(_) => {
            None
        }
    });
    shown.collect()
}

#[test]
fn a_restore_of_files_alone_tells_each_step_in_order() {
    let bench = Bench::new(ServerWish::FilesOnly, Trick::None);
    let (status, facts) = bench.run();
    assert_eq!(status, DONE);
    assert!(
        matches!(facts.first(), Some(Fact::Began(began)) if began.pid == std::process::id() && began.session.is_some())
    );
    let wanted = "Check done, Copy done, Configure done, Start skipped, Replay skipped, Probe skipped, Finish done";
    assert_eq!(steps(&facts).join(", "), wanted);
    let Some(Fact::Ended(End::Succeeded(success))) = facts.last() else { panic!("{facts:?}") };
    let not_started = ServerOutcome::NotStarted { reason: "only the files were asked for".to_owned() };
    assert_eq!(success.server(), Some(&not_started));
    let auto = std::fs::read_to_string(bench.data().join("postgresql.auto.conf")).unwrap();
    assert!(auto.contains(&format!("port = '{}'", bench.port())));
    assert!(!bench.data().join(".howdah").exists());
}

#[test]
fn without_programs_of_its_version_the_files_are_restored_and_no_server_is_started() {
    let bench = Bench::new(ServerWish::LeaveRunning, Trick::None);
    let (status, facts) = bench.run();
    assert_eq!(status, DONE);
    let Some(Fact::Ended(End::Succeeded(success))) = facts.last() else { panic!("{facts:?}") };
    let Some(ServerOutcome::NotStarted { reason }) = success.server() else { panic!("{success:?}") };
    assert!(
        reason.contains("no PostgreSQL 4711 programs") && reason.contains("/usr/lib/postgresql/4711/bin"),
        "{reason}"
    );
}

#[test]
fn a_stop_is_obeyed_and_told() {
    for trick in [Trick::StoppedInCopy, Trick::StoppedInConfigure] {
        let bench = Bench::new(ServerWish::FilesOnly, trick);
        let (status, facts) = bench.run();
        assert_eq!(status, STOPPED);
        assert_eq!(facts.last(), Some(&Fact::Ended(End::Stopped)));
        assert!(!steps(&facts).contains(&"Finish done".to_owned()));
    }
}

#[test]
fn a_panic_is_our_bug_in_the_step_where_it_happened() {
    let (status, facts) = Bench::new(ServerWish::FilesOnly, Trick::PanicsInCopy).run();
    assert_eq!(status, FAILED);
    let Some(Fact::Ended(End::Failed(failure))) = facts.last() else { panic!("{facts:?}") };
    assert_eq!((failure.class, failure.step), (FailureClass::Bug, Some(Step::Copy)));
    assert!(failure.cause.contains("the engine fell over"), "{failure}");
    assert_eq!(steps(&facts).last().unwrap(), "Copy failed");
}

#[test]
fn a_port_in_use_is_refused_before_the_copy() {
    let Some(bench) = real::bench(ServerWish::LeaveRunning, "") else { return };
    let _taken = std::net::TcpListener::bind(("127.0.0.1", bench.port().number())).unwrap();
    let (status, facts) = bench.run();
    assert_eq!(status, FAILED);
    let Some(Fact::Ended(End::Failed(failure))) = facts.last() else { panic!("{facts:?}") };
    assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Check)));
    assert!(failure.cause.contains(&format!("port {} is in use", bench.port())), "{failure}");
    assert!(!bench.data().exists());
}

#[test]
fn s14_a_backup_that_is_now_of_another_cluster_than_was_ordered_is_refused() {
    let (ordered, other) = (SystemIdentifier(7), SystemIdentifier(8));
    let bench = Bench::new(ServerWish::FilesOnly, Trick::None).of_cluster(ordered).with_backup_of(other);
    let (status, facts) = bench.run();
    assert_eq!(status, FAILED);
    let Some(Fact::Ended(End::Failed(failure))) = facts.last() else { panic!("{facts:?}") };
    assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Check)));
    assert!(failure.cause.ends_with("is of the cluster 8, and one of 7 was ordered"), "{failure}");
    assert!(!bench.data().exists());
    let (status, facts) = bench.with_backup_of(ordered).run();
    assert_eq!(status, DONE, "{facts:?}");
    let shown = facts.iter().find_map(|fact| if let Fact::Planned(plan) = fact { Some(plan) } else { None });
    assert_eq!(shown.and_then(|plan| plan.restore().unwrap().files.system_identifier), Some(ordered));
}

#[test]
fn a_ticket_that_is_newer_missing_or_broken_is_told_as_such() {
    let newer = format!("version {}", CONTRACT_VERSION + 1);
    let ticket = format!(r#"{{"version":{},"else":true}}"#, CONTRACT_VERSION + 1);
    for (text, class, says) in [
        (Some(ticket.as_str()), FailureClass::Incurable, newer.as_str()),
        (Some("{"), FailureClass::Bug, "ticket.json"),
        (None, FailureClass::Bug, "missing"),
    ] {
        let bench = Bench::new(ServerWish::FilesOnly, Trick::None);
        let (status, facts) = bench.run_ticket(text.map(str::as_bytes));
        assert_eq!(status, FAILED);
        let Some(Fact::Ended(End::Failed(failure))) = facts.last() else { panic!("{facts:?}") };
        assert_eq!(failure.class, class);
        assert!(failure.cause.contains(says), "{failure}");
    }
}

#[test]
fn disposing_tells_what_was_done() {
    let bench = Bench::new(ServerWish::FilesOnly, Trick::None);
    let (status, facts) =
        bench.run_work(Work::Dispose { left: Leftover::Cluster(bench.target()), disposition: Disposition::Remove });
    assert_eq!(status, DONE);
    assert_eq!(facts.last(), Some(&Fact::Ended(End::Disposed(Disposed::Removed))));
}
