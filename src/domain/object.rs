//! The objects of backup jobs.

use super::{
    Compression, Hold, InstanceName, JobId, Keep, ObjectName, Port, Rate, instance::printable_name, point_mark::RESTIC,
};
use serde::{Deserialize, Serialize};
use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

/// The order to back up one object. The run of its job is the session's parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupOrder {
    /// The job's name.
    pub job: InstanceName,
    /// The run of the job; 0 where none was told.
    pub run: JobId,
    /// The run's name outside this state directory.
    pub run_uuid: Uuid,
    /// What is backed up.
    pub object: BackupObject,
    /// The repository that takes the restore point; `None` for objects that have none.
    pub repository: Option<PathBuf>,
    /// The most bytes a second; `None` is as fast as it goes.
    pub max_rate: Option<Rate>,
    /// What stays of the job's older restore points once the new one is made; `None` is all. Records of version 3 do not
    /// tell it.
    pub keep: Option<Keep>,
}

/// One object of a backup job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupObject {
    /// A PostgreSQL server, backed up by `pg_basebackup`.
    Instance {
        /// Its name in the job.
        name: InstanceName,
        /// How it is reached. Never: holds a password.
        conninfo: String,
        /// Where the password comes from.
        password: PasswordSource,
        /// Whether archives are written, and how they are packed; a plain directory when `None`.
        tar: Option<Compression>,
        /// The manifest's checksum algorithm.
        checksums: String,
        /// The replication slot, which is there already; a temporary one when `None`.
        slot: Option<String>,
    },
    /// A virtual machine of libvirt.
    VirtualMachine {
        /// Its name in the job.
        name: InstanceName,
        /// Its libvirt domain.
        domain: String,
        /// The libvirt connection.
        uri: String,
        /// So many increments are made on a full backup, at the most. Older records do not tell it.
        #[serde(default = "full_every")]
        full_every: NonZeroU32,
    },
    /// A tree of files, backed up by restic.
    FileTree {
        /// Its name in the job.
        name: InstanceName,
        /// Its directory.
        path: PathBuf,
        /// The patterns that are left out.
        exclude: Vec<String>,
        /// The file that holds the password of the restic repository.
        password_file: Option<PathBuf>,
    },
    /// A PostgreSQL server and the standby that follows it.
    Standby {
        /// Its name in the job.
        name: InstanceName,
        /// How the primary is reached, by howdah and by the standby. Never: holds a password.
        conninfo: String,
        /// Where the password comes from; records of version 3 do not tell it. Never: a command, which the standby cannot
        /// run.
        #[serde(default)]
        password: PasswordSource,
        /// The standby's data directory.
        directory: PathBuf,
        /// The standby's port.
        port: Port,
        /// The physical replication slot.
        slot: String,
        /// The replay lag below which the run is done.
        max_lag: Duration,
    },
    /// Files or directories that are copied.
    FileCopy {
        /// Its name in the job.
        name: InstanceName,
        /// What is copied.
        path: PathBuf,
        /// The directory that takes the copy, under the name that it has at its source.
        target: PathBuf,
    },
    /// The restore points of an instance, copied to a second repository.
    PointCopy {
        /// Its name in the job.
        name: InstanceName,
        /// The instance.
        instance: InstanceName,
        /// The repository that they are copied from.
        from: PathBuf,
    },
}

/// Where the password of a connection comes from. Never: the password itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordSource {
    /// None is needed, or libpq finds one by itself: in the user's own password file, or in that of `conninfo`.
    #[default]
    None,
    /// A password file as libpq reads it.
    Passfile(PathBuf),
    /// The first line that this program prints; the program and its arguments, without a shell.
    Command(Vec<String>),
}

/// A full backup after so many increments, where the settings say nothing: two weeks of nightly runs.
pub const FULL_EVERY: NonZeroU32 = NonZeroU32::new(14).expect("it is more than 0");

const fn full_every() -> NonZeroU32 {
    FULL_EVERY
}

