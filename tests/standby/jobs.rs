//! Jobs over several standbys of one primary: to their end, and stopped from a second shell. After each the primary, the
//! directories and the servers are looked at.

use crate::{
    needs_postgres,
    pair::{Pair, primary},
    support::{cluster::server_scratch, howdah::Howdah, place::names, timeout::until_true},
};
use serde_json::Value;
use std::fs;

/// Enough that files of several kinds have come in.
const SOME: u64 = 1 << 20;

/// A user with the job `follow` over three standbys, and one that fills the only slot for a minute.
struct Bed {
    howdah: Howdah,
    pairs: [Pair<'static>; 3],
}

/// Slow enough that a test comes in between.
const SLOW: &str = "rate = \"8M\"\n";

impl Bed {
    fn new() -> Self {
        Self { howdah: Howdah::usual(), pairs: [(); 3].map(|()| Pair::of(primary())) }
    }

    /// Writes the settings, with more of them for all and for the job.
    fn configure(&self, settings: &str, job: &str) {
        let objects: Vec<String> =
            ["a", "b", "c"].into_iter().zip(&self.pairs).map(|(name, pair)| pair.object(name)).collect();
        let job =
            format!("[[job]]\nname = \"follow\"\nkind = \"replication\"\n{job}objects = [{}]\n", objects.join(", "));
        self.howdah.configure(&[settings, &job].concat());
    }

    fn run(&self, job: &str) -> Value {
        self.howdah.run(["job", "show", job, "--json"]).expect_code(0).json()
    }

