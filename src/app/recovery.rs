//! From the wish for a recovery to a restore point and an archive that can carry it out.
//!
//! Promises: the newest restore point that can reach the goal, or the one that was named if it can; a refusal says what would
//! be possible. A recovery to a backup's own end stays as it was asked for, and needs no archive.

use super::{
    context::AppContext,
    wal::{self, read},
};
use crate::{
    catalog::CatalogInstance,
    cli::report::Refused,
    domain::{ArchiveOrigin, Recovery, RecoveryGoal, RestorePoint, WalArchive},
};
use std::{fs, path::Path, time::Duration};

/// The restore point for a recovery, and the recovery with its archive.
pub(super) fn resolve(
    context: &AppContext,
    one: &CatalogInstance,
    point: Option<&str>,
    wish: Recovery,
) -> Result<(RestorePoint, Recovery), Refused> {
    let named = point.map(|point| named(one, point)).transpose()?;
    let or_newest =
        || named.or_else(|| one.newest()).cloned().ok_or_else(|| format!("{} has no restore point", one.spelling));
    if !wish.goes_beyond_backup() {
        return Ok((or_newest()?, wish));
    }
    let archives = match &wish.archive {
        Some(directory) => vec![WalArchive { directory: directory.clone(), origin: ArchiveOrigin::Setting }],
        // Another one than the first may be an old part of it: it is taken only where a person names it.
        None => one.wal.iter().take(1).cloned().collect(),
    };
    // What a standby lacks it asks its primary for.
    if wish.goal == RecoveryGoal::Consistent {
        let archive = archives.into_iter().map(|archive| archive.directory).find(|directory| directory.is_dir());
        return Ok((or_newest()?, Recovery { archive, ..wish }));
    }
    let settings = context.worker_settings();
    let effort = if matches!(wish.goal, RecoveryGoal::Name(_)) { wal::LONG } else { Duration::ZERO };
    let request = wal::request_with(one, &settings, context.read_only, archives, effort)
        .map_err(|failure| failure.to_string())?;
    let mut first = None;
    for archive in &request.archives {
        let chosen =
            read::one_window(archive, &request, &settings).map_err(|failure| failure.to_string()).and_then(|window| {
                let chosen = window.choose(&wish, named.map(|point| point.label.as_str())).cloned();
                let unsought = window.unsought_words().filter(|_| matches!(wish.goal, RecoveryGoal::Name(_)));
                let more = window.problems.iter().chain(&unsought);
                chosen.map_err(|why| more.fold(why, |why, problem| format!("{why}; {problem}")))
            });
        match chosen {
            Ok(span) => {
                let point = one.points().find(|point| point.label == span.label).cloned();
                let point = point.ok_or_else(|| format!("the restore point {} is gone", span.label))?;
                return Ok((point, Recovery { archive: Some(archive.directory.clone()), ..wish }));
            }
            Err(why) => drop(first.get_or_insert(why)),
        }
    }
    Err(first.unwrap_or_default().into())
}

/// The restore point of this label or path.
fn named<'a>(one: &'a CatalogInstance, point: &str) -> Result<&'a RestorePoint, String> {
    let path = fs::canonicalize(point).unwrap_or_else(|_| Path::new(point).to_owned());
    let by_label = one.points().find(|known| known.label == point);
    let found = by_label.or_else(|| one.points().find(|known| known.source.directory() == Some(&*path)));
    found.ok_or_else(|| format!("{} has no restore point {point:?} of a cluster", one.spelling))
}
