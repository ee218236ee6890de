//! Real PostgreSQL: a restore survives any single fault, or says at once why it cannot.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use howdah::domain::{FailureClass, Step, fact::ProcessMark};
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, net::TcpListener, path::Path};
use support::{
    backup::{Form, Repository, backup},
    cluster::{Restored, SUM_OF_ROWS, free_port, give_to_server_user, source, start},
    events::group_is_alive,
    faults::{SmallDisk, flip_byte, largest_data_file},
    howdah::{Howdah, Ran},
    place::{copy_of, listing, scratch},
    skip::skip,
    timeout::until_true,
};

/// Slow enough to do something in mid-copy, fast enough that the whole copy takes seconds.
const SLOWLY: [&str; 2] = ["--max-rate", "8M"];
/// A copy that has come this far is under way, and far from its end.
const UNDER_WAY: u64 = 6 << 20;
/// A copy that has come this far has whole files to reuse, though the largest are copied first, and is not over.
const SOME_FILES: u64 = 40 << 20;
/// Tries come after a second, so that a test need not wait for minutes.
const SOON: [&str; 4] = ["--tries", "10", "--every", "1s"];

fn with<'a>(parts: &[&[&'a str]]) -> Vec<&'a str> {
    parts.concat()
}

/// What a restore that was resumed must show in the end: it reused bytes, and the server has all rows.
fn was_resumed(form: Form, howdah: &Howdah, ran: &Ran, restored: &Restored) {
    let result = ran.json();
    assert_eq!(result["phase"], "succeeded", "{form:?}\n{ran}");
    let attempts = u32::try_from(result["attempt"].as_u64().unwrap()).unwrap();
    let progress = howdah.events().progress(1, attempts);
    assert!(progress.bytes_reused.0 > 0, "begun anew: {form:?}: {progress:?}");
    assert_eq!(restored.ask(SUM_OF_ROWS), source().sum, "{form:?}");
}

#[test]
fn r10_a_repository_that_vanishes_in_mid_copy_and_comes_back_is_resumed() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let away = repository.0.with_extension("away");
    let target = scratch("target").join("data");
    let restored = Restored(target.clone());
    let howdah = Howdah::new();
    let port = free_port().to_string();
    let running = howdah.spawn_restore(&repository.0, &target, &with(&[&SLOWLY, &SOON, &["--port", &port]]));
    howdah.events().wait_for_bytes(1, 1, SOME_FILES);
    fs::rename(&repository.0, &away).unwrap();
    // The first try meets the same; only then the repository is back.
    for attempt in [1, 2] {
        let failure = howdah.events().failure(1, attempt);
        assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
    }
    fs::rename(&away, &repository.0).unwrap();
    let ran = running.wait().expect_code(0);
    assert!(ran.json()["attempt"].as_u64().unwrap() >= 3, "{ran}");
    was_resumed(Form::PLAIN, &howdah, &ran, &restored);
}

#[test]
fn r10_a_target_whose_file_system_vanishes_is_waited_for_and_nothing_is_written_beneath_it() {
    needs_postgres!();
    let Some(disk) = SmallDisk::of_megabytes(400) else {
        return skip("a small file system cannot be mounted here", false);
    };
    let (repository, howdah) = (Repository::of(Form::PLAIN), Howdah::new());
    let target = disk.0.join("data");
    let running = howdah.spawn_restore(&repository.0, &target, &with(&[&SLOWLY, &SOON, &["--no-start"]]));
    howdah.events().wait_for_bytes(1, 1, SOME_FILES);
    let vanished = disk.vanish();
    for attempt in [1, 2] {
        let failure = howdah.events().failure(1, attempt);
        assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
        assert!(failure.cause.contains("file system"), "{failure}");
    }
    assert_eq!(fs::read_dir(&disk.0).unwrap().count(), 0, "{:?}", listing(&disk.0));
    disk.come_back(&vanished);
    let ran = running.wait().expect_code(0);
    let attempts = u32::try_from(ran.json()["attempt"].as_u64().unwrap()).unwrap();
    assert!(howdah.events().progress(1, attempts).bytes_reused.0 > 0, "begun anew\n{ran}");
    assert!(target.join("global/pg_control").exists());
    assert_eq!(listing(&disk.0).iter().filter(|row| row.contains(".howdah")).count(), 0, "its claims are given back");
}

