//! A cluster with a busy pgbench and a log of numbered transactions, its archive with two timelines, and one restore of it.
//!
//! What was committed, in which order and when, is read from the archive by `pg_waldump`, which knows nothing of howdah.

use crate::support::{
    backup::Repository,
    cluster::{Restored, free_port, give_to_server_user, must, program, server_scratch, start},
    howdah::{Howdah, Ran},
    place::{copy_of, open_to_all, root, scratch},
    timeout::until_true,
};
use howdah::domain::{Lsn, Timestamp};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// The end of a transaction in the WAL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) lsn: Lsn,
    pub(crate) xid: u32,
    pub(crate) at: Timestamp,
    committed: bool,
}

/// What one timeline says, from the first record behind the backup's start.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) ended: Vec<Ended>,
    /// Named restore points, with where their records begin.
    pub(crate) named: Vec<(String, Lsn)>,
    /// Numbers of the log by their transactions.
    numbers: BTreeMap<u32, u32>,
}

/// The cluster's archive and backup; the cluster itself is gone.
pub(crate) struct Bed {
    repository: PathBuf,
    /// Where the backup stopped.
    pub(crate) stop: Lsn,
    /// By the number of the timeline.
    pub(crate) courses: BTreeMap<u32, Course>,
}

/// A wish, as the command line has it, and what must be there then.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) words: Vec<String>,
    pub(crate) numbers: String,
}

pub(crate) fn bed() -> &'static Bed {
    static BED: OnceLock<Bed> = OnceLock::new();
    BED.get_or_init(|| {
        open_to_all(root());
        make()
    })
}

/// A running server of the bed.
struct Source {
    data: PathBuf,
    sockets: PathBuf,
    port: u16,
}

impl Source {
    fn connection(&self) -> Vec<String> {
        let (sockets, port) = (self.sockets.display().to_string(), self.port.to_string());
        ["-h", &sockets, "-p", &port, "-U", "postgres"].map(str::to_owned).to_vec()
    }

    fn ask(&self, query: &str) -> String {
        must(program("psql").args(self.connection()).args(["-XAtqd", "postgres", "-v", "ON_ERROR_STOP=1", "-c", query]))
    }

    /// Commits these numbers one by one, with restore points and segments that end among them, beside a busy pgbench.
    fn work(&self, numbers: std::ops::Range<u32>) {
        let mut noise = self.noise();
        for number in numbers {
            self.ask(&format!("insert into log values ({number})"));
            match number % 6 {
                2 => drop(self.ask(&format!("select pg_create_restore_point('behind {number}')"))),
                4 => drop(self.ask("select pg_switch_wal()")),
                _ => {}
            }
        }
        noise.kill().unwrap();
        noise.wait().unwrap();
        self.finish();
    }

