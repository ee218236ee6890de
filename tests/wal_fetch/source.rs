//! A real cluster with small segments, its base backup and its archive, made once; and recoveries of it.

use crate::{
    files::{PACKINGS, pack},
    support::{
        again,
        cluster::{free_port, give_to_server_user, is_root, must, program, server_scratch},
        place::{open_to_all, root, scratch},
        timeout::{until, until_true},
    },
};
use howdah::{
    archive::{Answer, ClusterWal, NeededWal, TimelineHistory},
    domain::{Lsn, SystemIdentifier, Timeline},
    postgres::{
        account::Account,
        wal::{Segment, SegmentHeader, SegmentSize},
    },
    worker::wal_feed::{FeedOptions, FeedState, WalFeed},
};
use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

/// Segments between the backup and the goal: enough to do something in between.
const SEGMENTS: u64 = 40;

/// What a test makes recoveries of.
pub(crate) struct Source {
    pub(crate) archive: PathBuf,
    pub(crate) wal: ClusterWal,
    /// Where replay begins.
    pub(crate) first: u64,
    /// What holds the restore point `goal`.
    pub(crate) last: u64,
    backup: PathBuf,
    rows: String,
}

/// The source of this test binary, shut down.
pub(crate) fn source() -> &'static Source {
    static SOURCE: OnceLock<Source> = OnceLock::new();
    SOURCE.get_or_init(|| {
        open_to_all(root());
        make()
    })
}

fn make() -> Source {
    let home = server_scratch("source");
    let [data, archive, backup] = ["data", "archive", "backup"].map(|name| home.join(name));
    let options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "--wal-segsize=1"];
    must(program("initdb").arg("-D").arg(&data).args(options));
    fs::create_dir(&archive).unwrap();
    give_to_server_user(&archive);
    let port = free_port();
    let settings = format!(
        "listen_addresses = ''\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\nautovacuum = off\n\
         shared_buffers = 16MB\nfull_page_writes = off\nmin_wal_size = 2MB\nmax_wal_size = 1GB\narchive_mode = on\n\
         archive_command = 'cp %p {}/%f'\n",
        home.display(),
        archive.display()
    );
    let file = data.join("postgresql.conf");
    fs::write(&file, fs::read_to_string(&file).unwrap() + &settings).unwrap();
    must(program("pg_ctl").arg("-D").arg(&data).arg("-l").arg(home.join("log")).args(["-w", "start"]));
    let connection = ["-h", home.to_str().unwrap(), "-p", &port.to_string(), "-U", "postgres"].map(str::to_owned);
    must(
        program("pg_basebackup")
            .args(&connection)
            .args(["-X", "none", "-c", "fast", "--no-manifest", "-D"])
            .arg(&backup),
    );
    let ask = |query: &str| {
        must(program("psql").args(&connection).args(["-XAtqd", "postgres", "-v", "ON_ERROR_STOP=1", "-c", query]))
    };
    ask("create table t (n int, pad text)");
    // About 120 bytes of WAL a row: nearly a segment each time, and the rest by the switch.
    ask(&format!(
        "do $$ begin for n in 1..{SEGMENTS} loop insert into t select n, md5(g::text) from generate_series(1, 7000) g; \
         commit; perform pg_switch_wal(); end loop; end $$"
    ));
    let rows = ask(ROWS);
    let goal = ask("select pg_walfile_name(pg_create_restore_point('goal'))");
    ask("insert into t select 0, 'behind the goal' from generate_series(1, 9)");
    ask("select pg_switch_wal()");
    must(program("pg_ctl").arg("-D").arg(&data).args(["-m", "fast", "-w", "stop"]));
    until_true("the goal is archived", || fs::metadata(archive.join(&goal)).is_ok_and(|found| found.len() == 1 << 20));
    let header = SegmentHeader::parse(&fs::read(archive.join(&goal)).unwrap()).unwrap();
    let label = fs::read_to_string(backup.join("backup_label")).unwrap();
    let start: Lsn = label.split_once("LOCATION: ").unwrap().1.split_once(' ').unwrap().0.parse().unwrap();
    let size = SegmentSize::new(1 << 20).unwrap();
    Source {
        archive,
        wal: ClusterWal { cluster: SystemIdentifier(header.system_identifier.0), size },
        first: Segment::holding(Timeline(1), start, size).number,
        last: header.segment().number,
        backup,
        rows,
    }
}

const ROWS: &str = "select count(*) || '/' || max(n) from t";

impl Source {
    pub(crate) fn name(&self, number: u64) -> String {
        Segment { timeline: Timeline(1), number }.file_name(self.wal.size)
    }

    /// A copy of the archive, each segment packed in its turn if that is wanted.
    pub(crate) fn archive_copy(&self, is_packed: bool) -> PathBuf {
        let copy = scratch("archive").join("it's 100% wal");
        fs::create_dir(&copy).unwrap();
        open_to_all(&copy);
        for (turn, entry) in fs::read_dir(&self.archive).unwrap().enumerate() {
            let entry = entry.unwrap();
            let (packing, ending) = if is_packed { PACKINGS[turn % PACKINGS.len()] } else { PACKINGS[0] };
            let name = entry.file_name().into_string().unwrap() + ending;
            let bytes = fs::read(entry.path()).unwrap();
            // A backup's note is never packed.
            let is_note = name.contains(".backup");
            let name = if is_note { entry.file_name().into_string().unwrap() } else { name };
            fs::write(copy.join(name), if is_note { bytes } else { pack(&bytes, packing) }).unwrap();
        }
        copy
    }

