//! What an action inside an overlay leads to.

use crate::console::{action::Action, message::Intent};

/// What comes after it.
pub(super) enum Next {
    /// Nothing but these.
    Done(Vec<Intent>),
    /// The action that was chosen there, carried out on the main screen.
    Perform(Action),
}

impl Next {
    /// Nothing at all.
    pub(super) const fn nothing() -> Self {
        Self::Done(Vec::new())
    }
}
