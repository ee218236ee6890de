//! The claims on the places that an attempt works in: its own, locked while it works, and on the file system on which
//! they were taken (S9).
//!
//! Promises: nothing is written to a place that another session holds, or whose mount vanished; whoever looks sees which
//! process works there. Never: takes a claim from anybody.

use crate::{
    domain::{
        Failure, Filesystem, HeldDirectory, Hold, InstanceName, SessionId, Target,
        instance::printable_name,
        ticket::{Ticket, Work},
    },
    engine::{
        claim::{self, ClaimError, ClaimLock, ClaimScope, Claimant, FileId, Holder, Own},
        watched::watched,
    },
    postgres::account::Account,
    process,
};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

/// The locks on all directories of a session, held until this is dropped.
#[derive(Debug)]
pub(super) struct LockedPlaces {
    _locks: Vec<ClaimLock>,
    /// The device that each directory is on, now that its claim was found there.
    pub(super) devices: Vec<(PathBuf, u64)>,
}

/// Why an attempt does not come to its places.
#[derive(Debug)]
pub(super) enum Barred {
    /// Another session holds one.
    Held(ClaimError),
    /// They cannot be entered now.
    Failed(Failure),
}

/// Whose places they are, and where they are kept.
#[derive(Debug, Clone)]
pub(super) struct ClaimingSession {
    number: SessionId,
    uuid: Uuid,
    instance: InstanceName,
    /// The directories as they were when they were claimed.
    claimed: Vec<HeldDirectory>,
    state: PathBuf,
    stall: Duration,
}

impl ClaimingSession {
    /// The session of a ticket that lies in this directory.
    pub(super) fn of(ticket: &Ticket, attempt_dir: &Path) -> Self {
        // `<state>/attempts/<session>/<attempt>`: what the owner passes counts, an older one did not pass it.
        let above = attempt_dir.ancestors().nth(3).unwrap_or(attempt_dir).to_owned();
        Self {
            number: ticket.session,
            uuid: ticket.session_uuid,
            instance: instance(&ticket.work),
            claimed: ticket.places.clone(),
            state: ticket.settings.state.clone().unwrap_or(above),
            stall: ticket.settings.stall_timeout,
        }
    }

    /// A session of which no ticket is left: who clears away what it has left works in its name.
    pub(super) fn of_crashed(uuid: Uuid, state: PathBuf, stall: Duration) -> Self {
        let instance = InstanceName::new("a session that crashed");
        Self { number: SessionId(0), uuid, instance, claimed: Vec::new(), state, stall }
    }

    /// Which claims are this session's own.
    pub(super) fn own(&self) -> Own {
        Own { state: self.state.clone(), session: Some(self.uuid) }
    }

    /// Locks the claims of these places; takes those that are missing where the place is what it was. `owner` is whom
    /// directories above them are made for.
    pub(super) fn enter(&self, holds: &[Hold], owner: Option<(u32, u32)>) -> Result<LockedPlaces, Barred> {
        let shown: Vec<String> = holds.iter().map(Hold::to_string).collect();
        let (own, holds) = (self.clone(), holds.to_vec());
        watched(&shown.join(", "), self.stall, move |_| own.enter_now(&holds, owner))
    }

    /// Gives the places back: the session has ended.
    pub(super) fn leave(&self, holds: &[Hold]) -> Result<(), Failure> {
        Ok(claim::release(holds, self.uuid, &self.state, None)?)
    }

    fn enter_now(&self, holds: &[Hold], owner: Option<(u32, u32)>) -> Result<LockedPlaces, Barred> {
        let mut locks = Vec::new();
        let mut missing = Vec::new();
        for directory in holds.iter().filter_map(Hold::directory) {
            if let Some(lock) = self.lock(directory)? {
                locks.push(lock);
            } else {
                self.refuse_another_file_system(directory)?;
                missing.push(directory);
            }
        }
        // Sessions from before there were claims have none, and a person may have removed one.
        if !missing.is_empty() {
            self.take(holds, owner)?;
            // Not all of them: what is locked already would look as if another process worked there.
            for directory in missing {
                locks.extend(self.lock(directory)?);
            }
        }
        let mut devices = Vec::new();
        for directory in holds.iter().filter_map(Hold::directory) {
            devices.push((directory.to_owned(), filesystem_of(directory)?.device));
        }
        Ok(LockedPlaces { _locks: locks, devices })
    }

