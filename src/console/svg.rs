//! A picture of a screen: one SVG text for each run of cells that look alike.
//!
//! Promises: the same buffer gives the same bytes; every column stands where the terminal puts it, whatever the font.

use ratatui::{
    buffer::{Buffer, Cell, CellWidth as _},
    style::{Color, Modifier},
};
use std::fmt::Write as _;

/// Pixels of one cell. The usual proportions of a monospaced font at 14 pixels.
const CELL: (f64, f64) = (8.4, 18.0);

/// Air around the screen.
const MARGIN: f64 = 12.0;

const BACK: &str = "#14181f";
const FRONT: &str = "#d5dae2";

/// The screen as an SVG document with this title.
pub fn svg(buffer: &Buffer, title: &str) -> String {
    let area = buffer.area;
    let width = f64::from(area.width).mul_add(CELL.0, 2.0 * MARGIN);
    let height = f64::from(area.height).mul_add(CELL.1, 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" role=\"img\">\n\
         <title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACK}\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\" \
         xml:space=\"preserve\">\n",
        escaped(title)
    );
    for y in area.top()..area.bottom() {
        row(&mut out, buffer, y);
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn row(out: &mut String, buffer: &Buffer, y: u16) {
    let area = buffer.area;
    let mut x = area.left();
    while x < area.right() {
        let first = &buffer[(x, y)];
        let (start, mut text, mut columns) = (x, String::new(), 0);
        while x < area.right() && style_of(&buffer[(x, y)]) == style_of(first) {
            let cell = &buffer[(x, y)];
            let wide = cell.symbol().cell_width().max(1);
            // Fonts without braille draw its blank in no width at all.
            text.push_str(if cell.symbol() == "\u{2800}" { " " } else { cell.symbol() });
            columns += wide;
            x += wide;
        }
        run(out, first, &text, (start - area.left(), y - area.top()), columns);
    }
}

fn run(out: &mut String, cell: &Cell, text: &str, (column, row): (u16, u16), columns: u16) {
    let (front, back, modifier) = style_of(cell);
    let (mut front, mut back) = (rgb(front).unwrap_or_else(|| FRONT.to_owned()), rgb(back));
    if modifier.contains(Modifier::REVERSED) {
        let old = back.replace(front);
        front = old.unwrap_or_else(|| BACK.to_owned());
    }
    let x = f64::from(column).mul_add(CELL.0, MARGIN);
    let y = f64::from(row).mul_add(CELL.1, MARGIN);
    let width = f64::from(columns) * CELL.0;
    // Writing to a string cannot fail.
    if let Some(back) = back {
        let height = CELL.1;
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{back}\"/>"
        );
    }
    if text.trim().is_empty() {
        return;
    }
    let weight = if modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let line = if modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
    let base = y + CELL.1 * 0.76;
    let text = escaped(text);
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{base:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
         fill=\"{front}\"{weight}{line}>{text}</text>"
    );
}

fn style_of(cell: &Cell) -> (Color, Color, Modifier) {
    (cell.fg, cell.bg, cell.modifier)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The colour as browsers write it; `None` is the terminal's own.
fn rgb(color: Color) -> Option<String> {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match color {
        Color::Indexed(number @ 16..=231) => {
            let (red, rest) = ((number - 16) / 36, (number - 16) % 36);
            let step = |at: u8| STEPS[usize::from(at)];
            Some(format!("#{:02x}{:02x}{:02x}", step(red), step(rest / 6), step(rest % 6)))
        }
        Color::Indexed(number @ 232..) => {
            let grey = 8 + (number - 232) * 10;
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        Color::Reset => None,
        Color::Indexed(_) => Some(FRONT.to_owned()),
        Color::Black => Some("#20242c".to_owned()),
        Color::Red | Color::LightRed => Some("#e06c75".to_owned()),
        Color::Green | Color::LightGreen => Some("#7fc8a0".to_owned()),
        Color::Yellow | Color::LightYellow => Some("#e5b567".to_owned()),
        Color::Blue | Color::LightBlue => Some("#6fa8dc".to_owned()),
        Color::Magenta | Color::LightMagenta => Some("#c792ea".to_owned()),
        Color::Cyan | Color::LightCyan => Some("#7fcbd6".to_owned()),
        Color::Gray => Some("#b0b6c0".to_owned()),
        Color::DarkGray => Some("#7d8590".to_owned()),
        Color::White => Some("#ffffff".to_owned()),
    }
}
