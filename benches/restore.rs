//! The native restore against the tools that an operator would use by hand, on the same files, in one run.
//!
//! `cargo bench --bench restore` makes its own cluster (pgbench data, about 2 GB) and its own backups, keeps them for
//! the next run, and prints medians and ratios. `HOWDAH_BENCH_DIR` names another place, `HOWDAH_BENCH_SCALE` another
//! size, `HOWDAH_BENCH_ROUNDS` more rounds. Page cache warm; each round runs both sides in turn.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

mod bed;

use bed::{Bed, median, timed};
use howdah::{
    domain::{
        BackupFacts, BackupForm, Compression, ExistingData, InstanceName, MissingWal, Port, Progress, RestorePoint,
        RestoreRequest, ServerWish, Target, Timestamp, WorkerSettings,
    },
    engine::{Engine, Observer, native::NativeEngine},
    postgres::manifest::Manifest,
};
use std::{fs, path::Path, process::Command};
use uuid::Uuid;

struct Quiet;

impl Observer for Quiet {
    fn progress(&self, _: Progress) {}
    fn note(&self, _: String) {}
    fn stop_requested(&self) -> bool {
        false
    }
}

fn main() {
    let bed = Bed::prepare();
    println!("{} rounds each, medians; {} processors", bed.rounds, std::thread::available_parallelism().unwrap());
    let disk = Disk::measure(&bed);
    println!("disk   reads {:.0} MB/s, writes {:.0} MB/s", disk.read / 1e6, disk.write / 1e6);
    for (label, form, goal) in [
        ("plain", BackupForm::Plain, 0.6),
        ("zstd", BackupForm::Tar(Compression::Zstd), 0.45),
        ("gzip", BackupForm::Tar(Compression::Gzip), 0.3),
    ] {
        compare(&bed, &point(&bed, label, form), goal, &disk);
    }
}

fn point(bed: &Bed, label: &str, form: BackupForm) -> RestorePoint {
    let path = bed.repository().join("bench").join(label);
    let manifest = Manifest::read(&path.join("backup_manifest")).unwrap();
    let facts = BackupFacts {
        form,
        size: manifest.total_size(),
        files: manifest.files.len() as u64,
        timeline: manifest.timeline(),
        start_lsn: manifest.start_lsn(),
        stop_lsn: manifest.stop_lsn(),
        taken_at: Timestamp::UNIX_EPOCH,
        version: None,
        system_identifier: None,
    };
    RestorePoint { instance: InstanceName::new("bench"), label: label.to_owned(), path, facts, repository: None }
}

fn compare(bed: &Bed, point: &RestorePoint, goal: f64, disk: &Disk) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..bed.rounds {
        bed.settle(&point.path);
        ours.push(timed(|| native(bed, point)));
        bed.settle(&point.path);
        theirs.push(timed(|| by_hand(bed, point)));
    }
    bed.clear();
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    let (mine, other) = (median(&ours), median(&theirs));
    let rate = point.facts.size.0 as f64 / mine;
    println!(
        "{:<6} howdah {mine:6.2} s   by hand {other:6.2} s   ratio {:.2} (goal: at most {goal})   {:.0} MB/s, {:.0} % of \
         the disk's writes, {:.0} % of its reads",
        point.label,
        median(&ratios),
        rate / 1e6,
        100.0 * rate / disk.write,
        100.0 * Bed::size(&point.path) as f64 / mine / disk.read,
    );
}

/// Copy, verify, make durable: the whole of what the engine does.
fn native(bed: &Bed, point: &RestorePoint) {
    let request = RestoreRequest {
        point: point.clone(),
        target: Target::new(bed.target(), Port::new(5499).unwrap()).unwrap(),
        server: ServerWish::FilesOnly,
        max_rate: None,
        existing: ExistingData::Refuse,
        missing_wal: MissingWal::Refuse,
    };
    let mut engine = NativeEngine::new(&request, Uuid::now_v7(), None, &WorkerSettings::default());
    engine.plan().unwrap();
    engine.copy(&Quiet).unwrap();
    engine.complete().unwrap();
    engine.finish().unwrap();
}

/// What the handbook says: unpack or copy, verify, sync.
fn by_hand(bed: &Bed, point: &RestorePoint) {
    let target = bed.target();
    if point.label == "plain" {
        run(Command::new("cp").arg("-a").arg(&point.path).arg(&target));
    } else {
        fs::create_dir(&target).unwrap();
        unpack(&point.path, "base", &target);
        unpack(&point.path, "pg_wal", &target.join("pg_wal"));
        run(Command::new("cp").arg(point.path.join("backup_manifest")).arg(&target));
    }
    run(Command::new(bed.program("pg_verifybackup")).arg(&target));
    run(&mut Command::new("sync"));
}

fn unpack(backup: &Path, archive: &str, target: &Path) {
    // pg_basebackup 15 packs streamed WAL with gzip only, and leaves it bare otherwise.
    let (packed, flag) = [("tar.zst", "--zstd"), ("tar.gz", "--gzip"), ("tar", "--no-auto-compress")]
        .into_iter()
        .map(|(suffix, flag)| (backup.join(format!("{archive}.{suffix}")), flag))
        .find(|(path, _)| path.exists())
        .unwrap();
    run(Command::new("tar").arg(flag).arg("-xf").arg(packed).arg("-C").arg(target));
}

/// What the disk does with as many bytes and no work on them, past the page cache, in bytes a second.
struct Disk {
    read: f64,
    write: f64,
}

impl Disk {
    fn measure(bed: &Bed) -> Self {
        let plain = bed.repository().join("bench/plain");
        let bytes = Bed::size(&plain);
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        for _ in 0..bed.rounds {
            bed.settle(&plain);
            writes.push(timed(|| {
                let mut dd = Command::new("dd");
                dd.arg("if=/dev/zero").arg(format!("of={}", bed.target().display())).arg("bs=1M");
                run(dd.arg(format!("count={}", bytes >> 20)).args(["oflag=direct", "conv=fsync", "status=none"]));
            }));
            reads.push(timed(|| {
                let mut dd = Command::new("dd");
                dd.arg(format!("if={}", bed.target().display())).args(["of=/dev/null", "bs=1M", "iflag=direct"]);
                run(dd.arg("status=none"));
            }));
            fs::remove_file(bed.target()).unwrap();
        }
        Self { read: bytes as f64 / median(&reads), write: bytes as f64 / median(&writes) }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
