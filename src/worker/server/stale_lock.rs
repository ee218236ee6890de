//! Lock files of a server that is dead, and that the next server would take for those of a living one.
//!
//! Where the first process of a container does not wait for orphans, a killed server stays a zombie, maybe for ever, and
//! PostgreSQL takes a zombie for a running server (`CreateLockFile` in `miscinit.c` asks `kill(pid, 0)`): the next one
//! would not start. One whose process is really gone it removes by itself. It writes its pid after it has made the file;
//! who is killed in between leaves an empty one, and that it never removes.
//!
//! Promises: a file is removed only if it names this data directory and a process that is a zombie, or if it is empty and
//! nobody is about to write it. To be called when nothing of that server can write any more, on a data directory of this
//! session, and on a socket that it has had a server open before. Never: follows a link.

use crate::{
    postgres::{configure::DataDirectory, server::pidfile},
    process,
};
use std::{io, os::unix::fs::MetadataExt, path::Path};

/// A lock file is eight short lines; more than this is something else.
const MAX_LEN: u64 = 16 * 1024;

/// Removes the lock file of a dead server from its data directory.
pub(in crate::worker) fn unlock(data: &Path) -> io::Result<()> {
    let place = DataDirectory::open(data)?;
    // A server enters its data directory before it locks it (`ChangeToDataDir` in `postmaster.c`).
    if place.read(pidfile::NAME, MAX_LEN)?.is_some_and(|lock| lock.is_empty()) && !is_worked_in(data)? {
        place.remove(pidfile::NAME)?;
    }
    remove_from(data, pidfile::NAME, data)
}

/// Whether the working directory of a process that is to be seen is this one.
fn is_worked_in(data: &Path) -> io::Result<bool> {
    let data = data.canonicalize()?;
    Ok(process::pids()?.any(|pid| process::directory(pid).is_some_and(|works_in| works_in == data)))
}

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

/// Removes the lock file of this name from `directory` if it is empty, of this user, and nobody has it open: a server holds
/// it open from when it makes it until it has written it.
pub(in crate::worker) fn remove_unwritten(directory: &Path, name: &str, owner: u32) -> io::Result<()> {
    let path = directory.join(name);
    match path.symlink_metadata() {
        Ok(about) if about.is_file() && about.len() == 0 && about.uid() == owner => {}
        Ok(_) => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    }
    let real = directory.canonicalize()?.join(name);
    let is_open = |pid| process::open_files(pid).iter().any(|(_, file)| *file == real);
    if !process::pids()?.any(is_open) {
        DataDirectory::open(directory)?.remove(name)?;
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
    fn an_empty_lock_goes_when_nobody_works_in_the_directory() {
        let data = tempfile::tempdir().unwrap();
        let lock = data.path().join(pidfile::NAME);
        unlock(data.path()).unwrap();
        fs::write(&lock, "").unwrap();
        let mut starting = Command::new("sleep").arg("10").current_dir(data.path()).spawn().unwrap();
        unlock(data.path()).unwrap();
        assert!(lock.exists(), "that one is about to write it");
        starting.kill().unwrap();
        starting.wait().unwrap();
        unlock(data.path()).unwrap();
        assert!(!lock.exists());
        fs::write(&lock, format!("{}\n", u32::MAX)).unwrap();
        unlock(data.path()).unwrap();
        assert!(lock.exists(), "PostgreSQL sees that nobody is there");
    }

    #[test]
    fn an_empty_lock_of_a_socket_goes_when_nobody_has_it_open() {
        let place = tempfile::tempdir().unwrap();
        let (lock, own) = (place.path().join("lock"), rustix::process::geteuid().as_raw());
        let remove = |owner: u32| remove_unwritten(place.path(), "lock", owner).unwrap();
        remove(own);
        let open = fs::File::create(&lock).unwrap();
        remove(own);
        assert!(lock.exists(), "that one is about to be written");
        drop(open);
        remove(own + 1);
        assert!(lock.exists(), "another user's");
        fs::write(&lock, "4711\n").unwrap();
        remove(own);
        assert!(lock.exists(), "it was written");
        fs::write(&lock, "").unwrap();
        remove(own);
        assert!(!lock.exists());
    }

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
