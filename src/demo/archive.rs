//! The WAL archive of an instance of a story: how it was filled, and what can be recovered from it.
//!
//! Promise: everything follows from the story: WAL is written at one rate, with commits at one distance.

use crate::domain::{
    ArchiveOrigin, ByteCount, Edge, InstanceName, Lsn, NearbyCommits, RecoverableSpan, Recovery, RecoveryGoal,
    RecoveryPlan, RecoveryTimeline, RestorePoint, SpanEnd, SystemIdentifier, Timeline, Timestamp, WalArchive,
    WalCommit, WalGap, WalMoment, WalRestorePoint, WalWindow, WindowTimeline,
};
use std::{path::PathBuf, time::Duration};

/// The size of a segment, as PostgreSQL makes them.
const SEGMENT: u64 = 16 << 20;

/// The distance of two commits.
const COMMITS: Duration = Duration::from_millis(1_700);

/// The transaction of the first commit.
const FIRST_XID: u32 = 5_000;

/// Commits that are shown before a goal, and behind it.
const NEAR: u64 = 5;

/// An archive of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedArchive {
    /// Whose it is.
    pub instance: InstanceName,
    /// Where it is said to be.
    pub directory: PathBuf,
    /// When its first segment was begun.
    pub since: Timestamp,
    /// When its last one ends.
    pub until: Timestamp,
    /// Bytes of WAL a second.
    pub rate: u64,
    /// The first position.
    pub base: Lsn,
    /// From when to when segments are missing.
    pub gap: Option<(Timestamp, Timestamp)>,
    /// When the second timeline began.
    pub fork: Option<Timestamp>,
    /// Its named restore points, and when they were made.
    pub points: Vec<(String, Timestamp)>,
}

impl SimulatedArchive {
    /// How a catalog has it.
    pub fn listed(&self) -> WalArchive {
        WalArchive { directory: self.directory.clone(), origin: ArchiveOrigin::Setting }
    }

