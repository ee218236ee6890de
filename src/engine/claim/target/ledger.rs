//! The ledger of a restore: what it is about to create, and which files are on disk and verified. It makes a restore
//! resume (S2) and lets a cancelled one remove exactly its own (D7).
//!
//! Promises: a line counts only whole, by its own checksum, so a torn end is not believed; what was verified before the
//! machine went down counts only if it had been made durable. Never: changes a line; the file only grows.

use super::{lock, mark_place::MarkPlace};
use crate::{
    domain::{Failure, restored::MarkLocation},
    engine::at_target::at_target,
    process,
};
use rustix::fs::Stat;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Its name in the mark's directory.
pub(in crate::engine) const FILE: &str = "ledger";

/// By what a file is known again: nobody has written to it while these are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Stamp {
    pub(in crate::engine) size: u64,
    seconds: i64,
    nanoseconds: i64,
    inode: u64,
}

/// What a ledger records, read from its beginning.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct LedgerAccount {
    /// Paths that the restore created or was about to, in the order of creation.
    pub(in crate::engine) created: Vec<PathBuf>,
    /// Files that were verified, and their stamp then.
    pub(in crate::engine) verified: BTreeMap<PathBuf, Stamp>,
    /// Archives that were read to their end.
    pub(in crate::engine) archives: BTreeSet<PathBuf>,
    /// Whether all files were in place at the end of an attempt.
    pub(in crate::engine) complete: bool,
    /// Whether a server was let run on the files.
    pub(in crate::engine) server_started: bool,
    /// Whether the last attempt began since the machine came up.
    pub(in crate::engine) this_boot: bool,
}

/// A ledger that is being written.
#[derive(Debug)]
pub(in crate::engine) struct Ledger {
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Lines that wait to be written, and how many.
    held: Vec<u8>,
    lines: usize,
}

/// Lines that wait for one write. Whoever kills this process loses what was noted of so many small files at most: they
/// are copied anew.
const LINES_HELD: usize = 64;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Line {
    /// An attempt began while the machine ran since this boot.
    Boot(String),
    /// This path is about to be created.
    Create(PathBuf),
    /// This file is written and verified.
    Verified(PathBuf, Stamp),
    /// This archive was read to its end.
    Archive(PathBuf),
    /// All that stands above is durable.
    Durable,
    /// All files are in place.
    Complete,
    /// A server is about to run on the files.
    ServerStarted,
}

impl Stamp {
    /// The stamp of a file that stands.
    pub(in crate::engine) fn of(stat: &Stat) -> Self {
        Self {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            seconds: stat.st_mtime,
            // The type of this field differs between machines.
            nanoseconds: i64::try_from(stat.st_mtime_nsec).unwrap_or(0),
            inode: stat.st_ino,
        }
    }
}

impl Ledger {
    /// Goes on writing at the end of `file`, which must be open for appending.
    pub(in crate::engine) const fn new(file: File) -> Self {
        Self { open: Mutex::new(Open { file, held: Vec::new(), lines: 0 }) }
    }

    /// Adds lines in one write, behind those that were held. They survive the end of this process; see [`Ledger::sync`]
    /// for that of the machine.
    pub(in crate::engine) fn add(&self, lines: &[Line]) -> io::Result<()> {
        let mut open = self.open();
        open.held.extend(lines.iter().flat_map(Line::write));
        open.write_held()
    }

    /// Adds a line that may wait for others: one that records what can be done again.
    pub(in crate::engine) fn add_soon(&self, line: &Line) -> io::Result<()> {
        let text = line.write();
        let mut open = self.open();
        open.held.extend(text);
        open.lines += 1;
        if open.lines < LINES_HELD { Ok(()) } else { open.write_held() }
    }

    /// Makes all lines durable.
    pub(in crate::engine) fn sync(&self) -> io::Result<()> {
        let mut open = self.open();
        open.write_held()?;
        open.file.sync_data()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// What could not be written is not tried again: half of it may stand.
    fn write_held(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        self.lines = 0;
        self.file.write_all(&held)
    }
}

impl LedgerAccount {
    /// Reads a ledger. `boot` names the time since the machine came up.
    pub(in crate::engine) fn read(mut ledger: impl Read, boot: &str) -> io::Result<Self> {
        let mut bytes = Vec::new();
        ledger.read_to_end(&mut bytes)?;
        let mut account = Self::default();
        // What was verified since the last durable line, and the boot it was verified under.
        let mut fresh: Vec<Line> = Vec::new();
        let mut under = String::new();
        // A torn line breaks off the ledger of one attempt; the next attempt begins on a line of its own.
        for line in bytes.split(|byte| *byte == b'\n').filter_map(Line::read) {
            match line {
                Line::Boot(now) => {
                    if now != under {
                        fresh.clear();
                    }
                    under = now;
                }
                Line::Create(path) => account.created.push(path),
                Line::Verified(..) | Line::Archive(_) => fresh.push(line),
                Line::Durable => account.believe(&mut fresh),
                Line::Complete => account.complete = true,
                Line::ServerStarted => account.server_started = true,
            }
        }
        account.this_boot = under == boot;
        if account.this_boot {
            account.believe(&mut fresh);
        }
        Ok(account)
    }

