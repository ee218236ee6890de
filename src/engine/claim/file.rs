//! The file of a claim.

use super::record::{Claim, VERSION};
use rustix::{
    fs::{CWD, Mode, OFlags, RenameFlags, link, renameat_with, unlink},
    io::Errno,
};
use serde::Deserialize;
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// A claim is a few hundred bytes; more than this is something else.
const MAX_SIZE: u64 = 64 * 1024;

/// Whoever may see the place may read who holds it; only the holder may change it.
const MODE: u32 = 0o644;

/// What stands at a path where a claim may be.
#[derive(Debug)]
pub(super) enum ClaimFile {
    /// Nothing.
    Nothing,
    /// A claim, and the open file that it was read from.
    Claim(Box<Claim>, File),
    /// Something else, with what is wrong with it.
    Unreadable(String),
}

/// Reads what stands there. Links are not followed, and nothing is waited for.
pub(super) fn read(path: &Path) -> io::Result<ClaimFile> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(ClaimFile::Nothing),
        // Who may not even look into the directory cannot restore into it, and is refused for that.
        Err(Errno::ACCESS) if fs::symlink_metadata(path).is_err() => return Ok(ClaimFile::Nothing),
        Err(error @ (Errno::LOOP | Errno::ACCESS | Errno::PERM)) => {
            return Ok(ClaimFile::Unreadable(io::Error::from(error).to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    let about = file.metadata()?;
    if !about.is_file() || about.len() > MAX_SIZE {
        return Ok(ClaimFile::Unreadable("it is not a small regular file".to_owned()));
    }
    let mut text = Vec::new();
    (&mut file).take(MAX_SIZE).read_to_end(&mut text)?;
    let claim = serde_json::from_slice::<Versioned>(&text).map_err(|error| error.to_string()).and_then(|found| {
        if found.version > VERSION {
            return Err(format!("it has version {}, this howdah knows {VERSION}", found.version));
        }
        serde_json::from_slice::<Claim>(&text).map_err(|error| error.to_string())
    });
    Ok(match claim {
        Ok(claim) => ClaimFile::Claim(Box::new(claim), file),
        Err(problem) => ClaimFile::Unreadable(problem),
    })
}

/// Puts a claim in place, durably, unless something stands there; returns whether it did.
pub(super) fn create(path: &Path, claim: &Claim) -> io::Result<bool> {
    let fresh = fresh_name(path, claim.session);
    remove(&fresh)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(&fresh, flags, Mode::from_raw_mode(0o600))?);
    let mut put = || -> io::Result<bool> {
        file.write_all(&serde_json::to_vec(claim)?)?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(MODE))?;
        file.sync_all()?;
        match link(&fresh, path) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            // A file system without hard links.
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
                match renameat_with(CWD, &fresh, CWD, path, RenameFlags::NOREPLACE) {
                    Ok(()) => Ok(true),
                    Err(Errno::EXIST) => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    };
    let done = put();
    remove(&fresh)?;
    if matches!(done, Ok(true)) {
        sync_directory(path)?;
    }
    done
}

/// Removes this very claim; what stands there meanwhile, if it is another file, stays.
pub(super) fn remove_claim(path: &Path, file: &File) -> io::Result<()> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(stands) if (stands.dev(), stands.ino()) == (ours.dev(), ours.ino()) => {
            remove(path)?;
            sync_directory(path)
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes what was to be the claim of a session here when its writer was killed.
pub(super) fn remove_unfinished(path: &Path, session: Uuid) -> io::Result<()> {
    let fresh = fresh_name(path, session);
    // Whoever may not look there has put nothing there.
    if fs::symlink_metadata(&fresh).is_ok() { remove(&fresh) } else { Ok(()) }
}

/// Whether the open file is still the one that stands at the path.
pub(super) fn stands(path: &Path, file: &File) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(stands) => Ok((stands.dev(), stands.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The process that has the lock of this file, as the kernel shows it (proc(5), `/proc/locks`); `None` where nobody
/// has, or whoever has is not to be seen from here.
pub(super) fn lock_holder(file: &File) -> Option<u32> {
    let about = file.metadata().ok()?;
    let (major, minor) = (rustix::fs::major(about.dev()), rustix::fs::minor(about.dev()));
    let place = format!("{major:02x}:{minor:02x}:{}", about.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, "FLOCK", _, _, pid, at, ..] = fields.as_slice() else { return None };
        (*at == place).then(|| pid.parse().ok().filter(|pid| *pid > 0))?
    })
}

/// The name under which a claim is written before it is put in place. It is the session's own.
fn fresh_name(path: &Path, session: Uuid) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!("-{}", session.simple()));
    path.with_file_name(name)
}

fn remove(path: &Path) -> io::Result<()> {
    match unlink(path) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}
