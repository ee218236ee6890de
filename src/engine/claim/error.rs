//! Why a place cannot be claimed.

use super::record::Claim;
use crate::{
    domain::{Failure, Hold, instance::printable_name},
    engine::at_target::at_target,
};
use std::{
    io,
    path::{Path, PathBuf},
};
use thiserror::Error;

/// Why a place cannot be had.
#[derive(Debug, Error)]
pub enum ClaimError {
    /// Another session holds it, or a directory above or below it.
    #[error("{wanted} is held by {by}{}", works(*.worker))]
    Held {
        /// What was wanted.
        wanted: Hold,
        /// Who has it.
        by: Box<Claim>,
        /// The process that works there now, where one does and the kernel shows it.
        worker: Option<u32>,
        /// The file that records it.
        file: PathBuf,
    },
    /// Something stands where the claim would be, and it cannot be read as one.
    #[error("{wanted} may be held by somebody: {} cannot be read as a claim: {problem}", printable_name(.file.as_os_str()))]
    Unreadable {
        /// What was wanted.
        wanted: Hold,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system refused.
    #[error("cannot {doing} {}: {cause}", printable_name(.path.as_os_str()))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

impl ClaimError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |cause| Self::Io { doing, path: path.clone(), cause }
    }

    /// What a person can do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Held { wanted: Hold::Port(_), file, .. } => format!(
                "choose another port, or cancel that session; if its state directory is no more, remove {}",
                printable_name(file.as_os_str())
            ),
            Self::Held { file, .. } => format!(
                "choose another place, or cancel that session; if its state directory is no more, remove {}",
                printable_name(file.as_os_str())
            ),
            Self::Unreadable { .. } => "see whose it is, and remove it if nobody needs it".to_owned(),
            Self::Io { .. } => String::new(),
        }
    }
}

impl From<ClaimError> for Failure {
    fn from(error: ClaimError) -> Self {
        match &error {
            ClaimError::Io { doing, path, cause } => at_target(doing, path, cause),
            ClaimError::Held { .. } | ClaimError::Unreadable { .. } => {
                Self::incurable(error.to_string(), error.advice())
            }
        }
    }
}

fn works(worker: Option<u32>) -> String {
    worker.map_or_else(String::new, |pid| format!("; process {pid} works there"))
}
