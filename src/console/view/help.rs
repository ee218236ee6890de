//! The help: every action with its keys, generated from the key map in force.

use super::{position, widgets};
use crate::{
    console::{
        action::Action,
        format,
        keymap::KeyContext,
        layout::centered,
        model::{Focus, Model, dialog::TextView},
        ports::Closing,
        theme::{Brush, Role, Theme},
    },
    manager::OwnerState,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

/// Columns of the keys, and of the name, in front of what an action does.
const KEYS: usize = 11;
const LABEL: usize = 16;

/// Columns of a dialog that are not text: its border, and air.
const FRAME: usize = 4;

/// Paints it.
pub(super) fn paint(buffer: &mut Buffer, model: &Model, state: &TextView, brush: &Brush) {
    let frame = area(model).intersection(buffer.area);
    let area = widgets::dialog(buffer, frame, "Help: every key; Esc closes", brush);
    let lines = lines(model, usize::from(area.width), brush);
    widgets::lines(buffer, area, &lines, state.scroll);
    position::framed(buffer, frame, area, (state.scroll, lines.len()), brush);
}

/// Where it stands.
pub(in crate::console) fn area(model: &Model) -> Rect {
    let (columns, rows) = model.size();
    centered(columns, rows, 88, rows.saturating_sub(2).max(1))
}

/// How many lines it has.
pub(in crate::console) fn length(model: &Model) -> usize {
    // The number of lines does not depend on how they are coloured.
    let brush = Brush::new(Theme::Mono, model.options().ascii);
    lines(model, usize::from(area(model).width).saturating_sub(FRAME), &brush).len()
}

/// What is unusual about this console; the notice that told it may be long gone.
fn unusual(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let mut lines = match model.owner() {
        OwnerState::Local => Vec::new(),
        OwnerState::Remote { pid } => {
            let text = format!("The sessions belong to process {pid}; this console is attached to it.");
            widgets::wrapped(&text, width, 0, Role::Text, brush)
        }
        OwnerState::Nobody { .. } => {
            let text = "Nobody manages the sessions: nothing is tried again or finished. What is shown is how the journal \
                        stands; howdah without --read-only, or howdah keeper, goes on.";
            widgets::wrapped(text, width, 0, Role::Stuck, brush)
        }
        OwnerState::Unreachable { reason, .. } => {
            let text = format!("The owner of the sessions is lost, reconnecting: {reason}");
            widgets::wrapped(&text, width, 0, Role::Stuck, brush)
        }
    };
    if let Some(problem) = model.exposed() {
        let state = format::path(&model.options().state_dir);
        let text = format!("The state directory {state} {}. Fix: chmod 700 {state}", format::clean(problem));
        lines.extend(widgets::wrapped(&text, width, 0, Role::Stuck, brush));
    }
    match &model.options().closing {
        Closing::LogoutEnds { fix } => {
            let text = format!(
                "Work that was started here ends with the login: at a logout, or when the link is lost. Fix: {fix}"
            );
            lines.extend(widgets::wrapped(&text, width, 0, Role::Stuck, brush));
        }
        Closing::UntilReboot => {
            let text = "After a restart of this machine the work waits until howdah is opened: no service starts a keeper \
                        (howdah doctor says more).";
            lines.extend(widgets::wrapped(text, width, 0, Role::Text, brush));
        }
        Closing::Safe => {}
    }
    if !lines.is_empty() {
        lines.push(Line::default());
    }
    lines
}

fn lines(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let keymap = &model.options().keymap;
    let place = place_below(model);
    let mut lines = unusual(model, width, brush);
    let mut last = None;
    for action in Action::all() {
        let keys: Vec<String> = keymap.keys(action).iter().map(ToString::to_string).collect();
        if keys.is_empty() {
            continue;
        }
        if last != Some(action.purpose()) {
            lines.extend(last.map(|_| Line::default()));
            lines.push(Line::from(brush.span(Role::Title, action.purpose().heading())));
            last = Some(action.purpose());
        }
        // What means nothing where the help was opened is dimmed.
        let here = keymap.key(place, action).is_some();
        let (key, label) = if here { (Role::Key, Role::Text) } else { (Role::Off, Role::Off) };
        let about = format::wrap(action.help(), width.saturating_sub(KEYS + LABEL).max(1));
        let keys = format::wrap(&keys.join(" "), KEYS - 1);
        for row in 0..about.len().max(keys.len()) {
            let part = |lines: &[String]| lines.get(row).cloned().unwrap_or_default();
            let name = if row == 0 { action.label() } else { "" };
            lines.push(Line::from(vec![
                brush.span(key, widgets::cell(&part(&keys), KEYS, brush)),
                brush.span(label, widgets::cell(name, LABEL, brush)),
                brush.span(Role::Dim, part(&about)),
            ]));
        }
    }
    lines.extend(signs(width, brush));
    lines.push(Line::default());
    lines.push(Line::from(brush.span(Role::Dim, "Keys are set by name in howdah.toml:")));
    let example = format!("[console.keys] {} = [\"ctrl-r\"]", Action::Retry.name());
    lines.push(Line::from(vec![Span::raw("  "), brush.span(Role::Text, example)]));
    lines.push(Line::from(brush.span(Role::Dim, "Nothing harmful happens on one key: losing work asks first.")));
    lines
}

/// What each sign in front of a name means.
fn signs(width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let glyphs = &brush.glyphs;
    let all = [
        (Role::Stuck, glyphs.stuck, "stuck, or failed: needs a person"),
        (Role::Waiting, glyphs.waiting, "waits for its next try"),
        (Role::Waiting, glyphs.paused, "paused at the goal of its recovery"),
        (Role::Running, glyphs.running, "an attempt is at work"),
        (Role::Queued, glyphs.queued, "queued, or a step to come"),
        (Role::Cancelling, glyphs.cancelling, "is being cancelled"),
        (Role::Done, glyphs.done, "done"),
        (Role::Cancelled, glyphs.cancelled, "cancelled"),
        (Role::Dim, glyphs.instance, "an instance that can be restored"),
        (Role::Mark, glyphs.mark, "marked: the next action is for all that are"),
        (Role::Stuck, glyphs.warning, "a record that cannot be read"),
    ];
    let mut lines = vec![Line::default(), Line::from(brush.span(Role::Title, "Signs"))];
    lines.extend(all.into_iter().map(|(role, sign, about)| {
        let about = format::fit(about, width.saturating_sub(4), brush.glyphs.more).into_owned();
        Line::from(vec![brush.span(role, format!("{sign}   ")), brush.span(Role::Dim, about)])
    }));
    lines
}

/// The place whose keys the help tells when it is opened from an overlay.
const fn place_below(model: &Model) -> KeyContext {
    match (&model.wizard, model.focus) {
        (Some(_), _) => KeyContext::Form,
        (None, Focus::Tree) => KeyContext::Tree,
        (None, Focus::Preview) => KeyContext::Preview,
    }
}
