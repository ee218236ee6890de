//! The overlay as the kernel talks to it: FUSE requests, translated and answered.
//!
//! Promise: each request is answered once, with an errno of its own where it cannot be done. What PostgreSQL has no use
//! for (hard links, devices, extended attributes) is refused as file systems refuse it.

use super::{
    blocks::BLOCK,
    change::{NewNode, Place},
    clock::FileTime,
    passthrough::Passthrough,
    view::{Facts, Kind, View, Wanted},
};
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use std::{
    cell::RefCell,
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How long the kernel may rely on a name or an attribute: nobody else changes what we show.
const TTL: Duration = Duration::from_hours(24);

/// The most that the kernel sends or asks for at once (`FUSE_MAX_MAX_PAGES` of Linux is 256 pages).
const MAX_REQUEST: u32 = 1 << 20;

/// Requests that the kernel sends ahead (readahead); two of the largest for each serving thread.
const MAX_BACKGROUND: u16 = 64;

/// Only a number of ours means anything; there is nothing to be found by a handle.
pub(super) const NO_HANDLE: FileHandle = FileHandle(0);

thread_local! {
    /// What a read is put together in. Kept, since fresh memory costs more than the copy.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Answers for one mount.
#[derive(Debug)]
pub(super) struct OverlayFilesystem {
    pub(super) view: View,
    pub(super) owner: (u32, u32),
    pub(super) passthrough: Passthrough,
}

impl OverlayFilesystem {
    fn attributes(&self, facts: Facts) -> FileAttr {
        let modified = SystemTime::from(facts.modified);
        let (kind, links) = match facts.kind {
            Kind::File => (FileType::RegularFile, 1),
            Kind::Directory => (FileType::Directory, 2),
            Kind::Link => (FileType::Symlink, 1),
        };
        FileAttr {
            ino: INodeNo(facts.ino),
            size: facts.size,
            blocks: facts.size.div_ceil(512),
            atime: modified,
            mtime: modified,
            ctime: modified,
            crtime: UNIX_EPOCH,
            kind,
            perm: facts.mode,
            nlink: if facts.is_named { links } else { 0 },
            uid: self.owner.0,
            gid: self.owner.1,
            rdev: 0,
            blksize: u32::try_from(BLOCK).unwrap_or(4096),
            flags: 0,
        }
    }

    fn entry(&self, made: io::Result<Facts>, reply: ReplyEntry) {
        match made {
            Ok(facts) => reply.entry(&TTL, &self.attributes(facts), Generation(0)),
            Err(error) => reply.error(error.into()),
        }
    }
}

fn empty(done: io::Result<()>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error.into()),
    }
}

/// The bits that can be set on a file.
fn mode_bits(mode: u32) -> u16 {
    u16::try_from(mode & 0o7777).unwrap_or(0)
}

impl Filesystem for OverlayFilesystem {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let _kept_otherwise = config.set_max_write(MAX_REQUEST);
        // What the kernel offers is as much as it takes; more comes by way of the device's readahead.
        let _kept_otherwise = config.set_max_background(MAX_BACKGROUND);
        // Each for itself: an older kernel that lacks one has the others.
        for wanted in [InitFlags::FUSE_PARALLEL_DIROPS, InitFlags::FUSE_CACHE_SYMLINKS] {
            let _not_here = config.add_capabilities(wanted);
        }
        self.passthrough.ask_for(config);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.view.look_up(parent.0, name) {
            // Number 0 lets the kernel remember that there is no such name.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let nothing = FileAttr { ino: INodeNo(0), ..self.attributes(Facts::NOTHING) };
                reply.entry(&TTL, &nothing, Generation(0));
            }
            found => self.entry(found, reply),
        }
    }

    fn forget(&self, _: &Request, ino: INodeNo, lookups: u64) {
        self.view.forget(ino.0, lookups);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.view.facts(ino.0) {
            Ok(facts) => reply.attr(&TTL, &self.attributes(facts)),
            Err(error) => reply.error(error.into()),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changes_owner = uid.is_some_and(|uid| uid != self.owner.0) || gid.is_some_and(|gid| gid != self.owner.1);
        if changes_owner {
            return reply.error(Errno::EPERM);
        }
        let modified = modified.map(|time| match time {
            TimeOrNow::SpecificTime(time) => FileTime::from(time),
            TimeOrNow::Now => FileTime::now(),
        });
        match self.view.set(ino.0, Wanted { mode: mode.map(mode_bits), size, modified }) {
            Ok(facts) => reply.attr(&TTL, &self.attributes(facts)),
            Err(error) => reply.error(error.into()),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        match self.view.link_target(ino.0) {
            Ok(target) => reply.data(target.as_bytes()),
            Err(error) => reply.error(error.into()),
        }
    }

    fn mknod(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, _: u32, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, reply: ReplyEntry) {
        self.entry(self.view.make(parent.0, name, NewNode::Directory { mode: mode_bits(mode) }), reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.view.unlink(parent.0, name), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.view.remove_directory(parent.0, name), reply);
    }

    fn symlink(&self, _: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        self.entry(self.view.make(parent.0, name, NewNode::Link { target: target.into() }), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        to_parent: INodeNo,
        to_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !(flags - RenameFlags::RENAME_NOREPLACE).is_empty() {
            return reply.error(Errno::EINVAL);
        }
        let from = Place { parent: parent.0, name: name.to_owned() };
        let to = Place { parent: to_parent.0, name: to_name.to_owned() };
        empty(self.view.rename(from, to, flags.is_empty()), reply);
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.passthrough.open(&self.view, ino.0, reply);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        BUFFER.with_borrow_mut(|buffer| {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if buffer.len() < size {
                buffer.resize(size, 0);
            }
            match self.view.read(ino.0, offset, &mut buffer[..size]) {
                Ok(read) => reply.data(&buffer[..read]),
                Err(error) => reply.error(error.into()),
            }
        });
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.view.write(ino.0, offset, data) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(error) => reply.error(error.into()),
        }
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.passthrough.release(&self.view, ino.0);
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, data_only: bool, reply: ReplyEmpty) {
        empty(self.view.sync(ino.0, data_only), reply);
    }

    /// Names are in a log that nothing outlives which would need it on the disk.
    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.view.list(ino.0, offset, |ino, place, kind, name| {
            let kind = match kind {
                Kind::File => FileType::RegularFile,
                Kind::Directory => FileType::Directory,
                Kind::Link => FileType::Symlink,
            };
            reply.add(INodeNo(ino), place, kind, name)
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error.into()),
        }
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let room = &self.view.store.room;
        // The file system below may have less than the limit leaves.
        let below = rustix::fs::statvfs(&self.view.store.upper)
            .map_or(u64::MAX, |found| found.f_bavail.saturating_mul(found.f_frsize));
        let free = room.free().min(below) / BLOCK;
        let size = u32::try_from(BLOCK).unwrap_or(4096);
        // As many files as anybody may want; names take next to nothing.
        reply.statfs(room.limit() / BLOCK, free, free, u32::MAX.into(), u32::MAX.into(), size, 255, size);
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        empty(self.view.allocate(ino.0, offset, length, mode), reply);
    }

    fn create(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, _: i32, reply: ReplyCreate) {
        let file = self.view.make(parent.0, name, NewNode::File { mode: mode_bits(mode) });
        match file.and_then(|facts| self.view.open(facts.ino).map(|()| facts)) {
            Ok(facts) => {
                let flags = FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH;
                reply.created(&TTL, &self.attributes(facts), Generation(0), NO_HANDLE, flags);
            }
            Err(error) => reply.error(error.into()),
        }
    }
}
