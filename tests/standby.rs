//! Real standbys of a real primary: one that was made follows and stays, and one that is ended leaves nothing behind, here
//! or at the primary.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "standby/anew.rs"]
mod anew;
#[path = "standby/ended.rs"]
mod ended;
#[path = "standby/jobs.rs"]
mod jobs;
#[path = "standby/pair.rs"]
mod pair;
#[path = "standby/refused.rs"]
mod refused;
#[allow(dead_code, reason = "it is the session of the tests of backups, which do more with it")]
#[path = "backup/session.rs"]
mod session;
mod support;

use howdah::domain::{Achieved, BackupObject, Disposed, PasswordSource, ServerOutcome, Success, fact::End};
use pair::{Pair, primary};
use rustix::process::Signal;
use session::Session;
use std::{fs, os::unix::fs::PermissionsExt as _};
use support::{
    cluster::{Restored, must, program},
    place::names,
    timeout::until_true,
};

/// What the server of a success answered.
fn answer(success: &Success) -> String {
    let Achieved::Cluster(ServerOutcome::Running { answer, .. }) = &success.result else { panic!("{success:?}") };
    answer.clone()
}

#[test]
fn a_standby_is_made_follows_its_primary_and_is_measured_and_started_by_later_runs() {
    needs_postgres!();
    let pair = Pair::of(primary());
    primary().ask("alter system set recovery_min_apply_delay = '1h'");
    let first = Session::new(pair.order());
    let success = first.succeed();
    assert!(answer(&success).contains("streams from the cluster"), "{success:?}");
    assert_eq!(success.unchecked, [""; 0], "the standby was asked itself");
    pair.follows();
    assert_eq!(first.on_server(primary()), "0 0 0");
    assert_eq!(names(pair.directory.parent().unwrap()), ["standby"], "nothing half is left, and no claim");
    let auto = fs::read_to_string(pair.directory.join("postgresql.auto.conf")).unwrap();
    for line in ["archive_mode = 'off'", "max_logical_replication_workers = '0'", "listen_addresses = 'localhost'"] {
        assert!(auto.contains(line), "S13: {auto}");
    }
    assert!(!auto.contains("password"), "{auto}");
    primary().ask("alter system reset recovery_min_apply_delay");
    assert_eq!(pair.ask("show recovery_min_apply_delay"), "0");

    // Another attempt of the session, whose end nobody had heard, finds it done; so does whoever is to remove it.
    assert_eq!(first.succeed(), success);
    let End::Succeeded(found) = first.end_of_disposal() else { panic!("{}", first.log()) };
    assert_eq!(found, success);
    pair.follows();

    let started = pair.postmaster();
    let second = Session::new(pair.order());
    second.succeed();
    assert!(second.log().contains("Copy is skipped: the standby is there"), "{}", second.log());
    assert_eq!(pair.postmaster(), started, "it was measured, and nothing else");

    must(program("pg_ctl").arg("-D").arg(&pair.directory).args(["-m", "immediate", "-w", "stop"]));
    let third = Session::new(pair.order());
    third.succeed();
    assert!(third.log().contains("Copy is skipped") && third.log().contains("Start is done"), "{}", third.log());
    pair.follows();

    // A slot that somebody has dropped is made again, and the standby comes back to it.
    Restored(pair.directory.clone()).stop();
    primary().ask(&format!("select pg_drop_replication_slot('{}')", pair.slot));
    let fourth = Session::new(pair.order());
    fourth.succeed();
    assert!(fourth.log().contains("was made again"), "{}", fourth.log());
    pair.follows();
}

#[test]
fn the_plan_says_whether_a_standby_is_seeded_or_measured_and_writes_nothing() {
    needs_postgres!();
    let pair = Pair::of(primary());
    let howdah = pair.howdah("follow");
    let plan = || howdah.run(["job", "start", "follow", "--plan"]).expect_code(0);
    plan().expect_words(&["no standby is there yet", "which is made"]);
    assert_eq!(pair.slots(), "");
    assert!(!pair.directory.exists());
    howdah.run(["job", "start", "follow", "--wait"]).expect_code(0);
    plan().expect_words(&["its lag is measured, and nothing else is done"]);
}

#[test]
fn an_empty_directory_is_taken_and_stays_when_the_standby_goes() {
    needs_postgres!();
    let pair = Pair::of(primary()).never_near();
    fs::create_dir(&pair.directory).unwrap();
    support::cluster::give_to_server_user(&pair.directory);
    let session = Session::new(pair.order());
    let attempt = session.start();
    until_true("the standby streams", || pair.streams());
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped);
    assert_eq!(session.dispose(), Disposed::Removed);
    assert!(pair.directory.is_dir() && names(&pair.directory).is_empty());
    assert_eq!(pair.slots(), "");
}

#[test]
fn a_standby_connects_by_a_passfile_and_no_password_is_in_its_settings_or_in_an_argument() {
    needs_postgres!();
    let cluster = pair::filled("");
    cluster.ask("create role replicator login replication password 'hunter2'");
    let hba = cluster.data.join("pg_hba.conf");
    let rules = "host all,replication replicator 127.0.0.1/32 scram-sha-256\n".to_owned();
    fs::write(&hba, rules + &fs::read_to_string(&hba).unwrap()).unwrap();
    cluster.ask("select pg_reload_conf()");
    let passfile = support::cluster::server_scratch("secrets").join("pgpass");
    fs::write(&passfile, "*:*:*:replicator:hunter2\n").unwrap();
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o600)).unwrap();
    support::cluster::give_to_server_user(&passfile);
    let pair = Pair::of(&cluster);
    let mut order = pair.order();
    let BackupObject::Standby { conninfo, password, .. } = &mut order.object else { panic!("a standby") };
    *conninfo = format!("host=127.0.0.1 port={} user=replicator", cluster.port);
    *password = PasswordSource::Passfile(passfile.clone());
    let session = Session::new(order);
    session.succeed();
    pair.follows();
    let auto = fs::read_to_string(pair.directory.join("postgresql.auto.conf")).unwrap();
    assert!(auto.contains(passfile.to_str().unwrap()), "{auto}");
    let known = walkdir::WalkDir::new(&session.howdah.state).into_iter().map(Result::unwrap);
    for file in known.filter(|entry| entry.file_type().is_file()) {
        let text = fs::read(file.path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("hunter2"), "{:?}", file.path());
    }
    assert!(!auto.contains("hunter2"));
    Restored(pair.directory.clone()).stop();
    drop(pair);
    cluster.stop();
}
