//! Menu, questions, reports, palette: what lies over everything else.

use super::{cancel_dialog, compare_dialog, goal, help, job_dialogs, plan_dialog, take_dialog, widgets};
use crate::console::{
    action::{Action, Verdict},
    format,
    layout::centered,
    model::{
        Model,
        dialog::{Confirmation, CopyMenu, Menu, Overlay, Palette, PaletteRow, TextView, TypeName},
    },
    theme::{Brush, Role, Theme},
};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
};

const MENU_WIDTH: u16 = 78;

/// The longest name of what can be copied, and a blank.
const COPY_NAME: usize = 36;

/// Paints the topmost overlay.
pub(super) fn paint(buffer: &mut Buffer, model: &Model, brush: &Brush) {
    match model.overlay() {
        None => {}
        Some(Overlay::Menu(state)) => menu(buffer, model, state, brush),
        Some(Overlay::Copy(state)) => copy(buffer, state, brush),
        Some(Overlay::Cancel(state)) => cancel_dialog::paint(buffer, model, state, brush),
        Some(Overlay::Confirm(state)) => question(buffer, state, brush),
        Some(Overlay::Report(state)) => report(buffer, model, state, brush),
        Some(Overlay::Help(state)) => help::paint(buffer, model, state, brush),
        Some(Overlay::Palette(state)) => palette(buffer, model, state, brush),
        Some(Overlay::TypeName(state)) => type_name(buffer, state, brush),
        Some(Overlay::StopRun(state)) => job_dialogs::stop(buffer, model, state, brush),
        Some(Overlay::StartJob(state)) => job_dialogs::start(buffer, state, brush),
        Some(Overlay::Take(state)) => take_dialog::paint(buffer, state, brush),
        Some(Overlay::Compare(state)) => compare_dialog::paint(buffer, state, brush),
        Some(Overlay::Goal(page)) => goal::paint(buffer, model, page, brush),
        Some(Overlay::Plan(state)) => plan_dialog::of_order(buffer, state, brush),
    }
}

fn menu(buffer: &mut Buffer, model: &Model, state: &Menu, brush: &Brush) {
    let reason = reason(buffer.area.width, state, brush);
    let area = widgets::middle(buffer, MENU_WIDTH, menu_height(state, &reason));
    let area = widgets::dialog(buffer, area, &state.title, brush);
    let list = Rect { height: area.height.min(rows(state.items.len())), ..area };
    let width = usize::from(list.width);
    let line = |(chosen, verdict): &(Action, Verdict)| action(model, *chosen, verdict, width, brush);
    rows_in(buffer, list, &state.items, state.at, line, brush);
    let start = list.bottom().saturating_add(1);
    if start < area.bottom() {
        widgets::lines(buffer, Rect { y: start, height: area.bottom() - start, ..area }, &reason, 0);
    }
}

/// Why the selected item is refused, in full: its row has no room for that.
fn reason(columns: u16, state: &Menu, brush: &Brush) -> Vec<Line<'static>> {
    let inside = usize::from(MENU_WIDTH.min(columns)).saturating_sub(4);
    match state.items.get(state.at) {
        Some((_, Verdict::No(reason))) => widgets::wrapped(reason, inside, 0, Role::Waiting, brush),
        Some((_, Verdict::Ready)) | None => Vec::new(),
    }
}

