//! What a command leads to: one function a phase, each exhaustive over commands.

use super::{
    CancelStage, Cause, Command, EndWish, Event, Phase, Refusal, Report, Session,
    conclude::{
        conclude_attempt, conclude_disposal, conclude_stop, dispose, ended, lost, may_dispose_again, server_lost,
    },
    deadline::{CANCEL_GRACE, later},
    effect::rescheduled,
    session::Urgency,
    trace::catch_up,
};
use crate::domain::{
    AttemptNo, Disposed, Disposition, Kind, Origin, Reach, Step, StepState, Timestamp,
    fact::{End, Fact, PausePoint, ProcessMark},
};

/// The events that a command leads to, in order; none where nothing changes. A refusal changes nothing.
pub fn decide(session: &Session, command: Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    if is_out_of_reach(session, &command) {
        return Err(Refusal::OtherOrigin { origin: session.origin });
    }
    if matches!(command, Command::Stop { .. }) && session.order.kind() != Kind::Explore && session.is_ongoing() {
        return Err(Refusal::NotHeldOpen);
    }
    match &session.phase {
        Phase::Queued { .. } => queued(session, command, now),
        Phase::Running { attempt, got_through, .. } => running(session, command, now, *attempt, *got_through),
        Phase::Waiting { tries_used, next_try, .. } => waiting(session, command, now, *tries_used, *next_try),
        Phase::Stuck { .. } => stuck(session, command, now),
        Phase::Paused { at, .. } => paused(session, command, now, at),
        Phase::Cancelling { stage, wish, .. } => cancelling(session, command, now, stage, wish),
        Phase::Completed { .. } => completed(session, command),
    }
}

/// Whether a cancel or stop from the command line means an ongoing session that was not started there (R27).
fn is_out_of_reach(session: &Session, command: &Command) -> bool {
    matches!(
        command,
        Command::Cancel { reach: Reach::CommandLine, .. } | Command::Stop { reach: Reach::CommandLine, .. }
    ) && session.origin != Origin::CommandLine
        && session.is_ongoing()
}

fn queued(session: &Session, command: Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Launch => Ok(vec![Event::Launched { attempt: session.next_attempt() }]),
        Command::Retry { .. } => Err(Refusal::Queued),
        Command::Cancel { disposition, by, .. } => Ok(cancel_idle(session, disposition, by, now)),
        Command::Stop { by, .. } => Ok(stop_idle(session, by, now)),
        Command::Finish { by } if session.attempts.is_empty() => Ok(cancel_idle(session, Disposition::Remove, by, now)),
        Command::Finish { by } => Ok(finish(session, by)),
        Command::Resume { .. } => Err(Refusal::NotPaused),
        Command::Force { .. } => Err(Refusal::NothingToForce),
        Command::Dismiss { .. } => Err(Refusal::Ongoing),
        Command::Recover => Err(Refusal::NothingToRecover),
        Command::CatchUp(trace) => Ok(catch_up(session, trace, now)),
        Command::Wake | Command::Lost { .. } | Command::Report { .. } => Ok(vec![]),
    }
}

fn running(
    session: &Session,
    command: Command,
    now: Timestamp,
    current: AttemptNo,
    got_through: bool,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Report { attempt, report } if attempt == current => {
            Ok(running_report(session, current, got_through, report, now))
        }
        Command::Lost { attempt } if attempt == current => Ok(lost(session, current, now)),
        Command::Retry { .. } => Err(Refusal::Running { attempt: current }),
        Command::Cancel { disposition, by, .. } => Ok(vec![request_cancel(disposition, by, now)]),
        Command::Stop { by, .. } => Ok(vec![request_stop(by, now)]),
        Command::Finish { by } => Ok(finish(session, by)),
        Command::Resume { .. } => Err(Refusal::NotPaused),
        Command::Force { .. } => Err(Refusal::NothingToForce),
        Command::Dismiss { .. } => Err(Refusal::Ongoing),
        Command::Recover => Err(Refusal::NothingToRecover),
        Command::CatchUp(trace) => Ok(catch_up(session, trace, now)),
        Command::Launch | Command::Wake | Command::Lost { .. } | Command::Report { .. } => Ok(vec![]),
    }
}