    fn noise(&self) -> Child {
        let script = self.sockets.join("noise.sql");
        fs::write(&script, "insert into noise select generate_series(1, 20);\n").unwrap();
        give_to_server_user(&script);
        let mut pgbench = program("pgbench");
        pgbench.args(["-n", "-c", "2", "-T", "100", "-R", "150", "-f"]).arg(script).args(self.connection());
        pgbench.arg("postgres").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Ends the last segment and waits until all is archived.
    fn finish(&self) {
        // A commit behind which the goals of this timeline lie.
        self.ask("insert into noise values (0)");
        let last = self.ask("select pg_walfile_name(pg_current_wal_lsn())");
        self.ask("select pg_switch_wal()");
        until_true("all is archived", || self.ask("select last_archived_wal from pg_stat_archiver") >= last);
    }

    fn stop(&self) {
        must(program("pg_ctl").arg("-D").arg(&self.data).args(["-m", "fast", "-w", "stop"]));
    }
}

fn make() -> Bed {
    let home = server_scratch("bed");
    let repository = home.join("repository");
    let archive = repository.join("shop/wal");
    fs::create_dir_all(&archive).unwrap();
    let (data, sockets, port) = (home.join("data"), home.join("sockets"), free_port());
    fs::create_dir_all(&sockets).unwrap();
    give_to_server_user(&home);
    // Segments of one MiB: many of them are replayed in a second.
    let options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "--wal-segsize=1"];
    must(program("initdb").arg("-D").arg(&data).args(options));
    let file = data.join("postgresql.conf");
    let stock = fs::read_to_string(&file).unwrap();
    let settings = format!(
        "listen_addresses = ''\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\nmax_wal_senders = 5\n\
         shared_buffers = 16MB\nautovacuum = off\nmin_wal_size = 2MB\narchive_mode = on\n\
         archive_command = 'cp %p {}/%f && true'\n",
        sockets.display(),
        archive.display()
    );
    // The command is in no form that the catalogue understands: the archive is the one beside the backup, and no other.
    fs::write(&file, stock + &settings).unwrap();
    give_to_server_user(&data);
    start(&data);
    let source = Source { data, sockets, port };
    source.ask("create table log(n int); create table noise(n int)");
    source.ask("insert into log values (0)");
    let backup = repository.join("shop/b1");
    let mut base = program("pg_basebackup");
    base.args(source.connection()).arg("-D").arg(&backup).args(["-c", "fast", "--no-sync", "-X", "stream"]);
    must(&mut base);
    source.work(1..31);
    let first = course(&archive, 1, &source);
    source.stop();
    let second = branch(&home, &backup, &archive, &first);
    let manifest = fs::read_to_string(backup.join("backup_manifest")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let stop = manifest["WAL-Ranges"][0]["End-LSN"].as_str().unwrap().parse().unwrap();
    give_to_server_user(&repository);
    Bed { repository, stop, courses: BTreeMap::from([(1, first), (2, second)]) }
}

/// Lets a copy of the backup branch off in the middle of the first timeline and archive beside it.
fn branch(home: &Path, backup: &Path, archive: &Path, first: &Course) -> Course {
    let (data, sockets) = (home.join("branch"), home.join("branch-sockets"));
    fs::create_dir(&sockets).unwrap();
    give_to_server_user(&sockets);
    must(Command::new("cp").arg("-a").arg(backup).arg(&data));
    let (name, _) = &first.named[first.named.len() / 2];
    let port = free_port();
    let settings = format!(
        "restore_command = 'cp {}/%f %p'\nrecovery_target_name = '{name}'\nrecovery_target_action = promote\n\
         recovery_target_timeline = 1\nport = {port}\nunix_socket_directories = '{}'\n",
        archive.display(),
        sockets.display()
    );
    fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
    fs::write(data.join("recovery.signal"), "").unwrap();
    give_to_server_user(&data);
    start(&data);
    let source = Source { data, sockets, port };
    until_true("the branch is open", || source.ask("select pg_is_in_recovery()") == "f");
    source.work(101..119);
    let history = fs::read_to_string(archive.join("00000002.history")).unwrap();
    let fork: Lsn = history.split_whitespace().nth(1).unwrap().parse().unwrap();
    let course = course(archive, 2, &source);
    source.stop();
    let before = |at: &Lsn| *at < fork;
    let mut ended: Vec<Ended> = first.ended.iter().filter(|end| before(&end.lsn)).copied().collect();
    ended.append(&mut course.ended.into_iter().filter(|end| !before(&end.lsn)).collect());
    let mut named: Vec<_> = first.named.iter().filter(|(_, lsn)| before(lsn)).cloned().collect();
    named.append(&mut course.named.into_iter().filter(|(_, lsn)| !before(lsn)).collect());
    // A transaction's number may have been another one's on the older timeline.
    Course { ended, named, numbers: course.numbers }
}

/// What `pg_waldump` shows of all segments of a timeline, in the order of the WAL.
fn course(archive: &Path, timeline: u32, source: &Source) -> Course {
    let log = source.ask("select n || ' ' || xmin from log");
    let numbers = log.lines().map(|line| {
        let (number, xid) = line.split_once(' ').unwrap();
        (xid.parse().unwrap(), number.parse().unwrap())
    });
    let numbers = numbers.collect();
    let (mut ended, mut named) = (Vec::new(), Vec::new());
    for segment in segments(archive, timeline) {
        let shown = program("pg_waldump").env("TZ", "UTC").arg(archive.join(segment)).output().unwrap();
        for line in String::from_utf8_lossy(&shown.stdout).lines() {
            let Some((head, what)) = line.split_once(", desc: ") else { continue };
            let field = |name: &str| {
                let (_, rest) = head.split_once(name)?;
                rest.trim_start().split([',', ' ']).next().map(str::to_owned)
            };
            let lsn: Lsn = field("lsn: ").unwrap().parse().unwrap();
            if let Some(name) = what.strip_prefix("RESTORE_POINT ") {
                named.push((name.trim().to_owned(), lsn));
            }
            let end = what.strip_prefix("COMMIT ").map(|rest| (rest, true));
            let end = end.or_else(|| what.strip_prefix("ABORT ").map(|rest| (rest, false)));
            let Some((rest, committed)) = end.filter(|_| head.contains("rmgr: Transaction")) else { continue };
            let at = rest.split(" UTC").next().unwrap().replacen(' ', "T", 1) + "Z";
            let xid = field("tx: ").unwrap().parse().unwrap();
            ended.push(Ended { lsn, xid, at: at.parse().unwrap(), committed });
        }
    }
    Course { ended, named, numbers }
}

/// The whole segments of a timeline, by name.
pub(crate) fn segments(archive: &Path, timeline: u32) -> Vec<String> {
    let names = fs::read_dir(archive).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let prefix = format!("{timeline:08X}");
    let mut names: Vec<String> = names.filter(|name| name.len() == 24 && name.starts_with(&prefix)).collect();
    names.sort();
    names
}

impl Course {
    /// The numbers of the log after all ends up to this one, itself included where that is meant.
    fn until(&self, is_in: impl Fn(&Ended) -> bool) -> String {
        let kept = self.ended.iter().take_while(|end| is_in(end)).filter(|end| end.committed);
        let mut numbers: Vec<u32> = kept.filter_map(|end| self.numbers.get(&end.xid).copied()).collect();
        // Committed before the archive's first segment that was read.
        numbers.push(0);
        numbers.sort_unstable();
        numbers.dedup();
        numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
    }

