//! Which engine carries out an order.
//!
//! Promises: the rest of the worker meets engines only through their trait. Never: no work is done here.

use crate::{
    domain::{Failure, RestoreRequest, Target, WorkerSettings},
    engine::Engine,
};
use uuid::Uuid;

/// What an engine is needed for.
pub(super) enum Order<'a> {
    /// To bring files.
    Restore {
        request: &'a RestoreRequest,
        session_uuid: Uuid,
        /// Who must own them, when that is not whoever writes them.
        owner: Option<(u32, u32)>,
        settings: &'a WorkerSettings,
    },
    /// To deal with partial data.
    Dispose { target: &'a Target, session_uuid: Uuid },
}

/// Makes the engine for an order.
pub(super) type Make<'a> = dyn Fn(&Order<'_>) -> Result<Box<dyn Engine>, Failure> + 'a;

/// The native engine.
pub(super) fn native(_order: &Order<'_>) -> Result<Box<dyn Engine>, Failure> {
    Err(Failure::bug("there is no engine yet"))
}
