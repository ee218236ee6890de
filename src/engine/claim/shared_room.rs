//! Where the claims of ports and of objects stand: they are the machine's, so all users share one directory.
//!
//! Promises: where that directory cannot be used, they are not claimed, and whoever asks gets the reason. Never: refuses a
//! port or an object because of that.

use crate::domain::{ObjectName, Port};
use rustix::fs::{Mode, OFlags, chmod};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// It outlives a restart of the machine, as sessions do; a claim in it goes after 30 days at the earliest (tmpfiles.d(5)).
pub(super) const ROOM: &str = "/var/tmp/howdah-ports";

/// Anybody may add a claim, and remove their own alone.
const SHARED: u32 = 0o1777;

/// The file of a port in the network that this process sees.
pub(super) fn of_port(room: &Path, port: Port) -> PathBuf {
    // The same number in another network namespace is another port.
    let network = fs::metadata("/proc/self/ns/net").map_or(0, |about| about.ino());
    room.join(format!("{port}-{network}"))
}

/// The file of an object. Its name may be longer than a file's, and hold a slash.
pub(super) fn of_object(room: &Path, object: &ObjectName) -> PathBuf {
    let mut name = "object-".to_owned();
    for byte in Sha256::digest(object.as_str()) {
        write!(name, "{byte:02x}").expect("a string takes all that is written to it");
    }
    room.join(name)
}

/// Makes the directory where it is missing, and looks whether it is safe to use.
pub(super) fn make_room(room: &Path) -> io::Result<()> {
    match rustix::fs::mkdir(room, Mode::from_raw_mode(0o700)) {
        // Not at once with these bits: the umask would take them away.
        Ok(()) => chmod(room, Mode::from_raw_mode(SHARED))?,
        Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let about = rustix::fs::fstat(rustix::fs::open(room, flags, Mode::empty())?)?;
    if about.st_mode & 0o7777 == SHARED {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not open to all users, with the sticky bit (mode 1777)"))
}
