//! Copying files and directories, whatever they are.
//!
//! Promises: a copy is compared with what was read of its source, byte for byte or by checksum; what an earlier attempt
//! has copied is compared with the source and gone on with, not copied again; a file that changes meanwhile is no copy.
//! Never: follows a link on either side, or writes anywhere but below the directory that it was given.

use super::{Backup, repository};
use crate::{
    domain::{ByteCount, Failure, Progress},
    engine::{Halt, Observer, watched::Heartbeat},
};
use rustix::{
    fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid, fchmod, fchown, futimens, mkdirat, openat, symlinkat},
    io::Errno,
};
use std::{
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, Read, Seek, SeekFrom, Write},
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Large enough for any disk, small enough that a stop is heard at once.
const PIECE: usize = 1 << 20;

/// What stands below a source, in an order in which directories come before what is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceEntry {
    /// Below the source; empty for the source itself.
    pub(super) path: PathBuf,
    pub(super) kind: EntryKind,
    /// The permissions alone: a copy runs as nobody else.
    pub(super) mode: u32,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EntryKind {
    Directory,
    File(FileIdentity),
    Link(PathBuf),
}

/// By what a file is known again without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct FileIdentity {
    pub(super) size: u64,
    /// When it was modified: seconds and nanoseconds.
    pub(super) modified: (i64, i64),
}

impl FileIdentity {
    pub(super) fn of(about: &Metadata) -> Self {
        Self { size: about.len(), modified: (about.mtime(), about.mtime_nsec()) }
    }
}

/// Walks through a file or a directory; what is neither file, directory nor link is given back by its path.
pub(super) fn walk(source: &Path, heartbeat: &Heartbeat) -> Result<(Vec<SourceEntry>, Vec<PathBuf>), Failure> {
    let (mut entries, mut others) = (Vec::new(), Vec::new());
    for entry in walkdir::WalkDir::new(source).follow_links(false).sort_by_file_name() {
        heartbeat.beat();
        let found = entry.and_then(|entry| entry.metadata().map(|about| (entry, about)));
        let (entry, about) = found.map_err(|error| {
            let path = error.path().unwrap_or(source).to_owned();
            repository::failure("reading", &path, &error.into())
        })?;
        let path = entry.path().strip_prefix(source).unwrap_or(entry.path()).to_owned();
        let kind = if about.is_file() {
            EntryKind::File(FileIdentity::of(&about))
        } else if about.is_dir() {
            EntryKind::Directory
        } else if about.is_symlink() {
            let leads_to = fs::read_link(entry.path());
            EntryKind::Link(leads_to.map_err(|error| repository::failure("reading", entry.path(), &error))?)
        } else {
            others.push(entry.path().to_owned());
            continue;
        };
        entries.push(SourceEntry { path, kind, mode: about.mode() & 0o777 });
    }
    Ok((entries, others))
}

/// The copies of one attempt.
pub(super) struct Copier<'a> {
    backup: &'a Backup<'a>,
    /// Whom the copies belong to, when that is not us.
    owner: Option<(u32, u32)>,
    progress: Progress,
    began: Instant,
    read: u64,
}

impl<'a> Copier<'a> {
    pub(super) fn new(backup: &'a Backup<'a>, owner: Option<(u32, u32)>, bytes: ByteCount, files: u64) -> Self {
        let progress = Progress { bytes_total: bytes, files_total: files, ..Progress::default() };
        Self { backup, owner, progress, began: Instant::now(), read: 0 }
    }

