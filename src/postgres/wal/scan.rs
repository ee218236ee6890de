//! One segment of a range, its records checked while its bytes come.
//!
//! Promises: every page header and record that the range needs is checked as `xlogreader.c` does, and more strictly:
//! the timeline from above. A record that reaches over an edge of the segment is summed up, and
//! [`super::RangeCheck`] joins it to the segments beside it; so segments can come in any order and by several threads,
//! and none is held in memory. Never: believes a length before the pages agree with it.

use super::{
    FLAG_LONG_HEADER, LONG_HEADER, Segment, SegmentHeader, SegmentSize, WalFault, WalProblem,
    record::{Continuation, HEADER, PartialRecord, RecordHeader, is_whole},
    u16_at, u32_at, u64_at,
};
use crate::domain::{Lsn, MajorVersion, SystemIdentifier, Timeline};

/// The bytes of the header of a page that is not the first of its segment (`SizeOfXLogShortPHD`).
const SHORT_HEADER: usize = 24;

/// `XLP_FIRST_IS_CONTRECORD`: the page begins with the rest of a record.
const FLAG_CONTINUED: u16 = 0x0001;

/// `XLP_FIRST_IS_OVERWRITE_CONTRECORD`: the rest of the record before was never written; a new one stands here.
const FLAG_OVERWRITTEN: u16 = 0x0008;

/// `XLP_ALL_FLAGS`.
const ALL_FLAGS: u16 = 0x000F;

/// Records and page contents begin at a multiple of this (`MAXALIGN`).
const ALIGNMENT: usize = 8;

/// What of a segment is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The segment, as its name says.
    pub segment: Segment,
    /// The size of the range's segments.
    pub size: SegmentSize,
    /// Where the range begins; a record must begin there if it lies in this segment.
    pub start: Lsn,
    /// Where it ends. A record that begins before it is wanted as a whole.
    pub stop: Lsn,
    /// The version, if it is known.
    pub version: Option<MajorVersion>,
}

/// The scan of one segment.
#[derive(Debug)]
pub struct SegmentScan {
    wanted: Wanted,
    /// The size of a page, once the first one has said it.
    page_size: usize,
    magic: u16,
    timeline: Timeline,
    /// Bytes of a page that did not come as a whole.
    pending: Vec<u8>,
    /// Bytes of the file that came.
    came: u64,
    /// Where the next page begins.
    page: Lsn,
    over: bool,
    report: SegmentReport,
}

/// What a segment holds of a range. Its size does not depend on the segment's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// Where the segment begins.
    pub(super) start: Lsn,
    /// The cluster that it is of, as its header says.
    pub(super) cluster: Option<SystemIdentifier>,
    /// The rest of a record that begins before the segment.
    pub(super) continued: Option<Continuation>,
    /// Whether the segment says that the record before it was never finished.
    pub(super) overwritten: bool,
    /// The first record that begins here, and where it says that the one before it begins.
    pub(super) first: Option<(Lsn, Lsn)>,
    /// The last whole record that begins here.
    pub(super) last: Option<Lsn>,
    /// The record that goes on behind the segment.
    pub(super) partial: Option<PartialRecord>,
    /// Whether the range ends here.
    pub(super) stopped: bool,
    /// The first problem, and whether it is one of the record that begins before the segment.
    pub(super) problem: Option<(WalProblem, bool)>,
    /// Bytes of WAL that were checked.
    pub(super) checked: u64,
}

impl SegmentScan {
    /// A scan that has seen no byte.
    pub fn new(wanted: Wanted) -> Self {
        let start = wanted.segment.start(wanted.size);
        let report = SegmentReport {
            start,
            cluster: None,
            continued: None,
            overwritten: false,
            first: None,
            last: None,
            partial: None,
            stopped: false,
            problem: None,
            checked: 0,
        };
        Self {
            wanted,
            page_size: 0,
            magic: 0,
            timeline: Timeline(0),
            pending: Vec::new(),
            came: 0,
            page: start,
            over: false,
            report,
        }
    }

    /// Takes the next bytes of the segment's file.
    pub fn take(&mut self, mut bytes: &[u8]) {
        self.came += bytes.len() as u64;
        if self.over {
            return;
        }
        if self.page_size == 0 {
            let lacking = LONG_HEADER.saturating_sub(self.pending.len()).min(bytes.len());
            self.pending.extend_from_slice(&bytes[..lacking]);
            bytes = &bytes[lacking..];
            if self.pending.len() < LONG_HEADER {
                return;
            }
            match self.read_first_header() {
                Ok(size) => self.page_size = size,
                Err(fault) => return self.fail(self.next_record(), fault),
            }
        }
        if !self.pending.is_empty() {
            let lacking = (self.page_size - self.pending.len()).min(bytes.len());
            self.pending.extend_from_slice(&bytes[..lacking]);
            bytes = &bytes[lacking..];
            if self.pending.len() < self.page_size {
                return;
            }
            let page = std::mem::take(&mut self.pending);
            self.take_page(&page);
        }
        let mut pages = bytes.chunks_exact(self.page_size);
        for page in pages.by_ref() {
            self.take_page(page);
        }
        self.pending.extend_from_slice(pages.remainder());
    }

