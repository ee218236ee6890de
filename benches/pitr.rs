//! Recovery to a goal 200 segments behind a backup of about 2 GB, against what a person does by hand, in one run.
//!
//! `cargo bench --bench pitr` makes a cluster that archives its WAL, the backup, and the archive once plain, once by gzip
//! and once by zstd; they are kept for the next run. Each round runs all in turn, page cache warm: the whole session
//! (copy, server, replay to the named restore point, promotion, first query), and in it the replay alone, from the first
//! record to the goal, by the server's own log. `HOWDAH_BENCH_DIR` and `HOWDAH_BENCH_ROUNDS` are those of the benchmark of
//! restores; `HOWDAH_BENCH_PITR_SCALE` and `HOWDAH_BENCH_PITR_SEGMENTS` give other sizes.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

#[allow(dead_code, reason = "other peers are run here")]
mod bed;

use bed::{Bed, Cluster, median, number, run, timed};
use howdah::domain::Timestamp;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// About 2 GB of pgbench tables.
const SCALE: u32 = 130;

const SEGMENTS: u32 = 200;

/// The named restore point that all go to.
const GOAL: &str = "goal";

const PORT: &str = "5497";

/// How a segment of the plain archive is packed, and the command of a person that brings it back.
const ARCHIVES: [(&str, &str, &str); 3] = [
    ("plain", "cp", "cp {wal}/%f %p"),
    ("gz", "gzip -k -c", "gunzip -c {wal}/%f.gz > %p"),
    ("zst", "zstd -q -c", "zstd -d -q -c {wal}/%f.zst > %p"),
];

/// Whom, against whom, in what, and what is promised.
const PROMISES: [(&str, &str, &str, f64); 3] = [
    ("howdah, plain", "by hand, plain", "whole session", 1.1),
    ("howdah, gz", "by hand, gz", "replay", 0.5),
    ("howdah, zst", "by hand, plain", "replay", 1.0),
];

/// The age of the gauge, in seconds.
const GOAL_OF_GAUGE: f64 = 2.0;

fn main() {
    let bed = Bed::bare();
    prepare(&bed);
    let rounds = usize::try_from(number("HOWDAH_BENCH_ROUNDS", 3)).unwrap().max(1);
    let (backup, archive) = (Bed::size(&backup(&bed)), fs::read_dir(archive(&bed, "plain")).unwrap().count());
    println!("{:.2} GB, {archive} files of WAL; medians of {rounds} rounds in turn", backup as f64 / 1e9);
    let mut times = Times::default();
    for _ in 0..rounds {
        for (packing, _, command) in ARCHIVES {
            bed.settle(&self::backup(&bed));
            bed.run(&format!("cat '{}'/* > /dev/null", self::archive(&bed, packing).display()));
            by_hand(&bed, packing, command, &mut times);
            bed.settle(&self::backup(&bed));
            by_howdah(&bed, packing, &mut times);
        }
    }
    times.show();
    bed.clear();
}

fn place(bed: &Bed) -> PathBuf {
    bed.root.join("pitr")
}

fn backup(bed: &Bed) -> PathBuf {
    place(bed).join("repository/bench/base")
}

fn archive(bed: &Bed, packing: &str) -> PathBuf {
    place(bed).join(packing)
}

/// Makes what is missing.
fn prepare(bed: &Bed) {
    if archive(bed, "zst").join("done").exists() {
        return;
    }
    let (place, plain) = (place(bed).display().to_string(), archive(bed, "plain").display().to_string());
    bed.server(&format!("rm -rf '{place}' && mkdir -p '{plain}' '{place}/repository/bench'"));
    let cluster = Cluster::start(bed, "that archives");
    cluster.fill(number("HOWDAH_BENCH_PITR_SCALE", SCALE));
    cluster.ask("alter system set checkpoint_timeout = '1h'");
    let cluster = cluster.archives_to(&archive(bed, "plain"));
    cluster.back_up_to(&backup(bed), "-Fp");
    let pgbench = bed.program("pgbench").display().to_string();
    let wanted = number("HOWDAH_BENCH_PITR_SEGMENTS", SEGMENTS) as usize;
    while fs::read_dir(&plain).unwrap().count() < wanted {
        bed.server(&format!("'{pgbench}' -n -c 4 -T 5 {} postgres", cluster.connection));
    }
    cluster.ask(&format!("select pg_create_restore_point('{GOAL}')"));
    cluster.ask("create table behind_the_goal ()");
    cluster.ask("select pg_switch_wal()");
    // A clean end archives all.
    cluster.end();
    for (packing, pack, _) in ARCHIVES.iter().skip(1) {
        let to = archive(bed, packing).display().to_string();
        bed.server(&format!(
            "mkdir -p '{to}' && cd '{plain}' && for one in *; do {pack} \"$one\" > '{to}'/\"$one\".{packing}; done"
        ));
    }
    bed.server(&format!("touch '{}'/done", archive(bed, "zst").display()));
}

