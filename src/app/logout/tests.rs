//! The table of verdicts, and machines made of a few files.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{
    AfterLogout, Facts, Logout, Place, UserManager, after_logout,
    facts::{Machine, gather},
    scope_prefix,
};
use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::PathBuf,
    time::{Duration, Instant},
};

/// A machine below a directory, told by the few files that make it. Its user is whoever runs the tests.
struct Small {
    directory: tempfile::TempDir,
    machine: Machine,
}

const SESSION: &str = "0::/user.slice/user-1000.slice/session-3.scope\n";
const LINGER: &str = "loginctl enable-linger ops";

impl Small {
    fn new(control_group: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_owned();
        let uid = rustix::process::geteuid().as_raw();
        let bin = root.join("bin");
        let machine = Machine { root, search_path: Some(bin.into()), runtime_dir: None, uid };
        let small = Self { directory, machine };
        small.file("proc/self/cgroup", control_group);
        // Who logged in is known to logind alone, and we are in the file of users.
        small.file("run/systemd/users/1000", "# private\nNAME=fatima\nSTATE=active\n");
        small.file("etc/passwd", &format!("daemon:x:1:1::/:/bin/false\nbroken\nops:x:{uid}:7::/:/bin/sh\n"));
        small
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn program(&self, name: &str, script: &str) -> PathBuf {
        self.file(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
        let path = self.directory.path().join("bin").join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn socket(&self, path: &str) -> PathBuf {
        let path = self.directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        drop(UnixListener::bind(&path).unwrap());
        path
    }

    fn conf(&self, place: &str, lines: &str) -> &Self {
        self.file(place, &format!("# systemd\n[Login]\n{lines}\n"))
    }

    fn ends(&self) -> bool {
        self.machine.facts().logout_ends_session
    }
}

fn facts(place: Place, logout_ends_session: bool, lingers: bool) -> Facts {
    Facts {
        place,
        uid: 1000,
        user: Some("ops".to_owned()),
        logout_ends_session,
        lingers,
        system_scopes: false,
        user_manager: Some(UserManager::InEnvironment),
        systemd_run: Some(PathBuf::from("/usr/bin/systemd-run")),
    }
}

fn prefix(facts: &Facts) -> String {
    let words = scope_prefix(facts).unwrap_or_default();
    words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
}

const USER: &str = "/usr/bin/systemd-run --user --scope --quiet --collect --";
const SYSTEM: &str = "/usr/bin/systemd-run --scope --quiet --collect --";

#[test]
fn the_table_of_verdicts() {
    use Place::{Elsewhere, Session, UserManager as Manager};
    let killed = |when, fix: &str| AfterLogout::Killed { when, fix: fix.to_owned() };
    for (place, ends, lingers, verdict, words) in [
        (Elsewhere, false, false, AfterLogout::Safe, ""),
        (Elsewhere, false, true, AfterLogout::Safe, ""),
        // A scope under a manager that stops at the last logout would be worse than the abandoned session.
        (Session, false, false, AfterLogout::Safe, ""),
        (Session, false, true, AfterLogout::Safe, ""),
        (Session, true, true, AfterLogout::InScope, USER),
        (Session, true, false, killed(Logout::Last, LINGER), USER),
        (Manager, false, true, AfterLogout::Safe, USER),
        (Manager, false, false, killed(Logout::Last, LINGER), USER),
    ] {
        let facts = facts(place, ends, lingers);
        assert_eq!((after_logout(&facts), &*prefix(&facts)), (verdict, words), "{facts:?}");
        // Root has scopes of the system, which no logout reaches.
        let root = Facts { uid: 0, system_scopes: true, user_manager: None, ..facts };
        let (needs, spared) = ((place, ends) != (Session, false) && place != Elsewhere, (AfterLogout::Safe, ""));
        assert_eq!(
            (after_logout(&root), &*prefix(&root)),
            if needs { (AfterLogout::InScope, SYSTEM) } else { spared },
            "{root:?}"
        );
    }
}

#[test]
fn what_is_missing_is_named_by_the_cure() {
    let ended = |facts: &Facts| match after_logout(facts) {
        AfterLogout::Killed { when: Logout::This, fix } => fix,
        other @ (AfterLogout::Safe | AfterLogout::InScope | AfterLogout::Killed { when: Logout::Last, .. }) => {
            panic!("{other:?} for {facts:?}")
        }
    };
    let without_manager = |lingers| Facts { user_manager: None, ..facts(Place::Session, true, lingers) };
    assert_eq!(ended(&without_manager(false)), LINGER);
    assert_eq!(ended(&without_manager(true)), "systemctl start user@1000.service");
    assert_eq!(prefix(&without_manager(true)), "");
    let without_program = |lingers| Facts { systemd_run: None, ..facts(Place::Session, true, lingers) };
    assert!(ended(&without_program(false)).ends_with(&format!("then: {LINGER}")));
    assert!(ended(&without_program(true)).contains("systemd-run"));
    let nameless = Facts { user: None, ..without_manager(false) };
    assert_eq!(ended(&nameless), "loginctl enable-linger 1000");
}

#[test]
fn a_manager_that_the_environment_does_not_name_is_named_to_systemd_run() {
    let untold = UserManager::AtUsualPlace(PathBuf::from("/run/user/1000"));
    let facts = Facts { user_manager: Some(untold), ..facts(Place::Session, true, true) };
    assert_eq!(prefix(&facts), format!("env XDG_RUNTIME_DIR=/run/user/1000 {USER}"));
}

#[test]
fn the_control_group_tells_the_place() {
    for (text, place) in [
        (SESSION, Place::Session),
        ("12:pids:/x\n1:name=systemd:/user.slice/user-1000.slice/session-c2.scope\n0::/\n", Place::Session),
        ("1:name=systemd:/\n0::/user.slice/user-7.slice/session-3.scope/inner\n", Place::Session),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r5.scope\n", Place::UserManager),
        // A unit of the user's own manager may carry any name.
        ("0::/user.slice/user-1000.slice/user@1000.service/session-3.scope\n", Place::UserManager),
        ("0::/system.slice/session-3.scope\n", Place::Elsewhere),
        ("0::/system.slice/howdah-keeper.service\n", Place::Elsewhere),
        ("0::/\n", Place::Elsewhere),
        ("garbage", Place::Elsewhere),
        ("", Place::Elsewhere),
    ] {
        assert_eq!(Small::new(text).machine.facts().place, place, "{text:?}");
    }
    assert_eq!(
        Machine { root: PathBuf::from("/no/such/root"), ..Small::new("").machine }.facts().place,
        Place::Elsewhere
    );
}

#[test]
fn the_files_of_logind_are_read_in_its_own_order() {
    for (files, ends) in [
        (&[][..], false),
        (&[("etc/systemd/logind.conf", "KillUserProcesses=yes")], true),
        (&[("etc/systemd/logind.conf", "#KillUserProcesses=yes")], false),
        (&[("etc/systemd/logind.conf", "KillUserProcesses = ON\n KillUserProcesses=maybe")], true),
        (&[("etc/systemd/logind.conf", "[Other]\nKillUserProcesses=yes")], false),
        (&[("usr/lib/systemd/logind.conf", "KillUserProcesses=yes"), ("etc/systemd/logind.conf", "")], false),
        (
            &[
                ("etc/systemd/logind.conf", "KillUserProcesses=no"),
                ("usr/lib/systemd/logind.conf.d/50-x.conf", "KillUserProcesses=yes"),
                ("etc/systemd/logind.conf.d/90-note.txt", "KillUserProcesses=no"),
            ],
            true,
        ),
        (
            &[
                ("usr/lib/systemd/logind.conf.d/50-x.conf", "KillUserProcesses=yes"),
                ("etc/systemd/logind.conf.d/50-x.conf", ""),
            ],
            false,
        ),
        (
            &[
                ("etc/systemd/logind.conf.d/10-a.conf", "KillUserProcesses=no"),
                ("run/systemd/logind.conf.d/20-b.conf", "KillUserProcesses=1"),
            ],
            true,
        ),
        (&[("etc/systemd/logind.conf", "KillUserProcesses=yes\nKillExcludeUsers=adm fatima")], false),
        (&[("etc/systemd/logind.conf", "KillUserProcesses=yes\nKillExcludeUsers=fatima\nKillExcludeUsers=")], true),
        (&[("etc/systemd/logind.conf", "KillUserProcesses=yes\nKillOnlyUsers=adm")], false),
        (&[("etc/systemd/logind.conf", "KillUserProcesses=no\nKillOnlyUsers=adm\nKillOnlyUsers=fatima")], true),
    ] {
        let small = Small::new(SESSION);
        for (file, lines) in files {
            small.conf(file, lines);
        }
        assert_eq!(small.ends(), ends, "{files:?}");
    }
}

#[test]
fn root_is_spared_unless_the_list_of_the_spared_was_cleared() {
    for (lines, ends) in [
        ("KillUserProcesses=yes", false),
        ("KillUserProcesses=yes\nKillExcludeUsers=adm", true),
        ("KillUserProcesses=yes\nKillExcludeUsers=", true),
    ] {
        let small = Small::new("0::/user.slice/user-0.slice/session-1.scope\n");
        small.file("run/systemd/users/0", "NAME=root\n").conf("etc/systemd/logind.conf", lines);
        assert_eq!(small.ends(), ends, "{lines}");
    }
}

#[test]
fn what_logind_says_itself_counts_more_than_its_files() {
    let yes = "[ \"$1 $5\" = 'get-property KillUserProcesses' ] && printf 'b true\\nas 0\\nas 1 \"root\"\\n'";
    for (bus, script, ends) in [
        (true, yes, true),
        (false, yes, false),
        (true, "printf 'b true\\nas 0\\nas 2 \"root\" \"fatima\"\\n'", false),
        (true, "printf 'b false\\nas 1 \"fatima\"\\nas 1 \"root\"\\n'", true),
        (true, "echo nonsense", false),
        (true, "printf 'b true\\n'", false),
        (true, "exit 1", false),
    ] {
        let small = Small::new(SESSION);
        small.program("busctl", script);
        if bus {
            small.socket("run/dbus/system_bus_socket");
        }
        assert_eq!(small.ends(), ends, "{bus} {script}");
    }
    // On the bus, no list looks like an empty one.
    let small = Small::new(SESSION);
    small.program("busctl", "printf 'b true\\nas 0\\nas 0\\n'");
    small.socket("run/dbus/system_bus_socket");
    assert!(small.ends());
    small.conf("etc/systemd/logind.conf", "KillExcludeUsers=fatima");
    assert!(!small.ends());
}

#[test]
fn a_bus_that_hangs_costs_a_second_and_the_files_decide() {
    let small = Small::new(SESSION);
    small.program("busctl", "exec tail -f /dev/null");
    small.socket("run/dbus/system_bus_socket");
    small.conf("etc/systemd/logind.conf", "KillUserProcesses=yes");
    let begun = Instant::now();
    assert!(small.ends());
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn lingering_managers_and_programs_are_found_where_they_are() {
    let mut small = Small::new(SESSION);
    let bare = small.machine.facts();
    assert_eq!(
        (bare.user.as_deref(), bare.lingers, &bare.user_manager, &bare.systemd_run),
        (Some("ops"), false, &None, &None)
    );
    assert!(!bare.system_scopes);

    small.file("var/lib/systemd/linger/ops", "");
    let program = small.program("systemd-run", "exit 0");
    let runtime = format!("run/user/{}", small.machine.uid);
    small.socket(&format!("{runtime}/systemd/private"));
    small.socket("run/systemd/private");
    let whole = small.machine.facts();
    assert!(whole.lingers);
    assert_eq!(whole.user_manager, Some(UserManager::AtUsualPlace(small.directory.path().join(&runtime))));
    assert_eq!(whole.systemd_run, Some(program.clone()));
    assert_eq!(whole.system_scopes, small.machine.uid == 0);

    small.machine.runtime_dir = Some(small.directory.path().join(runtime));
    assert_eq!(small.machine.facts().user_manager, Some(UserManager::InEnvironment));
    // A file is no socket, and a file that cannot be run is no program.
    small.machine.runtime_dir = None;
    small.machine.uid += 1;
    assert_eq!(small.machine.facts().user_manager, None);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(small.machine.facts().systemd_run, None);
}

#[test]
fn a_hostile_machine_is_looked_at_like_any_other() {
    let small = Small::new(SESSION);
    small.file("run/systemd/users/1000", "NAME=../../etc/x\n");
    small.conf(
        "etc/systemd/logind.conf",
        &format!("KillUserProcesses=yes\nKillOnlyUsers={}\n=\n[", "x ".repeat(10_000)),
    );
    assert!(!small.ends());
    fs::create_dir_all(small.directory.path().join("run/systemd/logind.conf.d/a.conf")).unwrap();
    assert!(!small.ends());
}

#[test]
fn this_machine_can_be_looked_at() {
    let begun = Instant::now();
    let facts = gather();
    assert_eq!(facts.uid, rustix::process::geteuid().as_raw());
    assert!(
        facts.place != Place::Elsewhere || (after_logout(&facts), scope_prefix(&facts)) == (AfterLogout::Safe, None)
    );
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}
