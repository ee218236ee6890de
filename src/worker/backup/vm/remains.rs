//! What a session has at libvirt: a job that runs, a checkpoint.
//!
//! Promises: a job is the session's own when all that it writes goes into the session's own directory, a checkpoint when
//! it bears the session's name; what is called gone was looked for and was not there. Never: ends a job or deletes a
//! checkpoint that is somebody else's.

use super::{job_info::JobInfo, machine::Machine, virsh::Virsh, wording::Meaning};
use crate::domain::Failure;
use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether what was ended is gone.
const POLL_INTERVAL: Duration = Duration::from_millis(30);

/// How long what was ended may take to go: a block job ends within tens of milliseconds, on a dead disk later or never.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A backup whose `virsh` was killed may begin after that: the daemon has the call already, which takes 0.3 s.
const UNANSWERED: Duration = Duration::from_secs(3);

/// The job of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunningJob {
    /// There is none.
    None,
    /// The session's own, so far.
    Own {
        /// Bytes that were processed, of how many.
        done: u64,
        total: u64,
    },
    /// Somebody else's; whether it is a backup.
    Foreign {
        /// Whether it is a backup.
        is_backup: bool,
    },
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cleared {
    pub(super) job: bool,
    pub(super) checkpoint: bool,
    /// Why bitmaps of the checkpoint stay in the disks.
    pub(super) bitmaps: Option<String>,
}

/// What became of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deleted {
    /// Whether there was one.
    pub(super) was_there: bool,
    /// Why bitmaps of it stay in the disks.
    pub(super) bitmaps: Option<String>,
}

/// What a session may have at libvirt.
pub(super) struct Remains<'a> {
    pub(super) virsh: &'a Virsh,
    pub(super) machine: &'a Machine,
    pub(super) checkpoint: &'a str,
    /// Where its job writes to.
    pub(super) incoming: &'a Path,
}

/// Deletes one checkpoint that is known to be ours, with its bitmaps where they are there and can be reached.
pub(super) fn delete(virsh: &Virsh, machine: &Machine, name: &str) -> Result<Deleted, Failure> {
    let error = match virsh.delete_checkpoint(machine, name, false) {
        Ok(was_there) => return Ok(Deleted { was_there, bitmaps: None }),
        Err(error) => error,
    };
    let bitmaps = match error.meaning() {
        Some(Meaning::Inactive) => Some(format!("{} is off: the bitmap {name} stays in its disks", machine.name)),
        // There is nothing that could be deleted with it.
        Some(Meaning::BrokenBitmap) => None,
        _ => return Err(error.into()),
    };
    let was_there = virsh.delete_checkpoint(machine, name, true)?;
    Ok(Deleted { was_there, bitmaps })
}

impl Remains<'_> {
    /// The job that runs on the machine.
    pub(super) fn job(&self) -> Result<RunningJob, Failure> {
        match self.virsh.job(self.machine)? {
            JobInfo::None | JobInfo::Completed | JobInfo::Failed(_) | JobInfo::Cancelled => Ok(RunningJob::None),
            JobInfo::Running { other: Some(_), .. } => Ok(RunningJob::Foreign { is_backup: false }),
            JobInfo::Running { other: None, done, total } => {
                let targets = self.virsh.backup_targets(self.machine)?;
                Ok(if targets.is_empty() {
                    // It has ended between the two questions.
                    RunningJob::None
                } else if targets.iter().all(|target| Path::new(target).parent() == Some(self.incoming)) {
                    RunningJob::Own { done, total }
                } else {
                    RunningJob::Foreign { is_backup: true }
                })
            }
        }
    }

    /// Aborts the session's job, deletes its checkpoint, and looks until neither is there. `unanswered` is whether a
    /// backup was asked for whose answer nobody has heard.
    pub(super) fn clear(&self, unanswered: bool) -> Result<Cleared, Failure> {
        let began = Instant::now();
        let mut cleared = Cleared::default();
        loop {
            let is_own = matches!(self.job()?, RunningJob::Own { .. });
            if is_own {
                // It may end by itself meanwhile, and well: no restore point comes of it any more.
                self.virsh.abort(self.machine)?;
                cleared.job = true;
            }
            // A person waits, and each call takes its time: it is looked for where it is not known to be.
            if is_own || self.virsh.checkpoints(self.machine)?.iter().any(|name| name == self.checkpoint) {
                let deleted = delete(self.virsh, self.machine, self.checkpoint)?;
                if deleted.was_there {
                    (cleared.checkpoint, cleared.bitmaps) = (true, deleted.bitmaps);
                }
            } else if !unanswered || cleared.checkpoint || began.elapsed() >= UNANSWERED {
                return Ok(cleared);
            } else {
                thread::sleep(POLL_INTERVAL);
            }
            if began.elapsed() >= TIMEOUT {
                let cause = format!("the backup of {} does not end, or its checkpoint stays", self.machine.name);
                return Err(Failure::disruption(cause, "see libvirt's log, and the disks of the machine"));
            }
        }
    }
}
