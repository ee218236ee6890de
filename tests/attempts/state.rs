//! The state directory of one test, and the end of all workers that were started in it.

use crate::{Harness, kill, support::place::scratch};
use howdah::{
    domain::fact::{Fact, FactLine, ProcessMark},
    machine::Report,
    process::{group_members, is_alive, mark, signal},
};
use rustix::process::Signal;
use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// A state directory. Dropping it ends whoever works below it: a test that fails leaves no worker behind.
pub(crate) struct State(pub(crate) PathBuf);

impl State {
    pub(crate) fn new() -> Self {
        Self(scratch("state"))
    }

    /// The processes of all workers that were started here, in whatever way, and what they have left in their groups.
    fn workers(&self) -> Vec<ProcessMark> {
        let own = |path: &Path| fs::read(path).unwrap_or_default();
        let names_us = |pid: &u32| {
            let line = own(Path::new(&format!("/proc/{pid}/cmdline")));
            line.windows(self.0.as_os_str().len()).any(|part| part == self.0.as_os_str().as_bytes())
        };
        let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut leaders: Vec<ProcessMark> = pids.filter(names_us).filter_map(mark).collect();
        for entry in walkdir::WalkDir::new(&self.0).into_iter().filter_map(Result::ok) {
            if entry.file_name() == "events.jsonl" {
                let lines = own(entry.path());
                let facts = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
                let began = |line: FactLine| if let Fact::Began(began) = line.fact { Some(began.mark()) } else { None };
                leaders.extend(facts.filter_map(began));
            }
        }
        let groups = leaders.iter().flat_map(|leader| group_members(*leader).unwrap());
        let mut all: Vec<ProcessMark> = groups.chain(leaders.iter().copied()).filter(|mark| is_alive(*mark)).collect();
        all.sort_by_key(|mark| mark.pid);
        all.dedup();
        all
    }
}

impl Drop for State {
    fn drop(&mut self) {
        loop {
            let left = self.workers();
            if left.is_empty() {
                return;
            }
            for mark in left {
                signal(mark, Signal::KILL).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn what_a_test_leaves_running_ends_with_its_state_directory() {
    // One that obeys nobody, and one whose worker is dead and has left its engine behind.
    for course in [
        "trap '' TERM; began; say '{\"note\":\"1\"}'; hang",
        "began; tail -f /dev/null & say \"{\\\"note\\\":\\\"$!\\\"}\"; wait",
    ] {
        let mut harness = Harness::new(course);
        harness.launch();
        let worker = harness.began().await;
        let Report::Fact(Fact::Note(engine)) = harness.report().await else { panic!("a pid") };
        while group_members(worker).unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        if engine != "1" {
            kill(worker);
        }
        assert!(!group_members(worker).unwrap().is_empty());
        drop(harness.leave());
        assert_eq!(group_members(worker).unwrap(), Vec::<ProcessMark>::new());
    }
}
