//! `howdah wal fetch` by hand: each answer with its exit status, its line and what is left behind.

use crate::{
    files::{MIB, PACKINGS, Place, WAL, expect_line, flip, name, pack, run, segment},
    support::{again, timeout::until_true},
};
use howdah::{
    archive::{ClusterWal, NeededWal, TimelineHistory, spool::Job},
    domain::{Compression, Lsn, SystemIdentifier, Timeline},
    postgres::wal::{Segment, SegmentSize},
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    path::Path,
    process::Command,
    time::Instant,
};

/// Lets the spool know what a plan has found.
fn plan(place: &Place, first: u64, last: u64) {
    let path = TimelineHistory::first();
    let segment = |number| Segment { timeline: Timeline(1), number };
    let needed = NeededWal { path, first: segment(first), last: segment(last), size: MIB };
    let job = serde_json::to_vec(&Job::of(WAL.cluster, &needed)).unwrap();
    fs::write(place.spool.join("job.json"), job).unwrap();
}

#[test]
fn a_segment_is_handed_over_whatever_it_is_packed_with() {
    for (packing, ending) in PACKINGS {
        let place = Place::new();
        let bytes = segment(1, 5, WAL);
        place.put(&format!("{}{ending}", name(1, 5)), &pack(&bytes, packing));
        // Nobody has named it well: what it holds counts.
        place.put(&format!("{}.gz", name(1, 6)), &pack(&segment(1, 6, WAL), packing));
        for number in [5, 6] {
            let ran = place.fetch(name(1, number));
            assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""), "{packing}");
            assert!(fs::read(place.wanted()).unwrap() == segment(1, number, WAL), "{packing}");
            assert_eq!(place.pg_wal(), ["RECOVERYXLOG"]);
            fs::remove_file(place.wanted()).unwrap();
        }
        assert_eq!(place.outcome()["handed"]["prefetched"], false);
    }
}

#[test]
fn what_is_handed_over_is_counted_and_the_spool_is_not_needed() {
    let place = Place::with(1..=2);
    for (number, count) in [(1, 1), (2, 2), (1, 3)] {
        assert_eq!(place.fetch(name(1, number)).code, Some(0));
        let answer: serde_json::Value =
            serde_json::from_slice(&fs::read(place.spool.join("answer.json")).unwrap()).unwrap();
        assert_eq!(
            (answer["handed"]["segments"].as_u64(), answer["handed"]["bytes"].as_u64()),
            (Some(count), Some(count << 20))
        );
        assert_eq!(answer["asked"], name(1, number));
        fs::remove_file(place.wanted()).unwrap();
    }
    fs::write(place.spool.join("answer.json"), "rubbish").unwrap();
    fs::write(place.spool.join("job.json"), "rubbish").unwrap();
    assert_eq!(place.fetch(name(1, 1)).code, Some(0));
    fs::remove_file(place.wanted()).unwrap();
    fs::remove_dir_all(&place.spool).unwrap();
    assert_eq!(place.fetch(name(1, 2)).code, Some(0));
    assert!(!place.spool.exists());
}

#[test]
fn only_the_end_of_the_archive_is_the_end() {
    let place = Place::with([3, 4, 6]);
    let end = place.fetch(name(1, 7));
    assert_eq!(end.code, Some(1), "{end}");
    expect_line(&end, &[&name(1, 7), "is not in"]);
    assert_eq!(place.outcome(), "end");
    let gap = place.fetch(name(1, 5));
    assert_eq!(gap.code, Some(255), "{gap}");
    expect_line(&gap, &[&name(1, 5), "missing", &name(1, 6)]);
    assert_eq!(place.outcome()["gap"]["behind"], name(1, 6));
    // Behind the goal a gap is none.
    plan(&place, 3, 4);
    assert_eq!((place.fetch(name(1, 5)).code, place.outcome().as_str()), (Some(1), Some("beyond")));
    fs::remove_file(place.spool.join("job.json")).unwrap();
    let beyond = run(&mut place.command(&["--last", &name(1, 4)], name(1, 5)));
    assert_eq!((beyond.code, place.outcome().as_str()), (Some(1), Some("beyond")), "{beyond}");
    plan(&place, 3, 4);
    // The plan found the fourth; now it and all behind it are gone.
    for number in [4, 6] {
        fs::remove_file(place.archive.join(name(1, number))).unwrap();
    }
    let lost = place.fetch(name(1, 4));
    assert_eq!(lost.code, Some(255), "{lost}");
    expect_line(&lost, &["no longer", &name(1, 3)]);
    assert_eq!(place.outcome()["lost"]["before"], name(1, 3));
    assert_eq!(place.fetch(name(1, 5)).code, Some(1), "no plan has found this one");
    assert!(place.pg_wal().is_empty());
}