impl BackupOrder {
    /// The directory of the object's restore points; `None` without a repository, and where the object's name is none
    /// that a directory may have.
    pub fn folder(&self) -> Option<PathBuf> {
        /// Names beside it have to hold it and a little more (`NAME_MAX` is 255).
        const MAX_LEN: usize = 200;
        let name = self.object.folder_name().as_str();
        let by_restic = matches!(self.object, BackupObject::FileTree { .. });
        // An instance and a tree of one name do not come into each other's way (S14).
        let is_free = by_restic || !name.ends_with(RESTIC);
        let is_name = is_free && !name.starts_with('.') && !name.contains(['/', '\\']) && name.len() <= MAX_LEN;
        let folder = if by_restic { format!("{name}{RESTIC}") } else { name.to_owned() };
        self.repository.as_deref().filter(|_| is_name).map(|repository| repository.join(folder))
    }

    /// The name that a session's checkpoint has at what is backed up, where one stands there under a name of ours: a thing
    /// that an aborted backup leaves behind.
    pub fn checkpoint_name(&self, session: Uuid) -> Option<String> {
        /// libvirt makes a file of that name (`NAME_MAX` is 255), and a UUID follows.
        const MAX_JOB_LEN: usize = 100;
        let safe = |letter: char| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '_' };
        match &self.object {
            BackupObject::VirtualMachine { .. } => {
                let job: String = self.job.as_str().chars().map(safe).take(MAX_JOB_LEN).collect();
                Some(format!("howdah-{job}-{session}"))
            }
            BackupObject::Instance { .. }
            | BackupObject::FileTree { .. }
            | BackupObject::Standby { .. }
            | BackupObject::FileCopy { .. }
            | BackupObject::PointCopy { .. } => None,
        }
    }

    /// Where its data goes: the repository, or what takes the copy.
    pub fn directory(&self) -> Option<&Path> {
        match &self.object {
            BackupObject::FileCopy { target, .. } => Some(target),
            BackupObject::Standby { directory, .. } => Some(directory),
            BackupObject::Instance { .. }
            | BackupObject::VirtualMachine { .. }
            | BackupObject::FileTree { .. }
            | BackupObject::PointCopy { .. } => self.repository.as_deref(),
        }
    }

    /// The port of the server that it makes, where it makes one.
    pub const fn port(&self) -> Option<Port> {
        match &self.object {
            BackupObject::Standby { port, .. } => Some(*port),
            BackupObject::Instance { .. }
            | BackupObject::VirtualMachine { .. }
            | BackupObject::FileTree { .. }
            | BackupObject::FileCopy { .. }
            | BackupObject::PointCopy { .. } => None,
        }
    }

    /// What no other session may have meanwhile: the directory of the object's restore points, so that the exclusion
    /// holds for all state directories, users and machines that share the repository; where there is none, the object.
    pub fn holds(&self) -> Vec<Hold> {
        let object = |name: String| vec![Hold::Object(ObjectName::new(&name))];
        match &self.object {
            BackupObject::Instance { name, .. } | BackupObject::PointCopy { name, .. } => {
                self.folder().map_or_else(|| object(format!("backup:{name}")), |folder| vec![Hold::Directory(folder)])
            }
            BackupObject::VirtualMachine { domain, uri, .. } => {
                let folder = self.folder().map(Hold::Directory);
                object(format!("vm:{uri}:{domain}")).into_iter().chain(folder).collect()
            }
            BackupObject::FileTree { path, .. } => {
                let tree = object(format!("files:{}", printable_name(path.as_os_str())));
                self.folder().map(Hold::Directory).into_iter().chain(tree).collect()
            }
            BackupObject::Standby { directory, port, .. } => {
                vec![Hold::Directory(directory.clone()), Hold::Port(*port)]
            }
            BackupObject::FileCopy { path, target, .. } => {
                vec![Hold::Directory(path.file_name().map_or_else(|| target.clone(), |name| target.join(name)))]
            }
        }
    }
}

impl BackupObject {
    /// Its name in the job.
    pub const fn name(&self) -> &InstanceName {
        match self {
            Self::Instance { name, .. }
            | Self::VirtualMachine { name, .. }
            | Self::FileTree { name, .. }
            | Self::Standby { name, .. }
            | Self::FileCopy { name, .. }
            | Self::PointCopy { name, .. } => name,
        }
    }

    /// The name of its directory in a repository: copied restore points stand under their instance's.
    const fn folder_name(&self) -> &InstanceName {
        match self {
            Self::PointCopy { instance, .. } => instance,
            Self::Instance { .. }
            | Self::VirtualMachine { .. }
            | Self::FileTree { .. }
            | Self::Standby { .. }
            | Self::FileCopy { .. } => self.name(),
        }
    }
}

