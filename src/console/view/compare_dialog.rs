//! A table beside the live one: which server, how far it is, what was found.
//!
//! Promises: keys come from a database, so they are escaped; what was not compared is named.

use super::widgets;
use crate::{
    console::{
        format,
        layout::centered,
        model::{
            Model,
            compare_dialog::{CompareDialog, CompareStage},
        },
        theme::{Brush, Role, Theme},
    },
    domain::browse::{DifferingKeys, TableComparison},
};
use ratatui::{buffer::Buffer, layout::Rect, text::Line};

const WIDTH: u16 = 78;
const NAME: usize = 20;

/// Columns of a gauge.
const GAUGE: usize = 16;

/// Paints it.
pub(super) fn paint(buffer: &mut Buffer, state: &CompareDialog, brush: &Brush) {
    let area = area((buffer.area.width, buffer.area.height), state, brush).intersection(buffer.area);
    let inside = widgets::dialog(buffer, area, &format!("Compare {}", format::clean(&state.item.to_string())), brush);
    let (body, foot) = parts(state, usize::from(inside.width), brush);
    let below = u16::try_from(foot.len()).unwrap_or(u16::MAX).min(inside.height);
    let shown = Rect { height: inside.height - below, ..inside };
    // While a text is typed its line must be seen, and that is the first one.
    widgets::marked_lines(buffer, shown, &body, state.scroll.min(hidden(&body, shown.height)), brush);
    widgets::lines(buffer, Rect { y: shown.bottom(), height: below, ..inside }, &foot, 0);
}

/// How many of its lines have no room.
pub(in crate::console) fn hidden_lines(model: &Model, state: &CompareDialog) -> usize {
    // The number of lines does not depend on how they are coloured.
    let brush = Brush::new(Theme::Mono, model.options().ascii);
    let inside = widgets::dialog_inside(area(model.size(), state, &brush));
    let (body, foot) = parts(state, usize::from(inside.width), &brush);
    hidden(&body, inside.height.saturating_sub(u16::try_from(foot.len()).unwrap_or(u16::MAX)))
}

