//! Restores against the tools that an operator would use by hand, on the same files, in one run.
//!
//! `cargo bench --bench restore` makes its own clusters and backups (few large files in 1.5 GB, plain and packed; many
//! small files in 2 GB), keeps them for the next run, and prints medians and ratios. Each round runs all contenders in
//! turn: page cache warm, nothing dirty; the rounds are fewer where there is no room to keep what was restored until the
//! end. `HOWDAH_BENCH_DIR` names another place, `HOWDAH_BENCH_SCALE` and
//! `HOWDAH_BENCH_TABLES` other sizes, `HOWDAH_BENCH_ROUNDS` more rounds, `HOWDAH_BENCH_ONLY` a part (`small`, ...).
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

#[allow(dead_code, reason = "other things are measured with it, too")]
mod bed;

use bed::{Bed, copier, is_installed, median, pgbackrest, run, timed};
use howdah::{
    domain::{
        BackupFacts, BackupForm, BackupSource, ClusterRestore, Compression, ExistingData, InstanceName, MissingWal,
        Port, Progress, Recovery, RestorePoint, ServerWish, Target, Timestamp, WorkerSettings,
    },
    engine::{Engine, Observer, claim, native::NativeEngine},
    postgres::{account::Account, manifest::Manifest},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use uuid::Uuid;

/// What howdah promises of one backup, against the three commands of a person: copy or unpack, verify, sync.
const BACKUPS: [(&str, BackupForm, f64); 4] = [
    ("plain", BackupForm::Plain, 0.62),
    ("small", BackupForm::Plain, 0.75),
    ("zstd", BackupForm::Tar(Compression::Zstd), 0.35),
    ("gzip", BackupForm::Tar(Compression::Gzip), 0.25),
];

/// One way to bring the files back.
struct Contender<'a> {
    name: String,
    /// What it reads.
    source: PathBuf,
    work: Box<dyn Fn() + 'a>,
}

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
    let only = std::env::var("HOWDAH_BENCH_ONLY").ok();
    println!("medians of rounds in turn; {} processors", std::thread::available_parallelism().unwrap());
    for program in ["rsync", "pgbackrest"].into_iter().filter(|program| !is_installed(program)) {
        println!("{program} is not installed: left out");
    }
    for (label, form, goal) in BACKUPS {
        if only.as_deref().is_none_or(|only| only == label) {
            compare(&bed, &point(&bed, label, form), goal);
        }
    }
}

fn point(bed: &Bed, label: &str, form: BackupForm) -> RestorePoint {
    let path = bed.backup(label);
    let manifest = Manifest::read(&path.join("backup_manifest")).unwrap();
    let facts = BackupFacts {
        size: manifest.total_size(),
        files: manifest.files.len() as u64,
        timeline: manifest.timeline(),
        start_lsn: manifest.start_lsn(),
        stop_lsn: manifest.stop_lsn(),
        taken_at: Timestamp::UNIX_EPOCH,
        version: None,
        system_identifier: None,
    };
    let (instance, source) = (InstanceName::new("bench"), BackupSource::BaseBackup { directory: path, form });
    RestorePoint { instance, label: label.to_owned(), source, facts, repository: None }
}

fn path_of(point: &RestorePoint) -> &Path {
    point.source.directory().unwrap()
}

fn form_of(point: &RestorePoint) -> BackupForm {
    match point.source {
        BackupSource::BaseBackup { form, .. } => form,
        BackupSource::Incremental { .. } | BackupSource::PgBackRest { .. } | BackupSource::Barman { .. } => {
            panic!("{point:?}")
        }
    }
}

fn compare(bed: &Bed, point: &RestorePoint, goal: f64) {
    let (size, files) = (Bed::size(path_of(point)) as f64, point.facts.files);
    let contenders = contenders(bed, point);
    let rounds = bed.rounds(contenders.len(), point.facts.size.0);
    println!("\n{}: {files} files, {:.2} GB as they lie there; {rounds} rounds", point.label, size / 1e9);
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (contender, times) in contenders.iter().zip(&mut times) {
            bed.settle(&contender.source);
            times.push(timed(&contender.work));
        }
    }
    bed.clear();
    for (at, contender) in contenders.iter().enumerate() {
        // The first is howdah, the second the three commands.
        let against = |other: &[f64]| median(&times[at].iter().zip(other).map(|(a, b)| a / b).collect::<Vec<_>>());
        let goal = if at == 0 { format!("  (goal: at most {goal})") } else { String::new() };
        let all: Vec<String> = times[at].iter().map(|time| format!("{time:.2}")).collect();
        println!(
            "  {:<36} {:6.2} s   {:.2} of the three commands{goal}   [{}]",
            contender.name,
            median(&times[at]),
            against(&times[1]),
            all.join(" ")
        );
    }
}

