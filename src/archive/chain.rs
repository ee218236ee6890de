//! The segments along a path of timelines, and where they are missing.
//!
//! Promises: for each position the file that PostgreSQL would take for it (`XLogFileReadAnyTLI` in `xlogrecovery.c`): that
//! of the newest timeline which has begun there, and where that one is missing an older one, which then counts no further
//! than its timeline does. Never: opens a file.

use super::{Listing, TimelineHistory, listing::Stored};
use crate::{
    domain::{Lsn, Timeline},
    postgres::wal::{Segment, SegmentSize},
};

/// The WAL of an archive along one path.
#[derive(Debug)]
pub struct Chain<'a> {
    /// The archive.
    pub listing: &'a Listing,
    /// The size of a segment.
    pub size: SegmentSize,
    legs: Vec<Leg>,
    /// Segments in a row, in order.
    pub runs: Vec<Run>,
}

/// One timeline of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leg {
    timeline: Timeline,
    begins: Lsn,
    leaves: Option<Lsn>,
}

/// Usable segments in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The number of the first.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// The end of what counts of them: that of the last segment, or where its timeline was left.
    pub end: Lsn,
    /// Why there is no more.
    pub stop: RunStop,
}

/// Why a run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunStop {
    /// The archive holds no more.
    Nothing,
    /// This segment is missing, and there is WAL behind it.
    Missing(Segment),
    /// This one is there, and no whole segment, for a printable reason.
    Unusable(Segment, String),
}

/// A segment of the chain, usable or not.
struct Link {
    number: u64,
    end: Lsn,
    fault: Option<String>,
}

impl<'a> Chain<'a> {
    /// The chain to the end of this history's timeline; `None` for an archive in which no segment can be read.
    pub fn new(listing: &'a Listing, history: &TimelineHistory) -> Option<Self> {
        let size = listing.size()?;
        let mut legs = Vec::with_capacity(history.parents.len() + 1);
        let mut begins = Lsn(0);
        for (timeline, leaves) in &history.parents {
            legs.push(Leg { timeline: *timeline, begins, leaves: Some(*leaves) });
            begins = *leaves;
        }
        legs.push(Leg { timeline: history.timeline, begins, leaves: None });
        let mut chain = Self { listing, size, legs, runs: Vec::new() };
        chain.runs = chain.join(&chain.links());
        Some(chain)
    }

    /// The timelines, oldest first.
    pub fn timelines(&self) -> impl Iterator<Item = Timeline> {
        self.legs.iter().map(|leg| leg.timeline)
    }

    /// The timeline of the file that a segment is first looked for in.
    pub fn owner(&self, number: u64) -> Timeline {
        self.legs[self.owner_at(number)].timeline
    }

    /// The timeline that a position is on.
    pub fn timeline_at(&self, position: Lsn) -> Timeline {
        let leg = self.legs.iter().rfind(|leg| leg.begins <= position);
        leg.map_or(self.legs[0].timeline, |leg| leg.timeline)
    }

    /// The number from which on segments are looked for in the file of a newer timeline; `u64::MAX` on the newest.
    pub fn next_owner(&self, number: u64) -> u64 {
        let begin = self.legs.iter().map(|leg| self.number(leg.begins)).find(|begin| *begin > number);
        begin.unwrap_or(u64::MAX)
    }

    /// The file that is used for a segment.
    pub fn file(&self, number: u64) -> Option<(Timeline, &'a Stored)> {
        let leg = self.leg_of_file(number)?;
        Some((leg.timeline, self.listing.stored(Segment { timeline: leg.timeline, number })?))
    }

    /// The run that holds a segment.
    pub fn run(&self, number: u64) -> Option<&Run> {
        let at = self.runs.partition_point(|run| run.last < number);
        self.runs.get(at).filter(|run| run.first <= number)
    }

    /// The number of the segment that holds the byte at a position.
    pub fn number(&self, position: Lsn) -> u64 {
        position.0 / self.size.bytes()
    }

    /// Where a segment begins.
    pub fn start(&self, number: u64) -> Lsn {
        Lsn(number.saturating_mul(self.size.bytes()))
    }

    fn owner_at(&self, number: u64) -> usize {
        // Several timelines may begin in one segment; the file of the newest holds all of it.
        let begun = self.legs.iter().rposition(|leg| self.number(leg.begins) <= number);
        begun.unwrap_or(0)
    }

    fn leg_of_file(&self, number: u64) -> Option<&Leg> {
        let owner = self.owner_at(number);
        let here = |leg: &&Leg| {
            let counts = leg.leaves.is_none_or(|leaves| leaves > self.start(number));
            counts && self.listing.stored(Segment { timeline: leg.timeline, number }).is_some()
        };
        // What began after the owner's own beginning cannot be in an older file.
        self.legs[..=owner].iter().rev().find(here)
    }

    fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for (at, leg) in self.legs.iter().enumerate() {
            let first = self.number(leg.begins);
            let next = self.legs.get(at + 1).map(|next| self.number(next.begins));
            if next.is_some_and(|next| next <= first) {
                continue;
            }
            let own = Segment { timeline: leg.timeline, number: first };
            if self.listing.stored(own).is_none()
                && let Some(older) = self.leg_of_file(first)
                && let Some(stored) = self.listing.stored(Segment { timeline: older.timeline, number: first })
            {
                let end = older.leaves.unwrap_or(Lsn(u64::MAX)).min(self.start(first + 1));
                links.push(Link { number: first, end, fault: stored.fault(self.size) });
            }
            let Some(stored) = self.listing.timelines.get(&leg.timeline) else { continue };
            let from = stored.partition_point(|one| one.number < first);
            let until = next.map_or(stored.len(), |next| stored.partition_point(|one| one.number < next));
            links.extend(stored[from..until].iter().map(|one| Link {
                number: one.number,
                end: self.start(one.number + 1),
                fault: one.fault(self.size),
            }));
        }
        links
    }

    fn join(&self, links: &[Link]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let segment = |number| Segment { timeline: self.owner(number), number };
        for (at, link) in links.iter().enumerate() {
            let whole = self.start(link.number + 1);
            let goes_on =
                at > 0 && links[at - 1].number + 1 == link.number && links[at - 1].end == self.start(link.number);
            if let Some(why) = &link.fault {
                if let Some(run) = runs.last_mut().filter(|run| run.last + 1 == link.number && goes_on) {
                    run.stop = RunStop::Unusable(segment(link.number), why.clone());
                }
                continue;
            }
            let missing = if link.end < whole { link.number } else { link.number + 1 };
            let stop = if at + 1 == links.len() { RunStop::Nothing } else { RunStop::Missing(segment(missing)) };
            match runs.last_mut().filter(|run| run.last + 1 == link.number && goes_on) {
                Some(run) => (run.last, run.end, run.stop) = (link.number, link.end, stop),
                None => runs.push(Run { first: link.number, last: link.number, end: link.end, stop }),
            }
        }
        runs
    }
}
