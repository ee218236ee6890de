//! `howdah --record`: the recording of a live console holds what its terminal was sent, and harms neither the console nor
//! any file.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use howdah::recording::{EventKind, Recording, Version};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};
use support::{howdah::Howdah, place::scratch, pty::Terminal, timeout::until};

const SIZE: (u16, u16) = (100, 30);

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A console that is recorded into this file, once it shows something.
fn console(howdah: &Howdah, file: &Path, more: &[&str]) -> Terminal {
    let arguments = ["--record", text(file), "--state-dir", text(&howdah.state)];
    let arguments = arguments.into_iter().chain(more.iter().copied());
    let mut terminal = Terminal::run(env!("CARGO_BIN_EXE_howdah"), arguments, howdah.environment(), SIZE);
    terminal.wait_for_text("Instances");
    terminal
}

fn new_file() -> PathBuf {
    scratch("recording").join("live.cast")
}

fn read(file: &Path) -> Recording {
    Recording::read(fs::read(file).unwrap().as_slice(), "live").unwrap()
}

/// All that the terminal was sent, and the screen that this makes.
fn replayed(recording: &Recording) -> (String, vt100::Parser) {
    let size = recording.header().size;
    let (mut all, mut screen) = (String::new(), vt100::Parser::new(size.rows(), size.columns(), 0));
    for event in recording.events() {
        match &event.kind {
            EventKind::Output(text) => {
                all.push_str(text);
                screen.process(text.as_bytes());
            }
            EventKind::Resize(size) => screen.screen_mut().set_size(size.rows(), size.columns()),
            EventKind::Input(_) | EventKind::Marker(_) | EventKind::Exit(_) => panic!("{event:?}"),
        }
    }
    (all, screen)
}

/// Waits until the recording shows what the terminal shows.
#[track_caller]
fn expect_same(terminal: &mut Terminal, file: &Path) {
    terminal.wait_for_calm(Duration::from_millis(300));
    let shown = terminal.screen().contents_formatted();
    until("the recording shows what the terminal shows", || {
        (replayed(&read(file)).1.screen().contents_formatted() == shown).then_some(())
    });
}

#[test]
fn a_recording_holds_what_the_terminal_was_sent_and_nothing_that_was_typed() {
    for (format, version) in [("v2", Version::V2), ("v3", Version::V3)] {
        let (howdah, file) = (Howdah::new(), new_file());
        let mut terminal = console(&howdah, &file, &["--format", format]);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        expect_same(&mut terminal, &file);
        terminal.keys("?");
        terminal.wait_for_text("Help: every key");
        expect_same(&mut terminal, &file);
        terminal.keys("\u{1b}");
        // Before anything else is typed: an escape and a letter in one breath are one key.
        terminal.wait_for("the help is closed", |screen| !screen.contents().contains("Help: every key"));
        terminal.resize(81, 25);
        expect_same(&mut terminal, &file);
        terminal.keys("q");
        assert_eq!(terminal.wait_for_end().code(), Some(0));
        let recording = read(&file);
        assert_eq!((recording.header().version, recording.header().size.to_string()), (version, "100x30".to_owned()));
        let all = replayed(&recording).0;
        let written = String::from_utf8_lossy(&terminal.written).into_owned();
        let rest = written.strip_prefix(&*all).unwrap_or_else(|| panic!("{all:?}\n{written:?}"));
        assert!(rest.contains("howdah: the recording is in ") && !rest.contains('\u{1b}'), "{rest:?}");
    }
}

#[test]
fn a_password_in_a_log_is_neither_shown_nor_recorded() {
    let (howdah, file) = (Howdah::new(), new_file());
    let target = howdah.home.join("crm");
    let restore = ["restore", "crm", "--no-start", "--to", text(&target), "--state-dir", text(&howdah.state)];
    howdah.run(restore).expect_code(0);
    let log = howdah.state.join("attempts/1/1/output.log");
    let line = "primary_conninfo = 'host=a password=hunter2 user=b'\n";
    OpenOptions::new().append(true).open(log).unwrap().write_all(line.as_bytes()).unwrap();
    let mut terminal = console(&howdah, &file, &[]);
    // From the top, over two headings, to the session, and to its log.
    terminal.keys("gjjl");
    terminal.wait_for_text("host=a password=***");
    expect_same(&mut terminal, &file);
    assert!(!fs::read_to_string(&file).unwrap().contains("hunter2"));
}

