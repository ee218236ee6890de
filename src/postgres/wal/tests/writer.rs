//! Writes WAL as the server lays it out, for the tests to damage.

use super::super::{RangeCheck, Segment, SegmentReport, SegmentScan, SegmentSize, WalProblem, Wanted};
use crate::domain::{Lsn, MajorVersion, SystemIdentifier, Timeline};

pub(crate) const SIZE: u64 = 1 << 20;
pub(crate) const PAGE: u64 = 8192;
pub(crate) const CLUSTER: SystemIdentifier = SystemIdentifier(7);

/// WAL from the beginning of segment 2 of timeline 1 on, and where each record begins.
#[derive(Clone)]
pub(crate) struct Wal {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: Vec<Lsn>,
    previous: u64,
}

const FIRST: u64 = 2;

impl Wal {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new(), records: Vec::new(), previous: FIRST * SIZE - 64 }
    }

    fn position(&self) -> u64 {
        FIRST * SIZE + self.bytes.len() as u64
    }

    /// Begins a page if the last one is full; `remaining` bytes of a record go on there.
    fn begin_page(&mut self, remaining: u32) {
        let at = self.position();
        if !at.is_multiple_of(PAGE) {
            return;
        }
        let is_first = at.is_multiple_of(SIZE);
        let flags = u16::from(remaining > 0) | u16::from(is_first) << 1;
        let mut header = vec![0; if is_first { 40 } else { 24 }];
        header[..2].copy_from_slice(&0xD110_u16.to_le_bytes());
        header[2..4].copy_from_slice(&flags.to_le_bytes());
        header[4..8].copy_from_slice(&1_u32.to_le_bytes());
        header[8..16].copy_from_slice(&at.to_le_bytes());
        header[16..20].copy_from_slice(&remaining.to_le_bytes());
        if is_first {
            header[24..32].copy_from_slice(&CLUSTER.0.to_le_bytes());
            header[32..36].copy_from_slice(&(1_u32 << 20).to_le_bytes());
            header[36..40].copy_from_slice(&8192_u32.to_le_bytes());
        }
        self.bytes.extend(header);
    }

    /// A record with this many bytes of data; its kind is no switch.
    pub(crate) fn record(&mut self, data: usize) -> Lsn {
        self.record_of(data, 0x10)
    }

    /// Ends the segment before it is full.
    pub(crate) fn switch(&mut self) {
        self.record_of(0, 0x40);
        let filled = self.bytes.len().next_multiple_of(SIZE as usize);
        self.bytes.resize(filled, 0);
    }

    fn record_of(&mut self, data: usize, info: u8) -> Lsn {
        self.begin_page(0);
        let at = Lsn(self.position());
        let total = u32::try_from(24 + data).unwrap();
        let mut record = vec![0; 24];
        record[..4].copy_from_slice(&total.to_le_bytes());
        record[8..16].copy_from_slice(&self.previous.to_le_bytes());
        record[16] = info;
        record.extend((0..data).map(|at| (at * 31 % 251) as u8));
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&record[24..]), &record[..20]);
        record[20..24].copy_from_slice(&checksum.to_le_bytes());
        let mut rest = &record[..];
        while !rest.is_empty() {
            self.begin_page(u32::try_from(rest.len()).unwrap() * u32::from(rest.len() < record.len()));
            let room = (PAGE - self.position() % PAGE) as usize;
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.bytes.extend(now);
            rest = later;
        }
        let aligned = self.bytes.len().next_multiple_of(8);
        self.bytes.resize(aligned, 0);
        self.records.push(at);
        self.previous = at.0;
        at
    }

    /// Where the last record ends.
    pub(crate) fn end(&self) -> Lsn {
        Lsn(self.position())
    }

    pub(crate) fn byte(&mut self, at: Lsn) -> &mut u8 {
        &mut self.bytes[usize::try_from(at.0 - FIRST * SIZE).unwrap()]
    }

    /// The segments, the last one filled up with zeros.
    pub(crate) fn segments(&self) -> Vec<(Segment, Vec<u8>)> {
        let numbered = (FIRST..).zip(self.bytes.chunks(SIZE as usize));
        let whole = numbered.map(|(number, bytes)| {
            let mut bytes = bytes.to_vec();
            bytes.resize(SIZE as usize, 0);
            (Segment { timeline: Timeline(1), number }, bytes)
        });
        whole.collect()
    }
}

pub(crate) fn wanted(segment: Segment, start: Lsn, stop: Lsn) -> Wanted {
    let size = SegmentSize::new(1 << 20).unwrap();
    Wanted { segment, size, start, stop, version: Some(MajorVersion(15)) }
}

pub(crate) fn scan(wanted: Wanted, bytes: &[u8], portion: usize) -> SegmentReport {
    let mut scan = SegmentScan::new(wanted);
    bytes.chunks(portion).for_each(|bytes| scan.take(bytes));
    scan.finish()
}

/// What is wrong with these segments between `start` and `stop`.
pub(crate) fn check(segments: &[(Segment, Vec<u8>)], start: Lsn, stop: Lsn, portion: usize) -> (u64, Vec<WalProblem>) {
    let mut range = RangeCheck::new(Timeline(1), start, stop, SegmentSize::new(1 << 20).unwrap());
    for (segment, bytes) in segments.iter().filter(|(segment, _)| range.wants(*segment)).collect::<Vec<_>>() {
        range.add(*segment, scan(wanted(*segment, start, stop), bytes, portion));
    }
    range.finish(Some(CLUSTER))
}
