//! An isolated server: one that only we can reach, whatever its own configuration says.
//!
//! Promises: no TCP unless it is asked for, and then only on this machine, to roles that have a password; a socket in a
//! private directory, its own access rules, nothing sent to an archive, a primary or a
//! publisher while WAL is replayed, and no command of the source run. Never: changes the cluster's own files.

use super::{classify, log};
use crate::{
    domain::{Failure, MajorVersion, Port},
    postgres::{
        account::Account,
        configure::{DataDirectory, switched_off},
    },
};
use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{ffi::OsStrExt, fs::DirBuilderExt},
    path::{Path, PathBuf},
};

/// Where private directories go: the name of a socket must be short (107 bytes), and the server's user must get there.
const SOCKET_PARENT: &str = "/tmp";

/// Two attempts never share a name; this many clashes mean that somebody plays tricks in `/tmp`.
const TRIES: u32 = 100;

/// A private directory with the socket and the access rules of an isolated server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsolatedServer {
    directory: PathBuf,
    listens: bool,
}

impl IsolatedServer {
    /// Makes the directory, mode 0700, for this user. `name` distinguishes attempts; `listens` asks for TCP, too.
    pub fn make(name: &str, account: &Account, listens: bool) -> Result<Self, Failure> {
        let failed = |e: io::Error| classify::of_io(&format!("making a private directory in {SOCKET_PARENT}"), &e);
        let mut directory = PathBuf::new();
        let mut made = Err(io::Error::from(io::ErrorKind::AlreadyExists));
        for number in 0..TRIES {
            directory = Path::new(SOCKET_PARENT).join(format!("howdah-{name}-{number}"));
            // `mkdir` follows no link and fails on what exists, so nobody can put their own directory in our way.
            made = fs::DirBuilder::new().mode(0o700).create(&directory);
            if !made.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::AlreadyExists) {
                break;
            }
        }
        made.map_err(failed)?;
        let place = DataDirectory::open(&directory).map_err(failed)?;
        let owner = account.owner();
        // `md5` takes both kinds of stored passwords (PostgreSQL documentation, "Password Authentication").
        let tcp = if listens { "host all all 127.0.0.1/32 md5\n" } else { "" };
        let rules = format!("local all all trust\n{tcp}");
        place.replace("pg_hba.conf", rules.as_bytes(), owner).map_err(failed)?;
        place.replace("pg_ident.conf", b"", owner).map_err(failed)?;
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::lchown(&directory, Some(uid), Some(gid)).map_err(failed)?;
        }
        Ok(Self { directory, listens })
    }

    /// That of a server which an earlier process has started, without TCP.
    pub const fn of_running(directory: PathBuf) -> Self {
        Self { directory, listens: false }
    }

    /// The directory of the socket.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The arguments of the isolated server. Those on the command line win over every file.
    pub fn arguments(&self, data: &Path, port: Port, version: MajorVersion) -> Vec<OsString> {
        let mut arguments = vec!["-D".into(), data.into()];
        let mut set = |name: &str, value: &OsStr| {
            let mut argument = OsString::from(name);
            argument.push("=");
            argument.push(value);
            arguments.extend(["-c".into(), argument]);
        };
        set("data_directory", data.as_os_str());
        set("hba_file", self.directory.join("pg_hba.conf").as_os_str());
        set("ident_file", self.directory.join("pg_ident.conf").as_os_str());
        // An empty name would not mean that no such file is written.
        set("external_pid_file", self.directory.join("postmaster.pid").as_os_str());
        set("unix_socket_directories", self.directory.as_os_str());
        set("port", OsStr::new(&port.to_string()));
        set("listen_addresses", OsStr::new(if self.listens { "127.0.0.1" } else { "" }));
        for switch in switched_off::switches(Some(version)) {
            set(switch.name, OsStr::new(switch.value));
        }
        for (name, value) in FIXED {
            set(name, OsStr::new(value));
        }
        for (name, value) in SINCE.iter().filter(|(since, ..)| version.0 >= *since).map(|(_, n, v)| (n, v)) {
            set(name, OsStr::new(value));
        }
        arguments
    }
}

/// Removes a private directory and the few files that it can hold; silent, since it holds nothing of worth.
pub fn remove(directory: &Path) {
    let ours = directory.parent() == Some(Path::new(SOCKET_PARENT))
        && directory.file_name().is_some_and(|name| name.as_bytes().starts_with(b"howdah-"));
    let real = fs::symlink_metadata(directory).is_ok_and(|found| found.is_dir());
    if ours && real {
        fs::remove_dir_all(directory).unwrap_or_default();
    }
}

/// Removes all private directories that were made under names that begin so. Only for a `name` that nobody else has.
pub fn remove_all(name: &str) -> io::Result<()> {
    made_under(name)?.iter().for_each(|directory| remove(directory));
    Ok(())
}

