//! What must be true of every turn of the kinds of work that differ: who ends as what, and who waits for whom.

use super::invariants::{Rule, cause_in_queue, is_cancelling, is_completed, is_stuck, outcome};
use howdah::{
    domain::{Disposed, Kind, Outcome, RecoveryGoal, ticket::Work},
    machine::{Cause, Command, Effect, EndWish, Phase, Refusal, Resume},
};

pub(crate) const RULES: &[Rule] = &[
    ("R6 nothing but an object of a job ends as failed", |t| {
        let failed = matches!(outcome(t.after), Some(Outcome::Failed { .. }))
            || matches!(t.after.phase(), Phase::Cancelling { wish: EndWish::Fail(_), .. });
        !failed || t.after.order().kind() == Kind::Backup
    }),
    ("an object of a job asks nobody", |t| !(t.gives_up() && is_stuck(t.after))),
    ("damage is a result", |t| !t.found_damage() || matches!(outcome(t.after), Some(Outcome::Damaged(_)))),
    ("what leaves nothing behind needs no disposal", |t| {
        let disposes = |effect: &Effect| matches!(effect, Effect::Launch { work, .. } if matches!(work.as_ref(), Work::Dispose { .. }));
        t.after.order().leftover().is_some() || !t.effects.iter().any(disposes)
    }),
    ("R22 stop is for what is held open", |t| match t.command {
        Command::Stop { .. } if is_completed(t.before) => t.decided == &Err(Refusal::NotActive),
        Command::Stop { .. } if t.before.order().kind() != Kind::Explore => t.decided == &Err(Refusal::NotHeldOpen),
        Command::Stop { .. } => is_cancelling(t.before) || t.decided.is_ok(),
        Command::Retry { .. }
        | Command::Cancel { .. }
        | Command::Finish { .. }
        | Command::Resume { .. }
        | Command::Force { .. }
        | Command::Dismiss { .. }
        | Command::Recover
        | Command::CatchUp(_)
        | Command::Launch
        | Command::Wake
        | Command::Lost { .. }
        | Command::Report { .. } => true,
    }),
    ("a stop ends as stopped, a cancel as cancelled", |t| {
        let (Phase::Cancelling { wish, .. }, Some(outcome)) = (t.before.phase(), outcome(t.after)) else { return true };
        match (wish, outcome) {
            (_, Outcome::Succeeded(_) | Outcome::Damaged(_)) => true,
            (EndWish::Cancel, outcome) => matches!(outcome, Outcome::Cancelled { .. }),
            (EndWish::Stop, outcome) => matches!(outcome, Outcome::Stopped { .. }),
            (EndWish::Fail(_), outcome) => matches!(outcome, Outcome::Failed { .. }),
        }
    }),
    ("a pause waits for a person", |t| {
        let Phase::Paused { .. } = t.before.phase() else { return true };
        match t.command {
            Command::Retry { .. } => t.decided == &Err(Refusal::Paused),
            Command::Resume { .. } => t.decided.is_err() || cause_in_queue(t.after) == Some(Cause::Resume),
            Command::Cancel { .. } => is_cancelling(t.after),
            Command::Report { .. } => t.after == t.before,
            Command::Lost { .. } => t.loses_server() || t.after == t.before,
            Command::Wake => t.after == t.before && t.next_wake.is_none(),
            Command::Finish { .. } => t.decided == &Err(Refusal::Paused),
            Command::Stop { .. }
            | Command::Force { .. }
            | Command::Dismiss { .. }
            | Command::Recover
            | Command::CatchUp(_)
            | Command::Launch => true,
        }
    }),
    ("D9 a server that is lost at its pause is brought back at once, to the same goal", |t| {
        let due = |phase: &Phase| matches!(phase, Phase::Waiting { next_try, tries_used: 0, .. } if *next_try == t.now);
        let same = t.after.order() == t.before.order() && t.after.attempts() == t.before.attempts();
        !t.loses_server() || (due(t.after.phase()) && same)
    }),
    ("recovery only goes forward", |t| {
        let (Phase::Paused { at, .. }, Command::Resume { resume, .. }) = (t.before.phase(), t.command) else {
            return true;
        };
        match resume {
            Resume::GoOn { goal: RecoveryGoal::Lsn(goal), .. } if *goal < at.at => {
                t.decided == &Err(Refusal::NotLater { at: at.at, committed: at.committed })
            }
            Resume::GoOn { goal, .. } => t.after.order().recovery().is_some_and(|now| now.goal == *goal),
            Resume::Promote | Resume::StopHere => t.decided.is_ok(),
        }
    }),
    ("a finish begins nothing that was never begun", |t| {
        let fresh = matches!(t.before.phase(), Phase::Queued { .. }) && t.before.attempts().is_empty();
        let ended = matches!(outcome(t.after), Some(Outcome::Cancelled { disposed: Disposed::Nothing }));
        !(fresh && is_finish(t.command)) || (ended && t.after.attempts().is_empty())
    }),
    ("a finish makes an attempt that is waited for come at once", |t| {
        let waits = matches!(t.before.phase(), Phase::Waiting { .. } | Phase::Stuck { .. });
        let comes = cause_in_queue(t.after) == Some(Cause::Retry) && t.after.is_finishing();
        !(waits && is_finish(t.command)) || comes
    }),
    ("a finish leaves alone what runs, and what is queued after an attempt", |t| {
        let under_way = match t.before.phase() {
            Phase::Running { .. } => true,
            Phase::Queued { .. } => !t.before.attempts().is_empty(),
            Phase::Waiting { .. } | Phase::Stuck { .. } | Phase::Paused { .. } => false,
            Phase::Cancelling { .. } | Phase::Completed { .. } => false,
        };
        let same = t.after.phase() == t.before.phase() && t.effects.is_empty() && t.after.is_finishing();
        !(under_way && is_finish(t.command)) || same
    }),
    ("no try follows a finish", |t| {
        let waits = matches!(t.after.phase(), Phase::Waiting { .. });
        !(t.past.finishing && waits)
    }),
    ("a finish of what is ending or has ended is refused", |t| match (t.command, t.before.phase()) {
        (Command::Finish { .. }, Phase::Completed { .. }) => t.decided == &Err(Refusal::Completed),
        (Command::Finish { .. }, Phase::Cancelling { .. }) => t.decided.is_err(),
        (_, _) => true,
    }),
    ("recovery goes on only from a pause", |t| {
        let paused = matches!(t.before.phase(), Phase::Paused { .. });
        paused || !matches!(t.command, Command::Resume { .. }) || t.decided == &Err(Refusal::NotPaused)
    }),
];

const fn is_finish(command: &Command) -> bool {
    matches!(command, Command::Finish { .. })
}