    fn wanted(words: &[&str], numbers: String) -> Wanted {
        Wanted { words: words.iter().map(|word| (*word).to_owned()).collect(), numbers }
    }

    /// The last commit up to a moment.
    pub(crate) fn at_time(&self, at: Timestamp, inclusive: bool) -> Wanted {
        let numbers = self.until(|end| if inclusive { end.at <= at } else { end.at < at });
        let at = at.to_string();
        Self::wanted(&with_side(&["--time", &at], inclusive), numbers)
    }

    /// The record at a position, which is that of an end of a transaction.
    pub(crate) fn at_lsn(&self, at: Lsn, inclusive: bool) -> Wanted {
        let numbers = self.until(|end| if inclusive { end.lsn <= at } else { end.lsn < at });
        let at = at.to_string();
        Self::wanted(&with_side(&["--lsn", &at], inclusive), numbers)
    }

    pub(crate) fn at_xid(&self, one: &Ended, inclusive: bool) -> Wanted {
        let numbers = self.until(|end| if inclusive { end.lsn <= one.lsn } else { end.lsn < one.lsn });
        let xid = one.xid.to_string();
        Self::wanted(&with_side(&["--xid", &xid], inclusive), numbers)
    }

    pub(crate) fn at_name(&self, (name, at): &(String, Lsn)) -> Wanted {
        Self::wanted(&["--restore-point", name], self.until(|end| end.lsn < *at))
    }

