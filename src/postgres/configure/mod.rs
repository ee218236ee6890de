//! Settings of the restored cluster: a copy that lives beside its source and never touches it.
//!
//! Promises: the copy listens on its own port on this machine only, archives nothing, follows no primary, takes part in no
//! subscription, waits for no standby, runs no jobs that are known to reach beyond it, and keeps its log and its files
//! inside its own data directory; doing it twice is the same as once. Never: writes outside the data directory, or
//! follows a link in it.

mod adapt;
mod block;
mod defaults;
mod directory;
pub mod follow;
mod in_place;
pub mod libraries;
pub mod logs;
pub mod preload;
pub mod recover;
pub mod switched_off;
mod value;

pub use block::block_at;
pub use directory::DataDirectory;
pub use value::value;

use super::{account::Account, account::Permission, binaries::Binaries, server::classify};
use crate::domain::{Failure, MajorVersion, Port, plan::SwitchedOff};
use adapt::Adapted;
use block::{Setting, names, setting, with_block};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Where Debian's and PGDG's packages put sockets; `psql` of these packages looks here by default.
const SOCKETS: &str = "/var/run/postgresql";

/// Where a copy listens.
const LISTENS: &str = "localhost";

/// A configuration file is text that people write; what is longer is something else.
const MAX_LEN: u64 = 16 << 20;

/// Files that make a server follow a primary or ask an archive for more WAL (`xlogrecovery.h`).
const SIGNALS: [&str; 2] = ["standby.signal", "recovery.signal"];

/// The settings that name other files of the server. The first can stand in `postgresql.conf` only, since it defines
/// where `postgresql.auto.conf` is.
const PLACES: [&str; 4] = ["data_directory", "hba_file", "ident_file", "external_pid_file"];

const HBA: &str = "# Written by howdah, because the backup held no pg_hba.conf.\n\
                   local all all peer\n\
                   host all all 127.0.0.1/32 scram-sha-256\n\
                   host all all ::1/128 scram-sha-256\n";
const IDENT: &str = "# Written by howdah, because the backup held no pg_ident.conf.\n";
const MAIN: &str = "# Written by howdah, because the backup held no postgresql.conf.\n";

/// What is to be configured.
#[derive(Debug, Clone, Copy)]
pub struct ConfigureOptions<'a> {
    /// The restored data directory.
    pub data: &'a Path,
    /// The port of the copy.
    pub port: Port,
    /// Who owns it.
    pub account: &'a Account,
    /// The programs of its version, where they are here; without them less is checked.
    pub binaries: Option<&'a Binaries>,
    /// The directory whose `global/pg_control` describes the cluster: the data directory, or where it waits until the
    /// cluster is configured.
    pub control: &'a Path,
    /// Its version, where that is known.
    pub version: Option<MajorVersion>,
    /// What becomes of a preloaded library that is not installed here and that nobody knows.
    pub unknown: UnknownLibrary,
}

/// What becomes of a preloaded library that is not installed here and that howdah does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownLibrary {
    /// It stays: the cluster may not be what it was without it, and a person decides. The server says that it is missing.
    Kept,
    /// It is left out: the copy is only looked into, and does not start with it.
    LeftOut,
}

/// The directory that the copy's own socket goes to: the usual one where this user may use it, else `/tmp`.
pub fn socket_directory(account: &Account) -> PathBuf {
    let usual = Path::new(SOCKETS);
    if account.may(Permission::Write, usual).unwrap_or(false) { usual.to_owned() } else { PathBuf::from("/tmp") }
}

/// What was made of a restored cluster.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// What was changed, and what is switched off: one clause each.
    pub notes: Vec<String>,
    /// What a person should look at although all is done.
    pub warnings: Vec<String>,
    /// What could not be looked at, each with its reason.
    pub unchecked: Vec<String>,
}

