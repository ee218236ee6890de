//! What stands in the directory beside the target: unpacked backups, what was put together, and the note that it is whole.
//!
//! Promises: the note is there only when all that it is about is on the disk; one process at a time works here, its
//! `pg_combinebackup` included, whoever was killed. Never: goes on with what was begun and not completed.

use crate::{
    domain::Failure,
    engine::{
        at_target::at_target,
        claim::target::{
            removal::{names, remove_tree},
            staging,
        },
    },
};
use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// What the program says; whoever has the lock of this file works here.
const SAID: &str = "said";

/// The note: what the chain is known by that was put together.
const WHOLE: &str = "whole";

/// How long the program of an attempt that was killed may take to go.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is looked.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Where the result is.
pub(super) fn combined(staging: &Path) -> PathBuf {
    staging.join("combined")
}

/// Where the result's tablespaces are.
pub(super) fn tablespace(staging: &Path, oid: &str) -> PathBuf {
    staging.join("combined.tablespaces").join(oid)
}

/// Where a backup of the chain is unpacked to.
pub(super) fn member(staging: &Path, at: usize) -> PathBuf {
    staging.join(format!("member-{at}"))
}

/// Where the program writes what it has to say.
pub(super) fn said(staging: &Path) -> PathBuf {
    staging.join(SAID)
}

/// Whether this chain was put together here, to its end.
pub(super) fn is_complete(staging: &Path, identity: &str) -> Result<bool, Failure> {
    if !staging::is_ours(staging)? {
        return Ok(false);
    }
    match fs::read_to_string(staging.join(WHOLE)) {
        Ok(noted) => Ok(noted == identity),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(at_target("read", &staging.join(WHOLE), &error)),
    }
}

/// Takes the lock. A program that is given the file as its output has it, too, until it ends.
pub(super) fn take(staging: &Path) -> Result<File, Failure> {
    let path = said(staging);
    let file =
        File::options().append(true).create(true).open(&path).map_err(|error| at_target("open", &path, &error))?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(at_target("lock", &path, &error)),
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_TIMEOUT => thread::sleep(POLL_INTERVAL),
            Err(TryLockError::WouldBlock) => {
                let cause = format!("a program of an earlier attempt still works in {}", staging.display());
                return Err(Failure::disruption(cause, "see what it waits for"));
            }
        }
    }
}

/// Removes what an earlier attempt has left there.
pub(super) fn clear(staging: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| at_target("clear", staging, &error);
    for name in names(staging).map_err(failed)?.iter().filter(|name| *name != SAID) {
        remove_tree(&staging.join(name)).map_err(failed)?;
    }
    File::options().write(true).truncate(true).open(said(staging)).map(drop).map_err(failed)
}

/// Notes durably that all is there, and removes what it was made of.
pub(super) fn complete(staging: &Path, identity: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| at_target("complete", staging, &error);
    for name in names(staging).map_err(failed)? {
        if name.as_encoded_bytes().starts_with(b"member-") {
            remove_tree(&staging.join(name)).map_err(failed)?;
        }
    }
    let note = || -> io::Result<()> {
        let directory = File::open(staging)?;
        // The program was told not to: one call for the whole file system is cheaper than one for each file.
        rustix::fs::syncfs(&directory)?;
        let fresh = staging.join("whole.new");
        let mut file = File::create(&fresh)?;
        file.write_all(identity.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, staging.join(WHOLE))?;
        directory.sync_all()
    };
    note().map_err(failed)
}
