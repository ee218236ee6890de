//! Small widgets that all views share.

use crate::console::{
    action::Action,
    format,
    keymap::KeyContext,
    layout::centered,
    model::{Model, tree::Group},
    theme::{Brush, Role},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::{Block, Clear, Widget as _},
};
use tui_input::Input;

/// A bordered pane with a title on its upper edge.
pub(super) fn pane(buffer: &mut Buffer, area: Rect, title: &str, focused: bool, brush: &Brush) {
    let role = if focused { Role::Focus } else { Role::Border };
    let title = format::fit(title, usize::from(area.width).saturating_sub(4), brush.glyphs.more).into_owned();
    let title = if title.is_empty() { Line::default() } else { Line::from(brush.span(role, format!(" {title} "))) };
    let block = Block::bordered().border_set(brush.glyphs.border).border_style(brush.style(role)).title(title);
    block.render(area, buffer);
}

/// The filter in force, and what it leaves. The count comes first: a long filter is cut, a number never.
pub(super) fn filter(model: &Model) -> Option<String> {
    let (shown, all) = model.filtered()?;
    let (shown, all) = (format::count(shown as u64), format::count(all as u64));
    Some(format!("{shown} of {all} shown: /{}", format::clean(model.tree().filter().text())))
}

/// What a filter leaves under a heading, above its rows.
pub(super) fn filter_of(model: &Model, group: Group, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    if model.tree().filter().is_empty() || group == Group::Unreadable {
        return Vec::new();
    }
    let (shown, all) = (model.tree().count(group), model.all_of(group));
    let (shown, all) = (format::count(shown as u64), format::count(all as u64));
    let text = format!("{shown} of {all} shown: /{}", format::clean(model.tree().filter().text()));
    wrapped(&text, width, 0, Role::Mark, brush)
}

/// Where a dialog of this size stands.
pub(super) fn middle(buffer: &Buffer, width: u16, height: u16) -> Rect {
    centered(buffer.area.width, buffer.area.height, width, height)
}

/// A dialog: a pane over what was there, its inside returned.
pub(super) fn dialog(buffer: &mut Buffer, area: Rect, title: &str, brush: &Brush) -> Rect {
    Clear.render(area, buffer);
    let inside = dialog_inside(area);
    if inside != area {
        pane(buffer, area, title, true, brush);
    }
    inside
}

/// The inside of a dialog.
pub(super) const fn dialog_inside(area: Rect) -> Rect {
    if area.width < 4 || area.height < 3 {
        return area;
    }
    Rect::new(area.x + 2, area.y + 1, area.width - 4, area.height - 2)
}

