//! The real binary in a real terminal: keys restore, and whatever happens, the shell is left whole.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use rustix::process::{Pid, Signal, kill_process};
use std::{fs, time::Duration};
use support::{
    backup::{Form, Repository},
    cluster::Restored,
    howdah::Howdah,
    place::scratch,
    pty::{Terminal, processor_ticks},
    timeout::{until, until_true},
};

const SIZE: (u16, u16) = (100, 30);
const BINARY: &str = env!("CARGO_BIN_EXE_howdah");

/// Restores go below the test's own directory, whatever the defaults for this user are.
fn settle(howdah: &Howdah) {
    let place = scratch("restored");
    howdah.configure(&format!("restore_dir = {:?}\n[retry]\nevery = \"1s\"\n", place.to_str().unwrap()));
}

/// The console alone in a terminal, with the sample as its catalog.
fn console(howdah: &Howdah) -> Terminal {
    settle(howdah);
    let mut terminal =
        Terminal::run(BINARY, ["--state-dir", howdah.state.to_str().unwrap()], howdah.environment(), SIZE);
    terminal.wait_for_text("Restore");
    terminal.wait_for_text("orders");
    terminal
}

/// A shell with the console started in it, as people do it.
fn shell_with_console(howdah: &Howdah) -> Terminal {
    settle(howdah);
    let mut shell = Terminal::run("bash", ["--norc", "--noprofile", "-i"], howdah.environment(), SIZE);
    shell.wait_for_text("$ ");
    shell.keys(&format!("{BINARY} --state-dir {}\r", howdah.state.display()));
    shell.wait_for("the console", |screen| screen.alternate_screen() && screen.contents().contains("orders"));
    shell
}

/// The one child of the shell.
fn child_of(shell: &Terminal) -> Pid {
    let children = format!("/proc/{0}/task/{0}/children", shell.pid());
    let pid = until("the shell has a child", || fs::read_to_string(&children).ok()?.trim().parse().ok());
    Pid::from_raw(pid).unwrap()
}

/// The screen is the shell's again, and a typed line is echoed and edited as before.
#[track_caller]
fn is_whole(shell: &mut Terminal) {
    shell.wait_for("the shell's own screen", |screen| !screen.alternate_screen());
    shell.keys("stty -a; echo whole\r");
    shell.wait_for("an answer of the shell", |screen| screen.contents().lines().any(|line| line.trim() == "whole"));
    let text = shell.text();
    for mode in ["icanon", "echo", "isig", "opost", "icrnl"] {
        assert!(!text.contains(&format!("-{mode} ")), "{mode} is off\n{text}");
        assert!(text.contains(mode), "stty does not tell {mode}\n{text}");
    }
    assert!(!shell.screen().hide_cursor(), "the cursor is hidden");
    assert_eq!(shell.screen().mouse_protocol_mode(), vt100::MouseProtocolMode::None);
}

#[test]
fn three_presses_of_enter_restore_the_newest_backup_of_the_sample() {
    let howdah = Howdah::new();
    let mut terminal = console(&howdah);
    for page in ["Data directory", "enter starts", "Started 1 session"] {
        terminal.keys("\r");
        terminal.wait_for_text(page);
    }
    terminal.wait_for("one session under Completed", |screen| {
        let contents = screen.contents();
        let mut lines = contents.lines().skip_while(|line| !line.contains("Completed"));
        lines.next().is_some_and(|line| line.contains('1')) && lines.next().is_some_and(|line| line.contains('✓'))
    });
    let end = howdah.events().end(1, 1);
    let directory = howdah.events().plan(1, 1).directory;
    let _stopped_at_the_end = Restored(directory.clone());
    assert!(directory.join("global/pg_control").exists(), "{end:?}");
}

