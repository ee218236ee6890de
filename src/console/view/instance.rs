//! An instance of the catalog in the preview: its restore points, newest first, readable or not.

use super::{
    states,
    table::{self, Cell, Column, Content},
    widgets,
};
use crate::{
    console::{
        action::Action,
        format,
        model::{
            Model, is_reading,
            tree::{InstanceKey, Node},
        },
        ports::{CatalogEntry, CatalogInstance, RepositoryKind},
        theme::{Brush, Role, Theme},
    },
    domain::{BackupSource, ByteCount, RestorePoint, Timestamp},
    manager::CompletedResult,
};
use ratatui::text::Line;
use std::time::Duration;

/// One instance.
pub(super) fn one(model: &Model, key: &InstanceKey, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let Some(one) = key.find(&model.data().catalog) else {
        return vec![Line::from(brush.span(Role::Dim, "This instance is no longer in the catalog."))];
    };
    let mut lines = above(model, one, width, brush);
    lines.extend(points(model, one, width, brush).0);
    lines.extend(selected(model, one, width, brush));
    lines.extend(history(model, one, width, brush));
    lines
}

/// The line of the page on which the restore point under the keys stands.
pub(in crate::console) fn point_line(model: &Model, width: usize) -> Option<usize> {
    let Node::Instance(key) = model.tree().selected() else { return None };
    let one = key.find(&model.data().catalog)?;
    // Where things stand does not depend on how they are coloured.
    let brush = Brush::new(Theme::Mono, model.options().ascii);
    let (_, starts) = points(model, one, width, &brush);
    Some(above(model, one, width, &brush).len() + starts.get(model.point_at(one))?)
}

/// What stands above the table of restore points.
fn above(model: &Model, one: &CatalogInstance, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let enter = widgets::key(model, Action::Accept);
    let under_keys = model.point_under_keys(one).filter(|row| row.is_restorable());
    let meant = under_keys.or_else(|| one.newest_row()).and_then(CatalogEntry::taken_at);
    if let Some(taken) = meant {
        let when = format::full(taken);
        let text =
            format!("Press {enter} to restore the backup of {when}. The plan is shown before anything is written.");
        lines.extend(widgets::wrapped(&text, width, 0, Role::Text, brush));
    } else {
        let text = format!("No restore point of this {} can be read.", one.workload.noun());
        lines.extend(widgets::wrapped(&text, width, 0, Role::Stuck, brush));
    }
    lines.extend(sample(model, one, width, brush));
    lines.extend(namesakes(model, one, width, brush));
    lines.extend(forecast(model, one, width, brush));
    lines.push(Line::default());
    lines.push(Line::from(brush.span(Role::Title, format::many(one.rows.len(), "restore point"))));
    lines
}

/// The restore point under the keys in full.
fn selected(model: &Model, one: &CatalogInstance, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let Some(entry) = model.point_under_keys(one) else { return Vec::new() };
    let place = match entry {
        CatalogEntry::Unreadable { .. } => return Vec::new(),
        CatalogEntry::Restorable(point) => {
            format!("{}  {} files", format::clean(&point.source.to_string()), format::count(point.facts.files))
        }
        CatalogEntry::Machine(point) => format::path(&point.directory),
        CatalogEntry::Tree(point) => format!("snapshot {} in {}", point.snapshot, format::path(&point.repository)),
    };
    let mut lines = vec![Line::default(), Line::from(brush.span(Role::Title, "Selected restore point"))];
    lines.extend(backup(entry, width, brush));
    lines.extend(widgets::wrapped(&place, width, 3, Role::Dim, brush));
    lines
}

/// How long it will take, as far as earlier restores of this instance show it.
fn forecast(model: &Model, one: &CatalogInstance, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    /// Older ones were of a smaller instance, or of another machine.
    const NEWEST: usize = 5;
    let succeeded = model.restores_of(&one.name).iter().filter(|row| row.result == CompletedResult::Succeeded);
    let took: Vec<Duration> = succeeded.take(NEWEST).map(|row| row.took).collect();
    let (Some(least), Some(most)) = (took.iter().min(), took.iter().max()) else {
        return forecast_by_rate(model, one, width, brush);
    };
    let (least, most) = (format::coarse(*least), format::coarse(*most));
    let range = if least == most { format!("about {most}") } else { format!("{least} to {most}") };
    let text = format!("It took {range} in {}.", format::many(took.len(), "earlier restore"));
    widgets::wrapped(&text, width, 0, Role::Text, brush)
}

