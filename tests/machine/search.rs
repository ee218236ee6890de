//! An exhaustive search over one session: every command in every state that can be reached, each turn judged.
//!
//! States are told apart by what a turn can depend on: moments, numbers of attempts and texts are left out, so the
//! search ends. Each state is explored from the first way to it that was found, which is among the shortest.

use super::{
    invariants::{self, Turn},
    model::{Broken, Machine, hold},
    reference_model::Witness,
    sample,
};
use howdah::{
    domain::{
        AttemptNo, Disposed, Disposition, Failure, Kind, Reach, Step, StepState, Timestamp,
        fact::End,
        fact::{Began, Fact},
    },
    machine::{Command, Effect, Phase, Refusal, Report, Resume, Session, deadline::CANCEL_GRACE, evolve, next_wake},
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
    /// Names of phases, events, refusals and moments that were met.
    pub(crate) met: BTreeSet<String>,
}

#[derive(Clone)]
struct Node {
    session: Session,
    /// What replaying the durable events alone makes of it.
    replica: Session,
    world: Witness,
    now: Timestamp,
}

/// Explores all that can become of this session, which is new.
pub(crate) fn search(machine: &Machine, session: Session) -> Result<Seen, Broken> {
    let first = Node { replica: session.clone(), session, world: Witness::new(), now: sample::start() };
    let mut seen = Seen::default();
    let mut known = HashSet::from([key(&first)]);
    let mut open = VecDeque::from([first]);
    while let Some(node) = open.pop_front() {
        seen.states += 1;
        written_and_read(&node.session)?;
        for (command, now) in alphabet(machine, &node) {
            seen.turns += 1;
            let next = turn(machine, &node, &command, now, &mut seen.met)?;
            if known.insert(key(&next)) {
                open.push_back(next);
            }
        }
    }
    Ok(seen)
}

fn turn(
    machine: &Machine,
    node: &Node,
    command: &Command,
    now: Timestamp,
    met: &mut BTreeSet<String>,
) -> Result<Node, Broken> {
    let mut next = Node { now, ..node.clone() };
    next.world.hear(&node.session, command);
    let decided = (machine.decide)(&node.session, command.clone(), now);
    let mut effects = Vec::new();
    for event in decided.iter().flatten() {
        next.session = (machine.evolve)(next.session, event, now);
        if event.is_durable() {
            next.replica = evolve(next.replica, &written_and_read(event)?, now);
        }
        let effect = (machine.react)(&next.session, event);
        next.world.see(event, effect.as_ref())?;
        effects.extend(effect);
        met.insert(name(event));
    }
    met.insert(format!("phase {}", name(next.session.phase())));
    met.extend(decided.as_ref().err().map(|refusal: &Refusal| format!("refusal {}", name(refusal))));
    if matches!((command, effects.first()), (Command::Lost { .. }, Some(Effect::Launch { .. }))) {
        met.insert("disposal lost".to_owned());
    }
    if matches!((command, node.session.phase()), (Command::Lost { .. }, Phase::Paused { .. })) {
        met.extend(matches!(next.session.phase(), Phase::Waiting { .. }).then(|| "server lost".to_owned()));
    }
    met.extend(moments(&next.session).into_iter().map(str::to_owned));
    invariants::check(&Turn {
        before: &node.session,
        command,
        now,
        decided: &decided,
        effects: &effects,
        after: &next.session,
        past: &node.world,
        world: &next.world,
        next_wake: (machine.next_wake)(&next.session),
        last_wake: (machine.next_wake)(&node.session),
    })?;
    replayed(&next)?;
    twice(machine, &next, command)?;
    Ok(next)
}

/// Replaying what is durable gives the same session but for progress, which the attempt's own file has.
fn replayed(node: &Node) -> Result<(), Broken> {
    let (live, replica) = (&node.session, &node.replica);
    let same = live.phase() == replica.phase()
        && live.attempts() == replica.attempts()
        && live.notes() == replica.notes()
        && live.plan() == replica.plan()
        && live.first_cause() == replica.first_cause()
        && (live.furthest(), live.tries_total()) == (replica.furthest(), replica.tries_total())
        && live.order() == replica.order()
        && live.steps() == replica.steps();
    hold("replay gives the same session", same, || format!("{live:?}\n  {replica:?}"))
}

