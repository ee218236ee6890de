//! Copying a tar backup: one thread unpacks an archive, others hash and write what comes out of it.
//!
//! Promises: unpacking, hashing, writing and write-back go on at the same time; a member is written only if the manifest
//! or the rules for WAL account for it, and only once. Files that an earlier attempt verified are read over.

use super::{
    archive::{self, Archive, Broken, Visitor},
    buffers::Buffer,
    errors::{at_target, damaged},
    layout::{Expect, WRITTEN_LAST},
    ledger::Line,
    member::{Kind, Refused},
    mutex::lock,
    plain,
    shared::{CopyEnd, Watch},
    staged,
    work::{Beginning, CopyContext, altered},
};
use crate::{
    domain::Failure,
    engine::Halt,
    postgres::{compression, control::CONTROL_FILE, manifest::Hasher},
};
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
};

/// What of an archive is still on its way: its files, and one for the unpacking itself. Whoever is last enters the
/// archive into the ledger.
struct Pending {
    archive: PathBuf,
    left: AtomicUsize,
}

/// A file whose bytes come out of an archive.
pub(super) struct Coming {
    path: PathBuf,
    expect: Expect,
    size: u64,
    bytes: Receiver<Buffer>,
    pending: Arc<Pending>,
}

/// `pg_control` has 8 KiB in every version; a tablespace map is read when the plan is made.
const MAX_HELD_LEN: u64 = 16 << 20;

/// The work of an unpacking thread: until no archive is left.
pub(super) fn unpack(work: &CopyContext, archives: &Mutex<Vec<Archive>>, out: &Sender<Coming>) -> Result<(), Halt> {
    let watch = work.shared.watch(CopyEnd::Backup);
    loop {
        work.shared.go_on()?;
        let Some(archive) = lock(archives).pop() else { return Ok(()) };
        let pending = Arc::new(Pending { archive: archive.path.clone(), left: AtomicUsize::new(1) });
        Unpacking { work, archive: &archive, out, pending: Arc::clone(&pending) }.run(&watch)?;
        pending.one_done(work)?;
    }
}

/// The work of a writing thread: until no more files come.
pub(super) fn write(work: &CopyContext, files: &Mutex<Receiver<Coming>>) -> Result<(), Halt> {
    let watch = work.shared.watch(CopyEnd::Target);
    loop {
        work.shared.go_on()?;
        let Ok(file) = lock(files).recv() else { return Ok(()) };
        let mut receiving = work.receive(&file.path, file.expect, file.size, &watch, Beginning::Anew)?;
        for buffer in file.bytes {
            receiving.take(buffer.bytes())?;
        }
        if receiving.lacks_bytes() {
            // The sender broke off; it reports why itself.
            return Err(Halt::Stopped);
        }
        receiving.finish()?;
        file.pending.one_done(work)?;
    }
}

impl Pending {
    fn one_done(&self, work: &CopyContext) -> Result<(), Failure> {
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        let name = PathBuf::from(self.archive.file_name().unwrap_or_default());
        let entered = work.ledger.add(&[Line::Archive(name)]);
        entered.map_err(|error| at_target("note in the ledger of", work.places.data.path(), &error))
    }
}

struct Unpacking<'a> {
    work: &'a CopyContext,
    archive: &'a Archive,
    out: &'a Sender<Coming>,
    pending: Arc<Pending>,
}

