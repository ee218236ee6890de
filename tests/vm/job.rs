//! `howdah job` over four machines: to its end, and stopped from a second shell. After each the disk, libvirt and the
//! guests are looked at.

use crate::{
    Guest, Speed,
    daemon::{daemon, give},
    expect_disk, needs_libvirt, repository,
    session::command,
    support::{howdah::Howdah, place::names, timeout::until, timeout::until_true},
};
use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    process::{Child, Stdio},
    thread,
};

/// A user with a job over four guests. The first or the last of them takes some seconds; or a fifth and a sixth do, each of
/// which has a job of its own.
struct Night {
    howdah: Howdah,
    repository: PathBuf,
    guests: Vec<Guest<'static>>,
}

/// A howdah in a shell of its own.
struct Shell {
    child: Child,
    out: PathBuf,
}

impl Night {
    fn new(settings: &str, slow: usize) -> Self {
        let (howdah, repository, daemon) = (Howdah::usual(), repository(), daemon());
        let speed = move |at: usize| match at {
            4.. => Speed::Slower,
            at if at == slow => Speed::Slow,
            _ => Speed::Fast,
        };
        let count = if slow > 3 { slow + 2 } else { 4 };
        let guests: Vec<Guest<'static>> = thread::scope(|scope| {
            let boots: Vec<_> = (0..count).map(|at| scope.spawn(move || Guest::start(daemon, speed(at)))).collect();
            boots.into_iter().map(|boot| boot.join().unwrap()).collect()
        });
        let job = |name: &str, guests: &[Guest<'_>]| {
            let object = |guest: &Guest<'_>| format!("{{ name = \"{0}\", domain = \"{0}\" }}", guest.name);
            let objects: Vec<String> = guests.iter().map(object).collect();
            format!(
                "[[job]]\nname = \"{name}\"\nkind = \"vm\"\nrepository = \"{}\"\nuri = \"{}\"\nobjects = [{}]\n",
                repository.display(),
                daemon.uri,
                objects.join(", ")
            )
        };
        let slow = &guests[slow..=slow];
        let jobs = [job("nightly", &guests[..4]), job("filler", slow), job("second", &guests[count - 1..])];
        howdah.configure(&[settings, &jobs.concat()].concat());
        give(&howdah.home);
        Self { howdah, repository, guests }
    }

    fn spawn(&self, arguments: &[&str]) -> Shell {
        let out = crate::scratch_of_user("shell").join("out");
        let mut command = command(&self.howdah, arguments);
        let file = fs::File::create(&out).unwrap();
        let child = command.stdout(file.try_clone().unwrap()).stderr(Stdio::null()).spawn().unwrap();
        Shell { child, out }
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> String {
        self.spawn(arguments).end(code)
    }

    fn show(&self, job: &str) -> Value {
        serde_json::from_str(&self.run(&["job", "show", job, "--json"], 0)).unwrap()
    }

    /// These are the states of the run's objects, and the job has so many points of each: those that are done have a new
    /// one, machines that have one have a checkpoint, the others neither, and all guests go on.
    #[track_caller]
    fn expect(&self, ended: &Value, states: [&str; 4], points: [usize; 4]) {
        for (at, (guest, state)) in self.guests.iter().zip(states).enumerate() {
            assert_eq!(ended["objects"][at]["state"], state, "{ended}");
            let (folder, wanted) = (self.repository.join(&guest.name), points[at]);
            let mut there = names(&folder);
            there.sort();
            assert_eq!((there.len(), guest.checkpoints().len()), (wanted, wanted.min(1)), "{there:?}: {ended}");
            assert!(!guest.has_job());
            if state == "done" {
                expect_disk(&folder.join(there.last().unwrap()), &guest.bytes());
            }
            guest.write();
        }
    }

    /// Stops the job in the object that takes its time, which is of this session.
    fn stop_in(&self, session: u64, how: &[&str], code: i32) -> Value {
        let first_shell = self.spawn(&["job", "start", "nightly", "--wait", "--json"]);
        self.until_runs(session);
        self.run(&[&["job", "stop", "nightly", "--wait"], how].concat(), 0);
        serde_json::from_str(&first_shell.end(code)).unwrap()
    }

    /// Waits until something was read in the first attempt of this session.
    fn until_runs(&self, session: u64) {
        self.howdah.events().wait_for_bytes(session, 1, 1);
    }

    /// Stops the job, and looks that the other one, which has the only slot, runs on.
    fn stop_beside(&self, other: &str, how: &[&str], result: &str, says: &str) -> Value {
        self.run(&[&["job", "stop", "nightly", "--wait"], how].concat(), 0);
        let ended = self.show("nightly");
        assert_eq!((&ended["result"], &self.show(other)["phase"]), (&result.into(), &"running".into()), "{ended}");
        assert!(ended["detail"].as_str().unwrap().starts_with(says), "{ended}");
        ended
    }
}

