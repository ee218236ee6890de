//! The gauges of a session and their numbers: copy and replay, position, speed, what is left.
//!
//! Promise: time left is a range, and nothing where it cannot be known (S6).

use super::widgets;
use crate::{
    console::{
        format,
        model::{Model, history::Left},
        theme::{Brush, Role},
    },
    domain::{
        BackupForm, BackupSource, Compression, Order, Plan, Rate, RecoveryPlan, WalProgress, quantity::many,
        recovery::moment,
    },
    machine::{Phase, Session},
};
use ratatui::text::{Line, Span};

/// The gauges, and their numbers.
pub(super) fn lines(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = gauges(session, width, brush);
    lines.extend(numbers(model, session, width, brush));
    lines
}

/// Copy and replay are two gauges of one time line (S5): that of replay is there from the start, where replay beyond the
/// backup's own end is planned.
fn gauges(session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let progress = session.progress();
    if session.bytes_total().0 == 0 {
        return Vec::new();
    }
    // Two columns of name, five of percent, and air.
    let room = width.saturating_sub(14).clamp(4, 60);
    let line = |name: &'static str, ratio: f64, role: Role| {
        let mut spans = vec![brush.span(Role::Dim, format!("{name:<5}"))];
        spans.extend(widgets::gauge(ratio, room, role, brush));
        spans.push(brush.span(Role::Text, format!("  {}", format::percent(ratio))));
        Line::from(spans)
    };
    let bytes = match session.order() {
        Order::Verify(_) => "Read",
        Order::Items(_) => "Take",
        Order::Restore(_) | Order::Backup(_) | Order::Explore(_) => "Copy",
    };
    let mut lines = vec![line(bytes, session.ratio(), Role::Gauge)];
    let planned = planned(session).map(|_| 0.0);
    lines.extend(progress.wal.map(|wal| wal.ratio()).or(planned).map(|ratio| line("WAL", ratio, Role::Replay)));
    lines
}

fn numbers(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let progress = session.progress();
    if session.bytes_total().0 == 0 {
        return Vec::new();
    }
    let now = model.moment();
    let mut parts = vec![format!("{} of {}", session.bytes_done(), session.bytes_total())];
    if progress.files_total > 0 {
        let what = if matches!(session.order(), Order::Items(_)) { "tables" } else { "files" };
        let (done, total) = (format::count(progress.files_done), format::count(progress.files_total));
        parts.push(format!("{done} of {total} {what}"));
    }
    if let Some(wal) = progress.wal {
        parts = replayed(session, &wal);
    }
    let running = matches!(session.phase(), Phase::Running { .. });
    let mut lines = Vec::new();
    if let Some(rate) = model.rate(session).filter(|_| running) {
        let rate = format::rate(rate);
        parts.push(match read_limit(session.order()) {
            // The limit is on what is read from the repository.
            Some(limit) => format!("{rate} unpacked (reads at most {limit})"),
            None => rate,
        });
    }
    let time = match model.left(session).filter(|_| running) {
        Some(Left::Range(fast, slow)) => {
            let (fast, slow) = (format::coarse(fast), format::coarse(slow));
            Some((
                if fast == slow { format!("about {slow} left") } else { format!("{fast} to {slow} left") },
                Role::Text,
            ))
        }
        Some(Left::Stalled(since)) => {
            let ago = format::coarse(format::between(since.steady, now.steady));
            Some((format!("stalled since {} ({ago})", format::clock(since.wall)), Role::Waiting))
        }
        Some(Left::Hidden) | None => None,
    };
    if progress.bytes_reused.0 > 0 {
        parts.push(format!("{} reused", progress.bytes_reused));
    }
    let mut line = Line::default();
    for (text, role) in parts.into_iter().map(|text| (text, Role::Text)).chain(time) {
        let gap = if line.spans.is_empty() { "" } else { "   " };
        if line.width() + gap.len() + format::width(&text) > width && !line.spans.is_empty() {
            lines.push(std::mem::take(&mut line));
        } else {
            line.push_span(Span::raw(gap));
        }
        line.push_span(brush.span(role, text));
    }
    lines.push(line);
    lines
}

/// The replay beyond the backup's own end that is planned.
pub(super) fn planned(session: &Session) -> Option<&RecoveryPlan> {
    match session.plan()? {
        Plan::Restore(plan) => plan.recovery.as_deref(),
        Plan::Explore(plan) => plan.recovery.as_deref(),
        Plan::Verify(_) | Plan::Backup(_) | Plan::Items(_) | Plan::Data(_) => None,
    }
}

/// How far replay is: its position and where it is to end, what is left, up to which commit.
fn replayed(session: &Session, wal: &WalProgress) -> Vec<String> {
    let mut parts = vec![format!("WAL {} of {}", wal.at, wal.end())];
    if wal.goal.is_some_and(|goal| goal > wal.stop) && wal.at < wal.stop {
        parts.push(format!("consistent at {}", wal.stop));
    }
    if let Some(left) = wal.segments_left().filter(|_| matches!(session.phase(), Phase::Running { .. })) {
        parts.push(format!("{} left", many(left, "segment")));
    }
    parts.extend(wal.committed.map(|at| format!("last commit {}", moment(at))));
    parts
}

/// The limit on what is read, where that is less than what is written: of packed archives.
fn read_limit(order: &Order) -> Option<Rate> {
    let point = order.point()?;
    let packed = matches!(
        point.source,
        BackupSource::BaseBackup {
            form: BackupForm::Tar(Compression::Gzip | Compression::Lz4 | Compression::Zstd),
            ..
        }
    );
    order.max_rate().filter(|_| packed)
}