impl Unpacking<'_> {
    fn run(mut self, watch: &Arc<Watch>) -> Result<(), Halt> {
        let (work, archive) = (self.work, self.archive);
        match archive::visit(archive, watch, &work.shared, &mut self) {
            Ok(_) => Ok(()),
            Err(Broken::Ended(halt)) => Err(halt),
            Err(Broken::Unread(error)) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &io::Error) -> Halt {
        let work = self.work;
        work.shared.or_stopped(|| {
            if compression::is_damage(error) && !work.backup.is_gone() {
                let name = self.archive.path.file_name().unwrap_or_default();
                return damaged(Path::new(name), format_args!("is cut short or corrupt: {error}"));
            }
            work.backup.failure("read", &self.archive.path, error)
        })
    }

    /// Passes a member on to a writing thread, buffer by buffer.
    fn send(&self, path: &Path, expect: Expect, size: u64, bytes: &mut dyn Read) -> Result<(), Broken> {
        let (to, from) = mpsc::channel();
        self.pending.left.fetch_add(1, Ordering::AcqRel);
        let coming = Coming { path: path.to_owned(), expect, size, bytes: from, pending: Arc::clone(&self.pending) };
        // The writers are gone only when the copy has ended.
        self.out.send(coming).map_err(|_| Halt::Stopped)?;
        if archive::pass_on(bytes, size, &to, &self.work.buffers, &self.work.shared)? > 0 {
            let name = self.archive.path.file_name().unwrap_or_default();
            let what = format_args!("is cut short in the middle of {}", path.display());
            return Err(Halt::from(damaged(Path::new(name), what)).into());
        }
        Ok(())
    }

    /// Keeps a small file that is written at the end of the restore.
    fn hold(&self, path: &Path, expect: &Expect, size: u64, bytes: &mut dyn Read) -> Result<(), Halt> {
        let Expect::Listed(at) = *expect else { return Err(plain::extra(path).into()) };
        if size > MAX_HELD_LEN {
            return Err(damaged(path, "is far too large for what it is").into());
        }
        let mut content = Vec::new();
        bytes.read_to_end(&mut content).map_err(|error| self.failed(&error))?;
        let mut hasher = Hasher::new(self.work.manifest.files[at].checksum.algorithm());
        hasher.update(&content);
        let checksum = hasher.finish();
        if content.len() as u64 != size {
            return Err(plain::wrong_size(path, content.len() as u64, size).into());
        }
        if checksum != self.work.manifest.files[at].checksum {
            return Err(altered(path, checksum.algorithm()).into());
        }
        if path == Path::new(CONTROL_FILE) {
            staged::put(self.work, &content)?;
        }
        lock(&self.work.held).insert(path.to_owned(), content);
        Ok(())
    }

    /// A member of the base must not lie in a tablespace that has an archive of its own.
    fn check_place(&self, path: &Path) -> Result<(), Failure> {
        let reserved = path.starts_with(super::mark_place::DIRECTORY);
        let foreign = self.archive.kind == Kind::Base
            && super::layout::in_tablespace(path)
                .is_some_and(|(oid, _)| self.work.places.tablespaces.contains_key(&oid));
        if reserved || foreign { Err(plain::extra(path)) } else { Ok(()) }
    }
}

impl Visitor for Unpacking<'_> {
    fn directory(&mut self, path: &Path) -> Result<(), Halt> {
        self.check_place(path)?;
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        let shown = self.work.places.shown(path);
        self.work.announce(path)?;
        let made = self.work.places.create_directory(path);
        made.map_err(|error| at_target("create", &shown, &error).into())
    }

    fn file(&mut self, path: &Path, size: u64, bytes: &mut dyn Read) -> Result<(), Broken> {
        let work = self.work;
        self.check_place(path).map_err(Halt::from)?;
        let expect = work.index.expect(path).ok_or_else(|| Halt::from(plain::extra(path)))?;
        work.note_received(path).map_err(Halt::from)?;
        if expect == Expect::Wal {
            work.count_wal(path, size);
        }
        if let Expect::Listed(at) = expect
            && work.manifest.files[at].size != size
        {
            return Err(Halt::from(plain::wrong_size(path, size, work.manifest.files[at].size)).into());
        }
        if WRITTEN_LAST.iter().any(|last| path == Path::new(last)) {
            return Ok(self.hold(path, &expect, size, bytes)?);
        }
        // The manifest beside the archives is the one that counts.
        if work.has(path) || expect == Expect::Manifest {
            return Ok(());
        }
        self.send(path, expect, size, bytes)
    }

    fn refused(&mut self, refused: &Refused) -> Result<(), Halt> {
        Err(refused.failure(&self.archive.path).into())
    }
}
