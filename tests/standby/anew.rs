//! Standbys that can never stream again: each is seeded anew beside itself, and stays as it is until the new one is whole.

use crate::{
    ended::lose,
    needs_postgres,
    pair::{Pair, Receiver, filled},
    session::Session,
    support::{
        cluster::{Cluster, give_to_server_user, must, program, server_scratch, start},
        timeout::until_true,
    },
};
use howdah::{
    domain::{BackupObject, Disposed, FailureClass, Rate, Step, Success, fact::End},
    process::is_alive,
};
use rustix::process::Signal;
use serde_json::Value;
use std::{fs, path::PathBuf, time::Duration};

/// Enough that files of several kinds have come in.
const SOME: u64 = 1 << 20;

/// A primary that keeps no WAL but what slots hold.
fn forgetful() -> Cluster {
    filled("max_wal_size = 32MB\nmin_wal_size = 32MB\n")
}

/// A standby of this primary which has been down until its WAL was gone, and that runs again or does not.
fn hopeless(cluster: &Cluster, runs: bool) -> Pair<'_> {
    let pair = Pair::of(cluster);
    Session::new(pair.order()).succeed();
    pair.control(&["-m", "fast", "stop"]);
    lose(cluster, &pair.slot);
    if runs {
        pair.control(&["start"]);
    }
    pair
}

impl Pair<'_> {
    fn aside(&self) -> PathBuf {
        self.directory.with_file_name("standby.set-aside-1")
    }

    fn status(&self) -> String {
        let own = format!("slot_name = '{}' or slot_name like 'howdah\\_%'", self.slot);
        self.primary.ask(&format!(
            "select string_agg(slot_name || ' ' || wal_status, ', ' order by slot_name) from pg_replication_slots where {own}"
        ))
    }

    /// It was seeded anew, the earlier one is whole beside it, and nothing else is left anywhere.
    #[track_caller]
    fn was_seeded_anew(&self, session: &Session, success: &Success) {
        let warning = success.warnings.join(" ");
        assert!(warning.contains("seeded anew") && warning.contains("standby.set-aside-1"), "{warning}");
        assert_eq!(self.beside(), ["standby", "standby.set-aside-1"]);
        for name in ["PG_VERSION", "global/pg_control", "standby.signal", "pg_wal/howdah_standby.json"] {
            assert!(self.aside().join(name).exists(), "{name} of the earlier one");
        }
        assert!(!self.aside().join("postmaster.pid").exists());
        self.follows();
        assert_eq!(self.status(), format!("{} reserved", self.slot));
        assert_eq!(session.on_server(self.primary), "0 0 0");
    }

    /// The earlier standby runs as this server and is as it was; nothing of another one is left.
    #[track_caller]
    fn is_as_it_was(&self, server: u32, status: &str) {
        assert_eq!(self.postmaster(), server);
        assert_eq!(self.ask("select count(*) from pgbench_branches"), "1");
        assert_eq!(self.status(), status);
        assert_eq!(self.beside(), ["standby"]);
    }
}

#[test]
fn one_that_is_down_and_whose_wal_is_gone_is_seeded_anew_and_the_earlier_one_set_aside() {
    needs_postgres!();
    let cluster = forgetful();
    let pair = hopeless(&cluster, false);
    let howdah = pair.howdah("nightly");
    howdah.run(["job", "start", "nightly", "--plan"]).expect_code(0).expect_words(&["is lost", "seeded anew"]);
    assert_eq!(pair.status(), format!("{} lost", pair.slot));
    let session = Session::new(pair.order());
    let success = session.succeed();
    assert!(session.log().contains("the primary has removed it"), "{}", session.log());
    pair.was_seeded_anew(&session, &success);
    // Whoever is to remove it, and the next run, find it done.
    let End::Succeeded(found) = session.end_of_disposal() else { panic!("{}", session.log()) };
    assert_eq!(found, success);
    let server = pair.postmaster();
    assert_eq!(Session::new(pair.order()).succeed().warnings, [""; 0]);
    assert_eq!(pair.postmaster(), server);
    drop(pair);
    cluster.stop();
}

