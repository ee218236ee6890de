//! `howdah demo`: stories are recorded the same everywhere, in no time, and played in a real terminal.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stdout, reason = "how long a recording takes is worth a line")]

mod support;

use howdah::{
    console::svg::svg,
    recording::{EventKind, Recording},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};
use support::{howdah::Howdah, place::scratch, pty::Terminal};

const SCENARIOS: [&str; 7] =
    ["quiet-night", "repository-down", "stuck", "link-cut", "three-jobs", "dropped-table", "point-in-time"];

/// An hour of copying at the speed of time, three at once.
const HOUR: &str = r#"
title = "an hour"
starts = "2026-11-20T02:00:00Z"

[person]
user = "ops"
host = "bastion"

[[repository]]
path = "/backups"
rate = "100M"
instance = [
    { name = "billing", version = 17, backups = [{ age = "2h", size = "360G", files = 5000, wal = "512M" }] },
    { name = "crm", version = 17, backups = [{ age = "2h", size = "360G", files = 5000, wal = "512M" }] },
    { name = "orders", version = 17, backups = [{ age = "2h", size = "360G", files = 5000, wal = "512M" }] },
]

[[restore]]
instance = "billing"

[[restore]]
instance = "crm"

[[restore]]
instance = "orders"

[[script]]
wait = "nothing is ongoing"
marker = "the end"
"#;

/// Records, and returns the bytes.
fn record(howdah: &Howdah, arguments: &[&str], environment: &[(&str, &str)]) -> Vec<u8> {
    let file = scratch("cast").join("out.cast");
    let mut command = howdah.command(["demo"].iter().chain(arguments));
    let output = command.arg("--record").arg(&file).envs(environment.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read(file).unwrap()
}

fn written(name: &str, text: &str) -> PathBuf {
    let file = scratch("scenario").join(name);
    fs::write(&file, text).unwrap();
    file
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a terminal shows of a recording at a marker.
fn replayed(recording: &Recording, marker: &str) -> Buffer {
    let (columns, rows) = (recording.header().size.columns(), recording.header().size.rows());
    let mut emulator = vt100::Parser::new(rows, columns, 0);
    for event in recording.events() {
        match &event.kind {
            EventKind::Output(text) => emulator.process(text.as_bytes()),
            EventKind::Marker(label) if label == marker => break,
            EventKind::Marker(_) | EventKind::Input(_) | EventKind::Resize(_) | EventKind::Exit(_) => {}
        }
    }
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    for (x, y) in (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))) {
        let shown = emulator.screen().cell(y, x).unwrap();
        let cell = &mut buffer[(x, y)];
        if shown.has_contents() {
            cell.set_symbol(shown.contents());
        }
        (cell.fg, cell.bg) = (colour(shown.fgcolor()), colour(shown.bgcolor()));
        let looks = [
            (shown.bold(), Modifier::BOLD),
            (shown.dim(), Modifier::DIM),
            (shown.underline(), Modifier::UNDERLINED),
            (shown.inverse(), Modifier::REVERSED),
        ];
        cell.modifier = looks.into_iter().filter(|(on, _)| *on).map(|(_, look)| look).collect();
    }
    buffer
}

fn colour(colour: vt100::Color) -> Color {
    match colour {
        vt100::Color::Default => Color::Reset,
        vt100::Color::Idx(number) => Color::Indexed(number),
        vt100::Color::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
    }
}

