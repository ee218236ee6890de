//! The Request page: what was asked, the plan, and the exact command (S11).

use super::{
    plan,
    widgets::{self, pair},
    wishes,
};
use crate::{
    console::{
        format,
        model::Model,
        theme::{Brush, Role},
    },
    domain::{AtTarget, MissingWal, Order, Plan},
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
        Some(Plan::Backup(made)) => lines.extend(plan::backup(made, width, brush)),
        Some(Plan::Verify(made)) => lines.extend(plan::verify(made, width, brush)),
        Some(Plan::Explore(made)) => lines.extend(plan::rows(&made.rows(), width, brush)),
        Some(Plan::Data(made)) => lines.extend(plan::rows(&made.rows(), width, brush)),
        Some(Plan::Items(made)) => lines.extend(plan::rows(&made.rows(), width, brush)),
        None => {
            lines.extend(widgets::wrapped("The first attempt makes it in its Check step.", width, 1, Role::Dim, brush));
        }
    }
    if !session.attempts().is_empty() {
        lines.push(Line::default());
        lines.push(title("Exact command of each attempt"));
        for record in session.attempts() {
            lines.extend(widgets::wrapped(&model.exact_command(session, record.number), width, 1, Role::Text, brush));
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
    if let Some(recovery) = order.recovery().filter(|recovery| recovery.goes_beyond_backup()) {
        let exact = if recovery.inclusive { "" } else { ", without what happened exactly then" };
        let then = match recovery.at_target {
            AtTarget::Pause => "then pause",
            AtTarget::Promote => "then promote",
            AtTarget::ShutDown => "then shut down",
        };
        let timeline = recovery.timeline.word();
        let text = format!("{}{exact}, on timeline {timeline}, {then}", recovery.goal);
        lines.extend(pair("Recover to", &text, width, brush));
    }
    if let Some(cluster) = order.cluster() {
        lines.extend(pair("Port", &cluster.target.port().to_string(), width, brush));
        for (oid, path) in cluster.target.tablespaces() {
            lines.extend(pair("Tablespace", &format!("{oid} to {}", format::path(path)), width, brush));
        }
        lines.extend(pair("Server", wishes::server(cluster.server), width, brush));
    } else if let (Order::Backup(_), Some(port)) = (order, order.port()) {
        lines.extend(pair("Port", &port.to_string(), width, brush));
    }
    let rate = order.max_rate().map_or_else(|| "as fast as it goes".to_owned(), |rate| rate.to_string());
    lines.extend(pair("Bandwidth", &rate, width, brush));
    if let Some(cluster) = order.cluster() {
        lines.extend(pair("Existing", wishes::existing(cluster.existing), width, brush));
        if cluster.missing_wal == MissingWal::Accept {
            lines.extend(pair("Missing WAL", wishes::missing_wal(cluster.missing_wal), width, brush));
        }
    }
    lines
}
