//! A range of WAL, put together from its segments.
//!
//! Promises: records that reach over the edge of a segment are checked as well, and that each record follows the one
//! before it over such an edge; a row of missing segments is one problem, however long it is, and costs nothing. What
//! follows a problem in the same segment is not judged, the segments behind it are.

use super::{LONG_HEADER, Segment, SegmentSize, WalFault, WalProblem, record::PartialRecord, scan::SegmentReport};
use crate::domain::{Lsn, SystemIdentifier, Timeline};
use std::collections::{BTreeMap, btree_map::Entry};

/// The check of one range.
#[derive(Debug, Clone)]
pub struct RangeCheck {
    timeline: Timeline,
    start: Lsn,
    stop: Lsn,
    size: SegmentSize,
    segments: BTreeMap<u64, (Timeline, SegmentReport)>,
}

/// What is known at the edge between two segments.
#[derive(Default)]
struct Edge {
    /// Whether the segment before it was read to its end.
    is_known: bool,
    /// The last whole record.
    last: Option<Lsn>,
    /// The record that goes on.
    partial: Option<PartialRecord>,
}

impl RangeCheck {
    /// The range from `start` up to `stop` on a timeline, in segments of this size; none came yet.
    pub const fn new(timeline: Timeline, start: Lsn, stop: Lsn, size: SegmentSize) -> Self {
        Self { timeline, start, stop, size, segments: BTreeMap::new() }
    }

    /// Whether this segment can hold a part of the range: by its number, and as one of this or a newer timeline, since
    /// the segment in which a timeline ends may be kept under the name of the next one alone.
    pub fn wants(&self, segment: Segment) -> bool {
        segment.timeline >= self.timeline && self.first() <= segment.number && segment.number <= self.last()
    }

    /// Takes in what a segment holds. Of two with one number that of the older timeline counts. `false` when this very
    /// segment came before; the first one counts.
    pub fn add(&mut self, segment: Segment, report: SegmentReport) -> bool {
        match self.segments.entry(segment.number) {
            Entry::Vacant(place) => drop(place.insert((segment.timeline, report))),
            Entry::Occupied(mut held) if segment.timeline < held.get().0 => {
                held.insert((segment.timeline, report));
            }
            Entry::Occupied(held) => return segment.timeline != held.get().0,
        }
        true
    }

    /// The bytes of WAL that were checked, and what is wrong in the range, in its order. The WAL must be of `cluster`,
    /// where that is known.
    pub fn finish(self, cluster: Option<SystemIdentifier>) -> (u64, Vec<WalProblem>) {
        let (checked, problems, _) = self.judge(cluster);
        (checked, problems)
    }

    /// Where the last whole record before the first problem begins, if one was read, and what is wrong in the range.
    pub fn last_record(self, cluster: Option<SystemIdentifier>) -> (Option<Lsn>, Vec<WalProblem>) {
        let (_, problems, last) = self.judge(cluster);
        (last, problems)
    }

    fn judge(self, cluster: Option<SystemIdentifier>) -> (u64, Vec<WalProblem>, Option<Lsn>) {
        let (first, last) = (self.first(), self.last());
        let Self { timeline, start, stop, size, segments } = self;
        let begin = |number| Segment { timeline, number }.start(size);
        let (mut checked, mut problems, mut whole) = (0, Vec::new(), None);
        let (mut edge, mut next) = (Edge::default(), first);
        let missing = |edge: &Edge, from: u64, to: u64, until: Lsn| {
            let at = edge.partial.as_ref().map_or(begin(from).max(start), |record| record.start);
            WalProblem { at, fault: WalFault::Missing { segments: to - from, until } }
        };
        for (number, (_, report)) in segments {
            if number > next {
                problems.push(missing(&edge, next, number, begin(number)));
                edge = Edge::default();
            }
            next = number + 1;
            if let (Some(found), Some(expected)) = (report.cluster, cluster)
                && found != expected
            {
                let at = edge.partial.as_ref().map_or(begin(number).max(start), |record| record.start);
                problems.push(WalProblem { at, fault: WalFault::Cluster { found, expected } });
                edge = Edge::default();
                continue;
            }
            checked += report.checked;
            let read = [edge.last, edge.partial.as_ref().map(|record| record.start), report.last];
            let is_first = problems.is_empty();
            edge = edge.pass(report, &mut problems);
            if is_first {
                // What begins before the first problem was read whole, or it would be the problem itself.
                let is_whole = |at: &Lsn| problems.first().is_none_or(|problem| *at < problem.at);
                whole = if problems.is_empty() { edge.last } else { read.into_iter().flatten().filter(is_whole).max() };
            }
        }
        if next <= last {
            problems.push(missing(&edge, next, last + 1, stop));
        } else if let Some(record) = edge.partial {
            problems.push(WalProblem { at: record.start, fault: WalFault::CutOff(begin(next)) });
        }
        (checked, problems, whole)
    }

