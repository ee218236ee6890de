//! A key: first to what lies on top, then to the wizard, then to the main screen.

use super::{log, main_screen, next::Next, overlays, palette, text, wizard};
use crate::console::{
    action::Action,
    chord::Chord,
    keymap::KeyContext,
    message::Intent,
    model::{
        Model,
        dialog::{Overlay, TextView},
        notice::Tone,
    },
};

/// Takes in a press. One that means nothing here changes nothing.
pub(super) fn key(model: &mut Model, chord: Chord) -> Vec<Intent> {
    let place = model.key_context();
    // What was said about the last key is not about this one. What was done stays to be read.
    model.notice.take_if(|notice| notice.tone != Tone::Done);
    match model.options.keymap.action(place, chord) {
        Some(action) => act(model, place, action),
        None if place.takes_text() => text::key(model, place, chord),
        None => Vec::new(),
    }
}

/// Carries out an action as if its key had been pressed in this place.
pub(super) fn act(model: &mut Model, context: KeyContext, action: Action) -> Vec<Intent> {
    if action == Action::Close {
        return vec![Intent::Close];
    }
    if action == Action::Suspend {
        return vec![Intent::Suspend];
    }
    if action == Action::Repaint {
        return vec![Intent::Repaint];
    }
    if action == Action::Help {
        model.overlays.push(Overlay::Help(TextView { title: "Help".to_owned(), lines: Vec::new(), scroll: 0 }));
        return Vec::new();
    }
    match context {
        KeyContext::LogInput => log::act_typed(model, action),
        KeyContext::Tree | KeyContext::Preview | KeyContext::Log | KeyContext::Filter => {
            main_screen::act(model, action)
        }
        KeyContext::Palette => perform(palette::act(model, action), model),
        KeyContext::Menu
        | KeyContext::TextView
        | KeyContext::Confirmation
        | KeyContext::TypeName
        | KeyContext::Destination
        | KeyContext::Goal
        | KeyContext::GoalText => perform(overlays::act(model, action), model),
        KeyContext::Instances | KeyContext::Form | KeyContext::FormText | KeyContext::Points | KeyContext::Plan => {
            wizard::act(model, action)
        }
    }
}

fn perform(next: Next, model: &mut Model) -> Vec<Intent> {
    match next {
        Next::Done(intents) => intents,
        Next::Perform(action) => act(model, model.main_context(), action),
    }
}
