//! Scenarios: stories of restores that are played, for demonstrations and recordings.
//!
//! The session manager, the machine and the screen are the real ones. What is simulated is below them: attempts report
//! what a scenario says, the journal is in memory, and the repositories stand in a file.
//!
//! Promises: nothing on disk is touched and no process is started; the same scenario on the same clock is the same story,
//! whatever machine it is played on. Never: takes part in real work; nothing here can be reached from a restore.

pub mod archive;
mod course;
pub mod embedded;
mod lengths;
mod link;
pub mod open_points;
pub mod plan;
mod reports;
pub mod scenario;
pub mod script;
pub mod world;
mod written;

pub use open_points::OpenPoints;
pub use scenario::{Scenario, ScenarioError, Story};
pub use world::World;

#[cfg(test)]
mod tests;