#[test]
fn r10_archives_that_vanish_with_their_reader_are_resumed_when_they_are_back() {
    needs_postgres!();
    // An archive that is open stays readable when it is renamed, so its reader has to go as well.
    for form in [Form::TAR, Form::packed("client-zstd:1")] {
        let repository = Repository::of(form);
        let away = repository.0.with_extension("away");
        let target = scratch("target").join("data");
        let restored = Restored(target.clone());
        let howdah = Howdah::new();
        let port = free_port().to_string();
        let running = howdah.spawn_restore(&repository.0, &target, &with(&[&SLOWLY, &SOON, &["--port", &port]]));
        howdah.events().wait_for_bytes(1, 1, SOME_FILES);
        fs::rename(&repository.0, &away).unwrap();
        kill(howdah.events().worker(1, 1));
        let failure = howdah.events().failure(1, 2);
        assert_eq!(failure.class, FailureClass::Disruption, "{form:?}: {failure}");
        fs::rename(&away, &repository.0).unwrap();
        let ran = running.wait().expect_code(0);
        was_resumed(form, &howdah, &ran, &restored);
    }
}

#[test]
fn r09_tries_that_are_used_up_leave_the_session_stuck() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let target = scratch("target").join("data");
    let howdah = Howdah::new();
    let more = with(&[&SLOWLY, &["--tries", "2", "--every", "1s"]]);
    let running = howdah.spawn_restore(&repository.0, &target, &more);
    howdah.events().wait_for_bytes(1, 1, UNDER_WAY);
    fs::rename(&repository.0, repository.0.with_extension("away")).unwrap();
    let ran = running.wait().expect_code(4);
    let result = ran.json();
    assert_eq!(result["phase"], "stuck", "{ran}");
    assert_eq!(result["attempt"], 3, "one attempt and two tries\n{ran}");
    assert_eq!(howdah.events().attempts(1), 3, "{ran}");
    assert_eq!(result["failure"]["class"], "disruption", "{ran}");
    assert!(!target.join("global/pg_control").exists(), "S3: a half-restored cluster cannot start");
}

#[test]
fn a_killed_worker_is_a_disruption_and_a_try_gets_through() {
    needs_postgres!();
    for form in [Form::PLAIN, Form::packed("server-gzip:1")] {
        let repository = Repository::of(form);
        let target = scratch("target").join("data");
        let restored = Restored(target.clone());
        let howdah = Howdah::new();
        let port = free_port().to_string();
        let running = howdah.spawn_restore(&repository.0, &target, &with(&[&SLOWLY, &SOON, &["--port", &port]]));
        howdah.events().wait_for_bytes(1, 1, SOME_FILES);
        kill(howdah.events().worker(1, 1));
        let ran = running.wait().expect_code(0);
        assert_eq!(ran.json()["attempt"], 2, "{form:?}\n{ran}");
        was_resumed(form, &howdah, &ran, &restored);
    }
}

