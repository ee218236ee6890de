//! Seeded bugs of runs: machines that are wrong in one way each. The search must catch every one.

#![allow(clippy::wildcard_enum_match_arm, reason = "a mutant names what it spoils and leaves the rest as it is")]

use super::model::{Machine, REAL};
use howdah::{
    domain::{JobKind, JobResult, SessionId, StopMode, Timestamp},
    machine::{
        Refusal,
        job::{JobCommand, JobEffect, JobEvent, JobPhase, JobRun, ObjectState, decide, evolve, react, startable},
    },
};

/// A bug, the rule that catches it, and the machine that has it.
pub(crate) struct Mutant {
    pub(crate) bug: &'static str,
    pub(crate) caught_by: &'static str,
    pub(crate) kind: JobKind,
    pub(crate) machine: Machine,
}

type Decide = fn(&JobRun, JobCommand, Timestamp) -> Result<Vec<JobEvent>, Refusal>;

const fn mutant(bug: &'static str, caught_by: &'static str, machine: Machine) -> Mutant {
    Mutant { bug, caught_by, kind: JobKind::Instance, machine }
}

const fn deciding(bug: &'static str, caught_by: &'static str, decide: Decide) -> Mutant {
    mutant(bug, caught_by, Machine { decide, ..REAL })
}

/// What was decided, with each event as `change` leaves it.
fn each(
    decided: Result<Vec<JobEvent>, Refusal>,
    change: impl FnMut(JobEvent) -> JobEvent,
) -> Result<Vec<JobEvent>, Refusal> {
    Ok(decided?.into_iter().map(change).collect())
}

/// What was decided, with another result at its end.
fn ending(
    decided: Result<Vec<JobEvent>, Refusal>,
    change: impl Fn(JobResult) -> JobResult,
) -> Result<Vec<JobEvent>, Refusal> {
    each(decided, |event| match event {
        JobEvent::Ended { result, detail } => JobEvent::Ended { result: change(result), detail },
        other => other,
    })
}

