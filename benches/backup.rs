//! Backup jobs against the commands that an operator would use by hand, of the same server, in one run; and how soon a
//! job that is stopped immediately is done.
//!
//! `cargo bench --bench backup` makes a server of about 2 GB, and prints medians and ratios. Each round runs all contenders
//! in turn: the server's page cache warm, nothing dirty. The bed is that of the benchmark of restores, and so are
//! `HOWDAH_BENCH_DIR` and `HOWDAH_BENCH_ROUNDS`; `HOWDAH_BENCH_BACKUP_SCALE` gives another size.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

#[allow(dead_code, reason = "no restore is measured here")]
mod bed;

use bed::{Bed, Cluster, median, number, run, timed};
use howdah::domain::{
    Step, StepState, Timestamp,
    fact::{End, Fact, FactLine},
};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

/// About 2.2 GB of pgbench tables.
const SCALE: u32 = 150;

/// How much has come in when a job is stopped.
const INCOMING: u64 = 2_000_000_000;

const GOAL_OF_TIME: f64 = 1.05;
const GOAL_OF_STOP: f64 = 1.0;

fn main() {
    let bed = Bed::bare();
    let server = Server::start(&bed, number("HOWDAH_BENCH_BACKUP_SCALE", SCALE));
    let rounds = usize::try_from(number("HOWDAH_BENCH_ROUNDS", 5)).unwrap();
    println!(
        "{:.2} GB; {rounds} rounds; {} processors",
        server.bytes() as f64 / 1e9,
        thread::available_parallelism().unwrap()
    );
    against_the_commands(&server, rounds);
    stopped_immediately(&server, rounds);
    server.cluster.end();
    bed.clear();
}

/// What is backed up, and the user who does it.
struct Server<'a> {
    bed: &'a Bed,
    cluster: Cluster<'a>,
}

impl<'a> Server<'a> {
    fn start(bed: &'a Bed, scale: u32) -> Self {
        let cluster = Cluster::start(bed, "a server");
        cluster.fill(scale);
        let server = Self { bed, cluster };
        let root = bed.root.display();
        let job = |name: &str, more: &str| {
            format!(
                "[[job]]\nname = \"{name}\"\nkind = \"instance\"\nrepository = \"{}\"\n{more}\
                 objects = [{{ name = \"shop\", conninfo = \"host={root} port=5498 user=postgres\" }}]\n",
                server.repository().display()
            )
        };
        // Slow enough that nothing is finished before it is stopped.
        let text = job("fast", "") + &job("slow", "rate = \"150M\"\n");
        fs::write(server.settings(), text).unwrap();
        server.ask("checkpoint");
        server
    }

    fn settings(&self) -> PathBuf {
        self.bed.restored().join("howdah.toml")
    }

    /// Made anew for each round.
    fn repository(&self) -> PathBuf {
        self.bed.restored().join("points")
    }

    fn state(&self) -> PathBuf {
        self.bed.restored().join("state")
    }

    fn ask(&self, query: &str) -> String {
        let mut psql = Command::new(self.bed.program("psql"));
        psql.args(["-h".as_ref(), self.bed.root.as_os_str()]).args(["-p", "5498", "-U", "postgres", "-XAtqc", query]);
        run(&mut psql).trim().to_owned()
    }

    fn bytes(&self) -> u64 {
        self.ask("select sum(pg_database_size(oid)) from pg_database").parse().unwrap()
    }

    /// An empty repository, clean disks.
    fn settle(&self) {
        let _there_may_be_none: std::io::Result<()> = fs::remove_dir_all(self.repository());
        fs::create_dir(self.repository()).unwrap();
        self.bed.run(&format!(
            "chown --reference='{}' '{}'",
            self.bed.restored().display(),
            self.repository().display()
        ));
        self.bed.run("sync");
    }

    fn job(&self, arguments: &[&str]) {
        let mut howdah = Command::new(env!("CARGO_BIN_EXE_howdah"));
        howdah.arg("--state-dir").arg(self.state()).arg("--config").arg(self.settings()).arg("job").args(arguments);
        run(&mut howdah);
    }

    /// What the handbook says: copy, verify, sync. The program makes it durable by itself, unless it is told not to.
    fn by_hand(&self, more: &str) {
        let (program, verify) = (self.bed.program("pg_basebackup"), self.bed.program("pg_verifybackup"));
        let to = self.repository().join("by-hand");
        let (to, connection) = (to.display(), &self.cluster.connection);
        self.bed.server(&format!("'{}' {connection} -D '{to}' -Fp -c fast {more}", program.display()));
        self.bed.server(&format!("'{}' -q '{to}'", verify.display()));
        self.bed.run("sync");
    }
}

