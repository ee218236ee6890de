//! Opening a restore point and closing it again, as a person orders it, in one run.
//!
//! `cargo bench --bench explore` makes a server of about 2 GB and backs it up plain, as archives and as compressed
//! archives; and one of four times the size, where there is room. The first query is answered when `howdah explore start
//! --wait` returns; the command itself and the finding of an owner count. Each round opens all of them in turn, and
//! restores the compressed one with its server, to compare. `HOWDAH_BENCH_DIR` and `HOWDAH_BENCH_ROUNDS` are those of the
//! benchmark of restores; `HOWDAH_BENCH_EXPLORE_SCALE` gives another size.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

#[allow(dead_code, reason = "no peer is run here")]
mod bed;

use bed::{Bed, Cluster, median, number, run, timed};
use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

/// About 2 GB of pgbench tables.
const SCALE: u32 = 130;

/// How many times as large the large one is.
const TIMES: u32 = 4;

const GOAL_OF_FIRST_QUERY: f64 = 1.0;
const GOAL_OF_SIZE: f64 = 1.2;
const GOAL_OF_ARCHIVES: f64 = 1.5;
const GOAL_OF_PACKED: f64 = 1.0;
const GOAL_OF_STOP: f64 = 2.0;

fn main() {
    let bed = Bed::bare();
    let user = User::new(&bed);
    let scale = number("HOWDAH_BENCH_EXPLORE_SCALE", SCALE);
    let forms = [("explore-plain", "-Fp"), ("explore-tar", "-Ft"), ("explore-gzip", "-Ft --compress=client-gzip:1")];
    prepare(&bed, scale, &forms);
    let bytes = Bed::size(&bed.backup("explore-plain"));
    let is_room = room(&bed) > bytes * u64::from(TIMES) * 5 / 2;
    let is_large = bed.backup("explore-large").join("backup_manifest").exists();
    if is_large || is_room {
        prepare(&bed, scale * TIMES, &[("explore-large", "-Fp")]);
    } else {
        println!("no room for one of {TIMES} times the size: left out");
    }
    let labels: Vec<&str> = ["explore-plain", "explore-large", "explore-tar", "explore-gzip"]
        .into_iter()
        .filter(|label| bed.backup(label).join("backup_manifest").exists())
        .collect();
    let rounds = usize::try_from(number("HOWDAH_BENCH_ROUNDS", 5)).unwrap().max(1);
    println!("{:.2} GB; {rounds} rounds", bytes as f64 / 1e9);
    let mut times = Times::default();
    for _ in 0..rounds {
        for label in &labels {
            bed.settle(&bed.backup(label));
            times.add(&format!("{label}: first query"), timed(|| user.open(label)));
            if *label == "explore-gzip" {
                times.add("explore-gzip: a second session on it", timed(|| user.open(label)));
                user.close();
            }
            times.add(&format!("{label}: closed"), timed(|| user.close()));
        }
        bed.settle(&bed.backup("explore-gzip"));
        times.add("explore-gzip: restored, with its server", timed(|| user.restore("explore-gzip", &bed)));
        fs::remove_dir_all(bed.target()).unwrap();
    }
    times.show(&labels);
    bed.clear();
}

/// Makes the backups of one server, where they are not there yet.
fn prepare(bed: &Bed, scale: u32, forms: &[(&str, &str)]) {
    let missing: Vec<_> =
        forms.iter().filter(|(label, _)| !bed.backup(label).join("backup_manifest").exists()).collect();
    if missing.is_empty() {
        return;
    }
    let instance = bed.backup(missing[0].0).parent().unwrap().display().to_string();
    bed.server(&format!("mkdir -p '{instance}'"));
    let cluster = Cluster::start(bed, "for exploring");
    cluster.fill(scale);
    for (label, form) in missing {
        cluster.back_up_to(&bed.backup(label), form);
    }
    cluster.end();
}

fn room(bed: &Bed) -> u64 {
    let about = rustix::fs::statvfs(&bed.root).unwrap();
    about.f_bavail * about.f_frsize
}

/// A user of howdah.
struct User {
    state: PathBuf,
    settings: PathBuf,
}

impl User {
    fn new(bed: &Bed) -> Self {
        let home = bed.restored().join("user");
        fs::create_dir_all(&home).unwrap();
        let (repository, restores) = (bed.repository(), bed.restored().join("restores"));
        let settings = home.join("howdah.toml");
        let (repository, restores) = (repository.display(), restores.display());
        fs::write(&settings, format!("repositories = [\"{repository}\"]\nrestore_dir = \"{restores}\"\n")).unwrap();
        Self { state: home.join("state"), settings }
    }

    fn howdah(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_howdah"));
        command.args(words).arg("--state-dir").arg(&self.state).arg("--config").arg(&self.settings);
        command
    }

    fn open(&self, label: &str) {
        run(&mut self.howdah(&["explore", "start", "bench", "--point", label, "--wait", "--json"]));
    }

    fn close(&self) {
        run(&mut self.howdah(&["explore", "stop", "[0]"]));
    }

    fn restore(&self, label: &str, bed: &Bed) {
        let to = bed.target();
        let to = to.to_str().unwrap();
        run(&mut self.howdah(&["restore", "bench", "--point", label, "--stop-after-probe", "--to", to]));
    }
}

/// What was measured, by name.
#[derive(Default)]
struct Times(BTreeMap<String, Vec<f64>>);

impl Times {
    fn add(&mut self, name: &str, seconds: f64) {
        self.0.entry(name.to_owned()).or_default().push(seconds);
    }

    fn of(&self, name: &str) -> f64 {
        median(&self.0[name])
    }

    fn show(&self, labels: &[&str]) {
        for label in labels {
            let (first, closed) = (format!("{label}: first query"), format!("{label}: closed"));
            match *label {
                "explore-plain" => self.goal(&first, GOAL_OF_FIRST_QUERY),
                "explore-tar" => self.goal(&first, GOAL_OF_ARCHIVES),
                _ => self.line(&first, ""),
            }
            self.goal(&closed, GOAL_OF_STOP);
        }
        self.goal("explore-gzip: a second session on it", GOAL_OF_ARCHIVES);
        self.line("explore-gzip: restored, with its server", "");
        let ratio = |name: &str, of: &str, wanted: f64| {
            let (one, other) = (self.of(name), self.of(of));
            let verdict = if one <= other * wanted { "met" } else { "MISSED" };
            println!("  {:<52} {:8.2}    {verdict} (goal at most {wanted})", format!("{name} / {of}"), one / other);
        };
        ratio("explore-gzip: first query", "explore-gzip: restored, with its server", GOAL_OF_PACKED);
        if labels.contains(&"explore-large") {
            ratio("explore-large: first query", "explore-plain: first query", GOAL_OF_SIZE);
        }
    }

    fn line(&self, name: &str, verdict: &str) {
        let all: Vec<String> = self.0[name].iter().map(|time| format!("{time:.2}")).collect();
        println!("  {name:<52} {:8.2} s  {verdict} [{}]", self.of(name), all.join(" "));
    }

    fn goal(&self, name: &str, wanted: f64) {
        let verdict = if self.of(name) < wanted { "met" } else { "MISSED" };
        self.line(name, &format!("{verdict} (goal {wanted})"));
    }
}
