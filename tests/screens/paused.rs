//! A session that is paused at its goal, and the replay that led there.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{keys::state, stage::*};
use howdah::{
    console::{
        message::{Intent, Message, Query},
        model::dialog::Overlay,
    },
    domain::{InstanceName, Lsn, RecoveryGoal, SessionId},
    machine::{Refusal, Resume, Scope},
    manager::{Receipt, ReceiptLine, SessionAction},
};
use std::time::Duration;

fn waiting_there() -> Stage {
    let mut stage = Stage::new(snapshot(vec![paused(1, "orders")], &[]), archived());
    stage.wanted();
    stage
}

fn acted(stage: &mut Stage) -> Vec<(Resume, Scope)> {
    let resumed = |intent| match intent {
        Intent::Act(SessionAction::Resume(resume), scope) => Some((resume, scope)),
        _ => None,
    };
    stage.wanted().into_iter().filter_map(resumed).collect()
}

fn this() -> Scope {
    Scope::Sessions(vec![SessionId(1)])
}

#[test]
fn it_says_where_it_stands_what_answered_and_how_to_look() {
    let text = waiting_there().text();
    for part in [
        "paused at 13:29:58",
        "Paused at the goal of its recovery, 0/48F374D8",
        "2026-11-20 13:29:58.500000 UTC",
        "42 tables\\u{1b}[2J",
        "psql -h /tmp/howdah-3f2a -p 5432 -U postgres",
        "safe to close",
        "+ Go on",
        "P Promote",
        "X Stop here",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn going_on_takes_a_later_goal_and_no_earlier_one() {
    let mut stage = waiting_there();
    stage.press("+");
    answer_window(&mut stage, window());
    stage.press("enter");
    assert!(acted(&mut stage).is_empty(), "where it is paused is no goal to go on to");
    assert!(stage.model.notice().unwrap().text.contains("is paused at 0/48F374D8 already"));
    stage.press("down down ctrl-u").type_text("13:29:30").press("enter");
    assert!(acted(&mut stage).is_empty());
    stage.press("ctrl-u").type_text("2026-11-20 14:01").press("enter");
    assert!(acted(&mut stage).is_empty());
    let said = stage.model.notice().unwrap().text.clone();
    assert!(said.contains("cannot be reached"), "{said}");
    stage.press("ctrl-u").type_text("13:30:09").press("enter");
    let resume = Resume::GoOn { goal: RecoveryGoal::Time(on("20T13:30:09")), inclusive: true };
    assert_eq!(acted(&mut stage), vec![(resume, this())]);
    assert_eq!(state(&stage), "Tree #1");
}

#[test]
fn going_on_works_without_a_window_and_says_what_is_not_known() {
    let mut stage = Stage::new(snapshot(vec![paused(1, "orders")], &[]), own());
    stage.press("+");
    assert!(stage.text().contains("Its recoverable window is not known"), "{}", stage.text());
    stage.press("down ctrl-u").type_text("13:30:09").press("enter");
    let resume = Resume::GoOn { goal: RecoveryGoal::Time(on("20T13:30:09")), inclusive: true };
    assert_eq!(acted(&mut stage), vec![(resume, this())]);
}

#[test]
fn a_position_that_was_passed_is_refused_by_the_machine_itself() {
    let mut stage = waiting_there();
    stage.press("+");
    answer_window(&mut stage, window());
    stage.press("right right down down ctrl-u").type_text("0/48000000").press("enter");
    assert!(stage.model.notice().unwrap().text.contains("only goes forward"));
    stage.press("ctrl-u").type_text("0/4A000000").press("enter");
    let resume = Resume::GoOn { goal: RecoveryGoal::Lsn(Lsn(0x4a00_0000)), inclusive: true };
    assert_eq!(acted(&mut stage), vec![(resume, this())]);
}

#[test]
fn promoting_and_stopping_there_are_questions_that_begin_on_the_safe_button() {
    for (key, resume, part) in
        [("P", Resume::Promote, "opened for writing"), ("X", Resume::StopHere, "is shut down at 0/48F374D8")]
    {
        let mut stage = waiting_there();
        stage.press(key);
        assert!(stage.text().contains(part), "{}", stage.text());
        stage.press("enter");
        assert!(acted(&mut stage).is_empty(), "{key}");
        stage.press(key).press("tab enter");
        assert_eq!(acted(&mut stage), vec![(resume, this())]);
    }
}

#[test]
fn a_session_that_is_not_paused_refuses_with_the_reason() {
    for key in ["+", "P", "X", "a"] {
        let mut stage = Stage::new(snapshot(vec![copying(1, "orders")], &[]), own());
        stage.press(key);
        let said = stage.model.notice().unwrap().text.clone();
        assert!(said.contains("refused: orders: its recovery is not paused"), "{said}");
        stage.press("g").press(key);
        assert!(stage.model.notice().unwrap().text.contains("select the one session that is paused"));
        assert!(stage.model.overlay().is_none());
    }
}

#[test]
fn the_server_is_asked_and_answers_or_does_not() {
    let mut stage = waiting_there();
    stage.press("a");
    let asked = |intent| matches!(intent, Intent::Query(Query::AskPaused(SessionId(1), address)) if address.port.number() == 5432);
    assert!(stage.wanted().into_iter().any(asked));
    stage.tell(Message::PausedAnswered(SessionId(1), Ok(vec!["shop".to_owned(), "x\u{1b}[2J".to_owned()])));
    assert_eq!(stage.model.notice().unwrap().text, "orders answers, read-only: 2 databases (shop, x\\u{1b}[2J)");
    stage.tell(Message::PausedAnswered(SessionId(1), Err("connection refused".to_owned())));
    assert_eq!(stage.model.notice().unwrap().text, "orders does not answer: connection refused");
}

#[test]
fn the_psql_line_is_copied() {
    let mut stage = waiting_there();
    stage.press("y");
    let Some(Overlay::Copy(menu)) = stage.model.overlay() else { panic!() };
    let psql = &menu.items.iter().find(|(name, _)| *name == "psql command").unwrap().1;
    assert_eq!(psql, "psql -h /tmp/howdah-3f2a -p 5432 -U postgres -d postgres");
}

#[test]
fn r15_retry_on_the_heading_lists_a_paused_session_as_skipped_with_the_reason() {
    let mut stage = Stage::new(snapshot(vec![paused(1, "orders"), stuck(2, "crm")], &[]), archived());
    stage.press("g r");
    let skipped = ReceiptLine {
        session: Some(SessionId(1)),
        title: Some(InstanceName::new("orders")),
        result: Err(Refusal::Paused),
    };
    let done = ReceiptLine { session: Some(SessionId(2)), title: Some(InstanceName::new("crm")), result: Ok(()) };
    assert!(stage.wanted().iter().any(|intent| matches!(intent, Intent::Act(SessionAction::Retry, _))));
    stage.tell(Message::Acted(SessionAction::Retry, Receipt { lines: vec![skipped, done] }));
    assert!(stage.text().contains("orders: its recovery has reached its goal and is paused"), "{}", stage.text());
    stage.press("esc down r");
    assert!(stage.model.notice().unwrap().text.contains("Retry refused: orders: its recovery has reached its goal"));
}

#[test]
fn r18_a_paused_session_is_cancelled_like_any_other() {
    let mut stage = waiting_there();
    stage.press("c tab enter");
    assert!(stage.wanted().iter().any(|intent| matches!(intent, Intent::Act(SessionAction::Cancel(..), _))));
}

#[test]
fn replay_is_a_gauge_of_its_own_to_the_goal_and_its_time_left_is_honest() {
    let picture = |at: u64, committed: Option<&str>| snapshot(vec![recovering(1, "orders", at, committed)], &[]);
    let mut stage = Stage::new(picture(0x3080_0000, None), archived());
    let text = stage.text();
    for part in ["Copy", "100 %", "WAL", "0/30800000 of 0/49000000", "consistent at 0/31000000", "25 segments left"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains(" s left") && !text.contains("last commit"), "too little is known yet\n{text}");
    for second in 1..20_u64 {
        let at = now().checked_add(Duration::from_secs(second)).unwrap();
        stage.snapshot_at(picture(0x3080_0000 + second * (16 << 20), Some("20T03:00:00")), at);
    }
    let text = stage.text();
    for part in ["last commit 2026-11-20 03:00:00 UTC", "MiB/s", "6 segments left"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(text.contains(" s left"), "{text}");
    stage.tell_at(Message::Due, now().checked_add(Duration::from_mins(1)).unwrap());
    assert!(stage.text().contains("stalled since 14:02:30"), "{}", stage.text());
}

#[test]
fn the_gauge_of_replay_stands_there_from_the_start_where_one_is_planned() {
    let stage = Stage::new(snapshot(vec![copying_to_a_goal(1, "orders")], &[]), archived());
    let text = stage.text();
    assert!(text.contains("WAL") && text.contains("to 2026-11-20 13:29:59 UTC"), "{text}");
    let stage = Stage::new(snapshot(vec![copying(1, "orders")], &[]), archived());
    assert!(!stage.text().contains("WAL "), "a backup's own WAL is replayed in a moment");
}
