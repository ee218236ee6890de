//! Removing a directory of the session with all that restic has put there.
//!
//! Promises: no link is followed. Never: removes what does not bear the name that says whose it is; that is its caller's.

use crate::{
    domain::{Failure, path_text::shown},
    postgres::server::classify,
};
use rustix::io::Errno;
use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// Removes it; whether it was there.
pub(super) fn remove(directory: &Path) -> Result<bool, Failure> {
    let failed = |error: io::Error| classify::of_io(&format!("removing {}", shown(directory)), &error);
    match fs::symlink_metadata(directory) {
        Ok(about) if about.is_dir() => {}
        Ok(_) => {
            let cause = format!("{} is no directory any more", shown(directory));
            return Err(Failure::incurable(cause, "see who has put it there, and move it away"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    }
    match fs::remove_dir_all(directory) {
        // The tree has directories that their owner may not write to, and this user is not root.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(directory).and_then(|()| fs::remove_dir_all(directory)).map_err(failed)?;
        }
        // It holds each directory on its way down open.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::MFILE) => by_path(directory).map_err(failed)?,
        removed => removed.map_err(failed)?,
    }
    let above = directory.parent().unwrap_or(directory);
    File::open(above).and_then(|above| above.sync_all()).map_err(failed)?;
    Ok(true)
}

/// The same with a few directories open at a time, however deep it is; restic has made each by such a path. Nobody else
/// may enter the topmost, so that nothing is exchanged meanwhile.
fn by_path(directory: &Path) -> io::Result<()> {
    for entry in walkdir::WalkDir::new(directory).follow_links(false).follow_root_links(false).contents_first(true) {
        let entry = entry?;
        if entry.file_type().is_dir() { fs::remove_dir(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    Ok(())
}

/// Lets the owner into all directories below. Nobody else may enter the topmost, so that nothing is exchanged meanwhile.
fn open_up(directory: &Path) -> io::Result<()> {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        fs::set_permissions(&directory, Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_deep_tree_goes_and_what_its_links_lead_to_stays() {
        for by_path_alone in [false, true] {
            a_deep_tree_goes(by_path_alone);
        }
    }

    fn a_deep_tree_goes(by_path_alone: bool) {
        let place = tempfile::tempdir().unwrap();
        let (ours, others) = (place.path().join("ours"), place.path().join("others"));
        fs::create_dir_all(&others).unwrap();
        fs::write(others.join("kept"), "x").unwrap();
        // As deep as a path can be made by its name.
        let deep: std::path::PathBuf =
            std::iter::once(ours.as_path()).chain(std::iter::repeat_n(Path::new("d"), 1900)).collect();
        fs::create_dir_all(&deep).unwrap();
        symlink(&others, ours.join("link")).unwrap();
        symlink(&others, deep.join("link")).unwrap();
        fs::set_permissions(ours.join("d"), Permissions::from_mode(0o500)).unwrap();
        if by_path_alone {
            by_path(&ours).unwrap();
        } else {
            assert!(remove(&ours).unwrap());
        }
        assert!(!remove(&ours).unwrap());
        assert!(others.join("kept").exists());
        symlink(&others, &ours).unwrap();
        assert!(remove(&ours).is_err() && others.join("kept").exists());
    }
}
