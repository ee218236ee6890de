//! `howdah session`: every verb as a shell sees it, on sessions that the library wrote into a journal and on real ones.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

#[allow(dead_code, reason = "each floor uses its part of the samples")]
#[path = "machine/sample.rs"]
mod sample;

#[path = "session/acting.rs"]
mod acting;
#[path = "session/cancelling.rs"]
mod cancelling;
#[path = "session/harness.rs"]
mod harness;
#[path = "session/kinds.rs"]
mod kinds;
#[path = "session/listing.rs"]
mod listing;
#[path = "session/logs.rs"]
mod logs;
#[path = "session/lost.rs"]
mod lost;
#[path = "session/naming.rs"]
mod naming;
#[path = "session/paused.rs"]
mod paused;
#[path = "session/piping.rs"]
mod piping;
#[path = "session/reading.rs"]
mod reading;
#[path = "session/replaying.rs"]
mod replaying;
#[path = "session/reporting.rs"]
mod reporting;
#[path = "session/starting.rs"]
mod starting;
#[path = "session/tries.rs"]
mod tries;
#[path = "session/watching.rs"]
mod watching;
