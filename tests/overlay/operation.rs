//! Operations on a directory: drawn at random, done alike on the overlay and on a plain directory.

use crate::rng::Rng;
use rustix::fs::{FallocateFlags, RenameFlags, Timespec, Timestamps};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{
        DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink,
    },
    path::{Path, PathBuf},
};

/// One operation. Paths are relative; a `slot` is one of a few files that are kept open.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Open { slot: u64, path: PathBuf, create: bool, exclusive: bool, truncate: bool, mode: u32 },
    Close { slot: u64 },
    Write { slot: u64, at: u64, len: usize, fill: u8 },
    Read { slot: u64, at: u64, len: usize },
    Resize { slot: u64, len: u64 },
    Truncate { path: PathBuf, len: u64 },
    Allocate { slot: u64, at: u64, len: u64, keeps_size: bool },
    Sync { slot: u64 },
    Unlink { path: PathBuf },
    MakeDirectory { path: PathBuf },
    RemoveDirectory { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, replaces: bool },
    Link { path: PathBuf },
    Mode { path: PathBuf, mode: u32 },
    Times { path: PathBuf, seconds: i64 },
    List { path: PathBuf },
    Look { path: PathBuf },
}

/// Names that operations choose from: few, so that they meet.
const FILES: [&str; 12] =
    ["empty", "one", "text", "below", "page", "above", "small", "large", "new", "newer", "link", "x"];
const DIRECTORIES: [&str; 6] = ["", "base", "base/1", "base/2", "other", "other/deep"];
const SLOTS: u64 = 5;

impl Operation {
    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        let slot = rng.below(SLOTS);
        let path = path(rng);
        match rng.below(40) {
            0..=5 => {
                let (create, exclusive, truncate) = (rng.below(2) == 0, rng.below(6) == 0, rng.below(5) == 0);
                Self::Open { slot, path, create, exclusive, truncate, mode: rng.one_of(&[0o600, 0o640, 0o700]) }
            }
            6 => Self::Close { slot },
            7..=18 => Self::Write { slot, at: place(rng), len: length(rng), fill: rng.below(255) as u8 + 1 },
            19..=22 => Self::Read { slot, at: place(rng), len: length(rng) },
            23..=24 => Self::Resize { slot, len: place(rng) },
            25 => Self::Truncate { path, len: place(rng) },
            26 => Self::Allocate { slot, at: place(rng), len: length(rng) as u64, keeps_size: rng.below(2) == 0 },
            27 => Self::Sync { slot },
            28..=29 => Self::Unlink { path },
            30 => Self::MakeDirectory { path: directory(rng) },
            31 => Self::RemoveDirectory { path: directory(rng) },
            32..=33 => Self::Rename { from: path, to: self::path(rng), replaces: rng.below(4) > 0 },
            34 => Self::Rename { from: directory(rng), to: directory(rng), replaces: rng.below(4) > 0 },
            35 => Self::Link { path },
            36 => Self::Mode { path, mode: rng.one_of(&[0o600, 0o400, 0o644]) },
            37 => Self::Times { path, seconds: rng.below(900_000_000) as i64 },
            38 => Self::List { path: directory(rng) },
            _ => Self::Look { path },
        }
    }
}

fn directory(rng: &mut Rng) -> PathBuf {
    PathBuf::from(rng.one_of(&DIRECTORIES))
}

fn path(rng: &mut Rng) -> PathBuf {
    directory(rng).join(rng.one_of(&FILES))
}

/// Mostly at or beside the edges of blocks.
fn place(rng: &mut Rng) -> u64 {
    let blocks = if rng.below(4) == 0 { 40 } else { 4 };
    let block = rng.below(blocks) * 8192;
    match rng.below(4) {
        0 => block,
        1 => (block + rng.below(5)).saturating_sub(2),
        _ => block + rng.below(8192),
    }
}

fn length(rng: &mut Rng) -> usize {
    let length = match rng.below(5) {
        0 => 8192,
        1 => rng.below(100) + 1,
        2 => (rng.below(5) + 1) * 8192,
        3 => rng.below(200_000) + 1,
        _ => rng.below(8192) + 1,
    };
    usize::try_from(length).unwrap()
}

/// A directory that operations are done on, and the files of it that are open.
pub(crate) struct Side {
    pub(crate) root: PathBuf,
    open: BTreeMap<u64, File>,
}

