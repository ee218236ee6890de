//! Takes an overlay out of the file system.
//!
//! Promise: when [`unmount`] has succeeded, nothing of the name is mounted any more that this process can see. Never:
//! touches a mount of another name.

use super::{
    error::OverlayError,
    mounts::{Mounted, mounts_named},
};
use rustix::{
    io::Errno,
    mount::{UnmountFlags, unmount as umount2},
};
use std::{path::PathBuf, process::Command};

/// The program that mounts and unmounts for users.
pub(super) const HELPER: &str = "fusermount3";

/// Proof that nothing of a name is mounted any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmounted {
    /// What was unmounted, and how; empty where nothing was mounted.
    pub mounts: Vec<(PathBuf, Detachment)>,
}

/// How a mount went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detachment {
    /// Nobody used it any more, and the process that served it ends.
    Clean,
    /// It is out of the file system, and whoever still had a file of it open keeps that, with the process that serves it.
    Lazy,
}

/// Unmounts all that has this name: cleanly where it is possible, by force where not.
pub fn unmount(name: &str) -> Result<Unmounted, OverlayError> {
    let mut mounts = Vec::new();
    // The last one may stand on the first one.
    for mounted in mounts_named(name)?.into_iter().rev() {
        let detachment = match detach(&mounted, Detachment::Clean) {
            Ok(()) => Detachment::Clean,
            Err(_) => detach(&mounted, Detachment::Lazy)
                .map(|()| Detachment::Lazy)
                .map_err(|reason| OverlayError::StillMounted { at: mounted.at.clone(), reason })?,
        };
        mounts.push((mounted.at, detachment));
    }
    match mounts_named(name)?.pop() {
        None => Ok(Unmounted { mounts }),
        Some(left) => {
            Err(OverlayError::StillMounted { at: left.at, reason: "it came back while it was unmounted".to_owned() })
        }
    }
}

fn detach(mounted: &Mounted, detachment: Detachment) -> Result<(), String> {
    let flags = match detachment {
        Detachment::Clean => UnmountFlags::NOFOLLOW,
        Detachment::Lazy => UnmountFlags::NOFOLLOW | UnmountFlags::DETACH,
    };
    match umount2(&mounted.at, flags) {
        // Somebody else was faster.
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(Errno::PERM) => ask_helper(mounted, detachment),
        Err(error) => Err(error.to_string()),
    }
}

fn ask_helper(mounted: &Mounted, detachment: Detachment) -> Result<(), String> {
    let mut helper = Command::new(HELPER);
    helper.arg("-u");
    match detachment {
        Detachment::Clean => {}
        Detachment::Lazy => {
            helper.arg("-z");
        }
    }
    let output = helper.arg("--").arg(&mounted.at).output().map_err(|error| format!("{HELPER}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