fn waiting(
    session: &Session,
    command: Command,
    now: Timestamp,
    tries_used: u32,
    next_try: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Wake if now >= next_try => Ok(vec![Event::Requeued { cause: Cause::Try(tries_used + 1), by: None }]),
        Command::Wake => Ok(reschedule(session, now)),
        Command::Retry { .. } if !session.policy.while_waiting => {
            let at = rescheduled(session, now).unwrap_or(next_try);
            Err(Refusal::TriesRemain { next: tries_used + 1, of: session.policy.tries, at })
        }
        Command::Retry { by } => Ok(vec![Event::Requeued { cause: Cause::Retry, by: Some(by) }]),
        Command::Cancel { disposition, by, .. } => Ok(cancel_idle(session, disposition, by, now)),
        Command::Stop { by, .. } => Ok(stop_idle(session, by, now)),
        Command::Finish { by } => Ok(finish_idle(by)),
        Command::Resume { .. } => Err(Refusal::NotPaused),
        Command::Force { .. } => Err(Refusal::NothingToForce),
        Command::Dismiss { .. } => Err(Refusal::Ongoing),
        Command::Recover => Err(Refusal::NothingToRecover),
        Command::CatchUp(trace) => Ok(catch_up(session, trace, now)),
        Command::Launch | Command::Lost { .. } | Command::Report { .. } => Ok(vec![]),
    }
}

fn stuck(session: &Session, command: Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Retry { by } => Ok(vec![Event::Requeued { cause: Cause::Retry, by: Some(by) }]),
        Command::Cancel { disposition, by, .. } => Ok(cancel_idle(session, disposition, by, now)),
        Command::Stop { by, .. } => Ok(stop_idle(session, by, now)),
        Command::Finish { by } => Ok(finish_idle(by)),
        Command::Resume { .. } => Err(Refusal::NotPaused),
        Command::Force { .. } => Err(Refusal::NothingToForce),
        Command::Dismiss { .. } => Err(Refusal::Ongoing),
        Command::Recover => Err(Refusal::NothingToRecover),
        Command::CatchUp(trace) => Ok(catch_up(session, trace, now)),
        Command::Wake | Command::Launch | Command::Lost { .. } | Command::Report { .. } => Ok(vec![]),
    }
}

/// Recovery waits at its goal: a person says how it goes on.
fn paused(session: &Session, command: Command, now: Timestamp, at: &PausePoint) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Resume { resume, by } => {
            let paused = session.order.recovery().ok_or(Refusal::NotPaused)?;
            if !resume.is_ahead(paused, at) {
                return Err(Refusal::NotLater { at: at.at, committed: at.committed });
            }
            Ok(vec![Event::Resumed { recovery: resume.applied(paused), by }])
        }
        Command::Lost { attempt } if session.attempts.last().is_some_and(|last| last.number == attempt) => {
            Ok(server_lost(session, attempt, now))
        }
        Command::Retry { .. } | Command::Finish { .. } => Err(Refusal::Paused),
        Command::Cancel { disposition, by, .. } => Ok(cancel_idle(session, disposition, by, now)),
        Command::Stop { by, .. } => Ok(stop_idle(session, by, now)),
        Command::Force { .. } => Err(Refusal::NothingToForce),
        Command::Dismiss { .. } => Err(Refusal::Ongoing),
        Command::Recover => Err(Refusal::NothingToRecover),
        Command::CatchUp(trace) => Ok(catch_up(session, trace, now)),
        Command::Wake | Command::Launch | Command::Lost { .. } | Command::Report { .. } => Ok(vec![]),
    }
}

