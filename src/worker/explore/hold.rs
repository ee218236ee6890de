//! Holding a restore point open: nothing is done but to look whether all that it takes is still there.
//!
//! Promises: the end of the server is noticed within a second, and waited out as a disruption (R8): the session opens the
//! point again. Never: ends while all is well.

use super::{Explore, trouble, unserved, verify};
use crate::{
    domain::{ByteCount, ExplorePlan, Failure, FileMethod, Step, explore::held_open},
    engine::Halt,
    overlay::occupied_by,
    worker::server::ServerSupervisor,
};
use std::{
    convert::Infallible,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How often it is looked: a stop is to be obeyed at once.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How often it is looked what the scratch occupies.
const OCCUPIED_INTERVAL: Duration = Duration::from_secs(5);

/// What it must have grown or shrunk by to be worth a line.
const WORTH_A_LINE: u64 = 16 << 20;

/// Returns when it is no longer open.
pub(super) fn hold(
    explore: &Explore<'_>,
    supervisor: &mut ServerSupervisor<'_>,
    plan: &ExplorePlan,
    is_unverified: bool,
) -> Result<Infallible, Halt> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        // What was copied or unpacked was verified then.
        if let (true, Some(address)) = (is_unverified, &plan.open) {
            let Explore { order, ticket, report, .. } = *explore;
            let subject = verify::Subject { point: &order.point, settings: &ticket.settings, address, report };
            let stop = &stop;
            scope.spawn(move || verify::run(&subject, stop));
        }
        if let (FileMethod::Overlay, Some(address)) = (plan.method, &plan.open) {
            let written = explore.scratch.written();
            let Explore { order, report, .. } = *explore;
            let stop = &stop;
            scope.spawn(move || {
                trouble::watch(&trouble::Subject { written: &written, point: &order.point, address, report }, stop);
            });
        }
        let held = watch(explore, supervisor, plan);
        stop.store(true, Ordering::Relaxed);
        held
    })
}

/// Looks whether all is there until it is not, or is to be closed.
fn watch(explore: &Explore<'_>, supervisor: &mut ServerSupervisor<'_>, plan: &ExplorePlan) -> Result<Infallible, Halt> {
    let mut occupied = occupied(explore, plan.method);
    explore.report.begin(Step::Hold, &held_open(occupied));
    let mut looked = Instant::now();
    loop {
        if explore.stop.requested() {
            return Err(Halt::Stopped);
        }
        if !explore.is_served() {
            return Err(unserved(None).into());
        }
        if let Some(end) = supervisor.ended() {
            return Err(gone(&end).into());
        }
        if looked.elapsed() >= OCCUPIED_INTERVAL {
            let now = self::occupied(explore, plan.method);
            let change = |(before, now): (ByteCount, ByteCount)| before.0.abs_diff(now.0) >= WORTH_A_LINE;
            if occupied.zip(now).is_some_and(change) {
                occupied = now;
                explore.report.detail(&held_open(occupied));
            }
            looked = Instant::now();
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Whatever ended it: the files are there, and another server can be started on them.
fn gone(end: &Failure) -> Failure {
    let cause = format!("the server of the open restore point has ended: {}", end.cause);
    Failure::disruption(cause, "see the attempt's log; the restore point is opened again by itself")
}

/// What the session takes in its scratch; of clones nobody can say which blocks are theirs.
fn occupied(explore: &Explore<'_>, method: FileMethod) -> Option<ByteCount> {
    match method {
        FileMethod::Reflink => None,
        FileMethod::Overlay => occupied_by(&explore.scratch.written()).ok().map(ByteCount),
        FileMethod::Copy => Some(on_disk(&explore.scratch.files())),
    }
}

/// The blocks of all files below; what vanishes meanwhile counts nothing.
pub(super) fn on_disk(place: &Path) -> ByteCount {
    /// st_blocks counts these, whatever the file system's own are (stat(2)).
    const BLOCK: u64 = 512;
    let entries = walkdir::WalkDir::new(place).into_iter().filter_map(Result::ok);
    let blocks = entries.filter_map(|entry| Some(entry.metadata().ok()?.blocks()));
    ByteCount(blocks.sum::<u64>() * BLOCK)
}
