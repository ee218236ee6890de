//! A key that means something is answered: what random steps have found to be silent, or to lead nowhere.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{keys::state, stage::*};
use howdah::{
    catalog::Catalog,
    console::{Keymap, keymap::KeyContext as Place, message::Message, model::dialog::Overlay},
    domain::{AttemptNo, SessionId},
    machine::UnreadableSession,
    manager::Snapshot,
};
use std::sync::Arc;

/// The last of these keys is answered by a notice that says this.
fn said(rows: &[(&str, &str)]) {
    for (keys, words) in rows {
        let mut stage = Stage::new(busy(), own());
        stage.press(keys);
        let notice = stage.model.notice().map(|notice| notice.text.as_str());
        assert!(notice.is_some_and(|text| text.contains(words)), "{keys}: {notice:?}");
    }
}

#[test]
fn a_key_that_can_do_nothing_says_why() {
    said(&[
        ("g 1", "Progress refused: select a session first"),
        ("g l", "Log refused: select a session first"),
        ("] ] down 2", "Log refused: select a session first"),
        ("!", "Nothing else needs a person"),
        ("tab enter", "nothing to open here"),
        ("G [ up >", "no attempt of this session is known"),
        ("l tab w", "Long lines are wrapped"),
        ("l tab w w", "Long lines are cut"),
        ("l tab / x up", "Nothing in the log matches"),
        ("g space", "cannot be marked"),
        ("space up V V", "No more rows could be marked"),
        ("n enter enter enter", "still being looked for"),
    ]);
    let mut bare = Stage::new(busy(), Catalog::default());
    for (keys, words) in [("G left", "no row under"), ("G enter", "no row under"), ("tab enter", "no row to open")] {
        bare.press("esc").press(keys);
        assert!(bare.text().contains(words), "{keys}\n{}", bare.text());
    }
    let mut stage = Stage::new(busy(), own());
    stage.press("n").tell(Message::Catalog(Arc::default())).press("space");
    assert!(stage.text().contains("There is no instance here"), "{}", stage.text());
}

/// What comes under a heading that was empty is not hidden by a key that was pressed before.
#[test]
fn an_empty_heading_is_not_closed() {
    let mut stage = Stage::new(busy(), Catalog::default());
    stage.press("G left enter").tell(Message::Catalog(Arc::new(own())));
    assert!(stage.text().contains("legacy"), "{}", stage.text());
}

#[test]
fn left_of_a_heading_s_page_stands_the_tree() {
    let mut stage = Stage::new(busy(), own());
    stage.press("g tab right left");
    assert_eq!(state(&stage), "Tree Restore");
}

#[test]
fn a_filter_is_typed_where_its_rows_are_seen_and_tab_ends_it() {
    let mut stage = Stage::new(busy(), own());
    stage.press("g w / o r d");
    assert!(stage.text().contains("┌ 2 of 20 shown: /ord"), "{}", stage.text());
    stage.press("tab");
    assert_eq!(state(&stage), "Preview #1 Progress /ord");
}

/// A heading that is shown only with rows was closed and selected when its last row went.
#[test]
fn a_heading_that_goes_leaves_the_selection_on_a_row() {
    let problem = "the record is of version 9".to_owned();
    let record = UnreadableSession { id: SessionId(77), problem };
    let mut stage = Stage::new(Snapshot { unreadable: Arc::new(vec![record]), ..busy() }, Catalog::default());
    stage.press("g ] ] left").snapshot_at(busy(), now());
    assert_eq!(state(&stage), "Tree Instances");
    assert_eq!(stage.model.tree().index() + 1, stage.model.tree().size());
}

#[test]
fn a_match_is_never_on_a_line_that_is_not_there() {
    let mut stage = Stage::new(busy(), own());
    let log = |text: Result<Vec<u8>, String>| Message::Log(SessionId(1), AttemptNo(2), text);
    stage.press("down down l tab").tell(log(Ok(b"a\nb\nc\n".to_vec()))).press("/ c");
    stage.tell(log(Err("disk I/O error".to_owned())));
    let search = stage.model.preview().page.search.clone().unwrap();
    assert_eq!(search.line, None);
    // The log of another attempt has other lines.
    stage.tell(log(Ok(b"a\nb\nc\n".to_vec()))).press("backspace c");
    stage.tell(Message::Log(SessionId(9), AttemptNo(1), Ok(b"c\n".to_vec())));
    assert_eq!(stage.model.preview().page.search.clone().unwrap().line, None);
}

/// What has no meaning somewhere is not said to have one there.
#[test]
fn keys_are_known_only_where_they_mean_something() {
    let map = Keymap::default();
    for (place, keys) in [
        (Place::Menu, "left right h l"),
        (Place::TextView, "left right h l"),
        (Place::Points, "left right"),
        (Place::Plan, "left right"),
        (Place::Confirmation, "home end g G pgup pgdn"),
        (Place::TypeName, "up down tab shift-tab pgup"),
        (Place::LogInput, "tab shift-tab pgup pgdn"),
    ] {
        for key in keys.split(' ') {
            assert_eq!(map.action(place, key.parse().unwrap()), None, "{key} in {place:?}");
        }
    }
}

#[test]
fn the_cancel_question_is_walked_through_by_arrows_and_tab() {
    let mut stage = Stage::new(busy(), own());
    for key in ["up", "down", "tab", "shift-tab", "left", "right", "j", "k"] {
        stage.press("c");
        let before = format!("{:?}", stage.model.overlay());
        stage.press(key);
        let after = stage.model.overlay();
        assert!(matches!(after, Some(Overlay::Cancel(_))) && format!("{after:?}") != before, "{key}");
        stage.press("esc");
    }
}

/// Whoever scrolls on a small screen and makes it larger sees a page, not the emptiness below it, and the keys go on there.
#[test]
fn what_was_scrolled_is_in_view_on_a_larger_screen() {
    for keys in ["down down 3 tab G", "? G"] {
        let mut stage = Stage::sized(busy(), own(), (80, 12));
        stage.press(keys).tell(Message::Resize(120, 45));
        let larger = stage.text();
        let end = stage.press("G").text();
        assert_eq!(larger, end, "{keys}");
        stage.press("G").tell(Message::Resize(80, 12)).press("G").tell(Message::Resize(100, 20));
        let before = stage.text();
        assert_ne!(stage.press("up").text(), before, "{keys}");
    }
}

/// In a wide preview neither the marks nor their number were seen while an older notice stood there.
#[test]
fn marking_all_says_how_many_wherever_one_is() {
    let mut stage = Stage::new(busy(), own());
    stage.press("G w R").tell(Message::Catalog(Arc::new(own()))).press("A");
    assert!(stage.text().contains("3 instances marked"), "{}", stage.text());
    stage.press("A");
    assert!(!stage.text().contains("marked"), "{}", stage.text());
}
