//! What it costs a slow link to watch ten restores, in bytes. That an idle console sends none, `terminal.rs` holds.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stdout, reason = "the figures are worth a line")]

mod support;

use howdah::recording::{EventKind, Recording};
use std::{fmt::Write as _, fs, path::PathBuf, time::Duration};
use support::{howdah::Howdah, place::scratch, pty::Terminal};

const SIZE: (u16, u16) = (100, 30);

/// Bytes a second that may be sent while ten restores run: a third of what 9,600 baud carry.
const MOST: usize = 400;

/// Ten restores at once, each of an hour, from repositories that are as fast as each other but not in step. The page
/// that is watched is gone to by a key.
fn ten(page: &str) -> PathBuf {
    let mut text = "title = \"ten at once\"\nstarts = \"2026-11-20T02:00:00Z\"\nslots = 10\n\
        [person]\nuser = \"ops\"\nhost = \"bastion\"\n"
        .to_owned();
    for number in 0..10 {
        write!(
            text,
            "[[repository]]\npath = \"/backups/{number}\"\nrate = \"{rate}M\"\ninstance = [{{ name = \"shop-{number}\", \
             version = 17, backups = [{{ age = \"2h\", size = \"360G\", files = 5000, wal = \"512M\" }}] }}]\n",
            rate = 90 + 7 * number
        )
        .unwrap();
    }
    for number in 0..10 {
        writeln!(text, "[[restore]]\ninstance = \"shop-{number}\"").unwrap();
    }
    writeln!(text, "[[script]]\nkey = \"{page}\"").unwrap();
    text.push_str(
        "[[script]]\nwait = \"session shop-9 has copied 1%\"\nmarker = \"begins\"\n[[script]]\npause = \"60s\"\n\
         [[script]]\nwait = \"session shop-9 is running\"\nmarker = \"ends\"\n",
    );
    let file = scratch("scenario").join("ten.toml");
    fs::write(&file, text).unwrap();
    file
}

/// The seconds of the clock in the header.
fn seconds(screen: &vt100::Screen) -> Option<u32> {
    let header = screen.contents().lines().next()?.trim_end().to_owned();
    let clock = header.strip_suffix(" UTC")?.split(' ').next_back()?.to_owned();
    let parts: Vec<u32> = clock.split(':').filter_map(|part| part.parse().ok()).collect();
    (parts.len() == 3).then(|| parts[0] * 3600 + parts[1] * 60 + parts[2])
}

#[test]
fn ten_running_restores_cost_a_terminal_at_most_400_bytes_a_second() {
    const WATCHED: u32 = 6;
    let howdah = Howdah::new();
    let arguments = ["demo".into(), ten("g")];
    let mut terminal = Terminal::run(env!("CARGO_BIN_EXE_howdah"), arguments, howdah.environment(), SIZE);
    terminal.wait_for("ten restores are copying", |screen| screen.contents().matches(" copy ").count() >= 10);
    terminal.keys("g");
    terminal.wait_for_text("State");
    let begun = seconds(terminal.screen()).unwrap();
    let reached = |by: u32| move |screen: &vt100::Screen| seconds(screen).is_some_and(|now| now >= begun + by);
    terminal.wait_for("the next second", reached(1));
    let before = terminal.written.len();
    terminal.wait_for("six seconds more", reached(1 + WATCHED));
    let sent = terminal.written.len() - before;
    println!("{} bytes a second in a terminal", sent / WATCHED as usize);
    assert!(sent > 0 && sent <= MOST * WATCHED as usize, "{sent} bytes in {WATCHED} s");
}

/// The same for a minute, on a clock that nobody waits for: the table of all, and the page of one.
#[test]
fn ten_running_restores_cost_a_recording_at_most_400_bytes_a_second() {
    for page in ["g", "down"] {
        let file = scratch("cast").join("ten.cast");
        let mut command = Howdah::new().command(["demo"]);
        let output = command.arg(ten(page)).arg("--record").arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let recording = Recording::read(fs::read(file).unwrap().as_slice(), "ten").unwrap();
        let at = |label: &str| {
            let is_it = |kind: &EventKind| matches!(kind, EventKind::Marker(marker) if marker == label);
            recording.events().iter().find(|event| is_it(&event.kind)).unwrap().at
        };
        let (from, to) = (at("begins"), at("ends"));
        let length = |kind: &EventKind| if let EventKind::Output(text) = kind { text.len() } else { 0 };
        let watched = recording.events().iter().filter(|event| (from..to).contains(&event.at));
        let (frames, sent) = watched.fold((0, 0), |(frames, sent), event| (frames + 1, sent + length(&event.kind)));
        let length = Duration::from_micros(to.0 - from.0).as_secs_f64();
        println!("{page}: {:.0} bytes a second in {frames} frames of {length:.0} s", sent as f64 / length);
        assert!(length >= 59.0 && frames > 30, "{frames} frames in {length} s");
        assert!((sent as f64) <= MOST as f64 * length, "{page}: {sent} bytes in {length} s");
    }
}
