//! The timelines of an archive, what is missing on them, and when they were written.

use super::{Chain, Listing, TimelineHistory, WindowPoint, listing::Stored, plan};
use crate::{
    domain::{Edge, Lsn, Timeline, WalGap, WalMoment, WindowTimeline},
    postgres::wal::{Segment, SegmentSize},
};
use std::collections::BTreeSet;

/// As many positions as a wide screen has columns.
const MOMENTS: usize = 300;

/// More gaps than a person reads; an archive with so many is none.
const MAX_GAPS: usize = 1_000;

/// The timelines that have WAL or a history here, by number.
pub(super) fn timelines(listing: &Listing) -> Vec<WindowTimeline> {
    let Some(size) = listing.size() else { return Vec::new() };
    let numbers: BTreeSet<Timeline> = listing.timelines.keys().chain(listing.histories.keys()).copied().collect();
    let about = |stored: Option<&Stored>, lsn: Lsn| Edge { lsn, at: stored.map(|one| one.modified), exact: false };
    let timeline = |number: Timeline| {
        let parent = listing.history(number).ok().and_then(|history| history.parent());
        let forked = parent.map_or(Lsn(0), |(_, at)| at);
        let stored = listing.timelines.get(&number).map_or(&[][..], Vec::as_slice);
        let start = |one: &Stored| Segment { timeline: number, number: one.number }.start(size);
        let begins = stored.first().map_or(forked, |one| start(one).max(forked));
        let ends = stored.last().map_or(begins, |one| Lsn(start(one).0 + size.bytes()).max(begins));
        WindowTimeline { number, parent, begins: about(stored.first(), begins), ends: about(stored.last(), ends) }
    };
    numbers.into_iter().map(timeline).collect()
}

/// The histories to follow, by timeline: those that can be believed, those of the restore points' own timelines, and of
/// timelines whose history is missing the beginning alone. What is wrong with one becomes a problem.
pub(super) fn histories(
    listing: &Listing,
    points: &[WindowPoint<'_>],
    problems: &mut Vec<String>,
) -> Vec<TimelineHistory> {
    let own: BTreeSet<Timeline> = points.iter().map(|point| point.facts.timeline).collect();
    let numbers: BTreeSet<Timeline> =
        listing.timelines.keys().chain(listing.histories.keys()).chain(&own).copied().collect();
    let mut histories = Vec::new();
    for number in numbers {
        match listing.history(number) {
            Ok(history) => histories.push(history),
            Err(why) => {
                if listing.timelines.contains_key(&number) || listing.histories.contains_key(&number) {
                    problems.push(format!("timeline {number} cannot be followed from another one: {why}"));
                }
                let of_points = points.iter().filter(|point| point.facts.timeline == number);
                let holds = of_points.map(|point| plan::own_history(listing, point.facts, point.included).ok());
                histories.extend(holds.flatten().next());
            }
        }
    }
    histories
}

/// Adds the segments that are missing along a chain.
pub(super) fn add_gaps(gaps: &mut Vec<WalGap>, chain: &Chain<'_>) {
    let time = |number: u64| chain.file(number).map(|(_, stored)| stored.modified);
    for pair in chain.runs.windows(2) {
        let (before, behind) = (&pair[0], &pair[1]);
        // The segment of a fork may be there, and end with its timeline.
        let first = if before.end < chain.start(before.last + 1) { before.last } else { before.last + 1 };
        let from = Edge { lsn: before.end, at: time(before.last), exact: false };
        let to = Edge { lsn: chain.start(behind.first), at: time(behind.first), exact: false };
        let mut number = first;
        while number < behind.first && gaps.len() < MAX_GAPS {
            let timeline = chain.owner(number);
            let stored = chain.listing.timelines.get(&timeline).map_or(&[][..], Vec::as_slice);
            let next = stored.get(stored.partition_point(|one| one.number < number)).map_or(u64::MAX, |one| one.number);
            let end = behind.first.min(chain.next_owner(number)).min(next);
            let length = end - number;
            if length > 0 {
                let name = |number| Segment { timeline, number }.file_name(chain.size);
                let (first, last) = (name(number), name(number + length - 1));
                if !gaps.iter().any(|gap| gap.timeline == timeline && gap.first == first) {
                    gaps.push(WalGap { timeline, first, last, segments: length, from, to });
                }
            }
            number += length.max(1);
        }
    }
}

/// Positions along all timelines with the times of their files, oldest first.
pub(super) fn moments(listing: &Listing) -> Vec<WalMoment> {
    let size = listing.size().unwrap_or(SegmentSize::DEFAULT);
    let all: usize = listing.timelines.values().map(Vec::len).sum();
    let step = all.div_ceil(MOMENTS).max(1);
    let mut moments = Vec::new();
    for (timeline, stored) in &listing.timelines {
        let last = stored.len().saturating_sub(1);
        let chosen = stored.iter().enumerate().filter(|(at, _)| at % step == 0 || *at == last);
        moments.extend(chosen.map(|(_, one)| WalMoment {
            timeline: *timeline,
            lsn: Lsn(Segment { timeline: *timeline, number: one.number }.start(size).0 + size.bytes()),
            at: one.modified,
        }));
    }
    moments.sort_by_key(|moment| (moment.at, moment.timeline, moment.lsn));
    moments
}
