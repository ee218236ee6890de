//! The owner of the sessions comes and goes.

use crate::{
    console::{
        format,
        message::Intent,
        model::{Model, notice::Tone},
    },
    manager::OwnerState,
};

/// Takes in where the owner is. What a person must know is told; that one is attached at all, the header tells.
pub(super) fn owner(model: &mut Model, mut next: OwnerState) -> Vec<Intent> {
    if let OwnerState::Unreachable { reason, .. } = &mut next {
        *reason = format::clean(reason).into_owned();
    }
    let before = std::mem::replace(&mut model.owner, next);
    if before == model.owner {
        return Vec::new();
    }
    match (&before, &model.owner) {
        (OwnerState::Unreachable { .. }, OwnerState::Unreachable { reason, .. }) => {
            let text = format!("Still no owner, reconnecting: {reason}");
            model.notify(Tone::Warning, text);
        }
        (OwnerState::Nobody { .. }, OwnerState::Nobody { .. })
        | (OwnerState::Local, OwnerState::Local | OwnerState::Remote { .. }) => {}
        (_, OwnerState::Nobody { .. }) => {
            model.notify(Tone::Warning, "Nobody manages the sessions: the journal is shown as it stands");
        }
        (OwnerState::Nobody { .. }, OwnerState::Remote { pid }) => {
            let text = format!("Process {pid} manages the sessions now");
            model.notify(Tone::Done, text);
        }
        (_, OwnerState::Unreachable { reason, .. }) => {
            let text = format!("Owner lost, reconnecting: {reason}");
            model.notify(Tone::Warning, text);
        }
        // Between two looks it may have gone and come back as another process.
        (OwnerState::Unreachable { .. } | OwnerState::Remote { .. }, OwnerState::Remote { pid }) => {
            let text = format!("Attached to process {pid} again");
            model.notify(Tone::Done, text);
        }
        (OwnerState::Unreachable { .. } | OwnerState::Remote { .. } | OwnerState::Nobody { .. }, OwnerState::Local) => {
            model.notify(Tone::Done, "This console owns the sessions now");
        }
    }
    Vec::new()
}

/// Takes in what is wrong with the state directory. It stays in the help for as long as it lasts.
pub(super) fn exposed(model: &mut Model, problem: Option<String>) -> Vec<Intent> {
    match &problem {
        Some(problem) => {
            let state = format::path(&model.options.state_dir);
            let text = format!("The state directory {}: chmod 700 {state}", format::clean(problem));
            model.notify(Tone::Warning, text);
        }
        None => model.notify(Tone::Done, "The state directory is for its user alone again"),
    }
    model.exposed = problem;
    Vec::new()
}

/// An order that is given while nobody is there to take it is not lost, but its answer comes late: that is told.
pub(super) fn warn_of_waiting(model: &mut Model, intents: &[Intent]) {
    let is_order = |intent: &Intent| {
        matches!(intent, Intent::Act(..) | Intent::Start(_) | Intent::StartJob(_) | Intent::ActOnJob(..))
    };
    let orders = intents.iter().any(is_order);
    if orders && matches!(model.owner, OwnerState::Unreachable { .. }) {
        model.notify(Tone::Info, "Handed over as soon as the owner is found; the answer comes then");
    }
}
