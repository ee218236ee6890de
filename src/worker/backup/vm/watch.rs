//! Watching a backup at libvirt to its end.
//!
//! Promises: it has ended well when libvirt says so and all files are there; it is never ended from here.

use super::{Work, job_info::JobInfo, point, wording};
use crate::{
    domain::{ByteCount, Failure, Progress},
    engine::{Halt, Observer},
};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// A look takes some tens of milliseconds.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// How soon a stop is heard in between.
const HEARD: Duration = Duration::from_millis(20);

/// For how long libvirt may not say how a job has ended: it does so a moment after the end.
const ENDED: Duration = Duration::from_secs(10);

/// Looks until the session's backup has ended.
pub(super) fn until_ended(work: &Work<'_>) -> Result<(), Halt> {
    let limit = work.backup.ticket.settings.start_timeout;
    let (mut moved, mut before, mut all) = (Instant::now(), 0, 0);
    loop {
        work.backup.go_on()?;
        // Whose it is was seen as it began: were it another's by now, the end would tell, and one question is half of two.
        match work.virsh.job(&work.machine)? {
            JobInfo::Running { other: None, done, total } => {
                all = total.max(done);
                progress(work, done, all);
                if done != before {
                    (moved, before) = (Instant::now(), done);
                }
            }
            JobInfo::None
            | JobInfo::Running { other: Some(_), .. }
            | JobInfo::Completed
            | JobInfo::Failed(_)
            | JobInfo::Cancelled => {
                ended(work)?;
                progress(work, all, all);
                return Ok(());
            }
        }
        if moved.elapsed() >= limit {
            let cause = format!("the backup of {} has not moved for {} s", work.machine.name, limit.as_secs());
            return Err(Failure::disruption(cause, "see the disks of the machine and of the repository").into());
        }
        pause(work)?;
    }
}

fn progress(work: &Work<'_>, done: u64, total: u64) {
    let (bytes_done, bytes_total) = (ByteCount(done), ByteCount(total));
    work.backup.report.progress(Progress { bytes_done, bytes_total, ..Progress::default() });
}

/// How it has ended.
fn ended(work: &Work<'_>) -> Result<(), Halt> {
    let name = &work.machine.name;
    let began = Instant::now();
    loop {
        work.backup.go_on()?;
        match work.virsh.completed_job(&work.machine)? {
            JobInfo::Completed => return all_there(work),
            JobInfo::Failed(why) => return Err(wording::failure(&format!("backing up {name}"), &why).into()),
            JobInfo::Cancelled => {
                let cause = format!("somebody has aborted the backup of {name}");
                return Err(Failure::disruption(cause, "").into());
            }
            JobInfo::None | JobInfo::Running { .. } => {}
        }
        if began.elapsed() >= ENDED {
            // A machine that has crashed takes its jobs along, and what they said.
            super::plan::refuse_state(&work.virsh, &work.machine)?;
            let cause = format!("libvirt does not say how the backup of {name} has ended");
            return Err(Failure::disruption(cause, "see libvirt's log").into());
        }
        pause(work)?;
    }
}

/// Waits for the next look, or until the attempt is to stop.
fn pause(work: &Work<'_>) -> Result<(), Halt> {
    let began = Instant::now();
    while began.elapsed() < POLL_INTERVAL {
        work.backup.go_on()?;
        thread::sleep(HEARD);
    }
    Ok(())
}

/// libvirt removes the files of a backup that has failed: what it said may have been of another job.
fn all_there(work: &Work<'_>) -> Result<(), Halt> {
    for disk in work.machine.disks.iter().filter(|disk| disk.is_backed_up()) {
        let path = work.incoming.join(point::file_of(&disk.name));
        if !fs::symlink_metadata(&path).is_ok_and(|about| about.is_file()) {
            let cause = format!("the backup of {} has ended, and its file of {} is gone", work.machine.name, disk.name);
            return Err(Failure::disruption(cause, "see libvirt's log").into());
        }
    }
    Ok(())
}
