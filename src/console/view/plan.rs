//! A plan, told before the first byte is written (S7), and the wizard's page of plans.

use super::widgets::{self, pair};
use crate::{
    console::{
        format,
        layout::wizard_body,
        model::{
            Model,
            wizard::{PlanState, Planned},
        },
        theme::{Brush, Role, Theme},
    },
    domain::{
        AnyRestorePlan, BackupForm, BackupPlan, BackupSource, ClusterRestore, Compression, RestoreOrder, RestorePlan,
        VerifyPlan,
        plan::{ServerPlan, SwitchedOff, TargetState, WalFinding},
    },
};
use ratatui::{layout::Rect, text::Line};
use std::time::Duration;

/// No restore is wanted to take longer than a week; a limit that makes it so lacks its unit.
const LONG: Duration = Duration::from_hours(7 * 24);

/// What a plan says.
pub(super) fn lines(plan: &RestorePlan, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut tell = |name: &str, value: String| lines.extend(pair(name, &value, width, brush));
    let files = &plan.files;
    let stands = match &files.target {
        TargetState::Missing => "will be created".to_owned(),
        TargetState::Empty => "is there and empty".to_owned(),
        TargetState::Leftover => "holds what an earlier attempt left".to_owned(),
        TargetState::SetAside { to } => format!("holds other data, which is renamed to {} first", format::path(to)),
    };
    tell("Directory", format!("{} ({stands})", format::path(&plan.directory)));
    if let Some(backup) = &plan.backup {
        tell("Backup", format::path(backup));
        let cluster = match files.system_identifier {
            Some(cluster) => format!("system identifier {cluster}"),
            None => "not known before the copy".to_owned(),
        };
        tell("Cluster", cluster);
    }
    let reused = if files.reused.0 > 0 { format!(", {} of them there already", files.reused) } else { String::new() };
    tell("Writes", format!("{} in {} files{reused}", files.bytes, format::count(files.files)));
    let inodes = files.free_inodes.map_or_else(String::new, |free| format!(", {} inodes", format::count(free)));
    tell("Free", format!("{}{inodes}", files.free_bytes));
    for one in &files.tablespaces {
        let (from, to) = (format::path(&one.original), format::path(&one.directory));
        tell("Tablespace", format!("{}: {to} (was {from})", one.oid));
    }
    tell("WAL", wal(&files.wal));
    for (name, text) in plan.recovery.iter().flat_map(|recovery| recovery.rows()) {
        tell(&capitalized(name), text);
    }
    tell(
        "Server",
        match &plan.server {
            ServerPlan::Start { binaries, version, user, port, leave_running } => {
                let after = if *leave_running { "left running" } else { "stopped after the query" };
                let binaries = format::path(binaries);
                format!("PostgreSQL {version} from {binaries} as {user}, port {port}, {after}")
            }
            ServerPlan::NoServer { reason } => format!("none is started: {reason}"),
        },
    );
    tell("Verified by", sums(&files.checksum));
    for warning in &plan.warnings {
        let text = format!("{} {warning}", brush.glyphs.warning);
        lines.extend(widgets::wrapped(&text, width, 1, Role::Waiting, brush));
    }
    lines
}

/// What the plan of a verification says.
pub(super) fn verify(plan: &VerifyPlan, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = pair("Reads", &format!("{} in {} files", plan.bytes, format::count(plan.files)), width, brush);
    let shown = plan.wal.as_ref().map_or_else(|| "shown by reading the archives".to_owned(), wal);
    lines.extend(pair("WAL", &shown, width, brush));
    let shown = plan.checksum.as_deref().map_or_else(|| "the manifest cannot be read".to_owned(), sums);
    lines.extend(pair("Verified by", &shown, width, brush));
    lines
}

