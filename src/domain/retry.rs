//! When a disrupted session is tried again (R9, D1, D2).

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often and when the clock tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Tries for one disruption.
    pub tries: u32,
    /// From a failure to the next try.
    pub every: Duration,
    /// Whether a person may retry while tries remain.
    pub while_waiting: bool,
}

impl Default for RetryPolicy {
    /// Ten tries, one every five minutes; a person may come first.
    fn default() -> Self {
        Self { tries: 10, every: Duration::from_mins(5), while_waiting: true }
    }
}
