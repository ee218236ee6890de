//! The state directory: made if it is missing, and used only where it is this user's alone.
//!
//! Promises: what is made is closed to others. Never: changes the mode or the owner of a directory that stands.

use super::exposure::{self, Exposure};
use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use thiserror::Error;

/// Why the state directory cannot be used.
#[derive(Debug, Error)]
pub enum StateDirectoryError {
    /// It belongs to another user or is open to others.
    #[error(
        "the state directory {state:?} {exposure}; nobody else may read or change it: give it to this user alone (mode 0700)"
    )]
    Unsafe {
        /// The directory.
        state: PathBuf,
        /// What is wrong.
        exposure: Exposure,
    },
    /// It cannot be made, read or written.
    #[error("the state directory {state:?} cannot be used: {cause}")]
    Io {
        /// The directory.
        state: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

impl StateDirectoryError {
    pub(super) fn io(state: &Path, cause: io::Error) -> Self {
        Self::Io { state: state.to_owned(), cause }
    }
}

/// Makes the state directory if it is missing, safe for this user alone.
pub(super) fn prepare(state: &Path) -> Result<(), StateDirectoryError> {
    let io = |cause| StateDirectoryError::io(state, cause);
    DirBuilder::new().recursive(true).mode(0o700).create(state).map_err(io)?;
    let found = exposure::of(state).map_err(io)?;
    found.map_or(Ok(()), |exposure| Err(StateDirectoryError::Unsafe { state: state.to_owned(), exposure }))
}