    const fn first(&self) -> u64 {
        Segment::holding(self.timeline, self.start, self.size).number
    }

    fn last(&self) -> u64 {
        let last = Lsn(self.stop.0.saturating_sub(1).max(self.start.0));
        Segment::holding(self.timeline, last, self.size).number
    }
}

impl Edge {
    /// The edge behind this segment.
    fn pass(mut self, report: SegmentReport, problems: &mut Vec<WalProblem>) -> Self {
        let mut own = report.problem;
        let mut is_linked = self.is_known;
        if let Some(record) = self.partial.take() {
            let at = record.start;
            match finish_record(record, self.last, &report) {
                Ok(Finished::Dropped) => {}
                Ok(Finished::GoesOn(record)) => return Self { partial: Some(record), ..self },
                Ok(Finished::Whole { is_switch }) => {
                    self.last = Some(at);
                    if is_switch {
                        return self;
                    }
                }
                Err(fault) => {
                    problems.push(WalProblem { at, fault });
                    is_linked = false;
                    // Where nothing of the segment's own was read, its problem is that of the record.
                    own = own.filter(|(_, before)| !before && report.first.is_some());
                }
            }
        } else if self.is_known && report.continued.is_some() {
            let at = Lsn(report.start.0.saturating_add(LONG_HEADER as u64));
            problems.push(WalProblem { at, fault: WalFault::NothingToContinue(report.start) });
            return Self::default();
        }
        if let (true, Some((at, found)), Some(expected)) = (is_linked, report.first, self.last)
            && found != expected
            && own.is_none_or(|(problem, _)| problem.at > at)
        {
            problems.push(WalProblem { at, fault: WalFault::Previous { found, expected } });
        }
        if let Some((problem, _)) = own {
            problems.push(problem);
        }
        if own.is_some() || report.problem.is_some() {
            return Self::default();
        }
        let last = report.last.or(self.last.filter(|_| is_linked));
        Self { is_known: true, last, partial: report.partial }
    }
}

/// What became of a record that goes on in a segment.
enum Finished {
    /// It was never written to its end, and the segment says so.
    Dropped,
    /// It goes on behind the segment.
    GoesOn(PartialRecord),
    /// It is whole.
    Whole { is_switch: bool },
}

fn finish_record(mut record: PartialRecord, last: Option<Lsn>, report: &SegmentReport) -> Result<Finished, WalFault> {
    let Some(continued) = &report.continued else {
        let own = report.problem.filter(|_| report.first.is_none()).map(|(problem, _)| problem.fault);
        let dropped = report.overwritten && own.is_none();
        return if dropped { Ok(Finished::Dropped) } else { Err(own.unwrap_or(WalFault::NotContinued(report.start))) };
    };
    if continued.remaining != record.remaining() {
        let (found, expected) = (continued.remaining, record.remaining());
        return Err(WalFault::ContinuedLength { page: report.start, found, expected });
    }
    record.join(continued);
    if let Some((problem, true)) = report.problem {
        return Err(problem.fault);
    }
    if continued.lacking() > 0 {
        return Ok(Finished::GoesOn(record));
    }
    let header = record.header().ok_or(WalFault::Checksum)?;
    if let Some(expected) = last.filter(|last| *last != header.previous) {
        return Err(WalFault::Previous { found: header.previous, expected });
    }
    if record.is_whole() { Ok(Finished::Whole { is_switch: header.is_switch }) } else { Err(WalFault::Checksum) }
}