    fn believe(&mut self, fresh: &mut Vec<Line>) {
        for line in fresh.drain(..) {
            match line {
                Line::Verified(path, stamp) => {
                    self.verified.insert(path, stamp);
                }
                Line::Archive(path) => {
                    self.archives.insert(path);
                }
                Line::Boot(_) | Line::Create(_) | Line::Durable | Line::Complete | Line::ServerStarted => {}
            }
        }
    }
}

impl Line {
    /// The line on disk: CRC-32C of the rest, a space, a letter, its fields, a line break.
    fn write(&self) -> Vec<u8> {
        let mut body = match self {
            Self::Boot(id) => format!("b {id}"),
            Self::Create(path) => format!("c {}", escape(path)),
            Self::Verified(path, at) => {
                format!("v {} {} {} {} {}", at.size, at.seconds, at.nanoseconds, at.inode, escape(path))
            }
            Self::Archive(path) => format!("a {}", escape(path)),
            Self::Durable => "s".to_owned(),
            Self::Complete => "d".to_owned(),
            Self::ServerStarted => "h".to_owned(),
        };
        body.push('\n');
        let sum = crc32c::crc32c(body.trim_end().as_bytes());
        format!("{sum:08x} {body}").into_bytes()
    }

    fn read(line: &[u8]) -> Option<Self> {
        let (sum, body) = str::from_utf8(line).ok()?.split_once(' ')?;
        if u32::from_str_radix(sum, 16).ok()? != crc32c::crc32c(body.as_bytes()) {
            return None;
        }
        let mut fields = body.split(' ');
        let line = match fields.next()? {
            "b" => Self::Boot(fields.next()?.to_owned()),
            "c" => Self::Create(unescape(fields.next()?)?),
            "v" => {
                let stamp = Stamp {
                    size: fields.next()?.parse().ok()?,
                    seconds: fields.next()?.parse().ok()?,
                    nanoseconds: fields.next()?.parse().ok()?,
                    inode: fields.next()?.parse().ok()?,
                };
                Self::Verified(unescape(fields.next()?)?, stamp)
            }
            "a" => Self::Archive(unescape(fields.next()?)?),
            "s" => Self::Durable,
            "d" => Self::Complete,
            "h" => Self::ServerStarted,
            _ => return None,
        };
        fields.next().is_none().then_some(line)
    }
}

/// Reads the ledger of a target; an absent one is empty.
pub(in crate::engine) fn read(place: &MarkPlace, boot: &str) -> io::Result<LedgerAccount> {
    match place.root().open_file(&place.within(FILE)) {
        Ok(file) => LedgerAccount::read(file, boot),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(LedgerAccount::default()),
        Err(error) => Err(error),
    }
}

/// Opens the ledger for one attempt: the lock of the target, at the end of what stands in it.
pub(in crate::engine) fn open(place: &MarkPlace, boot: &str) -> Result<Ledger, Failure> {
    append(place, lock::take(place)?, boot)
}

/// Opens a ledger for data of which nothing stands yet. What an older one at this place says is of data that is gone.
pub(in crate::engine) fn begin(place: &MarkPlace, boot: &str) -> Result<Ledger, Failure> {
    // It may have come after the plan was made, and its ledger is emptied here.
    place.create().map_err(|error| at_target("create", &place.path(), &error))?;
    if place.location() == MarkLocation::Beside {
        place.refuse_others(None)?;
    }
    let file = lock::take(place)?;
    file.set_len(0).map_err(|error| at_target("write", &place.path_of(FILE), &error))?;
    append(place, file, boot)
}

fn append(place: &MarkPlace, mut file: File, boot: &str) -> Result<Ledger, Failure> {
    let failed = |error: io::Error| at_target("write", &place.path_of(FILE), &error);
    // An attempt that was killed may have left half a line.
    file.write_all(b"\n").map_err(failed)?;
    let ledger = Ledger::new(file);
    ledger.add(&[Line::Boot(boot.to_owned())]).map_err(failed)?;
    let directory = place.open().map_err(failed)?;
    rustix::fs::fsync(&directory).map_err(|error| failed(error.into()))?;
    Ok(ledger)
}

/// What names the time since this machine came up; empty where the system does not show it, which counts as one boot.
pub(in crate::engine) fn boot_id() -> String {
    process::boot().map_or_else(String::new, |boot| boot.to_string())
}

/// A path in letters that can stand in a line: everything but plain ASCII is written as `%XX`.
fn escape(path: &Path) -> String {
    use std::fmt::Write;
    path.as_os_str().as_bytes().iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_graphic() && *byte != b'%' {
            text.push(char::from(*byte));
        } else {
            write!(text, "%{byte:02x}").expect("writing to a string cannot fail");
        }
        text
    })
}

