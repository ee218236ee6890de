//! The directory of one object's restore points in a repository: what is there, and what a session puts there.
//!
//! Promises: a restore point appears under its name when it is whole, by one rename that is durable, and never over
//! anything; what a session makes meanwhile has a name that says whose it is. Never: changes or removes what another
//! session has made.

use crate::{
    domain::{
        ByteCount, Failure, PointMark, SystemIdentifier,
        instance::printable_name,
        point_mark::{INCOMING, MAX_POINT_MARK_LEN, POINT_MARK, POINT_MARK_DIRECTORY},
    },
    engine::watched::{Heartbeat, watched},
    postgres::{
        configure::DataDirectory,
        control::{CONTROL_FILE, CONTROL_PREFIX, ControlFile},
        manifest::{self, Manifest},
        server::classify,
    },
};
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

/// The directory, in the eyes of one session.
#[derive(Debug, Clone)]
pub(super) struct PointDirectory {
    pub(super) path: PathBuf,
    session: Uuid,
    pub(super) stall: Duration,
}

/// A restore point that is there, or what looks like one.
#[derive(Debug, Clone)]
pub(super) struct ExistingPoint {
    pub(super) label: String,
    pub(super) path: PathBuf,
    /// The mark of the job that made it, if one did.
    pub(super) mark: Option<PointMark>,
    /// The cluster that it is of, where that is cheap to know.
    pub(super) cluster: Option<SystemIdentifier>,
}

/// What is there, and how much room.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    /// The directory, or the nearest one above it.
    pub(super) nearest: PathBuf,
    pub(super) points: Vec<ExistingPoint>,
    /// What an earlier attempt of the session has left, by its size.
    pub(super) leftover: Option<ByteCount>,
    pub(super) free_bytes: ByteCount,
    pub(super) free_inodes: Option<u64>,
}

impl PointDirectory {
    pub(super) fn new(path: PathBuf, session: Uuid, stall: Duration) -> Self {
        Self { path, session, stall }
    }

    /// The name of the directory that this session's restore point is made in.
    pub(super) fn incoming_name(&self) -> String {
        format!("{INCOMING}{}", self.session)
    }

    /// Where this session's restore point is made.
    pub(super) fn incoming(&self) -> PathBuf {
        self.path.join(self.incoming_name())
    }

    /// Looks what there is, and writes nothing.
    pub(super) fn look(&self) -> Result<Contents, Failure> {
        let own = self.clone();
        watched(&self.path.display().to_string(), self.stall, move |heartbeat| own.look_now(heartbeat))
    }

    /// The restore point that this session has made already.
    pub(super) fn made(&self, contents: &Contents) -> Option<ExistingPoint> {
        let is_own = |point: &&ExistingPoint| point.mark.as_ref().is_some_and(|mark| mark.session == self.session);
        contents.points.iter().find(is_own).cloned()
    }

    /// Makes the directory for this session's restore point, for `writer`; that the one above it is made for `owner`, too,
    /// is told to `makes` first.
    pub(super) fn make_incoming(
        &self,
        owner: Option<(u32, u32)>,
        writer: Option<(u32, u32)>,
        makes: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        let (Some(above), Some(name)) = (self.path.parent(), self.path.file_name().and_then(|name| name.to_str()))
        else {
            return Err(Failure::bug(format!("{} is no directory in a repository", self.path.display())));
        };
        let failed = |error: io::Error| failure("making a directory in", &self.path, &error);
        if matches!(fs::symlink_metadata(&self.path), Err(error) if error.kind() == io::ErrorKind::NotFound) {
            makes()?;
        }
        let above = DataDirectory::open(above).map_err(failed)?;
        // A person may have put a link in its place.
        let directory = match DataDirectory::open(&self.path) {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => above.make_below(name, owner).map_err(failed)?,
            Err(error) => return Err(failed(error)),
        };
        directory.make_below(&self.incoming_name(), writer).map_err(failed)?;
        Ok(self.incoming())
    }

    /// Makes a directory for one of several restore points in that of this session.
    pub(super) fn make_in_incoming(&self, name: &str) -> Result<PathBuf, Failure> {
        let incoming = self.incoming();
        let made = DataDirectory::open(&incoming).and_then(|directory| directory.make_below(name, None));
        made.map_err(|error| failure("making a directory in", &incoming, &error))?;
        Ok(incoming.join(name))
    }