/// How long its files will take, at the speed of restores of other instances.
fn forecast_by_rate(model: &Model, one: &CatalogInstance, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let size = one.newest_row().and_then(CatalogEntry::size);
    let (Some(size), Some((slow, fast, restores))) = (size, model.restore_rates()) else { return Vec::new() };
    let took = |rate: u64| format::coarse(Duration::from_secs(size.0 / rate.max(1)));
    let (least, most) = (took(fast), took(slow));
    let range = if least == most { format!("about {most}") } else { format!("{least} to {most}") };
    let (slow, fast) = (format::rate(slow as f64), format::rate(fast as f64));
    let speed = if slow == fast { slow } else { format!("{slow} to {fast}") };
    let text = format!(
        "Not restored here yet. Its files take {range} at {speed}, the speed of {} of other instances.",
        format::many(restores, "restore")
    );
    widgets::wrapped(&text, width, 0, Role::Text, brush)
}

const POINTS: [Column; 9] = [
    Column { heading: "Taken (UTC)", content: Content::Whole, rank: 0 },
    Column { heading: "Age", content: Content::Whole, rank: 2 },
    Column { heading: "Size", content: Content::Number { usual: 8 }, rank: 1 },
    Column { heading: "Verified", content: Content::Whole, rank: 3 },
    Column { heading: "Form", content: Content::Whole, rank: 4 },
    Column { heading: "PG", content: Content::Number { usual: 2 }, rank: 6 },
    Column { heading: "Timeline", content: Content::Number { usual: 2 }, rank: 8 },
    Column { heading: "WAL", content: Content::Whole, rank: 7 },
    Column { heading: "Label", content: Content::Text { least: 10 }, rank: 5 },
];

/// The restore points, newest first, and the line on which each begins; one that cannot be read says why below its row.
fn points(model: &Model, one: &CatalogInstance, width: usize, brush: &Brush) -> (Vec<Line<'static>>, Vec<usize>) {
    let now = model.now();
    let text = |role: Role, text: String| Cell::Text(role, text);
    let other = |taken: Timestamp, size: Option<ByteCount>, form: String, label: &str| {
        vec![
            text(Role::Text, format::minute(taken)),
            text(Role::Text, format::age(taken, now)),
            size.map_or_else(Cell::empty, |size| text(Role::Text, size.to_string())),
            Cell::empty(),
            text(Role::Text, form),
            Cell::empty(),
            Cell::empty(),
            Cell::empty(),
            text(Role::Dim, format::clean(label).into_owned()),
        ]
    };
    let row = |row: &CatalogEntry| match row {
        CatalogEntry::Restorable(point) => {
            let facts = &point.facts;
            vec![
                text(Role::Text, format::minute(facts.taken_at)),
                text(Role::Text, format::age(facts.taken_at, now)),
                text(Role::Text, facts.size.to_string()),
                verified(model, one, point, brush),
                text(Role::Text, format_of(&point.source)),
                facts.version.map_or_else(Cell::empty, |version| text(Role::Dim, version.to_string())),
                text(Role::Dim, facts.timeline.to_string()),
                text(Role::Dim, format!("{} to {}", facts.start_lsn, facts.stop_lsn)),
                text(Role::Dim, format::clean(&point.label).into_owned()),
            ]
        }
        CatalogEntry::Machine(point) => {
            let form = if point.increments == 0 { "full".to_owned() } else { format!("+{}", point.increments) };
            other(point.taken_at, Some(point.size), form, &point.label)
        }
        CatalogEntry::Tree(point) => other(point.taken_at, point.size, "restic".to_owned(), &point.label),
        CatalogEntry::Unreadable { label, .. } => {
            let name = format!("{} {}", brush.glyphs.stuck, format::clean(label));
            std::iter::once(text(Role::Stuck, name))
                .chain(std::iter::repeat_n(Cell::empty(), POINTS.len() - 1))
                .collect()
        }
    };
    let cells: Vec<Vec<Cell>> = one.rows.iter().map(row).collect();
    let table = table::table(&POINTS, &cells, None, width, brush);
    let (mut lines, mut starts) = (vec![table.heading], Vec::new());
    for (entry, line) in one.rows.iter().zip(table.rows) {
        starts.push(lines.len());
        lines.push(line);
        if let CatalogEntry::Unreadable { problem, .. } = entry {
            lines.extend(widgets::wrapped(&format!("cannot be restored: {problem}"), width, 2, Role::Dim, brush));
        }
    }
    (lines, starts)
}

