//! What cannot be read, as a failure: a file, or the whole backup.

use crate::{domain::Failure, engine::source::errors::Backup};
use std::{io, path::Path};

/// A failure to do something (`read`, `list`) with a file of the backup.
pub(super) fn unread(backup: &Backup, doing: &str, path: &Path, error: &io::Error) -> Failure {
    if backup.is_gone() { gone(backup) } else { backup.failure(doing, path, error) }
}

/// The failure for a backup that is not there at all.
pub(super) fn gone(backup: &Backup) -> Failure {
    let advice = "mount or move the repository back; the verification then begins anew".to_owned();
    Failure { advice, ..backup.gone() }
}