    fn lock(&self, directory: &Path) -> Result<Option<ClaimLock>, Barred> {
        Ok(claim::lock(directory, self.uuid, &self.state)?)
    }

    /// A claim that is not there may be on a file system that is not mounted now: then nothing is written beneath it.
    fn refuse_another_file_system(&self, directory: &Path) -> Result<(), Failure> {
        let Some(claimed) = self.claimed.iter().find(|place| place.directory == directory) else { return Ok(()) };
        if claimed.filesystem.is(&filesystem_of(directory)?) {
            return Ok(());
        }
        let shown = printable_name(directory.as_os_str());
        Err(Failure::disruption(
            format!("another file system is at {shown} than when it was claimed: its own is not mounted"),
            "mount it again",
        ))
    }

    fn take(&self, holds: &[Hold], owner: Option<(u32, u32)>) -> Result<(), Barred> {
        let state = self.state.canonicalize().unwrap_or_else(|_| self.state.clone());
        let state_id = state_id(&state)
            .map_err(|error| Failure::disruption(format!("cannot look at {}: {error}", state.display()), ""))?;
        let own = Account::own()?;
        let holder =
            Holder { user: own.name().to_owned(), host: process::host(), process: std::process::id(), state, state_id };
        let claimant = Claimant {
            session: self.uuid,
            number: self.number,
            instance: self.instance.clone(),
            holder,
            since: super::event_writer::now(),
        };
        claim::take(holds, &claimant, &ClaimScope { owner, is_stale: &|_| false, ports: None })?;
        Ok(())
    }
}

impl From<ClaimError> for Barred {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Held { .. } => Self::Held(error),
            ClaimError::Unreadable { .. } | ClaimError::Io { .. } => Self::Failed(error.into()),
        }
    }
}

impl From<Failure> for Barred {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Barred> for Failure {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::Held(error) => error.into(),
            Barred::Failed(failure) => failure,
        }
    }
}

fn filesystem_of(directory: &Path) -> Result<Filesystem, Failure> {
    claim::filesystem_of(directory).map_err(|error| {
        let cause = format!("cannot look at {}: {error}", printable_name(directory.as_os_str()));
        Failure::disruption(cause, "the target may come back")
    })
}

/// By what the state directory is known; of one that is gone its file system is, and no directory has the inode 0.
fn state_id(state: &Path) -> io::Result<FileId> {
    match FileId::of(state) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let device = claim::filesystem_of(state)?.device;
            Ok(FileId { device, inode: 0 })
        }
        found => found,
    }
}

/// What the session is about; a disposal's ticket does not have it.
fn instance(work: &Work) -> InstanceName {
    match work {
        Work::Run(order) => order.title().clone(),
        Work::Dispose { .. } => InstanceName::new("a cancelled session"),
    }
}

/// All that a disposal may find claimed; whether the session wanted a server is not known any more.
pub(super) fn holds_of(target: &Target) -> Vec<Hold> {
    let named = target.tablespaces().values().cloned();
    let directories = [target.directory().to_owned(), target.tablespace_parent()].into_iter().chain(named);
    directories.map(Hold::Directory).chain([Hold::Port(target.port())]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn an_attempt_that_was_killed_while_it_gave_its_places_back_is_followed_by_the_next() {
        let machine = tempfile::tempdir().unwrap();
        let state = machine.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let (number, instance) = (SessionId(1), InstanceName::new("shop"));
        let (uuid, claimed, stall) = (Uuid::from_u128(1), Vec::new(), Duration::from_mins(1));
        let session = ClaimingSession { number, uuid, instance, claimed, state, stall };
        let holds = ["data", "data.tablespaces"].map(|name| Hold::Directory(machine.path().join(name)));
        drop(session.enter(&holds, None).unwrap());
        session.leave(&holds[1..]).unwrap();
        let _places = session.enter(&holds, None).unwrap();
        for directory in holds.iter().filter_map(Hold::directory) {
            assert!(matches!(session.lock(directory), Err(Barred::Held(_))), "{directory:?} is locked");
        }
    }
}
