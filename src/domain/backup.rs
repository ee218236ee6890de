//! A restore point: one backup of one instance, and what is known of it before it is restored.

use super::{
    ByteCount, InstanceName, Lsn, MajorVersion, SystemIdentifier, Timeline, Timestamp,
    instance::{printable, printable_name},
    restored::MarkLocation,
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// How an archive of a tar backup is packed, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// A bare tar archive.
    None,
    /// gzip, one or several members.
    Gzip,
    /// LZ4 frames, one or several.
    Lz4,
    /// Zstandard frames, one or several.
    Zstd,
}

/// The two forms that `pg_basebackup` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupForm {
    /// A data directory with a `backup_manifest` in it.
    Plain,
    /// `base.tar`, one archive a tablespace, `pg_wal.tar`, and `backup_manifest` beside them.
    Tar(Compression),
}

/// What a backup says of itself, as far as it is cheap to know without reading it whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFacts {
    /// The bytes of the files that the manifest lists: what the restored data directory takes, without WAL.
    pub size: ByteCount,
    /// The number of files that the manifest lists.
    pub files: u64,
    /// The timeline that the backup ends on.
    pub timeline: Timeline,
    /// Where replay must begin.
    pub start_lsn: Lsn,
    /// Where the cluster becomes consistent.
    pub stop_lsn: Lsn,
    /// When the backup ended (the manifest's own modification time where nothing better is stored).
    pub taken_at: Timestamp,
    /// The major version that made it, where it is cheap to know.
    pub version: Option<MajorVersion>,
    /// The cluster it came from, where it is cheap to know.
    pub system_identifier: Option<SystemIdentifier>,
}

/// One backup that can be restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePoint {
    /// The instance that was backed up.
    pub instance: InstanceName,
    /// The backup's own name: its directory below the instance, printable.
    pub label: String,
    /// Where it is read from, and by what.
    pub source: BackupSource,
    /// What it says of itself.
    pub facts: BackupFacts,
    /// The repository that it was found in; older records do not tell it.
    pub repository: Option<PathBuf>,
}

/// Where a restore point is read from. It decides which engine restores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupSource {
    /// A backup that `pg_basebackup` wrote.
    BaseBackup {
        /// The directory that holds it.
        directory: PathBuf,
        /// Plain or tar, and how the archives are packed.
        form: BackupForm,
    },
    /// An incremental backup that `pg_basebackup` wrote (17 and later): what changed since another one.
    Incremental {
        /// The directory that holds it.
        directory: PathBuf,
        /// Plain or tar, and how the archives are packed.
        form: BackupForm,
        /// What it rests on: the backup that it was made from first, the full one last.
        rests_on: Vec<ChainMember>,
    },
    /// A backup set of pgBackRest.
    PgBackRest {
        /// Its configuration, where it is not in the usual place.
        config: Option<PathBuf>,
        /// The stanza.
        stanza: String,
        /// The repository's number in the configuration.
        repository: u32,
        /// The name of the set.
        set: String,
    },
    /// A backup of Barman.
    Barman {
        /// Its configuration, where it is not in the usual place.
        config: Option<PathBuf>,
        /// The server's name there.
        server: String,
        /// The backup's id.
        id: String,
    },
}

/// A backup that an incremental one rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainMember {
    /// Its own name: its directory below the instance, printable.
    pub label: String,
    /// The directory that holds it.
    pub directory: PathBuf,
    /// Plain or tar, and how the archives are packed.
    pub form: BackupForm,
}

impl BackupSource {
    /// Where the mark of a restore from it stands. pgBackRest refuses a directory with anything in it (exit 40) and removes
    /// with `--delta` what its manifest does not list; Barman 3.19 refuses one, too, and older ones remove as much.
    pub const fn mark_location(&self) -> MarkLocation {
        match self {
            Self::BaseBackup { .. } | Self::Incremental { .. } => MarkLocation::Inside,
            Self::PgBackRest { .. } | Self::Barman { .. } => MarkLocation::Beside,
        }
    }

    /// The directory of a backup that can be read as it lies there.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::BaseBackup { directory, .. } | Self::Incremental { directory, .. } => Some(directory),
            Self::PgBackRest { .. } | Self::Barman { .. } => None,
        }
    }

    /// Every directory that a restore from it reads.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directory().into_iter().chain(self.rests_on().iter().map(|member| member.directory.as_path()))
    }

    /// What an incremental backup rests on, the full one last; nothing of any other.
    pub fn rests_on(&self) -> &[ChainMember] {
        match self {
            Self::Incremental { rests_on, .. } => rests_on,
            Self::BaseBackup { .. } | Self::PgBackRest { .. } | Self::Barman { .. } => &[],
        }
    }

    /// How it is written, where files of its own show that: `plain`, `tar+gzip`; of an incremental one with the number of
    /// backups that it rests on, `plain+2`.
    pub fn format(&self) -> Option<String> {
        match self {
            Self::BaseBackup { form, .. } => Some(form.to_string()),
            Self::Incremental { form, rests_on, .. } => Some(format!("{form}+{}", rests_on.len())),
            Self::PgBackRest { .. } | Self::Barman { .. } => None,
        }
    }
}

impl fmt::Display for BackupSource {
    /// Where it is, printable: the directory, or the engine's own names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Self::BaseBackup { directory, .. } => printable_name(directory.as_os_str()),
            Self::Incremental { directory, rests_on, .. } => {
                let below: Vec<&str> = rests_on.iter().map(|member| member.label.as_str()).collect();
                let directory = printable_name(directory.as_os_str());
                format!("{directory} (incremental, on {})", printable(&below.join(", ")))
            }
            Self::PgBackRest { stanza, repository, set, .. } => {
                printable(&format!("pgBackRest stanza {stanza}, repository {repository}, set {set}"))
            }
            Self::Barman { server, id, .. } => printable(&format!("Barman server {server}, backup {id}")),
        })
    }
}

impl BackupFacts {
    /// Takes in which cluster the backup is of, once that was read from it: who restores it need not read it again.
    pub fn learn(&mut self, cluster: Option<SystemIdentifier>) {
        self.system_identifier = self.system_identifier.or(cluster);
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}

impl fmt::Display for BackupForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.pad("plain"),
            Self::Tar(Compression::None) => f.pad("tar"),
            Self::Tar(packed) => f.pad(&format!("tar+{packed}")),
        }
    }
}