#[test]
fn an_archive_that_is_not_there_holds_the_server_and_is_never_the_end() {
    let place = Place::with([3, 4]);
    plan(&place, 3, 9);
    let away = place.archive.with_extension("away");
    let unmounted = |what: &str, words: &[&str]| {
        for asked in [name(1, 5), "00000002.history".to_owned()] {
            let ran = place.fetch(&asked);
            assert_eq!(ran.code, Some(255), "{what}: {asked}: {ran}");
            assert!(place.outcome()["unreachable"]["since"].is_string(), "{what}: {asked}");
            expect_line(&ran, words);
        }
    };
    fs::rename(&place.archive, &away).unwrap();
    unmounted("gone", &["No such file"]);
    fs::write(&place.archive, "a file").unwrap();
    unmounted("a file in its place", &["Not a directory"]);
    fs::remove_file(&place.archive).unwrap();
    fs::create_dir(&place.archive).unwrap();
    unmounted("the bare mount point", &["is in it"]);
    fs::create_dir(place.archive.join("lost+found")).unwrap();
    unmounted("an empty file system", &["is in it"]);
    // Another archive: what was needed before is not in it.
    place.put(&name(9, 1), &segment(9, 1, WAL));
    let ran = place.fetch(name(1, 5));
    assert_eq!(ran.code, Some(255), "{ran}");
    assert!(place.outcome()["unreachable"].is_object(), "{ran}");
    // It comes back while the server is held.
    fs::remove_dir_all(&place.archive).unwrap();
    let held = place.spawn(&[], &name(1, 4));
    until_true("it is told that the server is held", || {
        fs::read_to_string(place.spool.join("answer.json")).is_ok_and(|text| text.contains("held"))
    });
    fs::rename(&away, &place.archive).unwrap();
    assert_eq!(held.wait_with_output().unwrap().status.code(), Some(0));
    assert!(fs::read(place.wanted()).unwrap() == segment(1, 4, WAL));
}

#[test]
fn what_is_not_the_segment_is_never_handed_over() {
    let other = ClusterWal { cluster: SystemIdentifier(5), ..WAL };
    let larger = ClusterWal { size: SegmentSize::new(2 << 20).unwrap(), ..WAL };
    let good = segment(1, 5, WAL);
    let mut damaged = good.clone();
    damaged[0] = 0;
    let next = name(1, 6);
    let cases = [
        ("", good[..700_000].to_vec(), "short", "700000 bytes instead of 1048576"),
        ("", Vec::new(), "short", "0 bytes instead"),
        (".gz", pack(&good[..700_000], Compression::Gzip), "short", "700000 bytes"),
        ("", [&good[..], b"x"].concat(), "long", "longer than 1048576"),
        (".zst", pack(&[&good[..], b"x"].concat(), Compression::Zstd), "long", "longer than 1048576"),
        ("", damaged, "damaged", "magic number"),
        (".gz", pack(&good, Compression::Gzip)[..5000].to_vec(), "damaged", "damaged"),
        ("", segment(1, 5, other), "cluster", "system identifier 5 instead of 7000000000000000001"),
        (".lz4", pack(&segment(1, 5, other), Compression::Lz4), "cluster", "system identifier 5"),
        ("", segment(1, 4, larger), "segment_size", "2097152 bytes instead of 1048576"),
        ("", segment(1, 6, WAL), "place", &next),
        ("", segment(2, 5, WAL), "timeline", "timeline 2"),
    ];
    for (ending, bytes, fault, words) in cases {
        let place = Place::with([4]);
        let file = format!("{}{ending}", name(1, 5));
        place.put(&file, &bytes);
        let ran = place.fetch(name(1, 5));
        assert_eq!(ran.code, Some(255), "{fault}: {ran}");
        expect_line(&ran, &[&file, words]);
        assert!(place.outcome()["faulty"]["fault"].get(fault).is_some(), "{fault}: {}", place.outcome());
        assert!(place.pg_wal().is_empty(), "{fault}");
        // A good one beside it is taken.
        place.put(&format!("{}.zst", name(1, 5)), &pack(&good, Compression::Zstd));
        if ending != ".zst" {
            assert_eq!(place.fetch(name(1, 5)).code, Some(0), "{fault}");
        }
    }
    let directory = |path: &Path| fs::create_dir(path).unwrap();
    let pipe = |path: &Path| mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    for make in [&directory as &dyn Fn(&Path), &pipe] {
        let place = Place::with([4]);
        make(&place.archive.join(name(1, 5)));
        let ran = place.fetch(name(1, 5));
        assert_eq!(ran.code, Some(255), "{ran}");
        expect_line(&ran, &["no regular file"]);
    }
}

