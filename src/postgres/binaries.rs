//! Where the PostgreSQL programs of one major version are.
//!
//! Promises: a directory counts only when its `postgres`, run as the user that will run the server, says that it is of
//! that version. Never: it does not take a near version, since a data directory belongs to one major version.

use super::account::{Account, bare};
use crate::domain::{MajorVersion, WorkerSettings};
use std::{
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
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

impl Binaries {
    /// Looks in the settings' directories, the usual places, where `pg_config` points, and along `search_path`.
    /// Without an account the programs are only asked their version, which they tell to root too.
    pub fn find(
        version: MajorVersion,
        settings: &WorkerSettings,
        search_path: Option<&OsStr>,
        account: Option<&Account>,
    ) -> Result<Self, NoBinaries> {
        let looked = places(version, settings, search_path);
        let found = looked.iter().find(|place| major_of(place, account) == Some(version)).cloned();
        found.map(|directory| Self { directory, version }).ok_or(NoBinaries { version, looked })
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

/// All places to look, in order, each once.
fn places(version: MajorVersion, settings: &WorkerSettings, search_path: Option<&OsStr>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    let mut add = |place: PathBuf| {
        if place.is_absolute() && !places.contains(&place) {
            places.push(place);
        }
    };
    for wish in &settings.binaries {
        add(wish.clone());
        add(wish.join("bin"));
    }
    // Debian's and PGDG's packages for apt, then PGDG's for yum and dnf.
    add(PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    add(PathBuf::from(format!("/usr/pgsql-{version}/bin")));
    let along: Vec<PathBuf> = search_path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    for directory in &along {
        if let Some(place) = asked_of_pg_config(directory) {
            add(place);
        }
    }
    along.into_iter().filter(|directory| directory.join("postgres").is_file()).for_each(add);
    places
}

/// What the `pg_config` of this directory says, if there is one.
fn asked_of_pg_config(directory: &Path) -> Option<PathBuf> {
    let program = directory.join("pg_config");
    if !directory.is_absolute() || !program.is_file() {
        return None;
    }
    let output = bare(program).arg("--bindir").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim_end()))
}

/// The major version of the server program in this directory, if this user can run it.
fn major_of(directory: &Path, account: Option<&Account>) -> Option<MajorVersion> {
    let program = directory.join("postgres");
    if !program.is_file() {
        return None;
    }
    let mut command = account.map_or_else(|| bare(&program), |account| account.command(&program));
    let output = command.arg("--version").output().ok()?;
    output.status.success().then_some(())?;
    parse(&String::from_utf8_lossy(&output.stdout))
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

        let along = std::env::join_paths([&wrong]).unwrap();
        let found = Binaries::find(MajorVersion(98), &WorkerSettings::default(), Some(&along), Some(&account)).unwrap();
        assert_eq!(found.directory(), wrong);

        let none = Binaries::find(MajorVersion(97), &settings, None, Some(&account)).unwrap_err().to_string();
        assert!(none.contains("PostgreSQL 97") && none.contains("/usr/lib/postgresql/97/bin"), "{none}");
    }
}
