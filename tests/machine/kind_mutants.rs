//! Seeded bugs of what only some kinds of work have: damage, an end as failed, a stop, a pause.

#![allow(clippy::wildcard_enum_match_arm, reason = "a mutant names what it spoils and leaves the rest as it is")]

use super::{
    mutant::{Mutant, deciding, each},
    sample,
};
use howdah::{
    domain::{Disposition, Kind, Reach, Recovery, RecoveryGoal},
    machine::{Cause, Command, Event, Phase, StuckReason, decide},
};

/// Bugs that show in a session of one kind, which the search is told.
pub(crate) const MUTANTS: &[(&str, Mutant)] = &[
    (
        "restore",
        deciding("a restore ends as failed", "R6", |session, command, now| {
            each(decide(session, command, now), |event| match event {
                Event::GotStuck { attempt, failure, reached, .. } => {
                    Event::GaveUp { attempt, failure, reached, deadline: now }
                }
                other => other,
            })
        }),
    ),
    (
        "backup",
        deciding("an object of a job waits for a person", "an object", |session, command, now| {
            each(decide(session, command, now), |event| match event {
                Event::GaveUp { attempt, failure, reached, .. } => {
                    Event::GotStuck { attempt, failure, reached, reason: StuckReason::Incurable }
                }
                other => other,
            })
        }),
    ),
    (
        "backup",
        deciding("an attempt follows the last one", "no try follows", |session, command, now| {
            each(decide(session, command, now), |event| match event {
                Event::GaveUp { attempt, failure, reached, .. } if session.is_finishing() => {
                    Event::Disrupted { attempt, failure, reached, tries_used: 0, next_try: now }
                }
                other => other,
            })
        }),
    ),
    (
        "backup",
        deciding("what waits is not hurried by a finish", "a finish makes", |session, command, now| {
            match (session.phase(), command) {
                (Phase::Waiting { .. }, Command::Finish { by }) => Ok(vec![Event::FinishRequested { by }]),
                (_, command) => decide(session, command, now),
            }
        }),
    ),
    (
        "backup",
        deciding("a finish stops what runs", "a finish leaves", |session, command, now| {
            match (session.phase(), command) {
                (Phase::Running { .. }, Command::Finish { by }) => decide(
                    session,
                    Command::Cancel { disposition: Disposition::Remove, reach: Reach::AnyOrigin, by },
                    now,
                ),
                (_, command) => decide(session, command, now),
            }
        }),
    ),
    (
        "backup",
        deciding("a finish lets begin what was queued", "a finish begins", |session, command, now| {
            match (session.phase(), command) {
                (Phase::Queued { .. }, Command::Finish { by }) => Ok(vec![Event::FinishRequested { by }]),
                (_, command) => decide(session, command, now),
            }
        }),
    ),
    (
        "backup",
        deciding("what is being cancelled is finished instead", "a finish of", |session, command, now| {
            match (session.phase(), command) {
                (Phase::Cancelling { .. }, Command::Finish { .. }) => Ok(vec![]),
                (_, command) => decide(session, command, now),
            }
        }),
    ),
    (
        "verify",
        deciding("damage is told as success", "damage", |session, command, now| {
            each(decide(session, command, now), |event| match event {
                Event::Damaged { attempt, .. } => Event::Succeeded { attempt, success: sample::success() },
                other => other,
            })
        }),
    ),
    (
        "restore",
        deciding("a restore is stopped like an open restore point", "R22", |session, command, now| match command {
            Command::Stop { reach, by } if session.order().kind() != Kind::Explore => {
                decide(session, Command::Cancel { disposition: Disposition::Remove, reach, by }, now)
            }
            other => decide(session, other, now),
        }),
    ),
    (
        "explore",
        deciding("a stop ends as a cancel", "a stop", |session, command, now| {
            each(decide(session, command, now), |event| match event {
                Event::Stopped { disposed } => Event::Cancelled { disposed },
                other => other,
            })
        }),
    ),
    (
        "explore",
        deciding("a paused session is retried", "a pause", |session, command, now| match (session.phase(), &command) {
            (Phase::Paused { .. }, Command::Retry { by }) => {
                Ok(vec![Event::Requeued { cause: Cause::Retry, by: Some(by.clone()) }])
            }
            _ => decide(session, command, now),
        }),
    ),
    (
        "explore",
        deciding("recovery goes on from anywhere", "recovery goes on", |session, command, now| {
            match (session.order().recovery(), &command) {
                (Some(recovery), Command::Resume { by, .. }) if session.is_ongoing() => {
                    Ok(vec![Event::Resumed { recovery: recovery.clone(), by: by.clone() }])
                }
                _ => decide(session, command, now),
            }
        }),
    ),
    (
        "restore",
        deciding("a server that is lost at its pause stays lost", "D9 a server", |session, command, now| {
            match (session.phase(), &command) {
                (Phase::Paused { .. }, Command::Lost { .. }) => Ok(vec![]),
                _ => decide(session, command, now),
            }
        }),
    ),
    (
        "restore",
        deciding("a lost server waits the whole pause", "D9 a server", |session, command, now| {
            let is_paused = matches!(session.phase(), Phase::Paused { .. });
            each(decide(session, command, now), |event| match event {
                Event::Disrupted { attempt, failure, reached, tries_used, .. } if is_paused => {
                    let next_try = now + session.policy().every;
                    Event::Disrupted { attempt, failure, reached, tries_used, next_try }
                }
                other => other,
            })
        }),
    ),
    (
        "restore",
        deciding("a lost server is brought back elsewhere", "D9 a server", |session, command, now| {
            let is_paused = matches!(session.phase(), Phase::Paused { .. });
            let mut decided = decide(session, command, now)?;
            if is_paused && matches!(decided.as_slice(), [Event::Disrupted { .. }]) {
                decided.push(Event::Resumed { recovery: Recovery::to_consistency(), by: "nobody".to_owned() });
            }
            Ok(decided)
        }),
    ),
    (
        "restore",
        deciding("the server of an earlier attempt is missed", "a pause", |session, command, now| {
            match (session.phase(), command) {
                (Phase::Paused { .. }, Command::Lost { .. }) => {
                    let attempt = session.attempts().last().unwrap().number;
                    decide(session, Command::Lost { attempt }, now)
                }
                (_, command) => decide(session, command, now),
            }
        }),
    ),
    (
        "restore",
        deciding("recovery goes back", "recovery only", |session, command, now| match (session.phase(), command) {
            (Phase::Paused { .. }, Command::Resume { resume, by }) => {
                let recovery = resume.applied(session.order().recovery().unwrap());
                Ok(vec![Event::Resumed { recovery, by }])
            }
            (_, command) => decide(session, command, now),
        }),
    ),
    (
        "restore",
        deciding("recovery goes on to the end instead", "recovery only", |session, command, now| {
            each(decide(session, command, now), |event| match event {
                Event::Resumed { recovery, by } => {
                    Event::Resumed { recovery: Recovery { goal: RecoveryGoal::Latest, ..recovery }, by }
                }
                other => other,
            })
        }),
    ),
    (
        "verify",
        deciding("a verification is disposed of", "the session knows", |session, command, now| {
            each(decide(session, command, now), |event| match event {
                Event::Cancelled { .. } if session.order().kind() == Kind::Verify && !session.attempts().is_empty() => {
                    Event::DisposalLaunched { attempt: session.next_attempt(), deadline: now }
                }
                other => other,
            })
        }),
    ),
];
