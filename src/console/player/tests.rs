//! The player without a terminal: keys and moments in, frames out.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod frames;

use super::{
    keys::{BINDINGS, Command},
    player::{Activity, AfterKey, Player},
};
use crate::{
    console::chord::Chord,
    domain::Timestamp,
    recording::{IdleLimit, Micros, Recording, Speed},
};
use std::{fmt::Write as _, time::Duration};

/// A player with a clock that is moved by hand.
pub(super) struct Stage {
    pub(super) player: Player,
    pub(super) now: Timestamp,
}

/// Ten outputs a second apart, the numbers from 0 to 9 on a line each, with markers at 3.5 and 7 seconds.
pub(super) const COUNTING: &str = concat!(
    "{\"version\": 3, \"term\": {\"cols\": 20, \"rows\": 4}, \"title\": \"counting\"}\n",
    "[0.0, \"o\", \"zero\"]\n[1.0, \"o\", \"\\r\\none\"]\n[1.0, \"o\", \"\\r\\ntwo\"]\n[1.0, \"o\", \"\\r\\nthree\"]\n",
    "[0.5, \"m\", \"half\"]\n[0.5, \"o\", \"\\r\\nfour\"]\n[1.0, \"o\", \"\\r\\nfive\"]\n[1.0, \"o\", \"\\r\\nsix\"]\n",
    "[1.0, \"m\", \"\"]\n[0.0, \"o\", \"\\r\\nseven\"]\n[1.0, \"o\", \"\\r\\neight\"]\n[1.0, \"o\", \"\\r\\nnine one\"]\n",
);

impl Stage {
    pub(super) fn new(text: &str) -> Self {
        let recording = Recording::read(text.as_bytes(), "demo.cast").unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let mut stage = Self { player: Player::new(recording, Speed::NORMAL, now), now };
        stage.settle();
        stage
    }

    /// Works until nothing is left to do.
    pub(super) fn settle(&mut self) {
        self.player.tick(self.now);
        for _ in 0..100_000 {
            if !self.player.work() {
                return;
            }
        }
        panic!("the player does not come to rest: {:?}", self.player.activity());
    }

    /// Lets time go on.
    pub(super) fn wait(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.settle();
    }

    /// Presses keys, named as in settings, and waits for what they lead to.
    pub(super) fn keys(&mut self, keys: &str) -> AfterKey {
        let mut after = AfterKey::GoOn;
        for key in keys.split(' ') {
            after = self.player.key(key.parse::<Chord>().unwrap(), self.now);
        }
        self.settle();
        after
    }

    /// The last line on the screen, the position in milliseconds, and what goes on.
    pub(super) fn state(&self) -> (String, u64, Activity) {
        let text = self.player.emulator().text();
        let last = text.iter().rev().find(|line| !line.is_empty()).cloned().unwrap_or_default();
        (last, self.player.position(self.now).0 / 1_000, self.player.activity())
    }

    #[track_caller]
    pub(super) fn stands(&self, last: &str, position: u64, activity: Activity) {
        assert_eq!(self.state(), (last.to_owned(), position, activity), "{}", self.player.note());
    }
}

#[test]
fn time_alone_plays_to_the_end() {
    let mut stage = Stage::new(COUNTING);
    stage.stands("zero", 0, Activity::Playing);
    stage.wait(999);
    stage.stands("zero", 999, Activity::Playing);
    stage.wait(1);
    stage.stands("one", 1_000, Activity::Playing);
    stage.wait(3_600_000);
    stage.stands("nine one", 9_000, Activity::Ended);
    stage.keys("space");
    stage.stands("zero", 0, Activity::Playing);
}

#[test]
fn the_next_moment_of_interest_is_an_event_or_a_second() {
    let mut stage = Stage::new(COUNTING);
    let due = |stage: &Stage| stage.player.due(stage.now).map(|due| due.duration_since(stage.now).as_millis());
    stage.wait(3_200);
    assert_eq!(due(&stage), Some(300), "the marker at 3.5");
    stage.wait(400);
    assert_eq!(due(&stage), Some(400), "the output at 4");
    stage.keys("+ +");
    assert_eq!(due(&stage), Some(100), "four times as soon");
    stage.keys("space");
    assert_eq!(due(&stage), None, "nothing comes by itself");
    // A pause of ten seconds, in which only the clock of the status line moves.
    let stage = Stage::new("{\"version\": 2, \"width\": 9, \"height\": 2}\n[10, \"o\", \"a\"]\n");
    assert_eq!(due(&stage), Some(1_000));
}