fn cancelling(
    session: &Session,
    command: Command,
    now: Timestamp,
    stage: &CancelStage,
    wish: &EndWish,
) -> Result<Vec<Event>, Refusal> {
    let current = match stage {
        CancelStage::Stopping { attempt, .. } | CancelStage::Disposing { attempt, .. } => *attempt,
    };
    match command {
        Command::Report { attempt, report } if attempt == current => {
            Ok(cancelling_report(session, stage, wish, report, now))
        }
        Command::Lost { attempt } if attempt == current => Ok(vec![dispose(session, wish, now)]),
        Command::Wake => Ok(match stage {
            CancelStage::Stopping { deadline, urgency: Urgency::InTime, .. }
            | CancelStage::Disposing { deadline, urgency: Urgency::InTime, .. }
                if now >= *deadline =>
            {
                vec![Event::CancelOverdue]
            }
            CancelStage::Stopping { .. } | CancelStage::Disposing { .. } => reschedule(session, now),
        }),
        Command::Force { by } => force(session, stage, by, now),
        Command::Retry { .. } | Command::Cancel { .. } | Command::Stop { .. } | Command::Finish { .. } => {
            Err(match wish {
                EndWish::Cancel => Refusal::Cancelling,
                EndWish::Stop | EndWish::Fail(_) => Refusal::Ending,
            })
        }
        Command::Resume { .. } => Err(Refusal::NotPaused),
        Command::Dismiss { .. } => Err(Refusal::Ongoing),
        Command::Recover => Err(Refusal::NothingToRecover),
        Command::CatchUp(trace) => Ok(catch_up(session, trace, now)),
        Command::Launch | Command::Lost { .. } | Command::Report { .. } => Ok(vec![]),
    }
}

/// Either half may hang, on a dead file system for one. A stop has nothing to lose by a kill; a disposal would leave half
/// of the data behind, so it is killed only when it is overdue (D6).
fn force(session: &Session, stage: &CancelStage, by: String, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match stage {
        CancelStage::Disposing { deadline, urgency: Urgency::InTime, .. } if now < *deadline => {
            Err(Refusal::DisposalInTime { until: rescheduled(session, now).unwrap_or(*deadline) })
        }
        CancelStage::Stopping { .. } | CancelStage::Disposing { .. } => Ok(vec![Event::Forced { by }]),
    }
}

fn completed(session: &Session, command: Command) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Retry { .. } | Command::Cancel { .. } | Command::Finish { .. } => Err(Refusal::Completed),
        Command::Stop { .. } => Err(Refusal::NotActive),
        Command::Resume { .. } => Err(Refusal::NotPaused),
        Command::Force { .. } => Err(Refusal::NothingToForce),
        Command::Recover => Err(Refusal::NothingToRecover),
        Command::Dismiss { by } if !session.dismissed => Ok(vec![Event::Dismissed { by }]),
        Command::Dismiss { .. }
        | Command::CatchUp(_)
        | Command::Wake
        | Command::Launch
        | Command::Lost { .. }
        | Command::Report { .. } => Ok(vec![]),
    }
}

/// A report of the running attempt. What is known already leads to no event, so a report may safely come twice.
fn running_report(
    session: &Session,
    attempt: AttemptNo,
    got_through: bool,
    report: Report,
    now: Timestamp,
) -> Vec<Event> {
    match report {
        Report::Fact(fact) => running_fact(session, attempt, got_through, fact),
        Report::NotLaunched(failure) => conclude_attempt(session, attempt, failure, now),
        Report::Over(end) => conclude_stop(session, attempt, end, now),
    }
}

fn running_fact(session: &Session, attempt: AttemptNo, got_through: bool, fact: Fact) -> Vec<Event> {
    match fact {
        Fact::Began(who) => began(session, attempt, who.mark()),
        Fact::Planned(plan) if session.plan() == Some(plan.as_ref()) => vec![],
        Fact::Planned(plan) => vec![Event::Planned { attempt, plan }],
        Fact::Step { step, state } => {
            let mut events = step_changed(session, attempt, step, state);
            // What is held open stands: there is no point beyond it that an attempt could get past.
            let over = step == Step::Hold && !events.is_empty() && !got_through && session.first_cause.is_some();
            events.extend(over.then_some(Event::DisruptionOver { attempt }));
            events
        }
        Fact::Progress(progress) => {
            let past = progress.reached() > session.furthest;
            let over = past && !got_through && session.first_cause.is_some();
            let mut events = vec![Event::Progressed { attempt, progress }];
            events.extend(over.then_some(Event::DisruptionOver { attempt }));
            events
        }
        Fact::Note(note) if session.notes.contains(&note) => vec![],
        Fact::Note(note) => vec![Event::Noted { attempt, note }],
        // It counts when the whole group is gone, and comes with that.
        Fact::Ended(_) => vec![],
    }
}

