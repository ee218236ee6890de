//! The action bar: which actions stand in it, and in which columns, for the eye and for the mouse.

use super::{action::Action, format, model::Model};
use std::ops::Range;

/// One action of the bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// The action.
    pub action: Action,
    /// Its key.
    pub key: String,
    /// Its label; empty where there is room for the key alone.
    pub label: &'static str,
    /// The columns it takes.
    pub columns: Range<u16>,
}

const ACTIONS: [Action; 6] =
    [Action::Retry, Action::Cancel, Action::NewRestore, Action::Menu, Action::Palette, Action::Help];

/// The name of the tab, which is as old as the word "Restore tab" for this bar.
pub(super) const TAB: &str = "[Restore]";

/// The items, flush right.
pub(super) fn items(model: &Model) -> Vec<Item> {
    let columns = model.size().0;
    let full = place(model, columns, Action::label);
    if full.first().is_none_or(|item| usize::from(item.columns.start) > format::width(TAB) + 2) {
        return full;
    }
    let has_sign_enough = |action| matches!(action, Action::Palette | Action::Help | Action::Menu);
    let short = |action: Action| if action == Action::NewRestore { "New" } else { action.label() };
    place(model, columns, |action| if has_sign_enough(action) { "" } else { short(action) })
}

fn place(model: &Model, columns: u16, label: impl Fn(Action) -> &'static str) -> Vec<Item> {
    const GAP: usize = 2;
    let mut right = usize::from(columns).saturating_sub(1);
    let mut items = Vec::new();
    for action in ACTIONS.into_iter().rev() {
        let Some(key) = model.options().keymap.key(model.main_context(), action) else { continue };
        let (key, label) = (key.to_string(), label(action));
        let width = format::width(&key) + if label.is_empty() { 0 } else { 1 + format::width(label) };
        let Some(left) = right.checked_sub(width) else { break };
        let column = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        items.push(Item { action, key, label, columns: column(left)..column(right) });
        right = left.saturating_sub(GAP);
    }
    items.reverse();
    items
}
