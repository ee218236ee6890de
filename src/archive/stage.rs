//! A private directory with the few segments that `pg_waldump` is to read.
//!
//! Promises: whoever runs the program owns what is in it, and nobody else sees it; segments are whole and unpacked there,
//! and stand under the names of one timeline, so that a path over several can be read in one go; it is gone when it is
//! dropped, and what a killed process left is removed by the next one. Never: holds more than [`MAX_BYTES`], or two segments.

use super::{Chain, file};
use crate::{
    domain::{Compression, Timeline},
    postgres::{
        account::Account,
        compression,
        wal::{Segment, SegmentSize},
    },
};
use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::RangeInclusive,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, lchown, symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Where it is made. Segments may be 1 GiB long, and `/tmp` may be in memory.
const PARENT: &str = "/var/tmp";

/// What its name begins with; the number of the process follows.
const PREFIX: &str = "howdah-wal-";

/// The bytes of segments that are in it at once, where they are not more than two.
const MAX_BYTES: u64 = 128 << 20;

/// Bytes that are copied at once; where all are zero there is a hole in the copy.
const CHUNK: usize = 128 * 1024;

/// The next number of a directory of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The directory.
pub(super) struct Stage {
    directory: PathBuf,
    owner: Option<(u32, u32)>,
    held: BTreeSet<u64>,
    most: usize,
    /// By it others see that this process lives.
    _lock: File,
}

impl Stage {
    /// Makes it for who runs the program.
    pub(super) fn make(account: &Account, size: SegmentSize) -> io::Result<Self> {
        sweep(Path::new(PARENT), account.uid());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = Path::new(PARENT).join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&directory)?;
        let lock = lock(&directory)?;
        let most = usize::try_from(MAX_BYTES / size.bytes()).map_or(2, |most| most.max(2));
        let stage = Self { directory, owner: account.owner(), held: BTreeSet::new(), most, _lock: lock };
        stage.give(&stage.directory)?;
        Ok(stage)
    }

    /// How many segments it holds at once.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The name under which a segment stands here.
    pub(super) fn name(chain: &Chain<'_>, number: u64) -> String {
        Segment { timeline: Timeline(1), number }.file_name(chain.size)
    }

    /// Puts these segments of a chain into it, and gives those that the archive has, as far as they are in a row.
    pub(super) fn hold(
        &mut self,
        chain: &Chain<'_>,
        wanted: RangeInclusive<u64>,
    ) -> io::Result<Option<RangeInclusive<u64>>> {
        let first = *wanted.start();
        let mut last = None;
        for number in wanted.clone().take(self.most) {
            if !self.held.contains(&number) {
                let Some((timeline, stored)) = chain.file(number) else { break };
                self.make_room(chain, &wanted);
                let is_plain = stored.bytes == chain.size.bytes();
                let path = chain.listing.path(timeline, stored);
                self.take(&path, &self.directory.join(Self::name(chain, number)), chain, is_plain)?;
                self.held.insert(number);
            }
            last = Some(number);
        }
        Ok(last.map(|last| first..=last))
    }

    fn make_room(&mut self, chain: &Chain<'_>, wanted: &RangeInclusive<u64>) {
        if self.held.len() < self.most {
            return;
        }
        if let Some(old) = self.held.iter().copied().find(|number| !wanted.contains(number)) {
            self.held.remove(&old);
            fs::remove_file(self.directory.join(Self::name(chain, old))).unwrap_or_default();
        }
    }

    /// A segment that whoever runs the program can read itself is not copied.
    fn take(&self, from: &Path, to: &Path, chain: &Chain<'_>, is_plain: bool) -> io::Result<()> {
        if is_plain && self.owner.is_none() {
            let file = file::open(from)?;
            let mut first = [0; 4];
            (&file).read_exact(&mut first)?;
            if compression::detect(&first) == Compression::None {
                return symlink(fs::canonicalize(from)?, to);
            }
        }
        let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
        let copied = file::unpacked(from).and_then(|source| copy(source.take(chain.size.bytes()), &mut made));
        match copied {
            Ok(()) => {}
            // What a stream that is cut short still gives can be read.
            Err(error) if compression::is_damage(&error) => {}
            Err(error) => {
                fs::remove_file(to).unwrap_or_default();
                return Err(error);
            }
        }
        made.set_len(chain.size.bytes())?;
        self.give(to)
    }

    fn give(&self, path: &Path) -> io::Result<()> {
        self.owner.map_or(Ok(()), |(uid, gid)| lchown(path, Some(uid), Some(gid)))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).unwrap_or_default();
    }
}

fn copy(mut source: impl Read, to: &mut File) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = &buffer[..count];
        if piece.iter().all(|byte| *byte == 0) {
            to.seek(SeekFrom::Current(i64::try_from(count).unwrap_or(i64::MAX)))?;
        } else {
            to.write_all(piece)?;
        }
    }
}

/// Removes the directories of this user's processes that are gone: nobody holds the lock on them any more.
fn sweep(parent: &Path, owner: u32) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let is_ours = || entry.metadata().is_ok_and(|about| about.is_dir() && about.uid() == owner);
        if named && is_ours() && lock(&entry.path()).is_ok() {
            fs::remove_dir_all(entry.path()).unwrap_or_default();
        }
    }
}

/// Holds a directory for as long as the file is open; an error where somebody else does.
fn lock(directory: &Path) -> io::Result<File> {
    let file = File::open(directory)?;
    file.try_lock()?;
    Ok(file)
}
