//! Looking what there is to verify: the manifest, and names and sizes.
//!
//! Promises: nothing but the manifest is read. What is wrong already here is damage, and the work goes on with what is
//! right; the plan fails only when something cannot be looked at.

use super::{
    Damage, VerifyPlan, VerifyRequest,
    failures::{gone, unread},
    listing::{Listing, Reason, reason},
    names::name_of,
};
use crate::{
    domain::{BackupForm, ByteCount, Failure, plan::WalFinding},
    engine::{
        source::{
            archive::Archive,
            errors::Backup,
            layout::{self, Expect, SourceFile, is_done, is_segment},
            member::Kind,
            tree::{self, Oddity},
        },
        watched::Heartbeat,
    },
    postgres::{
        manifest::{self, Manifest, ManifestError},
        tarset::{ArchivePart, TarSet},
    },
};
use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc};

/// A verification that can begin.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) plan: VerifyPlan,
    pub(super) listing: Option<Arc<Listing>>,
    /// What is wrong already.
    pub(super) damages: Vec<Damage>,
    pub(super) files: Files,
}

/// What will be read.
#[derive(Debug)]
pub(super) enum Files {
    /// Files: those of the manifest, and the WAL.
    Plain {
        listed: Vec<SourceFile>,
        wal: Vec<SourceFile>,
        /// Whether the backup was made with WAL.
        has_wal: bool,
    },
    /// Archives: those of data, and that of the WAL if it has one.
    Tar { archives: Vec<Archive>, wal: Vec<Archive> },
}

/// Looks what there is.
pub(super) fn prepare(request: &VerifyRequest, heartbeat: &Heartbeat) -> Result<Prepared, Failure> {
    let backup = Backup::at(&request.directory);
    if backup.is_gone() {
        return Err(gone(&backup));
    }
    let mut damages = Vec::new();
    let listing = read_manifest(&backup, &request.directory, &mut damages)?.map(Listing::new);
    let checksum = listing.as_ref().map(|listing| listing.manifest.checksum_name());
    let (files, bytes, count, wal) = match request.form {
        BackupForm::Plain => look_plain(&backup, request, listing.as_ref(), &mut damages, heartbeat)?,
        BackupForm::Tar(_) => look_tar(&backup, request, listing.as_ref(), &mut damages)?,
    };
    let plan = VerifyPlan { bytes: ByteCount(bytes), files: count, wal, checksum };
    Ok(Prepared { plan, listing: listing.map(Arc::new), damages, files })
}

/// The manifest, if it can be read; one that is altered is believed in what it says of files.
fn read_manifest(backup: &Backup, directory: &Path, damages: &mut Vec<Damage>) -> Result<Option<Manifest>, Failure> {
    let path = directory.join(manifest::FILE_NAME);
    let mut damage = |problem: &ManifestError| {
        damages.push(Damage::Manifest { problem: problem.to_string() });
        Ok(None)
    };
    // A pipe in its place must not be opened.
    let looked = fs::symlink_metadata(&path).map_err(|source| ManifestError::Unreadable { path: path.clone(), source });
    let bytes = looked.and_then(|about| {
        if about.is_file() { Manifest::read_bytes(&path) } else { Err(ManifestError::NotAFile(path.clone())) }
    });
    match bytes {
        Ok(bytes) => match Manifest::parse_altered(&bytes) {
            Ok((manifest, None)) => Ok(Some(manifest)),
            Ok((manifest, Some(problem))) => damage(&problem).map(|_: Option<Manifest>| Some(manifest)),
            Err(problem) => damage(&problem),
        },
        Err(ManifestError::Unreadable { source, .. })
            if source.kind() != io::ErrorKind::NotFound || backup.is_gone() =>
        {
            Err(unread(backup, "read", &path, &source))
        }
        Err(ManifestError::Unreadable { .. }) => {
            damages.push(Damage::Missing { file: manifest::FILE_NAME.to_owned() });
            Ok(None)
        }
        Err(problem) => damage(&problem),
    }
}

type Looked = (Files, u64, u64, Option<WalFinding>);

