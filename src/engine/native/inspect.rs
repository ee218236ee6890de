//! A backup looked at where it lies, for whoever provides its files in another way than by a copy.

use super::{
    archives,
    errors::Backup,
    layout::{Form, Index, Layout},
    members::{self, Members},
    plain,
    plan::{kinds, read_manifest},
    small_files,
};
use crate::{
    domain::{BackupForm, ByteCount, Failure, MajorVersion, SystemIdentifier, plan::WalFinding},
    engine::watched::{Heartbeat, watched},
    postgres::{manifest::Manifest, tarset::TarSet},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// What a backup holds.
#[derive(Debug)]
pub struct Inspected {
    /// Where it lies.
    pub directory: PathBuf,
    /// The same place whatever name it was given: links on the way are followed.
    pub real_directory: PathBuf,
    /// The checksum of its manifest, in hexadecimal digits: two backups that have the same hold the same.
    pub identity: String,
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
    /// In archives, none of which is packed.
    Members(Members),
    /// In archives, at least one of which is packed: this one.
    Packed(PathBuf),
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
    let backup = Backup::at(directory);
    let (manifest, _, _) = read_manifest(&backup, directory)?;
    let index = Index::of(&manifest);
    let layout = match form {
        BackupForm::Plain => plain::inspect(directory, &manifest, &index, heartbeat)?,
        BackupForm::Tar(_) => archives::inspect(directory, &manifest, &index, cluster, heartbeat)?,
    };
    let Layout { form, tablespaces, wal, finding, version, system_identifier, mut warnings } = layout;
    let (source, tablespaces) = match form {
        Form::Plain(tree) => {
            // A link that leads on from the backup's own directory.
            let lies = |(oid, original)| (oid, directory.join("pg_tblspc").join(original));
            let files = tree.files.into_iter().map(|file| (file.source, file.path)).collect();
            let source = Source::Plain { files, directories: tree.directories };
            (source, tablespaces.into_iter().map(lies).collect())
        }
        Form::Tar(set) => {
            let (source, more) = archived(&backup, &set, (&manifest, &index), (&tablespaces, version), heartbeat)?;
            warnings.extend(more);
            (source, tablespaces.into_iter().collect())
        }
    };
    let real_directory = directory.canonicalize().map_err(|error| backup.failure("look at", directory, &error))?;
    Ok(Inspected {
        directory: directory.to_owned(),
        real_directory,
        identity: manifest.identity(),
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

/// Where the files are that archives hold, and what a person should know of them.
fn archived(
    backup: &Backup,
    set: &TarSet,
    listed: (&Manifest, &Index),
    cluster: (&BTreeMap<u32, PathBuf>, Option<MajorVersion>),
    heartbeat: &Heartbeat,
) -> Result<(Source, Vec<String>), Failure> {
    for (archive, _) in kinds(set) {
        if !small_files::is_bare(backup, archive)? {
            return Ok((Source::Packed(archive.clone()), Vec::new()));
        }
    }
    let (members, warnings) = members::list(backup, set, listed, cluster, heartbeat)?;
    Ok((Source::Members(members), warnings))
}
