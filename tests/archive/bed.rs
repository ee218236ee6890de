//! A cluster that archives, what it has committed and when, and its backup.

use crate::support::{
    backup::{Form, of_cluster},
    cluster::{Cluster, Restored, free_port, give_to_server_user, must, server_scratch},
    timeout::until_true,
};
use howdah::{
    archive::Tools,
    domain::{BackupFacts, ByteCount, Lsn, MajorVersion, SystemIdentifier, Timeline, Timestamp, WorkerSettings},
    postgres::{account::Account, binaries::Binaries, manifest::Manifest},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// One row that was committed by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committed {
    pub(crate) xid: u32,
    pub(crate) at: Timestamp,
    /// Where the WAL ended afterwards.
    pub(crate) lsn: Lsn,
}

pub(crate) struct Bed {
    pub(crate) archive: PathBuf,
    pub(crate) backup: PathBuf,
    pub(crate) point: BackupFacts,
    /// What was committed on timeline 1 behind the backup, a segment or more apart.
    pub(crate) first: Vec<Committed>,
    /// What was committed on timeline 2.
    pub(crate) second: Vec<Committed>,
    /// Where timeline 2 forked.
    pub(crate) fork: Lsn,
    account: Account,
    binaries: Binaries,
}

impl Bed {
    pub(crate) fn tools(&self) -> Tools<'_> {
        (&self.account, &self.binaries)
    }
}

pub(crate) fn bed() -> &'static Bed {
    static BED: OnceLock<Bed> = OnceLock::new();
    BED.get_or_init(make)
}

fn make() -> Bed {
    let archive = server_scratch("archive");
    let settings = format!(
        "archive_mode = on\narchive_command = 'cp %p {}/%f'\ntrack_commit_timestamp = on\nwal_level = replica\n",
        archive.display()
    );
    let cluster = Cluster::make(&settings);
    cluster.ask("create table log(n int)");
    commit(&cluster, 0);
    let backup = of_cluster(&cluster, Form::PLAIN);
    let first: Vec<Committed> = (1..=6)
        .map(|n| {
            let committed = commit(&cluster, n);
            cluster.ask(&format!("select pg_create_restore_point('point {n}')"));
            switch(&cluster, &archive);
            committed
        })
        .collect();
    // An idle stretch, and a record that nothing follows.
    switch(&cluster, &archive);
    for _ in 0..4 {
        cluster.ask("checkpoint");
        switch(&cluster, &archive);
    }
    let point = facts(&backup, &cluster);
    let (second, fork) = branch(&backup, &archive, first[2].lsn);
    cluster.stop();
    let settings = WorkerSettings::default();
    let account = Account::for_server("postgres").unwrap();
    let binaries = Binaries::find(MajorVersion(15), &settings, None, Some(&account)).unwrap();
    Bed { archive, backup, point, first, second, fork, account, binaries }
}

/// Commits one row.
fn commit(cluster: &Cluster, n: usize) -> Committed {
    let xid = cluster.ask(&format!("insert into log values ({n}) returning pg_current_xact_id()"));
    read(&cluster.ask(&ask(&xid)), &xid)
}

fn ask(xid: &str) -> String {
    format!(
        "select to_char(pg_xact_commit_timestamp('{xid}'::xid) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
         || ' ' || pg_current_wal_insert_lsn()"
    )
}

fn read(answer: &str, xid: &str) -> Committed {
    let (at, lsn) = answer.split_once(' ').unwrap();
    Committed { xid: xid.parse().unwrap(), at: at.parse().unwrap(), lsn: lsn.parse().unwrap() }
}

/// Ends the segment, and waits until the archive has it.
fn switch(cluster: &Cluster, archive: &Path) {
    let name = cluster.ask("select pg_walfile_name(pg_current_wal_lsn())");
    cluster.ask("select pg_switch_wal()");
    until_true("the segment is archived", || archive.join(&name).metadata().is_ok_and(|file| file.len() == 16 << 20));
}

/// Recovers the backup to a position, and lets the new timeline archive beside the old one.
fn branch(backup: &Path, archive: &Path, to: Lsn) -> (Vec<Committed>, Lsn) {
    let home = server_scratch("branch");
    let data = home.join("data");
    must(Command::new("cp").arg("-a").arg(backup).arg(&data));
    let settings = format!(
        "restore_command = 'cp {0}/%f %p'\nrecovery_target_lsn = '{to}'\nrecovery_target_action = promote\n\
         recovery_target_timeline = 1\nunix_socket_directories = '{1}'\n",
        archive.display(),
        home.display()
    );
    fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
    fs::write(data.join("recovery.signal"), "").unwrap();
    give_to_server_user(&data);
    let server = Restored(data);
    server.start(free_port());
    until_true("it is promoted", || server.ask("select pg_is_in_recovery()") == "f");
    let history = archive.join("00000002.history");
    until_true("the history is archived", || history.metadata().is_ok_and(|file| file.len() > 0));
    let text = fs::read_to_string(history).unwrap();
    let fork = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    let second = (1..=3)
        .map(|n| {
            let xid = server.ask(&format!("insert into log values (10 + {n}) returning pg_current_xact_id()"));
            let committed = read(&server.ask(&ask(&xid)), &xid);
            let name = server.ask("select pg_walfile_name(pg_current_wal_lsn())");
            server.ask("select pg_switch_wal()");
            until_true("it is archived", || archive.join(&name).metadata().is_ok_and(|file| file.len() == 16 << 20));
            committed
        })
        .collect();
    server.stop();
    (second, fork)
}

/// What the catalog would say of the backup.
fn facts(backup: &Path, cluster: &Cluster) -> BackupFacts {
    let manifest = Manifest::read(&backup.join("backup_manifest")).unwrap();
    let identifier = cluster.ask("select system_identifier from pg_control_system()");
    BackupFacts {
        size: ByteCount(1),
        files: 1,
        timeline: Timeline(1),
        start_lsn: manifest.start_lsn(),
        stop_lsn: manifest.stop_lsn(),
        taken_at: manifest.newest_change().unwrap(),
        version: Some(MajorVersion(15)),
        system_identifier: Some(SystemIdentifier(identifier.parse().unwrap())),
    }
}

/// A copy of the archive for one test to change.
pub(crate) fn copy(archive: &Path) -> PathBuf {
    crate::support::place::copy_of(archive)
}
