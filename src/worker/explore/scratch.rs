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

use crate::{
    domain::{Failure, FileMethod, ServerAddress, explore::ADDRESS, instance::printable_name},
    postgres::{configure::DataDirectory, server::classify},
    process,
};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
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
    /// The unpacked backups next to the scratch that the session uses, or has used: each stays until it is closed.
    #[serde(default)]
    pub(super) unpacked: BTreeSet<String>,
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
        Self {
            version: VERSION,
            session,
            state: state.to_owned(),
            method,
            provided: false,
            boot: process::boot(),
            unpacked: BTreeSet::new(),
        }
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
        look(&self.path, self.session).map_err(|error| self.failure("looking at", &error))
    }

    /// Makes the directory and the mark, as far as they are not there. What an earlier attempt provided in another way,
    /// or before the machine went down, is removed first; what it noted as unpacked stays noted. Whether all files are
    /// there.
    pub(super) fn make(&self, mark: &mut Mark) -> Result<bool, Failure> {
        match self.look()? {
            Found::Foreign => return Err(self.foreign()),
            Found::Own(found) => {
                let again = found.method == mark.method && !is_lost(&found);
                let noted = mark.unpacked.is_subset(&found.unpacked);
                mark.unpacked.extend(found.unpacked);
                mark.provided = again && found.provided;
                if !again {
                    self.clear()?;
                } else if noted {
                    // All stands as the server left it.
                    return Ok(mark.provided);
                }
            }
            Found::Nothing => {}
        }
        let make = || -> io::Result<()> {
            // The server's user passes through, and sees what is its own alone.
            match fs::DirBuilder::new().mode(0o711).create(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) | Err(_) => {}
            }
            fs::set_permissions(&self.path, fs::Permissions::from_mode(0o711))?;
            DataDirectory::open(&self.path)?.replace(MARK, &serde_json::to_vec(mark)?, None)
        };
        make().map_err(|error| self.failure("making", &error))?;
        Ok(mark.provided)
    }

    /// All files are there.
    pub(super) fn provided(&self, mark: &Mark) -> Result<(), Failure> {
        let mark = Mark { provided: true, ..mark.clone() };
        let note = || DataDirectory::open(&self.path)?.replace(MARK, &serde_json::to_vec(&mark)?, None);
        note().map_err(|error| self.failure("marking", &error))
    }

    /// Says where the server answers, for those that take items out.
    pub(super) fn publish(&self, address: &ServerAddress) -> Result<(), Failure> {
        let publish = || DataDirectory::open(&self.path)?.replace(ADDRESS, &serde_json::to_vec(address)?, None);
        publish().map_err(|error| self.failure("writing the address of the server in", &error))
    }

    /// It does not answer any more.
    pub(super) fn unpublish(&self) -> Result<(), Failure> {
        match DataDirectory::open(&self.path).and_then(|scratch| scratch.remove(ADDRESS)) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.failure("removing the address of the server from", &error)),
        }
    }

    /// Removes what is in it, but for the mark.
    pub(super) fn clear(&self) -> Result<(), Failure> {
        match self.look()? {
            Found::Own(_) => {}
            Found::Nothing => return Ok(()),
            Found::Foreign => return Err(self.foreign()),
        }
        let clear = || -> io::Result<()> {
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                if entry.file_name() == MARK {
                    continue;
                }
                let removed = if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())
                } else {
                    fs::remove_file(entry.path())
                };
                removed?;
            }
            Ok(())
        };
        clear().map_err(|error| self.failure("removing what is in", &error))
    }

    /// Removes all of it; whether there was anything.
    pub(super) fn remove(&self) -> Result<bool, Failure> {
        match self.look()? {
            Found::Foreign => return Err(self.foreign()),
            Found::Nothing if !self.path.exists() => return Ok(false),
            Found::Nothing | Found::Own(_) => {}
        }
        self.clear()?;
        let remove = || -> io::Result<()> {
            DataDirectory::open(&self.path)?.remove(MARK)?;
            fs::remove_dir(&self.path)
        };
        remove().map_err(|error| self.failure("removing", &error))?;
        Ok(true)
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

fn look(path: &Path, session: Uuid) -> io::Result<Found> {
    let place = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => DataDirectory::open(path)?,
        Ok(_) => return Ok(Found::Foreign),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    let Some(bytes) = place.read(MARK, MAX_LEN)? else {
        // A mark that was being written when its writer died leaves a beginning, and nothing else.
        let foreign = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| !entry.file_name().to_string_lossy().starts_with(MARK)))
            .collect::<io::Result<Vec<bool>>>()?;
        return Ok(if foreign.contains(&true) { Found::Foreign } else { Found::Nothing });
    };
    Ok(match serde_json::from_slice::<Mark>(&bytes) {
        Ok(mark) if mark.session == session && mark.version == VERSION => Found::Own(mark),
        Ok(_) | Err(_) => Found::Foreign,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    const OURS: Uuid = Uuid::from_u128(1);

    fn scratch(place: &tempfile::TempDir) -> Scratch {
        Scratch::new(place.path().join("shop"), OURS)
    }

    fn mark(method: FileMethod) -> Mark {
        Mark::new(OURS, Path::new("/state"), method)
    }

    #[test]
    fn only_what_bears_the_mark_of_the_session_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let scratch = scratch(&place);
        assert!(!scratch.remove().unwrap());
        scratch.make(&mut mark(FileMethod::Overlay)).unwrap();
        fs::create_dir_all(scratch.data().join("base")).unwrap();
        let outside = place.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "x").unwrap();
        std::os::unix::fs::symlink(&outside, scratch.path.join("link")).unwrap();
        let other = Scratch::new(scratch.path.clone(), Uuid::from_u128(2));
        assert_eq!(other.look().unwrap(), Found::Foreign);
        assert!(other.remove().is_err() && other.clear().is_err() && scratch.data().exists());
        assert!(other.make(&mut Mark::new(Uuid::from_u128(2), Path::new("/state"), FileMethod::Copy)).is_err());
        assert!(scratch.remove().unwrap());
        assert!(!scratch.path.exists() && outside.join("file").exists());
        fs::create_dir(&scratch.path).unwrap();
        fs::write(scratch.path.join("explore.txt"), "theirs").unwrap();
        assert!(scratch.remove().is_err() && scratch.make(&mut mark(FileMethod::Copy)).is_err());
        assert!(scratch.path.join("explore.txt").exists());
    }

    #[test]
    fn what_was_written_before_the_machine_went_down_is_begun_anew_unless_it_is_a_copy() {
        for (method, stays) in [(FileMethod::Overlay, false), (FileMethod::Reflink, false), (FileMethod::Copy, true)] {
            let place = tempfile::tempdir().unwrap();
            let scratch = scratch(&place);
            let mut before = Mark { boot: Some(Uuid::from_u128(77)), ..mark(method) };
            scratch.make(&mut before).unwrap();
            scratch.provided(&before).unwrap();
            fs::create_dir(scratch.path.join("written")).unwrap();
            assert_eq!(scratch.make(&mut mark(method)).unwrap(), stays, "{method}");
            assert_eq!(scratch.path.join("written").exists(), stays, "{method}");
            scratch.provided(&mark(method)).unwrap();
            fs::create_dir_all(scratch.path.join("written")).unwrap();
            assert!(scratch.make(&mut mark(method)).unwrap());
            assert!(scratch.path.join("written").exists(), "the same boot");
        }
    }

    #[test]
    fn an_unpacked_backup_stays_noted_until_the_session_that_noted_it_is_closed() {
        let place = tempfile::tempdir().unwrap();
        let scratch = scratch(&place);
        let noting = |name: &str| Mark { unpacked: [name.to_owned()].into(), ..mark(FileMethod::Overlay) };
        let refers = |name: &str, except: Option<&Path>| referring_to(place.path(), name, except).unwrap();
        scratch.make(&mut noting("a")).unwrap();
        assert!(refers("a", None) && !refers("b", None));
        assert!(!refers("a", Some(&scratch.path)), "its own");
        // The backup was replaced, and then FUSE was gone.
        scratch.make(&mut noting("b")).unwrap();
        assert!(refers("a", None) && refers("b", None));
        scratch.make(&mut mark(FileMethod::Copy)).unwrap();
        assert!(refers("a", None) && refers("b", None));
        fs::write(place.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink(&scratch.path, place.path().join("link")).unwrap();
        fs::create_dir_all(place.path().join("odd").join(MARK)).unwrap();
        fs::create_dir(place.path().join("linked")).unwrap();
        std::os::unix::fs::symlink(scratch.path.join(MARK), place.path().join("linked").join(MARK)).unwrap();
        if geteuid().is_root() {
            let theirs = place.path().join("theirs");
            fs::create_dir(&theirs).unwrap();
            fs::copy(scratch.path.join(MARK), theirs.join(MARK)).unwrap();
            std::os::unix::fs::chown(theirs.join(MARK), Some(65534), None).unwrap();
        }
        scratch.remove().unwrap();
        assert!(!refers("a", None), "closed");
    }

    #[test]
    fn a_mark_that_was_being_written_is_no_foreign_data() {
        let place = tempfile::tempdir().unwrap();
        let scratch = scratch(&place);
        fs::create_dir(&scratch.path).unwrap();
        fs::write(scratch.path.join("explore.json.howdah-new"), "{").unwrap();
        assert_eq!(scratch.look().unwrap(), Found::Nothing);
        scratch.make(&mut mark(FileMethod::Copy)).unwrap();
        assert!(scratch.remove().unwrap() && !scratch.path.exists());
    }
}
