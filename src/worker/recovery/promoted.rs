//! Whether a cluster has left its recovery behind.
//!
//! Promises: said only where both the signal file is gone and `pg_control` is that of an opened cluster. In between, a
//! server that starts would replay all the WAL it finds, beyond the goal.

use crate::{
    domain::Failure,
    postgres::{
        configure::{DataDirectory, recover},
        control::{CONTROL_FILE, ClusterState, ControlFile},
        server::classify,
    },
};
use std::{io, path::Path};

/// A control file has 8 KiB.
const MAX_LEN: u64 = 1 << 16;

/// Looks.
pub(super) fn is(data: &Path) -> Result<bool, Failure> {
    if recover::is_requested(data)? {
        return Ok(false);
    }
    let failed = |e: &io::Error| classify::of_io(&format!("reading {CONTROL_FILE} in {}", data.display()), e);
    let (directory, name) = CONTROL_FILE.split_once('/').unwrap_or((".", CONTROL_FILE));
    let place = DataDirectory::open(data).and_then(|data| data.below(directory)).map_err(|e| failed(&e))?;
    let Some(bytes) = place.read(name, MAX_LEN).map_err(|e| failed(&e))? else { return Ok(false) };
    let control = ControlFile::parse(&bytes)
        .map_err(|error| Failure::incurable(format!("{}: {error}", data.display()), "start a new restore"))?;
    Ok(match control.state {
        ClusterState::InProduction | ClusterState::ShutDown | ClusterState::ShuttingDown => true,
        ClusterState::StartingUp
        | ClusterState::ShutDownInRecovery
        | ClusterState::InCrashRecovery
        | ClusterState::InArchiveRecovery
        | ClusterState::Unknown(_) => false,
    })
}