#[test]
fn r36_a_stop_or_a_kill_while_it_is_seeded_anew_leaves_the_earlier_one_and_its_slot_as_they_were() {
    needs_postgres!();
    let cluster = forgetful();
    let pair = hopeless(&cluster, true);
    let (server, status) = (pair.postmaster(), format!("{} lost", pair.slot));
    let mut session = Session::new(pair.order()).slowly();
    let attempt = session.start();
    attempt.until_received(SOME);
    assert!(pair.status().contains(&format!("howdah_{} reserved", session.uuid.simple())), "{}", pair.status());
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert_eq!(session.dispose(), Disposed::Removed);
    pair.is_as_it_was(server, &status);
    assert_eq!(session.dispose(), Disposed::Nothing, "whoever removes it is killed, and another one comes");

    session = Session::new(pair.order()).slowly();
    let attempt = session.start();
    attempt.until_received(SOME);
    attempt.kill();
    assert_eq!(pair.postmaster(), server);
    session.order.max_rate = None;
    let success = session.succeed();
    assert!(session.log().contains("cannot be resumed"), "{}", session.log());
    pair.was_seeded_anew(&session, &success);
    drop(pair);
    cluster.stop();
}

/// One that its own session has made, and that has been of no use yet.
#[test]
fn one_whose_wal_goes_before_it_has_caught_up_is_removed_and_seeded_once_more() {
    needs_postgres!();
    let cluster = forgetful();
    let mut pair = Pair::of(&cluster).never_near();
    let mut session = Session::new(pair.order());
    let attempt = session.start();
    until_true("the standby streams", || pair.streams());
    attempt.kill();
    pair.control(&["-m", "fast", "stop"]);
    lose(&cluster, &pair.slot);
    pair.max_lag = Duration::from_secs(30);
    session.order = pair.order();
    let failure = session.fail();
    assert!(failure.class == FailureClass::Disruption && failure.cause.contains("is removed"), "{failure}");
    assert_eq!((pair.beside(), pair.status().as_str()), (vec![".standby.howdah".to_owned()], ""));
    assert_eq!(session.succeed().warnings, [""; 0]);
    assert_eq!((pair.beside(), pair.status()), (vec!["standby".to_owned()], format!("{} reserved", pair.slot)));
    pair.follows();
    drop(pair);
    cluster.stop();
}

/// The session's record, as another moment would have left it.
fn set_stage(session: &Session, stage: &str) {
    let path = session.howdah.state.join("attempts/1/standby.json");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record["stage"] = stage.into();
    fs::write(path, record.to_string()).unwrap();
}

/// Where a kill can come while the two change places.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Killed {
    BeforeTheEarlierOneWentAside,
    Between,
    WhenTheNewOneRan,
}

#[test]
fn r36_a_kill_while_the_two_change_places_is_gone_on_with_or_undone() {
    needs_postgres!();
    let cluster = forgetful();
    for (when, goes_on) in
        [(Killed::BeforeTheEarlierOneWentAside, false), (Killed::Between, true), (Killed::WhenTheNewOneRan, false)]
    {
        let mut pair = hopeless(&cluster, true).never_near();
        let earlier = pair.postmaster();
        let mut session = Session::new(pair.order());
        let attempt = session.start();
        until_true("the new one streams", || pair.streams());
        attempt.kill();
        let incoming = pair.directory.with_file_name(format!(".incoming-{}", session.uuid));
        if when != Killed::WhenTheNewOneRan {
            pair.control(&["-m", "immediate", "stop"]);
            fs::rename(&pair.directory, &incoming).unwrap();
            set_stage(&session, "placing");
        }
        if when == Killed::BeforeTheEarlierOneWentAside {
            fs::rename(pair.aside(), &pair.directory).unwrap();
        }
        if goes_on {
            pair.max_lag = Duration::from_secs(30);
            session.order = pair.order();
            let success = session.succeed();
            assert!(!session.log().contains("cannot be resumed"), "{when:?}: {}", session.log());
            pair.was_seeded_anew(&session, &success);
        } else {
            assert_eq!(session.dispose(), Disposed::Removed, "{when:?}");
            assert_ne!(pair.postmaster(), earlier, "{when:?}: it was stopped, and runs again");
            pair.is_as_it_was(pair.postmaster(), "");
            let mark = fs::read_to_string(pair.directory.join("pg_wal/howdah_standby.json")).unwrap();
            assert!(!mark.contains(&session.uuid.to_string()), "{when:?}: {mark}");
        }
    }
    cluster.stop();
}

