//! The scratch of an open restore point: what is in it, whose it is, and its end.
//!
//! ```text
//! <scratch>/              root's own where howdah runs as root, and open to pass through
//!   explore.json          the mark: which session has made it
//!   server.json           where the server answers, while it does
//!   files/data/           the data directory, files/tablespaces/<oid>/ beside it
//!   members/              where the members of archives are that an overlay shows
//!   written/              what an overlay keeps
//!   items/<session>/      what is being taken out, on its way to another server
//! ```
//!
//! Promises: nothing is made in, and nothing is removed from, a directory that does not bear this session's mark; the mark
//! goes last. Never: follows a link, or removes anything through a mount.

mod held;

use crate::{
    domain::{Failure, FileMethod, ServerAddress, explore::ADDRESS, instance::printable_name},
    postgres::{configure::DataDirectory, server::classify},
    process,
};
use held::HeldScratch;
use rustix::{fs::fstat, process::geteuid};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};
use uuid::Uuid;

const MARK: &str = "explore.json";

/// The marks that this build writes and reads.
const VERSION: u32 = 1;

/// A mark is a few hundred bytes; more than this is something else.
const MAX_LEN: u64 = 1 << 16;

/// The scratch of one session.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    pub(super) path: PathBuf,
    session: Uuid,
}

/// Whose a scratch is, and how its files were provided last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    version: u32,
    pub(super) session: Uuid,
    /// The state directory of the owner.
    pub(super) state: PathBuf,
    pub(super) method: FileMethod,
    /// Whether all of the files are there; of an overlay they always are, and a copy keeps a record of its own.
    pub(super) provided: bool,
    /// The run of the kernel in which the server wrote last: but for a copy, nothing of it is durable.
    pub(super) boot: Option<Uuid>,
    /// The machine that made it, as it calls itself; `None` in a mark that was not written yet, as is the next.
    #[serde(default)]
    pub(super) host: Option<String>,
    /// The inode of the scratch: a directory that was copied with its mark has another one.
    #[serde(default)]
    inode: Option<u64>,
    /// The unpacked backups next to the scratch that the session uses, or has used: each stays until it is closed.
    #[serde(default)]
    pub(super) unpacked: BTreeSet<String>,
}

/// What stands at a place of which it is not known whose it is.
#[derive(Debug)]
pub(super) enum Stands {
    /// Nothing.
    Nothing,
    /// A directory without a mark, and with nothing in it but the beginning of one.
    Empty,
    /// A directory with a mark that was made for it, by the user that it belongs to.
    Marked {
        mark: Box<Mark>,
        /// When the mark was written.
        since: SystemTime,
    },
    /// Something else: why it is none of ours.
    Foreign(String),
}

/// What stands at the place of a scratch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or an empty directory.
    Nothing,
    /// This session's own.
    Own(Mark),
    /// Something else.
    Foreign,
}

impl Mark {
    pub(super) fn new(session: Uuid, state: &Path, method: FileMethod) -> Self {
        let (state, boot) = (state.to_owned(), process::boot());
        let (provided, unpacked) = (false, BTreeSet::new());
        Self { version: VERSION, session, state, method, provided, boot, host: None, inode: None, unpacked }
    }

    /// Puts it into its directory.
    fn write(&self, place: &DataDirectory) -> io::Result<()> {
        let inode = Some(fstat(place)?.st_ino);
        let mark = Self { host: Some(process::host()), inode, ..self.clone() };
        place.replace(MARK, &serde_json::to_vec(&mark)?, None)
    }

    /// Whether what the server wrote since is whole: it is, unless the machine went down in between.
    pub(super) fn is_of_this_boot(&self) -> bool {
        self.boot.is_some() && self.boot == process::boot()
    }
}

impl Scratch {
    pub(super) const fn new(path: PathBuf, session: Uuid) -> Self {
        Self { path, session }
    }

    /// Where the files are shown.
    pub(super) fn files(&self) -> PathBuf {
        self.path.join("files")
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.files().join("data")
    }

    /// Where an overlay keeps what is written.
    pub(super) fn written(&self) -> PathBuf {
        self.path.join("written")
    }

    /// What stands there now.
    pub(super) fn look(&self) -> Result<Found, Failure> {
        Ok(self.hold()?.map_or(Found::Nothing, |held| held.found))
    }

    /// Opens it; `None` where not even the directory around it is there.
    fn hold(&self) -> Result<Option<HeldScratch>, Failure> {
        HeldScratch::open(&self.path, self.session).map_err(|error| self.failure("looking at", &error))
    }

    /// Opens what must be this session's own, or nothing.
    fn hold_own(&self) -> Result<Option<HeldScratch>, Failure> {
        match self.hold()? {
            Some(HeldScratch { found: Found::Foreign, .. }) => Err(self.foreign()),
            held => Ok(held),
        }
    }

    /// Makes the directory and the mark, as far as they are not there. What an earlier attempt provided in another way,
    /// or before the machine went down, is removed first; what it noted as unpacked stays noted. Whether all files are
    /// there.
    pub(super) fn make(&self, mark: &mut Mark) -> Result<bool, Failure> {
        let Some(mut held) = self.hold_own()? else {
            return Err(self.failure("making", &io::ErrorKind::NotFound.into()));
        };
        if let Found::Own(found) = &held.found {
            let again = found.method == mark.method && !is_lost(found);
            let noted = mark.unpacked.is_subset(&found.unpacked);
            mark.unpacked.extend(found.unpacked.iter().cloned());
            mark.provided = again && found.provided;
            if !again {
                held.clear().map_err(|error| self.failure("removing what is in", &error))?;
            } else if noted {
                // All stands as the server left it.
                return Ok(mark.provided);
            }
        }
        let made = held.make().and_then(|place| mark.write(place));
        made.map_err(|error| self.failure("making", &error))?;
        Ok(mark.provided)
    }

