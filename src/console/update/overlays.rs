//! Actions inside menu, questions, reports and help.

use super::{
    compare, copy, explore, goal, jobs,
    next::Next,
    sessions::{cancel, refusal},
    take, wizard_plan,
};
use crate::{
    console::{
        action::{Action, Go, PAGE, Press},
        message::Intent,
        model::{
            Model,
            dialog::{CancelDialog, CancelFocus, Confirmation, Menu, Overlay, TextView, TypeName},
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
pub(super) fn act(model: &mut Model, action: Action) -> Next {
    let Some(top) = model.overlays.pop() else { return Next::nothing() };
    let press = action.press();
    if press == Press::Back {
        return Next::Done(compare::left(&top));
    }
    let intents = match top {
        Overlay::Menu(menu) => return in_menu(model, menu, press),
        Overlay::Copy(menu) => copy::act(model, menu, press),
        Overlay::Cancel(question) => in_cancel(model, question, press),
        Overlay::Confirm(question) => in_question(model, question, press),
        Overlay::Report(reading) => {
            if press != Press::Accept {
                let lines = reading.lines.len();
                model.overlays.push(Overlay::Report(scrolled(model, reading, press, lines)));
            }
            Vec::new()
        }
        Overlay::Help(reading) => {
            if press != Press::Accept {
                let lines = help::length(model);
                model.overlays.push(Overlay::Help(scrolled(model, reading, press, lines)));
            }
            Vec::new()
        }
        Overlay::TypeName(state) => in_type_name(model, state, press),
        Overlay::StopRun(state) => return jobs::in_stop(model, state, press),
        Overlay::StartJob(state) => jobs::in_start(model, state, press),
        Overlay::Plan(state) => explore::in_plan(model, state, press),
        Overlay::Take(state) => take::act(model, state, press),
        Overlay::Compare(state) => compare::act(model, state, press),
        Overlay::Goal(page) => goal::act(model, page, press),
        Overlay::Palette(state) => {
            model.overlays.push(Overlay::Palette(state));
            Vec::new()
        }
    };
    Next::Done(intents)
}

fn in_menu(model: &mut Model, mut menu: Menu, press: Press) -> Next {
    if press != Press::Accept {
        if let Press::Go(go) = press {
            menu.at = go.from(menu.at, menu.items.len(), PAGE);
        }
        model.overlays.push(Overlay::Menu(menu));
        return Next::nothing();
    }
    let Some((chosen, verdict)) = menu.items.get(menu.at).cloned() else { return Next::nothing() };
    if let Some(reason) = refusal(&verdict) {
        model.notify(Tone::Refused, format!("{} refused: {reason}", chosen.label()));
        model.overlays.push(Overlay::Menu(menu));
        return Next::nothing();
    }
    Next::Perform(chosen)
}

fn in_cancel(model: &mut Model, mut question: CancelDialog, press: Press) -> Vec<Intent> {
    let focus = question.focus;
    match (press, focus) {
        (Press::Accept, CancelFocus::Keep) => return Vec::new(),
        (Press::Accept, CancelFocus::Cancel) => return cancel(model, question),
        (Press::Left | Press::Right | Press::Mark, CancelFocus::Disposition) => {
            let at = DISPOSITIONS.iter().position(|one| *one == question.disposition).unwrap_or(0);
            let by = if press == Press::Left { DISPOSITIONS.len() - 1 } else { 1 };
            question.disposition = DISPOSITIONS[(at + by) % DISPOSITIONS.len()];
        }
        (Press::Left | Press::Right, CancelFocus::Keep) => question.focus = CancelFocus::Cancel,
        (Press::Left | Press::Right, CancelFocus::Cancel)
        | (Press::Accept | Press::Go(Go::Up | Go::Down), CancelFocus::Disposition) => {
            question.focus = CancelFocus::Keep;
        }
        (Press::Go(Go::Next), _) => question.focus = focus.next(),
        (Press::Go(Go::Previous), _) => question.focus = focus.previous(),
        (Press::Go(Go::Up | Go::Down), _) => question.focus = CancelFocus::Disposition,
        (Press::Go(_) | Press::Mark | Press::Back | Press::Other(_), _) => {}
    }
    model.overlays.push(Overlay::Cancel(question));
    Vec::new()
}

fn in_question(model: &mut Model, mut question: Confirmation, press: Press) -> Vec<Intent> {
    match press {
        Press::Accept if question.armed => return vec![question.intent],
        Press::Accept => return Vec::new(),
        Press::Left | Press::Right | Press::Go(_) => question.armed = !question.armed,
        Press::Mark | Press::Back | Press::Other(_) => {}
    }
    model.overlays.push(Overlay::Confirm(question));
    Vec::new()
}

fn scrolled(model: &Model, mut reading: TextView, press: Press, lines: usize) -> TextView {
    let height = usize::from(help::area(model).height).saturating_sub(2);
    let steps = lines.saturating_sub(height) + 1;
    if let Press::Go(go) = press {
        reading.scroll = go.from(reading.scroll.min(steps - 1), steps, height);
    }
    reading
}

fn in_type_name(model: &mut Model, mut state: TypeName, press: Press) -> Vec<Intent> {
    if press == Press::Accept {
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
