//! The Log page: it follows its end, wraps, is searched and saved.

use super::stage::{Stage, busy, own};
use howdah::{
    console::message::{Intent, Message, Query},
    domain::{AttemptNo, SessionId},
};
use std::path::PathBuf;

/// A stage whose keys go to the log of a running session, which has so many lines.
fn reading(lines: usize) -> Stage {
    let mut stage = Stage::new(busy(), own());
    stage.press("down down tab 2");
    tell(&mut stage, lines);
    stage.wanted();
    stage
}

fn tell(stage: &mut Stage, lines: usize) {
    let text: Vec<String> = (1..=lines).map(|number| format!("file {number} of Base\n")).collect();
    stage.tell(Message::Log(SessionId(1), AttemptNo(2), Ok(text.concat().into_bytes())));
}

/// The screen must show the one, and not the other.
fn check(stage: &Stage, shown: &str, hidden: &str) {
    let text = stage.text();
    assert!(text.contains(shown) && !text.contains(hidden), "{shown:?} and not {hidden:?} in:\n{text}");
}

#[test]
fn the_end_is_followed_until_somebody_scrolls_up_and_then_the_view_stays() {
    let mut stage = reading(100);
    check(&stage, "following", "line ");
    tell(&mut stage, 120);
    check(&stage, "file 120 of", "file 80 of");
    stage.press("pgup");
    check(&stage, " of 120 ", "following");
    let before = stage.text();
    let page = |text: &str| text.lines().filter(|line| line.contains("file ")).map(str::to_owned).collect::<Vec<_>>();
    tell(&mut stage, 150);
    assert_eq!(page(&stage.text()), page(&before));
    check(&stage, " of 150 ", "following");
    stage.press("G");
    check(&stage, "following", "line ");
}

#[test]
fn long_lines_are_cut_or_wrapped() {
    let mut stage = reading(1);
    let text = format!("{} the end of it\n", "x".repeat(90));
    stage.tell(Message::Log(SessionId(1), AttemptNo(2), Ok(text.into_bytes())));
    assert!(!stage.text().contains("the end of it"));
    stage.press("w");
    assert!(stage.text().contains("the end of it"), "{}", stage.text());
    stage.press("w");
    assert!(!stage.text().contains("the end of it"));
}

#[test]
fn a_search_is_live_in_any_case_and_esc_leaves_it_first() {
    let mut stage = reading(200);
    stage.press("/").type_text("FILE 7");
    check(&stage, "11 of 11", "following");
    assert!(stage.text().contains("file 79 of"), "the last match above the view: {}", stage.text());
    stage.press("enter n");
    check(&stage, "1 of 11", "file 79 of");
    assert!(stage.text().contains("file 7 of"), "{}", stage.text());
    stage.press("N N");
    check(&stage, "10 of 11", "file 7 of");
    stage.press("esc");
    check(&stage, "line ", "10 of 11");
    stage.press("/").type_text("nowhere");
    check(&stage, "no match", " of 0");
}

#[test]
fn a_log_is_saved_where_the_person_says_and_the_answer_is_shown() {
    let mut stage = reading(3);
    stage.press("s");
    check(&stage, "Save to ./howdah-session-1-attempt-2.log", "saved");
    stage.press("enter");
    let path = PathBuf::from("./howdah-session-1-attempt-2.log");
    assert_eq!(stage.wanted(), [Intent::Query(Query::SaveLog(SessionId(1), AttemptNo(2), path.clone()))]);
    stage.tell(Message::LogSaved(path.clone(), Ok(2048)));
    check(&stage, "Log saved to ./howdah-session-1-attempt-2.log: 2.0 KiB", "Save to");
    stage.tell(Message::LogSaved(path, Err("File exists".to_owned())));
    check(&stage, "was not saved to ./howdah-session-1-attempt-2.log: File exists", "Save to");
    stage.press("s esc");
    assert_eq!(stage.wanted(), []);
}

#[test]
fn a_page_that_is_longer_than_its_frame_says_where_it_stands() {
    let last = |stage: &Stage| stage.text().lines().nth(12).unwrap().to_owned();
    let number = |line: &str| -> (usize, usize) {
        let words: Vec<&str> = line.split(|c: char| c == '─' || c.is_whitespace()).collect();
        let at = words.iter().position(|word| *word == "line").unwrap_or_else(|| panic!("{line}"));
        (words[at + 1].parse().unwrap(), words[at + 3].parse().unwrap())
    };
    for keys in ["?", "3"] {
        let mut stage = Stage::sized(busy(), own(), (100, 14));
        stage.press(keys);
        let (first, all) = number(&last(&stage));
        assert!(first < all, "{keys}: {first} of {all}");
        stage.press(if keys == "?" { "down" } else { "tab down" });
        assert_eq!(number(&last(&stage)), (first + 1, all), "{keys}");
        stage.press("G");
        assert_eq!(number(&last(&stage)), (all, all), "{keys}");
    }
    let mut stage = Stage::sized(busy(), own(), (100, 60));
    stage.press("3");
    assert!(!stage.text().contains(" line "), "all of it is in view");
}
