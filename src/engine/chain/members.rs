//! The backups of a chain: what their manifests say, and each brought to where `pg_combinebackup` can read it.
//!
//! Promises: every file of every backup is compared with its manifest before it counts. Never: changes a backup.

use super::{ChainEngine, staged};
use crate::{
    domain::{
        BackupForm, BackupSource, ChainMember, ClusterRestore, ExistingData, Failure, MajorVersion, RestorePoint,
        Target, quantity::many,
    },
    engine::{
        Engine as _, Halt, Observer, claim,
        claim::target::removal::remove_tree,
        native::{NativeEngine, read_manifest},
        source::{
            errors::{Backup, DAMAGED, at_target},
            layout::{self, in_tablespace},
        },
        verify::{Verifier, VerifyRequest},
        watched::Heartbeat,
    },
    postgres::{label::TABLESPACE_MAP, manifest::Manifest},
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// What stands before the name of a file of which only changed blocks are there.
const INCREMENTAL: &str = "INCREMENTAL.";

/// A chain as its manifests describe it.
#[derive(Debug)]
pub(super) struct Chain {
    /// What all manifests are known by: another chain has another.
    pub(super) identity: String,
    pub(super) version: MajorVersion,
    /// The checksums that the manifest of the restored backup has.
    pub(super) checksum: String,
    /// The full backup first.
    manifests: Vec<(BackupForm, Manifest)>,
}

/// The backups that a restore point is made of, the full one first.
pub(super) fn of(point: &RestorePoint) -> Vec<ChainMember> {
    let newest = match &point.source {
        BackupSource::BaseBackup { directory, form } | BackupSource::Incremental { directory, form, .. } => {
            Some(ChainMember { label: point.label.clone(), directory: directory.clone(), form: *form })
        }
        BackupSource::PgBackRest { .. } | BackupSource::Barman { .. } => None,
    };
    point.source.rests_on().iter().rev().cloned().chain(newest).collect()
}

impl Chain {
    /// Reads the manifests. `version` is what is known of the restored backup, whose manifest may not tell.
    pub(super) fn look(
        members: &[ChainMember],
        version: Option<MajorVersion>,
        heartbeat: &Heartbeat,
    ) -> Result<Self, Failure> {
        let mut manifests = Vec::new();
        for ChainMember { directory, form, .. } in members {
            let (manifest, _, _) = read_manifest(&Backup::at(directory), directory)?;
            heartbeat.beat();
            manifests.push((*form, manifest));
        }
        let Some(((_, newest), below)) = manifests.split_last().filter(|(_, below)| !below.is_empty()) else {
            return Err(Failure::bug("an incremental backup rests on nothing"));
        };
        let Some(version) = layout::version(newest).or(version) else {
            let cause = "the incremental backup does not say of which PostgreSQL version it is";
            return Err(Failure::incurable(cause, "put it together by hand, with pg_combinebackup of that version"));
        };
        for (member, (_, manifest)) in members.iter().zip(below) {
            let others = layout::version(manifest).filter(|other| *other != version);
            if let Some(other) = others {
                let cause = format!("{} is of PostgreSQL {other}, and what rests on it of {version}", member.label);
                return Err(Failure::incurable(cause, DAMAGED));
            }
            if manifest.system_identifier != newest.system_identifier {
                let cause = format!("{} is of another cluster than what rests on it", member.label);
                return Err(Failure::incurable(cause, DAMAGED));
            }
        }
        let identity: Vec<String> = manifests.iter().map(|(_, manifest)| manifest.identity()).collect();
        Ok(Self { identity: identity.join(" "), version, checksum: newest.checksum_name(), manifests })
    }

    /// The most that each file of the result takes, and the tablespace that it is in: a file of which changed blocks are
    /// there takes no more than those and all that it was before.
    pub(super) fn sizes(&self) -> impl Iterator<Item = (Option<u32>, u64)> {
        let mut sizes: HashMap<PathBuf, u64> = HashMap::new();
        for (_, manifest) in &self.manifests {
            let before = std::mem::take(&mut sizes);
            sizes = manifest.files.iter().map(|file| taken(&file.path, file.size, &before)).collect();
        }
        sizes.into_iter().map(|(path, size)| (in_tablespace(&path).map(|(oid, _)| oid), size))
    }

    /// The files of the backups that must be unpacked.
    pub(super) fn unpacked_sizes(&self) -> impl Iterator<Item = u64> {
        let archived = self.manifests.iter().filter(|(form, _)| *form != BackupForm::Plain);
        archived.flat_map(|(_, manifest)| manifest.files.iter().map(|file| file.size))
    }
}

/// A file of a backup as it is when put together with what was before.
fn taken(path: &Path, size: u64, before: &HashMap<PathBuf, u64>) -> (PathBuf, u64) {
    let name = path.file_name().and_then(|name| name.to_str()?.strip_prefix(INCREMENTAL));
    let Some(name) = name else { return (path.to_owned(), size) };
    let whole = path.with_file_name(name);
    let stood = before.get(&whole).copied().unwrap_or(0);
    (whole, stood.saturating_add(size))
}

impl ChainEngine {
    /// Brings every backup to where it can be read as a directory, verified; the full one first.
    pub(super) fn bring(&self, staging: &Path, observer: &dyn Observer) -> Result<Vec<PathBuf>, Halt> {
        let observer = Quiet(observer);
        let mut directories = Vec::new();
        for (at, member) in self.members.iter().enumerate() {
            match member.form {
                BackupForm::Plain => {
                    self.verify(member, &observer)?;
                    directories.push(member.directory.clone());
                }
                BackupForm::Tar(_) => directories.push(self.unpack(member, &staged::member(staging, at), &observer)?),
            }
        }
        Ok(directories)
    }

    /// Reads a backup to its end where it lies. The program itself only believes it.
    fn verify(&self, member: &ChainMember, observer: &Quiet<'_>) -> Result<(), Halt> {
        observer.log(&format!("{} is compared with its manifest", member.label));
        let request = VerifyRequest {
            max_rate: self.request.max_rate,
            ..VerifyRequest::new(&member.directory, member.form, &self.settings)
        };
        let (mut verifier, _) = Verifier::plan(&request)?;
        let mut first = None;
        verifier.read(observer, &mut |damage| {
            first.get_or_insert_with(|| damage.to_string());
        })?;
        let Some(damage) = first else { return Ok(()) };
        let more = verifier.found().damages_total.saturating_sub(1);
        let more = if more == 0 { String::new() } else { format!(" (and {} more)", many(more, "damage")) };
        let cause = format!("{}, which the incremental backup needs, is damaged: {damage}{more}", member.label);
        Err(Failure::incurable(cause, DAMAGED).into())
    }

    /// Unpacks a backup as a restore of it would, which verifies it.
    fn unpack(&self, member: &ChainMember, to: &Path, observer: &Quiet<'_>) -> Result<PathBuf, Halt> {
        observer.log(&format!("{} is unpacked", member.label));
        let stands = |error: std::io::Error| at_target("remove", to, &error);
        remove_tree(to).map_err(stands)?;
        let target = Target::new(to, self.request.target.port())
            .map_err(|error| Failure::bug(format!("{} cannot be unpacked to: {error}", to.display())))?;
        let request = ClusterRestore { target, existing: ExistingData::Refuse, ..self.request.clone() };
        let source = (member.directory.as_path(), member.form);
        // It is read by this process's own user.
        let mut engine = NativeEngine::new(source, &request, self.session, None, &self.settings);
        engine.copy(observer)?;
        engine.complete()?;
        claim::unmark(&request.target, self.session)?;
        // It says where the tablespaces were, and the links say where they are. Plain backups have none.
        remove_tree(&to.join(TABLESPACE_MAP)).map_err(stands)?;
        Ok(to.to_owned())
    }
}

/// Hands on all but the progress, which is that of the restore itself.
struct Quiet<'a>(&'a dyn Observer);

impl Observer for Quiet<'_> {
    fn progress(&self, _: crate::domain::Progress) {}

    fn note(&self, sentence: String) {
        self.0.log(&sentence);
    }

    fn log(&self, sentence: &str) {
        self.0.log(sentence);
    }

    fn stop_requested(&self) -> bool {
        self.0.stop_requested()
    }
}