#[test]
fn a_timeline_begins_in_a_copy_of_the_older_ones_segment() {
    let place = Place::with([4]);
    // Timeline 2 began in the fifth segment: its first page is timeline 1's.
    place.put(&name(2, 5), &segment(1, 5, WAL));
    assert_eq!(place.fetch(name(2, 5)).code, Some(0));
    fs::remove_file(place.wanted()).unwrap();
    let path = TimelineHistory { timeline: Timeline(2), parents: vec![(Timeline(1), Lsn(4 << 20))] };
    let segment_of = |timeline, number| Segment { timeline: Timeline(timeline), number };
    let needed = NeededWal { path, first: segment_of(1, 3), last: segment_of(2, 6), size: MIB };
    fs::write(place.spool.join("job.json"), serde_json::to_vec(&Job::of(WAL.cluster, &needed)).unwrap()).unwrap();
    let ran = place.fetch(name(2, 5));
    assert_eq!(ran.code, Some(255), "it began in the fourth, and this one is timeline 1's: {ran}");
    expect_line(&ran, &["timeline 1"]);
}

#[test]
fn a_segment_that_was_not_full_is_handed_over_at_the_end_alone() {
    let bytes = segment(1, 5, WAL);
    let packed = pack(&bytes[..600_000], Compression::Gzip);
    for (ending, content, filled) in [
        (".partial", bytes[..600_000].to_vec(), 600_000),
        (".gz.partial", packed.clone(), 600_000),
        (".partial.gz", packed.clone(), 600_000),
        // `pg_receivewal -Z` was killed: the end of the packing is missing.
        (".gz.partial", packed[..packed.len() - 8].to_vec(), 600_000),
    ] {
        let place = Place::with([4]);
        place.put(&format!("{}{ending}", name(1, 5)), &content);
        let ran = place.fetch(name(1, 5));
        assert_eq!(ran.code, Some(0), "{ending}: {ran}");
        let handed = fs::read(place.wanted()).unwrap();
        assert_eq!(handed.len(), 1 << 20, "{ending}");
        assert!(handed[..filled] == bytes[..filled] && handed[filled..].iter().all(|byte| *byte == 0), "{ending}");
        fs::remove_file(place.wanted()).unwrap();
        // With WAL behind it, it is a gap, and the whole one goes before it.
        place.put(&name(1, 6), &segment(1, 6, WAL));
        assert_eq!(place.fetch(name(1, 5)).code, Some(255));
        assert_eq!(place.outcome()["gap"]["behind"], name(1, 6));
        place.put(&name(1, 5), &bytes);
        assert_eq!(place.fetch(name(1, 5)).code, Some(0));
        assert!(fs::read(place.wanted()).unwrap() == bytes);
    }
}

#[test]
fn histories_are_read_before_they_are_handed_over() {
    let place = Place::with([4]);
    let asked = "00000002.history";
    let missing = place.fetch(asked);
    assert_eq!((missing.code, place.outcome().as_str()), (Some(1), Some("end")), "{missing}");
    place.put(asked, b"1\t0/500000\tno recovery target specified\n");
    assert_eq!(place.fetch(asked).code, Some(0));
    assert!(fs::read_to_string(place.wanted()).unwrap().starts_with("1\t0/500000"));
    fs::remove_file(place.wanted()).unwrap();
    // Of a timeline that is not followed the server wants to know whether there is one.
    place.put(asked, b"1\tx\n");
    assert_eq!(place.fetch(asked).code, Some(0));
    fs::remove_file(place.wanted()).unwrap();
    let path = TimelineHistory { timeline: Timeline(2), parents: vec![(Timeline(1), Lsn(0x50_0000))] };
    let of = |timeline, number| Segment { timeline: Timeline(timeline), number };
    let needed = NeededWal { path, first: of(1, 4), last: of(2, 6), size: MIB };
    fs::write(place.spool.join("job.json"), serde_json::to_vec(&Job::of(WAL.cluster, &needed)).unwrap()).unwrap();
    for damage in ["7\t0/500000\tx\n", "1\tx\n", ""] {
        place.put(asked, damage.as_bytes());
        let ran = place.fetch(asked);
        assert_eq!(ran.code, Some(255), "{damage:?}: {ran}");
        expect_line(&ran, &[asked, "damaged"]);
        assert_eq!(place.outcome()["history"]["file"], asked);
    }
    place.put(&format!("{asked}.gz"), &pack(b"1\t0/500000\tx\n", Compression::Gzip));
    assert_eq!(place.fetch(asked).code, Some(0), "a good one beside it is taken");
    fs::remove_file(place.wanted()).unwrap();
    let note = format!("{}.00000028.backup", name(1, 4));
    assert_eq!(place.fetch(&note).code, Some(1));
    place.put(&note, b"START WAL LOCATION: 0/400028\n");
    assert_eq!(place.fetch(&note).code, Some(0));
    assert_eq!(fs::read(place.wanted()).unwrap(), b"START WAL LOCATION: 0/400028\n");
}