#[test]
fn one_that_is_promoted_while_its_successor_comes_in_is_not_stopped() {
    needs_postgres!();
    let cluster = forgetful();
    let pair = hopeless(&cluster, true);
    let mut session = Session::new(pair.order());
    session.order.max_rate = Rate::per_second(16 << 20);
    let attempt = session.start();
    attempt.until_received(SOME);
    let server = pair.postmaster();
    pair.control(&["promote"]);
    let End::Failed(failure) = attempt.end() else { panic!("{}", session.log()) };
    assert!(failure.step == Some(Step::Seal) && failure.cause.contains("was promoted"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed);
    pair.is_as_it_was(server, &format!("{} lost", pair.slot));
    assert_eq!(pair.ask("select pg_is_in_recovery()"), "f");
    drop(pair);
    cluster.stop();
}

#[test]
fn what_is_not_proven_is_refused_and_the_standby_stays() {
    needs_postgres!();
    let cluster = forgetful();
    let pair = hopeless(&cluster, true);
    let (server, status) = (pair.postmaster(), format!("{} lost", pair.slot));
    cluster.ask("create role follower login replication in role pg_read_all_stats");
    let mut order = pair.order();
    let BackupObject::Standby { conninfo, .. } = &mut order.object else { panic!("a standby") };
    *conninfo = conninfo.replace("user=postgres", "user=follower");
    let refused = |session: Session, says: &str| {
        let failure = session.fail();
        assert_eq!(failure.class, FailureClass::Incurable, "{failure}");
        assert!(failure.cause.contains(says) && !failure.advice.is_empty(), "{says}: {failure}");
        assert_eq!(session.dispose(), Disposed::Nothing);
        pair.is_as_it_was(server, &status);
    };
    refused(Session::new(order), "grant it pg_monitor");
    // It may find its WAL in an archive.
    pair.ask("alter system set restore_command = 'false'");
    pair.ask("select pg_reload_conf()");
    refused(Session::new(pair.order()), "an archive that it asks may have it");
    drop(pair);
    cluster.stop();
}

#[test]
fn one_whose_slot_somebody_else_streams_from_is_not_taken_for_one_that_streams() {
    needs_postgres!();
    let cluster = filled("");
    let pair = Pair::of(&cluster);
    Session::new(pair.order()).succeed();
    pair.control(&["-m", "fast", "stop"]);
    let receiver = Receiver::new(&cluster, &["--slot", &pair.slot]);
    let holder = format!("select coalesce(active_pid, 0) from pg_replication_slots where slot_name = '{}'", pair.slot);
    until_true("the slot is taken", || cluster.ask(&holder) != "0");
    let pid = cluster.ask(&holder);
    pair.control(&["start"]);
    let failure = Session::new(pair.order()).fail();
    assert!(failure.cause.contains(&format!("process {pid} streams from it")), "{failure}");
    assert_eq!(cluster.ask(&holder), pid);
    receiver.end();
    drop(pair);
    cluster.stop();
}

/// The same cluster on the same port, as a copy of it that is older than the standby: as it is, and promoted.
#[test]
fn one_that_has_parted_from_its_primary_is_seeded_anew_where_the_primary_is_of_a_younger_timeline_alone() {
    needs_postgres!();
    let cluster = filled("");
    let pair = Pair::of(&cluster);
    Session::new(pair.order()).succeed();
    let copy = server_scratch("copy").join("data");
    let mut taken = program("pg_basebackup");
    must(taken.args(cluster.connection()).args(["-c", "fast", "-X", "stream", "-D"]).arg(&copy));
    cluster.ask("create table only_here as select 1 n");
    cluster.ask("select pg_switch_wal()");
    until_true("the standby has it", || pair.ask("select coalesce(to_regclass('only_here')::text, '')") == "only_here");
    let server = pair.postmaster();
    cluster.stop();
    start(&copy);
    let (tablespace, sockets, port) = (cluster.tablespace.clone(), cluster.sockets.clone(), cluster.port);
    let older = Cluster { data: copy, tablespace, sockets, port, sum: String::new() };
    let pair = Pair { primary: &older, directory: pair.directory.clone(), slot: pair.slot.clone(), ..pair };
    let session = Session::new(pair.order());
    let failure = session.fail();
    assert!(failure.class == FailureClass::Incurable && failure.cause.contains("have parted"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed);
    assert_eq!((pair.postmaster(), pair.slots().as_str()), (server, ""), "the slot that was made again is dropped");
    older.stop();
    fs::write(older.data.join("standby.signal"), "").unwrap();
    give_to_server_user(&older.data.join("standby.signal"));
    start(&older.data);
    must(program("pg_ctl").arg("-D").arg(&older.data).args(["-w", "promote"]));
    let session = Session::new(pair.order());
    let success = session.succeed();
    assert!(session.log().contains("the primary has left the timeline 1 at"), "{}", session.log());
    pair.was_seeded_anew(&session, &success);
    assert!(!howdah::process::mark(server).is_some_and(is_alive), "the earlier one");
    drop(pair);
    older.stop();
}
