//! Removing what stands in a directory, where it may be gone already.
//!
//! Promises: what is missing is no error. Never: follows a link.

use std::{ffi::OsString, fs, io, path::Path};

/// The names in a directory; none where it is missing.
pub(in crate::engine) fn names(directory: &Path) -> io::Result<Vec<OsString>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Removes a file, a link (not what it leads to) or a directory with all that is in it.
pub(in crate::engine) fn remove_tree(path: &Path) -> io::Result<()> {
    let gone = match path.symlink_metadata() {
        Ok(about) if about.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    gone.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Removes a directory, unless something is in it.
pub(in crate::engine) fn remove_if_empty(directory: &Path) -> io::Result<()> {
    match fs::remove_dir(directory) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => Ok(()),
        Err(error) => Err(error),
    }
}