#[test]
fn consoles_that_are_attached_or_only_look_are_recorded_too() {
    let howdah = Howdah::new();
    let files = [new_file(), new_file(), new_file()];
    let mut terminals = [
        console(&howdah, &files[0], &[]),
        console(&howdah, &files[1], &[]),
        console(&howdah, &files[2], &["--read-only"]),
    ];
    for (terminal, file) in terminals.iter_mut().zip(&files) {
        expect_same(terminal, file);
    }
}

#[test]
fn a_console_that_is_killed_leaves_its_recording() {
    let (howdah, file) = (Howdah::new(), new_file());
    let mut terminal = console(&howdah, &file, &[]);
    terminal.keys("?");
    terminal.wait_for_text("Help: every key");
    expect_same(&mut terminal, &file);
    terminal.signal(Signal::KILL);
    terminal.wait_for_end();
    let recording = read(&file);
    assert_eq!(recording.cut_at(), None);
    assert!(replayed(&recording).1.screen().contents().contains("Help: every key"));
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_console() {
    let (howdah, file) = (Howdah::new(), new_file());
    let mut terminal = console(&howdah, &file, &[]);
    expect_same(&mut terminal, &file);
    // A file that may not grow fails as a full disk does, in the middle of the next picture.
    let most = fs::metadata(&file).unwrap().len() + 100;
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    prlimit(Pid::from_raw(terminal.pid().cast_signed()), Resource::Fsize, limit).unwrap();
    let before = read(&file);
    terminal.resize(90, 28);
    terminal.wait_for_text("The recording ends here: File too large");
    terminal.keys("?");
    terminal.wait_for_text("Help: every key");
    terminal.keys("\u{1b}");
    terminal.wait_for("the help is closed", |screen| !screen.contents().contains("Help: every key"));
    terminal.keys("q");
    assert_eq!(terminal.wait_for_end().code(), Some(0));
    assert!(terminal.text().contains("ends before the screen did: File too large"), "{}", terminal.text());
    let after = read(&file);
    assert_eq!(after.cut_at(), None, "half a picture is no picture");
    assert!(after.events().starts_with(before.events()), "{:?}", after.events().last());
}

#[test]
fn nothing_is_overwritten_and_no_verb_is_recorded() {
    let (howdah, file) = (Howdah::new(), new_file());
    fs::write(&file, "precious").unwrap();
    let arguments = ["--record", text(&file), "--state-dir", text(&howdah.state)];
    let mut terminal = Terminal::run(env!("CARGO_BIN_EXE_howdah"), arguments, howdah.environment(), (200, 30));
    assert_eq!(terminal.wait_for_end().code(), Some(3));
    assert!(terminal.text().contains("live.cast is there already"), "{}", terminal.text());
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert!(!howdah.state.exists(), "nothing is begun");
    // Where no screen opens, no recording stays.
    let other = new_file();
    fs::create_dir_all(howdah.state.join("journal.db")).unwrap();
    for more in ["--read-only", "--ascii"] {
        let arguments = ["--record", text(&other), more, "--state-dir", text(&howdah.state)];
        let mut terminal = Terminal::run(env!("CARGO_BIN_EXE_howdah"), arguments, howdah.environment(), SIZE);
        assert_eq!(terminal.wait_for_end().code(), Some(1), "{}", terminal.text());
        assert!(!other.exists(), "{more}");
    }
    howdah.run(["--record", text(&other), "doctor"]).expect_code(2).expect_words(&["leave the verb away"]);
    howdah.run(["--format", "v3"]).expect_code(2).expect_words(&["--record"]);
}