impl Side {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), open: BTreeMap::new() }
    }

    /// Forgets what is open, as a kill of the overlay does.
    pub(crate) fn close_all(&mut self) {
        self.open.clear();
    }

    /// Where the file of a slot is now: it may have got another name since it was opened, or have none.
    pub(crate) fn opened(&self, slot: u64) -> Option<PathBuf> {
        let ino = self.open.get(&slot)?.metadata().unwrap().ino();
        let mut files = walkdir::WalkDir::new(&self.root).into_iter().map(|entry| entry.unwrap());
        let found = files.find(|entry| entry.file_type().is_file() && entry.metadata().unwrap().ino() == ino)?;
        Some(found.path().strip_prefix(&self.root).unwrap().to_owned())
    }

    /// Does it, and says what came of it: what was found, or the error.
    pub(crate) fn apply(&mut self, operation: &Operation) -> Result<Vec<u8>, i32> {
        self.try_apply(operation).map_err(|error| error.raw_os_error().unwrap_or(-1))
    }

    fn try_apply(&mut self, operation: &Operation) -> io::Result<Vec<u8>> {
        let at = |path: &Path| self.root.join(path);
        match operation {
            Operation::Open { slot, path, create, exclusive, truncate, mode } => {
                let mut options = OpenOptions::new();
                options.read(true).write(true).create(*create).truncate(*truncate).mode(*mode);
                options.create_new(*create && *exclusive);
                // A link leads somewhere else on each side.
                options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
                let file = options.open(at(path))?;
                self.open.insert(*slot, file);
            }
            Operation::Close { slot } => drop(self.open.remove(slot)),
            Operation::Write { slot, at, len, fill } => {
                if let Some(file) = self.open.get(slot) {
                    file.write_all_at(&data(*len, *fill), *at)?;
                }
            }
            Operation::Read { slot, at, len } => {
                if let Some(file) = self.open.get(slot) {
                    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)?;
                    return read(file, *at, *len);
                }
            }
            Operation::Resize { slot, len } => {
                if let Some(file) = self.open.get(slot) {
                    file.set_len(*len)?;
                }
            }
            Operation::Truncate { path, len } => {
                let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
                OpenOptions::new().write(true).custom_flags(flags).open(at(path))?.set_len(*len)?;
            }
            Operation::Allocate { slot, at, len, keeps_size } => {
                if let Some(file) = self.open.get(slot) {
                    let flags = if *keeps_size { FallocateFlags::KEEP_SIZE } else { FallocateFlags::empty() };
                    rustix::fs::fallocate(file, flags, *at, *len)?;
                }
            }
            Operation::Sync { slot } => {
                if let Some(file) = self.open.get(slot) {
                    file.sync_all()?;
                }
            }
            Operation::Unlink { path } => fs::remove_file(at(path))?,
            Operation::MakeDirectory { path } => fs::DirBuilder::new().mode(0o700).create(at(path))?,
            Operation::RemoveDirectory { path } => fs::remove_dir(at(path))?,
            Operation::Rename { from, to, replaces } => {
                let flags = if *replaces { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
                rustix::fs::renameat_with(rustix::fs::CWD, at(from), rustix::fs::CWD, at(to), flags)?;
            }
            Operation::Link { path } => symlink("to/nowhere", at(path))?,
            Operation::Mode { path, mode } => {
                if !fs::symlink_metadata(at(path))?.is_symlink() {
                    fs::set_permissions(at(path), Permissions::from_mode(*mode))?;
                }
            }
            Operation::Times { path, seconds } => set_time(&at(path), *seconds)?,
            Operation::List { path } => {
                let names = fs::read_dir(at(path))?.map(|entry| Ok(entry?.file_name()));
                let mut names = names.collect::<io::Result<Vec<_>>>()?;
                names.sort();
                return Ok(format!("{names:?}").into_bytes());
            }
            Operation::Look { path } => {
                let found = fs::symlink_metadata(at(path))?;
                let len = if found.is_dir() { 0 } else { found.len() };
                return Ok(format!("{:?} {len} {:?}", found.file_type(), found.permissions()).into_bytes());
            }
        }
        Ok(Vec::new())
    }
}

fn set_time(path: &Path, seconds: i64) -> io::Result<()> {
    let time = Timespec { tv_sec: seconds, tv_nsec: 123_456_789 };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Bytes that differ from place to place, so that one in the wrong place is seen.
pub(crate) fn data(len: usize, fill: u8) -> Vec<u8> {
    (0..len).map(|at| fill.wrapping_add((at / 512) as u8).wrapping_mul(31).wrapping_add(at as u8)).collect()
}

fn read(file: &File, at: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut bytes[filled..], at + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
