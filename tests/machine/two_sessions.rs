//! An exhaustive search over two sessions under one registry with one slot: they never touch each other.

use super::{
    model::{Broken, hold},
    sample,
};
use howdah::{
    domain::{Disposed, Disposition, Kind, Reach, RetryPolicy, SessionId, Timestamp, fact::End},
    machine::{CancelStage, Command, Phase, Refusal, Registry, Report, Scope, Session, decide, evolve, next_wake},
};
use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

#[derive(Clone)]
struct Node {
    registry: Registry,
    /// All sessions, those that have ended too.
    all: Vec<Arc<Session>>,
    now: Timestamp,
}

/// Explores two sessions with one slot and tells how many states there are.
pub(crate) fn search(policy: RetryPolicy) -> Result<usize, Broken> {
    let all = [1, 2].map(|number| Arc::new(sample::session(number, policy))).to_vec();
    let mut registry = Registry::new(1);
    for session in &all {
        registry.put(Arc::clone(session));
    }
    let first = Node { registry, all, now: sample::start() };
    let mut known = HashSet::from([key(&first)]);
    let mut open = VecDeque::from([first]);
    while let Some(node) = open.pop_front() {
        judge(&node)?;
        for next in turns(&node)? {
            if known.insert(key(&next)) {
                open.push_back(next);
            }
        }
    }
    Ok(known.len())
}

fn turns(node: &Node) -> Result<Vec<Node>, Broken> {
    let now = node.now + Duration::from_secs(1);
    let mut next = Vec::new();
    if let Some(id) = node.registry.next_launch() {
        next.push(turn(node, id, &Command::Launch, now)?);
    }
    if let Some(wake) = node.registry.next_wake(node.now) {
        for (id, command) in node.registry.due(wake.max(node.now)) {
            next.push(turn(node, id, &command, wake.max(node.now))?);
        }
    }
    for session in &node.all {
        let cancel =
            Command::Cancel { disposition: Disposition::Remove, reach: Reach::AnyOrigin, by: "ops".to_owned() };
        for command in [sample::retry(), cancel].into_iter().chain(words(session)) {
            next.push(turn(node, session.id(), &command, now)?);
        }
    }
    Ok(next)
}

/// What the live attempt of a session may say.
fn words(session: &Session) -> Vec<Command> {
    let Some(attempt) = session.live_attempt() else { return Vec::new() };
    let restores = !matches!(session.phase(), Phase::Cancelling { stage: CancelStage::Disposing { .. }, .. });
    let ends = if restores {
        vec![None, Some(End::Succeeded(sample::success())), Some(End::Failed(sample::incurable()))]
    } else {
        vec![Some(End::Disposed(Disposed::Removed))]
    };
    let mut words = vec![Command::Lost { attempt }];
    words.extend(ends.into_iter().map(|end| Command::Report { attempt, report: Report::Over(end) }));
    words
}

fn turn(node: &Node, id: SessionId, command: &Command, now: Timestamp) -> Result<Node, Broken> {
    let mut next = Node { now, ..node.clone() };
    for session in &mut next.all {
        if session.id() == id
            && let Ok(events) = decide(session, command.clone(), now)
        {
            let after = events.iter().fold(session.as_ref().clone(), |session, event| evolve(session, event, now));
            *session = Arc::new(after);
            next.registry.put(Arc::clone(session));
        }
    }
    let untouched = |(before, after): (&Arc<Session>, &Arc<Session>)| before.id() == id || before == after;
    let alone = node.all.iter().zip(&next.all).all(untouched);
    hold("R14 R16 R21 one session leaves the others alone", alone, || format!("{command:?} of {id}"))?;
    Ok(next)
}

