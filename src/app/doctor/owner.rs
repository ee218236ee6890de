//! Who owns the state directory, and whether the owner can be talked to.
//!
//! Never: sends anything to the owner; a connection is opened and closed. The lock itself is the only witness that
//! counts, so where it is free it is held for some microseconds.

use crate::{
    cli::doctor::{Finding, Fix},
    domain::path_text::{quoted, shown},
    process::{is_alive, mark},
};
use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read},
    os::{
        fd::AsRawFd,
        unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    },
    path::Path,
    thread,
    time::Duration,
};

/// How long a new owner may take to write its number on a busy machine, in looks.
const RETRY_DELAY: Duration = Duration::from_millis(20);
const RETRIES: u32 = 25;

/// Who has the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Nobody,
    /// The process that wrote its number into the lock file, as an owner does.
    Owner(u32),
    /// Somebody who is no owner; the process, where it can be seen.
    Stranger(Option<u32>),
}

/// What happens at the socket.
#[derive(Debug)]
enum Socket {
    Absent,
    Answers,
    Stale,
    /// More wait than it takes in.
    Crowded,
    /// Something else stands in its place.
    Other,
    Closed(io::Error),
}

pub(super) fn check(state: &Path) -> Vec<Finding> {
    let (holder, owner) = match holder(state, || thread::sleep(RETRY_DELAY)) {
        Ok(holder) => (Some(holder), owner(state, holder)),
        Err(cause) => {
            let found = format!("{}: {cause}", shown(&state.join("owner.lock")));
            let fix = Fix::Do("make it a file of this user, or use another --state-dir".to_owned());
            (None, Finding::error("owner", &found, fix))
        }
    };
    vec![owner, socket(state, holder, &probe(state))]
}

fn owner(state: &Path, holder: Holder) -> Finding {
    match holder {
        Holder::Nobody => Finding::ok("owner", "nobody; a console or keeper becomes it when it starts"),
        Holder::Owner(pid) => Finding::ok("owner", &format!("process {pid} ({})", name_of(pid))),
        Holder::Stranger(Some(pid)) => {
            let found = format!(
                "process {pid} ({}) holds {}, but is no owner: no console and no keeper can start",
                name_of(pid),
                shown(&state.join("owner.lock"))
            );
            Finding::error("owner", &found, Fix::Run(format!("kill {pid}")))
        }
        Holder::Stranger(None) => {
            let found =
                format!("{} is held by a process that is not to be seen here", shown(&state.join("owner.lock")));
            let fix = "look for howdah in other containers or on the machine that shares the directory; each needs a \
                        state directory of its own (--state-dir)";
            Finding::error("owner", &found, Fix::Do(fix.to_owned()))
        }
    }
}

fn socket(state: &Path, holder: Option<Holder>, socket: &Socket) -> Finding {
    let path = state.join("control.sock");
    let warning = |found: &str, fix| Finding::warning("socket", found, fix);
    let restart = |pid: u32| Fix::Run(format!("kill -TERM {pid}; howdah"));
    match (socket, holder) {
        (Socket::Answers, _) => Finding::ok("socket", "the owner answers"),
        (Socket::Absent, Some(Holder::Owner(pid))) => {
            warning("the owner does not listen, so no other window can attach", restart(pid))
        }
        (Socket::Absent, _) => Finding::ok("socket", "none; the next owner makes it"),
        (Socket::Stale, Some(Holder::Owner(pid))) => {
            warning("nobody answers at the socket, though there is an owner", restart(pid))
        }
        // An owner leaves its socket where it is, however it ends.
        (Socket::Stale, _) => Finding::ok("socket", "stale: an earlier owner's; the next one replaces it"),
        (Socket::Crowded, _) => {
            warning("more wait at the socket than the owner takes in", Fix::Do("ask again in a while".to_owned()))
        }
        (Socket::Other, _) => Finding::error(
            "socket",
            &format!("{} is not a socket, so no owner can listen there", shown(&path)),
            Fix::Run(format!("mv {0} {1}", quoted(&path), quoted(&path.with_extension("away")))),
        ),
        (Socket::Closed(cause), _) => Finding::error(
            "socket",
            &format!("{} cannot be used: {cause}", shown(&path)),
            Fix::Do("make it and the state directory belong to this user".to_owned()),
        ),
    }
}

/// Who has the lock. An owner writes its number just after it has taken the lock: between the two it looks like a
/// stranger, so a stranger is looked at again.
fn holder(state: &Path, mut wait: impl FnMut()) -> io::Result<Holder> {
    let mut seen = holder_now(state)?;
    for _ in 0..RETRIES {
        if !matches!(seen, Holder::Stranger(_)) {
            break;
        }
        wait();
        seen = holder_now(state)?;
    }
    Ok(seen)
}

