//! What the user that backups run as may do, whatever howdah itself may.
//!
//! Promises: asked of the kernel by that user itself, so that lists of rights and mounts count; nothing is changed.

use crate::{
    domain::Failure,
    postgres::{
        account::{Account, Permission},
        command_output::command_answer,
    },
};
use std::{path::Path, time::Duration};

/// Looking at a large tree for what cannot be read takes its time.
const SEARCH_LIMIT: Duration = Duration::from_mins(10);

/// Whether the user has this right.
pub(super) fn may(account: &Account, permission: Permission, path: &Path) -> Result<bool, Failure> {
    account.may(permission, path).map_err(|error| unasked(account, path, &error))
}

/// Refuses a directory that the user could not write to; `nearest` is it, or the nearest one above it that is there.
pub(super) fn refuse_unwritable(account: &Account, directory: &Path, nearest: &Path) -> Result<(), Failure> {
    // What is missing is made by howdah itself, and given to that user.
    let made_by_root = nearest != directory && account.owner().is_some();
    let (wanted, what) =
        if made_by_root { (Permission::Enter, "pass through") } else { (Permission::Write, "write to") };
    if may(account, wanted, nearest)? {
        return Ok(());
    }
    Err(Failure::incurable(
        format!("{} may not {what} {}", account.name(), nearest.display()),
        "give that user the right, mount the file system to be written, or choose another place",
    ))
}

/// Refuses files and directories that the user may not read, those below a directory included.
pub(super) fn refuse_unreadable(account: &Account, path: &Path) -> Result<(), Failure> {
    let name = account.name();
    let mut find = account.command("find");
    find.arg(path).args(["(", "-type", "f", "-o", "-type", "d", ")", "!", "-readable", "-print", "-quit"]);
    let answer = command_answer(&mut find, SEARCH_LIMIT).map_err(|error| unasked(account, path, &error))?;
    match (answer.stdout.lines().next(), answer.stderr.lines().next()) {
        (None, None) => Ok(()),
        (Some(path), _) => Err(Failure::incurable(
            format!("{name} may not read {path}"),
            "give that user the right, or take it out of what is copied",
        )),
        (None, Some(said)) => {
            Err(Failure::incurable(said.to_owned(), "see that the path is there and can be read by that user"))
        }
    }
}

fn unasked(account: &Account, path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let cause = format!("cannot ask what {} may do with {}: {error}", account.name(), path.display());
    Failure::disruption(cause, "")
}