/// Makes the restored cluster a copy of its own; returns what a person should know.
pub fn configure(options: &ConfigureOptions<'_>) -> Result<Configured, Failure> {
    let failed = |e: &io::Error, what: &str| classify::of_io(&format!("{what} of {}", options.data.display()), e);
    let place = DataDirectory::open(options.data).map_err(|e| failed(&e, "opening the data directory"))?;
    let owner = options.account.owner();
    let mut said = Vec::new();

    for name in SIGNALS {
        // A backup made with -R carries one: the copy would connect to the production primary and never open.
        if place.remove(name).map_err(|e| failed(&e, &format!("removing {name}")))? {
            said.push(format!("{name} of the backup removed, so that the copy follows no primary"));
        }
    }
    for (name, text) in [("postgresql.conf", MAIN), ("pg_hba.conf", HBA), ("pg_ident.conf", IDENT)] {
        let failed = |e: io::Error| failed(&e, &format!("writing {name}"));
        if place.read(name, MAX_LEN).map_err(failed)?.is_none() {
            let sizes = match options.binaries {
                Some(binaries) if text == MAIN => adapt::recorded_sizes(options, binaries)?,
                Some(_) | None => String::new(),
            };
            place.replace(name, format!("{text}{sizes}").as_bytes(), owner).map_err(failed)?;
            said.push(format!("the backup held no {name}, a minimal one was written"));
        }
    }
    let main = place.read("postgresql.conf", MAX_LEN).map_err(|e| failed(&e, "reading postgresql.conf"))?;
    let main = main.unwrap_or_default();
    let renewed = with_block(&main, &places(&with_block(&main, &[]), options.data));
    if renewed != main {
        place.replace("postgresql.conf", &renewed, owner).map_err(|e| failed(&e, "writing postgresql.conf"))?;
    }
    let mut settings = own_settings(options);
    settings.extend(in_place::allowed(&place).map_err(|e| failed(&e, "looking for tablespaces inside"))?);
    let auto = write_auto(&place, &settings, options).map_err(|e| failed(&e, "writing postgresql.auto.conf"))?;
    let mut switched_off = switched_off::page(options.version);
    let mut configured = Configured::default();
    match options.binaries {
        Some(binaries) => {
            let Adapted { overrides, preloaded } = adapt::adapt(options, binaries)?;
            for (setting, why) in overrides {
                settings.push(setting);
                said.push(why);
            }
            settings.extend(preloaded.settings);
            let without = |one: &SwitchedOff| format!("without {} it would {}", one.line, one.effect);
            said.extend(preloaded.switched_off.iter().map(without));
            switched_off.extend(preloaded.switched_off);
            configured.warnings = preloaded.warnings;
            write_auto(&place, &settings, options).map_err(|e| failed(&e, "writing postgresql.auto.conf"))?;
        }
        None => configured.unchecked.extend(preload::unseen(&[&main, &auto])),
    }
    said.push(switched_off::sentence(&switched_off));
    configured.notes = said;
    Ok(configured)
}

/// What every copy gets.
fn own_settings(options: &ConfigureOptions<'_>) -> Vec<Setting> {
    let mut settings = vec![
        setting("port", options.port.to_string()),
        setting("listen_addresses", LISTENS),
        setting("unix_socket_directories", socket_directory(options.account)),
    ];
    settings.extend(switched_off::switches(options.version).map(|switch| setting(switch.name, switch.value)));
    settings
}

/// What a file needs in its block when it, or one it includes, sends the server elsewhere.
/// A `data_directory` kept from the source is the worst of them: the server would run on the source's own files.
fn places(file: &[u8], data: &Path) -> Vec<Setting> {
    let found = names(file);
    if !found.iter().any(|name| name == "include" || PLACES.contains(&name.as_str())) {
        return Vec::new();
    }
    vec![
        setting("data_directory", data),
        setting("hba_file", data.join("pg_hba.conf")),
        setting("ident_file", data.join("pg_ident.conf")),
        // An empty name would not mean that no such file is written; the server removes this one when it stops.
        setting("external_pid_file", data.join("pg_external.pid")),
    ]
}

