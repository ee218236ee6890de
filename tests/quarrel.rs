//! Two state directories, two users, one target and one port: whoever came first has them until the end (S9, D7, R21).

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use support::{
    backup::{Form, Repository},
    cluster::{Restored, SUM_OF_ROWS, free_port, source},
    howdah::{Howdah, Ran},
    place::{listing, scratch},
    timeout::until_true,
};

/// Copies far enough below this rate that a test can act in the midst of one.
const SLOWLY: [&str; 2] = ["--max-rate", "8M"];
/// So much of the source is whole files already.
const SOME_FILES: u64 = 40 << 20;

/// One quarrel: a repository, a target, and a port.
struct Quarrel {
    repository: Repository,
    target: PathBuf,
    port: String,
}

impl Quarrel {
    fn new() -> Self {
        let repository = Repository::of(Form::PLAIN);
        Self { repository, target: scratch("target").join("data"), port: free_port().to_string() }
    }

    fn start(&self, howdah: &Howdah, target: &Path, port: &str, more: &[&str]) -> Ran {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let mut arguments = vec!["session".to_owned(), "start".into(), "shop".into()];
        arguments.extend(["--repo".into(), text(&self.repository.0), "--state-dir".into(), text(&howdah.state)]);
        arguments.extend(["--to".into(), text(target), "--port".into(), port.to_owned()]);
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        howdah.run(arguments)
    }

    /// Starts a slow restore and waits until it is in the midst of its copy.
    fn begin(&self, howdah: &Howdah, more: &[&str]) {
        let more = [&SLOWLY[..], more].concat();
        self.start(howdah, &self.target, &self.port, &more).expect_code(0);
        howdah.events().wait_for_bytes(1, 1, SOME_FILES);
    }

    /// The claims that stand beside the target.
    fn claims(&self) -> Vec<String> {
        let beside = listing(self.target.parent().unwrap()).into_iter();
        beside.filter(|row| row.contains("/.data.") && row.contains(".howdah\"")).collect()
    }
}

fn session(howdah: &Howdah, verb: &[&str]) -> Ran {
    let mut arguments = vec!["session"];
    arguments.extend(verb);
    arguments.extend(["--state-dir", howdah.state.to_str().unwrap()]);
    howdah.run(arguments)
}

fn phase(howdah: &Howdah) -> String {
    let shown = session(howdah, &["show", "1", "--json"]).expect_code(0).json();
    shown["phase"].as_str().unwrap().to_owned()
}

#[test]
fn s09_a_target_and_a_port_that_another_state_directory_restores_to_are_refused_by_name() {
    needs_postgres!();
    let quarrel = Quarrel::new();
    let (first, second) = (Howdah::new(), Howdah::new());
    let restored = Restored(quarrel.target.clone());
    quarrel.begin(&first, &[]);
    let worker = first.events().worker(1, 1).pid.to_string();
    let names = [first.state.to_str().unwrap(), "session 1 (shop)", &format!("process {worker} works there")];
    let other = free_port().to_string();
    let aside = ["--set-aside", "data"];
    for more in [&[][..], &aside] {
        quarrel.start(&second, &quarrel.target, &other, more).expect_code(3).expect_words(&names);
    }
    let below = quarrel.target.join("deeper");
    quarrel.start(&second, &below, &other, &[]).expect_code(3).expect_words(&names[..2]);
    let above = quarrel.target.parent().unwrap();
    let typed = above.file_name().unwrap().to_str().unwrap();
    quarrel.start(&second, above, &other, &["--set-aside", typed]).expect_code(3);
    let elsewhere = scratch("elsewhere").join("data");
    let port = [&*format!("port {} is held by session 1", quarrel.port), names[0]];
    quarrel.start(&second, &elsewhere, &quarrel.port, &[]).expect_code(3).expect_words(&port);
    assert_eq!(session(&second, &["list", "--all", "--json"]).json().as_array().unwrap().len(), 0);
    assert!(!elsewhere.exists());
    session(&first, &["watch", "1"]).expect_code(0);
    assert_eq!(restored.ask(SUM_OF_ROWS), source().sum);
    assert_eq!(quarrel.claims(), Vec::<String>::new(), "it gave its places back");
}

