//! A server on a block overlay of a backup against the same server on a copy of it, in one run.
//!
//! `cargo bench --bench overlay` makes a server of about 2 GB, backs it up, and prints medians and ratios. Contenders take
//! turns, since a machine is seldom as quiet in the second minute as in the first. The backup is in the page cache, and
//! what was mounted just now is not: a first scan goes through the overlay. `HOWDAH_BENCH_DIR` and `HOWDAH_BENCH_ROUNDS` are
//! those of the benchmark of restores; `HOWDAH_BENCH_OVERLAY_SCALE` gives another size, `HOWDAH_BENCH_OVERLAY_SECONDS` the
//! length of each run of pgbench.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

#[allow(dead_code, reason = "no restore is measured here")]
mod bed;

use bed::{Bed, Cluster, median, number, run, timed};
use howdah::{
    domain::ByteCount,
    overlay::{self, Lower, ORDER_VERSION, OverlayOrder, OverlayStatus, Root, Serving},
};
use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// About 2 GB of pgbench tables.
const SCALE: u32 = 130;

/// Files of a backup with many.
const MANY: u32 = 100_000;

const TIMEOUT: Duration = Duration::from_mins(1);

const GOAL_OF_FIRST_QUERY: f64 = 1.0;
const GOAL_OF_MANY: f64 = 3.0;
const GOAL_OF_ROW: f64 = 0.1;
const GOAL_OF_FIRST_SCAN: f64 = 0.6;
const GOAL_OF_LATER_SCAN: f64 = 0.9;
const GOAL_OF_SELECTS: f64 = 0.9;
const GOAL_OF_UPDATES: f64 = 0.8;

fn main() {
    let bed = Bed::bare();
    let rounds = usize::try_from(number("HOWDAH_BENCH_ROUNDS", 5)).unwrap();
    let backup = bed.root.join("overlay-backup");
    if !backup.join("backup_manifest").exists() {
        let cluster = Cluster::start(&bed, "a server");
        cluster.fill(number("HOWDAH_BENCH_OVERLAY_SCALE", SCALE));
        cluster.back_up_to(&backup, "-Fp");
        cluster.end();
    }
    bed.settle(&backup);
    println!("{:.2} GB; {rounds} rounds", Bed::size(&backup) as f64 / 1e9);
    opening(&bed, &backup, rounds);
    scans(&bed, &backup, rounds);
    pgbench(&bed, &backup, rounds);
    many_files(&bed, &backup);
    bed.clear();
}

/// A mounted overlay; unmounted when it is dropped.
struct Overlay {
    order: OverlayOrder,
    serving: Serving,
}

impl Overlay {
    fn start(bed: &Bed, lower: &Path) -> Self {
        let home = bed.target();
        let mount = home.join("mount");
        fs::create_dir_all(&mount).unwrap();
        let owner = fs::metadata(&bed.root).unwrap();
        chown(&home, Some(owner.uid()), Some(owner.gid())).unwrap();
        let order = OverlayOrder {
            version: ORDER_VERSION,
            name: format!("howdah-bench-{}", std::process::id()),
            roots: vec![Root { at: "data".into(), from: Lower::Directory(lower.to_owned()) }],
            links: Vec::new(),
            hidden: Vec::new(),
            fixed: vec!["data/pg_wal".into()],
            upper: home.join("upper"),
            mount,
            owner: (owner.uid(), owner.gid()),
            limit: ByteCount(16 << 30),
        };
        let file = home.join("order");
        order.write(&file).unwrap();
        let [lock, log] = ["lock", "log"].map(|name| File::create(home.join(name)).unwrap());
        let program = Path::new(env!("CARGO_BIN_EXE_howdah"));
        let serving = overlay::start_with(program, &file, lock, log).unwrap().wait(TIMEOUT).unwrap();
        Self { order, serving }
    }

    fn data(&self) -> PathBuf {
        self.order.mount.join("data")
    }

