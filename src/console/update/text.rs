//! Typing into a line of text: the filter, the palette, a name, a field of the form.

use super::{goal, log, palette, wizard};
use crate::console::{
    chord::{Chord, Held, Key},
    keymap::KeyContext,
    message::Intent,
    model::{Model, dialog::Overlay},
};
use tui_input::{Input, InputRequest};

/// A key that is no action here.
pub(super) fn key(model: &mut Model, context: KeyContext, chord: Chord) -> Vec<Intent> {
    if let Some(Overlay::Take(state)) = model.overlays.last_mut()
        && state.input().is_none()
    {
        if matches!(chord.key, Key::Left | Key::Right | Key::Char(' ')) {
            state.choose(chord.key != Key::Left);
        }
        return Vec::new();
    }
    if let Some(request) = request(chord) {
        edit(model, context, &[request]);
    }
    Vec::new()
}

/// Pasted text goes where typed text goes; elsewhere it is dropped, since it would be read as commands.
pub(super) fn paste(model: &mut Model, text: &str) -> Vec<Intent> {
    let context = model.key_context();
    if context.takes_text() {
        // A line break would be Enter, and a paste must not press it.
        let requests: Vec<_> = text.chars().filter(|c| !c.is_control()).map(InputRequest::InsertChar).collect();
        edit(model, context, &requests);
    }
    Vec::new()
}

fn edit(model: &mut Model, context: KeyContext, requests: &[InputRequest]) {
    match (context, model.overlays.last_mut()) {
        (KeyContext::Filter, _) => {
            let Some(input) = &mut model.typing else { return };
            apply(input, requests);
            let text = input.value().to_owned();
            model.set_filter(&text);
        }
        (KeyContext::Palette, Some(Overlay::Palette(state))) => {
            apply(&mut state.input, requests);
            palette::find(model);
        }
        (KeyContext::TypeName, Some(Overlay::TypeName(state))) => {
            apply(&mut state.input, requests);
            state.wrong = false;
        }
        (KeyContext::Destination, Some(Overlay::Take(state))) => {
            state.problem = None;
            if let Some(input) = state.input() {
                apply(input, requests);
            }
        }
        (KeyContext::Destination, Some(Overlay::Compare(state))) => {
            state.problem = None;
            apply(&mut state.to, requests);
        }
        (KeyContext::GoalText, _) => goal::edit(model, |input| apply(input, requests)),
        (KeyContext::LogInput, _) => log::edit(model, requests),
        (KeyContext::FormText, _) => wizard::edit(model, |input| apply(input, requests)),
        _ => {}
    }
}

fn apply(input: &mut Input, requests: &[InputRequest]) {
    for request in requests {
        input.handle(*request);
    }
}

/// What a key does in a line of text, as shells do it.
fn request(chord: Chord) -> Option<InputRequest> {
    if let Some(c) = chord.typed() {
        return Some(InputRequest::InsertChar(c));
    }
    let request = match (chord.key, chord.held) {
        (Key::Backspace, Held::Nothing | Held::Shift) => InputRequest::DeletePrevChar,
        (Key::Delete, Held::Nothing) => InputRequest::DeleteNextChar,
        (Key::Left, Held::Nothing) => InputRequest::GoToPrevChar,
        (Key::Right, Held::Nothing) => InputRequest::GoToNextChar,
        (Key::Left, Held::Ctrl | Held::Alt) => InputRequest::GoToPrevWord,
        (Key::Right, Held::Ctrl | Held::Alt) => InputRequest::GoToNextWord,
        (Key::Home, Held::Nothing) | (Key::Char('a'), Held::Ctrl) => InputRequest::GoToStart,
        (Key::End, Held::Nothing) | (Key::Char('e'), Held::Ctrl) => InputRequest::GoToEnd,
        (Key::Char('w'), Held::Ctrl) | (Key::Backspace, Held::Ctrl | Held::Alt) => InputRequest::DeletePrevWord,
        (Key::Char('u'), Held::Ctrl) => InputRequest::DeleteFromStart,
        (Key::Char('k'), Held::Ctrl) => InputRequest::DeleteTillEnd,
        _ => return None,
    };
    Some(request)
}