#[test]
fn s09_what_waits_and_what_is_stuck_hold_their_places_until_they_are_cancelled() {
    needs_postgres!();
    let quarrel = Quarrel::new();
    let (first, second) = (Howdah::new(), Howdah::new());
    quarrel.begin(&first, &["--no-start", "--tries", "2", "--every", "1h"]);
    let away = quarrel.repository.0.with_extension("away");
    fs::rename(&quarrel.repository.0, &away).unwrap();
    until_true("the first one waits", || phase(&first) == "waiting");
    let others = Quarrel { repository: Repository::of(Form::TAR), ..Quarrel::new() };
    let refused = |howdah: &Howdah| {
        others
            .start(howdah, &quarrel.target, &others.port, &["--no-start"])
            .expect_code(3)
            .expect_words(&["is held by"])
    };
    refused(&second);
    // What the second one was refused, it has nothing to give up of.
    session(&second, &["cancel", "--all", "--wait"]);
    assert!(quarrel.target.join(".howdah/session.json").exists());
    // A person who removes the claim has said that nobody is meant; the data is the first session's all the same.
    for claim in ["data", "data.tablespaces"] {
        fs::remove_file(quarrel.target.with_file_name(format!(".{claim}.howdah"))).unwrap();
    }
    let unclaimed = others.start(&second, &quarrel.target, &others.port, &["--no-start"]).expect_code(3);
    unclaimed.expect_words(&["the partial data of another session"]);
    fs::rename(&away, &quarrel.repository.0).unwrap();
    session(&first, &["retry", "1"]).expect_code(0);
    session(&first, &["watch", "1"]).expect_code(0);
    assert!(quarrel.target.join("global/pg_control").exists());
    assert!(first.events().progress(1, 2).bytes_reused.0 > 0, "it went on where it was");
}

#[test]
fn d07_cancelling_gives_the_places_back_and_the_next_one_takes_them() {
    needs_postgres!();
    let quarrel = Quarrel::new();
    let (first, second) = (Howdah::new(), Howdah::new());
    quarrel.begin(&first, &["--no-start"]);
    session(&first, &["cancel", "1", "--keep", "--wait"]).expect_code(0);
    assert_eq!(quarrel.claims(), Vec::<String>::new());
    quarrel.start(&second, &quarrel.target, &quarrel.port, &["--no-start"]).expect_code(0);
    session(&second, &["watch", "1"]).expect_code(0);
    assert!(second.events().progress(1, 1).bytes_reused.0 > 0, "what was kept is gone on with");
    let third = Howdah::new();
    quarrel.start(&third, &quarrel.target, &quarrel.port, &["--no-start"]).expect_code(3).expect_words(&["not empty"]);
}

#[test]
fn s09_a_session_that_waits_for_its_turn_holds_its_places_too() {
    needs_postgres!();
    let quarrel = Quarrel::new();
    let (first, second) = (Howdah::new(), Howdah::new());
    first.configure("max_running = 1\n");
    quarrel.begin(&first, &["--no-start"]);
    let queued = scratch("queued").join("a/data");
    quarrel.start(&first, &queued, &quarrel.port, &["--no-start"]).expect_code(0);
    quarrel.start(&second, &queued, &quarrel.port, &["--no-start"]).expect_code(3).expect_words(&["session 2 (shop)"]);
    session(&first, &["cancel", "2", "--wait"]).expect_code(0);
    session(&first, &["cancel", "1", "--wait"]).expect_code(0);
    until_true("what was made for the claim is gone", || !queued.parent().unwrap().exists());
    quarrel.start(&second, &queued, &quarrel.port, &["--no-start"]).expect_code(0);
    session(&second, &["watch", "1"]).expect_code(0);
}

#[test]
fn s09_a_tablespace_directory_that_was_named_is_held_from_the_order_to_the_end() {
    needs_postgres!();
    let quarrel = Quarrel::new();
    let (first, second) = (Howdah::new(), Howdah::new());
    let oid = fs::read_dir(quarrel.repository.b1().join("pg_tblspc")).unwrap().next().unwrap().unwrap().file_name();
    let home = scratch("fast").join("ts");
    let named = format!("{}={}", oid.to_str().unwrap(), home.display());
    let with_home = ["--no-start", "--tablespace", &named];
    let claims = || {
        let beside = listing(home.parent().unwrap()).into_iter();
        beside.filter(|row| row.contains("/.ts.howdah\"")).count()
    };
    quarrel.begin(&first, &[&with_home[..], &["--tries", "2", "--every", "1h"]].concat());
    let others = Quarrel::new();
    let is_refused = || {
        let says = format!("{} is held by session 1 (shop)", home.display());
        let says = [&*says, first.state.to_str().unwrap()];
        for (target, more) in [(&others.target, &with_home[..]), (&home, &["--no-start"])] {
            others.start(&second, target, &others.port, more).expect_code(3).expect_words(&says);
            others.start(&first, target, &others.port, more).expect_code(3);
        }
        assert_eq!(claims(), 1);
        assert!(!others.target.exists());
    };
    is_refused();
    fs::rename(&quarrel.repository.0, quarrel.repository.0.with_extension("away")).unwrap();
    until_true("the first one waits", || phase(&first) == "waiting");
    is_refused();
    session(&first, &["cancel", "1", "--wait"]).expect_code(0);
    assert_eq!(claims(), 0, "it gave its places back");
    others.start(&second, &others.target, &others.port, &with_home).expect_code(0);
    session(&second, &["watch"]).expect_code(0);
    assert!(others.target.join("global/pg_control").exists() && home.exists());
    assert_eq!(claims(), 0, "it gave its places back");
}

