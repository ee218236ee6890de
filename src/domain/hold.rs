//! What a session holds from its order to its end, so that no other one works there (S9).

use super::{
    ClusterRestore, ItemDestination, Order, Port, RestoreOrder, ServerWish,
    instance::{printable, printable_name},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// One thing that only one session may have at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// A directory with all that is below it: a data directory, or the home of a tablespace.
    Directory(PathBuf),
    /// A TCP port of this machine.
    Port(Port),
    /// Something that has neither: a server, a virtual machine, a tree that is backed up.
    Object(ObjectName),
}

/// What identifies an object that is held: its kind, and how it is reached; printable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectName(String);

/// A directory that a session holds, and the file system that it was on when it was claimed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeldDirectory {
    /// The directory; it need not exist yet.
    pub directory: PathBuf,
    /// The file system that it is on, or will be.
    pub filesystem: Filesystem,
}

/// By what a file system is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Filesystem {
    /// The number of its device while the machine runs. A network or btrfs mount may get another one each time.
    pub device: u64,
    /// The run of the kernel in which the device has this number; `None` where the system does not tell.
    pub boot: Option<Uuid>,
    /// What it calls itself (statvfs(3), `f_fsid`): stays for ext4, XFS and btrfs; 0 where it says nothing.
    pub id: u64,
    /// Its kind (statfs(2), `f_type`).
    pub kind: u64,
}

impl Filesystem {
    /// Whether the two are one, as far as can be told: by the device while the machine runs, else by its own name.
    pub fn is(&self, other: &Self) -> bool {
        let same_device = self.boot.is_some() && self.boot == other.boot && self.device == other.device;
        same_device || (self.id != 0 && (self.id, self.kind) == (other.id, other.kind))
    }
}

impl Hold {
    /// Whether two sessions cannot have both: the same port, the same directory, or one directory in the other.
    pub fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory(one), Self::Directory(other)) => one.starts_with(other) || other.starts_with(one),
            (Self::Port(one), Self::Port(other)) => one == other,
            (Self::Object(one), Self::Object(other)) => one == other,
            (Self::Directory(_), Self::Port(_) | Self::Object(_))
            | (Self::Port(_), Self::Directory(_) | Self::Object(_))
            | (Self::Object(_), Self::Directory(_) | Self::Port(_)) => false,
        }
    }

    /// The directory, if it is one.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Port(_) | Self::Object(_) => None,
        }
    }
}

impl Order {
    /// All that the session holds from its start to its end. What it only reads it does not hold.
    pub fn holds(&self) -> Vec<Hold> {
        match self {
            Self::Restore(RestoreOrder::Cluster(order)) => order.holds(),
            Self::Restore(RestoreOrder::VirtualMachine(order)) => vec![
                Hold::Directory(order.directory.clone()),
                Hold::Object(ObjectName::new(&format!("vm:{}:{}", order.uri, order.name))),
            ],
            Self::Restore(RestoreOrder::Files(order)) => vec![Hold::Directory(order.directory.clone())],
            Self::Verify(_) => Vec::new(),
            Self::Explore(order) => {
                let scratch = Hold::Directory(order.scratch.clone());
                std::iter::once(scratch).chain(order.port.map(Hold::Port)).collect()
            }
            Self::Items(order) => match &order.to {
                ItemDestination::Dump { directory } => vec![Hold::Directory(directory.clone())],
                ItemDestination::Server { .. } => Vec::new(),
            },
            Self::Backup(order) => order.holds(),
        }
    }
}

impl ClusterRestore {
    /// The data directory, the directory of the tablespaces that the order does not name, the homes of those that it
    /// names, and the port. A restore of files alone needs no port.
    pub fn holds(&self) -> Vec<Hold> {
        let target = &self.target;
        let named = target.tablespaces().values().cloned();
        let directories = [target.directory().to_owned(), target.tablespace_parent()].into_iter().chain(named);
        let port = (self.server != ServerWish::FilesOnly).then(|| Hold::Port(target.port()));
        directories.map(Hold::Directory).chain(port).collect()
    }
}

impl ObjectName {
    /// The name, escaped so that it can be shown anywhere.
    pub fn new(raw: &str) -> Self {
        Self(printable(raw))
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => f.write_str(&printable_name(directory.as_os_str())),
            Self::Port(port) => write!(f, "port {port}"),
            Self::Object(name) => f.write_str(name.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s09_directories_clash_when_one_lies_in_the_other() {
        let directory = |path: &str| Hold::Directory(path.into());
        let port = |number| Hold::Port(Port::new(number).expect("a port"));
        let object = |name| Hold::Object(ObjectName::new(name));
        for (one, other, clash) in [
            (directory("/srv/a"), directory("/srv/a"), true),
            (directory("/srv/a"), directory("/srv/a/b"), true),
            (directory("/srv/a/b"), directory("/srv/a"), true),
            (directory("/srv/a"), directory("/srv/ab"), false),
            (port(5433), port(5433), true),
            (port(5433), port(5434), false),
            (directory("/srv/a"), port(5433), false),
            (object("vm:qemu:///system:a"), object("vm:qemu:///system:a"), true),
            (object("vm:qemu:///system:a"), object("vm:qemu:///system:b"), false),
            (object("/srv/a"), directory("/srv/a"), false),
            (object("port 5433"), port(5433), false),
        ] {
            assert_eq!((one.clashes(&other), other.clashes(&one)), (clash, clash), "{one} {other}");
        }
    }

    #[test]
    fn a_file_system_is_known_again_by_its_device_while_the_machine_runs_and_by_its_own_name_after() {
        let boot = Some(Uuid::from_u128(1));
        let disk = Filesystem { device: 5, boot, id: 77, kind: 0xEF53 };
        let rebooted = Filesystem { boot: Some(Uuid::from_u128(2)), device: 9, ..disk };
        assert!(disk.is(&disk) && disk.is(&rebooted) && rebooted.is(&disk));
        let beneath = Filesystem { device: 1, id: 3, ..disk };
        assert!(!disk.is(&beneath) && !rebooted.is(&beneath));
        let nameless = Filesystem { id: 0, ..disk };
        assert!(
            nameless.is(&nameless) && !nameless.is(&Filesystem { id: 0, ..rebooted }),
            "it tells nothing of itself"
        );
    }
}
