//! A session that is paused at the goal of its recovery: where, what its server answered, how to look, what can be done.
//!
//! Promise: what the server answered is shown as text, whatever is in it.

use super::widgets::{self, pair};
use crate::{
    console::{
        action::Action,
        format,
        model::Model,
        theme::{Brush, Role},
    },
    domain::recovery::moment,
    machine::{Phase, Session},
};
use ratatui::text::Line;

/// What stands below the head line; nothing for a session that is not paused.
pub(super) fn lines(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let Phase::Paused { since, at } = session.phase() else { return Vec::new() };
    let mut lines = Vec::new();
    let mut tell = |name: &str, text: &str| lines.extend(pair(name, text, width, brush));
    if let Some(recovery) = session.order().recovery() {
        let exact = if recovery.inclusive { "" } else { ", without what happened exactly then" };
        tell("Goal", &format!("{}{exact}", recovery.goal));
    }
    let committed = at.committed.map_or_else(|| "none was replayed".to_owned(), moment);
    tell("Last commit", &committed);
    tell("It answered", &at.answer);
    let now = model.now();
    tell("Since", &format!("{}, {}", format::full(*since), format::age(*since, now)));
    match &at.server {
        Some(server) => {
            let key = widgets::key(model, Action::Copy);
            let psql = format::clean(&server.address.psql("postgres")).into_owned();
            tell("Look at it", &format!("{psql}   ({key} copies it)"));
        }
        None => tell("Look at it", "its server is not known here"),
    }
    let key = |action: Action| format!("{} {}", widgets::key(model, action), action.label());
    let actions = [Action::GoOn, Action::Promote, Action::StopHere, Action::AskServer, Action::Cancel].map(key);
    lines.extend(widgets::wrapped(&format!("What can be done: {}", actions.join(", ")), width, 1, Role::Key, brush));
    let text = "It holds its directory and port and no slot, and nothing is done before a person decides. A later goal \
                replays without copying again; an earlier one needs a new restore.";
    lines.extend(widgets::wrapped(text, width, 1, Role::Dim, brush));
    lines
}
