//! The state directory: whether it is safe and can be used, and whether its file system keeps locks.

use super::disk::{free_space, may_write, nearest};
use crate::{
    app::exposure::{self, Exposure},
    cli::doctor::{Finding, FindingState, Fix},
    domain::path_text::{quoted, shown},
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The journal of ten thousand sessions takes less, and so do the raw outputs of some hundred attempts.
const ENOUGH_BYTES: u64 = 64 << 20;

/// An attempt takes five files and directories.
const ENOUGH_INODES: u64 = 1000;

pub(super) fn check(state: &Path) -> Vec<Finding> {
    let directory = directory(state);
    let usable = directory.state() != FindingState::Error;
    let lock = match state.try_exists() {
        Ok(true) if usable => lock(state),
        Ok(false) if usable => Finding::ok("lock", "not tried: the state directory is made when it is needed"),
        Ok(_) | Err(_) => Finding::ok("lock", "not tried: the state directory cannot be used"),
    };
    vec![directory, lock]
}

fn directory(state: &Path) -> Finding {
    let error = |found: String, fix| Finding::error("state", &found, fix);
    let elsewhere = || Fix::Do("name another directory with --state-dir".to_owned());
    let place = match nearest(state) {
        Ok(place) => place,
        Err(cause) => return error(format!("{} cannot be used: {cause}", shown(state)), elsewhere()),
    };
    let stands = place == state;
    if stands && let Some(finding) = unsafe_for_one(state) {
        return finding;
    }
    if let Err(cause) = may_write(&place) {
        let what = if stands { "cannot be written to" } else { "cannot be made" };
        return error(format!("{} {what}: {}: {cause}", shown(state), shown(&place)), elsewhere());
    }
    let left = match free_space(&place) {
        Ok(left) => left,
        Err(cause) => {
            return error(format!("{}: its disk cannot be asked for room: {cause}", shown(state)), elsewhere());
        }
    };
    let found = format!("{}{}; {left}", shown(state), if stands { "" } else { " is not there yet and can be made" });
    if left.is_below(ENOUGH_BYTES, ENOUGH_INODES) {
        let fix = "free space on that disk: without any, no change of a session can be stored";
        return Finding::warning("state", &found, Fix::Do(fix.to_owned()));
    }
    Finding::ok("state", &found)
}

/// The rules of the owner itself: ours alone, and a directory.
fn unsafe_for_one(state: &Path) -> Option<Finding> {
    let error = |found: &str, fix| Some(Finding::error("state", &format!("{} {found}", shown(state)), fix));
    let found = match fs::metadata(state) {
        Ok(found) => found,
        Err(cause) => return error(&format!("cannot be examined: {cause}"), Fix::Do("name another one".to_owned())),
    };
    if !found.is_dir() {
        return error("is not a directory", Fix::Do("move it away, or name another with --state-dir".to_owned()));
    }
    let exposure = match exposure::of(state) {
        Ok(exposure) => exposure?,
        Err(cause) => return error(&format!("cannot be examined: {cause}"), Fix::Do("name another one".to_owned())),
    };
    error(
        &exposure.to_string(),
        match exposure {
            Exposure::OtherUser(_) => Fix::Do("use one of your own (--state-dir), or act as that user".to_owned()),
            Exposure::Open(_) => Fix::Run(format!("chmod 700 {}", quoted(state))),
        },
    )
}

/// Takes a lock and sees that a second one is refused: on a file system that forgets locks, two owners would write to
/// one journal.
fn lock(state: &Path) -> Finding {
    let elsewhere = || Fix::Do("put the state directory on a local disk (--state-dir)".to_owned());
    match probe(state) {
        Ok(true) => Finding::ok("lock", "a lock was taken, kept and given back"),
        Ok(false) => {
            let found = format!("the file system of {} grants a lock twice", shown(state));
            Finding::error("lock", &found, elsewhere())
        }
        Err(cause) => {
            Finding::error("lock", &format!("no lock can be taken in {}: {cause}", shown(state)), elsewhere())
        }
    }
}

fn probe(state: &Path) -> io::Result<bool> {
    let path = state.join(format!("doctor-probe.{}", std::process::id()));
    let first = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    let second = File::options().read(true).write(true).open(&path);
    // Both are open, so the name is needed no more, however this ends.
    fs::remove_file(&path)?;
    let second = second?;
    let taken = |file: &File| match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    };
    let kept = taken(&first)? && !taken(&second)?;
    first.unlock()?;
    Ok(kept && taken(&second)?)
}
