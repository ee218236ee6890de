//! Real restores steered by keys alone: start, watch, wait, retry, cancel, one and all.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::{fs, path::PathBuf};
use support::{
    backup::{Form, Repository, own},
    cluster::{Restored, SUM_OF_ROWS, free_port, source},
    events::group_is_alive,
    faults::flip_byte,
    howdah::Howdah,
    place::{copy_of, listing, scratch},
    pty::Terminal,
};

/// Copies far enough below this rate that a test can act in the midst of one.
const SLOWLY: &str = "8M";
const DOWN: &str = "\u{1b}[B";
const BACKSPACE: &str = "\u{7f}";
/// So much of the source is whole files already, though the largest are copied first.
const SOME_FILES: u64 = 40 << 20;

/// A console on a repository, with tries as far apart as asked.
struct Console {
    howdah: Howdah,
    terminal: Terminal,
    /// Where it proposes to restore to.
    targets: PathBuf,
}

impl Console {
    fn open(repository: &Repository, every: &str) -> Self {
        let howdah = Howdah::new();
        let targets = scratch("restored");
        let path = targets.to_str().unwrap();
        howdah.configure(&format!("restore_dir = {path:?}\n[retry]\ntries = 3\nevery = {every:?}\n"));
        let arguments = ["--state-dir", howdah.state.to_str().unwrap(), "--repo", repository.0.to_str().unwrap()];
        let mut terminal = Terminal::run(env!("CARGO_BIN_EXE_howdah"), arguments, howdah.environment(), (120, 40));
        terminal.wait_for_text("shop");
        Self { howdah, terminal, targets }
    }

    /// Starts a restore of the selected instance at a limited rate.
    fn start_slowly(&mut self) {
        self.terminal.keys("\r");
        self.fill_in(Some(SLOWLY));
    }

    /// The rest of the wizard, from its form on: a port of our own, the rate if one is wanted, the plan, the start.
    fn fill_in(&mut self, rate: Option<&str>) {
        self.terminal.wait_for_text("Bandwidth");
        // Restore point, goal, directory, port. Tests run side by side, and the proposed port is the same in all of them.
        let port = free_port().to_string();
        self.terminal.keys(&format!("{DOWN}{DOWN}{DOWN}{}{port}", BACKSPACE.repeat(5)));
        self.wait_for_field("Port", &port);
        if let Some(rate) = rate {
            // Server, bandwidth.
            self.terminal.keys(&format!("{DOWN}{DOWN}{rate}"));
            self.wait_for_field("Bandwidth", rate);
        }
        self.terminal.keys("\r");
        self.terminal.wait_for_text("enter starts");
        self.terminal.keys("\r");
        self.terminal.wait_for_text("Started 1 session");
    }

    #[track_caller]
    fn wait_for_field(&mut self, field: &str, value: &str) {
        let shows = |line: &str| line.contains(field) && line.contains(value);
        self.terminal.wait_for(&format!("{value} typed as {field}"), |screen| screen.contents().lines().any(shows));
    }

    /// Waits for a row of the tree that begins with a sign and a name, below a heading.
    #[track_caller]
    fn wait_for_row(&mut self, heading: &str, row: &str) {
        self.terminal.wait_for(&format!("{row:?} below {heading:?}"), |screen| below(&screen.contents(), heading, row));
    }
}

/// Whether the tree shows a row between this heading and the next.
fn below(screen: &str, heading: &str, row: &str) -> bool {
    let tree = |line: &str| line.split("││").next().unwrap_or_default().to_owned();
    let mut rows = screen.lines().map(tree).skip_while(|line| !line.contains(&format!("▾ {heading}"))).skip(1);
    rows.by_ref().take_while(|line| !line.contains('▾')).any(|line| line.contains(row))
}

