//! The moments around the start of a server, with real ones.

use super::{
    super::{DONE, STOPPED},
    fake::{Bench, Trick},
    real::{StopsAtEnd, bench},
    steps,
};
use crate::{
    domain::{
        ServerWish,
        fact::{End, Fact},
        restored::MarkLocation,
    },
    postgres::{configure::DataDirectory, server::pidfile},
    process,
};
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, mknodat},
    process::{Pid, Signal, kill_process},
};
use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// What a busy machine may take; a condition that is not met by then is not met at all.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Waits until it is so; returns whether it came to that.
fn until(mut is_so: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while !is_so() {
        if began.elapsed() >= TIMEOUT {
            return false;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    true
}

/// Whether the process has been asked to stop at once: it has the signal before it, or is gone.
fn is_told_to_stop(pid: u32) -> bool {
    const QUIT: u64 = 1 << (Signal::QUIT.as_raw() - 1);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pending = status.lines().filter_map(|line| line.strip_prefix("SigPnd:").or(line.strip_prefix("ShdPnd:")));
    let mut pending = pending.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    process::stat(pid).is_none_or(|stat| stat.zombie) || pending.any(|mask| mask & QUIT != 0)
}

/// The server that is open to others, once its lock file shows it.
fn open_server(data: &Path) -> Option<u32> {
    let lock = DataDirectory::open(data).ok()?.read(pidfile::NAME, 1 << 14).ok()??;
    let lock = String::from_utf8(lock).ok()?;
    let lines: Vec<&str> = lock.lines().collect();
    let open = lines.get(5).is_some_and(|address| *address == "localhost");
    let ready = lines.get(7).is_some_and(|status| status.trim() == "ready");
    lines.first()?.parse().ok().filter(|_| open && ready)
}

fn assert_stopped(bench: &Bench, ran: &(u8, Vec<Fact>)) {
    let (status, facts) = ran;
    assert_eq!((*status, facts.last()), (STOPPED, Some(&Fact::Ended(End::Stopped))), "{facts:?}\n{}", bench.output());
    assert!(!steps(facts).contains(&"Finish done".to_owned()), "{facts:?}");
    assert_eq!(pidfile::running(bench.data()).unwrap(), None);
    assert!(bench.data().join(".howdah").exists() && !bench.last().join("finished.json").exists());
}

#[test]
fn a_stop_is_obeyed_while_the_open_server_still_starts() {
    let Some(bench) = bench(ServerWish::LeaveRunning, "") else { return };
    let _stops = StopsAtEnd(bench.data());
    // The isolated start has access rules of its own; the open one waits for somebody to write what these include.
    let gate = bench.data().with_file_name("gate");
    mknodat(CWD, &gate, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let rules = format!("local @{} all trust\n", gate.display());
    fs::write(bench.data().with_file_name("backup").join("pg_hba.conf"), rules).unwrap();
    let (ran, told_in_time) = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut writer = None;
            let waits = until(|| {
                let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
                writer = rustix::fs::open(&gate, flags, Mode::empty()).ok();
                writer.is_some()
            });
            let server = pidfile::read(bench.data()).unwrap().unwrap();
            bench.stop.request();
            waits && until(|| is_told_to_stop(server.pid))
        });
        (bench.run(), watcher.join().unwrap())
    });
    assert!(told_in_time, "it was waited for a server that nobody wants any more");
    assert_stopped(&bench, &ran);
}

/// Holds on to the open server as soon as it is ready, tells the attempt to stop, and lets the server go on when told.
fn stopped_when_ready(goes_on: fn(u32) -> bool) {
    let Some(mut bench) = bench(ServerWish::LeaveRunning, "") else { return };
    bench.settings.start_timeout = TIMEOUT;
    let _stops = StopsAtEnd(bench.data());
    let (ran, in_time) = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut server = None;
            let ready = until(|| {
                server = open_server(bench.data());
                server.is_some()
            });
            let Some(pid) = server else { return ready };
            let process = Pid::from_raw(pid.cast_signed()).unwrap();
            kill_process(process, Signal::STOP).unwrap();
            bench.stop.request();
            let in_time = until(|| goes_on(pid));
            kill_process(process, Signal::CONT).unwrap();
            in_time
        });
        (bench.run(), watcher.join().unwrap())
    });
    assert!(in_time, "{:?}", ran.1);
    assert_stopped(&bench, &ran);
}

#[test]
fn a_stop_is_obeyed_while_the_open_server_does_not_answer_yet() {
    stopped_when_ready(is_told_to_stop);
}

#[test]
fn a_stop_is_obeyed_when_the_open_server_answers_and_the_restore_is_not_finished() {
    stopped_when_ready(|_| true);
}

#[test]
fn a_server_is_on_record_in_both_places_before_it_is_started() {
    for mark in [MarkLocation::Inside, MarkLocation::Beside] {
        let Some(bench) = bench(ServerWish::StopAfterProbe, "") else { return };
        let bench = bench.tricked(Trick::HoldsServers).marked(mark);
        let _stops = StopsAtEnd(bench.data());
        let state = |place: &Path| {
            let record = fs::read(place.join("server.json")).ok()?;
            let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
            Some(record["state"].clone())
        };
        let ((status, facts), on_record) = thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut lock = None;
                let holds = until(|| {
                    lock = bench.held.lock().unwrap().take();
                    lock.is_some()
                });
                let places = [bench.last(), bench.mark()];
                let on_record =
                    until(|| places.iter().all(|place| state(place).is_some_and(|state| state == "starting")));
                let none = pidfile::read(bench.data()).unwrap().is_none();
                if let Some(lock) = lock {
                    lock.unlock().unwrap();
                }
                holds && on_record && none
            });
            (bench.run(), watcher.join().unwrap())
        });
        assert!(on_record, "{facts:?}");
        assert_eq!(status, DONE, "{facts:?}\n{}", bench.output());
    }
}
