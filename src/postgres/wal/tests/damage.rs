//! Each way in which WAL can be wrong is found, at the first record that cannot be read.

use super::{
    super::{Segment, WalFault},
    writer::{PAGE, SIZE, Wal, check, scan, wanted},
};
use crate::domain::{Lsn, SystemIdentifier, Timeline};
use proptest::{prelude::*, test_runner::TestRunner};

/// Three segments of records that reach over every edge, and where the range begins and ends.
fn three() -> (Wal, Lsn, Lsn) {
    let mut wal = Wal::new();
    while wal.end().0 < 4 * SIZE + 50_000 {
        wal.record(700);
    }
    let (start, stop) = (wal.records[20], wal.end());
    (wal, start, stop)
}

/// The record that holds this byte.
fn record_at(wal: &Wal, at: Lsn) -> Lsn {
    *wal.records.iter().rev().find(|record| **record <= at).unwrap()
}

/// The record whose reading needs the page that begins here: one that reaches into it, or the first on it.
fn record_of_page(wal: &Wal, page: Lsn) -> Lsn {
    let header = if page.0.is_multiple_of(SIZE) { 40 } else { 24 };
    let first = Lsn(page.0 + header);
    if wal.records.contains(&first) { first } else { record_at(wal, page) }
}

#[test]
fn an_altered_field_of_a_page_is_found_at_the_record_that_needs_the_page() {
    let (wal, start, stop) = three();
    for page in [2 * SIZE + 40 * PAGE, 3 * SIZE, 3 * SIZE + PAGE, 4 * SIZE] {
        let fields =
            [(0, "magic"), (1, "magic"), (3, "flags"), (4, "timeline"), (8, "address"), (13, "address"), (16, "rest")];
        let of_segment = [(24, "cluster"), (33, "segment size")].into_iter().filter(|_| page.is_multiple_of(SIZE));
        for (field, name) in fields.into_iter().chain(of_segment) {
            let mut damaged = wal.clone();
            *damaged.byte(Lsn(page + field)) ^= 0x40;
            let (_, problems) = check(&damaged.segments(), start, stop, 8192);
            let expected = record_of_page(&wal, Lsn(page));
            assert_eq!(
                problems.first().map(|problem| problem.at),
                Some(expected),
                "{name} of {}: {problems:?}",
                Lsn(page)
            );
        }
    }
}

#[test]
fn any_flipped_bit_in_a_record_is_found_at_that_record() {
    let (wal, start, stop) = three();
    let segments = wal.segments();
    let run = |at: u64, bit: u8| {
        let at = Lsn(start.0 + at % (stop.0 - start.0));
        let in_page = at.0 % PAGE;
        let header = if at.0 % SIZE < PAGE { 40 } else { 24 };
        let holder = record_at(&wal, at);
        // Behind the end of a record its padding begins, which nothing checks.
        let next = wal.records.iter().find(|record| **record > at).copied().unwrap_or(stop);
        let padding = next.0 - at.0 <= 4;
        if in_page < header || padding {
            return;
        }
        let mut damaged = segments.clone();
        let segment = usize::try_from(at.0 / SIZE - 2).unwrap();
        damaged[segment].1[usize::try_from(at.0 % SIZE).unwrap()] ^= 1 << bit;
        let (_, problems) = check(&damaged, start, stop, 8192);
        assert_eq!(problems.first().map(|problem| problem.at), Some(holder), "{at} bit {bit}: {problems:?}");
    };
    TestRunner::default()
        .run(&(any::<u64>(), 0..8_u8), |(at, bit)| {
            run(at, bit);
            Ok(())
        })
        .unwrap();
}

#[test]
fn each_damaged_segment_is_named_by_its_first_bad_record() {
    let (wal, start, stop) = three();
    let mut damaged = wal.clone();
    for at in [2 * SIZE + 100_000, 2 * SIZE + 200_000, 4 * SIZE + 20_000] {
        *damaged.byte(Lsn(at)) ^= 1;
    }
    let (checked, problems) = check(&damaged.segments(), start, stop, 8192);
    let expected = [2 * SIZE + 100_000, 4 * SIZE + 20_000].map(|at| record_at(&wal, Lsn(at)));
    assert_eq!(problems.iter().map(|problem| problem.at).collect::<Vec<_>>(), expected);
    assert!(problems.iter().all(|problem| problem.fault == WalFault::Checksum), "{problems:?}");
    assert_eq!(checked, (expected[0].0 - start.0) + SIZE + (expected[1].0 - 4 * SIZE));
}

#[test]
fn missing_segments_in_a_row_are_one_problem_however_many_there_are() {
    let (wal, start, stop) = three();
    let all = wal.segments();
    let without = |number: usize| {
        let mut segments = all.clone();
        segments.remove(number);
        check(&segments, start, stop, 8192).1
    };
    assert_eq!(without(0)[0].at, start);
    let [problem] = without(1)[..] else { panic!("{:?}", without(1)) };
    assert_eq!(problem.at, record_at(&wal, Lsn(3 * SIZE - 1)), "the record that reaches into it cannot be read");
    assert_eq!(problem.fault, WalFault::Missing { segments: 1, until: Lsn(4 * SIZE) });
    assert_eq!(without(2)[0].fault, WalFault::Missing { segments: 1, until: stop });
    let far = Lsn(u64::MAX);
    let (_, problems) = check(&all, start, far, 8192);
    assert_eq!(
        problems.last().map(|problem| problem.fault),
        Some(WalFault::Missing { segments: u64::MAX / SIZE - 4, until: far })
    );
}