pub(crate) const MUTANTS: &[Mutant] = &[
    deciding("an immediate stop is refused while a graceful one goes on", "R30", |run, command, now| {
        match (run.stopping(), &command) {
            (Some(current @ StopMode::Graceful), JobCommand::Stop { mode, .. }) => {
                Err(Refusal::JobStopping { current, mode: *mode })
            }
            _ => decide(run, command, now),
        }
    }),
    deciding("an immediate stop becomes a graceful one again", "a second stop", |run, command, now| {
        match (run.stopping(), command) {
            (Some(StopMode::Immediate), JobCommand::Stop { mode: mode @ StopMode::Graceful, by }) => {
                Ok(vec![JobEvent::StopRequested { mode, by }])
            }
            (_, command) => decide(run, command, now),
        }
    }),
    mutant(
        "an immediate stop takes a restore point away",
        "R31",
        Machine {
            evolve: |run, event, at| {
                let run = evolve(run, event, at);
                let JobEvent::StopRequested { mode: StopMode::Immediate, .. } = event else { return run };
                forget(run, "succeeded")
            },
            ..REAL
        },
    ),
    mutant(
        "an immediate stop leaves one session alone",
        "R34",
        Machine {
            react: |run, event| {
                let immediate = run.stopping() == Some(StopMode::Immediate);
                react(run, event).into_iter().skip(usize::from(immediate)).collect()
            },
            ..REAL
        },
    ),
    mutant(
        "an immediate stop lets sessions finish",
        "R34",
        Machine {
            react: |run, event| {
                let finish = |effect| match effect {
                    JobEffect::Cancel { session } | JobEffect::Finish { session } => JobEffect::Finish { session },
                };
                react(run, event).into_iter().map(finish).collect()
            },
            ..REAL
        },
    ),
    mutant(
        "a graceful stop cancels what is in process",
        "R37",
        Machine {
            react: |run, event| {
                let cancel = |effect| match effect {
                    JobEffect::Cancel { session } | JobEffect::Finish { session } => JobEffect::Cancel { session },
                };
                react(run, event).into_iter().map(cancel).collect()
            },
            ..REAL
        },
    ),
    mutant(
        "a session that has ended is cancelled",
        "R34",
        Machine {
            react: |run, event| {
                let JobEvent::StopRequested { mode: StopMode::Immediate, .. } = event else { return react(run, event) };
                let all = run.objects().iter().filter_map(ObjectState::session);
                all.map(|session| JobEffect::Cancel { session }).collect()
            },
            ..REAL
        },
    ),
    mutant(
        "an object is begun after a stop",
        "R33",
        Machine {
            startable: |run| {
                let first = run.objects().iter().position(|state| *state == ObjectState::NotStarted);
                if run.stopping().is_some() { first.into_iter().collect() } else { startable(run) }
            },
            ..REAL
        },
    ),
    deciding("what has not begun stays to come after a stop", "R33", |run, command, now| {
        match (run.stopping(), command) {
            (Some(_), JobCommand::ObjectStarted { object, session }) => {
                Ok(vec![JobEvent::ObjectStarted { object, session }])
            }
            (_, command) => decide(run, command, now),
        }
    }),
    deciding("an immediate stop after a restore point ends as stopped", "R35", |run, command, now| {
        let stops = run.stopping() == Some(StopMode::Immediate);
        ending(decide(run, command, now), |result| if stops { JobResult::Stopped } else { result })
    }),
    deciding("a graceful stop with a restore point ends as failed", "R35 R43 D8", |run, command, now| {
        ending(decide(run, command, now), |result| match result {
            JobResult::Stopped => JobResult::Failed,
            other => other,
        })
    }),
    deciding("some failed objects are a success", "R35 R43 D8", |run, command, now| {
        ending(decide(run, command, now), |result| match result {
            JobResult::Warning => JobResult::Success,
            other => other,
        })
    }),
    deciding("a run of failed objects is a warning", "R35 R43 D8", |run, command, now| {
        let plain = matches!(run.phase(), JobPhase::Running);
        ending(decide(run, command, now), |result| match result {
            JobResult::Failed if plain => JobResult::Warning,
            other => other,
        })
    }),
    deciding("R43's sentence is told of every graceful stop", "R43", |run, command, now| {
        let graceful = run.stopping() == Some(StopMode::Graceful);
        each(decide(run, command, now), |event| match event {
            JobEvent::Ended { result, .. } if graceful => {
                JobEvent::Ended { result, detail: "Operation was canceled by user".to_owned() }
            }
            other => other,
        })
    }),
    deciding("R43's sentence is spelt in another way", "R43", |run, command, now| {
        each(decide(run, command, now), |event| match event {
            JobEvent::Ended { result, detail } => {
                JobEvent::Ended { result, detail: detail.replace("canceled", "cancelled") }
            }
            other => other,
        })
    }),
    deciding("a run ends while a session goes on", "D6", |run, command, now| {
        let stops = matches!(command, JobCommand::Stop { mode: StopMode::Immediate, .. });
        let mut events = decide(run, command, now)?;
        if stops && !events.iter().any(|event| matches!(event, JobEvent::Ended { .. })) {
            events.push(JobEvent::Ended { result: JobResult::Failed, detail: "stopped".to_owned() });
        }
        Ok(events)
    }),
    deciding("a run does not end with its last object", "a run never", |run, command, now| {
        let events = decide(run, command, now)?;
        Ok(events.into_iter().filter(|event| !matches!(event, JobEvent::Ended { .. })).collect())
    }),
    mutant(
        "the last object is begun first",
        "R41",
        Machine {
            startable: |run| {
                let last = run.objects().iter().rposition(|state| *state == ObjectState::Pending);
                if startable(run).is_empty() { vec![] } else { last.into_iter().collect() }
            },
            ..REAL
        },
    ),
    mutant(
        "one object too many is begun",
        "never more",
        Machine {
            startable: |run| {
                let pending = run.objects().iter().enumerate().filter(|(_, state)| **state == ObjectState::Pending);
                let all = pending.map(|(object, _)| object).collect();
                if matches!(run.phase(), JobPhase::Running) { all } else { vec![] }
            },
            ..REAL
        },
    ),
    deciding(
        "a session that a person has cancelled is no failed object",
        "a cancelled session",
        |run, command, now| {
            let cancelled = |object: &usize| {
                matches!(&run.objects()[*object], ObjectState::Processing { cancelled_by: Some(_), .. })
            };
            match &command {
                JobCommand::ObjectCancelRequested { .. } => {
                    let before: Vec<usize> = (0..run.objects().len()).filter(cancelled).collect();
                    if before.is_empty() { Ok(vec![]) } else { decide(run, command, now) }
                }
                _ => decide(run, command, now),
            }
        },
    ),
    deciding("the end of a session is not heard after a stop", "a run never", |run, command, now| match &command {
        JobCommand::ObjectEnded { .. } if run.stopping().is_some() => Ok(vec![]),
        _ => decide(run, command, now),
    }),
    deciding("what goes on is dismissed", "D10", |run, command, now| match command {
        JobCommand::Dismiss { by } => Ok(vec![JobEvent::Dismissed { by }]),
        command => decide(run, command, now),
    }),
    deciding("a run that has ended is stopped", "what has ended", |run, command, now| match command {
        JobCommand::Stop { .. } if !run.is_ongoing() => Ok(vec![]),
        command => decide(run, command, now),
    }),
    deciding("an object is begun twice", "R4", |run, command, now| match command {
        JobCommand::ObjectStarted { object, session }
            if run.stopping().is_none() && run.is_ongoing() && object < run.objects().len() =>
        {
            Ok(vec![JobEvent::ObjectStarted { object, session: SessionId(session.0) }])
        }
        command => decide(run, command, now),
    }),
    Mutant {
        bug: "a file copy is stopped gracefully",
        caught_by: "R39 R40",
        kind: JobKind::FileCopy,
        machine: Machine {
            decide: |run, command, now| match (run.phase(), command) {
                (JobPhase::Running, JobCommand::Stop { mode: mode @ StopMode::Graceful, by }) => {
                    Ok(vec![JobEvent::StopRequested { mode, by }])
                }
                (_, command) => decide(run, command, now),
            },
            ..REAL
        },
    },
    deciding("an instance job cannot be stopped gracefully", "R39 R40", |run, command, now| {
        match (run.phase(), &command) {
            (JobPhase::Running, JobCommand::Stop { mode: mode @ StopMode::Graceful, .. }) => {
                Err(Refusal::StopForbidden { mode: *mode, reason: "never".to_owned() })
            }
            _ => decide(run, command, now),
        }
    }),
];

/// The run with each object that stands so as one that failed.
fn forget(run: JobRun, state: &str) -> JobRun {
    let mut written = serde_json::to_value(run).unwrap();
    for object in written["objects"].as_array_mut().unwrap() {
        if object.get(state).is_some() {
            *object = serde_json::json!({"failed": {"session": null, "cause": "forgotten"}});
        }
    }
    serde_json::from_value(written).unwrap()
}