/// What the last verification of a restore point found, and how long ago (S15). Of namesakes nobody can tell whose it was
/// (S14).
fn verified(model: &Model, one: &CatalogInstance, point: &RestorePoint, brush: &Brush) -> Cell {
    let found = one.distinction.is_none().then(|| model.verified(&one.name, point)).flatten();
    let Some((ended, result)) = found else { return Cell::empty() };
    let age = format::age(ended, model.now());
    if result == CompletedResult::Damaged {
        Cell::Text(Role::Stuck, format!("{} damaged {age}", brush.glyphs.stuck))
    } else {
        Cell::Text(Role::Done, format!("{} {age}", brush.glyphs.done))
    }
}

const HISTORY: [Column; 8] = [
    Column { heading: "Restored", content: Content::Whole, rank: 0 },
    Column { heading: "Outcome", content: Content::Whole, rank: 0 },
    Column { heading: "Took", content: Content::Number { usual: 5 }, rank: 1 },
    Column { heading: "No.", content: Content::Number { usual: 3 }, rank: 2 },
    Column { heading: "Size", content: Content::Number { usual: 9 }, rank: 3 },
    Column { heading: "Rate", content: Content::Number { usual: 9 }, rank: 4 },
    Column { heading: "Tries", content: Content::Number { usual: 2 }, rank: 5 },
    Column { heading: "By", content: Content::Text { least: 6 }, rank: 6 },
];

fn number(text: Option<String>) -> Cell {
    text.map_or_else(Cell::empty, |text| Cell::Text(Role::Text, text))
}

/// The newest restores of this instance.
fn history(model: &Model, one: &CatalogInstance, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let rows = model.restores_of(&one.name);
    if rows.is_empty() {
        return Vec::new();
    }
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            let (sign, role) = states::sign_of(row.result, &brush.glyphs);
            vec![
                Cell::Text(Role::Text, format::moment(row.ended, model.now())),
                Cell::Text(role, format!("{sign} {}", states::ended_row(row))),
                Cell::Text(Role::Text, format::duration(row.took)),
                Cell::Text(Role::Dim, row.id.to_string()),
                number(row.details.bytes.map(|bytes| bytes.to_string())),
                number(row.details.rate.map(|rate| format::rate(rate as f64))),
                number(row.details.tries.map(|tries| tries.to_string())),
                Cell::Text(Role::Dim, format::clean(&row.details.by).into_owned()),
            ]
        })
        .collect();
    let table = table::table(&HISTORY, &cells, None, width, brush);
    let mut lines = vec![Line::default(), Line::from(brush.span(Role::Title, "Restores of it")), table.heading];
    lines.extend(table.rows);
    lines
}

/// Who this is among the instances of its name, in full.
fn namesakes(model: &Model, one: &CatalogInstance, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    if one.distinction.is_none() {
        return Vec::new();
    }
    let cluster = match one.cluster {
        Some(cluster) => format!("the cluster {cluster}"),
        None => "a cluster that is not yet known; the plan reads it".to_owned(),
    };
    let mut text = format!("Not the only {}: this is {}, of {cluster}.", one.name, format::path(&one.folder));
    let in_its_folder = model.data().catalog.instances.iter().filter(|other| other.folder == one.folder).count();
    if in_its_folder > 1 {
        text = format!("{text} Its folder holds {in_its_folder} instances, distinguished by their cluster.");
    }
    let mut lines = vec![Line::default()];
    lines.extend(widgets::wrapped(&text, width, 0, Role::Waiting, brush));
    lines
}

