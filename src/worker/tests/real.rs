//! Attempts that start real servers. Where PostgreSQL is not installed they report that and pass.

use super::{
    super::{DONE, FAILED},
    fake::{Bench, Trick},
    steps,
};
use crate::{
    domain::{
        Disposition, FailureClass, Leftover, MajorVersion, RestorePlan, ServerOutcome, ServerWish, Step, StepState,
        SystemIdentifier, WorkerSettings,
        fact::{End, Fact},
        ticket::Work,
    },
    postgres::{
        account::Account,
        binaries::Binaries,
        configure::socket_directory,
        server::{
            pidfile, port,
            stop::{StopMode, stop},
        },
    },
    process,
};
use std::{
    io::Write,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    time::Duration,
};

/// A bench with a small cluster for a backup, to whose configuration these lines were added.
pub(super) fn bench(server: ServerWish, configuration: &str) -> Option<Bench> {
    let Some((account, binaries)) = installed() else {
        writeln!(std::io::stderr(), "skipped: no PostgreSQL programs, or no user to run them, on this machine")
            .unwrap();
        return None;
    };
    let root = tempfile::Builder::new().prefix("hw").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let backup = root.path().join("backup");
    std::fs::create_dir(&backup).unwrap();
    if let Some((uid, gid)) = account.owner() {
        chown(&backup, Some(uid), Some(gid)).unwrap();
    }
    let mut initdb = account.command(binaries.directory().join("initdb"));
    initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--pgdata"]).arg(&backup);
    let made = initdb.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut file = std::fs::File::options().append(true).open(backup.join("postgresql.conf")).unwrap();
    write!(file, "fsync = off\nshared_buffers = 8MB\n{configuration}").unwrap();
    Some(Bench::with(root, binaries.version(), server, Trick::None))
}

pub(super) fn installed() -> Option<(Account, Binaries)> {
    let settings = WorkerSettings::default();
    let account = Account::for_server(&settings.os_user).ok()?;
    let path = std::env::var_os("PATH");
    let find = |version| Binaries::find(MajorVersion(version), &settings, path.as_deref(), Some(&account)).ok();
    let binaries = (13..=18).rev().find_map(find)?;
    binaries.directory().join("initdb").is_file().then_some((account, binaries))
}

/// Stops the server of a data directory when a test ends, however it ends.
pub(super) struct StopsAtEnd<'a>(pub(super) &'a Path);

impl Drop for StopsAtEnd<'_> {
    fn drop(&mut self) {
        if let Ok(Some(mark)) = pidfile::running(self.0) {
            stop(mark, StopMode::Immediate, Duration::ZERO, &|| false).unwrap();
        }
    }
}

const ALL: &str = "Check done, Copy done, Configure done, Start done, Replay done, Probe done, Finish done";

#[test]
fn a_restored_server_answers_and_is_left_running() {
    let Some(bench) = bench(ServerWish::LeaveRunning, "") else { return };
    let _stops = StopsAtEnd(bench.data());
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
    assert_eq!(steps(&facts).join(", "), ALL);
    let Some(Fact::Ended(End::Succeeded(success))) = facts.last() else { panic!("{facts:?}") };
    let Some(ServerOutcome::Running { port, answer }) = success.server() else { panic!("{success:?}") };
    assert_eq!(*port, bench.port());
    assert!(answer.starts_with("PostgreSQL 1") && answer.ends_with(", 3 databases, timeline 1"), "{answer}");
    let server = pidfile::running(bench.data()).unwrap().unwrap();
    assert_ne!(process::stat(server.pid).unwrap().parent, 0);
    let own = rustix::process::getsid(rustix::process::Pid::from_raw(server.pid.cast_signed())).unwrap();
    assert_eq!(own.as_raw_pid().cast_unsigned(), server.pid, "a session of its own");
    assert!(port::answers(*port, &socket_directory(&installed().unwrap().0)));
    assert!(bench.output().contains("$ ") && bench.output().contains("database system is ready"));
}

