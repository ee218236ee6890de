//! Settings that no file of a cluster names: they have their default, and no program need be started to ask for it.
//!
//! Promises: a value is given only where nothing could have set another one: neither of the two files names the setting
//! or includes a third one. Never: reads a value out of a file; that is PostgreSQL's to do.

use super::{DataDirectory, MAX_LEN, block::names};
use std::io;

/// The two files that a server reads by default.
const FILES: [&str; 2] = ["postgresql.conf", "postgresql.auto.conf"];

/// The defaults, the same from 13 to 18 (`guc_tables.c`).
const DEFAULTS: [(&str, &str); 8] = [
    ("ssl", "off"),
    ("log_directory", "log"),
    ("log_filename", "postgresql-%Y-%m-%d_%H%M%S.log"),
    ("log_destination", "stderr"),
    ("shared_preload_libraries", ""),
    ("session_preload_libraries", ""),
    ("local_preload_libraries", ""),
    ("dynamic_library_path", "$libdir"),
];

/// What the files of one cluster set.
#[derive(Debug)]
pub(super) struct Named(Vec<String>);

impl Named {
    /// Reads the files of a data directory; one that is not there names nothing.
    pub(super) fn in_files_of(place: &DataDirectory) -> io::Result<Self> {
        let mut all = Vec::new();
        for file in FILES {
            all.extend(names(&place.read(file, MAX_LEN)?.unwrap_or_default()));
        }
        Ok(Self(all))
    }

    /// The value of a setting where it is its default for certain.
    pub(super) fn default_of(&self, name: &str) -> Option<&'static str> {
        let (_, default) = DEFAULTS.iter().find(|(known, _)| *known == name)?;
        let may_be_set = self.0.iter().any(|named| named == name || named == "include");
        (!may_be_set).then_some(default)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::postgres::{
        account::bare,
        command_output::{LIMIT, command_output},
    };
    use std::fs;

    #[test]
    fn the_defaults_are_those_that_postgresql_tells() {
        let Some((_, binaries)) = super::super::tests::programs() else { return };
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("postgresql.conf"), "port = 5433\n").unwrap();
        for (name, default) in DEFAULTS {
            let output =
                command_output(bare(binaries.postgres()).args(["-C", name, "-D"]).arg(data.path()), LIMIT).unwrap();
            assert_eq!(output.trim_end(), default, "{name}");
        }
    }

    #[test]
    fn a_setting_counts_as_default_only_where_no_file_could_have_set_it() {
        let data = tempfile::tempdir().unwrap();
        let known = |main: &str, auto: &str| {
            fs::write(data.path().join("postgresql.conf"), main).unwrap();
            fs::write(data.path().join("postgresql.auto.conf"), auto).unwrap();
            let place = DataDirectory::open(data.path()).unwrap();
            Named::in_files_of(&place).unwrap().default_of("log_directory")
        };
        assert_eq!(known("#log_directory = 'x'\nport = 1\nlog_directory_mode = 1\n", ""), Some("log"));
        for (main, auto) in [
            ("log_directory = 'log'\n", ""),
            ("\t LOG_Directory 'x'", ""),
            ("", "log_directory='x'\n"),
            ("port = 1\r\n include_if_exists 'more.conf'\n", ""),
        ] {
            assert_eq!(known(main, auto), None, "{main} {auto}");
        }
        assert_eq!(Named(Vec::new()).default_of("data_directory"), None);
    }
}
