//! Closing a restore point: its server, its files and its scratch go, and it is looked whether they have.
//!
//! Promises: what is said to be removed was seen gone. Never: touches what this session has not made.

use super::{
    Explore, overlay,
    scratch::{Found, Scratch},
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
    orphan_server::stop(&explore.workspace())?;
    overlay::clear(attempt_dir, ticket.session_uuid, None)?;
    let removed = remove_with(&explore.scratch)?;
    session.leave(&holds)?;
    Ok(if removed { Disposed::Removed } else { Disposed::Nothing })
}

/// Removes a scratch, and what was unpacked and nobody else needs; whether there was a scratch.
pub(super) fn remove_with(scratch: &Scratch) -> Result<bool, Failure> {
    remove_around(Unpacked::named_by(scratch)?, &scratch.path, || scratch.remove())
}

/// Before the scratch, which names it: who is killed in between finds it again. And after: of two sessions that are closed
/// at once, each sees the other's scratch at first.
fn remove_around(
    unpacked: Vec<Unpacked>,
    scratch: &Path,
    remove_scratch: impl FnOnce() -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let mut used = Vec::new();
    for unpacked in unpacked {
        if unpacked.remove_if_unused(Some(scratch))? == Removal::Used {
            used.push(unpacked);
        }
    }
    let removed = remove_scratch()?;
    for unpacked in &used {
        unpacked.remove_if_unused(None)?;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::{
        super::{scratch::Mark, unpacking::Entered},
        *,
    };
    use crate::domain::FileMethod;
    use uuid::Uuid;

    /// An unpacked backup, and the scratches of sessions that have noted it.
    fn noted<const SESSIONS: usize>(place: &Path) -> (Unpacked, [Scratch; SESSIONS]) {
        let unpacked = Unpacked::of(&place.join("shop"), Path::new("/b"), "abc");
        let Entered::Unpack(unpacking) = unpacked.enter(Path::new("/b"), &|| false, &|_| {}).unwrap() else {
            panic!("it was there before")
        };
        unpacking.complete(Path::new("/b")).unwrap();
        let scratches = std::array::from_fn(|number| {
            let session = Uuid::from_u128(number as u128);
            let scratch = Scratch::new(place.join(number.to_string()), session);
            let mut mark = Mark::new(session, Path::new("/state"), FileMethod::Overlay);
            mark.unpacked.insert(unpacked.name().to_owned());
            scratch.make(&mut mark).unwrap();
            scratch
        });
        (unpacked, scratches)
    }

    #[test]
    fn of_two_that_are_closed_at_once_the_later_one_removes_what_they_shared() {
        let place = tempfile::tempdir().unwrap();
        let (unpacked, [first, second]) = noted(place.path());
        let all = || vec![unpacked.clone()];
        let remove_first = || {
            assert!(remove_with(&second)?);
            assert!(unpacked.path().exists(), "the first one has not gone yet");
            first.remove()
        };
        assert!(remove_around(all(), &first.path, remove_first).unwrap());
        assert!(!unpacked.path().exists());
    }

    #[test]
    fn who_is_killed_while_it_closes_leaves_nothing_that_nobody_names() {
        let place = tempfile::tempdir().unwrap();
        let (unpacked, [only]) = noted(place.path());
        remove_around(vec![unpacked.clone()], &only.path, || Err(Failure::bug("killed"))).unwrap_err();
        assert!(!unpacked.path().exists() && only.path.exists());
    }
}
