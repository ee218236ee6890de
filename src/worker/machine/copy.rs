//! Copying a file of a restore point, and comparing the copy with the hash that was recorded of it.
//!
//! The copy is hashed, not the source: what is compared is what is there. The kernel copies, a thread hashes behind it,
//! another one brings to the disk what has come, so that the processor and the disk are both at work.
//!
//! Promises: a file is called copied when its hash is the recorded one and it is on the disk; what an earlier attempt has
//! copied is hashed and gone on from, and copied anew where it was altered. Never: follows a link on either side.

use super::gauge::Gauge;
use crate::{
    domain::{Failure, Rate, instance::printable_name, quantity::many},
    engine::Halt,
    libvirt::image,
    postgres::server::classify,
    worker::{backup::repository_failure, signals::Stop},
};
use rustix::{
    fs::{Mode, OFlags, copy_file_range},
    io::Errno,
};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Large enough for any disk, small enough that a stop is heard at once.
const PIECE: usize = 1 << 20;

/// So many bytes are brought to the disk at once, while the next ones come.
const PORTION: u64 = 64 << 20;

/// How long a thread that has caught up rests.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// How often a copy that is held back looks whether it is to stop.
const NAP: Duration = Duration::from_millis(100);

/// One file of a disk's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// The restore point that it is of.
    pub(super) label: String,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// SHA-256, in hexadecimal digits.
    pub(super) sha256: String,
    /// The name of the file that it rests on.
    pub(super) backing: Option<String>,
}

/// How copies are made.
#[derive(Clone, Copy)]
pub(super) struct Copying<'a> {
    pub(super) gauge: &'a Gauge<'a>,
    pub(super) stop: &'a Stop,
    pub(super) rate: Option<Rate>,
}

