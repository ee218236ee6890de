//! The page of a heading: a few lines that sum it up, and a table of all its rows.
//!
//! Promises: headings stand still while the rows scroll; the row that the keys are on is in view.

use super::{
    explored_rows, instance, states, summary,
    table::{self, Cell, Content},
    widgets,
};
use crate::{
    console::{
        format,
        layout::Layout,
        model::{
            Focus, Model,
            column::{Column, CompletedColumn, ExploreColumn, InstanceColumn, OngoingColumn, columns},
            explored::ExploredLine,
            sort_key::tries_used,
            tree::{Group, TreeRow},
        },
        ports::{CatalogEntry, CatalogInstance, RepositoryKind},
        theme::{Brush, Role, Theme},
    },
    machine::{CompletedRow, Phase, Session},
};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::Line,
};

/// A table in its place on the page.
struct Placed {
    head: Vec<Line<'static>>,
    table: table::Table,
    /// Where the headings stand.
    heading: Rect,
    /// Where the rows stand.
    rows: Rect,
    /// The number of the first row in view.
    from: usize,
}

/// What of a table lies under a point of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Hit {
    /// The heading of the column with this number.
    Heading(usize),
    /// The row with this number.
    Row(usize),
}

/// Paints the page of a heading that has a table.
pub(super) fn paint(buffer: &mut Buffer, area: Rect, group: Group, model: &Model, brush: &Brush) {
    let placed = place(area, group, model, brush);
    widgets::marked_lines(buffer, area, &placed.head, 0, brush);
    if model.table_len(group) == 0 {
        return;
    }
    widgets::marked_lines(buffer, placed.heading, &[placed.table.heading], 0, brush);
    widgets::marked_lines(buffer, placed.rows, &placed.table.rows, 0, brush);
    if model.focus() == Focus::Preview
        && let Some(at) = model.table_cursor(group).checked_sub(placed.from)
        && let Ok(at) = u16::try_from(at)
        && at < placed.rows.height
    {
        widgets::select(buffer, placed.rows, placed.rows.y + at, brush);
    }
}

/// What of the table lies under a point.
pub(in crate::console) fn hit(model: &Model, group: Group, layout: &Layout, at: Position) -> Option<Hit> {
    // Where things stand does not depend on how they are coloured.
    let brush = Brush::new(Theme::Mono, model.options().ascii);
    let placed = place(super::preview::text_area(layout), group, model, &brush);
    if placed.heading.contains(at) {
        let column = usize::from(at.x - placed.heading.x);
        return placed.table.places.iter().find(|(_, place)| place.contains(&column)).map(|(at, _)| Hit::Heading(*at));
    }
    let row = placed.from + usize::from(at.y.saturating_sub(placed.rows.y));
    (placed.rows.contains(at) && row < model.table_len(group)).then_some(Hit::Row(row))
}

fn place(area: Rect, group: Group, model: &Model, brush: &Brush) -> Placed {
    let width = usize::from(area.width);
    let mut head = head(group, model, width, brush);
    if model.table_len(group) > 0 {
        head.truncate(head_room(area.height));
    }
    let top = u16::try_from(head.len()).unwrap_or(u16::MAX).min(area.height);
    let below = Rect { y: area.y + top, height: area.height - top, ..area };
    let shown = usize::from(below.height).saturating_sub(1);
    let from = first(model.preview().scroll, model.table_cursor(group), model.table_len(group), shown);
    let rows = model.table_rows(group, from, shown);
    let cells: Vec<Vec<Cell>> = rows.iter().map(|row| cells_of(group, *row, model, brush)).collect();
    let named: Vec<table::Column> = columns(group).iter().map(|column| described(*column)).collect();
    let table = table::table(&named, &cells, model.sorted_by(group), width, brush);
    let heading = Rect { height: below.height.min(1), ..below };
    let rows = Rect { y: below.y + heading.height, height: below.height - heading.height, ..below };
    Placed { head, table, heading, rows, from }
}