    /// Gives one of several restore points its name, which nothing has yet.
    pub(super) fn name_from_incoming(&self, name: &str) -> Result<(), Failure> {
        let (from, to) = (self.incoming().join(name), self.path.join(name));
        if !rename_new(&from, &to).map_err(|error| failure("renaming", &from, &error))? {
            return Err(Failure::incurable(
                format!("{} was made by somebody else meanwhile", to.display()),
                "move it away: nothing there is overwritten",
            ));
        }
        sync_directory(&self.path).map_err(|error| failure("syncing", &self.path, &error))
    }

    /// Removes what this session has not finished; whether there was anything.
    pub(super) fn remove_incoming(&self) -> Result<bool, Failure> {
        let incoming = self.incoming();
        match fs::remove_dir_all(&incoming) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failure("removing", &incoming, &error)),
        }
        sync_directory(&self.path).map_err(|error| failure("syncing", &self.path, &error))?;
        Ok(true)
    }

    /// Gives what was made its name, or that name with a number behind it where something has it already.
    pub(super) fn put_in_place(&self, label: &str) -> Result<String, Failure> {
        /// Two points in one second are seldom; a thousand of them are a fault.
        const MOST: u32 = 1000;
        let from = self.incoming();
        let failed = |error: io::Error| failure("renaming", &from, &error);
        for number in 1..=MOST {
            let name = if number == 1 { label.to_owned() } else { format!("{label}-{number}") };
            if rename_new(&from, &self.path.join(&name)).map_err(failed)? {
                sync_directory(&self.path).map_err(|error| failure("syncing", &self.path, &error))?;
                return Ok(name);
            }
        }
        Err(Failure::bug(format!("{label} and the {MOST} names after it are taken in {}", self.path.display())))
    }

    fn look_now(&self, heartbeat: &Heartbeat) -> Result<Contents, Failure> {
        let failed = |error: &io::Error| failure("looking at", &self.path, error);
        let nearest = self.path.ancestors().find(|path| path.is_dir()).unwrap_or(&self.path).to_owned();
        let room = rustix::fs::statvfs(&nearest).map_err(|error| failed(&error.into()))?;
        let mut points = Vec::new();
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>().map_err(|error| failed(&error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(&error)),
        };
        for entry in entries {
            heartbeat.beat();
            let (name, path) = (entry.file_name(), entry.path());
            if !name.as_encoded_bytes().starts_with(b".") && path.is_dir() {
                let mark = mark_of(&path);
                let cluster = mark.as_ref().and_then(|mark| mark.system_identifier).or_else(|| cluster_of(&path));
                points.push(ExistingPoint { label: printable_name(&name), path, mark, cluster });
            }
        }
        points.sort_by(|one, other| one.label.cmp(&other.label));
        let incoming = self.incoming();
        let leftover = fs::symlink_metadata(&incoming).is_ok().then(|| size_of(&incoming, heartbeat));
        Ok(Contents {
            nearest,
            points,
            leftover,
            free_bytes: ByteCount(room.f_bavail.saturating_mul(room.f_frsize)),
            // File systems without a table of inodes report none at all.
            free_inodes: (room.f_files > 0).then_some(room.f_favail),
        })
    }
}

/// What an error of the system at a repository means: one that is not there may be back soon.
pub(in crate::worker) fn failure(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let doing = format!("{doing} {}", path.display());
    match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO | Errno::SHUTDOWN | Errno::REMOTEIO) => {
            Failure::disruption(format!("{doing}: {error}"), "see whether the repository is mounted")
        }
        Some(_) | None => classify::of_io(&doing, error),
    }
}

/// The mark in a restore point; what cannot be read as one is none.
fn mark_of(point: &Path) -> Option<PointMark> {
    mark_in(&DataDirectory::open(point).ok()?)
}

/// The same of a restore point that is held open.
pub(super) fn mark_in(point: &DataDirectory) -> Option<PointMark> {
    let directory = point.below(POINT_MARK_DIRECTORY).ok()?;
    serde_json::from_slice(&directory.read(POINT_MARK, MAX_POINT_MARK_LEN).ok()??).ok()
}