impl Copying<'_> {
    /// Copies a file to this path, or what is missing there.
    pub(super) fn file(&self, link: &Link, to: &Path) -> Result<(), Halt> {
        let unread = |error: &io::Error| repository_failure("reading", &link.path, error);
        let source = open_source(&link.path).map_err(|error| unread(&error))?;
        let length = source.metadata().map_err(|error| unread(&error))?.len();
        if length != link.bytes {
            return Err(altered(link, &format!("it has {length} bytes instead of {}", link.bytes)).into());
        }
        let copy = open_copy(to).map_err(|error| unwritten(to, &error))?;
        let mut stood = copy.metadata().map_err(|error| unwritten(to, &error))?.len();
        if stood > link.bytes {
            stood = 0;
        }
        loop {
            copy.set_len(stood).map_err(|error| unwritten(to, &error))?;
            let before = self.gauge.reuse(stood);
            if self.rest(link, (&source, &copy), stood, to)? == link.sha256 {
                return Ok(());
            }
            self.gauge.back_to(before);
            if stood == 0 {
                copy.set_len(0).map_err(|error| unwritten(to, &error))?;
                return Err(altered(link, "its SHA-256 is not the one that was recorded").into());
            }
            // It was not on the disk yet when the machine lost its power, or somebody wrote to it.
            self.gauge.note(&format!(
                "what stood of {} was altered since: it is copied anew",
                printable_name(to.as_os_str())
            ));
            stood = 0;
        }
    }

    /// Copies from an offset on; the hash of the whole copy.
    fn rest(&self, link: &Link, (source, copy): (&File, &File), stood: u64, to: &Path) -> Result<String, Halt> {
        let (came, over) = (AtomicU64::new(stood), AtomicBool::new(false));
        let (hashed, synced, copied) = thread::scope(|scope| {
            let hashing = scope.spawn(|| self.hash(copy, (&came, &over), link.bytes));
            let syncing = scope.spawn(|| sync(copy, (&came, &over), stood));
            let copied = self.pieces(link, (source, copy), &came, to);
            over.store(true, Ordering::Release);
            (hashing.join(), syncing.join(), copied)
        });
        copied?;
        let panicked = || Failure::bug("a thread that copies panicked");
        synced.map_err(|_| panicked())?.map_err(|error| unwritten(to, &error))?;
        let hash = hashed.map_err(|_| panicked())?.map_err(|error| unwritten(to, &error))?;
        if self.stop.requested() {
            return Err(Halt::Stopped);
        }
        Ok(hash)
    }

    fn pieces(&self, link: &Link, (source, copy): (&File, &File), came: &AtomicU64, to: &Path) -> Result<(), Halt> {
        let (mut at, mut by_kernel, began) = (came.load(Ordering::Relaxed), true, Instant::now());
        let first = at;
        let mut piece = Vec::new();
        while at < link.bytes {
            if self.stop.requested() {
                return Err(Halt::Stopped);
            }
            let wanted = self.portion().min(usize::try_from(link.bytes - at).unwrap_or(PIECE));
            if by_kernel {
                match copy_file_range(source, Some(&mut at), copy, Some(&mut came.load(Ordering::Relaxed)), wanted) {
                    // Some file systems say so where they cannot.
                    Ok(0) | Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL | Errno::PERM) => {
                        by_kernel = false;
                        piece.resize(PIECE, 0);
                        continue;
                    }
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(self.blame(link, source, (to, at), &error.into()).into()),
                }
            } else {
                let count = source.read_at(&mut piece[..wanted], at);
                let count = count.map_err(|error| repository_failure("reading", &link.path, &error))?;
                if count == 0 {
                    return Err(altered(link, "it became shorter while it was copied").into());
                }
                copy.write_all_at(&piece[..count], at).map_err(|error| unwritten(to, &error))?;
                at += count as u64;
            }
            came.store(at, Ordering::Release);
            self.hold_back(at - first, began);
        }
        Ok(())
    }

    /// Which side an error of the kernel's copy was of: the source is asked by itself.
    fn blame(&self, link: &Link, source: &File, (to, at): (&Path, u64), error: &io::Error) -> Failure {
        let mut piece = vec![0; self.portion()];
        match source.read_at(&mut piece, at) {
            Ok(_) => unwritten(to, error),
            Err(unread) => repository_failure("reading", &link.path, &unread),
        }
    }

    /// The most bytes at once, so that the flow is even: a tenth of a second's worth.
    fn portion(&self) -> usize {
        self.rate.map_or(PIECE, |rate| usize::try_from(rate.bytes() / 10).unwrap_or(PIECE).clamp(4096, PIECE))
    }

    fn hold_back(&self, copied: u64, began: Instant) {
        let Some(rate) = self.rate else { return };
        let due = Duration::from_secs_f64(copied as f64 / rate.bytes() as f64);
        while !self.stop.requested() {
            match due.checked_sub(began.elapsed()) {
                Some(left) if !left.is_zero() => thread::park_timeout(left.min(NAP)),
                Some(_) | None => return,
            }
        }
    }

    fn hash(&self, copy: &File, (came, over): (&AtomicU64, &AtomicBool), bytes: u64) -> io::Result<String> {
        let (mut hash, mut at, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
        while at < bytes && !self.stop.requested() {
            // In this order: what came last has come before it was over.
            let is_over = over.load(Ordering::Acquire);
            let there = came.load(Ordering::Acquire);
            if at < there {
                let count = usize::try_from(there - at).unwrap_or(PIECE).min(PIECE);
                copy.read_exact_at(&mut piece[..count], at)?;
                hash.update(&piece[..count]);
                at += count as u64;
                self.gauge.add(count as u64);
            } else if is_over {
                break;
            } else {
                thread::park_timeout(POLL_INTERVAL);
            }
        }
        Ok(image::hex(&hash.finalize()))
    }
}

/// Brings to the disk what has come, in portions, and all of it at the end.
fn sync(copy: &File, (came, over): (&AtomicU64, &AtomicBool), stood: u64) -> io::Result<()> {
    let mut synced = stood;
    loop {
        if over.load(Ordering::Acquire) {
            return copy.sync_all();
        }
        let there = came.load(Ordering::Acquire);
        if there - synced >= PORTION {
            copy.sync_data()?;
            synced = there;
        } else {
            thread::park_timeout(POLL_INTERVAL);
        }
    }
}

fn open_source(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
}

fn open_copy(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
    let about = file.metadata()?;
    if about.is_file() && about.nlink() == 1 { Ok(file) } else { Err(Errno::EXIST.into()) }
}

/// A failure to write at the target.
pub(super) fn unwritten(path: &Path, error: &io::Error) -> Failure {
    classify::of_io(&format!("writing {}", printable_name(path.as_os_str())), error)
}

fn altered(link: &Link, what: &str) -> Failure {
    Failure::incurable(
        format!("{} of the restore point {} is not what the backup wrote: {what}", shown(&link.path), link.label),
        "nothing was defined; choose a restore point that does not rest on it, and see the disk of the repository",
    )
}

fn shown(path: &Path) -> String {
    printable_name(path.file_name().unwrap_or(path.as_os_str()))
}

/// The increments of so many files, in words.
pub(super) fn increments(links: usize) -> String {
    many(links.saturating_sub(1) as u64, "increment")
}

#[cfg(test)]
mod tests;
