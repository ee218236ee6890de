//! What must be true of every turn of the kinds of work that differ: who ends as what, and who waits for whom.

use super::invariants::{Rule, cause_in_queue, is_cancelling, is_completed, is_stuck, outcome};
use howdah::{
    domain::{Kind, Outcome, ticket::Work},
    machine::{Cause, Command, Effect, EndWish, Phase, Refusal},
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
        Command::Stop { .. } if is_completed(t.before) => t.decided == &Err(Refusal::Completed),
        Command::Stop { .. } if t.before.order().kind() != Kind::Explore => t.decided == &Err(Refusal::NotHeldOpen),
        Command::Stop { .. } => is_cancelling(t.before) || t.decided.is_ok(),
        Command::Retry { .. }
        | Command::Cancel { .. }
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
            Command::Resume { .. } => cause_in_queue(t.after) == Some(Cause::Resume),
            Command::Cancel { .. } => is_cancelling(t.after),
            Command::Wake => t.after == t.before && t.next_wake.is_none(),
            Command::Stop { .. }
            | Command::Force { .. }
            | Command::Dismiss { .. }
            | Command::Recover
            | Command::CatchUp(_)
            | Command::Launch
            | Command::Lost { .. }
            | Command::Report { .. } => true,
        }
    }),
    ("recovery goes on only from a pause", |t| {
        let paused = matches!(t.before.phase(), Phase::Paused { .. });
        paused || !matches!(t.command, Command::Resume { .. }) || t.decided == &Err(Refusal::NotPaused)
    }),
];
