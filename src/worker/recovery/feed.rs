//! What feeds a recovering server with WAL, set up by the plan of the recovery.
//!
//! Promises: the server asks howdah itself for each segment, as the user that it runs as, which was tried before it
//! starts. Never: goes on without the archive that the plan looked at.

use crate::{
    archive::{ClusterWal, Listing, NeededWal, SegmentName, TimelineHistory, first_damage},
    domain::{Failure, FailureClass, Lsn, RecoveryPlan, SystemIdentifier},
    engine::{Halt, claim},
    postgres::{
        account::Account,
        server::classify,
        wal::{Segment, SegmentSize},
    },
    worker::{
        restore::Restore,
        wal_feed::{self, FeedOptions, FeedState, WalFeed, program_for},
    },
};
use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

/// The name of the spool below the session's mark.
const SPOOL: &str = "wal";

/// The same in a data directory that has no mark in it, which is the session's own.
const SPOOL_IN_DATA: &str = "howdah.wal";

/// The feed of one recovery.
pub(in crate::worker) struct Feed {
    wal: WalFeed,
    command: OsString,
    needed: NeededWal,
    cluster: SystemIdentifier,
    /// Where replay begins.
    start: Lsn,
}

impl Feed {
    /// Sees that the server's user can run howdah, and begins to unpack what will be asked for first.
    pub(super) fn start(
        restore: &Restore<'_>,
        account: &Account,
        plan: &RecoveryPlan,
        cluster: Option<SystemIdentifier>,
    ) -> Result<Self, Failure> {
        let cluster = known(cluster)?;
        let needed = needed(plan, cluster)?;
        let (parent, spool) = place(restore)?;
        let program = program_for(account, &parent)?;
        let feed = WalFeed::start(FeedOptions {
            spool: &spool,
            program: &program,
            archive: &plan.archive,
            wal: ClusterWal { cluster, size: needed.size },
            needed: needed.clone(),
            account,
            wait: None,
        })?;
        Ok(Self { command: feed.command(), wal: feed, needed, cluster, start: plan.start })
    }

    /// The `restore_command` of this attempt's server.
    pub(super) fn command(&self) -> &OsStr {
        &self.command
    }

    /// What the server was answered last.
    pub(super) fn look(&self) -> FeedState {
        self.wal.look()
    }

    /// What a server that gave up was refused, if that is why.
    fn failure(&self) -> Option<Failure> {
        wal_feed::failure(&self.look())
    }

    /// What the WAL that was asked for last says of a server that gave up at this position counts for more than what it
    /// logged.
    pub(super) fn blamed(&self, halt: Halt, at: Option<Lsn>) -> Halt {
        let Halt::Failed(failure) = halt else { return halt };
        let failure = match self.failure() {
            Some(blamed) => Failure { cause: format!("{}: {}", blamed.cause, failure.cause), ..blamed },
            None if failure.class == FailureClass::Incurable => match self.damage(at) {
                Some(damage) => Failure { cause: format!("{damage}: {}", failure.cause), ..failure },
                None => failure,
            },
            None => failure,
        };
        failure.into()
    }

    /// What is damaged of the WAL behind this position: a clause. A server logs of it only that it has come to the end.
    fn damage(&self, at: Option<Lsn>) -> Option<String> {
        let listing = Listing::read(&self.wal.look().archive, Some(self.cluster)).ok()?;
        let chain = crate::archive::Chain::new(&listing, &self.needed.path)?;
        let end = Segment { number: self.needed.last.number + 1, ..self.needed.last }.start(self.needed.size);
        let from = at.map_or(self.start, |at| at.max(self.start));
        let (segment, problem) = first_damage(&chain, from, end, Some(self.cluster)).ok()??;
        Some(format!("{} is damaged at {}: {}", segment.file_name(self.needed.size), problem.at, problem.fault))
    }

    /// Ends what it does; the server asks no more.
    pub(super) fn stop(self) {
        self.wal.stop();
    }
}

/// The `restore_command` of a server that outlives the session.
pub(super) fn lasting_command(
    restore: &Restore<'_>,
    account: &Account,
    plan: &RecoveryPlan,
    cluster: SystemIdentifier,
) -> Result<OsString, Failure> {
    // A copy of howdah, where one is needed, has to stay with the cluster.
    let program = program_for(account, restore.workspace.data)?;
    let needed = needed(plan, cluster)?;
    let command = crate::archive::RestoreCommand {
        program: &program,
        archive: &plan.archive,
        wal: ClusterWal { cluster, size: needed.size },
        last: Some(needed.last),
        spool: None,
        wait: None,
        standby: false,
    };
    Ok(command.value())
}

/// Where the spool is, and the directory above it.
fn place(restore: &Restore<'_>) -> Result<(PathBuf, PathBuf), Failure> {
    let data = restore.workspace.data;
    let mark = claim::mark_of(data, restore.workspace.session);
    let mark = mark.map_err(|e| classify::of_io("looking for the mark of the restore", &e))?;
    Ok(match mark {
        Some(mark) => (mark.clone(), mark.join(SPOOL)),
        None => (data.to_owned(), data.join(SPOOL_IN_DATA)),
    })
}

/// The segments of the plan, with the history that it follows.
fn needed(plan: &RecoveryPlan, cluster: SystemIdentifier) -> Result<NeededWal, Failure> {
    let size = segment_size(plan)?;
    let odd = || Failure::bug("the plan of a recovery names no segments or timelines");
    let last_timeline = *plan.path.last().ok_or_else(odd)?;
    let path = if plan.path.len() == 1 {
        // Where the server begins on this timeline, how it came about does not matter.
        TimelineHistory { timeline: last_timeline, parents: Vec::new() }
    } else {
        let listing = Listing::read(&plan.archive, Some(cluster))
            .map_err(|e| classify::of_io(&format!("reading the WAL archive {}", plan.archive.display()), &e))?;
        listing.history(last_timeline).map_err(|why| {
            Failure::incurable(format!("{}: {why}", plan.archive.display()), "see howdah wal show, then retry")
        })?
    };
    let named = |name: &str, at: Lsn| match SegmentName::parse(name) {
        Some(name) => Segment::from_file_name(&name.to_string(), size).ok_or_else(odd),
        // All of it is in the backup.
        None if name.is_empty() => Ok(Segment::holding(path.at(at), at, size)),
        None => Err(odd()),
    };
    let first = named(&plan.first, plan.start)?;
    let last = named(&plan.last, Lsn(plan.end.0.saturating_sub(1)))?;
    Ok(NeededWal { path, first, last, size })
}

fn segment_size(plan: &RecoveryPlan) -> Result<SegmentSize, Failure> {
    let size = u32::try_from(plan.segment_size.0).ok().and_then(SegmentSize::new);
    size.ok_or_else(|| Failure::bug(format!("a plan says that segments have {}", plan.segment_size)))
}

/// Whose WAL is wanted must be known, or any would do.
pub(super) fn known(cluster: Option<SystemIdentifier>) -> Result<SystemIdentifier, Failure> {
    cluster.ok_or_else(|| {
        let cause =
            "the backup does not tell which cluster it is of, so that no WAL of an archive can be taken for its own";
        Failure::incurable(cause, "use a backup that holds its WAL (pg_basebackup -X stream), or a plain one")
    })
}
