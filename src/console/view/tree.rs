//! The tree pane: tui-tree-widget paints the rows in view, and those only.

use super::{
    explored_rows, job_rows,
    states::{self, Brief},
    tree_row::{self, Measure, Row},
    widgets,
};
use crate::{
    console::{
        format,
        layout::Layout,
        model::{
            Focus, Model,
            tree::{Group, InstanceKey, Screen, TreeRow},
        },
        ports::{CatalogEntry, RepositoryKind},
        theme::{Brush, Role},
    },
    domain::Kind,
    machine::{CompletedRow, Session},
};
use ratatui::{buffer::Buffer, layout::Rect, text::Line, widgets::StatefulWidget as _};
use tui_tree_widget::{Tree, TreeItem, TreeState};

/// Rows stand so far right of their heading.
const INDENT: usize = 2;

/// Paints the pane.
pub(super) fn paint(buffer: &mut Buffer, layout: &Layout, model: &Model, brush: &mut Brush) {
    let area = layout.tree;
    if area.is_empty() {
        return;
    }
    if layout.bordered {
        let sessions = || if model.tree().screen() == Screen::Jobs { "Backup jobs" } else { "Sessions" }.to_owned();
        let title = widgets::filter(model).unwrap_or_else(sessions);
        widgets::pane(buffer, area, &title, model.focus() == Focus::Tree, brush);
    }
    let inside = layout.inside(area);
    let rows = model.tree();
    let height = usize::from(inside.height);
    // A pane whose height the model did not know yet still shows its selection.
    let first = rows.offset.min(rows.index()).max((rows.index() + 1).saturating_sub(height));
    let last = rows.size().min(first + height);
    if first >= last {
        return;
    }
    if layout.bordered {
        window(buffer, inside, first..last, model, brush);
    } else {
        bare(buffer, inside, first..last, model, brush);
    }
}

/// Builds the items of the rows in view, lets the widget paint them into a scratch buffer, and copies what is in view.
///
/// When the view begins inside a group, the group's heading is painted above the view and not copied.
fn window(buffer: &mut Buffer, area: Rect, rows: std::ops::Range<usize>, model: &Model, brush: &mut Brush) {
    let tree = model.tree();
    let width = usize::from(area.width);
    let leaves = rows.clone().filter_map(|at| tree.row(at)).filter(|row| !matches!(row, TreeRow::Group(_)));
    let leaves: Vec<Row> = leaves.map(|found| row(found, model, brush)).collect();
    let measure = Measure::of(&leaves, width.saturating_sub(INDENT));
    let begins_inside = !matches!(tree.row(rows.start), Some(TreeRow::Group(_)));
    let mut items: Vec<TreeItem<'_, u64>> = Vec::new();
    let mut state = TreeState::default();
    let mut group = tree.group_of(rows.start);
    let mut children: Vec<TreeItem<'_, u64>> = Vec::new();
    let mut close = |group: Group, children: Vec<TreeItem<'static, u64>>, state: &mut TreeState<u64>| {
        let id = heading_id(group);
        state.open(vec![id]);
        let text = heading(group, model, width, brush);
        let item = TreeItem::new(id, text, children).expect("the ids of rows are their numbers, each once");
        items.push(item);
    };
    for at in rows.clone() {
        match tree.row(at) {
            Some(TreeRow::Group(next)) if at == rows.start => group = next,
            Some(TreeRow::Group(next)) => {
                close(group, std::mem::take(&mut children), &mut state);
                group = next;
            }
            Some(found) => {
                let line = tree_row::line(&row(found, model, brush), measure, width.saturating_sub(INDENT), brush);
                children.push(TreeItem::new_leaf(at as u64, line));
            }
            None => {}
        }
    }
    close(group, children, &mut state);
    let selected = tree.index();
    if rows.contains(&selected) {
        let heading = heading_id(tree.group_of(selected));
        let is_heading = matches!(tree.row(selected), Some(TreeRow::Group(_)));
        state.select(if is_heading { vec![heading] } else { vec![heading, selected as u64] });
    }
    let above = u16::from(begins_inside);
    let scratch = Rect::new(0, 0, area.width, area.height + above);
    brush.scratch.resize(scratch);
    brush.scratch.reset();
    let widget = Tree::new(&items)
        .expect("each heading is there once")
        .highlight_style(brush.style(Role::Selected))
        .node_closed_symbol("")
        .node_open_symbol("")
        .node_no_children_symbol("");
    widget.render(scratch, &mut brush.scratch, &mut state);
    for y in 0..area.height {
        for x in 0..area.width {
            buffer[(area.x + x, area.y + y)] = brush.scratch[(x, y + above)].clone();
        }
    }
}

/// Headings have ids of their own, past any row number.
const fn heading_id(group: Group) -> u64 {
    u64::MAX - group as u64
}

fn heading(group: Group, model: &Model, width: usize, brush: &Brush) -> Line<'static> {
    let tree = model.tree();
    let all = model.all_of(group);
    let shown = tree.count(group);
    let is_filtered = !tree.filter().is_empty() && group != Group::Unreadable;
    let count = if group == Group::Jobs && !is_filtered {
        // Their objects are no jobs.
        format::count(model.data().jobs.list.len() as u64)
    } else if is_filtered {
        format!("{} of {}", format::count(shown as u64), format::count(all as u64))
    } else {
        format::count(all as u64)
    };
    let glyph = if tree.is_open(group) { brush.glyphs.open } else { brush.glyphs.closed };
    let left = format!("{glyph} {}", group.name());
    let room = width.saturating_sub(format::width(&count) + 1);
    Line::from(vec![brush.span(Role::Title, widgets::cell(&left, room, brush)), brush.span(Role::Dim, count)])
}

