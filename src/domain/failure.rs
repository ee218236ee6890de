//! Work that went wrong, and what can be done about it.

use super::Step;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of wrong it is; this alone decides what the session does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Waiting may cure it: the repository vanished or stalls, EIO, ESTALE, a timeout, a killed worker (R8).
    Disruption,
    /// Waiting cannot cure it: no space, a wrong checksum, a version mismatch, a port in use (D4).
    Incurable,
    /// A fault of ours.
    Bug,
}

/// One failure of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What follows from it.
    pub class: FailureClass,
    /// The step it happened in; `None` when the worker never got to say.
    pub step: Option<Step>,
    /// What happened, naming the thing: one sentence without a full stop, printable.
    pub cause: String,
    /// What a person can do: one sentence without a full stop; may be empty for a disruption that needs nobody.
    pub advice: String,
}

/// What a person can do about a file that may not grow (EFBIG).
pub const FILE_SIZE_LIMIT: &str = "the size of files is limited, for howdah's processes (ulimit -f in the shell or service \
                                   that started the owner) or by the file system: raise the limit, end the owner \
                                   (howdah doctor names it), then retry";

impl Failure {
    /// A failure that waiting may cure.
    pub fn disruption(cause: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::of(FailureClass::Disruption, cause.into(), advice.into())
    }

    /// A failure that needs a person.
    pub fn incurable(cause: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::of(FailureClass::Incurable, cause.into(), advice.into())
    }

    /// A failure of howdah itself.
    pub fn bug(cause: impl Into<String>) -> Self {
        let advice = "this is a fault in howdah: keep the attempt's files and report it";
        Self::of(FailureClass::Bug, cause.into(), advice.to_owned())
    }

    /// The same failure, told to have happened in this step.
    #[must_use]
    pub fn in_step(mut self, step: Step) -> Self {
        self.step = Some(step);
        self
    }

    /// Texts come from files and other programs too: nothing in them may reach a terminal unescaped.
    fn of(class: FailureClass, cause: String, advice: String) -> Self {
        let safe = |text: String| super::instance::printable(&text);
        Self { class, step: None, cause: safe(cause), advice: safe(advice) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, ": {}", self.advice) }
    }
}

impl std::error::Error for Failure {}
