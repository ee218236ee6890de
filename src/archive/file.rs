//! Opening a file of an archive.
//!
//! Promise: only a regular file is ever opened, whatever takes its place between a look and the opening; a link to one is
//! followed. Never: waits for who would write to a pipe, or becomes the terminal's.

use crate::postgres::{
    compression,
    wal::{LONG_HEADER, SegmentHeader},
};
use rustix::fs::OFlags;
use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Opens a file for reading.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Reads what is packed in it, or the file itself where it is not packed.
pub fn unpacked(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    compression::unpack(open(path)?).map(|(_, plain)| plain)
}

/// A whole small file, unpacked; one of more than `most` bytes is refused.
pub fn small(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    unpacked(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(io::Error::other(format!("it has more than {most} bytes"))) } else { Ok(bytes) }
}

/// The header that a segment begins with, or a printable clause that says why there is none.
pub fn header(path: &Path) -> io::Result<Result<SegmentHeader, String>> {
    let mut bytes = Vec::with_capacity(LONG_HEADER);
    match unpacked(path).and_then(|plain| plain.take(LONG_HEADER as u64).read_to_end(&mut bytes)) {
        Ok(_) => Ok(SegmentHeader::parse(&bytes).map_err(|error| error.to_string())),
        Err(error) if compression::is_damage(&error) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}
