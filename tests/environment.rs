//! What keepers and workers get of the environment of a shell: what they need, what the settings name, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::{collections::BTreeSet, fs, process::Command};
use support::{
    backup::{Form, Repository},
    howdah::{Howdah, Ran},
    place::scratch,
    timeout::until,
};

const SECRET: &str = "hunter2-and-nobody-else";

/// The settings of this user, and a shell with passwords and keys in it.
fn shell(howdah: &Howdah, arguments: &[&str]) -> Command {
    let mut command = howdah.command(arguments);
    command.args(["--state-dir", howdah.state.to_str().unwrap()]).env_remove("TZ").env_remove("SUDO_USER");
    command.envs([("PGPASSWORD", SECRET), ("AWS_SECRET_ACCESS_KEY", SECRET), ("PGBACKREST_REPO1_S3_KEY", SECRET)]);
    command.envs([("USER", "ops"), ("LOGNAME", "ops"), ("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8")]);
    command
}

fn run(command: &mut Command, code: i32) -> Ran {
    let output = command.output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Ran { code: output.status.code(), stdout, stderr }.expect_code(code)
}

/// The variables that a process was started with.
fn environment(pid: u32) -> BTreeSet<String> {
    let text = String::from_utf8(fs::read(format!("/proc/{pid}/environ")).unwrap()).unwrap();
    text.split_terminator('\0').map(|entry| entry.split('=').next().unwrap().to_owned()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn keeper_and_worker_get_what_they_need_and_what_the_settings_name() {
    needs_postgres!();
    let (repository, howdah) = (Repository::of(Form::PLAIN), Howdah::new());
    let target = scratch("restored").join("shop");
    let [repository, target] = [&repository.0, &target].map(|path| path.to_str().unwrap());
    howdah.configure("[worker]\nenvironment = [\"PGBACKREST_*\"]\n");
    let start = ["session", "start", "shop", "--repo", repository, "--to", target, "--no-start", "--max-rate", "4M"];
    run(&mut shell(&howdah, &start), 0);
    let keeper = fs::read_to_string(howdah.state.join("owner.lock")).unwrap().trim().parse().unwrap();
    let worker = howdah.events().worker(1, 1).pid;
    let mut wanted = names(&["HOME", "LANG", "PATH", "PGBACKREST_REPO1_S3_KEY"]);
    assert_eq!(environment(worker), wanted);
    wanted.extend(names(&["LOGNAME", "USER", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"]));
    // What tests are told by is howdah's own, too.
    let usual = |name: &String| name != "XDG_RUNTIME_DIR" && !name.starts_with("HOWDAH_");
    assert_eq!(environment(keeper).into_iter().filter(usual).collect::<BTreeSet<_>>(), wanted);
    let shown = until("the session tells the names", || {
        let events = run(&mut shell(&howdah, &["session", "events", "1"]), 0).stdout;
        events.contains("PGBACKREST_REPO1_S3_KEY").then_some(events)
    });
    assert!(!shown.contains("PGPASSWORD"), "{shown}");
    run(&mut shell(&howdah, &["session", "cancel", "1", "--wait"]), 0);
    // Names, never values: in no ticket, journal, report or log.
    for entry in walkdir::WalkDir::new(&howdah.state).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "a secret stands in {}", entry.path().display());
        }
    }
    let ticket = fs::read_to_string(howdah.state.join("attempts/1/1/ticket.json")).unwrap();
    assert!(ticket.contains("PGBACKREST_*"), "{ticket}");
}

#[test]
fn plan_and_doctor_tell_what_the_owner_lacks() {
    let howdah = Howdah::new();
    howdah.configure("[worker]\nenvironment = [\"PGBACKREST_*\"]\n");
    let keeper = howdah.spawn(["keeper", "--state-dir", howdah.state.to_str().unwrap()]);
    let owner = until("the keeper owns", || {
        let text = fs::read_to_string(howdah.state.join("owner.lock")).ok()?;
        howdah.state.join("control.sock").exists().then(|| text.trim().to_owned())
    });
    let plan = ["restore", "orders", "--no-start", "--plan"];
    let shown = run(&mut shell(&howdah, &plan), 0);
    let of_owner = |line: &&str| line.starts_with("warning") && line.contains("the owner of the sessions");
    let warning = shown.stdout.lines().find(of_owner).unwrap_or_default();
    for word in ["PGBACKREST_REPO1_S3_KEY", &owner, "kill -TERM"] {
        assert!(warning.contains(word), "{word}: {shown}");
    }
    assert!(!shown.stdout.contains("PGPASSWORD") && !shown.stdout.contains(SECRET), "{shown}");
    let row = |command: &mut Command| {
        let rows = run(command, 0).json();
        rows.as_array().unwrap().iter().find(|row| row["check"] == "environment").unwrap().clone()
    };
    let lacks = row(&mut shell(&howdah, &["doctor", "--json"]));
    assert_eq!(lacks["state"], "warning", "{lacks}");
    assert!(lacks["found"].as_str().unwrap().contains("PGBACKREST_REPO1_S3_KEY"), "{lacks}");
    assert_eq!(lacks["fix"], format!("kill -TERM {owner}; howdah"));
    // A shell that has nothing of it misses nothing.
    let bare = |arguments: &[&str]| {
        let mut command = shell(&howdah, arguments);
        command.env_remove("PGBACKREST_REPO1_S3_KEY");
        command
    };
    assert!(!run(&mut bare(&plan), 0).stdout.contains("owner of the sessions"));
    assert_eq!(row(&mut bare(&["doctor", "--json"]))["state"], "ok");
    drop(keeper);
    // Without an owner the next one gets what is set here.
    assert!(!run(&mut shell(&howdah, &plan), 0).stdout.contains("owner of the sessions"));
    let whole = row(&mut shell(&howdah, &["doctor", "--json"]));
    assert!(whole["found"].as_str().unwrap().ends_with("set here: PGBACKREST_REPO1_S3_KEY"), "{whole}");
}

#[test]
fn plan_of_a_job_and_doctor_name_what_only_this_shell_has() {
    let howdah = Howdah::new();
    let job = "[[job]]\nname = \"nightly\"\nkind = \"instance\"\nrepository = \"/srv\"\n\
               objects = [{ name = \"shop\", conninfo = \"host=/nowhere\" }]\n";
    howdah.configure(job);
    let plan = run(&mut shell(&howdah, &["job", "start", "nightly", "--plan"]), 3).stdout;
    assert!(plan.contains("PGPASSWORD is set in this shell alone") && !plan.contains(SECRET), "{plan}");
    let checked = shell(&howdah, &["doctor", "--json"]).output().unwrap().stdout;
    let checked: serde_json::Value = serde_json::from_slice(&checked).unwrap();
    let row = checked.as_array().unwrap().iter().find(|row| row["check"] == "environment").unwrap();
    assert!(row["found"].as_str().unwrap().contains("PGPASSWORD is set in this shell alone"), "{row}");
    // What the settings name, every worker gets.
    howdah.configure(&format!("{job}[worker]\nenvironment = [\"PGPASS*\"]\n"));
    let plan = run(&mut shell(&howdah, &["job", "start", "nightly", "--plan"]), 3).stdout;
    assert!(!plan.contains("in this shell alone"), "{plan}");
}
