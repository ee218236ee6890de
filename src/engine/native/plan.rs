//! Making the plan: what the backup holds, what stands at the target, whether the two fit.
//!
//! Promises: only looks; whatever can be refused before the first byte is refused here (S7, S8).

use super::{
    archives,
    errors::{Backup, DAMAGED, at_target},
    layout::{Form, Index, Layout, WRITTEN_LAST, in_tablespace},
    ledger::Stamp,
    mapping,
    mark_place::{self, MarkPlace},
    member::Kind,
    partial, plain,
    request::CopyRequest,
    root::{Access, Root},
    site::{self, Site},
    space::{self, Disks, Required},
    staged::{self, STAGED},
    target_state::Leftover,
};
use crate::{
    domain::{
        BackupForm, ByteCount, Failure, FilePlan,
        plan::{TablespacePlan, TargetState, WalFinding},
    },
    engine::watched::{Heartbeat, watched},
    postgres::{
        control::CONTROL_FILE,
        label::TABLESPACE_MAP,
        manifest::{self, Manifest, ManifestError},
        tarset::TarSet,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A plan that can be carried out.
#[derive(Debug)]
pub(super) struct CopyPlan {
    pub(super) plan: FilePlan,
    /// What a person should know.
    pub(super) warnings: Vec<String>,
    pub(super) manifest: Arc<Manifest>,
    pub(super) manifest_bytes: Vec<u8>,
    pub(super) index: Arc<Index>,
    pub(super) layout: Layout,
    pub(super) access: Access,
    /// Where each tablespace goes.
    pub(super) tablespaces: BTreeMap<u32, PathBuf>,
    /// What an earlier attempt left.
    pub(super) leftover: Option<Leftover>,
    /// Files of it that are still as they were verified.
    pub(super) reused: BTreeMap<PathBuf, Stamp>,
    /// Archives that need not be unpacked again.
    pub(super) archives: BTreeSet<PathBuf>,
    /// Homes of tablespaces that hold other data, and what that is renamed to.
    pub(super) aside: BTreeMap<PathBuf, PathBuf>,
    /// Whether the session's own server was let run on the files already.
    pub(super) server_started: bool,
}

/// Makes the plan; looking at a repository whose server is gone may hang for ever.
pub(super) fn plan_watched(order: &CopyRequest, stall: Duration) -> Result<CopyPlan, Failure> {
    let (backup, target) = (order.backup.display(), order.target.directory().display());
    let (what, order) = (format!("{backup} and {target}"), order.clone());
    watched(&what, stall, move |heartbeat| plan(&order, heartbeat))
}

fn plan(order: &CopyRequest, heartbeat: &Heartbeat) -> Result<CopyPlan, Failure> {
    let backup = Backup::at(&order.backup);
    let (manifest, manifest_bytes, group) = read_manifest(&backup, &order.backup)?;
    let index = Index::of(&manifest);
    let layout = match order.form {
        BackupForm::Plain => plain::inspect(&order.backup, &manifest, &index, heartbeat)?,
        BackupForm::Tar(_) => archives::inspect(&order.backup, &manifest, &index, order.cluster, heartbeat)?,
    };
    let directory = order.target.directory();
    let tablespaces: BTreeMap<u32, PathBuf> =
        layout.tablespaces.keys().map(|oid| (*oid, order.target.tablespace(*oid))).collect();
    mapping::check(order, &layout)?;
    let sources = sources(&order.backup, &layout);
    let (target, reserved) = (&order.target, &order.reserved);
    site::check(&Site { target, tablespaces: &tablespaces, sources: &sources, reserved })?;
    let access = Access { owner: order.owner, group };
    let mut copy_plan = CopyPlan {
        plan: FilePlan {
            bytes: ByteCount(manifest.total_size().0 + layout.wal.values().sum::<u64>()),
            files: (manifest.files.len() + layout.wal.len()) as u64,
            reused: ByteCount(0),
            free_bytes: ByteCount(0),
            free_inodes: None,
            target: TargetState::Missing,
            tablespaces: tablespace_plans(&layout, &tablespaces),
            wal: layout.finding.clone(),
            checksum: manifest.checksum_name(),
            version: layout.version,
            system_identifier: layout.system_identifier,
        },
        warnings: layout.warnings.clone(),
        manifest: Arc::new(manifest),
        manifest_bytes,
        index: Arc::new(index),
        layout,
        access,
        tablespaces,
        leftover: None,
        reused: BTreeMap::new(),
        archives: BTreeSet::new(),
        aside: BTreeMap::new(),
        server_started: false,
    };
    copy_plan.stand(order, heartbeat)?;
    if copy_plan.server_started {
        copy_plan.plan.reused = copy_plan.plan.bytes;
    } else {
        copy_plan.reuse(directory)?;
        copy_plan.warn(directory);
    }
    copy_plan.find_room(directory, &*order.disks)?;
    Ok(copy_plan)
}

impl CopyPlan {
    /// Finds out which files of a leftover are still as they were verified.
    fn reuse(&mut self, directory: &Path) -> Result<(), Failure> {
        let Some(left) = &self.leftover else { return Ok(()) };
        let data = Root::open(directory, self.access).map_err(|error| at_target("open", directory, &error))?;
        let mut roots = BTreeMap::new();
        for (oid, place) in &self.tablespaces {
            if let Ok(root) = Root::open(place, self.access) {
                roots.insert(*oid, root);
            }
        }
        let mut lost_wal = false;
        let mark = MarkPlace::new(left.location, &data).map_err(|error| at_target("open", directory, &error))?;
        let staged = staged::path(&mark);
        for (path, stamp) in &left.account.verified {
            let (root, below) = match in_tablespace(path).filter(|(oid, _)| self.tablespaces.contains_key(oid)) {
                Some((oid, below)) => (roots.get(&oid), below),
                None if path == Path::new(STAGED) => (Some(mark.root()), staged.as_path()),
                None => (Some(&data), path.as_path()),
            };
            let stands = root.and_then(|root| root.stat(below).ok().flatten());
            // The server would write on through a second name of the file; a copy of its own is needed.
            if stands.is_some_and(|stat| stat.st_nlink == 1 && Stamp::of(&stat) == *stamp) {
                self.reused.insert(path.clone(), *stamp);
            } else {
                lost_wal |= path.starts_with("pg_wal");
            }
        }
        let whole =
            self.index.paths().all(|(path, _)| self.reused.contains_key(path) || path == Path::new(TABLESPACE_MAP));
        if !whole {
            // It goes first and comes back last: a directory that lacks a file must not start (S3).
            self.reused.remove(Path::new(CONTROL_FILE));
        }
        let counted = self.reused.iter().filter(|(path, _)| *path != Path::new(STAGED));
        let whole_files: u64 = counted.map(|(_, stamp)| stamp.size).sum();
        let half_files = if left.account.this_boot { self.half_copied(&data, &roots) } else { 0 };
        self.plan.reused = ByteCount(whole_files + half_files);
        if let Form::Tar(set) = &self.layout.form {
            let names = left.account.archives.clone();
            self.archives = names.into_iter().filter(|name| self.is_whole(set, name, lost_wal)).collect();
        }
        Ok(())
    }

    /// The bytes of files that an earlier attempt has left half copied, and that are gone on with.
    fn half_copied(&self, data: &Root, homes: &BTreeMap<u32, Root>) -> u64 {
        if !matches!(self.layout.form, Form::Plain(_)) {
            return 0;
        }
        let missing = self.manifest.files.iter().filter(|file| !self.reused.contains_key(&file.path));
        let half = missing.filter(|file| !WRITTEN_LAST.iter().any(|last| file.path == Path::new(last)));
        let kept = half.filter_map(|file| {
            let (root, below) = match in_tablespace(&file.path) {
                Some((oid, below)) => (homes.get(&oid)?, below),
                None => (data, file.path.as_path()),
            };
            let stat = root.stat(below).ok().flatten()?;
            Some(partial::kept(&stat, file.size, file.checksum.algorithm()))
        });
        kept.sum()
    }

    /// Whether all files of an archive are there and verified: those that the manifest lists, and WAL.
    fn is_whole(&self, set: &TarSet, name: &Path, lost_wal: bool) -> bool {
        let Some(kind) = kinds(set).find(|(path, _)| path.file_name() == Some(name.as_os_str())).map(|(_, kind)| kind)
        else {
            return false;
        };
        if lost_wal && (kind == Kind::Wal || (kind == Kind::Base && set.wal.is_none())) {
            return false;
        }
        self.index.paths().filter(|(path, _)| kind_of(path, set) == kind).all(|(path, _)| {
            self.reused.contains_key(path)
                || (WRITTEN_LAST.iter().any(|last| path == Path::new(last))
                    && self.reused.contains_key(Path::new(STAGED)))
        })
    }

    fn warn(&mut self, directory: &Path) {
        if self.plan.target == TargetState::Missing {
            self.warnings.extend(missing_above(directory));
        }
        if let WalFinding::Missing { what } = &self.plan.wal {
            let text = format!("{what}: the cluster cannot become consistent without it");
            self.warnings.push(text);
        }
        if self.plan.checksum.contains("NONE") {
            let text = "the manifest has no checksums: sizes are verified, contents are not";
            self.warnings.push(text.to_owned());
        }
    }

    /// Counts what is needed against what is free, place by place.
    fn find_room(&mut self, directory: &Path, disks: &dyn Disks) -> Result<(), Failure> {
        let mut needs: BTreeMap<PathBuf, Required> = BTreeMap::new();
        let wal = self.layout.wal.iter().map(|(path, size)| (path.as_path(), *size));
        let listed = self.manifest.files.iter().map(|file| (file.path.as_path(), file.size));
        for (path, size) in listed.chain(wal) {
            let place =
                in_tablespace(path).and_then(|(oid, below)| Some((self.tablespaces.get(&oid)?.as_path(), below)));
            let (place, below) = place.unwrap_or((directory, path));
            let need = needs.entry(place.to_owned()).or_default();
            need.file(size);
            if self.leftover.is_some()
                && let Ok(stands) = fs::symlink_metadata(place.join(below))
            {
                use std::os::unix::fs::MetadataExt;
                need.standing(stands.blocks());
            }
        }
        let room = disks.of(directory)?.room;
        (self.plan.free_bytes, self.plan.free_inodes) = (room.bytes, room.inodes);
        if self.server_started { Ok(()) } else { space::check(&needs, disks) }
    }
}

pub(in crate::engine) fn read_manifest(
    backup: &Backup,
    directory: &Path,
) -> Result<(Manifest, Vec<u8>, bool), Failure> {
    let path = directory.join(manifest::FILE_NAME);
    let refuse = |error: ManifestError| {
        if let ManifestError::Unreadable { path, source } = &error {
            return backup.failure("read", path, source);
        }
        Failure::incurable(format!("{}: {error}", path.display()), DAMAGED)
    };
    let bytes = Manifest::read_bytes(&path).map_err(refuse)?;
    let manifest = Manifest::parse(&bytes).map_err(refuse)?;
    if let Some(file) = manifest.files.iter().find(|file| file.path.starts_with(mark_place::DIRECTORY)) {
        let cause = format!("the backup holds {}: it was made of a restore that was not finished", file.path.display());
        return Err(Failure::incurable(cause, "restore another backup"));
    }
    // The server's own modes are those of the files that pg_basebackup makes: 0600, or 0640 with group access. Other
    // modes come from whoever copied the backup, and grant nothing.
    let mode = fs::metadata(&path).map_err(|error| backup.failure("look at", &path, &error))?.permissions().mode();
    Ok((manifest, bytes, mode & 0o077 == 0o040))
}

/// The directories that a backup is in: its own, and those that its tablespaces were written to.
fn sources(backup: &Path, layout: &Layout) -> Vec<PathBuf> {
    let linked = layout.tablespaces.values().filter(|_| matches!(layout.form, Form::Plain(_)));
    let linked = linked.map(|original| backup.join("pg_tblspc").join(original));
    std::iter::once(backup.to_owned()).chain(linked).collect()
}

fn tablespace_plans(layout: &Layout, places: &BTreeMap<u32, PathBuf>) -> Vec<TablespacePlan> {
    let plan = |(oid, original): (&u32, &PathBuf)| {
        let directory = places.get(oid)?.clone();
        Some(TablespacePlan { oid: *oid, original: original.clone(), directory })
    };
    layout.tablespaces.iter().filter_map(plan).collect()
}

/// What a person should know of a target whose parents are missing as well: its path may be mistyped, or what should be
/// mounted there is not.
fn missing_above(directory: &Path) -> Option<String> {
    let above = directory.ancestors().skip(1);
    let missing: Vec<&Path> = above.take_while(|path| fs::symlink_metadata(path).is_err()).collect();
    let first = missing.last()?.display();
    Some(match missing.len() {
        1 => format!("{first} does not exist either: it will be made, too"),
        more => format!("{first} and what lies between do not exist either: {more} directories will be made, too"),
    })
}

/// The archives of a set and what each holds.
pub(super) fn kinds(set: &TarSet) -> impl Iterator<Item = (&PathBuf, Kind)> {
    let tablespaces = set.tablespaces.iter().map(|(oid, path)| (path, Kind::Tablespace(*oid)));
    std::iter::once((&set.base, Kind::Base)).chain(tablespaces).chain(set.wal.iter().map(|path| (path, Kind::Wal)))
}

/// The archive that a path of the manifest is in.
fn kind_of(path: &Path, set: &TarSet) -> Kind {
    match in_tablespace(path) {
        Some((oid, _)) if set.tablespaces.contains_key(&oid) => Kind::Tablespace(oid),
        Some(_) | None => Kind::Base,
    }
}
