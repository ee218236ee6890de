//! Looks at the lower for the first time.
//!
//! Promises: nothing is followed out of it: a symbolic link that the order neither names nor hides is refused, since a
//! server would write where it leads. What is neither file, directory nor link is left out, with a word in the log.

use super::{
    change::{Ino, ROOT},
    clock::FileTime,
    error::{OverlayError, failed},
    listing::{Entry, EntryKind, Listing},
    member::{Member, MemberKind},
    order::{Lower, OverlayOrder, is_inside},
};
use crate::domain::path_text::shown;
use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// Lists all that an order shows.
pub(super) fn look(order: &OverlayOrder) -> Result<Listing, OverlayError> {
    let mut look = Look {
        listing: Listing::default(),
        known: HashMap::from([(PathBuf::new(), ROOT)]),
        archives: HashMap::new(),
        left_out: order.hidden.iter().chain(order.links.iter().map(|(at, _)| at)).map(PathBuf::as_path).collect(),
    };
    for root in &order.roots {
        match &root.from {
            Lower::Directory(lower) => {
                let ino = look.directory(&root.at, Some(lower))?;
                look.walk(&root.at, ino, lower)?;
            }
            Lower::Members(list) => {
                look.directory(&root.at, None)?;
                look.members(&root.at, list)?;
            }
        }
    }
    for (at, target) in &order.links {
        look.add(at, FileTime::now(), EntryKind::Link { target: target.clone().into() })?;
    }
    Ok(look.listing)
}

struct Look<'a> {
    listing: Listing,
    /// What is there already, by its path below the mount. Of a walk only the directories: it meets nothing twice.
    known: HashMap<PathBuf, Ino>,
    archives: HashMap<PathBuf, u64>,
    left_out: HashSet<&'a Path>,
}

