//! Sparse files: what of one has no place on the disk, and what is behind its end.

use rustix::{fs::SeekFrom, io::Errno};
use std::{fs::File, io, ops::Range, os::unix::fs::FileExt as _};

/// Bytes of a range that have no place on the disk yet.
pub(super) fn holes(file: &File, range: Range<u64>) -> io::Result<u64> {
    let (mut at, mut found) = (range.start, 0);
    while at < range.end {
        let data = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(data) => data.min(range.end),
            // There is no data behind it.
            Err(Errno::NXIO) => range.end,
            Err(error) => return Err(error.into()),
        };
        found += data - at;
        if data == range.end {
            break;
        }
        at = rustix::fs::seek(file, SeekFrom::Hole(data))?;
    }
    Ok(found)
}

/// Reads from the upper directory, where everything behind the end is zeros.
pub(super) fn read_upper(file: &File, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, at) {
            Ok(0) => {
                buffer.fill(0);
                break;
            }
            Ok(read) => {
                buffer = &mut buffer[read..];
                at += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