fn cancelling_report(
    session: &Session,
    stage: &CancelStage,
    wish: &EndWish,
    report: Report,
    now: Timestamp,
) -> Vec<Event> {
    match (stage, report) {
        (
            CancelStage::Stopping { attempt, .. } | CancelStage::Disposing { attempt, .. },
            Report::Fact(Fact::Began(who)),
        ) => began(session, *attempt, who.mark()),
        (
            CancelStage::Stopping { attempt, .. },
            Report::Fact(Fact::Step { step, state: done @ StepState::Done { .. } }),
        ) => step_changed(session, *attempt, step, done),
        (CancelStage::Stopping { attempt, .. }, Report::Over(Some(End::Succeeded(success)))) => {
            // The attempt was done before it heard of the cancel. What is true is told: the work is done.
            vec![Event::Succeeded { attempt: *attempt, success }]
        }
        (CancelStage::Stopping { attempt, .. }, Report::Over(Some(End::Damaged(verification)))) => {
            vec![Event::Damaged { attempt: *attempt, verification }]
        }
        (CancelStage::Stopping { .. }, Report::Over(_) | Report::NotLaunched(_)) => vec![dispose(session, wish, now)],
        (CancelStage::Disposing { urgency: Urgency::InTime, .. }, Report::Over(None)) if may_dispose_again(session) => {
            vec![dispose(session, wish, now)]
        }
        (CancelStage::Disposing { attempt, .. }, Report::Over(end)) => conclude_disposal(session, *attempt, wish, end),
        (CancelStage::Disposing { .. }, Report::NotLaunched(failure)) => {
            vec![ended(wish, Disposed::Failed { cause: failure.cause })]
        }
        (
            CancelStage::Stopping { .. } | CancelStage::Disposing { .. },
            Report::Fact(Fact::Planned(_) | Fact::Step { .. } | Fact::Progress(_) | Fact::Note(_) | Fact::Ended(_)),
        ) => vec![],
    }
}

/// Steps only go forward: what goes back, or says what is known, is being read a second time.
fn step_changed(session: &Session, attempt: AttemptNo, step: Step, state: StepState) -> Vec<Event> {
    let known = session.step(step);
    let old = rank(&state) < rank(known) || &state == known;
    if old { vec![] } else { vec![Event::StepChanged { attempt, step, state }] }
}

const fn rank(state: &StepState) -> u8 {
    match state {
        StepState::Pending => 0,
        StepState::Running { .. } => 1,
        StepState::Done { .. } | StepState::Skipped { .. } | StepState::Failed { .. } | StepState::Stopped => 2,
    }
}

fn began(session: &Session, attempt: AttemptNo, mark: ProcessMark) -> Vec<Event> {
    if session.live_mark() == Some(mark) { vec![] } else { vec![Event::Began { attempt, mark }] }
}

/// A cancel of a session whose attempt, if it ever made one, is gone already.
fn cancel_idle(session: &Session, disposition: Disposition, by: String, now: Timestamp) -> Vec<Event> {
    vec![request_cancel(disposition, by, now), dispose(session, &EndWish::Cancel, now)]
}

/// The same for a stop.
fn stop_idle(session: &Session, by: String, now: Timestamp) -> Vec<Event> {
    vec![request_stop(by, now), dispose(session, &EndWish::Stop, now)]
}

/// The attempt that runs or is queued is the last one.
fn finish(session: &Session, by: String) -> Vec<Event> {
    if session.finishing { vec![] } else { vec![Event::FinishRequested { by }] }
}

/// The same where none does: the last one comes now.
fn finish_idle(by: String) -> Vec<Event> {
    vec![Event::Requeued { cause: Cause::Retry, by: Some(by.clone()) }, Event::FinishRequested { by }]
}

fn request_stop(by: String, now: Timestamp) -> Event {
    Event::StopRequested { by, deadline: later(now, CANCEL_GRACE) }
}

fn request_cancel(disposition: Disposition, by: String, now: Timestamp) -> Event {
    Event::CancelRequested { disposition, by, deadline: later(now, CANCEL_GRACE) }
}

/// What a wake before its time leads to: nothing, unless the clock was set back.
fn reschedule(session: &Session, now: Timestamp) -> Vec<Event> {
    rescheduled(session, now).map(|due| Event::Rescheduled { due }).into_iter().collect()
}
