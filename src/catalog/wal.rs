//! The WAL archives of an instance: those that the settings name, and those that are found by themselves.
//!
//! Promises: what stands in an instance's folder or in the configuration of its backup counts only as far as no segment in
//! it is of another cluster, and the latter only once one is seen to be of this one. Never: reads an archive whole, or
//! looks into one that the settings name, which may be away.

use super::model::{Access, CatalogEntry};
use crate::{
    archive::{ArchiveFile, file},
    domain::{ArchiveOrigin, BackupForm, BackupSource, RestorePoint, SystemIdentifier, WalArchive},
    postgres::archive_command,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The names of folders beside the backups.
const BESIDE: [&str; 2] = ["wal", "wal_archive"];

/// What stands for the instance's folder in the setting.
const INSTANCE: &str = "{instance}";

/// Entries of a directory that are looked at for a segment.
const MAX_ENTRIES: usize = 1_000;

/// Segments whose header is read.
const MAX_HEADERS: usize = 3;

/// The archives of an instance with these backups, the one to take first before the others.
pub(super) fn archives(
    repository: &Path,
    folder: &Path,
    rows: &[CatalogEntry],
    cluster: Option<SystemIdentifier>,
    access: &Access,
) -> Vec<WalArchive> {
    let mut found: Vec<WalArchive> = Vec::new();
    let mut add = |directory: PathBuf, origin| {
        let is_new = || found.iter().all(|one| one.directory != directory);
        // A path that is no text cannot be written down for others.
        if directory.to_str().is_some() && is_new() {
            found.push(WalArchive { directory, origin });
        }
    };
    if let Some(template) = access.wal.get(repository) {
        add(named(template, folder), ArchiveOrigin::Setting);
    }
    // A backup that lies in the repository itself is its own folder.
    for directory in BESIDE.iter().map(|name| folder.join(name)).filter(|_| folder != repository) {
        // One foreign segment among its own hides no archive; replay does not take it.
        let found = clusters_of(&directory);
        let is_other = || !found.is_empty() && cluster.is_some_and(|own| !found.contains(&own));
        if fs::symlink_metadata(&directory).is_ok_and(|about| about.is_dir()) && !is_other() {
            add(directory, ArchiveOrigin::Beside);
        }
    }
    let newest = rows.iter().filter_map(CatalogEntry::point).find_map(plain_directory);
    if let Some(directory) = newest.and_then(archive_command::directory_in)
        && cluster.is_some_and(|own| clusters_of(&directory).contains(&own))
    {
        add(directory, ArchiveOrigin::ArchiveCommand);
    }
    found
}

/// The directory that the setting means for an instance.
fn named(template: &Path, folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default();
    let part = |part: &std::ffi::OsStr| match part.to_str().and_then(|text| text.split_once(INSTANCE)) {
        Some((before, behind)) => {
            let mut whole = std::ffi::OsString::from(before);
            whole.push(name);
            whole.push(behind);
            whole
        }
        None => part.to_owned(),
    };
    template.iter().map(part).collect()
}

fn plain_directory(point: &RestorePoint) -> Option<&Path> {
    match &point.source {
        BackupSource::BaseBackup { directory, form: BackupForm::Plain }
        | BackupSource::Incremental { directory, form: BackupForm::Plain, .. } => Some(directory),
        BackupSource::BaseBackup { form: BackupForm::Tar(_), .. }
        | BackupSource::Incremental { form: BackupForm::Tar(_), .. }
        | BackupSource::PgBackRest { .. }
        | BackupSource::Barman { .. } => None,
    }
}

/// The clusters that the first segments found in a directory are of.
fn clusters_of(directory: &Path) -> Vec<SystemIdentifier> {
    let entries = fs::read_dir(directory).into_iter().flatten().take(MAX_ENTRIES).flatten();
    let segments = entries.filter(|entry| {
        let name = entry.file_name();
        matches!(name.to_str().and_then(ArchiveFile::parse), Some(ArchiveFile::Segment { .. }))
    });
    let header = |path: PathBuf| file::header(&path).ok()?.ok();
    let headers = segments.take(MAX_HEADERS).filter_map(|entry| header(entry.path()));
    headers.map(|header| header.system_identifier).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_an_instance_stands_where_the_setting_says() {
        let of = |template: &str| named(Path::new(template), Path::new("/srv/backup/shop"));
        assert_eq!(of("/srv/wal/{instance}"), Path::new("/srv/wal/shop"));
        assert_eq!(of("/srv/{instance}-wal/x"), Path::new("/srv/shop-wal/x"));
        assert_eq!(of("/srv/wal"), Path::new("/srv/wal"));
    }
}