#[test]
fn a_recording_is_the_same_wherever_and_whenever_it_is_made() {
    let other = [
        ("TZ", "Asia/Kathmandu"),
        ("LANG", "de_DE.UTF-8"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("TERM", "dumb"),
        ("NO_COLOR", "1"),
        ("USER", "eve"),
        ("SSH_CONNECTION", "1 2 3 4"),
        ("COLUMNS", "20"),
        ("TOKIO_WORKER_THREADS", "1"),
    ];
    for scenario in SCENARIOS {
        let (here, there) = (Howdah::new(), Howdah::new());
        let first = record(&here, &[scenario], &[("TZ", "UTC"), ("TERM", "xterm-256color")]);
        assert!(first == record(&here, &[scenario], &[("TZ", "UTC")]), "{scenario}: the second time");
        assert!(first == record(&there, &[scenario], &other), "{scenario}: somewhere else");
        assert!(!here.state.exists() && !there.state.exists(), "a demo needs no state directory");
    }
}

/// The recordings that come with howdah: the arguments of the demo that makes each, and its file.
fn recordings(folder: &Path) -> Vec<(Vec<String>, PathBuf)> {
    let made = |scenario: &str, option: &str, ending: &str| {
        let file = folder.join(format!("{scenario}.{ending}"));
        ([scenario, option].map(str::to_owned).to_vec(), file)
    };
    let casts = SCENARIOS.into_iter().map(|scenario| made(scenario, "--record", "cast"));
    casts.chain([made("stuck", "--svg", "svg")]).collect()
}

#[test]
fn the_recordings_that_come_with_howdah_are_up_to_date() {
    let howdah = Howdah::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/recordings");
    for (arguments, file) in recordings(&folder) {
        let fresh = scratch("fresh").join("file");
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain([text(&fresh)]).collect();
        howdah.run(["demo"].into_iter().chain(arguments)).expect_code(0);
        let fresh = fs::read(fresh).unwrap();
        if env::var_os("HOWDAH_WRITE_RECORDINGS").is_some() {
            fs::write(&file, &fresh).unwrap();
        }
        assert!(
            fs::read(&file).is_ok_and(|kept| kept == fresh),
            "{} is old, since the screen or the story has changed; renew all of its folder, and look at it:\n\
             HOWDAH_WRITE_RECORDINGS=1 cargo test --locked --test demo up_to_date",
            file.display()
        );
    }
    let known: Vec<PathBuf> = recordings(&folder).into_iter().map(|(_, file)| file).collect();
    let strays = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| !known.contains(path));
    assert_eq!(strays.collect::<Vec<_>>(), Vec::<PathBuf>::new(), "nothing makes these");
}

#[test]
fn a_recording_shows_what_the_screen_painted() {
    let howdah = Howdah::new();
    for scenario in SCENARIOS {
        let cast = record(&howdah, &[scenario], &[]);
        let recording = Recording::read(cast.as_slice(), scenario).unwrap();
        let markers = recording.events().iter().filter_map(|event| match &event.kind {
            EventKind::Marker(label) => Some(label),
            EventKind::Output(_) | EventKind::Input(_) | EventKind::Resize(_) | EventKind::Exit(_) => None,
        });
        for marker in markers {
            let file = scratch("still").join("still.svg");
            howdah.run(["demo", scenario, "--svg", text(&file), "--at", marker]).expect_code(0);
            let title = format!("{}: {marker}", recording.header().title.as_deref().unwrap());
            let painted = fs::read_to_string(file).unwrap();
            assert!(painted == svg(&replayed(&recording, marker), &title), "{scenario}: {marker}");
            assert!(painted.contains("DEMO"), "{scenario}: {marker}");
        }
    }
}

/// It is what the story is called.
#[test]
fn a_dropped_table_is_back_within_forty_seconds_of_its_recording() {
    let cast = record(&Howdah::new(), &["dropped-table"], &[]);
    let recording = Recording::read(cast.as_slice(), "dropped-table").unwrap();
    let is_back = |event: &&howdah::recording::Event| matches!(&event.kind, EventKind::Marker(label) if label == "the table is back");
    let at = recording.events().iter().find(is_back).unwrap().at;
    assert!(at.0 <= 40_000_000, "{at} seconds");
    assert!(recording.length().0 <= 45_000_000, "{} seconds", recording.length());
}

#[test]
fn both_formats_hold_the_same_and_the_size_is_as_asked() {
    let howdah = Howdah::new();
    let read = |format| {
        let cast = record(&howdah, &["link-cut", "--size", "80x24", "--format", format], &[]);
        Recording::read(cast.as_slice(), format).unwrap()
    };
    let (second, third) = (read("v2"), read("v3"));
    assert_eq!(second.header().size.to_string(), "80x24");
    let outputs = |recording: &Recording| {
        let kinds = recording.events().iter().map(|event| event.kind.clone());
        kinds.filter(|kind| !matches!(kind, EventKind::Exit(_))).collect::<Vec<_>>()
    };
    assert!(outputs(&second) == outputs(&third));
    assert_eq!(third.events().last().unwrap().kind, EventKind::Exit(0));
}

