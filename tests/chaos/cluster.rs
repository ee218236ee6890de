//! A real cluster that is as small as one can be, with WAL that takes a while to replay, and backups of it, one of them with
//! an archive.

use crate::support::{
    cluster::{free_port, give_to_server_user, must, program, server_scratch, start},
    timeout::until_true,
};
use howdah::postgres::manifest::Manifest;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::OnceLock,
};

/// What is asked of a restored cluster: rows of a table that recovery writes anew, and of one in a tablespace.
pub(crate) const QUESTION: &str = "select (select count(*) || '/' || sum(n) from busy) || ' ' \
     || (select md5(string_agg(t::text, ',' order by id)) from elsewhere t)";

/// The forms a restore has, which are the instances of the repository: a plain backup, a packed one, and a plain one that is
/// recovered from its archive to [`GOAL`].
pub(crate) const FORMS: [&str; 3] = ["plain", "packed", "goal"];

/// The named restore point of the instance with an archive, by the same name.
const GOAL: &str = "goal";

/// The repository, and what stands in it.
pub(crate) struct Cluster {
    pub(crate) repository: PathBuf,
    manifests: [Manifest; 3],
    /// What [`QUESTION`] has to be answered, but for the rows that were still being written.
    elsewhere: String,
    /// What it has to be answered at the goal.
    at_goal: String,
}

/// Makes the backups once.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(make)
}

impl Cluster {
    pub(crate) fn manifest(&self, form: &str) -> &Manifest {
        &self.manifests[FORMS.iter().position(|known| *known == form).unwrap()]
    }

    /// Whether a cluster that was restored in this form knows what its source knew.
    pub(crate) fn right(&self, form: &str, answer: &str) -> Result<(), String> {
        let is_right = match answer.split_once(' ') {
            _ if form == GOAL => answer == self.at_goal,
            Some((busy, rows)) => busy.starts_with("2000/") && rows == self.elsewhere,
            None => false,
        };
        let Self { elsewhere, at_goal, .. } = self;
        let should = if form == GOAL { at_goal } else { elsewhere };
        is_right
            .then_some(())
            .ok_or_else(|| format!("the restored cluster answers {answer:?}, and should say {should:?}"))
    }
}

/// What an order of this form has beside the instance.
pub(crate) fn words(form: &str) -> &'static [&'static str] {
    if form == GOAL { &["--restore-point", GOAL] } else { &[] }
}

/// A server that is stopped when all is made.
struct Source {
    data: PathBuf,
    sockets: PathBuf,
    port: u16,
}

impl Source {
    fn make() -> Self {
        let home = server_scratch("source");
        let (data, port) = (home.join("data"), free_port());
        let options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N", "--wal-segsize=1"];
        must(program("initdb").arg("-D").arg(&data).args(options));
        let settings = format!(
            "listen_addresses = ''\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\nautovacuum = off\n\
             shared_buffers = 4MB\nmax_connections = 10\nmax_wal_size = 64MB\nwal_keep_size = 64MB\nmax_wal_senders = 4\n\
             full_page_writes = on\nmax_worker_processes = 1\nmin_wal_size = 4MB\n",
            home.display()
        );
        let file = data.join("postgresql.conf");
        let stock = fs::read_to_string(&file).unwrap();
        fs::write(&file, stock + &settings).unwrap();
        start(&data);
        let source = Self { data, sockets: home.clone(), port };
        let place = home.join("tablespace");
        make_for_server(&place);
        source.ask(&format!("create tablespace elsewhere location '{}'", place.display()));
        source.ask("create table busy as select g id, 0 n, repeat('x', 500) filler from generate_series(1, 2000) g");
        source
            .ask("create table elsewhere tablespace elsewhere as select g id, g * 7 n from generate_series(1, 999) g");
        // A quarter of the whole, and nobody needs it.
        source.ask("update pg_database set datistemplate = false where datname = 'template0'");
        source.ask("drop database template0");
        // Nothing is left to be written by those who only read.
        source.ask("vacuum (freeze, analyze)");
        source.ask("checkpoint");
        source
    }

    fn psql(&self, query: &str) -> std::process::Command {
        let (sockets, port) = (self.sockets.display().to_string(), self.port.to_string());
        let mut psql = program("psql");
        psql.args(["-h", &sockets, "-p", &port, "-U", "postgres", "-d", "postgres", "-XAtqv", "ON_ERROR_STOP=1"]);
        psql.args(["-c", query]);
        psql
    }

    fn ask(&self, query: &str) -> String {
        must(&mut self.psql(query))
    }

    /// Writes rows until it is dropped, so that recovery has something to do.
    fn busy(&self) -> Busy {
        let forever = "do $$ begin loop update busy set n = n + 1 where id % 20 = (random() * 19)::int; commit; \
                       perform pg_sleep(0.01); end loop; end $$";
        let child = self.psql(forever).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Busy(child)
    }

    /// Writes WAL up to the goal and behind it, and gives it to this archive; the answer at the goal.
    fn archive(&self, archive: &Path) -> String {
        // One whose client is gone would go on for ever.
        let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'do $$%'";
        until_true("nobody writes any more", || self.ask(others) == "0");
        for third in 0..3 {
            self.ask(&format!("update busy set n = n + 1 where id % 3 = {third}"));
        }
        let answer = self.ask(QUESTION);
        self.ask(&format!("select pg_create_restore_point('{GOAL}')"));
        self.ask("update busy set n = n + 1");
        let last = self.ask("select pg_walfile_name(pg_switch_wal())");
        for segment in fs::read_dir(self.data.join("pg_wal")).unwrap().map(Result::unwrap) {
            let name = segment.file_name().into_string().unwrap();
            // What is behind the last one was made in advance.
            if name.len() == last.len() && name <= last {
                fs::copy(segment.path(), archive.join(&name)).unwrap();
                give_to_server_user(&archive.join(&name));
            }
        }
        answer
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _stopped = program("pg_ctl").arg("-D").arg(&self.data).args(["-m", "immediate", "-w", "stop"]).output();
    }
}

struct Busy(Child);

impl Drop for Busy {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn make_for_server(directory: &Path) {
    fs::create_dir(directory).unwrap();
    give_to_server_user(directory);
}

fn make() -> Cluster {
    let source = Source::make();
    let (home, repository) = (server_scratch("backups"), server_scratch("repository"));
    let elsewhere = source.ask(QUESTION).split_once(' ').unwrap().1.to_owned();
    let manifests = FORMS.map(|form| {
        let directory = repository.join(form).join("b1");
        let mut command = program("pg_basebackup");
        let port = source.port.to_string();
        make_for_server(&repository.join(form));
        command.arg("-h").arg(&source.sockets).args(["-p", &port, "-U", "postgres", "-c", "fast", "--no-sync"]);
        // Slow enough for the busy one to write some megabytes of WAL meanwhile.
        command.arg("-D").arg(&directory).args(["-X", "stream", "--max-rate=12M"]);
        if form == "packed" {
            command.args(["--format=tar", "--compress=server-zstd:1"]);
        } else {
            let from = source.sockets.join("tablespace");
            command.arg("-T").arg(format!("{}={}", from.display(), home.join(form).display()));
        }
        let busy = source.busy();
        must(&mut command);
        drop(busy);
        Manifest::read(&directory.join("backup_manifest")).unwrap()
    });
    let archive = repository.join(GOAL).join("wal");
    make_for_server(&archive);
    let at_goal = source.archive(&archive);
    Cluster { repository, manifests, elsewhere, at_goal }
}
