//! A real PostgreSQL cluster to take backups of, made once for each test binary, and questions to restored servers.

pub(crate) use super::port::free_port;
use super::{
    place::{open_to_all, root, scratch},
    timeout::until_true,
};
use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

/// What one query tells of all the data that a restore must bring back: rows, order and content, tablespace included.
pub(crate) const SUM_OF_ROWS: &str = "select (select md5(string_agg(t::text, ',' order by id)) from goods t) || ' ' \
     || (select md5(string_agg(t::text, ',' order by id)) from elsewhere t) || ' ' \
     || (select count(*) || '/' || sum(abalance) from pgbench_accounts)";

/// A running source cluster.
pub(crate) struct Cluster {
    pub(crate) data: PathBuf,
    pub(crate) tablespace: PathBuf,
    pub(crate) sockets: PathBuf,
    pub(crate) port: u16,
    /// What [`SUM_OF_ROWS`] answers on it.
    pub(crate) sum: String,
}

/// The newest version's programs, and why there are none.
pub(crate) fn binaries() -> Result<PathBuf, String> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| ["initdb", "postgres", "pg_basebackup"].iter().all(|program| bin.join(program).exists()))
        .max();
    let (_, bin) = newest.ok_or("no PostgreSQL server is installed (package postgresql-15)")?;
    if is_root() && !Command::new("id").args(["-u", "postgres"]).output().is_ok_and(|id| id.status.success()) {
        return Err("there is no user postgres to run a server as".to_owned());
    }
    Ok(bin)
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// One of PostgreSQL's programs, to be run as the user that owns servers here.
pub(crate) fn program(name: &str) -> Command {
    as_server_user(&binaries().unwrap().join(name))
}

pub(crate) fn as_server_user(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    // The server's user may not be allowed to stand where the tests run.
    command.current_dir("/").env("LC_ALL", "C.UTF-8").env_remove("PGDATA").env_remove("PGPASSWORD");
    command
}

/// Runs to the end and insists on success; gives what was printed.
pub(crate) fn must(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {status}\n{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().trim_end().to_owned()
}

/// A directory that belongs to the server's user.
pub(crate) fn server_scratch(name: &str) -> PathBuf {
    let directory = scratch(name);
    give_to_server_user(&directory);
    directory
}

pub(crate) fn give_to_server_user(path: &Path) {
    if is_root() {
        must(Command::new("chown").arg("-R").arg("postgres:").arg(path));
    }
}

/// The source cluster of this test binary.
pub(crate) fn source() -> &'static Cluster {
    static SOURCE: OnceLock<Cluster> = OnceLock::new();
    SOURCE.get_or_init(|| {
        open_to_all(root());
        Cluster::make("").filled()
    })
}

