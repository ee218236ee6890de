//! Where the PostgreSQL programs of one major version are.
//!
//! Promises: a directory counts only when its `postgres`, run as the user that will run the server, reports that it is
//! of that version. Never: takes a near version, since a data directory belongs to one major version.

use super::{
    account::{Account, bare},
    command_output::{LIMIT, command_output},
};
use crate::domain::{MajorVersion, WorkerSettings};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
    thread,
};

/// The programs of one major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    directory: PathBuf,
    version: MajorVersion,
}

/// No directory has the programs of this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoBinaries {
    version: MajorVersion,
    looked: Vec<PathBuf>,
}

/// A directory with a server program in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The directory.
    pub directory: PathBuf,
    /// Its major version; `None` when the program does not report it to the user that would run it.
    pub version: Option<MajorVersion>,
}

/// Every directory with a server program, of whatever version, in the order in which [`Binaries::find`] looks.
pub fn installed(settings: &WorkerSettings, search_path: Option<&OsStr>, account: Option<&Account>) -> Vec<Installed> {
    let places = places(every_usual_place(), settings, search_path);
    let places: Vec<PathBuf> = places.filter(|place| place.join("postgres").is_file()).collect();
    // Each may be slow to answer; together they take no longer than the slowest.
    thread::scope(|scope| {
        let asked =
            |directory: PathBuf| scope.spawn(move || Installed { version: major_of(&directory, account), directory });
        let asked: Vec<_> = places.into_iter().map(asked).collect();
        asked.into_iter().filter_map(|answer| answer.join().ok()).collect()
    })
}

impl Binaries {
    /// Looks in the settings' directories, the usual places, where `pg_config` points, and along `search_path`.
    /// Without an account the programs are only asked their version, which they report to root too.
    pub fn find(
        version: MajorVersion,
        settings: &WorkerSettings,
        search_path: Option<&OsStr>,
        account: Option<&Account>,
    ) -> Result<Self, NoBinaries> {
        let mut looked = Vec::new();
        for directory in places(usual_places(version).to_vec(), settings, search_path) {
            if major_of(&directory, account) == Some(version) {
                return Ok(Self { directory, version });
            }
            looked.push(directory);
        }
        Err(NoBinaries { version, looked })
    }

    /// The directory that holds them.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Their major version.
    pub fn version(&self) -> MajorVersion {
        self.version
    }

    /// The server program.
    pub fn postgres(&self) -> PathBuf {
        self.directory.join("postgres")
    }
}

impl fmt::Display for NoBinaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let looked: Vec<String> = self.looked.iter().map(|place| place.display().to_string()).collect();
        write!(
            f,
            "no PostgreSQL {} programs are on this machine (looked in {}): install them, or name their directory \
             with the setting binaries",
            self.version,
            looked.join(", ")
        )
    }
}

/// Where packages put a version: Debian's and PGDG's for apt, then PGDG's for yum and dnf.
fn usual_places(version: MajorVersion) -> [PathBuf; 2] {
    [format!("/usr/lib/postgresql/{version}/bin").into(), format!("/usr/pgsql-{version}/bin").into()]
}

/// The usual places of every version that has any of them, oldest first.
fn every_usual_place() -> Vec<PathBuf> {
    let names = |directory| std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let number =
        |name: &OsStr| name.to_str().map(|name| name.trim_start_matches("pgsql-")).and_then(|n| n.parse().ok());
    let found =
        names("/usr/lib/postgresql").chain(names("/usr").filter(|name| name.as_encoded_bytes().starts_with(b"pgsql-")));
    let versions: BTreeSet<u32> = found.filter_map(|name| number(&name)).collect();
    versions.into_iter().map(MajorVersion).flat_map(usual_places).collect()
}

/// All places to look, in order, each once. `pg_config` is a script in places, and started only by whoever looks so far.
fn places<'a>(
    usual: Vec<PathBuf>,
    settings: &'a WorkerSettings,
    search_path: Option<&OsStr>,
) -> impl Iterator<Item = PathBuf> + use<'a> {
    let wished = settings.binaries.iter().flat_map(|wish| [wish.clone(), wish.join("bin")]);
    let along: Vec<PathBuf> = search_path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let with_server: Vec<PathBuf> =
        along.iter().filter(|directory| directory.join("postgres").is_file()).cloned().collect();
    let asked = along.into_iter().filter_map(|directory| asked_of_pg_config(&directory));
    let mut seen = BTreeSet::new();
    let is_new = move |place: &PathBuf| place.is_absolute() && seen.insert(place.clone());
    wished.chain(usual).chain(asked).chain(with_server).filter(is_new)
}

