//! What a run says of itself: each refusal, each state of an object, why it ended.

use super::{
    model::{created, session_of},
    sample,
    search::{cancelled, failed, made},
};
use howdah::{
    domain::{JobKind, SessionId, StopMode},
    machine::job::{JobCommand, JobPhase, JobRun, ObjectEnd, decide, evolve},
};

fn after(kind: JobKind, commands: Vec<JobCommand>) -> JobRun {
    commands.into_iter().fold(JobRun::create(created(kind, 2, 1)), |run, command| {
        let events = decide(&run, command, sample::start()).unwrap();
        events.iter().fold(run, |run, event| evolve(run, event, sample::start()))
    })
}

fn stop(mode: StopMode) -> JobCommand {
    JobCommand::Stop { mode, by: "ops".to_owned() }
}

fn start(object: usize) -> JobCommand {
    JobCommand::ObjectStarted { object, session: session_of(object) }
}

fn end(object: usize, end: ObjectEnd) -> JobCommand {
    JobCommand::ObjectEnded { session: session_of(object), end }
}

#[test]
fn r40_a_graceful_stop_is_refused_with_the_reason() {
    for (kind, sentence) in [
        (
            JobKind::FileCopy,
            "it cannot be stopped gracefully: a file copy makes no restore points that could be finished first; stop it \
             immediately",
        ),
        (
            JobKind::BackupCopy,
            "it cannot be stopped gracefully: a backup copy makes no restore points of its own that could be finished \
             first; stop it immediately",
        ),
    ] {
        let refused = decide(&after(kind, vec![start(0)]), stop(StopMode::Graceful), sample::start());
        assert_eq!(refused.unwrap_err().to_string(), sentence);
    }
}

#[test]
fn a_stop_that_changes_nothing_is_refused_with_the_reason() {
    let (graceful, immediate) = (StopMode::Graceful, StopMode::Immediate);
    let running = |more: Vec<JobCommand>| after(JobKind::Instance, [start(0)].into_iter().chain(more).collect());
    for (run, mode, sentence) in [
        (running(vec![stop(graceful)]), graceful, "it is being stopped gracefully already"),
        (running(vec![stop(immediate)]), immediate, "it is being stopped immediately already"),
        (
            running(vec![stop(immediate)]),
            graceful,
            "it is being stopped immediately already, and that is not taken back",
        ),
        (
            running(vec![stop(graceful), end(0, made())]),
            immediate,
            "the run has ended (stopped): there is nothing to stop",
        ),
    ] {
        assert_eq!(decide(&run, stop(mode), sample::start()).unwrap_err().to_string(), sentence);
    }
}

#[test]
fn r43_d8_the_details_say_why_a_run_ended_so() {
    let by_hand = JobCommand::ObjectCancelRequested { session: session_of(0), by: "ana".to_owned() };
    let (graceful, immediate) = (stop(StopMode::Graceful), stop(StopMode::Immediate));
    let gone = "object-0 failed: the server is gone";
    for (commands, detail) in [
        (vec![start(0), end(0, made()), start(1), end(1, made())], "2 of 2 objects have a new restore point"),
        (
            vec![start(0), end(0, failed()), start(1), end(1, made())],
            &format!("1 of 2 objects have a new restore point; {gone}"),
        ),
        (vec![start(0), end(0, failed()), start(1), end(1, failed())], gone),
        (vec![graceful.clone()], "Operation was canceled by user"),
        (vec![start(0), graceful.clone(), end(0, cancelled(false))], "Operation was canceled by user"),
        (vec![start(0), graceful.clone(), end(0, failed())], gone),
        (
            vec![start(0), graceful.clone(), end(0, made())],
            "stopped gracefully by ops; 1 of 2 objects have a new restore point",
        ),
        (
            vec![start(0), graceful, immediate.clone(), end(0, cancelled(true))],
            "stopped immediately by ops; 0 of 2 objects have a new restore point",
        ),
        (vec![immediate], "stopped immediately by ops; 0 of 2 objects have a new restore point"),
        (
            vec![start(0), by_hand, end(0, cancelled(true)), start(1), end(1, made())],
            "1 of 2 objects have a new restore point; object-0 failed: cancelled by ana; partial data removed",
        ),
    ] {
        let run = after(JobKind::Instance, commands);
        let JobPhase::Done { detail: shown, .. } = run.phase() else { panic!("{run:?}") };
        assert_eq!(shown, detail);
    }
}

#[test]
fn r42_each_object_says_where_it_stands() {
    let running = after(JobKind::Instance, vec![start(0), end(0, made()), start(1)]);
    let shown: Vec<String> = running.objects().iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["done: restore point 2026-11-20T0200, 1000 B", "in process"]);
    let stopped = after(JobKind::Instance, vec![start(0), stop(StopMode::Immediate), end(0, cancelled(true))]);
    let shown: Vec<String> = stopped.objects().iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["stopped; partial data removed", "not started"]);
    assert_eq!(stopped.objects()[0].session(), Some(SessionId(10)));
}

#[test]
fn a_run_that_makes_standbys_speaks_of_standbys() {
    let run = after(JobKind::Replication, vec![start(0), end(0, made()), start(1), end(1, made())]);
    let JobPhase::Done { detail, .. } = run.phase() else { panic!("it has ended") };
    assert_eq!(detail, "2 of 2 objects have a standby that follows its primary");
}
