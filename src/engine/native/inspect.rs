//! A backup looked at where it lies, for whoever provides its files in another way than by a copy.

use super::{
    archives,
    errors::Backup,
    layout::{Form, Index, Layout},
    plain,
    plan::read_manifest,
};
use crate::{
    domain::{BackupForm, ByteCount, Failure, MajorVersion, SystemIdentifier, plan::WalFinding},
    engine::watched::{Heartbeat, watched},
    postgres::tarset::TarSet,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// What a backup holds.
#[derive(Debug)]
pub struct Inspected {
    /// Where it lies.
    pub directory: PathBuf,
    /// Its bytes, WAL included.
    pub bytes: ByteCount,
    /// Its files, WAL included.
    pub files: u64,
    /// Whether the WAL that it needs is there.
    pub wal: WalFinding,
    /// The bytes of one of its WAL segments, where they can be seen.
    pub segment: Option<u64>,
    /// Its major version, where that is known without unpacking it.
    pub version: Option<MajorVersion>,
    /// Its cluster, where that is known without unpacking it.
    pub system_identifier: Option<SystemIdentifier>,
    /// The checksum algorithm as the manifest names it.
    pub checksum: String,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Tablespaces with a place of their own, by OID, and where each lived or, in a plain backup, lies.
    pub tablespaces: Vec<(u32, PathBuf)>,
    /// Where its files are.
    pub source: Source,
}

/// Where the files of a backup are.
#[derive(Debug)]
pub enum Source {
    /// In directories.
    Plain {
        /// Every file that belongs to the cluster: where it is read, and its path below the data directory with each
        /// tablespace below `pg_tblspc`.
        files: Vec<(PathBuf, PathBuf)>,
        /// Every directory, by the same paths.
        directories: Vec<PathBuf>,
    },
    /// In archives.
    Tar(TarSet),
}

/// Looks through the backup, and reads no more of it than its manifest, names and sizes.
pub fn inspect(
    directory: &Path,
    form: BackupForm,
    cluster: Option<SystemIdentifier>,
    stall: Duration,
) -> Result<Inspected, Failure> {
    let (what, directory) = (directory.display().to_string(), directory.to_owned());
    watched(&what, stall, move |heartbeat| look(&directory, form, cluster, heartbeat))
}

fn look(
    directory: &Path,
    form: BackupForm,
    cluster: Option<SystemIdentifier>,
    heartbeat: &Heartbeat,
) -> Result<Inspected, Failure> {
    let (manifest, _, _) = read_manifest(&Backup::at(directory), directory)?;
    let index = Index::of(&manifest);
    let layout = match form {
        BackupForm::Plain => plain::inspect(directory, &manifest, &index, heartbeat)?,
        BackupForm::Tar(_) => archives::inspect(directory, &manifest, &index, cluster, heartbeat)?,
    };
    let Layout { form, tablespaces, wal, finding, version, system_identifier, warnings } = layout;
    let lies = |(oid, original): (u32, PathBuf)| match &form {
        // A link that leads on from the backup's own directory.
        Form::Plain(_) => (oid, directory.join("pg_tblspc").join(original)),
        Form::Tar(_) => (oid, original),
    };
    let tablespaces = tablespaces.into_iter().map(lies).collect();
    let source = match form {
        Form::Plain(tree) => Source::Plain {
            files: tree.files.into_iter().map(|file| (file.source, file.path)).collect(),
            directories: tree.directories,
        },
        Form::Tar(set) => Source::Tar(set),
    };
    Ok(Inspected {
        directory: directory.to_owned(),
        segment: wal.values().copied().max(),
        bytes: ByteCount(manifest.total_size().0 + wal.values().sum::<u64>()),
        files: (manifest.files.len() + wal.len()) as u64,
        wal: finding,
        version,
        system_identifier,
        checksum: manifest.checksum_name(),
        warnings,
        tablespaces,
        source,
    })
}
