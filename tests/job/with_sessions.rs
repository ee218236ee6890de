//! An exhaustive search over a run together with the real sessions of its objects: what is asked of them is done by them,
//! and what becomes of them is heard by it, as one turn of the owner does it.
//!
//! The sessions may be disrupted, fail, be lost in a crash of the owner, be retried and cancelled by hand, at any moment.
//! From each state that is found the run can come to its end.

use super::{
    model::{Broken, hold, run, session_of},
    sample,
};
use howdah::{
    domain::{Disposed, Disposition, JobKind, Outcome, Reach, StopMode, Timestamp, fact::End, ticket::Work},
    machine::{
        CancelStage, Cause, Command, Effect, Phase, Report, Session, decide as decide_session,
        event::Created,
        evolve as evolve_session,
        job::{JobCommand, JobEffect, JobPhase, JobRun, ObjectEnd, ObjectState, decide, evolve, react, startable},
        next_wake, react as react_session,
    },
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

/// What the search saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) states: usize,
    pub(crate) met: BTreeSet<String>,
}

/// What stands between a run and its sessions: how an effect becomes a command, and what is heard of a session.
#[derive(Clone, Copy)]
pub(crate) struct Between {
    ask: fn(JobEffect) -> Command,
    hear: fn(&Session) -> Option<ObjectEnd>,
}

/// As the owner does it.
pub(crate) const REAL: Between = Between { ask: |effect| effect.command("ops"), hear: ObjectEnd::of };

/// Seeded bugs, and the rule that catches each.
pub(crate) const MUTANTS: &[(&str, &str, Between)] = &[
    (
        "a graceful stop tells its sessions nothing",
        "no try follows",
        Between {
            ask: |effect| match effect {
                JobEffect::Finish { .. } => Command::Wake,
                JobEffect::Cancel { .. } => (REAL.ask)(effect),
            },
            ..REAL
        },
    ),
    (
        "a graceful stop is a retry of its sessions",
        "no try follows",
        Between {
            ask: |effect| match effect {
                JobEffect::Finish { .. } => sample::retry(),
                JobEffect::Cancel { .. } => (REAL.ask)(effect),
            },
            ..REAL
        },
    ),
    (
        "an immediate stop keeps what was made",
        "R32 R34",
        Between {
            ask: |effect| match effect {
                JobEffect::Cancel { .. } => {
                    Command::Cancel { disposition: Disposition::Keep, reach: Reach::AnyOrigin, by: "ops".to_owned() }
                }
                JobEffect::Finish { .. } => (REAL.ask)(effect),
            },
            ..REAL
        },
    ),
    (
        "a cancelled session is told as made",
        "an object stands as its session ended",
        Between {
            hear: |session| {
                let end = ObjectEnd::of(session)?;
                let made = ObjectEnd::Succeeded { made: "it".to_owned() };
                Some(if matches!(end, ObjectEnd::Cancelled { .. }) { made } else { end })
            },
            ..REAL
        },
    ),
    (
        "the end of a failed session is not heard",
        "D6 R42",
        Between {
            hear: |session| ObjectEnd::of(session).filter(|end| !matches!(end, ObjectEnd::Failed { .. })),
            ..REAL
        },
    ),
];

#[derive(Clone)]
struct Node {
    run: JobRun,
    /// By object.
    sessions: Vec<Option<Session>>,
    now: Timestamp,
    /// Attempts that each object was given after the graceful stop, and whether it waited for one then.
    after_stop: Vec<(u32, bool)>,
}

/// What happens next.
enum Move {
    Begin(usize),
    Stop(StopMode),
    Session(usize, Command),
}

/// Explores a run of so many objects, so many at once.
pub(crate) fn search(objects: usize, at_once: u16, between: Between) -> Result<Seen, Broken> {
    let first = Node {
        run: run(JobKind::Instance, objects, at_once),
        sessions: vec![None; objects],
        now: sample::start(),
        after_stop: vec![(0, false); objects],
    };
    let mut seen = Seen::default();
    let mut numbers = HashMap::from([(key(&first), 0)]);
    let mut open = VecDeque::from([(0, first)]);
    let (mut came_from, mut ends) = (vec![Vec::new()], Vec::new());
    while let Some((number, node)) = open.pop_front() {
        seen.states += 1;
        judge(&node)?;
        if let JobPhase::Done { result, .. } = node.run.phase() {
            seen.met.insert(result.to_string());
            ends.push(number);
            continue;
        }
        for (what, now) in moves(&node) {
            let next = turn(&node, what, now, between, &mut seen.met)?;
            let count = numbers.len();
            let next_number = *numbers.entry(key(&next)).or_insert(count);
            if next_number == count {
                came_from.push(Vec::new());
                open.push_back((count, next));
            }
            came_from[next_number].push(number);
        }
    }
    let mut leads_to_end = vec![false; came_from.len()];
    while let Some(number) = ends.pop() {
        if !std::mem::replace(&mut leads_to_end[number], true) {
            ends.extend(&came_from[number]);
        }
    }
    let traps = leads_to_end.iter().filter(|leads| !**leads).count();
    hold("from everywhere a run can come to its end", traps == 0, || format!("{traps} states lead nowhere"))?;
    Ok(seen)
}

