//! The table of keys: no conflict, no way out that is lost, and what configuration may change.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
use super::*;

fn with(rows: &[(&str, &[&str])]) -> Result<Keymap, KeymapError> {
    let own = |(name, keys): &(&str, &[&str])| {
        ((*name).to_owned(), keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())
    };
    Keymap::with(&rows.iter().map(own).collect())
}

#[test]
fn the_default_table_has_no_conflict_and_a_key_for_every_action() {
    let map = with(&[]).unwrap();
    for action in Action::all() {
        assert!(!map.keys(action).is_empty(), "{}", action.name());
    }
}

#[test]
fn keys_can_be_replaced_by_name() {
    let map = with(&[("retry", &["ctrl-r", "T"])]).unwrap();
    assert_eq!(map.action(KeyContext::Tree, "T".parse().unwrap()), Some(Action::Retry));
    assert_eq!(map.action(KeyContext::Tree, "r".parse().unwrap()), None);
    assert_eq!(map.key(KeyContext::Preview, Action::Retry), Some("ctrl-r".parse().unwrap()));
}

#[test]
fn a_conflict_is_refused_and_names_both_actions() {
    let said = with(&[("retry", &["c"])]).unwrap_err().to_string();
    assert!(said.contains("retry") && said.contains("cancel") && said.contains("c is given"), "{said}");
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    for (rows, part) in [
        (("retri", &["x"][..]), "retri"),
        (("retry", &["ctrl+x"][..]), "ctrl+x"),
        (("back", &[][..]), "back would have no key"),
        (("close", &["Q"][..]), "close would have no key"),
    ] {
        let said = with(&[rows]).unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn where_text_is_typed_letters_mean_nothing_else() {
    let map = Keymap::default();
    for context in
        [KeyContext::LogInput, KeyContext::Filter, KeyContext::Palette, KeyContext::TypeName, KeyContext::FormText]
    {
        assert_eq!(map.action(context, "q".parse().unwrap()), None);
        assert_eq!(map.action(context, "esc".parse().unwrap()), Some(Action::Back));
    }
}

#[test]
fn nothing_quits_but_close() {
    let map = Keymap::default();
    assert_eq!(map.action(KeyContext::Tree, "esc".parse().unwrap()), Some(Action::Back));
    assert_eq!(map.action(KeyContext::Tree, "q".parse().unwrap()), Some(Action::Close));
    for popup in [KeyContext::Confirmation, KeyContext::Menu, KeyContext::TextView] {
        assert_eq!(map.action(popup, "q".parse().unwrap()), Some(Action::Back));
    }
    for text in [KeyContext::Filter, KeyContext::Palette, KeyContext::TypeName, KeyContext::FormText] {
        assert_eq!(map.action(text, "ctrl-c".parse().unwrap()), Some(Action::Back));
    }
    assert_eq!(map.action(KeyContext::Confirmation, "ctrl-c".parse().unwrap()), Some(Action::Close));
}
