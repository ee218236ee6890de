//! The help: every action with its keys, generated from the key map in force.

use super::{overlays::place_below, pen};
use crate::console::{
    action::Action,
    layout::centered,
    model::{Model, dialog::Reading},
    theme::{Brush, Role},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

/// Paints it.
pub(super) fn paint(buffer: &mut Buffer, model: &Model, state: &Reading, brush: &Brush) {
    let area = area(model).intersection(buffer.area);
    let area = pen::dialog(buffer, area, "Help: every key; Esc closes", brush);
    pen::lines(buffer, area, &lines(model, brush), state.scroll);
}

/// Where it stands.
pub(in crate::console) fn area(model: &Model) -> Rect {
    let (columns, rows) = model.size();
    centered(columns, rows, 88, rows.saturating_sub(2).max(1))
}

/// How many lines it has.
pub(in crate::console) fn length(model: &Model) -> usize {
    const PREFACE: usize = 4;
    Action::all().filter(|action| !model.options().keymap.keys(*action).is_empty()).count() + PREFACE
}

fn lines(model: &Model, brush: &Brush) -> Vec<Line<'static>> {
    let keymap = &model.options().keymap;
    let place = place_below(model);
    let mut lines = Vec::new();
    for action in Action::all() {
        let keys: Vec<String> = keymap.keys(action).iter().map(ToString::to_string).collect();
        if keys.is_empty() {
            continue;
        }
        // What means nothing where the help was opened is dimmed.
        let here = keymap.key(place, action).is_some();
        let (key, label) = if here { (Role::Key, Role::Text) } else { (Role::Off, Role::Off) };
        lines.push(Line::from(vec![
            brush.span(key, pen::cell(&keys.join(" "), 16, brush)),
            brush.span(label, pen::cell(action.label(), 16, brush)),
            brush.span(Role::Dim, action.help()),
        ]));
    }
    lines.push(Line::default());
    lines.push(Line::from(brush.span(Role::Dim, "Keys are set by name in howdah.toml:")));
    let names: Vec<&str> = Action::all().map(Action::name).collect();
    let example = format!("[console.keys] {} = [\"ctrl-r\"]", names[Action::Retry as usize]);
    lines.push(Line::from(vec![Span::raw("  "), brush.span(Role::Text, example)]));
    lines.push(Line::from(brush.span(Role::Dim, "Nothing harmful happens on one key: losing work asks first.")));
    lines
}