    /// The position that was written at this moment.
    pub fn lsn(&self, at: Timestamp) -> Lsn {
        let passed = u128::try_from(at.as_microsecond() - self.since.as_microsecond()).unwrap_or(0);
        let bytes = passed * u128::from(self.rate) / 1_000_000;
        Lsn(self.base.0.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)))
    }

    /// The moment at which this position was written.
    fn time(&self, at: Lsn) -> Timestamp {
        let micros = u128::from(at.0.saturating_sub(self.base.0)) * 1_000_000 / u128::from(self.rate.max(1));
        let passed = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        self.since.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// The last commit up to this position.
    pub fn committed(&self, at: Lsn) -> Timestamp {
        self.commit(self.number_at(self.time(at))).at
    }

    fn number_at(&self, at: Timestamp) -> u64 {
        let passed = u128::try_from(at.as_microsecond() - self.since.as_microsecond()).unwrap_or(0);
        u64::try_from(passed / COMMITS.as_micros()).unwrap_or(0)
    }

    fn commit(&self, number: u64) -> WalCommit {
        let passed = COMMITS * u32::try_from(number).unwrap_or(u32::MAX);
        let at = self.since.checked_add(passed).unwrap_or(Timestamp::MAX);
        let xid = FIRST_XID.saturating_add(u32::try_from(number).unwrap_or(u32::MAX));
        WalCommit { lsn: self.lsn(at), xid, at }
    }

    /// The commits around a moment.
    pub fn nearby(&self, at: Timestamp) -> NearbyCommits {
        let last = self.number_at(at);
        let before = (last.saturating_sub(NEAR - 1)..=last).map(|number| self.commit(number)).collect();
        let after = (last + 1..=last + NEAR).map(|number| self.commit(number));
        let after = after.filter(|commit| commit.at <= self.until).collect();
        NearbyCommits { before, after, unknown: None }
    }

    /// The same around a position.
    pub fn nearby_position(&self, at: Lsn) -> NearbyCommits {
        self.nearby(self.time(at))
    }

    /// What can be recovered of these restore points.
    pub fn window(&self, points: &[RestorePoint], cluster: Option<SystemIdentifier>) -> WalWindow {
        let second = self.fork.map(|fork| WindowTimeline {
            number: Timeline(2),
            parent: Some((Timeline(1), self.lsn(fork))),
            begins: self.edge(fork),
            ends: self.edge(self.until),
        });
        let first = WindowTimeline {
            number: Timeline(1),
            parent: None,
            begins: self.edge(self.since),
            ends: self.edge(self.fork.unwrap_or(self.until)),
        };
        let bytes = self.lsn(self.until).0 - self.base.0;
        let mut spans: Vec<RecoverableSpan> = points.iter().map(|point| self.span(point)).collect();
        spans.sort_by_key(|span| span.from.lsn);
        WalWindow {
            archive: self.listed(),
            system_identifier: cluster,
            segment_size: Some(ByteCount(SEGMENT)),
            segments: bytes.div_ceil(SEGMENT),
            bytes: ByteCount(bytes),
            timelines: std::iter::once(first).chain(second).collect(),
            gaps: self.gap.iter().map(|(from, to)| self.missing(*from, *to)).collect(),
            spans,
            restore_points: self.points.iter().map(|(name, at)| self.named(name, *at)).collect(),
            unsought: Vec::new(),
            moments: self.fork.iter().map(|fork| self.moment(*fork)).collect(),
            problems: Vec::new(),
        }
    }

    /// How far the recovery of an order goes, and up to which commit at the latest.
    pub fn goal(&self, (point, recovery): (&RestorePoint, &Recovery)) -> Lsn {
        let end = self.lsn(self.commit(self.number_at(self.until)).at);
        match &recovery.goal {
            RecoveryGoal::Consistent | RecoveryGoal::Immediate => point.facts.stop_lsn,
            RecoveryGoal::Latest => end,
            RecoveryGoal::Time(at) => self.lsn(*at).min(end),
            RecoveryGoal::Lsn(at) => *at,
            RecoveryGoal::Xid(xid) => self.commit(xid.saturating_sub(u64::from(FIRST_XID))).lsn.min(end),
            RecoveryGoal::Name(name) => {
                self.points.iter().find(|(known, _)| known == name).map_or(end, |(_, at)| self.lsn(*at))
            }
        }
        .max(point.facts.stop_lsn)
    }

    /// What the plan of an order says of its recovery.
    pub fn plan(&self, (point, recovery): (&RestorePoint, &Recovery), then: &str, rate: u64) -> RecoveryPlan {
        let (start, end) = (point.facts.start_lsn, self.goal((point, recovery)));
        let segments = (end.0.div_ceil(SEGMENT)).saturating_sub(start.0 / SEGMENT);
        let takes = Duration::from_secs((end.0 - start.0) / rate.max(1));
        RecoveryPlan {
            archive: self.directory.clone(),
            goal: recovery.goal.to_string(),
            then: then.to_owned(),
            path: self.path(recovery, end),
            start,
            consistent: point.facts.stop_lsn,
            end,
            last_record: None,
            until: Some(self.committed(end)),
            segment_size: ByteCount(SEGMENT),
            segments,
            bytes: ByteCount(segments * SEGMENT),
            first: segment(Timeline(1), start),
            last: segment(self.path(recovery, end).last().copied().unwrap_or(Timeline(1)), end),
            takes: Some((takes.mul_f64(0.8), takes.mul_f64(1.5))),
        }
    }

    fn path(&self, recovery: &Recovery, end: Lsn) -> Vec<Timeline> {
        let is_behind = self.fork.is_some_and(|fork| self.lsn(fork) < end);
        match recovery.timeline {
            RecoveryTimeline::Latest | RecoveryTimeline::Number(Timeline(2..)) if is_behind => {
                vec![Timeline(1), Timeline(2)]
            }
            RecoveryTimeline::Latest | RecoveryTimeline::Current | RecoveryTimeline::Number(_) => vec![Timeline(1)],
        }
    }

    fn edge(&self, at: Timestamp) -> Edge {
        Edge { lsn: self.lsn(at), at: Some(at), exact: true }
    }

    fn moment(&self, at: Timestamp) -> WalMoment {
        WalMoment { timeline: Timeline(1), lsn: self.lsn(at), at }
    }

    fn named(&self, name: &str, at: Timestamp) -> WalRestorePoint {
        let timeline = if self.fork.is_some_and(|fork| fork <= at) { Timeline(2) } else { Timeline(1) };
        WalRestorePoint { name: name.to_owned(), timeline, lsn: self.lsn(at), at: Some(at) }
    }

    fn missing(&self, from: Timestamp, to: Timestamp) -> WalGap {
        let (first, last) = (self.lsn(from), Lsn(self.lsn(to).0.saturating_sub(1)));
        WalGap {
            timeline: Timeline(1),
            first: segment(Timeline(1), first),
            last: segment(Timeline(1), last),
            segments: last.0 / SEGMENT + 1 - first.0 / SEGMENT,
            from: self.edge(from),
            to: self.edge(to),
        }
    }

    fn span(&self, point: &RestorePoint) -> RecoverableSpan {
        let from = self.edge(self.time(point.facts.stop_lsn));
        let gap = self.gap.filter(|(begins, _)| from.at.is_some_and(|at| at <= *begins));
        let (ends, ends_by, path) = match gap {
            Some((begins, _)) => {
                let segment = segment(Timeline(1), self.lsn(begins));
                (begins, SpanEnd::Gap { segment }, vec![Timeline(1)])
            }
            None if self.fork.is_some() => (self.until, SpanEnd::EndOfArchive, vec![Timeline(1), Timeline(2)]),
            None => (self.until, SpanEnd::EndOfArchive, vec![Timeline(1)]),
        };
        let last = self.commit(self.number_at(ends));
        RecoverableSpan {
            label: point.label.clone(),
            path,
            start: point.facts.start_lsn,
            from,
            to: Edge { lsn: last.lsn, at: Some(last.at), exact: true },
            last_record: Some(last.lsn),
            ends_by,
        }
    }
}

/// The file name of the segment that holds this position.
fn segment(timeline: Timeline, at: Lsn) -> String {
    format!("{:08X}{:08X}{:08X}", timeline.0, at.0 >> 32, (at.0 & 0xffff_ffff) / SEGMENT)
}