    /// The segment's file is at its end.
    pub fn finish(mut self) -> SegmentReport {
        let (size, start) = (self.wanted.size.bytes(), self.report.start);
        if !self.over && self.came < size {
            self.fail(self.next_record(), WalFault::Short { found: self.came, expected: size });
        } else if self.came > size && self.report.problem.is_none() {
            let end = Lsn(start.0.saturating_add(size));
            self.report.problem = Some((WalProblem { at: end, fault: WalFault::Long { expected: size } }, false));
        }
        let from = self.wanted.start.max(start);
        let until = match self.report.problem {
            Some((problem, _)) => problem.at,
            None if self.report.stopped => self.wanted.stop,
            None => Lsn(start.0.saturating_add(size)),
        };
        self.report.checked = until.0.min(self.wanted.stop.0).saturating_sub(from.0);
        self.report
    }

    /// Checks the header of the segment, and gives the size of its pages.
    fn read_first_header(&mut self) -> Result<usize, WalFault> {
        let header = SegmentHeader::parse(&self.pending).map_err(WalFault::Header)?;
        let (page, found) = (self.page, u16_at(&self.pending, 0));
        let known =
            header.version.is_some() && self.wanted.version.is_none_or(|version| header.version == Some(version));
        if !known {
            return Err(WalFault::Magic { page, found });
        }
        if header.segment_size != self.wanted.size {
            let (found, expected) = (header.segment_size.bytes(), self.wanted.size.bytes());
            return Err(WalFault::SegmentSize { found, expected });
        }
        self.report.cluster = Some(header.system_identifier);
        self.magic = found;
        Ok(usize::try_from(header.page_size).unwrap_or(usize::MAX))
    }

    /// Where a record would begin on the next page.
    const fn next_record(&self) -> Lsn {
        let header = if self.page.0 == self.report.start.0 { LONG_HEADER } else { SHORT_HEADER };
        Lsn(self.page.0.saturating_add(header as u64))
    }

    /// Notes the first problem: of the record that is under way, else of the one that would begin `at`.
    fn fail(&mut self, at: Lsn, fault: WalFault) {
        self.over = true;
        let before = self.report.continued.as_ref().is_some_and(|continued| continued.lacking() > 0);
        let at = self.report.partial.take().map_or(at.max(self.wanted.start), |record| record.start);
        self.report.problem.get_or_insert((WalProblem { at, fault }, before));
    }

    fn take_page(&mut self, page: &[u8]) {
        let at = self.page;
        let end = Lsn(at.0.saturating_add(page.len() as u64));
        self.page = end;
        let is_first = at == self.report.start;
        if self.over || (!is_first && end <= self.wanted.start) {
            return;
        }
        let header = if is_first { LONG_HEADER } else { SHORT_HEADER };
        let begins = Lsn(at.0.saturating_add(header as u64));
        if let Err(fault) = self.check_header(at, page) {
            return self.fail(begins, fault);
        }
        if end <= self.wanted.start {
            return;
        }
        let flags = u16_at(page, 2);
        let continued = flags & FLAG_CONTINUED != 0;
        let remaining = u64::from(u32_at(page, 16));
        let offset;
        if at >= self.wanted.start || self.report.partial.is_some() {
            // At the very beginning of the range there is nothing to go on with.
            let inside = self.wanted.start < at;
            if is_first && inside {
                self.report.overwritten = flags & FLAG_OVERWRITTEN != 0;
                if continued && !self.report.overwritten {
                    self.report.continued = Some(Continuation::new(at, remaining));
                }
            }
            match self.go_on(at, page, header, (flags, remaining)) {
                Ok(Some(next)) => offset = next,
                Ok(None) => return,
                Err(fault) => return self.fail(begins, fault),
            }
        } else {
            let within = usize::try_from(self.wanted.start.0 - at.0).unwrap_or(usize::MAX);
            offset = within.max(header);
            if within <= header && continued {
                return self.fail(self.wanted.start, WalFault::NothingToContinue(at));
            }
        }
        self.take_records(at, page, offset);
    }

