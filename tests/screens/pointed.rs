//! The mouse on everything that can be clicked, and the texts that can be copied.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::{
    console::{
        message::{Intent, Message, Mouse, MouseAction},
        model::tree::{Group, Node, Screen},
    },
    domain::SessionId,
};
use std::sync::Arc;

/// Clicks on the first cell of a text, in the last line of the screen that holds it.
fn click(stage: &mut Stage, action: MouseAction, text: &str) {
    let painted = stage.text();
    let found = painted.lines().enumerate().filter(|(_, line)| line.contains(text)).last();
    let (row, line) = found.unwrap_or_else(|| panic!("{text} is not in {painted}"));
    let before = &line[..line.rfind(text).unwrap()];
    let column = u16::try_from(ratatui::text::Span::raw(before).width()).unwrap();
    stage.tell(Message::Mouse(Mouse { action, column, row: u16::try_from(row).unwrap() }));
}

fn press(stage: &mut Stage, text: &str) {
    click(stage, MouseAction::Press, text);
}

fn selected(stage: &Stage) -> Node {
    stage.model.tree().selected().clone()
}

#[test]
fn tabs_pages_headings_rows_arrows_and_hints_can_be_clicked() {
    let mut stage = Stage::sized(busy(), own(), (140, 40));
    press(&mut stage, "H History");
    assert_eq!(stage.model.tree().screen(), Screen::History);
    press(&mut stage, "J Jobs");
    assert_eq!(stage.model.tree().screen(), Screen::Jobs);
    press(&mut stage, "J Restore");
    assert_eq!(stage.model.tree().screen(), Screen::Restore);
    // A page of a session.
    stage.press("g down down");
    for page in ["Request", "Events", "Log", "Progress"] {
        press(&mut stage, &format!("{page} "));
        assert_eq!(format!("{:?}", stage.model.preview().tab), page, "{}", stage.text());
    }
    // The table of a heading: its columns sort, a row is chosen, then opened.
    stage.press("esc g");
    press(&mut stage, "Tries");
    assert!(stage.text().contains("Tries▾") && stage.text().contains("Sorted by column Tries"), "{}", stage.text());
    press(&mut stage, "Tries▾");
    assert!(stage.text().contains("Sorted as in the tree"), "{}", stage.text());
    press(&mut stage, "◉ running  orders");
    assert_eq!(selected(&stage), Node::Group(Group::Restore), "the first click chooses");
    press(&mut stage, "◉ running  orders");
    assert_eq!(selected(&stage), Node::Session(SessionId(1)), "{}", stage.text());
    // The arrow of a heading folds it, its name selects it.
    press(&mut stage, "▾ Completed");
    assert!(stage.text().contains("▸ Completed"), "{}", stage.text());
    press(&mut stage, "Completed   ");
    assert!(stage.text().contains("▸ Completed"), "{}", stage.text());
    // A hint of the footer does what its key does.
    press(&mut stage, "/ filter");
    assert!(stage.model.typing().is_some(), "{}", stage.text());
}

#[test]
fn r19_a_menu_is_opened_and_chosen_from_with_the_mouse_alone() {
    let mut stage = Stage::sized(busy(), own(), (140, 40));
    stage.press("g").wanted();
    click(&mut stage, MouseAction::Menu, "◌ waiting");
    assert_eq!(selected(&stage), Node::Session(SessionId(3)), "{}", stage.text());
    // Beside the menu nothing acts.
    stage.tell(Message::Mouse(Mouse { action: MouseAction::Press, column: 2, row: 8 }));
    assert!(stage.model.overlay().is_some() && stage.wanted().is_empty(), "{}", stage.text());
    press(&mut stage, "r         Retry");
    assert!(matches!(stage.wanted().as_slice(), [Intent::Act(..)]), "{}", stage.text());
    assert!(stage.model.overlay().is_none());
}

#[test]
fn what_is_selected_is_copied_and_only_called_sent() {
    let mut stage = Stage::sized(busy(), own(), (120, 40));
    stage.press("g y");
    assert!(stage.text().contains("Copy refused: select a session"), "{}", stage.text());
    stage.press("] down");
    stage.tell(Message::Session(SessionId(20), Some(Arc::new(succeeded(20, "inventory"))))).wanted();
    stage.press("y");
    let text = stage.text();
    for part in ["path", "uuid", "howdah session show ", "howdah worker "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("psql"), "nobody knows whether its server runs: {text}");
    stage.press("enter");
    assert_eq!(stage.wanted(), [Intent::Copy("/srv/pg/inventory".to_owned())]);
    assert!(stage.text().contains("Sent to the terminal's clipboard: path, /srv/pg/inventory"), "{}", stage.text());
    stage.press("y");
    press(&mut stage, "uuid");
    assert!(matches!(stage.wanted().as_slice(), [Intent::Copy(uuid)] if uuid.len() == 36), "{}", stage.text());
    stage.press("y esc");
    assert!(stage.wanted().is_empty() && stage.model.overlay().is_none());
}
