//! The recoverable window of an archive of 100,000 segments: read anew, and when nothing has changed. The real program.
//!
//! `cargo bench --bench window` makes the archive in a temporary directory: segments of 1 MiB that take a block each, since
//! their files have holes, beside a backup of the sample, and prints the times of some looks.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use howdah::{
    catalog::{RepositoryPath, read, sample},
    domain::Lsn,
};
use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

const SEGMENTS: u64 = 100_000;
const SIZE: u64 = 1 << 20;
const ROUNDS: usize = 11;

fn main() {
    let room = tempfile::tempdir().unwrap();
    let repository = sample::unpack(room.path()).unwrap();
    let catalog = read(&[RepositoryPath::own(&repository)]);
    let instance =
        catalog.instances.iter().find(|one| one.newest().is_some_and(|point| point.facts.system_identifier.is_some()));
    let instance = instance.unwrap();
    let facts = &instance.newest().unwrap().facts;
    let archive = instance.folder.join("wal");
    fs::create_dir(&archive).unwrap();
    let first = facts.start_lsn.0 / SIZE;
    for number in first..first + SEGMENTS {
        write(&archive, facts.timeline.0, number, facts.system_identifier.unwrap().0);
    }
    let state = room.path().join("state");
    fs::DirBuilder::new().mode(0o700).create(&state).unwrap();
    println!("{SEGMENTS} segments from {}, median of {ROUNDS} (shortest to longest):", Lsn(first * SIZE));
    let anew = || {
        fs::remove_dir_all(state.join("cache")).unwrap_or_default();
        look(&repository, &state, &instance.spelling)
    };
    report("read anew", anew);
    // The first of these keeps it, once the directory has settled.
    let kept: PathBuf = state.join("cache");
    while !fs::read_dir(&kept).is_ok_and(|mut all| all.any(|one| !one.unwrap().path().ends_with("memo.json"))) {
        look(&repository, &state, &instance.spelling);
    }
    report("unchanged", || look(&repository, &state, &instance.spelling));
}

fn report(what: &str, one: impl Fn() -> f64) {
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| one()).collect();
    times.sort_by(f64::total_cmp);
    println!("  {what:<12} {:7.1} ms ({:.1} to {:.1})", times[ROUNDS / 2], times[0], times[ROUNDS - 1]);
}

/// `howdah wal show`, in milliseconds.
fn look(repository: &Path, state: &Path, instance: &str) -> f64 {
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_howdah"));
    command.args(["wal", "show", instance, "--json", "--repo"]).arg(repository).arg("--state-dir").arg(state);
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    begun.elapsed().as_secs_f64() * 1e3
}

/// A segment with a header and no record.
fn write(directory: &Path, timeline: u32, number: u64, cluster: u64) {
    let mut header = vec![0; 40];
    header[..2].copy_from_slice(&0xD110_u16.to_le_bytes());
    header[2..4].copy_from_slice(&2_u16.to_le_bytes());
    header[4..8].copy_from_slice(&timeline.to_le_bytes());
    header[8..16].copy_from_slice(&(number * SIZE).to_le_bytes());
    header[24..32].copy_from_slice(&cluster.to_le_bytes());
    header[32..36].copy_from_slice(&(1_u32 << 20).to_le_bytes());
    header[36..40].copy_from_slice(&8192_u32.to_le_bytes());
    let name = format!("{timeline:08X}{:08X}{:08X}", number / 4096, number % 4096);
    let mut file = File::create(directory.join(name)).unwrap();
    file.write_all(&header).unwrap();
    file.set_len(SIZE).unwrap();
}
