//! One copy: all that its threads need to know, and how one file is received, checked and entered into the ledger.
//!
//! Promises: a file is entered as verified only after its size and checksum were right and its last byte was handed to
//! the system.

use super::{
    buffers::Pool,
    copy_log::LARGE_FILE,
    errors::{Backup, at_target, damaged},
    layout::{Expect, Index},
    ledger::{Ledger, Line, Stamp},
    mutex::lock,
    output::{DIRECT_FROM, Output},
    partial,
    places::TargetPlaces,
    plain,
    run::Threads,
    shared::{Shared, Watch},
    write_back::WriteBack,
};
use crate::{
    domain::{Failure, Lsn, SystemIdentifier},
    engine::Halt,
    postgres::{
        manifest::{Algorithm, Manifest},
        wal::SegmentHeader,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Instant,
};

/// From this size on a file is entered into the ledger at once: to copy it anew takes longer than to write the line.
const LARGE: u64 = 1 << 20;

/// One copy.
#[derive(Debug)]
pub(super) struct CopyContext {
    pub(super) backup: Backup,
    pub(super) manifest: Arc<Manifest>,
    pub(super) index: Arc<Index>,
    pub(super) places: TargetPlaces,
    pub(super) ledger: Ledger,
    pub(super) shared: Arc<Shared>,
    pub(super) buffers: Arc<Pool>,
    /// What sees to the write-back of small files, where it can be done for many at once.
    pub(super) write_back: Option<Arc<WriteBack>>,
    /// Files that earlier attempts left verified.
    pub(super) reused: BTreeMap<PathBuf, Stamp>,
    /// Archives that earlier attempts read to their end.
    pub(super) archives: BTreeSet<PathBuf>,
    /// Whether something of an earlier attempt may stand in the way.
    pub(super) leftovers: bool,
    /// Whether half-written files of an earlier attempt may be gone on with.
    pub(super) resumable: bool,
    /// The WAL segments that recovery needs, and where each begins.
    pub(super) wal_needed: BTreeMap<PathBuf, Lsn>,
    /// WAL files whose sizes are in the totals already.
    pub(super) wal_planned: BTreeMap<PathBuf, u64>,
    pub(super) system_identifier: Option<SystemIdentifier>,
    /// Files that came out of archives in this attempt.
    pub(super) received: Mutex<BTreeSet<PathBuf>>,
    /// Small files that are written at the very end.
    pub(super) held: Mutex<BTreeMap<PathBuf, Vec<u8>>>,
}

/// Where a file's bytes begin to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// At the first byte.
    Anew,
    /// Behind what an earlier attempt left of it, as [`Receiving::came`] shows.
    WhereItStands,
}

/// A file on its way.
pub(super) struct Receiving<'a> {
    work: &'a CopyContext,
    path: PathBuf,
    expect: Expect,
    size: u64,
    came: u64,
    output: Output,
    watch: &'a Watch,
    /// When a large file was begun, and what stood of it; a small one has no line in the log.
    large: Option<(Instant, u64)>,
}

impl CopyContext {
    /// How the bytes of a file are checked.
    pub(super) fn algorithm(&self, expect: &Expect) -> Algorithm {
        match expect {
            Expect::Listed(at) | Expect::MayDiffer(Some(at)) => self.manifest.files[*at].checksum.algorithm(),
            Expect::MayDiffer(None) | Expect::Wal | Expect::Manifest => Algorithm::None,
        }
    }

