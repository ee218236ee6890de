//! What is refused before a byte is written.

use crate::needs_postgres;
use crate::{
    filled, names, plain_source, repository,
    session::{Session, SmallDisk, order_of},
    source,
    support::{
        backup::{Form, Repository, of_cluster},
        cluster::{Cluster, give_to_server_user, must, program},
        howdah::Howdah,
        timeout::until_true,
    },
};
use howdah::{
    domain::{BackupObject, Disposed, Failure, FailureClass, PasswordSource, Step, WorkerSettings},
    worker::plan_backup,
};
use std::{fs, process::Stdio};

/// Refused in its first step, with nothing left behind.
#[track_caller]
fn refused(session: &Session, says: &str) -> Failure {
    let failure = session.fail();
    assert_eq!(failure.step, Some(Step::Check), "{failure}");
    assert!(failure.cause.contains(says), "{failure}");
    assert!(!failure.advice.is_empty(), "{failure}");
    assert_eq!(session.dispose(), Disposed::Nothing, "{}", session.log());
    failure
}

#[test]
fn s14_a_directory_with_backups_of_another_cluster_is_refused() {
    needs_postgres!();
    let repository = Repository::new().with("shop", "b1", &of_cluster(source(), Form::PLAIN)).0;
    give_to_server_user(&repository);
    let session = Session::new(order_of(plain_source(), &repository));
    let failure = refused(&session, "of the cluster");
    assert_eq!(failure.class, FailureClass::Incurable);
    assert_eq!(names(&repository.join("shop")), ["b1"]);
}

#[test]
fn s09_an_object_that_another_session_backs_up_is_refused() {
    needs_postgres!();
    let repository = repository();
    let first = Session::new(order_of(plain_source(), &repository)).slowly();
    let works = first.start();
    works.until_received(1);
    let second = Session::new(order_of(plain_source(), &repository));
    let failure = second.fail();
    assert_eq!(failure.class, FailureClass::Incurable);
    assert!(failure.cause.contains("is held by"), "{failure}");
    assert_eq!(second.dispose(), Disposed::Nothing);
    assert_ne!(first.on_server(plain_source()), "0 0 0", "the first one goes on");
    works.kill();
    assert_eq!(first.dispose(), Disposed::Removed);
}

#[test]
fn a_plain_backup_of_tablespaces_is_refused() {
    needs_postgres!();
    let repository = repository();
    let failure = refused(&Session::new(order_of(source(), &repository)), "tablespaces (elsewhere)");
    assert!(failure.advice.contains("tar"), "{failure}");
    assert_eq!(names(&repository), Vec::<String>::new());
}

#[test]
fn a_repository_that_cannot_be_written_or_is_too_small_is_refused() {
    needs_postgres!();
    let Some(disk) = SmallDisk::new("8m") else { return };
    refused(&Session::new(order_of(plain_source(), &disk.0)), "are free in");
    assert_eq!(names(&disk.0), Vec::<String>::new());
    disk.make_read_only();
    let failure = Session::new(order_of(plain_source(), &disk.0)).fail();
    assert_eq!(failure.step, Some(Step::Check), "{failure}");
    assert!(failure.cause.contains("Read-only file system"), "{failure}");
}

#[test]
fn s07_a_plan_is_made_before_and_writes_nothing() {
    needs_postgres!();
    let repository = repository();
    let settings = WorkerSettings { state: Some(Howdah::new().state), ..WorkerSettings::default() };
    let order = order_of(plain_source(), &repository);
    let plan = plan_backup(&order, &settings).unwrap();
    assert_eq!(plan.directory, repository.join("shop"));
    assert!(plan.bytes.0 > 10 << 20 && plan.free_bytes > plan.bytes, "{plan:?}");
    assert!(plan.method.iter().any(|clause| clause.contains("temporary replication slot")), "{plan:?}");
    assert_eq!(
        plan.system_identifier.unwrap().to_string(),
        plain_source().ask("select system_identifier from pg_control_system()")
    );
    let refusal = plan_backup(&order_of(source(), &repository), &settings).unwrap_err();
    assert!(refusal.cause.contains("tablespaces (elsewhere)"), "{refusal}");
    let session = Session::new(order.clone()).slowly();
    let works = session.start();
    works.until_received(1);
    let refusal = plan_backup(&order, &settings).unwrap_err();
    assert!(refusal.cause.contains("is held by"), "{refusal}");
    works.kill();
    session.dispose();
    assert_eq!(names(&repository), Vec::<String>::new());
}

