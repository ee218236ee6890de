//! The end of WAL: the last record of it that is whole.
//!
//! Promises: reads no more segments than it takes to find one, from the end backwards; tells WAL that ends from WAL that
//! is damaged. Never: takes the rest of a segment that was used before for WAL.

use super::{Chain, file};
use crate::{
    domain::{Lsn, SystemIdentifier, Timeline},
    postgres::{
        compression,
        wal::{RangeCheck, Segment, SegmentReport, SegmentScan, WalFault, WalProblem, Wanted},
    },
};
use std::{
    io::{self, Read},
    path::Path,
};

/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// A record may be 1 GiB long; in segments of 16 MiB that is this many, and one more in which the next one ends.
const MAX_SEGMENTS: u64 = 65;

/// Where WAL ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// Where the last whole record begins.
    pub last: Option<Lsn>,
    /// What of the WAL before the end is damaged: the segment, and how.
    pub damage: Option<(Segment, WalProblem)>,
}

/// Reads the last whole record that begins before `until`, in the segments from `start` on, which must be in the chain.
pub fn tail(chain: &Chain<'_>, start: Lsn, until: Lsn, cluster: Option<SystemIdentifier>) -> io::Result<Tail> {
    let first = chain.number(start);
    let last = chain.number(Lsn(until.0.saturating_sub(1).max(start.0)));
    let mut reports: Vec<(Segment, SegmentReport)> = Vec::new();
    for number in (first..=last).rev() {
        let Some((timeline, stored)) = chain.file(number) else { break };
        let segment = Segment { timeline, number };
        let begins = chain.start(number);
        // What is wanted begins with a record or before the segment; none begins where a segment does.
        let from = if start > begins { start } else { Lsn(begins.0.saturating_sub(1)) };
        let wanted = Wanted { segment, size: chain.size, start: from, stop: until, version: None };
        reports.push((segment, scan(&chain.listing.path(timeline, stored), wanted)?));
        let mut check = RangeCheck::new(Timeline(1), begins.max(start), until, chain.size);
        for (segment, report) in &reports {
            check.add(*segment, report.clone());
        }
        let (found, problems) = check.last_record(cluster);
        let damage = problems.into_iter().find(|problem| is_damage(&problem.fault));
        let newest = last - number + 1;
        if found.is_some() || damage.is_some() || newest >= MAX_SEGMENTS || number == first {
            let segment =
                |at: Lsn| reports.iter().map(|(segment, _)| *segment).find(|one| one.number == chain.number(at));
            let damage = damage.and_then(|problem| Some((segment(problem.at)?, problem)));
            let is_last = damage.is_some_and(|(segment, _)| segment.number == last);
            let partial = chain.file(last).is_some_and(|(_, stored)| stored.partial);
            return Ok(Tail { last: found, damage: damage.filter(|_| !(is_last && partial)) });
        }
    }
    Ok(Tail { last: None, damage: None })
}

/// The first damage of the WAL between a record's beginning and `until`, in the chain; `None` where the segments that were
/// read have none, up to where one is missing.
pub fn first_damage(
    chain: &Chain<'_>,
    start: Lsn,
    until: Lsn,
    cluster: Option<SystemIdentifier>,
) -> io::Result<Option<(Segment, WalProblem)>> {
    let last = chain.number(Lsn(until.0.saturating_sub(1).max(start.0)));
    let mut check = RangeCheck::new(Timeline(1), start, until, chain.size);
    for number in chain.number(start)..=last {
        let Some((timeline, stored)) = chain.file(number) else { break };
        let segment = Segment { timeline, number };
        let begins = chain.start(number);
        let from = if start > begins { start } else { Lsn(begins.0.saturating_sub(1)) };
        let wanted = Wanted { segment, size: chain.size, start: from, stop: until, version: None };
        check.add(segment, scan(&chain.listing.path(timeline, stored), wanted)?);
        let (_, problems) = check.clone().finish(cluster);
        if let Some(problem) = problems.into_iter().find(|problem| is_damage(&problem.fault)) {
            return Ok(Some((segment, problem)));
        }
    }
    Ok(None)
}

/// Reads one segment. What a stream that is cut short still gives is taken; the rest counts as missing.
fn scan(path: &Path, wanted: Wanted) -> io::Result<SegmentReport> {
    let mut scan = SegmentScan::new(wanted);
    // One byte more shows that there is too much.
    let mut left = wanted.size.bytes() + 1;
    let mut source = match file::unpacked(path) {
        Ok(source) => source,
        Err(error) if compression::is_damage(&error) => return Ok(scan.finish()),
        Err(error) => return Err(error),
    };
    let mut buffer = vec![0; CHUNK];
    while left > 0 {
        let most = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        match source.read(&mut buffer[..most]) {
            Ok(0) => break,
            Ok(count) => {
                scan.take(&buffer[..count]);
                left -= count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if compression::is_damage(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(scan.finish())
}

/// Whether a fault means that WAL which was written is not there as it was. The place behind the last record holds zeros,
/// or what the file held when it was another segment.
const fn is_damage(fault: &WalFault) -> bool {
    match fault {
        WalFault::Length(_)
        | WalFault::Address { .. }
        | WalFault::Missing { .. }
        | WalFault::CutOff(_)
        | WalFault::NotContinued(_) => false,
        WalFault::Header(_)
        | WalFault::Magic { .. }
        | WalFault::Timeline { .. }
        | WalFault::Cluster { .. }
        | WalFault::SegmentSize { .. }
        | WalFault::Flags { .. }
        | WalFault::Checksum
        | WalFault::Previous { .. }
        | WalFault::ContinuedLength { .. }
        | WalFault::NothingToContinue(_)
        | WalFault::Short { .. }
        | WalFault::Long { .. } => true,
    }
}
