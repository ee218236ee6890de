//! Where recovery to a goal ends, found in the archive before anything is restored.
//!
//! Promises: a goal that recovery would not stop at is refused: one with no record behind it makes the server give up
//! (`recovery ended before configured recovery target was reached`), and a time before the backup's end makes it open at
//! consistency without a word.

use super::{
    DumpError, RunStop, Search, edge,
    plan::Route,
    refuse,
    tail::{Tail, tail},
};
use crate::domain::{Failure, Lsn, RecoveryGoal, Timestamp};

/// Where recovery ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The position; the end of the last segment where the goal shows in replay alone.
    pub(super) lsn: Lsn,
    /// The record that recovery must be to the end of, where no other target says it.
    pub(super) last_record: Option<Lsn>,
    /// The time of the last commit that may be part of the result.
    pub(super) until: Option<Timestamp>,
}

/// Finds it.
pub(super) fn end(route: &Route<'_>) -> Result<End, Failure> {
    let (stop, run) = (route.point.stop_lsn, route.run);
    match &route.recovery.goal {
        RecoveryGoal::Consistent | RecoveryGoal::Immediate => {
            Ok(End { lsn: stop, last_record: None, until: commit_before(route, stop)? })
        }
        RecoveryGoal::Latest => latest(route),
        RecoveryGoal::Time(at) => time(route, *at),
        RecoveryGoal::Lsn(at) => lsn(route, *at),
        RecoveryGoal::Xid(_) | RecoveryGoal::Name(_) => Ok(End { lsn: run.end, last_record: None, until: None }),
    }
}

/// The last record before the archive ends. A hole with WAL behind it is no end.
fn latest(route: &Route<'_>) -> Result<End, Failure> {
    let Route { chain, run, point, .. } = route;
    let ends_here = chain.runs.last().is_some_and(|last| last == *run);
    match &run.stop {
        RunStop::Nothing => {}
        // The last file of an archive may be one that is being written.
        RunStop::Unusable(_, _) if ends_here => {}
        RunStop::Missing(segment) => return Err(refuse::gap(route, *segment)),
        RunStop::Unusable(segment, why) => return Err(refuse::unusable(*segment, why, route)),
    }
    let found = whole_tail(route)?;
    match found.last {
        Some(last) if last >= point.stop_lsn => {
            let until = commit_before(route, Lsn(last.0.saturating_add(1)))?;
            Ok(End { lsn: last, last_record: Some(last), until })
        }
        Some(_) | None => Err(refuse::nothing_behind(route)),
    }
}

/// Recovery stops at the first record that begins at the position or behind it, so one must.
fn lsn(route: &Route<'_>, at: Lsn) -> Result<End, Failure> {
    let Route { chain, run, point, .. } = route;
    if at < point.stop_lsn {
        return Err(refuse::before_end(route, &format!("LSN {at}")));
    }
    if at >= run.end {
        return Err(refuse::beyond(route, &format!("LSN {at}"), Some(at)));
    }
    if chain.number(at) >= run.last && whole_tail(route)?.last.is_none_or(|last| last < at) {
        return Err(refuse::beyond(route, &format!("LSN {at}"), Some(at)));
    }
    let end = if route.recovery.inclusive { Lsn(at.0.saturating_add(1)) } else { at };
    Ok(End { lsn: at, last_record: None, until: commit_before(route, end)? })
}

/// Recovery stops before the first transaction that has ended later, so one must have.
fn time(route: &Route<'_>, at: Timestamp) -> Result<End, Failure> {
    let Route { chain, run, point, recovery, .. } = route;
    let from = edge::backup_end(chain, point, route.tools).map_err(|error| refuse::unread(route, &error))?;
    let words = recovery.goal.to_string();
    // Exactly the backup's last commit cannot be left out of it.
    let is_before = from.at.is_some_and(|from_at| at < from_at || (!recovery.inclusive && from.exact && at == from_at));
    if is_before {
        return Err(refuse::before_end(route, &words));
    }
    let is_behind = |time: Timestamp| if recovery.inclusive { time > at } else { time >= at };
    let Some(tools) = route.tools else { return about(route, at) };
    let found = Search::new(chain, run.end, tools)
        .and_then(|mut search| search.between(&is_behind, chain.number(point.stop_lsn).max(run.first)));
    let found = match found {
        Ok(found) => found,
        Err(DumpError::Archive(error)) => return Err(refuse::unreachable(&chain.listing.directory, &error)),
        Err(DumpError::Program(_)) => return about(route, at),
    };
    match (found.next, found.commit) {
        (Some(next), commit) if next.lsn >= point.stop_lsn => {
            Ok(End { lsn: next.lsn, last_record: None, until: commit.map(|commit| commit.at).or(from.at) })
        }
        // Times went back: what was written before the backup's end counts as before the goal.
        (Some(_), _) => Err(refuse::before_end(route, &words)),
        (None, Some(last)) if recovery.inclusive && last.at == at && last.lsn >= point.stop_lsn => {
            Ok(End { lsn: last.lsn, last_record: Some(last.lsn), until: Some(last.at) })
        }
        (None, _) => Err(refuse::beyond(route, &words, None)),
    }
}

/// The same by the times of the files alone.
fn about(route: &Route<'_>, at: Timestamp) -> Result<End, Failure> {
    let Route { chain, run, point, recovery, .. } = route;
    let later = (route.first..=run.last).find(|number| chain.file(*number).is_some_and(|(_, file)| file.modified > at));
    let Some(number) = later else { return Err(refuse::beyond(route, &recovery.goal.to_string(), None)) };
    Ok(End { lsn: chain.start(number + 1).min(run.end).max(point.stop_lsn), last_record: None, until: None })
}

/// The last whole record of the run, which must not be damaged before it.
fn whole_tail(route: &Route<'_>) -> Result<Tail, Failure> {
    let Route { chain, run, point, .. } = route;
    let from = point.start_lsn.max(chain.start(run.first));
    let found = tail(chain, from, run.end, point.system_identifier)
        .map_err(|error| refuse::unreachable(&chain.listing.directory, &error))?;
    match &found.damage {
        Some((segment, problem)) => Err(refuse::damaged(route, *segment, problem, found.last)),
        None => Ok(found),
    }
}

/// The time of the last commit before a position, where that can be read.
fn commit_before(route: &Route<'_>, before: Lsn) -> Result<Option<Timestamp>, Failure> {
    let Some(tools) = route.tools else { return Ok(None) };
    let floor = route.run.first;
    match Search::new(route.chain, route.run.end, tools).and_then(|mut search| search.commit_before(before, floor)) {
        Ok(found) => Ok(found.map(|end| end.at)),
        Err(DumpError::Archive(error)) => Err(refuse::unreachable(&route.chain.listing.directory, &error)),
        Err(DumpError::Program(_)) => Ok(None),
    }
}