fn contenders<'a>(bed: &'a Bed, point: &'a RestorePoint) -> Vec<Contender<'a>> {
    let (plain, label) = (form_of(point) == BackupForm::Plain, point.label.as_str());
    let mut all = Vec::new();
    let mut add = |name: &str, source: PathBuf, work: Box<dyn Fn() + 'a>| {
        all.push(Contender { name: name.to_owned(), source, work });
    };
    add("howdah restore --no-start", path_of(point).to_owned(), Box::new(|| command(bed, point)));
    let by_hand = if plain { "cp -a, pg_verifybackup, sync" } else { "tar, pg_verifybackup, sync" };
    add(by_hand, path_of(point).to_owned(), Box::new(|| by_hand_with(bed, point, "cp")));
    add("the engine alone, WAL not read", path_of(point).to_owned(), Box::new(|| engine(bed, point)));
    if plain {
        add(
            "bare copier, two threads, no hash",
            path_of(point).to_owned(),
            Box::new(|| copier::copy(bed, path_of(point))),
        );
        if is_installed("rsync") {
            add(
                "rsync, pg_verifybackup, sync",
                path_of(point).to_owned(),
                Box::new(|| by_hand_with(bed, point, "rsync")),
            );
        }
        for packing in pgbackrest::PACKINGS.into_iter().filter(|packing| pgbackrest::is_there(bed, label, packing)) {
            let source = pgbackrest::repository(bed, label, packing);
            let work = move || pgbackrest::restore(bed, label, packing);
            add(&format!("pgbackrest ({packing}), sync"), source, Box::new(work));
        }
    }
    all
}

/// The whole command: catalog, plan, owner, worker, copy, configuration, WAL.
fn command(bed: &Bed, point: &RestorePoint) {
    let mut howdah = Command::new(env!("CARGO_BIN_EXE_howdah"));
    howdah.arg("--repo").arg(bed.repository()).arg("--state-dir").arg(bed.state());
    howdah.args(["restore", "bench", "--no-start", "--port", "5499", "--point", &point.label]);
    run(howdah.arg("--to").arg(bed.target()));
}

/// Copy, verify, make durable: the whole of what the engine does.
fn engine(bed: &Bed, point: &RestorePoint) {
    let request = ClusterRestore {
        point: point.clone(),
        target: Target::new(bed.target(), Port::new(5499).unwrap()).unwrap(),
        recovery: Recovery::to_consistency(),
        server: ServerWish::FilesOnly,
        max_rate: None,
        existing: ExistingData::Refuse,
        missing_wal: MissingWal::Refuse,
    };
    let settings = WorkerSettings::default();
    let owner = Account::for_server(&settings.os_user).ok().and_then(|account| account.owner());
    let session = Uuid::now_v7();
    let mut engine = NativeEngine::new((path_of(point), form_of(point)), &request, session, owner, &settings);
    engine.plan().unwrap();
    engine.copy(&Quiet).unwrap();
    engine.complete().unwrap();
    claim::unmark(&request.target, session).unwrap();
}

/// What the handbook says: unpack or copy, verify (which reads the WAL too), sync.
fn by_hand_with(bed: &Bed, point: &RestorePoint, copier: &str) {
    let target = bed.target();
    if form_of(point) != BackupForm::Plain {
        fs::create_dir(&target).unwrap();
        unpack(path_of(point), "base", &target);
        unpack(path_of(point), "pg_wal", &target.join("pg_wal"));
        run(Command::new("cp").arg(path_of(point).join("backup_manifest")).arg(&target));
    } else if copier == "rsync" {
        run(Command::new("rsync").args(["-a", "--whole-file"]).arg(path_of(point).join("")).arg(&target));
    } else {
        run(Command::new("cp").arg("-a").arg(path_of(point)).arg(&target));
    }
    run(Command::new(bed.program("pg_verifybackup")).arg(&target));
    bed.run("sync");
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
