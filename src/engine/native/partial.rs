//! Going on with a file that an earlier attempt left half written, so that a disruption in the midst of a large file
//! does not cost all of it.
//!
//! Promises: what stands is read from the target and hashed again, and the whole file must still match the manifest; if
//! it does not, the caller copies it anew. Never: a file without a checksum is gone on with, or one that was begun
//! before the machine came up last, since what a crash leaves of a file need not be what was written.

use super::{
    buffers::{Pool, SIZE},
    errors::at_target,
    output::Output,
    root::Root,
    shared::{Shared, Watch},
};
use crate::{
    engine::Halt,
    postgres::manifest::{Algorithm, Hasher},
};
use rustix::fs::{FileType, Stat};
use std::{io, os::unix::fs::FileExt, path::Path, sync::Arc};

/// How many bytes of a file that stands so would be gone on with; none where it is copied anew.
pub(super) fn kept(stat: &Stat, size: u64, algorithm: Algorithm) -> u64 {
    // A second name of the file would be written to as well.
    let alone = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink == 1;
    if !alone || algorithm == Algorithm::None {
        return 0;
    }
    // Whole buffers, so that direct writes stay aligned; the last byte always comes from the backup.
    let step = SIZE as u64;
    u64::try_from(stat.st_size).unwrap_or(0).min(size.saturating_sub(1)) / step * step
}

/// The file at `below` in `root`, ready to be written on from as far as it goes; `None` when there is nothing to go on
/// with. The caller knows that it is a leftover of a restore of this backup, begun since the machine came up.
pub(super) fn go_on(
    (buffers, shared): (&Arc<Pool>, &Shared),
    (root, below): (&Root, &Path),
    size: u64,
    algorithm: Algorithm,
    watch: &Watch,
) -> Result<Option<(Output, u64)>, Halt> {
    let path = root.path().join(below);
    let failed = |error: &io::Error| Halt::from(at_target("go on with", &path, error));
    let Some(stat) = root.stat(below).map_err(|error| failed(&error))? else { return Ok(None) };
    let kept = kept(&stat, size, algorithm);
    if kept == 0 {
        return Ok(None);
    }
    let file = root.reopen(below).map_err(|error| failed(&error))?;
    file.set_len(kept).map_err(|error| failed(&error))?;
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = buffers.take(|| shared.stopping()).ok_or(Halt::Stopped)?;
    watch.on(&path);
    for at in (0..kept).step_by(SIZE) {
        shared.go_on()?;
        watch.during(|| file.read_exact_at(buffer.room(), at)).map_err(|error| failed(&error))?;
        hasher.update(buffer.room());
        shared.reuse_bytes(SIZE as u64);
    }
    Ok(Some((Output::from(file, (path, root.access()), size, hasher, kept), kept)))
}
