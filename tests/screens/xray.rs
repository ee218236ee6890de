//! A screen as text with the role of each cell beside it, because plain text cannot show a lost highlight.
//!
//! Right of each line stand its roles, as letters with counts (`t12 k1`), blanks at the end left out. A capital letter
//! is the same role under the selection.

use super::stage::Stage;
use howdah::console::{
    Theme,
    theme::{ROLES, Role},
};
use ratatui::{buffer::Cell, style::Color};

/// The text of a screen with its roles.
pub(crate) fn xray(stage: &Stage) -> String {
    let buffer = stage.paint(Theme::XRay, false);
    let area = buffer.area;
    let mut out = String::new();
    for (y, text) in (area.top()..area.bottom()).zip(super::stage::lines(&buffer)) {
        let cells: Vec<&Cell> = (area.left()..area.right()).map(|x| &buffer[(x, y)]).collect();
        let shown = cells.iter().rposition(|cell| cell.symbol() != " " || cell.bg != Color::Reset);
        let mut runs: Vec<(char, usize)> = Vec::new();
        for cell in &cells[..shown.map_or(0, |last| last + 1)] {
            let letter = letter(cell);
            match runs.last_mut() {
                Some((last, count)) if *last == letter => *count += 1,
                _ => runs.push((letter, 1)),
            }
        }
        let roles: Vec<String> = runs.iter().map(|(letter, count)| format!("{letter}{count}")).collect();
        let width = ratatui::text::Span::raw(&text).width();
        let pad = " ".repeat(usize::from(area.width).saturating_sub(width));
        out.push_str(format!("{text}{pad} ¦{}", roles.join(" ")).trim_end());
        out.push('\n');
    }
    out
}

fn letter(cell: &Cell) -> char {
    let of = |color: Color| match color {
        Color::Indexed(number) => ROLES.iter().find(|(role, _)| *role as u8 == number).copied(),
        _ => None,
    };
    let letter = of(cell.fg).map_or('_', |(_, letter)| letter);
    let selected = of(cell.bg).is_some_and(|(role, _)| role == Role::Selected);
    if !selected {
        return letter;
    }
    if letter == '_' { '#' } else { letter.to_ascii_uppercase() }
}