fn hidden(body: &[Line<'_>], height: u16) -> usize {
    body.len().saturating_sub(usize::from(height))
}

fn area((columns, rows): (u16, u16), state: &CompareDialog, brush: &Brush) -> Rect {
    let (body, foot) = parts(state, usize::from(WIDTH.min(columns)).saturating_sub(4), brush);
    centered(columns, rows, WIDTH, u16::try_from(body.len() + foot.len() + 2).unwrap_or(u16::MAX))
}

/// What is read, and what stands below it whatever has room.
fn parts(state: &CompareDialog, width: usize, brush: &Brush) -> (Vec<Line<'static>>, Vec<Line<'static>>) {
    let keys = |text: &str| {
        let mut foot = vec![Line::default()];
        foot.extend(widgets::wrapped(text, width, 0, Role::Dim, brush));
        foot
    };
    match &state.stage {
        CompareStage::Asking => {
            let foot = match &state.problem {
                Some(problem) => {
                    let mut foot = vec![Line::default()];
                    foot.extend(widgets::wrapped(problem, width, 0, Role::Stuck, brush));
                    foot
                }
                None => keys("Enter compares, Esc leaves"),
            };
            (asking(state, width, brush), foot)
        }
        CompareStage::Going(_, found) => (going(state, found, width, brush), keys("Esc stops it; nothing was changed")),
        CompareStage::Ended(found) => {
            let take = "Esc leaves; then t on the table takes what is missing, or all of it";
            (ended(state, found, width, brush), keys(if found.is_same() { "Esc leaves" } else { take }))
        }
    }
}

fn asking(state: &CompareDialog, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut spans = vec![brush.span(Role::Title, format!("{:<NAME$}", "Live server"))];
    spans.extend(widgets::input(&state.to, width.saturating_sub(NAME), true, brush));
    let hint = format!(
        "host=db1 user=postgres; no password. It is the database {} there, unless dbname= says another.",
        state.item.database()
    );
    let mut lines = vec![Line::from(spans)];
    lines.extend(widgets::wrapped(&hint, width, NAME, Role::Dim, brush));
    lines.push(Line::default());
    let cost =
        "Both tables are read whole and sorted by their primary key, each by its own server; reading locks nobody out.";
    lines.extend(widgets::wrapped(cost, width, 0, Role::Text, brush));
    lines
}

fn going(state: &CompareDialog, found: &TableComparison, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = named("With", &state.wish.live, width, Role::Text, brush);
    let mut spans = vec![brush.span(Role::Dim, format!("{:<NAME$}", "Compared"))];
    let rows = format::count(found.rows_here);
    match state.about {
        Some(about) if about > 0 => {
            #[expect(clippy::cast_precision_loss, reason = "a share of an estimate")]
            let share = found.rows_here as f64 / about as f64;
            spans.extend(widgets::gauge(share, GAUGE, Role::Running, brush));
            spans.push(brush.span(Role::Text, format!(" {rows} of about {} rows", format::count(about))));
        }
        _ => spans.push(brush.span(Role::Text, format!("{rows} rows"))),
    }
    lines.push(Line::from(spans));
    let sorting = found.rows_here == 0 && found.rows_live == 0;
    if sorting {
        lines.extend(named("", "the servers sort their rows", width, Role::Dim, brush));
    }
    lines.extend(counts(found, width, brush));
    lines
}

fn ended(state: &CompareDialog, found: &TableComparison, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let (verdict, role) = match (found.is_same(), found.not_compared.is_empty()) {
        (true, true) => ("The rows are the same on both sides.", Role::Done),
        (true, false) => ("The rows are the same in the columns that were compared.", Role::Waiting),
        (false, _) => ("The rows differ.", Role::Waiting),
    };
    let mut lines = widgets::wrapped(verdict, width, 0, role, brush);
    lines.push(Line::default());
    lines.extend(named("With", &state.wish.live, width, Role::Text, brush));
    lines.extend(named("Key", &found.key.join(", "), width, Role::Text, brush));
    let sides = [("Rows", found.rows_here, "at the restore point"), ("", found.rows_live, "at the live server")];
    for (name, rows, side) in sides {
        lines.extend(named(name, &format!("{} {side}", format::count(rows)), width, Role::Text, brush));
    }
    lines.extend(counts(found, width, brush));
    for column in &found.not_compared {
        lines.extend(named("Not compared", column, width, Role::Waiting, brush));
    }
    for (name, keys) in kinds(found) {
        if keys.count > 0 {
            lines.push(Line::default());
            lines.extend(keys_of(name, keys, width, brush));
        }
    }
    lines
}

/// The kinds of difference, in the words of the screen.
const fn kinds(found: &TableComparison) -> [(&'static str, &DifferingKeys); 3] {
    [("Only in the point", &found.only_here), ("Only live", &found.only_live), ("Other values", &found.changed)]
}

fn counts(found: &TableComparison, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let line = |(name, keys): (&str, &DifferingKeys)| {
        let role = if keys.count == 0 { Role::Dim } else { Role::Waiting };
        named(name, &format::many(usize::try_from(keys.count).unwrap_or(usize::MAX), "row"), width, role, brush)
    };
    kinds(found).into_iter().flat_map(line).collect()
}

fn keys_of(name: &str, keys: &DifferingKeys, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let more = if keys.count > keys.first.len() as u64 { ", the first keys" } else { "" };
    let mut lines = vec![Line::from(brush.span(Role::Title, format!("{name}{more}")))];
    // Each stands in parentheses of its own.
    lines.extend(widgets::wrapped(&keys.first.join("  "), width, 0, Role::Text, brush));
    lines
}

fn named(name: &str, text: &str, width: usize, role: Role, brush: &Brush) -> Vec<Line<'static>> {
    if name.is_empty() {
        return widgets::wrapped(text, width, NAME, role, brush);
    }
    widgets::hung(&format!("{name:<NAME$}{text}"), width, NAME, role, brush)
}