/// A report may come twice: an attempt that is adopted is read again from its first line.
fn twice(machine: &Machine, node: &Node, command: &Command) -> Result<(), Broken> {
    let again = match command {
        Command::Report { report: Report::Fact(Fact::Progress(_)), .. } => return Ok(()),
        Command::Report { .. } | Command::Lost { .. } | Command::Wake | Command::Launch => command.clone(),
        Command::Retry { .. } | Command::Cancel { .. } | Command::Force { .. } | Command::Dismiss { .. } => {
            return Ok(());
        }
        Command::Stop { .. } | Command::Resume { .. } | Command::Finish { .. } => return Ok(()),
        Command::Recover | Command::CatchUp(_) => return Ok(()),
    };
    let decided = (machine.decide)(&node.session, again, node.now);
    // A lost try is due at once, so the wake after it is no second one.
    let woken = matches!(command, Command::Wake) || matches!(decided, Ok(ref events) if events.is_empty());
    hold("a report may come twice", woken, || format!("{command:?} led to {decided:?}"))
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

/// Everything that can be asked of a session in this state, with the moment at which it is asked.
fn alphabet(machine: &Machine, node: &Node) -> Vec<(Command, Timestamp)> {
    let by = || "ops".to_owned();
    let soon = node.now + Duration::from_secs(1);
    let newest = node.world.newest;
    let live = node.world.live.map(|(attempt, _)| attempt);
    let mut all = vec![
        sample::retry(),
        Command::Recover,
        Command::Cancel { disposition: Disposition::Keep, reach: Reach::AnyOrigin, by: by() },
        Command::Stop { reach: Reach::AnyOrigin, by: by() },
        Command::Resume { resume: Resume::Promote, by: by() },
        Command::Resume { resume: Resume::StopHere, by: by() },
        Command::Resume { resume: sample::go_on(0x300_0000), by: by() },
        Command::Resume { resume: sample::go_on(0x200_0028), by: by() },
        Command::Force { by: by() },
        Command::Dismiss { by: by() },
        Command::Launch,
        Command::Wake,
    ];
    // Only a run of a job asks for it, and only of its objects.
    if node.session.order().kind() == Kind::Backup {
        all.push(Command::Finish { by: by() });
    }
    // Words of the live attempt, of one that is dead, and of one that never was.
    for attempt in
        [Some(newest), Some(AttemptNo(newest.0.saturating_sub(1))), Some(newest.next())].into_iter().flatten()
    {
        all.push(Command::Lost { attempt });
        let restores = node.world.live.is_none_or(|(_, restores)| restores);
        let works = live != Some(attempt) || restores;
        let kind = node.session.order().kind();
        let reports = if works { reports(kind, attempt) } else { disposal_reports(attempt) };
        all.extend(reports.into_iter().map(|report| Command::Report { attempt, report }));
    }
    let mut all: Vec<_> = all.into_iter().map(|command| (command, soon)).collect();
    // A clock that is set back, or jumps forward to what is due. After a command that changes nothing, all others follow
    // at the moment that it was given.
    let mut moments = vec![node.now - Duration::from_hours(24)];
    if let Some(wake) = (machine.next_wake)(&node.session) {
        moments.push(wake.max(node.now));
        all.push((Command::Wake, wake - Duration::from_nanos(1)));
    }
    for moment in moments {
        let given = [Command::Wake, sample::retry(), Command::Force { by: by() }, Command::Dismiss { by: by() }];
        all.extend(given.into_iter().map(|command| (command, moment)));
    }
    all
}

fn reports(kind: Kind, attempt: AttemptNo) -> Vec<Report> {
    let running = StepState::Running { detail: String::new() };
    let done = StepState::Done { took: Duration::from_secs(1), detail: String::new() };
    let mut all = vec![
        Report::Fact(Fact::Began(Began::of(sample::mark(attempt), None))),
        Report::Fact(Fact::Planned(Box::new(sample::plan()))),
        Report::Fact(Fact::Step { step: Step::Copy, state: running }),
        Report::Fact(Fact::Step { step: Step::Copy, state: done }),
        Report::Fact(Fact::Progress(sample::progress(10, None))),
        Report::Fact(Fact::Progress(sample::progress(20, None))),
        Report::Fact(Fact::Progress(sample::progress(20, Some(5)))),
        Report::Fact(Fact::Note("a note".to_owned())),
        Report::Fact(Fact::Ended(End::Succeeded(sample::success()))),
        Report::Over(None),
    ];
    all.extend([sample::disruption(), sample::incurable()].map(Report::NotLaunched));
    all.extend([sample::disruption(), sample::incurable(), Failure::bug("a bug")].map(End::Failed).map(sample::over));
    all.extend([End::Succeeded(sample::success()), End::Stopped, End::Disposed(Disposed::Kept)].map(sample::over));
    match kind {
        Kind::Restore | Kind::Explore => all.push(sample::over(End::Paused(sample::pause_point()))),
        Kind::Verify => all.push(sample::over(End::Damaged(sample::damaged()))),
        Kind::Backup => {}
    }
    all
}

fn disposal_reports(attempt: AttemptNo) -> Vec<Report> {
    let ends = [
        End::Disposed(Disposed::Removed),
        End::Failed(sample::disruption()),
        End::Stopped,
        End::Succeeded(sample::success()),
    ];
    let mut all = vec![
        Report::Fact(Fact::Began(Began::of(sample::mark(attempt), None))),
        Report::Over(None),
        Report::NotLaunched(sample::incurable()),
    ];
    all.extend(ends.map(sample::over));
    all
}

/// What a turn can depend on.
fn key(node: &Node) -> String {
    let session = &node.session;
    let phase = match session.phase() {
        Phase::Queued { cause, .. } => format!("queued {cause:?}"),
        Phase::Running { cause, got_through, .. } => format!("running {cause:?} {got_through}"),
        Phase::Waiting { tries_used, failure, .. } => {
            format!("waiting {tries_used} {:?} {:?}", failure.class, distance(node, session.policy().every))
        }
        Phase::Stuck { reason, .. } => format!("stuck {reason:?}"),
        Phase::Cancelling { stage, wish, .. } => {
            format!(
                "cancelling {} {} {:?} {:?} {}",
                name(wish),
                name(stage),
                moments(session),
                distance(node, CANCEL_GRACE),
                disposals(session)
            )
        }
        Phase::Paused { .. } => "paused".to_owned(),
        Phase::Completed { outcome, .. } => format!("completed {}", name(outcome)),
    };
    let first = session.first_cause().map(|failure| failure.class);
    let world = &node.world;
    let live = world.live.map(|(_, restores)| restores);
    let recovery = session.order().recovery().map(|recovery| recovery.at_target);
    let outside = (live, world.wish, world.tries, world.furthest, world.reached, world.disposed);
    let inside =
        (session.progress().reached(), session.furthest(), first, session.is_dismissed(), session.is_finishing());
    format!("{phase} {inside:?} {outside:?} {recovery:?} {}", session.attempts().is_empty())
}

/// How many workers have dealt with what a backup left. More than three are as good as three; of others it decides nothing.
fn disposals(session: &Session) -> usize {
    let disposals = session.attempts().iter().filter(|attempt| attempt.cause.is_none());
    if session.order().kind() == Kind::Backup { disposals.count().min(3) } else { 0 }
}

/// Whether the clock is needed by now, and whether that is further away than the pause that leads to it.
fn distance(node: &Node, pause: Duration) -> Option<(bool, bool)> {
    let wake = next_wake(&node.session)?;
    Some((wake <= node.now, wake > node.now + pause))
}

/// What is remarkable about a session as it stands.
fn moments(session: &Session) -> Vec<&'static str> {
    use howdah::machine::{CancelStage, Cause, StuckReason, Urgency};
    match session.phase() {
        Phase::Running { got_through: true, .. } => vec!["got through"],
        Phase::Running { cause: Cause::Try(2), .. } => vec!["the last try runs"],
        Phase::Running { cause: Cause::Retry, .. } => vec!["a retry runs"],
        Phase::Running { cause: Cause::Resume, .. } => vec!["recovery goes on"],
        Phase::Stuck { reason: StuckReason::TriesUsedUp, .. } => vec!["tries used up"],
        Phase::Stuck { reason: StuckReason::Incurable, .. } => vec!["incurable"],
        Phase::Stuck { reason: StuckReason::Bug, .. } => vec!["bug"],
        Phase::Cancelling { stage, .. } => match stage {
            CancelStage::Stopping { urgency: Urgency::InTime, .. } => vec!["stopping"],
            CancelStage::Stopping { urgency: Urgency::Overdue, .. } => vec!["stopping overdue"],
            CancelStage::Stopping { urgency: Urgency::Forced, .. } => vec!["stopping forced"],
            CancelStage::Disposing { urgency: Urgency::InTime, .. } => vec!["disposing"],
            CancelStage::Disposing { urgency: Urgency::Overdue, .. } => vec!["disposing overdue"],
            CancelStage::Disposing { urgency: Urgency::Forced, .. } => vec!["disposing forced"],
        },
        Phase::Completed { .. } if session.is_dismissed() => vec!["dismissed"],
        Phase::Queued { .. } | Phase::Running { .. } | Phase::Waiting { .. } => vec![],
        Phase::Paused { .. } | Phase::Completed { .. } => vec![],
    }
}

/// The name of a variant as the journal writes it.
fn name<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value).unwrap() {
        serde_json::Value::String(name) => name,
        serde_json::Value::Object(fields) => fields.keys().next().unwrap().clone(),
        other @ (serde_json::Value::Null | serde_json::Value::Bool(_)) => other.to_string(),
        other @ (serde_json::Value::Number(_) | serde_json::Value::Array(_)) => other.to_string(),
    }
}