    /// Whether an earlier attempt left this file verified.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.reused.contains_key(path)
    }

    /// Enters a path that no manifest names before it is created.
    pub(super) fn announce(&self, path: &Path) -> Result<(), Failure> {
        let line = Line::Create(path.to_owned());
        self.ledger.add(&[line]).map_err(|error| at_target("note in the ledger of", &self.places.shown(path), &error))
    }

    /// Counts a WAL file that the plan could not know of.
    pub(super) fn count_wal(&self, path: &Path, size: u64) {
        if !self.wal_planned.contains_key(path) && !self.has(path) {
            self.shared.expect_more(size, 1);
        }
    }

    /// Begins to receive a file of this size. The watch is the writing thread's own.
    pub(super) fn receive<'a>(
        &'a self,
        path: &Path,
        expect: Expect,
        size: u64,
        watch: &'a Watch,
        beginning: Beginning,
    ) -> Result<Receiving<'a>, Halt> {
        let began = (size >= LARGE_FILE).then(Instant::now);
        if let Expect::Listed(at) = expect {
            let listed = self.manifest.files[at].size;
            if listed != size {
                return Err(plain::wrong_size(path, size, listed).into());
            }
        } else {
            self.announce(path)?;
        }
        let (root, below) = self.places.find(path);
        let algorithm = self.algorithm(&expect);
        if beginning == Beginning::WhereItStands
            && self.resumable
            && let Some((output, came)) =
                partial::go_on((&self.buffers, &self.shared), (root, below), size, algorithm, watch)?
        {
            let large = began.map(|began| (began, came));
            return Ok(Receiving { work: self, path: path.to_owned(), expect, size, came, output, watch, large });
        }
        if self.leftovers {
            let shown = self.places.shown(path);
            watch.on(&shown);
            watch.during(|| root.remove(below)).map_err(|error| at_target("remove", &shown, &error))?;
        }
        let output = Output::create(root, below, size, algorithm, watch)?;
        let large = began.map(|began| (began, 0));
        Ok(Receiving { work: self, path: path.to_owned(), expect, size, came: 0, output, watch, large })
    }

    fn in_ledger(&self, error: &io::Error) -> Failure {
        at_target("note in the ledger of", self.places.data.path(), error)
    }

    /// Notes that a file came out of an archive; a second one of the same name is refused.
    pub(super) fn note_received(&self, path: &Path) -> Result<(), Failure> {
        if lock(&self.received).insert(path.to_owned()) { Ok(()) } else { Err(damaged(path, "is there twice")) }
    }

    /// A WAL segment that recovery needs must be the right one, and of the right cluster.
    fn check_segment(&self, path: &Path, start: &[u8]) -> Result<(), Failure> {
        let Some(begins) = self.wal_needed.get(path) else { return Ok(()) };
        let header =
            SegmentHeader::parse(start).map_err(|error| damaged(path, format_args!("is no WAL segment: {error}")))?;
        if header.start != *begins {
            return Err(damaged(path, format_args!("holds the WAL from {} instead of {begins}", header.start)));
        }
        match self.system_identifier {
            Some(cluster) if cluster != header.system_identifier => {
                let other = header.system_identifier;
                Err(damaged(path, format_args!("belongs to another cluster: {other} instead of {cluster}")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Threads for CopyContext {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Writes the lines of the ledger that still wait.
    fn at_end(&self) -> Result<(), Failure> {
        self.ledger.add(&[]).map_err(|error| self.in_ledger(&error))
    }
}

impl Receiving<'_> {
    /// How many bytes stand; the next one comes after them.
    pub(super) const fn came(&self) -> u64 {
        self.came
    }

    /// Takes the next bytes: a whole buffer, or less at the end. They must lie aligned in memory.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Halt> {
        self.work.shared.go_on()?;
        if self.came == 0 && self.expect == Expect::Wal {
            self.work.check_segment(&self.path, bytes)?;
        }
        self.came += bytes.len() as u64;
        if self.came > self.size {
            return Err(plain::wrong_size(&self.path, self.came, self.size).into());
        }
        self.output.write(bytes, self.watch)?;
        self.work.shared.add_bytes(bytes.len() as u64);
        Ok(())
    }

    /// Whether fewer bytes came than announced.
    pub(super) const fn lacks_bytes(&self) -> bool {
        self.came < self.size
    }

    /// All bytes came: checks them, and enters the file as verified.
    pub(super) fn finish(self) -> Result<(), Halt> {
        let Self { work, path, expect, size, came, output, large, .. } = self;
        if came != size {
            return Err(plain::wrong_size(&path, came, size).into());
        }
        let gathering = work.write_back.as_deref().filter(|_| size < DIRECT_FROM);
        let written = output.finish(gathering.is_some());
        let (checksum, stamp) = written.map_err(|error| at_target("write", &work.places.shown(&path), &error))?;
        if let Some(gathering) = gathering {
            gathering.add(size);
        }
        match expect {
            Expect::Listed(at) if checksum != work.manifest.files[at].checksum => {
                return Err(altered(&path, checksum.algorithm()).into());
            }
            Expect::MayDiffer(at) if at.is_none_or(|at| work.manifest.files[at].checksum != checksum) => {
                work.shared.note(plain::may_differ(&path));
            }
            Expect::Listed(_) | Expect::MayDiffer(_) | Expect::Wal | Expect::Manifest => {}
        }
        if let Some((began, stood)) = large {
            work.shared.log.large_file(&path, size, stood, began.elapsed());
        }
        let line = Line::Verified(path, stamp);
        // A large file is worth a write of its own.
        let entered = if size < LARGE { work.ledger.add_soon(&line) } else { work.ledger.add(&[line]) };
        entered.map_err(|error| work.in_ledger(&error))?;
        work.shared.add_file();
        Ok(())
    }
}

/// A file whose bytes are not those that were backed up.
pub(super) fn altered(path: &Path, algorithm: Algorithm) -> Failure {
    damaged(path, format_args!("does not match the manifest: its bytes were altered ({} differs)", algorithm.name()))
}