/// How many lines may stand above the table: on a small screen its rows are worth more.
const fn head_room(height: u16) -> usize {
    /// The heading and a few rows.
    const LEAST_TABLE: u16 = 4;
    height.saturating_sub(LEAST_TABLE) as usize
}

/// The first row in view: as it was, unless the row that the keys are on would be out of it.
fn first(scroll: usize, cursor: usize, len: usize, shown: usize) -> usize {
    scroll.min(cursor).max((cursor + 1).saturating_sub(shown)).min(len.saturating_sub(shown))
}

/// How many rows of the table are in view.
pub(in crate::console) fn rows_in_view(model: &Model, group: Group, layout: &Layout) -> usize {
    let area = super::preview::text_area(layout);
    // The number of lines does not depend on how they are coloured.
    let brush = Brush::new(Theme::Mono, model.options().ascii);
    let head = head(group, model, usize::from(area.width), &brush).len().min(head_room(area.height));
    usize::from(area.height).saturating_sub(head + 1)
}

fn head(group: Group, model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = widgets::filter_of(model, group, width, brush);
    lines.extend(match group {
        Group::Restore => summary::restore(model, width, brush),
        Group::Completed => super::completed::head(model, width, brush),
        Group::Instances => instance::repositories(model, width, brush),
        Group::History => super::completed::history_head(model, width, brush),
        Group::Explore => explored_rows::head(model, width, brush),
        Group::Verify | Group::Backup | Group::Unreadable | Group::Jobs | Group::Runs => Vec::new(),
    });
    lines
}

/// The heading of a column.
pub(in crate::console) const fn heading(column: Column) -> &'static str {
    described(column).heading
}

/// How a column is laid out. What tells rows apart stays longest.
const fn described(column: Column) -> table::Column {
    let (heading, content, rank) = match column {
        Column::Ongoing(OngoingColumn::State) | Column::Explore(ExploreColumn::State) => ("State", Content::Whole, 0),
        Column::Ongoing(OngoingColumn::Instance)
        | Column::Completed(CompletedColumn::Instance)
        | Column::Instance(InstanceColumn::Name) => ("Instance", Content::Text { least: 24 }, 0),
        Column::Ongoing(OngoingColumn::Target) => ("Target", Content::Text { least: 16 }, 4),
        Column::Completed(CompletedColumn::Target) => ("Target", Content::Text { least: 16 }, 5),
        Column::Ongoing(OngoingColumn::Step) => ("Step", Content::Text { least: 6 }, 1),
        Column::Ongoing(OngoingColumn::Share) => ("Done", Content::Share, 2),
        Column::Ongoing(OngoingColumn::Rate) => ("Rate", Content::Number { usual: 9 }, 5),
        Column::Completed(CompletedColumn::Rate) => ("Rate", Content::Number { usual: 9 }, 6),
        Column::Ongoing(OngoingColumn::Left) => ("Left", Content::Number { usual: 7 }, 3),
        Column::Ongoing(OngoingColumn::Tries) => ("Tries", Content::Number { usual: 5 }, 6),
        Column::Completed(CompletedColumn::Tries) => ("Tries", Content::Number { usual: 2 }, 7),
        Column::Ongoing(OngoingColumn::Number) => ("No.", Content::Number { usual: 3 }, 8),
        Column::Completed(CompletedColumn::Number) => ("No.", Content::Number { usual: 3 }, 3),
        Column::Ongoing(OngoingColumn::Since) => ("Since", Content::Whole, 7),
        Column::Ongoing(OngoingColumn::By) | Column::Completed(CompletedColumn::By) => {
            ("By", Content::Text { least: 6 }, 9)
        }
        Column::Completed(CompletedColumn::Outcome) => ("Outcome", Content::Whole, 0),
        Column::Completed(CompletedColumn::Ended) => ("Ended", Content::Whole, 2),
        Column::Completed(CompletedColumn::Took) => ("Took", Content::Number { usual: 4 }, 1),
        Column::Completed(CompletedColumn::Bytes) => ("Size", Content::Number { usual: 9 }, 4),
        Column::Dismissed => ("Dismissed", Content::Whole, 3),
        Column::Instance(InstanceColumn::Points) => ("Backups", Content::Number { usual: 3 }, 3),
        Column::Instance(InstanceColumn::Newest) => ("Newest", Content::Whole, 1),
        Column::Instance(InstanceColumn::Size) => ("Size", Content::Number { usual: 9 }, 2),
        Column::Instance(InstanceColumn::LastRestore) => ("Last restored", Content::Whole, 4),
        Column::Explore(ExploreColumn::Instance) => ("Instance", Content::Text { least: 16 }, 0),
        Column::Explore(ExploreColumn::Point) => ("Restore point", Content::Text { least: 15 }, 1),
        Column::Explore(ExploreColumn::Children) => ("Taken out", Content::Text { least: 9 }, 3),
        Column::Explore(ExploreColumn::Since) => ("Since", Content::Whole, 2),
        Column::Explore(ExploreColumn::Space) => ("Space", Content::Number { usual: 9 }, 4),
        Column::Explore(ExploreColumn::By) => ("By", Content::Text { least: 6 }, 5),
        Column::Instance(InstanceColumn::LastTook) => ("Took", Content::Number { usual: 4 }, 5),
    };
    table::Column { heading, content, rank }
}