fn unescape(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend(parts.next()?.bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(part[2..].bytes());
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    const STAMP: Stamp = Stamp { size: 8192, seconds: 1_795_000_000, nanoseconds: 5, inode: u64::MAX };

    fn verified(path: &str) -> Line {
        Line::Verified(path.into(), STAMP)
    }

    fn text(lines: &[Line]) -> Vec<u8> {
        lines.iter().flat_map(Line::write).collect()
    }

    #[test]
    fn every_line_is_read_as_it_was_written() {
        let odd = PathBuf::from(OsString::from_vec(b"base/odd \xff%\nname".to_vec()));
        for line in [
            Line::Boot("4c1f".into()),
            Line::Create(odd.clone()),
            Line::Verified(odd.clone(), STAMP),
            Line::Archive("base.tar.zst".into()),
            Line::Durable,
            Line::Complete,
            Line::ServerStarted,
        ] {
            let written = line.write();
            let (last, body) = written.split_last().unwrap();
            assert_eq!((Line::read(body), *last), (Some(line), b'\n'));
        }
    }

    #[test]
    fn s02_lines_that_wait_are_written_in_order_and_never_more_than_a_few_wait() {
        let place = tempfile::NamedTempFile::new().unwrap();
        let ledger = Ledger::new(place.reopen().unwrap());
        let written = || std::fs::read(place.path()).unwrap().split_inclusive(|byte| *byte == b'\n').count();
        for _ in 0..LINES_HELD - 1 {
            ledger.add_soon(&verified("a")).unwrap();
        }
        assert_eq!(written(), 0);
        ledger.add_soon(&verified("a")).unwrap();
        assert_eq!(written(), LINES_HELD);
        ledger.add_soon(&verified("b")).unwrap();
        ledger.add(&[Line::Archive("c".into())]).unwrap();
        ledger.add_soon(&verified("d")).unwrap();
        ledger.sync().unwrap();
        let bytes = std::fs::read(place.path()).unwrap();
        let last: Vec<Line> = bytes.split(|byte| *byte == b'\n').filter_map(Line::read).skip(LINES_HELD).collect();
        assert_eq!(last, [verified("b"), Line::Archive("c".into()), verified("d")]);
    }

    #[test]
    fn s02_a_torn_or_altered_line_is_not_believed_and_harms_no_other() {
        let mut bytes = text(&[Line::Boot("now".into()), verified("a"), verified("b")]);
        bytes.truncate(bytes.len() - 1 - 3);
        // The next attempt begins with a line break, so that it never continues a torn line.
        bytes.push(b'\n');
        bytes.extend(text(&[Line::Boot("now".into()), verified("c")]));
        let account = LedgerAccount::read(&bytes[..], "now").unwrap();
        assert_eq!(account.verified.keys().collect::<Vec<_>>(), [Path::new("a"), Path::new("c")]);
    }

    #[test]
    fn s02_what_was_not_durable_does_not_count_after_the_machine_went_down() {
        let lines = [Line::Boot("one".into()), verified("a"), Line::Durable, verified("b"), Line::Boot("two".into())];
        let mut bytes = text(&lines);
        bytes.extend(text(&[verified("c")]));
        let under_two = LedgerAccount::read(&bytes[..], "two").unwrap();
        assert_eq!(under_two.verified.keys().collect::<Vec<_>>(), [Path::new("a"), Path::new("c")]);
        let under_three = LedgerAccount::read(&bytes[..], "three").unwrap();
        assert_eq!(under_three.verified.keys().collect::<Vec<_>>(), [Path::new("a")]);
    }
}