impl Cluster {
    /// `initdb` and start with these settings besides the usual; durability is off, the cluster lives for minutes.
    pub(crate) fn make(more: &str) -> Self {
        let home = server_scratch("source");
        let [data, tablespace, sockets] = ["data", "tablespace", "sockets"].map(|name| home.join(name));
        must(as_server_user(Path::new("/bin/mkdir")).args([&tablespace, &sockets]));
        let options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"];
        must(program("initdb").arg("-D").arg(&data).args(options));
        let port = free_port();
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\n\
             max_wal_senders = 20\nshared_buffers = 32MB\nwal_keep_size = 2GB\nautovacuum = off\n{more}",
            sockets.display()
        );
        // The restored clusters inherit these settings; theirs is the port and the durability that the restore sets.
        let file = data.join("postgresql.conf");
        let stock = fs::read_to_string(&file).unwrap();
        fs::write(&file, stock + &settings).unwrap();
        // A name that is not UTF-8: the manifest has to encode it.
        fs::write(data.join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "a file with a name in Latin-1\n").unwrap();
        give_to_server_user(&data);
        start(&data);
        Self { data, tablespace, sockets, port, sum: String::new() }
    }

    /// The same with data in it: pgbench's, a table in a tablespace, an unlogged one.
    fn filled(mut self) -> Self {
        must(program("pgbench").args(["-i", "-q", "-s", "1"]).args(self.connection()).arg("postgres"));
        let location = self.tablespace.display();
        self.ask(&format!("create tablespace elsewhere location '{location}'"));
        self.ask("create table goods as select g id, md5(g::text) name from generate_series(1, 20000) g");
        self.ask(
            "create table elsewhere tablespace elsewhere as select g id, g * 7 n from generate_series(1, 20000) g",
        );
        self.ask("create unlogged table scratch as select g from generate_series(1, 1000) g");
        self.ask("checkpoint");
        self.sum = self.ask(SUM_OF_ROWS);
        self
    }

    /// What connects to it.
    pub(crate) fn conninfo(&self) -> String {
        format!("host={} port={} user=postgres dbname=postgres", self.sockets.display(), self.port)
    }

    /// Stops it, as for maintenance.
    pub(crate) fn stop(&self) {
        must(program("pg_ctl").arg("-D").arg(&self.data).args(["-m", "fast", "-w", "stop"]));
    }

    /// The arguments that lead to this server.
    pub(crate) fn connection(&self) -> Vec<String> {
        let sockets = self.sockets.display().to_string();
        ["-h", &sockets, "-p", &self.port.to_string(), "-U", "postgres"].map(str::to_owned).to_vec()
    }

    /// One query, unaligned tuples only.
    pub(crate) fn ask(&self, query: &str) -> String {
        must(program("psql").args(self.connection()).args(["-XAtqd", "postgres", "-v", "ON_ERROR_STOP=1", "-c", query]))
    }
}

/// A server on a restored data directory. Dropping it stops the server, if one runs.
pub(crate) struct Restored(pub(crate) PathBuf);

impl Restored {
    /// What the running server answers. Where it listens is read from its own `postmaster.pid`.
    pub(crate) fn ask(&self, query: &str) -> String {
        let lock = fs::read_to_string(self.0.join("postmaster.pid")).expect("no server runs on the restored directory");
        let line = |number: usize| lock.lines().nth(number - 1).unwrap_or_default().trim().to_owned();
        let (port, sockets, address) = (line(4), line(5), line(6));
        let host = if sockets.is_empty() { address } else { sockets };
        let connection = ["-h", &host, "-p", &port, "-U", "postgres", "-d", "postgres"];
        must(program("psql").args(connection).args(["-XAtqv", "ON_ERROR_STOP=1", "-c", query]))
    }

    /// Whether the postmaster that the lock file names is alive.
    pub(crate) fn is_running(&self) -> bool {
        program("pg_ctl").arg("-D").arg(&self.0).arg("status").output().unwrap().status.success()
    }

    /// Starts the server as a person would; for restores that started none.
    pub(crate) fn start(&self, port: u16) {
        self.start_with(&binaries().unwrap(), port);
    }

    /// The same with the programs in this directory.
    pub(crate) fn start_with(&self, bin: &Path, port: u16) {
        let options = format!("-p {port} -c unix_socket_directories={}", self.0.display());
        let log = self.0.join("by-hand.log");
        let mut command = as_server_user(&bin.join("pg_ctl"));
        command.arg("-D").arg(&self.0).arg("-l").arg(&log).args(["-w", "-o", &options, "start"]);
        let started = command.output().unwrap().status.success();
        assert!(started, "it does not start:\n{}", fs::read_to_string(log).unwrap_or_default());
    }

    pub(crate) fn stop(&self) {
        let _was_none = program("pg_ctl").arg("-D").arg(&self.0).args(["-m", "immediate", "-w", "stop"]).output();
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        if self.0.join("postmaster.pid").exists() {
            self.stop();
        }
    }
}

/// Starts a server with the settings in its directory and waits until it answers.
pub(crate) fn start(data: &Path) {
    let log = data.join("server.log");
    must(program("pg_ctl").arg("-D").arg(data).arg("-l").arg(log).args(["-w", "start"]));
    until_true("the server writes its lock file", || data.join("postmaster.pid").exists());
}
