//! What holds after every step, and what a key that means something must bring about.

use super::stage::*;
use howdah::{
    catalog::CatalogEntry,
    console::{
        Theme,
        action::{Action, Go, Press},
        chord::Chord,
        keymap::KeyContext,
        message::{Intent, Message},
        model::{
            Focus, Model,
            dialog::{CancelFocus, Overlay},
            log_page::LogInput,
            notice::{Notice, Tone},
            preview::Tab,
            tree::{Node, Screen},
            wizard::{Waits, WizardPage},
        },
    },
    domain::SessionId,
    manager::Moment,
};
use ratatui::buffer::{Buffer, CellWidth as _};

/// The screen on which all that can be seen is seen.
const LARGEST: (u16, u16) = (200, 60);

/// The selections lead to something, and the picture is harmless.
pub(crate) fn hold(stage: &Stage, theme: Theme) -> Result<(), String> {
    let model = &stage.model;
    let ascii = model.options().ascii;
    let picture = stage.paint(theme, ascii);
    harmless(&picture, ascii)?;
    tree(model)?;
    marks(model)?;
    if let Some((at, len)) = rows(model) {
        ensure(at < len.max(1), || format!("row {at} of {len} in {:?}", model.key_context()))?;
    }
    if let Some(wizard) = model.wizard() {
        ensure(wizard.form.is_empty() || wizard.form.at < wizard.form.len(), || "a field that is none".to_owned())?;
        for choice in &wizard.form.choices {
            let restorable = matches!(choice.rows.get(choice.point), Some(CatalogEntry::Restorable(_)));
            ensure(restorable, || format!("{} has no restore point {}", choice.title, choice.point))?;
        }
    }
    if let (Some((_, wanted)), Some(session)) = (model.log_attempt(), model.session()) {
        let known = session.attempts().iter().any(|record| record.number == wanted);
        ensure(known, || format!("the log of attempt {wanted}, which was never made"))?;
    }
    let log = model.preview().log_lines().len();
    let line = model.preview().page.search.as_ref().and_then(|search| search.line);
    ensure(line.is_none_or(|line| line < log.max(1)), || format!("a match on line {line:?} of {log}"))
}

fn harmless(picture: &Buffer, ascii: bool) -> Result<(), String> {
    let area = picture.area;
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let symbol = picture[(x, y)].symbol();
            // Most cells are blank.
            if symbol == " " {
                continue;
            }
            let steers = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
            ensure(!symbol.chars().any(steers), || format!("{symbol:?} stands at {x},{y}"))?;
            ensure(!ascii || symbol.is_ascii(), || format!("{symbol:?} at {x},{y} is not ASCII"))?;
            let end = x + symbol.cell_width().max(1);
            ensure(end <= area.right(), || format!("{symbol:?} at {x},{y} reaches beyond the edge"))?;
        }
    }
    Ok(())
}

fn tree(model: &Model) -> Result<(), String> {
    let tree = model.tree();
    let row = tree.row(tree.index()).and_then(|row| model.data().node(row));
    let (at, selected) = (tree.index(), tree.selected());
    ensure(row.as_ref() == Some(selected), || format!("row {at} is {row:?}, and {selected:?} is selected"))?;
    let layout = model.layout();
    let height = usize::from(layout.inside(layout.tree).height);
    let in_view = height == 0 || (tree.offset..tree.offset + height).contains(&at);
    ensure(in_view, || format!("row {at} is not in view, which begins at {} and has {height}", tree.offset))
}

fn marks(model: &Model) -> Result<(), String> {
    let snapshot = &model.data().snapshot;
    let is_there =
        |id: &SessionId| snapshot.session(*id).is_some() || snapshot.completed.iter().any(|row| row.id == *id);
    let lost = model.tree().marked.iter().find(|id| !is_there(id));
    ensure(lost.is_none(), || format!("session {lost:?} is marked and not there"))?;
    let lost = model.tree().marked_instances.iter().find(|key| key.find(&model.data().catalog).is_none());
    ensure(lost.is_none(), || format!("instance {lost:?} is marked and not there"))?;
    let is_open = |id: SessionId| snapshot.session(id).is_some_and(|session| session.open_at().is_some());
    let lost = model.tree().marked_items.iter().find(|(session, _)| !is_open(*session));
    ensure(lost.is_none(), || format!("{lost:?} is marked and not open"))
}

/// The row that the keys are on, and how many there are; `None` where the keys move no row.
fn rows(model: &Model) -> Option<(usize, usize)> {
    let wizard = model.wizard();
    match (model.overlay(), model.key_context()) {
        (Some(Overlay::Menu(menu)), _) => Some((menu.at, menu.items.len())),
        (Some(Overlay::Copy(menu)), _) => Some((menu.at, menu.items.len())),
        (Some(Overlay::Goal(page)), _) => {
            let rows = page.rows();
            Some((rows.iter().position(|row| *row == page.row)?, rows.len()))
        }
        (Some(Overlay::Palette(palette)), _) => Some((palette.at, palette.found.len())),
        (_, KeyContext::Instances) => wizard.map(|wizard| (wizard.at, model.data().catalog.instances.len())),
        (_, KeyContext::Form | KeyContext::FormText) => wizard.map(|wizard| (wizard.form.at, wizard.form.len())),
        (_, KeyContext::Points) => wizard.and_then(|wizard| match wizard.page {
            WizardPage::Points { choice, at } => Some((at, wizard.form.choices.get(choice)?.rows.len())),
            _ => None,
        }),
        (_, KeyContext::Tree | KeyContext::Filter) => Some((model.tree().index(), model.tree().size())),
        // What is saved has one line.
        (_, KeyContext::LogInput) => matches!(model.preview().page.typed, Some(LogInput::Save(_))).then_some((0, 1)),
        (_, KeyContext::Preview) => {
            model.table_group().map(|group| (model.table_cursor(group), model.table_len(group)))
        }
        _ => None,
    }
}

