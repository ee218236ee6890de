//! The directory of a machine that is restored: what stands there, the mark that says whose it is, and removing it.
//!
//! Promises: a directory is the session's own by its mark alone, which is there before the first image; what is removed
//! bears a name that a restore gives, in the directory that was marked, and the mark goes last. Never: follows a link, or
//! touches what stood there before.

use crate::{
    domain::{Disposed, Failure, MachineRestore, instance::printable_name},
    engine::claim,
    libvirt::clone::{NVRAM, SERIAL_LOG, image_of},
    postgres::{configure::DataDirectory, server::classify},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The mark's name in the directory.
pub(super) const MARK: &str = ".howdah-machine.json";

/// The version of the mark that this build writes.
const VERSION: u32 = 1;

/// A mark names a few disks; what is longer is none.
const MAX_LEN: u64 = 1 << 20;

/// QEMU runs as another user and passes through to its files by their names; nobody else reads what is there.
const PASS_THROUGH: u32 = 0o711;

/// What stands in [`MARK`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    version: u32,
    pub(super) session: Uuid,
    /// Whether the session has made the directory.
    pub(super) made_directory: bool,
    /// The machine's name at libvirt, and the connection.
    name: String,
    uri: String,
    /// Its disks, and how many files each is made of.
    pub(super) disks: Vec<(String, usize)>,
    /// The disks whose files were all copied and compared, and whose increments are being put into the image.
    pub(super) flattening: Vec<String>,
    /// Whether libvirt was asked to define it.
    pub(super) defining: bool,
    /// Its UUID, once libvirt has given it one.
    pub(super) uuid: Option<String>,
}

/// What stands at the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Occupant {
    /// Nothing.
    Missing,
    /// An empty directory.
    Empty,
    /// What this session has left.
    Own(Mark),
}

/// Looks, and refuses what is not the session's own (S8).
pub(super) fn look(directory: &Path, session: Uuid) -> Result<Occupant, Failure> {
    let shown = printable_name(directory.as_os_str());
    let refuse = |cause: String| {
        Err(Failure::incurable(cause, "move it away, or name another directory: nothing there is overwritten"))
    };
    let failed = |error: io::Error| classify::of_io(&format!("looking at {shown}"), &error);
    match directory.symlink_metadata() {
        Ok(about) if about.is_symlink() => return refuse(format!("{shown} is a symbolic link")),
        Ok(about) if !about.is_dir() => return refuse(format!("{shown} is no directory")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Occupant::Missing),
        Err(error) => return Err(failed(error)),
    }
    match read(directory).map_err(failed)? {
        Some(mark) if mark.session == session => return Ok(Occupant::Own(mark)),
        Some(mark) => {
            return refuse(format!("{shown} is what the session {} has restored or left of a machine", mark.session));
        }
        None => {}
    }
    let names = names(directory).map_err(failed)?;
    match names.first() {
        None => Ok(Occupant::Empty),
        Some(first) => refuse(format!("{shown} is not empty: {first} is in it")),
    }
}

