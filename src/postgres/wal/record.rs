//! A WAL record whose bytes come in parts: its header, and the checksum over all of it.
//!
//! Promises: no more than the header of a record is kept, however long it is. A part whose beginning is in another
//! segment is summed up by itself, and joined to that beginning later. Never: decodes what a record does.
//!
//! Source: `XLogRecord` in `src/include/access/xlogrecord.h`; the checksum is CRC-32C over the record's data and then
//! its header up to the checksum itself (`ValidXLogRecord` in `xlogreader.c`).

use super::{u16_at, u32_at, u64_at};
use crate::domain::Lsn;

/// `SizeOfXLogRecord`.
pub(super) const HEADER: usize = 24;

/// Where the checksum stands in the header.
const CHECKSUM: usize = 20;

/// `XLOG_SWITCH` of the resource manager `RM_XLOG_ID`, which is 0: the rest of the segment holds no record.
const SWITCH: (u8, u8) = (0, 0x40);

/// `XLR_RMGR_INFO_MASK`: the bits of the information byte that belong to the resource manager.
const MANAGER_BITS: u8 = 0xF0;

/// What the header of a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    /// Where the record before it begins.
    pub(super) previous: Lsn,
    pub(super) is_switch: bool,
    checksum: u32,
}

/// A record from its beginning on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartialRecord {
    /// Where it begins.
    pub(super) start: Lsn,
    /// `xl_tot_len`, header included.
    pub(super) total: u64,
    header: [u8; HEADER],
    came: u64,
    /// Over what came behind the header.
    data: u32,
}

/// The part of a record that stands at the beginning of a segment, while the rest is in those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Continuation {
    /// How many bytes the record still has here and behind, as the first page says.
    pub(super) remaining: u64,
    /// Where the segment begins.
    pub(super) start: Lsn,
    /// As many bytes as can belong to the header.
    first: [u8; HEADER],
    came: u64,
    all: u32,
}

impl RecordHeader {
    pub(super) fn read(bytes: &[u8; HEADER]) -> Self {
        let kind = (bytes[17], bytes[16] & MANAGER_BITS);
        let (previous, checksum) = (Lsn(u64_at(bytes, 8)), u32_at(bytes, CHECKSUM));
        debug_assert_eq!(u16_at(bytes, 16).to_le_bytes(), [bytes[16], bytes[17]]);
        Self { previous, is_switch: kind == SWITCH, checksum }
    }

    /// Whether the header's own bytes and data with this checksum are what was written.
    fn fits(&self, header: &[u8; HEADER], data: u32) -> bool {
        crc32c::crc32c_append(data, &header[..CHECKSUM]) == self.checksum
    }
}

/// Whether all bytes of a record are as they were written.
pub(super) fn is_whole(header: &[u8; HEADER], data: &[u8]) -> bool {
    RecordHeader::read(header).fits(header, crc32c::crc32c(data))
}

impl PartialRecord {
    /// A record of `total` bytes that begins here; no byte of it came yet.
    pub(super) const fn new(start: Lsn, total: u64) -> Self {
        Self { start, total, header: [0; HEADER], came: 0, data: 0 }
    }

    /// Takes the next bytes, never more than are lacking.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let rest = self.take_header(bytes);
        self.data = crc32c::crc32c_append(self.data, rest);
        self.came += bytes.len() as u64;
    }

    /// Takes the bytes of a segment that begins in the middle of the record.
    pub(super) fn join(&mut self, more: &Continuation) {
        let kept = usize::try_from(more.came).map_or(HEADER, |came| came.min(HEADER));
        let rest = self.take_header(&more.first[..kept]).len();
        let in_header = kept - rest;
        let length = more.came - in_header as u64;
        if length > 0 {
            // A checksum of two parts is the first one, moved on by the length of the second, and the second: so
            // the second one is got from the whole in the same way.
            let length = usize::try_from(length).expect("a record is shorter than 4 GiB");
            let data = crc32c::crc32c_combine(crc32c::crc32c(&more.first[..in_header]), more.all, length);
            self.data = crc32c::crc32c_combine(self.data, data, length);
        }
        self.came += more.came;
    }

    /// Fills the header as far as it is lacking, and gives back what lies behind it.
    fn take_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let have = usize::try_from(self.came).map_or(HEADER, |came| came.min(HEADER));
        let (header, rest) = bytes.split_at(bytes.len().min(HEADER - have));
        self.header[have..have + header.len()].copy_from_slice(header);
        rest
    }

    /// How many bytes are lacking.
    pub(super) const fn remaining(&self) -> u64 {
        self.total.saturating_sub(self.came)
    }

    /// The header, once all of it came.
    pub(super) fn header(&self) -> Option<RecordHeader> {
        (self.came >= HEADER as u64).then(|| RecordHeader::read(&self.header))
    }

    /// Whether all bytes came and are as they were written.
    pub(super) fn is_whole(&self) -> bool {
        self.came == self.total && self.header().is_some_and(|header| header.fits(&self.header, self.data))
    }
}

impl Continuation {
    pub(super) const fn new(start: Lsn, remaining: u64) -> Self {
        Self { remaining, start, first: [0; HEADER], came: 0, all: 0 }
    }

    /// Takes the next bytes, never more than are lacking.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let have = usize::try_from(self.came).map_or(HEADER, |came| came.min(HEADER));
        let kept = bytes.len().min(HEADER - have);
        self.first[have..have + kept].copy_from_slice(&bytes[..kept]);
        self.all = crc32c::crc32c_append(self.all, bytes);
        self.came += bytes.len() as u64;
    }

    /// How many bytes are lacking behind those that came.
    pub(super) const fn lacking(&self) -> u64 {
        self.remaining.saturating_sub(self.came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_the_same_however_it_is_cut() {
        let data: Vec<u8> = (0..200_u8).collect();
        let mut bytes = vec![0; HEADER];
        bytes[..4].copy_from_slice(&224_u32.to_le_bytes());
        bytes[8..16].copy_from_slice(&0x28_u64.to_le_bytes());
        bytes.extend(&data);
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&data), &bytes[..CHECKSUM]);
        bytes[CHECKSUM..HEADER].copy_from_slice(&checksum.to_le_bytes());
        // Every cut between segments, the header cut through included, and one more cut inside the second segment.
        for cut in (0..=bytes.len()).step_by(8) {
            for second in [cut, cut.midpoint(bytes.len()), bytes.len()] {
                let mut record = PartialRecord::new(Lsn(0x100), 224);
                record.add(&bytes[..cut]);
                let mut more = Continuation::new(Lsn(0x200), record.remaining());
                more.add(&bytes[cut..second]);
                more.add(&bytes[second..]);
                assert_eq!((record.remaining(), more.lacking()), (224 - cut as u64, 0));
                let mut altered = more.clone();
                altered.all ^= 1;
                let alone = record.clone();
                record.join(&more);
                assert!(record.is_whole(), "cut at {cut} and {second}");
                assert_eq!(record.header().map(|header| header.previous), Some(Lsn(0x28)));
                let mut wrong = alone;
                wrong.join(&altered);
                assert!(!wrong.is_whole() || cut == bytes.len(), "cut at {cut} and {second}");
            }
        }
    }
}
