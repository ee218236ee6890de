//! A primary, and the place, port and slot of a standby of it.

use crate::{
    session,
    support::{
        cluster::{Cluster, Restored, free_port, must, program, server_scratch},
        howdah::Howdah,
        place::{open_to_all, root},
        timeout::until_true,
    },
};
use howdah::domain::{BackupObject, BackupOrder, InstanceName, PasswordSource, Port};
use std::{
    fs,
    path::PathBuf,
    process::{Child, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

static NEXT: AtomicU32 = AtomicU32::new(1);

/// The primary of all tests that leave it running.
pub(crate) fn primary() -> &'static Cluster {
    static PRIMARY: OnceLock<Cluster> = OnceLock::new();
    PRIMARY.get_or_init(|| filled("max_replication_slots = 40\n"))
}

/// A server with some data, of one test alone.
pub(crate) fn filled(settings: &str) -> Cluster {
    open_to_all(root());
    let cluster = Cluster::make(settings);
    must(program("pgbench").args(["-i", "-q", "-s", "1"]).args(cluster.connection()).arg("postgres"));
    cluster
}

/// A standby that is, or is to be. Dropping it stops its server and drops its slot, so that the primary has room for others.
pub(crate) struct Pair<'a> {
    pub(crate) primary: &'a Cluster,
    pub(crate) directory: PathBuf,
    pub(crate) port: u16,
    pub(crate) slot: String,
    pub(crate) max_lag: Duration,
}

impl<'a> Pair<'a> {
    pub(crate) fn of(primary: &'a Cluster) -> Self {
        let directory = server_scratch("standbys").join("standby");
        let slot = format!("slot_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self { primary, directory, port: free_port(), slot, max_lag: Duration::from_secs(30) }
    }

    /// The same with a lag that no standby stays below.
    pub(crate) fn never_near(mut self) -> Self {
        self.max_lag = Duration::from_nanos(1);
        self
    }

    pub(crate) fn order(&self) -> BackupOrder {
        let object = BackupObject::Standby {
            name: InstanceName::new("shop"),
            conninfo: self.primary.conninfo(),
            password: PasswordSource::None,
            directory: self.directory.clone(),
            port: Port::new(self.port).unwrap(),
            slot: self.slot.clone(),
            max_lag: self.max_lag,
        };
        session::order(object, None)
    }

    /// It as an object in the settings of a job.
    pub(crate) fn object(&self, name: &str) -> String {
        format!(
            "{{ name = \"{name}\", conninfo = \"{}\", standby = \"{}\", port = {}, slot = \"{}\", max_lag = \"30s\" }}",
            self.primary.conninfo(),
            self.directory.display(),
            self.port,
            self.slot
        )
    }

    /// A user with a job of this name over it alone.
    pub(crate) fn howdah(&self, job: &str) -> Howdah {
        let howdah = Howdah::usual();
        let object = self.object("shop");
        howdah.configure(&format!("[[job]]\nname = \"{job}\"\nkind = \"replication\"\nobjects = [{object}]\n"));
        howdah
    }

    /// Its slot as the primary has it: one line where it is there.
    pub(crate) fn slots(&self) -> String {
        self.primary.ask(&format!("select slot_type from pg_replication_slots where slot_name = '{}'", self.slot))
    }

    /// Its server streams; `pg_basebackup`, which does so before, shows itself by another name.
    pub(crate) fn streams(&self) -> bool {
        let sender = format!("select state from pg_stat_replication where application_name = '{}'", self.slot);
        self.primary.ask(&sender) == "streaming"
    }

    /// What is written at the primary now is seen at the standby, which is in recovery.
    pub(crate) fn follows(&self) {
        let table = format!("seen_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.primary.ask(&format!("create table {table} as select 42 n"));
        let there = format!("select coalesce(to_regclass('{table}')::text, '')");
        until_true("the row is at the standby", || self.ask(&there) == table);
        assert_eq!(self.ask(&format!("select n::text || pg_is_in_recovery() from {table}")), "42true");
        assert!(self.streams());
    }

    /// What the standby answers.
    pub(crate) fn ask(&self, query: &str) -> String {
        let standby = Restored(self.directory.clone());
        let answer = standby.ask(query);
        std::mem::forget(standby);
        answer
    }

    /// Ends it, or starts it, as a person would.
    pub(crate) fn control(&self, arguments: &[&str]) {
        let log = self.directory.with_file_name("log");
        must(program("pg_ctl").arg("-D").arg(&self.directory).arg("-l").arg(log).arg("-w").args(arguments));
    }

    /// The names beside it that are no log of a person.
    pub(crate) fn beside(&self) -> Vec<String> {
        let all = crate::support::place::names(self.directory.parent().unwrap());
        all.into_iter().filter(|name| name != "log").collect()
    }

    /// The pid of its server.
    pub(crate) fn postmaster(&self) -> u32 {
        let lock = fs::read_to_string(self.directory.join("postmaster.pid")).unwrap();
        lock.lines().next().unwrap().parse().unwrap()
    }

    /// Nothing of it is anywhere: no slot, no directory, no claim, no server.
    pub(crate) fn is_gone(&self) {
        assert_eq!(self.slots(), "", "the slot is gone");
        let left = crate::support::place::names(self.directory.parent().unwrap());
        assert_eq!(left, [""; 0], "nothing is left beside it either");
        let sender = format!("select count(*) from pg_stat_replication where application_name = '{}'", self.slot);
        assert_eq!(self.primary.ask(&sender), "0");
    }
}

/// Somebody else who receives WAL from this primary.
pub(crate) struct Receiver<'a>(&'a Cluster, Child);

impl<'a> Receiver<'a> {
    pub(crate) fn new(cluster: &'a Cluster, more: &[&str]) -> Self {
        let mut command = program("pg_receivewal");
        command.args(cluster.connection()).arg("--no-loop").args(more).arg("-D").arg(server_scratch("received"));
        Self(cluster, command.stderr(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn end(mut self) {
        let ours = "application_name = 'pg_receivewal'";
        self.0.ask(&format!("select pg_terminate_backend(pid) from pg_stat_activity where {ours}"));
        self.1.wait().unwrap();
    }
}

impl Drop for Pair<'_> {
    fn drop(&mut self) {
        drop(Restored(self.directory.clone()));
        let free = format!("slot_name = '{}' and not active", self.slot);
        let query = format!("select pg_drop_replication_slot(slot_name) from pg_replication_slots where {free}");
        let command =
            program("psql").args(self.primary.connection()).args(["-XAtqd", "postgres", "-c", &query]).output();
        assert!(command.is_ok(), "psql can be run");
    }
}
