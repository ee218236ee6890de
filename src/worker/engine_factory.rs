//! Which engine carries out an order.
//!
//! Promises: the rest of the worker meets engines only through their trait. Never: does any work itself.

use crate::{
    domain::{BackupSource, ClusterRestore, Disposed, Disposition, Failure, Target, WorkerSettings},
    engine::{Engine, chain::ChainEngine, claim, native::NativeEngine},
};
use std::path::PathBuf;
use uuid::Uuid;

/// The order to bring files.
pub(super) struct EngineRequest<'a> {
    pub(super) request: &'a ClusterRestore,
    pub(super) session_uuid: Uuid,
    /// Who must own them, when that is not whoever writes them.
    pub(super) owner: Option<(u32, u32)>,
    pub(super) settings: &'a WorkerSettings,
    /// The devices that the target's directories are on.
    pub(super) devices: &'a [(PathBuf, u64)],
}

/// Makes the engine for an order.
pub(super) type Make<'a> = dyn Fn(&EngineRequest<'_>) -> Result<Box<dyn Engine>, Failure> + 'a;

/// Deals with what a session left at its target.
pub(super) type Dispose<'a> = dyn Fn(&Target, Uuid, Disposition) -> Disposed + 'a;

/// Takes a session's marks from its target.
pub(super) type Unmark<'a> = dyn Fn(&Target, Uuid) -> Result<(), Failure> + 'a;

/// Whether a target bears a session's mark.
pub(super) type IsMarked<'a> = dyn Fn(&Target, Uuid) -> bool + 'a;

/// What does the work on files.
pub(super) struct EngineFactory<'a> {
    pub(super) make: &'a Make<'a>,
    pub(super) unmark: &'a Unmark<'a>,
    pub(super) is_marked: &'a IsMarked<'a>,
    pub(super) dispose: &'a Dispose<'a>,
}

/// The engines of this build.
pub(super) const ENGINES: EngineFactory<'static> =
    EngineFactory { make: &engine_for, unmark: &claim::unmark, is_marked: &claim::is_marked, dispose: &claim::dispose };

/// The engine that reads the restore point's source.
fn engine_for(order: &EngineRequest<'_>) -> Result<Box<dyn Engine>, Failure> {
    let EngineRequest { request, session_uuid, owner, settings, devices } = *order;
    match &request.point.source {
        BackupSource::BaseBackup { directory, form } => {
            let engine = NativeEngine::new((directory, *form), request, session_uuid, owner, settings);
            Ok(Box::new(engine.on_devices(devices)))
        }
        BackupSource::Incremental { .. } => {
            let engine = ChainEngine::new(request, session_uuid, owner, settings);
            Ok(Box::new(engine.on_devices(devices)))
        }
        source @ (BackupSource::PgBackRest { .. } | BackupSource::Barman { .. }) => Err(Failure::incurable(
            format!("this howdah cannot restore from {source}"),
            "restore it with the programs that made it, or use the newer howdah that ordered this",
        )),
    }
}
