//! The rules that live on the screen, by number.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{keys::state, stage::*};
use howdah::{
    console::{
        action::{Action, Verdict},
        message::{Intent, Message, Mouse, MouseAction, Query},
        model::tree::{Group, Node},
    },
    domain::{AttemptNo, Disposition, InstanceName, Kind, Reach, SessionId},
    machine::{Refusal, Scope},
    manager::{Receipt, ReceiptLine, SessionAction},
};
use std::sync::Arc;

fn rows_of(stage: &Stage, group: Group) -> Vec<u64> {
    let id = |row| match stage.model.data().node(row) {
        Some(Node::Session(id)) => id.0,
        other => panic!("{other:?}"),
    };
    stage.model.tree().members(group).map(id).collect()
}

fn acts(stage: &mut Stage) -> Vec<(SessionAction, Scope)> {
    let act = |intent| match intent {
        Intent::Act(act, scope) => Some((act, scope)),
        _ => None,
    };
    stage.wanted().into_iter().filter_map(act).collect()
}

fn these(ids: &[u64]) -> Scope {
    Scope::Sessions(ids.iter().map(|id| SessionId(*id)).collect())
}

const CANCEL: SessionAction = SessionAction::Cancel(Disposition::Default, Reach::AnyOrigin);

#[test]
fn r02_restore_holds_exactly_the_ongoing_sessions() {
    let stage = Stage::new(busy(), own());
    assert_eq!(rows_of(&stage, Group::Restore), [4, 3, 1, 2, 5]);
    let text = stage.text();
    let heading = text.lines().position(|line| line.contains("Restore") && line.contains('▾')).unwrap();
    for (line, name) in text.lines().skip(heading + 1).zip(["audit", "billing", "orders", "crm", "depot"]) {
        assert!(line.contains(name), "{name}: {line}");
    }
}

#[test]
fn r03_completed_stands_below_and_holds_what_succeeded_or_was_cancelled() {
    let stage = Stage::new(busy(), own());
    assert_eq!(rows_of(&stage, Group::Completed).len(), 12);
    assert!(stage.model.tree().heading(Group::Completed) > stage.model.tree().heading(Group::Restore));
    let text = stage.text();
    assert!(text.contains("✓ inventory") && text.contains("∅ staging") && text.contains("cancelled"));
}

#[test]
fn r04_r05_a_session_that_ends_moves_to_completed_and_the_selection_goes_with_it() {
    for ended in [succeeded(1, "orders"), cancelled(1, "orders")] {
        let mut stage = Stage::new(snapshot(vec![copying(1, "orders")], &[]), own());
        stage.press("g down");
        stage.tell(Message::Snapshot(Arc::new(snapshot(vec![], &[ended]))));
        assert_eq!((rows_of(&stage, Group::Restore), rows_of(&stage, Group::Completed)), (vec![], vec![1]));
        assert_eq!(state(&stage), "Tree #1");
        assert!(stage.wanted().contains(&Intent::Query(Query::Session(SessionId(1)))));
        assert!(stage.model.notice().is_some());
    }
}

#[test]
fn r06_a_session_whose_tries_are_used_up_stays_under_restore_and_says_so() {
    let stage = Stage::new(snapshot(vec![used_up(1, "orders")], &[]), own());
    assert_eq!(rows_of(&stage, Group::Restore), [1]);
    assert!(stage.text().contains("all 10 tries used up"));
}