fn moves(node: &Node) -> Vec<(Move, Timestamp)> {
    let soon = node.now + Duration::from_secs(1);
    let mut all: Vec<(Move, Timestamp)> =
        startable(&node.run).into_iter().take(1).map(|next| (Move::Begin(next), soon)).collect();
    all.extend(StopMode::ALL.map(|mode| (Move::Stop(mode), soon)));
    for (object, session) in node.sessions.iter().enumerate() {
        let Some(session) = session.as_ref().filter(|session| session.is_ongoing()) else { continue };
        let cancel =
            Command::Cancel { disposition: Disposition::Remove, reach: Reach::AnyOrigin, by: "ana".to_owned() };
        let given = [Command::Launch, sample::retry(), cancel].into_iter().chain(words(session));
        all.extend(given.map(|command| (Move::Session(object, command), soon)));
        if let Some(wake) = next_wake(session) {
            all.push((Move::Session(object, Command::Wake), wake.max(node.now)));
        }
    }
    all
}

/// What the live attempt of a session may say, and that it was lost.
fn words(session: &Session) -> Vec<Command> {
    let Some(attempt) = session.live_attempt() else { return Vec::new() };
    let disposes = matches!(session.phase(), Phase::Cancelling { stage: CancelStage::Disposing { .. }, .. });
    let ends = if disposes {
        // Removed, or found to be done by the attempt before.
        vec![Some(End::Disposed(Disposed::Removed)), Some(End::Succeeded(sample::success()))]
    } else {
        vec![None, Some(End::Succeeded(sample::success())), Some(End::Failed(sample::incurable()))]
    };
    let reports = ends.into_iter().map(|end| Command::Report { attempt, report: Report::Over(end) });
    std::iter::once(Command::Lost { attempt }).chain(reports).collect()
}

/// One turn of the owner: all of it happens, or nothing.
fn turn(node: &Node, what: Move, now: Timestamp, between: Between, met: &mut BTreeSet<String>) -> Result<Node, Broken> {
    let mut next = Node { now, ..node.clone() };
    match what {
        Move::Begin(object) => {
            tell_run(&mut next, JobCommand::ObjectStarted { object, session: session_of(object) }, between)?;
            let order = next.run.order(object).unwrap();
            let policy = *next.run.spec().policy();
            let created = Created { order, policy, id: session_of(object), ..sample::created(1, policy) };
            next.sessions[object] = Some(Session::create(created));
        }
        Move::Stop(mode) => tell_run(&mut next, JobCommand::Stop { mode, by: "ops".to_owned() }, between)?,
        Move::Session(object, command) => {
            if matches!(command, Command::Lost { .. }) && node.run.stopping().is_some() {
                met.insert("a crash in a stop".to_owned());
            }
            let by_hand = matches!(command, Command::Cancel { .. });
            if tell_session(&mut next, object, command)? && by_hand {
                let asked = JobCommand::ObjectCancelRequested { session: session_of(object), by: "ana".to_owned() };
                tell_run(&mut next, asked, between)?;
            }
        }
    }
    for object in 0..next.sessions.len() {
        let ended = next.sessions[object].as_ref().and_then(between.hear);
        if let (Some(end), ObjectState::Processing { session, .. }) = (ended, &next.run.objects()[object]) {
            let session = *session;
            tell_run(&mut next, JobCommand::ObjectEnded { session, end }, between)?;
        }
    }
    if next.after_stop.iter().any(|(given, waited)| *waited && *given == 1) {
        met.insert("the last attempt came at once".to_owned());
    }
    Ok(next)
}

fn tell_run(node: &mut Node, command: JobCommand, between: Between) -> Result<(), Broken> {
    let Ok(events) = decide(&node.run, command, node.now) else { return Ok(()) };
    for event in events {
        node.run = evolve(node.run.clone(), &event, node.now);
        for effect in react(&node.run, &event) {
            let (JobEffect::Cancel { session } | JobEffect::Finish { session }) = effect;
            let object = usize::try_from(session.0 - session_of(0).0).unwrap();
            let waited = matches!(node.sessions[object].as_ref().map(Session::phase), Some(Phase::Waiting { .. }));
            if matches!(effect, JobEffect::Finish { .. }) {
                node.after_stop[object] = (0, waited);
            }
            tell_session(node, object, (between.ask)(effect))?;
        }
    }
    Ok(())
}

