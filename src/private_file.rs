//! Files that only this user may read: the journal, tickets, reports, raw outputs, logs and locks.
//!
//! Promise: such a file has mode 0600, whatever the umask, and one that an older howdah left open to others is closed
//! when it is opened again. Never: changes the mode of anything but a regular file.

use std::{
    fs::{self, File, Metadata, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// For its user to read and write, and for nobody else.
const MODE: u32 = 0o600;

/// Opens a file as the options say.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.mode(MODE).open(path)?;
    if needs_restriction(&file.metadata()?) {
        file.set_permissions(Permissions::from_mode(MODE))?;
    }
    Ok(file)
}

/// Restricts a file that somebody else opens; says whether it is there.
///
/// By its path: a process that opens and closes a file a second time loses the locks that it has on it (fcntl(2)), and
/// SQLite locks its files that way.
pub fn restrict(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(found) if needs_restriction(&found) => {
            fs::set_permissions(path, Permissions::from_mode(MODE)).map(|()| true)
        }
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn needs_restriction(found: &Metadata) -> bool {
    found.is_file() && found.permissions().mode() & 0o777 != MODE
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_that_was_open_to_others_is_closed_when_it_is_opened() {
        let place = tempfile::tempdir().unwrap();
        for (name, old) in [("new", None), ("wide", Some(0o666)), ("shared", Some(0o644)), ("shut", Some(0o000))] {
            let path = place.path().join(name);
            if let Some(old) = old {
                fs::write(&path, "kept").unwrap();
                fs::set_permissions(&path, Permissions::from_mode(old)).unwrap();
            }
            if old == Some(0) {
                assert!(restrict(&path).unwrap());
            } else {
                open(&path, OpenOptions::new().append(true).create(true)).unwrap();
            }
            assert_eq!(mode(&path), MODE, "{name}");
            assert_eq!(fs::read_to_string(&path).unwrap(), if old.is_some() { "kept" } else { "" });
        }
        assert!(!restrict(&place.path().join("missing")).unwrap());
    }

    #[test]
    fn what_is_no_file_keeps_its_mode() {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
        assert!(restrict(place.path()).unwrap());
        assert_eq!(mode(place.path()), 0o755);
        let null = Path::new("/dev/null");
        let before = mode(null);
        open(null, OpenOptions::new().write(true)).unwrap();
        assert_eq!(mode(null), before);
    }
}
