//! Backups in compressed archives: they are unpacked once for all sessions on the point.

use super::{
    archives::opens,
    bed::{Bed, Opened},
    needs_postgres,
    support::{
        backup::{Form, Repository},
        cluster::{SUM_OF_ROWS, source},
        events::Events,
        faults::SmallDisk,
        howdah::Running,
        place::scratch,
        skip::skip,
        timeout::{until, until_true},
    },
};
use howdah::domain::{
    StepState,
    fact::{Fact, ProcessMark},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf};

const PACKED: Form = Form::packed("server-gzip:1");

#[test]
fn archives_packed_with_gzip_lz4_or_zstd_are_unpacked_first() {
    needs_postgres!();
    for compress in ["server-gzip:1", "client-gzip:1", "client-lz4", "server-zstd:3"] {
        opens(Form::packed(compress), "are unpacked first");
    }
}

/// The directories of unpacked backups, by name.
fn unpacked(bed: &Bed) -> Vec<PathBuf> {
    let entries = fs::read_dir(&bed.explore_dir).into_iter().flatten().map(|entry| entry.unwrap());
    entries.filter(|entry| entry.file_name().to_str().unwrap().starts_with(".unpacked-")).map(|e| e.path()).collect()
}

/// The one that there is, and what is the same of it as long as nobody makes it anew: a number of a file may come back,
/// and not every file system knows when a file was born.
fn only(bed: &Bed) -> (PathBuf, String) {
    let [one] = unpacked(bed).try_into().unwrap();
    let data = fs::metadata(one.join("files/data")).unwrap();
    (one, format!("{} {:?}", data.ino(), data.created().ok()))
}

#[test]
fn sessions_on_one_packed_point_share_what_was_unpacked_and_the_last_one_removes_it() {
    needs_postgres!();
    let bed = Bed::new(PACKED);
    let first = bed.open(&[]);
    let shared = only(&bed);
    assert_eq!(fs::metadata(&shared.0).unwrap().mode() & 0o777, 0o700);
    let planned = bed.explore(&["start", "shop", "--plan", "--json"]).expect_code(0).json();
    assert_eq!(planned["copies"], 0, "{planned}");
    bed.explore(&["start", "shop", "--plan"]).expect_code(0).expect_words(&["unpacked already"]);
    let second = bed.open(&[]);
    assert_eq!(only(&bed), shared);
    // What one writes the other does not see.
    first.ask("begin read write; delete from goods; commit; checkpoint");
    assert_eq!(second.ask(SUM_OF_ROWS), source().sum);
    bed.explore(&["stop", &first.id().to_string()]).expect_code(0);
    assert_eq!(only(&bed), shared, "it is in use");
    assert_eq!(second.ask(SUM_OF_ROWS), source().sum);
    // With another state directory, and so another owner.
    let beside = Bed::over(Repository(bed.repository.0.clone()), bed.explore_dir.clone(), "");
    let third = beside.open(&[]);
    assert_eq!(third.ask(SUM_OF_ROWS), source().sum);
    assert_eq!(only(&bed), shared);
    // Both are closed at once: each sees the other's, and one of them removes it.
    let stopped = [&bed, &beside].map(|bed| bed.begin(&["stop", "[0]"])).map(Running::wait);
    for one in stopped {
        one.expect_code(0);
    }
    bed.expect_nothing_left(&[&first, &second, &third]);
}

#[test]
fn what_was_unpacked_stays_for_a_session_that_has_no_process() {
    needs_postgres!();
    let bed = Bed::with(PACKED, "[retry]\nevery = \"1h\"\n");
    let first = bed.open(&[]);
    let shared = only(&bed);
    let waits = bed.open(&[]);
    // The server dies, and the session waits for its next try.
    let worker = bed.howdah.events().worker(waits.id(), 1);
    kill(worker, Signal::KILL);
    until_true("it waits", || bed.list().iter().any(|one| one["id"] == waits.id() && one["open"] == false));
    bed.explore(&["stop", &first.id().to_string()]).expect_code(0);
    assert_eq!(only(&bed), shared);
    bed.explore(&["stop", &waits.id().to_string()]).expect_code(0);
    bed.expect_nothing_left(&[&first, &waits]);
}

/// Orders an opening and returns at once.
fn order(bed: &Bed) -> u64 {
    bed.explore(&["start", "shop", "--json"]).expect_code(0).json()["id"].as_u64().unwrap()
}

fn kill(worker: ProcessMark, signal: Signal) {
    kill_process(Pid::from_raw(worker.pid.cast_signed()).unwrap(), signal).unwrap();
}

/// Orders an opening whose worker stands still in the middle of unpacking, when some files are there.
fn frozen(bed: &Bed) -> (u64, ProcessMark) {
    let id = order(bed);
    let worker = bed.howdah.events().worker(id, 1);
    let files = |one: &PathBuf| fs::read_dir(one.join("files/data/base/1")).map_or(0, Iterator::count);
    until_true("some files are unpacked", || unpacked(bed).first().is_some_and(|one| files(one) > 0));
    kill(worker, Signal::STOP);
    let mark = fs::read_to_string(only(bed).0.join("unpacked.json")).unwrap();
    assert!(mark.contains("\"unpacking\""), "the test came too late: {mark}");
    (id, worker)
}

fn opened(bed: &Bed, id: u64) -> Opened {
    until("it is open", || bed.list().into_iter().find(|one| one["id"] == id && one["open"] == true).map(Opened))
}

fn until_it_waits(events: &Events, id: u64) {
    until_true("it waits for the other one", || {
        let says = |fact| matches!(fact, Fact::Step { state: StepState::Running { detail }, .. } if detail.contains("another session unpacks"));
        events.facts(id, 1).into_iter().any(says)
    });
}

