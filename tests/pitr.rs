//! Restores to a goal in the WAL: what is there afterwards is what a log of committed transactions says must be there.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stdout, reason = "the goals that were drawn are worth a line")]

#[path = "pitr/bed.rs"]
mod bed;
#[path = "pitr/disturbed.rs"]
mod disturbed;
#[path = "pitr/explored.rs"]
mod explored;
#[path = "pitr/paused.rs"]
mod paused;
#[path = "pitr/random.rs"]
mod random;
#[path = "pitr/refused.rs"]
mod refused;
#[path = "support/rng.rs"]
mod rng;
mod support;