fn menu_height(state: &Menu, reason: &[Line<'_>]) -> u16 {
    let below = if reason.is_empty() { 0 } else { reason.len() + 1 };
    rows(state.items.len() + below + 2)
}

fn copy(buffer: &mut Buffer, state: &CopyMenu, brush: &Brush) {
    let area = widgets::middle(buffer, MENU_WIDTH, rows(state.items.len() + 2));
    let area = widgets::dialog(buffer, area, "Copy", brush);
    let line = |(name, text): &(&'static str, String)| {
        let room = usize::from(area.width).saturating_sub(COPY_NAME);
        Line::from(vec![
            brush.span(Role::Text, widgets::cell(name, COPY_NAME, brush)),
            brush.span(Role::Dim, format::fit(&format::clean(text), room, brush.glyphs.more).into_owned()),
        ])
    };
    rows_in(buffer, area, &state.items, state.at, line, brush);
}

/// The row of the menu that lies open, under a point.
pub(in crate::console) fn row_at(model: &Model, at: Position) -> Option<usize> {
    let (columns, lines) = model.size();
    let (height, len, selected) = match model.overlay()? {
        Overlay::Menu(state) => {
            // Where things stand does not depend on how they are coloured.
            let brush = Brush::new(Theme::Mono, model.options().ascii);
            (menu_height(state, &reason(columns, state, &brush)), state.items.len(), state.at)
        }
        Overlay::Copy(state) => (rows(state.items.len() + 2), state.items.len(), state.at),
        Overlay::Cancel(_)
        | Overlay::Confirm(_)
        | Overlay::Report(_)
        | Overlay::Help(_)
        | Overlay::Palette(_)
        | Overlay::StopRun(_)
        | Overlay::StartJob(_)
        | Overlay::Plan(_)
        | Overlay::Take(_)
        | Overlay::Compare(_)
        | Overlay::Goal(_)
        | Overlay::TypeName(_) => return None,
    };
    let inside = widgets::dialog_inside(centered(columns, lines, MENU_WIDTH, height));
    let list = Rect { height: inside.height.min(rows(len)), ..inside };
    let first = (selected + 1).saturating_sub(usize::from(list.height));
    list.contains(at).then(|| first + usize::from(at.y - list.y))
}

fn palette(buffer: &mut Buffer, model: &Model, state: &Palette, brush: &Brush) {
    let height = rows(state.found.len().clamp(4, 14) + 4);
    let title = "All actions; a name goes there";
    let area = widgets::dialog(buffer, widgets::middle(buffer, 78, height), title, brush);
    let mut spans = vec![brush.span(Role::Key, ": ")];
    spans.extend(widgets::input(&state.input, usize::from(area.width).saturating_sub(2), true, brush));
    buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
    let list = Rect { y: area.y + 2.min(area.height), height: area.height.saturating_sub(2), ..area };
    if state.found.is_empty() {
        let nothing = "No action, session or instance matches";
        widgets::lines(buffer, list, &[Line::from(brush.span(Role::Dim, nothing))], 0);
    }
    let width = usize::from(list.width);
    let line = |row: &PaletteRow| match row {
        PaletteRow::Act(chosen, verdict) => action(model, *chosen, verdict, width, brush),
        PaletteRow::Go(_, name) => Line::from(vec![
            brush.span(Role::Dim, widgets::cell(&format!("{} go to", brush.glyphs.to), 10, brush)),
            brush.span(Role::Text, format::fit(name, width.saturating_sub(10), brush.glyphs.more).into_owned()),
        ]),
    };
    rows_in(buffer, list, &state.found, state.at, line, brush);
}

/// As many rows as there is room for, the selected one among them.
fn rows_in<T>(
    buffer: &mut Buffer,
    area: Rect,
    items: &[T],
    at: usize,
    line: impl Fn(&T) -> Line<'static>,
    brush: &Brush,
) {
    let first = (at + 1).saturating_sub(usize::from(area.height));
    for ((number, item), y) in items.iter().enumerate().skip(first).zip(area.y..area.bottom()) {
        buffer.set_line(area.x, y, &line(item), area.width);
        if number == at {
            widgets::select(buffer, area, y, brush);
        }
    }
}

/// Key, label, and what it does or why it is refused.
fn action(model: &Model, action: Action, verdict: &Verdict, width: usize, brush: &Brush) -> Line<'static> {
    let key = model.options().keymap.keys(action).first().map_or_else(String::new, ToString::to_string);
    let (key_role, role, about) = match verdict {
        Verdict::Ready => (Role::Key, Role::Text, action.help()),
        Verdict::No(reason) => (Role::Off, Role::Off, reason.as_str()),
    };
    Line::from(vec![
        brush.span(key_role, widgets::cell(&key, 10, brush)),
        brush.span(role, widgets::cell(action.label(), 15, brush)),
        brush.span(Role::Dim, format::fit(about, width.saturating_sub(27), brush.glyphs.more).into_owned()),
    ])
}

