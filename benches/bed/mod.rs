//! The bed of the benchmarks of restores and backups: clusters of its own, few large files and many small ones, and their
//! backups.

pub(crate) mod copier;
pub(crate) mod pgbackrest;

use std::{
    cell::Cell,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// About 1.5 GB of pgbench tables.
const SCALE: u32 = 95;

/// About 75,000 files in 2.3 GB: each table has five (heap, free space map, index, TOAST table and its index).
const TABLES: u32 = 15_000;

/// The directory with the backups, and room for restores beside it.
///
/// What was restored is removed when all rounds are done, as far as there is room: ext4 without a journal passes over each
/// inode that was freed within the last minutes, one by one, whenever it makes a file.
pub(crate) struct Bed {
    pub(crate) root: PathBuf,
    bin: PathBuf,
    rounds: usize,
    /// The number of the target that is restored into.
    at: Cell<usize>,
}

impl Bed {
    /// Without anything that was backed up.
    pub(crate) fn bare() -> Self {
        let root =
            env::var_os("HOWDAH_BENCH_DIR").map_or_else(|| PathBuf::from("/var/tmp/howdah-bench"), PathBuf::from);
        let bin = env::var_os("PGBIN").map_or_else(|| PathBuf::from("/usr/lib/postgresql/15/bin"), PathBuf::from);
        let rounds = usize::try_from(number("HOWDAH_BENCH_ROUNDS", 5)).unwrap().max(1);
        let bed = Self { root, bin, rounds, at: Cell::new(0) };
        fs::create_dir_all(&bed.root).unwrap();
        if rustix::process::geteuid().is_root() {
            bed.run(&format!("chown postgres '{}'", bed.root.display()));
        }
        bed.clear();
        bed
    }

    /// Makes what is missing.
    pub(crate) fn prepare() -> Self {
        let bed = Self::bare();
        fs::create_dir_all(bed.instance()).unwrap();
        if rustix::process::geteuid().is_root() {
            for directory in [bed.repository(), bed.instance()] {
                bed.run(&format!("chown postgres '{}'", directory.display()));
            }
        }
        if !bed.backup("gzip").join("backup_manifest").exists() {
            bed.make_large(number("HOWDAH_BENCH_SCALE", SCALE));
        }
        if !bed.backup("small").join("backup_manifest").exists() {
            bed.make_small(number("HOWDAH_BENCH_TABLES", TABLES));
        }
        for label in ["plain", "small"] {
            pgbackrest::prepare(&bed, label);
        }
        bed
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.root.join("repository")
    }

    fn instance(&self) -> PathBuf {
        self.repository().join("bench")
    }

    pub(crate) fn backup(&self, label: &str) -> PathBuf {
        self.instance().join(label)
    }

    /// What is removed when the benchmark begins, and at its end.
    pub(crate) fn restored(&self) -> PathBuf {
        self.root.join("restored")
    }

    /// Where the next contender restores to.
    pub(crate) fn target(&self) -> PathBuf {
        self.restored().join(format!("data-{}", self.at.get()))
    }

    /// The state directory of its order.
    pub(crate) fn state(&self) -> PathBuf {
        self.restored().join(format!("state-{}", self.at.get()))
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// How many rounds of so many contenders there is room for.
    pub(crate) fn rounds(&self, contenders: usize, bytes: u64) -> usize {
        let about = rustix::fs::statvfs(&self.root).unwrap();
        let round = bytes * contenders as u64;
        usize::try_from(about.f_bavail * about.f_frsize * 9 / 10 / round).unwrap().clamp(1, self.rounds)
    }

    /// An empty place, clean disks, a warm cache.
    pub(crate) fn settle(&self, source: &Path) {
        self.at.set(self.at.get() + 1);
        self.run(&format!("find '{}' -type f -print0 | xargs -0 cat > /dev/null", source.display()));
        self.run("sync");
    }

    pub(crate) fn clear(&self) {
        match fs::remove_dir_all(self.restored()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
        fs::create_dir_all(self.restored()).unwrap();
        if rustix::process::geteuid().is_root() {
            self.run(&format!("chown postgres '{}'", self.restored().display()));
        }
    }

    pub(crate) fn size(directory: &Path) -> u64 {
        let output = Command::new("du").arg("-sb").arg(directory).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }

    /// pgbench data, backed up in three forms.
    fn make_large(&self, scale: u32) {
        let cluster = Cluster::start(self, "large");
        cluster.fill(scale);
        for (label, form) in
            [("plain", "-Fp"), ("zstd", "-Ft --compress=client-zstd:3"), ("gzip", "-Ft --compress=client-gzip:6")]
        {
            cluster.back_up(label, form);
        }
        cluster.end();
    }

    /// Many tables, each of a few pages.
    fn make_small(&self, tables: u32) {
        let cluster = Cluster::start(self, "small");
        let script = self.root.join("tables.sql");
        let text = format!(
            "DO $$ BEGIN FOR i IN 1..{tables} LOOP
             EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, filler text)', i);
             EXECUTE format('INSERT INTO t%s SELECT n, repeat(md5(n::text), 28) FROM generate_series(1, 100) n', i);
             IF i % 100 = 0 THEN COMMIT; END IF; END LOOP; END $$;"
        );
        fs::write(&script, text).unwrap();
        let (psql, script) = (self.program("psql"), script.display());
        self.server(&format!("'{}' {} -q -f '{script}' postgres", psql.display(), cluster.connection));
        cluster.back_up("small", "-Fp");
        cluster.end();
    }

    /// Runs a line as the user that may run servers.
    pub(crate) fn server(&self, line: &str) {
        if rustix::process::geteuid().is_root() {
            self.run_with(Command::new("runuser").args(["-u", "postgres", "--", "sh", "-c", line]));
        } else {
            self.run(line);
        }
    }

    pub(crate) fn run(&self, line: &str) {
        self.run_with(Command::new("sh").args(["-c", line]));
    }

    fn run_with(&self, command: &mut Command) {
        run(command.current_dir(&self.root));
    }
}

/// A cluster that lives until it was backed up.
pub(crate) struct Cluster<'a> {
    bed: &'a Bed,
    data: String,
    /// The arguments that lead to it.
    pub(crate) connection: String,
}

impl<'a> Cluster<'a> {
    pub(crate) fn start(bed: &'a Bed, shape: &str) -> Self {
        println!("making a cluster in {}: {shape}", bed.root.display());
        let (root, bin) = (bed.root.display(), bed.bin.display());
        let data = format!("{root}/cluster");
        bed.server(&format!("rm -rf '{data}' && '{bin}/initdb' -N -D '{data}' -U postgres -A trust --data-checksums"));
        Self::run(bed, &data);
        let connection = format!("-h '{root}' -p 5498 -U postgres");
        Self { bed, data, connection }
    }

    fn run(bed: &Bed, data: &str) {
        let (root, bin) = (bed.root.display(), bed.bin.display());
        // Its end is to be deleted: nothing of it need survive a power cut.
        let options =
            format!("-c listen_addresses= -c unix_socket_directories={root} -p 5498 -c max_wal_size=8GB -c fsync=off");
        bed.server(&format!("'{bin}/pg_ctl' -D '{data}' -w -l '{root}/server.log' -o '{options}' start"));
    }

    /// With pgbench's tables.
    pub(crate) fn fill(&self, scale: u32) {
        let pgbench = self.bed.program("pgbench");
        self.bed.server(&format!("'{}' {} -i -q -s {scale} postgres", pgbench.display(), self.connection));
    }

    /// The same with the settings that want a new start.
    pub(crate) fn again(self) -> Self {
        self.stopped("true")
    }

    /// The same with its WAL going on in a segment of this name, as if all between had been written.
    pub(crate) fn again_at(self, segment: &str) -> Self {
        let command = format!("'{}' -D '{}' -l {segment}", self.bed.program("pg_resetwal").display(), self.data);
        self.stopped(&command)
    }

    /// Stops it, runs something, starts it again.
    fn stopped(self, command: &str) -> Self {
        let (program, data) = (self.bed.program("pg_ctl"), &self.data);
        self.bed.server(&format!("'{}' -D '{data}' -w -m fast stop && {command}", program.display()));
        Self::run(self.bed, data);
        self
    }

    /// Asks it something that answers nothing.
    pub(crate) fn ask(&self, question: &str) {
        let psql = self.bed.program("psql");
        self.bed.server(&format!("'{}' {} -XAtq -c \"{question}\" postgres", psql.display(), self.connection));
    }

    /// Has it archive its WAL by a plain copy.
    pub(crate) fn archives_to(self, directory: &Path) -> Self {
        self.ask("alter system set archive_mode = on");
        self.ask(&format!("alter system set archive_command = 'cp %p {}/%f'", directory.display()));
        self.again()
    }

    fn back_up(&self, label: &str, form: &str) {
        self.back_up_to(&self.bed.backup(label), form);
    }

    /// Backs it up into a directory, in a form that `pg_basebackup` takes.
    pub(crate) fn back_up_to(&self, to: &Path, form: &str) {
        let (program, to, connection) = (self.bed.program("pg_basebackup"), to.display(), &self.connection);
        let program = program.display();
        self.bed.server(&format!("rm -rf '{to}' && '{program}' {connection} -D '{to}' {form} -c fast"));
    }

    pub(crate) fn end(self) {
        let (program, data) = (self.bed.program("pg_ctl"), &self.data);
        self.bed.server(&format!("'{}' -D '{data}' -w -m fast stop", program.display()));
        self.bed.server(&format!("rm -rf '{data}'"));
    }
}

/// A number that a variable may give.
pub(crate) fn number(name: &str, otherwise: u32) -> u32 {
    env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// Runs a program to its end, which must be a good one; tells what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}: {complaint}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether a program is on the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|place| place.join(program).is_file())
}

/// Seconds that `work` takes.
pub(crate) fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// The middle one.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
