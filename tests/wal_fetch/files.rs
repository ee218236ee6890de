//! Segments and archives made by hand, and the command as PostgreSQL's shell would run it.

use crate::support::{again, howdah::Ran, place::scratch};
use howdah::{
    archive::ClusterWal,
    domain::{Compression, SystemIdentifier, Timeline},
    postgres::wal::{Segment, SegmentSize},
};
use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

pub(crate) const WAL: ClusterWal = ClusterWal { cluster: SystemIdentifier(7_000_000_000_000_000_001), size: MIB };
pub(crate) const MIB: SegmentSize = SegmentSize::new(1 << 20).unwrap();

/// A segment that nobody has replayed: a header as PostgreSQL 15 writes it, and noise that packs badly.
pub(crate) fn segment(timeline: u32, number: u64, wal: ClusterWal) -> Vec<u8> {
    let size = usize::try_from(wal.size.bytes()).unwrap();
    let mut bytes: Vec<u8> = Vec::with_capacity(size);
    bytes.extend(0xD110_u16.to_le_bytes());
    bytes.extend(2_u16.to_le_bytes());
    bytes.extend(timeline.to_le_bytes());
    bytes.extend((number * wal.size.bytes()).to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend(wal.cluster.0.to_le_bytes());
    bytes.extend(u32::try_from(wal.size.bytes()).unwrap().to_le_bytes());
    bytes.extend(8192_u32.to_le_bytes());
    let mut noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    while bytes.len() < size {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        bytes.push(noise.to_le_bytes()[3]);
    }
    bytes
}

pub(crate) fn name(timeline: u32, number: u64) -> String {
    Segment { timeline: Timeline(timeline), number }.file_name(MIB)
}

pub(crate) fn pack(bytes: &[u8], packing: Compression) -> Vec<u8> {
    match packing {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        }
        Compression::Lz4 => {
            let mut packer = lz4_flex::frame::FrameEncoder::new(Vec::new());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
    }
}

pub(crate) const PACKINGS: [(Compression, &str); 4] =
    [(Compression::None, ""), (Compression::Gzip, ".gz"), (Compression::Lz4, ".lz4"), (Compression::Zstd, ".zst")];

/// An archive, a data directory's `pg_wal` and a spool, all empty.
pub(crate) struct Place {
    pub(crate) archive: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) spool: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let home = scratch("fetch");
        let [archive, data, spool] = ["archive", "data", "spool"].map(|name| home.join(name));
        for directory in [&archive, &data.join("pg_wal"), &spool] {
            fs::create_dir_all(directory).unwrap();
        }
        Self { archive, data, spool }
    }

    /// With these segments of the first timeline.
    pub(crate) fn with(numbers: impl IntoIterator<Item = u64>) -> Self {
        let place = Self::new();
        for number in numbers {
            place.put(&name(1, number), &segment(1, number, WAL));
        }
        place
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.archive.join(name), bytes).unwrap();
    }

    /// The file that PostgreSQL asks to be given.
    pub(crate) fn wanted(&self) -> PathBuf {
        self.data.join("pg_wal/RECOVERYXLOG")
    }

    pub(crate) fn command(&self, more: &[&str], asked: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(again::program());
        command.args(["wal", "fetch", "--archive"]).arg(&self.archive).arg("--spool").arg(&self.spool);
        command.args(["--cluster", &WAL.cluster.to_string(), "--segment-size", &WAL.size.bytes().to_string()]);
        command.args(more).arg(asked).arg("pg_wal/RECOVERYXLOG").current_dir(&self.data);
        command
    }

    /// Runs it, and never lets it wait for long.
    pub(crate) fn fetch(&self, asked: impl AsRef<OsStr>) -> Ran {
        run(&mut self.command(&["--wait", "100ms"], asked))
    }

    pub(crate) fn spawn(&self, more: &[&str], asked: &str) -> Child {
        self.command(more, asked).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// What is in `pg_wal`.
    pub(crate) fn pg_wal(&self) -> Vec<String> {
        crate::support::place::names(&self.data.join("pg_wal"))
    }

    pub(crate) fn outcome(&self) -> serde_json::Value {
        let answer = fs::read(self.spool.join("answer.json")).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        answer["outcome"].clone()
    }
}

pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// One line, in English, that names what it is about.
#[track_caller]
pub(crate) fn expect_line(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
    assert_eq!(ran.stdout, "", "{ran}");
    for word in words {
        assert!(ran.stderr.contains(word), "{word:?} is missing\n{ran}");
    }
}

/// Flips a byte of a file.
pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0xFF;
    fs::write(path, bytes).unwrap();
}
