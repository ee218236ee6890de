//! An exhaustive search over one run: every command in every state that can be reached, each turn judged.
//!
//! The sessions are anything that sessions may be: each may begin, succeed, fail or be cancelled at any moment. After each
//! turn the owner crashes: the search goes on from what the journal's records alone make of the run.

use super::{
    invariants::{self, Turn, Witness},
    model::{Broken, Machine, hold, session_of},
    sample,
};
use howdah::{
    domain::{Disposed, StopMode, Timestamp},
    machine::job::{JobCommand, JobEffect, JobPhase, JobRun, ObjectEnd, ObjectState},
};
use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    time::Duration,
};

/// What the search saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) states: usize,
    pub(crate) turns: usize,
    pub(crate) met: BTreeSet<String>,
}

#[derive(Clone)]
struct Node {
    run: JobRun,
    world: Witness,
    now: Timestamp,
}

/// Explores all that can become of this run, which is new.
pub(crate) fn search(machine: &Machine, run: JobRun) -> Result<Seen, Broken> {
    let first = Node { world: Witness::new(run.objects().len()), run, now: sample::start() };
    let mut seen = Seen::default();
    let mut known = HashSet::from([key(&first)]);
    let mut open = VecDeque::from([first]);
    while let Some(node) = open.pop_front() {
        seen.states += 1;
        for begun in node.world.may_begin() {
            let mut next = node.clone();
            next.world.begin(begun);
            if known.insert(key(&next)) {
                open.push_back(next);
            }
        }
        for command in alphabet(&node) {
            seen.turns += 1;
            let next = turn(machine, &node, &command, &mut seen.met)?;
            if known.insert(key(&next)) {
                open.push_back(next);
            }
        }
    }
    Ok(seen)
}

fn turn(machine: &Machine, node: &Node, command: &JobCommand, met: &mut BTreeSet<String>) -> Result<Node, Broken> {
    let now = node.now + Duration::from_secs(1);
    let mut next = Node { now, ..node.clone() };
    let decided = (machine.decide)(&node.run, command.clone(), now);
    let mut effects: Vec<JobEffect> = Vec::new();
    next.world.hear(&node.run, command, decided.is_ok());
    if decided.as_ref().is_ok_and(|events| !events.is_empty()) {
        let mut rebuilt = node.run.clone();
        for event in decided.iter().flatten() {
            next.run = (machine.evolve)(next.run, event, now);
            rebuilt = (machine.evolve)(rebuilt, &written_and_read(event)?, now);
            effects.extend((machine.react)(&next.run, event));
        }
        hold("replay gives the same run", next.run == rebuilt, || format!("{:?}\n  {rebuilt:?}", next.run))?;
        next.run = written_and_read(&rebuilt)?;
    }
    next.world.see(&effects);
    met.extend(decided.as_ref().err().map(|refusal| format!("refusal {}", name(refusal))));
    met.extend(moments(&node.run, command, &next));
    invariants::check(&Turn {
        before: &node.run,
        command,
        decided: &decided,
        effects: &effects,
        after: &next.run,
        past: &node.world,
        world: &next.world,
        startable: &(machine.startable)(&next.run),
        was_startable: &(machine.startable)(&node.run),
    })?;
    Ok(next)
}

/// Everything that can be asked of a run in this state.
fn alphabet(node: &Node) -> Vec<JobCommand> {
    let by = || "ana".to_owned();
    let mut all = vec![JobCommand::Dismiss { by: by() }];
    all.extend(StopMode::ALL.map(|mode| JobCommand::Stop { mode, by: by() }));
    // Of an object that is there, of one that is not its turn, and of one that never was.
    for object in 0..=node.run.objects().len() {
        all.push(JobCommand::ObjectStarted { object, session: session_of(object) });
        all.push(JobCommand::ObjectRefused { object, cause: "its directory is in use".to_owned() });
        all.push(JobCommand::ObjectCancelRequested { session: session_of(object), by: by() });
        let ends = node.world.ends(object).into_iter();
        all.extend(ends.map(|end| JobCommand::ObjectEnded { session: session_of(object), end }));
    }
    all
}

pub(crate) fn made() -> ObjectEnd {
    ObjectEnd::Succeeded { made: "restore point 2026-11-20T0200, 1000 B".to_owned() }
}

