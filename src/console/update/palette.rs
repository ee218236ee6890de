//! The palette: every action by name, best match first.

use super::next::Next;
use crate::console::{
    action::{Action, PAGE, Press, Verdict},
    model::{
        Model,
        dialog::{Overlay, Palette},
        notice::Tone,
    },
};
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};
use tui_input::Input;

/// Opens it with every action.
pub(super) fn open(model: &mut Model) {
    model.overlays.push(Overlay::Palette(Palette { input: Input::default(), found: Vec::new(), at: 0 }));
    find(model);
}

/// Looks again after the text has changed.
pub(super) fn find(model: &mut Model) {
    let situation = model.situation();
    let Some(Overlay::Palette(state)) = model.overlays.last_mut() else { return };
    let pattern = Pattern::parse(state.input.value(), CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut rate = |text: &str| pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher);
    // An action that is called so comes before one that only speaks of it.
    let mut score = |action: Action| match rate(action.label()) {
        Some(score) => Some((true, score)),
        None => rate(action.help()).map(|score| (false, score)),
    };
    let mut found: Vec<_> = Action::all().filter_map(|action| Some((score(action)?, action))).collect();
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    state.found = found.into_iter().map(|(_, action)| (action, situation.verdict(action))).collect();
    state.at = 0;
}

/// Carries out an action inside the palette.
pub(super) fn act(model: &mut Model, action: Action) -> Next {
    let Some(Overlay::Palette(mut state)) = model.overlays.pop() else { return Next::nothing() };
    match action.press() {
        Press::Back => return Next::nothing(),
        Press::Accept => {
            let Some((chosen, verdict)) = state.found.get(state.at).cloned() else { return Next::nothing() };
            if let Verdict::No(reason) = verdict {
                model.notify(Tone::Refused, format!("{} refused: {reason}", chosen.label()));
                return Next::nothing();
            }
            return Next::Perform(chosen);
        }
        Press::Go(go) => state.at = go.from(state.at, state.found.len(), PAGE),
        Press::Left | Press::Right | Press::Mark | Press::Other(_) => {}
    }
    model.overlays.push(Overlay::Palette(state));
    Next::nothing()
}
