//! The action bar: which screens and actions stand in it, and in which columns, for the eye and for the mouse.

use super::{
    action::Action,
    format,
    model::{Model, tree::Screen},
};
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

/// The actions of a screen.
const fn actions(screen: Screen) -> &'static [Action] {
    match screen {
        Screen::Restore | Screen::History => {
            &[Action::Retry, Action::Cancel, Action::NewRestore, Action::Menu, Action::Palette, Action::Help]
        }
        Screen::Explore => {
            &[Action::TakeOut, Action::Compare, Action::Stop, Action::Copy, Action::Menu, Action::Palette, Action::Help]
        }
        Screen::Jobs => &[
            Action::StartJob,
            Action::Stop,
            Action::Retry,
            Action::Cancel,
            Action::Menu,
            Action::Palette,
            Action::Help,
        ],
    }
}

/// The actions that a paused session waits for.
const PAUSED: &[Action] =
    &[Action::GoOn, Action::Promote, Action::StopHere, Action::Cancel, Action::Menu, Action::Palette, Action::Help];

/// One of the screens, on the left of the bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tab {
    /// The screen.
    pub screen: Screen,
    /// The key that leads there; empty where there is none.
    pub key: String,
    /// Its word.
    pub label: String,
    /// The columns it takes.
    pub columns: Range<u16>,
}

/// Actions leave this much for the tab that is shown.
const SHOWN: usize = "[Restore]".len() + 2;

/// The screens, the shown one in brackets; it alone where there is no room for the others, and none where there is none
/// for it.
pub(super) fn tabs(model: &Model) -> Vec<Tab> {
    let free = items(model).first().map_or(model.size().0, |item| item.columns.start);
    let shown = model.tree().screen();
    // From a screen its own key leads back to the first one.
    let action = |screen: Screen| match (screen, shown) {
        (Screen::Jobs, _) | (Screen::Restore, Screen::Jobs) => Action::Jobs,
        (Screen::Explore, _) | (Screen::Restore, Screen::Explore) => Action::Explore,
        (Screen::History, _) | (Screen::Restore, Screen::History | Screen::Restore) => Action::History,
    };
    let key = |screen: Screen| model.options().keymap.key(model.main_context(), action(screen));
    let tabs = |screens: &[Screen]| {
        let mut at: u16 = 1;
        let tab = |screen: &Screen| {
            let (key, label) = if *screen == shown {
                (String::new(), format!("[{}]", screen.name()))
            } else {
                (key(*screen).map_or_else(String::new, |key| format!("{key} ")), screen.name().to_owned())
            };
            let width = u16::try_from(format::width(&key) + format::width(&label)).unwrap_or(u16::MAX);
            let columns = at..at.saturating_add(width);
            at = columns.end.saturating_add(2);
            Tab { screen: *screen, key, label, columns }
        };
        screens.iter().map(tab).collect::<Vec<_>>()
    };
    let fits = |tabs: &[Tab]| tabs.last().is_none_or(|tab| tab.columns.end < free);
    [tabs(&Screen::ALL), tabs(&[shown])].into_iter().find(|tabs| fits(tabs)).unwrap_or_default()
}

/// The items, flush right.
pub(super) fn items(model: &Model) -> Vec<Item> {
    let columns = model.size().0;
    let full = place(model, columns, Action::label);
    if full.first().is_none_or(|item| usize::from(item.columns.start) > SHOWN) {
        return full;
    }
    let has_sign_enough = |action| matches!(action, Action::Palette | Action::Help | Action::Menu);
    let shorter = [(Action::NewRestore, "New"), (Action::StartJob, "Start")];
    let short =
        |action: Action| shorter.iter().find(|(long, _)| *long == action).map_or(action.label(), |(_, label)| label);
    place(model, columns, |action| if has_sign_enough(action) { "" } else { short(action) })
}

fn place(model: &Model, columns: u16, label: impl Fn(Action) -> &'static str) -> Vec<Item> {
    const GAP: usize = 2;
    let mut right = usize::from(columns).saturating_sub(1);
    let mut items = Vec::new();
    let shown = if model.paused().is_ok() { PAUSED } else { actions(model.tree().screen()) };
    for action in shown.iter().copied().rev() {
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