pub(crate) fn failed() -> ObjectEnd {
    ObjectEnd::Failed { cause: "the server is gone".to_owned() }
}

pub(crate) const fn cancelled(begun: bool) -> ObjectEnd {
    let disposed = if begun { Disposed::Removed } else { Disposed::Nothing };
    ObjectEnd::Cancelled { begun, disposed }
}

/// What is remarkable about a turn.
fn moments(before: &JobRun, command: &JobCommand, next: &Node) -> Vec<String> {
    let mut met: Vec<&str> = Vec::new();
    let (after, world) = (&next.run, &next.world);
    let made =
        |run: &JobRun| run.objects().iter().filter(|state| matches!(state, ObjectState::Succeeded { .. })).count();
    if let (JobPhase::StoppingGracefully { .. }, Some(StopMode::Immediate)) = (before.phase(), after.stopping()) {
        met.push("a graceful stop became an immediate one");
    }
    if let (JobCommand::Stop { mode, .. }, JobPhase::Running, 0) =
        (command, before.phase(), before.processing().count())
        && before != after
    {
        match (mode, world.sessions().count()) {
            (StopMode::Immediate, 0) => met.push("an immediate stop of nothing"),
            (StopMode::Graceful, 0) if matches!(after.phase(), JobPhase::Done { .. }) => {
                met.push("a graceful stop before the first object began");
            }
            (_, 0) => {}
            (_, _) => met.push("a stop between two objects"),
        }
    }
    if after.processing().count() == 2 {
        met.push("two objects in process");
    }
    if matches!(command, JobCommand::ObjectRefused { .. }) && before != after {
        met.push("an object could not be begun");
    }
    if matches!(command, JobCommand::ObjectCancelRequested { .. }) && before != after {
        met.push("a cancel of a session by hand");
    }
    if let JobCommand::ObjectEnded { end: ObjectEnd::Succeeded { .. }, .. } = command
        && before.stopping() == Some(StopMode::Immediate)
        && made(after) > made(before)
    {
        met.push("an object made in spite of an immediate stop");
    }
    if after.is_dismissed() {
        met.push("dismissed");
    }
    let mut met: Vec<String> = met.into_iter().map(str::to_owned).collect();
    if let (JobPhase::Done { result, .. }, true) = (after.phase(), before.is_ongoing()) {
        met.push(result.to_string());
        let by = match world.stop {
            Some(StopMode::Immediate) => Some("failed by an immediate stop"),
            Some(StopMode::Graceful) if made(after) == after.objects().len() => {
                Some("a graceful stop with every object made")
            }
            Some(StopMode::Graceful) if made(after) == 0 => Some("failed after a graceful stop"),
            Some(StopMode::Graceful) | None => None,
        };
        met.extend(by.map(str::to_owned));
    }
    met
}

fn written_and_read<T>(value: &T) -> Result<T, Broken>
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq,
{
    let text = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&text).unwrap();
    hold("what is written is read again", &read == value, || text)?;
    Ok(read)
}

/// What a turn can depend on.
fn key(node: &Node) -> String {
    let objects: Vec<String> = node
        .run
        .objects()
        .iter()
        .map(|state| match state {
            ObjectState::Processing { cancelled_by, .. } => format!("processing {}", cancelled_by.is_some()),
            ObjectState::Failed { session, .. } => format!("failed {}", session.is_some()),
            ObjectState::Pending | ObjectState::Succeeded { .. } => state.word().to_owned(),
            ObjectState::Stopped { .. } | ObjectState::NotStarted => state.word().to_owned(),
        })
        .collect();
    let result = if let JobPhase::Done { result, .. } = node.run.phase() { Some(*result) } else { None };
    format!("{:?} {result:?} {} {objects:?} {}", node.run.stopping(), node.run.is_dismissed(), node.world.key())
}

/// The name of a variant as the journal writes it.
pub(crate) fn name<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value).unwrap() {
        serde_json::Value::String(name) => name,
        serde_json::Value::Object(fields) => fields.keys().next().unwrap().clone(),
        other @ (serde_json::Value::Null | serde_json::Value::Bool(_)) => other.to_string(),
        other @ (serde_json::Value::Number(_) | serde_json::Value::Array(_)) => other.to_string(),
    }
}
