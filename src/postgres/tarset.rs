//! The archives of a tar backup: which files of a directory belong together.
//!
//! Promises: a set is reported as whole or its fault is named; links and other oddities are never taken for archives.
//! Never: opens an archive. The ending of a name only finds the file; how it is packed is shown by its first bytes
//! (see `compression`).

use super::manifest;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};
use thiserror::Error;

/// The archives that `pg_basebackup --format=tar` wrote into one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarSet {
    /// The data directory without tablespaces; also without WAL, unless `--wal-method=fetch` was used.
    pub base: PathBuf,
    /// One archive a tablespace, by its OID.
    pub tablespaces: BTreeMap<u32, PathBuf>,
    /// The WAL that was streamed beside the backup; not there with `--wal-method=none` or `fetch`.
    pub wal: Option<PathBuf>,
    /// The manifest, where there is one.
    pub manifest: Option<PathBuf>,
}

/// Why a directory that holds archives is no set.
#[derive(Debug, Error)]
pub enum TarSetError {
    /// The directory cannot be listed.
    #[error("{path:?} cannot be read: {source}")]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Archives are there, but not that of the data directory.
    #[error("base.tar is missing beside {beside:?}")]
    NoBase {
        /// The name of a file that belongs to a set.
        beside: String,
    },
    /// One archive is there twice.
    #[error("{first:?} and {second:?} are the same archive twice")]
    Twice {
        /// The name that comes first in the alphabet.
        first: String,
        /// The other.
        second: String,
    },
    /// A name of the set is a directory, a link or something else.
    #[error("{0:?} is not a regular file")]
    NotAFile(String),
}

/// What a file of a set holds, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArchivePart {
    /// The data directory.
    Base,
    /// The WAL that was streamed.
    Wal,
    /// The tablespace with this OID.
    Tablespace(u32),
    /// The manifest.
    Manifest,
}

impl TarSet {
    /// Looks for a set in `directory`. `None` means that nothing there belongs to one: a `backup_manifest` or a
    /// `16384.tar` alone does not make a tar backup.
    pub fn find(directory: &Path) -> Result<Option<Self>, TarSetError> {
        let unreadable = |source| TarSetError::Unreadable { path: directory.to_owned(), source };
        let mut parts: BTreeMap<ArchivePart, String> = BTreeMap::new();
        for (part, name) in Self::parts(directory).map_err(unreadable)? {
            match parts.entry(part) {
                Entry::Occupied(held) => return Err(TarSetError::Twice { first: held.get().clone(), second: name }),
                Entry::Vacant(place) => place.insert(name),
            };
        }
        let set_like = parts.contains_key(&ArchivePart::Base)
            || parts.contains_key(&ArchivePart::Wal)
            || (parts.contains_key(&ArchivePart::Manifest) && parts.len() > 1);
        if !set_like {
            return Ok(None);
        }
        for name in parts.values() {
            let kind = fs::symlink_metadata(directory.join(name)).map_err(unreadable)?;
            if !kind.is_file() {
                return Err(TarSetError::NotAFile(name.clone()));
            }
        }
        Self::assemble(directory, parts).map(Some)
    }

    /// The names in `directory` that belong to a set, whole or not, and whatever kind of file they are.
    pub fn parts(directory: &Path) -> io::Result<Vec<(ArchivePart, String)>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            names.extend(ArchivePart::of(&entry?.file_name()).map(|(part, name)| (part, name.to_owned())));
        }
        // The order of a listing is the file system's; a fault is to be reported the same way each time.
        names.sort();
        Ok(names)
    }

    fn assemble(directory: &Path, parts: BTreeMap<ArchivePart, String>) -> Result<Self, TarSetError> {
        let beside = parts.values().next().cloned().unwrap_or_default();
        let (mut base, mut wal, mut manifest, mut tablespaces) = (None, None, None, BTreeMap::new());
        for (part, name) in parts {
            let path = directory.join(name);
            match part {
                ArchivePart::Base => base = Some(path),
                ArchivePart::Wal => wal = Some(path),
                ArchivePart::Manifest => manifest = Some(path),
                ArchivePart::Tablespace(oid) => {
                    tablespaces.insert(oid, path);
                }
            }
        }
        let base = base.ok_or(TarSetError::NoBase { beside })?;
        Ok(Self { base, tablespaces, wal, manifest })
    }
}

impl ArchivePart {
    /// The part that a file with this name is, and the name as text.
    fn of(name: &OsStr) -> Option<(Self, &str)> {
        let text = name.to_str()?;
        if text == manifest::FILE_NAME {
            return Some((Self::Manifest, text));
        }
        let stem =
            ["", ".gz", ".lz4", ".zst"].iter().find_map(|packed| text.strip_suffix(packed)?.strip_suffix(".tar"));
        let part = match stem? {
            "base" => Self::Base,
            "pg_wal" => Self::Wal,
            digits => Self::Tablespace(oid(digits)?),
        };
        Some((part, text))
    }
}

/// An OID as PostgreSQL writes it: decimal, without sign or leading zeros, never 0.
pub fn oid(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn directory(names: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(directory.path().join(name), b"").unwrap();
        }
        directory
    }

    fn fault(names: &[&str]) -> String {
        TarSet::find(directory(names).path()).unwrap_err().to_string()
    }

    #[test]
    fn the_archives_of_a_backup_are_found_whatever_they_are_packed_with() {
        let at =
            directory(&["base.tar.gz", "16384.tar.zst", "16385.tar", "pg_wal.tar.lz4", "backup_manifest", "notes"]);
        let set = TarSet::find(at.path()).unwrap().unwrap();
        assert_eq!(set.base, at.path().join("base.tar.gz"));
        assert_eq!(set.wal, Some(at.path().join("pg_wal.tar.lz4")));
        assert_eq!(set.manifest, Some(at.path().join("backup_manifest")));
        assert_eq!(set.tablespaces.keys().copied().collect::<Vec<_>>(), [16384, 16385]);
    }

    #[test]
    fn a_directory_with_other_files_is_no_set() {
        for names in
            [&[][..], &["notes.tar"], &["016384.tar"], &["16384.tar"], &["backup_manifest"], &["0.tar", "x.gz"]]
        {
            assert!(TarSet::find(directory(names).path()).unwrap().is_none(), "{names:?}");
        }
    }

    #[test]
    fn an_archive_that_is_there_twice_is_told_with_both_names() {
        assert_eq!(fault(&["base.tar", "base.tar.gz"]), r#""base.tar" and "base.tar.gz" are the same archive twice"#);
        assert!(fault(&["base.tar", "7.tar", "7.tar.zst"]).contains("7.tar.zst"));
    }

    #[test]
    fn half_a_set_is_told() {
        assert_eq!(fault(&["pg_wal.tar"]), "base.tar is missing beside \"pg_wal.tar\"");
        assert!(fault(&["backup_manifest", "16384.tar.gz"]).contains("base.tar is missing"));
    }

    #[test]
    fn a_link_is_not_taken_for_an_archive() {
        let at = directory(&["backup_manifest"]);
        std::os::unix::fs::symlink("/etc/passwd", at.path().join("base.tar")).unwrap();
        assert_eq!(TarSet::find(at.path()).unwrap_err().to_string(), "\"base.tar\" is not a regular file");
        assert!(TarSet::find(&at.path().join("none")).is_err());
    }
}
