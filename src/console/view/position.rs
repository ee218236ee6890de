//! Where a page that is longer than its pane stands: on the lower edge, at the right.

use crate::console::{
    format,
    layout::Layout,
    model::{Model, preview::Tab},
    theme::{Brush, Role},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::Line,
    widgets::{Clear, Widget as _},
};

/// The columns that the tabs take on the same edge.
const TABS: u16 = 40;

/// Paints it for the pages of a session but its progress, which is written anew all the time. `at` is the first line in view, and how many there are.
pub(super) fn paint(buffer: &mut Buffer, layout: &Layout, model: &Model, at: (usize, usize), brush: &Brush) {
    if let Some(text) = text(model, at).filter(|_| layout.bordered) {
        on_edge(buffer, layout.preview, TABS, &text, brush);
    }
}

/// Paints it for a page in a frame of its own, where that is longer than the frame.
pub(super) fn framed(buffer: &mut Buffer, frame: Rect, inside: Rect, at: (usize, usize), brush: &Brush) {
    if inside != frame
        && let Some(text) = lines(at, usize::from(inside.height))
    {
        on_edge(buffer, frame, 0, &text, brush);
    }
}

/// Writes on the lower edge, unless that has not so many columns besides.
fn on_edge(buffer: &mut Buffer, area: Rect, besides: u16, text: &str, brush: &Brush) {
    let line = Line::from(brush.span(Role::Dim, format!(" {text} ")));
    let wide = u16::try_from(line.width()).unwrap_or(area.width);
    // A corner, and a column of the edge, at either side.
    if area.width >= besides + wide + 4 {
        let room = Rect::new(area.right() - 2 - wide, area.bottom() - 1, wide, 1);
        // The look of the border must not shine through.
        Clear.render(room, buffer);
        buffer.set_line(room.x, room.y, &line, wide);
    }
}

/// The last line in view, and how many there are, of a page that is longer than its room.
fn lines((from, all): (usize, usize), height: usize) -> Option<String> {
    let last = (from + height).min(all);
    (all > height).then(|| format!("line {} of {}", format::count(last as u64), format::count(all as u64)))
}

fn text(model: &Model, (from, all): (usize, usize)) -> Option<String> {
    let session = model.session()?;
    let is_log = match model.preview().tab {
        Tab::Log => true,
        Tab::Request | Tab::Events => false,
        Tab::Progress => return None,
    };
    let height = usize::from(super::preview::page_area(model, &model.layout()).height);
    let lives = is_log && model.log_attempt().is_some_and(|(_, attempt)| session.live_attempt() == Some(attempt));
    if lives && model.preview().scroll == 0 && !model.is_frozen() {
        return Some("following".to_owned());
    }
    let shown = lines((from, all), height)?;
    if !is_log {
        return Some(shown);
    }
    let is_whole = model.preview().log.as_ref().is_none_or(|log| log.is_whole);
    let of = if is_whole { "of" } else { "of the last" };
    let last = (from + height).min(all);
    let (last, all) = (super::log::line_at(model, last.saturating_sub(1)).0 + 1, model.preview().log_lines().len());
    Some(format!("line {} {of} {}", format::count(last as u64), format::count(all as u64)))
}
