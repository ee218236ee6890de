//! `howdah job` over three trees: to its end, and stopped in each of them.

use crate::{
    bed::{Bed, random},
    cheap, needs_restic,
    support::{
        howdah::Howdah,
        place::{names, scratch},
        timeout::until_true,
    },
};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

/// The objects, in their order, which is not that of the alphabet.
const NAMES: [&str; 3] = ["zoo", "art", "mail"];

struct Night {
    howdah: Howdah,
    repository: PathBuf,
    password: PathBuf,
    trees: Vec<PathBuf>,
}

impl Night {
    fn new(rate: &str) -> Self {
        let Bed { repository, password, .. } = Bed::new(0);
        let howdah = Howdah::usual();
        let trees: Vec<PathBuf> = NAMES.iter().map(|name| scratch(name)).collect();
        let mut objects = Vec::new();
        for (name, tree) in NAMES.iter().zip(&trees) {
            fs::write(tree.join("file"), random(2 << 20)).unwrap();
            objects.push(format!("{{ name = \"{name}\", path = \"{}\" }}", tree.display()));
        }
        howdah.configure(&format!(
            "[[job]]\nname = \"home\"\nkind = \"files\"\nrepository = \"{}\"\npassword_file = \"{}\"\n{rate}\
             objects = [{}]\n",
            repository.display(),
            password.display(),
            objects.join(", ")
        ));
        Self { howdah, repository, password, trees }
    }

    /// The same with repositories that are there already.
    fn with_repositories(rate: &str) -> Self {
        let night = Self::new(rate);
        for name in NAMES {
            cheap::make(&night.repository.join(format!("{name}.restic")));
        }
        night
    }

    fn run(&self) -> Value {
        self.howdah.run(["job", "show", "home", "--json"]).expect_code(0).json()
    }

