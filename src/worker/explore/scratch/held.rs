//! A scratch while it is made or removed.
//!
//! Promises: what is done is done in the directory that was looked at, whatever stands at its name meanwhile. Never: follows
//! a link at its name, or takes another user's directory for its own.

use super::{Found, MARK, MAX_LEN, Mark, VERSION, is_empty};
use crate::postgres::configure::DataDirectory;
use rustix::{
    fs::{AtFlags, Mode, fchmod, fstat, mkdirat, statat, unlinkat},
    process::geteuid,
};
use std::{
    ffi::OsString,
    fs, io,
    os::fd::{AsFd, AsRawFd},
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// A scratch that is held open: what is done in it happens there, whatever its name leads to meanwhile.
pub(super) struct HeldScratch {
    /// Where it lies.
    around: DataDirectory,
    name: OsString,
    /// `None` where nothing is.
    pub(super) place: Option<DataDirectory>,
    pub(super) found: Found,
}

impl HeldScratch {
    pub(super) fn open(path: &Path, session: Uuid) -> io::Result<Option<Self>> {
        let (Some(around), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no place for a scratch"));
        };
        let around = match DataDirectory::open(around) {
            Ok(around) => around,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let held = |around, place, found| Ok(Some(Self { around, name: name.to_owned(), place, found }));
        let place = match around.below(name) {
            Ok(place) => place,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return held(around, None, Found::Nothing),
            // Or a link (openat(2), O_NOFOLLOW with O_DIRECTORY).
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return held(around, None, Found::Foreign),
            Err(error) => return Err(error),
        };
        let found = found_in(&place, session)?;
        held(around, Some(place), found)
    }

    /// The directory, made if it is not there.
    pub(super) fn make(&mut self) -> io::Result<&DataDirectory> {
        let place = if let Some(place) = self.place.take() {
            place
        } else {
            mkdirat(&self.around, &self.name, Mode::RWXU)?;
            self.around.below(&self.name)?
        };
        // The server's user passes through, and sees what is its own alone.
        fchmod(&place, Mode::from_raw_mode(0o711))?;
        Ok(self.place.insert(place))
    }

    /// Removes what is in it, but for the mark.
    pub(super) fn clear(&self) -> io::Result<()> {
        let Some(place) = &self.place else { return Ok(()) };
        for entry in fs::read_dir(by_handle(place))? {
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
    }

    /// Removes the mark, and the directory that is empty then; whether there was one.
    pub(super) fn remove(&self) -> io::Result<bool> {
        let Some(place) = &self.place else { return Ok(false) };
        place.remove(MARK)?;
        let (own, named) = (fstat(place)?, statat(&self.around, &self.name, AtFlags::SYMLINK_NOFOLLOW)?);
        if (own.st_dev, own.st_ino) != (named.st_dev, named.st_ino) {
            return Err(io::Error::other("it was moved away meanwhile"));
        }
        unlinkat(&self.around, &self.name, AtFlags::REMOVEDIR)?;
        Ok(true)
    }
}

/// The way to an open directory that no name is part of (proc(5), `/proc/self/fd`).
fn by_handle(place: &DataDirectory) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", place.as_fd().as_raw_fd()))
}

/// Whose the directory is.
fn found_in(place: &DataDirectory, session: Uuid) -> io::Result<Found> {
    let Some(bytes) = place.read(MARK, MAX_LEN)? else {
        // Whose directory it is may change what is in it.
        let own = fstat(place)?.st_uid == geteuid().as_raw();
        return Ok(if own && is_empty(&by_handle(place))? { Found::Nothing } else { Found::Foreign });
    };
    Ok(match serde_json::from_slice::<Mark>(&bytes) {
        Ok(mark) if mark.session == session && mark.version == VERSION => Found::Own(mark),
        Ok(_) | Err(_) => Found::Foreign,
    })
}