fn row(row: TreeRow, model: &Model, brush: &Brush) -> Row {
    let (data, tree) = (model.data(), model.tree());
    let (glyphs, now) = (&brush.glyphs, model.now());
    let ended = |ended: &CompletedRow, distinction: Option<String>| {
        let word = states::ended_row(ended);
        let state = format!("{word} {}", format::moment(ended.ended, now));
        let name = format::clean(ended.title.as_str()).into_owned();
        let brief = Brief::Words(state, format::duration(ended.took));
        let row = Row::plain(states::sign_of(ended.result, glyphs), name, brief);
        Row { marked: tree.marked.contains(&ended.id), distinction: distinction.unwrap_or_default(), ..row }
    };
    match row {
        TreeRow::Ongoing(index) => ongoing(&data.snapshot.ongoing[index], model, brush),
        TreeRow::Explored(index) => explored_rows::row(index, model, brush),
        TreeRow::Job(_) | TreeRow::Run(_) | TreeRow::UnreadableRun(_) => job_rows::row(row, model, brush),
        TreeRow::Completed(index) => {
            let (row, near) = (&data.snapshot.completed[index], around(&data.snapshot.completed, index));
            ended(row, last_part(row, near.iter().map(|row| &**row)))
        }
        TreeRow::Past(index) => {
            let (row, near) = (&data.past[index].row, around(&data.past, index));
            ended(row, last_part(row, near.iter().map(|past| &past.row)))
        }
        TreeRow::Unreadable(index) => {
            let record = &data.snapshot.unreadable[index];
            let problem = format::clean(&record.problem).into_owned();
            let brief = Brief::Words(problem, String::new());
            Row::plain((glyphs.warning, Role::Stuck), format!("session {}", record.id), brief)
        }
        TreeRow::Instance(index) => {
            let one = &data.catalog.instances[index];
            let newest = one.newest_row().and_then(CatalogEntry::taken_at).map(|taken| format::age(taken, now));
            let (state, role) = newest.map_or(("unreadable".to_owned(), Role::Stuck), |text| (text, Role::Dim));
            let (right, right_role) = match one.kind {
                RepositoryKind::Sample => ("sample".to_owned(), Role::Sample),
                RepositoryKind::Own => (format::many(one.rows.len(), "backup"), Role::Dim),
            };
            let name = format::clean(one.name.as_str()).into_owned();
            let distinction = one.distinction.as_deref().map(format::clean).unwrap_or_default().into_owned();
            let marked = tree.marked_instances.contains(&InstanceKey::of(one));
            let row = Row::plain((glyphs.instance, Role::Dim), name, Brief::Words(state, right));
            Row { marked, distinction, role, right: right_role, ..row }
        }
        TreeRow::Group(group) => {
            Row::plain(("", Role::Dim), group.name().to_owned(), Brief::Words(String::new(), String::new()))
        }
    }
}

/// The row of a session that goes on.
pub(super) fn ongoing(session: &Session, model: &Model, brush: &Brush) -> Row {
    let id = session.id();
    let brief = states::short(session, model.left(session), model.now(), model.queued_ahead(id));
    let name = format::clean(session.title().as_str()).into_owned();
    let distinction = model.distinction(session).unwrap_or_default();
    let row = Row::plain(states::sign(session, &brush.glyphs), name, brief);
    Row { marked: model.tree().marked.contains(&id), distinction, ..row }
}

/// What tells a completed session from others of its name near it: the last part of its target. Farther ones are not in
/// view, and to look through a hundred thousand would take longer than to paint.
fn last_part<'a>(ended: &'a CompletedRow, near: impl Iterator<Item = &'a CompletedRow>) -> Option<String> {
    let is_namesake = |other: &CompletedRow| other.id != ended.id && other.title == ended.title;
    let target = ended.details.target.as_str();
    let last = target.rsplit_once(" :").map_or(target, |(last, _)| last);
    // Objects of jobs have one repository, and the moment tells them apart.
    let has_own = ended.kind == Kind::Restore && last != ended.title.as_str();
    let distinguishes = has_own && near.into_iter().any(is_namesake);
    distinguishes.then(|| format::clean(last).into_owned())
}

/// The part of a list around a row.
fn around<T>(list: &[T], index: usize) -> &[T] {
    /// As many rows above and below as a tall terminal shows.
    const NEAR: usize = 50;
    &list[index.saturating_sub(NEAR)..list.len().min(index + NEAR)]
}

/// Below this a line has room for a name alone.
const NARROW: usize = 24;

/// A line a session and nothing around it, for screens where a tree has no room. Sign and name come first, so that
/// even the smallest screen tells a state.
fn bare(buffer: &mut Buffer, area: Rect, rows: std::ops::Range<usize>, model: &Model, brush: &Brush) {
    let tree = model.tree();
    let width = usize::from(area.width);
    for (at, y) in rows.zip(area.y..area.bottom()) {
        let line = match tree.row(at) {
            Some(TreeRow::Group(group)) => heading(group, model, width, brush),
            Some(found) => {
                let row = row(found, model, brush);
                let name_room = if width >= NARROW { width / 3 } else { width.saturating_sub(2) };
                Line::from(vec![
                    brush.span(row.sign.1, row.sign.0),
                    brush.span(Role::Text, format!(" {} ", widgets::cell(&row.name, name_room, brush))),
                    brush.span(row.role, row.brief.text()),
                ])
            }
            None => continue,
        };
        buffer.set_line(area.x, y, &line, area.width);
        if at == tree.index() {
            widgets::select(buffer, area, y, brush);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_rows_never_share_an_id() {
        let ids = Group::ALL.map(heading_id);
        assert!(ids.iter().all(|id| *id > 1 << 62));
        assert_eq!(crate::console::model::tree::Tree::new().size(), 3);
    }
}