    /// All files are there.
    pub(super) fn provided(&self, mark: &Mark) -> Result<(), Failure> {
        let mark = Mark { provided: true, ..mark.clone() };
        self.put("marking", |place| mark.write(place))
    }

    /// Says where the server answers, for those that take items out.
    pub(super) fn publish(&self, address: &ServerAddress) -> Result<(), Failure> {
        let put = |place: &DataDirectory| place.replace(ADDRESS, &serde_json::to_vec(address)?, None);
        self.put("writing the address of the server in", put)
    }

    /// Puts something into what must be this session's own.
    fn put(&self, doing: &str, put: impl FnOnce(&DataDirectory) -> io::Result<()>) -> Result<(), Failure> {
        let held = self.hold_own()?;
        let place = held.as_ref().and_then(|held| held.place.as_ref()).ok_or(io::ErrorKind::NotFound.into());
        place.and_then(put).map_err(|error| self.failure(doing, &error))
    }

    /// It does not answer any more.
    pub(super) fn unpublish(&self) -> Result<(), Failure> {
        match self.hold()? {
            Some(HeldScratch { found: Found::Own(_), place: Some(place), .. }) => place.remove(ADDRESS).map(drop),
            Some(_) | None => Ok(()),
        }
        .map_err(|error| self.failure("removing the address of the server from", &error))
    }

    /// Removes all of it; whether there was anything.
    pub(super) fn remove(&self) -> Result<bool, Failure> {
        let Some(held) = self.hold_own()? else { return Ok(false) };
        held.clear().map_err(|error| self.failure("removing what is in", &error))?;
        held.remove().map_err(|error| self.failure("removing", &error))
    }

    fn foreign(&self) -> Failure {
        Failure::incurable(
            format!("{} holds what this session has not made", printable_name(self.path.as_os_str())),
            "see what it is; stop this session, and open the restore point anew",
        )
    }

    fn failure(&self, doing: &str, error: &io::Error) -> Failure {
        classify::of_io(&format!("{doing} {}", printable_name(self.path.as_os_str())), error)
    }
}

/// Whether a scratch of this user in this directory, but for one, names this unpacked backup.
pub(super) fn referring_to(place: &Path, unpacked: &str, except: Option<&Path>) -> io::Result<bool> {
    let except = except.and_then(Path::file_name);
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        if Some(entry.file_name().as_os_str()) == except || !entry.file_type()?.is_dir() {
            continue;
        }
        match fs::symlink_metadata(entry.path().join(MARK)) {
            Ok(found) if found.is_file() && found.uid() == geteuid().as_raw() => {}
            Ok(_) => continue,
            // No scratch, one that was closed meanwhile, or another user's.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => continue,
            Err(error) => return Err(error),
        }
        let read = DataDirectory::open(&entry.path()).and_then(|scratch| scratch.read(MARK, MAX_LEN));
        let bytes = match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            read => read?.unwrap_or_default(),
        };
        if serde_json::from_slice::<Mark>(&bytes).is_ok_and(|mark| mark.unpacked.contains(unpacked)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A copy is durable before a server writes to it, and its server writes durably; nothing else is.
fn is_lost(mark: &Mark) -> bool {
    match mark.method {
        FileMethod::Copy => false,
        FileMethod::Reflink => !mark.provided || !mark.is_of_this_boot(),
        FileMethod::Overlay => !mark.is_of_this_boot(),
    }
}

/// Whether something is there that may be a mark.
pub(super) fn may_be_marked(path: &Path) -> bool {
    fs::symlink_metadata(path.join(MARK)).is_ok()
}

/// What stands there, whosever it may be.
pub(super) fn stands(path: &Path) -> io::Result<Stands> {
    let foreign = |why: &str| Ok(Stands::Foreign(why.to_owned()));
    let about = match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => about,
        Ok(about) if about.is_symlink() => return foreign("is a link"),
        Ok(_) => return foreign("is no directory"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Stands::Nothing),
        Err(error) => return Err(error),
    };
    let own = rustix::process::geteuid();
    if about.uid() != own.as_raw() && !own.is_root() {
        return Ok(Stands::Foreign(format!("belongs to another user (uid {})", about.uid())));
    }
    let written = match fs::symlink_metadata(path.join(MARK)) {
        Ok(written) => written,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if is_empty(path)? { Ok(Stands::Empty) } else { foreign("bears no mark of a session") };
        }
        Err(error) => return Err(error),
    };
    if !written.is_file() || written.len() > MAX_LEN {
        return foreign("has something else where a mark would be");
    }
    if written.uid() != about.uid() {
        return foreign("bears a mark that another user has put there");
    }
    let bytes = DataDirectory::open(path)?.read(MARK, MAX_LEN)?.unwrap_or_default();
    match serde_json::from_slice::<Mark>(&bytes) {
        Ok(mark) if mark.version != VERSION => foreign("bears a mark of another version of howdah"),
        Ok(mark) if mark.inode != Some(about.ino()) => foreign("bears a mark that was made for another directory"),
        Ok(mark) => Ok(Stands::Marked { mark: Box::new(mark), since: written.modified()? }),
        Err(_) => foreign("bears a mark that cannot be read"),
    }
}

/// Whether there is nothing but the beginning of a mark: its writer died.
fn is_empty(path: &Path) -> io::Result<bool> {
    let foreign = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| !entry.file_name().to_string_lossy().starts_with(MARK)))
        .collect::<io::Result<Vec<bool>>>()?;
    Ok(!foreign.contains(&true))
}

#[cfg(test)]
mod tests;
