//! Clusters of every major version that is here, and their backups: servers that `tests/fetch_postgresql.py` has brought,
//! or that a package has.

use super::{
    cluster::{as_server_user, free_port, give_to_server_user, is_root, must, program, server_scratch},
    place::{open_to_all, root},
    timeout::until_true,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the script keeps them: it says the same.
fn fetched() -> PathBuf {
    let named = |variable: &str| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || named("XDG_CACHE_HOME").unwrap_or_else(|| named("HOME").unwrap_or_default().join(".cache"));
    let usual = || if is_root() { PathBuf::from("/var/tmp") } else { cache() };
    named("HOWDAH_TEST_POSTGRES").unwrap_or_else(|| usual().join("howdah-tests/postgresql"))
}

/// Where the programs of a major version are that has this one among them.
fn programs(major: u32, wanted: &str) -> Option<PathBuf> {
    let packaged = PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"));
    // The note beside it says that it was unpacked to its end.
    let home = fetched().join(major.to_string());
    let own = home.join("package").is_file().then(|| home.join("native/bin"));
    [Some(packaged), own].into_iter().flatten().find(|bin| bin.join(wanted).is_file())
}

/// The programs of one major version.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) major: u32,
    /// The directory of its server.
    pub(crate) bin: PathBuf,
    /// The directory of a `pg_basebackup` that its server understands.
    pub(crate) client: PathBuf,
}

impl Version {
    /// The programs, or why there are none.
    pub(crate) fn find(major: u32) -> Result<Self, String> {
        let bin =
            programs(major, "initdb").ok_or_else(|| format!("no PostgreSQL {major} is here (tests/run --engines)"))?;
        // One of its own, else of a newer version: measured, 18 backs up every server since 13.
        let client = (major..=18).find_map(|client| programs(client, "pg_basebackup"));
        let client = client.ok_or_else(|| format!("no pg_basebackup is here that backs up PostgreSQL {major}"))?;
        Ok(Self { major, bin, client })
    }

    /// One of its programs, if it is here, to be run as the server's user.
    pub(crate) fn program(&self, name: &str) -> Option<Command> {
        programs(self.major, name).map(|bin| as_server_user(&bin.join(name)))
    }

    /// What tells howdah where its programs are.
    pub(crate) fn settings(&self) -> String {
        format!("[worker]\nbinaries = [\"{}\"]\n", self.bin.display())
    }
}

/// A small running cluster of one version. Dropping it stops the server.
pub(crate) struct Bed {
    pub(crate) version: Version,
    pub(crate) data: PathBuf,
    home: PathBuf,
    port: u16,
}

impl Bed {
    /// A server with these settings besides the usual, and 1,000 rows in the table `goods`.
    pub(crate) fn make(version: &Version, more: &str) -> Self {
        open_to_all(root());
        let home = server_scratch("bed");
        let data = home.join("data");
        let mut initdb = as_server_user(&version.bin.join("initdb"));
        must(initdb.arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
            "-k",
        ]));
        let port = free_port();
        let settings = format!(
            "listen_addresses = ''\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\nmax_wal_senders = 4\n\
             shared_buffers = 16MB\nautovacuum = off\n{more}",
            home.display()
        );
        let file = data.join("postgresql.conf");
        let stock = fs::read_to_string(&file).unwrap();
        fs::write(&file, stock + &settings).unwrap();
        give_to_server_user(&data);
        let bed = Self { version: version.clone(), data, home, port };
        bed.start();
        bed.ask("create table goods as select g id, md5(g::text) as name from generate_series(1, 1000) g");
        bed
    }

    fn start(&self) {
        let log = self.home.join("server.log");
        let started = self.pg_ctl(&["-w", "start"], &log).output().unwrap().status.success();
        assert!(started, "{}", fs::read_to_string(log).unwrap_or_default());
        until_true("the server writes its lock file", || self.data.join("postmaster.pid").exists());
    }

    fn pg_ctl(&self, words: &[&str], log: &Path) -> Command {
        let mut command = as_server_user(&self.version.bin.join("pg_ctl"));
        command.arg("-D").arg(&self.data).arg("-l").arg(log).args(words);
        command
    }

    fn connection(&self) -> Vec<String> {
        let host = self.home.display().to_string();
        ["-h", &host, "-p", &self.port.to_string(), "-U", "postgres"].map(str::to_owned).to_vec()
    }

    /// One query, unaligned tuples only.
    pub(crate) fn ask(&self, query: &str) -> String {
        must(program("psql").args(self.connection()).args(["-XAtqd", "postgres", "-v", "ON_ERROR_STOP=1", "-c", query]))
    }

    /// A backup in a directory of its own, with these arguments besides the usual.
    pub(crate) fn backup(&self, more: &[&str]) -> PathBuf {
        let directory = server_scratch("backup").join("b");
        let mut command = as_server_user(&self.version.client.join("pg_basebackup"));
        command.args(self.connection()).arg("-D").arg(&directory).args(["-c", "fast", "--no-sync"]).args(more);
        must(&mut command);
        directory
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _was_none = self.pg_ctl(&["-m", "immediate", "-w", "stop"], Path::new("/dev/null")).output();
    }
}

/// Ends the calling test when this version is not here: where a registry is out of reach that is nobody's failure.
#[macro_export]
macro_rules! needs_version {
    ($major:expr) => {
        match $crate::support::versions::Version::find($major) {
            Ok(version) => version,
            Err(why) => {
                $crate::support::skip::skip(&why, $major == 15);
                return;
            }
        }
    };
}
