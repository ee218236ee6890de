//! The recoverable window of an archive of 100,000 segments: read anew, and when nothing has changed. The real program.
//!
//! `cargo bench --bench window` has a cluster write a few segments, jump, and write a few more; those between have a header
//! and no record, in files that are holes beyond their first block. Beside it, what it takes to list that directory.
//! `HOWDAH_BENCH_DIR` says where all of it is made, and is removed again; it takes about 600 MB.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

#[allow(dead_code, reason = "other things are measured with it, too")]
mod bed;

use bed::{Bed, Cluster, median, number, run, timed};
use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const SEGMENTS: u64 = 100_000;

/// That are full of records, at each end.
const WRITTEN: usize = 4;

const SIZE: u64 = 16 << 20;

const ROUNDS: u32 = 11;

/// What is promised, in seconds.
const ANEW: f64 = 1.0;
const UNCHANGED: f64 = 0.05;

fn main() {
    let bed = Bed::bare();
    let repository = bed.root.join("window");
    let archive = repository.join("bench/wal");
    make(&bed, &repository, &archive);
    let state = bed.restored().join("state");
    fs::DirBuilder::new().mode(0o700).create(&state).unwrap();
    println!("{} files; medians of {} rounds:", fs::read_dir(&archive).unwrap().count(), rounds());
    report("ls -l | wc -l", None, || {
        timed(|| drop(run(Command::new("sh").args(["-c", "ls -l \"$0\" | wc -l"]).arg(&archive))))
    });
    report("read anew", Some(ANEW), || {
        fs::remove_dir_all(state.join("cache")).unwrap_or_default();
        look(&repository, &state)
    });
    // The first of these keeps it, once the directory has settled.
    let kept: PathBuf = state.join("cache");
    while !fs::read_dir(&kept).is_ok_and(|mut all| all.any(|one| !one.unwrap().path().ends_with("memo.json"))) {
        look(&repository, &state);
    }
    report("unchanged", Some(UNCHANGED), || look(&repository, &state));
    fs::remove_dir_all(&repository).unwrap();
    bed.clear();
}

fn rounds() -> u32 {
    number("HOWDAH_BENCH_ROUNDS", ROUNDS)
}

fn report(what: &str, promised: Option<f64>, one: impl Fn() -> f64) {
    let times: Vec<f64> = (0..rounds()).map(|_| one()).collect();
    let (shortest, longest) =
        (times.iter().copied().fold(f64::MAX, f64::min), times.iter().copied().fold(0.0, f64::max));
    let middle = median(&times);
    let verdict = promised.map_or_else(String::new, |promised| {
        format!("  {} (goal under {:.0} ms)", if middle < promised { "met" } else { "MISSED" }, promised * 1e3)
    });
    println!("  {what:<14} {:7.1} ms ({:.1} to {:.1}){verdict}", middle * 1e3, shortest * 1e3, longest * 1e3);
}

/// Seconds that `howdah wal show` takes.
fn look(repository: &Path, state: &Path) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_howdah"));
    command.args(["wal", "show", "bench", "--json", "--repo"]).arg(repository).arg("--state-dir").arg(state);
    timed(|| assert!(command.stdout(Stdio::null()).status().unwrap().success()))
}

fn make(bed: &Bed, repository: &Path, archive: &Path) {
    let (repository, wal) = (repository.display(), archive.display());
    bed.server(&format!("rm -rf '{repository}' && mkdir -p '{wal}'"));
    let cluster = Cluster::start(bed, "whose WAL jumps").archives_to(archive);
    cluster.fill(1);
    cluster.back_up_to(&archive.with_file_name("base"), "-Fp");
    write(bed, &cluster, archive, WRITTEN);
    let first = numbers(archive);
    let jump = first.first().unwrap() + SEGMENTS - WRITTEN as u64;
    let cluster = cluster.again_at(&name(jump));
    write(bed, &cluster, archive, first.len() + WRITTEN);
    cluster.end();
    let mut header = vec![0; 40];
    File::open(archive.join(name(first[0]))).unwrap().read_exact(&mut header).unwrap();
    for number in first.last().unwrap() + 1..jump {
        // Where the page lies in the WAL (`xlp_pageaddr`).
        header[8..16].copy_from_slice(&(number * SIZE).to_le_bytes());
        let mut file = File::create(archive.join(name(number))).unwrap();
        file.write_all(&header).unwrap();
        file.set_len(SIZE).unwrap();
    }
}

/// Runs transactions until so many segments are in the archive.
fn write(bed: &Bed, cluster: &Cluster<'_>, archive: &Path, wanted: usize) {
    let pgbench = bed.program("pgbench").display().to_string();
    while numbers(archive).len() < wanted {
        bed.server(&format!("'{pgbench}' -n -c 4 -T 2 {} postgres", cluster.connection));
        cluster.ask("select pg_switch_wal()");
    }
}

/// The numbers of the segments that are there, in order.
fn numbers(archive: &Path) -> Vec<u64> {
    let names = fs::read_dir(archive).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap());
    let mut numbers: Vec<u64> = names.filter(|name| name.len() == 24).map(|name| number_of(&name)).collect();
    numbers.sort_unstable();
    numbers
}

fn number_of(name: &str) -> u64 {
    let [high, low] = [&name[8..16], &name[16..]].map(|part| u64::from_str_radix(part, 16).unwrap());
    high * 256 + low
}

fn name(number: u64) -> String {
    format!("00000001{:08X}{:08X}", number / 256, number % 256)
}
