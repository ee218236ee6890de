//! `howdah report SESSION --cast FILE`: what happened to a session is shown again as the console would have shown it.

use crate::{
    harness::{FIRST, Harness, Life, after, copied, start},
    sample,
    support::{howdah::Ran, place::scratch},
};
use howdah::{
    domain::{
        Failure, Step,
        fact::{End, FactLine},
        ticket::CONTRACT_VERSION,
    },
    machine::Command,
    recording::{EventKind, IdleLimit, Micros, Recording},
};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

/// Two tries an hour apart, the first of which loses its repository; the second restores.
fn two_tries(number: u64) -> Life {
    let gone = Failure::disruption("the repository `nas` is gone\u{1b}[2J", "mount it again").in_step(Step::Copy);
    Life::queued(number)
        .running()
        .over(End::Failed(gone), 600)
        .then(Command::Retry { by: "ops@bastion (process 42 on pts/3)".to_owned() }, 4_200)
        .then(Command::Launch, 4_201)
        .over(End::Succeeded(sample::success()), 7_200)
}

fn cast(harness: &Harness, session: &str, to: &Path) -> Ran {
    let state = harness.state().to_str().unwrap();
    harness.howdah.run(["report", session, "--cast", to.to_str().unwrap(), "--state-dir", state])
}

/// What the screen shows at each event, with its moment.
fn screens(recording: &Recording) -> Vec<(Micros, String)> {
    let size = recording.header().size;
    let mut terminal = vt100::Parser::new(size.rows(), size.columns(), 0);
    let shown = recording.events().iter().map(|event| {
        if let EventKind::Output(text) = &event.kind {
            terminal.process(text.as_bytes());
        }
        (event.at, terminal.screen().contents())
    });
    shown.collect()
}

fn read(file: &Path) -> Recording {
    Recording::read(fs::read(file).unwrap().as_slice(), "cast").unwrap()
}

#[test]
fn two_tries_and_an_end_are_seen_again_with_the_clock_of_then() {
    let harness = Harness::of([Life::queued(1).stuck(), two_tries(2)]);
    let place = scratch("cast");
    let file = place.join("two.cast");
    let before = fs::read(harness.journal()).unwrap();
    let ran = cast(&harness, "2", &file).expect_code(0);
    assert!(ran.stdout.is_empty() && ran.stderr.is_empty(), "{ran}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(harness.journal()).unwrap(), before);

    let recording = read(&file);
    let screens = screens(&recording);
    // The moments are those of then, to a frame.
    let expect = |seconds: u64, words: &[&str]| {
        let until = Micros::seconds(seconds).plus(Micros(900_000));
        let (at, shown) = screens.iter().rfind(|(at, _)| *at <= until).unwrap();
        for word in words.iter().chain(&["REPLAY"]) {
            assert!(shown.contains(word), "{word:?} at {at}\n{shown}");
        }
    };
    expect(0, &["orders-2", "queued"]);
    expect(3, &["Copying data files", "1 running"]);
    expect(600, &["1 waiting", "the repository `nas` is gone", "02:10:00 UTC"]);
    expect(4_201, &["1 running", "attempt 2 (retry)", "the repository `nas` is gone", "03:10:01 UTC"]);
    expect(7_200, &["1 done", "Restored", "04:00:00 UTC"]);
    assert!(screens.iter().all(|(_, shown)| !shown.contains("orders-1")), "no other session is in it");
    let wiped = |event: &&howdah::recording::Event| matches!(&event.kind, EventKind::Output(text) if text.contains("\u{1b}[2J"));
    assert_eq!(recording.events().iter().filter(wiped).count(), 1, "but for the opening");

    // Two hours play in a minute and a half at most.
    assert!(recording.length() >= Micros::seconds(7_203), "{}", recording.length());
    let played = recording.clone().with_idle_limit(IdleLimit::OfRecording).length();
    assert!((Micros::seconds(20)..Micros::seconds(90)).contains(&played), "{played}");

    // The same again, byte for byte, wherever it goes, and over nothing.
    let kept = fs::read_to_string(&file).unwrap();
    assert_eq!(cast(&harness, "2", Path::new("-")).expect_code(0).stdout, kept);
    cast(&harness, "2", &file).expect_code(3).expect_words(&["two.cast is there already"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), kept);
    cast(&harness, "2", &place.join("no/such")).expect_code(3).expect_words(&["cannot be written to", "no such file"]);
}

#[test]
fn progress_comes_from_the_files_of_the_attempts_as_long_as_they_live() {
    let harness = Harness::of([two_tries(1)]);
    let line = |seconds, bytes| {
        let line = FactLine { version: CONTRACT_VERSION, at: after(seconds), fact: copied(bytes) };
        serde_json::to_string(&line).unwrap()
    };
    // The last came when the journal had its end already.
    let lines = [line(100, 200), line(300, 430), "no fact".to_owned(), line(2_000, 990)].join("\n");
    fs::write(harness.attempt_file(1, FIRST.0, "events.jsonl"), lines).unwrap();
    let file = scratch("cast").join("progress.cast");
    cast(&harness, "1", &file).expect_code(0);
    let screens = screens(&read(&file));
    let at = |seconds| &screens.iter().rfind(|(at, _)| *at <= Micros::seconds(seconds)).unwrap().1;
    assert!(at(250).contains("20 %"), "{}", at(250));
    assert!(at(500).contains("43 %"), "{}", at(500));
    assert!(screens.iter().all(|(_, shown)| !shown.contains("99 %")));
}

#[test]
fn a_week_in_which_nothing_happens_and_sessions_of_every_kind_can_be_seen() {
    let week = 7 * 24 * 3_600;
    let life = Life::verifying(1);
    let launched = life.then(Command::Launch, 1);
    let life = launched.over(End::Failed(Failure::incurable("the disk is broken", "replace it")), 10);
    let harness = Harness::of([life.then(Command::Retry { by: "ops".to_owned() }, week)]);
    let file = scratch("cast").join("week.cast");
    cast(&harness, "1", &file).expect_code(0);
    let recording = read(&file);
    let screens = screens(&recording);
    assert!(screens.iter().any(|(_, shown)| shown.contains("the disk is broken") && shown.contains("replace it")));
    let end = start() + jiff::SignedDuration::from_secs(week);
    let clock = end.strftime("%H:%M:%S UTC").to_string();
    assert!(screens.iter().any(|(at, shown)| *at >= Micros::seconds(week.unsigned_abs()) && shown.contains(&clock)));
    assert!(recording.events().len() < 400, "{}", recording.events().len());
}

#[test]
fn what_cannot_be_seen_again_is_refused() {
    let harness = Harness::of([two_tries(1)]);
    let file = scratch("cast").join("no.cast");
    let state = harness.state().to_str().unwrap();
    cast(&harness, "7", &file).expect_code(3).expect_words(&["no session 7"]);
    cast(&harness, "-", &file).expect_code(2).expect_words(&["one session"]);
    let both = ["report", "1", "--json", "--cast", "x", "--state-dir", state];
    harness.howdah.run(both).expect_code(2).expect_words(&["cannot be used with"]);
    harness.spoil("UPDATE events SET body = '7' WHERE number = 3");
    cast(&harness, "1", &file).expect_code(3).expect_words(&["session 1 cannot be recorded"]);
    assert!(!file.exists());
}