    pub(crate) fn needed(&self) -> NeededWal {
        let segment = |number| Segment { timeline: Timeline(1), number };
        let (first, last) = (segment(self.first), segment(self.last));
        NeededWal { path: TimelineHistory::first(), first, last, size: self.wal.size }
    }
}

/// howdah where the server's user can execute it.
pub(crate) fn howdah_for_all() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let copy = scratch("program").join("howdah");
        fs::copy(again::program(), &copy).unwrap();
        copy
    })
}

pub(crate) fn server_account() -> Account {
    Account::for_server("postgres").unwrap()
}

/// A server that recovers. Dropping it stops the server.
pub(crate) struct Recovery {
    pub(crate) target: PathBuf,
    pub(crate) feed: Option<WalFeed>,
    archive: PathBuf,
    port: u16,
}

impl Recovery {
    /// A copy of the backup, with a feed that holds the server for so long.
    pub(crate) fn new(archive: &Path, wait: Duration) -> Self {
        let home = server_scratch("target");
        let target = home.join("data");
        must(Command::new("cp").arg("-a").arg(&source().backup).arg(&target));
        must(Command::new("mkdir").arg(target.join(".howdah")));
        give_to_server_user(&target);
        let options = FeedOptions {
            spool: &target.join(".howdah/wal"),
            program: howdah_for_all(),
            archive,
            wal: source().wal,
            needed: source().needed(),
            account: &server_account(),
            wait: Some(wait),
        };
        let feed = Some(WalFeed::start(options).unwrap());
        Self { target, feed, archive: archive.to_owned(), port: free_port() }
    }

    /// Starts the server with the feed's command.
    pub(crate) fn start(&self) {
        self.start_with(&self.feed.as_ref().unwrap().command(), "recovery_target_name = 'goal'");
    }

    /// Starts it with this command and these settings.
    pub(crate) fn start_with(&self, restore_command: &OsStr, settings: &str) {
        // In a file a backslash and a quote are doubled.
        let quoted: Vec<u8> = restore_command
            .as_bytes()
            .iter()
            .flat_map(|byte| if b"'\\".contains(byte) { vec![*byte; 2] } else { vec![*byte] })
            .collect();
        let mut text = b"\nrestore_command = '".to_vec();
        text.extend(quoted);
        let home = self.target.parent().unwrap();
        text.extend(
            format!(
                "'\n{settings}\nrecovery_target_action = pause\narchive_mode = off\nport = {}\nlisten_addresses = ''\n\
                 unix_socket_directories = '{}'\nlog_min_messages = debug2\n",
                self.port,
                home.display()
            )
            .bytes(),
        );
        let file = self.target.join("postgresql.auto.conf");
        let text = [fs::read(&file).unwrap_or_default(), text].concat();
        fs::write(&file, text).unwrap();
        fs::write(self.target.join("recovery.signal"), "").unwrap();
        give_to_server_user(&self.target);
        let mut command = program("pg_ctl");
        command.arg("-D").arg(&self.target).arg("-l").arg(home.join("log")).args(["-W", "start"]);
        must(&mut command);
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.target.parent().unwrap().join("log")).unwrap_or_default()
    }

    fn ask(&self, query: &str) -> Option<String> {
        let home = self.target.parent().unwrap();
        let mut psql = program("psql");
        psql.arg("-h").arg(home).args([
            "-p",
            &self.port.to_string(),
            "-U",
            "postgres",
            "-XAtqd",
            "postgres",
            "-c",
            query,
        ]);
        let output = psql.output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    /// Waits until it is paused at the goal, with exactly the rows that were committed before.
    #[track_caller]
    pub(crate) fn expect_goal(&self) {
        until("recovery pauses at the goal", || {
            let log = self.log();
            assert!(!log.contains("FATAL:  could not") && !log.contains("FATAL:  recovery ended"), "{log}");
            (self.ask("select pg_get_wal_replay_pause_state()")? == "paused").then_some(())
        });
        assert_eq!(self.ask(ROWS).unwrap(), source().rows);
    }

    /// Waits until the server has given up, and gives its log.
    pub(crate) fn expect_end(&self) -> String {
        until("the server gives up", || {
            let log = self.log();
            assert!(!log.contains("database system is ready to accept connections"), "it was opened\n{log}");
            log.contains("database system is shut down").then_some(log)
        })
    }

    pub(crate) fn state(&self) -> FeedState {
        self.feed.as_ref().unwrap().look()
    }

    /// Waits until so many segments were handed over.
    pub(crate) fn wait_for_segments(&self, count: u64) {
        until_true("segments are handed over", || self.state().handed().segments >= count);
    }

    /// Waits until an answer is like this.
    pub(crate) fn wait_for_answer(&self, what: &str, is_it: impl Fn(&Answer) -> bool) -> Answer {
        until(what, || self.state().answer.filter(&is_it))
    }

    /// Whether a path is the archive of this recovery.
    pub(crate) fn archive(&self) -> &Path {
        &self.archive
    }

    /// Kills the postmaster, as a crash would.
    pub(crate) fn stop(&self, mode: &str) {
        let _was_none = program("pg_ctl").arg("-D").arg(&self.target).args(["-m", mode, "-w", "stop"]).output();
    }
}

impl Drop for Recovery {
    fn drop(&mut self) {
        self.stop("immediate");
    }
}

/// Whether the tests run as root, so that the server's user is another one.
pub(crate) fn is_other_user() -> bool {
    is_root()
}
