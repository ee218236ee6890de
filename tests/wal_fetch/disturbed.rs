//! `howdah wal fetch` that is ended, killed, or not alone.

use crate::{
    files::{Place, WAL, name, pack, segment},
    rng::Rng,
    support::{
        again,
        timeout::{until, until_true},
    },
};
use howdah::{
    archive::ClusterWal,
    domain::{Compression, Timeline},
    postgres::wal::{Segment, SegmentSize},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

#[test]
fn a_server_that_shuts_down_need_not_wait_for_the_archive() {
    let place = Place::new();
    for signal in [Signal::TERM, Signal::QUIT] {
        let _none = fs::remove_file(place.spool.join("answer.json"));
        let mut held = place.spawn(&["--wait", "1h"], &name(1, 5));
        until_true("it is held", || place.spool.join("answer.json").exists());
        kill_process(Pid::from_child(&held), signal).unwrap();
        let status = until("it ends", || held.try_wait().unwrap());
        assert_eq!(status.signal(), Some(signal.as_raw()), "the startup process sees the signal itself");
    }
}

#[test]
fn a_fetch_that_is_killed_leaves_nothing_and_two_at_once_do_not_meet() {
    let place = Place::new();
    let wal = ClusterWal { size: SegmentSize::new(64 << 20).unwrap(), ..WAL };
    let bytes = segment(1, 5, wal);
    let asked = Segment { timeline: Timeline(1), number: 5 }.file_name(wal.size);
    place.put(&format!("{asked}.zst"), &pack(&bytes, Compression::Zstd));
    let command = || {
        let mut command = Command::new(again::program());
        command.args(["wal", "fetch", "--archive"]).arg(&place.archive).args(["--cluster", &WAL.cluster.to_string()]);
        command.args(["--segment-size", &wal.size.bytes().to_string(), &asked, "pg_wal/RECOVERYXLOG"]);
        command.current_dir(&place.data).stderr(Stdio::null());
        command
    };
    let mut rng = Rng::of_round(20_261_123, 0);
    for _ in 0..12 {
        let mut child = command().spawn().unwrap();
        let end = Instant::now() + Duration::from_micros(rng.below(150_000));
        let _ended =
            until("its moment comes", || (child.try_wait().unwrap().is_some() || Instant::now() > end).then_some(()));
        child.kill().unwrap();
        child.wait().unwrap();
        if place.pg_wal().is_empty() {
            continue;
        }
        assert_eq!(place.pg_wal(), ["RECOVERYXLOG"]);
        assert!(fs::read(place.wanted()).unwrap() == bytes, "what has its name is whole");
        fs::remove_file(place.wanted()).unwrap();
    }
    let both = [command().spawn().unwrap(), command().spawn().unwrap()];
    let mut codes = both.map(|mut child| child.wait().unwrap().code());
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(255)]);
    assert!(fs::read(place.wanted()).unwrap() == bytes);
    assert_eq!(place.pg_wal(), ["RECOVERYXLOG"]);
}

#[test]
fn a_segment_that_is_ready_is_taken_and_one_that_is_being_written_is_waited_for() {
    let place = Place::with([4]);
    let bytes = segment(1, 5, WAL);
    let ready = place.spool.join(name(1, 5));
    fs::write(&ready, &bytes).unwrap();
    assert_eq!(place.fetch(name(1, 5)).code, Some(0), "though the archive does not have it");
    assert!(fs::read(place.wanted()).unwrap() == bytes && !ready.exists());
    assert_eq!(place.outcome()["handed"]["prefetched"], true);
    fs::remove_file(place.wanted()).unwrap();
    // What is no segment is not taken from there.
    fs::write(&ready, segment(1, 6, WAL)).unwrap();
    assert_eq!(place.fetch(name(1, 5)).code, Some(1));
    fs::remove_file(&ready).unwrap();

    let part = place.spool.join(format!("{}.part", name(1, 5)));
    fs::write(&part, &bytes).unwrap();
    let writer = File::open(&part).unwrap();
    writer.lock().unwrap();
    let waiting = place.spawn(&[], &name(1, 5));
    let opened = |pid: u32| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().filter_map(Result::ok);
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|path| path == place.spool)
    };
    until_true("it has come to the spool", || opened(waiting.id()));
    fs::rename(&part, &ready).unwrap();
    drop(writer);
    assert_eq!(waiting.wait_with_output().unwrap().status.code(), Some(0));
    fs::remove_file(place.wanted()).unwrap();
    // One that a killed worker left is nobody's: the archive counts.
    fs::write(&part, &bytes[..1000]).unwrap();
    assert_eq!(place.fetch(name(1, 5)).code, Some(1));
    assert!(part.exists(), "it is not ours to remove");
}