    fn restic(&self, name: &str, arguments: &[&str]) -> String {
        let mut command = Command::new("restic");
        command.args(["--no-cache", "--no-lock", "-p"]).arg(&self.password);
        command.arg("-r").arg(self.repository.join(format!("{name}.restic"))).args(arguments);
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// How the objects ended, and that those alone have a restore point that are done; no lock and no claim is left.
    #[track_caller]
    fn expect(&self, ended: &Value, states: [&str; 3]) {
        for (at, (name, state)) in NAMES.iter().zip(states).enumerate() {
            assert_eq!(ended["objects"][at]["state"], state, "{ended}");
            let folder = self.repository.join(format!("{name}.restic"));
            if !folder.exists() {
                assert_ne!(state, "done", "{name}");
                continue;
            }
            assert_eq!(names(&folder.join("locks")), [] as [&str; 0]);
            assert_eq!(names(&folder.join("snapshots")).len(), usize::from(state == "done"), "{name}");
        }
        // A stop that comes while an object's place is being claimed ends the run before the owner gives the place back.
        until_true("no claim is left", || names(&self.repository).iter().all(|name| name.ends_with(".restic")));
    }

    /// The newest restore point of an object holds its tree.
    #[track_caller]
    fn restores(&self, object: usize) {
        let (target, tree) = (scratch("restored"), &self.trees[object]);
        self.restic(NAMES[object], &["restore", "latest", "--target", target.to_str().unwrap()]);
        let back = fs::read(target.join(tree.strip_prefix("/").unwrap()).join("file")).unwrap();
        assert!(back == fs::read(tree.join("file")).unwrap(), "{}", NAMES[object]);
    }

    /// Stops the run while this object is in process.
    fn stop_in(&self, object: usize, how: &[&str]) -> Value {
        self.howdah.run(["job", "start", "home"]).expect_code(0);
        let locks = self.repository.join(format!("{}.restic/locks", NAMES[object]));
        until_true("restic works on it", || locks.is_dir() && !names(&locks).is_empty());
        self.howdah.run([&["job", "stop", "home", "--wait"], how].concat()).expect_code(0);
        self.run()
    }
}

#[test]
fn r41_a_job_over_three_trees_makes_a_point_of_each_and_shows_it() {
    needs_restic!();
    let night = Night::new("");
    let plan = night.howdah.run(["job", "start", "home", "--plan"]).expect_code(0).stdout;
    assert!(plan.contains("into a new repository, which is made first"), "{plan}");
    assert_eq!(names(&night.repository), [] as [&str; 0], "a plan writes nothing");
    for name in &NAMES[1..] {
        cheap::make(&night.repository.join(format!("{name}.restic")));
    }
    let ended = night.howdah.run(["job", "start", "home", "--wait", "--json"]).expect_code(0).json();
    assert_eq!(ended["result"], "success", "{ended}");
    night.expect(&ended, ["done"; 3]);
}

#[test]
fn r31_to_r35_an_immediate_stop_leaves_the_points_of_those_that_were_done() {
    needs_restic!();
    for (object, states) in [
        (0, ["stopped", "not_started", "not_started"]),
        (1, ["done", "stopped", "not_started"]),
        (2, ["done", "done", "stopped"]),
    ] {
        let night = Night::with_repositories("rate = \"1M\"\n");
        let ended = night.stop_in(object, &[]);
        assert_eq!(ended["result"], "failed", "{ended}");
        night.expect(&ended, states);
        (0..object).for_each(|done| night.restores(done));
    }
}

#[test]
fn r37_r38_d8_a_graceful_stop_finishes_the_tree_in_process() {
    needs_restic!();
    for (object, states) in
        [(0, ["done", "not_started", "not_started"]), (1, ["done", "done", "not_started"]), (2, ["done"; 3])]
    {
        let night = Night::with_repositories("rate = \"1M\"\n");
        let ended = night.stop_in(object, &["--graceful"]);
        assert_eq!(ended["result"], "stopped", "{ended}");
        night.expect(&ended, states);
        night.restores(object);
    }
}

/// Another job has the only slot: the first object of this one is in process, and no attempt of it has begun.
#[test]
fn r33_r43_a_stop_before_the_first_object_begins_makes_no_repository_either() {
    needs_restic!();
    let night = Night::new("");
    let filler = scratch("filler");
    fs::write(filler.join("file"), random(60 << 20)).unwrap();
    let config = night.howdah.home.join("config/howdah/howdah.toml");
    let jobs = fs::read_to_string(&config).unwrap();
    let job = format!(
        "[[job]]\nname = \"filler\"\nkind = \"files\"\nrepository = \"{}\"\npassword_file = \"{}\"\nrate = \"1M\"\n\
         objects = [{{ name = \"filler\", path = \"{}\" }}]\n",
        scratch("elsewhere").display(),
        night.password.display(),
        filler.display()
    );
    night.howdah.configure(&format!("max_running = 1\n{jobs}{job}"));
    night.howdah.run(["job", "start", "filler"]).expect_code(0);
    night.howdah.events().wait_for_bytes(1, 1, 1);
    for (graceful, says) in [(true, "Operation was canceled by user"), (false, "stopped immediately by")] {
        night.howdah.run(["job", "start", "home"]).expect_code(0);
        until_true("the first object waits for a slot", || night.run()["objects"][0]["state"] == "in_process");
        let how: &[&str] = if graceful { &["--graceful"] } else { &[] };
        night.howdah.run([&["job", "stop", "home", "--wait"], how].concat()).expect_code(0);
        let ended = night.run();
        assert_eq!(ended["result"], "failed", "{ended}");
        assert!(ended["detail"].as_str().unwrap().starts_with(says), "{ended}");
        night.expect(&ended, ["not_started"; 3]);
        assert_eq!(names(&night.repository), [] as [&str; 0]);
    }
    night.howdah.run(["job", "stop", "filler", "--wait"]).expect_code(0);
}

#[test]
fn the_doctor_looks_for_restic_where_a_job_needs_it() {
    needs_restic!();
    let night = Night::new("");
    let doctor = |howdah: &Howdah| -> Vec<Value> {
        let found = howdah.run(["doctor", "--json"]).json();
        let rows = found.as_array().unwrap().iter().filter(|row| row["check"] == "restic");
        rows.cloned().collect()
    };
    let found = doctor(&night.howdah);
    assert_eq!((found.len(), &found[0]["state"]), (1, &"ok".into()), "{found:?}");
    assert_eq!(doctor(&Howdah::usual()), [] as [Value; 0], "nobody needs it");
    let old = scratch("old");
    fs::write(old.join("restic"), "#!/bin/sh\necho restic 0.9.6 compiled with go\n").unwrap();
    fs::set_permissions(old.join("restic"), fs::Permissions::from_mode(0o755)).unwrap();
    let config = night.howdah.home.join("config/howdah/howdah.toml");
    let jobs = fs::read_to_string(config).unwrap();
    night.howdah.configure(&format!("[worker]\nbinaries = [\"{}\"]\n{jobs}", old.display()));
    let found = doctor(&night.howdah);
    assert_eq!(found[0]["state"], "error", "{found:?}");
    assert!(found[0]["found"].as_str().unwrap().contains("restic 0.9, which is too old"), "{found:?}");
}

#[test]
fn r33_r38_a_stop_between_two_objects_begins_no_third() {
    needs_restic!();
    for how in [&[][..], &["--graceful"]] {
        let night = Night::with_repositories("");
        night.howdah.run(["job", "start", "home"]).expect_code(0);
        until_true("the first is done", || night.run()["objects"][0]["state"] == "done");
        night.howdah.run([&["job", "stop", "home", "--wait"], how].concat()).expect_code(0);
        let ended = night.run();
        assert_eq!(ended["result"], if how.is_empty() { "failed" } else { "stopped" }, "{ended}");
        // Which of the two the stop meets is for the two to race; both know what the second must be then.
        let second = ended["objects"][1]["state"].as_str().unwrap();
        let may_be: &[&str] = if how.is_empty() { &["stopped", "not_started"] } else { &["done", "not_started"] };
        assert!(may_be.contains(&second), "{ended}");
        night.expect(&ended, ["done", second, "not_started"]);
        night.restores(0);
    }
}
