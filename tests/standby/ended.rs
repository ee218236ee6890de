//! Standbys that are ended in the middle, by a person or by a fault: nothing of them stays, and all else does.

use crate::{
    answer, needs_postgres,
    pair::{Pair, filled, primary},
    session::{Session, SmallDisk},
    support::{
        cluster::{Cluster, give_to_server_user, must, program, start},
        place::names,
        timeout::until_true,
    },
};
use howdah::domain::{Disposed, FailureClass, Step, fact::End};
use howdah::process::{mark, signal};
use rustix::process::Signal;
use std::{fs, time::Duration};

/// Enough that files of several kinds have come in.
const SOME: u64 = 1 << 20;

#[test]
fn r34_a_stop_in_the_middle_of_the_seed_leaves_nothing_here_or_at_the_primary() {
    needs_postgres!();
    let pair = Pair::of(primary());
    let session = Session::new(pair.order()).slowly();
    let attempt = session.start();
    attempt.until_received(SOME);
    assert_eq!(pair.slots(), "physical");
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert_eq!(session.dispose(), Disposed::Removed);
    pair.is_gone();
    assert_eq!(session.on_server(primary()), "0 0 0");
    // Whoever removes it is killed, and another one comes.
    assert_eq!(session.dispose(), Disposed::Nothing);
}

#[test]
fn r34_a_stop_while_it_catches_up_removes_the_server_the_slot_and_the_directory() {
    needs_postgres!();
    let pair = Pair::of(primary()).never_near();
    let session = Session::new(pair.order());
    let attempt = session.start();
    until_true("the standby streams", || pair.streams());
    let server = mark(pair.postmaster()).unwrap();
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert!(!howdah::process::is_alive(server));
    assert_eq!(session.dispose(), Disposed::Removed);
    pair.is_gone();
}

