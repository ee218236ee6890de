//! Real backups in every form that `pg_basebackup` writes, each made once for each test binary.

use super::{
    cluster::{Cluster, must, program, server_scratch, source},
    place::{copy_of, scratch},
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

/// How a backup is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Form {
    /// `plain` or `tar`.
    pub(crate) format: &'static str,
    /// As `--compress` takes it.
    pub(crate) compress: &'static str,
    /// As `--manifest-checksums` takes it.
    pub(crate) checksums: &'static str,
    /// As `-X` takes it.
    pub(crate) wal: &'static str,
}

impl Form {
    pub(crate) const PLAIN: Self = Self { format: "plain", compress: "none", checksums: "CRC32C", wal: "stream" };
    pub(crate) const TAR: Self = Self { format: "tar", ..Self::PLAIN };

    pub(crate) const fn packed(compress: &'static str) -> Self {
        Self { compress, ..Self::TAR }
    }

    pub(crate) const fn with_checksums(self, checksums: &'static str) -> Self {
        Self { checksums, ..self }
    }

    pub(crate) const fn with_wal(self, wal: &'static str) -> Self {
        Self { wal, ..self }
    }
}

/// The directory of a backup of the source cluster in this form. Shared: do not change it (see [`own`]).
pub(crate) fn backup(form: Form) -> PathBuf {
    static MADE: Mutex<BTreeMap<Form, Arc<OnceLock<PathBuf>>>> = Mutex::new(BTreeMap::new());
    let slot = Arc::clone(MADE.lock().unwrap().entry(form).or_default());
    slot.get_or_init(|| make(form)).clone()
}

fn make(form: Form) -> PathBuf {
    of_cluster(source(), form)
}

/// A backup of another cluster than the usual one.
pub(crate) fn of_cluster(cluster: &Cluster, form: Form) -> PathBuf {
    let home = server_scratch("backup");
    let directory = home.join(format!("{}-{}", form.format, form.compress));
    let mut command = program("pg_basebackup");
    command.args(cluster.connection()).arg("-D").arg(&directory).args(["-c", "fast", "--no-sync"]);
    command.arg(format!("--format={}", form.format)).args(["-X", form.wal]);
    command.arg(format!("--manifest-checksums={}", form.checksums));
    if form.compress != "none" {
        command.arg(format!("--compress={}", form.compress));
    }
    if form.format == "plain" {
        command.arg("-T").arg(format!("{}={}", cluster.tablespace.display(), home.join("tablespace").display()));
    }
    must(&mut command);
    directory
}

/// A copy of a backup for one test to change. In the plain form the tablespace is copied too and its link follows.
pub(crate) fn own(form: Form) -> PathBuf {
    let shared = backup(form);
    let copy = copy_of(&shared);
    let links = copy.join("pg_tblspc");
    for link in fs::read_dir(links).into_iter().flatten().map(Result::unwrap) {
        let moved = copy_of(&fs::read_link(link.path()).unwrap());
        fs::remove_file(link.path()).unwrap();
        symlink(moved, link.path()).unwrap();
    }
    copy
}

/// A repository that offers these backups, each as the only one of an instance, by symbolic links or by moving.
pub(crate) struct Repository(pub(crate) PathBuf);

impl Repository {
    pub(crate) fn new() -> Self {
        Self(scratch("repository"))
    }

    /// The usual one: instance `shop` with one backup `b1`, a copy that the test may change.
    pub(crate) fn of(form: Form) -> Self {
        Self::new().with("shop", "b1", &own(form))
    }

    /// Moves a backup into the repository.
    pub(crate) fn with(self, instance: &str, label: &str, backup: &Path) -> Self {
        fs::create_dir_all(self.0.join(instance)).unwrap();
        fs::rename(backup, self.0.join(instance).join(label)).unwrap();
        self
    }

    /// The directory of the usual backup.
    pub(crate) fn b1(&self) -> PathBuf {
        self.0.join("shop/b1")
    }
}
