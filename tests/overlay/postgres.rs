//! PostgreSQL on an overlay of a real backup.

use crate::{
    compare::fingerprint,
    harness::Overlay,
    members,
    support::{
        backup::{Form, backup},
        cluster::{self, SUM_OF_ROWS, free_port, give_to_server_user, must, program, server_scratch, source},
        place::scratch,
        timeout::until_true,
    },
};
use howdah::{
    domain::ByteCount,
    overlay::{self, Lower, Root},
    process,
};
use rustix::process::Signal;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// A server on an overlay. Dropping it stops the server first.
struct Server {
    overlay: Overlay,
    sockets: PathBuf,
    port: u16,
}

impl Server {
    /// On the usual backup, its tablespace included.
    fn on(roots: Vec<Root>, hidden: &[&str]) -> Self {
        let mut overlay = Overlay::of_roots(roots);
        give_to_server_user(&overlay.home);
        if cluster::is_root() {
            overlay.order.owner = (id("-u"), id("-g"));
        }
        let tablespace = format!("tablespaces/{}", tablespace());
        let at = Path::new("data/pg_tblspc").join(tablespace.trim_start_matches("tablespaces/"));
        overlay.order.links = vec![(at, overlay.order.mount.join(tablespace))];
        overlay.order.hidden = hidden.iter().map(PathBuf::from).collect();
        Self { overlay, sockets: server_scratch("sockets"), port: free_port() }
    }

    fn plain() -> (Self, PathBuf) {
        let backup = backup(Form::PLAIN);
        let link = backup.join("pg_tblspc").join(tablespace());
        let elsewhere = fs::canonicalize(link).unwrap();
        let roots = vec![
            Root { at: "data".into(), from: Lower::Directory(backup.clone()) },
            Root { at: format!("tablespaces/{}", tablespace()).into(), from: Lower::Directory(elsewhere) },
        ];
        (Self::on(roots, &["data/postmaster.pid"]), backup)
    }

    fn start(&self) {
        let log = self.overlay.home.join("server.log");
        if !log.exists() {
            File::create(&log).unwrap();
            give_to_server_user(&log);
        }
        let settings = format!(
            "-p {} -c unix_socket_directories={} -c listen_addresses= -c fsync=off -c max_wal_size=64MB",
            self.port,
            self.sockets.display()
        );
        let mut start = program("pg_ctl");
        start.arg("-D").arg(self.overlay.data()).arg("-l").arg(&log).args(["-w", "-o", &settings, "start"]);
        let started = start.output().unwrap().status.success();
        let text = || fs::read_to_string(&log).unwrap_or_default();
        assert!(started, "it does not start:\n{}\n{}", text(), self.overlay.log());
        // The lock file goes with the overlay.
        let lock = fs::read_to_string(self.overlay.data().join("postmaster.pid")).unwrap();
        fs::write(self.overlay.home.join("server.pid"), lock.lines().next().unwrap()).unwrap();
    }

    fn connection(&self) -> Vec<String> {
        let (sockets, port) = (self.sockets.display().to_string(), self.port.to_string());
        ["-h", &sockets, "-p", &port, "-U", "postgres"].map(str::to_owned).to_vec()
    }

    fn psql(&self, query: &str) -> Command {
        let mut psql = program("psql");
        psql.args(self.connection()).args(["-XAtqd", "postgres", "-v", "ON_ERROR_STOP=1", "-c", query]);
        psql
    }

    fn ask(&self, query: &str) -> String {
        must(&mut self.psql(query))
    }

    fn run(&self, name: &str, arguments: &[&str]) {
        must(program(name).args(self.connection()).args(arguments));
    }

    fn check(&self, after: &str) {
        let mut check = program("pg_amcheck");
        check.args(self.connection()).args(["--all", "--install-missing", "--heapallindexed", "--parent-check"]);
        let output = check.output().unwrap();
        let words = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "after {after}: {words}");
    }

    fn stop(&self) {
        must(program("pg_ctl").arg("-D").arg(self.overlay.data()).args(["-m", "fast", "-w", "stop"]));
    }

    /// Kills all of it at once, as a machine that runs out of memory would.
    fn kill(&self) {
        for pid in self.processes() {
            if let Some(mark) = process::mark(pid) {
                process::signal(mark, Signal::KILL).unwrap();
            }
        }
        until_true("the server's processes are gone", || self.processes().is_empty());
    }

    /// The processes of the server: those that work in its directory. One that has ended counts until it was waited for.
    fn processes(&self) -> Vec<u32> {
        let data = self.overlay.data();
        let lock = self.overlay.home.join("server.pid");
        let postmaster = fs::read_to_string(lock).ok().and_then(|pid| pid.parse().ok());
        let here = |pid: &u32| {
            process::directory(*pid).is_some_and(|at| at == data)
                || Some(*pid) == postmaster && process::name(*pid).as_deref() == Some("postgres")
        };
        process::pids().unwrap().filter(here).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.overlay.data().join("postmaster.pid").exists() {
            let mut stop = program("pg_ctl");
            let _it_may_be_gone = stop.arg("-D").arg(self.overlay.data()).args(["-m", "immediate", "stop"]).output();
        }
    }
}

