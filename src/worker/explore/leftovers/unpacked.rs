//! Packed backups that were unpacked for sessions which are no more. What the scratch of a session still names goes with that.
//!
//! Promise: what is removed was locked, and named by no scratch while it was.

use super::{
    super::unpacked::{Found, Removal, Unpacked},
    scene,
};
use crate::{
    domain::{Failure, Remnant, RemnantKind, Verdict, path_text::shown},
    engine::watched::watched,
    postgres::server::classify,
};
use std::{fs, io, path::Path, time::Duration};

/// Those that no scratch below a directory names.
pub(super) fn look(explore_dir: &Path, stall: Duration) -> Result<Vec<Remnant>, Failure> {
    let below = explore_dir.to_owned();
    watched(&shown(explore_dir), stall, move |heartbeat| {
        let failed = |error: io::Error| classify::of_io(&format!("reading {}", shown(&below)), &error);
        let mut found = Vec::new();
        for unpacked in all(&below).map_err(failed)? {
            if unpacked.is_named(None).map_err(failed)? {
                continue;
            }
            let place = unpacked.path();
            let verdict = match unpacked.look() {
                Ok(Found::Nothing) => continue,
                Ok(Found::Foreign(why)) => Verdict::Unproven(why),
                Ok(Found::Partial { busy: true }) => Verdict::InUse("a session is unpacking it".to_owned()),
                Ok(Found::Partial { busy: false } | Found::Complete) => {
                    let bytes = scene::occupied(&place, &[], heartbeat);
                    let verdict = Verdict::Removable("a backup was unpacked there, and no session names it".to_owned());
                    found.push(Remnant { bytes, ..Remnant::plain(RemnantKind::Unpacked, &place, verdict) });
                    continue;
                }
                Err(failure) => Verdict::OutOfSight(failure.to_string()),
            };
            found.push(Remnant::plain(RemnantKind::Unpacked, &place, verdict));
        }
        Ok(found)
    })
}

/// Removes one, if still no session uses or names it. What is gone by now is as good as removed.
pub(super) fn remove(place: &Path) -> Result<(), Failure> {
    let name = place.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(unpacked) = Unpacked::named(place, name.to_owned()) else {
        return Err(Failure::bug(format!("{} is no unpacked backup", shown(place))));
    };
    match unpacked.remove_if_unused(None)? {
        Removal::Removed | Removal::Nothing => Ok(()),
        Removal::Used => Err(Failure::disruption("a session uses it", "close the session first")),
    }
}

fn all(explore_dir: &Path) -> io::Result<Vec<Unpacked>> {
    let entries = match fs::read_dir(explore_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut all = Vec::new();
    for entry in entries {
        let name = entry?.file_name().into_string();
        all.extend(name.ok().and_then(|name| Unpacked::named(&explore_dir.join("scratch"), name)));
    }
    all.sort_by_key(Unpacked::path);
    Ok(all)
}
