//! WAL archives of a real cluster: what a recovery from them is planned to do, and what is refused beforehand.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stderr, reason = "the seed of a run is worth a line")]

#[path = "archive/bed.rs"]
mod bed;
#[path = "archive/planned.rs"]
mod planned;
#[path = "archive/random.rs"]
mod random;
#[path = "support/rng.rs"]
mod rng;
#[path = "archive/shown.rs"]
mod shown;
mod support;