/// What a plan says of itself.
pub(super) fn rows(rows: &[(&'static str, String)], width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let line = |(name, text): &(&'static str, String)| match *name {
        "warning" => widgets::wrapped(&format!("{} {text}", brush.glyphs.warning), width, 1, Role::Waiting, brush),
        name => pair(&capitalized(name), text, width, brush),
    };
    rows.iter().flat_map(line).collect()
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What the plan of a backup says.
pub(super) fn backup(plan: &BackupPlan, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = pair("Directory", &format::path(&plan.directory), width, brush);
    let files = if plan.files > 0 { format!(" in {} files", format::count(plan.files)) } else { String::new() };
    lines.extend(pair("Writes", &format!("about {}{files}", plan.bytes), width, brush));
    let inodes = plan.free_inodes.map_or_else(String::new, |free| format!(", {} inodes", format::count(free)));
    lines.extend(pair("Free", &format!("{}{inodes}", plan.free_bytes), width, brush));
    if let Some(cluster) = plan.system_identifier {
        lines.extend(pair("Cluster", &format!("system identifier {cluster}"), width, brush));
    }
    for method in &plan.method {
        lines.extend(pair("By", method, width, brush));
    }
    for warning in &plan.warnings {
        let text = format!("{} {warning}", brush.glyphs.warning);
        lines.extend(widgets::wrapped(&text, width, 1, Role::Waiting, brush));
    }
    lines
}

fn wal(wal: &WalFinding) -> String {
    match wal {
        WalFinding::Included { start, stop } => format!("included, from {start} to {stop}"),
        WalFinding::Missing { what } => format!("missing: {what}"),
    }
}

fn sums(checksum: &str) -> String {
    if checksum == "NONE" { "sizes only: the manifest has no checksums".to_owned() } else { checksum.to_owned() }
}

/// What is switched off in the copy, and by which lines: long, and so behind all that must be seen.
pub(super) fn switched_off(plan: &RestorePlan, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    if plan.switched_off.is_empty() {
        return Vec::new();
    }
    let title = "Without these lines of its postgresql.auto.conf the copy would";
    let mut lines = widgets::wrapped(title, width, 1, Role::Dim, brush);
    for SwitchedOff { line, effect } in &plan.switched_off {
        lines.extend(widgets::wrapped(&format!("{line}: {effect}"), width, 3, Role::Text, brush));
    }
    lines
}

/// All plans of the wizard.
pub(super) fn pages(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let Some(wizard) = model.wizard() else { return Vec::new() };
    let mut lines = Vec::new();
    for planned in &wizard.plans {
        lines.extend(page(planned, width, brush));
        lines.push(Line::default());
    }
    lines.pop();
    lines
}

/// How far the wizard's page of plans can be scrolled.
pub(in crate::console) fn scroll_end(model: &Model) -> usize {
    let area = area(model.size().0, model.size().1);
    let brush = Brush::new(Theme::Mono, model.options().ascii);
    let width = usize::from(area.width);
    pages(model, width, &brush).len().saturating_sub(usize::from(area.height))
}

/// Where the plans stand inside the wizard.
pub(super) const fn area(columns: u16, rows: u16) -> Rect {
    let whole = wizard_body(columns, rows);
    Rect { height: whole.height.saturating_sub(2), ..whole }
}

/// The limit that was asked for, and how long the copy takes by it at the least.
fn bandwidth(request: &ClusterRestore, plan: &RestorePlan, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let Some(limit) = request.max_rate else { return Vec::new() };
    let bytes = plan.files.bytes.0.saturating_sub(plan.files.reused.0);
    let time = Duration::from_secs(bytes / limit.bytes());
    let about = format::coarse(time);
    let text = match &request.point.source {
        BackupSource::BaseBackup { form: BackupForm::Plain | BackupForm::Tar(Compression::None), .. }
        | BackupSource::Incremental { .. } => {
            format!("at most {limit}: the copy takes at least {about}")
        }
        // The limit is on what is read, and how much that is, is not known.
        BackupSource::BaseBackup { form: BackupForm::Tar(_), .. }
        | BackupSource::PgBackRest { .. }
        | BackupSource::Barman { .. } => {
            format!("reads at most {limit}: what is written would take {about} if it were not packed")
        }
    };
    if time <= LONG {
        return pair("Bandwidth", &text, width, brush);
    }
    let text = format!("{} {text}; a number without k, M or G counts bytes", brush.glyphs.warning);
    widgets::wrapped(&text, width, 1, Role::Waiting, brush)
}

/// The plan of a restore; what a person is asked for stands before the long lines of what is switched off.
fn restore(
    request: &RestoreOrder,
    plan: &AnyRestorePlan,
    asked: Option<&str>,
    width: usize,
    brush: &Brush,
) -> Vec<Line<'static>> {
    let (mut said, behind) = match (request, plan) {
        (RestoreOrder::Cluster(request), AnyRestorePlan::Cluster(plan)) => {
            let mut said = lines(plan, width, brush);
            said.extend(bandwidth(request, plan, width, brush));
            (said, switched_off(plan, width, brush))
        }
        (_, AnyRestorePlan::Cluster(plan)) => (lines(plan, width, brush), switched_off(plan, width, brush)),
        (_, AnyRestorePlan::Data(plan)) => (rows(&plan.rows(), width, brush), Vec::new()),
    };
    said.extend(asked.into_iter().flat_map(|text| widgets::wrapped(text, width, 1, Role::Waiting, brush)));
    said.extend(behind);
    said
}

fn page(planned: &Planned, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let request = &planned.request;
    let name = format::clean(request.title().as_str()).into_owned();
    let when = format::full(request.taken_at());
    let glyphs = &brush.glyphs;
    let (sign, role) = match &planned.state {
        PlanState::Pending => (glyphs.pending, Role::Dim),
        PlanState::Ready(_) => (glyphs.done, Role::Done),
        PlanState::Overwrites(_) => (glyphs.warning, Role::Waiting),
        PlanState::Refused(_) | PlanState::NotStarted(_) => (glyphs.stuck, Role::Stuck),
    };
    let mut out = vec![Line::from(vec![
        brush.span(role, format!("{sign} ")),
        brush.span(Role::Title, name),
        brush.span(Role::Dim, format!("  {}, taken {when}", format::clean(request.label()))),
    ])];
    match &planned.state {
        PlanState::Pending => {
            let to = format::path(request.directory());
            out.extend(pair("Directory", &to, width, brush));
            out.extend(widgets::wrapped("The plan is being made", width, 1, Role::Dim, brush));
        }
        PlanState::Ready(plan) => out.extend(restore(request, plan, None, width, brush)),
        PlanState::Overwrites(plan) => {
            let text = "Other data stands there. It will be renamed, not deleted; you will be asked to type its name.";
            out.extend(restore(request, plan, Some(text), width, brush));
        }
        PlanState::Refused(failure) => {
            out.extend(widgets::wrapped(&format!("Refused: {}", failure.cause), width, 1, Role::Stuck, brush));
            if !failure.advice.is_empty() {
                out.extend(widgets::wrapped(&format!("What to do: {}", failure.advice), width, 1, Role::Text, brush));
            }
        }
        PlanState::NotStarted(reason) => {
            out.extend(widgets::wrapped(&format!("Not started: {reason}"), width, 1, Role::Stuck, brush));
        }
    }
    out
}