#[test]
fn keys_move_about() {
    use Activity::{Ended, Paused, Playing};
    let mut stage = Stage::new(COUNTING);
    for (keys, last, position, activity) in [
        ("space", "zero", 0, Paused),
        (".", "one", 1_000, Paused),
        (". . .", "four", 4_000, Paused),
        ("right", "nine one", 9_000, Ended),
        (".", "nine one", 9_000, Ended),
        ("left", "four", 4_000, Paused),
        ("left", "zero", 0, Paused),
        ("left", "zero", 0, Paused),
        ("]", "three", 3_500, Paused),
        ("]", "six", 7_000, Paused),
        ("]", "six", 7_000, Paused),
        ("[", "three", 3_500, Paused),
        ("[", "three", 3_500, Paused),
        ("end", "nine one", 9_000, Ended),
        ("[", "six", 7_000, Paused),
        (".", "seven", 7_000, Paused),
        ("0", "zero", 0, Paused),
        ("end home space", "zero", 0, Playing),
        ("]", "three", 3_500, Playing),
        ("right", "eight", 8_500, Playing),
        ("left left", "zero", 0, Playing),
        ("n", "zero", 0, Playing),
        ("x enter f5 ctrl-x", "zero", 0, Playing),
    ] {
        stage.keys(keys);
        assert_eq!(stage.state(), (last.to_owned(), position, activity), "{keys}: {}", stage.player.note());
    }
}

#[test]
fn going_back_from_just_behind_a_marker_means_the_one_before() {
    let mut stage = Stage::new(COUNTING);
    stage.wait(7_400);
    stage.keys("[");
    stage.stands("three", 3_500, Activity::Playing);
    stage.wait(5_000);
    stage.keys("[");
    // The output of the same moment comes at once.
    stage.stands("seven", 7_000, Activity::Playing);
}

#[test]
fn speed_goes_in_steps_and_never_jumps() {
    let mut stage = Stage::new(COUNTING);
    stage.wait(1_500);
    stage.keys("+");
    stage.stands("one", 1_500, Activity::Playing);
    stage.wait(1_000);
    stage.stands("three", 3_500, Activity::Playing);
    stage.keys("- - - - -");
    assert_eq!(stage.player.speed().to_string(), "x0.25");
    stage.wait(2_000);
    stage.stands("four", 4_000, Activity::Playing);
    stage.keys("+ = + + + + + +");
    assert_eq!(stage.player.speed().to_string(), "x16");
}

#[test]
fn a_text_is_found_where_it_appears() {
    use Activity::{Paused, Playing};
    let mut stage = Stage::new(COUNTING);
    // "one" appears at 1, scrolls away, and appears again at 9.
    for (keys, last, position, activity, note) in [
        ("/ O N E enter", "one", 1_000, Paused, "found: ONE"),
        ("n", "nine one", 9_000, Activity::Ended, "found: ONE"),
        ("n", "nine one", 9_000, Activity::Ended, "does not appear after this: ONE"),
        ("N", "one", 1_000, Paused, "found: ONE"),
        ("N", "one", 1_000, Paused, "does not appear before this: ONE"),
        ("end N", "one", 1_000, Paused, "found: ONE"),
        ("end / z e r o enter", "zero", 0, Paused, "found: zero"),
        ("/ t e n enter", "zero", 0, Paused, "does not appear after this: ten"),
        ("/ q esc", "zero", 0, Paused, ""),
        ("/ enter", "zero", 0, Paused, ""),
        ("/ q x backspace backspace s i x enter", "six", 6_000, Paused, "found: six"),
        ("0 space", "zero", 0, Playing, ""),
    ] {
        stage.keys(keys);
        assert_eq!(stage.state(), (last.to_owned(), position, activity), "{keys}");
        assert_eq!(stage.player.note(), note, "{keys}");
    }
}

#[test]
fn esc_ends_a_search_before_it_leaves() {
    let mut stage = Stage::new(COUNTING);
    for key in ["/", "x", "enter"] {
        assert_eq!(stage.player.key(key.parse().unwrap(), stage.now), AfterKey::GoOn);
    }
    assert_eq!(stage.player.activity(), Activity::Searching);
    assert_eq!(stage.keys("esc"), AfterKey::GoOn);
    stage.stands("zero", 0, Activity::Playing);
    assert_eq!(stage.keys("esc"), AfterKey::Leave);
}

