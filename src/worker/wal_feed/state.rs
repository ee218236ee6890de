//! How the feed of a recovery stands: what the server was answered last, and what follows for the session.

use crate::{
    archive::{Answer, Outcome, answer::HandedOver},
    domain::{Failure, Timestamp, path_text},
};
use std::path::PathBuf;

/// What is known of the server's questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedState {
    /// The last answer; `None` before the first question.
    pub answer: Option<Answer>,
    /// The segments that are ready and were not asked for yet.
    pub ready: usize,
    /// The archive.
    pub archive: PathBuf,
}

impl FeedState {
    /// All that was handed over in this attempt.
    pub fn handed(&self) -> HandedOver {
        self.answer.as_ref().map_or_else(HandedOver::default, |answer| answer.handed)
    }

    /// Since when the server is held because the archive cannot be used, and a sentence that says so.
    pub fn held(&self) -> Option<(Timestamp, String)> {
        let answer = self.answer.as_ref()?;
        match &answer.outcome {
            Outcome::Held { since, .. } => {
                Some((*since, answer.outcome.sentence(&answer.asked, &path_text::shown(&self.archive))))
            }
            Outcome::Handed { .. }
            | Outcome::Local
            | Outcome::End
            | Outcome::Unreachable { .. }
            | Outcome::Gap { .. }
            | Outcome::Lost { .. }
            | Outcome::Faulty { .. }
            | Outcome::History { .. }
            | Outcome::Denied { .. }
            | Outcome::InTheWay { .. }
            | Outcome::Unwritten { .. }
            | Outcome::Refused { .. } => None,
        }
    }
}

/// The failure that the last answer amounts to: an archive that cannot be used is a disruption, everything else but the
/// archive's end needs a person. `None` while the server goes on, is held, or has come to the end of the archive.
pub fn failure(state: &FeedState) -> Option<Failure> {
    let answer = state.answer.as_ref()?;
    answer.outcome.failure(&answer.asked, &path_text::shown(&state.archive))
}
