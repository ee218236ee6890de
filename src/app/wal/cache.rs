//! Windows that were read before, in the state directory.
//!
//! Promises: a window is taken from here only while the archive's directory and the files that may still grow are as they
//! were, and the restore points are the same; files are their user's alone and replaced as a whole. Never: trusts a
//! directory that had just changed when it was read, or fails anybody: what cannot be kept is read again.

use crate::{
    archive::{Memo, WindowPoint, WindowReading},
    domain::{Lsn, SystemIdentifier, Timeline, Timestamp, WalWindow},
    private_file,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// What is written by another version of this is read anew.
const VERSION: u32 = 2;

/// A directory that changed again in the same tick of its file system's clock would look unchanged; network file systems
/// have ticks of up to two seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// What a cache may hold; a larger file is none of ours.
const MAX_LEN: u64 = 64 << 20;

/// What a window was read of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    directory: (u64, u64, i64, i64, i64, i64),
    points: Vec<(String, Timeline, Lsn, Lsn, bool)>,
}

/// A window as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    of: Fingerprint,
    /// The files that may still grow: name, size and time of change.
    open: Vec<(String, u64, i64, i64)>,
    window: WalWindow,
    /// Whether another look would seek restore points no further.
    complete: bool,
}

/// Where the window of one archive is kept.
pub(super) struct Cache {
    window: PathBuf,
    memo: PathBuf,
}

impl Fingerprint {
    /// That of now.
    pub(super) fn of(directory: &Path, points: &[WindowPoint<'_>]) -> io::Result<Self> {
        let about = fs::metadata(directory)?;
        let directory =
            (about.dev(), about.ino(), about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec());
        let point = |point: &WindowPoint<'_>| {
            let facts = point.facts;
            (point.label.to_owned(), facts.timeline, facts.start_lsn, facts.stop_lsn, point.included)
        };
        Ok(Self { directory, points: points.iter().map(point).collect() })
    }

    /// Whether the directory had not changed for long enough.
    fn is_settled(&self, now: Timestamp) -> bool {
        let (_, _, mtime, _, ctime, _) = self.directory;
        let changed = Timestamp::from_second(mtime.max(ctime)).unwrap_or(Timestamp::MAX);
        changed.checked_add(SETTLED + Duration::from_secs(1)).is_ok_and(|settled| settled <= now)
    }
}

impl Cache {
    /// That of an archive and a cluster.
    pub(super) fn new(cache: &Path, archive: &Path, cluster: Option<SystemIdentifier>) -> Self {
        let mut hash = Sha256::new();
        hash.update(archive.as_os_str().as_bytes());
        hash.update(cluster.map_or(0, |cluster| cluster.0).to_le_bytes());
        let mut name = String::from("wal-");
        for byte in &hash.finalize()[..16] {
            write!(name, "{byte:02x}").expect("a string takes all that is written to it");
        }
        Self { window: cache.join(format!("{name}.json")), memo: cache.join(format!("{name}.memo.json")) }
    }

    /// The window, if nothing has changed; on demand only one whose restore points are sought no further.
    pub(super) fn window(&self, of: &Fingerprint, complete: bool) -> Option<WalWindow> {
        let kept: Kept = load(&self.window)?;
        let is_same = |open: &(String, u64, i64, i64)| {
            open_file(&kept.window.archive.directory, &open.0).is_some_and(|now| now == *open)
        };
        let is_enough = kept.complete || !complete;
        (is_enough && kept.version == VERSION && kept.of == *of && kept.open.iter().all(is_same)).then_some(kept.window)
    }

    /// Keeps a window that was read of a directory with this fingerprint.
    pub(super) fn keep_window(&self, of: Fingerprint, reading: &WindowReading, now: Timestamp) {
        let WindowReading { window, listing, complete } = reading;
        if !of.is_settled(now) {
            return;
        }
        let open: Option<Vec<_>> =
            listing.open_files().iter().map(|name| open_file(&listing.directory, name)).collect();
        let Some(open) = open else { return };
        store(&self.window, &Kept { version: VERSION, of, open, window: window.clone(), complete: *complete });
    }

    pub(super) fn memo(&self) -> Memo {
        load(&self.memo).unwrap_or_default()
    }

    pub(super) fn keep_memo(&self, memo: &Memo) {
        store(&self.memo, memo);
    }
}

fn open_file(directory: &Path, name: &str) -> Option<(String, u64, i64, i64)> {
    let about = fs::metadata(directory.join(name)).ok()?;
    Some((name.to_owned(), about.len(), about.mtime(), about.mtime_nsec()))
}

fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let about = fs::symlink_metadata(path).ok()?;
    if !about.is_file() || about.len() > MAX_LEN {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Replaces a file as a whole. A cache that cannot be written is slow, and nothing else.
fn store<T: Serialize>(path: &Path, value: &T) {
    let written = || -> io::Result<()> {
        let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        match fs::DirBuilder::new().create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = private_file::open(&new, OpenOptions::new().write(true).create(true).truncate(true))?;
        file.write_all(&serde_json::to_vec(value)?)?;
        fs::rename(&new, path)
    };
    if let Err(error) = written() {
        tracing::debug!("{} was not kept: {error}", path.display());
    }
}
