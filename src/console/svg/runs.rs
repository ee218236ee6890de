//! Cells beside each other that look alike, and how a browser draws them.

use ratatui::{
    buffer::{Buffer, CellWidth as _},
    style::{Color, Modifier},
};
use std::{borrow::Cow, fmt::Write as _};

/// Pixels of one cell. The usual proportions of a monospaced font at 14 pixels.
const CELL: (f64, f64) = (8.4, 18.0);

/// Air around the screen.
const MARGIN: f64 = 12.0;

/// How far below its top the letters of a row stand, in rows.
const BASELINE: f64 = 0.76;

const BACK: &str = "#14181f";
const FRONT: &str = "#d5dae2";

/// More blanks than this divide a text, so that what changes on one side of them is not drawn again on the other.
const MAX_BLANKS: usize = 1;

/// What is drawn for cells of one row that stand beside each other and look alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Run {
    column: u16,
    row: u16,
    columns: u16,
    pub(super) shape: Shape,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// A background that is not the terminal's own.
    Back(Cow<'static, str>),
    /// A text without blanks at its ends, which browsers would leave out.
    Text(String, Look),
}

/// What a text looks like.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Look {
    front: Cow<'static, str>,
    is_bold: bool,
    is_underlined: bool,
}

/// The runs of a screen, row by row; no text stands before its background.
pub(super) fn runs(buffer: &Buffer) -> Vec<Run> {
    let area = buffer.area;
    let mut runs = Vec::new();
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let first = &buffer[(x, y)];
            let style = (first.fg, first.bg, first.modifier);
            let (column, row) = (x - area.left(), y - area.top());
            let mut cells = Vec::new();
            while x < area.right() {
                let cell = &buffer[(x, y)];
                if (cell.fg, cell.bg, cell.modifier) != style {
                    break;
                }
                let width = cell.symbol().cell_width().max(1);
                // Fonts without braille draw its blank in no width at all.
                cells.push((if cell.symbol() == "\u{2800}" { " " } else { cell.symbol() }, width));
                x += width;
            }
            let (look, back) = colours(style);
            let columns = x - area.left() - column;
            runs.extend(back.map(|back| Run { column, row, columns, shape: Shape::Back(back) }));
            texts(&mut runs, &cells, (column, row), &look);
        }
    }
    runs
}

/// Adds the texts between the blanks.
fn texts(runs: &mut Vec<Run>, mut cells: &[(&str, u16)], (mut column, row): (u16, u16), look: &Look) {
    let is_blank = |cell: &&(&str, u16)| cell.0 == " ";
    loop {
        let blanks = cells.iter().take_while(is_blank).count();
        column += width(&cells[..blanks]);
        cells = &cells[blanks..];
        if cells.is_empty() {
            return;
        }
        let gap = cells.windows(MAX_BLANKS + 1).position(|window| window.iter().all(|cell| is_blank(&cell)));
        let (text, rest) = cells.split_at(gap.unwrap_or(cells.len()));
        let ends = text.len() - text.iter().rev().take_while(is_blank).count();
        let symbols = text[..ends].iter().map(|(symbol, _)| *symbol).collect();
        runs.push(Run { column, row, columns: width(&text[..ends]), shape: Shape::Text(symbols, look.clone()) });
        column += width(text);
        cells = rest;
    }
}

fn width(cells: &[(&str, u16)]) -> u16 {
    cells.iter().map(|(_, width)| width).sum()
}

/// The look of a text, and its background where that is not the terminal's own.
fn colours((front, back, modifier): (Color, Color, Modifier)) -> (Look, Option<Cow<'static, str>>) {
    let (mut front, mut back) = (rgb(front).unwrap_or(Cow::Borrowed(FRONT)), rgb(back));
    if modifier.contains(Modifier::REVERSED) {
        let old = back.replace(front);
        front = old.unwrap_or(Cow::Borrowed(BACK));
    }
    let (is_bold, is_underlined) = (modifier.contains(Modifier::BOLD), modifier.contains(Modifier::UNDERLINED));
    (Look { front, is_bold, is_underlined }, back)
}