fn question(buffer: &mut Buffer, state: &Confirmation, brush: &Brush) {
    let width = 72;
    let inside = usize::from(width).min(usize::from(buffer.area.width)).saturating_sub(4);
    let mut lines: Vec<Line<'_>> =
        state.lines.iter().flat_map(|text| widgets::wrapped(text, inside, 0, Role::Text, brush)).collect();
    lines.push(Line::default());
    lines.push(buttons("Leave it", state.button, !state.armed, state.armed, brush));
    let area = widgets::middle(buffer, width, rows(lines.len() + 2));
    let area = widgets::dialog(buffer, area, &state.title, brush);
    let from = lines.len().saturating_sub(usize::from(area.height));
    widgets::lines(buffer, area, &lines, from);
}

pub(super) fn buttons(safe: &str, act: &str, on_safe: bool, on_act: bool, brush: &Brush) -> Line<'static> {
    Line::from(vec![
        button(safe, on_safe, Role::Button, brush),
        Span::raw("   "),
        button(act, on_act, Role::Danger, brush),
    ])
}

/// A button; square brackets tell the one with the keys without colour.
pub(super) fn button(label: &str, on: bool, role: Role, brush: &Brush) -> Span<'static> {
    let text = if on { format!("[ {label} ]") } else { format!("  {label}  ") };
    brush.span(if on || role == Role::Off { role } else { Role::Text }, text)
}

fn report(buffer: &mut Buffer, model: &Model, state: &TextView, brush: &Brush) {
    let area = help::area(model);
    let area = widgets::dialog(buffer, area.intersection(buffer.area), &state.title, brush);
    let width = usize::from(area.width);
    let lines: Vec<Line<'_>> =
        state.lines.iter().flat_map(|text| widgets::wrapped(text, width, 0, Role::Text, brush)).collect();
    widgets::lines(buffer, area, &lines, state.scroll);
}

fn type_name(buffer: &mut Buffer, state: &TypeName, brush: &Brush) {
    let width = 76;
    let inside = usize::from(width).min(usize::from(buffer.area.width)).saturating_sub(4);
    let Some((directory, to)) = state.directories.first() else { return };
    let wanted = state.wanted().unwrap_or_default();
    let mut lines = Vec::new();
    let text = format!("{} holds other data.", format::path(directory));
    lines.extend(widgets::wrapped(&text, inside, 0, Role::Text, brush));
    lines.extend(widgets::wrapped(
        &format!("It will be renamed to {}.", format::path(to)),
        inside,
        0,
        Role::Waiting,
        brush,
    ));
    let more = state.directories.len() - 1;
    if more > 0 {
        let text = format!("{} after this one.", format::many(more, "directory").replace("directorys", "directories"));
        lines.extend(widgets::wrapped(&text, inside, 0, Role::Dim, brush));
    }
    lines.push(Line::default());
    lines.push(Line::from(vec![
        brush.span(Role::Text, "Type its name, "),
        brush.span(Role::Key, wanted),
        brush.span(Role::Text, ", to allow this:"),
    ]));
    lines.push(Line::from(widgets::input(&state.input, inside, true, brush)));
    let last = if state.wrong {
        brush.span(Role::Stuck, "That is not its name; nothing was done")
    } else {
        brush.span(Role::Dim, "Enter confirms, Esc leaves everything as it is")
    };
    lines.push(Line::from(last));
    let area = widgets::middle(buffer, width, rows(lines.len() + 2));
    let area = widgets::dialog(buffer, area, "Rename other data?", brush);
    let from = lines.len().saturating_sub(usize::from(area.height));
    widgets::lines(buffer, area, &lines, from);
}

fn rows(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
