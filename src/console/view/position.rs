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
const TABS: u16 = 44;

/// Paints it for the pages that grow while they are read. `at` is the first line in view, and how many there are.
pub(super) fn paint(buffer: &mut Buffer, layout: &Layout, model: &Model, at: (usize, usize), brush: &Brush) {
    let area = layout.preview;
    let Some(text) = text(model, at).filter(|_| layout.bordered) else { return };
    let line = Line::from(brush.span(Role::Dim, format!(" {text} ")));
    let wide = u16::try_from(line.width()).unwrap_or(area.width);
    if area.width >= TABS + wide {
        let room = Rect::new(area.right() - 2 - wide, area.bottom() - 1, wide, 1);
        // The look of the border must not shine through.
        Clear.render(room, buffer);
        buffer.set_line(room.x, room.y, &line, wide);
    }
}

fn text(model: &Model, (from, all): (usize, usize)) -> Option<String> {
    let session = model.session()?;
    let is_log = match model.preview().tab {
        Tab::Log => true,
        Tab::Events => false,
        Tab::Progress | Tab::Request => return None,
    };
    let height = usize::from(super::preview::page_area(model, &model.layout()).height);
    let lives = is_log && model.log_attempt().is_some_and(|(_, attempt)| session.live_attempt() == Some(attempt));
    if lives && model.preview().scroll == 0 && !model.is_frozen() {
        return Some("following".to_owned());
    }
    if all <= height {
        return None;
    }
    let is_whole = model.preview().log.as_ref().is_none_or(|log| log.is_whole);
    let of = if is_log && !is_whole { "of the last" } else { "of" };
    let last = (from + height).min(all);
    let (last, all) = if is_log {
        (super::log::line_at(model, last.saturating_sub(1)).0 + 1, model.preview().log_lines().len())
    } else {
        (last, all)
    };
    Some(format!("line {} {of} {}", format::count(last as u64), format::count(all as u64)))
}
