//! Where the logs of a copy go: below its own data directory, whatever stands there.
//!
//! Promises: the place is a directory or can become one, and a server that outlives us may keep it. Never: writes through
//! a link, or into what is not a log.

use super::DataDirectory;
use rustix::io::Errno;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// The file that the server's own output goes to.
const FILE: &str = "server.log";

/// A backup that has all these names for other things was made to annoy.
const MAX_CANDIDATES: usize = 100;

/// Opens the file that the output of a server is appended to, in the first directory that can hold it; returns which.
pub fn open(data: &DataDirectory, owner: Option<(u32, u32)>) -> io::Result<(File, PathBuf)> {
    let mut last = io::Error::from(io::ErrorKind::NotADirectory);
    for name in candidates() {
        match data.make_below(&name, owner).and_then(|below| below.append(FILE, owner)) {
            Ok(file) => return Ok((file, data.path().join(name).join(FILE))),
            Err(error) if is_taken(&error) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// The directory for the logs of a copy when that of its settings will not do: one that is there or can be made.
pub(super) fn directory(data: &Path) -> String {
    let free = |name: &String| data.join(name).symlink_metadata().map_or(true, |found| found.is_dir());
    candidates().find(free).unwrap_or_else(|| FIRST.to_owned())
}

/// Whether the server can keep its logs in this `log_directory` without leaving the data directory. The server makes a
/// directory that is missing, but not those above it.
pub(super) fn is_usable(data: &Path, log_directory: &Path) -> bool {
    let place = data.join(log_directory);
    let real = match fs::canonicalize(&place) {
        Ok(real) => real.is_dir().then_some(real),
        Err(_) if place.symlink_metadata().is_ok() => None,
        Err(_) => place.parent().and_then(|above| fs::canonicalize(above).ok()).filter(|above| above.is_dir()),
    };
    matches!((real, data.canonicalize()), (Some(real), Ok(data)) if real.starts_with(&data))
}

const FIRST: &str = "log";

/// All but the first begin as PostgreSQL's own names do, so that they go with the rest when a session is cancelled.
fn candidates() -> impl Iterator<Item = String> {
    let numbered = (1..MAX_CANDIDATES).map(|number| format!("pg_log_{number}"));
    [FIRST, "pg_log"].into_iter().map(str::to_owned).chain(numbered)
}

/// Whether something else has the name. What else is wrong is wrong with the next name, too.
fn is_taken(error: &io::Error) -> bool {
    // A named pipe that nobody reads is reported by NXIO.
    let other_kind = [Errno::NOTDIR, Errno::LOOP, Errno::ISDIR, Errno::NXIO];
    error.kind() == io::ErrorKind::InvalidInput
        || Errno::from_io_error(error).is_some_and(|code| other_kind.contains(&code))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::{io::Write, os::unix::fs::symlink};

    #[test]
    fn output_goes_to_the_first_directory_that_can_hold_it_and_nothing_is_written_elsewhere() {
        let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = |name: &str| place.path().join(name);
        let data = DataDirectory::open(place.path()).unwrap();
        let opened = |expected: &str| {
            let (mut file, at) = open(&data, None).unwrap();
            assert_eq!(at, path(expected));
            writeln!(file, "a line").unwrap();
        };
        opened("log/server.log");
        opened("log/server.log");
        assert_eq!(fs::read_to_string(path("log/server.log")).unwrap(), "a line\na line\n");
        fs::rename(path("log"), path("elsewhere")).unwrap();

        fs::write(path("log"), "a file of the backup").unwrap();
        symlink(outside.path(), path("pg_log")).unwrap();
        fs::create_dir_all(path("pg_log_1/server.log")).unwrap();
        fs::create_dir(path("pg_log_2")).unwrap();
        mknodat(CWD, path("pg_log_2/server.log"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        fs::create_dir(path("pg_log_3")).unwrap();
        fs::hard_link(path("log"), path("pg_log_3/server.log")).unwrap();
        opened("pg_log_4/server.log");
        assert_eq!(directory(place.path()), "pg_log_1");
        assert_eq!(fs::read_to_string(path("log")).unwrap(), "a file of the backup");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_log_directory_is_used_only_where_it_stays_inside_and_can_be_one() {
        let above = tempfile::tempdir().unwrap();
        let data = above.path().join("data");
        for directory in ["data/log", "data/sub", "other"] {
            fs::create_dir_all(above.path().join(directory)).unwrap();
        }
        fs::write(data.join("file"), "").unwrap();
        symlink(above.path().join("other"), data.join("link")).unwrap();
        symlink(above.path().join("nowhere"), data.join("dangling")).unwrap();
        let inside = data.join("log");
        for (log_directory, usable) in [
            ("log", true),
            ("missing", true),
            ("sub/missing", true),
            (inside.to_str().unwrap(), true),
            ("missing/missing", false),
            ("file", false),
            ("file/log", false),
            ("link", false),
            ("link/log", false),
            ("dangling", false),
            ("../other", false),
            ("../missing", false),
            ("sub/../../missing", false),
            ("/var/log", false),
        ] {
            assert_eq!(is_usable(&data, Path::new(log_directory)), usable, "{log_directory}");
        }
    }
}
