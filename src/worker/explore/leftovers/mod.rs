//! What crashed sessions have left behind below `explore_dir`: found, judged, and cleared away.
//!
//! A session's place is claimed by the owner before the session is stored, then its worker locks the claim, then marks the
//! place, then works there. So a mark without a session in the journal is never one of a session that is about to begin,
//! while a claim alone may be; and whoever works there holds the lock.
//!
//! Promises: looking changes nothing and takes no lock that anybody's work waits for in vain; what is removed was judged
//! again while its claim was locked; what is said to be removed was seen gone. Never: touches what a session still owns,
//! what bears no mark of ours, or what cannot be told to be one or the other.

mod judge;
mod processes;
mod remove;
mod scene;
mod unpacked;

pub use remove::remove;

use super::scratch;
use crate::{
    domain::{Failure, Remnant, RemnantKind, SessionStanding, path_text::shown},
    engine::{claim, watched::watched},
    postgres::server::classify,
};
use scene::Scene;
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

/// How a session stands that is kept in a state directory. Which state directories there are, and how they are read, is
/// not known here.
pub type AskStanding = Arc<dyn Fn(&Path, Uuid) -> SessionStanding + Send + Sync>;

/// Finds all that was left, or may have been, below a directory, with what may be done with each. `stall` is how long
/// nothing may be seen of one of them.
///
/// # Errors
///
/// The directory itself cannot be read.
pub fn look(explore_dir: &Path, stall: Duration, standing: &AskStanding) -> Result<Vec<Remnant>, Failure> {
    let mut found = Vec::new();
    for kind in RemnantKind::ALL {
        match kind {
            RemnantKind::Scratch => {
                let below = explore_dir.to_owned();
                let places = watched(&shown(explore_dir), stall, move |_| {
                    places(&below).map_err(|error| classify::of_io(&format!("reading {}", shown(&below)), &error))
                })?;
                for place in places {
                    found.extend(seen(&place, stall, standing));
                }
            }
            RemnantKind::Unpacked => found.extend(unpacked::look(explore_dir, stall)?),
        }
    }
    Ok(found)
}

/// One place as it stands now; `None` where nothing is there.
fn seen(place: &Path, stall: Duration, standing: &AskStanding) -> Option<Remnant> {
    let (at, ask) = (place.to_owned(), Arc::clone(standing));
    let scene = watched(&shown(place), stall, move |heartbeat| {
        let scene = Scene::of(&at, heartbeat)?;
        Ok(scene.map(|scene| scene.judged(&ask)))
    });
    scene.unwrap_or_else(|failure: Failure| Some(scene::out_of_sight(place, &failure)))
}

/// All places that may be a session's: each directory that is not hidden, each that bears a mark, and each that is claimed.
fn places(explore_dir: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let entries = match fs::read_dir(explore_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    let mut places = BTreeSet::new();
    for entry in entries {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden || scratch::may_be_marked(&path) {
            places.insert(path);
        } else if let Some(directory) = claim::directory_of(&path) {
            places.insert(directory);
        }
    }
    Ok(places)
}
