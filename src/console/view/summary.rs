//! What sums up the ongoing restores.

use super::{states, widgets};
use crate::{
    console::{
        action::Action,
        format,
        model::{Model, tree::Group},
        theme::{Brush, Role},
    },
    domain::{ByteCount, Kind},
    machine::{EndedCounts, Session},
    manager::Counts,
};
use ratatui::text::Line;
use std::sync::Arc;

/// What all of them come to; on an empty screen, what to press.
pub(super) fn restore(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let snapshot = &model.data().snapshot;
    if snapshot.ongoing_of(Kind::Restore).next().is_none() {
        return empty(model, width, brush);
    }
    // Under a filter all here is about what it shows, as are the actions.
    let sessions: Vec<&Arc<Session>> =
        (model.tree().members(Group::Restore)).filter_map(|row| snapshot.ongoing.get(row.ongoing()?)).collect();
    if sessions.is_empty() {
        return widgets::wrapped("The filter hides all of them.", width, 0, Role::Text, brush);
    }
    let counts = Counts::of(sessions.iter().copied(), EndedCounts::default());
    let glyphs = &brush.glyphs;
    let parts = [
        (counts.stuck, glyphs.stuck, "stuck", Role::Stuck),
        (counts.waiting, glyphs.waiting, "waiting", Role::Waiting),
        (counts.paused, glyphs.paused, "paused", Role::Waiting),
        (counts.running, glyphs.running, "running", Role::Running),
        (counts.queued, glyphs.queued, "queued", Role::Queued),
        (counts.cancelling, glyphs.cancelling, "being cancelled", Role::Cancelling),
    ];
    let mut first = Line::default();
    for (count, sign, word, role) in parts.into_iter().filter(|(count, ..)| *count > 0) {
        let gap = if first.spans.is_empty() { "" } else { "   " };
        first.push_span(brush.span(role, format!("{gap}{sign} {} {word}", format::count(count as u64))));
    }
    let mut lines = vec![first];
    lines.extend(gauge(&sessions, width, brush));
    let mut about = copied(&sessions);
    let rate: f64 = sessions.iter().filter_map(|session| model.rate(session)).sum();
    if rate > 0.0 {
        about = format!("{about}   {}", format::rate(rate));
    }
    lines.extend(widgets::wrapped(&about, width, 0, Role::Text, brush));
    let whom = if model.tree().filter().is_empty() { "all of them" } else { "those that are shown" };
    let text = format!("Retry and Cancel here are for {whom}.");
    lines.extend(widgets::wrapped(&text, width, 0, Role::Dim, brush));
    lines.push(Line::default());
    lines
}

/// One gauge for all bytes that are planned.
fn gauge(sessions: &[&Arc<Session>], width: usize, brush: &Brush) -> Option<Line<'static>> {
    let planned = || sessions.iter().filter(|session| session.bytes_total().0 > 0);
    let total: u64 = planned().map(|session| session.bytes_total().0).sum();
    let done: u64 = planned().map(|session| session.bytes_done().0).sum();
    let ratio = (total > 0).then(|| done as f64 / total as f64)?;
    let mut spans = widgets::gauge(ratio, width.saturating_sub(8).clamp(4, 60), Role::Gauge, brush);
    spans.push(brush.span(Role::Text, format!("  {}", format::percent(ratio))));
    Some(Line::from(spans))
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
