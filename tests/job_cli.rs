//! `howdah job`, from the settings to the end of a run: real workers, a keeper that nobody started by hand, exit codes.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{fs, io::Write as _, path::PathBuf, process::Stdio};
use support::{
    cluster::{Restored, SUM_OF_ROWS, give_to_server_user, server_scratch, source},
    howdah::{Howdah, Ran},
    place::{listing, open_to_all, root},
    port::free_port,
    timeout::until_true,
};

/// Slow enough that a test comes in between: the file takes a minute.
const SLOW: &str = "rate = \"1M\"\n";

/// A user with a job that copies a directory with a file of so many bytes.
struct Place {
    howdah: Howdah,
    source: PathBuf,
    target: PathBuf,
}

impl Place {
    fn new(bytes: usize, more: &str) -> Self {
        open_to_all(root());
        let (source, target) = (server_scratch("trees").join("tree"), server_scratch("copies"));
        fs::create_dir_all(&source).unwrap();
        for (name, content) in [("one", vec![7; bytes]), ("two", b"two".to_vec())] {
            fs::write(source.join(name), content).unwrap();
            give_to_server_user(&source.join(name));
        }
        give_to_server_user(&source);
        let howdah = Howdah::new();
        howdah.configure(&format!(
            "[[job]]\nname = \"files\"\nkind = \"file-copy\"\ntarget = \"{}\"\n{more}\
             objects = [{{ name = \"tree\", path = \"{}\" }}]\n",
            target.display(),
            source.display()
        ));
        Self { howdah, source, target }
    }

    fn job(&self, arguments: &[&str]) -> Ran {
        self.howdah.run([&["job"], arguments].concat())
    }

    fn run(&self) -> Value {
        self.job(&["show", "files", "--json"]).expect_code(0).json()
    }

    /// What stands below the target.
    fn copied(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.target).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect()
    }

    fn until_in_process(&self) {
        until_true("the object is in process", || {
            let some = listing(&self.target).iter().any(|entry| entry.contains("one"));
            some && self.run()["objects"][0]["state"] == "in_process"
        });
    }
}

#[test]
fn without_a_job_the_list_says_where_jobs_are_described() {
    let howdah = Howdah::new();
    let ran = howdah.run(["job", "list"]).expect_code(0);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("howdah.toml describes them"), "{}", ran.stderr);
    assert_eq!(howdah.run(["job", "list", "--json"]).expect_code(0).json(), serde_json::json!([]));
    howdah.run(["job", "show", "nightly"]).expect_code(3).expect_words(&["there is no job nightly"]);
}

#[test]
fn a_run_that_is_waited_for_tells_its_end_by_the_exit_code() {
    let place = Place::new(1_000, "");
    let listed = place.job(&["list"]).expect_code(0).stdout;
    assert!(listed.contains("files") && listed.contains("never ran"), "{listed}");
    place.job(&["show", "files"]).expect_code(3).expect_words(&["files never ran"]);
    let plan = place.job(&["start", "files", "--plan"]).expect_code(0).stdout;
    assert!(plan.contains("tree") && plan.contains("free space"), "{plan}");
    assert_eq!(place.copied(), [] as [&str; 0], "a plan writes nothing");
    let ended = place.job(&["start", "fil", "--wait", "--json"]).expect_code(0).json();
    assert_eq!((&ended["result"], &ended["objects"][0]["state"]), (&"success".into(), &"done".into()), "{ended}");
    assert_eq!(fs::read(place.target.join("tree/one")).unwrap(), vec![7; 1_000]);
    // R42: a line an object, its name first.
    let shown = place.job(&["show", "files#1"]).expect_code(0).stdout;
    assert!(shown.lines().count() == 1 && shown.starts_with("tree  done"), "{shown}");
    let log = place.job(&["log", "[0]"]).expect_code(0).stdout;
    assert!(log.contains("job files (file-copy) started") && log.contains("ended, success"), "{log}");
    place.job(&["stop", "files"]).expect_code(3).expect_words(&["files#1 was not stopped"]);
    place.job(&["dismiss", "files"]).expect_code(0);
    assert!(place.job(&["list"]).expect_code(0).stdout.contains("success"), "its history is kept");
    fs::remove_dir_all(&place.source).unwrap();
    place.job(&["start", "files", "--wait"]).expect_code(7).expect_words(&["files#2: failed"]);
    // Both uuids begin with the hour of their run.
    let uuid = ended["uuid"].as_str().unwrap();
    place.job(&["show", &uuid[..4]]).expect_code(3).expect_words(&["fits several runs: #1 (", "#2 ("]);
    assert_eq!(place.job(&["show", uuid, "--json"]).expect_code(0).json()["run"], 1, "not the newest");
}