/// Whether a replication slot may have this name (`ReplicationSlotValidateName`; one byte of `NAMEDATALEN` ends it).
pub fn is_slot_name(name: &str) -> bool {
    const MAX_LEN: usize = 63;
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.len() <= MAX_LEN && name.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(name: &str, repository: Option<&str>) -> BackupOrder {
        let object = BackupObject::Instance {
            name: InstanceName::new(name),
            conninfo: "host=a".to_owned(),
            password: PasswordSource::None,
            tar: None,
            checksums: "CRC32C".to_owned(),
            slot: None,
        };
        let (job, run, run_uuid) = (InstanceName::new("nightly"), JobId(1), Uuid::nil());
        let repository = repository.map(PathBuf::from);
        BackupOrder { job, run, run_uuid, object, repository, max_rate: None, keep: None }
    }

    #[test]
    fn s09_an_object_holds_its_directory_in_the_repository() {
        let holds = |name, repository| order(name, repository).holds();
        assert_eq!(holds("shop", Some("/backup")), [Hold::Directory("/backup/shop".into())]);
        assert!(!holds("shop", Some("/a"))[0].clashes(&holds("shop", Some("/b"))[0]), "two repositories");
        assert!(matches!(holds("shop", None)[..], [Hold::Object(_)]));
    }

    #[test]
    fn the_name_of_a_checkpoint_is_one_that_libvirt_takes() {
        let machine = |job: &str| {
            let (name, domain, uri) = (InstanceName::new("a"), "vm-a".to_owned(), "qemu:///system".to_owned());
            let object = BackupObject::VirtualMachine { name, domain, uri, full_every: FULL_EVERY };
            BackupOrder { job: InstanceName::new(job), object, ..order("a", Some("/backup")) }
        };
        let name = |job: &str| machine(job).checkpoint_name(Uuid::nil()).unwrap_or_default();
        assert_eq!(name("a b/\u{fc}"), format!("howdah-a_b__-{}", Uuid::nil()));
        assert!(name(&"x".repeat(500)).len() < 200);
        assert_eq!(order("a", Some("/backup")).checkpoint_name(Uuid::nil()), None);
        let holds = machine("n").holds();
        assert_eq!(holds.len(), 2, "the machine, and the directory of its points: {holds:?}");
    }

    #[test]
    fn the_order_of_a_standby_has_the_port_that_it_holds() {
        let (name, port) = (InstanceName::new("a"), Port::new(5433).expect("a port"));
        let (directory, slot) = (PathBuf::from("/srv/standby"), "a".to_owned());
        let (conninfo, password, max_lag) = (String::new(), PasswordSource::None, Duration::from_secs(1));
        let object = BackupObject::Standby { name, conninfo, password, directory, port, slot, max_lag };
        let standby = BackupOrder { object, ..order("a", None) };
        assert!(standby.holds().contains(&Hold::Port(port)));
        assert_eq!(crate::domain::Order::Backup(standby).port(), Some(port));
        assert_eq!(order("a", None).port(), None);
    }

    #[test]
    fn a_name_that_leads_elsewhere_has_no_directory() {
        for name in [".", "..", ".incoming-x", "a/b", "/etc", "a\u{1b}b", &"x".repeat(201)] {
            assert_eq!(order(name, Some("/backup")).folder(), None, "{name}");
        }
        assert_eq!(order("größe", Some("/backup")).folder(), Some("/backup/größe".into()));
    }

    #[test]
    fn s14_an_instance_and_a_tree_of_one_name_have_two_directories() {
        let tree = |name: &str| {
            let (path, name) = ("/home".into(), InstanceName::new(name));
            let object = BackupObject::FileTree { name, path, exclude: Vec::new(), password_file: None };
            BackupOrder { object, ..order("x", Some("/backup")) }
        };
        assert_eq!(tree("shop").folder(), Some("/backup/shop.restic".into()));
        assert_eq!(order("shop.restic", Some("/backup")).folder(), None);
        assert_eq!(tree("..").folder(), None);
        let [one, other] = ["shop", "crm"].map(|name| tree(name).holds());
        assert!(one.iter().zip(&other).any(|(one, other)| one.clashes(other)), "the same tree");
        assert_eq!(one[0], Hold::Directory("/backup/shop.restic".into()));
    }
}