    /// Copies one entry of a source to the same path below a directory, which stands for the source if that is one.
    /// Returns the CRC-32C of a file.
    pub(super) fn copy(&mut self, source: &Path, entry: &SourceEntry, to: &Path) -> Result<Option<u32>, Halt> {
        self.backup.go_on()?;
        if entry.path.as_os_str().is_empty() && entry.kind == EntryKind::Directory {
            return Ok(None);
        }
        let from = if entry.path.as_os_str().is_empty() { source.to_owned() } else { source.join(&entry.path) };
        let failed = |error: io::Error| Halt::from(repository::failure("copying to", &to.join(&entry.path), &error));
        let mut directory = Directory::open(to).map_err(failed)?;
        let (above, name) = match (entry.path.parent(), entry.path.file_name()) {
            (Some(above), Some(name)) => (above, name),
            // The source itself; its copy has the name of the source.
            (_, _) => (Path::new(""), source.file_name().unwrap_or(OsStr::new("copy"))),
        };
        for part in above {
            directory = directory.enter(part).map_err(failed)?;
        }
        match &entry.kind {
            EntryKind::Directory => directory.enter(name).map(|_| None).map_err(failed),
            EntryKind::Link(leads_to) => directory.link(name, leads_to, self.owner).map(|()| None).map_err(failed),
            EntryKind::File(wanted) => {
                let mut copy = directory.file(name).map_err(failed)?;
                let sum = self.file(&from, *wanted, &mut copy)?;
                self.finish(&copy, *wanted, entry.mode).map_err(failed)?;
                self.progress.files_done += 1;
                Ok(Some(sum))
            }
        }
    }

    /// Gives the directories of a copy, inner ones first, the owner and the permissions of their source.
    pub(super) fn finish_directories<'b>(
        &self,
        entries: impl DoubleEndedIterator<Item = &'b SourceEntry>,
        to: &Path,
    ) -> Result<(), Halt> {
        for entry in entries.rev().filter(|entry| entry.kind == EntryKind::Directory) {
            let path = to.join(&entry.path);
            let set = Directory::open(&path).and_then(|directory| give(&directory.0, self.owner, entry.mode));
            set.map_err(|error| repository::failure("finishing", &path, &error))?;
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, wanted: FileIdentity, copy: &mut File) -> Result<u32, Halt> {
        let unread = |error: io::Error| Halt::from(repository::failure("reading", from, &error));
        let unwritten = |error: io::Error| Halt::from(repository::failure("writing the copy of", from, &error));
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let mut source = fs::OpenOptions::new().read(true).custom_flags(flags).open(from).map_err(unread)?;
        if FileIdentity::of(&source.metadata().map_err(unread)?) != wanted {
            return Err(changed(from).into());
        }
        let stood = copy.metadata().map_err(unwritten)?.len();
        let (mut reused, mut sum) = (0, 0);
        if stood > 0 && stood <= wanted.size {
            match self.same(&mut source, copy, stood)? {
                Some(found) => (reused, sum) = (stood, found),
                None => source.rewind().map_err(unread)?,
            }
        }
        copy.set_len(reused).and_then(|()| copy.seek(SeekFrom::Start(reused))).map_err(unwritten)?;
        self.progress.bytes_reused.0 += reused;
        let mut piece = vec![0; PIECE];
        loop {
            self.backup.go_on()?;
            let count = source.read(&mut piece).map_err(unread)?;
            if count == 0 {
                break;
            }
            sum = crc32c::crc32c_append(sum, &piece[..count]);
            copy.write_all(&piece[..count]).map_err(unwritten)?;
            self.advance(count);
        }
        let about = source.metadata().map_err(unread)?;
        if FileIdentity::of(&about) != wanted || copy.metadata().map_err(unwritten)?.len() != wanted.size {
            return Err(changed(from).into());
        }
        copy.rewind().map_err(unwritten)?;
        if sum_of(copy, &|| self.backup.go_on()).map_err(|halt| halt.or_else(unwritten))? != sum {
            let cause = format!("the copy of {} reads back otherwise than it was written", from.display());
            return Err(Failure::disruption(cause, "see the disk and the memory").into());
        }
        Ok(sum)
    }

    /// The checksum of the first bytes, where both have the same.
    fn same(&mut self, source: &mut File, copy: &mut File, length: u64) -> Result<Option<u32>, Halt> {
        let failed = |error: io::Error| Halt::from(repository::failure("comparing", Path::new("a copy"), &error));
        let (mut one, mut other) = (vec![0; PIECE], vec![0; PIECE]);
        let (mut left, mut sum) = (length, 0);
        while left > 0 {
            self.backup.go_on()?;
            let count = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            source.read_exact(&mut one[..count]).map_err(failed)?;
            copy.read_exact(&mut other[..count]).map_err(failed)?;
            if one[..count] != other[..count] {
                return Ok(None);
            }
            sum = crc32c::crc32c_append(sum, &one[..count]);
            left -= count as u64;
        }
        self.progress.bytes_done.0 += length;
        Ok(Some(sum))
    }

    /// Counts, reports, and waits as long as the rate asks.
    fn advance(&mut self, count: usize) {
        self.progress.bytes_done.0 += count as u64;
        self.read += count as u64;
        self.backup.report.progress(self.progress);
        if let Some(rate) = self.backup.order.max_rate {
            let due = Duration::from_secs_f64(self.read as f64 / rate.bytes() as f64);
            thread::sleep(due.saturating_sub(self.began.elapsed()));
        }
    }

    /// The time comes last: a copy that has its source's is whole.
    fn finish(&self, copy: &File, wanted: FileIdentity, mode: u32) -> io::Result<()> {
        give(copy, self.owner, mode)?;
        let time = Timespec { tv_sec: wanted.modified.0, tv_nsec: wanted.modified.1 };
        Ok(futimens(copy, &Timestamps { last_access: time, last_modification: time })?)
    }
}

