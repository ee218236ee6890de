//! Reading a file of the backup: watched for stalls, held to the bandwidth limit, and stopped when asked.
//!
//! Promises: a file that is no longer where it was opened is not read to its end. It could be, but then a repository
//! that vanished would be reported for some forms of backup and not for others, depending on which file was open.

use super::{
    buffers::Buffer,
    shared::{Shared, Watch},
};
use crate::engine::Halt;
use rustix::fs::OFlags;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// How often a file is looked for again while it is read.
const RECHECK_INTERVAL: Duration = Duration::from_secs(1);

/// One open file of the backup.
pub(in crate::engine) struct Source {
    file: File,
    path: PathBuf,
    looked: Instant,
    watch: Arc<Watch>,
    shared: Arc<Shared>,
}

impl Source {
    /// Opens a file. The watch is the thread's own.
    pub(in crate::engine) fn open(path: &Path, watch: &Arc<Watch>, shared: &Arc<Shared>) -> io::Result<Self> {
        watch.on(path);
        let file = watch.during(|| File::open(path))?;
        let (watch, shared) = (Arc::clone(watch), Arc::clone(shared));
        Ok(Self { file, path: path.to_owned(), looked: Instant::now(), watch, shared })
    }

    /// Opens a file of which it is known that it is a regular one. What has taken its place meanwhile is refused: a link
    /// is not followed, and nobody is waited for who would write to a pipe.
    pub(in crate::engine) fn open_file(path: &Path, watch: &Arc<Watch>, shared: &Arc<Shared>) -> io::Result<Self> {
        watch.on(path);
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = watch.during(|| OpenOptions::new().read(true).custom_flags(flags).open(path))?;
        if !watch.during(|| file.metadata())?.is_file() {
            return Err(io::Error::other("it is no regular file any more"));
        }
        let (watch, shared) = (Arc::clone(watch), Arc::clone(shared));
        Ok(Self { file, path: path.to_owned(), looked: Instant::now(), watch, shared })
    }

    /// Leaves out the bytes before this one.
    pub(in crate::engine) fn begin_at(&mut self, offset: u64) -> io::Result<()> {
        if offset == 0 { Ok(()) } else { self.file.seek(SeekFrom::Start(offset)).map(drop) }
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // Whoever meets this error looks at the stop flag and finds the reason there.
        let stopped = || io::Error::other("the copy was stopped");
        if self.shared.stopping() {
            return Err(stopped());
        }
        if self.looked.elapsed() > RECHECK_INTERVAL {
            self.watch.during(|| fs::metadata(&self.path))?;
            self.looked = Instant::now();
        }
        let Some(throttle) = &self.shared.throttle else { return self.watch.during(|| self.file.read(out)) };
        let portion = out.len().min(throttle.portion());
        let got = self.watch.during(|| self.file.read(&mut out[..portion]))?;
        throttle.take(got, || self.shared.stopping());
        if self.shared.stopping() { Err(stopped()) } else { Ok(got) }
    }
}

/// Hands on the bytes of a file buffer by buffer, `size` of them and no more. Gives how many came: fewer when the file is
/// shorter, one more when it is longer.
pub(in crate::engine) fn hand_on(
    source: &mut impl Read,
    size: u64,
    buffer: &mut Buffer,
    shared: &Shared,
    failed: impl Fn(&io::Error) -> Halt,
    mut take: impl FnMut(&[u8]) -> Result<(), Halt>,
) -> Result<u64, Halt> {
    let mut left = size;
    loop {
        let room = shared.portion(buffer.room());
        // One byte more than is left shows a file that has grown.
        let wished = usize::try_from(left.saturating_add(1)).map_or(room.len(), |wished| wished.min(room.len()));
        let enough = usize::try_from(left).unwrap_or(usize::MAX);
        let got = fill_from(source, &mut room[..wished], enough).map_err(|error| failed(&error))?;
        if got as u64 > left {
            return Ok(size + 1);
        }
        let is_last = wished as u64 > left || got == 0;
        left -= got as u64;
        buffer.set_filled(got);
        if got > 0 {
            take(buffer.bytes())?;
        }
        if is_last {
            return Ok(size - left);
        }
    }
}

/// Fills as much of `room` as the reader has.
pub(in crate::engine) fn fill(reader: &mut (impl Read + ?Sized), room: &mut [u8]) -> io::Result<usize> {
    let all = room.len();
    fill_from(reader, room, all)
}

/// Reads until `room` is full, the reader is at its end, or at least `enough` bytes came, which is asked after each read:
/// one that leaves room for more than `enough` and brings no more shows the end without a read of its own.
pub(in crate::engine) fn fill_from(
    reader: &mut (impl Read + ?Sized),
    room: &mut [u8],
    enough: usize,
) -> io::Result<usize> {
    let mut filled = 0;
    while filled < room.len() {
        match reader.read(&mut room[filled..]) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if filled >= enough {
            break;
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    /// Gives at most so many bytes a read, and counts the reads.
    struct Counted<'a> {
        bytes: &'a [u8],
        at_once: usize,
        reads: usize,
    }

    impl Read for Counted<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.reads += 1;
            let most = out.len().min(self.at_once);
            self.bytes.read(&mut out[..most])
        }
    }

    #[test]
    fn the_end_of_a_file_of_known_size_shows_in_the_read_that_brings_it() {
        let check = |bytes: usize, at_once, enough, expected| {
            let mut reader = Counted { bytes: &[7; 100][..bytes], at_once, reads: 0 };
            let mut room = [0; 11];
            let got = fill_from(&mut reader, &mut room, enough).unwrap();
            assert_eq!((got, reader.reads), expected);
        };
        check(10, 100, 10, (10, 1));
        check(10, 4, 10, (10, 3));
        check(0, 100, 0, (0, 1));
        // It has grown, or is shorter than it was.
        check(12, 100, 10, (11, 1));
        check(9, 100, 10, (9, 2));
    }
}
