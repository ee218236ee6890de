//! A real PostgreSQL that asks: it comes to its goal, is held, or gives up; it is never opened too early.

use crate::{
    files::{MIB, WAL, flip, pack, segment},
    needs_postgres,
    source::{Recovery, howdah_for_all, is_other_user, server_account, source},
    support::place::names,
};
use howdah::{
    archive::{Outcome, RestoreCommand, SegmentFault},
    domain::{Compression, FailureClass},
    worker::wal_feed::failure,
};
use std::{fs, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

const MINUTE: Duration = Duration::from_mins(1);
const MOMENT: Duration = Duration::from_millis(400);

#[test]
fn a_recovery_from_packed_segments_comes_to_its_goal_by_the_prefetch() {
    needs_postgres!();
    let mut recovery = Recovery::new(&source().archive_copy(true), MINUTE);
    recovery.start();
    recovery.expect_goal();
    let state = recovery.state();
    let handed = state.handed();
    assert_eq!(handed.segments, source().last - source().first + 1);
    assert_eq!(handed.bytes.0, handed.segments << 20);
    assert!(handed.prefetched > handed.segments / 2, "{handed:?}");
    assert_eq!((failure(&state), state.held()), (None, None));
    // Each came with the owner that lets the server use it again.
    let kept = recovery.target.join("pg_wal").join(source().name(source().last));
    let owner = fs::metadata(recovery.target.join("PG_VERSION")).unwrap().uid();
    assert_eq!(fs::metadata(kept).unwrap().uid(), owner);
    let spool = recovery.target.join(".howdah/wal");
    assert!(names(&spool).iter().all(|name| name == "job.json" || name == "answer.json"), "{:?}", names(&spool));
    recovery.feed.take().unwrap().stop();
    assert!(!spool.exists());
    assert!(is_other_user() || owner == rustix::process::getuid().as_raw());
}

#[test]
fn a_server_that_outlives_the_attempt_needs_no_spool() {
    needs_postgres!();
    let mut recovery = Recovery::new(&source().archive_copy(true), MINUTE);
    let command = recovery.feed.take().unwrap().lasting_command(false);
    recovery.start_with(&command, "recovery_target_name = 'goal'");
    recovery.expect_goal();
    let log = recovery.log();
    // It reads ahead: what is behind the goal is asked for, and not needed; and it looks for a newer timeline.
    let [behind, newer] = [source().name(source().last + 1), "00000002.history".to_owned()];
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with("howdah: ")).collect();
    assert!(lines.iter().all(|line| line.contains(&behind) || line.contains(&newer)), "{lines:?}");
}

#[test]
fn a_gap_behind_the_goal_is_none_of_the_recovery() {
    needs_postgres!();
    let archive = source().archive_copy(false);
    // The server reads ahead of what it replays, and meets the gap before it has come to the goal.
    let behind = source().last + 1;
    for name in names(&archive).iter().filter(|name| **name >= source().name(behind)) {
        fs::remove_file(archive.join(name)).unwrap();
    }
    fs::write(archive.join(source().name(behind + 1)), segment(1, behind + 1, source().wal)).unwrap();
    let mut recovery = Recovery::new(&archive, MOMENT);
    recovery.start();
    recovery.expect_goal();
    let answer = recovery.state().answer.unwrap();
    assert_eq!((answer.asked, answer.outcome), (source().name(behind), Outcome::Beyond));
    // The same for a server that is started again when the attempt is over.
    recovery.stop("fast");
    let command = recovery.feed.take().unwrap().lasting_command(false);
    recovery.start_with(&command, "");
    recovery.expect_goal();
}

#[test]
fn an_archive_that_goes_away_and_comes_back_in_mid_replay_is_waited_for() {
    needs_postgres!();
    let archive = source().archive_copy(true);
    let away = archive.with_extension("away");
    let recovery = Recovery::new(&archive, MINUTE);
    recovery.start();
    recovery.wait_for_segments(3);
    fs::rename(&archive, &away).unwrap();
    let answer = recovery.wait_for_answer("it is held", |answer| matches!(answer.outcome, Outcome::Held { .. }));
    assert!(answer.asked < source().name(source().last), "it was in mid-replay");
    let state = recovery.state();
    assert_eq!(failure(&state), None, "nothing has failed yet");
    assert!(state.held().unwrap().1.contains(&answer.asked), "{state:?}");
    fs::rename(&away, &archive).unwrap();
    recovery.expect_goal();
}

