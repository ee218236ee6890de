//! A worker that dies when all is done, and before it could report that.

use super::{
    super::{DONE, FAILED},
    fake::{Bench, Trick},
    real::{StopsAtEnd, bench, installed},
    steps,
};
use crate::{
    domain::{
        Disposed, Disposition, InstanceName, Leftover, ServerOutcome, ServerWish, SystemIdentifier, Timestamp,
        fact::{End, Fact},
        restored::{RECORD, RECORD_VERSION, RestoreRecord},
        ticket::Work,
    },
    postgres::{
        configure,
        pg_tablespace::made::{ROWS, map, page},
        server::pidfile,
    },
};
use std::{
    fs::Permissions,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

const ENDED: &str =
    "Check skipped, Copy skipped, Configure skipped, Start skipped, Replay skipped, Probe skipped, Finish done";

fn outcome(facts: &[Fact]) -> ServerOutcome {
    let Some(Fact::Ended(End::Succeeded(success))) = facts.last() else { panic!("{facts:?}") };
    success.server().unwrap().clone()
}

#[test]
fn a_finished_restore_keeps_a_record_of_itself() {
    let bench = Bench::new(ServerWish::FilesOnly, Trick::None).of_cluster(SystemIdentifier(7));
    let manifest = format!("{{\n\"Manifest-Checksum\": \"{}\"}}\n", "5e".repeat(32));
    let backup = bench.data().with_file_name("backup");
    std::fs::write(backup.join("backup_manifest"), manifest).unwrap();
    std::fs::set_permissions(backup.join("PG_VERSION"), Permissions::from_mode(0o640)).unwrap();
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}");
    let path = bench.data().join(RECORD);
    let [record, version] = [&path, &bench.data().join("PG_VERSION")].map(|path| path.metadata().unwrap());
    assert_eq!(record.permissions().mode() & 0o777, 0o640);
    assert_eq!((record.uid(), record.gid()), (version.uid(), version.gid()));
    let record: RestoreRecord = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let wanted = RestoreRecord {
        version: RECORD_VERSION,
        session: bench.session(),
        by: Some("ops@bastion".to_owned()),
        finished: record.finished,
        backup,
        repository: None,
        instance: InstanceName::new("orders"),
        label: "b".to_owned(),
        system_identifier: Some(SystemIdentifier(7)),
        manifest: Some("5e".repeat(32)),
    };
    assert_eq!(record, wanted);
    let age = Timestamp::now().duration_since(record.finished);
    assert!(age.as_secs() < 60 && !age.is_negative(), "{age:?}");
}

#[test]
fn s15_a_tablespace_that_is_missing_is_a_warning_of_the_end_and_told_once() {
    let bench = Bench::new(ServerWish::FilesOnly, Trick::DiesUnmarked);
    let backup = bench.data().with_file_name("backup");
    for directory in ["global", "pg_tblspc"] {
        std::fs::create_dir(backup.join(directory)).unwrap();
    }
    std::fs::write(backup.join("global/pg_filenode.map"), map(24_711)).unwrap();
    std::fs::write(backup.join("global/24711"), page(&ROWS)).unwrap();
    let warnings = |facts: &[Fact]| match facts.last() {
        Some(Fact::Ended(End::Succeeded(success))) => {
            let of_tablespaces = |words: &&String| words.contains("tablespace");
            (success.warnings.clone(), success.unchecked.iter().filter(of_tablespaces).count())
        }
        other => panic!("{other:?}"),
    };
    let (status, facts) = bench.run();
    assert_eq!(status, FAILED, "{facts:?}");
    let bench = bench.tricked(Trick::None);
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}");
    let shown = "tablespace inplace (16392) is not in the backup, and what lies in it is lost";
    assert_eq!(warnings(&facts), (vec![shown.to_owned()], 0), "no version but 15 is known to lose it");

    std::fs::create_dir(backup.join("pg_tblspc/16392")).unwrap();
    let whole = bench.of_backup("backup", "whole");
    let (status, facts) = whole.run();
    assert_eq!((status, warnings(&facts)), (DONE, (Vec::new(), 0)), "{facts:?}");
    std::fs::remove_file(backup.join("global/24711")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", backup.join("global/24711")).unwrap();
    let unread = whole.of_backup("backup", "unread");
    let (status, facts) = unread.run();
    assert_eq!((status, warnings(&facts)), (DONE, (Vec::new(), 1)), "{facts:?}");
}

#[test]
fn the_next_attempt_finds_that_it_is_done_and_says_so() {
    let bench = Bench::new(ServerWish::FilesOnly, Trick::DiesUnmarked);
    let (status, facts) = bench.run();
    assert_eq!(status, FAILED, "{facts:?}");
    assert!(!bench.data().join(".howdah").exists(), "the target bears no mark");
    let bench = bench.tricked(Trick::None);
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}");
    assert_eq!(steps(&facts).join(", "), ENDED);
    assert_eq!(outcome(&facts), ServerOutcome::NotStarted { reason: "only the files were asked for".to_owned() });
}

#[test]
fn a_server_that_was_left_running_runs_on() {
    let Some(bench) = bench(ServerWish::LeaveRunning, "") else { return };
    let _stops = StopsAtEnd(bench.data());
    let (status, first) = bench.run();
    assert_eq!(status, DONE, "{first:?}\n{}", bench.output());
    let server = pidfile::running(bench.data()).unwrap();
    assert!(server.is_some());
    // What the end leaves on the disk is what it leaves when its last line is missing.
    let (status, second) = bench.run();
    assert_eq!(status, DONE, "{second:?}");
    assert_eq!(outcome(&second), outcome(&first));
    assert_eq!(pidfile::running(bench.data()).unwrap(), server, "nobody has touched it");
    let cancelled = Work::Dispose { left: Leftover::Cluster(bench.target()), disposition: Disposition::Remove };
    let (status, facts) = bench.run_work(cancelled);
    assert_eq!((status, facts.last()), (DONE, Some(&Fact::Ended(End::Disposed(Disposed::Kept)))));
    assert_eq!(pidfile::running(bench.data()).unwrap(), server, "a restore that was done is left as it is");
}

#[test]
fn a_server_that_went_down_in_that_moment_is_started_again() {
    let Some(bench) = bench(ServerWish::LeaveRunning, "") else { return };
    let data = bench.data().to_owned();
    let _stops = StopsAtEnd(&data);
    let bench = bench.tricked(Trick::DiesUnmarked);
    let (status, facts) = bench.run();
    assert_eq!(status, FAILED, "{facts:?}");
    assert_eq!(pidfile::running(bench.data()).unwrap(), None, "a failed attempt leaves no server behind");
    // As one is killed between making the lock of its socket and writing it.
    let (account, _) = installed().unwrap();
    let lock = configure::socket_directory(&account).join(format!(".s.PGSQL.{}.lock", bench.port()));
    std::fs::write(&lock, "").unwrap();
    std::os::unix::fs::lchown(&lock, Some(account.uid()), None).unwrap();
    let bench = bench.tricked(Trick::None);
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
    assert_eq!(steps(&facts).join(", "), ENDED);
    assert!(matches!(outcome(&facts), ServerOutcome::Running { port, .. } if port == bench.port()));
    assert!(pidfile::running(bench.data()).unwrap().is_some());
}
