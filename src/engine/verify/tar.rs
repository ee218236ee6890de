//! Reading the archives of a tar backup: one thread unpacks an archive, others hash what comes out of it.
//!
//! Promises: a break in one archive ends that archive alone, and what lies behind it counts as not read.

use super::{
    Damage,
    file_check::FileCheck,
    listing::{Reason, reason},
    names::{archive_name, name_of},
    work::VerifyContext,
};
use crate::{
    engine::{
        Halt,
        source::{
            archive::{self, Archive, ArchiveEnd, Broken, Visitor},
            buffers::Buffer,
            layout::Expect,
            member::Refused,
            mutex::lock,
            run::Task,
            shared::{CopyEnd, Watch},
        },
    },
    postgres::compression,
};
use std::{
    io::{self, Read},
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
};

/// A file whose bytes come out of an archive.
struct Coming {
    check: FileCheck,
    size: u64,
    bytes: Receiver<Buffer>,
}

/// The work for these archives.
pub(super) fn jobs(mut archives: Vec<Archive>, threads: usize) -> Vec<Task<VerifyContext>> {
    // Taken from the end: the base first, for it is nearly always the largest.
    archives.reverse();
    // Each unfinished file needs a thread of its own, or unpacking threads could wait for each other's buffers.
    let unpacking = threads.min(archives.len()).max(1);
    let hashing = threads.max(unpacking);
    let archives = Arc::new(Mutex::new(archives));
    let (out, files) = mpsc::channel();
    let files = Arc::new(Mutex::new(files));
    let unpack = |_| -> Task<VerifyContext> {
        let (archives, out) = (Arc::clone(&archives), out.clone());
        Box::new(move |work| unpack_all(work, &archives, &out))
    };
    let mut jobs: Vec<Task<VerifyContext>> = (0..unpacking).map(unpack).collect();
    let hash = |_| -> Task<VerifyContext> {
        let files = Arc::clone(&files);
        Box::new(move |work| hash_all(work, &files))
    };
    jobs.extend((0..hashing).map(hash));
    jobs
}

fn unpack_all(work: &VerifyContext, archives: &Mutex<Vec<Archive>>, out: &Sender<Coming>) -> Result<(), Halt> {
    let watch = work.shared.watch(CopyEnd::Backup);
    loop {
        work.shared.go_on()?;
        let Some(archive) = lock(archives).pop() else { return Ok(()) };
        Unpacking { work, archive: &archive, out, under_way: None }.run(&watch)?;
    }
}

fn hash_all(work: &VerifyContext, files: &Mutex<Receiver<Coming>>) -> Result<(), Halt> {
    loop {
        work.shared.go_on()?;
        let Ok(Coming { mut check, size, bytes }) = lock(files).recv() else { return Ok(()) };
        for buffer in bytes {
            check.take(work, buffer.bytes());
        }
        // A file that broke off is reported by the unpacking thread.
        if check.came() >= size {
            check.finish(work);
        }
    }
}

struct Unpacking<'a> {
    work: &'a VerifyContext,
    archive: &'a Archive,
    out: &'a Sender<Coming>,
    /// The listed file that is being unpacked.
    under_way: Option<usize>,
}

impl Unpacking<'_> {
    fn run(mut self, watch: &Arc<Watch>) -> Result<(), Halt> {
        let (work, archive) = (self.work, self.archive);
        let problem = match archive::visit(archive, watch, &work.shared, &mut self) {
            Ok(ArchiveEnd::Marked) => return Ok(()),
            Ok(ArchiveEnd::Unmarked) => "is cut short: the empty blocks at its end are missing".to_owned(),
            Ok(ArchiveEnd::GoesOn) => "has a hole: bytes follow on the empty block that ends it".to_owned(),
            Err(Broken::Ended(halt)) => return Err(halt),
            Err(Broken::Unread(_)) if work.shared.stopping() => return Err(Halt::Stopped),
            Err(Broken::Unread(error)) if compression::is_damage(&error) && !work.backup.is_gone() => {
                format!("cannot be unpacked to its end: {error}")
            }
            Err(Broken::Unread(error)) => {
                self.break_off();
                return work.unread(&archive.path, &error);
            }
        };
        self.break_off();
        work.damage(Damage::Archive { file: archive_name(&archive.path), problem });
        Ok(())
    }

    fn break_off(&self) {
        if let (Some(at), Some(listing)) = (self.under_way, &self.work.listing) {
            listing.take_back(at);
        }
        self.work.break_off(&self.archive.path, self.archive.kind);
    }

    /// Passes a member on to a hashing thread.
    fn send(&self, path: &Path, expect: Expect, size: u64, bytes: &mut dyn Read) -> Result<(), Broken> {
        let (to, from) = mpsc::channel();
        let check = FileCheck::new(self.work, path, expect, size);
        // The hashing threads are gone only when the work has ended.
        self.out.send(Coming { check, size, bytes: from }).map_err(|_| Halt::Stopped)?;
        if archive::pass_on(bytes, size, &to, &self.work.buffers, &self.work.shared)? > 0 {
            let what = format!("it ends in the middle of {}", name_of(path));
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what).into());
        }
        Ok(())
    }
}

impl Visitor for Unpacking<'_> {
    fn directory(&mut self, _path: &Path) -> Result<(), Halt> {
        Ok(())
    }

    fn file(&mut self, path: &Path, size: u64, bytes: &mut dyn Read) -> Result<(), Broken> {
        let work = self.work;
        let listing = work.listing.as_deref();
        let expect = match reason(listing, path) {
            Reason::Expected(expect) => expect,
            Reason::Ignored => return Ok(()),
            Reason::Extra => {
                work.damage(Damage::Extra { file: name_of(path) });
                return Ok(());
            }
        };
        match (&expect, listing) {
            (Expect::Listed(at) | Expect::MayDiffer(Some(at)), Some(listing)) => {
                if !listing.note(*at) {
                    work.damage(Damage::Duplicate { file: name_of(path) });
                    return Ok(());
                }
                if let Some(damage) = listing.wrong_size(*at, size).filter(|_| matches!(expect, Expect::Listed(_))) {
                    work.damage(damage);
                    work.shared.add_bytes(listing.file(*at).size);
                    work.shared.add_file();
                    return Ok(());
                }
                self.under_way = Some(*at);
            }
            (Expect::Wal, _) => {
                work.wal.note(path);
                work.shared.expect_more(size, 1);
            }
            // The manifest beside the archives is the one that counts.
            (Expect::Manifest, _) => return Ok(()),
            (Expect::Listed(_) | Expect::MayDiffer(_), _) => work.shared.expect_more(size, 1),
        }
        self.send(path, expect, size, bytes)?;
        self.under_way = None;
        Ok(())
    }

    fn refused(&mut self, refused: &Refused) -> Result<(), Halt> {
        self.work.damage(Damage::Extra { file: refused.name.clone() });
        Ok(())
    }
}