impl Run {
    /// Draws it; `attributes` are the look of a text.
    pub(super) fn write(&self, out: &mut String, attributes: impl FnOnce(&Look) -> String) {
        let x = f64::from(self.column).mul_add(CELL.0, MARGIN);
        let y = f64::from(self.row).mul_add(CELL.1, MARGIN);
        let (width, height) = (f64::from(self.columns) * CELL.0, CELL.1);
        // Writing to a string cannot fail.
        let _ = match &self.shape {
            Shape::Back(fill) => writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"/>"
            ),
            Shape::Text(text, look) => writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" {}>{}</text>",
                CELL.1.mul_add(BASELINE, y),
                attributes(look),
                escaped(text)
            ),
        };
    }
}

impl Look {
    /// As attributes of a text.
    pub(super) fn attributes(&self) -> String {
        let weight = if self.is_bold { " font-weight=\"bold\"" } else { "" };
        let line = if self.is_underlined { " text-decoration=\"underline\"" } else { "" };
        format!("fill=\"{}\"{weight}{line}", self.front)
    }

    /// As declarations of a style sheet.
    pub(super) fn declarations(&self) -> String {
        let weight = if self.is_bold { ";font-weight:bold" } else { "" };
        let line = if self.is_underlined { ";text-decoration:underline" } else { "" };
        format!("fill:{}{weight}{line}", self.front)
    }
}

/// The beginning of a document with a screen of so many columns and rows, up to its title.
pub(super) fn begin((columns, rows): (u16, u16), title: &str) -> String {
    let width = f64::from(columns).mul_add(CELL.0, 2.0 * MARGIN);
    let height = f64::from(rows).mul_add(CELL.1, 2.0 * MARGIN);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" role=\"img\">\n\
         <title>{}</title>\n",
        escaped(title)
    )
}

/// The screen itself, up to its first run.
pub(super) fn open_screen() -> String {
    format!(
        "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACK}\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n"
    )
}

/// The end of what the two above have begun.
pub(super) const END: &str = "</g>\n</svg>\n";

/// Characters that no XML document may hold, escaped or not, are left out.
fn escaped(text: &str) -> String {
    let allowed = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.replace(|c| !allowed(c), "").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The colour as browsers write it; `None` is the terminal's own.
fn rgb(color: Color) -> Option<Cow<'static, str>> {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let named = Cow::Borrowed;
    Some(match color {
        Color::Reset => return None,
        Color::Indexed(number @ 16..=231) => {
            let (red, rest) = ((number - 16) / 36, (number - 16) % 36);
            let step = |at: u8| STEPS[usize::from(at)];
            Cow::Owned(format!("#{:02x}{:02x}{:02x}", step(red), step(rest / 6), step(rest % 6)))
        }
        Color::Indexed(number @ 232..) => {
            let grey = 8 + (number - 232) * 10;
            Cow::Owned(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
        Color::Rgb(red, green, blue) => Cow::Owned(format!("#{red:02x}{green:02x}{blue:02x}")),
        Color::Black | Color::Indexed(0) => named("#20242c"),
        Color::Red | Color::LightRed | Color::Indexed(1 | 9) => named("#e06c75"),
        Color::Green | Color::LightGreen | Color::Indexed(2 | 10) => named("#7fc8a0"),
        Color::Yellow | Color::LightYellow | Color::Indexed(3 | 11) => named("#e5b567"),
        Color::Blue | Color::LightBlue | Color::Indexed(4 | 12) => named("#6fa8dc"),
        Color::Magenta | Color::LightMagenta | Color::Indexed(5 | 13) => named("#c792ea"),
        Color::Cyan | Color::LightCyan | Color::Indexed(6 | 14) => named("#7fcbd6"),
        Color::Gray | Color::Indexed(7) => named("#b0b6c0"),
        Color::DarkGray | Color::Indexed(8) => named("#7d8590"),
        Color::White | Color::Indexed(15) => named("#ffffff"),
    })
}
