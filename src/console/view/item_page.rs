//! An item of an open restore point: what it is, its columns, its first rows.
//!
//! Promises: names and values come from a database, so they are escaped and cut; NULL is told from an empty text.

use super::{
    table::{self, Cell, Column, Content},
    widgets::{self, pair},
};
use crate::{
    console::{
        action::Action,
        format,
        message::Browsed,
        model::{
            Model,
            explored::{Counted, ExploredLine, Seen},
        },
        theme::{Brush, Role},
    },
    domain::{
        ItemName, SessionId,
        browse::{BrowsedColumn, BrowsedRows},
    },
};
use ratatui::text::Line;

/// The page.
pub(super) fn lines(
    model: &Model,
    session: SessionId,
    item: &ItemName,
    width: usize,
    brush: &Brush,
) -> Vec<Line<'static>> {
    let mut lines = head(model, session, item, width, brush);
    match model.data().explored.seen(&(session, Some(item.clone()))) {
        Some(Seen::Reading) | None => lines.push(Line::from(brush.span(Role::Dim, "Reading it"))),
        Some(Seen::Failed(reason)) => lines.extend(widgets::wrapped(reason, width, 0, Role::Stuck, brush)),
        Some(Seen::Read(found)) => match found.as_ref() {
            Browsed::Table { columns, rows } => {
                lines.extend(of_columns(columns, width, brush));
                lines.push(Line::default());
                match rows {
                    Ok(rows) => lines.extend(of_rows(rows, width, brush)),
                    Err(reason) => lines.extend(widgets::wrapped(reason, width, 0, Role::Waiting, brush)),
                }
            }
            Browsed::Databases(list) => lines.push(count(list.len(), "database", brush)),
            Browsed::Schemas(list) => lines.push(count(list.len(), "schema", brush)),
            Browsed::Relations(list) => lines.push(count(list.len(), "relation", brush)),
        },
    }
    lines
}

fn count(number: usize, noun: &str, brush: &Brush) -> Line<'static> {
    Line::from(brush.span(Role::Text, format::many(number, noun)))
}

fn head(model: &Model, session: SessionId, item: &ItemName, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let explored = &model.data().explored;
    let mut lines = Vec::new();
    if let Some(ExploredLine::Item(row)) = explored.line_of(session, item).and_then(|at| explored.lines.get(at)) {
        lines.extend(pair("Is", row.what, width, brush));
        let rows = row.rows.map_or_else(String::new, |rows| format!(", about {} rows", format::count(rows)));
        lines.extend(pair("Size", &format!("{}{rows}", row.bytes), width, brush));
    }
    match explored.count(&(session, item.clone())) {
        None => {}
        Some(Counted::Counting) => lines.extend(pair("Rows", "being counted", width, brush)),
        Some(Counted::Rows(rows)) => {
            lines.extend(pair("Rows", &format!("{}, counted", format::count(*rows)), width, brush));
        }
        Some(Counted::Failed(reason)) => lines.extend(pair("Rows", &format!("not counted: {reason}"), width, brush)),
    }
    if let Some(open) = model.data().snapshot.session(session).and_then(|session| session.open_at()) {
        lines.extend(pair("psql", &format::clean(&open.psql(item.database())), width, brush));
    }
    let copy = widgets::key(model, Action::Copy);
    lines.extend(widgets::wrapped(&format!("{copy} copies its name or a command."), width, 0, Role::Dim, brush));
    lines.push(Line::default());
    lines
}

const COLUMNS: [Column; 3] = [
    Column { heading: "Column", content: Content::Text { least: 8 }, rank: 0 },
    Column { heading: "Type", content: Content::Text { least: 8 }, rank: 1 },
    Column { heading: "Is", content: Content::Text { least: 8 }, rank: 2 },
];

fn of_columns(columns: &[BrowsedColumn], width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let cells: Vec<Vec<Cell>> = columns
        .iter()
        .map(|column| {
            let text = |role, text: &str| Cell::Text(role, format::clean(text).into_owned());
            vec![text(Role::Text, &column.name), text(Role::Text, &column.type_name), text(Role::Dim, &column.traits())]
        })
        .collect();
    let title = Line::from(brush.span(Role::Title, format::many(columns.len(), "column")));
    let table = table::table(&COLUMNS, &cells, None, width, brush);
    [title, table.heading].into_iter().chain(table.rows).collect()
}

/// One value a line where the rows do not fit side by side would be long: columns as wide as they need, cut at the right.
fn of_rows(found: &BrowsedRows, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    /// A value is not given more cells than this.
    const WIDEST: usize = 24;
    const GAP: usize = 2;
    let title = if found.rows.is_empty() {
        "No rows".to_owned()
    } else {
        let more = if found.more { ", and there are more" } else { "" };
        format!("First {}{more}", format::many(found.rows.len(), "row"))
    };
    let mut lines = vec![Line::from(brush.span(Role::Title, title))];
    let shown = |at: usize, row: &[crate::domain::browse::BrowsedCell]| match row.get(at) {
        Some(cell) => match &cell.text {
            None => (Role::Dim, "NULL".to_owned()),
            Some(text) => {
                let more = if cell.cut { brush.glyphs.more } else { "" };
                (Role::Text, format!("{}{more}", format::clean(text)))
            }
        },
        None => (Role::Dim, String::new()),
    };
    let widths: Vec<usize> = found
        .columns
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells = found.rows.iter().map(|row| format::width(&shown(at, row).1));
            cells.chain([format::width(&format::clean(name))]).max().unwrap_or(0).min(WIDEST)
        })
        .collect();
    let line = |cells: Vec<(Role, String)>| {
        let mut left = width;
        let mut spans = Vec::new();
        for ((role, text), wanted) in cells.into_iter().zip(&widths) {
            let room = (*wanted).min(left);
            if room == 0 {
                break;
            }
            spans.push(brush.span(role, widgets::cell(&text, room, brush)));
            left = left.saturating_sub(room);
            let gap = GAP.min(left);
            spans.push(ratatui::text::Span::raw(" ".repeat(gap)));
            left -= gap;
        }
        Line::from(spans)
    };
    if !found.rows.is_empty() {
        lines.push(line(found.columns.iter().map(|name| (Role::Dim, format::clean(name).into_owned())).collect()));
    }
    for row in &found.rows {
        lines.push(line((0..found.columns.len()).map(|at| shown(at, row)).collect()));
    }
    lines
}