/// The mark of a directory; what cannot be read as one is none.
pub(super) fn read(directory: &Path) -> io::Result<Option<Mark>> {
    let text = match DataDirectory::open(directory).and_then(|open| open.read(MARK, MAX_LEN)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mark = text.and_then(|text| serde_json::from_slice::<Mark>(&text).ok());
    Ok(mark.filter(|mark| mark.version <= VERSION))
}

/// Puts the mark into the directory, durably.
pub(super) fn write(directory: &Path, mark: &Mark) -> Result<(), Failure> {
    let failed =
        |error: io::Error| classify::of_io(&format!("marking {}", printable_name(directory.as_os_str())), &error);
    let text = serde_json::to_vec_pretty(mark).map_err(|error| failed(error.into()))?;
    DataDirectory::open(directory).and_then(|open| open.replace(MARK, &text, None)).map_err(failed)
}

/// Makes the directory where it is missing, and marks it. `makes` is called before it is made.
pub(super) fn make(
    order: &MachineRestore,
    (session, disks): (Uuid, Vec<(String, usize)>),
    occupant: Occupant,
    made_before: bool,
    makes: impl FnOnce() -> Result<(), Failure>,
) -> Result<Mark, Failure> {
    let directory = &order.directory;
    let made_directory = match occupant {
        Occupant::Own(mark) => return Ok(mark),
        Occupant::Empty => made_before,
        Occupant::Missing => {
            makes()?;
            let shown = printable_name(directory.as_os_str());
            let failed = |error: io::Error| classify::of_io(&format!("making {shown}"), &error);
            DirBuilder::new().mode(0o700).create(directory).map_err(failed)?;
            fs::set_permissions(directory, fs::Permissions::from_mode(PASS_THROUGH)).map_err(failed)?;
            let above = directory.parent().unwrap_or(directory);
            File::open(above).and_then(|above| above.sync_all()).map_err(failed)?;
            true
        }
    };
    let mark = Mark {
        version: VERSION,
        session,
        made_directory,
        name: order.name.to_string(),
        uri: order.uri.clone(),
        disks,
        flattening: Vec::new(),
        defining: false,
        uuid: None,
    };
    write(directory, &mark)?;
    Ok(mark)
}

/// A name while a file is not whole.
pub(super) fn partial(name: &str) -> String {
    format!("{name}.partial")
}

/// The copy of an increment; the first one is number 1.
pub(super) fn increment_of(disk: &str, number: usize) -> String {
    format!("{disk}.increment-{number}")
}

/// Removes all that a restore puts into the directory, and that itself where the session has made it; counts what is
/// somebody else's.
pub(super) fn remove(directory: &Path, mark: &Mark) -> Result<Disposed, Failure> {
    let shown = printable_name(directory.as_os_str());
    let failed = |error: io::Error| classify::of_io(&format!("removing {shown}"), &error);
    let open = match DataDirectory::open(directory) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Disposed::Gone),
        Err(error) => return Err(failed(error)),
    };
    for name in own_names(mark) {
        open.remove(&name).map_err(failed)?;
    }
    let left = names(directory).map_err(failed)?.len() as u64;
    open.remove(MARK).map_err(failed)?;
    if left > 0 {
        return Ok(Disposed::RemovedExcept { left });
    }
    if mark.made_directory {
        match fs::remove_dir(directory) {
            Ok(()) => {}
            // A claim may stand in it, or somebody puts something there.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(Disposed::Removed)
}

/// Takes the session's mark away: what is there is a machine's now.
pub(super) fn unmark(directory: &Path, session: Uuid) -> Result<(), Failure> {
    let failed =
        |error: io::Error| classify::of_io(&format!("unmarking {}", printable_name(directory.as_os_str())), &error);
    if read(directory).map_err(failed)?.is_some_and(|mark| mark.session == session) {
        DataDirectory::open(directory).and_then(|open| open.remove(MARK)).map_err(failed)?;
    }
    Ok(())
}

/// All names that a restore gives, but that of the mark.
fn own_names(mark: &Mark) -> Vec<String> {
    let mut names = Vec::new();
    for (disk, files) in &mark.disks {
        let increments = (1..*files).map(|number| increment_of(disk, number));
        for name in increments.chain([image_of(disk)]) {
            names.push(partial(&name));
            names.push(name);
        }
    }
    // virtlogd keeps what went before in files of these names.
    names.extend(["", ".0", ".1", ".2"].map(|number| format!("{SERIAL_LOG}{number}")));
    names.push(NVRAM.to_owned());
    names.push(format!("{MARK}.howdah-new"));
    names
}

/// The printable names in a directory; those of the mark and of claims left out.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(directory)?.map(|entry| entry.map(|entry| PathBuf::from(entry.file_name())));
    let mut names = entries.collect::<io::Result<Vec<_>>>()?;
    let fresh = format!("{MARK}.howdah-new");
    names.retain(|name| ![claim::INSIDE, MARK, &fresh].iter().any(|own| name == Path::new(own)));
    names.sort();
    Ok(names.iter().map(|name| printable_name(name.as_os_str())).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::{ByteCount, InstanceName, Timestamp};

    const SESSION: Uuid = Uuid::from_u128(1);

    fn order(directory: PathBuf) -> MachineRestore {
        MachineRestore {
            machine: InstanceName::new("web"),
            label: "a".to_owned(),
            backup: PathBuf::from("/b/web/a"),
            size: ByteCount(1),
            taken_at: Timestamp::UNIX_EPOCH,
            directory,
            name: InstanceName::new("new"),
            uri: "qemu:///session".to_owned(),
            start: true,
            network: false,
            max_rate: None,
        }
    }

    fn marked(directory: &Path) -> Mark {
        let occupant = look(directory, SESSION).unwrap();
        make(&order(directory.to_owned()), (SESSION, vec![("vda".to_owned(), 2)]), occupant, false, || Ok(())).unwrap()
    }

    #[test]
    fn s08_a_target_is_missing_empty_or_the_sessions_own() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("new");
        assert_eq!(look(&target, SESSION).unwrap(), Occupant::Missing);
        let mark = marked(&target);
        assert_eq!((look(&target, SESSION).unwrap(), mark.made_directory), (Occupant::Own(mark), true));
        let refused = |path: &Path, session| look(path, session).unwrap_err().cause;
        assert!(refused(&target, Uuid::from_u128(2)).contains("is what the session 00000000"));
        std::os::unix::fs::symlink(&target, place.path().join("link")).unwrap();
        assert!(refused(&place.path().join("link"), SESSION).contains("symbolic link"));
        let other = place.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join(claim::INSIDE), "").unwrap();
        assert_eq!(look(&other, SESSION).unwrap(), Occupant::Empty);
        fs::write(other.join("a\u{7}"), "").unwrap();
        assert!(refused(&other, SESSION).contains("is not empty: a\\u{7} is in it"));
        fs::write(other.join(MARK), "{").unwrap();
        assert!(refused(&other, SESSION).contains("is not empty"), "a mark that cannot be read is none");
        assert!(refused(&other.join("a\u{7}"), SESSION).contains("is no directory"));
    }

    #[test]
    fn d07_what_a_restore_has_put_there_goes_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("new");
        let mark = marked(&target);
        for name in ["vda.qcow2.partial", "vda.increment-1", "serial.log.0", "nvram.fd"] {
            fs::write(target.join(name), "x").unwrap();
        }
        assert_eq!(remove(&target, &mark).unwrap(), Disposed::Removed);
        assert!(!target.exists());
        assert_eq!(remove(&target, &mark).unwrap(), Disposed::Gone);
        let mark = marked(&target);
        for name in ["vda.qcow2", "vdb.qcow2", "vda.increment-2"] {
            fs::write(target.join(name), "x").unwrap();
        }
        assert_eq!(remove(&target, &mark).unwrap(), Disposed::RemovedExcept { left: 2 });
        assert_eq!(names(&target).unwrap(), ["vda.increment-2", "vdb.qcow2"]);
        let given = place.path().join("given");
        fs::create_dir(&given).unwrap();
        let mark = marked(&given);
        assert_eq!((mark.made_directory, remove(&given, &mark).unwrap()), (false, Disposed::Removed));
        assert_eq!(fs::read_dir(&given).unwrap().count(), 0, "it was there before, and stays");
    }
}
