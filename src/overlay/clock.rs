//! The time that files of an overlay are stamped with.

use rustix::time::{ClockId, clock_gettime};
use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt as _,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A moment as files have it: seconds since 1970, and nanoseconds of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileTime {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

impl FileTime {
    /// Now, by the clock that the kernel stamps files with: what was written here, and what is written below, agree.
    pub(super) fn now() -> Self {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        Self { seconds: now.tv_sec, nanoseconds: u32::try_from(now.tv_nsec).unwrap_or(0) }
    }

    /// When a file was changed last.
    pub(super) fn modified(found: &Metadata) -> Self {
        Self { seconds: found.mtime(), nanoseconds: u32::try_from(found.mtime_nsec()).unwrap_or(0) }
    }
}

/// A moment that several may set.
#[derive(Debug)]
pub(super) struct Stamp(Mutex<FileTime>);

impl Stamp {
    pub(super) const fn new(time: FileTime) -> Self {
        Self(Mutex::new(time))
    }

    pub(super) fn get(&self) -> FileTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, time: FileTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }
}

impl From<FileTime> for SystemTime {
    fn from(time: FileTime) -> Self {
        let seconds = Duration::from_secs(time.seconds.unsigned_abs());
        let whole = if time.seconds < 0 { UNIX_EPOCH.checked_sub(seconds) } else { UNIX_EPOCH.checked_add(seconds) };
        let fraction = Duration::from_nanos(time.nanoseconds.into());
        whole.and_then(|whole| whole.checked_add(fraction)).unwrap_or(UNIX_EPOCH)
    }
}

impl From<SystemTime> for FileTime {
    fn from(time: SystemTime) -> Self {
        let parts = |length: Duration| (i64::try_from(length.as_secs()).unwrap_or(i64::MAX), length.subsec_nanos());
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => {
                let (seconds, nanoseconds) = parts(after);
                Self { seconds, nanoseconds }
            }
            Err(before) => match parts(before.duration()) {
                (seconds, 0) => Self { seconds: -seconds, nanoseconds: 0 },
                (seconds, nanoseconds) => Self { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
            },
        }
    }
}

#[test]
fn times_before_and_after_1970_come_back() {
    for (seconds, nanoseconds) in [(0, 0), (0, 1), (-1, 0), (-1, 999_999_999), (-5, 1), (1_800_000_000, 123)] {
        let time = FileTime { seconds, nanoseconds };
        assert_eq!(FileTime::from(SystemTime::from(time)), time);
    }
}
