//! Actions inside menu, questions, reports and help.

use super::{
    keys,
    main_screen::say,
    sessions::{cancel, refusal},
    wizard_plan,
};
use crate::{
    console::{
        action::Action,
        keymap::Place,
        message::Intent,
        model::{
            Focus, Model,
            dialog::{CancelFocus, CancelQuestion, Menu, Overlay, Question, Reading, TypeName},
            notice::Tone,
        },
        view::help,
    },
    domain::Disposition,
};
use tui_input::Input;

const DISPOSITIONS: [Disposition; 4] =
    [Disposition::Default, Disposition::Remove, Disposition::Keep, Disposition::SetAside];

/// Carries out an action on the topmost overlay.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Intent> {
    let Some(top) = model.overlays.pop() else { return Vec::new() };
    if action == Action::Back {
        return Vec::new();
    }
    match top {
        Overlay::Menu(menu) => in_menu(model, menu, action),
        Overlay::Cancel(question) => in_cancel(model, question, action),
        Overlay::Ask(question) => in_question(model, question, action),
        Overlay::Report(reading) => {
            if action != Action::Accept {
                let lines = reading.lines.len();
                model.overlays.push(Overlay::Report(scrolled(model, reading, action, lines)));
            }
            Vec::new()
        }
        Overlay::Help(reading) => {
            if action != Action::Accept {
                let lines = help::length(model);
                model.overlays.push(Overlay::Help(scrolled(model, reading, action, lines)));
            }
            Vec::new()
        }
        Overlay::TypeName(state) => in_type_name(model, state, action),
        Overlay::Palette(state) => {
            model.overlays.push(Overlay::Palette(state));
            Vec::new()
        }
    }
}

/// The place that an action of the menu or the palette is carried out in.
pub(super) const fn main_place(model: &Model) -> Place {
    match model.focus {
        Focus::Tree => Place::Tree,
        Focus::Preview => Place::Preview,
    }
}

/// The row `action` leads to in a list of `len` rows.
pub(super) fn moved(at: usize, len: usize, action: Action) -> usize {
    let last = len.saturating_sub(1);
    // A page of a list that is never longer than a screen.
    const PAGE: usize = 10;
    match action {
        Action::Up | Action::PreviousPane => at.saturating_sub(1),
        Action::Down | Action::NextPane => (at + 1).min(last),
        Action::PageUp => at.saturating_sub(PAGE),
        Action::PageDown => (at + PAGE).min(last),
        Action::Top => 0,
        Action::Bottom => last,
        _ => at.min(last),
    }
}

fn in_menu(model: &mut Model, mut menu: Menu, action: Action) -> Vec<Intent> {
    if action != Action::Accept {
        menu.at = moved(menu.at, menu.items.len(), action);
        model.overlays.push(Overlay::Menu(menu));
        return Vec::new();
    }
    let Some((chosen, verdict)) = menu.items.get(menu.at).cloned() else { return Vec::new() };
    if let Some(reason) = refusal(&verdict) {
        say(model, Tone::Refused, format!("{} refused: {reason}", chosen.label()));
        model.overlays.push(Overlay::Menu(menu));
        return Vec::new();
    }
    let place = main_place(model);
    keys::act(model, place, chosen)
}

fn in_cancel(model: &mut Model, mut question: CancelQuestion, action: Action) -> Vec<Intent> {
    match (action, question.focus) {
        (Action::Accept, CancelFocus::Keep) => return Vec::new(),
        (Action::Accept, CancelFocus::Cancel) => return cancel(model, question),
        (Action::Accept, CancelFocus::Disposition) => question.focus = CancelFocus::Keep,
        (Action::Left | Action::Right | Action::Mark, CancelFocus::Disposition) => {
            let at = DISPOSITIONS.iter().position(|one| *one == question.disposition).unwrap_or(0);
            let by = if action == Action::Left { DISPOSITIONS.len() - 1 } else { 1 };
            question.disposition = DISPOSITIONS[(at + by) % DISPOSITIONS.len()];
        }
        (Action::Left | Action::Right, CancelFocus::Keep) => question.focus = CancelFocus::Cancel,
        (Action::Left | Action::Right, CancelFocus::Cancel) => question.focus = CancelFocus::Keep,
        (Action::Up, CancelFocus::Disposition) => question.focus = CancelFocus::Keep,
        (Action::Up | Action::Down, CancelFocus::Keep | CancelFocus::Cancel) => {
            question.focus = CancelFocus::Disposition;
        }
        (Action::Down, CancelFocus::Disposition) => question.focus = CancelFocus::Keep,
        (Action::NextPane, focus) => question.focus = focus.next(),
        (Action::PreviousPane, focus) => question.focus = focus.previous(),
        _ => {}
    }
    model.overlays.push(Overlay::Cancel(question));
    Vec::new()
}

fn in_question(model: &mut Model, mut question: Question, action: Action) -> Vec<Intent> {
    match action {
        Action::Accept if question.armed => return vec![Intent::Act(question.act, question.scope)],
        Action::Accept => return Vec::new(),
        Action::Left
        | Action::Right
        | Action::Up
        | Action::Down
        | Action::NextPane
        | Action::PreviousPane
        | Action::Mark => question.armed = !question.armed,
        _ => {}
    }
    model.overlays.push(Overlay::Ask(question));
    Vec::new()
}

fn scrolled(model: &Model, mut reading: Reading, action: Action, lines: usize) -> Reading {
    let height = usize::from(help::area(model).height).saturating_sub(2);
    let most = lines.saturating_sub(height);
    reading.scroll = match action {
        Action::Up => reading.scroll.saturating_sub(1),
        Action::Down => reading.scroll + 1,
        Action::PageUp => reading.scroll.saturating_sub(height),
        Action::PageDown => reading.scroll + height,
        Action::Top => 0,
        Action::Bottom => most,
        _ => reading.scroll,
    };
    reading.scroll = reading.scroll.min(most);
    reading
}

fn in_type_name(model: &mut Model, mut state: TypeName, action: Action) -> Vec<Intent> {
    if action == Action::Accept {
        if state.wanted().as_deref() == Some(state.input.value()) {
            state.directories.remove(0);
            state.input = Input::default();
            if state.directories.is_empty() {
                return wizard_plan::confirmed(model);
            }
        } else {
            state.wrong = true;
        }
    }
    model.overlays.push(Overlay::TypeName(state));
    Vec::new()
}
