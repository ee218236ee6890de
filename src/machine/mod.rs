//! The session machine: what may happen to a session, and what follows from it.
//!
//! Four functions hold it: [`decide`] says which events a command leads to or refuses it, [`evolve`] applies one event,
//! [`react`] names the work that an event asks for, [`next_wake`] says when the clock has something to do.
//!
//! Promises: pure and total. Time comes in as an argument, every "no" is a [`Refusal`], history cannot be refused.
//! Never: no catch-all arm, no I/O, no timers, and nothing but [`evolve`] changes a phase.

pub mod command;
mod conclude;
pub mod deadline;
pub mod decide;
mod describe;
pub mod effect;
pub mod event;
pub mod evolve;
mod figures;
pub mod job;
pub mod occasion;
pub mod refusal;
pub mod registry;
pub mod session;
pub mod summary;
pub mod trace;

pub use command::{Command, Report, Resume, Scope};
pub use decide::decide;
pub use describe::TakenOut;
pub use effect::{Effect, next_wake, react, reissue, rescheduled};
pub use event::Event;
pub use evolve::evolve;
pub use occasion::{Occasion, OccasionKind};
pub use refusal::Refusal;
pub use registry::{Registry, sort_for_screen};
pub use session::{AttemptEnd, AttemptRecord, CancelStage, Cause, EndWish, Phase, Session, StuckReason, Urgency};
pub use summary::{CompletedDetails, CompletedResult, CompletedRow, EndedCounts, PastSession, UnreadableSession};
pub use trace::{Stood, Trace};
