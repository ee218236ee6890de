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

/// A user with a job over four guests. One guest takes some seconds, one of the four or a fifth, and a second job is over
/// that one alone.
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
        let speed = move |at: usize| if at == slow { Speed::Slow } else { Speed::Fast };
        let guests: Vec<Guest<'static>> = thread::scope(|scope| {
            let boots: Vec<_> =
                (0..=slow.max(3)).map(|at| scope.spawn(move || Guest::start(daemon, speed(at)))).collect();
            boots.into_iter().map(|boot| boot.join().unwrap()).collect()
        });
        let object = |guest: &Guest<'_>| format!("{{ name = \"{0}\", domain = \"{0}\" }}", guest.name);
        let job = |name: &str, guests: &[Guest<'_>]| {
            let objects: Vec<String> = guests.iter().map(object).collect();
            format!(
                "[[job]]\nname = \"{name}\"\nkind = \"vm\"\nrepository = \"{}\"\nuri = \"{}\"\nobjects = [{}]\n",
                repository.display(),
                daemon.uri,
                objects.join(", ")
            )
        };
        howdah.configure(&[settings, &job("nightly", &guests[..4]), &job("filler", &guests[slow..=slow])].concat());
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

    /// These are the states of the run's objects; those that are done have a point and a checkpoint, the others neither,
    /// and all guests go on.
    fn expect(&self, ended: &Value, states: [&str; 4]) {
        for (at, (guest, state)) in self.guests.iter().zip(states).enumerate() {
            assert_eq!(ended["objects"][at]["state"], state, "{ended}");
            let points = names(&self.repository.join(&guest.name));
            let wanted = usize::from(state == "done");
            assert_eq!((points.len(), guest.checkpoints().len(), guest.has_job()), (wanted, wanted, false), "{ended}");
            for point in points {
                expect_disk(&self.repository.join(&guest.name).join(point), &guest.bytes());
            }
            guest.write();
        }
    }

    /// Stops the job in the object that takes its time.
    fn stop_in(&self, slow: u64, how: &[&str], code: i32) -> Value {
        let first_shell = self.spawn(&["job", "start", "nightly", "--wait", "--json"]);
        self.howdah.events().wait_for_bytes(slow + 1, 1, 1);
        self.run(&[&["job", "stop", "nightly", "--wait"], how].concat(), 0);
        serde_json::from_str(&first_shell.end(code)).unwrap()
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
fn r31_to_r36_an_immediate_stop_in_the_first_object_leaves_nothing() {
    needs_libvirt!();
    let night = Night::new("", 0);
    let plan = night.run(&["job", "start", "nightly", "--plan"], 0);
    assert!(
        plan.contains("full: the job has no restore point of it yet") && plan.contains("checkpoint howdah-"),
        "{plan}"
    );
    let ended = night.stop_in(0, &[], 7);
    assert_eq!(ended["result"], "failed", "{ended}");
    night.expect(&ended, ["stopped", "not_started", "not_started", "not_started"]);
}

#[test]
fn r31_to_r36_an_immediate_stop_in_the_last_object_leaves_the_points_of_the_others() {
    needs_libvirt!();
    let night = Night::new("", 3);
    let ended = night.stop_in(3, &[], 7);
    assert_eq!(ended["result"], "failed", "{ended}");
    night.expect(&ended, ["done", "done", "done", "stopped"]);
}

#[test]
fn r37_r38_d8_a_graceful_stop_in_the_second_object_leaves_the_points_of_two() {
    needs_libvirt!();
    let night = Night::new("", 1);
    let ended = night.stop_in(1, &["--graceful"], 5);
    assert_eq!(ended["result"], "stopped", "{ended}");
    night.expect(&ended, ["done", "done", "not_started", "not_started"]);
}

/// Another job has the only slot: the first object of this one is in process, and no attempt of it has begun.
#[test]
fn r33_r43_a_stop_before_the_first_object_begins_leaves_nothing() {
    needs_libvirt!();
    let night = Night::new("max_running = 1\n", 4);
    night.run(&["job", "start", "filler"], 0);
    night.howdah.events().wait_for_bytes(1, 1, 1);
    night.run(&["job", "start", "nightly"], 0);
    until_true("the first object waits", || night.show("nightly")["objects"][0]["state"] == "in_process");
    night.run(&["job", "stop", "nightly", "--wait"], 0);
    assert_eq!(night.show("filler")["phase"], "running", "other jobs are left alone");
    night.run(&["job", "stop", "filler", "--wait"], 0);
    night.expect(&night.show("nightly"), ["not_started"; 4]);
}
