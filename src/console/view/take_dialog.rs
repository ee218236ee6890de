//! The question where an item is taken to.

use super::widgets;
use crate::console::{
    format,
    model::dialog::{TakeDialog, TakeField, TakeWay},
    theme::{Brush, Role},
};
use ratatui::{
    buffer::Buffer,
    text::{Line, Span},
};

const WIDTH: u16 = 78;
const NAME: usize = 14;

/// Paints it.
pub(super) fn paint(buffer: &mut Buffer, state: &TakeDialog, brush: &Brush) {
    let inside = usize::from(WIDTH.min(buffer.area.width)).saturating_sub(4);
    let to = state.to.value().trim_start();
    let is_dump = to.starts_with('/');
    let mut lines = Vec::new();
    lines.push(text("To", &state.to, state.field == TakeField::To, inside, brush));
    let hint = "a running server (host=db1 user=postgres; no password), or a directory for a dump (/srv/dump)";
    lines.extend(widgets::wrapped(hint, inside, NAME, Role::Dim, brush));
    lines.push(way(state, is_dump, brush));
    if state.way == TakeWay::Rename && !is_dump {
        lines.push(text("New name", &state.name, state.field == TakeField::Name, inside, brush));
    }
    lines.push(Line::default());
    let keys = "Enter shows the plan, Tab moves on, left and right choose, Esc leaves";
    let last = state.problem.as_ref().map_or((keys.into(), Role::Dim), |problem| (format::clean(problem), Role::Stuck));
    lines.extend(widgets::wrapped(&last.0, inside, 0, last.1, brush));
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let area = widgets::middle(buffer, WIDTH, height);
    let title = format!("Take out {}", format::clean(&state.item.to_string()));
    let area = widgets::dialog(buffer, area, &title, brush);
    let from = lines.len().saturating_sub(usize::from(area.height));
    widgets::lines(buffer, area, &lines, from);
}

fn label(name: &str, focused: bool, brush: &Brush) -> Span<'static> {
    brush.span(if focused { Role::Title } else { Role::Text }, format!("{name:<NAME$}"))
}

fn text(name: &str, input: &tui_input::Input, focused: bool, width: usize, brush: &Brush) -> Line<'static> {
    let mut spans = vec![label(name, focused, brush)];
    spans.extend(widgets::input(input, width.saturating_sub(NAME), focused, brush));
    Line::from(spans)
}

fn way(state: &TakeDialog, is_dump: bool, brush: &Brush) -> Line<'static> {
    let focused = state.field == TakeField::Way;
    let role = match (is_dump, focused) {
        (true, _) => Role::Off,
        (false, true) => Role::Selected,
        (false, false) => Role::Text,
    };
    let shown = if is_dump { "a dump goes into a new directory" } else { state.way.label() };
    let arrows = if focused && !is_dump { format!("< {shown} >") } else { shown.to_owned() };
    Line::from(vec![label("If it exists", focused, brush), brush.span(role, arrows)])
}
