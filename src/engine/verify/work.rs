//! One verification: all that its threads need to know.
//!
//! Promises: a file that cannot be read is never taken for a damaged one; a backup that vanished whole ends the stage.

use super::{
    Damage, VerifyRequest, failures,
    findings::{self, Finding},
    listing::Listing,
    names::{archive_name, name_of},
    plan::Files,
    wal::WalSearch,
};
use crate::{
    domain::{ByteCount, Failure, SystemIdentifier, Verification},
    engine::{
        Halt,
        source::{
            buffers::Pool, errors::Backup, layout::in_tablespace, member::Kind, mutex::lock, run::Threads,
            shared::Shared,
        },
    },
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::SyncSender,
    },
};

/// Buffers between unpacking and hashing, beyond those that the threads hold.
const BUFFERS: usize = 16;

/// One verification.
#[derive(Debug)]
pub(super) struct VerifyContext {
    pub(super) backup: Backup,
    pub(super) listing: Option<Arc<Listing>>,
    pub(super) shared: Arc<Shared>,
    pub(super) buffers: Arc<Pool>,
    pub(super) wal: WalSearch,
    /// The cluster that `pg_control` in the backup names.
    pub(super) control: Mutex<Option<SystemIdentifier>>,
    /// The cluster that is known from elsewhere.
    known: Option<SystemIdentifier>,
    findings: SyncSender<Finding>,
    /// Archives that were not read to their end, with what they hold.
    broken: Mutex<Vec<(PathBuf, Kind)>>,
    /// Tablespaces that have archives of their own; in the tar form alone.
    tablespaces: Vec<u32>,
    files: AtomicU64,
    bytes: AtomicU64,
}

impl VerifyContext {
    pub(super) fn new(
        request: &VerifyRequest,
        (listing, files): (Option<Arc<Listing>>, &Files),
        shared: Arc<Shared>,
        findings: SyncSender<Finding>,
        threads: usize,
    ) -> Self {
        let tablespaces = match files {
            Files::Plain { .. } => Vec::new(),
            Files::Tar { archives, .. } => archives.iter().filter_map(|archive| archive.kind.tablespace()).collect(),
        };
        Self {
            backup: Backup::at(&request.directory),
            wal: WalSearch::new(listing.as_deref(), request.wal, files),
            listing,
            shared,
            buffers: Pool::new(threads * 2 + BUFFERS),
            control: Mutex::default(),
            known: request.system_identifier,
            findings,
            broken: Mutex::default(),
            tablespaces,
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Notes a damage.
    pub(super) fn damage(&self, damage: Damage) {
        self.find(Finding::Damage(damage));
    }

    /// Notes what was not checked.
    pub(super) fn unchecked(&self, sentence: String) {
        self.find(Finding::Unchecked(sentence));
    }

    fn find(&self, finding: Finding) {
        // Nobody takes it any more when the stage was left.
        let _ = self.findings.send(finding);
    }

    /// Notes that a file could not be read, unless that is because the work was stopped or the whole backup is gone.
    pub(super) fn unread(&self, path: &Path, error: &io::Error) -> Result<(), Halt> {
        if self.shared.stopping() {
            return Err(Halt::Stopped);
        }
        let failure = failures::unread(&self.backup, "read", path, error);
        if self.backup.is_gone() {
            return Err(failure.into());
        }
        self.find(Finding::Unread(failure));
        Ok(())
    }

    /// Notes that an archive was not read to its end.
    pub(super) fn break_off(&self, path: &Path, kind: Kind) {
        lock(&self.broken).push((path.to_owned(), kind));
    }

    /// Counts a file whose bytes were compared.
    pub(super) fn count(&self, bytes: u64) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The files whose bytes were compared, and their bytes.
    pub(super) fn compared(&self) -> (u64, ByteCount) {
        (self.files.load(Ordering::Relaxed), ByteCount(self.bytes.load(Ordering::Relaxed)))
    }

    /// The cluster that the WAL must be of: as the manifest says, `pg_control`, or whoever asked.
    fn cluster(&self) -> Option<SystemIdentifier> {
        let said = self.listing.as_ref().and_then(|listing| listing.manifest.system_identifier);
        said.or(*lock(&self.control)).or(self.known)
    }

    /// All files were read: names those that never came, and counts those that may lie where an archive was not read.
    pub(super) fn report_missing(&self, verification: &mut Verification, found: &mut dyn FnMut(&Damage)) {
        let Some(listing) = &self.listing else {
            verification.unchecked.push("files: nothing says what they should be".to_owned());
            return;
        };
        let broken = lock(&self.broken);
        let mut behind = vec![0_u64; broken.len()];
        for (path, is_required) in listing.missing() {
            let kind = match in_tablespace(path) {
                Some((oid, _)) if self.tablespaces.contains(&oid) => Kind::Tablespace(oid),
                Some(_) | None => Kind::Base,
            };
            match broken.iter().position(|(_, broken)| *broken == kind) {
                Some(at) => behind[at] += 1,
                None if is_required => findings::add(verification, Damage::Missing { file: name_of(path) }, found),
                None => {
                    let name = name_of(path);
                    verification.unchecked.push(format!("{name}: it is not there, and pg_basebackup -R may change it"));
                }
            }
        }
        for ((archive, _), count) in broken.iter().zip(behind).filter(|(_, count)| *count > 0) {
            let name = archive_name(archive);
            verification.unchecked.push(format!("files that {name} should bring behind its break: {count}"));
        }
        let without = listing.without_checksum();
        if without > 0 {
            let sentence = format!("the contents of {without} files: the manifest has no checksum of them, only sizes");
            verification.unchecked.push(sentence);
        }
    }

    /// The WAL was read: joins its segments and names what is wrong with them.
    pub(super) fn join_wal(&self, verification: &mut Verification, found: &mut dyn FnMut(&Damage)) {
        let holds_wal = |kind| if self.wal.has_archive() { kind == Kind::Wal } else { kind == Kind::Base };
        let broken = lock(&self.broken).iter().find(|(_, kind)| holds_wal(*kind)).map(|(path, _)| archive_name(path));
        self.wal.join(self.cluster(), broken.as_deref(), verification, found);
    }
}

impl Threads for VerifyContext {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn at_end(&self) -> Result<(), Failure> {
        Ok(())
    }
}
