//! Keys as data: where one is, what is pressed, where one is then.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::console::{
    message::Intent,
    model::{
        Focus,
        dialog::Overlay,
        tree::{Group, Node},
    },
};

use std::fmt::Write as _;

/// Where one is, in a few words: the place of the keys, the selection, the tab, and what else is unusual.
pub(crate) fn state(stage: &Stage) -> String {
    let model = &stage.model;
    let selected = match model.tree().selected() {
        Node::Group(group) => format!("{group:?}"),
        Node::Session(id) => format!("#{id}"),
        Node::Unreadable(id) => format!("unreadable #{id}"),
        Node::Instance(key) => format!("={}", key.name),
        Node::Job(name) => format!("job {name}"),
        Node::Object(run, at) => format!("object {at} of run {run}"),
        Node::Run(id) => format!("run {id}"),
        Node::UnreadableRun(id) => format!("unreadable run {id}"),
        Node::Item(session, item) => format!("{item} of #{session}"),
    };
    let mut text = format!("{:?} {selected}", model.key_context());
    if model.focus() == Focus::Preview || model.preview().tab != howdah::console::model::preview::Tab::Progress {
        write!(text, " {:?}", model.preview().tab).unwrap();
    }
    for group in [Group::Restore, Group::Completed, Group::Instances] {
        if !model.tree().is_open(group) {
            write!(text, " -{group:?}").unwrap();
        }
    }
    if !model.tree().filter().is_empty() {
        write!(text, " /{}", model.tree().filter().text()).unwrap();
    }
    let tree = model.tree();
    let marks = tree.marked.len() + tree.marked_instances.len() + tree.marked_items.len();
    if marks > 0 {
        write!(text, " {marks} marked").unwrap();
    }
    if model.is_frozen() {
        text.push_str(" frozen");
    }
    if let Some(Overlay::Cancel(question)) = model.overlay() {
        write!(text, " {:?} {}", question.focus, question.disposition).unwrap();
    }
    text
}

fn check(rows: &[(&str, &str)]) {
    for (keys, expected) in rows {
        let mut stage = Stage::new(busy(), own());
        stage.press(keys);
        assert_eq!(state(&stage), *expected, "{keys}");
        assert!(!stage.wanted().contains(&Intent::Close) || keys.ends_with('q'), "{keys} closed the screen");
    }
}

#[test]
fn keys_move_about_in_the_tree() {
    check(&[
        ("", "Tree #4"),
        ("down", "Tree #3"),
        ("j j k", "Tree #3"),
        ("up", "Tree Restore"),
        ("up up up", "Tree Restore"),
        ("g", "Tree Restore"),
        ("home", "Tree Restore"),
        ("G", "Tree =orders"),
        ("end", "Tree =orders"),
        ("G down", "Tree =orders"),
        ("g pgdn", "Tree =orders"),
        ("G pgup pgup", "Tree Restore"),
        ("]", "Tree Completed"),
        ("] ]", "Tree Instances"),
        ("] ] ]", "Tree =orders"),
        ("] [", "Tree Restore"),
        ("down [", "Tree Restore"),
        ("left", "Tree Restore"),
        ("left left", "Tree Restore -Restore"),
        ("left left down", "Tree Completed -Restore"),
        ("g h l", "Tree Restore"),
        ("g h right down", "Tree #4"),
        ("g enter", "Tree Restore -Restore"),
        ("g enter enter", "Tree Restore"),
    ]);
}

#[test]
fn keys_lead_to_the_preview_and_back() {
    check(&[
        ("tab", "Preview #4 Progress"),
        ("enter", "Preview #4 Progress"),
        ("right", "Preview #4 Progress"),
        ("tab tab", "Tree #4"),
        ("tab shift-tab", "Tree #4"),
        ("tab esc", "Tree #4"),
        ("tab right", "Log #4 Log"),
        ("tab l l l l", "Preview #4 Events"),
        ("tab l h", "Preview #4 Progress"),
        ("l", "Tree #4 Log"),
        ("3", "Tree #4 Request"),
        ("4", "Tree #4 Events"),
        ("4 1", "Tree #4"),
        ("down <", "Tree #3 Log"),
    ]);
}

#[test]
fn keys_filter_mark_and_freeze() {
    check(&[
        ("/", "Filter #4"),
        ("/ o r d", "Filter #1 /ord"),
        ("/ o r d enter", "Tree #1 /ord"),
        ("/ o r d enter esc", "Tree #1"),
        ("/ o r d esc", "Tree #1"),
        ("/ q q", "Filter Restore /qq"),
        ("/ q backspace o r d", "Filter #1 /ord"),
        ("space", "Tree #3 1 marked"),
        ("space space", "Tree #1 2 marked"),
        ("space up space", "Tree #3"),
        ("space space esc", "Tree #1"),
        ("G space", "Tree =orders 1 marked"),
        ("f", "Tree #4 frozen"),
        ("f f", "Tree #4"),
        ("f esc", "Tree #4"),
    ]);
}

