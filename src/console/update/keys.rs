//! A key: first to what lies on top, then to the wizard, then to the main screen.

use super::{main_screen, overlays, palette, text, wizard};
use crate::console::{
    action::Action,
    chord::Chord,
    keymap::Place,
    message::Intent,
    model::{
        Model,
        dialog::{Overlay, Reading},
        notice::Tone,
    },
};

/// Takes in a press. One that means nothing here changes nothing.
pub(super) fn key(model: &mut Model, chord: Chord) -> Vec<Intent> {
    let place = model.place();
    // What was said about the last key is not about this one. What was done stays to be read.
    model.notice.take_if(|notice| notice.tone != Tone::Done);
    match model.options.keymap.action(place, chord) {
        Some(action) => act(model, place, action),
        None if place.takes_text() => text::key(model, place, chord),
        None => Vec::new(),
    }
}

/// Carries out an action as if its key had been pressed in this place.
pub(super) fn act(model: &mut Model, place: Place, action: Action) -> Vec<Intent> {
    if action == Action::Close {
        return vec![Intent::Close];
    }
    if action == Action::Suspend {
        return vec![Intent::Suspend];
    }
    if action == Action::Help {
        model.overlays.push(Overlay::Help(Reading { title: "Help".to_owned(), lines: Vec::new(), scroll: 0 }));
        return Vec::new();
    }
    match place {
        Place::Tree | Place::Preview | Place::Filter => main_screen::act(model, action),
        Place::Palette => palette::act(model, action),
        Place::Menu | Place::Reading | Place::Question | Place::TypeName => overlays::act(model, action),
        Place::Instances | Place::Form | Place::FormText | Place::Points | Place::Plan => wizard::act(model, action),
    }
}