#[test]
fn r10_a_repository_that_vanishes_shows_the_countdown_and_a_manual_retry_resumes() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let away = repository.0.with_extension("away");
    let mut console = Console::open(&repository, "1h");
    let restored = Restored(console.targets.join("shop"));
    console.start_slowly();
    console.howdah.events().wait_for_bytes(1, 1, SOME_FILES);
    // R12: a session that runs is not retried, and the reason is told.
    console.terminal.keys("r");
    console.terminal.wait_for_text("etry refused");
    fs::rename(&repository.0, &away).unwrap();
    // S1: which try comes when, and the cause of the failure.
    console.wait_for_row("Restore", "shop");
    console.terminal.wait_for_text("try 1/3 in");
    // R13: the cause persists, so a manual retry fails again, and the session stays where it is.
    console.terminal.keys("r");
    console.terminal.wait_for_text("retry: the backup");
    console.terminal.wait_for_text("try 1/3 in");
    fs::rename(&away, &repository.0).unwrap();
    console.terminal.keys("r");
    console.wait_for_row("Completed", "✓ shop");
    assert!(console.howdah.events().progress(1, 3).bytes_reused.0 > 0, "begun anew\n{}", console.terminal.text());
    assert_eq!(restored.ask(SUM_OF_ROWS), source().sum);
    // R20: a completed session offers neither.
    console.terminal.keys("r");
    console.terminal.wait_for_text("efused");
}

#[test]
fn r05_cancel_asks_first_and_leaves_nothing() {
    needs_postgres!();
    let repository = Repository::of(Form::packed("server-zstd:3"));
    let mut console = Console::open(&repository, "1h");
    console.start_slowly();
    let worker = console.howdah.events().worker(1, 1);
    console.howdah.events().wait_for_bytes(1, 1, 4 << 20);
    console.terminal.keys("c");
    console.terminal.wait_for_text("would be removed");
    // The safe button has the focus: Enter changes nothing.
    console.terminal.keys("\r");
    console.wait_for_row("Restore", "shop");
    assert!(group_is_alive(worker.pid));
    console.terminal.keys("c");
    console.terminal.wait_for_text("would be removed");
    console.terminal.keys("\t\r");
    console.wait_for_row("Completed", "∅ shop");
    assert!(!group_is_alive(worker.pid), "D6");
    assert_eq!(listing(&console.targets).len(), 1, "D7: {:?}", listing(&console.targets));
}

#[test]
fn d04_a_stuck_session_is_retried_by_a_person_once_the_cause_is_gone() {
    needs_postgres!();
    let good = own(Form::PLAIN);
    let bad = copy_of(&good);
    // Small files are copied last, so that there is something to reuse.
    let file = "base/1/PG_VERSION";
    flip_byte(&bad.join(file), 0);
    let repository = Repository::new().with("shop", "b1", &bad);
    let mut console = Console::open(&repository, "1h");
    let restored = Restored(console.targets.join("shop"));
    console.terminal.keys("\r");
    console.fill_in(None);
    console.wait_for_row("Restore", "✖ shop");
    fs::copy(good.join(file), repository.b1().join(file)).unwrap();
    console.terminal.keys("r");
    console.wait_for_row("Completed", "✓ shop");
    assert!(console.howdah.events().progress(1, 2).bytes_reused.0 > 0, "S2: begun anew");
    assert_eq!(restored.ask(SUM_OF_ROWS), source().sum);
}

#[test]
fn r17_cancel_on_the_node_cancels_every_session_there() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN).with("shop2", "b1", &own(Form::TAR));
    let mut console = Console::open(&repository, "1h");
    console.start_slowly();
    console.howdah.events().wait_for_bytes(1, 1, 1 << 20);
    console.terminal.keys("n");
    console.terminal.wait_for_text("shop2");
    console.terminal.keys("G \r");
    console.fill_in(Some(SLOWLY));
    console.wait_for_row("Restore", "shop2");
    console.howdah.events().worker(2, 1);
    console.terminal.keys("gc");
    console.terminal.wait_for_text("shop2");
    console.terminal.keys("\t\r");
    console.wait_for_row("Completed", "∅ shop2");
    console.wait_for_row("Completed", "∅ shop ");
    assert_eq!(listing(&console.targets).len(), 1, "D7: {:?}", listing(&console.targets));
}
