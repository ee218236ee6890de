//! The Events page: what happened to a session, in order.

use super::{pen, states};
use crate::{
    console::{
        model::Model,
        theme::{Brush, Role},
    },
    domain::Timestamp,
    machine::{AttemptEnd, Phase, Session},
};
use ratatui::text::Line;

/// One line for each thing that happened, oldest first.
pub(super) fn lines(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut tell = |at: Timestamp, role: Role, text: &str| {
        let front = format!("{}  ", at.strftime("%m-%d %H:%M:%S"));
        let indent = front.len();
        let mut wrapped = pen::wrapped(text, width, indent, role, brush);
        if let Some(first) = wrapped.first_mut() {
            let text: String = first.spans.iter().map(|span| span.content.as_ref()).collect();
            *first = Line::from(vec![brush.span(Role::Dim, front), brush.span(role, text.trim_start().to_owned())]);
        }
        lines.extend(wrapped);
    };
    tell(session.created_at(), Role::Text, &format!("ordered by {}", session.by()));
    for record in session.attempts() {
        let number = record.number;
        let what = match record.cause {
            Some(cause) => format!("attempt {number} launched{}", states::why(cause)),
            None => format!("attempt {number} launched to deal with partial data"),
        };
        tell(record.launched, Role::Text, &what);
        match &record.ended {
            None => {}
            Some((at, AttemptEnd::Done)) => tell(*at, Role::Done, &format!("attempt {number} is done")),
            Some((at, AttemptEnd::Stopped)) => tell(*at, Role::Cancelled, &format!("attempt {number} was stopped")),
            Some((at, AttemptEnd::Failed(failure))) => {
                tell(*at, Role::Waiting, &format!("attempt {number} failed: {failure}"));
            }
        }
    }
    let ahead = model.queued_ahead(session.id());
    let since = match session.phase() {
        Phase::Queued { since, .. }
        | Phase::Running { since, .. }
        | Phase::Stuck { since, .. }
        | Phase::Canceling { since, .. } => *since,
        Phase::Completed { at, .. } => *at,
        Phase::Waiting { .. } => session.attempts().last().map_or(session.created_at(), |last| last.launched),
    };
    let (_, role) = states::sign(session, &brush.glyphs);
    tell(since, role, &states::long(session, model.now(), ahead));
    if !session.notes().is_empty() {
        lines.push(Line::default());
        lines.push(Line::from(brush.span(Role::Title, "Notes of the newest attempt")));
        for note in session.notes() {
            lines.extend(pen::wrapped(note, width, 1, Role::Text, brush));
        }
    }
    lines
}