/// What the console writes on a terminal of this environment until it is calm, and on what it ends.
fn written_on(howdah: &Howdah, environment: &[(&'static str, &str)], arguments: &[&str]) -> (String, Terminal) {
    let own = environment.iter().map(|(name, value)| (*name, value.into()));
    let environment = howdah.environment().into_iter().chain(own).collect();
    let state = ["--state-dir", howdah.state.to_str().unwrap()];
    let mut terminal = Terminal::run(BINARY, state.iter().chain(arguments), environment, SIZE);
    terminal.wait_for_text("Instances");
    terminal.wait_for_text("orders");
    terminal.wait_for_calm(Duration::from_millis(300));
    (String::from_utf8(terminal.written.clone()).unwrap(), terminal)
}

#[test]
fn a_terminal_gets_the_colours_and_signs_that_it_has_unless_somebody_says_otherwise() {
    // What only a theme of 256 colours sends, what one of sixteen does, and whether there are signs beyond ASCII.
    let found = |environment: &[(&'static str, &str)], arguments: &[&str], settings: &str| {
        let howdah = Howdah::new();
        howdah.configure(settings);
        let (written, _terminal) = written_on(&howdah, environment, arguments);
        let sixteen = written.contains("38;5;8m") || written.contains("38;5;7m");
        let indexed = written.contains("38;5;245") || written.contains("38;5;242");
        (indexed, sixteen, !written.is_ascii())
    };
    let window = ("TERM", "xterm-256color");
    assert_eq!(found(&[window], &[], ""), (true, false, true));
    assert_eq!(found(&[window, ("LC_ALL", "C")], &[], ""), (true, false, false));
    assert_eq!(found(&[("TERM", "linux")], &[], ""), (false, true, false));
    assert_eq!(found(&[("TERM", "vt100")], &[], ""), (false, false, false));
    assert_eq!(found(&[("TERM", "")], &[], ""), (false, false, false));
    assert_eq!(found(&[("TERM", "vt100")], &["--theme", "light"], ""), (true, false, false));
    assert_eq!(found(&[("TERM", "linux")], &[], "[console]\ntheme = \"dark\"\nascii = false\n"), (true, false, true));
}

#[test]
fn a_theme_of_the_settings_paints_its_roles_in_its_colours() {
    let howdah = Howdah::new();
    howdah.configure("[console]\ntheme = \"mine\"\n[themes.mine]\nsample = \"#010203\"\nfocus = \"bright-red\"\n");
    let (written, _terminal) = written_on(&howdah, &[("COLORTERM", "truecolor")], &[]);
    assert!(written.contains("38;2;1;2;3"), "{written}");
    let (written, _terminal) = written_on(&howdah, &[], &[]);
    assert!(!written.contains("38;2;") && written.contains("38;5;16m"), "{written}");
}

#[test]
fn where_the_console_cannot_open_the_exit_code_is_that_of_wrong_usage() {
    let howdah = Howdah::new();
    let state = ["--state-dir", howdah.state.to_str().unwrap()];
    let dumb = howdah.environment().into_iter().chain([("TERM", "dumb".into())]).collect();
    let mut terminal = Terminal::run(BINARY, state, dumb, SIZE);
    assert_eq!(terminal.wait_for_end().code(), Some(2));
    assert!(terminal.text().contains("TERM=dumb") && terminal.text().contains("howdah session"), "{}", terminal.text());
    howdah.run(state).expect_code(2).expect_words(&["needs a terminal", "howdah session list"]);
    for (settings, words) in [
        ("[console.keys]\nretry = [\"c\"]\n", ["c is given to both", "cancel and retry"]),
        ("[console]\ntheme = \"pink\"\n", ["there is no theme", "colour-blind"]),
        ("[themes.mine]\nruning = 1\n", ["unknown variant", "line 2"]),
    ] {
        howdah.configure(settings);
        let mut terminal = Terminal::run(BINARY, state, howdah.environment(), SIZE);
        assert_eq!(terminal.wait_for_end().code(), Some(2), "{settings}");
        assert!(words.iter().all(|word| terminal.text().contains(word)), "{settings}: {}", terminal.text());
    }
    assert!(!howdah.state.exists(), "nothing was begun");
}

#[test]
fn q_leaves_the_shell_whole() {
    let mut shell = shell_with_console(&Howdah::new());
    shell.keys("q");
    is_whole(&mut shell);
}

#[test]
fn signals_that_end_a_program_leave_the_shell_whole() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut shell = shell_with_console(&Howdah::new());
        kill_process(child_of(&shell), signal).unwrap();
        is_whole(&mut shell);
    }
}

#[test]
fn ctrl_z_gives_the_shell_back_and_fg_the_console() {
    let mut shell = shell_with_console(&Howdah::new());
    shell.keys("\u{1a}");
    shell.wait_for("the shell says that it stopped", |screen| {
        !screen.alternate_screen() && screen.contents().contains("Stopped")
    });
    is_whole(&mut shell);
    shell.keys("fg\r");
    shell.wait_for("the console again", |screen| screen.alternate_screen() && screen.contents().contains("orders"));
    shell.keys("q");
    is_whole(&mut shell);
}

#[test]
fn a_terminal_of_any_size_is_drawn_on() {
    let howdah = Howdah::new();
    let mut terminal = console(&howdah);
    for size in [(1, 1), (2, 1), (40, 10), (80, 24), (250, 80), (1, 40), SIZE] {
        terminal.resize(size.0, size.1);
        terminal.wait_for_calm(Duration::from_millis(150));
    }
    terminal.wait_for_text("orders");
    terminal.keys("q");
    assert_eq!(terminal.wait_for_end().code(), Some(0));
}

#[test]
fn a_hang_up_ends_the_console_and_takes_no_processor() {
    let howdah = Howdah::new();
    let mut terminal = console(&howdah);
    let pid = terminal.pid();
    let before = processor_ticks(pid).unwrap();
    let mut last = before;
    terminal.hang_up();
    until_true("the console ends", || {
        last = processor_ticks(pid).map_or(last, |ticks| ticks.max(last));
        fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
    });
    // A hundred ticks are a second; an event loop that spins takes that in a second.
    assert!(last - before < 100, "{} ticks after the hang-up", last - before);
}

#[test]
fn an_idle_console_draws_nothing_and_takes_no_processor() {
    let howdah = Howdah::new();
    let mut terminal = console(&howdah);
    terminal.wait_for_calm(Duration::from_secs(2));
    let (drawn, ticks) = (terminal.written.len(), processor_ticks(terminal.pid()).unwrap());
    terminal.wait_for_calm(Duration::from_secs(5));
    assert_eq!(terminal.written.len(), drawn, "{:?}", String::from_utf8_lossy(&terminal.written[drawn..]));
    assert!(processor_ticks(terminal.pid()).unwrap() - ticks <= 1);
}

#[test]
fn a_console_that_was_killed_is_opened_again_and_its_session_goes_on() {
    needs_postgres!();
    let howdah = Howdah::new();
    let repository = Repository::of(Form::PLAIN);
    let target = scratch("target").join("data");
    // The command is an owner like the console; what it leaves when it is killed is what the console finds.
    let more = ["--no-start", "--max-rate", "6M", "--every", "1s"];
    let running = howdah.spawn_restore(&repository.0, &target, &more);
    howdah.events().wait_for_bytes(1, 1, 4 << 20);
    running.signal(Signal::KILL);
    drop(running);
    let arguments = ["--state-dir", howdah.state.to_str().unwrap(), "--repo", repository.0.to_str().unwrap()];
    let mut terminal = Terminal::run(BINARY, arguments, howdah.environment(), SIZE);
    terminal.wait_for("the session is there and succeeds", |screen| {
        let contents = screen.contents();
        let below = contents.split("Completed").nth(1).unwrap_or_default().to_owned();
        below.contains("✓ shop")
    });
    assert!(target.join("global/pg_control").exists());
    assert!(howdah.events().attempts(1) <= 2);
}

#[test]
fn help_and_palette_open_and_escape_never_quits() {
    let howdah = Howdah::new();
    let mut terminal = console(&howdah);
    let before = terminal.text();
    for (key, word) in [("?", "Retry"), (":", "Retry"), ("m", "Retry"), ("n", "orders")] {
        terminal.keys(key);
        terminal.wait_for(&format!("{key} opens something"), |screen| {
            screen.contents() != before && screen.contents().contains(word)
        });
        terminal.wait_for_calm(Duration::from_millis(100));
        terminal.keys("\u{1b}");
        terminal.wait_for_calm(Duration::from_millis(300));
    }
    terminal.keys("\u{1b}");
    terminal.wait_for_calm(Duration::from_millis(300));
    terminal.wait_for_text("orders");
    terminal.keys("q");
    assert_eq!(terminal.wait_for_end().code(), Some(0));
}
