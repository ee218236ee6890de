//! WAL from an archive for a recovery: the `restore_command`, the segments that are unpacked ahead of it, and what it
//! answered the server.
//!
//! Promises: the prefetch is only help: whatever it cannot do, full disk included, `howdah wal fetch` does itself; it is
//! bounded in segments and bytes, ends soon after it is dropped, and what a killed worker leaves in the spool the next
//! attempt clears. Never: writes into the archive, or removes from the spool what it did not put there.

mod prefetch;
mod program;
mod state;
#[cfg(test)]
mod tests;

pub use program::program_for;
pub use state::{FeedState, failure};

use crate::{
    archive::{
        ClusterWal, NeededWal, RestoreCommand, SegmentName,
        spool::{ANSWER, JOB, Job, PART, Spool},
    },
    domain::{Failure, path_text},
    postgres::{account::Account, configure::DataDirectory, server::classify, wal::Segment},
};
use prefetch::Prefetch;
use rustix::fs::{AtFlags, Gid, Uid, fchown, unlinkat};
use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// What a feed is for.
#[derive(Debug)]
pub struct FeedOptions<'a> {
    /// The directory of the spool, on the file system of `pg_wal`. It is made; the one above it is there, and the server's
    /// user may pass through it.
    pub spool: &'a Path,
    /// howdah as the server's user can execute it ([`program_for`]).
    pub program: &'a Path,
    /// The archive.
    pub archive: &'a Path,
    /// Whose WAL it is.
    pub wal: ClusterWal,
    /// What the plan found to be needed, and there.
    pub needed: NeededWal,
    /// Whom the server runs as.
    pub account: &'a Account,
    /// How long the server is held while the archive cannot be used; `None` for a minute.
    pub wait: Option<Duration>,
}

/// A feed that works until it is dropped.
#[derive(Debug)]
pub struct WalFeed {
    spool: Spool,
    path: PathBuf,
    program: PathBuf,
    archive: PathBuf,
    wal: ClusterWal,
    last: Segment,
    wait: Option<Duration>,
    prefetch: Option<Prefetch>,
}

impl WalFeed {
    /// Makes the spool and begins to fill it. What an earlier attempt has left there goes.
    pub fn start(options: FeedOptions<'_>) -> Result<Self, Failure> {
        let FeedOptions { spool: path, program, archive, wal, needed, account, wait } = options;
        let failed = |error: io::Error| classify::of_io(&format!("making {}", path_text::shown(path)), &error);
        let owner = account.owner();
        let spool = make(path, owner).map_err(failed)?;
        clear(&spool).map_err(failed)?;
        let job = serde_json::to_vec(&Job::of(wal.cluster, &needed)).map_err(|e| failed(e.into()))?;
        spool.directory().replace(JOB, &job, owner).map_err(failed)?;
        let last = needed.last;
        let prefetch =
            Prefetch::start(make(path, owner).map_err(failed)?, archive, wal, needed, owner).map_err(failed)?;
        Ok(Self {
            spool,
            path: path.to_owned(),
            program: program.to_owned(),
            archive: archive.to_owned(),
            wal,
            last,
            wait,
            prefetch: Some(prefetch),
        })
    }

    /// The `restore_command` of this attempt's server.
    pub fn command(&self) -> OsString {
        RestoreCommand { spool: Some(&self.path), ..self.lasting() }.value()
    }

    /// The one of a server that outlives the attempt: it needs no spool. `standby`: in standby mode it asks again by itself.
    pub fn lasting_command(&self, standby: bool) -> OsString {
        let lasting = self.lasting();
        if !standby {
            return lasting.value();
        }
        RestoreCommand { standby, last: None, wait: None, ..lasting }.value()
    }

    fn lasting(&self) -> RestoreCommand<'_> {
        let Self { program, archive, wal, last, wait, .. } = self;
        RestoreCommand { program, archive, wal: *wal, last: Some(*last), spool: None, wait: *wait, standby: false }
    }

    /// What the server was answered last, and what is ready for it.
    pub fn look(&self) -> FeedState {
        let ready = self.prefetch.as_ref().map_or(0, Prefetch::ready);
        FeedState { answer: self.spool.answer(), ready, archive: self.archive.clone() }
    }

    /// Ends the prefetch and clears the spool; to be called when the server asks no more, or can do without.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for WalFeed {
    fn drop(&mut self) {
        if let Some(prefetch) = self.prefetch.take() {
            prefetch.stop();
        }
        // What cannot be removed stays for the next attempt.
        let cleared = clear(&self.spool);
        if let (Ok(()), Some(parent), Some(name)) = (cleared, self.path.parent(), self.path.file_name()) {
            let _in_use =
                DataDirectory::open(parent).and_then(|parent| Ok(unlinkat(&parent, name, AtFlags::REMOVEDIR)?));
        }
    }
}

/// Makes the directory if it is missing, and gives it to the server's user.
fn make(path: &Path, owner: Option<(u32, u32)>) -> io::Result<Spool> {
    let parent = path.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidFilename)?;
    let directory = DataDirectory::open(parent)?.make_below(name, owner)?;
    if let Some((uid, gid)) = owner {
        // An attempt may have been killed before it could.
        fchown(&directory, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    Ok(Spool::of(directory))
}

/// Removes what a feed and its fetches put there; anything else stays.
fn clear(spool: &Spool) -> io::Result<()> {
    for entry in fs::read_dir(spool.directory().path())? {
        let name = entry?.file_name();
        if let Some(name) = name.to_str().filter(|name| is_ours(name)) {
            spool.remove(name)?;
        }
    }
    Ok(())
}

fn is_ours(name: &str) -> bool {
    let segment = name.strip_suffix(PART).unwrap_or(name);
    name.starts_with(JOB) || name.starts_with(ANSWER) || SegmentName::parse(segment).is_some()
}
