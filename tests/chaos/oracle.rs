//! What must be true when a restore has come to its end, whatever was done to it.

use super::{
    cluster::{QUESTION, cluster},
    plan::Plan,
    processes::{engines, strangers},
    round::Round,
    verify::{Difference, remains},
    watch::Watch,
};
use crate::support::cluster::Restored;
use howdah::{
    domain::{
        Timestamp,
        fact::{Fact, FactLine},
    },
    machine::Session,
};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// How long processes may take to go after the last word was said.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Checks all of it; `reference` is what undisturbed restores of this form have come to.
pub(crate) fn judge(
    round: &Round<'_>,
    plan: &Plan,
    session: &Session,
    watch: &Watch,
    reference: &Difference,
) -> Result<(), String> {
    if plan.serves {
        serves(round, plan)?;
    }
    no_stranger(round)?;
    each_attempt_alone(round, session, watch)?;
    let uuid = session.uuid().to_string();
    let left = remains(&round.home.join("restored"), &uuid);
    if !left.is_empty() {
        return Err(format!("left behind: {left:?}"));
    }
    let found = Difference::between(&round.target, cluster().manifest(plan.form));
    if let Some(beyond) = found.beyond(reference) {
        return Err(format!("the restored cluster is not what the backup was: {beyond:?}"));
    }
    let log = fs::read_to_string(round.howdah.state.join("howdah.log")).unwrap_or_default();
    match log.lines().find(|line| line.contains("panicked") || line.contains("fell over")) {
        Some(line) => Err(format!("something fell over: {line}")),
        None => Ok(()),
    }
}

/// Exactly one server was left running, and it answers. It is stopped then, so that no stranger is to be left.
fn serves(round: &Round<'_>, plan: &Plan) -> Result<(), String> {
    let restored = Restored(round.target.clone());
    let servers = engines(&round.target);
    if round.server_was_killed_late {
        // It may have been hit when it was nobody's business any more.
        restored.stop();
        return Ok(());
    }
    if servers.len() != 1 {
        return Err(format!("one server was asked for, and these run: {servers:?}"));
    }
    let answered = cluster().right(plan.form, &restored.ask(QUESTION));
    restored.stop();
    answered
}

/// Nobody who has to do with the round is left.
fn no_stranger(round: &Round<'_>) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let left = strangers(&round.home);
        if left.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > TIMEOUT {
            return Err(format!("orphans: {left:?}"));
        }
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// No attempt is missing, none is in the journal twice, and none worked while another did.
fn each_attempt_alone(round: &Round<'_>, session: &Session, watch: &Watch) -> Result<(), String> {
    let twice = watch.twice(&round.home);
    if !twice.is_empty() {
        return Err(format!("seen at work {}", twice.join("; ")));
    }
    let shown = round.observer.lines();
    let known: Vec<u32> = session.attempts().iter().map(|attempt| attempt.number.0).collect();
    if known.last().copied() != u32::try_from(shown.len()).ok() || !known.is_sorted() {
        return Err(format!("the journal knows the attempts {known:?}, and {} have a directory", shown.len()));
    }
    let times: Vec<(Option<Timestamp>, Option<Timestamp>)> =
        shown.iter().map(|lines| (began(lines), worked(lines))).collect();
    for (earlier, (_, last_work)) in times.iter().enumerate() {
        for (later, (began, _)) in times.iter().enumerate().skip(earlier + 1) {
            if let (Some(last_work), Some(began)) = (last_work, began)
                && last_work > began
            {
                let (earlier, later) = (earlier + 1, later + 1);
                return Err(format!("attempt {earlier} worked at {last_work}, and attempt {later} began at {began}"));
            }
        }
    }
    Ok(())
}

fn began(lines: &[FactLine]) -> Option<Timestamp> {
    lines.iter().find(|line| matches!(line.fact, Fact::Began(_))).map(|line| line.at)
}

/// The last sign of work. That a worker begins, and gives up for a newer one, is none.
fn worked(lines: &[FactLine]) -> Option<Timestamp> {
    let work = |line: &&FactLine| matches!(line.fact, Fact::Step { .. } | Fact::Progress(_) | Fact::Planned(_));
    lines.iter().rev().find(work).map(|line| line.at)
}

/// Starts the restored cluster once more and asks it for its rows.
pub(crate) fn start_it(round: &Round<'_>, plan: &Plan) -> Result<(), String> {
    let restored = Restored(round.target.clone());
    restored.start(round.port);
    let answered = cluster().right(plan.form, &restored.ask(QUESTION));
    restored.stop();
    answered
}
