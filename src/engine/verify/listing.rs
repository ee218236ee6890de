//! The manifest's list, and which of its files came.
//!
//! Promises: each path has one reason to be there, or none; a file that is there twice shows. Never: takes a file for
//! missing that lies behind the place where its archive breaks off.

use super::names::name_of;
use crate::{
    domain::{ByteCount, Damage, restored},
    engine::source::layout::{Expect, Index, is_done},
    postgres::manifest::{Algorithm, Manifest, ManifestFile},
};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// The files that should be there.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) manifest: Manifest,
    index: Index,
    came: Vec<AtomicBool>,
}

/// Why a file is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    /// The manifest accounts for it, or it is WAL.
    Expected(Expect),
    /// It is not judged: something beside the WAL in `pg_wal`, our own mark, or all files when there is no manifest.
    Ignored,
    /// Nothing accounts for it.
    Extra,
}

impl Listing {
    pub(super) fn new(manifest: Manifest) -> Self {
        let came = manifest.files.iter().map(|_| AtomicBool::new(false)).collect();
        Self { index: Index::of(&manifest), manifest, came }
    }

    /// Where this path stands in the list.
    pub(super) fn position(&self, path: &Path) -> Option<usize> {
        self.index.position(path)
    }

    pub(super) fn file(&self, at: usize) -> &ManifestFile {
        &self.manifest.files[at]
    }

    /// The damage of a file that has another size than the manifest says.
    pub(super) fn wrong_size(&self, at: usize, found: u64) -> Option<Damage> {
        let listed = self.file(at);
        (listed.size != found).then(|| Damage::WrongSize {
            file: name_of(&listed.path),
            expected: ByteCount(listed.size),
            found: ByteCount(found),
        })
    }

    /// Whether the WAL was brought with `-X fetch`: the server lists a `.done` file for each segment that it puts into
    /// the base.
    pub(super) fn fetched_wal(&self) -> bool {
        self.manifest.files.iter().any(|file| is_done(&file.path))
    }

    /// Notes that a file came; whether it is the first of its name.
    pub(super) fn note(&self, at: usize) -> bool {
        !self.came[at].swap(true, Ordering::AcqRel)
    }

    /// Takes back that a file came: it broke off.
    pub(super) fn take_back(&self, at: usize) {
        self.came[at].store(false, Ordering::Release);
    }

    /// The files that did not come, and whether each must be there.
    pub(super) fn missing(&self) -> impl Iterator<Item = (&Path, bool)> {
        let listed = self.manifest.files.iter().zip(&self.came);
        let unseen = listed.filter(|(_, came)| !came.load(Ordering::Acquire)).map(|(file, _)| file.path.as_path());
        unseen.map(|path| (path, matches!(self.index.expect(path), Some(Expect::Listed(_)))))
    }

    /// How many files have no checksum.
    pub(super) fn without_checksum(&self) -> usize {
        self.manifest.files.iter().filter(|file| file.checksum.algorithm() == Algorithm::None).count()
    }
}

/// Why a file at this path is there.
pub(super) fn reason(listing: Option<&Listing>, path: &Path) -> Reason {
    let expect = match listing {
        Some(listing) => listing.index.expect(path),
        None => Index::default().expect(path).filter(|expect| *expect == Expect::Wal),
    };
    match expect {
        Some(expect) => Reason::Expected(expect),
        None if listing.is_none() || path.starts_with("pg_wal") || path.starts_with(restored::MARK) => Reason::Ignored,
        None => Reason::Extra,
    }
}
