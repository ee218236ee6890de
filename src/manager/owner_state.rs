//! Where the owner of the sessions is, seen from one process.
//!
//! Promise: an owner that stays unreachable has been so since the first moment, however often the reason changes.

use super::Moment;

/// Where the owner of the sessions is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerState {
    /// In this process.
    Local,
    /// In another process, which this one is attached to.
    Remote {
        /// The process.
        pid: u32,
    },
    /// Nobody. This process only looks; what it shows is how the journal stands.
    Nobody {
        /// When it was read.
        since: Moment,
    },
    /// Nobody that is known, or somebody who cannot be reached; the owner is being looked for.
    Unreachable {
        /// Since when; what is known of the sessions is of this moment.
        since: Moment,
        /// Why it cannot be reached, in one clause.
        reason: String,
    },
}

impl OwnerState {
    /// Becomes `next`; an owner that was unreachable already is so since then.
    pub fn change_to(&mut self, next: Self) {
        let before = std::mem::replace(self, next);
        if let (Self::Unreachable { since: first, .. }, Self::Unreachable { since, .. }) = (before, self) {
            *since = first;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn lost(second: i64, reason: &str) -> OwnerState {
        OwnerState::Unreachable {
            since: Timestamp::from_second(second).expect("a moment").into(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn an_owner_is_unreachable_since_it_was_first_lost() {
        for (before, next, after) in [
            (OwnerState::Local, lost(5, "it ended"), lost(5, "it ended")),
            (OwnerState::Remote { pid: 7 }, lost(5, "it hung up"), lost(5, "it hung up")),
            (lost(5, "it hung up"), lost(9, "nobody listens"), lost(5, "nobody listens")),
            (lost(5, "it hung up"), OwnerState::Remote { pid: 8 }, OwnerState::Remote { pid: 8 }),
            (lost(5, "it hung up"), OwnerState::Local, OwnerState::Local),
        ] {
            let mut state = before;
            state.change_to(next);
            assert_eq!(state, after);
        }
    }
}