#[test]
fn an_archive_that_stays_away_ends_the_server_and_another_start_goes_on() {
    needs_postgres!();
    let archive = source().archive_copy(false);
    let away = archive.with_extension("away");
    let recovery = Recovery::new(&archive, MOMENT);
    recovery.start();
    recovery.wait_for_segments(3);
    fs::rename(&archive, &away).unwrap();
    // The bare mount point.
    fs::create_dir(&archive).unwrap();
    let log = recovery.expect_end();
    assert!(log.contains("from archive: child process exited with exit code 255"), "{log}");
    assert!(log.contains("howdah: the WAL archive") && log.contains("no WAL is in it"), "{log}");
    let failure = failure(&recovery.state()).unwrap();
    assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
    fs::remove_dir(&archive).unwrap();
    fs::rename(&away, &archive).unwrap();
    fs::remove_file(recovery.target.parent().unwrap().join("log")).unwrap();
    recovery.start();
    recovery.expect_goal();
}

#[test]
fn a_server_that_was_killed_is_fed_again_from_where_it_begins() {
    needs_postgres!();
    let recovery = Recovery::new(&source().archive_copy(true), MINUTE);
    recovery.start();
    recovery.wait_for_segments(10);
    recovery.stop("immediate");
    fs::remove_file(recovery.target.parent().unwrap().join("log")).unwrap();
    recovery.start();
    recovery.expect_goal();
    let handed = recovery.state().handed();
    assert!(handed.segments > source().last - source().first + 1, "some were asked for twice: {handed:?}");
}

/// What happens to an archive, and what comes of it.
struct Case {
    what: &'static str,
    damage: fn(&Path, u64),
    outcome: fn(&Outcome) -> bool,
    /// What the line in the server's log and the failure have.
    words: &'static str,
    class: FailureClass,
}

fn file(archive: &Path, number: u64) -> std::path::PathBuf {
    archive.join(source().name(number))
}

const fn fault(outcome: &Outcome) -> Option<&SegmentFault> {
    if let Outcome::Faulty { fault, .. } = outcome { Some(fault) } else { None }
}

const CASES: [Case; 9] = [
    Case {
        what: "a gap",
        damage: |archive, number| fs::remove_file(file(archive, number)).unwrap(),
        outcome: |outcome| matches!(outcome, Outcome::Gap { behind } if *behind == source().name(source().first + 21)),
        words: "there is WAL behind it",
        class: FailureClass::Incurable,
    },
    Case {
        what: "all from here on is gone",
        damage: |archive, number| {
            for name in names(archive).iter().filter(|name| **name >= source().name(number)) {
                fs::remove_file(archive.join(name)).unwrap();
            }
        },
        outcome: |outcome| matches!(outcome, Outcome::Lost { before: Some(before) } if *before == source().name(source().first + 19)),
        words: "where the plan found it",
        class: FailureClass::Incurable,
    },
    Case {
        what: "a damaged beginning",
        damage: |archive, number| flip(&file(archive, number), 1),
        outcome: |outcome| matches!(fault(outcome), Some(SegmentFault::Damaged(_))),
        words: "magic number",
        class: FailureClass::Incurable,
    },
    Case {
        what: "a damaged packing",
        damage: |archive, number| {
            let bytes = pack(&fs::read(file(archive, number)).unwrap(), Compression::Zstd);
            fs::remove_file(file(archive, number)).unwrap();
            fs::write(archive.join(source().name(number) + ".zst"), &bytes[..bytes.len() / 2]).unwrap();
        },
        outcome: |outcome| matches!(fault(outcome), Some(SegmentFault::Damaged(_))),
        words: ".zst",
        class: FailureClass::Incurable,
    },
    Case {
        what: "a short one",
        damage: |archive, number| {
            fs::File::options().write(true).open(file(archive, number)).unwrap().set_len(500_000).unwrap();
        },
        outcome: |outcome| matches!(fault(outcome), Some(SegmentFault::Short { found: 500_000, .. })),
        words: "500000 bytes instead of 1048576",
        class: FailureClass::Incurable,
    },
    Case {
        what: "one of another cluster",
        damage: |archive, number| fs::write(file(archive, number), segment(1, number, WAL)).unwrap(),
        outcome: |outcome| matches!(fault(outcome), Some(SegmentFault::Cluster { .. })),
        words: "of another cluster: system identifier 7000000000000000001",
        class: FailureClass::Incurable,
    },
    Case {
        what: "one of another segment size",
        damage: |archive, number| {
            let mut bytes = segment(1, number, source().wal);
            bytes[32..36].copy_from_slice(&(2_u32 << 20).to_le_bytes());
            bytes[8..16].copy_from_slice(&(number / 2 * 2 * MIB.bytes()).to_le_bytes());
            fs::write(file(archive, number), bytes).unwrap();
        },
        outcome: |outcome| matches!(fault(outcome), Some(SegmentFault::SegmentSize { found: 2_097_152, .. })),
        words: "another segment size",
        class: FailureClass::Incurable,
    },
    Case {
        what: "one under the name of another",
        damage: |archive, number| fs::copy(file(archive, number + 1), file(archive, number)).map(drop).unwrap(),
        outcome: |outcome| matches!(fault(outcome), Some(SegmentFault::Place(_))),
        words: "by its header it is",
        class: FailureClass::Incurable,
    },
    Case {
        what: "another directory in its place",
        damage: |archive, _| {
            fs::rename(archive, archive.with_extension("away")).unwrap();
            fs::create_dir(archive).unwrap();
            fs::write(archive.join("000000090000000000000001"), segment(9, 1, WAL)).unwrap();
        },
        outcome: |outcome| matches!(outcome, Outcome::Unreachable { .. }),
        words: "none of the WAL that was there is in it",
        class: FailureClass::Disruption,
    },
];