    /// Checks what the header of a page says of the page itself.
    fn check_header(&mut self, at: Lsn, page: &[u8]) -> Result<(), WalFault> {
        let is_first = at == self.report.start;
        let (magic, flags) = (u16_at(page, 0), u16_at(page, 2));
        if magic != self.magic {
            return Err(WalFault::Magic { page: at, found: magic });
        }
        if flags & !ALL_FLAGS != 0 || (!is_first && flags & FLAG_LONG_HEADER != 0) {
            return Err(WalFault::Flags { page: at, found: flags });
        }
        let found = Lsn(u64_at(page, 8));
        if found != at {
            return Err(WalFault::Address { page: at, found });
        }
        // The pages before a switch of timelines keep the older one; none goes back.
        let timeline = Timeline(u32_at(page, 4));
        if timeline.0 == 0 || timeline < self.timeline || timeline > self.wanted.segment.timeline {
            return Err(WalFault::Timeline { page: at, found: timeline });
        }
        self.timeline = timeline;
        Ok(())
    }

    /// Takes the rest of a record at the beginning of a page. Gives where the next one begins; none when the record
    /// goes on behind the page.
    fn go_on(
        &mut self,
        at: Lsn,
        page: &[u8],
        header: usize,
        (flags, remaining): (u16, u64),
    ) -> Result<Option<usize>, WalFault> {
        let lacking = match (&self.report.partial, &self.report.continued) {
            (Some(record), _) => record.remaining(),
            (None, Some(continued)) => continued.lacking(),
            (None, None) => 0,
        };
        if lacking == 0 {
            let stray = flags & FLAG_CONTINUED != 0;
            return if stray { Err(WalFault::NothingToContinue(at)) } else { Ok(Some(header)) };
        }
        if flags & FLAG_OVERWRITTEN != 0 {
            self.report.partial = None;
            self.report.overwritten |= self.report.continued.take().is_some();
            return Ok(Some(header));
        }
        if flags & FLAG_CONTINUED == 0 {
            return Err(WalFault::NotContinued(at));
        }
        if remaining != lacking {
            return Err(WalFault::ContinuedLength { page: at, found: remaining, expected: lacking });
        }
        let content = &page[header..];
        let length = usize::try_from(lacking).map_or(content.len(), |lacking| lacking.min(content.len()));
        let bytes = &content[..length];
        match (&mut self.report.partial, &mut self.report.continued) {
            (Some(record), _) => record.add(bytes),
            (None, Some(continued)) => continued.add(bytes),
            (None, None) => {}
        }
        if length as u64 != lacking {
            return Ok(None);
        }
        if let Some(record) = self.report.partial.take() {
            let checked = record.header().ok_or(WalFault::Checksum).and_then(|header| {
                self.follow(record.start, &header)?;
                if record.is_whole() { Ok(header.is_switch) } else { Err(WalFault::Checksum) }
            });
            match checked {
                Ok(is_switch) => {
                    self.report.last = Some(record.start);
                    self.over |= is_switch;
                }
                Err(fault) => {
                    self.report.partial = Some(record);
                    return Err(fault);
                }
            }
        }
        let next = header + length.next_multiple_of(ALIGNMENT);
        Ok((!self.over).then_some(next))
    }

    /// Takes the records that begin on a page.
    fn take_records(&mut self, at: Lsn, page: &[u8], mut offset: usize) {
        loop {
            let lsn = Lsn(at.0.saturating_add(offset as u64));
            if lsn >= self.wanted.stop {
                self.report.stopped = true;
                self.over = true;
                return;
            }
            let Some(bytes) = page.get(offset..).filter(|bytes| bytes.len() >= ALIGNMENT) else { return };
            let total = u32_at(bytes, 0);
            let length = usize::try_from(total).unwrap_or(usize::MAX);
            if length < HEADER {
                return self.fail(lsn, WalFault::Length(total));
            }
            let header = bytes.first_chunk::<HEADER>();
            if let Some(header) = header
                && let Err(fault) = self.follow(lsn, &RecordHeader::read(header))
            {
                return self.fail(lsn, fault);
            }
            let (Some(header), Some(record)) = (header, bytes.get(..length)) else {
                let mut record = PartialRecord::new(lsn, u64::from(total));
                record.add(bytes);
                self.report.partial = Some(record);
                return;
            };
            if !is_whole(header, &record[HEADER..]) {
                return self.fail(lsn, WalFault::Checksum);
            }
            self.report.last = Some(lsn);
            if RecordHeader::read(header).is_switch {
                self.over = true;
                return;
            }
            offset += length.next_multiple_of(ALIGNMENT);
        }
    }

    /// Checks that a record follows the one before it, as far as that one is in this segment.
    fn follow(&mut self, at: Lsn, header: &RecordHeader) -> Result<(), WalFault> {
        match self.report.last {
            Some(expected) if expected != header.previous => {
                Err(WalFault::Previous { found: header.previous, expected })
            }
            Some(_) => Ok(()),
            None => {
                self.report.first.get_or_insert((at, header.previous));
                Ok(())
            }
        }
    }
}
