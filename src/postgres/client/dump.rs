//! How `pg_dump` and `pg_restore` are called, and what they say while they work.
//!
//! Promises: all that they are told is here, in one place; a name reaches them as that one name, whatever is in it.

use super::Client;
use crate::{
    domain::{ItemName, ItemPart},
    postgres::quote,
};
use std::{path::Path, process::Command};

/// The program that writes a dump.
pub const DUMP: &str = "pg_dump";

/// The program that reads one.
pub const RESTORE: &str = "pg_restore";

/// What is asked of `pg_dump`.
#[derive(Debug, Clone)]
pub struct DumpOptions<'a> {
    /// The directory that is written; nothing is there, or an empty directory.
    pub directory: &'a Path,
    /// What is dumped: a database, or else schemas alone or relations alone of one.
    pub items: &'a [ItemName],
    /// Relations that are dumped with them: the partitions of those that are named.
    pub partitions: &'a [(String, String)],
    /// Definitions, rows or both.
    pub part: ItemPart,
    /// How many tables are read at once.
    pub jobs: usize,
    /// Whether it is packed as little as can be, since it is read once and removed.
    pub passing: bool,
    /// How its connections show themselves.
    pub application_name: &'a str,
}

/// What is asked of `pg_restore`.
#[derive(Debug, Clone)]
pub struct RestoreOptions<'a> {
    /// The directory that a dump is in.
    pub directory: &'a Path,
    /// So many at once, each in transactions of its own; one transaction in all when `None`.
    pub jobs: Option<usize>,
    /// A table of contents: what is restored of the dump; all of it when `None`.
    pub contents: Option<&'a Path>,
    /// Whether all belongs to who connects, since owners are missing.
    pub no_owner: bool,
    /// Whether rights are left out, since roles that have them are missing.
    pub no_privileges: bool,
    /// How its connections show themselves.
    pub application_name: &'a str,
}

impl Client {
    /// The command that writes a dump of the database that the connection string names.
    pub fn dump(&self, options: &DumpOptions<'_>) -> Command {
        let mut command = self.command(DUMP, options.application_name, "");
        command.args(["--format=directory", "--verbose", "--strict-names", "--lock-wait-timeout=60s", "--no-sync"]);
        command.arg(format!("--jobs={}", options.jobs)).arg("--file").arg(options.directory);
        if options.passing {
            command.arg("--compress=1");
        }
        match options.part {
            ItemPart::All => {}
            ItemPart::Schema => drop(command.arg("--schema-only")),
            ItemPart::Data => drop(command.arg("--data-only")),
        }
        for item in options.items {
            match item {
                ItemName::Database { .. } => {}
                ItemName::Schema { schema, .. } => drop(command.arg(format!("--schema={}", quote::name(schema)))),
                ItemName::Table { schema, table, .. } => {
                    command.arg(format!("--table={}", quote::qualified(schema, table)));
                }
            }
        }
        for (schema, table) in options.partitions {
            command.arg(format!("--table={}", quote::qualified(schema, table)));
        }
        command
    }

    /// The command that puts a dump into the database that the connection string names.
    pub fn restore(&self, options: &RestoreOptions<'_>) -> Command {
        let mut command = self.command(RESTORE, options.application_name, "");
        command.args(["--format=directory", "--verbose", "--exit-on-error"]);
        match options.jobs {
            None => command.arg("--single-transaction"),
            Some(jobs) => command.arg(format!("--jobs={jobs}")),
        };
        if let Some(contents) = options.contents {
            command.arg("--use-list").arg(contents);
        }
        if options.no_owner {
            command.arg("--no-owner");
        }
        if options.no_privileges {
            command.arg("--no-privileges");
        }
        command.arg(options.directory);
        command
    }

    /// The command that writes the table of contents of a dump into a file; it connects to nothing.
    pub fn contents(&self, directory: &Path, into: &Path) -> Command {
        let mut command = self.account.command(self.programs.join(RESTORE));
        command.args(["--format=directory", "--list", "--file"]).arg(into).arg(directory);
        command
    }

    /// The command that reads all of a dump and writes nothing; it connects to nothing.
    pub fn read_back(&self, directory: &Path) -> Command {
        let mut command = self.account.command(self.programs.join(RESTORE));
        command.args(["--format=directory", "--file=/dev/null"]).arg(directory);
        command
    }
}

/// The table that a line of `pg_dump --verbose` begins to read, as the server quotes it; `None` for any other line.
pub fn dumped_table(line: &str) -> Option<&str> {
    line.strip_prefix("pg_dump: dumping contents of table \"")?.strip_suffix('"')
}

/// The table that a line of `pg_restore --verbose` begins to fill; `None` for any other line.
pub fn restored_table(line: &str) -> Option<&str> {
    line.strip_prefix("pg_restore: processing data for table \"")?.strip_suffix('"')
}

/// Whether a line of a table of contents is the schema `public` itself, its comment or its rights: not what is in it.
pub fn is_public_itself(line: &str) -> bool {
    // `6; 2615 2200 SCHEMA - public owner`; the names of what is in a schema come behind the schema's.
    let words: Vec<&str> = line.split_whitespace().skip(3).collect();
    words.starts_with(&["SCHEMA", "-", "public"])
        || words.starts_with(&["COMMENT", "-", "SCHEMA", "public"])
        || words.starts_with(&["ACL", "-", "SCHEMA", "public"])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::{domain::PasswordSource, postgres::account::Account};

    #[test]
    fn a_name_is_one_argument_and_no_option() {
        let client =
            Client::new(Path::new("/p"), &Account::own().unwrap(), "host=a", &PasswordSource::None, &[]).unwrap();
        let (database, schema) = ("d".to_owned(), "-s".to_owned());
        let items = [ItemName::Table { database, schema, table: "a\".b*".to_owned() }];
        let command = client.dump(&DumpOptions {
            directory: Path::new("/d"),
            items: &items,
            partitions: &[],
            part: ItemPart::Data,
            jobs: 2,
            passing: false,
            application_name: "howdah-x",
        });
        let words: Vec<&str> = command.get_args().map(|word| word.to_str().unwrap()).collect();
        assert!(words.contains(&r#"--table="-s"."a"".b*""#), "{words:?}");
        assert!(words.contains(&"--data-only") && words.contains(&"--jobs=2"), "{words:?}");
    }

    #[test]
    fn tables_are_read_from_what_the_programs_say() {
        assert_eq!(dumped_table("pg_dump: dumping contents of table \"public.lines\""), Some("public.lines"));
        assert_eq!(restored_table("pg_restore: processing data for table \"s.t\""), Some("s.t"));
        assert_eq!(dumped_table("pg_dump: reading extensions"), None);
    }

    #[test]
    fn of_a_table_of_contents_public_itself_is_known() {
        for (line, is) in [
            ("6; 2615 2200 SCHEMA - public pg_database_owner", true),
            ("3340; 0 0 COMMENT - SCHEMA public pg_database_owner", true),
            ("3341; 0 0 ACL - SCHEMA public pg_database_owner", true),
            ("7; 2615 16400 SCHEMA - sales postgres", false),
            ("210; 1259 16385 TABLE public SCHEMA - public postgres", false),
            ("; Archive created at", false),
        ] {
            assert_eq!(is_public_itself(line), is, "{line}");
        }
    }
}
