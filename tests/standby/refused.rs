//! What is refused before anything is made, and what is somebody else's: it is as it was afterwards.

use crate::{
    needs_postgres,
    pair::{Pair, Receiver, filled, primary},
    session::Session,
    support::{
        cluster::{Restored, give_to_server_user, must, program},
        place::listing,
        timeout::until_true,
    },
};
use howdah::domain::{BackupObject, Disposed, FailureClass, InstanceName, Step};
use std::fs;

/// The attempt is refused for this reason at its first step, and neither it nor its disposal makes or removes anything.
#[track_caller]
fn refused(session: &Session, says: &str) {
    let failure = session.fail();
    assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Check)), "{failure}");
    assert!(failure.cause.contains(says) && !failure.advice.is_empty(), "{says}: {failure}");
    assert_eq!(session.dispose(), Disposed::Nothing);
}

#[test]
fn a_foreign_slot_is_refused_and_never_dropped() {
    needs_postgres!();
    let pair = Pair::of(primary());
    primary().ask(&format!("select pg_create_physical_replication_slot('{}', true)", pair.slot));
    let before =
        primary().ask(&format!("select restart_lsn from pg_replication_slots where slot_name = '{}'", pair.slot));
    refused(&Session::new(pair.order()), "already, which this job did not make");
    let after =
        primary().ask(&format!("select restart_lsn from pg_replication_slots where slot_name = '{}'", pair.slot));
    assert_eq!(before, after);
    assert!(!pair.directory.exists());
}

#[test]
fn a_foreign_directory_is_refused_and_left_as_it_is() {
    needs_postgres!();
    let pair = Pair::of(primary());
    fs::create_dir(&pair.directory).unwrap();
    fs::write(pair.directory.join("letters.txt"), "theirs").unwrap();
    give_to_server_user(&pair.directory);
    let before = listing(&pair.directory);
    refused(&Session::new(pair.order()), "is not empty, and no job has made a standby there");
    assert_eq!(listing(&pair.directory), before);
    assert_eq!(pair.slots(), "");
}

#[test]
fn a_promoted_standby_is_refused_and_runs_on() {
    needs_postgres!();
    let pair = Pair::of(primary());
    Session::new(pair.order()).succeed();
    must(program("pg_ctl").arg("-D").arg(&pair.directory).args(["-w", "promote"]));
    let standby = Restored(pair.directory.clone());
    standby.ask("create table written_here as select 1 n");
    let server = pair.postmaster();
    refused(&Session::new(pair.order()), "was promoted");
    assert_eq!(standby.ask("select n || '' || pg_is_in_recovery() from written_here"), "1false");
    standby.stop();
    refused(&Session::new(pair.order()), "was promoted");
    assert!(!howdah::process::mark(server).is_some_and(howdah::process::is_alive));
    assert!(pair.directory.join("PG_VERSION").exists());
}

#[test]
fn s14_another_cluster_or_job_than_the_standbys_own_is_refused() {
    needs_postgres!();
    let pair = Pair::of(primary());
    Session::new(pair.order()).succeed();
    let mut renamed = pair.order();
    renamed.job = InstanceName::new("other");
    refused(&Session::new(renamed), "is the standby of shop of the job nightly");
    let other = filled("");
    let mut elsewhere = pair.order();
    let BackupObject::Standby { conninfo, .. } = &mut elsewhere.object else { panic!("a standby") };
    *conninfo = other.conninfo();
    refused(&Session::new(elsewhere), "is a standby of the cluster");
    pair.follows();
    pair.ask("select pg_wal_replay_pause()");
    let failure = Session::new(pair.order()).fail();
    assert!(failure.class == FailureClass::Incurable && failure.cause.contains("has paused replay"), "{failure}");
    pair.ask("select pg_wal_replay_resume()");
    // A standby is no primary.
    let second = Pair::of(primary());
    let mut cascaded = second.order();
    let BackupObject::Standby { conninfo, .. } = &mut cascaded.object else { panic!("a standby") };
    let lock = fs::read_to_string(pair.directory.join("postmaster.pid")).unwrap();
    let sockets = lock.lines().nth(4).unwrap();
    *conninfo = format!("host={sockets} port={} user=postgres", pair.port);
    refused(&Session::new(cascaded), "is a standby itself");
    // Nor is a slot of that name at another cluster its own.
    let third = Pair::of(primary());
    let mut session = Session::new(third.order()).slowly();
    let attempt = session.start();
    attempt.until_received(1 << 20);
    attempt.kill();
    let BackupObject::Standby { conninfo, .. } = &mut session.order.object else { panic!("a standby") };
    *conninfo = other.conninfo();
    other.ask(&format!("select pg_create_physical_replication_slot('{}', true)", third.slot));
    let failure = session.fail();
    assert!(failure.cause.contains("has made its slot at"), "{failure}");
    let Disposed::RemovedUnproven { what } = session.dispose() else { panic!("{}", session.log()) };
    assert!(what.contains("another server answers there now"), "{what}");
    assert_eq!(other.ask("select count(*) from pg_replication_slots"), "1");
    other.stop();
}

#[test]
fn a_role_or_a_primary_that_cannot_replicate_is_refused() {
    needs_postgres!();
    let cluster = filled("wal_level = minimal\nmax_wal_senders = 0\n");
    let pair = Pair::of(&cluster);
    refused(&Session::new(pair.order()), "too little WAL");
    cluster.stop();
    let pair = Pair::of(primary());
    primary().ask("create role reader login");
    let mut order = pair.order();
    let BackupObject::Standby { conninfo, .. } = &mut order.object else { panic!("a standby") };
    *conninfo = conninfo.replace("user=postgres", "user=reader");
    refused(&Session::new(order), "may not replicate");
}

#[test]
fn a_primary_with_tablespaces_or_too_few_walsenders_is_refused() {
    needs_postgres!();
    let cluster = filled("max_wal_senders = 2\n");
    cluster.ask(&format!("create tablespace elsewhere location '{}'", cluster.tablespace.display()));
    let pair = Pair::of(&cluster);
    refused(&Session::new(pair.order()), "the primary has tablespaces (elsewhere)");
    let receiver = Receiver::new(&cluster, &[]);
    let senders = "select count(*) from pg_stat_activity where backend_type = 'walsender'";
    until_true("it is connected", || cluster.ask(senders) == "1");
    let session = Session::new(pair.order());
    let failure = session.fail();
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Check)), "{failure}");
    assert!(failure.cause.contains("1 of the server's 2 walsenders are in use"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Nothing);
    receiver.end();
    cluster.stop();
}
