//! Taking a session's marks from its target when the restore is done.
//!
//! Promises: the homes of tablespaces lose theirs first, while the mark still records where they are. Never: touches the
//! mark of another session.

use super::{
    home,
    mark::Mark,
    mark_place::MarkPlace,
    root::{Access, Root},
    staging,
};
use crate::{
    domain::{Failure, Target, restored::MarkLocation},
    engine::at_target::at_target,
};
use std::io;
use uuid::Uuid;

/// Takes a session's marks from its target: the restore is done. May be run again after it was interrupted.
///
/// The first thing that goes makes it no mark any more, so that it is never half of one; the mark of another session
/// stays.
pub fn unmark(target: &Target, session: Uuid) -> Result<(), Failure> {
    let directory = target.directory();
    // While its mark stands, it is found again.
    staging::remove(directory, session)?;
    let removed = Root::open(directory, Access { owner: None, group: false }).and_then(|root| {
        unmark_at(&MarkPlace::new(MarkLocation::Inside, &root)?, session)?;
        let beside = MarkPlace::find_beside(directory, Some(&root))?;
        beside.map_or(Ok(()), |place| unmark_at(&place, session))
    });
    removed.map_err(|error| at_target("remove the mark of", directory, &error))
}

fn unmark_at(place: &MarkPlace, session: Uuid) -> io::Result<()> {
    match Mark::read(place)? {
        Some(mark) if mark.session != session => return Ok(()),
        // Its homes first: the mark records where they are.
        Some(mark) => mark.tablespaces.values().try_for_each(|home| home::unmark(home, session))?,
        None => {}
    }
    place.remove()
}
