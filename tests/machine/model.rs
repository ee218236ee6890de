//! The machine under test, as a table of functions: the real ones, or mutants of them.

use howdah::{
    domain::Timestamp,
    machine::{self, Command, Effect, Event, Refusal, Session},
};

pub(crate) type Decide = fn(&Session, Command, Timestamp) -> Result<Vec<Event>, Refusal>;
pub(crate) type Evolve = fn(Session, &Event, Timestamp) -> Session;
pub(crate) type React = fn(&Session, &Event) -> Option<Effect>;
pub(crate) type NextWake = fn(&Session) -> Option<Timestamp>;

/// The four functions.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    pub(crate) decide: Decide,
    pub(crate) evolve: Evolve,
    pub(crate) react: React,
    pub(crate) next_wake: NextWake,
}

/// The product.
pub(crate) const REAL: Machine =
    Machine { decide: machine::decide, evolve: machine::evolve, react: machine::react, next_wake: machine::next_wake };

/// A rule that was broken, and by what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The rule, by its number or name.
    pub(crate) rule: &'static str,
    /// What broke it.
    pub(crate) how: String,
}

/// Breaks `rule` unless it holds.
pub(crate) fn hold(rule: &'static str, holds: bool, how: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { rule, how: how() }) }
}
