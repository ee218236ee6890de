//! The server that a finished restore left running, as it is found long afterwards.

use super::{Port, Timestamp, fact::ProcessMark};

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftServer {
    /// It runs.
    Runs(RunningServer),
    /// A server runs on the data, and the session did not start it.
    Other(RunningServer),
    /// None runs.
    Down,
    /// The directory is gone, or holds something else by now.
    Replaced,
}

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningServer {
    /// Its first process.
    pub process: ProcessMark,
    /// Where it listens; `None` where its lock file does not say.
    pub port: Option<Port>,
    /// Since when it runs; `None` where its lock file does not say.
    pub since: Option<Timestamp>,
}
