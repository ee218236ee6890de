//! The Log page: the end of an attempt's raw output.

use super::widgets;
use crate::{
    console::{
        action::Action,
        format,
        model::Model,
        theme::{Brush, Role},
    },
    machine::Session,
};
use ratatui::text::Line;

/// A line that says which attempt, then the output.
pub(super) fn lines(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let say = |role: Role, text: &str| Line::from(brush.span(role, text.to_owned()));
    let Some((id, attempt)) = model.log_attempt() else {
        return vec![say(Role::Dim, "No attempt has been made yet, so there is no output.")];
    };
    let number = session.attempts().len();
    let (older, newer) = (widgets::key(model, Action::OlderAttempt), widgets::key(model, Action::NewerAttempt));
    let which = format!("Output of attempt {attempt} of {number}; {older} and {newer} show the others");
    let mut lines = vec![Line::from(brush.span(Role::Dim, format::fit(&which, width, brush.glyphs.more).into_owned()))];
    let log = model.preview().log.as_ref().filter(|log| (log.session, log.attempt) == (id, attempt));
    match log.map(|log| &log.lines) {
        None => lines.push(say(Role::Dim, "Reading")),
        Some(Err(cause)) => lines.push(say(Role::Stuck, &format!("It cannot be read: {cause}"))),
        Some(Ok(text)) if text.is_empty() => lines.push(say(Role::Dim, "It has written nothing.")),
        Some(Ok(text)) => lines.extend(text.iter().map(|line| say(Role::Text, line))),
    }
    lines
}
