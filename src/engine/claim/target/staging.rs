//! The directory beside a target in which a session makes ready what then goes into it.
//!
//! Promises: its name is the session's alone, and nobody else may look into it or write there; it goes with the session's
//! marks, or when the session is disposed of. Never: is anything that somebody else has put there.

use super::{
    removal::remove_tree,
    root::{Access, Root},
};
use crate::{domain::Failure, engine::at_target::at_target};
use rustix::fs::{FileType, Mode};
use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// Where it is.
pub(in crate::engine) fn path(target: &Path, session: Uuid) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".howdah-{session}.chain"));
    target.with_file_name(name)
}

/// Makes it, unless it stands. `device` is the one that the target must be on, where that is known: another means that
/// its file system is not mounted.
pub(in crate::engine) fn make(target: &Path, session: Uuid, device: Option<u64>) -> Result<PathBuf, Failure> {
    let path = path(target, session);
    let above = path.parent().unwrap_or(target);
    let root = Root::open(above, Access { owner: None, group: false }).and_then(|root| root.on(device));
    root.map_err(|error| at_target("create a directory in", above, &error))?;
    match fs::DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(at_target("create", &path, &error)),
        Ok(()) | Err(_) => is_ours(&path)?.then(|| path.clone()).ok_or_else(|| {
            let cause = format!("{} stands where this restore makes ready what it brings", path.display());
            Failure::incurable(cause, "see whose it is; move it away, then retry")
        }),
    }
}

/// Whether it stands, and nobody but this user can have put anything into it.
pub(in crate::engine) fn is_ours(path: &Path) -> Result<bool, Failure> {
    let about = match rustix::fs::lstat(path) {
        Ok(about) => about,
        // A name that is too long was never made.
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NAMETOOLONG) => return Ok(false),
        Err(error) => return Err(at_target("look at", path, &error.into())),
    };
    let for_others = Mode::from_raw_mode(about.st_mode).intersects(Mode::RWXG | Mode::RWXO);
    let is_directory = FileType::from_raw_mode(about.st_mode) == FileType::Directory;
    Ok(is_directory && !for_others && about.st_uid == rustix::process::geteuid().as_raw())
}

/// Removes it; whether it stood.
pub(in crate::engine) fn remove(target: &Path, session: Uuid) -> Result<bool, Failure> {
    let path = path(target, session);
    let stood = is_ours(&path)?;
    if stood {
        remove_tree(&path).map_err(|error| at_target("remove", &path, &error))?;
    }
    Ok(stood)
}
