//! `howdah play` in a real terminal: it plays, keys move about, and the shell is left whole.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use howdah::console::player::keys::BINDINGS;
use rustix::process::Signal;
use std::{fs, path::PathBuf};
use support::{howdah::Howdah, place::scratch, pty::Terminal};

const SIZE: (u16, u16) = (110, 30);

/// A recording whose second output comes only after an hour, so that only keys lead there.
const RECORDING: &str = concat!(
    "{\"version\": 2, \"width\": 40, \"height\": 10, \"title\": \"a restore\"}\n",
    "[0.0, \"o\", \"begun\\u001b]0;stolen title\\u0007\\u001b]52;c;aGk=\\u0007\\u001b[c\\u001b[?1003h\"]\n",
    "[3.0, \"o\", \"\\r\\nsoon after\"]\n[3600.0, \"m\", \"late\"]\n[3600.0, \"o\", \"\\r\\nmuch later\"]\n",
    "[3601.0, \"o\", \"\\r\\nthe very end\"]\n",
);

fn recording(text: &str) -> PathBuf {
    let file = scratch("recording").join("demo.cast");
    fs::write(&file, text).unwrap();
    file
}

fn play(howdah: &Howdah, arguments: &[&str]) -> Terminal {
    let file = recording(RECORDING);
    let arguments = ["play", file.to_str().unwrap()].into_iter().chain(arguments.iter().copied());
    Terminal::run(env!("CARGO_BIN_EXE_howdah"), arguments, howdah.environment(), SIZE)
}

#[test]
fn a_recording_is_played_paused_sought_and_left() {
    let howdah = Howdah::new();
    let mut terminal = play(&howdah, &[]);
    terminal.wait_for_text("begun");
    terminal.wait_for_text("playing");
    assert!(terminal.screen().alternate_screen());
    terminal.keys(" ");
    terminal.wait_for_text("paused");
    terminal.keys("0.");
    terminal.wait_for_text("soon after");
    terminal.keys("]");
    terminal.wait_for_text("marker: late");
    terminal.keys("[");
    terminal.wait_for_text("no marker before this");
    terminal.keys("/the very\r");
    terminal.wait_for_text("found: the very");
    assert!(terminal.text().contains("much later") && terminal.text().contains("1:00:01 / 1:00:01"));
    terminal.keys("\u{1b}[D");
    terminal.wait_for("five seconds before", |screen| !screen.contents().contains("the very end"));
    terminal.resize(90, 5);
    terminal.wait_for_text("clipped: 40x4 of 40x10");
    terminal.keys("q");
    assert_eq!(terminal.wait_for_end().code(), Some(0));
    assert!(!terminal.screen().alternate_screen() && !terminal.screen().hide_cursor());
    // What the recording asked of its own terminal has not reached this one.
    let written = String::from_utf8_lossy(&terminal.written);
    for sequence in ["stolen title", "aGk=", "\u{1b}[c", "\u{1b}[?1003h"] {
        assert!(!written.contains(sequence), "{sequence:?}");
    }
    assert!(!howdah.state.exists(), "a player needs no state directory");
}

#[test]
fn time_alone_reaches_the_next_output() {
    let howdah = Howdah::new();
    let mut terminal = play(&howdah, &["--speed", "16", "--idle-limit", "1.5"]);
    terminal.wait_for_text("the very end");
    terminal.wait_for_text("end  0:04 / 0:04  x16");
    terminal.keys("\u{3}");
    assert_eq!(terminal.wait_for_end().code(), Some(0));
}

#[test]
fn a_signal_leaves_the_terminal_whole() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let howdah = Howdah::new();
        let mut terminal = play(&howdah, &[]);
        terminal.wait_for_text("begun");
        terminal.signal(signal);
        assert_eq!(terminal.wait_for_end().code(), Some(0));
        assert!(!terminal.screen().alternate_screen() && !terminal.screen().hide_cursor(), "{signal:?}");
    }
}

