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

impl RetryPolicy {
    /// That no try is left, in one clause (R11).
    pub fn used_up(&self) -> String {
        match self.tries {
            0 => "no try is made by itself".to_owned(),
            1 => "the only try is used up".to_owned(),
            tries => format!("all {tries} tries used up"),
        }
    }
}

impl Default for RetryPolicy {
    /// Ten tries, one every five minutes; a person may come first.
    fn default() -> Self {
        Self { tries: 10, every: Duration::from_mins(5), while_waiting: true }
    }
}
