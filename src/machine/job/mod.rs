//! The machine of jobs: what may happen to one run of a backup job, and what follows from it.
//!
//! A run is thin: an object in process is a session, and attempts, tries, adoption, deadlines and disposal are the
//! session's. Four functions hold it: [`decide`] says which events a command leads to or refuses it, [`evolve`] applies one
//! event, [`react`] names what an event asks of the run's sessions, [`startable`] says which objects are to be begun now. A
//! run needs no clock: all that it waits for are its sessions.
//!
//! What the rules leave open is settled so:
//!
//! - An object is **in process** from the moment that its session is stored. A stop finds every other one not started, and
//!   so it stays (R33, R38); also an object whose session was still queued and had made no attempt.
//! - A run has ended when each of its sessions has (D6), and not before, however it is stopped.
//! - An object whose session had done its work before it heard of an immediate stop keeps its restore point, since that is
//!   whole (R31); the run has failed all the same (R35).
//! - A person may cancel or retry the session of an object. Cancelled so, the object has failed, and the run goes on.
//! - An object that could not be begun, because another session has its place, has failed; the run goes on.
//! - A run that is stopped gracefully in its last object ends as stopped, though nothing was left out (D8).
//!
//! Promises: pure and total, as the machine of sessions is. Never: anything about attempts, or about tries.

pub mod command;
pub mod decide;
mod describe;
pub mod effect;
pub mod event;
pub mod evolve;
pub mod run;
pub mod summary;

pub use command::{JobCommand, ObjectEnd};
pub use decide::decide;
pub use describe::CANCELLED_BY_USER;
pub use effect::{JobEffect, react, startable};
pub use event::{JobCreated, JobEvent};
pub use evolve::evolve;
pub use run::{JobPhase, JobRun, ObjectState};
pub use summary::{JobRow, ObjectCounts, UnreadableJob};
