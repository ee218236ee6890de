//! What the system lets this process have: files that are open at once, and files that may grow.

use crate::control::MAX_CONNECTIONS;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// Open files of an owner without connections and attempts: an idle keeper has some twenty, and a start of a worker
/// takes five for a moment.
const OWN_FILES: u64 = 64;

/// Sees to it that an owner may open the files that it will need. The error is the limit that it cannot get beyond, and
/// what it needs.
///
/// An owner that cannot accept a connection, or start a worker, holds up everybody else: it must not become one.
pub(super) fn allow_open_files(max_running: usize) -> Result<(), (u64, u64)> {
    let needed = OWN_FILES + (MAX_CONNECTIONS as u64).saturating_add(max_running as u64);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum });
    raised.map_err(|_| (maximum.or(current).unwrap_or_default(), needed))
}

/// Lets a write beyond the limit on file sizes fail (EFBIG), as a full disk does, where the system would end this process
/// (SIGXFSZ). A program that is started from here has the system's way again. To be called within a tokio runtime.
pub(super) fn outlive_file_size() -> io::Result<()> {
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}
