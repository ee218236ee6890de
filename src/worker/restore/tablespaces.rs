//! Whether the restored cluster has all of its tablespaces.
//!
//! Promises: a tablespace that the cluster's own catalog names and that is not there is a warning of the end (S15). Never:
//! asks the server, which does not miss a directory before somebody reads a table in it.

use super::{Restore, version_of};
use crate::{
    domain::Success,
    postgres::{
        configure::DataDirectory,
        pg_tablespace::{self, Tablespace},
    },
};
use std::{io, path::Path};

/// A map takes 512 bytes, and a row of the catalog a hundred: there is room for thousands of tablespaces.
const MAX_LEN: u64 = 16 << 20;

/// The end of a restore, with a warning for each tablespace that is missing.
pub(in crate::worker) fn with_lost(restore: &Restore<'_>, mut success: Success) -> Success {
    let data = restore.request.target.directory();
    let version = version_of(data).ok();
    let (warnings, unchecked) = match lost(data) {
        Ok(lost) => (lost.iter().map(|one| pg_tablespace::lost(one, version)).collect(), Vec::new()),
        Err(error) => (Vec::new(), vec![format!("whether all tablespaces are there ({error})")]),
    };
    add(&mut success.warnings, warnings);
    add(&mut success.unchecked, unchecked);
    success
}

/// An attempt that only ends what an earlier one has finished has its sentences already.
fn add(said: &mut Vec<String>, sentences: Vec<String>) {
    for sentence in sentences {
        if !said.contains(&sentence) {
            said.push(sentence);
        }
    }
}

fn lost(data: &Path) -> io::Result<Vec<Tablespace>> {
    let data = DataDirectory::open(data)?;
    let (Some(catalog), Some(homes)) = (below(&data, pg_tablespace::DIRECTORY)?, below(&data, "pg_tblspc")?) else {
        return Ok(Vec::new());
    };
    let map = catalog.read(pg_tablespace::MAP_NAME, MAX_LEN)?.unwrap_or_default();
    let Some(name) = pg_tablespace::file_name(&map) else { return Ok(Vec::new()) };
    let file = catalog.read(&name, MAX_LEN)?.unwrap_or_default();
    let mut lost = pg_tablespace::tablespaces(&file);
    lost.retain(|one| !homes.path().join(one.oid.to_string()).is_dir());
    Ok(lost)
}

/// A directory of the cluster; what is no cluster lacks some.
fn below(data: &DataDirectory, name: &str) -> io::Result<Option<DataDirectory>> {
    match data.below(name) {
        Ok(directory) => Ok(Some(directory)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
