//! How the player is painted: the screen of the recording, and a status line below it.
//!
//! Promises: pure; a character that could steer a terminal, or is wider here than there, is shown as a blank or `?`. A
//! screen that does not fit is clipped on the right, and at the bottom or, where the cursor would be cut off, at the
//! top.

use super::{player::Player, status};
use crate::{
    console::{format, theme::Brush},
    domain::{Timestamp, instance::is_printable},
    recording::Emulator,
};
use avt::Color as CellColour;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};

/// What the person has asked for by flags and environment.
#[derive(Debug, Clone, Copy)]
pub(in crate::console) struct Look {
    /// Only ASCII.
    pub(in crate::console) ascii: bool,
    /// Whether the recording keeps its colours.
    pub(in crate::console) colour: bool,
}

/// Paints all of it.
pub(super) fn paint(buffer: &mut Buffer, player: &Player, look: Look, brush: &Brush, now: Timestamp) {
    let area = buffer.area;
    let line = Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area };
    let screen = Rect { height: area.height.saturating_sub(1), ..area };
    paint_screen(buffer, screen, player.emulator(), look);
    status::paint(buffer, line, player, screen.as_size(), brush, now);
}

/// Paints what a terminal in memory shows.
pub(in crate::console) fn paint_screen(buffer: &mut Buffer, area: Rect, emulator: &Emulator, look: Look) {
    // A recording of a terminal as high as this one is a row too high, and a shell writes into its last one.
    let clipped = emulator.cursor().map_or(0, |(_, row)| (row + 1).saturating_sub(usize::from(area.height)));
    for (row, y) in emulator.rows().skip(clipped).zip(area.top()..area.bottom()) {
        let mut cells = row.cells().iter().zip(area.left()..area.right()).peekable();
        while let Some((cell, x)) = cells.next() {
            let style = style(cell.pen(), look);
            let has_room = cell.width() < 2 || cells.peek().is_some();
            let shown = if cell.width() == 0 { ' ' } else { shown(cell.char(), cell.width(), has_room, look) };
            buffer[(x, y)].set_char(shown).set_style(style);
            if format::width(shown.encode_utf8(&mut [0; 4])) == 2 {
                // The second half is covered by the first.
                if let Some((_, x)) = cells.next() {
                    buffer[(x, y)].reset();
                    buffer[(x, y)].set_style(style);
                }
            }
        }
    }
    if let Some((column, row)) = emulator.cursor() {
        // After the last character of a row the cursor waits beyond it.
        let column = column.min(usize::from(emulator.size().columns()) - 1);
        let place =
            (u16::try_from(column).unwrap_or(u16::MAX), u16::try_from(row - clipped.min(row)).unwrap_or(u16::MAX));
        if place.0 < area.width && place.1 < area.height {
            let cell = &mut buffer[(area.x + place.0, area.y + place.1)];
            cell.modifier.toggle(Modifier::REVERSED);
        }
    }
}

/// What stands for a character here.
fn shown(c: char, width: u8, has_room: bool, look: Look) -> char {
    if c.is_ascii() {
        return if c.is_control() { ' ' } else { c };
    }
    let same_width = format::width(c.encode_utf8(&mut [0; 4])) == usize::from(width);
    if !is_printable(c) || !has_room {
        ' '
    } else if look.ascii || !same_width {
        '?'
    } else {
        c
    }
}

fn style(pen: &avt::Pen, look: Look) -> Style {
    let colour = |colour: Option<CellColour>| match colour {
        Some(CellColour::Indexed(index)) if look.colour => Color::Indexed(index),
        Some(CellColour::RGB(rgb)) if look.colour => Color::Rgb(rgb.r, rgb.g, rgb.b),
        Some(_) | None => Color::Reset,
    };
    let modifiers = [
        (pen.is_bold(), Modifier::BOLD),
        (pen.is_faint(), Modifier::DIM),
        (pen.is_italic(), Modifier::ITALIC),
        (pen.is_underline(), Modifier::UNDERLINED),
        (pen.is_strikethrough(), Modifier::CROSSED_OUT),
        (pen.is_blink(), Modifier::SLOW_BLINK),
        (pen.is_inverse(), Modifier::REVERSED),
    ];
    let on = modifiers.into_iter().filter(|(is_on, _)| *is_on).map(|(_, modifier)| modifier);
    Style::new().fg(colour(pen.foreground())).bg(colour(pen.background())).add_modifier(on.collect())
}
