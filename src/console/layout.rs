//! Where the parts of the screen are, for any size: the preview goes first, then columns, then everything but one line
//! a session. Never a refusal.

use ratatui::layout::Rect;

/// The parts. One that has no room is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Counts, the answer to "may I close this window?", the clock.
    pub header: Rect,
    /// The action bar.
    pub bar: Rect,
    /// The tree, its border included.
    pub tree: Rect,
    /// The preview, its border included.
    pub preview: Rect,
    /// Notices and hints.
    pub footer: Rect,
    /// Whether panes have borders.
    pub bordered: bool,
}

/// Below this the two panes would both be too narrow to read; one of them is shown.
const BOTH: (u16, u16) = (76, 12);

/// Below this there is one line a session and nothing around it.
const BORDERED: (u16, u16) = (40, 10);

/// The layout of a screen of this many columns and rows; `preview` says whether the preview has the focus, which
/// decides what is shown when only one pane fits, or when the preview is `wide` and takes the whole screen.
pub(super) fn layout(columns: u16, rows: u16, preview: bool, wide: bool) -> Layout {
    let empty = Rect::ZERO;
    let bordered = columns >= BORDERED.0 && rows >= BORDERED.1;
    // One line is for the sessions before it is for anything else.
    let (top, bar, bottom) = match rows {
        0..=2 => (0, 0, 0),
        3..=4 => (1, 0, 0),
        5..=9 => (1, 0, 1),
        _ => (1, 1, 1),
    };
    let line = |y, height| Rect::new(0, y, columns, height);
    let body = Rect::new(0, top + bar, columns, rows - top - bar - bottom);
    let (tree, preview) = if columns >= BOTH.0 && rows >= BOTH.1 && !wide {
        // 38 of 100 as drawn; what a row of the tree has to say fits in 56, and wide screens give the rest to the preview.
        let width = (u32::from(columns) * 38 / 100).clamp(34, 56);
        let width = u16::try_from(width).unwrap_or(56);
        let right = Rect::new(width, body.y, columns - width, body.height);
        (Rect { width, ..body }, right)
    } else if preview {
        (empty, body)
    } else {
        (body, empty)
    };
    Layout { header: line(0, top), bar: line(top, bar), tree, preview, footer: line(rows - bottom, bottom), bordered }
}

impl Layout {
    /// The inside of a pane.
    pub fn inside(&self, pane: Rect) -> Rect {
        if !self.bordered || pane.width < 2 || pane.height < 2 {
            return pane;
        }
        Rect::new(pane.x + 1, pane.y + 1, pane.width - 2, pane.height - 2)
    }
}

/// The middle of the screen, as large as wanted or as there is room.
pub(super) fn centered(columns: u16, rows: u16, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(columns), height.min(rows));
    Rect::new((columns - width) / 2, (rows - height) / 2, width, height)
}

/// The inside of the wizard.
pub(super) const fn wizard_body(columns: u16, rows: u16) -> Rect {
    let outside = wizard_frame(columns, rows);
    if outside.width < 4 || outside.height < 3 {
        return outside;
    }
    Rect { x: outside.x + 2, y: outside.y + 1, width: outside.width - 4, height: outside.height - 2 }
}

/// The frame of the wizard: wide enough for two paths side by side, and the header stays in view where it can.
pub(super) const fn wizard_frame(columns: u16, rows: u16) -> Rect {
    let width = if columns < 100 { columns } else { 100 };
    // Header and bar above, notices below.
    let (top, bottom) = if rows >= 10 { (2, 1) } else { (0, 0) };
    Rect { x: (columns - width) / 2, y: top, width, height: rows - top - bottom }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_a_layout_that_lies_inside_the_screen() {
        for columns in 0..130 {
            for rows in 0..45 {
                for (focus, wide) in [(false, false), (false, true), (true, false), (true, true)] {
                    let found = layout(columns, rows, focus, wide);
                    for part in [found.header, found.bar, found.tree, found.preview, found.footer] {
                        assert!(part.right() <= columns && part.bottom() <= rows, "{columns}x{rows}: {part:?}");
                    }
                    let some = found.tree.area() + found.preview.area();
                    assert!(some > 0 || columns == 0 || rows == 0, "{columns}x{rows}");
                }
            }
        }
    }
}