/// Lines from the one with number `from` on, as many as there is room for; where the room has grown since somebody
/// scrolled, from an earlier one on.
pub(super) fn lines(buffer: &mut Buffer, area: Rect, lines: &[Line<'_>], from: usize) {
    let from = first_line(lines.len(), area, from);
    for (line, y) in lines.iter().skip(from).zip(area.y..area.bottom()) {
        buffer.set_line(area.x, y, line, area.width);
    }
}

fn first_line(lines: usize, area: Rect, from: usize) -> usize {
    from.min(lines.saturating_sub(usize::from(area.height)))
}

/// The same, with a sign at the end of each line that has no room: what is cut, a number above all, must not look whole.
pub(super) fn marked_lines(buffer: &mut Buffer, area: Rect, all: &[Line<'_>], from: usize, brush: &Brush) {
    lines(buffer, area, all, from);
    let from = first_line(all.len(), area, from);
    for (line, y) in all.iter().skip(from).zip(area.y..area.bottom()) {
        if area.width > 0 && line.width() > usize::from(area.width) {
            buffer.set_string(area.right() - 1, y, brush.glyphs.more, brush.style(Role::Dim));
        }
    }
}

/// A text that is padded or cut to exactly `room` columns.
pub(super) fn cell(text: &str, room: usize, brush: &Brush) -> String {
    let text = format::fit(text, room, brush.glyphs.more);
    let pad = room.saturating_sub(format::width(&text));
    format!("{text}{:pad$}", "")
}

/// A gauge of `room` columns.
pub(super) fn gauge(ratio: f64, room: usize, full: Role, brush: &Brush) -> Vec<Span<'static>> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a few hundred columns")]
    let done = ((ratio.clamp(0.0, 1.0) * room as f64) as usize).min(room);
    vec![
        brush.span(full, brush.glyphs.full.repeat(done)),
        brush.span(Role::Rest, brush.glyphs.rest.repeat(room - done)),
    ]
}

/// A text field of `room` columns with its caret.
pub(super) fn input(input: &Input, room: usize, focused: bool, brush: &Brush) -> Vec<Span<'static>> {
    let role = if focused { Role::Input } else { Role::Text };
    let value = format::clean(input.value()).into_owned();
    if !focused || value != input.value() {
        return vec![brush.span(role, cell(&value, room, brush))];
    }
    let skip = input.visual_scroll(room.saturating_sub(1));
    let caret = input.visual_cursor();
    let mut column = 0;
    let (mut before, mut under, mut after) = (String::new(), String::new(), String::new());
    for c in value.chars() {
        let mut bytes = [0; 4];
        let wide = format::width(c.encode_utf8(&mut bytes));
        if column >= skip && column + wide <= skip + room {
            let part = match column.cmp(&caret) {
                std::cmp::Ordering::Less => &mut before,
                std::cmp::Ordering::Equal => &mut under,
                std::cmp::Ordering::Greater => &mut after,
            };
            part.push(c);
        }
        column += wide;
    }
    if under.is_empty() {
        under.push(' ');
    }
    let used = format::width(&before) + format::width(&under) + format::width(&after);
    after.push_str(&" ".repeat(room.saturating_sub(used)));
    vec![brush.span(role, before), brush.span(Role::Caret, under), brush.span(role, after)]
}

/// Paragraphs of plain text in lines of `room` columns, each indented.
pub(super) fn wrapped(text: &str, room: usize, indent: usize, role: Role, brush: &Brush) -> Vec<Line<'static>> {
    let pad = " ".repeat(indent);
    let lines = format::wrap(&format::clean(text), room.saturating_sub(indent));
    lines.into_iter().map(|line| Line::from(brush.span(role, format!("{pad}{line}")))).collect()
}

/// Lays the look of the selection over a row.
pub(super) fn select(buffer: &mut Buffer, area: Rect, y: u16, brush: &Brush) {
    buffer.set_style(Rect::new(area.x, y, area.width, 1).intersection(buffer.area), brush.style(Role::Selected));
}

/// The key of an action on the main screen, for a sentence that names it.
pub(super) fn key(model: &Model, action: Action) -> String {
    let key = model.options().keymap.key(KeyContext::Tree, action);
    key.map_or_else(|| action.label().to_owned(), |key| key.to_string())
}

/// `key label` pairs for a hint line.
pub(super) fn hints(pairs: &[(String, &str)], brush: &Brush) -> Line<'static> {
    let mut spans = Vec::new();
    for (key, label) in pairs {
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        spans.push(brush.span(Role::Key, key.clone()));
        spans.push(brush.span(Role::Dim, format!(" {label}")));
    }
    Line::from(spans)
}

/// A text whose further lines stand so far to the right.
pub(super) fn hung(text: &str, room: usize, indent: usize, role: Role, brush: &Brush) -> Vec<Line<'static>> {
    let text = format::clean(text);
    format::hang(&text, room, indent).into_iter().map(|line| Line::from(brush.span(role, line))).collect()
}

/// A name and its value.
pub(super) fn pair(name: &str, value: &str, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    const NAME: usize = 12;
    let mut lines = wrapped(value, width, NAME + 1, Role::Text, brush);
    if let Some(first) = lines.first_mut() {
        let text: String = first.spans.iter().map(|span| span.content.as_ref()).collect();
        let value = text.get(NAME + 1..).unwrap_or("").to_owned();
        *first = Line::from(vec![
            brush.span(Role::Dim, format!(" {}", cell(name, NAME, brush))),
            brush.span(Role::Text, value),
        ]);
    }
    lines
}