#[test]
fn a_segment_of_a_wrong_length_cluster_timeline_or_place_is_none() {
    let (wal, start, stop) = three();
    let (segment, bytes) = wal.segments().swap_remove(1);
    let base = wanted(segment, start, stop);
    let fault = |wanted, bytes: &[u8]| scan(wanted, bytes, 8192).problem.map(|(problem, _)| problem.fault);
    assert_eq!(fault(base, &bytes), None);
    let short = WalFault::Short { found: 10_000, expected: SIZE };
    assert_eq!(fault(base, &bytes[..10_000]), Some(short));
    assert!(matches!(fault(base, &[]), Some(WalFault::Short { found: 0, .. })));
    assert_eq!(fault(base, &[&bytes[..], b"x"].concat()), Some(WalFault::Long { expected: SIZE }));
    let newer = super::super::Wanted { version: Some(crate::domain::MajorVersion(16)), ..base };
    assert!(matches!(fault(newer, &bytes), Some(WalFault::Magic { .. })));
    let renamed = Segment { number: 9, ..segment };
    assert!(matches!(
        fault(super::super::Wanted { segment: renamed, stop: Lsn(99 * SIZE), ..base }, &bytes),
        Some(WalFault::Address { .. })
    ));
    let older = Segment { timeline: Timeline(0), ..segment };
    assert!(matches!(fault(super::super::Wanted { segment: older, ..base }, &bytes), Some(WalFault::Timeline { .. })));
    let later = Segment { timeline: Timeline(3), ..segment };
    assert_eq!(fault(super::super::Wanted { segment: later, ..base }, &bytes), None, "kept under a newer name");
}

/// WAL of `records` records that ends its first segment by a switch, and has one record in the second.
fn switched(records: usize) -> Wal {
    let mut wal = Wal::new();
    for _ in 0..records {
        wal.record(10);
    }
    wal.switch();
    wal.record(10);
    wal
}

#[test]
fn a_segment_that_does_not_follow_the_one_before_it_is_found_at_its_first_record() {
    let (wal, longer) = (switched(1), switched(2));
    let (mut segments, start, stop) = (wal.segments(), wal.records[0], wal.end());
    assert_eq!(check(&segments, start, stop, 8192).1, []);
    segments[1] = longer.segments().swap_remove(1);
    let expected = WalFault::Previous { found: longer.records[2], expected: wal.records[1] };
    let (_, problems) = check(&segments, start, stop, 8192);
    assert_eq!(problems.iter().map(|one| (one.at, one.fault)).collect::<Vec<_>>(), [(Lsn(3 * SIZE + 40), expected)]);
}

#[test]
fn of_two_segments_with_one_number_that_of_the_older_timeline_counts() {
    let wal = switched(1);
    let (start, stop) = (wal.records[0], wal.end());
    let whole = wal.segments();
    let newer = |(segment, bytes): &(Segment, Vec<u8>)| {
        let mut bytes = bytes.clone();
        bytes[5000] ^= 1;
        bytes[100] ^= 1;
        (Segment { timeline: Timeline(2), ..*segment }, bytes)
    };
    let damaged: Vec<_> = whole.iter().map(newer).collect();
    assert_ne!(check(&damaged, start, stop, 8192).1, [], "alone, the newer ones count");
    assert_eq!(check(&[&damaged[..], &whole[..]].concat(), start, stop, 8192).1, []);
    assert_eq!(check(&[&whole[..], &damaged[..]].concat(), start, stop, 8192).1, []);
}

#[test]
fn a_segment_of_another_cluster_is_named_and_those_beside_it_are_judged() {
    let (mut wal, start, stop) = three();
    *wal.byte(Lsn(3 * SIZE + 24)) ^= 0xFF;
    let (_, problems) = check(&wal.segments(), start, stop, 8192);
    let [problem] = problems[..] else { panic!("{problems:?}") };
    assert_eq!(problem.at, record_of_page(&wal, Lsn(3 * SIZE)));
    let found = SystemIdentifier(7 ^ 0xFF);
    assert_eq!(problem.fault, WalFault::Cluster { found, expected: SystemIdentifier(7) });
}

#[test]
fn no_bytes_make_a_scan_panic() {
    let (wal, start, stop) = three();
    let (segment, bytes) = wal.segments().swap_remove(0);
    TestRunner::default()
        .run(&proptest::collection::vec((any::<usize>(), any::<u8>()), 1..20), |changes| {
            let mut damaged = bytes.clone();
            let length = damaged.len();
            for (at, byte) in changes {
                damaged[at % length] = byte;
            }
            scan(wanted(segment, start, stop), &damaged, 5000);
            Ok(())
        })
        .unwrap();
}