impl Shell {
    #[track_caller]
    fn end(mut self, code: i32) -> String {
        let status = until("howdah ends", || self.child.try_wait().unwrap());
        let said = fs::read_to_string(&self.out).unwrap();
        assert_eq!(status.code(), Some(code), "{said}");
        said
    }
}

#[test]
fn r31_to_r38_d8_stops_in_the_first_object() {
    needs_libvirt!();
    let night = Night::new("", 0);
    let plan = night.run(&["job", "start", "nightly", "--plan"], 0);
    assert!(
        plan.contains("full: the job has no restore point of it yet") && plan.contains("checkpoint howdah-"),
        "{plan}"
    );
    let ended = night.stop_in(1, &[], 7);
    assert_eq!(ended["result"], "failed", "{ended}");
    night.expect(&ended, ["stopped", "not_started", "not_started", "not_started"], [0; 4]);
    let ended = night.stop_in(2, &["--graceful"], 5);
    assert_eq!(ended["result"], "stopped", "{ended}");
    night.expect(&ended, ["done", "not_started", "not_started", "not_started"], [1, 0, 0, 0]);
}

#[test]
fn r31_to_r38_d8_stops_in_the_last_object_and_a_job_that_comes_to_its_end() {
    needs_libvirt!();
    let night = Night::new("", 3);
    let ended = night.stop_in(4, &[], 7);
    assert_eq!(ended["result"], "failed", "{ended}");
    night.expect(&ended, ["done", "done", "done", "stopped"], [1, 1, 1, 0]);
    let ended = night.stop_in(8, &["--graceful"], 5);
    assert_eq!(ended["result"], "stopped", "{ended}");
    night.expect(&ended, ["done"; 4], [2, 2, 2, 1]);
    let ended: Value = serde_json::from_str(&night.run(&["job", "start", "nightly", "--wait", "--json"], 0)).unwrap();
    assert_eq!(ended["result"], "success", "{ended}");
    night.expect(&ended, ["done"; 4], [3, 3, 3, 2]);
}

/// Other jobs have the only slot before the first object of this one and between its first and its second: that object is
/// in process, and no attempt of it has begun.
#[test]
fn r31_to_r43_stops_before_the_first_object_and_between_two() {
    needs_libvirt!();
    let night = Night::new("max_running = 1\n", 4);
    let start = |job| night.run(&["job", "start", job], 0);
    let is = |at: usize, state: &str| night.show("nightly")["objects"][at]["state"] == state;
    start("filler");
    night.until_runs(1);
    for (how, says) in [(&["--graceful"][..], "Operation was canceled by user"), (&[], "stopped immediately by")] {
        start("nightly");
        until_true("the first object waits", || is(0, "in_process"));
        let ended = night.stop_beside("filler", how, "failed", says);
        assert!((0..4).all(|at| ended["objects"][at]["state"] == "not_started"), "{ended}");
    }
    night.run(&["job", "stop", "filler", "--wait"], 0);
    night.expect(&night.show("nightly"), ["not_started"; 4], [0; 4]);
    for (points, first, how, result, says) in [
        (1, 4, &["--graceful"][..], "stopped", "stopped gracefully by"),
        (2, 8, &[], "failed", "stopped immediately by"),
    ] {
        start("filler");
        night.until_runs(first);
        start("nightly");
        until_true("the first object waits", || is(0, "in_process"));
        start("second");
        night.run(&["job", "stop", "filler", "--wait"], 0);
        night.until_runs(first + 2);
        until_true("the second object waits", || is(0, "done") && is(1, "in_process"));
        let ended = night.stop_beside("second", how, result, says);
        night.run(&["job", "stop", "second", "--wait"], 0);
        night.expect(&ended, ["done", "not_started", "not_started", "not_started"], [points, 0, 0, 0]);
    }
    assert!(night.guests[4..].iter().all(|guest| guest.checkpoints().is_empty()));
}
