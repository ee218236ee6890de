//! The directories that every cluster has, whether or not anything is in them.
//!
//! A backup that went through an object store, or a tool that copies files alone, has lost those that were empty. Of
//! them the server makes `pg_wal/archive_status` and `pg_wal/summaries` by itself; without `pg_commit_ts`, `pg_notify`,
//! `pg_replslot` or `pg_twophase` it does not start, and without `pg_logical/mappings` or `pg_logical/snapshots` each
//! checkpoint fails; in a tablespace without its version's directory no table can be made (seen with 13 to 18).
//!
//! Promises: the set is that of `initdb` (`subdirs` in `src/bin/initdb/initdb.c`), upper directories first. Never: names
//! a directory that the version does not know.

use crate::domain::MajorVersion;
use std::path::Path;

/// What `initdb` of 13 to 18 makes, but for `base/1`, which is never empty.
const ALWAYS: [&str; 22] = [
    "global",
    "pg_wal",
    "pg_wal/archive_status",
    "pg_commit_ts",
    "pg_dynshmem",
    "pg_notify",
    "pg_serial",
    "pg_snapshots",
    "pg_subtrans",
    "pg_twophase",
    "pg_multixact",
    "pg_multixact/members",
    "pg_multixact/offsets",
    "base",
    "pg_replslot",
    "pg_tblspc",
    "pg_stat",
    "pg_stat_tmp",
    "pg_xact",
    "pg_logical",
    "pg_logical/snapshots",
    "pg_logical/mappings",
];

/// What later versions have besides.
const SINCE: [(MajorVersion, &str); 1] = [(MajorVersion(17), "pg_wal/summaries")];

/// The catalog version of each release (`CATALOG_VERSION_NO`): a tablespace's directory is named after both.
const CATALOGS: [(MajorVersion, u32); 6] = [
    (MajorVersion(13), 202_007_201),
    (MajorVersion(14), 202_107_181),
    (MajorVersion(15), 202_209_061),
    (MajorVersion(16), 202_307_071),
    (MajorVersion(17), 202_406_281),
    (MajorVersion(18), 202_506_291),
];

/// The fixed directories of this version. Of an unknown one, those that every version has.
pub fn fixed(version: Option<MajorVersion>) -> impl Iterator<Item = &'static Path> {
    let later = SINCE.iter().filter(move |(since, _)| version.is_some_and(|version| version >= *since));
    ALWAYS.into_iter().chain(later.map(|(_, path)| *path)).map(Path::new)
}

/// The directory that this version keeps its files in, in each tablespace (`TABLESPACE_VERSION_DIRECTORY`).
pub fn of_tablespace(version: MajorVersion) -> Option<String> {
    let (_, catalog) = CATALOGS.iter().find(|(known, _)| *known == version)?;
    Some(format!("PG_{version}_{catalog}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tablespace_has_a_directory_of_its_version() {
        assert_eq!(of_tablespace(MajorVersion(15)).as_deref(), Some("PG_15_202209061"));
        assert_eq!(of_tablespace(MajorVersion(4711)), None);
    }

    #[test]
    fn a_version_has_its_own_directories_and_an_unknown_one_those_of_all() {
        let has =
            |version: Option<u32>, path: &str| fixed(version.map(MajorVersion)).any(|fixed| fixed == Path::new(path));
        for version in [None, Some(13), Some(16)] {
            assert!(has(version, "pg_notify") && !has(version, "pg_wal/summaries"), "{version:?}");
        }
        assert!(has(Some(17), "pg_wal/summaries") && has(Some(18), "pg_wal/summaries"));
    }
}
