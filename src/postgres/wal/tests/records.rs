//! WAL that is as it was written is found so, wherever its records and portions are cut.

use super::{
    super::WalFault,
    writer::{PAGE, SIZE, Wal, check},
};
use crate::domain::Lsn;

/// Many records: short ones, some over pages, one over two segments, and one that fills a segment of its own.
fn varied() -> Wal {
    let mut wal = Wal::new();
    for round in 0..600_usize {
        wal.record(round * 37 % 1500);
    }
    wal.record(40_000);
    while wal.end().0 < 3 * SIZE - 20_000 {
        wal.record(3000);
    }
    wal.record(2 * SIZE as usize + 5000);
    wal.record(10);
    wal.switch();
    wal.record(7);
    wal
}

#[test]
fn whole_wal_has_no_problem_however_it_comes() {
    let wal = varied();
    let segments = wal.segments();
    let reversed: Vec<_> = segments.iter().rev().cloned().collect();
    for (from, to) in [(0, wal.records.len()), (5, 400), (300, 601), (603, wal.records.len()), (9, 10)] {
        let start = wal.records[from];
        let stop = wal.records.get(to).copied().unwrap_or(wal.end());
        for portion in [40, 1000, 8192, 4096 * 5, 1 << 20] {
            assert_eq!(check(&segments, start, stop, portion), (stop.0 - start.0, Vec::new()), "{start} {stop}");
        }
        assert_eq!(check(&reversed, start, stop, 1 << 20).1, []);
    }
}

#[test]
fn every_distance_of_a_record_from_the_edge_of_a_segment_is_read() {
    for lacking in (0..64).step_by(8) {
        let mut wal = Wal::new();
        while wal.end().0 % SIZE < SIZE - PAGE || wal.end().0.is_multiple_of(SIZE) {
            wal.record(1000);
        }
        let room = SIZE - wal.end().0 % SIZE;
        wal.record((room - 24 - lacking) as usize);
        let at = wal.record(100);
        wal.record(5);
        let (start, stop) = (wal.records[0], wal.end());
        assert_eq!(check(&wal.segments(), start, stop, 8192).1, [], "{lacking} bytes from the edge");
        for byte in 0..124 {
            let mut damaged = wal.clone();
            // Bytes of the record before the edge, and of it behind the header of the page there.
            let at_byte = Lsn(at.0 + byte + if at.0 % SIZE + byte >= SIZE && at.0 % SIZE != 40 { 40 } else { 0 });
            *damaged.byte(at_byte) ^= 0x10;
            let (_, problems) = check(&damaged.segments(), start, stop, 8192);
            assert_eq!(problems.first().map(|problem| problem.at), Some(at), "{lacking}: byte {byte}: {problems:?}");
        }
    }
}

#[test]
fn a_switch_that_is_cut_by_the_edge_of_a_segment_ends_the_next_one() {
    for lacking in [8, 16] {
        let mut wal = Wal::new();
        while wal.end().0 % SIZE < SIZE - PAGE || wal.end().0.is_multiple_of(SIZE) {
            wal.record(1000);
        }
        let room = SIZE - wal.end().0 % SIZE;
        wal.record((room - 24 - lacking) as usize);
        wal.switch();
        wal.record(3);
        assert_eq!(check(&wal.segments(), wal.records[0], wal.end(), 8192).1, []);
    }
}

#[test]
fn a_record_that_was_never_finished_may_be_overwritten() {
    let mut wal = Wal::new();
    let first = wal.record(10);
    let before = wal.clone();
    wal.record(2 * PAGE as usize);
    let mut after = before;
    // Pages behind the first are written anew, as a server does after a crash: the flag, and no rest of a record.
    let mut bytes = wal.bytes[..PAGE as usize].to_vec();
    std::mem::swap(&mut after.bytes, &mut bytes);
    after.record(20);
    let flags = Lsn(2 * SIZE + PAGE + 2);
    let stop = after.end();
    assert_eq!(check(&after.segments(), first, stop, 8192).1[0].fault, WalFault::NotContinued(Lsn(2 * SIZE + PAGE)));
    *after.byte(flags) |= 0x08;
    assert_eq!(check(&after.segments(), first, stop, 8192).1, []);
}

#[test]
fn a_range_that_ends_inside_a_record_wants_it_whole() {
    let mut wal = Wal::new();
    let start = wal.record(10);
    let long = wal.record(3 * PAGE as usize);
    let inside = Lsn(long.0 + 100);
    assert_eq!(check(&wal.segments(), start, inside, 8192).1, []);
    *wal.byte(Lsn(long.0 + 2 * PAGE)) ^= 1;
    let (_, problems) = check(&wal.segments(), start, inside, 8192);
    assert_eq!((problems[0].at, problems[0].fault), (long, WalFault::Checksum));
    assert_eq!(check(&wal.segments(), start, long, 8192).1, [], "what lies behind the end is not judged");
}
