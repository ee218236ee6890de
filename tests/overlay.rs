//! The block overlay of the real binary, on real mounts: what it shows, what it keeps, and what it never touches.
//!
//! As many random rounds as fit into eight seconds, or two thousand with `HOWDAH_LONG=1`. All that is left to chance
//! follows from a seed, which is printed; when exactly a kill comes does not. `HOWDAH_OVERLAY_SEED` gives another.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stderr, reason = "what a run came to is worth telling")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for one variant among those there are")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "numbers are drawn small")]
#![allow(clippy::unnecessary_debug_formatting, reason = "a path in a failed test should show what is odd in it")]

#[path = "overlay/compare.rs"]
mod compare;
#[path = "overlay/harness.rs"]
mod harness;
#[path = "overlay/model.rs"]
mod model;
#[path = "overlay/operation.rs"]
mod operation;
#[path = "support/rng.rs"]
mod rng;
mod support;

#[test]
fn random_operations_and_kills_leave_what_a_plain_directory_has() {
    needs_fuse!();
    let (seed, origin) = rng::seed("HOWDAH_OVERLAY_SEED");
    let (rounds, kills) = model::rounds(seed, std::env::var_os("HOWDAH_LONG").is_some());
    eprintln!("{rounds} rounds with {kills} kills, seed {seed} ({origin})");
}
