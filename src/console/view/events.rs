//! The Events page: what the journal tells of a session, in order, and so who did what.

use super::widgets;
use crate::{
    console::{
        format,
        model::{Model, events::Events},
        theme::{Brush, Role},
    },
    domain::Timestamp,
    machine::Session,
};
use ratatui::text::Line;

/// Narrower than this, a sentence beside its time would be a column of single words.
const NARROW: usize = 50;

/// One sentence for each event of a session, the newest at the bottom.
pub(super) fn lines(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let all = format!("howdah session events {}", session.id());
    story(model.preview().events_of(session.id()), ("session", &all), width, brush)
}

/// The same of a session or a run; the command tells all of it.
pub(super) fn story<T>(
    events: Option<&Events<T>>,
    (what, command): (&str, &str),
    width: usize,
    brush: &Brush,
) -> Vec<Line<'static>> {
    let say = |role: Role, text: &str| widgets::wrapped(text, width, 0, role, brush);
    let Some(events) = events else { return say(Role::Dim, "Reading the journal") };
    match &events.history {
        Err(cause) => say(Role::Stuck, &format!("The journal cannot be read: {cause}")),
        Ok(history) if history.is_empty() => say(Role::Dim, &format!("The journal has no events for this {what}.")),
        Ok(history) => {
            let mut lines = Vec::new();
            if events.left_out > 0 {
                let before = format::count(events.left_out as u64);
                lines = say(Role::Dim, &format!("{before} older; {command} has all"));
            }
            lines.extend(history.iter().flat_map(|(at, text)| event(*at, text, width, brush)));
            lines
        }
    }
}

/// The time, then the sentence; its further lines are indented.
fn event(at: Timestamp, text: &str, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let time = format::event_time(at);
    let text = format!("{time}  {text}");
    let indent = if width < NARROW { 2 } else { time.len() + 2 };
    let mut lines = Vec::new();
    for (number, line) in format::hang(&text, width, indent).into_iter().enumerate() {
        match line.strip_prefix(&time) {
            Some(rest) if number == 0 => {
                lines.push(Line::from(vec![
                    brush.span(Role::Dim, time.clone()),
                    brush.span(Role::Text, rest.to_owned()),
                ]));
            }
            _ => lines.push(Line::from(brush.span(Role::Text, line))),
        }
    }
    lines
}
