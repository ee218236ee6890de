//! Where the claim of a directory stands, and the lock on it.

use super::{
    ClaimError,
    file::{self, ClaimFile},
    record::Claim,
};
use crate::{
    domain::{Hold, restored},
    engine::real_path::real,
};
use rustix::fs::{Access, access};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The name of the claim of a directory that cannot have it beside itself.
pub const INSIDE: &str = ".howdah-claim";

/// How the name of a claim beside its directory ends; before it stand a dot and the directory's own name.
const BESIDE: &str = ".howdah";

/// A claim that an attempt works under; other processes see that it is at work until this is dropped.
#[derive(Debug)]
pub struct ClaimLock {
    _file: File,
}

/// A file that holds a claim, where it stands.
#[derive(Debug)]
pub(super) struct ExistingClaim {
    pub(super) path: PathBuf,
    pub(super) claim: Box<Claim>,
    pub(super) file: File,
}

/// Locks the claim of this session on a directory for as long as it works there; `None` where it has none.
pub fn lock(directory: &Path, session: Uuid, state: &Path) -> Result<Option<ClaimLock>, ClaimError> {
    let wanted = Hold::Directory(directory.to_owned());
    for existing in claims_of(directory, &wanted)? {
        let ExistingClaim { path, claim, file } = existing;
        if !claim.is_of(session, state) {
            let worker = file::lock_holder(&file);
            return Err(ClaimError::Held { wanted, by: claim, worker, file: path });
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let worker = file::lock_holder(&file);
                return Err(ClaimError::Held { wanted, by: claim, worker, file: path });
            }
            Err(TryLockError::Error(error)) => return Err(ClaimError::io("lock", &path)(error)),
        }
        // Whoever removed it meanwhile took the place from us.
        if file::stands(&path, &file).map_err(ClaimError::io("look at", &path))? {
            return Ok(Some(ClaimLock { _file: file }));
        }
    }
    Ok(None)
}

/// A claim on a directory, as it is found.
#[derive(Debug)]
pub struct FoundClaim {
    /// What it records.
    pub claim: Box<Claim>,
    /// The file that it stands in.
    pub file: PathBuf,
    /// The process that works under it now, where one does and the kernel shows it.
    pub worker: Option<u32>,
}

/// The claims of exactly this directory, with who works under them. Nothing is locked for it.
pub fn found_on(directory: &Path) -> Result<Vec<FoundClaim>, ClaimError> {
    let existing = claims_of(directory, &Hold::Directory(directory.to_owned()))?.into_iter();
    let found = |ExistingClaim { path, claim, file }: ExistingClaim| {
        let worker = file::lock_holder(&file);
        FoundClaim { claim, file: path, worker }
    };
    Ok(existing.map(found).collect())
}

/// The directory that a file of this path is the claim of, by its name, where it stands beside it.
pub fn directory_of(claim: &Path) -> Option<PathBuf> {
    let name = claim.file_name()?.as_bytes().strip_prefix(b".")?.strip_suffix(BESIDE.as_bytes())?;
    (!name.is_empty()).then(|| claim.with_file_name(OsStr::from_bytes(name)))
}

/// The claim that stands at exactly this path, if it is one and was made there.
pub fn at(path: &Path) -> Option<Box<Claim>> {
    existing_at(path).map(|existing| existing.claim)
}

fn existing_at(path: &Path) -> Option<ExistingClaim> {
    let name = path.file_name()?.to_string_lossy();
    let may_be = name == INSIDE || (name.starts_with('.') && name.ends_with(BESIDE));
    match may_be.then(|| file::read(path)) {
        Some(Ok(ClaimFile::Claim(claim, file)))
            if path.parent().is_some_and(|stands_in| claim.stands_in(stands_in)) =>
        {
            Some(ExistingClaim { path: path.to_owned(), claim, file })
        }
        Some(Ok(ClaimFile::Claim(..) | ClaimFile::Nothing | ClaimFile::Unreadable(_)) | Err(_)) | None => None,
    }
}

/// The claims of exactly this directory: one, unless two were taken in the same instant.
pub(super) fn claims_of(directory: &Path, wanted: &Hold) -> Result<Vec<ExistingClaim>, ClaimError> {
    let mut found = Vec::new();
    for path in claim_paths(directory) {
        match file::read(&path).map_err(ClaimError::io("read", &path))? {
            ClaimFile::Nothing => {}
            ClaimFile::Claim(claim, file) => {
                if path.parent().is_some_and(|stands_in| claim.stands_in(stands_in)) {
                    found.push(ExistingClaim { path, claim, file });
                }
            }
            ClaimFile::Unreadable(problem) => {
                return Err(ClaimError::Unreadable { wanted: wanted.clone(), file: path, problem });
            }
        }
    }
    Ok(found)
}

