//! What is on the disk of hooks: which were begun, and since when occasions are told of at all.
//!
//! Promises: of all owners that ever were, one begins the hook of an occasion; it is on the disk before that one knows.
//! Never: takes a record back of a hook that may have run, while its occasion could be told of again.

use crate::{
    domain::Timestamp,
    machine::{Occasion, OccasionKind},
    private_file,
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The records of one state directory.
#[derive(Debug)]
pub(super) struct Begun {
    directory: PathBuf,
}

/// From which moment on each kind of occasion is told of; never where it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since {
    pub(super) completed: Timestamp,
    stuck: Timestamp,
    needs_a_person: Timestamp,
}

impl Begun {
    pub(super) fn new(state: &Path) -> Self {
        Self { directory: state.join("hooks") }
    }

    /// Records that the hook of an occasion begins; false where it was begun before, by whomever.
    pub(super) fn begin(&self, session: Uuid, occasion: &Occasion, now: Timestamp) -> io::Result<bool> {
        self.prepare()?;
        self.store(&self.path(session, occasion), now)
    }

    /// Whether it was begun.
    pub(super) fn is_begun(&self, session: Uuid, occasion: &Occasion) -> bool {
        self.path(session, occasion).symlink_metadata().is_ok()
    }

    /// Since when occasions of these kinds are told of: from `now` on, where they were not before.
    pub(super) fn since(&self, on: &[OccasionKind], now: Timestamp) -> io::Result<Since> {
        self.prepare()?;
        let one = |kind: OccasionKind| {
            let path = self.since_path(kind);
            if !on.contains(&kind) {
                remove(&path)?;
                return Ok(Timestamp::MAX);
            }
            if self.store(&path, now)? {
                return Ok(now);
            }
            // One that was spoilt means what it would mean had it just been made.
            let since: Timestamp = fs::read_to_string(&path)?.trim().parse().unwrap_or(now);
            if since > now {
                // A clock was ahead. Nothing from before is told of, as records of it may have been removed.
                self.advance(kind, now)?;
            }
            io::Result::Ok(since.min(now))
        };
        let [completed, stuck, needs_a_person] =
            [OccasionKind::Completed, OccasionKind::Stuck, OccasionKind::NeedsAPerson].map(one);
        Ok(Since { completed: completed?, stuck: stuck?, needs_a_person: needs_a_person? })
    }

    /// Forgets since when occasions are told of: they are not any more.
    pub(super) fn forget(&self) {
        for kind in OccasionKind::ALL {
            if let Err(error) = remove(&self.since_path(kind)) {
                tracing::warn!(%error, "a hook that is set one day may tell of what happened before");
            }
        }
    }

    /// From `to` on, and no earlier, occasions of a kind are told of. On the disk when this returns.
    pub(super) fn advance(&self, kind: OccasionKind, to: Timestamp) -> io::Result<()> {
        let path = self.since_path(kind);
        let new = path.with_extension("new");
        remove(&new)?;
        let mut file = private_file::open(&new, OpenOptions::new().write(true).create_new(true))?;
        writeln!(file, "{to}")?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(&self.directory)?.sync_all()
    }

    /// Removes records of hooks that were begun before this moment, of sessions that have ended for good, and of kinds
    /// whose occasions of that time are told of no more. How many.
    pub(super) fn prune(&self, since: Since, before: Timestamp, has_ended: impl Fn(Uuid) -> bool) -> io::Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let Some((session, kind)) = entry.file_name().to_str().and_then(read_name) else { continue };
            if since.of(kind) < before {
                continue;
            }
            // One that was spoilt does not say when; it stays.
            let begun: Option<Timestamp> = fs::read_to_string(entry.path())?.trim().parse().ok();
            if begun.is_some_and(|begun| begun < before) && has_ended(session) {
                remove(&entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn path(&self, session: Uuid, Occasion { kind, attempt, .. }: &Occasion) -> PathBuf {
        let attempt = attempt.map_or(0, |attempt| attempt.0);
        self.directory.join(format!("{session}-{attempt}-{}", kind.as_str()))
    }

    fn since_path(&self, kind: OccasionKind) -> PathBuf {
        self.directory.join(format!("since-{}", kind.as_str()))
    }

    fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)
    }

    /// Makes a file that holds the moment, durably; false where it is there already.
    fn store(&self, path: &Path, now: Timestamp) -> io::Result<bool> {
        let mut file = match private_file::open(path, OpenOptions::new().write(true).create_new(true)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            opened => opened?,
        };
        let stored = writeln!(file, "{now}").and_then(|()| file.sync_all());
        let stored = stored.and_then(|()| File::open(&self.directory)?.sync_all());
        if stored.is_err() {
            // Nothing follows from it, so another owner may do what this one could not.
            remove(path)?;
        }
        stored.map(|()| true)
    }
}

impl Since {
    /// The same, but for one kind.
    pub(super) const fn with(self, kind: OccasionKind, from: Timestamp) -> Self {
        match kind {
            OccasionKind::Completed => Self { completed: from, ..self },
            OccasionKind::Stuck => Self { stuck: from, ..self },
            OccasionKind::NeedsAPerson => Self { needs_a_person: from, ..self },
        }
    }

    pub(super) const fn of(&self, kind: OccasionKind) -> Timestamp {
        match kind {
            OccasionKind::Completed => self.completed,
            OccasionKind::Stuck => self.stuck,
            OccasionKind::NeedsAPerson => self.needs_a_person,
        }
    }
}