/// Whether anything changed.
fn tell_session(node: &mut Node, object: usize, command: Command) -> Result<bool, Broken> {
    let Some(session) = node.sessions[object].clone() else { return Ok(false) };
    let Ok(events) = decide_session(&session, command, node.now) else { return Ok(false) };
    let mut after = session;
    for event in &events {
        after = evolve_session(after, event, node.now);
        let Some(Effect::Launch { work, .. }) = react_session(&after, event) else { continue };
        let works = matches!(*work, Work::Run(_));
        let removes = matches!(*work, Work::Dispose { disposition: Disposition::Remove, .. });
        match (node.run.stopping(), works) {
            (Some(StopMode::Immediate), true) => {
                return Err(Broken {
                    rule: "R35 nothing is launched after an immediate stop",
                    how: format!("{event:?}"),
                });
            }
            (Some(StopMode::Immediate), false) => {
                hold("R32 R34 what was in process is removed", removes, || format!("{work:?}"))?;
            }
            (Some(StopMode::Graceful), true) => {
                let (given, _) = &mut node.after_stop[object];
                *given += 1;
                hold("no try follows the last attempt after a graceful stop", *given <= 1, || format!("{event:?}"))?;
            }
            (Some(StopMode::Graceful), false) | (None, _) => {}
        }
    }
    node.sessions[object] = Some(after);
    Ok(!events.is_empty())
}

fn judge(node: &Node) -> Result<(), Broken> {
    let shown = || {
        let sessions: Vec<_> = node.sessions.iter().flatten().map(Session::phase).collect();
        format!("{:?} {:?}\n  {sessions:?}", node.run.phase(), node.run.objects())
    };
    let in_process = |object: usize| matches!(node.run.objects()[object], ObjectState::Processing { .. });
    for (object, session) in node.sessions.iter().enumerate() {
        let alive = session.as_ref().is_some_and(Session::is_ongoing);
        hold("D6 R42 an object is in process exactly while its session is", alive == in_process(object), shown)?;
        let Some(session) = session else { continue };
        let stuck = matches!(session.phase(), Phase::Stuck { .. });
        hold("nobody waits for an object of a job", !stuck, shown)?;
        let waits = matches!(session.phase(), Phase::Waiting { .. });
        hold("no try follows a stop that anybody would wait for", !(waits && node.run.stopping().is_some()), shown)?;
        let Phase::Completed { outcome, .. } = session.phase() else { continue };
        let made = matches!(outcome, Outcome::Succeeded(_));
        let shown_so = matches!(node.run.objects()[object], ObjectState::Succeeded { .. });
        hold("an object stands as its session ended", made == shown_so, shown)?;
    }
    let alive = node.sessions.iter().flatten().any(Session::is_ongoing);
    hold("D6 a run has ended when its sessions have", node.run.is_ongoing() || !alive, shown)
}

/// What a turn can depend on.
fn key(node: &Node) -> String {
    let mut parts = vec![format!("{:?}", node.run.stopping())];
    for (object, state) in node.run.objects().iter().enumerate() {
        let by_hand = matches!(state, ObjectState::Processing { cancelled_by: Some(_), .. });
        let session = node.sessions[object].as_ref().filter(|session| session.is_ongoing()).map(|session| {
            let phase = match session.phase() {
                Phase::Queued { cause, .. } => format!("queued {}", word(*cause)),
                Phase::Running { cause, .. } => format!("running {}", word(*cause)),
                Phase::Waiting { tries_used, next_try, .. } => {
                    format!("waiting {tries_used} {}", *next_try <= node.now)
                }
                Phase::Cancelling { stage, wish, .. } => {
                    let stops = matches!(stage, CancelStage::Stopping { .. });
                    format!("cancelling {stops} {:?} {}", std::mem::discriminant(wish), next_wake(session).is_some())
                }
                Phase::Stuck { .. } | Phase::Paused { .. } | Phase::Completed { .. } => "other".to_owned(),
            };
            format!("{phase} {} {}", session.is_finishing(), session.attempts().is_empty())
        });
        parts.push(format!("{} {by_hand} {session:?} {:?}", state.word(), node.after_stop[object]));
    }
    parts.join("; ")
}

fn word(cause: Cause) -> String {
    format!("{cause:?}")
}