#[test]
fn who_comes_while_another_unpacks_waits_can_be_stopped_and_takes_over_when_that_one_is_killed() {
    needs_postgres!();
    let bed = Bed::with(PACKED, "[retry]\nevery = \"1s\"\n");
    let events = bed.howdah.events();
    let (first, worker) = frozen(&bed);
    let shared = unpacked(&bed);
    bed.explore(&["start", "shop", "--plan"]).expect_code(0).expect_words(&["another session unpacks"]);
    // Stopped while it waits.
    let second = order(&bed);
    until_it_waits(&events, second);
    bed.explore(&["stop", &second.to_string()]).expect_code(0);
    assert_eq!(unpacked(&bed), shared, "the first one is at it");
    // It is done, and the other goes on.
    let third = order(&bed);
    until_it_waits(&events, third);
    kill(worker, Signal::CONT);
    let open = [opened(&bed, first), opened(&bed, third)];
    for one in &open {
        assert_eq!(one.ask(SUM_OF_ROWS), source().sum);
    }
    assert_eq!(unpacked(&bed), shared);
    bed.piped(&["stop", "-"], &serde_json::to_string(&bed.list()).unwrap()).expect_code(0);
    bed.expect_nothing_left(&open.each_ref());
    // It is killed, and whoever waits goes on with what is there.
    let (first, worker) = frozen(&bed);
    let (_, born) = only(&bed);
    let fourth = order(&bed);
    until_it_waits(&events, fourth);
    kill(worker, Signal::KILL);
    let open = [opened(&bed, fourth), opened(&bed, first)];
    for one in &open {
        assert_eq!(one.ask(SUM_OF_ROWS), source().sum);
    }
    assert_eq!(only(&bed).1, born, "it was gone on with");
    bed.piped(&["stop", "-"], &serde_json::to_string(&bed.list()).unwrap()).expect_code(0);
    bed.expect_nothing_left(&open.each_ref());
}

#[test]
fn r10_a_worker_that_is_killed_while_it_unpacks_is_followed_by_one_that_goes_on() {
    needs_postgres!();
    let bed = Bed::with(PACKED, "[retry]\nevery = \"1s\"\n");
    let (id, worker) = frozen(&bed);
    let (_, born) = only(&bed);
    kill(worker, Signal::KILL);
    let open = opened(&bed, id);
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    assert_eq!(only(&bed).1, born, "it was gone on with");
    let stopped = frozen_and_stopped(&bed);
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum, "{stopped} shared it");
    bed.explore(&["stop", &id.to_string()]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
    // The only one is stopped in the middle.
    let (id, worker) = frozen(&bed);
    kill(worker, Signal::CONT);
    bed.explore(&["stop", &id.to_string()]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

/// A session that is ordered and stopped at once.
fn frozen_and_stopped(bed: &Bed) -> u64 {
    let id = order(bed);
    bed.explore(&["stop", &id.to_string()]).expect_code(0);
    id
}

#[test]
fn what_is_more_than_the_limit_is_not_unpacked() {
    needs_postgres!();
    let bed = Bed::with(PACKED, "explore_limit = \"10M\"\n");
    bed.explore(&["start", "shop", "--plan"]).expect_code(3).expect_words(&["may take 10.0 MiB"]);
    bed.expect_nothing_left(&[]);
}

#[test]
fn d04_a_disk_that_fills_up_while_it_is_unpacked_asks_for_a_person_and_what_stands_is_gone_on_with() {
    needs_postgres!();
    let Some(disk) = SmallDisk::of_megabytes(300) else {
        return skip("only root can mount a small disk", false);
    };
    let bed = Bed::over(Repository::of(PACKED), disk.0.join("open"), "");
    let (id, worker) = frozen(&bed);
    let (_, born) = only(&bed);
    disk.fill();
    kill(worker, Signal::CONT);
    let failure = bed.howdah.events().failure(id, 1);
    assert!(failure.cause.contains("No space left"), "{failure}");
    disk.empty();
    let state = bed.howdah.state.to_str().unwrap();
    until_true("it is tried again", || {
        let words = ["session", "retry", &id.to_string(), "--kind", "explore", "--state-dir", state];
        bed.howdah.run(words).code == Some(0)
    });
    let open = opened(&bed, id);
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    assert_eq!(only(&bed).1, born, "it was gone on with");
    bed.explore(&["stop", &id.to_string()]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn what_stands_in_the_place_of_the_unpacked_files_is_left_alone_and_the_files_are_copied() {
    needs_postgres!();
    let bed = Bed::new(PACKED);
    let planned = bed.explore(&["start", "shop", "--plan", "--json"]).expect_code(0).json();
    let reasons = planned["reasons"].to_string();
    let name = reasons.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-' && letter != '.');
    let name = name.into_iter().find(|word| word.starts_with(".unpacked-")).unwrap();
    let theirs = scratch("theirs");
    fs::write(theirs.join("file"), "x").unwrap();
    fs::create_dir_all(&bed.explore_dir).unwrap();
    std::os::unix::fs::symlink(&theirs, bed.explore_dir.join(name)).unwrap();
    bed.explore(&["start", "shop", "--plan"]).expect_code(0).expect_words(&["copied first", "is no directory"]);
    let open = bed.open(&[]);
    assert_eq!(open.text("method"), "copy");
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    bed.explore(&["stop", &open.id().to_string()]).expect_code(0);
    fs::remove_file(bed.explore_dir.join(name)).unwrap();
    assert_eq!(fs::read_to_string(theirs.join("file")).unwrap(), "x");
    bed.expect_nothing_left(&[&open]);
}
