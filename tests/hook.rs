//! The hook command: once for each occasion whoever owns the sessions, in bounds, and harmless to everything else.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

#[allow(dead_code, reason = "the sessions of another test are taken, and not all of them")]
#[path = "session/harness.rs"]
mod harness;
#[allow(dead_code, reason = "each floor uses its part of the samples")]
#[path = "machine/sample.rs"]
mod sample;

use harness::{Harness, Life};
use howdah::{domain::fact::End, machine::Command};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process,
};
use support::{
    howdah::Running,
    timeout::{until, until_true},
};

const SECRET: &str = "hunter2-and-nobody-else";

/// Sessions whose occasions a hook is to tell of.
struct Place {
    harness: Harness,
    directory: PathBuf,
}

/// The verification of this number, stuck long ago. To cancel it takes no worker.
fn stuck(number: u64) -> Life {
    Life::verifying(number).then(Command::Launch, 1).over(End::Failed(sample::incurable()), 2)
}

impl Place {
    /// With a hook of these lines of a shell script, which may write below `$1`; more settings of it come behind.
    fn of(lives: impl IntoIterator<Item = Life>, script: &str, settings: &str) -> Self {
        let harness = Harness::of(lives);
        let directory = harness.howdah.home.join("told of");
        fs::create_dir_all(&directory).unwrap();
        let hook = harness.howdah.home.join("hook");
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&hook, Permissions::from_mode(0o755)).unwrap();
        harness.howdah.configure(&format!(
            "[hook]\ncommand = [\"{}\", \"{}\"]\n{settings}\n",
            hook.display(),
            directory.display()
        ));
        Self { harness, directory }
    }

    /// The hook has been set since long before the sessions began.
    fn set_long_ago(self) -> Self {
        let hooks = self.harness.state().join("hooks");
        fs::create_dir_all(&hooks).unwrap();
        for event in ["completed", "stuck", "needs-a-person"] {
            fs::write(hooks.join(format!("since-{event}")), "2019-01-01T00:00:00Z\n").unwrap();
        }
        self
    }

    /// A keeper that owns the sessions, started in a shell with secrets.
    fn keeper(&self, more: &[&str]) -> Running {
        let mut arguments = vec!["keeper", "--state-dir", self.harness.state().to_str().unwrap()];
        arguments.extend(more);
        let running = self.harness.howdah.spawn_with(arguments, &[("PGPASSWORD", SECRET)]);
        let (lock, pid) = (self.harness.state().join("owner.lock"), running.pid().to_string());
        until_true("the keeper owns", || fs::read_to_string(&lock).is_ok_and(|owner| owner.trim() == pid));
        running
    }

    fn cancel(&self, number: u64) {
        self.harness.run(&["cancel", &number.to_string(), "--kind", "verify"]).expect_code(0);
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// What the hook was told, in order: `cat >> "$1/events"`.
    fn events(&self) -> Vec<(u64, String)> {
        let lines = lines(&self.file("events"));
        let objects = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        objects.map(|object| (object["id"].as_u64().unwrap(), object["event"].as_str().unwrap().to_owned())).collect()
    }

    fn wait_for_events(&self, expected: &[(u64, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(id, event)| (*id, (*event).to_owned())).collect();
        until_true(&format!("{expected:?}"), || {
            let mut events = self.events();
            events.sort();
            assert!(events.len() <= expected.len(), "{events:?}");
            events == expected
        });
    }

    fn wait_for_log(&self, words: &[&str]) {
        let log = self.harness.state().join("howdah.log");
        until_true(&format!("a line of the log with {words:?}"), || {
            lines(&log).iter().any(|line| words.iter().all(|word| line.contains(word)))
        });
    }
}

/// The whole lines of a file that may not be there yet.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(|line| line.trim_end().to_owned()).collect()
}

fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

const TELL: &str = "cat >> \"$1/events\"";

