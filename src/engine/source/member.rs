//! Members of a tar archive as `pg_basebackup` writes them, and a refusal of everything else.
//!
//! Promises: a member is a regular file or a directory with a path that stays below the data directory. The server
//! writes nothing else since version 13: tablespaces stand in `tablespace_map`, not in links. Never: a link, a
//! device, a name in an extension header, an absolute name, or `..`.

use super::errors::DAMAGED;
use crate::domain::{Failure, instance::printable};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};
use tar::EntryType;

/// A member, by its path below the data directory.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) enum Member {
    Directory(PathBuf),
    File(PathBuf, u64),
}

/// What an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Kind {
    /// The data directory.
    Base,
    /// One tablespace, by its OID.
    Tablespace(u32),
    /// `pg_wal`.
    Wal,
}

impl Kind {
    /// The OID of its tablespace.
    pub(in crate::engine) const fn tablespace(self) -> Option<u32> {
        match self {
            Self::Tablespace(oid) => Some(oid),
            Self::Base | Self::Wal => None,
        }
    }

    /// Where the members of the archive belong.
    pub(in crate::engine) fn prefix(self) -> PathBuf {
        match self {
            Self::Base => PathBuf::new(),
            Self::Tablespace(oid) => Path::new("pg_tblspc").join(oid.to_string()),
            Self::Wal => PathBuf::from("pg_wal"),
        }
    }
}

/// A member that no backup has.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) struct Refused {
    /// Its name, printable.
    pub(in crate::engine) name: String,
    /// What is wrong with it, as it follows the name.
    pub(in crate::engine) what: &'static str,
}

impl Refused {
    /// The failure of those who need all members of `archive`.
    pub(in crate::engine) fn failure(&self, archive: &Path) -> Failure {
        let cause = format!("{} has a member {:?} {}", archive.display(), self.name, self.what);
        Failure::incurable(cause, format!("pg_basebackup never writes that; {DAMAGED}"))
    }
}

/// Reads the header of a member of `archive`.
pub(in crate::engine) fn read(archive: &Path, kind: Kind, header: &tar::Header) -> Result<Member, Failure> {
    examine(kind, header).map_err(|refused| refused.failure(archive))
}

/// Reads the header of a member of an archive.
pub(in crate::engine) fn examine(kind: Kind, header: &tar::Header) -> Result<Member, Refused> {
    let name = header.path_bytes();
    let refuse = |what: &'static str| Refused { name: printable(&String::from_utf8_lossy(&name)), what };
    // The kind comes first: the name of what is no file and no directory here means nothing.
    let is_directory = match header.entry_type() {
        EntryType::Directory => true,
        EntryType::Regular | EntryType::Continuous => false,
        EntryType::Symlink => return Err(refuse("that is a symbolic link")),
        EntryType::Link => return Err(refuse("that is a hard link")),
        EntryType::Char | EntryType::Block => return Err(refuse("that is a device")),
        EntryType::Fifo => return Err(refuse("that is a named pipe")),
        EntryType::XHeader | EntryType::XGlobalHeader => {
            return Err(refuse("that is a PAX header, which changes the name or size of others"));
        }
        EntryType::GNULongName | EntryType::GNULongLink => {
            return Err(refuse("that is a GNU header, which changes the name of another"));
        }
        EntryType::GNUSparse => return Err(refuse("that is a sparse file")),
        _ => return Err(refuse("of an unknown kind")),
    };
    let below = path_below(&name).map_err(refuse)?;
    let path = if below.as_os_str().is_empty() { kind.prefix() } else { kind.prefix().join(below) };
    if is_directory {
        return Ok(Member::Directory(path));
    }
    let size = header.entry_size().map_err(|_| refuse("with a size that is no number"))?;
    if name.ends_with(b"/") || below.as_os_str().is_empty() {
        return Err(refuse("that is named like a directory, but is a file"));
    }
    Ok(Member::File(path, size))
}

/// The path that a member's name means. The server writes `./pg_wal/archive_status/` for one directory.
fn path_below(name: &[u8]) -> Result<&Path, &'static str> {
    if name.starts_with(b"/") {
        return Err("with an absolute name");
    }
    let name = name.strip_prefix(b"./").unwrap_or(name);
    let name = name.strip_suffix(b"/").unwrap_or(name);
    if name.is_empty() || name == b"." {
        return Ok(Path::new(""));
    }
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b".." => return Err("that leads out of the data directory"),
            b"." => return Err("with . in its name"),
            b"" => return Err("with an empty part in its name"),
            _ if part.contains(&0) => return Err("with a NUL byte in its name"),
            _ => {}
        }
    }
    Ok(Path::new(OsStr::from_bytes(name)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn header(name: &[u8], kind: EntryType) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_size(5);
        header
    }

    #[test]
    fn a_member_belongs_where_its_archive_belongs() {
        let read = |kind, name: &[u8], entry| read(Path::new("x.tar"), kind, &header(name, entry)).unwrap();
        assert_eq!(read(Kind::Base, b"base/1/2", EntryType::Regular), Member::File("base/1/2".into(), 5));
        assert_eq!(
            read(Kind::Wal, b"archive_status/", EntryType::Directory),
            Member::Directory("pg_wal/archive_status".into())
        );
        let in_space = read(Kind::Tablespace(7), b"PG_15/1", EntryType::Regular);
        assert_eq!(in_space, Member::File("pg_tblspc/7/PG_15/1".into(), 5));
        assert_eq!(read(Kind::Base, b"./pg_wal/x/", EntryType::Directory), Member::Directory("pg_wal/x".into()));
        assert_eq!(read(Kind::Tablespace(7), b"./", EntryType::Directory), Member::Directory("pg_tblspc/7".into()));
    }

    #[test]
    fn a_hostile_member_is_refused_by_name() {
        for (name, kind, says) in [
            (&b"/etc/passwd"[..], EntryType::Regular, "\"/etc/passwd\" with an absolute name"),
            (b"../x", EntryType::Regular, "leads out of"),
            (b"base/../../x", EntryType::Regular, "leads out of"),
            (b"base/..", EntryType::Directory, "leads out of"),
            (b"base//x", EntryType::Regular, "empty part"),
            (b"base/./x", EntryType::Regular, "with . in its name"),
            (b"base/", EntryType::Regular, "named like a directory"),
            (b"./", EntryType::Regular, "named like a directory"),
            (b"pg_tblspc/1", EntryType::Symlink, "symbolic link"),
            (b"base/x", EntryType::Link, "hard link"),
            (b"base/x", EntryType::Char, "device"),
            (b"base/x", EntryType::Block, "device"),
            (b"base/x", EntryType::Fifo, "named pipe"),
            (b"././@LongLink", EntryType::GNULongName, "is a GNU header, which changes the name"),
            (b"base/./PaxHeaders/x", EntryType::XHeader, "is a PAX header, which changes the name"),
            (b"/tmp/GlobalHead.1.1", EntryType::XGlobalHeader, "is a PAX header, which changes the name"),
            (b"../x", EntryType::Symlink, "symbolic link"),
            (b"base/x", EntryType::GNUSparse, "sparse file"),
            (b"base/x", EntryType::new(b'V'), "unknown kind"),
            (b"base/\x1b[2Jx", EntryType::Fifo, "\\\\u{1b}"),
        ] {
            let failure = read(Path::new("base.tar"), Kind::Base, &header(name, kind)).unwrap_err();
            assert!(failure.cause.contains(says), "{failure}");
            assert!(!failure.cause.contains('\u{1b}'));
        }
    }
}
