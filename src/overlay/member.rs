//! Members of uncompressed archives, as whoever has read the archive hands them over.

use serde::{Deserialize, Serialize};
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// Names of files are bytes, which JSON has no text for when they are not UTF-8.
mod path_bytes {
    use serde::{
        Deserializer, Serializer,
        de::{Error, SeqAccess, Visitor},
    };
    use std::{
        ffi::OsString,
        fmt,
        os::unix::ffi::{OsStrExt as _, OsStringExt as _},
        path::{Path, PathBuf},
    };

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_seq(path.as_os_str().as_bytes()),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        deserializer.deserialize_any(PathVisitor)
    }

    struct PathVisitor;

    impl<'de> Visitor<'de> for PathVisitor {
        type Value = PathBuf;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a path, or the bytes of one")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<PathBuf, E> {
            Ok(text.into())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<PathBuf, A::Error> {
            let mut path = Vec::new();
            while let Some(byte) = bytes.next_element()? {
                path.push(byte);
            }
            Ok(OsString::from_vec(path).into())
        }
    }
}

/// One member of an uncompressed tar: one JSON object a line in the file that [`Lower::Members`](super::Lower) names.
/// Of two with one path the later one counts, as in a tar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Relative, below the root that the members are shown at, without `.` and `..`. A text, or an array of bytes where
    /// it is none.
    #[serde(with = "path_bytes")]
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
