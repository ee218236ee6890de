//! The plan of a recovery that goes beyond its backup: which timelines it passes, which segments it needs, where it ends.
//!
//! Promises: all segments of a plan are in the archive, in their full size, and the first and the last are of the cluster;
//! where `pg_waldump` can be asked, a time is one that recovery does stop at. What cannot be reached is refused with what
//! can be. Never: reads WAL in the middle: whether that is damaged shows in replay.
//!
//! Source: `recoveryStopsBefore`, `recoveryStopsAfter` and `readRecoverySignalFile` in `xlogrecovery.c`.

use super::{
    Chain, Listing, Run, TimelineHistory, Tools, file,
    goal::{self, End},
    refuse,
};
use crate::{
    domain::{
        AtTarget, BackupFacts, ByteCount, Failure, Lsn, Recovery, RecoveryGoal, RecoveryPlan, RecoveryTimeline,
        Timeline, instance::printable,
    },
    postgres::wal::Segment,
};
use std::path::Path;

/// What is known of the way before it is known where it ends.
pub(super) struct Route<'a> {
    pub(super) chain: &'a Chain<'a>,
    pub(super) point: &'a BackupFacts,
    pub(super) recovery: &'a Recovery,
    pub(super) tools: Option<Tools<'a>>,
    /// The first segment that must come from the archive.
    pub(super) first: u64,
    /// The segments in a row from there.
    pub(super) run: &'a Run,
}

/// Plans a recovery of a backup with the WAL of an archive. `included` says whether the backup itself holds its WAL from
/// start to stop, which is then not needed from the archive; without `tools`, times are those of files.
///
/// The plan does not say how long the replay takes.
///
/// # Errors
///
/// A disruption where the archive cannot be reached; incurable where it does not hold what the goal needs.
pub fn plan(
    point: &BackupFacts,
    included: bool,
    recovery: &Recovery,
    archive: &Path,
    tools: Option<Tools<'_>>,
) -> Result<RecoveryPlan, Failure> {
    let listing =
        Listing::read(archive, point.system_identifier).map_err(|error| refuse::unreachable(archive, &error))?;
    let history = follow(&listing, point, included, recovery.timeline)?;
    let chain = Chain::new(&listing, &history).ok_or_else(|| refuse::empty(&listing))?;
    belongs(&listing, point)?;
    if ends_with_backup(&recovery.goal) && included {
        return Ok(describe(
            &chain,
            point,
            recovery,
            &End { lsn: point.stop_lsn, last_record: None, until: None },
            None,
        ));
    }
    // What the backup holds ends with its stop, in the middle of a segment or behind one.
    let first = if included { chain.number(point.stop_lsn) } else { chain.number(point.start_lsn) };
    let Some(run) = chain.run(first) else { return Err(refuse::lacks(&chain, point, first)) };
    let route = Route { chain: &chain, point, recovery, tools, first, run };
    if run.end < point.stop_lsn {
        return Err(refuse::before_stop(&route));
    }
    let end = goal::end(&route)?;
    let last = chain.number(Lsn(end.lsn.0.saturating_sub(1))).max(first);
    for number in [first, last] {
        inspect(&route, number)?;
    }
    Ok(describe(&chain, point, recovery, &end, Some((first, last))))
}

/// Whether nothing behind the backup's end is asked for.
const fn ends_with_backup(goal: &RecoveryGoal) -> bool {
    match goal {
        RecoveryGoal::Consistent | RecoveryGoal::Immediate => true,
        RecoveryGoal::Latest
        | RecoveryGoal::Time(_)
        | RecoveryGoal::Lsn(_)
        | RecoveryGoal::Xid(_)
        | RecoveryGoal::Name(_) => false,
    }
}

/// The history that recovery follows.
fn follow(
    listing: &Listing,
    point: &BackupFacts,
    included: bool,
    wish: RecoveryTimeline,
) -> Result<TimelineHistory, Failure> {
    let own = point.timeline;
    match wish {
        RecoveryTimeline::Current => own_history(listing, point, included),
        RecoveryTimeline::Number(number) if number == own => own_history(listing, point, included),
        RecoveryTimeline::Number(number) => {
            let history = listing.history(number).map_err(|why| refuse::no_history(listing, number, &why))?;
            if is_child(&history, point) { Ok(history) } else { Err(refuse::not_a_child(listing, point, &history)) }
        }
        RecoveryTimeline::Latest => {
            let numbers = listing.histories.keys().chain(listing.timelines.keys()).copied();
            let mut newer: Vec<Timeline> = numbers.filter(|number| *number > own).collect();
            newer.sort_unstable();
            newer.dedup();
            for number in newer.into_iter().rev() {
                match listing.history(number) {
                    Ok(history) if is_child(&history, point) => return Ok(history),
                    // It branched off before the backup ended: another cluster's future.
                    Ok(_) => {}
                    Err(why) => return Err(refuse::no_history(listing, number, &why)),
                }
            }
            own_history(listing, point, included)
        }
    }
}

