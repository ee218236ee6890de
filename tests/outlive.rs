//! Restores outlive the console: however it ends, the work goes on, tries included, and is found again (R28, R29, D9).

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use howdah::domain::fact::End;
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, path::PathBuf};
use support::{
    backup::{Form, Repository},
    events::group_is_alive,
    howdah::Howdah,
    place::scratch,
    pty::{Terminal, processor_ticks},
    timeout::{until, until_true},
};

const BINARY: &str = env!("CARGO_BIN_EXE_howdah");
const SIZE: (u16, u16) = (120, 40);
const DOWN: &str = "\u{1b}[B";

/// Copies far enough below this rate that a test can act in the midst of one.
const SLOWLY: &str = "8M";
const UNDER_WAY: u64 = 4 << 20;

/// A person with a repository, and the consoles this person opens.
struct Person {
    howdah: Howdah,
    repository: Repository,
    targets: PathBuf,
}

impl Person {
    fn new() -> Self {
        let (howdah, targets) = (Howdah::new(), scratch("restored"));
        howdah.configure(&format!("restore_dir = {:?}\n[retry]\nevery = \"1s\"\n", targets.to_str().unwrap()));
        Self { howdah, repository: Repository::of(Form::PLAIN), targets }
    }

    fn arguments(&self) -> [&str; 4] {
        ["--state-dir", self.howdah.state.to_str().unwrap(), "--repo", self.repository.0.to_str().unwrap()]
    }

    /// A console alone in a terminal.
    fn console(&self) -> Terminal {
        let mut terminal = Terminal::run(BINARY, self.arguments(), self.howdah.environment(), SIZE);
        terminal.wait_for_text("shop");
        terminal
    }

    /// A console in a terminal that is not its controlling one, so that losing it is told by no signal.
    fn console_without_signals(&self) -> Terminal {
        let arguments = ["--wait", BINARY].into_iter().chain(self.arguments());
        let mut terminal = Terminal::run("setsid", arguments, self.howdah.environment(), SIZE);
        terminal.wait_for_text("shop");
        terminal
    }

    /// A shell with a console in it.
    fn shell(&self) -> Terminal {
        let mut shell = Terminal::run("bash", ["--norc", "--noprofile", "-i"], self.howdah.environment(), SIZE);
        shell.wait_for_text("$ ");
        shell.keys(&format!("{BINARY} {}\r", self.arguments().join(" ")));
        shell.wait_for("the console", |screen| screen.alternate_screen() && screen.contents().contains("shop"));
        shell
    }

    /// Orders a slow restore of files only, by keys, and waits until it copies.
    fn start_slowly(&self, terminal: &mut Terminal) {
        terminal.keys("n\r");
        terminal.wait_for_text("Bandwidth");
        // Restore point, goal, directory, port, server (the third choice is files only), bandwidth.
        terminal.keys(&format!("{DOWN}{DOWN}{DOWN}{DOWN}\u{1b}[C\u{1b}[C"));
        terminal.wait_for_text("files only");
        terminal.keys(&format!("{DOWN}{SLOWLY}"));
        terminal.wait_for_text(SLOWLY);
        terminal.keys("\r");
        terminal.wait_for_text("enter starts");
        terminal.keys("\r");
        terminal.wait_for_text("Started 1 session");
        self.howdah.events().wait_for_bytes(1, 1, UNDER_WAY);
    }

    /// Which process owns the state directory, once it is another than this one.
    fn owner_other_than(&self, old: u32) -> u32 {
        let lock = self.howdah.state.join("owner.lock");
        until("another owner", || {
            let pid = fs::read_to_string(&lock).ok()?.trim().parse().ok()?;
            (pid != old && command_line(pid).contains("keeper")).then_some(pid)
        })
    }

    /// The session succeeds although nobody looks, in so many attempts.
    fn succeeds_by_itself(&self, attempts: u32) {
        let end = self.howdah.events().end(1, attempts);
        assert!(matches!(end, End::Succeeded(_)), "{end:?}");
        assert_eq!(self.howdah.events().attempts(1), attempts as usize);
        assert!(self.targets.join("shop/global/pg_control").exists());
    }

    /// A console that is opened later shows the session where it belongs.
    fn is_found_again(&self) {
        let mut terminal = self.console();
        terminal.wait_for("the session under Completed", |screen| {
            screen.contents().split("Completed").nth(1).is_some_and(|below| below.contains("✓ shop"))
        });
    }
}

fn command_line(pid: u32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ")
}

