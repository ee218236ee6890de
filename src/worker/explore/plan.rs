//! The plan of an opening: what the restore's own plan says of files and server, and what this way of providing them costs.

use super::method::{Choice, Way};
use crate::{
    domain::{
        ByteCount, ExploreOrder, ExplorePlan, Failure, FileMethod, RestorePlan, WorkerSettings, explore::ReplayPlan,
        instance::printable_name, plan::WalFinding,
    },
    postgres::server::classify,
};
use std::{path::Path, time::Duration};

/// Of what is free where the scratch is, the share that an open restore point may take when nothing else is said.
const SHARE_PERCENT: u64 = 80;

/// Bytes of WAL a second, as fast and as slow as a server replays them: small changes to pages that are in memory, and
/// changes to pages that a disk has to bring.
const REPLAY: (u64, u64) = (200 << 20, 10 << 20);

/// What a server can always write beside unpacked files: it makes its first segment of WAL, and files of its own.
const WRITES: u64 = 64 << 20;

/// Bytes in a segment, unless the cluster was made otherwise (`initdb --wal-segsize`).
const SEGMENT: u64 = 16 << 20;

/// Bytes and inodes that are free at a place, or where it will be; `None` where inodes are not counted.
pub(super) fn free_at(place: &Path) -> Result<(ByteCount, Option<u64>), Failure> {
    let there = place.ancestors().find(|path| path.exists()).unwrap_or(place);
    let found = rustix::fs::statvfs(there).map_err(|error| {
        classify::of_io(&format!("looking at {}", printable_name(there.as_os_str())), &error.into())
    })?;
    let inodes = (found.f_files > 0).then_some(found.f_favail);
    Ok((ByteCount(found.f_bavail.saturating_mul(found.f_frsize)), inodes))
}

/// The most that the session may take where so much is free.
pub(super) fn limit(settings: &WorkerSettings, free: ByteCount) -> ByteCount {
    settings.explore_limit.unwrap_or(ByteCount(free.0 / 100 * SHARE_PERCENT))
}

/// The most that the server of the session may write: of a limit that was set, what was unpacked takes a part.
pub(super) fn limit_of_writes(settings: &WorkerSettings, way: &Way, bytes: ByteCount, free: ByteCount) -> ByteCount {
    let limit = limit(settings, free);
    match (way, settings.explore_limit) {
        (Way::Unpacked(_), Some(set)) => ByteCount(set.0.saturating_sub(bytes.0).max(WRITES.min(limit.0))),
        (Way::Clones | Way::Plain | Way::Members | Way::Unpacked(_) | Way::Copy, _) => limit,
    }
}

/// Refuses to bring more files than a session may take.
pub(super) fn check_room(bytes: ByteCount, limit: ByteCount) -> Result<(), Failure> {
    if bytes <= limit {
        return Ok(());
    }
    Err(Failure::incurable(
        format!("the files of the backup are {bytes}, and an open restore point may take {limit}"),
        "raise explore_limit, or name an explore_dir with more room in howdah.toml",
    ))
}

/// The plan, from that of its files and its server.
pub(super) fn of(
    order: &ExploreOrder,
    settings: &WorkerSettings,
    (choice, segment): (&Choice, Option<u64>),
    plan: RestorePlan,
) -> Result<ExplorePlan, Failure> {
    let RestorePlan { files, server, warnings, recovery, .. } = plan;
    let method = choice.way.method();
    let copies = match method {
        FileMethod::Copy => ByteCount(files.bytes.0.saturating_sub(files.reused.0)),
        FileMethod::Reflink | FileMethod::Overlay => choice.copies,
    };
    let mut warnings = warnings;
    warnings.extend(order.port.map(|port| {
        format!(
            "it listens on port {port} of this machine, too: who knows the password of a role of the cluster gets in"
        )
    }));
    let limit = limit(settings, files.free_bytes);
    check_room(if method == FileMethod::Copy { files.bytes } else { copies }, limit)?;
    Ok(ExplorePlan {
        scratch: order.scratch.clone(),
        method,
        reasons: choice.reasons.clone(),
        bytes: files.bytes,
        files: files.files,
        copies,
        free_bytes: files.free_bytes,
        limit,
        replay: replay(&files.wal, segment.unwrap_or(SEGMENT)),
        wal: files.wal,
        server,
        system_identifier: files.system_identifier,
        warnings,
        recovery,
        open: None,
    })
}

fn replay(wal: &WalFinding, segment: u64) -> Option<ReplayPlan> {
    let WalFinding::Included { start, stop } = wal else { return None };
    let bytes = stop.0.checked_sub(start.0)?;
    let segments = stop.0.checked_div(segment)?.checked_sub(start.0 / segment)? + 1;
    let (best, worst) = REPLAY;
    // A server takes its time before and after the first record, too.
    let at_worst = Duration::from_secs(1 + bytes / worst);
    Some(ReplayPlan { segments, bytes: ByteCount(bytes), at_best: Duration::from_secs(bytes / best), at_worst })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::domain::Lsn;

    #[test]
    fn replay_is_counted_by_the_segments_that_it_touches() {
        let counted = |start, stop| {
            let wal = WalFinding::Included { start: Lsn(start), stop: Lsn(stop) };
            replay(&wal, SEGMENT).map(|plan| (plan.segments, plan.bytes.0))
        };
        assert_eq!(counted(0x200_0028, 0x200_0138), Some((1, 0x110)));
        assert_eq!(counted(0x2FF_FFF8, 0x300_0138), Some((2, 0x140)));
        assert_eq!(counted(5, 4), None, "a stop before the start is none of ours to explain");
        assert_eq!(replay(&WalFinding::Missing { what: String::new() }, SEGMENT), None);
    }
}
