//! The files and directories of a plain backup, and everything else that stands among them.
//!
//! Promises: links are followed in two places only, where `pg_basebackup` makes them, a tablespace and `pg_wal`; and
//! there only to a directory that does not hold the backup itself. Never: opens a file.

use super::{
    errors::Backup,
    layout::{self, SourceFile, Tree},
};
use crate::{domain::Failure, engine::watched::Heartbeat};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// A backup, walked through.
#[derive(Debug, Default)]
pub(in crate::engine) struct Walked {
    pub(in crate::engine) tree: Tree,
    /// Where each tablespace's link leads, as it is written.
    pub(in crate::engine) tablespaces: BTreeMap<u32, PathBuf>,
    /// Whether `pg_wal` is a link.
    pub(in crate::engine) wal_is_link: bool,
}

/// Something that a backup does not have where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Oddity {
    /// A link where no backup has one.
    Link,
    /// A link to something that is not there.
    LinkToNothing,
    /// A link to something that is not a directory, or holds the backup itself.
    LinkAstray,
    /// A device, a pipe or a socket.
    NotAFile,
}

/// Walks through the backup in `directory`. What is odd is given to `odd`, with where it stands and its path below the
/// data directory; the walk goes on without it unless that is refused.
pub(in crate::engine) fn walk(
    directory: &Path,
    heartbeat: &Heartbeat,
    odd: &mut dyn FnMut(&Path, &Path, Oddity) -> Result<(), Failure>,
) -> Result<Walked, Failure> {
    let backup = Backup::at(directory);
    let mut walk = Walk { directory, backup: &backup, heartbeat, walked: Walked::default(), odd };
    let mut open = vec![(directory.to_owned(), PathBuf::new())];
    while let Some((source, path)) = open.pop() {
        walk.directory(&source, &path, &mut open)?;
    }
    Ok(walk.walked)
}

struct Walk<'a> {
    directory: &'a Path,
    backup: &'a Backup,
    heartbeat: &'a Heartbeat,
    walked: Walked,
    odd: &'a mut dyn FnMut(&Path, &Path, Oddity) -> Result<(), Failure>,
}

impl Walk<'_> {
    fn directory(&mut self, source: &Path, path: &Path, open: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), Failure> {
        let failed = |error: &io::Error| self.backup.failure("list", source, error);
        for entry in fs::read_dir(source).map_err(|error| failed(&error))? {
            self.heartbeat.beat();
            let entry = entry.map_err(|error| self.backup.failure("list", source, &error))?;
            let (source, path) = (entry.path(), path.join(entry.file_name()));
            let about = entry.metadata().map_err(|error| self.backup.failure("look at", &source, &error))?;
            let kind = about.file_type();
            if kind.is_file() {
                self.walked.tree.files.push(SourceFile { source, path, size: about.len() });
            } else if kind.is_dir() {
                self.walked.tree.directories.push(path.clone());
                open.push((source, path));
            } else if kind.is_symlink() {
                match self.follow(&source, &path)? {
                    Ok(leads_to) => open.push((leads_to, path)),
                    Err(oddity) => (self.odd)(&source, &path, oddity)?,
                }
            } else {
                (self.odd)(&source, &path, Oddity::NotAFile)?;
            }
        }
        Ok(())
    }

    /// The directory that a link leads to, in the two places where a backup may have one.
    fn follow(&mut self, source: &Path, path: &Path) -> Result<Result<PathBuf, Oddity>, Failure> {
        let tablespace = layout::in_tablespace(path).filter(|(_, rest)| rest.as_os_str().is_empty());
        let is_wal = path == Path::new("pg_wal");
        if tablespace.is_none() && !is_wal {
            return Ok(Err(Oddity::Link));
        }
        let leads_to = match fs::canonicalize(source) {
            Ok(leads_to) => leads_to,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.backup.is_gone() => {
                return Ok(Err(Oddity::LinkToNothing));
            }
            Err(error) => return Err(self.backup.failure("follow", source, &error)),
        };
        let holds_backup = fs::canonicalize(self.directory).is_ok_and(|real| real.starts_with(&leads_to));
        if holds_backup || !leads_to.is_dir() {
            return Ok(Err(Oddity::LinkAstray));
        }
        if let Some((oid, _)) = tablespace {
            let original = fs::read_link(source).unwrap_or_else(|_| leads_to.clone());
            self.walked.tablespaces.insert(oid, original);
        } else {
            self.walked.tree.directories.push(path.to_owned());
            self.walked.wal_is_link = true;
        }
        Ok(Ok(leads_to))
    }
}
