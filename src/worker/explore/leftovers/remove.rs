//! Clears away one place that nobody owns any more.
//!
//! Promises: all is judged again under the lock of the claim; the server goes before its files, and the mark last; what is
//! reported as removed was seen gone. Never: removes anything through a mount or a link.

use super::{
    super::{
        dispose::remove_with,
        scratch::{Found, Scratch},
    },
    AskStanding, processes,
    scene::Scene,
    unpacked,
};
use crate::{
    domain::{Failure, Hold, Remnant, RemnantKind, Verdict, path_text::shown},
    engine::watched::{Heartbeat, watched},
    overlay::mounted_below,
    postgres::server::isolation,
    worker::places::ClaimingSession,
};
use std::{path::Path, sync::Arc, time::Duration};
use uuid::Uuid;

/// Clears away what was found, if it still may be. What is gone by now is as good as removed.
///
/// # Errors
///
/// It is owned again or still, or is not what it was; or it cannot be removed, and is left with its mark.
pub fn remove(found: &Remnant, stall: Duration, standing: &AskStanding) -> Result<(), Failure> {
    match found.kind {
        RemnantKind::Scratch => scratch(found, stall, standing),
        RemnantKind::Unpacked => unpacked::remove(&found.place),
    }
}

fn scratch(found: &Remnant, stall: Duration, standing: &AskStanding) -> Result<(), Failure> {
    let place = &found.place;
    let (Verdict::Removable(_), Some(session), Some(state)) = (&found.verdict, found.session, &found.state) else {
        return Err(Failure::bug(format!("{} may not be removed", shown(place))));
    };
    if look(place, stall)?.is_none() {
        return Ok(());
    }
    let claiming = ClaimingSession::of_crashed(session, state.clone(), stall);
    let holds = [Hold::Directory(place.clone())];
    // Whoever else works there is refused from here on.
    let _places = claiming.enter(&holds, None)?;
    if let Some(scene) = look(place, stall)? {
        clear(scene, place, session, standing)?;
    }
    match look(place, stall)? {
        None => {}
        Some(left) if left.is_cleared() => {}
        Some(_) => return Err(Failure::disruption(format!("{} is not gone", shown(place)), "try again")),
    }
    claiming.leave(&holds)
}

fn clear(scene: Scene, place: &Path, session: Uuid, standing: &AskStanding) -> Result<(), Failure> {
    let (processes, files) = (scene.processes.clone(), scene.files.clone());
    let remnant = scene.judged(standing);
    if remnant.session != Some(session) || !remnant.verdict.is_removable() {
        return Err(Failure::incurable(remnant.verdict.reason(), ""));
    }
    let scratch = Scratch::new(place.to_owned(), session);
    let is_there = match scratch.look()? {
        Found::Own(_) => true,
        Found::Nothing => false,
        Found::Foreign => return Err(Failure::incurable("it holds what the session has not made", "see what it is")),
    };
    if is_there {
        scratch.unpublish()?;
    }
    processes::end(&processes, session)?;
    let below = files.parent().unwrap_or(place);
    let left = mounted_below(below).map_err(|error| Failure::disruption(error.to_string(), ""))?;
    if let Some(mount) = left.first() {
        return Err(Failure::disruption(format!("{} is still mounted", shown(mount)), "unmount it, then try again"));
    }
    for directory in &remnant.sockets {
        isolation::remove(directory);
    }
    remove_with(&scratch).map(drop)
}

fn look(place: &Path, stall: Duration) -> Result<Option<Scene>, Failure> {
    let at = Arc::new(place.to_owned());
    watched(&shown(place), stall, move |heartbeat: &Heartbeat| Scene::of(&at, heartbeat))
}