    /// Bytes read from the backup, once the status file has come to rest.
    fn lower_bytes(&self) -> u64 {
        let read = || OverlayStatus::read(&self.order.upper).unwrap().map_or(0, |status| status.lower_bytes);
        let (mut last, mut since) = (read(), Instant::now());
        while since.elapsed() < Duration::from_millis(1500) {
            std::thread::sleep(Duration::from_millis(50));
            let now = read();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        last
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        overlay::unmount(&self.order.name).unwrap();
        assert!(self.serving.wait(TIMEOUT).unwrap());
        let home = self.order.mount.parent().unwrap();
        fs::remove_dir_all(home).unwrap();
    }
}

/// A running server; stopped when it is dropped.
struct Server<'a> {
    bed: &'a Bed,
    data: PathBuf,
    port: u16,
}

impl<'a> Server<'a> {
    fn start(bed: &'a Bed, data: &Path, port: u16) -> Self {
        let root = bed.root.display();
        let options = format!(
            "-p {port} -c unix_socket_directories={root} -c listen_addresses= -c fsync=off -c max_wal_size=4GB \
             -c max_parallel_workers_per_gather=0 -c autovacuum=off"
        );
        let (program, data_at) = (bed.program("pg_ctl"), data.display());
        let program = program.display();
        bed.server(&format!("'{program}' -D '{data_at}' -w -l '{root}/server-{port}.log' -o '{options}' start >&2"));
        Self { bed, data: data.to_owned(), port }
    }

    fn client(&self, program: &str) -> Command {
        let mut client = Command::new(self.bed.program(program));
        client.arg("-h").arg(&self.bed.root).args(["-p", &self.port.to_string(), "-U", "postgres"]);
        client
    }

    fn ask(&self, query: &str) -> String {
        run(self.client("psql").args(["-XAtqc", query, "postgres"])).trim().to_owned()
    }

    /// Transactions a second.
    fn pgbench(&self, seconds: u32, more: &[&str]) -> f64 {
        self.ask("checkpoint");
        let seconds = seconds.to_string();
        let text = run(self.client("pgbench").args(["-n", "-c", "4", "-T", &seconds]).args(more).arg("postgres"));
        let line = text.lines().find_map(|line| line.strip_prefix("tps = ")).unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let program = self.bed.program("pg_ctl");
        self.bed.server(&format!("'{}' -D '{}' -w -m fast stop", program.display(), self.data.display()));
    }
}

fn copy(bed: &Bed, backup: &Path) -> PathBuf {
    let to = bed.restored().join("plain");
    if !to.exists() {
        bed.run(&format!("cp -a '{}' '{}'", backup.display(), to.display()));
        bed.run("sync");
    }
    to
}

fn goal(name: &str, value: f64, unit: &str, is_met: bool, goal: f64) {
    println!("  {name:<44} {value:8.2}{unit}  {} (goal {goal})", if is_met { "met" } else { "MISSED" });
}

/// From the order to the first answer, and one row of the largest table.
fn opening(bed: &Bed, backup: &Path, rounds: usize) {
    let [mut mounted, mut answered, mut row, mut bytes] = [const { Vec::new() }; 4];
    let table = "select pg_relation_size('pgbench_accounts')";
    let mut size = 1.0;
    for _ in 0..rounds {
        let begun = Instant::now();
        let overlay = Overlay::start(bed, backup);
        mounted.push(begun.elapsed().as_secs_f64());
        let server = Server::start(bed, &overlay.data(), 5497);
        server.ask("select count(*) from pgbench_branches");
        answered.push(begun.elapsed().as_secs_f64());
        size = server.ask(table).parse::<f64>().unwrap();
        let before = overlay.lower_bytes();
        row.push(timed(|| {
            server.ask("select abalance from pgbench_accounts where aid = 7777777");
        }));
        bytes.push((overlay.lower_bytes() - before) as f64);
        drop(server);
        drop(overlay);
    }
    println!("a server on an overlay:");
    println!("  {:<44} {:8.2} s", "mounted", median(&mounted));
    let first = median(&answered);
    goal("first query after the order", first, " s", first < GOAL_OF_FIRST_QUERY, GOAL_OF_FIRST_QUERY);
    let row = median(&row);
    goal("one row of the largest table", row, " s", row < GOAL_OF_ROW, GOAL_OF_ROW);
    println!(
        "  {:<44} {:8.0} kB, {:.3} % of the table",
        "read of the backup for it",
        median(&bytes) / 1e3,
        median(&bytes) / size * 100.0
    );
}

