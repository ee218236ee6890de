//! The plans of restores and backups that are only played.

use super::{Story, course::REPLAY};
use crate::domain::{
    AtTarget, BackupOrder, BackupPlan, ByteCount, ClusterRestore, FilePlan, JobId, JobSpec, MajorVersion, ObjectPlan,
    Recovery, RecoveryPlan, RestorePlan, RestorePoint, ServerWish,
    plan::{ServerPlan, TargetState, WalFinding},
};
use uuid::Uuid;

/// Room on the story's disk: four times what is restored.
const ROOM: u64 = 4;

/// The plan of this order.
pub fn plan(story: &Story, order: &ClusterRestore) -> RestorePlan {
    let facts = &order.point.facts;
    let server = match (order.server, facts.version) {
        (ServerWish::FilesOnly, _) => ServerPlan::NoServer { reason: "only the files are wanted".to_owned() },
        (ServerWish::LeaveRunning | ServerWish::StopAfterProbe, None) => {
            ServerPlan::NoServer { reason: "the version of the backup is not known".to_owned() }
        }
        (ServerWish::LeaveRunning | ServerWish::StopAfterProbe, Some(version)) => ServerPlan::Start {
            binaries: format!("/usr/lib/postgresql/{version}/bin").into(),
            version,
            user: "postgres".to_owned(),
            port: order.target.port(),
            leave_running: order.server == ServerWish::LeaveRunning,
        },
    };
    RestorePlan {
        directory: order.target.directory().to_owned(),
        files: FilePlan {
            bytes: facts.size,
            files: facts.files,
            reused: ByteCount(0),
            free_bytes: ByteCount(facts.size.0.saturating_mul(ROOM)),
            free_inodes: None,
            target: TargetState::Missing,
            tablespaces: Vec::new(),
            wal: WalFinding::Included { start: facts.start_lsn, stop: facts.stop_lsn },
            checksum: "SHA256".to_owned(),
            version: facts.version,
            system_identifier: facts.system_identifier,
        },
        server,
        warnings: Vec::new(),
        switched_off: Vec::new(),
        backup: order.point.source.directory().map(Into::into),
        recovery: recovery(story, (&order.point, &order.recovery)).map(Box::new),
    }
}

/// The replay beyond the backup's own end, where one is asked for.
pub(super) fn recovery(story: &Story, (point, recovery): (&RestorePoint, &Recovery)) -> Option<RecoveryPlan> {
    let archive = story.archive_of(&point.instance)?;
    let then = match recovery.at_target {
        AtTarget::Pause => "then it pauses there",
        AtTarget::Promote => "then it is opened for writing",
        AtTarget::ShutDown => "then it is shut down",
    };
    recovery.goes_beyond_backup().then(|| archive.plan((point, recovery), then, REPLAY))
}

/// The plan of the backup of an object of a job.
pub fn backup(story: &Story, order: &BackupOrder) -> BackupPlan {
    let bytes = story.object_of(order).map_or(ByteCount(0), |object| object.size);
    BackupPlan {
        directory: order.folder().unwrap_or_default(),
        bytes,
        files: 0,
        free_bytes: ByteCount(bytes.0.saturating_mul(ROOM)),
        free_inodes: None,
        method: vec!["pg_basebackup 17, as postgres".to_owned()],
        version: Some(MajorVersion(17)),
        system_identifier: None,
        keep: None,
        warnings: Vec::new(),
    }
}

/// The plans of all objects of a job.
pub fn of_job(story: &Story, spec: &JobSpec) -> Vec<ObjectPlan> {
    let orders = (0..spec.objects().len()).filter_map(|at| spec.order(at, JobId(0), Uuid::nil()));
    orders.map(|order| (order.object.name().clone(), Ok(backup(story, &order)))).collect()
}