#[test]
fn a_hook_gets_the_object_of_the_session_and_nothing_of_the_shell() {
    let script = format!("env > \"$1/environment\"; echo whispered >&2; {TELL}");
    let place = Place::of([stuck(1)], &script, "").set_long_ago();
    let _keeper = place.keeper(&[]);
    place.wait_for_events(&[(1, "stuck")]);
    let shown = place.harness.run(&["show", "1", "--kind", "verify", "--json"]).expect_code(0).json();
    let mut object: Value = serde_json::from_str(&lines(&place.file("events"))[0]).unwrap();
    assert_eq!(object.as_object_mut().unwrap().remove("event"), Some("stuck".into()));
    assert_eq!(object, shown);
    let environment = fs::read_to_string(place.file("environment")).unwrap();
    // The shell sets the last three itself.
    let known = ["PATH", "HOME", "TZ", "LANG", "PWD", "OLDPWD", "SHLVL", "_"];
    assert!(environment.lines().all(|line| known.contains(&line.split('=').next().unwrap())), "{environment}");
    assert!(environment.contains("LANG=C\n") && !environment.contains(SECRET), "{environment}");
    place.wait_for_log(&["the hook has ended", "session=1", "stuck", "whispered"]);
    place.cancel(1);
    place.wait_for_events(&[(1, "completed"), (1, "stuck")]);
    assert!(lines(&place.file("events"))[1].contains("\"phase\":\"cancelled\""));
}

#[test]
fn each_occasion_is_told_of_once_though_owners_are_killed_and_replaced() {
    let place = Place::of((1..=3).map(stuck), TELL, "").set_long_ago();
    let first = place.keeper(&[]);
    let all_stuck = [(1, "stuck"), (2, "stuck"), (3, "stuck")];
    place.wait_for_events(&all_stuck);
    first.signal(Signal::KILL);
    first.wait();
    let _second = place.keeper(&[]);
    place.cancel(1);
    place.wait_for_events(&[&[(1, "completed")][..], &all_stuck].concat());
    // Two owners at once: as long as nothing happens, the older one does not notice that its lock is gone.
    fs::remove_file(place.harness.state().join("owner.lock")).unwrap();
    let _third = place.keeper(&[]);
    until_true("the third one cancels", || {
        let ran = place.harness.run(&["cancel", "2", "--kind", "verify"]);
        assert!(ran.code == Some(0) || ran.stderr.contains("taken over by another owner"), "{ran}");
        ran.code == Some(0)
    });
    place.wait_for_events(&[(1, "completed"), (1, "stuck"), (2, "completed"), (2, "stuck"), (3, "stuck")]);
}

#[test]
fn what_an_owner_had_stored_and_not_begun_the_next_one_begins() {
    let overdue = Life::queued(4).cancelling().then(Command::Wake, 60);
    let cancelled = Life::verifying(2).then(harness::cancel(), 3);
    let place = Place::of([stuck(1), cancelled, stuck(3), overdue], TELL, "").set_long_ago();
    // A record stands for a hook that began, though nobody knows whether it came to anything.
    let begun = place.harness.state().join("hooks").join(format!("{}-1-stuck", harness::uuid(3)));
    fs::write(begun, "2020-02-02T02:00:02Z\n").unwrap();
    let _keeper = place.keeper(&[]);
    // What was to be gone is gone by now, which ends that one.
    let left = [(1, "stuck"), (2, "completed"), (4, "completed"), (4, "needs-a-person")];
    place.wait_for_events(&left);
    place.cancel(3);
    place.wait_for_events(&[&left[..2], &[(3, "completed")], &left[2..]].concat());
}

