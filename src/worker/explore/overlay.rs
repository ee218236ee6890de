//! The overlay of a session: started over the backup, watched, and taken out again.
//!
//! Promises: at most one is mounted for a session, known by the session's name alone; after [`clear`] none is, and no
//! process serves one. Never: mounts over anything, or touches what another session has mounted.

use super::{method::Way, provider::unpacked_tablespace, scratch::Scratch};
use crate::{
    domain::{
        ByteCount, Failure,
        point_mark::{POINT_MARK, POINT_MARK_DIRECTORY},
        restored::MARK,
    },
    engine::native::{ArchiveMember, Inspected, Source},
    overlay::{self, Lower, Member, MemberKind, ORDER_VERSION, OverlayError, OverlayOrder, Root, Serving},
    postgres::label::TABLESPACE_MAP,
    private_file,
    worker::{attempt_files, server::server_lock},
};
use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

/// To look through a hundred thousand names on a slow disk.
const MOUNT_TIMEOUT: Duration = Duration::from_mins(2);

/// It ends as soon as nobody uses its files any more.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// What a process needs to serve the files.
pub(super) struct Wanted<'a> {
    pub(super) attempt_dir: &'a Path,
    pub(super) session: Uuid,
    pub(super) scratch: &'a Scratch,
    /// Whom every file is shown as owned by.
    pub(super) owner: Option<(u32, u32)>,
    pub(super) limit: ByteCount,
}

/// The name of a session's mount.
pub(super) fn name(session: Uuid) -> String {
    format!("howdah-{}", session.simple())
}

/// Mounts the overlay of a backup; what an earlier one on the same scratch was told to write is there.
pub(super) fn mount(wanted: &Wanted<'_>, found: &Inspected, way: &Way) -> Result<Serving, Failure> {
    let Wanted { attempt_dir, session, scratch, owner, limit } = *wanted;
    let files = scratch.files();
    // While nothing is mounted there, it is only passed through.
    let made = fs::DirBuilder::new().mode(0o711).recursive(true).create(&files);
    made.map_err(|error| attempt_files::failure(&format!("making {}", files.display()), &error))?;
    let data = Path::new("data");
    let lowers = Lowers { scratch, found, way };
    // A map would lead the server to where the tablespaces were once; the marks are the repository's and the engine's own.
    let mut hidden = vec![data.join(TABLESPACE_MAP), data.join(POINT_MARK_DIRECTORY).join(POINT_MARK), data.join(MARK)];
    let mut roots = vec![Root { at: data.into(), from: lowers.data()? }];
    let mut links = Vec::new();
    for (oid, lies) in &found.tablespaces {
        let at = Path::new("tablespaces").join(oid.to_string());
        links.push((data.join("pg_tblspc").join(oid.to_string()), files.join(&at)));
        hidden.push(at.join(MARK));
        roots.push(Root { at, from: lowers.tablespace(*oid, lies)? });
    }
    let own = || (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let order = OverlayOrder {
        version: ORDER_VERSION,
        name: name(session),
        roots,
        links,
        hidden,
        fixed: vec![data.join("pg_wal")],
        upper: scratch.written(),
        mount: files,
        owner: owner.unwrap_or_else(own),
        limit,
    };
    let path = attempt_dir.join("overlay.json");
    order.write(&path).map_err(|error| failure(&error))?;
    let log = attempt_dir.join("output.log");
    let log = private_file::open(&log, OpenOptions::new().append(true).create(true))
        .map_err(|error| attempt_files::failure("opening the session's log", &error))?;
    let lock = server_lock::acquire(attempt_dir, server_lock::OVERLAY)?;
    let starting = overlay::start(&path, lock, log).map_err(|error| failure(&error))?;
    starting.wait(MOUNT_TIMEOUT).map_err(|error| failure(&error))
}

/// Takes out what is mounted for the session, and ends the process that serves it.
pub(super) fn clear(attempt_dir: &Path, session: Uuid, serving: Option<Serving>) -> Result<(), Failure> {
    overlay::unmount(&name(session)).map_err(|error| failure(&error))?;
    if let Some(mut serving) = serving
        && !serving.wait(END_TIMEOUT).map_err(|error| failure(&error))?
    {
        serving.kill().map_err(|error| failure(&error))?;
    }
    server_lock::kill_holders(attempt_dir, server_lock::OVERLAY)?;
    Ok(())
}

/// Where the files of each root are.
struct Lowers<'a> {
    scratch: &'a Scratch,
    found: &'a Inspected,
    way: &'a Way,
}

