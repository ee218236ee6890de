//! A recovery that broke off in the middle, with a real server.

use super::{
    super::{DONE, FAILED},
    real::{StopsAtEnd, bench, installed},
};
use crate::domain::{
    ServerWish,
    fact::{End, Fact},
};
use std::{fs, path::Path, process::Command};

/// The first version whose functions for backups have these names.
const SINCE: u32 = 15;

#[test]
fn a_lock_that_a_killed_server_had_not_written_yet_does_not_bar_the_next() {
    let Some(bench) = bench(ServerWish::StopAfterProbe, "") else { return };
    // As one is killed between making the file and writing it (`CreateLockFile` in `miscinit.c`).
    fs::write(bench.data().with_file_name("backup").join("postmaster.pid"), "").unwrap();
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
}

/// Makes `backup` of a server on `source`, so that its WAL lies in two segments; returns the second.
fn back_up(source: &Path, port: u16, backup: &Path) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(port).user("postgres").dbname("postgres");
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        let driven = tokio::spawn(connection);
        client.batch_execute("select pg_backup_start('test', true); create table first(i int)").await.unwrap();
        assert!(Command::new("cp").arg("-a").args([source, backup]).status().unwrap().success());
        client.batch_execute("select pg_switch_wal(); create table second(i int)").await.unwrap();
        let row = client.query_one("select pg_walfile_name(pg_current_wal_lsn())", &[]).await.unwrap();
        let segment: String = row.get(0);
        let row = client.query_one("select labelfile from pg_backup_stop(false)", &[]).await.unwrap();
        fs::write(backup.join("backup_label"), row.get::<_, String>(0)).unwrap();
        drop(client);
        driven.await.unwrap().unwrap();
        segment
    })
}

#[test]
fn a_replay_that_was_interrupted_begins_anew_with_its_label() {
    let Some(bench) = bench(ServerWish::LeaveRunning, "") else { return };
    let (account, binaries) = installed().unwrap();
    if binaries.version().0 < SINCE {
        return;
    }
    // The first restore gives us a running server; what is backed up is that one.
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
    let source = bench.data().to_owned();
    let _stops = StopsAtEnd(&source);
    let backup = source.with_file_name("second");
    let segment = back_up(&source, bench.port().number(), &backup);
    for name in ["postmaster.pid", "postmaster.opts"] {
        fs::remove_file(backup.join(name)).unwrap();
    }
    let wal = |name: &str| source.join("pg_wal").join(name);
    for entry in fs::read_dir(source.join("pg_wal")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), backup.join("pg_wal").join(entry.file_name())).unwrap();
        }
    }
    let kept = fs::read(wal(&segment)).unwrap();
    fs::remove_file(backup.join("pg_wal").join(&segment)).unwrap();

    let bench = bench.of_backup("second", "restored");
    let _stops_too = StopsAtEnd(bench.data());
    let (status, facts) = bench.run();
    assert_eq!(status, FAILED, "{facts:?}");
    let Some(Fact::Ended(End::Failed(failure))) = facts.last() else { panic!("{facts:?}") };
    assert!(failure.cause.contains("WAL ends before"), "{failure}");
    assert!(!bench.data().join("backup_label").exists(), "the server has used it");

    let back = bench.data().join("pg_wal").join(&segment);
    fs::write(&back, kept).unwrap();
    if let Some((uid, gid)) = account.owner() {
        std::os::unix::fs::chown(&back, Some(uid), Some(gid)).unwrap();
    }
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
    let shown = |fact: &Fact| matches!(fact, Fact::Note(text) if text.contains("begins anew from"));
    assert!(facts.iter().any(shown), "{facts:?}");
}
