//! The line at the bottom that answers what was done.

use crate::domain::Timestamp;
use std::time::Duration;

/// What kind of answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It was done.
    Done,
    /// It was refused, with the reason.
    Refused,
    /// Something that a person may want to know.
    Info,
    /// Something that threatens the work, and that a person should know.
    Warning,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sentence.
    pub text: String,
    /// What kind it is.
    pub tone: Tone,
    /// When it goes away by itself, in steady time.
    pub until: Timestamp,
}

/// Long enough to read two lines; the keys come back into view after that.
const SHOWN: Duration = Duration::from_secs(12);

impl Notice {
    /// A notice that begins now.
    pub fn new(tone: Tone, text: impl Into<String>, now: Timestamp) -> Self {
        Self { text: text.into(), tone, until: now.checked_add(SHOWN).unwrap_or(Timestamp::MAX) }
    }
}
