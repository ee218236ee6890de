//! Places that need not exist yet, with the links above them followed, so that two names of one place compare as one.

use super::at_target::at_target;
use crate::domain::Failure;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The place itself, or the nearest directory above it that exists, links followed.
pub(in crate::engine) fn nearest(place: &Path) -> Result<PathBuf, Failure> {
    for path in place.ancestors() {
        match fs::canonicalize(path) {
            Ok(real) => return Ok(real),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at_target("look at", path, &error)),
        }
    }
    Err(Failure::incurable(format!("{} has no directory above it", place.display()), "name a path from the root on"))
}

/// The path with the links in its existing part followed, to compare places.
pub(in crate::engine) fn real(place: &Path) -> Result<PathBuf, Failure> {
    let there = nearest(place)?;
    let missing = place.ancestors().take_while(|path| fs::canonicalize(path).is_err()).count();
    let mut tail: Vec<_> = place.iter().rev().take(missing).collect();
    tail.reverse();
    Ok(tail.into_iter().fold(there, |path, part| path.join(part)))
}