impl Lowers<'_> {
    fn data(&self) -> Result<Lower, Failure> {
        let homes: Vec<PathBuf> = self.found.tablespaces.iter().map(|(oid, _)| home(*oid)).collect();
        match (self.way, &self.found.source) {
            (Way::Unpacked(unpacked), _) => Ok(Lower::Directory(unpacked.data())),
            (_, Source::Members(members)) => {
                let own = |member: &&ArchiveMember| !homes.iter().any(|home| member.path.starts_with(home));
                self.list("data", members.all.iter().filter(own), Path::new(""))
            }
            (_, Source::Plain { .. } | Source::Packed(_)) => Ok(Lower::Directory(self.found.directory.clone())),
        }
    }

    fn tablespace(&self, oid: u32, lies: &Path) -> Result<Lower, Failure> {
        match (self.way, &self.found.source) {
            (Way::Unpacked(unpacked), _) => Ok(Lower::Directory(unpacked_tablespace(unpacked, oid))),
            (_, Source::Members(members)) => {
                let home = home(oid);
                let own = members.all.iter().filter(|member| member.path.starts_with(&home));
                self.list(&oid.to_string(), own, &home)
            }
            (_, Source::Plain { .. } | Source::Packed(_)) => Ok(Lower::Directory(real(lies)?)),
        }
    }

    /// Writes the list of the members below a directory. It has the same name for each attempt, since it is known to what
    /// was written over it.
    fn list<'m>(
        &self,
        name: &str,
        members: impl Iterator<Item = &'m ArchiveMember>,
        below: &Path,
    ) -> Result<Lower, Failure> {
        let place = self.scratch.path.join("members");
        let path = place.join(name);
        let write = || -> io::Result<()> {
            fs::DirBuilder::new().mode(0o700).recursive(true).create(&place)?;
            let file = private_file::open(&path, OpenOptions::new().write(true).create(true).truncate(true))?;
            let mut out = BufWriter::new(file);
            for member in members {
                let Ok(path) = member.path.strip_prefix(below) else { continue };
                if path.as_os_str().is_empty() {
                    continue;
                }
                let kind = member.data.as_ref().map_or(MemberKind::Directory, |data| MemberKind::File {
                    archive: data.archive.clone(),
                    offset: data.offset,
                    length: data.length,
                });
                Member { path: path.to_owned(), modified: member.modified, kind }.write(&mut out)?;
            }
            out.flush()
        };
        write().map_err(|error| attempt_files::failure(&format!("writing {}", path.display()), &error))?;
        Ok(Lower::Members(path))
    }
}

/// Where the members of a tablespace are listed.
fn home(oid: u32) -> PathBuf {
    Path::new("pg_tblspc").join(oid.to_string())
}

fn real(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| attempt_files::failure(&format!("looking at {}", path.display()), &error))
}

/// A repository may come back, and a scratch be emptied; what an overlay cannot be, or find damaged, no waiting cures.
fn failure(error: &OverlayError) -> Failure {
    let cause = format!("the overlay of the backup: {error}");
    match error {
        OverlayError::Io { source, .. } => attempt_files::failure("the overlay of the backup", source),
        OverlayError::Damaged { .. } | OverlayError::Restarted { .. } | OverlayError::Foreign { .. } => {
            Failure::incurable(cause, "stop the session, and open the restore point anew")
        }
        OverlayError::BadOrder { .. } | OverlayError::BadLower { .. } => {
            Failure::incurable(cause, "see whether the backup is whole (howdah backup verify)")
        }
        OverlayError::Served { .. }
        | OverlayError::Mounted { .. }
        | OverlayError::Mount { .. }
        | OverlayError::StillMounted { .. }
        | OverlayError::NotServing(_) => Failure::disruption(cause, "see the attempt's log"),
    }
}
