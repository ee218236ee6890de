//! The owner of the sessions comes and goes.

use super::main_screen::say;
use crate::console::{
    message::Intent,
    model::{Model, notice::Tone, owner::Owner},
    ports::OwnerPlace,
    words,
};

/// Takes in where the owner is. What a person must know is told; that one is attached at all, the header tells.
pub(super) fn owner(model: &mut Model, place: OwnerPlace) -> Vec<Intent> {
    let next = match place {
        OwnerPlace::Here => Owner::Here,
        OwnerPlace::Elsewhere { pid } => Owner::Elsewhere { pid },
        OwnerPlace::Away { reason } => {
            let since = if let Owner::Away { since, .. } = &model.owner { *since } else { model.now };
            Owner::Away { since, reason: words::clean(&reason).into_owned() }
        }
    };
    let before = std::mem::replace(&mut model.owner, next);
    if before == model.owner {
        return Vec::new();
    }
    match (&before, &model.owner) {
        (Owner::Away { .. }, Owner::Away { reason, .. }) => {
            let text = format!("Still no owner, reconnecting: {reason}");
            say(model, Tone::Warning, text);
        }
        (_, Owner::Away { reason, .. }) => {
            let text = format!("Owner lost, reconnecting: {reason}");
            say(model, Tone::Warning, text);
        }
        // Between two looks it may have gone and come back as another process.
        (Owner::Away { .. } | Owner::Elsewhere { .. }, Owner::Elsewhere { pid }) => {
            let text = format!("Attached to process {pid} again");
            say(model, Tone::Done, text);
        }
        (Owner::Away { .. } | Owner::Elsewhere { .. }, Owner::Here) => {
            say(model, Tone::Done, "This console owns the sessions now");
        }
        (Owner::Here, Owner::Here | Owner::Elsewhere { .. }) => {}
    }
    Vec::new()
}

/// Takes in what is wrong with the state directory. It stays in the help for as long as it lasts.
pub(super) fn exposed(model: &mut Model, problem: Option<String>) -> Vec<Intent> {
    match &problem {
        Some(problem) => {
            let state = words::path(&model.options.state_dir);
            let text = format!("The state directory {}: chmod 700 {state}", words::clean(problem));
            say(model, Tone::Warning, text);
        }
        None => say(model, Tone::Done, "The state directory is for its user alone again"),
    }
    model.exposed = problem;
    Vec::new()
}

/// An order that is given while nobody is there to take it is not lost, but its answer comes late: that is told.
pub(super) fn warn_of_waiting(model: &mut Model, intents: &[Intent]) {
    let orders = intents.iter().any(|intent| matches!(intent, Intent::Act(..) | Intent::Start(_)));
    if orders && matches!(model.owner, Owner::Away { .. }) {
        say(model, Tone::Word, "Handed over as soon as the owner is found; the answer comes then");
    }
}
