//! An instance of the catalog in the preview: its restore points, newest first, readable or not.

use super::widgets;
use crate::{
    console::{
        action::Action,
        format,
        model::{Model, is_reading, tree::InstanceKey},
        ports::{CatalogEntry, CatalogInstance, RepositoryKind},
        theme::{Brush, Role},
    },
    domain::BackupSource,
};
use ratatui::text::Line;

/// One instance.
pub(super) fn one(model: &Model, key: &InstanceKey, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let Some(one) = key.find(&model.data().catalog) else {
        return vec![Line::from(brush.span(Role::Dim, "This instance is no longer in the catalog."))];
    };
    let mut lines = Vec::new();
    let enter = widgets::key(model, Action::Accept);
    let newest = one.newest();
    lines.extend(match newest {
        Some(point) => {
            let when = format::full(point.facts.taken_at);
            let text =
                format!("Press {enter} to restore the backup of {when}. The plan is shown before anything is written.");
            widgets::wrapped(&text, width, 0, Role::Text, brush)
        }
        None => widgets::wrapped("No restore point of this instance can be read.", width, 0, Role::Stuck, brush),
    });
    lines.extend(sample(model, one, width, brush));
    lines.extend(namesakes(model, one, width, brush));
    lines.push(Line::default());
    lines.push(Line::from(brush.span(Role::Title, format::many(one.rows.len(), "restore point"))));
    for row in &one.rows {
        lines.extend(backup(row, width, brush));
    }
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
        BackupSource::BaseBackup { form, .. } => form.to_string(),
        BackupSource::PgBackRest { .. } => "pgBackRest".to_owned(),
        BackupSource::Barman { .. } => "Barman".to_owned(),
    }
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
            let second =
                format!("{label}  timeline {}  {} to {}{system}", facts.timeline, facts.start_lsn, facts.stop_lsn);
            let more = brush.glyphs.more;
            vec![
                Line::from(brush.span(Role::Text, format::fit(&format!(" {first}"), width, more).into_owned())),
                Line::from(brush.span(Role::Dim, format::fit(&format!("   {second}"), width, more).into_owned())),
            ]
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