fn look_plain(
    backup: &Backup,
    request: &VerifyRequest,
    listing: Option<&Listing>,
    damages: &mut Vec<Damage>,
    heartbeat: &Heartbeat,
) -> Result<Looked, Failure> {
    let mut odd = |_: &Path, path: &Path, oddity| {
        let file = name_of(path);
        // Of a tablespace whose directory is gone the files are missing; the link itself is as it should be.
        if oddity != Oddity::LinkToNothing {
            damages.push(Damage::Extra { file });
        }
        Ok(())
    };
    let walked = match tree::walk(&request.directory, heartbeat, &mut odd) {
        Ok(walked) => walked,
        Err(_) if backup.is_gone() => return Err(gone(backup)),
        Err(failure) => return Err(failure),
    };
    let (mut listed, mut wal, mut has_wal) = (Vec::new(), Vec::new(), false);
    let mut segments = BTreeMap::new();
    for file in walked.tree.files {
        has_wal |= file.path.starts_with("pg_wal") && (is_segment(&file.path) || is_done(&file.path));
        match reason(listing, &file.path) {
            Reason::Extra => damages.push(Damage::Extra { file: name_of(&file.path) }),
            Reason::Ignored | Reason::Expected(Expect::Manifest) => {}
            Reason::Expected(Expect::Wal) => {
                segments.insert(file.path.clone(), file.size);
                if is_segment(&file.path) {
                    wal.push(file);
                }
            }
            Reason::Expected(Expect::MayDiffer(at)) => {
                if let (Some(listing), Some(at)) = (listing, at) {
                    listing.note(at);
                }
                listed.push(file);
            }
            Reason::Expected(Expect::Listed(at)) => {
                let Some(listing) = listing else { continue };
                listing.note(at);
                match listing.wrong_size(at, file.size) {
                    Some(damage) => damages.push(damage),
                    None => listed.push(file),
                }
            }
        }
    }
    let finding = listing.map(|listing| layout::wal_finding(&listing.manifest, &segments, None));
    let bytes = listed.iter().chain(&wal).map(|file| file.size).sum();
    let count = (listed.len() + wal.len()) as u64;
    Ok((Files::Plain { listed, wal, has_wal }, bytes, count, finding))
}

fn look_tar(
    backup: &Backup,
    request: &VerifyRequest,
    listing: Option<&Listing>,
    damages: &mut Vec<Damage>,
) -> Result<Looked, Failure> {
    let directory = &request.directory;
    let failed = |error: &io::Error| unread(backup, "list", directory, error);
    let parts = TarSet::parts(directory).map_err(|error| failed(&error))?;
    let mut named: BTreeMap<ArchivePart, String> = BTreeMap::new();
    let (mut archives, mut wal) = (Vec::new(), Vec::new());
    for (part, name) in parts.into_iter().filter(|(part, _)| *part != ArchivePart::Manifest) {
        let path = directory.join(&name);
        let about = fs::symlink_metadata(&path).map_err(|error| failed(&error))?;
        if !about.is_file() {
            damages.push(Damage::Extra { file: name });
        } else if named.insert(part, name.clone()).is_some() {
            // The one that comes first in the alphabet is read.
            damages.push(Damage::Duplicate { file: name });
        } else {
            match part {
                ArchivePart::Base => archives.insert(0, Archive { path, kind: Kind::Base }),
                ArchivePart::Tablespace(oid) => archives.push(Archive { path, kind: Kind::Tablespace(oid) }),
                ArchivePart::Wal => wal.push(Archive { path, kind: Kind::Wal }),
                ArchivePart::Manifest => {}
            }
        }
    }
    if !named.contains_key(&ArchivePart::Base) {
        damages.push(Damage::Missing { file: "base.tar".to_owned() });
    }
    let bytes = listing.map_or(0, |listing| listing.manifest.total_size().0);
    let files = listing.map_or(0, |listing| listing.manifest.files.len() as u64);
    let none = wal.is_empty() && !listing.is_some_and(Listing::fetched_wal);
    let what = || "WAL is not in the backup, or only reading base.tar shows it".to_owned();
    let finding = none.then(|| WalFinding::Missing { what: what() });
    Ok((Files::Tar { archives, wal }, bytes, files, finding))
}
