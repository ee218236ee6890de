//! Closing a restore point: its server, its files and its scratch go, and it is looked whether they have.
//!
//! Promises: what is said to be removed was seen gone. Never: touches what this session has not made.

use super::{
    Explore, overlay,
    scratch::Found,
    unpacked::{Removal, Unpacked},
};
use crate::{
    domain::{Disposed, ExploreOrder, Failure, Order, ticket::Ticket},
    engine::Halt,
    worker::{
        event_writer::EventWriter,
        places::{Barred, ClaimingSession},
        server::orphan_server,
        signals::Stop,
    },
};
use std::path::Path;

/// Deals with what a session had opened. What is only held open is never kept: the backup has it all.
pub(in crate::worker) fn dispose(
    attempt_dir: &Path,
    ticket: &Ticket,
    order: &ExploreOrder,
    (report, stop): (&EventWriter, &Stop),
) -> Result<Disposed, Halt> {
    let explore = Explore::new(attempt_dir, ticket, order, (report, stop))?;
    let session = ClaimingSession::of(ticket, attempt_dir);
    let holds = Order::Explore(order.clone()).holds();
    let places = session.enter(&holds, None);
    let found = explore.scratch.look()?;
    let _places = match (places, found) {
        (Ok(places), _) => places,
        // Refused when it came: it has never worked there.
        (Err(Barred::Held(_)), Found::Nothing | Found::Foreign) => return Ok(Disposed::Nothing),
        (Err(barred), _) => return Err(Failure::from(barred).into()),
    };
    explore.scratch.unpublish()?;
    orphan_server::end(&explore.workspace())?;
    overlay::clear(attempt_dir, ticket.session_uuid, None)?;
    // Before the scratch, which names them, and after: of two sessions that are closed at once each sees the other's first.
    let remove = |unpacked: &Unpacked| unpacked.remove_if_unused(Some(&explore.scratch.path));
    let mut used = Vec::new();
    for unpacked in explore.unpacked()? {
        if remove(&unpacked)? == Removal::Used {
            used.push(unpacked);
        }
    }
    let removed = explore.scratch.remove()?;
    for unpacked in &used {
        remove(unpacked)?;
    }
    session.leave(&holds)?;
    Ok(if removed { Disposed::Removed } else { Disposed::Nothing })
}
