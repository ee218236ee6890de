//! What the tests share: a real PostgreSQL, its backups, the real binary, and a terminal to run it in.
//!
//! Everything lives below one temporary directory for each test binary; a janitor process clears it when the binary
//! ends, however it ends. Nothing here sleeps: [`timeout`] waits for conditions.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for one variant among those there are")]
#![allow(clippy::unnecessary_debug_formatting, reason = "a path in a failed test should show what is odd in it")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

pub(crate) mod again;
pub(crate) mod backup;
pub(crate) mod cluster;
pub(crate) mod events;
pub(crate) mod faults;
pub(crate) mod howdah;
pub(crate) mod place;
pub(crate) mod port;
pub(crate) mod pty;
pub(crate) mod skip;
pub(crate) mod timeout;
pub(crate) mod versions;
pub(crate) mod writes;