#[test]
fn a_probed_server_is_stopped_again_as_asked() {
    let Some(bench) = bench(ServerWish::StopAfterProbe, "logging_collector = on\nlog_min_messages = panic\n") else {
        return;
    };
    let _stops = StopsAtEnd(bench.data());
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
    let Some(Fact::Ended(End::Succeeded(success))) = facts.last() else { panic!("{facts:?}") };
    assert!(matches!(success.server(), Some(ServerOutcome::Stopped { .. })), "{success:?}");
    assert_eq!(pidfile::running(bench.data()).unwrap(), None);
    assert!(!bench.data().join("postmaster.pid").exists());
}

#[test]
fn a_server_that_cannot_start_is_quoted_and_a_next_attempt_gets_through() {
    let Some(bench) = bench(ServerWish::StopAfterProbe, "shared_preload_libraries = 'nobody_has_this'\n") else {
        return;
    };
    let _stops = StopsAtEnd(bench.data());
    let (status, facts) = bench.run();
    assert_eq!(status, FAILED);
    let Some(Fact::Ended(End::Failed(failure))) = facts.last() else { panic!("{facts:?}") };
    assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Start)));
    assert!(failure.cause.contains("could not access file \"nobody_has_this\""), "{failure}");
    let conf = bench.data().join("postgresql.conf");
    let text = std::fs::read_to_string(&conf).unwrap().replace("'nobody_has_this'", "''");
    std::fs::write(conf, text).unwrap();
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
}

#[test]
fn settings_of_the_source_that_point_elsewhere_do_no_harm() {
    let outside = tempfile::tempdir().unwrap();
    let away = outside.path().display();
    let configuration = format!(
        "data_directory = '{away}'\nhba_file = '{away}/hba'\nexternal_pid_file = '{away}/pid'\n\
         log_directory = '{away}/log'\nlogging_collector = on\nssl = on\nssl_cert_file = '{away}/crt'\n\
         log_filename = '../../../../../../../..{away}/name'\nlog_destination = 'syslog, csvlog'\n\
         archive_mode = on\narchive_command = 'touch {away}/archived'\nlisten_addresses = '*'\n\
         synchronous_standby_names = 'never_there'\n"
    );
    let Some(bench) = bench(ServerWish::LeaveRunning, &configuration) else { return };
    let _stops = StopsAtEnd(bench.data());
    let auto = bench.data().with_file_name("backup").join("postgresql.auto.conf");
    std::fs::write(auto, format!("external_pid_file = '{away}/altered'\n")).unwrap();
    std::fs::set_permissions(outside.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    let auto = std::fs::read_to_string(bench.data().join("postgresql.auto.conf")).unwrap();
    assert!(auto.contains("log_destination = 'csvlog'\n"), "{auto}");
    assert!(pidfile::running(bench.data()).unwrap().is_some());
}

#[test]
fn a_backup_that_holds_a_file_named_log_is_started_and_logs_beside_it() {
    let Some(bench) = bench(ServerWish::LeaveRunning, "logging_collector = on\n") else { return };
    let _stops = StopsAtEnd(bench.data());
    std::fs::write(bench.data().with_file_name("backup").join("log"), "notes").unwrap();
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
    assert_eq!(std::fs::read_to_string(bench.data().join("log")).unwrap(), "notes");
    let names: Vec<_> =
        std::fs::read_dir(bench.data().join("pg_log")).unwrap().map(|e| e.unwrap().file_name()).collect();
    let name = |beginning: &str| names.iter().any(|name| name.to_string_lossy().starts_with(beginning));
    assert!(name("server.log") && name("postgresql-"), "{names:?}");
}

fn planned(facts: &[Fact]) -> &RestorePlan {
    facts.iter().find_map(|fact| if let Fact::Planned(plan) = fact { plan.restore() } else { None }).unwrap()
}

#[test]
fn s13_libraries_of_the_source_are_left_out_or_told_from_the_plan_to_the_end() {
    let lists =
        "shared_preload_libraries = 'pg_cron, auto_explain, citext'\nsession_preload_libraries = 'pg_hint_plan'\n";
    let Some(bench) = bench(ServerWish::LeaveRunning, lists) else { return };
    let _stops = StopsAtEnd(bench.data());
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
    let auto = std::fs::read_to_string(bench.data().join("postgresql.auto.conf")).unwrap();
    let line = "shared_preload_libraries = 'auto_explain, citext'";
    assert!(auto.contains(line) && auto.contains("session_preload_libraries = ''"), "{auto}");
    let plan = planned(&facts);
    let off = |line: &str| plan.switched_off.iter().find(|one| one.line == line).map(|one| one.effect.as_str());
    assert!(off(line).unwrap().contains("pg_cron"), "{plan:?}");
    assert!(off("session_preload_libraries = ''").unwrap().contains("not installed here"), "{plan:?}");
    assert!(off("max_logical_replication_workers = '0'").is_some(), "{plan:?}");
    let Some(Fact::Ended(End::Succeeded(success))) = facts.last() else { panic!("{facts:?}") };
    assert_eq!(plan.warnings, success.warnings);
    assert!(success.warnings[0].contains("preloads citext") && success.warnings.len() == 1, "{success:?}");
    let configured = |fact: &Fact| {
        matches!(fact, Fact::Step { step: Step::Configure, state: StepState::Done { detail, .. } }
            if detail.contains(line) && detail.contains("max_logical_replication_workers = '0'"))
    };
    assert!(facts.iter().any(configured), "{facts:?}");
}

#[test]
fn s13_what_no_program_is_here_to_read_is_called_unchecked() {
    for (configuration, unchecked) in [("", false), ("shared_preload_libraries = 'pg_cron'\n", true)] {
        let bench = Bench::new(ServerWish::LeaveRunning, Trick::None);
        std::fs::write(bench.data().with_file_name("backup").join("postgresql.conf"), configuration).unwrap();
        let (status, facts) = bench.run();
        assert_eq!(status, DONE, "{facts:?}");
        let Some(Fact::Ended(End::Succeeded(success))) = facts.last() else { panic!("{facts:?}") };
        let shown = success.unchecked.iter().any(|what| what.contains("shared_preload_libraries"));
        assert_eq!(shown, unchecked, "{success:?}");
        let plan = planned(&facts);
        assert!(plan.switched_off.last().unwrap().effect.contains("the Configure step finds out"), "{plan:?}");
    }
}

/// Makes it look as if the worker had been killed when its server was open and nothing was noted yet.
fn undo_the_end(bench: &Bench) {
    std::fs::remove_file(bench.last().join("finished.json")).unwrap();
    std::fs::create_dir(bench.data().join(".howdah")).unwrap();
}

#[test]
fn a_server_left_by_an_earlier_attempt_is_stopped_first() {
    let Some(bench) = bench(ServerWish::LeaveRunning, "") else { return };
    let _stops = StopsAtEnd(bench.data());
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}");
    undo_the_end(&bench);
    let first = pidfile::running(bench.data()).unwrap().unwrap();
    let (status, facts) = bench.run();
    assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
    assert!(!process::is_alive(first));
    undo_the_end(&bench);
    let second = pidfile::running(bench.data()).unwrap().unwrap();
    let work = Work::Dispose { left: Leftover::Cluster(bench.target()), disposition: Disposition::Remove };
    let (status, facts) = bench.run_work(work);
    assert_eq!(status, DONE, "{facts:?}");
    assert!(!process::is_alive(second));
}

