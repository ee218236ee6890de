//! The filter: what it leaves is counted wherever one looks, and what it hides is left alone.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::{
    console::{
        keymap::KeyContext,
        message::{Intent, Message},
        model::tree::{Group, Node},
    },
    domain::SessionId,
    machine::Scope,
};
use std::time::Duration;

fn filtered(text: &str, size: (u16, u16)) -> Stage {
    let mut stage = Stage::sized(busy(), own(), size);
    stage.press("/").type_text(text).press("enter");
    stage
}

#[test]
fn the_active_filter_is_in_sight_at_every_size_with_any_focus() {
    for size in [(140, 40), (100, 30), (80, 24), (60, 20), (40, 10), (30, 8), (24, 3)] {
        for keys in ["", "tab", "tab w"] {
            let mut stage = filtered("phase:stuck", size);
            stage.press(keys);
            assert!(stage.text().contains("1 of 20 shown"), "{size:?} {keys}: {}", stage.text());
            // Out of the wide preview, out of the preview, then out of the filter.
            stage.press("esc esc esc");
            assert!(!stage.text().contains(" shown"), "{size:?} {keys}: {}", stage.text());
        }
    }
}

#[test]
fn a_heading_under_a_filter_counts_what_is_shown_and_hidden() {
    let mut stage = filtered("phase:completed", (120, 40));
    stage.press("g");
    let text = stage.text();
    assert!(text.contains("0 of 5 shown: /phase:completed") && text.contains("The filter hides all of them"), "{text}");
    assert!(!text.contains("No restore is under way"), "{text}");
    stage.press("r");
    assert!(stage.text().contains("Retry refused: the filter hides every session here"), "{}", stage.text());
    let mut stage = filtered("phase:running", (120, 40));
    stage.press("g");
    assert!(stage.text().contains("2 of 5 shown: /phase:running"), "{}", stage.text());
    assert!(
        stage.text().contains("2 running") && stage.text().contains("for those that are shown"),
        "{}",
        stage.text()
    );
}

#[test]
fn an_action_on_a_heading_leaves_alone_what_the_filter_hides() {
    let mut stage = filtered("phase:stuck", (100, 30));
    stage.press("g").wanted();
    stage.press("r");
    let acted = stage.wanted().into_iter().find_map(|intent| match intent {
        Intent::Act(_, scope) => Some(scope),
        _ => None,
    });
    assert_eq!(acted, Some(Scope::Sessions(vec![SessionId(4)])));
}

#[test]
fn a_word_that_means_nothing_is_said_beside_the_field_and_not_kept() {
    let mut stage = Stage::new(busy(), own());
    stage.press("/").type_text("phase:stuk");
    assert!(stage.text().contains("no phase \"stuk\": use queued, running"), "{}", stage.text());
    stage.press("enter");
    assert!(stage.model.typing().is_some());
    stage.press("backspace").type_text("ck").press("enter");
    assert!(stage.model.typing().is_none());
    assert_eq!(stage.model.tree().selected(), &Node::Session(SessionId(4)));
    // Blanks choose nothing, and are no filter.
    stage.press("esc /").type_text("  ").press("enter");
    assert_eq!((stage.model.tree().filter().text(), stage.model.filtered()), ("", None));
}

#[test]
fn hostile_text_in_a_filter_reaches_the_screen_as_text_alone() {
    for text in ["\u{1b}[2J", "phase:\u{202e}x", "\u{301}\u{301}", "\"", "!!!!", "::::", "since:9999999999999999999d"] {
        for size in [(100, 30), (40, 10), (24, 3), (1, 1)] {
            let mut stage = Stage::sized(busy(), own(), size);
            stage.press("/").tell(Message::Paste(text.to_owned()));
            let shown = stage.text();
            assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{text:?}: {shown}");
        }
    }
}

#[test]
fn rows_leave_the_time_of_a_filter_as_it_passes_and_nothing_wakes_for_more() {
    let one = |id, name: &str, ended: &str| {
        let mut session = succeeded(id, name);
        let mut value = serde_json::to_value(&session).unwrap();
        value["phase"]["completed"]["at"] = serde_json::json!(ended);
        session = serde_json::from_value(value).unwrap();
        session
    };
    let later = |seconds| now().checked_add(Duration::from_secs(seconds)).unwrap();
    let ended = |before: u64| now().checked_sub(Duration::from_secs(before)).unwrap().to_string();
    let done = [one(21, "late", &ended(60)), one(20, "early", &ended(3_000))];
    let mut stage = Stage::new(snapshot(Vec::new(), &done), sample());
    stage.press("/").type_text("since:1h !sample").press("enter");
    let names = |stage: &Stage| stage.model.tree().count(Group::Completed);
    assert_eq!(names(&stage), 2);
    stage.tell_at(Message::Due, later(30));
    assert_eq!(stage.model.next_change(), Some(later(600)));
    stage.tell_at(Message::Due, later(599));
    assert_eq!(names(&stage), 2);
    stage.tell_at(Message::Due, later(600));
    assert_eq!(names(&stage), 1);
    assert_eq!(stage.model.next_change(), Some(later(3_540)));
    stage.tell_at(Message::Due, later(3_540));
    assert_eq!((names(&stage), stage.model.next_change()), (0, None));
}

/// Enter on a filter that is not right leaves it where it is, and says so again.
#[test]
fn a_wrong_filter_answers_to_enter() {
    let mut stage = Stage::new(busy(), own());
    stage.press("/").type_text("phase:nowhere").press("enter");
    let notice = stage.model.notice().expect("an answer").text.clone();
    assert!(notice.contains("nowhere"), "{notice}");
    assert_eq!(stage.model.key_context(), KeyContext::Filter);
}

/// What the filter hides is not gone to, and its group stays as it is: rows would move under the selection.
#[test]
fn what_needs_a_person_behind_a_filter_moves_nothing() {
    let mut stage = Stage::new(busy(), own());
    stage.press("/").type_text("orders").press("enter g left end");
    let before = (stage.model.tree().index(), stage.model.tree().selected().clone());
    stage.press("!");
    let tree = stage.model.tree();
    assert_eq!((tree.index(), tree.selected().clone()), before, "{}", stage.text());
    let row = tree.row(tree.index()).and_then(|row| stage.model.data().node(row));
    assert_eq!(row.as_ref(), Some(tree.selected()), "{}", stage.text());
}
