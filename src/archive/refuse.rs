//! Why a recovery is not possible with an archive, and what is.
//!
//! Promises: each sentence names the segment, the timeline or the position that stands in the way, and each advice a goal
//! that can be reached, as it is written at the shell. Never: takes what a disk or a mount does for a fault of the archive.

use super::{Chain, DumpError, Listing, RunStop, Search, TimelineHistory, edge, plan::Route, tail::tail};
use crate::{
    domain::{
        BackupFacts, Failure, Lsn, RecoveryTimeline, SystemIdentifier, Timeline, instance::printable_name,
        recovery::moment,
    },
    postgres::wal::{Segment, WalProblem},
};
use std::{io, path::Path};

const ANOTHER: &str = "name the archive of the backup's cluster, or restore to the backup's own end";

/// The archive, or a file in it, cannot be reached. Only that it may not be read is nothing that passes.
pub(super) fn unreachable(path: &Path, error: &io::Error) -> Failure {
    let cause = format!("the WAL archive cannot be read: {}: {error}", printable_name(path.as_os_str()));
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            Failure::incurable(cause, "let the user that runs howdah read it, then retry")
        }
        io::ErrorKind::NotADirectory => Failure::incurable(cause, "name the directory of the archive"),
        _ => Failure::disruption(cause, "see whether the archive is mounted and its disk is well"),
    }
}

pub(super) fn unread(route: &Route<'_>, error: &DumpError) -> Failure {
    match error {
        DumpError::Archive(error) => unreachable(&route.chain.listing.directory, error),
        DumpError::Program(why) => Failure::bug(format!("what a program failed at was taken for the archive's: {why}")),
    }
}

/// There is no segment that can be read.
pub(super) fn empty(listing: &Listing) -> Failure {
    let why = listing.problems.first().map_or_else(String::new, |problem| format!(": {problem}"));
    Failure::incurable(format!("{} holds no WAL segment that can be read{why}", shown(listing)), ANOTHER)
}

pub(super) fn other_cluster(listing: &Listing, found: SystemIdentifier, own: SystemIdentifier) -> Failure {
    let cause = format!("{} is the archive of the cluster {found}, and the backup is of {own}", shown(listing));
    Failure::incurable(cause, ANOTHER)
}

/// The history of a timeline is missing or damaged.
pub(super) fn no_history(listing: &Listing, timeline: Timeline, why: &str) -> Failure {
    let advice = format!("put {:08X}.history back, or choose another timeline (--timeline)", timeline.0);
    Failure::incurable(format!("timeline {timeline} of {} cannot be followed: {why}", shown(listing)), advice)
}

/// A timeline that does not go on from where the backup ended.
pub(super) fn not_a_child(listing: &Listing, point: &BackupFacts, history: &TimelineHistory) -> Failure {
    let (number, own) = (history.timeline, point.timeline);
    let cause = match history.leaves(own) {
        Some(left) => {
            format!("timeline {number} left timeline {own} at {left}, before the backup's end at {}", point.stop_lsn)
        }
        None => format!("timeline {number} does not come from timeline {own}, which the backup is of"),
    };
    let children: Vec<String> = listing
        .histories
        .values()
        .filter_map(|history| history.as_ref().ok().filter(|history| super::plan::is_child(history, point)))
        .map(|history| history.timeline.to_string())
        .collect();
    let others = if children.is_empty() { String::new() } else { format!(", or one of {}", children.join(", ")) };
    Failure::incurable(cause, format!("choose --timeline current{others}, or a backup of timeline {number}"))
}

/// A segment that replay begins with is not there.
pub(super) fn lacks(chain: &Chain<'_>, point: &BackupFacts, number: u64) -> Failure {
    let name = Segment { timeline: chain.owner(number), number }.file_name(chain.size);
    let cause = format!("the segment {name} is not in {}, and replay needs it first", shown(chain.listing));
    let later = chain.runs.iter().find(|run| run.first > number);
    let from = later.map_or_else(String::new, |run| {
        let first = Segment { timeline: chain.owner(run.first), number: run.first }.file_name(chain.size);
        format!("; the archive goes on with {first}")
    });
    let advice = format!(
        "put it back, choose a newer restore point, or restore to the backup's own end at {}{from}",
        point.stop_lsn
    );
    Failure::incurable(cause, advice)
}

/// The WAL that the backup itself needs is not all there.
pub(super) fn before_stop(route: &Route<'_>) -> Failure {
    let cause = format!(
        "the WAL in {} ends at {}, before the backup's end at {}",
        shown(route.chain.listing),
        route.run.end,
        route.point.stop_lsn
    );
    Failure::incurable(
        format!("{cause}{}", why_it_ends(route)),
        "put the segments back, or choose another restore point",
    )
}

/// There is WAL behind a segment that is missing.
pub(super) fn gap(route: &Route<'_>, segment: Segment) -> Failure {
    let name = segment.file_name(route.chain.size);
    let cause = format!("the segment {name} is missing, and there is WAL behind it");
    Failure::incurable(cause, format!("put it back, or choose a newer restore point; {}", possible(route)))
}