/// Copies, writes the settings, starts, waits until it is open, asks.
fn by_hand(bed: &Bed, packing: &str, command: &str, times: &mut Times) {
    let (target, root) = (bed.target().display().to_string(), bed.root.display());
    let (ctl, psql) = (bed.program("pg_ctl").display().to_string(), bed.program("psql").display().to_string());
    let command = command.replace("{wal}", &archive(bed, packing).display().to_string());
    let log = format!("{target}.log");
    let line = format!(
        "cp -a '{from}' '{target}' && touch '{target}/recovery.signal' && \
         printf \"%s\\n\" \"restore_command = '{command}'\" \"recovery_target_name = '{GOAL}'\" \
         \"recovery_target_action = promote\" \"archive_mode = off\" >> '{target}/postgresql.auto.conf' && \
         '{ctl}' -s -D '{target}' -w -t 900 -l '{log}' \
         -o '-c listen_addresses= -c unix_socket_directories={root} -p {PORT} -c log_line_prefix=%m' start && \
         until [ \"$('{psql}' -h '{root}' -p {PORT} -U postgres -XAtqc 'select pg_is_in_recovery()' postgres)\" = f ]; \
         do sleep 0.05; done && \
         '{psql}' -h '{root}' -p {PORT} -U postgres -XAtqc 'select count(*) from pgbench_branches' postgres",
        from = backup(bed).display(),
    );
    let name = format!("by hand, {packing}");
    times.add("whole session", &name, timed(|| bed.server(&line)));
    times.add("replay", &name, replay(&fs::read_to_string(log).unwrap()));
    stop(bed);
}

fn by_howdah(bed: &Bed, packing: &str, times: &mut Times) {
    let (state, settings) = (bed.state(), bed.restored().join(format!("{packing}.toml")));
    let (repository, wal) = (place(bed).join("repository"), archive(bed, packing));
    let text = format!("[[repository]]\npath = \"{}\"\nwal = \"{}\"\n", repository.display(), wal.display());
    fs::write(&settings, text).unwrap();
    let mut howdah = Command::new(env!("CARGO_BIN_EXE_howdah"));
    howdah.args(["restore", "bench", "--restore-point", GOAL, "--port", PORT, "--to"]).arg(bed.target());
    howdah.arg("--state-dir").arg(&state).arg("--config").arg(&settings);
    let name = format!("howdah, {packing}");
    times.add("whole session", &name, timed(|| drop(run(&mut howdah))));
    times.add("replay", &name, replay(&found(&state, "redo starts at")));
    times.add("gauge", &name, oldest(&found(&state, "\"began\"")));
    stop(bed);
}

fn stop(bed: &Bed) {
    let ctl = bed.program("pg_ctl").display().to_string();
    bed.server(&format!("'{ctl}' -s -D '{}' -m immediate -w stop", bed.target().display()));
    fs::remove_dir_all(bed.target()).unwrap();
}

/// The one file below a directory that holds this.
fn found(directory: &Path, text: &str) -> String {
    let files =
        walkdir::WalkDir::new(directory).into_iter().map(Result::unwrap).filter(|one| one.file_type().is_file());
    let mut texts = files.filter_map(|one| fs::read_to_string(one.path()).ok()).filter(|found| found.contains(text));
    texts.next().unwrap()
}

/// Seconds between the first record and the goal, by a server's log.
fn replay(log: &str) -> f64 {
    let at = |text: &str| -> Timestamp {
        let line = log.lines().find(|line| line.contains(text)).unwrap();
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        format!("{}T{}Z", words[0], &words[1][..12]).parse().unwrap()
    };
    at("recovery stopping").duration_since(at("redo starts at")).as_secs_f64()
}

/// The longest time between two states of the replay's gauge, in seconds.
fn oldest(events: &str) -> f64 {
    let lines = events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let gauges = lines.filter(|line| !line["fact"]["progress"]["wal"].is_null());
    let times: Vec<Timestamp> = gauges.map(|line| line["at"].as_str().unwrap().parse().unwrap()).collect();
    times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs_f64()).fold(0.0, f64::max)
}

/// What was measured: in what, by whom.
#[derive(Default)]
struct Times(BTreeMap<(&'static str, String), Vec<f64>>);

impl Times {
    fn add(&mut self, what: &'static str, who: &str, seconds: f64) {
        self.0.entry((what, who.to_owned())).or_default().push(seconds);
    }

    fn show(&self) {
        for ((what, who), all) in &self.0 {
            let each: Vec<String> = all.iter().map(|time| format!("{time:.2}")).collect();
            println!("  {what:<14} {who:<16} {:8.2} s   [{}]", median(all), each.join(" "));
        }
        for (who, against, what, promised) in PROMISES {
            let of = |who: &str| &self.0[&(what, who.to_owned())];
            let ratios: Vec<f64> = of(who).iter().zip(of(against)).map(|(one, other)| one / other).collect();
            let verdict = if median(&ratios) <= promised { "met" } else { "MISSED" };
            println!("  {what}: {who} / {against}: {:.2}  {verdict} (goal at most {promised})", median(&ratios));
        }
        let oldest = self.0.iter().filter(|((what, _), _)| *what == "gauge").flat_map(|(_, all)| all);
        let oldest = oldest.copied().fold(0.0, f64::max);
        let verdict = if oldest <= GOAL_OF_GAUGE { "met" } else { "MISSED" };
        println!("  oldest gauge: {oldest:.2} s  {verdict} (goal at most {GOAL_OF_GAUGE})");
    }
}
