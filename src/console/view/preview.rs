//! The preview pane: what is selected, in detail (R7).

use super::{completed, events, group_page, instance, item_page, job_page, log, position, progress, request, widgets};
use crate::console::{
    format,
    layout::Layout,
    model::{
        Detail, Focus, Model,
        preview::Tab,
        tree::{Group, Node},
    },
    theme::{Brush, Role, Theme},
};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
    widgets::{Clear, Widget as _},
};
use std::path::Path;

/// Paints the pane.
pub(super) fn paint(buffer: &mut Buffer, layout: &Layout, model: &Model, brush: &Brush) {
    let area = layout.preview;
    if area.is_empty() {
        return;
    }
    if layout.bordered {
        // Where the tree has no room, its filter must still be in sight.
        let filter = widgets::filter(model).filter(|_| layout.tree.is_empty());
        let title = filter.unwrap_or_else(|| title(model, brush));
        widgets::pane(buffer, area, &title, model.focus() == Focus::Preview, brush);
        tabs(buffer, area, model, brush);
    }
    let inside = page_area(model, layout);
    if let Some(group) = model.table_group() {
        group_page::paint(buffer, inside, group, model, brush);
        return;
    }
    let lines = lines(model, inside, brush);
    let scroll = model.preview().scroll;
    let from = if model.page_hangs() {
        lines.len().saturating_sub(usize::from(inside.height)).saturating_sub(scroll)
    } else {
        scroll
    };
    widgets::marked_lines(buffer, inside, &lines, from, brush);
    if model.focus() == Focus::Preview
        && let Some(line) = instance::point_line(model, usize::from(inside.width))
        && let Some(row) = line.checked_sub(from).and_then(|row| u16::try_from(row).ok())
        && row < inside.height
    {
        widgets::select(buffer, inside, inside.y + row, brush);
    }
    position::paint(buffer, layout, model, (from, lines.len()), brush);
    if let Some(foot) = foot(model, usize::from(inside.width), brush) {
        buffer.set_line(inside.x, inside.bottom(), &foot, inside.width);
    }
}

/// The line below the text of the log.
fn foot(model: &Model, width: usize, brush: &Brush) -> Option<Line<'static>> {
    (model.preview().tab == Tab::Log && is_session(model)).then(|| log::foot(model, width, brush)).flatten()
}

/// Where the lines of a page stand: all of the inside, but for what is below the log.
pub(in crate::console) fn page_area(model: &Model, layout: &Layout) -> Rect {
    let inside = text_area(layout);
    let page = &model.preview().page;
    let has_foot = page.typed.is_some() || page.search.is_some();
    let below = u16::from(has_foot && model.preview().tab == Tab::Log && is_session(model));
    Rect { height: inside.height.saturating_sub(below), ..inside }
}

/// How far the preview can be scrolled: until its last line is at the bottom.
pub(in crate::console) fn scroll_end(model: &Model) -> usize {
    let layout = model.layout();
    let inside = page_area(model, &layout);
    // The number of lines does not depend on how they are coloured.
    let brush = Brush::new(Theme::Mono, model.options().ascii);
    lines(model, inside, &brush).len().saturating_sub(usize::from(inside.height))
}

/// The inside of the pane, with a column of air on both sides where there is a border.
pub(super) fn text_area(layout: &Layout) -> Rect {
    let inside = layout.inside(layout.preview);
    if layout.bordered && inside.width > 4 {
        return Rect { x: inside.x + 1, width: inside.width - 2, ..inside };
    }
    inside
}

fn title(model: &Model, brush: &Brush) -> String {
    match model.tree().selected() {
        Node::Group(Group::Restore) => "Restore".to_owned(),
        Node::Group(Group::Completed) => "Completed".to_owned(),
        Node::Group(group @ (Group::Verify | Group::Explore | Group::Backup | Group::Jobs | Group::Runs)) => {
            group.name().to_owned()
        }
        Node::Job(name) => match model.shown_run() {
            Some(run) => format::clean(&format!("{name}#{run}")).into_owned(),
            None => format::clean(name.as_str()).into_owned(),
        },
        Node::Run(id) | Node::Object(id, _) => {
            let name = model.ended_run().map(|row| &row.name).or_else(|| model.run().map(|run| run.spec().name()));
            name.map_or_else(|| format!("run {id}"), |name| format::clean(&format!("{name}#{id}")).into_owned())
        }
        Node::Group(Group::Unreadable) | Node::Unreadable(_) | Node::UnreadableRun(_) => {
            "Unreadable records".to_owned()
        }
        Node::Group(Group::Instances) => "Instances".to_owned(),
        Node::Group(Group::History) => "History".to_owned(),
        Node::Item(_, item) => format::clean(&item.to_string()).into_owned(),
        Node::Instance(key) => format::clean(&key.title(&model.data().catalog)).into_owned(),
        Node::Session(id) => model.session().map_or_else(
            || format!("session {id}"),
            |session| {
                let order = session.order();
                let name = format::clean(order.title().as_str());
                let to = |path: &Path| format!(" {} {}", brush.glyphs.to, format::path(path));
                let directory = order.directory().map(to).unwrap_or_default();
                let port = order.cluster().map(|order| format!("  port {}", order.target.port())).unwrap_or_default();
                format!("{name}{directory}{port}")
            },
        ),
    }
}