impl Look<'_> {
    /// The directory at a path, and those above it, made where they are missing.
    fn directory(&mut self, at: &Path, lower: Option<&Path>) -> Result<Ino, OverlayError> {
        if let Some(ino) = self.known.get(at) {
            return match self.entry(*ino) {
                Some(Entry { kind: EntryKind::Directory { .. }, .. }) | None if lower.is_none() => Ok(*ino),
                Some(_) | None => Err(bad(at, "two things are to be shown at one place")),
            };
        }
        let lower = lower.map(Path::to_owned);
        self.add(at, FileTime::now(), EntryKind::Directory { lower })
    }

    fn entry(&self, ino: Ino) -> Option<&Entry> {
        let index = usize::try_from(ino.checked_sub(ROOT + 1)?).ok()?;
        self.listing.entries.get(index)
    }

    /// Adds a name whose place is free.
    fn add(&mut self, at: &Path, modified: FileTime, kind: EntryKind) -> Result<Ino, OverlayError> {
        let parent = self.directory(at.parent().unwrap_or_else(|| Path::new("")), None)?;
        let name = at.file_name().unwrap_or_default().to_owned();
        let ino = self.push(parent, name, modified, kind);
        match self.known.insert(at.to_owned(), ino) {
            None => Ok(ino),
            Some(_) => Err(bad(at, "two things are to be shown at one place")),
        }
    }

    fn push(&mut self, parent: Ino, name: OsString, modified: FileTime, kind: EntryKind) -> Ino {
        let ino = self.listing.next();
        self.listing.entries.push(Entry { parent, name, modified, kind });
        ino
    }

    /// Lists a directory of the lower; `at` is its path below the mount.
    fn walk(&mut self, at: &Path, ino: Ino, lower: &Path) -> Result<(), OverlayError> {
        // Not recursive: a backup could have directories deeper than the stack.
        let mut waiting = vec![(at.to_owned(), ino, lower.to_owned())];
        while let Some((at, ino, lower)) = waiting.pop() {
            for entry in fs::read_dir(&lower).map_err(failed("cannot list", &lower))? {
                let entry = entry.map_err(failed("cannot list", &lower))?;
                let (name, path) = (entry.file_name(), entry.path());
                let place = at.join(&name);
                if self.left_out.contains(place.as_path()) {
                    continue;
                }
                let found = entry.metadata().map_err(failed("cannot look at", &path))?;
                let (kind, modified) = (found.file_type(), FileTime::modified(&found));
                if kind.is_file() {
                    self.push(ino, name, modified, EntryKind::File { len: found.len() });
                } else if kind.is_dir() {
                    let ino = self.push(ino, name, modified, EntryKind::Directory { lower: None });
                    self.known.insert(place.clone(), ino);
                    waiting.push((place, ino, path));
                } else if kind.is_symlink() {
                    return Err(leads_out(&path, &fs::read_link(&path).unwrap_or_default()));
                } else {
                    tracing::warn!("{} is neither file nor directory and is not shown", shown(&path));
                }
            }
        }
        Ok(())
    }

    /// Lists members of archives; `at` is where they are shown.
    fn members(&mut self, at: &Path, list: &Path) -> Result<(), OverlayError> {
        let file = BufReader::new(File::open(list).map_err(failed("cannot open", list))?);
        for (number, line) in file.lines().enumerate() {
            let line = line.map_err(failed("cannot read", list))?;
            let member: Member =
                serde_json::from_str(&line).map_err(|error| bad(list, &format!("line {}: {error}", number + 1)))?;
            if !is_inside(&member.path) || member.path.as_os_str().as_bytes().contains(&0) {
                return Err(bad(&member.path, "it does not lie below its root"));
            }
            let place = at.join(&member.path);
            if place.ancestors().any(|above| self.left_out.contains(above)) {
                continue;
            }
            let modified = FileTime { seconds: member.modified, nanoseconds: 0 };
            let kind = match member.kind {
                MemberKind::Directory => {
                    self.directory(&place, None)?;
                    continue;
                }
                MemberKind::File { archive, offset, length } => self.member(&member.path, archive, offset, length)?,
                MemberKind::Link { target } => return Err(leads_out(&member.path, &target)),
            };
            match self.known.get(&place).copied() {
                None => {
                    self.add(&place, modified, kind)?;
                }
                Some(ino) => self.replace(ino, &place, modified, kind)?,
            }
        }
        Ok(())
    }

    /// Of two members of one path the later one counts.
    fn replace(&mut self, ino: Ino, at: &Path, modified: FileTime, kind: EntryKind) -> Result<(), OverlayError> {
        let index = usize::try_from(ino - ROOT - 1).unwrap_or(usize::MAX);
        match self.listing.entries.get_mut(index) {
            Some(entry) if matches!(entry.kind, EntryKind::Member { .. }) => {
                entry.modified = modified;
                entry.kind = kind;
                Ok(())
            }
            Some(_) | None => Err(bad(at, "it is both a file and a directory")),
        }
    }

    fn member(&mut self, path: &Path, archive: PathBuf, offset: u64, len: u64) -> Result<EntryKind, OverlayError> {
        let number = if let Some(number) = self.archives.get(&archive) {
            *number
        } else {
            let found = fs::symlink_metadata(&archive).map_err(failed("cannot look at", &archive))?;
            if !found.is_file() {
                return Err(bad(&archive, "it is not a file"));
            }
            let number = self.listing.archives.len() as u64;
            self.listing.archives.push((archive.clone(), found.len()));
            self.archives.insert(archive, number);
            number
        };
        let whole = usize::try_from(number).ok().and_then(|number| self.listing.archives.get(number));
        let end = offset.checked_add(len);
        if whole.is_none_or(|(_, whole)| end.is_none_or(|end| end > *whole)) {
            return Err(bad(path, "it would reach over the end of its archive"));
        }
        Ok(EntryKind::Member { archive: number, offset, len })
    }
}

fn bad(path: &Path, reason: &str) -> OverlayError {
    OverlayError::BadLower { path: path.to_owned(), reason: reason.to_owned() }
}

fn leads_out(path: &Path, target: &Path) -> OverlayError {
    bad(path, &format!("it is a symbolic link to {}, and a server would write there", shown(target)))
}
