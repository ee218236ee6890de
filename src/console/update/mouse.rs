//! The mouse: the same actions, pointed at.

use super::{copy, keys, main_screen, tables};
use crate::console::{
    action::Action,
    bar,
    message::{Intent, Mouse, MouseAction},
    model::{
        Focus, Model,
        tree::{Node, TreeRow},
    },
    view::{
        footer,
        group_page::{self, Hit},
        overlays, preview,
    },
};
use ratatui::layout::Position;

/// Takes in what the mouse did. Over a dialog only the wheel and the rows of a menu mean something: a click beside it must
/// not act.
pub(super) fn mouse(model: &mut Model, mouse: Mouse) -> Vec<Intent> {
    let is_main = model.overlays.is_empty() && model.wizard.is_none();
    let at = Position::new(mouse.column, mouse.row);
    match mouse.action {
        MouseAction::WheelUp | MouseAction::WheelDown => wheel(model, mouse.action, at, is_main),
        MouseAction::Press if !is_main => match overlays::row_at(model, at) {
            Some(row) => {
                copy::select_row(model, row);
                keys::act(model, model.key_context(), Action::Accept)
            }
            None => Vec::new(),
        },
        MouseAction::Menu if !is_main => Vec::new(),
        MouseAction::Press => press(model, at),
        MouseAction::Menu => menu(model, at),
    }
}

fn wheel(model: &mut Model, action: MouseAction, at: Position, is_main: bool) -> Vec<Intent> {
    let place = model.key_context();
    let layout = model.layout();
    let action = if action == MouseAction::WheelUp { Action::Up } else { Action::Down };
    if is_main && layout.preview.contains(at) {
        model.focus = Focus::Preview;
    } else if is_main && layout.tree.contains(at) {
        model.focus = Focus::Tree;
    }
    keys::act(model, if is_main { model.main_context() } else { place }, action)
}

fn press(model: &mut Model, at: Position) -> Vec<Intent> {
    let layout = model.layout();
    if layout.bar.contains(at) {
        if let Some(tab) = bar::tabs(model).into_iter().find(|tab| tab.columns.contains(&at.x)) {
            main_screen::show(model, tab.screen);
            return Vec::new();
        }
        let found = bar::items(model).into_iter().find(|item| item.columns.contains(&at.x));
        return found.map_or_else(Vec::new, |item| keys::act(model, model.main_context(), item.action));
    }
    if layout.footer.contains(at) {
        let action = footer::action_at(model, at.x);
        return action.map_or_else(Vec::new, |action| keys::act(model, model.main_context(), action));
    }
    if let Some(row) = tree_row(model, at) {
        model.focus = Focus::Tree;
        main_screen::select(model, row);
        // The arrow of a heading folds it.
        if matches!(model.tree.row(row), Some(TreeRow::Group(_))) && at.x < layout.inside(layout.tree).x + 2 {
            return keys::act(model, model.main_context(), Action::Accept);
        }
        return Vec::new();
    }
    if !layout.preview.contains(at) {
        return Vec::new();
    }
    model.focus = Focus::Preview;
    if let Some(tab) = preview::tab_at(model, &layout, at) {
        main_screen::tab(model, tab);
        return Vec::new();
    }
    let Some(group) = model.table_group() else { return Vec::new() };
    match group_page::hit(model, group, &layout, at) {
        Some(Hit::Heading(column)) => tables::sort_by(model, group, column),
        // A second click opens what the first one has chosen.
        Some(Hit::Row(row)) if model.table_cursor(group) == row && model.tables.is_chosen() => {
            tables::enter(model, group);
        }
        Some(Hit::Row(row)) => model.move_table_cursor(group, row),
        None => {}
    }
    Vec::new()
}

/// What can be done with what lies there: the menu.
fn menu(model: &mut Model, at: Position) -> Vec<Intent> {
    let layout = model.layout();
    if let Some(row) = tree_row(model, at) {
        model.focus = Focus::Tree;
        main_screen::select(model, row);
        return keys::act(model, model.main_context(), Action::Menu);
    }
    if !layout.preview.contains(at) {
        return Vec::new();
    }
    if let Some(group) = model.table_group() {
        let Some(Hit::Row(row)) = group_page::hit(model, group, &layout, at) else { return Vec::new() };
        model.move_table_cursor(group, row);
        tables::enter(model, group);
    }
    if matches!(model.tree.selected(), Node::Group(_)) {
        return Vec::new();
    }
    keys::act(model, model.main_context(), Action::Menu)
}

/// The row of the tree that lies there.
fn tree_row(model: &Model, at: Position) -> Option<usize> {
    let layout = model.layout();
    let inside = layout.inside(layout.tree);
    let row = model.tree.offset + usize::from(at.y.checked_sub(inside.y)?);
    (inside.contains(at) && row < model.tree.size()).then_some(row)
}