#[test]
fn what_the_server_has_itself_it_is_left_to_take() {
    let place = Place::new();
    let own = place.data.join("pg_wal").join(name(1, 5));
    let bytes = segment(1, 5, WAL);
    fs::write(&own, &bytes).unwrap();
    let begun = Instant::now();
    let ran = run(&mut place.command(&[], name(1, 5)));
    assert_eq!((ran.code, place.outcome().as_str()), (Some(1), Some("local")), "{ran}");
    assert!(begun.elapsed() < howdah::archive::fetch::WAIT, "nobody is held for it");
    for wrong in [segment(1, 6, WAL), bytes[..700_000].to_vec()] {
        fs::write(&own, wrong).unwrap();
        assert_eq!(place.fetch(name(1, 5)).code, Some(255), "a recycled or torn one is none");
    }
    fs::write(place.data.join("pg_wal/00000002.history"), "1\t0/500000\tx\n").unwrap();
    assert_eq!(place.fetch("00000002.history").code, Some(1));
    assert_eq!(place.outcome(), "local");
}

#[test]
fn a_file_that_stands_there_is_not_written_over() {
    let place = Place::with([5]);
    place.put("00000002.history", b"1\t0/500000\tx\n");
    for asked in [name(1, 5), "00000002.history".to_owned()] {
        fs::write(place.wanted(), "somebody's").unwrap();
        let ran = place.fetch(&asked);
        assert_eq!(ran.code, Some(255), "{ran}");
        expect_line(&ran, &["pg_wal/RECOVERYXLOG", "not written over"]);
        assert_eq!(fs::read(place.wanted()).unwrap(), b"somebody's");
        fs::remove_file(place.wanted()).unwrap();
        symlink(place.data.join("elsewhere"), place.wanted()).unwrap();
        assert_eq!(place.fetch(&asked).code, Some(255));
        assert!(!place.data.join("elsewhere").exists(), "a link is not followed");
        fs::remove_file(place.wanted()).unwrap();
    }
}

#[test]
fn names_that_postgresql_never_asks_for_are_refused() {
    let place = Place::with([5]);
    fs::write(place.archive.join("x"), "x").unwrap();
    fs::write(place.archive.with_file_name("outside"), "x").unwrap();
    let too_large_for_its_size = "00000001000000000000FFFF";
    for asked in [
        &b"../outside"[..],
        b"x",
        b"",
        b"--standby",
        b"000000010000000000000005\n",
        b"000000010000000000000005.gz",
        b"000000010000000000000005.partial",
        b"00000002.history.gz",
        b"0000000100000000000000\xff\xfe",
        b"\x1b[2J",
        too_large_for_its_size.as_bytes(),
    ] {
        let ran = place.fetch(OsStr::from_bytes(asked));
        assert_eq!(ran.code, Some(255), "{ran}");
        assert!(!ran.stderr.contains('\x1b'), "{ran:}");
        assert!(place.pg_wal().is_empty(), "{}", String::from_utf8_lossy(asked));
    }
    let mut nowhere = place.command(&[], name(1, 5));
    nowhere.current_dir("/");
    assert_eq!(nowhere.output().unwrap().status.code(), Some(255), "pg_wal is not there");
}

#[test]
fn wrong_words_are_never_taken_for_the_end_of_the_archive() {
    let fetch = |words: &[&str]| run(Command::new(again::program()).args(["wal", "fetch"]).args(words)).code;
    assert_eq!(fetch(&[]), Some(255));
    assert_eq!(fetch(&["--no-such-option"]), Some(255));
    assert_eq!(fetch(&["--archive", "/", "--cluster", "x", "--segment-size", "1048576", "a", "b"]), Some(255));
    assert_eq!(fetch(&["--archive", "/", "--cluster", "1", "--segment-size", "12345", &name(1, 5), "b"]), Some(255));
    let probe = run(Command::new(again::program()).args(["wal", "fetch", "--probe"]));
    assert_eq!((probe.code, probe.stdout.as_str()), (Some(0), howdah::archive::restore_command::PROBE_ANSWER));
}

#[test]
fn a_standby_is_never_held_or_ended() {
    let place = Place::with([3, 5]);
    let standby = |asked: &str| {
        let begun = Instant::now();
        let ran = run(&mut place.command(&["--standby"], asked));
        assert!(begun.elapsed().as_secs() < 30, "{ran}");
        ran.code
    };
    assert_eq!(standby(&name(1, 3)), Some(0));
    fs::remove_file(place.wanted()).unwrap();
    assert_eq!(standby(&name(1, 4)), Some(1));
    flip(&place.archive.join(name(1, 5)), 1);
    assert_eq!(standby(&name(1, 5)), Some(1));
    fs::remove_dir_all(&place.archive).unwrap();
    assert_eq!(standby(&name(1, 6)), Some(1));
}
