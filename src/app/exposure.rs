//! Whether the state directory is still for its user alone.
//!
//! An owner refuses one that is not when it starts. One that is opened to others while it works may be read and changed
//! by them, so it is looked at for as long as anybody works with it. Promise: what is found, and that it is well again,
//! is reported once. Never: repairs it; somebody may have had a reason, and should know of it.

use rustix::process::geteuid;
use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};
use thiserror::Error;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

/// How often it is looked: whoever opened it is still at the terminal then, and a look is one system call.
const INTERVAL: Duration = Duration::from_secs(2);

/// What is wrong with a state directory: a clause that goes on after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Exposure {
    /// Another user may do with it what they like.
    #[error("belongs to another user (uid {0})")]
    OtherUser(u32),
    /// Others may look into it, or more.
    #[error("is open to other users (mode {0:04o})")]
    Open(u32),
}

/// Looks at the directory itself.
pub(super) fn of(state: &Path) -> io::Result<Option<Exposure>> {
    let found = fs::metadata(state)?;
    let mode = found.permissions().mode() & 0o7777;
    Ok(if found.uid() != geteuid().as_raw() {
        Some(Exposure::OtherUser(found.uid()))
    } else if mode & 0o077 != 0 {
        Some(Exposure::Open(mode))
    } else {
        None
    })
}

/// Looks from now on; the value is what is wrong, while anything is. Ends when nobody listens any more.
pub(super) fn observe(state: PathBuf) -> watch::Receiver<Option<Exposure>> {
    let (report, exposures) = watch::channel(None);
    tokio::spawn(async move {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = report.closed() => return,
            }
            // What cannot be looked at is told by whoever works in it.
            if let Ok(found) = of(&state) {
                report.send_if_modified(|last| std::mem::replace(last, found) != found);
            }
        }
    });
    exposures
}

/// Notes in the log what is found; ends when it is aborted, as whoever owns the directory does when it leaves.
pub(super) fn log(state: &Path) -> JoinHandle<()> {
    let (mut exposures, state) = (observe(state.to_owned()), state.to_owned());
    tokio::spawn(async move {
        while exposures.changed().await.is_ok() {
            let found = *exposures.borrow_and_update();
            if let Some(exposure) = found {
                tracing::warn!(?state, "the state directory {exposure}: chmod 700 it");
            } else {
                tracing::info!(?state, "the state directory is for its user alone again");
            }
        }
    })
}
