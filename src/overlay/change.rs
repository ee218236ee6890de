//! Changes of names and of what stands beside the data: the records of the log of names.
//!
//! Promise: what is read is what was written. Never: says whether a change is possible; the tree does.

use super::{
    clock::FileTime,
    log::{BadRecord, Reader, Writer},
};
use std::{ffi::OsStr, ffi::OsString, os::unix::ffi::OsStrExt as _};

/// Number of a file, a directory or a link; the root is [`ROOT`]. A number is given out once.
pub(super) type Ino = u64;

/// The root of the overlay (fixed by FUSE).
pub(super) const ROOT: Ino = 1;

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) parent: Ino,
    pub(super) name: OsString,
}

/// What a new name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NewNode {
    File { mode: u16 },
    Directory { mode: u16 },
    Link { target: OsString },
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Make {
        at: Place,
        ino: Ino,
        node: NewNode,
    },
    Unlink {
        at: Place,
    },
    RemoveDirectory {
        at: Place,
    },
    /// Whatever is at `to` goes.
    Rename {
        from: Place,
        to: Place,
    },
    Mode {
        ino: Ino,
        mode: u16,
    },
    Touch {
        ino: Ino,
    },
    /// From this byte on nothing of the lower is to be seen any more, whatever becomes of the file's length.
    LowerEnd {
        ino: Ino,
        end: u64,
    },
}

impl Change {
    /// Writes it with the moment at which it happened.
    pub(super) fn write(&self, time: FileTime, record: &mut Writer<'_>) {
        record.number(time.seconds.cast_unsigned());
        record.number(time.nanoseconds.into());
        match self {
            Self::Make { at, ino, node } => {
                record.byte(1);
                write_place(at, record);
                record.number(*ino);
                match node {
                    NewNode::File { mode } => {
                        record.byte(1);
                        record.number((*mode).into());
                    }
                    NewNode::Directory { mode } => {
                        record.byte(2);
                        record.number((*mode).into());
                    }
                    NewNode::Link { target } => {
                        record.byte(3);
                        record.bytes(target.as_bytes());
                    }
                }
            }
            Self::Unlink { at } => {
                record.byte(2);
                write_place(at, record);
            }
            Self::RemoveDirectory { at } => {
                record.byte(3);
                write_place(at, record);
            }
            Self::Rename { from, to } => {
                record.byte(4);
                write_place(from, record);
                write_place(to, record);
            }
            Self::Mode { ino, mode } => {
                record.byte(5);
                record.number(*ino);
                record.number((*mode).into());
            }
            Self::Touch { ino } => {
                record.byte(6);
                record.number(*ino);
            }
            Self::LowerEnd { ino, end } => {
                record.byte(7);
                record.number(*ino);
                record.number(*end);
            }
        }
    }

    /// Reads one with its moment.
    pub(super) fn read(record: &mut Reader<'_>) -> Result<(FileTime, Self), BadRecord> {
        let seconds = record.number()?.cast_signed();
        let nanoseconds = u32::try_from(record.number()?).map_err(|_| unknown("a moment"))?;
        let change = match record.byte()? {
            1 => {
                let (at, ino) = (read_place(record)?, record.number()?);
                let node = match record.byte()? {
                    1 => NewNode::File { mode: read_mode(record)? },
                    2 => NewNode::Directory { mode: read_mode(record)? },
                    3 => NewNode::Link { target: OsStr::from_bytes(record.bytes()?).to_owned() },
                    _ => return Err(unknown("a kind of file")),
                };
                Self::Make { at, ino, node }
            }
            2 => Self::Unlink { at: read_place(record)? },
            3 => Self::RemoveDirectory { at: read_place(record)? },
            4 => Self::Rename { from: read_place(record)?, to: read_place(record)? },
            5 => Self::Mode { ino: record.number()?, mode: read_mode(record)? },
            6 => Self::Touch { ino: record.number()? },
            7 => Self::LowerEnd { ino: record.number()?, end: record.number()? },
            _ => return Err(unknown("a kind of change")),
        };
        Ok((FileTime { seconds, nanoseconds }, change))
    }
}

fn write_place(place: &Place, record: &mut Writer<'_>) {
    record.number(place.parent);
    record.bytes(place.name.as_bytes());
}

fn read_place(record: &mut Reader<'_>) -> Result<Place, BadRecord> {
    Ok(Place { parent: record.number()?, name: OsStr::from_bytes(record.bytes()?).to_owned() })
}

fn read_mode(record: &mut Reader<'_>) -> Result<u16, BadRecord> {
    u16::try_from(record.number()?).map_err(|_| unknown("a mode"))
}

fn unknown(what: &str) -> BadRecord {
    BadRecord(format!("it holds {what} that this build does not know"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::{
        super::log::{Batch, Log},
        *,
    };

    #[test]
    fn each_change_comes_back_as_it_was() {
        let place = |parent, name: &[u8]| Place { parent, name: OsStr::from_bytes(name).to_owned() };
        let changes = [
            Change::Make { at: place(1, b"caf\xe9"), ino: 2, node: NewNode::File { mode: 0o640 } },
            Change::Make { at: place(1, b"d"), ino: 3, node: NewNode::Directory { mode: 0o700 } },
            Change::Make { at: place(3, b"l"), ino: 4, node: NewNode::Link { target: "../x".into() } },
            Change::Unlink { at: place(3, b"l") },
            Change::RemoveDirectory { at: place(1, b"d") },
            Change::Rename { from: place(1, b"a"), to: place(2, b"b") },
            Change::Mode { ino: 7, mode: 0o600 },
            Change::Touch { ino: 8 },
            Change::LowerEnd { ino: u64::MAX, end: 1 },
        ];
        let time = FileTime { seconds: -3, nanoseconds: 999_999_999 };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = Log::open(&path, |_| Ok(())).unwrap();
        for change in &changes {
            log.append(&Batch::one(|record| change.write(time, record))).unwrap();
        }
        let mut found = Vec::new();
        Log::open(&path, |record| {
            found.push(Change::read(record)?);
            Ok(())
        })
        .unwrap();
        assert_eq!(found, changes.map(|change| (time, change)));
    }
}
