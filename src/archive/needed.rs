//! The WAL that a recovery needs, as its plan found it: from which segment to which, along which timelines.
//!
//! Promises: of each position it says which timeline's segment PostgreSQL asks for first (`XLogFileReadAnyTLI`: the newest
//! that has begun in it). Never: opens a file.

use super::TimelineHistory;
use crate::{
    domain::{Lsn, Timeline},
    postgres::wal::{Segment, SegmentSize},
};

/// The segments between two, along the timelines that led to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededWal {
    /// The timelines: the history of the one that the recovery ends on.
    pub path: TimelineHistory,
    /// The segment that replay begins in.
    pub first: Segment,
    /// The segment that holds the goal.
    pub last: Segment,
    /// The size of a segment.
    pub size: SegmentSize,
}

impl NeededWal {
    /// The segment of this number that replay reads.
    pub fn segment(&self, number: u64) -> Segment {
        let end = Segment { timeline: Timeline(1), number: number.saturating_add(1) }.start(self.size);
        Segment { timeline: self.path.at(Lsn(end.0.saturating_sub(1))), number }
    }

    /// Whether replay cannot do without this segment.
    pub fn needs(&self, segment: Segment) -> bool {
        (self.first.number..=self.last.number).contains(&segment.number) && self.segment(segment.number) == segment
    }

    /// The segments behind this number, in order.
    pub fn behind(&self, number: u64) -> impl Iterator<Item = Segment> + '_ {
        (number.saturating_add(1)..=self.last.number).map(|number| self.segment(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 16 MiB are `100_0000` in hexadecimal digits, so the fifth segment begins at `0/5000000`.
    fn needed() -> NeededWal {
        let path = TimelineHistory {
            timeline: Timeline(4),
            parents: vec![(Timeline(1), Lsn(0x500_0028)), (Timeline(2), Lsn(0x700_0000))],
        };
        let segment = |timeline, number| Segment { timeline: Timeline(timeline), number };
        NeededWal { path, first: segment(1, 3), last: segment(4, 8), size: SegmentSize::DEFAULT }
    }

    #[test]
    fn where_a_timeline_begins_its_own_segment_is_needed() {
        let needed = needed();
        let timelines: Vec<u32> = (3..=8).map(|number| needed.segment(number).timeline.0).collect();
        assert_eq!(timelines, [1, 1, 2, 2, 4, 4], "a timeline that begins in a segment has a copy of it");
        let needs = |timeline, number| needed.needs(Segment { timeline: Timeline(timeline), number });
        assert!(needs(1, 3) && needs(2, 5) && needs(4, 8));
        assert!(!needs(1, 2) && !needs(4, 9) && !needs(1, 5) && !needs(2, 3));
        let behind: Vec<u64> = needed.behind(6).map(|segment| segment.number).collect();
        assert_eq!(behind, [7, 8]);
        assert_eq!(needed.behind(8).count(), 0);
    }
}