fn against_the_commands(server: &Server<'_>, rounds: usize) {
    let steps: RefCell<BTreeMap<Step, Vec<f64>>> = RefCell::default();
    let contenders: [(&str, &dyn Fn()); 3] = [
        ("howdah job start --wait", &|| {
            server.job(&["start", "fast", "--wait"]);
            for line in lines(&newest(&server.state().join("attempts")).join("1")) {
                if let Fact::Step { step, state: StepState::Done { took, .. } } = line.fact {
                    steps.borrow_mut().entry(step).or_default().push(took.as_secs_f64());
                }
            }
        }),
        ("pg_basebackup, pg_verifybackup, sync", &|| server.by_hand("")),
        ("the same, told not to sync by itself", &|| server.by_hand("--no-sync")),
    ];
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for ((_, work), times) in contenders.iter().zip(&mut times) {
            server.settle();
            times.push(timed(work));
        }
    }
    println!("\na plain backup:");
    for (at, (name, _)) in contenders.iter().enumerate() {
        let ratios: Vec<f64> = times[at].iter().zip(&times[1]).map(|(own, other)| own / other).collect();
        let goal = if at == 0 { format!("  (goal: at most {GOAL_OF_TIME})") } else { String::new() };
        println!(
            "  {name:<38} {:6.2} s   {:.2} of the commands{goal}   {}",
            median(&times[at]),
            median(&ratios),
            all(&times[at])
        );
    }
    let took: Vec<String> = steps.borrow().iter().map(|(step, took)| format!("{step} {:.2} s", median(took))).collect();
    println!("  of which in howdah's steps: {}", took.join(", "));
}

/// When a job that was stopped had come how far, in seconds after the stop was asked for.
struct Stopped {
    /// Its attempt had ended.
    ended: f64,
    /// The disposal had begun.
    began: f64,
    /// The disposal had ended: nothing is left here or on the server.
    disposed: f64,
    /// The command said that the run is done.
    done: f64,
}

fn stopped_immediately(server: &Server<'_>, rounds: usize) {
    let all_rounds: Vec<Stopped> = (0..rounds).map(|_| stop(server)).collect();
    println!(
        "\na job that is stopped immediately with {:.1} GB incoming, seconds after it was asked:",
        INCOMING as f64 / 1e9
    );
    let row = |name: &str, of: fn(&Stopped) -> f64| {
        let times: Vec<f64> = all_rounds.iter().map(of).collect();
        println!("  {name:<38} {:6.2} s   {}", median(&times), all(&times));
    };
    row("its attempt has ended", |stopped| stopped.ended);
    row("the disposal begins", |stopped| stopped.began);
    row("nothing is left, here and there", |stopped| stopped.disposed);
    row(&format!("done (goal: under {GOAL_OF_STOP} s)"), |stopped| stopped.done);
}

fn stop(server: &Server<'_>) -> Stopped {
    server.settle();
    server.job(&["start", "slow"]);
    let directory = server.repository().join("shop");
    while Bed::size(&server.repository()) < INCOMING {
        thread::park_timeout(Duration::from_millis(20));
    }
    assert_ne!(server.ask("select count(*) from pg_stat_progress_basebackup"), "0", "it is under way");
    let asked = Timestamp::now();
    let done = timed(|| server.job(&["stop", "slow", "--wait"]));
    assert!(!directory.exists(), "it was made for this point alone");
    let left = "select (select count(*) from pg_stat_replication) + (select count(*) from pg_replication_slots)";
    assert_eq!(server.ask(left), "0");
    let session = newest(&server.state().join("attempts"));
    let (run, disposal) = (lines(&session.join("1")), lines(&newest(&session)));
    let since = |line: &FactLine| line.at.duration_since(asked).as_secs_f64();
    let disposed = disposal.last().unwrap();
    assert!(matches!(disposed.fact, Fact::Ended(End::Disposed(_))), "{disposed:?}");
    Stopped { ended: since(run.last().unwrap()), began: since(&disposal[0]), disposed: since(disposed), done }
}

/// The directory with the highest number.
fn newest(directory: &Path) -> PathBuf {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let number = names.filter_map(|name| name.to_str()?.parse::<u64>().ok()).max().unwrap();
    directory.join(number.to_string())
}

fn lines(attempt: &Path) -> Vec<FactLine> {
    let text = fs::read_to_string(attempt.join("events.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn all(times: &[f64]) -> String {
    let times: Vec<String> = times.iter().map(|time| format!("{time:.2}")).collect();
    format!("[{}]", times.join(" "))
}
