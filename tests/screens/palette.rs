//! The palette, the help and marks: what is looked for is found by the words that a person would type.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::{
    console::{
        action::Action,
        message::Intent,
        model::{
            dialog::{Overlay, PaletteRow},
            tree::{Group, Node},
        },
    },
    domain::SessionId,
};

/// What the palette offers first for a text: the name of an action, or where it leads.
fn first(stage: &mut Stage, text: &str) -> String {
    stage.press(":").type_text(text);
    let Some(Overlay::Palette(palette)) = stage.model.overlay() else { panic!("no palette") };
    let first = match palette.found.first() {
        Some(PaletteRow::Act(action, _)) => action.name().to_owned(),
        Some(PaletteRow::Go(_, name)) => name.clone(),
        None => String::new(),
    };
    stage.press("esc");
    first
}

#[test]
fn an_action_is_found_by_other_words_too() {
    let mut stage = Stage::new(busy(), own());
    for (text, name) in [
        ("abort", "cancel"),
        ("stop", "stop"),
        ("quit", "close"),
        ("exit", "close"),
        ("kill", "force"),
        ("ret", "retry"),
        ("rerun", "retry"),
        ("zoom", "widen"),
        ("new", "new-restore"),
        ("xyzzy", ""),
    ] {
        assert_eq!(first(&mut stage, text), name, "{text}");
    }
}

#[test]
fn a_session_and_an_instance_are_gone_to_by_name_and_number() {
    let mut stage = Stage::new(busy(), own());
    for (text, node) in [
        ("go to bill", Node::Session(SessionId(3))),
        ("crm", Node::Session(SessionId(2))),
        ("#5", Node::Session(SessionId(5))),
        ("22", Node::Session(SessionId(22))),
    ] {
        stage.press(":").type_text(text).press("enter");
        assert_eq!(stage.model.tree().selected(), &node, "{text}");
    }
    stage.press(":").type_text("legacy").press("enter");
    assert!(matches!(stage.model.tree().selected(), Node::Instance(_)), "{}", stage.text());
    // What the filter hides is not gone to in silence.
    stage.press("/").type_text("orders").press("enter : ").type_text("billing").press("enter");
    assert!(stage.text().contains("The filter hides it"), "{}", stage.text());
}

#[test]
fn what_was_used_last_stands_first_and_what_may_not_be_done_says_why() {
    let mut stage = Stage::new(busy(), own());
    stage.press("G :").type_text("freeze").press("enter");
    assert_eq!(first(&mut stage, ""), "freeze");
    stage.press(":").type_text("retry").press("enter");
    assert!(stage.text().contains("Retry refused: an instance has no session"), "{}", stage.text());
    assert_eq!(first(&mut stage, ""), "freeze", "what was refused is not what was used");
}

#[test]
fn the_help_begins_with_what_steers_sessions_and_says_what_signs_mean() {
    let mut stage = Stage::sized(busy(), own(), (100, 90));
    stage.press("?");
    let text = stage.text();
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}\n{text}"));
    assert!(place("Retry   ") < place("New restore   ") && place("New work") < place("one row up"), "{text}");
    stage.press("end");
    let text = stage.text();
    assert!(text.contains("stuck, or failed: needs a person") && text.contains("waits for its next try"), "{text}");
    assert_eq!(Action::all().next(), Some(Action::Retry));
}

#[test]
fn the_help_cuts_nothing() {
    let mut stage = Stage::sized(busy(), own(), (80, 120));
    stage.press("?");
    let text = stage.text();
    let help: Vec<&str> = text.lines().skip(1).take(118).collect();
    assert!(help[0].contains("Help: every key") && !help.concat().contains('⋯'), "{text}");
    assert!(help.concat().contains("ctrl-c"), "{text}");
}

#[test]
fn rows_are_marked_one_by_one_as_a_range_and_all() {
    let ids = |stage: &Stage| stage.model.tree().marked.iter().map(|id| id.0).collect::<Vec<_>>();
    let mut stage = Stage::new(busy(), own());
    stage.press("V");
    assert!(stage.text().contains("mark its first row first"), "{}", stage.text());
    stage.press("g down space down V");
    assert_eq!(ids(&stage), [1, 3, 4], "{}", stage.text());
    stage.press("esc");
    assert_eq!(ids(&stage), [] as [u64; 0]);
    assert!(stage.text().contains("Nothing is marked any more"), "{}", stage.text());
    stage.press("A");
    assert_eq!(ids(&stage), [1, 2, 3, 4, 5]);
    stage.press("A");
    assert_eq!(ids(&stage), [] as [u64; 0]);
    // From below upwards, and for the next action.
    stage.press("G g down down down space up up up V r");
    assert_eq!(ids(&stage), [1, 3, 4]);
    assert!(matches!(&stage.wanted()[..], [Intent::Act(..)]), "{}", stage.text());
    let mut instances = Stage::new(nobody(), own());
    instances.press("G A");
    assert!(instances.text().contains("3 instances marked"), "{}", instances.text());
    let mut nothing = Stage::new(nobody(), own());
    nothing.press("g A");
    assert_eq!(nothing.model.tree().selected(), &Node::Group(Group::Restore));
    assert!(nothing.text().contains("there is no row here"), "{}", nothing.text());
}

fn nobody() -> howdah::manager::Snapshot {
    snapshot(Vec::new(), &[])
}

#[test]
fn what_reading_again_has_found_is_said() {
    let mut stage = Stage::new(nobody(), own());
    stage.press("R");
    stage.tell(howdah::console::message::Message::Catalog(std::sync::Arc::new(sample())));
    assert!(stage.text().contains("Read again: 3 instances, 3 backups, 2 fewer than before"), "{}", stage.text());
    // What is read by itself says nothing.
    let mut stage = Stage::new(nobody(), own());
    stage.tell(howdah::console::message::Message::Catalog(std::sync::Arc::new(sample())));
    assert!(!stage.text().contains("Read again"), "{}", stage.text());
}

#[test]
fn left_of_the_first_page_stands_the_tree() {
    let mut stage = Stage::new(busy(), own());
    stage.press("down tab right left");
    assert_eq!(stage.model.focus(), howdah::console::model::Focus::Preview);
    stage.press("left");
    assert_eq!(stage.model.focus(), howdah::console::model::Focus::Tree);
}

#[test]
fn names_beyond_ascii_are_spelled_in_ascii_where_that_was_asked_for() {
    let sessions = vec![queued(1, "größe"), queued(2, "日本")];
    let mut stage = Stage::new(snapshot(sessions, &[]), own());
    stage.model = {
        let options = howdah::console::ConsoleOptions { ascii: true, ..stage.model.options().clone() };
        let data = stage.model.data().clone();
        howdah::console::model::Model::new(options, data, (100, 30), now())
    };
    let text = stage.text();
    assert!(text.is_ascii() && text.contains("gr??e"), "{text}");
}