fn kill(worker: ProcessMark) {
    kill_process(Pid::from_raw(i32::try_from(worker.pid).unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn d04_too_little_room_is_told_before_the_first_byte() {
    needs_postgres!();
    let Some(disk) = SmallDisk::of_megabytes(16) else {
        return skip("a small file system cannot be mounted here", false);
    };
    let target = disk.0.join("data");
    let ran = Howdah::new().restore(&Repository::of(Form::PLAIN).0, &target, &["--no-start"]);
    assert!([3, 4].contains(&ran.code.unwrap()), "{ran}");
    ran.expect_words(&["free"]);
    assert!(!target.exists());
}

#[test]
fn d04_a_disk_that_fills_up_in_mid_copy_makes_the_session_stuck_at_once() {
    needs_postgres!();
    let Some(disk) = SmallDisk::of_megabytes(250) else {
        return skip("a small file system cannot be mounted here", false);
    };
    let target = disk.0.join("data");
    let repository = Repository::of(Form::PLAIN);
    let howdah = Howdah::new();
    let running = howdah.spawn_restore(&repository.0, &target, &with(&[&SLOWLY, &SOON, &["--no-start"]]));
    howdah.events().wait_for_bytes(1, 1, UNDER_WAY);
    disk.fill();
    let ran = running.wait().expect_code(4);
    let result = ran.json();
    assert_eq!(result["failure"]["class"], "incurable", "{ran}");
    assert_eq!(result["attempt"], 1, "no try is wasted\n{ran}");
    assert!(!target.join("global/pg_control").exists());
    ran.expect_words(&["space"]);
}

#[test]
fn d04_a_checksum_that_does_not_match_is_stuck_at_once_and_names_the_file() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let victim = largest_data_file(&repository.b1());
    flip_byte(&victim, 20_000);
    let target = scratch("target").join("data");
    let ran = Howdah::new().restore(&repository.0, &target, &with(&[&SOON, &["--no-start"]])).expect_code(4);
    let result = ran.json();
    assert_eq!(result["phase"], "stuck", "{ran}");
    assert_eq!(result["failure"]["class"], "incurable", "{ran}");
    assert_eq!(result["attempt"], 1, "{ran}");
    assert!(!target.join("global/pg_control").exists(), "S3: a corrupt restore cannot start");
    ran.expect_words(&[victim.file_name().unwrap().to_str().unwrap(), "altered", "CRC32C"]);
}

#[test]
fn s08_a_running_server_in_the_target_is_refused_and_goes_on() {
    needs_postgres!();
    let data = scratch("target").join("data");
    let restored = Restored(data.clone());
    let howdah = Howdah::new();
    let repository = Repository::of(Form::PLAIN);
    let port = free_port().to_string();
    howdah.restore(&repository.0, &data, &["--port", &port]).expect_code(0);
    for more in [&["--no-start"][..], &["--set-aside", "data"][..]] {
        let ran = Howdah::new().restore(&repository.0, &data, more);
        assert!([2, 3, 4].contains(&ran.code.unwrap()), "{ran}");
    }
    let ran = Howdah::new().restore(&repository.0, &data, &["--no-start"]);
    ran.expect_words(&["a server runs"]);
    assert_eq!(restored.ask(SUM_OF_ROWS), source().sum);
}

#[test]
fn s08_a_server_that_starts_in_the_target_between_two_attempts_is_not_written_over() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let target = scratch("target").join("data");
    let howdah = Howdah::new();
    howdah.restore(&repository.0, &target, &["--no-start"]).expect_code(0);
    let restored = Restored(target.clone());
    give_to_server_user(&target);
    restored.start(free_port());
    let ran = Howdah::new().restore(&repository.0, &target, &with(&[&SOON, &["--no-start"]]));
    assert!([3, 4].contains(&ran.code.unwrap()), "{ran}");
    assert!(restored.is_running());
}

#[test]
fn d04_a_port_in_use_is_told_before_the_first_byte() {
    needs_postgres!();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let target = scratch("target").join("data");
    let ran = Howdah::new().restore(&Repository::of(Form::PLAIN).0, &target, &["--port", &port]);
    assert!([3, 4].contains(&ran.code.unwrap()), "{ran}");
    ran.expect_words(&[&port, "in use"]);
    assert!(!target.exists());
}

/// Restores to a bad target and insists that nothing at or beside it changes.
fn refused(target: &Path, parent: &Path, repository: &Repository, words: &[&str]) {
    let before = listing(parent);
    let ran = Howdah::new().restore(&repository.0, target, &with(&[&SOON, &["--no-start"]]));
    assert!([3, 4].contains(&ran.code.unwrap()), "{}\n{ran}", target.display());
    ran.expect_words(words);
    assert_eq!(listing(parent), before, "{}", target.display());
}

#[test]
fn a_target_that_cannot_be_one_is_refused_with_words() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let parent = scratch("targets");
    fs::write(parent.join("file"), "a file").unwrap();
    fs::create_dir(parent.join("full")).unwrap();
    fs::write(parent.join("full/letter"), "keep me").unwrap();
    refused(&parent.join("file"), &parent, &repository, &["file"]);
    refused(&parent.join("full"), &parent, &repository, &["empty"]);
    refused(&parent.join("file/below"), &parent, &repository, &["file"]);
    refused(&repository.b1(), &repository.0, &repository, &["backup"]);
    refused(&repository.b1().join("inside"), &repository.0, &repository, &["backup"]);
}

