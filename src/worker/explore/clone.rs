//! Clones of a plain backup's files that share its blocks (`FICLONE`, ioctl_ficlone(2)): on XFS, btrfs, bcachefs and ZFS 2.2.
//!
//! Promises: a file of the backup is opened to read alone. Never: copies a byte.

use crate::{
    domain::{Failure, instance::printable_name},
    engine::{Halt, Observer, native::Inspected, native::Source},
    postgres::{label::TABLESPACE_MAP, manifest, server::classify},
};
use rustix::fs::{Mode, OFlags};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, symlink},
    path::{Path, PathBuf},
};

/// Whether the files of the backup can be cloned into a directory, tried with a file that has no name; a tablespace of it
/// must be on the same file system. An error says why not.
pub(super) fn is_possible(backup: &Path, into: &Path) -> Result<(), String> {
    // Small, and in every backup; an empty one would be cloned anywhere.
    let from = backup.join("PG_VERSION");
    let there = into.ancestors().find(|path| path.is_dir()).unwrap_or(into);
    let attempt = || -> io::Result<()> {
        let from = open(&from)?;
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let nameless = rustix::fs::open(there, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(rustix::fs::ioctl_ficlone(nameless, from)?)
    };
    attempt().map_err(|error| error.to_string())?;
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev());
    let elsewhere = || -> io::Result<Option<PathBuf>> {
        let home = device(backup)?;
        for entry in fs::read_dir(backup.join("pg_tblspc"))? {
            let tablespace = entry?.path();
            if device(&tablespace)? != home {
                return Ok(Some(tablespace));
            }
        }
        Ok(None)
    };
    match elsewhere() {
        Ok(None) => Ok(()),
        Ok(Some(tablespace)) => Err(format!("{} is on another file system", tablespace.display())),
        Err(error) => Err(format!("looking at the tablespaces: {error}")),
    }
}

/// Makes the clones below `files`: the data directory, and each tablespace beside it.
pub(super) fn make(
    found: &Inspected,
    files: &Path,
    owner: Option<(u32, u32)>,
    observer: &dyn Observer,
) -> Result<(), Halt> {
    let Source::Plain { files: listed, directories } = &found.source else {
        return Err(Failure::bug("archives cannot be cloned").into());
    };
    let target = Target { data: files.join("data"), tablespaces: files.join("tablespaces"), owner };
    target.directory(files)?;
    target.directory(&target.data)?;
    if !found.tablespaces.is_empty() {
        target.directory(&target.tablespaces)?;
    }
    for (oid, _) in &found.tablespaces {
        target.directory(&target.tablespaces.join(oid.to_string()))?;
    }
    for directory in directories {
        target.directory(&target.place(directory))?;
    }
    for (oid, _) in &found.tablespaces {
        let link = target.data.join("pg_tblspc").join(oid.to_string());
        made(symlink(target.tablespaces.join(oid.to_string()), &link), "linking", &link)?;
    }
    let manifest = found.directory.join(manifest::FILE_NAME);
    let listed = listed.iter().map(|(source, path)| (source.as_path(), path.as_path()));
    // A map would lead the server to where the tablespaces were once.
    let listed = listed.filter(|(_, path)| *path != Path::new(TABLESPACE_MAP));
    for (source, path) in listed.chain([(manifest.as_path(), Path::new(manifest::FILE_NAME))]) {
        if observer.stop_requested() {
            return Err(Halt::Stopped);
        }
        target.file(source, &target.place(path))?;
    }
    Ok(())
}

struct Target {
    data: PathBuf,
    tablespaces: PathBuf,
    owner: Option<(u32, u32)>,
}

impl Target {
    /// Where a path of the manifest goes: what is below `pg_tblspc/<oid>` lies beside the data directory.
    fn place(&self, path: &Path) -> PathBuf {
        match path.strip_prefix("pg_tblspc") {
            Ok(below) if below.components().next().is_some() => self.tablespaces.join(below),
            Ok(_) | Err(_) => self.data.join(path),
        }
    }

    fn directory(&self, path: &Path) -> Result<(), Failure> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            done => made(done, "making", path)?,
        }
        self.give(path)
    }

    fn file(&self, source: &Path, path: &Path) -> Result<(), Failure> {
        let from = open(source).map_err(|error| classify::of_io(&format!("opening {}", shown(source)), &error))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let to = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(io::Error::from);
        let to = made(to.map(File::from), "making", path)?;
        made(rustix::fs::ioctl_ficlone(&to, &from).map_err(io::Error::from), "cloning into", path)?;
        self.give(path)
    }

    fn give(&self, path: &Path) -> Result<(), Failure> {
        let Some((uid, gid)) = self.owner else { return Ok(()) };
        made(std::os::unix::fs::lchown(path, Some(uid), Some(gid)), "giving away", path)
    }
}

fn open(source: &Path) -> io::Result<File> {
    Ok(rustix::fs::open(source, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?.into())
}

fn made<T>(done: io::Result<T>, doing: &str, path: &Path) -> Result<T, Failure> {
    done.map_err(|error| classify::of_io(&format!("{doing} {}", shown(path)), &error))
}

fn shown(path: &Path) -> String {
    printable_name(path.as_os_str())
}