/// The session and the kind of a record with this name.
fn read_name(name: &str) -> Option<(Uuid, OccasionKind)> {
    const UUID: usize = 36;
    let (session, rest) = name.split_at_checked(UUID)?;
    let (attempt, kind) = rest.strip_prefix('-')?.split_once('-')?;
    attempt.parse::<u32>().ok()?;
    let kind = OccasionKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    Some((session.parse().ok()?, kind))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::AttemptNo;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn of_two_owners_one_begins_and_another_attempt_is_another_occasion() {
        let state = tempfile::tempdir().unwrap();
        let owners = [Begun::new(state.path()), Begun::new(state.path())];
        let stuck = Occasion { kind: OccasionKind::Stuck, attempt: Some(AttemptNo(1)), at: at(1) };
        let session = Uuid::from_u128(7);
        assert!(!owners[0].is_begun(session, &stuck));
        let won: Vec<bool> = owners.iter().map(|owner| owner.begin(session, &stuck, at(2)).unwrap()).collect();
        assert_eq!(won, [true, false]);
        assert!(owners[1].is_begun(session, &stuck));
        let later = Occasion { attempt: Some(AttemptNo(2)), ..stuck };
        assert!(owners[1].begin(session, &later, at(3)).unwrap());
        assert!(owners[1].begin(Uuid::from_u128(8), &stuck, at(3)).unwrap());
    }

    #[test]
    fn what_happened_before_a_hook_was_set_is_not_told_of() {
        let state = tempfile::tempdir().unwrap();
        let begun = Begun::new(state.path());
        let since = begun.since(&[OccasionKind::Stuck], at(5)).unwrap();
        assert_eq!((since.of(OccasionKind::Stuck), since.of(OccasionKind::Completed)), (at(5), Timestamp::MAX));
        let since = begun.since(&OccasionKind::ALL, at(9)).unwrap();
        assert_eq!((since.of(OccasionKind::Stuck), since.of(OccasionKind::Completed)), (at(5), at(9)));
        begun.forget();
        assert_eq!(begun.since(&OccasionKind::ALL, at(20)).unwrap().of(OccasionKind::Stuck), at(20));
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_silence_hooks_until_then() {
        let state = tempfile::tempdir().unwrap();
        let begun = Begun::new(state.path());
        begun.since(&[OccasionKind::Stuck], at(1_000)).unwrap();
        for _ in 0..2 {
            let since = begun.since(&[OccasionKind::Stuck], at(5)).unwrap();
            assert_eq!(since.of(OccasionKind::Stuck), at(5));
        }
        assert_eq!(begun.since(&[OccasionKind::Stuck], at(9)).unwrap().of(OccasionKind::Stuck), at(5));
    }

    #[test]
    fn only_what_is_old_and_can_never_be_told_of_again_is_removed() {
        let state = tempfile::tempdir().unwrap();
        let begun = Begun::new(state.path());
        let (ended, goes_on) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let occasion = |kind, attempt| Occasion { kind, attempt, at: at(1) };
        let completed = occasion(OccasionKind::Completed, None);
        let stuck = occasion(OccasionKind::Stuck, Some(AttemptNo(3)));
        let paused = occasion(OccasionKind::NeedsAPerson, Some(AttemptNo(4)));
        let late = occasion(OccasionKind::Stuck, Some(AttemptNo(5)));
        begun.since(&OccasionKind::ALL, at(0)).unwrap();
        for (session, occasion, moment) in
            [(ended, completed, 2), (ended, stuck, 3), (ended, paused, 4), (ended, late, 50), (goes_on, stuck, 3)]
        {
            assert!(begun.begin(session, &occasion, at(moment)).unwrap());
        }
        fs::write(state.path().join("hooks").join(format!("{ended}-9-stuck")), "spoilt").unwrap();
        let has_ended = |session| session == ended;
        // While what happened then would be told of, its records stay.
        let since = begun.since(&OccasionKind::ALL, at(100)).unwrap();
        assert_eq!(begun.prune(since, at(40), has_ended).unwrap(), 0);
        for kind in [OccasionKind::Completed, OccasionKind::Stuck] {
            begun.advance(kind, at(40)).unwrap();
        }
        let since = begun.since(&OccasionKind::ALL, at(100)).unwrap();
        assert_eq!((since.of(OccasionKind::Stuck), since.of(OccasionKind::NeedsAPerson)), (at(40), at(0)));
        assert_eq!(begun.prune(since, at(40), has_ended).unwrap(), 2);
        assert!(!begun.is_begun(ended, &completed) && !begun.is_begun(ended, &stuck));
        assert!(begun.is_begun(ended, &paused) && begun.is_begun(ended, &late) && begun.is_begun(goes_on, &stuck));
        assert_eq!(begun.prune(since, at(40), has_ended).unwrap(), 0);
    }

    #[test]
    fn what_cannot_be_recorded_is_an_error_and_is_not_begun() {
        let state = tempfile::tempdir().unwrap();
        fs::write(state.path().join("hooks"), "in the way").unwrap();
        let begun = Begun::new(state.path());
        let ended = Occasion { kind: OccasionKind::Completed, attempt: None, at: at(1) };
        assert!(begun.begin(Uuid::nil(), &ended, at(2)).is_err() && !begun.is_begun(Uuid::nil(), &ended));
    }
}
