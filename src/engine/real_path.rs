//! Places that need not exist yet, with the links above them followed, so that two names of one place compare as one.
//!
//! Promises: each directory of a path is looked at once, so that what others make or remove meanwhile leaves no part of
//! it out and adds none.

use super::at_target::at_target;
use crate::domain::Failure;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The place itself, or the nearest directory above it that exists, links followed.
pub(in crate::engine) fn nearest(place: &Path) -> Result<PathBuf, Failure> {
    existing(place, |path| fs::canonicalize(path)).map(|(there, _)| there)
}

/// The path with the links in its existing part followed, to compare places.
pub(in crate::engine) fn real(place: &Path) -> Result<PathBuf, Failure> {
    real_by(place, |path| fs::canonicalize(path))
}

fn real_by(place: &Path, canonicalize: impl FnMut(&Path) -> io::Result<PathBuf>) -> Result<PathBuf, Failure> {
    let (there, missing) = existing(place, canonicalize)?;
    Ok(missing.iter().fold(there, |path, part| path.join(part)))
}

/// The part of a path that exists, links followed, and the rest of it.
fn existing(
    place: &Path,
    mut canonicalize: impl FnMut(&Path) -> io::Result<PathBuf>,
) -> Result<(PathBuf, &Path), Failure> {
    for path in place.ancestors() {
        match canonicalize(path) {
            Ok(real) => return Ok((real, place.strip_prefix(path).expect("an ancestor is where a path begins"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at_target("look at", path, &error)),
        }
    }
    Err(Failure::incurable(format!("{} has no directory above it", place.display()), "name a path from the root on"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::{collections::BTreeSet, os::unix::fs::symlink};

    #[test]
    fn links_are_followed_as_far_as_the_path_exists() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        fs::create_dir(root.join("there")).unwrap();
        symlink(root.join("there"), root.join("alias")).unwrap();
        for (given, expected) in [("alias", "there"), ("alias/a/b", "there/a/b"), ("a/b", "a/b")] {
            assert_eq!(real(&root.join(given)).unwrap().as_os_str(), root.join(expected).as_os_str());
        }
        assert_eq!(nearest(&root.join("alias/a/b")).unwrap(), root.join("there"));
    }

    #[test]
    fn what_others_make_or_remove_meanwhile_changes_no_name() {
        let place = Path::new("/srv/restored/data.tablespaces/16384");
        for is_made in [true, false] {
            let mut asked = BTreeSet::new();
            let changing = |path: &Path| {
                let again = !asked.insert(path.to_owned());
                let stands = path == Path::new("/srv") || again == is_made;
                if stands { Ok(path.to_owned()) } else { Err(io::ErrorKind::NotFound.into()) }
            };
            assert_eq!(real_by(place, changing).unwrap(), place, "made: {is_made}");
        }
    }
}