    /// These are the ends of the objects; so many standbys follow, and of the others nothing is anywhere.
    fn expect(&self, ended: &Value, states: [&str; 3], follow: usize) {
        let objects = ended["objects"].as_array().unwrap();
        let found: Vec<&str> = objects.iter().map(|object| object["state"].as_str().unwrap()).collect();
        assert_eq!(found, states, "{ended}");
        for (number, pair) in self.pairs.iter().enumerate() {
            if number < follow {
                pair.follows();
            } else {
                pair.is_gone();
            }
        }
    }
}

#[test]
fn r41_a_job_makes_its_standbys_and_a_second_run_of_it_only_measures() {
    needs_postgres!();
    let bed = Bed::new();
    bed.configure("", "");
    let ended = bed.howdah.run(["job", "start", "follow", "--wait", "--json"]).expect_code(0).json();
    assert_eq!(ended["result"], "success", "{ended}");
    bed.expect(&ended, ["done"; 3], 3);
    let servers = bed.pairs.each_ref().map(Pair::postmaster);
    let ended = bed.howdah.run(["job", "start", "follow", "--wait", "--json"]).expect_code(0).json();
    bed.expect(&ended, ["done"; 3], 3);
    assert_eq!(bed.pairs.each_ref().map(Pair::postmaster), servers);
}

#[test]
fn r31_to_r36_a_stop_in_the_first_and_in_the_last_object_leaves_what_was_done() {
    needs_postgres!();
    let bed = Bed::new();
    bed.configure("", SLOW);
    for (last, states) in [(1, ["stopped", "not_started", "not_started"]), (3, ["done", "done", "stopped"])] {
        let shell = bed.howdah.spawn(["job", "start", "follow", "--wait", "--json"]);
        // One session was of the first run.
        let session = if last == 1 { 1 } else { 4 };
        bed.howdah.events().wait_for_bytes(session, 1, SOME);
        bed.howdah.run(["job", "stop", "follow", "--wait"]).expect_code(0);
        let ended = shell.wait().expect_code(7).json();
        assert_eq!(ended["result"], "failed", "{ended}");
        bed.expect(&ended, states, last - 1);
    }
    // Gracefully in the last: nothing is left to be begun, and all is done.
    let shell = bed.howdah.spawn(["job", "start", "follow", "--wait", "--json"]);
    bed.howdah.events().wait_for_bytes(7, 1, SOME);
    bed.howdah.run(["job", "stop", "follow", "--graceful", "--wait"]).expect_code(0);
    let ended = shell.wait().expect_code(5).json();
    assert_eq!(ended["result"], "stopped", "{ended}");
    bed.expect(&ended, ["done"; 3], 3);
}

#[test]
fn r33_r38_a_stop_between_two_objects_begins_no_third() {
    needs_postgres!();
    for how in [&[][..], &["--graceful"]] {
        let bed = Bed::new();
        bed.configure("", "");
        bed.howdah.run(["job", "start", "follow"]).expect_code(0);
        until_true("the first is done", || bed.run("follow")["objects"][0]["state"] == "done");
        bed.howdah.run([&["job", "stop", "follow", "--wait"], how].concat()).expect_code(0);
        let ended = bed.run("follow");
        assert_eq!(ended["result"], if how.is_empty() { "failed" } else { "stopped" }, "{ended}");
        // Which of the two the stop meets is for the two to race; both know what the second must be then.
        let second = ended["objects"][1]["state"].as_str().unwrap();
        let may_be: &[&str] = if how.is_empty() { &["stopped", "not_started"] } else { &["done", "not_started"] };
        assert!(may_be.contains(&second), "{ended}");
        bed.expect(&ended, ["done", second, "not_started"], if second == "done" { 2 } else { 1 });
    }
}

#[test]
fn r37_r38_d8_a_graceful_stop_in_the_first_object_finishes_it_and_begins_no_other() {
    needs_postgres!();
    let bed = Bed::new();
    bed.configure("", SLOW);
    let shell = bed.howdah.spawn(["job", "start", "follow", "--wait", "--json"]);
    bed.howdah.events().wait_for_bytes(1, 1, SOME);
    bed.howdah.run(["job", "stop", "follow", "--graceful", "--wait"]).expect_code(0);
    let ended = shell.wait().expect_code(5).json();
    assert_eq!(ended["result"], "stopped", "{ended}");
    bed.expect(&ended, ["done", "not_started", "not_started"], 1);
    // The next run goes on with the others; the one that stands is measured.
    bed.configure("", "");
    let ended = bed.howdah.run(["job", "start", "follow", "--wait", "--json"]).expect_code(0).json();
    bed.expect(&ended, ["done"; 3], 3);
}

/// Another job has the only slot: the first object of this one is in process, and no attempt of it has begun.
#[test]
fn r33_r43_a_stop_before_the_first_object_begins_leaves_nothing() {
    needs_postgres!();
    let bed = Bed::new();
    let [tree, copies] = ["tree", "copies"].map(server_scratch);
    fs::write(tree.join("file"), vec![7; 60 << 20]).unwrap();
    let filler = format!(
        "max_running = 1\n[[job]]\nname = \"filler\"\nkind = \"file-copy\"\ntarget = \"{}\"\nrate = \"1M\"\n\
         objects = [{{ name = \"tree\", path = \"{}\" }}]\n",
        copies.display(),
        tree.display()
    );
    bed.configure(&filler, "");
    bed.howdah.run(["job", "start", "filler"]).expect_code(0);
    bed.howdah.events().wait_for_bytes(1, 1, SOME);
    for (graceful, says) in [(true, "Operation was canceled by user"), (false, "stopped immediately by")] {
        bed.howdah.run(["job", "start", "follow"]).expect_code(0);
        until_true("the first object waits", || bed.run("follow")["objects"][0]["state"] == "in_process");
        let how: &[&str] = if graceful { &["--graceful"] } else { &[] };
        bed.howdah.run([&["job", "stop", "follow", "--wait"], how].concat()).expect_code(0);
        let ended = bed.run("follow");
        assert_eq!(ended["result"], "failed", "{ended}");
        assert!(ended["detail"].as_str().unwrap().starts_with(says), "{ended}");
        bed.expect(&ended, ["not_started"; 3], 0);
    }
    bed.howdah.run(["job", "stop", "filler", "--wait"]).expect_code(0);
    assert_eq!(names(bed.pairs[0].directory.parent().unwrap()), [""; 0]);
}
