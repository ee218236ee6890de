//! Saves an attempt's log to a file of the person's choice.
//!
//! Promises: nothing is overwritten, only its user may read the file, and one that could not be written whole is removed.
//! Never: fails for a log that does not exist yet: it is empty.

use crate::{
    attempt::AttemptDir,
    domain::{AttemptNo, SessionId},
};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Copies all of the log; returns the bytes.
pub(super) fn save_log(state: &Path, session: SessionId, attempt: AttemptNo, to: &Path) -> io::Result<u64> {
    let mut log = match File::open(AttemptDir::new(state, session, attempt).output()) {
        Ok(log) => Some(log),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let copied = log.as_mut().map_or(Ok(0), |log| io::copy(log, &mut file));
    copied.and_then(|bytes| file.sync_all().map(|()| bytes)).inspect_err(|_| {
        // The error that is reported is that of the copy.
        fs::remove_file(to).unwrap_or_default();
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_log_is_saved_for_its_user_alone_and_overwrites_nothing() {
        let place = tempfile::tempdir().unwrap();
        let (session, attempt) = (SessionId(7), AttemptNo(1));
        let output = AttemptDir::new(place.path(), session, attempt).output();
        fs::create_dir_all(output.parent().unwrap()).unwrap();
        fs::write(&output, "10:00:00Z Copy begins\n").unwrap();
        let to = place.path().join("saved.log");
        assert_eq!(save_log(place.path(), session, attempt, &to).unwrap(), 22);
        assert_eq!(fs::read(&to).unwrap(), fs::read(&output).unwrap());
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&output, "other").unwrap();
        let again = save_log(place.path(), session, attempt, &to).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::metadata(&to).unwrap().len(), 22);
    }
}
