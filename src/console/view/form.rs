//! The wizard's form.

use super::{instance, widgets, wishes};
use crate::console::{
    format,
    model::{
        Model,
        form::{Choice, Field, Form},
        form_orders::NO_ARCHIVE,
        wizard::Wizard,
    },
    ports::RepositoryKind,
    theme::{Brush, Role},
};
use crate::domain::{AtTarget, RecoveryGoal, Workload};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

/// Columns of a field's name.
const NAME: usize = 15;

/// Paints the form, scrolled so that the field with the keys is in view.
pub(super) fn paint(buffer: &mut Buffer, area: Rect, model: &Model, wizard: &Wizard, brush: &Brush) {
    let form = &wizard.form;
    let width = usize::from(area.width);
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut focused = 0;
    for (number, choice) in form.choices.iter().enumerate() {
        lines.push(heading(choice, brush));
        for field in form.fields_of(number) {
            if form.field() == field {
                focused = lines.len();
            }
            lines.push(line(wizard, field, width, brush));
        }
        lines.push(Line::default());
    }
    if !form.common().is_empty() {
        lines.push(Line::from(brush.span(Role::Title, "For all of them")));
    }
    for field in form.common() {
        if form.field() == field {
            focused = lines.len();
        }
        lines.push(line(wizard, field, width, brush));
    }
    lines.push(Line::default());
    let mut first_problem = None;
    if let Some(problem) = &form.problem {
        first_problem = Some(lines.len());
        lines.extend(widgets::wrapped(problem, width, 0, Role::Stuck, brush));
    } else {
        lines.extend(widgets::wrapped(help(form, form.field()), width, 0, Role::Dim, brush));
        let sample = form.choices.iter().find(|choice| choice.key.kind == RepositoryKind::Sample);
        let known = sample.and_then(|choice| choice.key.find(&model.data().catalog));
        lines.extend(known.into_iter().flat_map(|one| instance::sample(model, one, width, brush)));
    }
    let height = usize::from(area.height);
    // A problem at the end is worth seeing together with its field, where both fit.
    let bottom = if first_problem.is_some() && lines.len() - focused <= height { lines.len() } else { focused + 2 };
    let from = bottom.saturating_sub(height).min(lines.len().saturating_sub(height));
    widgets::lines(buffer, area, &lines, from);
}

fn heading(choice: &Choice, brush: &Brush) -> Line<'static> {
    let mut spans = vec![brush.span(Role::Title, format::clean(&choice.title).into_owned())];
    if choice.key.kind == RepositoryKind::Sample {
        spans.push(brush.span(Role::Sample, "  sample"));
    }
    Line::from(spans)
}

fn line(wizard: &Wizard, field: Field, width: usize, brush: &Brush) -> Line<'static> {
    let form = &wizard.form;
    let has_keys = form.field() == field;
    let (name, role) = (name(form, field), if has_keys { Role::Key } else { Role::Dim });
    let pointer = if has_keys { brush.glyphs.closed } else { " " };
    let mut spans = vec![brush.span(role, format!("{pointer} {}", widgets::cell(name, NAME, brush)))];
    let room = width.saturating_sub(NAME + 2);
    let choice = |number: usize| form.choices.get(number);
    match field {
        Field::Point(number) => {
            let text = choice(number).map_or_else(String::new, point);
            spans.extend(value(&text, room, has_keys, brush));
        }
        Field::Goal(number) => {
            let Some(choice) = choice(number) else { return Line::from(spans) };
            let role = if has_keys && choice.archive.is_some() { Role::Input } else { Role::Text };
            let text = format::fit(&goal(choice), room, brush.glyphs.more).into_owned();
            spans.push(brush.span(role, text));
        }
        Field::Directory(number) => {
            let Some(choice) = choice(number) else { return Line::from(spans) };
            spans.extend(widgets::input(&choice.directory.input, room.min(72), has_keys, brush));
        }
        Field::Port(number) => {
            let Some(choice) = choice(number) else { return Line::from(spans) };
            spans.extend(widgets::input(&choice.detail.input, room.min(8), has_keys, brush));
        }
        Field::Name(number) => {
            let Some(choice) = choice(number) else { return Line::from(spans) };
            spans.extend(widgets::input(&choice.detail.input, room.min(40), has_keys, brush));
        }
        Field::Include(number) => {
            let Some(choice) = choice(number) else { return Line::from(spans) };
            spans.extend(widgets::input(&choice.detail.input, room.min(60), has_keys, brush));
            if choice.detail.value().is_empty() {
                spans.push(brush.span(Role::Dim, "  all of it"));
            }
        }
        Field::Machine => spans.extend(value(wishes::machine(form.machine), room, has_keys, brush)),
        Field::Server => spans.extend(value(wishes::server(form.server), room, has_keys, brush)),
        Field::Rate => {
            spans.extend(widgets::input(&form.rate, room.min(16), has_keys, brush));
            if form.rate.value().trim().is_empty() {
                spans.push(brush.span(Role::Dim, "  as fast as it goes"));
            }
        }
        Field::Existing => spans.extend(value(wishes::existing(form.existing), room, has_keys, brush)),
        Field::MissingWal => spans.extend(value(wishes::missing_wal(form.missing_wal), room, has_keys, brush)),
    }
    Line::from(spans)
}