/// The private directories that were made under names that begin so.
pub fn made_under(name: &str) -> io::Result<Vec<PathBuf>> {
    let beginning = format!("howdah-{name}-");
    let mut made = Vec::new();
    for entry in fs::read_dir(SOCKET_PARENT)? {
        let entry = entry?;
        if entry.file_name().as_bytes().starts_with(beginning.as_bytes()) && entry.file_type()?.is_dir() {
            made.push(entry.path());
        }
    }
    Ok(made)
}

/// The data directory that the socket in a private directory is of, as its lock file says (`LOCK_FILE_LINE_DATA_DIR` in
/// `miscadmin.h`); `None` where there is none.
pub fn data_of(directory: &Path) -> io::Result<Option<PathBuf>> {
    /// A lock file is eight short lines; more than this is something else.
    const MAX_LEN: u64 = 16 * 1024;
    let place = DataDirectory::open(directory)?;
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let is_lock =
            |name: &&str| name.strip_prefix(".s.PGSQL.").is_some_and(|rest| rest.strip_suffix(".lock").is_some());
        let Some(name) = name.to_str().filter(is_lock) else { continue };
        let text = place.read(name, MAX_LEN)?.unwrap_or_default();
        if let Some(data) = text.split(|byte| *byte == b'\n').nth(1).filter(|line| !line.is_empty()) {
            return Ok(Some(PathBuf::from(OsStr::from_bytes(data))));
        }
    }
    Ok(None)
}

const FIXED: &[(&str, &str)] = &[
    ("unix_socket_permissions", "0700"),
    ("unix_socket_group", ""),
    ("ssl", "off"),
    // What it logs is read by us: in English, with SQLSTATE, on standard error.
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_line_prefix", log::PREFIX),
    ("log_min_messages", "warning"),
    ("log_error_verbosity", "default"),
    ("lc_messages", "C"),
    // How far replay is shows in the process titles.
    ("update_process_title", "on"),
    ("cluster_name", ""),
    // A server that crashes in replay ends, so that we learn of it.
    ("restart_after_crash", "off"),
];

const SINCE: &[(u32, &str, &str)] = &[
    // The copy has made every file durable; opening each of them once more would take minutes on large clusters.
    (14, "recovery_init_sync_method", "syncfs"),
    (15, "log_startup_progress_interval", "1s"),
    (17, "event_triggers", "off"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::postgres::account;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_guard_is_private_short_and_goes_away() {
        let account = Account::for_server(if account::is_root() { "nobody" } else { "" }).unwrap();
        let name = format!("test-{}", std::process::id());
        let one = IsolatedServer::make(&name, &account, false).unwrap();
        let two = IsolatedServer::make(&name, &account, false).unwrap();
        assert_ne!(one, two);
        assert_eq!(one.directory().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(one.directory().as_os_str().len() + "/.s.PGSQL.65535".len() < 107);
        for isolation in [&one, &two] {
            remove(isolation.directory());
            assert!(!isolation.directory().exists());
        }
        let [one, two] = [format!("{name}-1"), format!("{name}-2")]
            .map(|name| IsolatedServer::make(&name, &account, false).unwrap());
        remove_all(&format!("{name}-1")).unwrap();
        assert!(!one.directory().exists() && two.directory().exists(), "only what begins so");
        remove_all(&name).unwrap();
        assert!(!two.directory().exists());
    }

    #[test]
    fn only_a_private_directory_is_ever_removed() {
        let place = tempfile::tempdir().unwrap();
        remove(place.path());
        assert!(place.path().exists());
        let link = Path::new("/tmp").join(format!("howdah-link-{}", std::process::id()));
        std::os::unix::fs::symlink(place.path(), &link).unwrap();
        remove(&link);
        assert!(place.path().exists() && link.is_symlink());
        fs::remove_file(link).unwrap();
    }

    #[test]
    fn settings_that_a_version_does_not_know_are_left_out() {
        let isolation = IsolatedServer { directory: "/tmp/howdah-x-0".into(), listens: false };
        let of = |version| {
            let all = isolation.arguments(Path::new("/srv/pg"), Port::new(5433).unwrap(), MajorVersion(version));
            all.join(OsStr::new(" ")).into_string().unwrap()
        };
        assert!(of(13).starts_with("-D /srv/pg -c data_directory=/srv/pg -c hba_file=/tmp/howdah-x-0/pg_hba.conf"));
        assert!(!of(13).contains("syncfs") && of(14).contains("syncfs"));
        assert!(!of(14).contains("log_startup_progress_interval") && of(15).contains("log_startup_progress_interval"));
        for switch in switched_off::SWITCHES {
            let set = format!(" -c {}={} ", switch.name, switch.value);
            for version in [13, 15, 18] {
                assert_eq!(of(version).contains(&set), switch.since.0 <= version, "{set}for {version}");
            }
        }
        assert!(of(15).contains("listen_addresses= -c"));
        let listening = IsolatedServer { listens: true, ..isolation.clone() };
        let all = listening.arguments(Path::new("/srv/pg"), Port::new(5433).unwrap(), MajorVersion(15));
        assert!(all.contains(&"listen_addresses=127.0.0.1".into()), "{all:?}");
    }
}
