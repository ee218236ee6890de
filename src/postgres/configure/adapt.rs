//! What the cluster's own settings amount to here, asked of PostgreSQL itself (`postgres -C`).
//!
//! Promises: a setting is overridden only when it points at a place that is not the copy's, or at files that are not
//! here. Never: guesses how PostgreSQL reads its files.

use super::{
    ConfigureOptions, DataDirectory,
    block::{Setting, setting},
    defaults::Named,
    logs,
    preload::{self, Preloaded},
    value::value,
};
use crate::{
    domain::Failure,
    postgres::{
        account::Permission,
        binaries::Binaries,
        server::{classify, control_data},
    },
};
use std::{
    ffi::OsString,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The last version that keeps statistics in files, which Debian put into a directory shared by name.
const LAST_WITH_STATS_FILES: u32 = 14;

/// PostgreSQL's own default.
const LOG_FILENAME: &str = "postgresql-%Y-%m-%d_%H%M%S.log";

/// What `pg_control` records of the source's sizes, as `pg_controldata` prints them: replay needs room for as much.
const SIZES: [&str; 5] =
    ["max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_xacts", "max_locks_per_xact"];

/// What this cluster needs besides what every copy gets.
pub(super) struct Adapted {
    /// The overrides, each with its reason.
    pub(super) overrides: Vec<(Setting, String)>,
    /// What its libraries amount to.
    pub(super) preloaded: Preloaded,
}

/// Finds out what this cluster needs here. Refuses one that would run elsewhere.
pub(super) fn adapt(options: &ConfigureOptions<'_>, binaries: &Binaries) -> Result<Adapted, Failure> {
    let named = DataDirectory::open(options.data).and_then(|place| Named::in_files_of(&place));
    let named =
        named.map_err(|e| classify::of_io(&format!("reading the configuration of {}", options.data.display()), &e))?;
    // Each question starts a server program: none is put twice, or where the answer is known.
    let ask = |name: &str| match named.default_of(name) {
        Some(default) => Ok(OsString::from(default)),
        None => value(options.data, options.account, binaries, name),
    };
    let mut found = Vec::new();
    // Never known, so that files which PostgreSQL cannot read are found here and not when the server starts.
    let home = PathBuf::from(ask("data_directory")?);
    if same(&home, options.data) != Some(true) {
        return Err(Failure::incurable(
            format!("the restored postgresql.conf sends the server to {} instead of its own directory", home.display()),
            "remove data_directory from the configuration files of the restored directory, then retry",
        ));
    }
    let ssl = ask("ssl")? == "on";
    if ssl && !ask("ssl_passphrase_command")?.is_empty() {
        let why = "ssl is off, because the passphrase of its key comes from a command of the source \
                   (ssl_passphrase_command), which is not run";
        found.push((setting("ssl", "off"), why.to_owned()));
    } else if ssl {
        for name in ["ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file"] {
            let file = ask(name)?;
            if !file.is_empty() && !options.account.may(Permission::Read, &options.data.join(&file)).unwrap_or(false) {
                let file = file.display();
                found.push((setting("ssl", "off"), format!("ssl is off, because {name} {file} cannot be read here")));
                break;
            }
        }
    }
    found.extend(own_logs(options, &ask)?);
    if binaries.version().0 <= LAST_WITH_STATS_FILES {
        let stats = ask("stats_temp_directory")?;
        if Path::new(&stats).is_absolute() {
            let why = format!("statistics go to its own directory instead of {}", stats.display());
            found.push((setting("stats_temp_directory", "pg_stat_tmp"), why));
        }
    }
    let text = |name: &'static str| {
        ask(name)?.into_string().map_err(|value| {
            let cause = format!("the setting {name} of the restored cluster is no text: {}", value.display());
            Failure::incurable(cause, "correct the setting in the restored data directory, then retry")
        })
    };
    let preloaded = preload::of(binaries, Some(options.account), options.unknown, text)?;
    Ok(Adapted { overrides: found, preloaded })
}

/// The server's log stays in the data directory, and is not mixed up with the source's.
fn own_logs(
    options: &ConfigureOptions<'_>,
    ask: &impl Fn(&str) -> Result<OsString, Failure>,
) -> Result<Vec<(Setting, String)>, Failure> {
    let mut found = Vec::new();
    let theirs = ask("log_directory")?;
    if !logs::is_usable(options.data, Path::new(&theirs)) {
        let own = logs::directory(options.data);
        let why = format!("the server's log goes to its own directory {own} instead of {}", theirs.display());
        found.push((setting("log_directory", own), why));
    }
    let pattern = ask("log_filename")?;
    if pattern.as_bytes().contains(&b'/') {
        let why = format!("the server's log is not called {}, which leads out of its directory", pattern.display());
        found.push((setting("log_filename", LOG_FILENAME), why));
    }
    let destination = ask("log_destination")?;
    let kinds = destination.to_string_lossy().to_ascii_lowercase();
    let mut kinds: Vec<&str> = kinds.split(',').map(str::trim).collect();
    if kinds.contains(&"syslog") {
        kinds.retain(|kind| *kind != "syslog");
        let own = if kinds.is_empty() { "stderr".to_owned() } else { kinds.join(",") };
        let why = "the server's log goes to its own directory instead of syslog".to_owned();
        found.push((setting("log_destination", own), why));
    }
    Ok(found)
}

/// Lines of configuration for the sizes that the source had.
pub(super) fn recorded_sizes(options: &ConfigureOptions<'_>, binaries: &Binaries) -> Result<String, Failure> {
    control_data::control_data(options.control, options.account, binaries).map(|text| sizes_from(&text))
}

fn sizes_from(text: &str) -> String {
    let mut out = String::new();
    for recorded in SIZES {
        let value = text.lines().find_map(|line| line.strip_prefix(recorded)?.strip_prefix(" setting:"));
        let Some(value) = value.and_then(|value| value.trim().parse::<u32>().ok()) else { continue };
        // pg_control's names are older than those of the settings.
        let name = match recorded {
            "max_prepared_xacts" => "max_prepared_transactions",
            "max_locks_per_xact" => "max_locks_per_transaction",
            same => same,
        };
        out.extend([name, " = ", &value.to_string(), "\n"]);
    }
    out
}

fn same(one: &Path, other: &Path) -> Option<bool> {
    Some(one.canonicalize().ok()? == other.canonicalize().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_of_the_source_are_taken_over() {
        let text = "pg_control version number:            1300\n\
                    max_connections setting:              200\n\
                    max_prepared_xacts setting:           10\n\
                    max_locks_per_xact setting:           garbage\n";
        assert_eq!(sizes_from(text), "max_connections = 200\nmax_prepared_transactions = 10\n");
        assert_eq!(sizes_from(""), "");
    }
}
