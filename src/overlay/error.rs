//! Why an overlay cannot be mounted, served or unmounted.

use crate::domain::path_text::shown;
use std::{io, path::PathBuf};
use thiserror::Error;

/// What went wrong, at what, and why.
#[derive(Debug, Error)]
pub enum OverlayError {
    /// The system refuses an operation on a file.
    #[error("{operation} {}: {source}", shown(.path))]
    Io {
        /// What was tried, as a verb with its object: `cannot read`.
        operation: &'static str,
        /// The file it was tried on.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The order says something that no overlay can be.
    #[error("the order {}: {reason}", shown(.path))]
    BadOrder {
        /// The file of the order.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something in a backup cannot be shown.
    #[error("{} cannot be shown: {reason}", shown(.path))]
    BadLower {
        /// The file, directory or list of members.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What an earlier process wrote into the upper directory is not what it left there.
    #[error("{} is damaged at byte {offset}: {reason}", shown(.path))]
    Damaged {
        /// The file of the upper directory.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The upper directory was written before the machine was started again.
    #[error("{} was written before this machine was started: what is in it was never made durable; remove it and open anew", shown(.upper))]
    Restarted {
        /// The upper directory.
        upper: PathBuf,
    },
    /// The upper directory belongs to another overlay, or was written by another version.
    #[error("{} cannot be used: {reason}", shown(.upper))]
    Foreign {
        /// The upper directory.
        upper: PathBuf,
        /// What it is instead.
        reason: String,
    },
    /// Another process serves it.
    #[error("{} is being served by another process", shown(.upper))]
    Served {
        /// The upper directory.
        upper: PathBuf,
    },
    /// A mount of the name is there already.
    #[error("{name} is mounted already, at {}", shown(.at))]
    Mounted {
        /// The name of the mount.
        name: String,
        /// Where it is.
        at: PathBuf,
    },
    /// Mounting failed.
    #[error("cannot mount at {}: {reason}", shown(.at))]
    Mount {
        /// The mount point.
        at: PathBuf,
        /// What the system or `fusermount3` answered.
        reason: String,
    },
    /// It is still mounted after all that could be done.
    #[error("{} is still mounted: {reason}", shown(.at))]
    StillMounted {
        /// The mount point.
        at: PathBuf,
        /// What the last attempt answered.
        reason: String,
    },
    /// The process that was to serve it has failed, in its own words.
    #[error("{0}")]
    NotServing(String),
}

/// Adds what was tried, and where, to an error of the system.
pub(super) fn failed(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> OverlayError {
    let path = path.into();
    move |source| OverlayError::Io { operation, path, source }
}
