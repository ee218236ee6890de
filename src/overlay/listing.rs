//! What the lower had when it was first looked at: the file `listing` of the upper directory.
//!
//! Promise: an overlay that is opened again shows the names of the first time, with the same numbers, and does not look at
//! the lower for them: a file that has gone since is an error when it is read, not a name that is missing.

use super::{
    change::{Ino, ROOT},
    clock::FileTime,
    error::{OverlayError, failed},
    log::{BadRecord, Batch, Log, Reader, Writer},
};
use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// The listing's name in the upper directory.
const NAME: &str = "listing";

/// All that there is: the entry at `i` has the number `i + 2`, and comes after the directory that it is in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    /// Archives that entries are members of, with their lengths.
    pub(super) archives: Vec<(PathBuf, u64)>,
}

/// A name of the lower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) parent: Ino,
    pub(super) name: OsString,
    pub(super) modified: FileTime,
    pub(super) kind: EntryKind,
}

/// What it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// A directory; files in it are below `lower`, where it is given, and else in the directory of the same name of its
    /// parent's.
    Directory {
        lower: Option<PathBuf>,
    },
    /// A file of the name in the directory's lower.
    File {
        len: u64,
    },
    /// A member of the archive of this number.
    Member {
        archive: u64,
        offset: u64,
        len: u64,
    },
    Link {
        target: OsString,
    },
}

impl Listing {
    /// The number of the entry that is added next.
    pub(super) fn next(&self) -> Ino {
        ROOT + 1 + self.entries.len() as u64
    }

    /// Reads the one of an earlier process; `None` where there was none.
    pub(super) fn read(upper: &Path) -> Result<Option<Self>, OverlayError> {
        let path = upper.join(NAME);
        if !path.try_exists().map_err(failed("cannot look for", &path))? {
            return Ok(None);
        }
        let mut listing = Self::default();
        Log::open(&path, |record| listing.take(record))?;
        Ok(Some(listing))
    }

    /// Writes it; it has its name when it is whole. Returns how long it is.
    pub(super) fn write(&self, upper: &Path) -> Result<(), OverlayError> {
        let mut batch = Batch::default();
        for (path, len) in &self.archives {
            batch.add(|record| {
                record.byte(0);
                record.bytes(path.as_os_str().as_bytes());
                record.number(*len);
            });
        }
        for entry in &self.entries {
            batch.add(|record| entry.write(record));
        }
        let (path, unfinished) = (upper.join(NAME), upper.join("listing.new"));
        fs::write(&unfinished, batch.bytes()).map_err(failed("cannot write", &unfinished))?;
        fs::rename(&unfinished, &path).map_err(failed("cannot name", &path))
    }

    fn take(&mut self, record: &mut Reader<'_>) -> Result<(), BadRecord> {
        match record.byte()? {
            0 => self.archives.push((PathBuf::from(OsStr::from_bytes(record.bytes()?)), record.number()?)),
            kind => {
                let entry = Entry::read(kind, record)?;
                if entry.parent >= self.next() {
                    return Err(BadRecord("it comes before the directory that it is in".to_owned()));
                }
                self.entries.push(entry);
            }
        }
        Ok(())
    }
}

impl Entry {
    fn write(&self, record: &mut Writer<'_>) {
        record.byte(match &self.kind {
            EntryKind::Directory { lower: None } => 1,
            EntryKind::Directory { lower: Some(_) } => 2,
            EntryKind::File { .. } => 3,
            EntryKind::Member { .. } => 4,
            EntryKind::Link { .. } => 5,
        });
        record.number(self.parent);
        record.bytes(self.name.as_bytes());
        record.number(self.modified.seconds.cast_unsigned());
        record.number(self.modified.nanoseconds.into());
        match &self.kind {
            EntryKind::Directory { lower } => {
                if let Some(lower) = lower {
                    record.bytes(lower.as_os_str().as_bytes());
                }
            }
            EntryKind::File { len } => record.number(*len),
            EntryKind::Member { archive, offset, len } => {
                for number in [*archive, *offset, *len] {
                    record.number(number);
                }
            }
            EntryKind::Link { target } => record.bytes(target.as_bytes()),
        }
    }

    fn read(kind: u8, record: &mut Reader<'_>) -> Result<Self, BadRecord> {
        let bad = |_| BadRecord("its time is none".to_owned());
        let parent = record.number()?;
        let name = OsStr::from_bytes(record.bytes()?).to_owned();
        let seconds = record.number()?.cast_signed();
        let nanoseconds = u32::try_from(record.number()?).map_err(bad)?;
        let kind = match kind {
            1 => EntryKind::Directory { lower: None },
            2 => EntryKind::Directory { lower: Some(PathBuf::from(OsStr::from_bytes(record.bytes()?))) },
            3 => EntryKind::File { len: record.number()? },
            4 => EntryKind::Member { archive: record.number()?, offset: record.number()?, len: record.number()? },
            5 => EntryKind::Link { target: OsStr::from_bytes(record.bytes()?).to_owned() },
            _ => return Err(BadRecord("it is of a kind that this build does not know".to_owned())),
        };
        Ok(Self { parent, name, modified: FileTime { seconds, nanoseconds }, kind })
    }
}

#[test]
fn a_listing_comes_back_as_it_was() {
    let place = tempfile::tempdir().expect("a place");
    let entry = |parent, name: &[u8], kind| Entry {
        parent,
        name: OsStr::from_bytes(name).to_owned(),
        modified: FileTime { seconds: -1, nanoseconds: 5 },
        kind,
    };
    let listing = Listing {
        entries: vec![
            entry(ROOT, b"data", EntryKind::Directory { lower: Some("/backup".into()) }),
            entry(2, b"base", EntryKind::Directory { lower: None }),
            entry(3, b"caf\xe9", EntryKind::File { len: 8192 }),
            entry(3, b"member", EntryKind::Member { archive: 0, offset: 512, len: 7 }),
            entry(2, b"link", EntryKind::Link { target: "/elsewhere".into() }),
        ],
        archives: vec![("/backup/base.tar".into(), 10240)],
    };
    assert_eq!(Listing::read(place.path()).expect("it can be looked for"), None);
    listing.write(place.path()).expect("it can be written");
    assert_eq!(Listing::read(place.path()).expect("it can be read"), Some(listing));
}
