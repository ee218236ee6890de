//! What a worker must know of this machine and of the operator's wishes; it travels in the ticket of each attempt.

use super::{ByteCount, environment::VariablePattern};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// Settings of the restore itself, from `howdah.toml`, the environment and flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSettings {
    /// Directories to look for PostgreSQL binaries in, before the usual places.
    pub binaries: Vec<PathBuf>,
    /// The system user that owns the restored files and runs the server when howdah runs as root.
    pub os_user: String,
    /// The database role that asks the probe query.
    pub probe_role: String,
    /// Parallel copy workers; 0 means one for each processor.
    pub copy_workers: usize,
    /// How long a read may bring nothing before the repository counts as stalled.
    pub stall_timeout: Duration,
    /// How long a started server may show no sign of progress in replay before that counts as a disruption.
    pub start_timeout: Duration,
    /// The repositories that are read: no restore goes into one.
    #[serde(default)]
    pub repositories: Vec<PathBuf>,
    /// The state directory of the owner: no restore goes into it, and claims are made in its name.
    #[serde(default)]
    pub state: Option<PathBuf>,
    /// Variables of the environment that workers get beyond those that they need. Names, never values.
    #[serde(default)]
    pub environment: Vec<VariablePattern>,
    /// The most bytes that an open restore point takes in its scratch; most of what is free there when `None`.
    #[serde(default)]
    pub explore_limit: Option<ByteCount>,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            binaries: Vec::new(),
            // Debian's packages, and most others, run the server as this user.
            os_user: "postgres".to_owned(),
            // The bootstrap superuser is called so nearly everywhere.
            probe_role: "postgres".to_owned(),
            copy_workers: 0,
            // NFS gives up or recovers within a minute in its default settings; shorter would cry wolf.
            stall_timeout: Duration::from_mins(1),
            // A WAL segment is replayed in seconds; ten minutes without one is not slowness.
            start_timeout: Duration::from_mins(10),
            repositories: Vec::new(),
            state: None,
            environment: Vec::new(),
            explore_limit: None,
        }
    }
}