#[test]
fn escape_goes_back_and_never_quits() {
    check(&[
        ("esc", "Tree #4"),
        ("esc esc esc", "Tree #4"),
        ("? esc", "Tree #4"),
        (": esc", "Tree #4"),
        ("m esc", "Tree #4"),
        ("c esc", "Tree #4"),
        ("n esc", "Tree #4"),
        ("n enter esc", "Instances #4"),
        ("n enter enter esc", "Instances #4"),
        ("c ? esc", "Confirmation #4 Keep default"),
        ("G enter down down ?", "FormText =orders"),
        ("G enter down down f1 esc", "FormText =orders"),
    ]);
}

#[test]
fn the_cancel_question_starts_on_its_safe_button() {
    check(&[
        ("c", "Confirmation #4 Keep default"),
        ("c enter", "Tree #4"),
        ("c right", "Confirmation #4 Cancel default"),
        ("c right left", "Confirmation #4 Keep default"),
        ("c tab", "Confirmation #4 Cancel default"),
        ("c tab tab", "Confirmation #4 Disposition default"),
        ("c tab tab right", "Confirmation #4 Disposition remove"),
        ("c tab tab right right", "Confirmation #4 Disposition keep"),
        ("c tab tab left", "Confirmation #4 Disposition set aside"),
        ("c tab tab right enter", "Confirmation #4 Keep remove"),
        ("c q", "Tree #4"),
        ("c r", "Confirmation #4 Keep default"),
    ]);
}

#[test]
fn the_palette_carries_out_what_it_finds() {
    check(&[
        (": h e l p enter", "TextView #4"),
        (": f r e e z e enter", "Tree #4 frozen"),
        (": e v e n t s enter", "Tree #4 Events"),
        (": q", "Palette #4"),
    ]);
    let mut stage = Stage::new(busy(), own());
    stage.press(": c l o s e enter");
    assert!(stage.wanted().contains(&Intent::Close));
}

#[test]
fn q_and_ctrl_c_close_and_nothing_else_does() {
    for (keys, closes) in [
        ("q", true),
        ("ctrl-c", true),
        ("c ctrl-c", true),
        ("c q", false),
        ("/ q", false),
        ("/ ctrl-c", false),
        ("n q", false),
    ] {
        let mut stage = Stage::new(busy(), own());
        stage.press(keys);
        assert_eq!(stage.wanted().contains(&Intent::Close), closes, "{keys}");
    }
}

/// Nothing harmful on one unconfirmed key: one press of any key on any row asks the manager for nothing but a retry or
/// the dismissal of one completed session.
#[test]
fn no_single_key_does_harm() {
    use howdah::{machine::Scope, manager::SessionAction};
    let keys = (b'!'..=b'~').map(|byte| char::from(byte).to_string());
    let named = ["enter", "space", "tab", "delete", "backspace", "insert", "f5", "ctrl-d", "ctrl-x"].map(str::to_owned);
    for key in keys.chain(named) {
        let rows = Stage::new(busy(), own()).model.tree().size();
        for row in 0..rows {
            let mut stage = Stage::new(busy(), own());
            stage.press("g").press(&"down ".repeat(row)).wanted();
            stage.press(&key);
            for intent in stage.wanted() {
                let harmless = match &intent {
                    Intent::Act(SessionAction::Retry, _) => true,
                    Intent::Act(SessionAction::Dismiss, Scope::Sessions(ids)) => ids.len() == 1,
                    Intent::Act(..) | Intent::Start(_) => false,
                    _ => true,
                };
                assert!(harmless, "{key} on row {row}: {intent:?}");
            }
        }
    }
}

/// A heading and an instance have no page of a session; the key says so instead of doing nothing.
#[test]
fn a_page_of_a_session_is_refused_where_no_session_is_selected() {
    for keys in ["g 1", "g 2", "g 3", "g 4", "g l", "g tab 1", "g tab 2", "G 1", "G 2", "G l"] {
        let mut stage = Stage::new(busy(), own());
        stage.press(keys);
        let text = &stage.model.notice().expect(keys).text;
        assert!(text.ends_with("refused: select a session first"), "{keys}: {text}");
    }
}

/// Typed-ahead keys must not run into a dialog that has just opened: Enter on it is safe.
#[test]
fn enter_twice_after_cancel_or_force_cancels_nothing() {
    for keys in ["c enter enter", "g c enter", "m down enter enter"] {
        let mut stage = Stage::new(busy(), own());
        stage.press(keys);
        let acted = stage.wanted().into_iter().any(|intent| matches!(intent, Intent::Act(..)));
        assert!(!acted, "{keys}");
    }
}

#[test]
fn pasted_text_is_typed_only_where_text_goes() {
    use howdah::console::message::Message;
    let mut stage = Stage::new(busy(), own());
    stage.tell(Message::Paste("cq\r".to_owned()));
    assert_eq!(state(&stage), "Tree #4");
    stage.press("/").tell(Message::Paste("or\r\nd".to_owned()));
    assert_eq!(state(&stage), "Filter #1 /ord");
    assert!(stage.wanted().is_empty());
}
