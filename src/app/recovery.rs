//! The restore point and the archive that a recovery beyond a backup's own end starts from.

use super::context::AppContext;
use crate::{
    catalog::{CatalogEntry, CatalogInstance},
    cli::report::Refused,
    domain::{Recovery, RestorePoint},
};
use std::path::Path;

/// The restore point for this wish, the named one or the newest, and the wish with its archive.
pub(super) fn resolve(
    _context: &AppContext,
    one: &CatalogInstance,
    point: Option<&str>,
    wish: Recovery,
) -> Result<(RestorePoint, Recovery), Refused> {
    let row = match point {
        Some(name) => {
            let path = std::fs::canonicalize(name).unwrap_or_else(|_| Path::new(name).to_owned());
            one.rows.iter().find(|row| row.label() == name || row.directory() == Some(&path))
        }
        None => one.newest_row(),
    };
    let point = row.and_then(CatalogEntry::point).cloned();
    let point = point.ok_or_else(|| format!("{} has no such restore point", one.spelling))?;
    let archive = one.wal.first().map(|archive| archive.directory.clone());
    if archive.is_none() && wish.standby_of.is_none() {
        return Err(format!(
            "no WAL archive of {} is known, and a backup alone goes no further than its own end: name the archive with \
             wal = of its repository in howdah.toml",
            one.spelling
        )
        .into());
    }
    Ok((point, Recovery { archive, ..wish }))
}
