//! howdah itself, at a path by which the server's user can execute it.
//!
//! Promises: the path was tried, as that user. Never: opens a directory to anybody.

use crate::{
    archive::restore_command::{PROBE, PROBE_ANSWER},
    domain::{Failure, path_text::shown},
    postgres::{
        account::{Account, Permission},
        command_output::{LIMIT, command_output},
        configure::DataDirectory,
        server::classify,
    },
    process::OWN_PROGRAM,
};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid, fchmod, fchown, openat, renameat, unlinkat};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The name of the copy; beside the spool, and like it a part of the session's mark.
const COPY: &str = "wal.fetch";

/// The name that it is written under.
const NEW_COPY: &str = "wal.fetch-new";

/// How often a copy is tried: while another thread starts a program, that one holds the copy open for writing for a moment,
/// and it cannot be executed (ETXTBSY).
const TRIES: u32 = 5;

/// Between two tries: longer than a program takes to start.
const TRY_INTERVAL: Duration = Duration::from_millis(50);

/// The path of this program that the user can execute: the one that it was started by where that works, since it outlives
/// an upgrade, else a copy in `spool_parent`.
pub fn program_for(account: &Account, spool_parent: &Path) -> Result<PathBuf, Failure> {
    let own = started_by().map_err(|error| classify::of_io(OWN_PROGRAM, &error))?;
    choose(&own, account, spool_parent)
}

fn choose(own: &Path, account: &Account, spool_parent: &Path) -> Result<PathBuf, Failure> {
    if works(own, account) {
        return Ok(own.to_owned());
    }
    let copy = spool_parent.join(COPY);
    if works(&copy, account) {
        return Ok(copy);
    }
    put_copy(spool_parent, account.owner())
        .map_err(|error| classify::of_io(&format!("copying howdah to {}", shown(&copy)), &error))?;
    for _ in 0..TRIES {
        if works(&copy, account) {
            return Ok(copy);
        }
        thread::sleep(TRY_INTERVAL);
    }
    Err(refused(own, &copy, account))
}

/// What the program file is called now. One that an upgrade replaced is called `PATH (deleted)` by the kernel (proc(5)).
fn started_by() -> io::Result<PathBuf> {
    let path = fs::read_link(OWN_PROGRAM)?;
    let bytes = path.as_os_str().as_bytes();
    Ok(bytes.strip_suffix(b" (deleted)").map_or_else(|| path.clone(), |bytes| PathBuf::from(OsStr::from_bytes(bytes))))
}

fn works(program: &Path, account: &Account) -> bool {
    let mut command = account.command(program);
    command_output(command.args(["wal", "fetch", PROBE]), LIMIT).is_ok_and(|said| said == PROBE_ANSWER)
}

/// Writes the program that runs, whatever has become of its file.
fn put_copy(directory: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    let directory = DataDirectory::open(directory)?;
    // Whatever a crashed attempt left under this name is ours to drop.
    directory.remove(NEW_COPY)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut copy = File::from(openat(&directory, NEW_COPY, flags, Mode::RUSR | Mode::WUSR)?);
    let written = io::copy(&mut File::open(OWN_PROGRAM)?, &mut copy).and_then(|_| {
        if let Some((uid, gid)) = owner {
            fchown(&copy, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        fchmod(&copy, Mode::RUSR | Mode::XUSR)?;
        Ok(renameat(&directory, NEW_COPY, &directory, COPY)?)
    });
    if written.is_err() {
        unlinkat(&directory, NEW_COPY, AtFlags::empty())?;
    }
    written
}

fn refused(own: &Path, copy: &Path, account: &Account) -> Failure {
    let user = account.name();
    let closed =
        own.ancestors().skip(1).find(|directory| account.may(Permission::Enter, directory).is_ok_and(|may| !may));
    let cause = format!(
        "the user {user}, who runs the server, can execute howdah neither as {} nor as a copy, {}: recovery would get no WAL",
        shown(own),
        shown(copy)
    );
    let advice = match closed {
        Some(directory) => format!(
            "install howdah where everybody may execute it, such as /usr/local/bin, or let {user} pass through {} \
             (chmod o+x), then retry",
            shown(directory)
        ),
        None => "install howdah where everybody may execute it, such as /usr/local/bin, then retry".to_owned(),
    };
    Failure::incurable(cause, advice)
}
