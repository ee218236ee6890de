//! The History tab: all that has ended, dismissed sessions too, read when somebody looks.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{scenes::history, stage::*};
use howdah::{
    console::{
        message::{Intent, Message, Query},
        model::tree::{Node, Screen},
    },
    domain::{InstanceName, SessionId},
    machine::CompletedRow,
};
use std::{sync::Arc, time::Duration};

fn reads(stage: &mut Stage) -> usize {
    stage.wanted().iter().filter(|intent| **intent == Intent::Query(Query::Past)).count()
}

fn opened(size: (u16, u16)) -> Stage {
    let mut stage = Stage::sized(busy(), own(), size);
    assert_eq!(reads(&mut stage), 0, "nobody looks");
    stage.press("H");
    assert_eq!(reads(&mut stage), 1);
    assert!(stage.text().contains("The journal is being read"), "{}", stage.text());
    stage.tell(Message::Past(Ok(history())));
    stage
}

#[test]
fn d10_the_history_holds_dismissed_sessions_too_and_says_which() {
    let mut stage = opened((140, 40));
    let text = stage.text();
    assert!(text.contains("12 sessions ended, 2 of them dismissed"), "{text}");
    assert!(text.contains("H Restore  J Jobs  e Explore  [History]"), "{text}");
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("││") && line.contains(":545")).collect();
    let dismissed: Vec<bool> = rows.iter().map(|row| row.contains("dismissed")).collect();
    assert_eq!(dismissed[..3], [true, true, false], "{text}");
    // A row is opened as everywhere, and Escape leads back.
    stage.press("tab down enter");
    assert_eq!(stage.model.tree().selected(), &Node::Session(SessionId(21)));
    stage.press("d");
    assert!(stage.text().contains("Dismiss refused: staging: it is dismissed already"), "{}", stage.text());
    stage.press("space");
    assert!(stage.model.tree().marked.is_empty(), "{}", stage.text());
    stage.press("esc esc");
    assert_eq!(stage.model.tree().screen(), Screen::Restore);
    stage.press("H");
    assert_eq!(reads(&mut stage), 0, "what is known stands");
    // Whoever goes to a session that goes on leaves the history.
    stage.press("!");
    assert_eq!(
        (stage.model.tree().screen(), stage.model.tree().selected()),
        (Screen::Restore, &Node::Session(SessionId(4)))
    );
}

#[test]
fn the_history_is_sorted_and_filtered_as_any_table() {
    let mut stage = opened((140, 40));
    stage.press("o o");
    let first = |stage: &Stage| {
        let text = stage.text();
        text.lines().find(|line| line.contains("││") && line.contains(":54")).unwrap().to_owned()
    };
    assert!(first(&stage).contains("inventory"), "{}", stage.text());
    // Backwards past the first column: whether they were dismissed.
    stage.press("O O O");
    assert!(first(&stage).contains("dismissed") && stage.text().contains("Dismissed▾"), "{}", stage.text());
    stage.press("o o /").type_text("ledg").press("enter g");
    assert!(first(&stage).contains("ledger") && stage.text().contains("1 of 12"), "{}", stage.text());
}

#[test]
fn the_history_is_read_again_when_more_has_ended_but_not_for_each_session() {
    let mut stage = opened((100, 30));
    let later = |seconds: u64| now().checked_add(Duration::from_secs(seconds)).unwrap();
    stage.snapshot_at(busy(), later(1));
    assert_eq!(reads(&mut stage), 0, "they share a reading");
    assert_eq!(stage.model.next_change(), Some(later(2)));
    stage.tell_at(Message::Due, later(2));
    assert_eq!(reads(&mut stage), 1);
    stage.tell_at(Message::Due, later(9));
    assert_eq!(reads(&mut stage), 0, "one at a time");
    // What was known stays where the journal cannot be read, and it is tried again.
    stage.tell_at(Message::Past(Err("disk I/O error".to_owned())), later(10));
    let text = stage.text();
    assert!(text.contains("could not be read: disk I/O error") && text.contains("12 sessions ended"), "{text}");
    stage.tell_at(Message::Due, later(12));
    assert_eq!(reads(&mut stage), 1);
    stage.press("H");
    stage.snapshot_at(busy(), later(20));
    stage.tell_at(Message::Due, later(30));
    assert_eq!(reads(&mut stage), 0, "nobody looks any more");
}

#[test]
fn completed_namesakes_are_told_by_their_targets_and_others_are_not() {
    let mut rows: Vec<CompletedRow> = twelve().iter().map(|session| CompletedRow::of(session).unwrap()).collect();
    // Three of one instance: two elsewhere, one in the place that bears its name.
    for (row, target) in rows.iter_mut().zip(["inv-2 :5440", "inventory :5441", "two words"]) {
        (row.title, row.details.target) = (InstanceName::new("inventory"), target.to_owned());
    }
    rows[3].details.target = "elsewhere :5442".to_owned();
    let stage = Stage::sized(with_rows(Vec::new(), rows.into_iter().map(Arc::new).collect()), own(), (140, 40));
    let text = stage.text();
    let row = |part: &str| text.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}\n{text}"));
    assert!(row("inventory inv-2 ").contains("restored"), "{text}");
    assert!(row("inventory two words ").contains("restored"), "{text}");
    assert!(!text.contains("inventory inventory") && !row("✓ shop-23").contains("elsewhere  "), "{text}");
}

/// What a key does there would be done to rows that nobody sees.
#[test]
fn marks_are_not_taken_into_the_history() {
    for marks in ["g A", "G A"] {
        let mut stage = Stage::sized(busy(), own(), (140, 40));
        stage.press(marks);
        assert!(stage.text().contains(" marked"), "{}", stage.text());
        stage.press("H");
        assert!(!stage.text().contains(" marked"), "{}", stage.text());
        stage.press("esc");
        assert_eq!(stage.model.tree().screen(), Screen::Restore, "{marks}");
    }
}
