//! Lock files of a server that is dead and that nobody has waited for yet.
//!
//! Where the first process of a container does not wait for orphans, a killed server stays a zombie, maybe for ever, and
//! PostgreSQL takes a zombie for a running server (`CreateLockFile` in `miscinit.c` asks `kill(pid, 0)`): the next one
//! would not start. One whose process is really gone it removes by itself.
//!
//! Promises: a file is removed only if it names this data directory and a process that is a zombie. To be called when
//! nothing of that server can write any more. Never: follows a link.

use crate::{postgres::configure::DataDirectory, process};
use std::{io, path::Path};

/// A lock file is eight short lines; more than this is something else.
const MAX_LEN: u64 = 16 * 1024;

/// Removes the lock file of this name, of a dead server of `data`, from `directory`.
pub(in crate::worker) fn remove_from(directory: &Path, name: &str, data: &Path) -> io::Result<()> {
    let place = match DataDirectory::open(directory) {
        Ok(place) => place,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let Some(bytes) = place.read(name, MAX_LEN)? else { return Ok(()) };
    let text = String::from_utf8_lossy(&bytes);
    // The first two lines are the pid and the data directory (`LOCK_FILE_LINE_*` in `miscadmin.h`).
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.trim().parse::<u32>().ok());
    let ours = lines.next().is_some_and(|of| same(Path::new(of), data));
    if ours && pid.and_then(process::stat).is_some_and(|server| server.zombie) {
        place.remove(name)?;
    }
    Ok(())
}

fn same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::{fs, process::Command};

    #[test]
    fn only_the_lock_of_a_dead_server_of_this_directory_goes() {
        let (data, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let lock = elsewhere.path().join("lock");
        let stands = |pid: u32, of: &Path| {
            fs::write(&lock, format!("{pid}\n{}\n1795236541\n", of.display())).unwrap();
            remove_from(elsewhere.path(), "lock", data.path()).unwrap();
            lock.exists()
        };
        let mut dead = Command::new("true").spawn().unwrap();
        while !process::stat(dead.id()).unwrap().zombie {
            std::thread::yield_now();
        }
        assert!(stands(std::process::id(), data.path()), "that one is alive");
        assert!(stands(dead.id(), elsewhere.path()), "another server's");
        assert!(stands(u32::MAX, data.path()), "PostgreSQL sees that nobody is there");
        assert!(!stands(dead.id(), data.path()));
        remove_from(elsewhere.path(), "lock", data.path()).unwrap();
        remove_from(&data.path().join("gone"), "lock", data.path()).unwrap();
        fs::write(&lock, "").unwrap();
        remove_from(elsewhere.path(), "lock", data.path()).unwrap();
        assert!(lock.exists(), "it is being written");
        dead.wait().unwrap();
    }
}
