//! What happens in mid-replay: an archive that goes away and comes back, WAL that is missing, damaged or foreign, and
//! whoever works being killed.

use super::bed::{Restoring, bed, segments};
use crate::{
    needs_postgres,
    support::{howdah::Running, timeout::until_true},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::Path,
};

/// Waits until the copy is under way: the plan is made, and replay has not begun.
fn until_planned(restoring: &Restoring) {
    until_true("it is planned", || restoring.log().contains("Copy begins"));
}

fn until_replaying(restoring: &Restoring) {
    until_true("it replays", || restoring.log().contains("restored log file"));
}

/// A slow copy gives time to change what the plan has seen.
fn begin(restoring: &Restoring, wanted: &super::bed::Wanted) -> Running {
    restoring.howdah.spawn(restoring.arguments(wanted, &["--timeline", "1", "--max-rate", "40M"]))
}

fn kill(pid: u32) {
    // It may have ended by itself meanwhile.
    let _gone = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL);
}

fn spoil(path: &Path, at: u64) {
    let mut file = File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[0xA5; 64]).unwrap();
}

#[test]
fn an_archive_that_goes_away_is_waited_for_and_nothing_is_copied_again() {
    needs_postgres!();
    let bed = bed();
    let (repository, archive) = bed.own();
    let wanted = bed.courses[&1].latest();
    let restoring = Restoring::of(&repository);
    let running = begin(&restoring, &wanted);
    until_planned(&restoring);
    let away = archive.with_file_name("wal-away");
    fs::rename(&archive, &away).unwrap();
    until_true("it is disrupted", || restoring.log().contains("cannot be used"));
    fs::rename(&away, &archive).unwrap();
    let ran = running.wait().expect_code(0);
    restoring.expect_numbers(&wanted.numbers);
    assert!(!ran.stderr.contains("stuck"), "{ran}");
}

#[test]
fn wal_that_vanishes_behind_the_plan_is_named_and_a_retry_goes_on_when_it_is_back() {
    needs_postgres!();
    let bed = bed();
    let (repository, archive) = bed.own();
    let names = segments(&archive, 1);
    let lost = &names[names.len() - 4];
    let wanted = bed.courses[&1].latest();
    let restoring = Restoring::of(&repository);
    let running = begin(&restoring, &wanted);
    until_planned(&restoring);
    let away = repository.0.join("lost");
    fs::rename(archive.join(lost), &away).unwrap();
    running.wait().expect_code(4).expect_words(&[lost]);
    assert!(!restoring.server.is_running(), "nothing was opened");
    fs::rename(&away, archive.join(lost)).unwrap();
    restoring.session(&["retry", "1"]).expect_code(0);
    let done = restoring.until_phase("succeeded");
    assert_eq!(done["bytes_reused"], done["bytes_total"]);
    restoring.expect_numbers(&wanted.numbers);
}

#[test]
fn damaged_wal_is_named_where_the_server_sees_only_the_end() {
    needs_postgres!();
    let bed = bed();
    let (repository, archive) = bed.own();
    let names = segments(&archive, 1);
    let damaged = &names[names.len() - 5];
    // Behind the header of the first page there is always a record.
    spoil(&archive.join(damaged), 2_000);
    let restoring = Restoring::of(&repository);
    let ends = bed.courses[&1].behind(bed.stop);
    let wanted = bed.courses[&1].at_lsn(ends[ends.len() - 1].lsn, true);
    restoring.run(&wanted, &["--timeline", "1"]).expect_code(4).expect_words(&[damaged, "damaged"]);
    assert!(!restoring.server.is_running(), "nothing was opened");
}

#[test]
fn the_wal_of_another_cluster_is_not_taken_for_its_own() {
    needs_postgres!();
    let bed = bed();
    let (repository, archive) = bed.own();
    let names = segments(&archive, 1);
    let foreign = &names[names.len() - 5];
    let restoring = Restoring::of(&repository);
    let running = begin(&restoring, &bed.courses[&1].latest());
    until_planned(&restoring);
    // The identifier of the cluster in the header of the first page.
    let mut file = File::options().write(true).open(archive.join(foreign)).unwrap();
    file.seek(SeekFrom::Start(24)).unwrap();
    file.write_all(&7_u64.to_le_bytes()).unwrap();
    running.wait().expect_code(4).expect_words(&[foreign, "cluster"]);
    assert!(!restoring.server.is_running(), "nothing was opened");
}

#[test]
fn a_worker_or_a_server_that_is_killed_in_mid_replay_is_made_good() {
    needs_postgres!();
    let bed = bed();
    let (repository, _) = bed.own();
    let wanted = bed.courses[&1].latest();
    for victim in ["worker", "server"] {
        let restoring = Restoring::of(&repository);
        let running = begin(&restoring, &wanted);
        until_replaying(&restoring);
        let pid = match victim {
            "worker" => Some(restoring.howdah.events().worker(1, 1).pid),
            _ => fs::read_to_string(restoring.target.join("postmaster.pid"))
                .ok()
                .and_then(|text| text.lines().next()?.parse().ok()),
        };
        kill(pid.unwrap());
        let ran = running.wait().expect_code(0);
        assert_eq!(ran.json()["bytes_total"], ran.json()["bytes_done"], "{victim}");
        restoring.expect_numbers(&wanted.numbers);
        restoring.server.stop();
    }
}