#[test]
fn each_fault_of_an_archive_ends_the_server_and_is_called_by_its_name() {
    needs_postgres!();
    for Case { what, damage, outcome, words, class } in CASES {
        let recovery = Recovery::new(&source().archive_copy(false), MOMENT);
        damage(recovery.archive(), source().first + 20);
        recovery.start();
        let log = recovery.expect_end();
        assert!(log.contains("FATAL:  could not restore file"), "{what}\n{log}");
        let lines: Vec<&str> = log.lines().filter(|line| line.starts_with("howdah: ")).collect();
        assert!(lines.last().is_some_and(|line| line.contains(words)), "{what}: {lines:?}\n{log}");
        let state = recovery.state();
        let answer = state.answer.as_ref().unwrap();
        assert!(outcome(&answer.outcome), "{what}: {answer:?}");
        let failure = failure(&state).unwrap();
        assert_eq!(failure.class, class, "{what}: {failure}");
        assert!(failure.cause.contains(words) && !failure.advice.is_empty(), "{what}: {failure}");
    }
}

#[test]
fn a_damaged_history_ends_the_server_before_it_chooses_a_timeline() {
    needs_postgres!();
    let archive = source().archive_copy(false);
    fs::write(archive.join("00000002.history"), "2\t0/400000\tof itself\n").unwrap();
    let recovery = Recovery::new(&archive, MOMENT);
    recovery.start_with(&recovery.feed.as_ref().unwrap().command(), "recovery_target_timeline = 'latest'");
    let log = recovery.expect_end();
    // The plan follows the first timeline: what stands in the other's history is for the server to judge.
    assert!(log.contains("FATAL:  invalid data in history file"), "{log}");
    assert!(!log.contains("ready to accept connections"), "{log}");
}

#[test]
fn the_end_of_the_archive_is_the_end_and_a_part_of_a_segment_is_used() {
    needs_postgres!();
    let archive = source().archive_copy(false);
    let last = source().name(source().last);
    for name in names(&archive).iter().filter(|name| **name >= last) {
        fs::remove_file(archive.join(name)).unwrap();
    }
    // All that had been written when the source's disk was saved.
    let whole = fs::read(source().archive.join(&last)).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    fs::write(archive.join(last + ".partial.gz"), pack(&whole[..=used], Compression::Gzip)).unwrap();
    let recovery = Recovery::new(&archive, MOMENT);
    let command = RestoreCommand {
        program: howdah_for_all(),
        archive: &archive,
        wal: source().wal,
        last: None,
        spool: None,
        wait: Some(MOMENT),
        standby: false,
    };
    recovery.start_with(&command.value(), "recovery_target_name = 'goal'");
    recovery.expect_goal();
    assert_eq!(server_account().name(), "postgres");
}
