//! What can be wrong with a manifest, each naming the line, the file entry or the field.

use crate::domain::{ByteCount, instance::printable};
use std::{io, path::PathBuf};
use thiserror::Error;

/// Why a manifest cannot be used. Each text is one clause that can follow the manifest's path.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The system refused.
    #[error("{} cannot be read: {source}", printable(&path.to_string_lossy()))]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// What the system reports.
        source: io::Error,
    },
    /// A directory or a device stands in its place.
    #[error("{} is not a regular file", printable(&.0.to_string_lossy()))]
    NotAFile(PathBuf),
    /// It is far too large to be a manifest.
    #[error("the manifest is larger than {limit}, which no real one is")]
    TooLarge {
        /// The most that is read.
        limit: ByteCount,
    },
    /// There is nothing in it.
    #[error("the manifest is empty")]
    Empty,
    /// It is something else; the text describes what shows it.
    #[error("this is no manifest: {}", printable(.0))]
    NotJson(String),
    /// A text has no such bytes: a file system or a copy has lost what stood there.
    #[error("the manifest has NUL bytes in it, from byte {at} on: its content is lost there")]
    Nul {
        /// Counted from 0.
        at: usize,
    },
    /// It does not end where a manifest ends.
    #[error("the manifest is cut short: it ends at line {line}")]
    CutShort {
        /// Counted from 1.
        line: usize,
    },
    /// It goes on behind its end.
    #[error("the manifest goes on behind its end (bytes that follow: {0})")]
    Trailing(usize),
    /// The last byte is missing, at least.
    #[error("the line break at the end of the manifest is missing")]
    NoLineBreak,
    /// It is not the JSON that it should be; the text names the field.
    #[error("the manifest is wrong at line {line}, column {column}: {}", printable(what))]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What is wrong there, such as a missing, doubled or unknown field.
        what: String,
    },
    /// Its fields are not in the order in which PostgreSQL writes them.
    #[error("the manifest does not begin with PostgreSQL-Backup-Manifest-Version: it was rewritten")]
    VersionNotFirst,
    /// A version that this build cannot read.
    #[error("the manifest has version {0}; this build reads versions 1 and 2")]
    UnknownVersion(u64),
    /// A field that the version must have, or must not.
    #[error("a manifest of version {version} {}", if *.present { "has no System-Identifier, but this one does" } else { "must have a System-Identifier" })]
    SystemIdentifier {
        /// The manifest's version.
        version: u32,
        /// Whether the field is there.
        present: bool,
    },
    /// A field of one file is wrong.
    #[error("file entry {number} ({}) is wrong: {}", printable(path), printable(what))]
    File {
        /// Counted from 1, in the order of the manifest.
        number: usize,
        /// The path as it is written there.
        path: String,
        /// The field and what is wrong with it.
        what: String,
    },
    /// Two entries have the same path.
    #[error("the path {} occurs twice in the manifest", printable(&.0.to_string_lossy()))]
    Duplicate(PathBuf),
    /// One entry lies below another, which then cannot be a file.
    #[error("{} is named as a file and as the directory of another", printable(&.0.to_string_lossy()))]
    FileAsDirectory(PathBuf),
    /// The sizes add up to more than a file system can hold.
    #[error("the sizes in the manifest add up to more than any disk holds")]
    SizeOverflow,
    /// One of the WAL ranges is wrong.
    #[error("WAL range {number} is wrong: {}", printable(what))]
    WalRange {
        /// Counted from 1.
        number: usize,
        /// What is wrong.
        what: String,
    },
    /// There are no WAL ranges.
    #[error("WAL-Ranges is empty: the backup does not say where recovery begins")]
    NoWalRange,
    /// The last line is not there.
    #[error("the manifest has no Manifest-Checksum, which is its last line")]
    NoChecksum,
    /// What stands there is no SHA-256.
    #[error("Manifest-Checksum {}", no_digest(*length))]
    NoDigest {
        /// How long it is.
        length: usize,
    },
    /// The fields are there, but not on the lines that PostgreSQL writes, over which the checksum goes.
    #[error("the manifest was reformatted: Manifest-Checksum does not stand on its last line")]
    Reformatted,
    /// A transfer in text mode has changed the line breaks, and nothing else.
    #[error("the line breaks of the manifest were changed to CR LF: it was copied in text mode")]
    LineEnds,
    /// The bytes are not those that PostgreSQL wrote.
    #[error("the manifest does not match its own checksum: it was altered or damaged")]
    WrongChecksum,
}

fn no_digest(length: usize) -> String {
    if length == 64 {
        return "has characters in it that are not hexadecimal digits".to_owned();
    }
    format!("has {length} characters, and a SHA-256 has 64")
}