fn cells_of(group: Group, row: TreeRow, model: &Model, brush: &Brush) -> Vec<Cell> {
    let data = model.data();
    let cell = |column: &Column| match (row, *column) {
        (TreeRow::Ongoing(at), Column::Ongoing(column)) => {
            data.snapshot.ongoing.get(at).map(|one| ongoing(one, column, model, brush))
        }
        (TreeRow::Completed(at), Column::Completed(column)) => {
            data.snapshot.completed.get(at).map(|one| completed(one, column, model, brush))
        }
        (TreeRow::Past(at), Column::Completed(column)) => {
            data.past.get(at).map(|one| completed(&one.row, column, model, brush))
        }
        (TreeRow::Past(at), Column::Dismissed) => {
            data.past.get(at).filter(|one| one.is_dismissed).map(|_| Cell::Text(Role::Dim, "dismissed".to_owned()))
        }
        (TreeRow::Instance(at), Column::Instance(column)) => {
            data.catalog.instances.get(at).map(|one| instance(one, column, model))
        }
        (TreeRow::Explored(at), Column::Explore(column)) => match data.explored.lines.get(at) {
            Some(ExploredLine::Session(at)) => {
                data.snapshot.ongoing.get(*at).map(|one| explored_rows::open(one, column, model, brush))
            }
            Some(ExploredLine::Item(_)) | None => None,
        },
        (TreeRow::Completed(at), Column::Explore(column)) => {
            data.snapshot.completed.get(at).map(|one| explored_rows::closed(one, column, model, brush))
        }
        (_, _) => None,
    };
    columns(group).iter().map(|column| cell(column).unwrap_or_else(Cell::empty)).collect()
}