fn judge(node: &Node) -> Result<(), Broken> {
    let (registry, all) = (&node.registry, &node.all);
    let ongoing: Vec<_> = all.iter().filter(|session| session.is_ongoing()).collect();
    let shown = || format!("{:?}", all.iter().map(|session| session.phase()).collect::<Vec<_>>());
    let restores = |session: &&Arc<Session>| {
        let disposes = matches!(session.phase(), Phase::Cancelling { stage: CancelStage::Disposing { .. }, .. });
        session.live_attempt().is_some() && !disposes
    };
    let busy = ongoing.iter().filter(|session| restores(session)).count();
    hold("never more attempts than slots", busy <= 1, shown)?;

    let mut queued: Vec<_> = ongoing
        .iter()
        .filter_map(|session| match session.phase() {
            Phase::Queued { since, .. } => Some((*since, session.id())),
            Phase::Running { .. } | Phase::Waiting { .. } | Phase::Stuck { .. } | Phase::Paused { .. } => None,
            Phase::Cancelling { .. } | Phase::Completed { .. } => None,
        })
        .collect();
    queued.sort_unstable();
    let first = queued.first().map(|(_, id)| *id).filter(|_| busy == 0);
    hold("a free slot goes to the one that waits longest", registry.next_launch() == first, shown)?;
    let ahead = queued.iter().enumerate().all(|(place, (_, id))| registry.queued_ahead(*id) == place);
    hold("the queue tells the place", ahead, shown)?;

    let wake = ongoing.iter().filter_map(|session| next_wake(session)).min();
    hold("the first clock rings first", registry.next_wake(node.now) == wake, shown)?;
    let early = |wake: Timestamp| wake > node.now && !registry.due(before(wake)).is_empty();
    let due = wake.is_none_or(|wake| !registry.due(wake).is_empty() && !early(wake));
    hold("what is due is told when it is due", due, shown)?;

    let expanded: BTreeSet<_> = registry.expand(&Scope::Ongoing(Kind::Restore)).into_iter().collect();
    let expected: BTreeSet<_> = ongoing.iter().map(|session| session.id()).collect();
    hold("R2 R15 R17 Restore holds every ongoing session", expanded == expected, shown)?;
    let ranks: Vec<_> = registry.in_order().iter().map(|session| rank(session)).collect();
    hold("what needs a person stands first", ranks.is_sorted(), shown)?;

    for session in all {
        let holder = registry.holder(session.order());
        let held = matches!(holder, Some(Refusal::DirectoryHeld { holder, .. }) if holder == session.id());
        hold("S9 an ongoing session holds its directory", held == session.is_ongoing(), shown)?;
    }
    Ok(())
}

fn before(moment: Timestamp) -> Timestamp {
    moment - Duration::from_nanos(1)
}

fn rank(session: &Session) -> u8 {
    match session.phase() {
        Phase::Stuck { .. } | Phase::Paused { .. } => 0,
        Phase::Waiting { .. } => 1,
        Phase::Running { .. } | Phase::Cancelling { .. } => 2,
        Phase::Queued { .. } => 3,
        Phase::Completed { .. } => 4,
    }
}

/// What a turn can depend on: phases without moments, and who has been queued for longer, or is due first.
fn key(node: &Node) -> String {
    let mut parts = Vec::new();
    for session in &node.all {
        let phase = match session.phase() {
            Phase::Queued { cause, .. } => format!("queued {cause:?} {}", node.registry.queued_ahead(session.id())),
            Phase::Running { cause, .. } => format!("running {cause:?}"),
            Phase::Waiting { tries_used, next_try, .. } => format!("waiting {tries_used} {}", *next_try <= node.now),
            Phase::Stuck { .. } => "stuck".to_owned(),
            Phase::Paused { .. } => "paused".to_owned(),
            Phase::Cancelling { stage, .. } => {
                let stopping = matches!(stage, CancelStage::Stopping { .. });
                format!("cancelling {stopping} {}", next_wake(session).is_some())
            }
            Phase::Completed { .. } => "completed".to_owned(),
        };
        let first = session.first_cause().map(|first| first.class);
        parts.push(format!("{phase} {} {first:?}", session.attempts().is_empty()));
    }
    let wakes: Vec<_> = node.all.iter().map(|session| next_wake(session)).collect();
    parts.push(format!("{:?}", wakes.first().cmp(&wakes.last())));
    parts.join("; ")
}
