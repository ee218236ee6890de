//! `howdah doctor`: what it says of healthy and of broken places, that its fixes fix, and that it changes nothing.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "doctor/owner.rs"]
mod owner;
#[path = "doctor/patient.rs"]
mod patient;
#[allow(dead_code, reason = "each floor uses its part of the samples")]
#[path = "machine/sample.rs"]
mod sample;
mod support;

use patient::{JsonFinding, Patient};
use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    io::Read as _,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, net::UnixListener},
    path::PathBuf,
    process::{self, Stdio},
};
use support::{
    place::{listing, scratch},
    pty::Terminal,
};

#[test]
fn a_healthy_place_is_told_as_it_is_and_left_as_it_was() {
    let patient = Patient::new();
    patient.journal();
    let repository = howdah::catalog::sample::unpack(&patient.state).unwrap();
    let arguments = ["--repo", repository.to_str().unwrap()];
    let before = listing(&patient.howdah.home);
    insta::assert_snapshot!(patient.json(&arguments, 0), @r#"
        [
        {"check":"settings","state":"ok","found":"HOME/config/howdah/howdah.toml holds","fix":null},
        {"check":"state","state":"ok","found":"HOME/state; N bytes and N inodes free","fix":null},
        {"check":"lock","state":"ok","found":"a lock was taken, kept and given back","fix":null},
        {"check":"owner","state":"ok","found":"nobody; a console or keeper becomes it when it starts","fix":null},
        {"check":"socket","state":"ok","found":"none; the next owner makes it","fix":null},
        {"check":"journal","state":"ok","found":"schema 6; 4 ongoing and 1 ended sessions","fix":null},
        {"check":"repository","state":"ok","found":"HOME/state/sample-f1fd948da994: 4 restore points of 3 instances","fix":null},
        {"check":"restore-dir","state":"ok","found":"HOME/restored is made when it is needed; N bytes and N inodes free","fix":null},
        {"check":"explore","state":"ok","found":"no crashed session has left anything","fix":null},
        {"check":"native","state":"ok","found":"built in; reads what pg_basebackup writes, plain and tar","fix":null},
        {"check":"pgbackrest","state":"ok","found":"not installed; only its own repositories need it, which this howdah does not read yet","fix":null},
        {"check":"barman","state":"ok","found":"not installed; only its own repositories need it, which this howdah does not read yet","fix":null},
        {"check":"environment","state":"ok","found":"workers get PATH, HOME, TZ and LANG=C; [worker] environment in howdah.toml names no others","fix":null},
        {"check":"systemd-run","state":"ok","found":"not installed; the keeper is started without it","fix":null},
        {"check":"terminal","state":"ok","found":"xterm-256color; 256 colours; locale C.UTF-8","fix":null}
        ]
        "#);
    insta::assert_snapshot!(patient.text(&arguments, 0), @r#"
        ✓ ok       settings     HOME/config/howdah/howdah.toml holds
        ✓ ok       state        HOME/state; N bytes and N inodes free
        ✓ ok       lock         a lock was taken, kept and given back
        ✓ ok       owner        nobody; a console or keeper becomes it when it starts
        ✓ ok       socket       none; the next owner makes it
        ✓ ok       journal      schema 6; 4 ongoing and 1 ended sessions
        ✓ ok       repository   HOME/state/sample-f1fd948da994: 4 restore points of 3 instances
        ✓ ok       restore-dir  HOME/restored is made when it is needed; N bytes and N inodes free
        ✓ ok       explore      no crashed session has left anything
        ✓ ok       native       built in; reads what pg_basebackup writes, plain and tar
        ✓ ok       pgbackrest   not installed; only its own repositories need it, which this howdah does not read yet
        ✓ ok       barman       not installed; only its own repositories need it, which this howdah does not read yet
        ✓ ok       environment  workers get PATH, HOME, TZ and LANG=C; [worker] environment in howdah.toml names no others
        ✓ ok       systemd-run  not installed; the keeper is started without it
        ✓ ok       terminal     xterm-256color; 256 colours; locale C.UTF-8
        "#);
    assert_eq!(listing(&patient.howdah.home), before);
}

#[test]
fn before_the_first_start_nothing_is_made() {
    let patient = Patient::new();
    fs::remove_dir(&patient.state).unwrap();
    let before = listing(&patient.howdah.home);
    insta::assert_snapshot!(patient.json(&[], 0), @r#"
        [
        {"check":"settings","state":"ok","found":"HOME/config/howdah/howdah.toml holds","fix":null},
        {"check":"state","state":"ok","found":"HOME/state is not there yet and can be made; N bytes and N inodes free","fix":null},
        {"check":"lock","state":"ok","found":"not tried: the state directory is made when it is needed","fix":null},
        {"check":"owner","state":"ok","found":"nobody; a console or keeper becomes it when it starts","fix":null},
        {"check":"socket","state":"ok","found":"none; the next owner makes it","fix":null},
        {"check":"journal","state":"ok","found":"none yet; the first owner makes it","fix":null},
        {"check":"repository","state":"ok","found":"none is named; the console shows a sample","fix":"to show backups of your own: howdah --repo DIR, or repositories = [\"DIR\"] in howdah.toml"},
        {"check":"restore-dir","state":"ok","found":"HOME/restored is made when it is needed; N bytes and N inodes free","fix":null},
        {"check":"explore","state":"ok","found":"no crashed session has left anything","fix":null},
        {"check":"native","state":"ok","found":"built in; reads what pg_basebackup writes, plain and tar","fix":null},
        {"check":"pgbackrest","state":"ok","found":"not installed; only its own repositories need it, which this howdah does not read yet","fix":null},
        {"check":"barman","state":"ok","found":"not installed; only its own repositories need it, which this howdah does not read yet","fix":null},
        {"check":"environment","state":"ok","found":"workers get PATH, HOME, TZ and LANG=C; [worker] environment in howdah.toml names no others","fix":null},
        {"check":"systemd-run","state":"ok","found":"not installed; the keeper is started without it","fix":null},
        {"check":"terminal","state":"ok","found":"xterm-256color; 256 colours; locale C.UTF-8","fix":null}
        ]
        "#);
    assert_eq!(listing(&patient.howdah.home), before);
}

#[test]
fn a_broken_place_is_told_with_its_fixes() {
    let patient = Patient::new();
    patient.journal();
    patient.spoil("PRAGMA user_version = 99");
    fs::set_permissions(&patient.state, Permissions::from_mode(0o755)).unwrap();
    patient.configure("[console.keys]\n\"re\u{202e}try\" = [\"r\"]\n");
    patient.write("state/owner.lock", "not a number\n");
    let lock = File::options().write(true).open(patient.state.join("owner.lock")).unwrap();
    lock.try_lock().unwrap();
    drop(UnixListener::bind(patient.state.join("control.sock")).unwrap());
    patient.program("pgbackrest", "exit 3");
    let before = listing(&patient.howdah.home);
    let nowhere = patient.howdah.home.join("nowhere");
    let arguments = ["--repo", nowhere.to_str().unwrap()];
    insta::assert_snapshot!(patient.json(&arguments, 1), @r#"
        [
        {"check":"settings","state":"error","found":"HOME/config/howdah/howdah.toml under [console]: keys: there is no action \"re\\u{202e}try\"; the help (?) and the README list the names; the console does not open","fix":"mend the line or remove it"},
        {"check":"state","state":"error","found":"HOME/state is open to other users (mode 0755)","fix":"chmod 700 HOME/state"},
        {"check":"lock","state":"ok","found":"not tried: the state directory cannot be used","fix":null},
        {"check":"owner","state":"error","found":"process PID (NAME) holds HOME/state/owner.lock, but is no owner: no console and no keeper can start","fix":"kill PID"},
        {"check":"socket","state":"ok","found":"stale: an earlier owner's; the next one replaces it","fix":null},
        {"check":"journal","state":"error","found":"HOME/state/journal.db has schema 99, and this howdah knows up to 6","fix":"use the newer howdah that wrote it, or another state directory (--state-dir)"},
        {"check":"repository","state":"error","found":"HOME/nowhere cannot be read (No such file or directory (os error 2)): put it back, or use another backup","fix":"make it readable for this user, or name another: --repo DIR, repositories in howdah.toml"},
        {"check":"restore-dir","state":"ok","found":"HOME/restored is made when it is needed; N bytes and N inodes free","fix":null},
        {"check":"explore","state":"ok","found":"no crashed session has left anything","fix":null},
        {"check":"native","state":"ok","found":"built in; reads what pg_basebackup writes, plain and tar","fix":null},
        {"check":"pgbackrest","state":"warning","found":"HOME/bin/pgbackrest does not report its version: it ended with exit status: 3; not supported yet","fix":"pgbackrest version"},
        {"check":"barman","state":"ok","found":"not installed; only its own repositories need it, which this howdah does not read yet","fix":null},
        {"check":"environment","state":"ok","found":"workers get PATH, HOME, TZ and LANG=C; [worker] environment in howdah.toml names no others","fix":null},
        {"check":"systemd-run","state":"ok","found":"not installed; the keeper is started without it","fix":null},
        {"check":"terminal","state":"ok","found":"xterm-256color; 256 colours; locale C.UTF-8","fix":null}
        ]
        "#);
    insta::assert_snapshot!(patient.text(&arguments, 1), @r#"
        ✖ error    settings     HOME/config/howdah/howdah.toml under [console]: keys: there is no action "re\u{202e}try"; the help (?) and the README list the names; the console does not open
                                fix: mend the line or remove it
        ✖ error    state        HOME/state is open to other users (mode 0755)
                                run: chmod 700 HOME/state
        ✓ ok       lock         not tried: the state directory cannot be used
        ✖ error    owner        process PID (NAME) holds HOME/state/owner.lock, but is no owner: no console and no keeper can start
                                run: kill PID
        ✓ ok       socket       stale: an earlier owner's; the next one replaces it
        ✖ error    journal      HOME/state/journal.db has schema 99, and this howdah knows up to 6
                                fix: use the newer howdah that wrote it, or another state directory (--state-dir)
        ✖ error    repository   HOME/nowhere cannot be read (No such file or directory (os error 2)): put it back, or use another backup
                                fix: make it readable for this user, or name another: --repo DIR, repositories in howdah.toml
        ✓ ok       restore-dir  HOME/restored is made when it is needed; N bytes and N inodes free
        ✓ ok       explore      no crashed session has left anything
        ✓ ok       native       built in; reads what pg_basebackup writes, plain and tar
        ⚑ warning  pgbackrest   HOME/bin/pgbackrest does not report its version: it ended with exit status: 3; not supported yet
                                run: pgbackrest version
        ✓ ok       barman       not installed; only its own repositories need it, which this howdah does not read yet
        ✓ ok       environment  workers get PATH, HOME, TZ and LANG=C; [worker] environment in howdah.toml names no others
        ✓ ok       systemd-run  not installed; the keeper is started without it
        ✓ ok       terminal     xterm-256color; 256 colours; locale C.UTF-8
        "#);
    assert_eq!(listing(&patient.howdah.home), before);
}

#[test]
fn the_command_that_cures_a_state_directory_fixes_it_whatever_its_name() {
    for name in [&b"state"[..], b"it's $HOME", b"\x1b[2J\n\xff", "a\u{202e}b".as_bytes()] {
        let patient = Patient::new();
        let state = patient.howdah.home.join(OsStr::from_bytes(name));
        let _stands_for_the_first: std::io::Result<()> = fs::create_dir(&state);
        fs::set_permissions(&state, Permissions::from_mode(0o750)).unwrap();
        let sick = patient.rows_of(&state, 1);
        let row = JsonFinding::of(&sick, "state");
        assert!(row.found.contains("mode 0750") && row.state == "error", "{row:?}");
        let status = process::Command::new("bash").args(["-c", row.fix.as_ref().unwrap()]).status().unwrap();
        assert!(status.success(), "{row:?}");
        assert_eq!(JsonFinding::of(&patient.rows_of(&state, 0), "state").state, "ok");
    }
}

#[test]
fn a_state_directory_that_cannot_be_used_is_named() {
    let patient = Patient::new();
    let file = patient.write("file", "");
    for (state, word) in [(file.clone(), "not a directory"), (file.join("below"), "Not a directory")] {
        let rows = patient.rows_of(&state, 1);
        let row = JsonFinding::of(&rows, "state");
        assert!(row.state == "error" && row.found.contains(word) && row.fix.is_some(), "{row:?}");
        assert!(JsonFinding::of(&rows, "lock").found.starts_with("not tried"), "{rows:?}");
    }
    let link = patient.howdah.home.join("link");
    std::os::unix::fs::symlink("/no/such/place", &link).unwrap();
    assert_eq!(JsonFinding::of(&patient.rows_of(&link, 1), "state").state, "error");
}

#[test]
fn s10_records_that_cannot_be_read_are_counted_and_named() {
    let patient = Patient::new();
    patient.journal();
    patient.spoil("UPDATE sessions SET body = '{' WHERE id IN (2, 4)");
    patient.spoil("UPDATE sessions SET version = 99 WHERE id = 3");
    let rows = patient.rows(&[], 0);
    let row = JsonFinding::of(&rows, "journal");
    assert_eq!(row.found, "schema 6; 4 ongoing and 1 ended sessions; 3 of them cannot be read (2, 3, 4)");
    assert_eq!(row.state, "warning");
}

#[test]
fn a_journal_of_a_killed_owner_is_read_with_its_last_changes_and_not_touched() {
    let patient = Patient::new();
    let journal = patient.journal();
    // What a killed owner leaves: the files as they are while it lives.
    let copy = scratch("killed");
    fs::set_permissions(&copy, Permissions::from_mode(0o700)).unwrap();
    let live = patient.open_journal();
    for end in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        fs::copy(patient.state.join(end), copy.join(end)).unwrap();
    }
    drop((journal, live));
    let before = listing(&copy);
    let bytes = |end: &str| fs::read(copy.join(end)).unwrap();
    let shared = bytes("journal.db-shm");
    let rows = patient.rows_of(&copy, 0);
    assert_eq!(JsonFinding::of(&rows, "journal").found, "schema 6; 4 ongoing and 1 ended sessions");
    assert_eq!((listing(&copy), bytes("journal.db-shm")), (before, shared));
}

#[test]
fn a_file_that_is_no_journal_is_an_error_and_keeps_the_others() {
    let patient = Patient::new();
    patient.write("state/journal.db", &"no database ".repeat(1000));
    let rows = patient.rows(&[], 1);
    let row = JsonFinding::of(&rows, "journal");
    assert!(row.state == "error" && row.found.contains("not a database"), "{row:?}");
    assert_eq!(JsonFinding::of(&rows, "state").state, "ok");
    let path = patient.state.join("journal.db");
    fs::remove_file(&path).unwrap();
    assert!(process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let rows = patient.rows(&[], 1);
    assert!(JsonFinding::of(&rows, "journal").found.ends_with("journal.db: it is not a file"), "{rows:?}");
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(JsonFinding::of(&patient.rows(&[], 0), "journal").found, "empty; 0 ongoing and 0 ended sessions");
}

#[test]
fn events_from_the_future_put_the_clock_in_doubt() {
    let patient = Patient::new();
    patient.journal();
    patient.spoil("UPDATE events SET at = 4102444800000000");
    let rows = patient.rows(&[], 0);
    let row = rows.iter().find(|row| row.found.contains("ahead of the clock")).unwrap();
    assert!(row.state == "warning" && row.found.contains("2100-01-01"), "{row:?}");
}

#[test]
fn settings_that_cannot_be_used_do_not_keep_the_other_checks_from_being_made() {
    let patient = Patient::new();
    for (toml, word) in [
        ("repositries = [\"\u{9b}2J\"]\n", "TOML parse error at line 1, column 1: unknown field `repositries`"),
        ("\u{1b}[2J", "line 1"),
        ("max_running = \"four\"\n", "invalid type: string"),
        ("[console]\ntheme = \"pink\"\n", "there is no theme \"pink\""),
    ] {
        patient.write("config/howdah/howdah.toml", toml);
        let rows = patient.rows(&[], 1);
        let row = JsonFinding::of(&rows, "settings");
        assert!(row.state == "error" && row.found.contains(word) && row.fix.is_some(), "{row:?}");
        assert_eq!(JsonFinding::of(&rows, "state").state, "ok");
    }
    let rows = patient.rows(&["--config", "/no/such/file"], 1);
    assert!(JsonFinding::of(&rows, "settings").found.starts_with("/no/such/file cannot be read"), "{rows:?}");
}

#[test]
fn repositories_are_counted_each_by_itself() {
    let patient = Patient::new();
    let sample = howdah::catalog::sample::unpack(&patient.state).unwrap();
    let odd = patient.howdah.home.join(OsStr::from_bytes(b"odd \x1b\xff"));
    fs::create_dir_all(odd.join("shop/b1")).unwrap();
    fs::write(odd.join("shop/b1/base.tar"), "").unwrap();
    let empty = scratch("empty");
    let mut command = patient.command(&["doctor", "--json"]);
    let paths: [PathBuf; 3] = [sample, odd, empty];
    for path in &paths {
        command.arg("--repo").arg(path);
    }
    let rows = JsonFinding::all(&command.output().unwrap().stdout);
    let shown: Vec<&JsonFinding> = rows.iter().filter(|row| row.check == "repository").collect();
    assert!(shown[0].found.ends_with(" of 3 instances") && shown[0].state == "ok", "{shown:?}");
    let odd = "odd \\u{1b}\\xff: 0 restore points of 0 instances; 1 backup cannot be restored";
    assert!(shown[1].found.ends_with(odd) && shown[1].state == "warning", "{shown:?}");
    assert!(shown[1].fix.as_ref().unwrap().ends_with("odd \\x1b\\xff'"), "{shown:?}");
    assert!(shown[2].found.contains(" holds no backup ") && shown[2].state == "warning", "{shown:?}");
}

/// A job that cannot be carried out keeps nobody from restoring.
#[test]
fn a_job_that_is_not_right_is_named_and_all_else_holds() {
    let patient = Patient::new();
    patient.configure("[[job]]\nname = \"nightly\"\nkind = \"instance\"\nobjects = []\n");
    let rows = patient.rows(&[], 1);
    let row = JsonFinding::of(&rows, "settings");
    assert!(row.found.contains("the job \"nightly\" in howdah.toml: repository is missing"), "{row:?}");
    assert!(row.found.ends_with("that does not start, all else does"), "{row:?}");
    assert_eq!(JsonFinding::of(&rows, "state").state, "ok", "{rows:?}");
}

#[test]
fn programs_are_found_where_the_settings_and_the_path_say() {
    let patient = Patient::new();
    patient.program("postgres", "echo 'postgres (PostgreSQL) 99.1'");
    patient.program("pgbackrest", "echo 'pgBackRest 2.54'; echo \"$*\" >&2");
    patient.program("barman", "printf '3.11 \\033[2J\\n'");
    patient.program("timedatectl", "echo NTPSynchronized=no");
    let bin = patient.bin();
    patient.configure(&format!("worker.binaries = [{bin:?}]\n"));
    let rows = patient.rows(&[], 0);
    let found: Vec<&str> = rows.iter().map(|row| &*row.found).collect();
    assert!(found.contains(&&*format!("99 in {}, without pg_controldata", bin.display())), "{found:?}");
    assert!(JsonFinding::of(&rows, "pgbackrest").found.starts_with("pgBackRest 2.54 in "), "{found:?}");
    assert!(JsonFinding::of(&rows, "barman").found.starts_with("3.11 \\u{1b}[2J in "), "{found:?}");
    let clock = JsonFinding::of(&rows, "clock");
    assert_eq!((&*clock.state, clock.fix.as_deref()), ("warning", Some("timedatectl set-ntp true")));
    patient.program("timedatectl", "echo NTPSynchronized=yes");
    assert!(JsonFinding::of(&patient.rows(&[], 0), "clock").found.ends_with("kept by NTP"));
}

#[test]
fn a_locale_without_utf8_gets_ascii() {
    let patient = Patient::new();
    let text = |arguments: &[&str], locale: &str| {
        let output = patient.command(arguments).env("LC_ALL", locale).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = text(&["doctor"], "C");
    assert!(
        shown.is_ascii() && shown.contains("+ ok       terminal") && shown.contains("locale C; only ASCII is used"),
        "{shown}"
    );
    let shown = text(&["doctor", "--ascii"], "C");
    assert!(shown.contains("+ ok       terminal") && shown.contains("only ASCII is used"), "{shown}");
    assert!(text(&["doctor"], "de_DE.utf8").contains("✓ ok       terminal"));
    let hostile = text(&["doctor"], "\u{1b}[2J.UTF-8");
    assert!(!hostile.contains('\u{1b}') && hostile.contains("\\u{1b}[2J"), "{hostile}");
    let output = patient.command(&["doctor", "--json"]).env("TERM", "dumb").output().unwrap();
    assert_eq!(JsonFinding::of(&JsonFinding::all(&output.stdout), "terminal").state, "warning");
}

#[test]
fn a_terminal_of_eighty_columns_is_not_overrun() {
    let patient = Patient::new();
    let mut environment = patient.howdah.environment();
    environment.push(("HOWDAH_STATE_DIR", patient.state.clone()));
    let mut terminal = Terminal::run(env!("CARGO_BIN_EXE_howdah"), ["doctor"], environment, (80, 60));
    assert!(terminal.wait_for_end().code().is_some());
    let text = String::from_utf8(terminal.written.clone()).unwrap();
    // A path is not cut, and so is the only word of its line.
    let is_one_word = |line: &str| line.chars().skip(24).all(|c| c != ' ');
    let too_wide = |line: &&str| line.trim_end().chars().count() > 80 && !is_one_word(line.trim_end());
    assert_eq!(text.lines().find(too_wide), None, "{text}");
    assert!(text.lines().filter(|line| line.starts_with(' ')).count() > 2, "nothing was wrapped\n{text}");
}

#[test]
fn a_reader_that_has_read_enough_gets_no_complaint_and_the_verdict_stands() {
    let patient = Patient::new();
    for (arguments, code) in [(&["doctor"][..], 0), (&["doctor", "--json", "--repo", "/no/such/place"], 1)] {
        let mut child = patient.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut shown = String::new();
        child.stderr.take().unwrap().read_to_string(&mut shown).unwrap();
        assert_eq!((child.wait().unwrap().code(), &*shown), (Some(code), ""), "{arguments:?}");
    }
}
