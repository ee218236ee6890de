//! Whether there is room at the target, and the right to write there.
//!
//! Promises: only looks. File systems are distinguished, so a tablespace on another disk is counted against that disk.

use crate::{
    domain::{ByteCount, Failure},
    engine::{at_target::at_target, real_path::nearest},
};
use rustix::fs::Access;
use std::{
    collections::BTreeMap,
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What one place will take.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::engine) struct Required {
    /// Bytes, each file rounded up to whole blocks.
    pub(in crate::engine) bytes: u64,
    /// Files; directories are few beside them.
    pub(in crate::engine) inodes: u64,
}

/// What is free at one place.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Available {
    pub(in crate::engine) bytes: ByteCount,
    /// `None` where the file system does not count them.
    pub(in crate::engine) inodes: Option<u64>,
}

/// One file system, as far as a restore asks for it.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Disk {
    pub(in crate::engine) device: u64,
    pub(in crate::engine) room: Available,
}

/// Tells on which disk a place is, or will be when it is made.
pub(in crate::engine) trait Disks: fmt::Debug + Send + Sync {
    fn of(&self, place: &Path) -> Result<Disk, Failure>;
}

/// The disks of this machine.
#[derive(Debug)]
pub(in crate::engine) struct Machine;

/// Files take whole blocks; 4 KiB is the block of nearly every file system.
const BLOCK: u64 = 4096;

impl Required {
    /// Adds a file.
    pub(in crate::engine) const fn file(&mut self, size: u64) {
        self.bytes = self.bytes.saturating_add(size.saturating_add(BLOCK - 1) / BLOCK * BLOCK);
        self.inodes += 1;
    }

    /// Takes off what a file that stands already takes.
    pub(in crate::engine) const fn standing(&mut self, blocks_of_512: u64) {
        self.bytes = self.bytes.saturating_sub(blocks_of_512.saturating_mul(512));
        self.inodes = self.inodes.saturating_sub(1);
    }
}

impl Disks for Machine {
    fn of(&self, place: &Path) -> Result<Disk, Failure> {
        let there = nearest(place)?;
        let failed = |error: io::Error| at_target("look at", &there, &error);
        let device = fs::metadata(&there).map_err(failed)?.dev();
        let found = rustix::fs::statvfs(&there).map_err(|error| failed(error.into()))?;
        let inodes = (found.f_files > 0).then_some(found.f_favail);
        let bytes = ByteCount(found.f_bavail.saturating_mul(found.f_frsize));
        Ok(Disk { device, room: Available { bytes, inodes } })
    }
}

/// Refuses when one of the file systems has not the room that its places need together.
pub(in crate::engine) fn check(needs: &BTreeMap<PathBuf, Required>, disks: &dyn Disks) -> Result<(), Failure> {
    let mut sums: BTreeMap<u64, (&Path, Available, Required)> = BTreeMap::new();
    for (place, need) in needs {
        let disk = disks.of(place)?;
        let (_, _, sum) = sums.entry(disk.device).or_insert((place, disk.room, Required::default()));
        sum.bytes = sum.bytes.saturating_add(need.bytes);
        sum.inodes = sum.inodes.saturating_add(need.inodes);
    }
    for (place, room, need) in sums.values() {
        let advice = "free space there or choose another target, then retry";
        if need.bytes > room.bytes.0 {
            let cause = format!(
                "no space for the restore at {}: it needs {} and {} are free",
                place.display(),
                ByteCount(need.bytes),
                room.bytes
            );
            return Err(Failure::incurable(cause, advice));
        }
        if let Some(free) = room.inodes.filter(|free| need.inodes > *free) {
            let cause = format!(
                "not enough inodes at {}: the restore needs {} and {free} are free",
                place.display(),
                need.inodes
            );
            return Err(Failure::incurable(cause, advice));
        }
    }
    Ok(())
}

/// Refuses a place in which nothing could be created.
pub(in crate::engine) fn check_writable(place: &Path) -> Result<(), Failure> {
    let there = nearest(place)?;
    let may = rustix::fs::access(&there, Access::WRITE_OK | Access::EXEC_OK);
    may.map_err(|error| at_target("write to", &there, &error.into()))
}