/// The repositories, or why there is nothing in them.
pub(super) fn repositories(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let catalog = &model.data().catalog;
    if is_reading(catalog) {
        return vec![Line::from(brush.span(Role::Dim, "Reading the repositories"))];
    }
    let mut lines = Vec::new();
    for repository in &catalog.repositories {
        let (what, role) = match repository.kind {
            RepositoryKind::Own => (format::path(&repository.path), Role::Text),
            RepositoryKind::Sample => ("the sample repository that comes with howdah".to_owned(), Role::Sample),
        };
        lines.extend(widgets::wrapped(&what, width, 0, role, brush));
        if let Some(problem) = &repository.problem {
            lines.extend(widgets::wrapped(problem, width, 2, Role::Stuck, brush));
        }
    }
    if catalog.instances.is_empty() {
        lines.extend(widgets::wrapped("No backup was found there.", width, 0, Role::Text, brush));
    }
    if catalog.repositories.iter().all(|one| one.kind == RepositoryKind::Sample) {
        lines.extend(widgets::wrapped(&model.options().own_hint, width, 0, Role::Dim, brush));
    }
    lines.push(Line::default());
    lines
}

/// The sample is labelled as such, with one line that says how to add one's own.
pub(super) fn sample(model: &Model, one: &CatalogInstance, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    if one.kind == RepositoryKind::Own {
        return Vec::new();
    }
    let mut lines = vec![Line::default()];
    let text = "This is a sample: a small PostgreSQL backup that comes with howdah.";
    lines.extend(widgets::wrapped(text, width, 0, Role::Sample, brush));
    lines.extend(widgets::wrapped(&model.options().own_hint, width, 0, Role::Dim, brush));
    lines
}

/// How a backup is written, or by which program.
fn format_of(source: &BackupSource) -> String {
    match source {
        BackupSource::BaseBackup { .. } | BackupSource::Incremental { .. } => source.format().unwrap_or_default(),
        BackupSource::PgBackRest { .. } => "pgBackRest".to_owned(),
        BackupSource::Barman { .. } => "Barman".to_owned(),
    }
}

fn two_lines(first: &str, second: &str, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let more = brush.glyphs.more;
    vec![
        Line::from(brush.span(Role::Text, format::fit(&format!(" {first}"), width, more).into_owned())),
        Line::from(brush.span(Role::Dim, format::fit(&format!("   {second}"), width, more).into_owned())),
    ]
}

/// One backup in two lines; an unreadable one says why.
pub(super) fn backup(row: &CatalogEntry, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    match row {
        CatalogEntry::Restorable(point) => {
            let facts = &point.facts;
            let version = facts.version.map_or_else(String::new, |version| format!("  PostgreSQL {version}"));
            let system = facts.system_identifier.map_or_else(String::new, |id| format!("  system {id}"));
            let label = format::clean(&point.label).into_owned();
            let first =
                format!("{}  {}  {}{version}", format::full(facts.taken_at), facts.size, format_of(&point.source));
            let below: Vec<&str> = point.source.rests_on().iter().map(|member| member.label.as_str()).collect();
            let on =
                if below.is_empty() { String::new() } else { format!(" (on {})", format::clean(&below.join(", "))) };
            let second =
                format!("{label}{on}  timeline {}  {} to {}{system}", facts.timeline, facts.start_lsn, facts.stop_lsn);
            two_lines(&first, &second, width, brush)
        }
        CatalogEntry::Machine(point) => {
            let first = format!("{}  {}", format::full(point.taken_at), point.size);
            let chain = match point.increments {
                0 => "a full backup".to_owned(),
                increments => format!(
                    "a full backup and {}",
                    format::many(usize::try_from(increments).unwrap_or(usize::MAX), "increment")
                ),
            };
            let second = format!("{}  {chain} of {}", format::clean(&point.label), format::clean(&point.domain));
            two_lines(&first, &second, width, brush)
        }
        CatalogEntry::Tree(point) => {
            let first = format!("{}  restic", format::full(point.taken_at));
            two_lines(&first, &format!("{}  of {}", point.label, format::path(&point.path)), width, brush)
        }
        CatalogEntry::Unreadable { label, problem, .. } => {
            let mut lines = vec![Line::from(
                brush
                    .span(Role::Stuck, format!(" {} {}  cannot be restored", brush.glyphs.stuck, format::clean(label))),
            )];
            lines.extend(widgets::wrapped(problem, width, 3, Role::Dim, brush));
            lines
        }
    }
}
