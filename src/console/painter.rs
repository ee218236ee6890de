//! From one picture to the next: the fewest bytes that make a terminal show what has changed.
//!
//! Cells of one look go out together and from top to bottom, since the usual change is a column of figures: the way from
//! one to the next is then four bytes instead of eight, and a look is named once a frame. A screen that is watched over a
//! slow link for a night is worth that.
//!
//! Promises: a picture in which no cell changes sends nothing; each one that does is one synchronized update and leaves no
//! look behind. Never: relies on where the cursor is after a character that terminals disagree on.

use crossterm::{
    Command,
    cursor::{MoveDown, MoveTo},
    style::{Attribute, Colors, Print, SetAttribute, SetColors, force_color_output},
    terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate},
};
use ratatui::{
    backend::IntoCrossterm as _,
    buffer::{Buffer, Cell, CellWidth as _},
    layout::Rect,
    style::{Color, Modifier},
};
use std::fmt;

/// The picture that a terminal shows, and the next one.
#[derive(Debug)]
pub struct Painter {
    shown: Buffer,
    next: Buffer,
}

/// What cells beside each other look like.
type Look = (Modifier, Color, Color);

/// Cells beside each other that change and look alike.
#[derive(Debug)]
struct Run {
    look: Look,
    x: u16,
    y: u16,
    text: String,
    /// The column behind it.
    end: u16,
}

/// The looks that a cell can have, and what turns each on.
const ATTRIBUTES: [(Modifier, Attribute); 7] = [
    (Modifier::BOLD, Attribute::Bold),
    (Modifier::DIM, Attribute::Dim),
    (Modifier::ITALIC, Attribute::Italic),
    (Modifier::UNDERLINED, Attribute::Underlined),
    (Modifier::SLOW_BLINK, Attribute::SlowBlink),
    (Modifier::REVERSED, Attribute::Reverse),
    (Modifier::CROSSED_OUT, Attribute::CrossedOut),
];

const PLAIN: Look = (Modifier::empty(), Color::Reset, Color::Reset);

impl Painter {
    /// For a terminal of this size that shows nothing.
    pub fn new(area: Rect) -> Self {
        // Crossterm would look at NO_COLOR itself and leave colours out; whether there are any is for the theme to say.
        force_color_output(true);
        Self { shown: Buffer::empty(area), next: Buffer::empty(area) }
    }

    /// The size that it paints for.
    pub const fn area(&self) -> Rect {
        self.shown.area
    }

    /// The picture that the terminal shows.
    pub const fn shown(&self) -> &Buffer {
        &self.shown
    }

    /// Paints a picture; returns what to send, which is nothing where no cell changes.
    pub fn paint(&mut self, paint: impl FnOnce(&mut Buffer)) -> String {
        self.next.reset();
        paint(&mut self.next);
        let runs = runs(self.shown.diff(&self.next));
        if runs.is_empty() {
            return String::new();
        }
        let bytes = sent(runs, self.shown.area.width);
        std::mem::swap(&mut self.shown, &mut self.next);
        bytes
    }
}

/// Puts changed cells that lie beside each other and look alike together.
fn runs(changed: Vec<(u16, u16, &Cell)>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (x, y, cell) in changed {
        let look = (cell.modifier, cell.fg, cell.bg);
        let end = x + cell.symbol().cell_width().max(1);
        match runs.last_mut() {
            Some(run) if (run.look, run.y, run.end) == (look, y, x) => {
                run.text.push_str(cell.symbol());
                run.end = end;
            }
            Some(_) | None => runs.push(Run { look, x, y, text: cell.symbol().to_owned(), end }),
        }
    }
    runs
}

fn sent(mut runs: Vec<Run>, width: u16) -> String {
    // The order of looks is that of their first appearance; within one, column by column.
    let mut looks: Vec<Look> = Vec::new();
    for run in &runs {
        if !looks.contains(&run.look) {
            looks.push(run.look);
        }
    }
    runs.sort_by_key(|run| (looks.iter().position(|look| *look == run.look), run.x, run.y));
    let mut out = String::new();
    write(&mut out, BeginSynchronizedUpdate);
    let mut look = PLAIN;
    // Where the cursor is, as far as that is certain.
    let mut cursor: Option<(u16, u16)> = None;
    for run in &runs {
        if run.look != look {
            put_on(&mut out, look, run.look);
            look = run.look;
        }
        go(&mut out, cursor, (run.x, run.y));
        write(&mut out, Print(&run.text));
        // In the last column a terminal waits with the cursor, and characters beyond ASCII may be of another width there.
        cursor = (run.end < width && run.text.is_ascii()).then_some((run.end, run.y));
    }
    if look != PLAIN {
        write(&mut out, SetAttribute(Attribute::Reset));
    }
    write(&mut out, EndSynchronizedUpdate);
    out
}

fn put_on(out: &mut String, from: Look, to: Look) {
    let (modifiers, foreground, background) = to;
    // There is no way to turn one off that all terminals know, but for all at once.
    let from = if from.0.difference(modifiers).is_empty() {
        from
    } else {
        write(out, SetAttribute(Attribute::Reset));
        PLAIN
    };
    for (modifier, attribute) in ATTRIBUTES {
        if modifiers.contains(modifier) && !from.0.contains(modifier) {
            write(out, SetAttribute(attribute));
        }
    }
    let foreground = (foreground != from.1).then(|| foreground.into_crossterm());
    let background = (background != from.2).then(|| background.into_crossterm());
    if foreground.is_some() || background.is_some() {
        write(out, SetColors(Colors { foreground, background }));
    }
}

/// Moves the cursor by the shortest way.
fn go(out: &mut String, from: Option<(u16, u16)>, to: (u16, u16)) {
    /// More of them are longer than naming the place.
    const MOST_BACK: u16 = 4;
    match from {
        Some(from) if from == to => {}
        Some((x, y)) if y < to.1 && to.0 <= x && x - to.0 <= MOST_BACK => {
            out.extend(std::iter::repeat_n('\u{8}', usize::from(x - to.0)));
            // One line is the default.
            if to.1 - y == 1 { out.push_str("\x1b[B") } else { write(out, MoveDown(to.1 - y)) }
        }
        Some(_) | None => write(out, MoveTo(to.0, to.1)),
    }
}

fn write(out: &mut String, command: impl Command) {
    let written: fmt::Result = command.write_ansi(out);
    written.expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(before: &[&str], after: &[&str]) -> String {
        let (before, after) = (Buffer::with_lines(before.to_vec()), Buffer::with_lines(after.to_vec()));
        sent(runs(before.diff(&after)), before.area.width)
    }

    #[test]
    fn a_column_of_figures_goes_down_by_four_bytes_a_row() {
        let before = ["orders 51 %  a", "crm    61 %  b", "billing 7 %  c"];
        let after = ["orders 52 %  a", "crm    62 %  b", "billing 8 %  c"];
        let expected = "\x1b[?2026h\x1b[1;9H2\x08\x1b[B2\x08\x1b[B8\x1b[?2026l";
        assert_eq!(text(&before, &after), expected);
    }

    #[test]
    fn behind_a_character_of_doubtful_width_and_in_the_last_column_the_place_is_named() {
        assert_eq!(text(&["ab", "ab"], &["äb", "äb"]), "\x1b[?2026h\x1b[1;1Hä\x1b[2;1Hä\x1b[?2026l");
        assert_eq!(text(&["ab", "ab"], &["ac", "ac"]), "\x1b[?2026h\x1b[1;2Hc\x1b[2;2Hc\x1b[?2026l");
    }
}
