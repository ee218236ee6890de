//! The commits around a moment or a position.

use super::{Chain, DumpError, Listing, Run, Search, Tools, TransactionEnd};
use crate::domain::{Lsn, NearbyCommits, Timeline, Timestamp, WalCommit};
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, ops::ControlFlow};

/// As many as a person steps through before looking anew.
const MOST: usize = 50;

/// What the commits are sought around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitsAround {
    /// Commits up to this moment, and behind it.
    Moment(Timestamp),
    /// Commits that begin before this position, and at or behind it.
    Position(Lsn),
}

/// Reads them on the path to a timeline.
///
/// # Errors
///
/// Only where the archive cannot be read; all else that stands in the way is said in the answer.
pub fn nearby(
    listing: &Listing,
    timeline: Timeline,
    around: CommitsAround,
    tools: Option<Tools<'_>>,
) -> std::io::Result<NearbyCommits> {
    let unknown = |why: String| NearbyCommits { unknown: Some(why), ..NearbyCommits::default() };
    let Some(tools) = tools else {
        return Ok(unknown("there is no pg_waldump of the cluster's version here".to_owned()));
    };
    let history = match listing.history(timeline) {
        Ok(history) => history,
        Err(why) => return Ok(unknown(why)),
    };
    let Some(chain) = Chain::new(listing, &history) else {
        return Ok(unknown("no segment of the archive can be read".to_owned()));
    };
    let Some(run) = run_of(&chain, around) else {
        return Ok(unknown("there is no WAL at that place".to_owned()));
    };
    match read(&chain, run, around, tools) {
        Ok(found) => Ok(found),
        Err(DumpError::Archive(error)) => Err(error),
        Err(DumpError::Program(why)) => Ok(unknown(why)),
    }
}

/// The run that a place is in; for a moment by the times of the files.
fn run_of<'a>(chain: &'a Chain<'_>, around: CommitsAround) -> Option<&'a Run> {
    match around {
        CommitsAround::Position(at) => chain.runs.iter().find(|run| at < run.end && chain.start(run.first) <= at),
        CommitsAround::Moment(at) => {
            let written = |run: &&Run| chain.file(run.last).is_some_and(|(_, stored)| at < stored.modified);
            chain.runs.iter().find(written).or(chain.runs.last())
        }
    }
}

fn read(chain: &Chain<'_>, run: &Run, around: CommitsAround, tools: Tools<'_>) -> Result<NearbyCommits, DumpError> {
    let mut search = Search::new(chain, run.end, tools)?;
    // The first position that is behind the place.
    let border = match around {
        CommitsAround::Position(at) => at,
        CommitsAround::Moment(at) => {
            search.between(&|time| time > at, run.first)?.next.map_or(run.end, |next| next.lsn)
        }
    };
    let here = chain.number(border).clamp(run.first, run.last);
    let mut before: VecDeque<WalCommit> = VecDeque::new();
    let mut after = Vec::new();
    let first = here.saturating_sub(1).max(run.first);
    search.within(first, (here + 1).min(run.last), &mut |end| {
        if end.lsn >= border && after.len() >= MOST {
            return ControlFlow::Break(());
        }
        if let Some(commit) = commit(end) {
            if end.lsn >= border {
                after.push(commit);
            } else {
                before.push_back(commit);
                if before.len() > MOST {
                    before.pop_front();
                }
            }
        }
        ControlFlow::Continue(())
    })?;
    // In an idle stretch the one before and the one behind it are further away.
    if before.is_empty() {
        before.extend(search.commit_before(border, run.first)?.and_then(commit));
    }
    if after.is_empty() {
        after.extend(search.commit_from(border)?.and_then(commit));
    }
    Ok(NearbyCommits { before: before.into(), after, unknown: None })
}

fn commit(end: TransactionEnd) -> Option<WalCommit> {
    end.committed.then_some(WalCommit { lsn: end.lsn, xid: end.xid, at: end.at })
}
