//! The pages that are read from files, Events above all: when they are asked for, and what is shown of the answer.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::{
    console::message::{Intent, Message, Query},
    domain::{AttemptNo, SessionId, Timestamp},
};
use std::sync::Arc;

fn asked(stage: &mut Stage) -> Vec<u64> {
    let id = |intent| match intent {
        Intent::Query(Query::History(id)) => Some(id.0),
        _ => None,
    };
    stage.wanted().into_iter().filter_map(id).collect()
}

fn answer(id: u64, sentences: &[&str]) -> Message {
    let shown = sentences.iter().map(|text| (now(), (*text).to_owned())).collect();
    Message::History(SessionId(id), Ok(shown))
}

fn after(seconds: u64) -> Timestamp {
    now().checked_add(secs(seconds)).unwrap()
}

#[test]
fn the_journal_is_asked_when_events_come_into_view_and_not_before() {
    let mut stage = Stage::new(busy(), own());
    assert_eq!(asked(&mut stage), Vec::<u64>::new());
    stage.press("4");
    assert_eq!(asked(&mut stage), [4]);
    assert!(stage.text().contains("Reading the journal"));
    stage.tell_at(Message::Due, after(5));
    assert_eq!(asked(&mut stage), Vec::<u64>::new(), "one question at a time");
    stage.tell_at(answer(4, &["ordered by ops@bastion (process 42 on pts/3) through a console"]), after(5));
    assert!(stage.text().contains("ordered by ops@bastion (process 42"), "{}", stage.text());
    stage.tell_at(Message::Due, after(60));
    assert_eq!(asked(&mut stage), Vec::<u64>::new(), "nothing has changed");
}

#[test]
fn the_journal_is_asked_again_when_the_session_has_changed_but_once_a_second_at_most() {
    let mut stage = Stage::new(snapshot(vec![copying(1, "orders")], &[]), own());
    stage.press("4").tell(answer(1, &["attempt 1 launched"]));
    assert_eq!(asked(&mut stage), [1]);
    stage.tell(Message::Snapshot(Arc::new(snapshot(vec![copying(1, "orders")], &[]))));
    assert_eq!(asked(&mut stage), Vec::<u64>::new());
    assert!(stage.model.next_change().unwrap() <= after(1), "the loop wakes for it");
    stage.tell_at(Message::Due, after(1));
    assert_eq!(asked(&mut stage), [1]);
    assert!(stage.text().contains("attempt 1 launched"), "what is known stays in view");
}

#[test]
fn a_session_that_completes_is_read_once_more() {
    let mut stage = Stage::new(snapshot(vec![copying(1, "orders")], &[]), own());
    stage.press("g down 4").tell(answer(1, &["attempt 1 launched"]));
    stage.snapshot_at(snapshot(vec![], &[succeeded(1, "orders")]), after(2));
    stage.wanted();
    stage.tell_at(Message::Session(SessionId(1), Some(Arc::new(succeeded(1, "orders")))), after(2));
    assert_eq!(asked(&mut stage), [1]);
    stage.tell_at(answer(1, &["attempt 1 brought the instance back"]), after(2));
    stage.tell_at(Message::Due, after(60));
    assert_eq!(asked(&mut stage), Vec::<u64>::new());
}

/// An answer that comes late belongs to the session it was asked for.
#[test]
fn events_of_another_session_are_never_shown() {
    let mut stage = Stage::new(busy(), own());
    stage.press("4 down");
    assert_eq!(asked(&mut stage), [4]);
    stage.tell(answer(4, &["told of audit"]));
    assert!(stage.text().contains("Reading the journal"), "{}", stage.text());
    assert_eq!(asked(&mut stage), [3]);
    stage.tell(answer(3, &["told of billing"]));
    assert!(stage.text().contains("told of billing"), "{}", stage.text());
}

#[test]
fn a_frozen_picture_reads_the_events_once_and_then_holds_them() {
    let mut stage = Stage::new(snapshot(vec![copying(1, "orders")], &[]), own());
    stage.press("f 4");
    assert_eq!(asked(&mut stage), [1]);
    stage.tell(answer(1, &["attempt 1 launched"]));
    stage.snapshot_at(snapshot(vec![copying(1, "orders")], &[]), after(30));
    assert_eq!(asked(&mut stage), Vec::<u64>::new());
}

#[test]
fn a_frozen_picture_reads_a_log_once_and_then_holds_it() {
    let mut stage = Stage::new(snapshot(vec![copying(1, "orders")], &[]), own());
    stage.press("f 2");
    let log = Intent::Query(Query::Log(SessionId(1), AttemptNo(2)));
    assert_eq!(stage.wanted(), [log]);
    stage.tell(Message::Log(SessionId(1), AttemptNo(2), Ok(b"copying base.tar.zst".to_vec())));
    assert!(stage.text().contains("copying base.tar.zst"), "{}", stage.text());
    stage.tell_at(Message::Due, after(30));
    assert_eq!(stage.wanted(), []);
}

/// A page that failed to be read is not shown for ever: who comes back to it asks again.
#[test]
fn a_failure_is_told_and_asked_again_by_who_comes_back() {
    let mut stage = Stage::new(busy(), own());
    stage.press("4").tell(Message::History(SessionId(4), Err("disk I/O error".to_owned())));
    assert!(stage.text().contains("The journal cannot be read: disk I/O error"), "{}", stage.text());
    assert_eq!(asked(&mut stage), [4]);
    stage.press("1 4");
    assert_eq!(asked(&mut stage), [4]);
}

#[test]
fn the_newest_events_are_seen_first_and_the_keys_lead_to_the_older_ones() {
    let sentences: Vec<String> = (0..1_200).map(|number| format!("event {number} of many")).collect();
    let sentences: Vec<&str> = sentences.iter().map(String::as_str).collect();
    let mut stage = Stage::new(busy(), own());
    stage.press("4").tell(answer(4, &sentences));
    assert!(stage.text().contains("event 1199 of many"), "{}", stage.text());
    stage.press("tab up");
    assert!(!stage.text().contains("event 1199 ") && stage.text().contains("event 1198 "), "{}", stage.text());
    stage.press("g");
    let text = stage.text();
    assert!(text.contains("200 older; howdah session events 4 has all") && text.contains("event 200 of"), "{text}");
    stage.press("G");
    assert!(stage.text().contains("event 1199 of many"), "{}", stage.text());
}

/// Only the pages of a session hang at their end: on a heading, down leads down whatever page was looked at before.
#[test]
fn a_heading_scrolls_downwards_after_a_page_that_hangs_at_its_end() {
    for page in ["2", "4"] {
        let mut stage = Stage::sized(busy(), own(), (80, 10));
        stage.press(page).press("esc g tab");
        let top = stage.text();
        stage.press("G");
        assert_ne!(stage.text(), top, "page {page}\n{top}");
        stage.press("g");
        assert_eq!(stage.text(), top, "page {page}");
    }
}