/// Why a file's checksum could not be told.
pub(super) enum Unsummed {
    Halted(Halt),
    Io(io::Error),
}

impl Unsummed {
    pub(super) fn or_else(self, failed: impl FnOnce(io::Error) -> Halt) -> Halt {
        match self {
            Self::Halted(halt) => halt,
            Self::Io(error) => failed(error),
        }
    }
}

/// The CRC-32C of what is left of a file.
pub(super) fn sum_of(file: &mut File, go_on: &dyn Fn() -> Result<(), Halt>) -> Result<u32, Unsummed> {
    let (mut piece, mut sum) = (vec![0; PIECE], 0);
    loop {
        go_on().map_err(Unsummed::Halted)?;
        match file.read(&mut piece).map_err(Unsummed::Io)? {
            0 => return Ok(sum),
            count => sum = crc32c::crc32c_append(sum, &piece[..count]),
        }
    }
}

fn changed(path: &Path) -> Failure {
    let cause = format!("{} changed while it was copied", path.display());
    Failure::disruption(cause, "copy it when nobody writes to it")
}

fn give(file: impl rustix::fd::AsFd, owner: Option<(u32, u32)>, mode: u32) -> io::Result<()> {
    if let Some((uid, gid)) = owner {
        fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    Ok(fchmod(file, Mode::from_raw_mode(mode))?)
}

/// A directory that is held open, so that nothing in it can be led astray by a link.
struct Directory(OwnedFd);

impl Directory {
    const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, Self::FLAGS, Mode::empty())?))
    }

    /// The directory of this name in it, made where it is missing.
    fn enter(&self, name: &OsStr) -> io::Result<Self> {
        match mkdirat(&self.0, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self(openat(&self.0, name, Self::FLAGS, Mode::empty())?))
    }

    /// The file of this name in it, made where it is missing.
    fn file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?);
        let about = file.metadata()?;
        if about.is_file() && about.nlink() == 1 { Ok(file) } else { Err(Errno::EXIST.into()) }
    }

    fn link(&self, name: &OsStr, leads_to: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
        match symlinkat(leads_to, &self.0, name) {
            Ok(()) => {}
            // It is in a directory of our own: an earlier attempt has made it.
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?;
                symlinkat(leads_to, &self.0, name)?;
            }
            Err(error) => return Err(error.into()),
        }
        if let Some((uid, gid)) = owner {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            rustix::fs::chownat(&self.0, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }
}