fn id(what: &str) -> u32 {
    must(Command::new("id").args([what, "postgres"])).parse().unwrap()
}

/// The oid of the one tablespace of the usual cluster.
fn tablespace() -> String {
    source().ask("select oid from pg_tablespace where spcname = 'elsewhere'")
}

/// All that the issue asks PostgreSQL to do on an overlay, with a check of every page after each.
pub(crate) fn works_on_an_overlay() {
    let (mut server, backup) = Server::plain();
    let before = fingerprint(&backup);
    server.overlay.start();
    server.start();
    assert_eq!(server.ask(SUM_OF_ROWS), source().sum, "what was backed up is there, tablespace included");
    server.run("pgbench", &["-n", "-c", "2", "-t", "300", "postgres"]);
    server.check("pgbench");
    server.ask("vacuum full pgbench_accounts");
    server.ask("alter table elsewhere set tablespace pg_default");
    server.ask("alter table goods set tablespace elsewhere");
    server.check("VACUUM FULL");
    server.ask("create index on pgbench_accounts (abalance, aid)");
    server.check("CREATE INDEX");
    for strategy in ["wal_log", "file_copy"] {
        server.ask(&format!("create database by_{strategy} template postgres strategy {strategy}"));
        server.check(strategy);
    }
    server.run("pgbench", &["-n", "-c", "2", "-t", "300", "by_file_copy"]);
    let sum = server.ask(SUM_OF_ROWS);
    server.kill();
    server.start();
    assert_eq!(server.ask(SUM_OF_ROWS), sum, "after a kill of the server");
    server.check("a kill of the server");
    server.ask("drop database by_wal_log");
    let sum = server.ask(SUM_OF_ROWS);
    // Not even fsync is on: what a process of the overlay has acknowledged is enough for a recovery.
    server.ask("insert into goods select g, 'after' from generate_series(100000, 101000) g");
    server.overlay.serving.as_mut().unwrap().kill().unwrap();
    server.overlay.serving = None;
    let connected = server.psql("checkpoint").output().unwrap();
    assert!(!connected.status.success(), "no server goes on without its files");
    server.kill();
    overlay::unmount(&server.overlay.order.name).unwrap();
    server.overlay.start();
    fs::remove_file(server.overlay.data().join("postmaster.pid")).unwrap();
    server.start();
    assert_ne!(server.ask(SUM_OF_ROWS), sum);
    server.ask("delete from goods where id >= 100000");
    assert_eq!(server.ask(SUM_OF_ROWS), sum, "after a kill of the overlay");
    server.check("a kill of the overlay");
    server.stop();
    server.overlay.stop();
    assert_eq!(fingerprint(&backup), before, "the backup was written to");
}

/// The same backup as archives that nobody unpacks.
pub(crate) fn works_on_uncompressed_archives() {
    let backup = backup(Form::TAR);
    let lists = scratch("members");
    let space = tablespace();
    let base =
        members::list(&lists.join("base"), &[(&backup.join("base.tar"), ""), (&backup.join("pg_wal.tar"), "pg_wal")]);
    let elsewhere = members::list(&lists.join("elsewhere"), &[(&backup.join(format!("{space}.tar")), "")]);
    let roots = vec![
        Root { at: "data".into(), from: Lower::Members(base) },
        Root { at: format!("tablespaces/{space}").into(), from: Lower::Members(elsewhere) },
    ];
    let before = fingerprint(&backup);
    let mut server = Server::on(roots, &["data/tablespace_map"]);
    server.overlay.start();
    server.start();
    assert_eq!(server.ask(SUM_OF_ROWS), source().sum);
    server.run("pgbench", &["-n", "-c", "2", "-t", "100", "postgres"]);
    server.check("pgbench on archives");
    server.stop();
    server.overlay.stop();
    assert_eq!(fingerprint(&backup), before, "the archives were written to");
}

/// A full upper directory is an error of the statement that fills it, and of nothing else.
pub(crate) fn survives_a_full_upper_directory() {
    let (mut server, _) = Server::plain();
    server.overlay.order.limit = ByteCount(120 << 20);
    server.overlay.start();
    server.start();
    server.ask("create unlogged table filler (line text)");
    let mut fill = server.psql("insert into filler select repeat('x', 2000) from generate_series(1, 1000000)");
    let output = fill.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("No space left on device"), "{words}");
    assert!(overlay::occupied_by(&server.overlay.order.upper).unwrap() <= 120 << 20);
    assert_eq!(server.ask(SUM_OF_ROWS), source().sum, "it goes on answering");
    server.ask("truncate filler");
    server.ask("insert into filler values ('there is room again')");
    until_true("the refusal is in the status", || server.overlay.status().refused > 0);
    server.stop();
}
