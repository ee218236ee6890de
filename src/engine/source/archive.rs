//! Going through an archive from its beginning to its end.
//!
//! Promises: every member is shown, those that no backup has as well; what follows the last one is read too, so that the
//! packing can check its own checksums. Never: follows an extension header, or seeks.

use super::{
    buffers::{Buffer, Pool},
    member::{self, Kind, Member, Refused},
    read::{Source, fill},
    shared::{Shared, Watch},
};
use crate::{engine::Halt, postgres::compression};
use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, mpsc::Sender},
};

/// An archive to be read.
#[derive(Debug)]
pub(in crate::engine) struct Archive {
    pub(in crate::engine) path: PathBuf,
    pub(in crate::engine) kind: Kind,
}

/// Why an archive was not read to its end.
pub(in crate::engine) enum Broken {
    /// The work has ended.
    Ended(Halt),
    /// It cannot be read or unpacked.
    Unread(io::Error),
}

/// How an archive ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum ArchiveEnd {
    /// With empty blocks, as an archive does.
    Marked,
    /// Without them: nothing shows that this is the end.
    Unmarked,
    /// With other bytes behind the first empty block, where members may lie that nobody sees.
    GoesOn,
}

/// Who takes in the members of an archive.
pub(in crate::engine) trait Visitor {
    /// A directory, by its path below the data directory.
    fn directory(&mut self, path: &Path) -> Result<(), Halt>;
    /// A file and its bytes; those that are not read are passed over.
    fn file(&mut self, path: &Path, size: u64, bytes: &mut dyn Read) -> Result<(), Broken>;
    /// A member that no backup has.
    fn refused(&mut self, refused: &Refused) -> Result<(), Halt>;
}

/// Goes through an archive. The watch is the thread's own.
pub(in crate::engine) fn visit(
    archive: &Archive,
    watch: &Arc<Watch>,
    shared: &Arc<Shared>,
    visitor: &mut impl Visitor,
) -> Result<ArchiveEnd, Broken> {
    let source = Source::open(&archive.path, watch, shared)?;
    let (_, reader) = compression::unpack(source)?;
    let mut members = tar::Archive::new(reader);
    // Names in extension headers are read by nobody here: raw entries show them, and they are refused.
    for entry in members.entries()?.raw(true) {
        let mut entry = entry?;
        shared.go_on()?;
        match member::examine(archive.kind, entry.header()) {
            Ok(Member::Directory(path)) => visitor.directory(&path)?,
            Ok(Member::File(path, size)) => visitor.file(&path, size, &mut entry)?,
            Err(refused) => visitor.refused(&refused)?,
        }
    }
    let mut padding = Padding::default();
    io::copy(&mut members.into_inner(), &mut padding)?;
    Ok(match padding {
        Padding { foreign: true, .. } => ArchiveEnd::GoesOn,
        Padding { length: 0, .. } => ArchiveEnd::Unmarked,
        Padding { .. } => ArchiveEnd::Marked,
    })
}

/// Passes the bytes of a member on, buffer by buffer. Gives how many are lacking because the archive is cut short.
pub(in crate::engine) fn pass_on(
    bytes: &mut dyn Read,
    size: u64,
    to: &Sender<Buffer>,
    buffers: &Arc<Pool>,
    shared: &Shared,
) -> Result<u64, Broken> {
    let mut left = size;
    while left > 0 {
        let mut buffer = buffers.take(|| shared.stopping()).ok_or(Halt::Stopped)?;
        let got = fill(bytes, shared.portion(buffer.room()))?;
        if got == 0 {
            return Ok(left);
        }
        buffer.set_filled(got);
        left = left.saturating_sub(got as u64);
        to.send(buffer).map_err(|_| Halt::Stopped)?;
    }
    Ok(0)
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Unread(error)
    }
}

impl From<Halt> for Broken {
    fn from(halt: Halt) -> Self {
        Self::Ended(halt)
    }
}

/// What follows the last member.
#[derive(Default)]
struct Padding {
    length: u64,
    foreign: bool,
}

impl Write for Padding {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.length += bytes.len() as u64;
        self.foreign |= bytes.iter().any(|byte| *byte != 0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