#[test]
fn the_header_says_demo_at_every_size() {
    let howdah = Howdah::new();
    let file = scratch("still").join("still.svg");
    // The last is too small for anything else in the header.
    for size in ["200x50", "80x24", "40x10", "12x4"] {
        let marker = "three at once, one in the queue";
        let arguments = ["demo", "quiet-night", "--size", size, "--svg", text(&file), "--at", marker];
        howdah.run(arguments).expect_code(0);
        assert!(fs::read_to_string(&file).unwrap().contains("DEMO"), "{size}");
    }
}

#[test]
fn an_hour_is_recorded_in_a_moment() {
    let (howdah, scenario) = (Howdah::new(), written("hour.toml", HOUR));
    let begun = Instant::now();
    let cast = record(&howdah, &[text(&scenario)], &[]);
    let took = begun.elapsed();
    let length = Recording::read(cast.as_slice(), "hour").unwrap().length();
    assert!(length.0 > 3_600_000_000, "{length} seconds");
    println!("an hour of restores was recorded in {took:.1?}, {} bytes", cast.len());
    assert!(cfg!(debug_assertions) || took.as_secs() < 2, "{took:?}");
}

#[test]
fn what_cannot_be_played_is_refused() {
    let howdah = Howdah::new();
    let broken = written("broken.toml", &HOUR.replace("100M", "fast"));
    let out = text(&broken).replace("broken.toml", "out.cast");
    let run = |arguments: &[&str]| howdah.run(["demo"].iter().chain(arguments));
    let error = run(&[text(&broken), "--record", &out]).expect_code(3).stderr;
    assert!(error.contains("broken.toml, line 11: \"fast\" is not an amount of bytes"), "{error}");
    let error = run(&["no-such-night", "--record", &out]).expect_code(3).stderr;
    assert!(error.contains("howdah demo --list"), "{error}");
    let endless =
        written("endless.toml", &HOUR.replace("360G", "1G").replace("nothing is ongoing", "session crm is stuck"));
    let error = run(&[text(&endless), "--record", &out]).expect_code(1).stderr;
    assert!(error.contains("line 28 of the scenario waits for \"session crm is stuck\""), "{error}");
    let error = run(&["stuck", "--svg", &out, "--at", "no such"]).expect_code(2).stderr;
    assert!(error.contains("\"billing is back\""), "{error}");
    assert!(run(&["stuck"]).expect_code(2).stderr.contains("needs a terminal"));
    assert!(!Path::new(&out).exists());
    let list = run(&["--list"]).expect_code(0).stdout;
    assert!(SCENARIOS.iter().all(|name| list.contains(name)), "{list}");
}

#[test]
fn a_story_is_played_in_a_terminal_and_takes_orders() {
    let howdah = Howdah::new();
    let arguments = ["demo", "stuck", "--speed", "100"];
    let mut terminal = Terminal::run(env!("CARGO_BIN_EXE_howdah"), arguments, howdah.environment(), (100, 30));
    terminal.wait_for_text("DEMO");
    terminal.wait_for_text("billing is stuck");
    terminal.keys("!r");
    terminal.wait_for_text("1 done");
    terminal.keys("q");
    assert_eq!(terminal.wait_for_end().code(), Some(0));
    assert!(!terminal.screen().alternate_screen() && !howdah.state.exists());
}

/// A scenario is a file that anybody may have written.
#[test]
fn hostile_names_in_a_scenario_reach_no_terminal() {
    let howdah = Howdah::new();
    let hostile = r"日本語 e\u0301 \u001B[2J\u001B]0;owned\u0007 \u202E \r\n end";
    let story =
        HOUR.replace("\"billing\"", &format!("\"{hostile}\"")).replace("an hour", hostile).replace("360G", "1G");
    let scenario = written("hostile.toml", &story);
    let cast = record(&howdah, &[text(&scenario)], &[]);
    let recording = Recording::read(cast.as_slice(), "hostile").unwrap();
    let mut shown = String::new();
    for event in recording.events() {
        if let EventKind::Output(text) = &event.kind {
            shown.push_str(text);
        }
    }
    assert!(shown.contains("日本語") && !shown.contains("]0;owned\u{7}") && !shown.contains('\u{202e}'), "{shown:?}");
    let broken = written("broken.toml", &story.replace("100M", hostile));
    let error = howdah.run(["demo", text(&broken), "--record", "/nowhere/x.cast"]).expect_code(3).stderr;
    assert!(!error.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{error:?}");
}
