//! The manager floor: the actor with simulated attempts and a journal in memory, on paused time.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "manager/cancel.rs"]
mod cancel;
#[path = "manager/claims.rs"]
mod claims;
#[path = "manager/clock.rs"]
mod clock;
#[path = "manager/completed.rs"]
mod completed;
#[path = "manager/explore.rs"]
mod explore;
#[path = "manager/harness.rs"]
mod harness;
#[path = "manager/job_owner.rs"]
mod job_owner;
#[path = "manager/jobs.rs"]
mod jobs;
#[path = "manager/occasions.rs"]
mod occasions;
#[path = "manager/owner.rs"]
mod owner;
#[path = "manager/paused.rs"]
mod paused;
#[path = "manager/queue.rs"]
mod queue;
#[path = "manager/restore.rs"]
mod restore;
#[path = "manager/retry.rs"]
mod retry;
#[allow(dead_code, reason = "each floor uses its part of the samples")]
#[path = "machine/sample.rs"]
mod sample;
#[path = "manager/storing.rs"]
mod storing;