/// A key that means something here, and that the situation allows, is answered: by the picture, by something that is
/// wanted, or by a notice. What is at its end already is none the less said to be possible: there nothing has to happen.
pub(crate) fn answered(
    before: &Model,
    after: &Model,
    chord: Chord,
    wanted: &[Intent],
    at: Moment,
) -> Result<(), String> {
    let place = before.key_context();
    let Some(action) = before.options().keymap.action(place, chord) else { return Ok(()) };
    // Two notices of one wording differ by their moment.
    let fresh = after.notice().is_some_and(|notice| notice.until == Notice::new(Tone::Info, "", at.steady).until);
    if fresh || !wanted.is_empty() || place_of(before) != place_of(after) || seen(before, at) != seen(after, at) {
        return Ok(());
    }
    ensure(is_at_its_end(before, place, action) || closes_a_report(before, after, action), || {
        format!("{} ({chord}) does nothing in {place:?}", action.name())
    })
}

/// Where one is: whoever is elsewhere sees it, and to compare pictures takes longer.
fn place_of(model: &Model) -> (KeyContext, usize, Option<(usize, usize)>) {
    (model.key_context(), model.tree().index(), rows(model))
}

/// Another report of the same wording may lie below.
fn closes_a_report(before: &Model, after: &Model, action: Action) -> bool {
    let are_reports =
        matches!((before.overlay(), after.overlay()), (Some(Overlay::Report(_)), Some(Overlay::Report(_))));
    are_reports && matches!(action.press(), Press::Accept | Press::Back)
}

fn seen(model: &Model, at: Moment) -> Buffer {
    let mut stage = Stage { model: model.clone(), intents: Vec::new() };
    stage.tell_at(Message::Resize(LARGEST.0, LARGEST.1), at);
    stage.paint(Theme::XRay, false)
}

/// Whether there is nothing left for an action to do.
fn is_at_its_end(model: &Model, place: KeyContext, action: Action) -> bool {
    // What was ordered cannot be taken back; its answer closes the page.
    if model.wizard().is_some_and(|wizard| wizard.waits == Waits::Start) {
        return true;
    }
    let (tree, preview) = (model.tree(), model.preview());
    // What has ended is read from the journal; until then its page says so, whichever it is.
    let is_read = model.session().is_some() || !matches!(tree.selected(), Node::Session(_));
    let first_or_last = |up: bool| rows(model).is_some_and(|(at, len)| if up { at == 0 } else { at + 1 >= len });
    match (action.press(), place) {
        // How far the line goes, and how many values a field has, only the page knows.
        (Press::Go(Go::Top | Go::Bottom) | Press::Left | Press::Right, KeyContext::Goal) => true,
        (Press::Go(Go::Up | Go::PageUp | Go::Top | Go::PreviousGroup | Go::Previous), _) if rows(model).is_some() => {
            first_or_last(true)
        }
        (Press::Go(_), _) if rows(model).is_some() => first_or_last(false),
        // How long a page is, and how many values a field has, only the view knows.
        (Press::Go(_), KeyContext::Preview | KeyContext::Log | KeyContext::TextView | KeyContext::Plan)
        | (Press::Left | Press::Right, KeyContext::Form) => true,
        // How much of a plan has no room only the view knows.
        (Press::Go(Go::Up | Go::Down), KeyContext::Confirmation) => {
            matches!(model.overlay(), Some(Overlay::StartJob(_) | Overlay::Plan(_)))
        }
        // What is wrong with the form stands there already.
        (Press::Accept, KeyContext::Form | KeyContext::FormText) => {
            model.wizard().is_some_and(|wizard| wizard.form.problem.is_some())
        }
        (Press::Left | Press::Right, KeyContext::Preview)
        | (Press::Other(Action::Progress | Action::Log | Action::Request | Action::Events), _)
            if !is_read =>
        {
            true
        }
        (Press::Left, KeyContext::Tree) => matches!(tree.selected(), Node::Group(group) if !tree.is_open(*group)),
        (Press::Right, KeyContext::Tree) => matches!(tree.selected(), Node::Group(group) if tree.is_open(*group)),
        (Press::Right, KeyContext::Preview | KeyContext::Log) => {
            preview.tab == Tab::Events || !matches!(tree.selected(), Node::Session(_))
        }
        // Nothing is armed, and nothing done, by the key that marks rows elsewhere.
        (Press::Mark, KeyContext::Confirmation) => {
            !matches!(model.overlay(), Some(Overlay::Cancel(question)) if question.focus == CancelFocus::Disposition)
        }
        (Press::Back, KeyContext::Tree) => {
            let sessions = tree.marked.is_empty() && tree.marked_instances.is_empty();
            let unmarked = sessions && tree.marked_items.is_empty();
            tree.filter().is_empty() && unmarked && !model.is_frozen() && tree.screen() == Screen::Restore
        }
        (Press::Other(Action::Progress), _) => shows(model, Tab::Progress),
        (Press::Other(Action::Log | Action::OlderAttempt | Action::NewerAttempt), _) => shows(model, Tab::Log),
        (Press::Other(Action::Request), _) => shows(model, Tab::Request),
        (Press::Other(Action::Events), _) => shows(model, Tab::Events),
        _ => false,
    }
}

/// Whether this page of a session is in view.
fn shows(model: &Model, tab: Tab) -> bool {
    let can_be_seen = !model.layout().preview.is_empty() || model.focus() == Focus::Preview;
    model.session().is_some() && model.preview().tab == tab && can_be_seen
}

fn ensure(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}