/// Writes the block into `postgresql.auto.conf`, and gives what the file then holds.
fn write_auto(place: &DataDirectory, settings: &[Setting], options: &ConfigureOptions<'_>) -> io::Result<Vec<u8>> {
    let old = place.read("postgresql.auto.conf", MAX_LEN)?.unwrap_or_default();
    // `ALTER SYSTEM` takes all of them but the first, and what it has set comes after `postgresql.conf`.
    let moved = places(&with_block(&old, &[]), options.data).into_iter().filter(|(name, _)| *name != PLACES[0]);
    let new = with_block(&old, &[settings.to_vec(), moved.collect()].concat());
    if new != old {
        place.replace("postgresql.auto.conf", &new, options.account.owner())?;
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::{domain::WorkerSettings, postgres::account};
    use std::os::unix::fs::PermissionsExt;

    const KEPT: UnknownLibrary = UnknownLibrary::Kept;

    /// The account and the programs that real settings are read with, where they are here.
    pub(super) fn programs() -> Option<(Account, Binaries)> {
        let settings = WorkerSettings::default();
        let account = Account::for_server(&settings.os_user).ok();
        let path = std::env::var_os("PATH");
        let find = |version| Binaries::find(MajorVersion(version), &settings, path.as_deref(), account.as_ref()).ok();
        let found = account.clone().zip((13..=18).rev().find_map(find));
        if found.is_none() {
            use std::io::Write;
            writeln!(io::stderr(), "skipped: no PostgreSQL programs, or no user to run them, on this machine").unwrap();
        }
        found
    }

    fn configured(data: &Path, account: &Account) -> Configured {
        let port = Port::new(5433).unwrap();
        configure(&ConfigureOptions {
            data,
            port,
            account,
            binaries: None,
            control: data,
            version: None,
            unknown: KEPT,
        })
        .unwrap()
    }

    /// The notes but for the last, which every copy gets.
    fn check(data: &Path, account: &Account) -> Vec<String> {
        let mut notes = configured(data, account).notes;
        let all = notes.pop().unwrap();
        assert!(all.contains("max_logical_replication_workers = '0'") && all.contains("archive_mode = 'off'"), "{all}");
        notes
    }

    fn someone() -> Account {
        Account::for_server(if account::is_root() { "nobody" } else { "" }).unwrap()
    }

    #[test]
    fn a_copy_made_twice_is_the_same_as_once_and_follows_nobody() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        std::fs::write(path("standby.signal"), "").unwrap();
        std::fs::write(path("postgresql.auto.conf"), "primary_conninfo = 'host=prod'\n").unwrap();
        std::fs::write(path("postgresql.conf"), "data_directory = '/srv/prod'\nhba_file = '/etc/x'\n").unwrap();
        let said = check(place.path(), &someone());
        assert!(said[0].starts_with("standby.signal of the backup removed"), "{said:?}");
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(!path("standby.signal").exists());
        let auto = std::fs::read_to_string(path("postgresql.auto.conf")).unwrap();
        let last = |name: &str| auto.lines().rfind(|line| line.starts_with(name)).unwrap().to_owned();
        assert_eq!(last("primary_conninfo"), "primary_conninfo = ''");
        assert_eq!(last("port"), "port = '5433'");
        assert_eq!(last("archive_mode"), "archive_mode = 'off'");
        let main = std::fs::read_to_string(path("postgresql.conf")).unwrap();
        let wanted = format!("data_directory = '{}'", place.path().display());
        assert_eq!(main.lines().rfind(|line| line.starts_with("data_directory")).unwrap(), wanted);

        assert_eq!(check(place.path(), &someone()), Vec::<String>::new());
        assert_eq!(std::fs::read_to_string(path("postgresql.auto.conf")).unwrap(), auto);
        assert_eq!(std::fs::read_to_string(path("postgresql.conf")).unwrap(), main);
    }

    #[test]
    fn s13_no_command_of_the_source_is_run_for_a_passphrase() {
        let Some((account, binaries)) = programs() else { return };
        let place = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
        for file in ["server.crt", "server.key"] {
            std::fs::write(place.path().join(file), "").unwrap();
        }
        for (more, off) in [("", false), ("ssl_passphrase_command = 'fetch-it'\n", true)] {
            std::fs::write(place.path().join("postgresql.conf"), format!("ssl = on\n{more}")).unwrap();
            let port = Port::new(5433).unwrap();
            let binaries = Some(&binaries);
            let data = place.path();
            let options = ConfigureOptions {
                data,
                port,
                account: &account,
                binaries,
                control: data,
                version: None,
                unknown: KEPT,
            };
            let notes = configure(&options).unwrap().notes;
            assert_eq!(
                notes.iter().any(|note| note.starts_with("ssl is off, because the passphrase")),
                off,
                "{notes:?}"
            );
            let auto = std::fs::read_to_string(place.path().join("postgresql.auto.conf")).unwrap();
            assert_eq!(auto.contains("ssl = 'off'\n"), off, "{auto}");
        }
    }

    #[test]
    fn files_that_alter_system_has_moved_elsewhere_are_the_copys_own() {
        let place = tempfile::tempdir().unwrap();
        let auto = place.path().join("postgresql.auto.conf");
        for (moved, own) in
            [("hba_file", "pg_hba.conf"), ("ident_file", "pg_ident.conf"), ("external_pid_file", "pg_external.pid")]
        {
            std::fs::write(&auto, format!("{moved} = '/run/prod/file'\n")).unwrap();
            check(place.path(), &someone());
            check(place.path(), &someone());
            let text = std::fs::read_to_string(&auto).unwrap();
            let wanted = format!("{moved} = '{}'", place.path().join(own).display());
            assert_eq!(text.lines().rfind(|line| line.starts_with(moved)), Some(wanted.as_str()), "{text}");
            assert!(!text.contains("data_directory"), "PostgreSQL takes it from no such file: {text}");
        }
    }

    #[test]
    fn a_plain_configuration_is_left_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let text = "work_mem = '4MB'\n#data_directory = 'ConfigDir'\n";
        std::fs::write(place.path().join("postgresql.conf"), text).unwrap();
        check(place.path(), &someone());
        assert_eq!(std::fs::read_to_string(place.path().join("postgresql.conf")).unwrap(), text);
    }

    #[test]
    fn a_link_for_a_configuration_file_is_refused() {
        let place = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", place.path().join("postgresql.auto.conf")).unwrap();
        let account = someone();
        let (port, data) = (Port::new(5433).unwrap(), place.path());
        let options = ConfigureOptions {
            data,
            port,
            account: &account,
            binaries: None,
            control: data,
            version: None,
            unknown: KEPT,
        };
        let failure = configure(&options).unwrap_err();
        assert!(failure.cause.contains("postgresql.auto.conf"), "{failure}");
    }
}