#[test]
fn a_prompt_takes_what_is_typed_and_pasted_and_no_more() {
    let mut stage = Stage::new(COUNTING);
    stage.keys("/");
    stage.player.paste("s\u{1b}\nev");
    assert_eq!(stage.keys("e n enter"), AfterKey::GoOn);
    stage.stands("seven", 7_000, Activity::Paused);
    stage.keys("/");
    stage.player.paste(&"x".repeat(10_000));
    assert_eq!(stage.keys("q"), AfterKey::GoOn, "a full prompt takes no more, and q is still a letter");
    assert_eq!(stage.keys("ctrl-c"), AfterKey::Leave);
    stage.keys("esc");
    stage.player.paste("q");
    for (key, after) in
        [("q", AfterKey::Leave), ("esc", AfterKey::Leave), ("ctrl-c", AfterKey::Leave), ("ctrl-z", AfterKey::Suspend)]
    {
        assert_eq!(stage.keys(key), after, "{key}");
    }
}

#[test]
fn every_moment_looks_the_same_whichever_way_led_there() {
    // Long enough for keyframes, with sequences that are cut in two by events, and resizes.
    let mut text = "{\"version\": 2, \"width\": 30, \"height\": 5}\n".to_owned();
    for second in 0..60 {
        let (filler, size) = ("x".repeat(17_000), 20 + second % 20);
        writeln!(text, "[{second}.1, \"o\", \"{filler}\\r\\n\\u001b[3\"]").unwrap();
        writeln!(text, "[{second}.2, \"r\", \"{size}x{}\"]", 3 + second % 4).unwrap();
        writeln!(text, "[{second}.3, \"o\", \"1mred {second} \\u001b[0m\"]").unwrap();
    }
    let mut straight = Stage::new(&text);
    let mut pictures = Vec::new();
    for second in 0..60 {
        pictures.push((second * 1_000 + 500, Vec::new()));
        straight.wait(if second == 0 { 500 } else { 1_000 });
        pictures.last_mut().unwrap().1 = straight.player.emulator().text();
    }
    let mut about = Stage::new(&text);
    about.keys("end");
    for step in [7, 57, 0, 31, 30, 58, 1, 44] {
        let (position, picture) = &pictures[step];
        about.keys("home space");
        about.wait(*position);
        about.keys("space");
        assert_eq!(about.player.emulator().text(), *picture, "forward to {step}");
        if (5..55).contains(&step) {
            about.keys("left right");
            assert_eq!(about.player.position(about.now), Micros(position * 1_000));
            assert_eq!(about.player.emulator().text(), *picture, "back and forth to {step}");
        }
        about.keys("end");
    }
}

#[test]
fn a_hostile_recording_is_worked_off_in_small_pieces() {
    // Each nine bytes of it ask for 65,536 characters.
    let flood = "a\\u001b[65535b".repeat(1_000);
    let text = format!("{{\"version\": 2, \"width\": 1000, \"height\": 500}}\n[0, \"o\", \"{flood}\"]\n");
    let recording = Recording::read(text.as_bytes(), "demo.cast").unwrap();
    let mut player = Player::new(recording, Speed::NORMAL, Timestamp::UNIX_EPOCH);
    player.tick(Timestamp::UNIX_EPOCH);
    assert!(player.work(), "not all of it at once");
    assert_eq!(player.activity(), Activity::Seeking);
    assert_eq!(player.key("q".parse().unwrap(), Timestamp::UNIX_EPOCH), AfterKey::Leave);
}

#[test]
fn recordings_of_nothing_are_at_their_end() {
    for (text, position) in [
        ("{\"version\": 2, \"width\": 1, \"height\": 1}\n", 0),
        ("{\"version\": 3, \"term\": {\"cols\": 1, \"rows\": 1}}\n[0, \"x\", \"0\"]\n", 0),
        ("{\"version\": 1, \"width\": 1, \"height\": 1, \"stdout\": []}", 0),
    ] {
        let mut stage = Stage::new(text);
        stage.stands("", position, Activity::Ended);
        for binding in BINDINGS.iter().filter(|binding| binding.command != Command::Leave) {
            stage.keys(&binding.keys[0].to_string());
        }
        stage.keys("esc");
        stage.stands("", position, Activity::Ended);
    }
}

#[test]
fn long_pauses_are_as_short_as_wanted() {
    let recording = Recording::read(COUNTING.as_bytes(), "demo.cast").unwrap();
    let recording = recording.with_idle_limit(IdleLimit::AtMost(Micros(100_000)));
    assert_eq!(recording.length(), Micros(1_000_000));
}
