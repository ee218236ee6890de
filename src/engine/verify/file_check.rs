//! One file of a backup whose bytes come: hashed, and compared with the manifest at its end; a WAL segment is scanned.
//!
//! Promises: a file counts as compared only when all its bytes came and its checksum was right.

use super::{Damage, names::name_of, wal::WalFile, work::VerifyContext};
use crate::{
    engine::source::{layout::Expect, mutex::lock},
    postgres::{
        control::{CONTROL_FILE, CONTROL_PREFIX, ControlFile},
        manifest::{Algorithm, Hasher},
    },
};
use std::path::{Path, PathBuf};

/// A file that is being read.
pub(super) struct FileCheck {
    path: PathBuf,
    expect: Expect,
    came: u64,
    hasher: Hasher,
    wal: Option<WalFile>,
    /// The beginning of `pg_control`.
    start: Vec<u8>,
}

impl FileCheck {
    /// A file of this size, of which no byte came yet.
    pub(super) fn new(work: &VerifyContext, path: &Path, expect: Expect, size: u64) -> Self {
        let algorithm = match (&work.listing, &expect) {
            (Some(listing), Expect::Listed(at) | Expect::MayDiffer(Some(at))) => listing.file(*at).checksum.algorithm(),
            (_, Expect::Listed(_) | Expect::MayDiffer(_) | Expect::Wal | Expect::Manifest) => Algorithm::None,
        };
        let wal = if expect == Expect::Wal { WalFile::new(path, size) } else { None };
        Self { path: path.to_owned(), expect, came: 0, hasher: Hasher::new(algorithm), wal, start: Vec::new() }
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, work: &VerifyContext, bytes: &[u8]) {
        self.came += bytes.len() as u64;
        self.hasher.update(bytes);
        if let Some(wal) = &mut self.wal {
            wal.take(&work.wal, bytes);
        }
        if self.start.len() < CONTROL_PREFIX && self.path == Path::new(CONTROL_FILE) {
            self.start.extend(bytes.iter().take(CONTROL_PREFIX - self.start.len()));
        }
        work.shared.add_bytes(bytes.len() as u64);
    }

    /// The bytes that came.
    pub(super) const fn came(&self) -> u64 {
        self.came
    }

    /// The file is at its end.
    pub(super) fn finish(self, work: &VerifyContext) {
        let Self { path, expect, came, hasher, wal, start } = self;
        let checksum = hasher.finish();
        match (expect, work.listing.as_deref()) {
            (Expect::Listed(at), Some(listing)) => {
                if let Some(damage) = listing.wrong_size(at, came) {
                    work.damage(damage);
                } else if checksum != listing.file(at).checksum {
                    work.damage(Damage::Altered { file: name_of(&path) });
                } else {
                    if checksum.algorithm() != Algorithm::None {
                        work.count(came);
                    }
                    if path == Path::new(CONTROL_FILE) {
                        *lock(&work.control) = ControlFile::parse(&start).ok().map(|control| control.system_identifier);
                    }
                }
            }
            (Expect::MayDiffer(at), Some(listing)) => {
                let listed = at.map(|at| listing.file(at));
                if listed.is_none_or(|file| checksum != file.checksum || came != file.size) {
                    let name = name_of(&path);
                    work.unchecked(format!("{name}: it was written after the manifest, as pg_basebackup -R does"));
                } else if checksum.algorithm() != Algorithm::None {
                    work.count(came);
                }
            }
            (Expect::Listed(_) | Expect::MayDiffer(_) | Expect::Wal | Expect::Manifest, _) => {}
        }
        if let Some(wal) = wal {
            wal.finish(&work.wal);
        }
        work.shared.add_file();
    }
}
