//! Bringing written files to the disk.
//!
//! Promises: what could not be written is an error. Never: trusts `syncfs` where the kernel or the file system does not
//! report that.

use std::{fs::File, io, os::fd::AsFd, path::Path};

/// File systems whose `syncfs` writes all that is dirty and reports what could not be written.
const SYNCED_WHOLE: [u64; 7] = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x0102_1994, 0x794C_7630, 0x2FC1_2FC1];

/// Whether the file system of this file is written whole, and reports what could not be written.
pub(in crate::engine) fn syncs_whole(file: impl AsFd) -> bool {
    // Before Linux 5.8 syncfs did not report errors.
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split('.').map_while(|part| part.parse::<u32>().ok());
    let recent = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 8);
    let kind = rustix::fs::fstatfs(file).ok().and_then(|about| u64::try_from(about.f_type).ok());
    recent && kind.is_some_and(|kind| SYNCED_WHOLE.contains(&kind))
}

/// Makes a directory with all files and directories below it durable: its file system at once where that can be relied
/// upon, else one by one; says how. Ends early, without an error, when `stop` says so.
pub fn sync_tree(directory: &Path, stop: &dyn Fn() -> bool) -> io::Result<String> {
    let whole = File::open(directory)?;
    if syncs_whole(&whole) {
        rustix::fs::syncfs(&whole)?;
        return Ok("synced with their file system".to_owned());
    }
    let mut all = 0_u64;
    for entry in walkdir::WalkDir::new(directory).follow_links(false) {
        let entry = entry?;
        if stop() {
            break;
        }
        if entry.file_type().is_file() || entry.file_type().is_dir() {
            File::open(entry.path())?.sync_all()?;
            all += 1;
        }
    }
    Ok(format!("synced one by one, {all} files and directories"))
}
