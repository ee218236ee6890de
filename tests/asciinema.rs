//! Held against asciinema: what it prints of our recordings is what we recorded.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use howdah::recording::{EventKind, Format, Recording, Writer};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};
use support::{
    howdah::Howdah,
    place::scratch,
    pty::Terminal,
    skip::{skip, skip_engine},
};

/// What a terminal can be sent that a reader of recordings could get wrong.
const AWKWARD: &str =
    "\"\\\u{8}\u{c}\r\n\t\u{1b}[1m\u{7f}\u{80}\u{9b}é漢e\u{301}\u{2028}\u{feff}\u{1f418}\u{10ffff}\0 end";

/// The recordings that come with howdah, and one of what is awkward, in this format.
fn recordings(format: Format) -> Vec<(PathBuf, String)> {
    let place = scratch("recordings");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/recordings");
    let kept = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = kept.filter(|path| path.extension().is_some_and(|ending| ending == "cast")).collect();
    let awkward = serde_json::to_string(AWKWARD).unwrap();
    let awkward = format!("{{\"version\": 2, \"width\": 80, \"height\": 24}}\n[0.5, \"o\", {awkward}]\n");
    all.push(place.join("source.cast"));
    fs::write(&all[all.len() - 1], awkward).unwrap();
    assert!(all.len() > 4, "{all:?}");
    let write = |(number, path): (usize, &PathBuf)| {
        let recording = Recording::read(fs::read(path).unwrap().as_slice(), "kept").unwrap();
        let mut writer = Writer::new(Vec::new(), format, recording.header()).unwrap();
        let mut output = String::new();
        for event in recording.events() {
            writer.event(event).unwrap();
            if let EventKind::Output(text) = &event.kind {
                output.push_str(text);
            }
        }
        let file = place.join(format!("{number}.cast"));
        fs::write(&file, writer.into_inner()).unwrap();
        (file, output)
    };
    all.iter().enumerate().map(write).collect()
}

#[test]
fn asciinema_prints_exactly_what_was_recorded() {
    match Command::new("asciinema").arg("--version").output() {
        Ok(version) if String::from_utf8_lossy(&version.stdout).starts_with("asciinema 2") => {}
        Ok(other) => return skip_engine(&format!("asciinema is here, but not its version 2: {other:?}")),
        Err(_) => return skip_engine("asciinema is not installed"),
    }
    let howdah = Howdah::new();
    for (file, output) in recordings(Format::V2) {
        let printed = file.with_extension("out");
        // It reads keys from its terminal, and has none outside one.
        let script = format!("exec asciinema cat {} >{}", file.display(), printed.display());
        let mut terminal = Terminal::run("sh", ["-c", &script], howdah.environment(), (100, 30));
        assert_eq!(terminal.wait_for_end().code(), Some(0), "{}", terminal.text());
        assert!(fs::read(&printed).unwrap() == output.as_bytes(), "{}", file.display());
    }
}

/// Asciinema 3 is in no Debian that we know, and takes minutes to build: in the long form only.
#[test]
fn asciinema_3_reads_exactly_what_was_recorded() {
    if env::var_os("HOWDAH_LONG").is_none() {
        return skip("asciinema 3 is built in the long form only", false);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/asciinema3");
    let program = root.join("bin/asciinema");
    if !program.exists() {
        let mut install = Command::new(env!("CARGO"));
        install.args(["install", "asciinema", "--locked", "--root"]).arg(&root);
        assert!(install.status().unwrap().success(), "{install:?}");
    }
    for format in [Format::V2, Format::V3] {
        for (file, output) in recordings(format) {
            let converted = file.with_extension("raw");
            let mut convert = Command::new(&program);
            convert.args(["convert", "--output-format", "raw"]).arg(&file).arg(&converted);
            let ran = convert.output().unwrap();
            assert!(ran.status.success(), "{ran:?}");
            // It begins with the size, as a sequence of its own (XTWINOPS 8).
            let size = Recording::read(fs::read(&file).unwrap().as_slice(), "own").unwrap().header().size;
            let wanted = format!("\u{1b}[8;{};{}t{output}", size.rows(), size.columns());
            assert!(fs::read(&converted).unwrap() == wanted.as_bytes(), "{}", file.display());
        }
    }
}