/// The tabs of a session, on the lower edge.
fn tabs(buffer: &mut Buffer, area: Rect, model: &Model, brush: &Brush) {
    if !is_session(model) || area.width < 44 {
        return;
    }
    let mut spans = vec![Span::raw(" ")];
    for (number, tab) in Tab::ALL.iter().enumerate() {
        let role = if *tab == model.preview().tab { Role::Title } else { Role::Dim };
        spans.push(brush.span(Role::Key, (number + 1).to_string()));
        spans.push(brush.span(role, format!(" {} ", tab.label())));
    }
    let line = Line::from(spans);
    let room = Rect::new(area.x + 2, area.bottom() - 1, area.width - 4, 1);
    // The look of the border must not shine through.
    Clear.render(Rect { width: room.width.min(u16::try_from(line.width()).unwrap_or(room.width)), ..room }, buffer);
    buffer.set_line(room.x, room.y, &line, room.width);
}

/// The page whose name lies under a point.
pub(in crate::console) fn tab_at(model: &Model, layout: &Layout, at: Position) -> Option<Tab> {
    let area = layout.preview;
    if !layout.bordered || !is_session(model) || area.width < 44 || at.y + 1 != area.bottom() {
        return None;
    }
    let mut start = area.x + 3;
    Tab::ALL.into_iter().find(|tab| {
        // Its number, a blank before and behind its name.
        let end = start + u16::try_from(format::width(tab.label()) + 3).unwrap_or(0);
        (std::mem::replace(&mut start, end)..end).contains(&at.x)
    })
}

fn lines(model: &Model, area: Rect, brush: &Brush) -> Vec<Line<'static>> {
    let width = usize::from(area.width);
    match model.tree().selected() {
        // Their tables are painted by themselves.
        Node::Group(Group::Restore | Group::Completed | Group::Explore | Group::Instances | Group::History) => {
            Vec::new()
        }
        Node::Group(group @ (Group::Verify | Group::Backup)) => {
            let mut lines = widgets::filter_of(model, *group, width, brush);
            lines.extend(completed::of_kind(model, *group, width, usize::from(area.height), brush));
            lines
        }
        Node::Group(Group::Jobs) => job_page::all(model, width, brush),
        Node::Group(Group::Runs) => job_page::ended(model, width, brush),
        Node::Job(_) | Node::Object(..) | Node::Run(_) => of_run(model, width, brush),
        Node::UnreadableRun(_) => job_page::unreadable(model, width, brush),
        Node::Item(session, item) => item_page::lines(model, *session, item, width, brush),
        Node::Group(Group::Unreadable) | Node::Unreadable(_) => completed::unreadable(model, width, brush),
        Node::Instance(key) => instance::one(model, key, width, brush),
        Node::Session(_) => match (model.session(), &model.detail) {
            (Some(session), _) => match model.preview().tab {
                Tab::Progress => progress::lines(model, session, width, brush),
                Tab::Log => log::lines(model, session, width, brush),
                Tab::Request => request::lines(model, session, width, brush),
                Tab::Events => events::lines(model, session, width, brush),
            },
            (None, Some(Detail::Missing(id))) => {
                let text = format!("The journal has no session {id}.");
                vec![Line::from(brush.span(Role::Stuck, text))]
            }
            (None, _) => vec![Line::from(brush.span(Role::Dim, "Reading the journal"))],
        },
    }
}

/// The page of a run, as far as it is known.
fn of_run(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    match (model.run(), model.shown_run(), model.tree().selected()) {
        (Some(run), ..) => job_page::run(model, run, width, brush),
        (None, None, Node::Job(name)) => job_page::not_run(model, name, width, brush),
        (None, Some(id), _) if model.is_run_missing(id) => {
            widgets::wrapped(&format!("The journal has no run {id}."), width, 0, Role::Stuck, brush)
        }
        (None, ..) => vec![Line::from(brush.span(Role::Dim, "Reading the journal"))],
    }
}

fn is_session(model: &Model) -> bool {
    matches!(model.tree().selected(), Node::Session(_)) && model.session().is_some()
}