#[test]
fn one_that_somebody_promotes_while_it_catches_up_is_not_removed_by_a_stop() {
    needs_postgres!();
    let pair = Pair::of(primary()).never_near();
    let session = Session::new(pair.order());
    let attempt = session.start();
    until_true("the standby streams", || pair.streams());
    let server = pair.postmaster();
    pair.control(&["promote"]);
    let End::Failed(failure) = attempt.end() else { panic!("{}", session.log()) };
    assert!(failure.cause.contains("was promoted"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Kept);
    assert_eq!(pair.ask("select pg_is_in_recovery()"), "f");
    assert_eq!(pair.postmaster(), server, "it runs on");
    assert_eq!(pair.slots(), "", "nothing holds WAL for it at the primary");
    pair.control(&["-m", "fast", "stop"]);
    // One of an earlier run, that this one had started.
    let mut pair = Pair::of(primary());
    Session::new(pair.order()).succeed();
    pair.control(&["-m", "fast", "stop"]);
    pair.max_lag = Duration::from_nanos(1);
    let session = Session::new(pair.order());
    let attempt = session.start();
    until_true("the standby streams", || pair.streams());
    attempt.kill();
    let server = pair.postmaster();
    pair.control(&["promote"]);
    assert_eq!(session.dispose(), Disposed::Nothing);
    assert_eq!((pair.ask("select pg_is_in_recovery()").as_str(), pair.postmaster()), ("f", server));
    pair.control(&["-m", "fast", "stop"]);
}

#[test]
fn r36_an_earlier_standby_that_streams_is_left_as_it_is_by_a_stop_of_a_later_run() {
    needs_postgres!();
    let pair = Pair::of(primary());
    Session::new(pair.order()).succeed();
    let server = pair.postmaster();
    let pair = pair.never_near();
    let later = Session::new(pair.order());
    let attempt = later.start();
    until_true("it is measured", || later.log().contains("Replay begins"));
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert_eq!(later.dispose(), Disposed::Nothing);
    assert_eq!(pair.postmaster(), server);
    pair.follows();
    // One that was down is down again, and nothing else of it has changed.
    must(program("pg_ctl").arg("-D").arg(&pair.directory).args(["-m", "fast", "-w", "stop"]));
    let later = Session::new(pair.order());
    let attempt = later.start();
    until_true("the standby streams", || pair.streams());
    attempt.kill();
    assert!(pair.directory.join("postmaster.pid").exists(), "it outlives its worker");
    assert_eq!(later.dispose(), Disposed::Nothing);
    assert!(!pair.directory.join("postmaster.pid").exists() || !pair.streams());
    assert_eq!(pair.slots(), "physical");
    assert!(pair.directory.join("standby.signal").exists());
}

#[test]
fn a_slot_that_was_made_again_stays_with_the_earlier_standby_that_streams_through_it() {
    needs_postgres!();
    let mut pair = Pair::of(primary());
    Session::new(pair.order()).succeed();
    let of_slot = format!("from pg_replication_slots where slot_name = '{}'", pair.slot);
    // The standby reconnects by itself within seconds.
    until_true("the slot is dropped", || {
        primary().ask(&format!("select pg_terminate_backend(active_pid) {of_slot} and active"));
        primary().ask(&format!("select pg_drop_replication_slot(slot_name) {of_slot} and not active"));
        pair.slots().is_empty()
    });
    pair.max_lag = Duration::from_nanos(1);
    let later = Session::new(pair.order());
    let attempt = later.start();
    until_true("the standby is back", || pair.streams());
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert_eq!(later.dispose(), Disposed::Nothing);
    assert!(later.log().contains("stays: the standby of an earlier run"), "{}", later.log());
    pair.follows();
}

#[test]
fn a_killed_worker_is_followed_by_an_attempt_that_begins_anew_over_what_is_its_own() {
    needs_postgres!();
    let pair = Pair::of(primary());
    let mut session = Session::new(pair.order()).slowly();
    let attempt = session.start();
    attempt.until_received(SOME);
    attempt.kill();
    session.order.max_rate = None;
    assert!(answer(&session.succeed()).contains("streams"));
    assert!(session.log().contains("cannot be resumed"), "{}", session.log());
    pair.follows();
    assert_eq!(session.on_server(primary()), "0 0 0");
}

#[test]
fn a_worker_that_is_killed_while_its_standby_catches_up_is_followed_by_one_that_measures() {
    needs_postgres!();
    let mut pair = Pair::of(primary()).never_near();
    let mut session = Session::new(pair.order());
    let attempt = session.start();
    until_true("the standby streams", || pair.streams());
    attempt.kill();
    pair.max_lag = Duration::from_secs(30);
    session.order = pair.order();
    session.succeed();
    assert!(session.log().contains("Start begins: the standby runs"), "{}", session.log());
    pair.follows();
}

#[test]
fn a_killed_pg_basebackup_is_a_disruption() {
    needs_postgres!();
    let pair = Pair::of(primary());
    let session = Session::new(pair.order()).slowly();
    let attempt = session.start();
    attempt.until_received(SOME);
    let first = *attempt.processes("pg_basebackup").iter().min().unwrap();
    assert!(signal(mark(first).unwrap(), Signal::KILL).unwrap());
    let End::Failed(failure) = attempt.end() else { panic!("{}", session.log()) };
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Copy)), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed);
    pair.is_gone();
}

#[test]
fn a_primary_that_goes_in_mid_seed_is_a_disruption_and_what_was_not_seen_is_said() {
    needs_postgres!();
    let cluster = filled("");
    let pair = Pair::of(&cluster);
    let mut session = Session::new(pair.order()).slowly();
    let gone = |session: &Session| {
        let attempt = session.start();
        attempt.until_received(SOME);
        must(program("pg_ctl").arg("-D").arg(&cluster.data).args(["-m", "immediate", "-w", "stop"]));
        let End::Failed(failure) = attempt.end() else { panic!("{}", session.log()) };
        assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Copy)), "{failure}");
    };
    gone(&session);
    let Disposed::RemovedUnproven { what } = session.dispose() else { panic!("{}", session.log()) };
    assert!(what.contains(&format!("the slot {} at the primary", pair.slot)), "{what}");
    start(&cluster.data);
    assert_eq!(session.dispose(), Disposed::Removed, "asked again it is proven");
    pair.is_gone();
    // A try after such an end goes on with the slot that was made.
    gone(&session);
    start(&cluster.data);
    session.order.max_rate = None;
    session.succeed();
    pair.follows();
    must(program("pg_ctl").arg("-D").arg(&pair.directory).args(["-m", "immediate", "-w", "stop"]));
    drop(pair);
    cluster.stop();
}