/// A server that wants a password from whoever comes by TCP.
fn strict() -> (Cluster, String) {
    let cluster = filled("");
    cluster.ask("create role keeper login replication password 'right'");
    cluster.ask("create role nobody login password 'right'");
    let rules = "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n\
                 host replication all 127.0.0.1/32 scram-sha-256\n";
    fs::write(cluster.data.join("pg_hba.conf"), rules).unwrap();
    cluster.ask("select pg_reload_conf()");
    let conninfo = format!("host=127.0.0.1 port={} user=keeper", cluster.port);
    until_true("the rules to hold", || {
        let mut command = program("psql");
        command.args(["-w", "-d", &format!("{conninfo} dbname=postgres"), "-c", "select 1"]);
        !command.output().unwrap().status.success()
    });
    (cluster, conninfo)
}

fn with(cluster: &Cluster, repository: &std::path::Path, wanted: &str, from: PasswordSource) -> Session {
    let mut order = order_of(cluster, repository);
    if let BackupObject::Instance { conninfo, password, .. } = &mut order.object {
        (*conninfo, *password) = (wanted.to_owned(), from);
    }
    Session::new(order)
}

#[test]
fn s11_a_password_comes_from_where_the_order_says_and_a_wrong_one_is_refused() {
    needs_postgres!();
    let (cluster, conninfo) = strict();
    let repository = repository();
    let command = |word: &str| PasswordSource::Command(vec!["printf".to_owned(), format!("{word}\n")]);
    let session = |conninfo: &str, from: PasswordSource| with(&cluster, &repository, conninfo, from);
    for from in [command("hunter2"), PasswordSource::None] {
        let wrong = session(&conninfo, from);
        let failure = wrong.fail();
        assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Check)), "{failure}");
        assert!(failure.cause.contains("password"), "{failure}");
        assert!(!wrong.log().contains("hunter2"));
        assert_eq!(wrong.dispose(), Disposed::Nothing, "nothing was begun there");
    }
    let written = session(&format!("{conninfo} password=hunter2"), PasswordSource::None);
    let failure = written.fail();
    assert!(failure.cause.contains("holds password") && !failure.to_string().contains("hunter2"), "{failure}");
    let weak = session(&conninfo.replace("keeper", "nobody"), command("right"));
    refused(&weak, "may not replicate");
    assert_eq!(names(&repository), Vec::<String>::new());
    let right = session(&conninfo, command("right"));
    right.succeed();
    let passfile = crate::support::cluster::server_scratch("passfile").join("pgpass");
    fs::write(&passfile, format!("127.0.0.1:{}:*:keeper:right\n", cluster.port)).unwrap();
    must(std::process::Command::new("chmod").arg("600").arg(&passfile));
    give_to_server_user(&passfile);
    session(&conninfo, PasswordSource::Passfile(passfile)).succeed();
    assert_eq!(names(&repository.join("shop")).len(), 2);
    cluster.stop();
}

#[test]
fn a_slot_that_is_taken_missing_or_of_another_kind_is_refused_and_a_free_one_is_used() {
    needs_postgres!();
    let cluster = filled("wal_level = logical\n");
    let repository = repository();
    let session = |slot: &str| Session::new(order_of(&cluster, &repository)).through(slot);
    cluster.ask("select pg_create_physical_replication_slot('mine')");
    cluster.ask("select pg_create_logical_replication_slot('words', 'test_decoding')");
    refused(&session("missing"), "has no replication slot missing");
    refused(&session("words"), "is logical");
    refused(&session("x'; drop table t"), "is not the name");
    let wal = crate::support::cluster::server_scratch("wal");
    let mut receiver = program("pg_receivewal");
    receiver.args(cluster.connection()).args(["-S", "mine", "-D"]).arg(&wal).stderr(Stdio::null());
    let mut receiver = receiver.spawn().unwrap();
    let active = || cluster.ask("select active from pg_replication_slots where slot_name = 'mine'") == "t";
    until_true("somebody streams", active);
    let failure = refused(&session("mine"), "is taken");
    assert_eq!(failure.class, FailureClass::Incurable);
    assert!(active(), "whoever streams is left alone");
    cluster.ask("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'mine'");
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    until_true("nobody streams", || !active());
    session("mine").succeed();
    assert_eq!(cluster.ask("select count(*) from pg_replication_slots"), "2", "a slot that was there stays");
    let other = Howdah::new().run(["backup", "list", "--repo", repository.to_str().unwrap(), "--json"]).expect_code(0);
    assert!(other.stdout.contains("shop"), "{other}");
    cluster.stop();
}