#[test]
fn a_server_of_another_cluster_is_not_called_restored() {
    let Some(bench) = bench(ServerWish::LeaveRunning, "") else { return };
    let bench = bench.of_cluster(SystemIdentifier(1));
    let _stops = StopsAtEnd(bench.data());
    let (status, facts) = bench.run();
    assert_eq!(status, FAILED);
    let Some(Fact::Ended(End::Failed(failure))) = facts.last() else { panic!("{facts:?}") };
    assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Probe)));
    assert_eq!(pidfile::running(bench.data()).unwrap(), None, "it was stopped");
}

#[test]
fn a_role_that_is_not_there_is_named_with_its_setting() {
    let Some(mut bench) = bench(ServerWish::StopAfterProbe, "") else { return };
    bench.settings.probe_role = "nobody_of_this_name".to_owned();
    let _stops = StopsAtEnd(bench.data());
    let (status, facts) = bench.run();
    if installed().unwrap().0.name() == "postgres" {
        // The role of the system user's name is there, and asks instead.
        assert_eq!(status, DONE, "{facts:?}");
        return;
    }
    let Some(Fact::Ended(End::Failed(failure))) = facts.last() else { panic!("{facts:?}") };
    assert!(failure.cause.contains("nobody_of_this_name") && failure.advice.contains("probe_role"), "{failure}");
}
