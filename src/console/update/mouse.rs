//! The mouse: the same actions, pointed at.

use super::{keys, main_screen};
use crate::console::{
    action::Action,
    bar,
    message::{Intent, Mouse, MouseAction},
    model::{Focus, Model},
};
use ratatui::layout::{Position, Rect};

/// Takes in what the mouse did. Over a dialog only the wheel means something: a click beside it must not act.
pub(super) fn mouse(model: &mut Model, mouse: Mouse) -> Vec<Intent> {
    let place = model.key_context();
    let is_main = model.overlays.is_empty() && model.wizard.is_none();
    let layout = model.layout();
    let at = Position::new(mouse.column, mouse.row);
    let hit = |area: Rect| area.contains(at);
    match mouse.action {
        MouseAction::WheelUp | MouseAction::WheelDown => {
            let action = if mouse.action == MouseAction::WheelUp { Action::Up } else { Action::Down };
            if is_main && hit(layout.preview) {
                model.focus = Focus::Preview;
            } else if is_main && hit(layout.tree) {
                model.focus = Focus::Tree;
            }
            keys::act(model, if is_main { model.main_context() } else { place }, action)
        }
        MouseAction::Press | MouseAction::Menu if !is_main => Vec::new(),
        MouseAction::Press if hit(layout.bar) => {
            if let Some(tab) = bar::tabs(model).into_iter().find(|tab| tab.columns.contains(&mouse.column)) {
                main_screen::show(model, tab.screen);
                return Vec::new();
            }
            let items = bar::items(model);
            let found = items.iter().find(|item| item.columns.contains(&mouse.column));
            found.map_or_else(Vec::new, |item| keys::act(model, model.main_context(), item.action))
        }
        MouseAction::Press | MouseAction::Menu if hit(layout.inside(layout.tree)) => {
            let row = model.tree.offset + usize::from(mouse.row - layout.inside(layout.tree).y);
            if row < model.tree.size() {
                model.focus = Focus::Tree;
                main_screen::select(model, row);
                if mouse.action == MouseAction::Menu {
                    return keys::act(model, model.main_context(), Action::Menu);
                }
            }
            Vec::new()
        }
        MouseAction::Press if hit(layout.preview) => {
            model.focus = Focus::Preview;
            Vec::new()
        }
        MouseAction::Press | MouseAction::Menu => Vec::new(),
    }
}
