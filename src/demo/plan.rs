//! The plan of a restore that is only played.

use crate::domain::{
    ClusterRestore, FilePlan, RestorePlan, ServerWish,
    plan::{ServerPlan, TargetState, WalFinding},
};

/// Room on the story's disk: four times what is restored.
const ROOM: u64 = 4;

/// The plan of this order.
pub fn plan(order: &ClusterRestore) -> RestorePlan {
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
            reused: crate::domain::ByteCount(0),
            free_bytes: crate::domain::ByteCount(facts.size.0.saturating_mul(ROOM)),
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
    }
}