#[test]
fn r18_sigterm_cancels_in_mid_copy_and_leaves_nothing_behind() {
    needs_postgres!();
    for (form, signal) in [(Form::PLAIN, Signal::TERM), (Form::packed("client-gzip:1"), Signal::INT)] {
        let repository = Repository::of(form);
        let parent = scratch("target");
        let target = parent.join("data");
        let howdah = Howdah::new();
        let running = howdah.spawn_restore(&repository.0, &target, &with(&[&SLOWLY, &SOON]));
        let worker = howdah.events().worker(1, 1);
        howdah.events().wait_for_bytes(1, 1, UNDER_WAY);
        running.signal(signal);
        let ran = running.wait().expect_code(5);
        assert_eq!(ran.json()["phase"], "cancelled", "{form:?}\n{ran}");
        assert!(!group_is_alive(worker.pid), "D6: a process of the worker is alive\n{ran}");
        assert_eq!(listing(&parent).len(), 1, "D7: {:?}\n{ran}", listing(&parent));
    }
}

#[test]
fn r18_a_waiting_session_is_cancelled_too() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let parent = scratch("target");
    let howdah = Howdah::new();
    let more = with(&[&SLOWLY, &["--tries", "3", "--every", "1h"]]);
    let running = howdah.spawn_restore(&repository.0, &parent.join("data"), &more);
    howdah.events().wait_for_bytes(1, 1, UNDER_WAY);
    fs::rename(&repository.0, repository.0.with_extension("away")).unwrap();
    howdah.events().failure(1, 1);
    until_true("it says that it waits", || running.stderr().to_lowercase().contains("wait"));
    running.signal(Signal::TERM);
    let ran = running.wait().expect_code(5);
    assert_eq!(listing(&parent).len(), 1, "D7: {:?}\n{ran}", listing(&parent));
}

#[test]
fn d07_a_directory_that_was_there_before_keeps_what_is_not_ours() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let target = scratch("target");
    let howdah = Howdah::new();
    let running = howdah.spawn_restore(&repository.0, &target, &with(&[&SLOWLY, &SOON]));
    howdah.events().wait_for_bytes(1, 1, UNDER_WAY);
    running.signal(Signal::TERM);
    let ran = running.wait().expect_code(5);
    assert!(target.exists(), "the directory was there before the session\n{ran}");
    assert!(!target.join("global/pg_control").exists());
    // S2: what was kept is reused by the next restore of the same backup.
    howdah.restore(&repository.0, &target, &["--no-start"]).expect_code(0);
}

#[test]
fn a_replay_that_cannot_finish_is_told_with_the_servers_own_words() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    // The WAL that the backup needs is there by name but holds nothing; its files are not in the manifest.
    let segments = repository.b1().join("pg_wal");
    let segments =
        fs::read_dir(segments).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file());
    for segment in segments {
        let length = segment.metadata().unwrap().len();
        fs::write(segment.path(), vec![0; usize::try_from(length).unwrap()]).unwrap();
    }
    let target = scratch("target").join("data");
    let restored = Restored(target.clone());
    let port = free_port().to_string();
    let howdah = Howdah::new();
    let ran = howdah.restore(&repository.0, &target, &with(&[&["--tries", "1", "--every", "1s"], &["--port", &port]]));
    assert_eq!(ran.code, Some(4), "{ran}");
    assert!(ran.json()["failure"]["cause"].as_str().unwrap().len() > 10, "{ran}");
    assert!(!restored.is_running(), "no broken server is left behind\n{ran}");
}

#[test]
fn the_step_of_a_failure_is_told() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    flip_byte(&largest_data_file(&repository.b1()), 9_000);
    let howdah = Howdah::new();
    howdah.restore(&repository.0, &scratch("target").join("data"), &["--no-start"]).expect_code(4);
    assert_eq!(howdah.events().failure(1, 1).step, Some(Step::Copy));
}

#[test]
fn a_foreign_server_of_the_same_name_is_not_stopped_by_a_cancel() {
    needs_postgres!();
    let bystander = copy_of(&backup(Form::PLAIN));
    fs::remove_file(bystander.join("backup_manifest")).unwrap();
    let settings = bystander.join("postgresql.auto.conf");
    let text = fs::read_to_string(&settings).unwrap();
    let sockets = bystander.display();
    fs::write(&settings, format!("{text}port = {}\nunix_socket_directories = '{sockets}'\n", free_port())).unwrap();
    give_to_server_user(&bystander);
    start(&bystander);
    let bystander = Restored(bystander);
    let repository = Repository::of(Form::PLAIN);
    let howdah = Howdah::new();
    let running = howdah.spawn_restore(&repository.0, &scratch("target").join("data"), &SLOWLY);
    howdah.events().wait_for_bytes(1, 1, UNDER_WAY);
    running.signal(Signal::TERM);
    running.wait().expect_code(5);
    assert!(bystander.is_running());
}