#[test]
fn old_records_go_with_sessions_that_have_ended_and_no_hook_runs_twice() {
    let cancelled = Life::verifying(2).then(harness::cancel(), 3);
    let place = Place::of([stuck(1), cancelled], TELL, "").set_long_ago();
    let record = |number, rest| place.harness.state().join("hooks").join(format!("{}-{rest}", harness::uuid(number)));
    let (stuck, completed) = (record(1, "1-stuck"), record(2, "0-completed"));
    let reported = [(1, "stuck"), (2, "completed")];
    let first = place.keeper(&[]);
    place.wait_for_events(&reported);
    first.signal(Signal::KILL);
    first.wait();
    // Both were begun long ago. The next owner still tells of that time, then it does no more.
    for record in [&stuck, &completed] {
        fs::write(record, "2020-02-03T00:00:00Z\n").unwrap();
    }
    let second = place.keeper(&[]);
    until_true("the record of the session that has ended is gone", || !completed.exists());
    second.signal(Signal::KILL);
    second.wait();
    assert!(stuck.exists(), "that session goes on");
    let _third = place.keeper(&[]);
    place.cancel(1);
    place.wait_for_events(&[(1, "completed"), (1, "stuck"), (2, "completed")]);
}

#[test]
fn what_happened_before_a_hook_was_set_or_is_not_wanted_is_not_told_of() {
    let place = Place::of([stuck(1), stuck(2)], TELL, "on = [\"completed\"]");
    let _keeper = place.keeper(&[]);
    place.cancel(2);
    place.wait_for_events(&[(2, "completed")]);
}

#[test]
fn a_hook_that_hangs_is_killed_with_what_it_started_and_holds_up_nobody() {
    let script = "tail -f /dev/null & echo $! >> \"$1/pids\"; echo $$ >> \"$1/pids\"; wait";
    let place = Place::of([stuck(1), stuck(2)], script, "time_limit = \"1s\"").set_long_ago();
    let keeper = place.keeper(&[]);
    let pids = until("the hooks run", || Some(lines(&place.file("pids"))).filter(|pids| pids.len() >= 4));
    place.cancel(1);
    // Whoever owned the sessions when it began: its time is over all the same.
    keeper.signal(Signal::KILL);
    keeper.wait();
    place.wait_for_log(&["its time was over", "session=1"]);
    place.wait_for_log(&["its time was over", "session=2"]);
    until_true("all of them are gone", || !pids.iter().any(|pid| is_alive(pid)));
}

#[test]
fn a_hook_that_fails_is_logged_and_no_session_is_touched() {
    for (script, words) in [
        ("echo no 'mail\u{1b}[2J' >&2; exit 3", &["the hook failed", "code=3", "no mail\\\\u{1b}[2J"][..]),
        ("kill -9 $$", &["the hook failed", "signal=9"]),
        ("exec < /dev/null; exit 1", &["the hook failed", "code=1"]),
    ] {
        let place = Place::of([stuck(1)], script, "").set_long_ago();
        let before = place.harness.session(1);
        let _keeper = place.keeper(&[]);
        place.wait_for_log(words);
        assert_eq!(place.harness.session(1), before);
    }
    let place = Place::of([stuck(1)], TELL, "").set_long_ago();
    fs::remove_file(place.harness.howdah.home.join("hook")).unwrap();
    let _keeper = place.keeper(&[]);
    place.wait_for_log(&["the hook could not be run", "No such file"]);
}

#[test]
fn four_run_at_once_and_a_keeper_stays_until_all_are_begun() {
    let script = format!("echo $$ >> \"$1/pids\"; read -r go < \"$1/gate\"; {TELL}");
    let place = Place::of((1..=7).map(stuck), &script, "time_limit = \"10m\"").set_long_ago();
    let gate = place.file("gate");
    assert!(process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let keeper = place.keeper(&["--until-idle"]);
    let running = || lines(&place.file("pids")).len();
    until_true("four run", || running() == 4);
    place.cancel(7);
    assert_eq!(running(), 4);
    let mut open = OpenOptions::new().read(true).write(true).open(&gate).unwrap();
    open.write_all("go\n".repeat(8).as_bytes()).unwrap();
    until_true("all have been told of", || place.events().len() == 8);
    assert_eq!(running(), 8);
    assert_eq!(keeper.wait().code, Some(0));
}