/// A value that is chosen from a few.
pub(super) fn value(text: &str, room: usize, has_keys: bool, brush: &Brush) -> Vec<Span<'static>> {
    let text = format::fit(text, room.saturating_sub(4), brush.glyphs.more).into_owned();
    if has_keys {
        vec![brush.span(Role::Key, "< "), brush.span(Role::Input, text), brush.span(Role::Key, " >")]
    } else {
        vec![brush.span(Role::Text, text)]
    }
}

fn point(choice: &Choice) -> String {
    let Some(row) = choice.chosen() else { return String::new() };
    let newest = if choice.is_newest() { "  newest" } else { "" };
    let taken = row.taken_at().map_or_else(String::new, format::full);
    let size = row.size().map_or_else(String::new, |size| format!("  {size}"));
    format!("{taken}{size}  {}{newest}", format::clean(row.label()))
}

/// How far it is recovered, and whether that can be changed.
fn goal(choice: &Choice) -> String {
    let wish = &choice.recovery;
    let then = match (&wish.goal, wish.at_target) {
        (RecoveryGoal::Consistent, _) => "",
        (_, AtTarget::Pause) => ", then pause",
        (_, AtTarget::Promote) => ", then promote",
        (_, AtTarget::ShutDown) => ", then shut down",
    };
    let archive = if choice.archive.is_some() { "" } else { ": no WAL archive is known" };
    format!("{}{then}{archive}", wish.goal)
}

fn name(form: &Form, field: Field) -> &'static str {
    match field {
        Field::Point(_) => "Restore point",
        Field::Goal(_) => "Recover to",
        Field::Directory(number) => match form.choices.get(number).map(|choice| choice.key.workload) {
            Some(Workload::Instance) | None => "Data directory",
            Some(Workload::VirtualMachine | Workload::FileTree) => "Directory",
        },
        Field::Port(_) => "Port",
        Field::Name(_) => "New name",
        Field::Include(_) => "Only this path",
        Field::Server => "Server",
        Field::Machine => "Machine",
        Field::Rate => "Bandwidth",
        Field::Existing => "Existing data",
        Field::MissingWal => "Missing WAL",
    }
}

fn help(form: &Form, field: Field) -> &'static str {
    match field {
        Field::Goal(_) if form.has_archive(field) => {
            "Enter opens the recoverable window: any moment, position, transaction or named restore point in it."
        }
        Field::Goal(_) => NO_ARCHIVE,
        Field::Point(_) => {
            "Left and right choose another backup; Space lists all of them, also those that cannot be read."
        }
        Field::Directory(_) => {
            "Where the files go. An absolute path; nothing is written before the plan has been shown."
        }
        Field::Port(_) => "The TCP port that the restored server listens on.",
        Field::Name(_) => {
            "The name that libvirt will have for the restored machine; its source may still have its own."
        }
        Field::Include(_) => {
            "A path of the tree: only that comes back. Empty is all of it; several paths are wanted with howdah restore \
             --include."
        }
        Field::Server => "Left and right choose what becomes of the server.",
        Field::Machine => {
            "Left and right choose whether the machine is started. A copy that is connected has the addresses of its \
             source."
        }
        Field::Rate => "The most that is read from the backup in a second, such as 100M; empty is as fast as it goes.",
        Field::Existing => {
            "What to do when other data stands at a target. It is never deleted; renaming asks for its name."
        }
        Field::MissingWal => {
            "What to do when the backup lacks WAL that a server needs, and none is started: its files alone are of use only \
             to whoever brings that WAL."
        }
    }
}
