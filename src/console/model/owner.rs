//! Who owns the sessions, and what that means to somebody who wants to close this window (S4).
//!
//! Promise: the picture that is left of an owner who is gone is told as one of its moment, and does not move.

use super::{
    Model,
    notice::{Notice, Tone},
};
use crate::{
    console::{
        action::Action,
        format,
        keymap::KeyContext,
        ports::{Closing, ConsoleOptions},
    },
    domain::Timestamp,
    manager::{Moment, OwnerState},
};

/// The answer to "may I close this window?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayClose {
    /// Yes, and there is no work that would go on.
    Idle,
    /// Yes: the work goes on.
    WorkGoesOn,
    /// Yes: the work goes on, until the machine is restarted.
    UntilReboot,
    /// Yes, but not the login: that ends the work.
    LogoutEnds,
    /// Yes; nobody works for the sessions, and this console only looks.
    Unowned,
    /// Nobody knows: the owner is gone, and the picture is an old one.
    Away,
    /// The manager in this process has ended: this window is of no use any more.
    ManagerGone,
}

impl Model {
    /// Where the owner of the sessions is; the reason is safe to show.
    pub const fn owner(&self) -> &OwnerState {
        &self.owner
    }

    /// Whether this window may be closed.
    pub fn may_close(&self) -> MayClose {
        // A frozen picture shows old counts; the answer is about now.
        // What is stuck waits for a person: nobody works on it, so nothing of it can go on or be ended.
        let works = self.latest.needs_owner();
        match (&self.owner, &self.options.closing) {
            _ if self.manager_gone => MayClose::ManagerGone,
            (OwnerState::Unreachable { .. }, _) => MayClose::Away,
            (OwnerState::Nobody { .. }, _) => MayClose::Unowned,
            _ if !works => MayClose::Idle,
            (_, Closing::LogoutEnds { .. }) => MayClose::LogoutEnds,
            (_, Closing::UntilReboot) => MayClose::UntilReboot,
            (_, Closing::Safe) => MayClose::WorkGoesOn,
        }
    }

    /// The moment of the picture, where it has no owner.
    pub(super) const fn away_since(&self) -> Option<Moment> {
        match &self.owner {
            OwnerState::Unreachable { since, .. } | OwnerState::Nobody { since } => Some(*since),
            OwnerState::Local | OwnerState::Remote { .. } => None,
        }
    }
}

/// What has to be said before anything else: how work is kept beyond a logout, where it would not be.
pub(super) fn first_word(options: &ConsoleOptions, now: Timestamp) -> Option<Notice> {
    let Closing::LogoutEnds { fix } = &options.closing else { return None };
    let again = options.keymap.key(KeyContext::Tree, Action::Help);
    let again = again.map_or_else(String::new, |key| format!(" ({key} shows it again)"));
    Some(Notice::new(Tone::Warning, format!("Logout ends the work; fix: {}{again}", format::clean(fix)), now))
}
