//! The Request page: what was asked, the plan, and the exact command (S11).

use super::{plan, widgets};
use crate::{
    console::{
        format,
        model::Model,
        theme::{Brush, Role},
    },
    domain::{ExistingData, MissingWal, Order, Plan, ServerWish},
    machine::Session,
};
use ratatui::text::Line;

/// The page.
pub(super) fn lines(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let title = |text: &str| Line::from(brush.span(Role::Title, text.to_owned()));
    let mut lines = vec![title("Request")];
    lines.extend(pair("Session", &format!("{}  {}", session.id(), session.uuid()), width, brush));
    lines.extend(order(session.order(), width, brush));
    let policy = session.policy();
    let every = format::coarse(policy.every);
    lines.extend(pair("Tries", &format!("{} on a disruption, one every {every}", policy.tries), width, brush));
    lines.extend(pair("By", &format!("{}, through {}", session.by(), session.origin()), width, brush));
    lines.push(Line::default());
    lines.push(title("Plan"));
    match session.plan() {
        Some(Plan::Restore(made)) => {
            lines.extend(plan::lines(made, width, brush));
            lines.extend(plan::switched_off(made, width, brush));
        }
        Some(Plan::Verify(made)) => lines.extend(plan::verify(made, width, brush)),
        None => {
            lines.extend(widgets::wrapped("The first attempt makes it in its Check step.", width, 1, Role::Dim, brush));
        }
    }
    if !session.attempts().is_empty() {
        lines.push(Line::default());
        lines.push(title("Exact command of each attempt"));
        for record in session.attempts() {
            lines.extend(widgets::wrapped(&command(model, session, record.number.0), width, 1, Role::Text, brush));
        }
    }
    lines
}

/// What was asked, by kind of work.
fn order(order: &Order, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(point) = order.point() {
        let taken = format::full(point.facts.taken_at);
        lines.extend(pair("Backup", &format!("{}  {taken}", point.label), width, brush));
        lines.extend(pair("From", &point.source.to_string(), width, brush));
    } else if let Some(label) = order.label() {
        lines.extend(pair("Backup", label, width, brush));
    }
    if let Some(directory) = order.directory() {
        lines.extend(pair("To", &format::path(directory), width, brush));
    }
    if let Some(cluster) = order.cluster() {
        lines.extend(pair("Port", &cluster.target.port().to_string(), width, brush));
        for (oid, path) in cluster.target.tablespaces() {
            lines.extend(pair("Tablespace", &format!("{oid} to {}", format::path(path)), width, brush));
        }
        lines.extend(pair("Server", wish(cluster.server), width, brush));
    }
    let rate = order.max_rate().map_or_else(|| "as fast as it goes".to_owned(), |rate| rate.to_string());
    lines.extend(pair("Bandwidth", &rate, width, brush));
    if let Some(cluster) = order.cluster() {
        lines.extend(pair("Existing", existing(cluster.existing), width, brush));
        if cluster.missing_wal == MissingWal::Accept {
            lines.extend(pair("Missing WAL", missing_wal(cluster.missing_wal), width, brush));
        }
    }
    lines
}

/// What a wish for a server is called.
pub(super) const fn wish(wish: ServerWish) -> &'static str {
    match wish {
        ServerWish::LeaveRunning => "start it, ask it a query, leave it running",
        ServerWish::StopAfterProbe => "start it, ask it a query, stop it",
        ServerWish::FilesOnly => "no server: files only",
    }
}

/// What a wish for old data is called.
pub(super) const fn existing(existing: ExistingData) -> &'static str {
    match existing {
        ExistingData::Refuse => "refuse when other data stands there",
        ExistingData::SetAside => "rename other data that stands there",
    }
}

/// What a wish for a backup that lacks WAL is called.
pub(super) const fn missing_wal(missing: MissingWal) -> &'static str {
    match missing {
        MissingWal::Refuse => "refuse when the backup lacks WAL",
        MissingWal::Accept => "restore files though WAL is missing",
    }
}

/// A name and its value.
pub(super) fn pair(name: &str, value: &str, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    const NAME: usize = 12;
    let mut lines = widgets::wrapped(value, width, NAME + 1, Role::Text, brush);
    if let Some(first) = lines.first_mut() {
        let text: String = first.spans.iter().map(|span| span.content.as_ref()).collect();
        let value = text.get(NAME + 1..).unwrap_or("").to_owned();
        *first = Line::from(vec![
            brush.span(Role::Dim, format!(" {}", widgets::cell(name, NAME, brush))),
            brush.span(Role::Text, value),
        ]);
    }
    lines
}

/// The worker's own command. It carries no secret: what it needs lies in the attempt's directory.
fn command(model: &Model, session: &Session, attempt: u32) -> String {
    let options = model.options();
    let directory = options.attempts_dir.join(session.id().to_string()).join(attempt.to_string());
    format!("{} worker {}", quoted(&format::path(&options.program)), quoted(&format::path(&directory)))
}

/// The word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '+' | ',' | ':' | '@' | '%');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
