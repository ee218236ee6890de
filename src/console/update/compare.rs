//! Comparing a table of an open restore point with the live one: which server, then what is found.

use super::take;
use crate::{
    console::{
        action::{PAGE, Press},
        format,
        message::{Comparing, Intent, RequestId},
        model::{
            Model,
            compare_dialog::{CompareDialog, CompareStage},
            dialog::Overlay,
        },
        view::compare_dialog,
    },
    domain::{browse::TableComparison, conninfo},
};
use tui_input::Input;

/// Asks which server the selected table is compared with.
pub(super) fn ask(model: &mut Model) {
    let Ok((item, wish)) = model.table_to_compare() else { return };
    let Some(session) = model.explored() else { return };
    let to = Input::new(take::live_server(model, session.title()));
    let about = model.estimated_rows(session.id(), &item);
    let stage = CompareStage::Asking;
    let dialog = CompareDialog { item, about, wish, to, problem: None, stage, scroll: 0 };
    model.overlays.push(Overlay::Compare(Box::new(dialog)));
}

/// A key in the dialog that is no text.
pub(super) fn act(model: &mut Model, mut state: Box<CompareDialog>, press: Press) -> Vec<Intent> {
    let mut intents = Vec::new();
    match (press, &state.stage) {
        (Press::Accept, CompareStage::Asking) => {
            let live = state.to.value().trim().to_owned();
            let problem = match conninfo::check(&live) {
                Ok(()) if live.is_empty() => Some("name a server, such as host=db1 user=postgres".to_owned()),
                Ok(()) => None,
                Err(error) => Some(error.to_string()),
            };
            if problem.is_none() {
                model.last_destination = Some(live.clone());
                model.runs.tickets += 1;
                let ticket = RequestId(model.runs.tickets);
                state.wish.live = live;
                state.stage = CompareStage::Going(ticket, TableComparison::default());
                intents.push(Intent::Compare(ticket, Box::new(state.wish.clone())));
            }
            state.problem = problem;
        }
        (Press::Accept, CompareStage::Ended(_)) => return intents,
        (Press::Go(go), CompareStage::Ended(_)) => {
            let hidden = compare_dialog::hidden_lines(model, &state);
            state.scroll = go.from(state.scroll.min(hidden), hidden + 1, PAGE);
        }
        (
            Press::Accept | Press::Go(_) | Press::Left | Press::Right | Press::Mark | Press::Back | Press::Other(_),
            _,
        ) => {}
    }
    model.overlays.push(Overlay::Compare(state));
    intents
}

/// What is to be done when an overlay is left: a comparison that nobody sees ends.
pub(super) fn left(overlay: &Overlay) -> Vec<Intent> {
    let goes_on = matches!(overlay, Overlay::Compare(state) if matches!(state.stage, CompareStage::Going(..)));
    if goes_on { vec![Intent::StopComparing] } else { Vec::new() }
}

/// Takes in what was found, where its dialog still stands.
pub(super) fn compared(model: &mut Model, ticket: RequestId, found: Result<Comparing, String>) {
    for overlay in &mut model.overlays {
        if let Overlay::Compare(state) = overlay
            && matches!(state.stage, CompareStage::Going(of, _) if of == ticket)
        {
            state.stage = match found {
                Ok(Comparing { found, ended: false }) => CompareStage::Going(ticket, found),
                Ok(Comparing { found, ended: true }) => CompareStage::Ended(found),
                Err(reason) => {
                    state.problem = Some(format::clean(&reason).into_owned());
                    CompareStage::Asking
                }
            };
            return;
        }
    }
}