/// Gone, or a zombie that only its parent has not waited for.
fn is_gone(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// A keeper has no terminal and is in nobody's session but its own.
fn stands_alone(pid: u32) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // Counted behind the name: group, session, terminal.
    assert_eq!((fields[2], fields[3], fields[4]), (&*pid.to_string(), &*pid.to_string(), "0"), "{stat}");
    // It lets go of its standard output once it has told that it owns the state directory.
    let nothing = PathBuf::from("/dev/null");
    for descriptor in ["0", "1"] {
        let target = || fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).unwrap();
        until_true("nothing of the terminal is held", || target() == nothing);
    }
}

#[test]
fn r28_q_gives_the_shell_back_at_once_and_a_keeper_goes_on() {
    needs_postgres!();
    let person = Person::new();
    let mut shell = person.shell();
    person.start_slowly(&mut shell);
    shell.wait_for_text("safe to close");
    shell.keys("q");
    shell.wait_for("the line that says what goes on", |screen| {
        let text = screen.contents();
        !screen.alternate_screen() && text.contains("1 running: the work goes on") && text.contains("howdah opens it")
    });
    let keeper = person.owner_other_than(shell.pid());
    assert!(shell.text().contains(&keeper.to_string()), "{}", shell.text());
    stands_alone(keeper);
    person.succeeds_by_itself(1);
    until_true("a keeper without work ends", || is_gone(keeper));
    person.is_found_again();
}

#[test]
fn r28_q_without_work_leaves_nothing_running() {
    needs_postgres!();
    let person = Person::new();
    let mut console = person.console();
    let pid = console.pid();
    console.keys("q");
    assert_eq!(console.wait_for_end().code(), Some(0));
    let owner = fs::read_to_string(person.howdah.state.join("owner.lock")).unwrap();
    assert_eq!(owner.trim(), pid.to_string(), "nobody came after it");
}

#[test]
fn r28_a_lost_link_leaves_the_tries_going_and_takes_no_processor() {
    needs_postgres!();
    for with_signals in [true, false] {
        let person = Person::new();
        let mut console = if with_signals { person.console() } else { person.console_without_signals() };
        person.start_slowly(&mut console);
        let away = person.repository.0.with_extension("away");
        fs::rename(&person.repository.0, &away).unwrap();
        console.wait_for_text("try 1/10 in");
        let owner: u32 = fs::read_to_string(person.howdah.state.join("owner.lock")).unwrap().trim().parse().unwrap();
        console.hang_up();
        let keeper = person.owner_other_than(owner);
        until_true("the console ends", || is_gone(owner));
        stands_alone(keeper);
        // A try is made with nobody there, fails, and is told in the journal only.
        person.howdah.events().failure(1, 2);
        let ticks = processor_ticks(keeper).unwrap();
        person.howdah.events().failure(1, 3);
        // A second lies between two tries. A loop that spins takes a hundred ticks of it.
        assert!(processor_ticks(keeper).unwrap() - ticks < 30, "the keeper spins");
        fs::rename(&away, &person.repository.0).unwrap();
        until_true("a try gets through", || person.targets.join("shop/global/pg_control").exists());
        person.is_found_again();
    }
}

#[test]
fn r28_sigterm_to_the_console_is_a_quit() {
    needs_postgres!();
    let person = Person::new();
    let mut console = person.console();
    person.start_slowly(&mut console);
    let pid = console.pid();
    console.signal(Signal::TERM);
    let status = console.wait_for_end();
    assert_eq!(status.code(), Some(0));
    assert!(console.text().contains("1 running: the work goes on"), "{}", console.text());
    stands_alone(person.owner_other_than(pid));
    person.succeeds_by_itself(1);
}

#[test]
fn d09_after_sigkill_the_worker_goes_on_and_the_next_console_adopts_it() {
    needs_postgres!();
    let person = Person::new();
    let mut console = person.console();
    person.start_slowly(&mut console);
    let worker = person.howdah.events().worker(1, 1);
    console.signal(Signal::KILL);
    console.wait_for_end();
    assert!(group_is_alive(worker.pid), "a worker needs no owner");
    person.is_found_again();
    person.succeeds_by_itself(1);
}

#[test]
fn d09_a_killed_keeper_is_followed_by_the_next_console() {
    needs_postgres!();
    let person = Person::new();
    let mut console = person.console();
    person.start_slowly(&mut console);
    let pid = console.pid();
    console.keys("q");
    console.wait_for_end();
    let keeper = person.owner_other_than(pid);
    kill(keeper, Signal::KILL);
    kill(person.howdah.events().worker(1, 1).pid, Signal::KILL);
    until_true("the keeper is gone", || is_gone(keeper));
    // Both are gone, as after a reboot: the first try is due at once (D9), and resumes.
    person.is_found_again();
    person.succeeds_by_itself(2);
    assert!(person.howdah.events().progress(1, 2).bytes_reused.0 > 0, "begun anew");
}

