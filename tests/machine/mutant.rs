//! What a seeded bug is: a machine that is wrong in one way, and how one is made of the real one.

use super::model::{Decide, Evolve, Machine, REAL};
use howdah::machine::{Event, Refusal};

pub(crate) type Decided = Result<Vec<Event>, Refusal>;

/// A bug, the rule that catches it first, and the machine that has it.
pub(crate) struct Mutant {
    pub(crate) bug: &'static str,
    pub(crate) caught_by: &'static str,
    pub(crate) machine: Machine,
}

pub(crate) const fn deciding(bug: &'static str, caught_by: &'static str, decide: Decide) -> Mutant {
    Mutant { bug, caught_by, machine: Machine { decide, ..REAL } }
}

pub(crate) const fn evolving(bug: &'static str, caught_by: &'static str, evolve: Evolve) -> Mutant {
    Mutant { bug, caught_by, machine: Machine { evolve, ..REAL } }
}

/// What was decided, with each event as `change` leaves it.
pub(crate) fn each(decided: Decided, change: impl FnMut(Event) -> Event) -> Decided {
    Ok(decided?.into_iter().map(change).collect())
}
