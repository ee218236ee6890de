//! The wizard over the main screen: its frame, the list of instances, the list of restore points.

use super::{form, instance, plan, position, widgets};
use crate::console::{
    action::Action,
    format,
    keymap::KeyContext,
    layout::{wizard_body, wizard_frame},
    model::{
        Model,
        form::Field,
        is_reading,
        tree::InstanceKey,
        wizard::{Waits, Wizard, WizardPage},
    },
    ports::RepositoryKind,
    theme::{Brush, Role},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

/// Paints the wizard, if it is open.
pub(super) fn paint(buffer: &mut Buffer, model: &Model, brush: &Brush) {
    let Some(wizard) = model.wizard() else { return };
    let (columns, rows) = (buffer.area.width, buffer.area.height);
    widgets::dialog(buffer, wizard_frame(columns, rows), &title(wizard), brush);
    let body = wizard_body(columns, rows);
    let upper = Rect { height: body.height.saturating_sub(2), ..body };
    match wizard.page {
        WizardPage::Instances => instances(buffer, upper, model, wizard, brush),
        WizardPage::Form => form::paint(buffer, upper, model, wizard, brush),
        WizardPage::Points { choice, at } => points(buffer, upper, wizard, choice, at, brush),
        WizardPage::Plan => {
            let lines = plan::pages(model, usize::from(upper.width), brush);
            widgets::lines(buffer, upper, &lines, wizard.scroll);
            position::framed(buffer, wizard_frame(columns, rows), upper, (wizard.scroll, lines.len()), brush);
        }
    }
    if body.height > 2 {
        let lowest = Rect { y: body.bottom() - 1, height: 1, ..body };
        buffer.set_line(lowest.x, lowest.y, &hints(model, wizard, brush), lowest.width);
    }
}

fn title(wizard: &Wizard) -> String {
    let (number, name) = match wizard.page {
        WizardPage::Instances => (1, "instances"),
        WizardPage::Form | WizardPage::Points { .. } => (2, "restore points and targets"),
        WizardPage::Plan => (3, "plan"),
    };
    format!("New restore, {number} of 3: {name}")
}

fn instances(buffer: &mut Buffer, area: Rect, model: &Model, wizard: &Wizard, brush: &Brush) {
    let catalog = &model.data().catalog;
    if catalog.instances.is_empty() {
        let text = if is_reading(catalog) { "Reading the repositories" } else { "There is no instance to restore." };
        widgets::lines(buffer, area, &[Line::from(brush.span(Role::Dim, text))], 0);
        return;
    }
    let height = usize::from(area.height).max(1);
    let first = wizard.at.saturating_sub(height - 1);
    let name_room = (usize::from(area.width) / 3).clamp(8, 28);
    for ((at, one), y) in catalog.instances.iter().enumerate().skip(first).zip(area.y..area.bottom()) {
        let checked = wizard.checked.contains(&InstanceKey::of(one));
        let (glyph, role) =
            if checked { (brush.glyphs.checked, Role::Mark) } else { (brush.glyphs.unchecked, Role::Dim) };
        let newest = one.newest_row().and_then(|row| Some((row.taken_at()?, row.size())));
        let newest = newest.map(|(taken, size)| {
            let size = size.map_or_else(String::new, |size| format!("  {size}"));
            format!("{}{size}", format::full(taken))
        });
        let bad = one.rows.iter().filter(|row| !row.is_restorable()).count();
        let mut spans = vec![
            brush.span(role, format!("{glyph} ")),
            brush.span(Role::Text, widgets::cell(&format::clean(one.name.as_str()), name_room, brush)),
        ];
        if let Some(distinction) = &one.distinction {
            spans.push(brush.span(Role::Text, format!("  {}", format::clean(distinction))));
        }
        match newest {
            Some(text) => spans.push(brush.span(Role::Dim, format!("  newest {text}"))),
            None => spans.push(brush.span(Role::Stuck, "  no restore point can be read")),
        }
        if bad > 0 {
            spans.push(brush.span(Role::Waiting, format!("  {bad} unreadable")));
        }
        if one.kind == RepositoryKind::Sample {
            spans.push(brush.span(Role::Sample, "  sample"));
        }
        buffer.set_line(area.x, y, &Line::from(spans), area.width);
        if at == wizard.at {
            widgets::select(buffer, area, y, brush);
        }
    }
}

fn points(buffer: &mut Buffer, area: Rect, wizard: &Wizard, choice: usize, at: usize, brush: &Brush) {
    let Some(choice) = wizard.form.choices.get(choice) else { return };
    let width = usize::from(area.width);
    let blocks: Vec<Vec<Line<'_>>> = choice.rows.iter().map(|row| instance::backup(row, width, brush)).collect();
    let before: usize = blocks.iter().take(at).map(Vec::len).sum();
    let height = usize::from(area.height);
    let own = blocks.get(at).map_or(1, Vec::len);
    let from = (before + own).saturating_sub(height);
    let lines: Vec<Line<'_>> = blocks.into_iter().flatten().collect();
    widgets::lines(buffer, area, &lines, from);
    for line in before..before + own {
        let y = usize::from(area.y) + line.saturating_sub(from);
        if let Ok(y) = u16::try_from(y)
            && y < area.bottom()
        {
            widgets::select(buffer, area, y, brush);
        }
    }
}

fn hints(model: &Model, wizard: &Wizard, brush: &Brush) -> Line<'static> {
    let place = model.key_context();
    let go = match (wizard.page, wizard.waits) {
        (_, Waits::Start) => return Line::from(brush.span(Role::Dim, "Starting")),
        (WizardPage::Form, Waits::Proposals { go_on: true }) => {
            return Line::from(brush.span(Role::Dim, "Looking for free places"));
        }
        (WizardPage::Instances | WizardPage::Form, _) => "goes on".to_owned(),
        (WizardPage::Points { .. }, _) => "chooses it".to_owned(),
        (WizardPage::Plan, _) if wizard.is_planning() => {
            return Line::from(brush.span(Role::Dim, "The plan is being made"));
        }
        (WizardPage::Plan, _) => match (wizard.startable().len(), wizard.overwrites().len(), wizard.plans.len()) {
            (0, 0, _) => return with_back("nothing here can be started", model, brush),
            (_, 1.., _) => "asks for the name of what is renamed, then starts".to_owned(),
            (ready, _, all) if ready == all => format!("starts {}", format::many(ready, "session")),
            (ready, _, all) => format!("starts {ready} of {all}, without the refused"),
        },
    };
    let wanted: &[(Action, &str)] = match place {
        KeyContext::Instances => &[(Action::Accept, ""), (Action::Mark, "checks"), (Action::Back, "closes")],
        KeyContext::Form if matches!(wizard.form.field(), Field::Point(_)) => &[
            (Action::Accept, ""),
            (Action::Down, "next field"),
            (Action::Right, "other value"),
            (Action::Mark, "list"),
            (Action::Back, "back"),
        ],
        KeyContext::Form if wizard.form.has_archive(wizard.form.field()) => {
            &[(Action::Accept, "opens the window"), (Action::Down, "next field"), (Action::Back, "back")]
        }
        KeyContext::Form => &[
            (Action::Accept, ""),
            (Action::Down, "next field"),
            (Action::Right, "other value"),
            (Action::Back, "back"),
        ],
        KeyContext::FormText => &[(Action::Accept, ""), (Action::Down, "next field"), (Action::Back, "back")],
        KeyContext::Points
        | KeyContext::Plan
        | KeyContext::Tree
        | KeyContext::Preview
        | KeyContext::Log
        | KeyContext::LogInput
        | KeyContext::Filter
        | KeyContext::Palette
        | KeyContext::Menu
        | KeyContext::TextView
        | KeyContext::Confirmation
        | KeyContext::TypeName
        | KeyContext::Destination
        | KeyContext::Goal
        | KeyContext::GoalText => &[(Action::Accept, ""), (Action::Down, "scrolls"), (Action::Back, "back")],
    };
    let pair = |(action, label): &(Action, &'static str)| {
        let key = model.options().keymap.key(place, *action)?;
        let label = if label.is_empty() { go.clone() } else { (*label).to_owned() };
        Some((key, label))
    };
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (key, label) in wanted.iter().filter_map(pair) {
        if !spans.is_empty() {
            spans.push(Span::raw("   "));
        }
        spans.push(brush.span(Role::Key, key.to_string()));
        spans.push(brush.span(Role::Dim, format!(" {label}")));
    }
    Line::from(spans)
}

fn with_back(text: &'static str, model: &Model, brush: &Brush) -> Line<'static> {
    let key = model.options().keymap.key(KeyContext::Plan, Action::Back);
    let key = key.map_or_else(String::new, |key| key.to_string());
    Line::from(vec![
        brush.span(Role::Waiting, text),
        Span::raw("   "),
        brush.span(Role::Key, key),
        brush.span(Role::Dim, " back to change it"),
    ])
}
