//! The bed of the restore benchmark: a cluster of its own and a backup of it in each form.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// About 2.2 GB of pgbench tables.
const SCALE: u32 = 145;

/// The directory with the backups, and room for restores beside it.
pub(crate) struct Bed {
    root: PathBuf,
    bin: PathBuf,
    pub(crate) rounds: usize,
}

impl Bed {
    /// Makes what is missing.
    pub(crate) fn prepare() -> Self {
        let number = |name: &str, otherwise| env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise);
        let root =
            env::var_os("HOWDAH_BENCH_DIR").map_or_else(|| PathBuf::from("/var/tmp/howdah-bench"), PathBuf::from);
        let bin = env::var_os("PGBIN").map_or_else(|| PathBuf::from("/usr/lib/postgresql/15/bin"), PathBuf::from);
        let bed = Self { root, bin, rounds: number("HOWDAH_BENCH_ROUNDS", 3) };
        if !bed.root.join("complete").exists() {
            bed.make(u32::try_from(number("HOWDAH_BENCH_SCALE", SCALE as usize)).unwrap());
        }
        bed
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.root.join("repository")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("restored")
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// An empty place, clean disks, a warm cache.
    pub(crate) fn settle(&self, backup: &Path) {
        self.clear();
        self.run("sync");
        self.run(&format!("find '{}' -type f -exec cat {{}} + > /dev/null", backup.display()));
    }

    pub(crate) fn clear(&self) {
        match fs::remove_dir_all(self.target()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
    }

    pub(crate) fn size(directory: &Path) -> u64 {
        let output = Command::new("du").arg("-sb").arg(directory).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }

    /// A cluster with pgbench data, backed up in three forms, then thrown away.
    fn make(&self, scale: u32) {
        println!("making a cluster and its backups in {} (once)", self.root.display());
        fs::create_dir_all(self.repository().join("bench")).unwrap();
        let (root, bin) = (self.root.display(), self.bin.display());
        let data = format!("{root}/cluster");
        if rustix::process::geteuid().is_root() {
            self.run(&format!("chown postgres '{root}' '{root}/repository' '{root}/repository/bench'"));
        }
        self.server(&format!("rm -rf '{data}' && '{bin}/initdb' -D '{data}' -U postgres -A trust --data-checksums"));
        let options = format!("-c listen_addresses= -c unix_socket_directories={root} -p 5498 -c max_wal_size=8GB");
        self.server(&format!("'{bin}/pg_ctl' -D '{data}' -w -l '{root}/server.log' -o '{options}' start"));
        self.server(&format!("'{bin}/pgbench' -h '{root}' -p 5498 -U postgres -i -q -s {scale} postgres"));
        for (label, form) in
            [("plain", "-Fp"), ("zstd", "-Ft --compress=client-zstd:3"), ("gzip", "-Ft --compress=client-gzip:6")]
        {
            let to = format!("{root}/repository/bench/{label}");
            let connection = format!("-h '{root}' -p 5498 -U postgres");
            self.server(&format!("rm -rf '{to}' && '{bin}/pg_basebackup' {connection} -D '{to}' {form} -c fast"));
        }
        self.server(&format!("'{bin}/pg_ctl' -D '{data}' -w -m fast stop && rm -rf '{data}'"));
        fs::write(self.root.join("complete"), "").unwrap();
    }

    /// Runs a line as the user that may run servers.
    fn server(&self, line: &str) {
        if rustix::process::geteuid().is_root() {
            self.run_with(Command::new("runuser").args(["-u", "postgres", "--", "sh", "-c", line]));
        } else {
            self.run(line);
        }
    }

    fn run(&self, line: &str) {
        self.run_with(Command::new("sh").args(["-c", line]));
    }

    fn run_with(&self, command: &mut Command) {
        let status = command.current_dir(&self.root).stdout(std::process::Stdio::null()).status().unwrap();
        assert!(status.success(), "{command:?} ended with {status}");
    }
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