/// The largest table from one end to the other.
fn scans(bed: &Bed, backup: &Path, rounds: usize) {
    let plain = copy(bed, backup);
    let [mut usual, mut first, mut later] = [const { Vec::new() }; 3];
    let scan = "select count(*), sum(abalance) from pgbench_accounts";
    let beside = Server::start(bed, &plain, 5496);
    beside.ask(scan);
    for _ in 0..rounds {
        let overlay = Overlay::start(bed, backup);
        let server = Server::start(bed, &overlay.data(), 5497);
        server.ask("select 1");
        for times in [&mut first, &mut later] {
            usual.push(timed(|| drop(beside.ask(scan))));
            times.push(timed(|| drop(server.ask(scan))));
        }
        drop(server);
        drop(overlay);
    }
    println!("sequential scan, plain file system {:.2} s:", median(&usual));
    for (name, times, wanted) in [("first", &first, GOAL_OF_FIRST_SCAN), ("second", &later, GOAL_OF_LATER_SCAN)] {
        let ratio = median(&usual) / median(times);
        goal(&format!("{name}, {:.2} s", median(times)), ratio, " of plain", ratio >= wanted, wanted);
    }
}

fn pgbench(bed: &Bed, backup: &Path, rounds: usize) {
    let plain = copy(bed, backup);
    let seconds = number("HOWDAH_BENCH_OVERLAY_SECONDS", 5);
    let beside = Server::start(bed, &plain, 5496);
    let overlay = Overlay::start(bed, backup);
    let server = Server::start(bed, &overlay.data(), 5497);
    for server in [&beside, &server] {
        // Everything through the overlay once, the index too: later reads are the page cache's.
        server.ask("select sum(aid + abalance) from pgbench_accounts");
        server.ask("set enable_seqscan = off; select count(aid) from pgbench_accounts");
        server.pgbench(seconds, &["-S"]);
    }
    println!("pgbench, 4 clients, fsync off:");
    for (name, more, wanted) in [("select-only", &["-S"][..], GOAL_OF_SELECTS), ("tpcb-like", &[][..], GOAL_OF_UPDATES)]
    {
        let mut rates = [const { Vec::new() }; 2];
        for _ in 0..rounds {
            for (rates, server) in rates.iter_mut().zip([&beside, &server]) {
                rates.push(server.pgbench(seconds, more));
            }
        }
        let [plain, ours] = rates.map(|rates| median(&rates));
        let name = format!("{name}, {ours:.0} against {plain:.0} a second");
        goal(&name, ours / plain, " of plain", ours / plain >= wanted, wanted);
    }
    drop(server);
    drop(overlay);
}

/// A backup with a hundred thousand files.
fn many_files(bed: &Bed, backup: &Path) {
    let many = bed.restored().join("many");
    let (from, to) = (backup.display(), many.display());
    // The tables of pgbench are not what is measured here.
    bed.run(&format!("cp -a --sparse=always '{from}' '{to}'"));
    let database = fs::read_dir(many.join("base")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    for number in 0..MANY {
        File::create(database.join((50_000_000 + number).to_string())).unwrap().set_len(8192).unwrap();
    }
    let owner = fs::metadata(&bed.root).unwrap();
    bed.run(&format!("chown -R {}:{} '{to}'", owner.uid(), owner.gid()));
    let begun = Instant::now();
    let overlay = Overlay::start(bed, &many);
    let mounted = begun.elapsed().as_secs_f64();
    let server = Server::start(bed, &overlay.data(), 5497);
    server.ask("select count(*) from pgbench_branches");
    let answered = begun.elapsed().as_secs_f64();
    println!("{MANY} files more, mounted after {mounted:.2} s:");
    goal("first query after the order", answered, " s", answered < GOAL_OF_MANY, GOAL_OF_MANY);
    drop(server);
    drop(overlay);
}