/// The process of this number is gone at once.
fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn s09_what_was_claimed_for_a_session_that_never_came_to_be_is_given_back_by_the_next_owner() {
    needs_postgres!();
    let quarrel = Quarrel::new();
    let (first, second) = (Howdah::new(), Howdah::new());
    quarrel.begin(&first, &["--no-start"]);
    let owner: u32 = fs::read_to_string(first.state.join("owner.lock")).unwrap().trim().parse().unwrap();
    let worker = first.events().worker(1, 1);
    kill(owner);
    kill(worker.pid);
    until_true("both are gone", || {
        !howdah::process::is_alive(worker) && !Path::new(&format!("/proc/{owner}")).exists()
    });
    // As if the owner had been killed between the claims and the journal.
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _may_be_none = fs::remove_file(first.state.join(name));
    }
    fs::remove_dir_all(first.state.join("attempts")).unwrap();
    for data in ["data", "data.tablespaces"] {
        fs::remove_dir_all(quarrel.target.with_file_name(data)).unwrap();
    }
    quarrel
        .start(&second, &quarrel.target, &quarrel.port, &["--no-start"])
        .expect_code(3)
        .expect_words(&["is held by"]);
    let state = first.state.to_str().unwrap();
    first.run(["keeper", "--until-idle", "--state-dir", state]).expect_code(0);
    assert_eq!(quarrel.claims(), Vec::<String>::new());
    quarrel.start(&second, &quarrel.target, &quarrel.port, &["--no-start"]).expect_code(0);
    session(&second, &["watch", "1"]).expect_code(0);
}

/// Runs howdah as another user of this machine, with a home of their own.
fn run_as(user: &str, arguments: &[&str]) -> Output {
    let program = scratch("program").join("howdah");
    fs::copy(env!("CARGO_BIN_EXE_howdah"), &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", "nogroup", "--clear-groups", "--"]).arg(program).args(arguments);
    command.env_clear().env("HOME", "/nonexistent").env("USER", user).env("PATH", "/usr/bin:/bin");
    command.current_dir("/").output().unwrap()
}

#[test]
fn s09_users_refuse_each_other_and_each_can_read_who_was_first() {
    needs_postgres!();
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let quarrel = Quarrel { repository: Repository::of(Form::TAR), ..Quarrel::new() };
    let parent = quarrel.target.parent().unwrap().to_owned();
    // As /tmp: anybody may make something there, and remove their own alone.
    fs::set_permissions(&parent, fs::Permissions::from_mode(0o1777)).unwrap();
    let first = Howdah::new();
    quarrel.begin(&first, &["--no-start"]);
    let state = scratch("nobodys");
    std::os::unix::fs::chown(&state, Some(65534), Some(65534)).unwrap();
    let below = state.join("state");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (repo, target, state) = (text(&quarrel.repository.0), text(&quarrel.target), text(&below));
    // Nobody may not read the backup of another user: it is the claim that is met first.
    fs::set_permissions(&quarrel.repository.0, fs::Permissions::from_mode(0o755)).unwrap();
    let open = Command::new("chmod").args(["-R", "a+rX", &repo]).status().unwrap();
    assert!(open.success());
    let arguments = ["session", "start", "shop", "--repo", &repo, "--state-dir", &state, "--to", &target, "--no-start"];
    for user in ["nobody", "postgres"] {
        if user == "postgres" {
            let owner =
                Command::new("chown").args(["-R", "postgres", &text(below.parent().unwrap())]).status().unwrap();
            assert!(owner.success());
        }
        let ran = run_as(user, &arguments);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(3), "{user}: {said}");
        let holder = format!("state directory {}", first.state.display());
        assert!(said.contains("is held by session 1 (shop) of") && said.contains(&holder), "{user}: {said}");
    }
    session(&first, &["cancel", "1", "--wait"]).expect_code(0);
    assert!(!quarrel.target.exists());
}

#[test]
fn s09_places_that_nobody_named_are_chosen_anew_when_somebody_was_faster() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let together = scratch("together");
    let all: Vec<Howdah> = (0..6).map(|_| Howdah::new()).collect();
    for howdah in &all {
        howdah.configure(&format!("restore_dir = {together:?}\n"));
    }
    let repository = repository.0.to_str().unwrap();
    let start = ["session", "start", "shop", "--stop-after-probe", "--repo", repository];
    let begun: Vec<_> = all
        .iter()
        .map(|howdah| {
            let state = ["--state-dir", howdah.state.to_str().unwrap()];
            howdah.spawn(start.iter().chain(&SLOWLY).chain(&state))
        })
        .collect();
    for one in begun {
        one.wait().expect_code(0);
    }
    let places: BTreeSet<String> = all
        .iter()
        .flat_map(|howdah| {
            // One that was refused has had a number.
            let shown = session(howdah, &["list", "--json"]).expect_code(0).json();
            ["target", "port"].map(|place| shown[0][place].to_string())
        })
        .collect();
    for howdah in &all {
        session(howdah, &["cancel", "--all", "--wait"]).expect_code(0);
    }
    assert_eq!(places.len(), 2 * all.len(), "{places:?}");
}
