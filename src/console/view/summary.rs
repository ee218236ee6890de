//! The Restore heading in the preview: all ongoing sessions in one table.

use super::{states, widgets};
use crate::{
    console::{
        action::Action,
        format,
        model::Model,
        model::tree::{Group, TreeRow},
        theme::{Brush, Role},
    },
    domain::{ByteCount, Kind},
    machine::Session,
};
use ratatui::text::Line;
use std::sync::Arc;

/// One screen of them is what a person reads; the tree has them all.
const MAX_LINES: usize = 200;

/// The table; on an empty screen, what to press.
pub(super) fn restore(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let snapshot = &model.data().snapshot;
    if snapshot.ongoing_of(Kind::Restore).next().is_none() {
        return empty(model, width, brush);
    }
    let shown: Vec<_> = model
        .tree()
        .members(Group::Restore)
        .filter_map(|row| match row {
            TreeRow::Ongoing(at) => snapshot.ongoing.get(at),
            TreeRow::Completed(_) | TreeRow::Group(_) | TreeRow::Unreadable(_) | TreeRow::Instance(_) => None,
        })
        .collect();
    let mut lines = vec![
        Line::from(brush.span(Role::Text, format!("{} under way", format::many(shown.len(), "session")))),
        Line::from(brush.span(Role::Dim, copied(&shown))),
        Line::default(),
    ];
    let heading = format!("{}  State", widgets::cell("Instance", name_width(width) + 2, brush));
    lines.push(Line::from(brush.span(Role::Title, heading)));
    lines.extend(shown.iter().take(MAX_LINES).map(|session| row(model, session, width, brush)));
    if shown.len() > MAX_LINES {
        lines.push(Line::from(
            brush.span(Role::Dim, format!("{} more", format::count((shown.len() - MAX_LINES) as u64))),
        ));
    }
    lines.push(Line::default());
    lines.extend(widgets::wrapped("Retry and Cancel here are for all of them.", width, 0, Role::Dim, brush));
    lines
}

/// The columns of a name.
fn name_width(width: usize) -> usize {
    (width * 2 / 5).clamp(8, 24)
}

/// One ongoing session: sign, name, state.
pub(super) fn row(model: &Model, session: &Session, width: usize, brush: &Brush) -> Line<'static> {
    let name = name_width(width);
    let (sign, role) = states::sign(session, &brush.glyphs);
    let title = format::clean(session.title().as_str()).into_owned();
    let state = states::long(session, model.now(), model.queued_ahead(session.id()));
    let room = width.saturating_sub(name + 4);
    Line::from(vec![
        brush.span(role, format!("{sign} ")),
        brush.span(Role::Text, widgets::cell(&title, name, brush)),
        brush.span(role, format!("  {}", format::fit(&state, room, brush.glyphs.more))),
    ])
}

/// How much of all of them is on disk; of those that no attempt has planned yet nothing is known.
fn copied(sessions: &[&Arc<Session>]) -> String {
    let planned: Vec<_> = sessions.iter().filter(|session| session.bytes_total().0 > 0).collect();
    let done = ByteCount(planned.iter().map(|session| session.bytes_done().0).sum());
    let total = ByteCount(planned.iter().map(|session| session.bytes_total().0).sum());
    match (planned.len(), sessions.len() - planned.len()) {
        (0, _) => "nothing planned yet".to_owned(),
        (_, 0) => format!("{done} of {total} copied"),
        (_, some) => format!("{done} of {total} copied, {} not planned yet", format::many(some, "session")),
    }
}

fn empty(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let text = format!(
        "No restore is under way. Press {} for a new restore, or go down to an instance and press {}.",
        widgets::key(model, Action::NewRestore),
        widgets::key(model, Action::Accept),
    );
    widgets::wrapped(&text, width, 0, Role::Text, brush)
}
