//! Names and headers of segments, and WAL written by a small writer of the tests' own.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::cast_possible_truncation, reason = "a test writes a few megabytes, each byte of them known")]

mod damage;
mod records;
pub(crate) mod writer;

use super::*;

/// The first 40 bytes of a segment that PostgreSQL 15.18 wrote (`initdb --wal-segsize=1`).
const REAL: [u8; LONG_HEADER] = [
    0x10, 0xd1, 0x07, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x60, 0x00, 0x00, 0x00, 0x00, 0x00, 0xd1, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x59, 0x26, 0x6e, 0xed, 0x6e, 0xdb, 0x00, 0x6b, 0x00, 0x00, 0x10, 0x00, 0x00, 0x20,
    0x00, 0x00,
];

const MIB: SegmentSize = SegmentSize::new(1 << 20).unwrap();

#[test]
fn a_name_is_the_timeline_and_the_number_in_the_arithmetic_of_the_segment_size() {
    for (name, size, number) in [
        ("000000010000000000000001", SegmentSize::DEFAULT, 1),
        ("0000000200000001000000FF", SegmentSize::DEFAULT, 0x1FF),
        ("000000010000000100000000", MIB, 4096),
        ("000000010000000000000FFF", MIB, 4095),
    ] {
        let segment = Segment::from_file_name(name, size).unwrap();
        assert_eq!((segment.number, segment.file_name(size).as_str()), (number, name));
    }
    assert_eq!(Segment { timeline: Timeline(3), number: 0x1FF }.start(SegmentSize::DEFAULT), Lsn(0x1_FF00_0000));
}

#[test]
fn what_is_not_a_segment_has_no_number() {
    let not_a_segment = |name| Segment::from_file_name(name, SegmentSize::DEFAULT).is_none();
    assert!(not_a_segment("00000001000000000000001"));
    assert!(not_a_segment("00000002.history"));
    assert!(not_a_segment("00000001000000000000000a"), "PostgreSQL writes upper case");
    assert!(not_a_segment("000000010000000000000100"), "a 16 MiB segment is one of 256");
    assert!(not_a_segment("000000000000000000000001"), "timelines begin at 1");
    assert!(not_a_segment("00000001000000000000000\u{e9}"));
}

#[test]
fn a_range_ends_with_the_segment_of_its_last_byte() {
    let names = |start, stop| -> Vec<u64> {
        Segment::range(Timeline(1), Lsn(start), Lsn(stop), MIB).map(|s| s.number).collect()
    };
    assert_eq!(names(0x10_0028, 0x20_0000), [1]);
    assert_eq!(names(0x10_0028, 0x20_0001), [1, 2]);
    assert_eq!(names(0x10_0000, 0x10_0000), [1]);
}

#[test]
fn the_header_of_a_real_segment_tells_its_cluster() {
    let header = SegmentHeader::parse(&REAL).unwrap();
    assert_eq!(header.version, Some(MajorVersion(15)));
    assert_eq!(header.segment_size, MIB);
    assert_eq!(header.system_identifier, SystemIdentifier(7_710_403_831_534_593_625), "as pg_controldata tells it");
    assert_eq!(header.segment().file_name(MIB), "000000010000000000000006");
}

#[test]
fn a_damaged_header_is_told_by_its_field() {
    let with = |at: usize, byte: u8| {
        let mut bytes = REAL;
        bytes[at] = byte;
        SegmentHeader::parse(&bytes)
    };
    assert_eq!(SegmentHeader::parse(&REAL[..39]), Err(HeaderError::Short(39)));
    assert_eq!(SegmentHeader::parse(&[0; 8192]), Err(HeaderError::Magic(0)));
    assert_eq!(with(2, 0), Err(HeaderError::NotLong(0)));
    assert_eq!(with(8, 1), Err(HeaderError::Position(Lsn(0x60_0001))));
    assert_eq!(with(32, 1), Err(HeaderError::SegmentSize(0x10_0001)));
    assert_eq!(with(36, 1), Err(HeaderError::PageSize(0x2001)));
    assert_eq!(with(0, 0x77).unwrap().version, None, "a version that is not out yet");
}