#[test]
fn a_standby_that_is_killed_is_a_disruption_and_is_started_by_the_next_attempt() {
    needs_postgres!();
    let mut pair = Pair::of(primary()).never_near();
    let mut session = Session::new(pair.order());
    let attempt = session.start();
    until_true("it is waited for", || session.log().contains("Replay begins"));
    assert!(signal(mark(pair.postmaster()).unwrap(), Signal::KILL).unwrap());
    let End::Failed(failure) = attempt.end() else { panic!("{}", session.log()) };
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Replay)), "{failure}");
    pair.max_lag = Duration::from_secs(30);
    session.order = pair.order();
    session.succeed();
    pair.follows();
}

#[test]
fn a_slot_that_loses_its_wal_in_the_seed_is_made_anew_by_the_next_attempt() {
    needs_postgres!();
    let cluster = filled("max_wal_size = 32MB\nmin_wal_size = 32MB\n");
    let pair = Pair::of(&cluster);
    let mut session = Session::new(pair.order()).slowly();
    let attempt = session.start();
    attempt.until_received(SOME);
    attempt.kill();
    lose(&cluster, &pair.slot);
    session.order.max_rate = None;
    session.succeed();
    assert!(session.log().contains("had lost WAL and is made anew"), "{}", session.log());
    pair.follows();
    drop(pair);
    cluster.stop();
}

#[test]
fn a_disk_that_fills_needs_a_person_and_meanwhile_nothing_holds_wal_for_what_was_received() {
    needs_postgres!();
    // Enough for what the plan knows of, and not for the WAL besides.
    let Some(disk) = SmallDisk::new("40m") else { return };
    let mut pair = Pair::of(primary());
    pair.directory = disk.0.join("standby");
    give_to_server_user(&disk.0);
    let session = Session::new(pair.order());
    let failure = session.fail();
    assert!(failure.class == FailureClass::Incurable && failure.cause.contains("No space left"), "{failure}");
    assert_eq!(pair.slots(), "");
    assert_eq!(session.dispose(), Disposed::Removed);
    assert_eq!(names(&disk.0), [""; 0]);
}

/// What a worker leaves that is killed between asking for a slot and hearing of it, and what somebody else may have made.
#[test]
fn of_a_slot_that_was_being_made_only_the_one_that_holds_the_noted_position_is_dropped() {
    needs_postgres!();
    for own in [true, false] {
        let pair = Pair::of(primary());
        let session = Session::new(pair.order());
        let at = primary().ask("select pg_current_wal_flush_lsn()");
        primary().ask(&format!("select pg_create_physical_replication_slot('{}', true)", pair.slot));
        if own {
            primary().ask(&format!("select pg_replication_slot_advance('{}', '{at}')", pair.slot));
        }
        let cluster = primary().ask("select system_identifier from pg_control_system()");
        let record = serde_json::json!({ "version": 1, "session": session.uuid, "cluster": cluster,
            "slot": { "making": { "at": at } }, "found_empty": false, "stage": "begun" });
        let place = session.howdah.state.join("attempts/1");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("standby.json"), record.to_string()).unwrap();
        let disposed = session.dispose();
        if own {
            assert_eq!((disposed, pair.slots().as_str()), (Disposed::Removed, ""));
        } else {
            let Disposed::RemovedUnproven { what } = disposed else { panic!("{disposed:?}") };
            assert!(what.contains("which may be somebody else's, and stays"), "{what}");
            assert_eq!(pair.slots(), "physical");
        }
    }
}

/// Makes the primary remove the WAL that a slot holds, which nobody streams from.
pub(crate) fn lose(cluster: &Cluster, slot: &str) {
    for (setting, value) in [("wal_keep_size", "0"), ("max_slot_wal_keep_size", "'1MB'")] {
        cluster.ask(&format!("alter system set {setting} = {value}"));
    }
    cluster.ask("select pg_reload_conf()");
    let status = format!("select wal_status from pg_replication_slots where slot_name = '{slot}'");
    until_true("the slot is lost", || {
        cluster.ask("select pg_switch_wal() from (select pg_logical_emit_message(false, 'x', 'y')) e");
        cluster.ask("checkpoint");
        cluster.ask(&status) == "lost"
    });
    cluster.ask("alter system reset max_slot_wal_keep_size");
    cluster.ask("select pg_reload_conf()");
}