/// Puts the mark into a restore point.
pub(super) fn leave_mark(point: &Path, mark: &PointMark, owner: Option<(u32, u32)>) -> Result<(), Failure> {
    let failed = |error: io::Error| failure("marking", point, &error);
    let mut text = serde_json::to_vec_pretty(mark).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    let point = DataDirectory::open(point).map_err(failed)?;
    let directory = point.make_below(POINT_MARK_DIRECTORY, owner).map_err(failed)?;
    directory.replace(POINT_MARK, &text, owner).map_err(failed)
}

/// The cluster of a backup, from its control file or its manifest; archives are not unpacked for it.
fn cluster_of(point: &Path) -> Option<SystemIdentifier> {
    let control = || {
        let mut bytes = Vec::with_capacity(CONTROL_PREFIX);
        let path = point.join(CONTROL_FILE);
        fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
        File::open(path).ok()?.take(CONTROL_PREFIX as u64).read_to_end(&mut bytes).ok()?;
        Some(ControlFile::parse(&bytes).ok()?.system_identifier)
    };
    control().or_else(|| Manifest::read(&point.join(manifest::FILE_NAME)).ok()?.system_identifier)
}

/// Renames unless something has the new name; whether it did.
pub(in crate::worker) fn rename_new(from: &Path, to: &Path) -> io::Result<bool> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // NFS, 9p and some of FUSE know no flag. The name is taken by an empty directory first, and rename(2) puts a
        // directory over an empty one alone.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match fs::create_dir(to) {
            Ok(()) => fs::rename(from, to).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        },
        Err(error) => Err(error.into()),
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn size_of(directory: &Path, heartbeat: &Heartbeat) -> ByteCount {
    let entries = walkdir::WalkDir::new(directory).follow_links(false).into_iter().filter_map(Result::ok);
    let sizes = entries.inspect(|_| heartbeat.beat()).filter_map(|entry| entry.metadata().ok());
    ByteCount(sizes.filter(fs::Metadata::is_file).map(|about| about.len()).sum())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn directory(place: &Path) -> PointDirectory {
        PointDirectory::new(place.join("shop"), Uuid::from_u128(1), Duration::from_mins(1))
    }

    #[test]
    fn r36_a_restore_point_is_never_put_over_anything() {
        let place = tempfile::tempdir().unwrap();
        let points = directory(place.path());
        fs::create_dir_all(points.path.join("a")).unwrap();
        fs::write(points.path.join("a-2"), "somebody's").unwrap();
        let mut made = false;
        let incoming = points
            .make_incoming(None, None, || {
                made = true;
                Ok(())
            })
            .unwrap();
        assert!(!made, "it was there");
        fs::write(incoming.join("x"), "new").unwrap();
        assert_eq!(points.put_in_place("a").unwrap(), "a-3");
        assert_eq!(fs::read_to_string(points.path.join("a-3/x")).unwrap(), "new");
        assert_eq!(fs::read_to_string(points.path.join("a-2")).unwrap(), "somebody's");
        assert_eq!(fs::read_dir(points.path.join("a")).unwrap().count(), 0);
    }

    #[test]
    fn only_what_the_session_has_not_finished_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let points = directory(place.path());
        let mut made = false;
        let incoming = points
            .make_incoming(None, None, || {
                made = true;
                Ok(())
            })
            .unwrap();
        assert!(made);
        fs::write(incoming.join("x"), "12345").unwrap();
        let other = points.path.join(format!("{INCOMING}{}", Uuid::from_u128(2)));
        fs::create_dir(&other).unwrap();
        assert_eq!(points.look().unwrap().leftover, Some(ByteCount(5)));
        assert!(points.remove_incoming().unwrap() && !points.remove_incoming().unwrap());
        assert!(other.is_dir() && points.look().unwrap().points.is_empty());
    }

    #[test]
    fn a_repository_that_is_gone_may_come_back() {
        let place = tempfile::tempdir().unwrap();
        let points = directory(&place.path().join("not-mounted"));
        let failed = points.make_incoming(None, None, || Ok(())).unwrap_err();
        assert_eq!(failed.class, crate::domain::FailureClass::Disruption, "{failed}");
    }
}
