//! Members of uncompressed archives, as whoever has read the archive hands them over.

use serde::{Deserialize, Serialize};
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// One member of an uncompressed tar: one JSON object a line in the file that [`Lower::Members`](super::Lower) names.
/// Of two with one path the later one counts, as in a tar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Relative, below the root that the members are shown at.
    pub path: PathBuf,
    /// When it was changed, in seconds since 1970.
    pub modified: i64,
    /// What it is.
    pub kind: MemberKind,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberKind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// The archive: an absolute path.
        archive: PathBuf,
        /// Where its data begins in the archive.
        offset: u64,
        /// Bytes of its data.
        length: u64,
    },
    /// A symbolic link.
    Link {
        /// Where it leads.
        target: PathBuf,
    },
}

impl Member {
    /// Writes it as one line.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }
}
