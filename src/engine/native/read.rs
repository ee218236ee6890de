//! Reading a file of the backup: watched for stalls, held to the bandwidth limit, and stopped when asked.

use super::shared::{Shared, Watch};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

/// One open file of the backup.
pub(super) struct Source {
    file: File,
    watch: Arc<Watch>,
    shared: Arc<Shared>,
}

impl Source {
    /// Opens a file. The watch is the thread's own.
    pub(super) fn open(path: &Path, watch: &Arc<Watch>, shared: &Arc<Shared>) -> io::Result<Self> {
        watch.on(path);
        let file = watch.during(|| File::open(path))?;
        Ok(Self { file, watch: Arc::clone(watch), shared: Arc::clone(shared) })
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // Whoever meets this error looks at the stop flag and finds the reason there.
        let stopped = || io::Error::other("the copy was stopped");
        if self.shared.stopping() {
            return Err(stopped());
        }
        let Some(throttle) = &self.shared.throttle else { return self.watch.during(|| self.file.read(out)) };
        let portion = out.len().min(throttle.portion());
        let got = self.watch.during(|| self.file.read(&mut out[..portion]))?;
        throttle.take(got, || self.shared.stopping());
        if self.shared.stopping() { Err(stopped()) } else { Ok(got) }
    }
}

/// Fills as much of `room` as the reader has.
pub(super) fn fill(reader: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < room.len() {
        match reader.read(&mut room[filled..]) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