/// What the `pg_config` of this directory reports, if there is one.
fn asked_of_pg_config(directory: &Path) -> Option<PathBuf> {
    let program = directory.join("pg_config");
    if !directory.is_absolute() || !program.is_file() {
        return None;
    }
    command_output(bare(program).arg("--bindir"), LIMIT).ok().map(|text| PathBuf::from(text.trim_end()))
}

/// The major version of the server program in this directory, if this user can run it.
fn major_of(directory: &Path, account: Option<&Account>) -> Option<MajorVersion> {
    let program = directory.join("postgres");
    if !program.is_file() {
        return None;
    }
    let mut command = account.map_or_else(|| bare(&program), |account| account.command(&program));
    parse(&command_output(command.arg("--version"), LIMIT).ok()?)
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `postgres (PostgreSQL) 19devel`.
fn parse(text: &str) -> Option<MajorVersion> {
    let number = text.strip_prefix("postgres (PostgreSQL) ")?;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..digits].parse().ok().map(MajorVersion)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn fake(root: &Path, name: &str, says: &str) -> PathBuf {
        let directory = root.join(name);
        std::fs::create_dir_all(&directory).unwrap();
        for path in [root, &directory] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let program = directory.join("postgres");
        std::fs::write(&program, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        directory
    }

    #[test]
    fn the_version_line_is_read_as_postgresql_writes_it() {
        assert_eq!(parse("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(MajorVersion(15)));
        assert_eq!(parse("postgres (PostgreSQL) 19devel\n"), Some(MajorVersion(19)));
        assert_eq!(parse("postgres (EnterpriseDB) 15\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn only_the_same_major_version_is_taken_and_the_settings_come_first() {
        let root = tempfile::tempdir().unwrap();
        let wrong = fake(root.path(), "wrong", "postgres (PostgreSQL) 98.1");
        let right = fake(root.path(), "right", "postgres (PostgreSQL) 99.2");
        let settings = WorkerSettings { binaries: vec![wrong.clone(), right.clone()], ..WorkerSettings::default() };
        let account = Account::for_server("postgres").unwrap_or_else(|_| Account::for_server("nobody").unwrap());
        let found = Binaries::find(MajorVersion(99), &settings, None, Some(&account)).unwrap();
        assert_eq!(found.directory(), right);

        let asking = root.path().join("asking");
        let pg_config = fake(&asking, "bin", "").join("pg_config");
        std::fs::write(&pg_config, format!("#!/bin/sh\ntouch '{}/asked'\n", asking.display())).unwrap();
        std::fs::set_permissions(&pg_config, std::fs::Permissions::from_mode(0o755)).unwrap();
        let slow = std::env::join_paths([pg_config.parent().unwrap()]).unwrap();
        Binaries::find(MajorVersion(99), &settings, Some(&slow), Some(&account)).unwrap();
        assert!(!asking.join("asked").exists(), "they were found before");
        Binaries::find(MajorVersion(97), &settings, Some(&slow), Some(&account)).unwrap_err();
        assert!(asking.join("asked").exists());

        let along = std::env::join_paths([&wrong]).unwrap();
        let found = Binaries::find(MajorVersion(98), &WorkerSettings::default(), Some(&along), Some(&account)).unwrap();
        assert_eq!(found.directory(), wrong);

        let silent = fake(root.path(), "silent", "");
        let wishes = WorkerSettings { binaries: vec![right.clone(), silent.clone()], ..WorkerSettings::default() };
        let all = installed(&wishes, Some(&along), Some(&account));
        let version =
            |directory: &PathBuf| all.iter().find(|place| place.directory == *directory).map(|place| place.version);
        assert_eq!(all[0].directory, right);
        assert_eq!(version(&right), Some(Some(MajorVersion(99))));
        assert_eq!(version(&wrong), Some(Some(MajorVersion(98))));
        assert_eq!(version(&silent), Some(None));
        assert_eq!(version(&root.path().to_path_buf()), None);

        let none = Binaries::find(MajorVersion(97), &settings, None, Some(&account)).unwrap_err().to_string();
        assert!(none.contains("PostgreSQL 97") && none.contains("/usr/lib/postgresql/97/bin"), "{none}");
    }
}