#[test]
fn ctrl_z_gives_the_shell_back_and_fg_the_player() {
    let howdah = Howdah::new();
    let mut shell = Terminal::run("bash", ["--norc", "--noprofile", "-i"], howdah.environment(), SIZE);
    shell.wait_for_text("$ ");
    shell.keys(&format!("{} play {}\r", env!("CARGO_BIN_EXE_howdah"), recording(RECORDING).display()));
    shell.wait_for("the player", |screen| screen.alternate_screen() && screen.contents().contains("begun"));
    shell.keys("\u{1a}");
    shell.wait_for("the shell", |screen| !screen.alternate_screen() && screen.contents().contains("Stopped"));
    shell.keys("fg\r");
    shell.wait_for("the player again", |screen| screen.alternate_screen() && screen.contents().contains("paused"));
    shell.keys("q");
    shell.wait_for("the shell's own screen", |screen| !screen.alternate_screen());
    shell.keys("stty -a; echo whole\r");
    shell.wait_for("an answer", |screen| screen.contents().lines().any(|line| line.trim() == "whole"));
    assert!(!shell.text().contains("-icanon") && !shell.text().contains("-echo "), "{}", shell.text());
}

#[test]
fn a_recording_becomes_a_picture_that_moves_without_a_terminal() {
    let howdah = Howdah::new();
    let hostile = RECORDING.replace("a restore", "<b>\\u0007&").replace("soon after", "</text><script>&amp;\\u0001");
    let (file, picture) = (recording(&hostile), scratch("picture").join("demo.svg"));
    let animate = |more: &[&str]| {
        let arguments = ["play", file.to_str().unwrap(), "--svg", picture.to_str().unwrap()];
        howdah.run(arguments.iter().chain(more)).expect_code(0);
        fs::read_to_string(&picture).unwrap()
    };
    let svg = animate(&[]);
    for word in ["&lt;/text&gt;&lt;script&gt;&amp;amp;", ">much later<", ">the very end<", "<title>&lt;b&gt;"] {
        assert!(svg.contains(word), "{word}: {svg}");
    }
    assert!(!svg.contains("<script") && !svg.contains(|c: char| c.is_control() && c != '\n'), "{svg}");
    // The hour is three seconds, and the end stands for two more.
    assert!(svg.contains("animation:9.000000s "), "{svg}");
    assert!(animate(&["--speed", "2"]).contains("animation:5.500000s "));
    assert!(animate(&["--idle-limit", "none"]).contains("animation:3603.000000s "));
    let many = (0..5_000).map(|at| format!("[{at}.0, \"o\", \"{at} \"]")).collect::<Vec<_>>().join("\n");
    let file = recording(&format!("{{\"version\": 2, \"width\": 9, \"height\": 2}}\n{many}"));
    let arguments = ["play", file.to_str().unwrap(), "--svg", picture.to_str().unwrap()];
    howdah.run(arguments).expect_code(3).expect_words(&["more than 4000 different pictures"]);
}

#[test]
fn what_cannot_be_played_is_refused_before_the_screen_is_taken() {
    let howdah = Howdah::new();
    let file = recording(RECORDING);
    howdah.run(["play", file.to_str().unwrap()]).expect_code(2).expect_words(&["needs a terminal"]);
    for (arguments, word) in [
        (&["play"][..], "FILE"),
        (&["play", "x", "--speed", "0.1"], "0.25 to 16"),
        (&["play", "x", "--idle-limit", "0"], "none"),
    ] {
        howdah.run(arguments).expect_code(2).expect_words(&[word]);
    }
    let broken = recording(&format!("{RECORDING}[1.0, \"o\", \"back\"]\n"));
    let nowhere = broken.with_file_name("nowhere.cast");
    for (file, words) in [
        (&broken, &["demo.cast, line 7: the time goes back", "head -n 6"][..]),
        (&nowhere, &["nowhere.cast: it cannot be read: No such file"]),
        (&scratch("directory"), &["it cannot be read: Is a directory"]),
    ] {
        let arguments = ["play", file.to_str().unwrap()];
        let mut terminal = Terminal::run(env!("CARGO_BIN_EXE_howdah"), arguments, howdah.environment(), (300, 30));
        assert_eq!(terminal.wait_for_end().code(), Some(3));
        assert!(!terminal.screen().alternate_screen());
        for word in words {
            assert!(terminal.text().contains(word), "{word}\n{}", terminal.text());
        }
    }
}

#[test]
fn every_key_stands_in_the_help() {
    let ran = Howdah::new().run(["play", "--help"]).expect_code(0);
    let keys = ran.stdout.split("Keys: ").nth(1).unwrap().split("Exit codes").next().unwrap();
    let words: Vec<&str> = keys.split([' ', '\n', ',']).collect();
    for key in BINDINGS.iter().flat_map(|binding| binding.keys).map(ToString::to_string).filter(|key| key != "=") {
        assert!(words.contains(&&*key), "{key} is not in {keys}");
    }
}