#[test]
fn r07_selecting_an_instance_shows_its_session_in_detail() {
    let mut stage = Stage::new(busy(), own());
    stage.press("down down");
    let text = stage.text();
    for part in ["orders ▸ /srv/pg/orders  port 5433", "Copying data files", "38.0 GiB of 61.5 GiB", "attempt 2"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn r12_retry_of_a_running_session_is_refused_with_the_reason() {
    let mut stage = Stage::new(busy(), own());
    stage.press("down down r");
    assert!(acts(&mut stage).is_empty());
    let said = &stage.model.notice().unwrap().text;
    assert_eq!(said, "Retry refused: orders: it is running (attempt 2); retry is for a session that waits or is stuck");
    // The bar dims it before.
    assert!(matches!(stage.model.situation().verdict(Action::Retry), Verdict::No(_)));
}

#[test]
fn r14_retry_on_an_instance_acts_on_that_session_only() {
    let mut stage = Stage::new(busy(), own());
    stage.press("down r");
    assert_eq!(acts(&mut stage), [(SessionAction::Retry, these(&[3]))]);
}

#[test]
fn r15_retry_on_the_restore_node_acts_on_all_and_tells_each_one_skipped() {
    let mut stage = Stage::new(busy(), own());
    stage.press("g r");
    assert_eq!(acts(&mut stage), [(SessionAction::Retry, Scope::Ongoing(Kind::Restore))]);
    let line = |id, name: &str, result| ReceiptLine {
        session: Some(SessionId(id)),
        title: Some(InstanceName::new(name)),
        result,
    };
    let running = Refusal::Running { attempt: AttemptNo(2) };
    let lines = vec![line(4, "audit", Ok(())), line(1, "orders", Err(running)), line(5, "depot", Err(Refusal::Queued))];
    stage.tell(Message::Acted(SessionAction::Retry, Receipt { lines }));
    let text = stage.text();
    for part in ["1 done, 2 skipped", "orders: it is running (attempt 2)", "depot: it is queued already"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn r15_one_done_and_one_skipped_are_both_told() {
    let mut stage = Stage::new(busy(), own());
    let line = |id, name: &str, result| ReceiptLine {
        session: Some(SessionId(id)),
        title: Some(InstanceName::new(name)),
        result,
    };
    let lines = vec![line(4, "audit", Ok(())), line(5, "depot", Err(Refusal::Queued))];
    stage.tell(Message::Acted(SessionAction::Retry, Receipt { lines }));
    assert_eq!(stage.model.notice().unwrap().text, "Retry: 1 done, 1 skipped");
    assert!(stage.text().contains("depot: it is queued already"), "{}", stage.text());
}

#[test]
fn r15_where_nothing_can_be_retried_each_kind_of_reason_is_told_with_its_count() {
    let sessions = vec![
        copying(1, "orders"),
        replaying(2, "crm"),
        queued(3, "depot"),
        cancelling(4, "audit"),
        checking(5, "billing"),
    ];
    let mut stage = Stage::new(snapshot(sessions, &[]), own());
    stage.press("g r");
    assert!(acts(&mut stage).is_empty());
    let said = &stage.model.notice().unwrap().text;
    assert_eq!(said, "Retry refused: 5 sessions: 3 running, 1 queued already, 1 being cancelled");
}

#[test]
fn r15_with_a_filter_the_restore_node_means_what_is_shown() {
    let mut stage = Stage::new(busy(), own());
    stage.press("/ b i l enter g r");
    assert_eq!(acts(&mut stage), [(SessionAction::Retry, these(&[3]))]);
}

#[test]
fn r16_cancel_on_an_instance_acts_on_that_session_only() {
    let mut stage = Stage::new(busy(), own());
    stage.press("down down c right enter");
    assert_eq!(acts(&mut stage), [(CANCEL, these(&[1]))]);
}

#[test]
fn r17_cancel_on_the_restore_node_acts_on_every_session_there() {
    let mut stage = Stage::new(busy(), own());
    stage.press("g c");
    let text = stage.text();
    assert!(
        text.contains("Cancel 5 sessions?")
            && text.contains("130.0 GiB would be removed where the session made the directory"),
        "{text}"
    );
    stage.press("right enter");
    assert_eq!(acts(&mut stage), [(CANCEL, these(&[4, 3, 1, 2, 5]))]);
}

#[test]
fn r17_sessions_that_are_being_cancelled_already_are_not_asked_for_again() {
    let sessions = vec![copying(1, "orders"), cancelling(2, "crm"), queued(3, "depot")];
    let mut stage = Stage::new(snapshot(sessions, &[]), own());
    stage.press("g c");
    let text = stage.text();
    assert!(text.contains("Cancel 2 sessions?") && text.contains("38.0 GiB would be removed"), "{text}");
    let question: Vec<_> =
        text.lines().filter(|line| line.contains(": Copying") || line.contains(": Cancelling")).collect();
    assert!(question.len() == 1 && question[0].contains("orders"), "{text}");
    stage.press("right enter");
    assert_eq!(acts(&mut stage), [(CANCEL, these(&[1, 3]))]);
    let mut stage = Stage::new(snapshot(vec![cancelling(2, "crm")], &[]), own());
    stage.press("g c");
    assert_eq!(state(&stage), "Tree Restore", "there is nothing to ask");
    assert_eq!(stage.model.notice().unwrap().text, "Cancel refused: crm: it is being cancelled");
}

#[test]
fn r17_what_comes_up_while_the_question_stands_is_not_cancelled_with_the_rest() {
    let mut stage = Stage::new(snapshot(vec![copying(1, "orders")], &[]), own());
    stage.press("g c");
    stage.tell(Message::Snapshot(Arc::new(snapshot(vec![copying(1, "orders"), queued(2, "crm")], &[]))));
    stage.press("right enter");
    assert_eq!(acts(&mut stage), [(CANCEL, these(&[1]))]);
}

#[test]
fn r18_cancel_is_open_to_queued_running_waiting_and_stuck_sessions_alike() {
    let all = [
        queued(1, "a"),
        checking(1, "a"),
        copying(1, "a"),
        replaying(1, "a"),
        waiting(1, "a"),
        stuck(1, "a"),
        used_up(1, "a"),
    ];
    for session in all {
        let phase = format!("{:?}", session.phase());
        let mut stage = Stage::new(snapshot(vec![session], &[]), own());
        assert_eq!(stage.model.situation().verdict(Action::Cancel), Verdict::Ready, "{phase}");
        stage.press("c right enter");
        assert_eq!(acts(&mut stage), [(CANCEL, these(&[1]))], "{phase}");
    }
}

/// Each way to an action, on the session of `billing`: its keys, its button in the bar, and `in_menu` after the menu was
/// opened with the mouse.
fn ways(button: &str, keys: &[&str], in_menu: &str) -> Vec<(String, Stage)> {
    let start = || {
        let mut stage = Stage::new(busy(), own());
        stage.press("down M").wanted();
        stage
    };
    let click = |action, column, row| {
        let [column, row] = [column, row].map(|at| u16::try_from(at).unwrap());
        Message::Mouse(Mouse { action, column, row })
    };
    let mut ways = Vec::new();
    for key in keys {
        let mut stage = start();
        stage.press(key);
        ways.push(((*key).to_owned(), stage));
    }
    let mut stage = start();
    let column = stage.text().lines().nth(1).unwrap().find(button).unwrap();
    stage.tell(click(MouseAction::Press, column, 1));
    ways.push(("the bar".to_owned(), stage));
    let mut stage = start();
    let row = stage.text().lines().position(|line| line.contains("◌ billing")).unwrap();
    stage.tell(click(MouseAction::Menu, 5, row));
    assert_eq!(state(&stage), "Menu #3");
    stage.press(in_menu);
    ways.push(("the right button".to_owned(), stage));
    ways
}

#[test]
fn r19_retry_by_key_menu_palette_bar_and_mouse_does_the_same() {
    for (way, mut stage) in ways("r Retry", &["r", "m enter", ": r e t r y enter"], "enter") {
        assert_eq!(acts(&mut stage), [(SessionAction::Retry, these(&[3]))], "{way}");
    }
}

#[test]
fn r19_cancel_by_key_menu_palette_bar_and_mouse_does_the_same() {
    for (way, mut stage) in ways("c Cancel", &["c", "m down enter", ": c a n c e l enter"], "down enter") {
        assert_eq!(acts(&mut stage), [], "{way}: it asks first");
        let text = stage.text();
        assert!(text.contains("Cancel 1 session?") && text.contains("billing: Waiting"), "{way}\n{text}");
        stage.press("right enter");
        assert_eq!(acts(&mut stage), [(CANCEL, these(&[3]))], "{way}");
    }
}

#[test]
fn r20_completed_sessions_offer_neither_retry_nor_cancel() {
    let mut stage = Stage::new(busy(), own());
    stage.press("] down r c");
    assert!(acts(&mut stage).is_empty());
    assert_eq!(state(&stage), "Tree #20");
    let situation = stage.model.situation();
    for action in [Action::Retry, Action::Cancel, Action::Force] {
        assert!(matches!(situation.verdict(action), Verdict::No(_)), "{action:?}");
    }
    assert_eq!(situation.verdict(Action::Dismiss), Verdict::Ready);
}

#[test]
fn s01_waiting_shows_try_countdown_and_the_first_cause_pinned() {
    let mut stage = Stage::new(busy(), own());
    stage.press("down");
    let text = stage.text();
    for part in ["try 4 of 10 in 3:12", "First cause: repository host db2 refused", "brought nothing for 60 s"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn s12_every_state_has_a_sign_and_a_word() {
    let ongoing = [
        (queued(1, "a"), "◦", "queued"),
        (checking(1, "a"), "◉", "check"),
        (copying(1, "a"), "◉", "copy  61 %"),
        (replaying(1, "a"), "◉", "replay  80 %"),
        (waiting(1, "a"), "◌", "try 4/10"),
        (stuck(1, "a"), "✖", "stuck"),
        (used_up(1, "a"), "✖", "stuck: 10/10"),
        (cancelling(1, "a"), "⊘", "cancelling"),
        (overdue(1, "a"), "⊘", "cancelling"),
    ];
    let tomorrow = now().checked_add(secs(24 * 3600)).unwrap();
    for size in [(120, 40), (100, 30), (80, 24), (40, 10)] {
        for (session, sign, word) in &ongoing {
            let text = Stage::sized(snapshot(vec![Arc::clone(session)], &[]), own(), size).text();
            let row = text.lines().find(|line| line.contains(&format!("{sign} a "))).unwrap();
            // Between word and share there may be a gauge.
            assert!(word.split("  ").all(|part| row.contains(part)), "{row}");
        }
        // Also when the end is of another day, and its moment takes more room.
        for at in [now(), tomorrow] {
            for (ended, sign, word) in [(succeeded(1, "a"), "✓", "restored"), (cancelled(1, "a"), "∅", "cancelled")]
            {
                let mut stage = Stage::sized(snapshot(vec![], &[ended]), own(), size);
                stage.tell_at(Message::Due, at);
                let text = stage.text();
                let row = text.lines().find(|line| line.contains(&format!("{sign} a "))).unwrap();
                assert!(row.contains(word), "{row}");
            }
        }
    }
}

#[test]
fn s12_the_completed_page_tells_each_end_by_sign_and_word_and_cuts_no_number() {
    for columns in [24, 30, 36, 44, 60, 80, 90, 100, 120, 140] {
        let mut stage = Stage::sized(busy(), own(), (columns, 30));
        // Where only one pane fits, the page is the other one.
        stage.press("] tab");
        let text = stage.text();
        let row = text.lines().find_map(|line| line.rsplit_once("✓ restored")).unwrap().1;
        let words: Vec<&str> = row.trim_end_matches([' ', '│']).split_whitespace().collect();
        match columns {
            24 => assert_eq!(words, ["inventory"], "{text}"),
            30 => assert_eq!(words, ["inventory", "8:41"], "{text}"),
            36 => assert_eq!(words, ["inventory", "12:57", "8:41"], "{text}"),
            44 | 80 => assert_eq!(words, ["inventory", "20", "12:57", "8:41"], "{text}"),
            60 | 90 => assert_eq!(words, ["inventory", "20", "12:57", "8:41", "61.5", "GiB"], "{text}"),
            _ => {
                let all = ["12:57", "8:41", "61.5", "GiB"].iter().all(|word| words.contains(word));
                assert!(words[0] == "inventory" && all, "{text}");
            }
        }
        assert!(text.contains("∅ cancelled  staging"), "{text}");
    }
}