/// The history of the backup's own timeline. The server finds it in the backup, too, where that holds its WAL.
pub(super) fn own_history(listing: &Listing, point: &BackupFacts, included: bool) -> Result<TimelineHistory, Failure> {
    let own = point.timeline;
    match listing.history(own) {
        Ok(history) => Ok(history),
        Err(_) if included && !listing.histories.contains_key(&own) => {
            Ok(TimelineHistory { timeline: own, parents: Vec::new() })
        }
        Err(why) => Err(refuse::no_history(listing, own, &why)),
    }
}

/// Whether a timeline goes on from where the backup ended.
pub(super) fn is_child(history: &TimelineHistory, point: &BackupFacts) -> bool {
    history.passes(point.timeline) && history.leaves(point.timeline).is_none_or(|left| point.stop_lsn <= left)
}

/// Whether the archive is of the backup's cluster, as far as both are known.
fn belongs(listing: &Listing, point: &BackupFacts) -> Result<(), Failure> {
    match (listing.header, point.system_identifier) {
        (Some(header), Some(own)) if header.system_identifier != own => {
            Err(refuse::other_cluster(listing, header.system_identifier, own))
        }
        (Some(_) | None, _) => Ok(()),
    }
}

/// Looks at the header of one segment.
fn inspect(route: &Route<'_>, number: u64) -> Result<(), Failure> {
    let Route { chain, point, .. } = route;
    let Some((timeline, stored)) = chain.file(number) else { return Err(refuse::lacks(chain, point, number)) };
    let path = chain.listing.path(timeline, stored);
    let header = file::header(&path).map_err(|error| refuse::unreachable(&path, &error))?;
    let fault = match header {
        Err(why) => Some(why),
        Ok(header) if point.system_identifier.is_some_and(|own| own != header.system_identifier) => {
            Some(format!("it belongs to the cluster {}", header.system_identifier))
        }
        Ok(header) if header.segment_size != chain.size => {
            let (found, expected) = (header.segment_size.bytes(), chain.size.bytes());
            Some(format!("it says that segments have {found} bytes, and others say {expected}"))
        }
        Ok(header) if header.start != chain.start(number) => {
            Some(format!("its header says that it begins at {}", header.start))
        }
        // The first segment of a timeline begins with a copy of the older one.
        Ok(header) if header.timeline > timeline => Some(format!("its header is of timeline {}", header.timeline)),
        Ok(_) => None,
    };
    match fault {
        Some(why) => Err(refuse::unusable(Segment { timeline, number }, &why, route)),
        None => Ok(()),
    }
}

fn describe(
    chain: &Chain<'_>,
    point: &BackupFacts,
    recovery: &Recovery,
    end: &End,
    needed: Option<(u64, u64)>,
) -> RecoveryPlan {
    let name = |number| {
        let timeline = chain.file(number).map_or_else(|| chain.owner(number), |(timeline, _)| timeline);
        Segment { timeline, number }.file_name(chain.size)
    };
    let files = needed.into_iter().flat_map(|(first, last)| first..=last).filter_map(|number| chain.file(number));
    let path = chain.timelines().skip_while(|timeline| *timeline != point.timeline).collect();
    RecoveryPlan {
        archive: chain.listing.directory.clone(),
        goal: goal_words(recovery),
        then: then_words(recovery).to_owned(),
        path,
        start: point.start_lsn,
        consistent: point.stop_lsn,
        end: end.lsn.max(point.stop_lsn),
        last_record: end.last_record,
        until: end.until,
        segment_size: ByteCount(chain.size.bytes()),
        segments: needed.map_or(0, |(first, last)| last - first + 1),
        bytes: ByteCount(files.map(|(_, stored)| stored.bytes).sum()),
        first: needed.map_or_else(String::new, |(first, _)| name(first)),
        last: needed.map_or_else(String::new, |(_, last)| name(last)),
        takes: None,
    }
}

fn goal_words(recovery: &Recovery) -> String {
    let without = match (&recovery.goal, recovery.inclusive) {
        (RecoveryGoal::Time(_) | RecoveryGoal::Lsn(_) | RecoveryGoal::Xid(_), false) => ", itself not included",
        (RecoveryGoal::Time(_) | RecoveryGoal::Lsn(_) | RecoveryGoal::Xid(_), true)
        | (RecoveryGoal::Consistent | RecoveryGoal::Immediate | RecoveryGoal::Latest | RecoveryGoal::Name(_), _) => "",
    };
    printable(&format!("{}{without}", recovery.goal))
}

fn then_words(recovery: &Recovery) -> &'static str {
    match (&recovery.standby_of, recovery.at_target) {
        (Some(_), _) => "then follows its primary",
        (None, AtTarget::Pause) => "pauses there until a person decides",
        (None, AtTarget::Promote) => "then opens for writing",
        (None, AtTarget::ShutDown) => "then shuts down",
    }
}
