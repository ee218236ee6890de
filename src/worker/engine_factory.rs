//! Which engine carries out an order.
//!
//! Promises: the rest of the worker meets engines only through their trait. Never: does any work itself.

use crate::{
    domain::{Disposed, Disposition, Failure, RestoreRequest, Target, WorkerSettings},
    engine::{
        Engine,
        native::{self, NativeEngine},
    },
};
use std::path::PathBuf;
use uuid::Uuid;

/// The order to bring files.
pub(super) struct EngineRequest<'a> {
    pub(super) request: &'a RestoreRequest,
    pub(super) session_uuid: Uuid,
    /// Who must own them, when that is not whoever writes them.
    pub(super) owner: Option<(u32, u32)>,
    pub(super) settings: &'a WorkerSettings,
    /// The devices that the target's directories are on.
    pub(super) devices: &'a [(PathBuf, u64)],
}

/// Makes the engine for an order.
pub(super) type Make<'a> = dyn Fn(&EngineRequest<'_>) -> Box<dyn Engine> + 'a;

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

/// The native engine: the only one so far.
pub(super) const NATIVE: EngineFactory<'static> = EngineFactory {
    make: &make_native,
    unmark: &native::unmark,
    is_marked: &native::is_marked,
    dispose: &native::dispose,
};

fn make_native(order: &EngineRequest<'_>) -> Box<dyn Engine> {
    let EngineRequest { request, session_uuid, owner, settings, devices } = *order;
    Box::new(NativeEngine::new(request, session_uuid, owner, settings).on_devices(devices))
}