fn ongoing(session: &Session, column: OngoingColumn, model: &Model, brush: &Brush) -> Cell {
    let (sign, role) = states::sign(session, &brush.glyphs);
    let now = model.now();
    let text = |role: Role, text: String| Cell::Text(role, text);
    match column {
        OngoingColumn::State => text(role, format!("{sign} {}", states::word(session))),
        OngoingColumn::Instance => text(Role::Text, format::clean(session.title().as_str()).into_owned()),
        OngoingColumn::Target => text(Role::Text, session.target_text()),
        OngoingColumn::Step => match session.phase() {
            Phase::Stuck { failure, .. } | Phase::Waiting { failure, .. } => {
                text(role, format::clean(&failure.cause).into_owned())
            }
            Phase::Queued { .. } => text(role, states::turn(model.queued_ahead(session.id()))),
            Phase::Running { .. } | Phase::Paused { .. } | Phase::Cancelling { .. } | Phase::Completed { .. } => {
                text(role, session.current_step().map_or_else(String::new, |step| step.to_string().to_lowercase()))
            }
        },
        OngoingColumn::Share => {
            let share = states::share_of_step(session).filter(|_| matches!(session.phase(), Phase::Running { .. }));
            share.map_or_else(Cell::empty, |ratio| Cell::Share(Role::Gauge, ratio))
        }
        OngoingColumn::Rate => {
            model.rate(session).map_or_else(Cell::empty, |rate| text(Role::Text, format::rate(rate)))
        }
        OngoingColumn::Left => match session.phase() {
            Phase::Waiting { .. } => {
                text(role, format!("in {}", format::countdown(session.until_next_try(now).unwrap_or_default())))
            }
            Phase::Running { .. } => text(Role::Text, states::time_left(model.left(session))),
            Phase::Queued { .. }
            | Phase::Stuck { .. }
            | Phase::Paused { .. }
            | Phase::Cancelling { .. }
            | Phase::Completed { .. } => Cell::empty(),
        },
        OngoingColumn::Tries => tries_used(session)
            .map_or_else(Cell::empty, |tries| text(Role::Text, format!("{tries}/{}", session.policy().tries))),
        OngoingColumn::Number => text(Role::Dim, session.id().to_string()),
        OngoingColumn::Since => text(Role::Dim, format::moment(session.created_at(), now)),
        OngoingColumn::By => text(Role::Dim, format::clean(session.by()).into_owned()),
    }
}

fn completed(row: &CompletedRow, column: CompletedColumn, model: &Model, brush: &Brush) -> Cell {
    let details = &row.details;
    let text = |role: Role, text: String| Cell::Text(role, text);
    match column {
        CompletedColumn::Outcome => {
            let (sign, role) = states::sign_of(row.result, &brush.glyphs);
            text(role, format!("{sign} {}", states::ended_row(row)))
        }
        CompletedColumn::Instance => text(Role::Text, format::clean(row.title.as_str()).into_owned()),
        CompletedColumn::Number => text(Role::Dim, row.id.to_string()),
        CompletedColumn::Ended => text(Role::Text, format::moment(row.ended, model.now())),
        CompletedColumn::Took => text(Role::Text, format::duration(row.took)),
        CompletedColumn::Target => text(Role::Text, format::clean(&details.target).into_owned()),
        CompletedColumn::Bytes => details.bytes.map_or_else(Cell::empty, |bytes| text(Role::Text, bytes.to_string())),
        CompletedColumn::Rate => {
            details.rate.map_or_else(Cell::empty, |rate| text(Role::Text, format::rate(rate as f64)))
        }
        CompletedColumn::Tries => details.tries.map_or_else(Cell::empty, |tries| text(Role::Text, tries.to_string())),
        CompletedColumn::By => text(Role::Dim, format::clean(&details.by).into_owned()),
    }
}

fn instance(one: &CatalogInstance, column: InstanceColumn, model: &Model) -> Cell {
    let text = |role: Role, text: String| Cell::Text(role, text);
    let newest = one.newest_row();
    match column {
        InstanceColumn::Name => {
            let name = format::clean(one.name.as_str());
            let distinction = one.distinction.as_ref().map(|what| format!("  {}", format::clean(what)));
            let role = if one.kind == RepositoryKind::Sample { Role::Sample } else { Role::Text };
            text(role, format!("{name}{}", distinction.unwrap_or_default()))
        }
        InstanceColumn::Points => text(Role::Text, format::count(one.rows.len() as u64)),
        InstanceColumn::Newest => newest.and_then(CatalogEntry::taken_at).map_or_else(
            || text(Role::Stuck, "unreadable".to_owned()),
            |taken| text(Role::Text, format::age(taken, model.now())),
        ),
        InstanceColumn::Size => {
            newest.and_then(CatalogEntry::size).map_or_else(Cell::empty, |size| text(Role::Text, size.to_string()))
        }
        InstanceColumn::LastRestore => model
            .last_restore(&one.name)
            .map_or_else(Cell::empty, |(ended, _)| text(Role::Dim, format::moment(ended, model.now()))),
        InstanceColumn::LastTook => {
            model.last_restore(&one.name).map_or_else(Cell::empty, |(_, took)| text(Role::Dim, format::duration(took)))
        }
    }
}