#[test]
fn r35_r40_a_file_copy_is_stopped_immediately_alone_and_leaves_nothing() {
    let place = Place::new(60 << 20, SLOW);
    let started = place.job(&["start", "files"]).expect_code(0).stdout;
    assert!(started.starts_with("files#1 "), "{started}");
    place.until_in_process();
    place.job(&["start", "files"]).expect_code(3).expect_words(&["files was not started"]);
    place.job(&["stop", "files", "--graceful"]).expect_code(3).expect_words(&["a file copy makes no restore points"]);
    let stopped = place.job(&["stop", "nowhere", "files", "--wait"]).expect_code(3);
    assert!(stopped.stdout.is_empty() && stopped.stderr.contains("there is no job nowhere"), "{}", stopped.stderr);
    let run = place.run();
    assert_eq!((&run["result"], &run["objects"][0]["state"]), (&"failed".into(), &"stopped".into()), "{run}");
    assert!(run["detail"].as_str().unwrap().contains("stopped immediately by"), "{run}");
    assert_eq!(place.copied(), [] as [&str; 0]);
}

#[test]
fn the_object_of_a_run_stops_it_through_a_pipe() {
    let place = Place::new(60 << 20, SLOW);
    place.job(&["start", "files"]).expect_code(0);
    place.until_in_process();
    let object = place.job(&["show", "files", "--json"]).expect_code(0).stdout;
    let stop = |input: &str| {
        let mut command = place.howdah.command(["job", "stop", "-", "--wait"]);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    assert_eq!(stop("{\"run\": 1}").status.code(), Some(2), "it has no uuid");
    assert_eq!(stop(&object.replace("\"run\":1", "\"run\":9")).status.code(), Some(3), "another run");
    assert_eq!(place.run()["phase"], "running");
    let uuid = place.run()["uuid"].as_str().unwrap().to_owned();
    let by_uuid = place.job(&["show", &uuid[..8], "--json"]).expect_code(0).json();
    assert_eq!(by_uuid["run"], 1, "the beginning of a uuid names a run that goes on");
    let stopped = stop(&format!("[{object}] {object}"));
    assert!(!String::from_utf8_lossy(&stopped.stderr).contains("not stopped"), "each once");
    assert_eq!(stopped.status.code(), Some(0), "{}", String::from_utf8_lossy(&stopped.stderr));
    assert!(stopped.stdout.is_empty());
    assert_eq!(place.run()["result"], "failed");
}

#[test]
fn who_waits_for_a_run_hears_that_its_owner_is_gone_and_waits_on_under_the_next() {
    let place = Place::new(60 << 20, SLOW);
    let waiting = place.howdah.spawn(["job", "start", "files", "--wait"]);
    place.until_in_process();
    let lock = place.howdah.home.join("state-home/howdah/owner.lock");
    let keeper: i32 = fs::read_to_string(lock).unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(keeper).unwrap(), Signal::KILL).unwrap();
    until_true("it says so", || waiting.stderr().contains("nobody owns"));
    place.job(&["stop", "files", "--wait"]).expect_code(0);
    waiting.wait().expect_code(7).expect_words(&["files#1: failed"]);
    assert_eq!(place.copied(), [] as [&str; 0]);
}

/// The night as it is meant: the job makes a restore point, which is listed at once and restores like any other.
#[test]
fn a_job_backs_up_a_server_and_what_it_made_restores() {
    needs_postgres!();
    open_to_all(root());
    let (howdah, cluster, repository) = (Howdah::new(), source(), server_scratch("repository"));
    howdah.configure(&format!(
        "[[job]]\nname = \"nightly\"\nkind = \"instance\"\nform = \"tar\"\nrepository = \"{}\"\n\
         objects = [{{ name = \"shop\", conninfo = \"{}\" }}]\n",
        repository.display(),
        cluster.conninfo()
    ));
    let ended = howdah.run(["job", "start", "nightly", "--wait", "--json"]).expect_code(0).json();
    assert_eq!(ended["objects"][0]["state"], "done", "{ended}");
    let listed = howdah.run(["backup", "list", "--json"]).expect_code(0).json();
    assert_eq!(listed[0]["instance"], "shop", "{listed}");
    let target = server_scratch("target").join("data");
    let restored = Restored(target.clone());
    howdah.restore(&repository, &target, &["--port", &free_port().to_string()]).expect_code(0);
    assert_eq!(restored.ask(SUM_OF_ROWS), cluster.sum);
}