#[test]
fn two_consoles_show_the_same_and_either_may_act() {
    needs_postgres!();
    let person = Person::new();
    let mut first = person.console();
    person.start_slowly(&mut first);
    let mut second = person.console();
    let attached = format!("attached to process {}", first.pid());
    second.wait_for("the same session", |screen| {
        let text = screen.contents();
        text.contains(&attached) && text.contains("1 running") && text.contains("◉ shop")
    });
    // The tree opens on what needs a person; the session is the row below its heading.
    second.keys(&format!("g{DOWN}c"));
    second.wait_for_text("would be removed");
    second.keys("\t\r");
    for console in [&mut first, &mut second] {
        console.wait_for("the cancelled session", |screen| screen.contents().contains("∅ shop"));
    }
    let events = person.howdah.run(["session", "events", "1", "--state-dir", person.howdah.state.to_str().unwrap()]);
    let by = |words: &str, pid: u32| {
        let line = events.stdout.lines().find(|line| line.contains(words));
        let line = line.unwrap_or_else(|| panic!("no {words:?}\n{events}"));
        assert!(line.contains(&format!("(process {pid} on pts/")), "{line}");
    };
    by("ordered by", first.pid());
    by("cancel asked by", second.pid());
    // What the first one shows of it is the same history.
    first.keys(&format!("g{DOWN}{DOWN}4"));
    first.wait_for("who cancelled it", |screen| {
        let text: String = screen.contents().split_whitespace().collect();
        text.contains("cancelaskedby") && text.contains(&format!("process{}on", second.pid()))
    });
}

#[test]
fn a_second_console_stays_when_the_first_one_is_left_or_killed() {
    needs_postgres!();
    for kill_it in [false, true] {
        let person = Person::new();
        let mut first = person.console();
        person.start_slowly(&mut first);
        let mut second = person.console();
        second.wait_for_text(&format!("attached to process {}", first.pid()));
        if kill_it {
            first.signal(Signal::KILL);
        } else {
            first.keys("q");
        }
        first.wait_for_end();
        let keeper = person.owner_other_than(first.pid());
        second
            .wait_for("the next owner", |screen| screen.contents().contains(&format!("attached to process {keeper}")));
        second.wait_for("the end of the session", |screen| screen.contents().contains("✓ shop"));
        person.succeeds_by_itself(1);
        second.keys("q");
        assert_eq!(second.wait_for_end().code(), Some(0));
        until_true("a keeper without work ends", || is_gone(keeper));
    }
}

#[test]
fn r28_a_restore_whose_command_is_killed_goes_on_with_its_tries() {
    needs_postgres!();
    let person = Person::new();
    let target = person.targets.join("shop");
    let more = ["--no-start", "--max-rate", SLOWLY, "--every", "1s"];
    let command = person.howdah.spawn_restore(&person.repository.0, &target, &more);
    person.howdah.events().wait_for_bytes(1, 1, UNDER_WAY);
    command.signal(Signal::KILL);
    drop(command);
    let away = person.repository.0.with_extension("away");
    fs::rename(&person.repository.0, &away).unwrap();
    // The first attempt, and a try.
    person.howdah.events().failure(1, 2);
    fs::rename(&away, &person.repository.0).unwrap();
    until_true("a try gets through", || target.join("global/pg_control").exists());
    person.is_found_again();
}

#[test]
fn a_console_that_stands_still_owns_nothing_and_finds_its_way_back() {
    needs_postgres!();
    let person = Person::new();
    let mut shell = person.shell();
    person.start_slowly(&mut shell);
    let owner: u32 = fs::read_to_string(person.howdah.state.join("owner.lock")).unwrap().trim().parse().unwrap();
    shell.keys("\u{1a}");
    shell.wait_for("the shell says that it stopped", |screen| {
        !screen.alternate_screen() && screen.contents().contains("Stopped")
    });
    let keeper = person.owner_other_than(owner);
    // Nobody waits for a process that stands still: another face acts at once.
    let state = person.howdah.state.to_str().unwrap().to_owned();
    person.howdah.run(["session", "cancel", "1", "--any-origin", "--wait", "--state-dir", &state]).expect_code(0);
    shell.keys("fg\r");
    shell.wait_for("what happened meanwhile", |screen| {
        screen.alternate_screen() && screen.contents().contains("∅ shop")
    });
    shell.keys("q");
    shell.wait_for("the shell", |screen| !screen.alternate_screen());
    until_true("a keeper without work ends", || is_gone(keeper));
}
