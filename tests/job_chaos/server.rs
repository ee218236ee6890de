//! A server that is as small as one can be, to be backed up and killed.

use crate::{
    processes::{children, engines, kill},
    support::{
        cluster::{free_port, give_to_server_user, must, program, server_scratch, start},
        timeout::until_true,
    },
};
use howdah::process::is_alive;
use std::{fs, path::PathBuf};

/// It lives below the directory of the tests.
pub(crate) struct Server {
    data: PathBuf,
    sockets: PathBuf,
    port: u16,
}

impl Server {
    pub(crate) fn make() -> Self {
        let home = server_scratch("source");
        let (data, port) = (home.join("data"), free_port());
        let options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N", "--wal-segsize=1"];
        must(program("initdb").arg("-D").arg(&data).args(options));
        let settings = format!(
            "listen_addresses = ''\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\nautovacuum = off\n\
             shared_buffers = 4MB\nmax_connections = 20\nmax_wal_size = 64MB\nwal_keep_size = 64MB\nmin_wal_size = 4MB\n",
            home.display()
        );
        let file = data.join("postgresql.conf");
        let stock = fs::read_to_string(&file).unwrap();
        fs::write(&file, stock + &settings).unwrap();
        give_to_server_user(&file);
        start(&data);
        let server = Self { data, sockets: home, port };
        server.ask("create table goods as select g id, repeat('x', 500) filler from generate_series(1, 4000) g");
        // A quarter of the whole, and nobody needs it.
        server.ask("update pg_database set datistemplate = false where datname = 'template0'");
        server.ask("drop database template0");
        server.ask("checkpoint");
        server
    }

    pub(crate) fn conninfo(&self) -> String {
        format!("host={} port={} user=postgres", self.sockets.display(), self.port)
    }

    pub(crate) fn ask(&self, query: &str) -> String {
        let (sockets, port) = (self.sockets.display().to_string(), self.port.to_string());
        let mut psql = program("psql");
        psql.args(["-h", &sockets, "-p", &port, "-U", "postgres", "-d", "postgres", "-XAtqv", "ON_ERROR_STOP=1"]);
        must(psql.args(["-c", query]))
    }

    /// Kills its first process; the others follow by themselves.
    pub(crate) fn kill(&self) -> bool {
        let Some(postmaster) = engines(&self.data).into_iter().next() else { return false };
        let family = children(postmaster.pid);
        let hit = kill(postmaster);
        until_true("the server is gone", || family.iter().all(|child| !is_alive(*child)));
        hit
    }

    /// The shared memory of the one that was killed may be in use a moment longer than its processes are seen.
    pub(crate) fn start(&self) {
        let log = self.data.join("server.log");
        let mut command = program("pg_ctl");
        command.arg("-D").arg(&self.data).arg("-l").arg(log).args(["-w", "start"]);
        until_true("the server is back", || command.output().unwrap().status.success());
    }
}
