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
    /// What follows when no try is left, or waiting cannot help.
    pub when_used_up: WhenUsedUp,
}

/// What becomes of a session that no try helps any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUsedUp {
    /// It waits for a person (R6).
    #[default]
    Ask,
    /// It ends as failed: for the objects of jobs, which nobody waits for.
    Fail,
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
        Self { tries: 10, every: Duration::from_mins(5), while_waiting: true, when_used_up: WhenUsedUp::Ask }
    }
}
