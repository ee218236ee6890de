//! The composition root: the only place that knows every layer.
//!
//! Promises: it puts parts together and decides nothing itself. Never: holds a rule of a session, or draws.

mod attach;
mod checkpoints;
mod choice;
mod claim_notes;
mod claims;
pub mod config;
mod console;
mod context;
pub mod demo;
mod doctor;
mod environment;
mod explore;
pub mod exposure;
mod generate;
mod handover;
mod hook;
mod job;
mod keeper;
mod keys;
mod limits;
mod log;
pub mod logout;
mod look;
mod overlay;
pub mod owner;
mod ownership;
pub mod planner;
mod play;
mod proposals;
mod recovery;
mod replay;
mod requests;
pub mod restore;
mod resume;
mod run;
mod session;
mod state_directory;
mod system;
mod verify;
pub mod wal;
mod wal_fetch;
mod worker;

pub use run::run;
pub use wal_fetch::fetch_alone;