/// Where the claim of a directory may stand.
pub(super) fn claim_paths(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    [beside(directory), Some(directory.join(INSIDE))].into_iter().flatten()
}

/// The claims of all directories that this one lies in.
pub(super) fn claims_above(directory: &Path, wanted: &Hold) -> Result<Vec<ExistingClaim>, ClaimError> {
    let place = real(directory).map_err(|failure| ClaimError::Io {
        doing: "look at",
        path: directory.to_owned(),
        cause: io::Error::other(failure.cause),
    })?;
    let mut found = Vec::new();
    for above in place.ancestors().skip(1).filter(|above| above.parent().is_some()) {
        found.extend(claims_of(above, wanted)?);
    }
    Ok(found)
}

/// The claims of directories that lie in this one. Whoever may not look somewhere could not restore there either, so that
/// is no reason to refuse.
pub(super) fn claims_below(directory: &Path) -> Vec<ExistingClaim> {
    let entries = walkdir::WalkDir::new(directory).min_depth(1).follow_links(false).into_iter();
    let entries = entries.filter_entry(|entry| !is_of_a_cluster(entry.path()));
    // The directory's own claim, where it stands inside, is not below it.
    let entries = entries.filter_map(Result::ok).filter(|entry| entry.depth() > 1 || entry.file_name() != INSIDE);
    entries.filter_map(|entry| existing_at(entry.path())).collect()
}

/// Whether this is one of the directories of a cluster, whole or in the making, or of a tablespace: their files are many,
/// and none is a claim.
fn is_of_a_cluster(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let is_marked = |above: &Path| restored::marks_of(above).any(|mark| mark.is_dir());
    let in_cluster = || path.parent().is_some_and(|above| above.join("PG_VERSION").is_file() || is_marked(above));
    name.starts_with(b"PG_") || ((matches!(name, b"base" | b"global") || name.starts_with(b"pg_")) && in_cluster())
}

/// Where a new claim of this directory goes. Directories above it that are missing are made, for `owner` where that is
/// not us; they are returned, upper ones first.
pub(super) fn place_for(directory: &Path, owner: Option<(u32, u32)>) -> Result<(PathBuf, Vec<PathBuf>), ClaimError> {
    let parent = directory.parent().unwrap_or(directory);
    let created = make_missing(parent, owner)?;
    let inside = directory.join(INSIDE);
    match beside(directory) {
        Some(beside) if !directory.is_dir() || (!is_mount_point(directory) && may_write(parent)) => {
            Ok((beside, created))
        }
        Some(_) | None => Ok((inside, created)),
    }
}

/// Removes directories that were made for a claim, as far as they are empty.
pub(super) fn remove_made(created: &[PathBuf]) -> Result<(), ClaimError> {
    for path in created.iter().rev() {
        match fs::remove_dir(path) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {}
            Err(error) => return Err(ClaimError::io("remove", path)(error)),
        }
    }
    Ok(())
}

/// Whether another file system is mounted here.
pub fn is_mount_point(directory: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|about| about.dev());
    match (device(directory), directory.parent().map(device)) {
        (Ok(own), Some(Ok(above))) => own != above,
        (_, _) => false,
    }
}

/// The name of a claim beside its directory; `None` for the root, and where the name would be too long.
fn beside(directory: &Path) -> Option<PathBuf> {
    /// The most bytes that a name may have (`NAME_MAX`).
    const MAX_NAME: usize = 255;
    let mut name = OsString::from(".");
    name.push(directory.file_name()?);
    name.push(BESIDE);
    // The name that a claim is written under first is longer by a dash and 32 digits.
    (name.len() + 33 <= MAX_NAME).then(|| directory.with_file_name(name))
}

fn may_write(directory: &Path) -> bool {
    access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

fn make_missing(directory: &Path, owner: Option<(u32, u32)>) -> Result<Vec<PathBuf>, ClaimError> {
    let mut missing: Vec<&Path> = directory.ancestors().take_while(|path| path.symlink_metadata().is_err()).collect();
    missing.reverse();
    let mut done = Vec::new();
    for path in missing {
        let make = || -> io::Result<()> {
            DirBuilder::new().mode(0o700).create(path)?;
            if let Some((user, group)) = owner {
                std::os::unix::fs::lchown(path, Some(user), Some(group))?;
            }
            path.parent().map_or(Ok(()), |above| File::open(above)?.sync_all())
        };
        match make() {
            Ok(()) => done.push(path.to_owned()),
            // Somebody else makes the same ones at this moment.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                remove_made(&done)?;
                return Err(ClaimError::io("create", path)(error));
            }
        }
    }
    Ok(done)
}
