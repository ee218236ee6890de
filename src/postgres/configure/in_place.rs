//! Tablespaces inside the data directory: a server does not finish recovery beside one unless it is allowed to
//! (`CheckTablespaceDirectory` in `src/backend/access/transam/xlogrecovery.c`), and the source may have allowed it for a
//! role or a session only.

use super::{
    DataDirectory,
    block::{Setting, setting},
};
use std::{fs, io};

/// The version that came with such tablespaces; older servers do not know the setting.
const SINCE: u32 = 15;

/// `PG_VERSION` holds a number and a line feed.
const MAX_VERSION_LEN: u64 = 64;

/// The setting that lets this cluster finish recovery, where it has such a tablespace.
pub(super) fn allowed(place: &DataDirectory) -> io::Result<Option<Setting>> {
    let version = place.read("PG_VERSION", MAX_VERSION_LEN)?.unwrap_or_default();
    let version = String::from_utf8_lossy(&version).trim().parse::<u32>();
    let is_needed = version.is_ok_and(|version| version >= SINCE) && has_one(place)?;
    Ok(is_needed.then(|| setting("allow_in_place_tablespaces", "on")))
}

fn has_one(place: &DataDirectory) -> io::Result<bool> {
    let entries = match fs::read_dir(place.path().join("pg_tblspc")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    for entry in entries {
        // The type of the entry itself: a tablespace elsewhere is a link.
        if entry?.file_type()?.is_dir() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_tablespace_inside_is_allowed_where_there_is_one() {
        let data = tempfile::tempdir().unwrap();
        let place = DataDirectory::open(data.path()).unwrap();
        let is_allowed = || allowed(&place).unwrap().is_some();
        assert!(!is_allowed(), "no cluster at all");
        fs::write(data.path().join("PG_VERSION"), "15\n").unwrap();
        fs::create_dir(data.path().join("pg_tblspc")).unwrap();
        symlink("/srv/ts", data.path().join("pg_tblspc/16384")).unwrap();
        assert!(!is_allowed(), "this one lies elsewhere");
        fs::create_dir(data.path().join("pg_tblspc/16385")).unwrap();
        assert_eq!(allowed(&place).unwrap(), Some(("allow_in_place_tablespaces", b"on".to_vec())));
        fs::write(data.path().join("PG_VERSION"), "14\n").unwrap();
        assert!(!is_allowed(), "a server of 14 would not start with it");
    }
}