pub(super) fn unusable(segment: Segment, why: &str, route: &Route<'_>) -> Failure {
    let name = segment.file_name(route.chain.size);
    let cause = format!("the segment {name} cannot be used: {why}");
    Failure::incurable(cause, format!("put a good copy in its place; {}", possible(route)))
}

pub(super) fn damaged(route: &Route<'_>, segment: Segment, problem: &WalProblem, last: Option<Lsn>) -> Failure {
    let name = segment.file_name(route.chain.size);
    let cause = format!("the segment {name} is damaged at {}: {}", problem.at, problem.fault);
    let last = last.filter(|last| *last >= route.point.stop_lsn);
    let before = last.map_or_else(String::new, |last| format!("; --lsn {last} is the last position before it"));
    Failure::incurable(cause, format!("put a good copy in its place{before}"))
}

/// The archive holds nothing that is newer than the backup.
pub(super) fn nothing_behind(route: &Route<'_>) -> Failure {
    let cause =
        format!("{} holds no WAL behind the backup's end at {}", shown(route.chain.listing), route.point.stop_lsn);
    Failure::incurable(cause, "wait until a later segment is archived, or restore to the backup's own end")
}

/// The goal lies before the end of the backup.
pub(super) fn before_end(route: &Route<'_>, goal: &str) -> Failure {
    let cause = format!("{goal} is before the backup's end at {}", route.point.stop_lsn);
    Failure::incurable(cause, format!("choose an older restore point; {}", possible(route)))
}

/// The goal lies behind what can be replayed; on another timeline, perhaps, there is WAL at that position.
pub(super) fn beyond(route: &Route<'_>, goal: &str, position: Option<Lsn>) -> Failure {
    let leaf = route.chain.timelines().last().unwrap_or(route.point.timeline);
    let cause = format!("{goal} is behind the WAL that timeline {leaf} has in the archive{}", why_it_ends(route));
    let elsewhere = position.and_then(|at| reached_on(route, at, leaf));
    let other = elsewhere.map_or_else(String::new, |number| format!("choose --timeline {number}, which has it; "));
    Failure::incurable(cause, format!("{other}{}", possible(route)))
}

fn why_it_ends(route: &Route<'_>) -> String {
    let name = |segment: &Segment| segment.file_name(route.chain.size);
    match &route.run.stop {
        RunStop::Nothing => String::new(),
        RunStop::Missing(segment) => format!(": the segment {} is missing", name(segment)),
        RunStop::Unusable(segment, why) => format!(": the segment {} cannot be used, {why}", name(segment)),
    }
}

/// Another timeline of the backup's on which a position can be replayed to.
fn reached_on(route: &Route<'_>, at: Lsn, leaf: Timeline) -> Option<Timeline> {
    let Route { chain, point, .. } = route;
    let own = super::plan::own_history(chain.listing, point, true).ok();
    let histories = chain.listing.histories.values().filter_map(|history| history.as_ref().ok().cloned()).chain(own);
    let reaches = |history: &TimelineHistory| {
        let other = Chain::new(chain.listing, history);
        other.is_some_and(|other| other.run(route.first).is_some_and(|run| at < run.end))
    };
    let is_other = |history: &TimelineHistory| history.timeline != leaf && super::plan::is_child(history, point);
    histories.filter(is_other).find(reaches).map(|history| history.timeline)
}

/// What this restore point can be brought to on this path, as words that end an advice.
fn possible(route: &Route<'_>) -> String {
    let Route { chain, point, run, tools, .. } = route;
    let from = edge::backup_end(chain, point, *tools).ok().and_then(|edge| Some((edge.at?, edge.exact)));
    let read =
        tools.and_then(|tools| Search::new(chain, run.end, tools).ok()?.commit_before(run.end, run.first).ok()?);
    let to = match read {
        Some(commit) => Some((commit.at, true)),
        None => chain.file(run.last).map(|(_, stored)| (stored.modified, false)),
    };
    let time = |(at, exact): (_, bool)| format!("{}{}", if exact { "" } else { "about " }, moment(at));
    let times = match (from, to) {
        (Some(from), Some(to)) if from.0 < to.0 => format!("from {} to {}, ", time(from), time(to)),
        _ => String::new(),
    };
    let start = point.start_lsn.max(chain.start(run.first));
    let last = tail(chain, start, run.end, point.system_identifier).ok().and_then(|tail| tail.last);
    let last = last.filter(|last| *last >= point.stop_lsn).unwrap_or(point.stop_lsn);
    let wish = match route.recovery.timeline {
        RecoveryTimeline::Latest => String::new(),
        RecoveryTimeline::Current | RecoveryTimeline::Number(_) => {
            format!(" with --timeline {}", route.recovery.timeline.word())
        }
    };
    format!("possible with this restore point is {times}LSN {} to {last}{wish}", point.stop_lsn)
}

fn shown(listing: &Listing) -> String {
    printable_name(listing.directory.as_os_str())
}
