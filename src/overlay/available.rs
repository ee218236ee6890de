//! Whether this process can mount an overlay here.

use super::unmount::HELPER;
use std::{
    env,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

const DEVICE: &str = "/dev/fuse";

/// The numbers of that device (Linux kernel documentation, "Linux allocated devices").
const NUMBERS: (u32, u32) = (10, 229);

/// The capability to mount (capabilities(7), `CAP_SYS_ADMIN`).
const MOUNT_CAPABILITY: u64 = 1 << 21;

/// Where the helper is sought besides `PATH`, as the library that calls it does.
const USUAL_PLACES: [&str; 2] = ["/sbin", "/bin"];

/// Says in a sentence why no overlay can be mounted here, if so.
pub fn available() -> Result<(), String> {
    let device = OpenOptions::new().read(true).write(true).open(DEVICE).map_err(|error| why_not(&error))?;
    if !device.metadata().is_ok_and(|found| found.rdev() == rustix::fs::makedev(NUMBERS.0, NUMBERS.1)) {
        return Err(format!("{DEVICE} is another device here"));
    }
    if may_mount() || has_helper() {
        return Ok(());
    }
    Err(format!("this user may not mount, and there is no {HELPER} to do it (package fuse3)"))
}

fn why_not(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        format!("there is no {DEVICE}: load the module fuse, or give the device to this container")
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        format!("this user may not open {DEVICE}")
    } else {
        format!("{DEVICE} cannot be opened: {error}")
    }
}

fn may_mount() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    capabilities(&status).is_some_and(|found| found & MOUNT_CAPABILITY != 0)
}

/// The effective capabilities of a process (proc(5), `CapEff`).
fn capabilities(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn has_helper() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_program = |directory: PathBuf| {
        let found = fs::metadata(directory.join(HELPER));
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    env::split_paths(&path).chain(USUAL_PLACES.map(|place| Path::new(place).to_owned())).any(is_program)
}

#[test]
fn a_process_may_mount_when_the_capability_is_in_effect() {
    assert_eq!(capabilities("Name:\tx\nCapPrm:\t0\nCapEff:\t000001ffffffffff\n"), Some(0x1ff_ffff_ffff));
    assert_eq!(capabilities("CapEff:\t0000000000000000\n").map(|found| found & MOUNT_CAPABILITY), Some(0));
    assert_eq!(capabilities(""), None);
}