    pub(crate) fn latest(&self) -> Wanted {
        Self::wanted(&["--latest"], self.until(|_| true))
    }

    pub(crate) fn immediate(&self, stop: Lsn) -> Wanted {
        Self::wanted(&["--immediate"], self.until(|end| end.lsn < stop))
    }

    /// The ends of transactions behind the backup's.
    pub(crate) fn behind(&self, stop: Lsn) -> Vec<Ended> {
        self.ended.iter().filter(|end| end.lsn > stop && end.committed).copied().collect()
    }
}

fn with_side<'a>(words: &[&'a str], inclusive: bool) -> Vec<&'a str> {
    let exclusive = (!inclusive).then_some("--exclusive");
    words.iter().copied().chain(exclusive).collect()
}

impl Bed {
    /// The repository of all that only read it.
    pub(crate) fn repository(&self) -> Repository {
        Repository(self.repository.clone())
    }

    /// A copy of it that one test may change.
    pub(crate) fn own(&self) -> (Repository, PathBuf) {
        let copy = copy_of(&self.repository);
        give_to_server_user(&copy);
        let archive = copy.join("shop/wal");
        (Repository(copy), archive)
    }
}

/// One user with one restore.
pub(crate) struct Restoring {
    pub(crate) howdah: Howdah,
    pub(crate) repository: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) server: Restored,
}

impl Restoring {
    pub(crate) fn of(repository: &Repository) -> Self {
        let howdah = Howdah::new();
        howdah.configure("[retry]\nevery = \"300ms\"\n");
        let target = scratch("target").join("data");
        Self { howdah, repository: repository.0.clone(), server: Restored(target.clone()), target }
    }

    /// The arguments of the restore.
    pub(crate) fn arguments(&self, wanted: &Wanted, more: &[&str]) -> Vec<String> {
        let port = free_port().to_string();
        let words: Vec<&str> =
            wanted.words.iter().map(String::as_str).chain(["--port", &port]).chain(more.iter().copied()).collect();
        self.howdah.restore_arguments(&self.repository, &self.target, &words)
    }

    pub(crate) fn run(&self, wanted: &Wanted, more: &[&str]) -> Ran {
        self.howdah.run(self.arguments(wanted, more))
    }

    /// A verb on the one session there is.
    pub(crate) fn session(&self, words: &[&str]) -> Ran {
        let state = self.howdah.state.to_str().unwrap();
        let repository = self.repository.to_str().unwrap();
        let mut all = vec!["session"];
        all.extend(words);
        all.extend(["--state-dir", state, "--repo", repository]);
        self.howdah.run(all)
    }

    pub(crate) fn shown(&self) -> Value {
        self.session(&["show", "1", "--json"]).expect_code(0).json()
    }

    /// Waits until the session is in this phase.
    #[track_caller]
    pub(crate) fn until_phase(&self, phase: &str) -> Value {
        let mut shown = Value::Null;
        until_true(&format!("the session is {phase}"), || {
            shown = self.shown();
            shown["phase"] == phase
        });
        shown
    }

    /// The numbers of the log that the server has.
    #[track_caller]
    pub(crate) fn expect_numbers(&self, numbers: &str) {
        let query = "select string_agg(n::text, ',' order by n) from log";
        assert_eq!(self.server.ask(query), numbers);
    }

    pub(crate) fn is_recovering(&self) -> bool {
        self.server.ask("select pg_is_in_recovery()") == "t"
    }

    /// All that the attempts logged.
    pub(crate) fn log(&self) -> String {
        let attempts = walkdir::WalkDir::new(self.howdah.state.join("attempts")).sort_by_file_name();
        let logs = attempts.into_iter().filter_map(Result::ok).filter(|entry| entry.file_name() == "output.log");
        logs.map(|entry| fs::read_to_string(entry.path()).unwrap()).collect()
    }
}