fn holder_now(state: &Path) -> io::Result<Holder> {
    // A pipe or a device in its place must not make us wait, nor may a link lead elsewhere.
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let path = state.join("owner.lock");
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let mut file = match OpenOptions::new().read(true).write(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Holder::Nobody),
        Err(error) => return Err(error),
    };
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    match file.try_lock() {
        Ok(()) => file.unlock().map(|()| Holder::Nobody),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => {
            let noted = noted(&mut file);
            let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
            let seen = holder_in(&locks, facts.dev(), facts.ino(), noted);
            Ok(match (noted, seen) {
                (Some(noted), Some(seen)) if noted != seen => Holder::Stranger(Some(seen)),
                (Some(noted), _) if mark(noted).is_some_and(is_alive) => Holder::Owner(noted),
                (_, seen) => Holder::Stranger(seen),
            })
        }
    }
}

/// The number that an owner writes into the file when it takes the lock.
fn noted(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    // A number takes ten digits; what is longer is none of an owner's.
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Who holds a lock on this file, as proc(5) `/proc/locks` tells it. The device is that of the file system, which some
/// file systems do not tell to stat(2); then the process that is expected is believed, and no other.
fn holder_in(locks: &str, device: u64, inode: u64, expected: Option<u32>) -> Option<u32> {
    let device = format!("{:02x}:{:02x}", rustix::fs::major(device), rustix::fs::minor(device));
    let held = |line: &str| -> Option<(bool, u32)> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // `1: FLOCK ADVISORY WRITE 4903 fe:00:10010667 0 EOF`; one that waits has `->` in the second place.
        let [_, "FLOCK" | "POSIX" | "OFDLCK", _, _, pid, place, ..] = fields[..] else { return None };
        let (found, number) = place.rsplit_once(':')?;
        (number.parse() == Ok(inode)).then_some((found == device, pid.parse().ok()?))
    };
    let found: Vec<(bool, u32)> = locks.lines().filter_map(held).collect();
    let same = found.iter().find(|(same, _)| *same).map(|(_, pid)| *pid);
    same.or_else(|| found.iter().map(|(_, pid)| *pid).find(|pid| Some(*pid) == expected))
}

fn name_of(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

fn probe(state: &Path) -> Socket {
    match fs::symlink_metadata(state.join("control.sock")) {
        Ok(found) if found.file_type().is_socket() => {}
        Ok(_) => return Socket::Other,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Socket::Absent,
        Err(error) => return Socket::Closed(error),
    }
    match connected(state).map_err(|error| (error.kind(), error)) {
        Ok(()) => Socket::Answers,
        Err((io::ErrorKind::ConnectionRefused, _)) => Socket::Stale,
        Err((io::ErrorKind::NotFound, _)) => Socket::Absent,
        Err((io::ErrorKind::WouldBlock, _)) => Socket::Crowded,
        Err((_, error)) => Socket::Closed(error),
    }
}

/// Opens a connection and closes it, without waiting. The way leads through the open directory, because the path of an
/// address may have 107 bytes only (unix(7)).
fn connected(state: &Path) -> io::Result<()> {
    let directory = openat(CWD, state, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let address = SocketAddrUnix::new(format!("/proc/self/fd/{}/control.sock", directory.as_raw_fd()))?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok(connect(&socket, &address)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn an_owner_that_has_not_written_its_number_yet_is_no_stranger() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("owner.lock");
        let lock = File::create(&path).unwrap();
        lock.lock().unwrap();
        let own = std::process::id();
        let mut looks = 0;
        let seen = holder(state.path(), || {
            looks += 1;
            if looks == 2 {
                fs::write(&path, own.to_string()).unwrap();
            }
        });
        assert_eq!((seen.unwrap(), looks), (Holder::Owner(own), 2));
        fs::write(&path, "").unwrap();
        let seen = holder(state.path(), || looks += 1).unwrap();
        assert_eq!((seen, looks), (Holder::Stranger(Some(own)), 2 + RETRIES));
    }

    #[test]
    fn the_holder_of_a_lock_is_found_by_its_file() {
        let locks = "1: POSIX  ADVISORY  READ 7 fe:00:12 128 128\n\
                     2: FLOCK  ADVISORY  WRITE 8 fe:00:13 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 9 fe:00:13 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 10 00:2a:14 0 EOF\n\
                     4: LEASE  ACTIVE    READ 11 fe:00:14 0 EOF\n\
                     garbage\n: : :\n5: FLOCK ADVISORY WRITE x fe:00:15 0 EOF\n";
        let device = rustix::fs::makedev(0xfe, 0);
        let of = |inode, expected| holder_in(locks, device, inode, expected);
        assert_eq!(of(13, None), Some(8));
        assert_eq!(of(13, Some(9)), Some(8));
        assert_eq!(of(12, None), Some(7));
        assert_eq!(of(15, None), None);
        assert_eq!(of(99, None), None);
        // Some file systems tell stat(2) another device than the kernel's list: only whom we expect is believed.
        assert_eq!(of(14, None), None);
        assert_eq!(of(14, Some(10)), Some(10));
        assert_eq!(of(14, Some(11)), None);
    }
}
