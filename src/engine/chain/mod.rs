//! The engine for incremental backups: puts one and all that it rests on together by `pg_combinebackup` of its version,
//! and lets the native engine restore the result.
//!
//! Before they are put together, all of them are compared with their manifests, since the program believes what it
//! reads; those in archives are unpacked. All of this is done in a directory beside the target (see [`staging`]), so that
//! nothing at the target can start before it is whole (S3), and stays there until the session has no marks left: a later
//! attempt finds it complete, or begins it anew.
//!
//! Promises: what was put together is verified against the manifest that the program wrote for it, as any backup is.
//! Never: uses the program of another version.

mod combine;
mod members;
mod staged;

use super::{
    Engine, Halt, Observer, Planned,
    claim::{
        is_mount_point,
        target::{
            space::{self, Disks as _, Machine, Required},
            staging,
        },
    },
    native::NativeEngine,
    watched::watched,
};
use crate::{
    domain::{
        BackupForm, ByteCount, ChainMember, ClusterRestore, Failure, MajorVersion, WorkerSettings, quantity::many,
    },
    postgres::binaries::Binaries,
};
use members::Chain;
use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The engine, set up for one request of one session.
#[derive(Debug)]
pub struct ChainEngine {
    request: ClusterRestore,
    session: Uuid,
    owner: Option<(u32, u32)>,
    settings: WorkerSettings,
    devices: Vec<(PathBuf, u64)>,
    /// The full backup first, the one that is restored last.
    members: Vec<ChainMember>,
}

/// The program that puts backups together.
const PROGRAM: &str = "pg_combinebackup";

impl ChainEngine {
    /// Sets the engine up for the incremental backup that is asked for. `owner` is the user and group that own the
    /// restored files; `None` keeps our own.
    pub fn new(request: &ClusterRestore, session: Uuid, owner: Option<(u32, u32)>, settings: &WorkerSettings) -> Self {
        let members = members::of(&request.point);
        let (request, settings) = (request.clone(), settings.clone());
        Self { request, session, owner, settings, devices: Vec::new(), members }
    }

    /// The same, for a target whose directories must be on these devices: those that were claimed.
    #[must_use]
    pub fn on_devices(mut self, devices: &[(PathBuf, u64)]) -> Self {
        self.devices = devices.to_vec();
        self
    }

    fn target(&self) -> &Path {
        self.request.target.directory()
    }

    fn staging(&self) -> PathBuf {
        staging::path(self.target(), self.session)
    }

    /// The engine that restores what was put together.
    fn native(&self) -> NativeEngine {
        self.native_of(&staged::combined(&self.staging()), BackupForm::Plain)
    }

    fn native_of(&self, directory: &Path, form: BackupForm) -> NativeEngine {
        NativeEngine::new((directory, form), &self.request, self.session, self.owner, &self.settings)
            .on_devices(&self.devices)
    }

    /// Looks at all backups, and reads no more of them than their manifests.
    fn look(&self) -> Result<Chain, Failure> {
        let (members, version) = (self.members.clone(), self.request.point.facts.version);
        let what = self.request.point.source.to_string();
        watched(&what, self.settings.stall_timeout, move |heartbeat| Chain::look(&members, version, heartbeat))
    }

    fn program(&self, version: MajorVersion) -> Result<PathBuf, Failure> {
        let found = Binaries::find(version, &self.settings, env::var_os("PATH").as_deref(), None);
        let program = found.ok().map(|binaries| binaries.directory().join(PROGRAM)).filter(|path| path.is_file());
        program.ok_or_else(|| {
            let below = &self.members[..self.members.len() - 1];
            let below: Vec<&str> = below.iter().map(|member| member.label.as_str()).collect();
            Failure::incurable(
                format!(
                    "this is an incremental backup: {PROGRAM} of PostgreSQL {version} puts it together with {}, and it \
                     is not on this machine",
                    below.join(", ")
                ),
                "install the programs of that version, or name their directory with the setting binaries",
            )
        })
    }

    /// What stands beside the target, the target itself and the homes of tablespaces take together.
    fn find_room(&self, chain: &Chain, tablespaces: &BTreeMap<u32, PathBuf>) -> Result<(), Failure> {
        let mut needs: BTreeMap<PathBuf, Required> = BTreeMap::new();
        for (oid, size) in chain.sizes() {
            let place = oid.and_then(|oid| tablespaces.get(&oid)).map_or(self.target(), PathBuf::as_path);
            needs.entry(place.to_owned()).or_default().file(size);
            needs.entry(self.staging()).or_default().file(size);
        }
        for size in chain.unpacked_sizes() {
            needs.entry(self.staging()).or_default().file(size);
        }
        space::check(&needs, &Machine)
    }

    fn put_together(&self, chain: &Chain, observer: &dyn Observer) -> Result<(), Halt> {
        let program = self.program(chain.version)?;
        let device = self.devices.iter().find(|(claimed, _)| claimed == self.target()).map(|(_, device)| *device);
        let staging = staging::make(self.target(), self.session, device)?;
        let lock = staged::take(&staging)?;
        staged::clear(&staging)?;
        let backups = many(self.members.len() as u64, "backup");
        observer.note(format!("{backups} are verified and put together in {}", staging.display()));
        let directories = self.bring(&staging, observer)?;
        combine::run(
            &combine::Order { program: &program, directories: &directories, staging: &staging, chain },
            lock,
            self.settings.stall_timeout,
            observer,
        )?;
        Ok(staged::complete(&staging, &chain.identity)?)
    }
}

impl Engine for ChainEngine {
    fn plan(&mut self) -> Result<Planned, Failure> {
        let target = self.target();
        if is_mount_point(target) {
            let cause = format!("{} is a mount point: backups cannot be put together beside it", target.display());
            return Err(Failure::incurable(cause, "restore into an empty directory below it"));
        }
        let chain = self.look()?;
        if staged::is_complete(&self.staging(), &chain.identity)? {
            return self.native().plan();
        }
        self.program(chain.version)?;
        let newest = &self.members[self.members.len() - 1];
        // What stands at the target is judged as for the backup itself, whose places are those of the result.
        let mut planned = self.native_of(&newest.directory, newest.form).plan()?;
        let tablespaces = planned.files.tablespaces.iter().map(|plan| (plan.oid, plan.directory.clone())).collect();
        self.find_room(&chain, &tablespaces)?;
        let sizes: Vec<u64> = chain.sizes().map(|(_, size)| size).collect();
        (planned.files.bytes, planned.files.files) = (ByteCount(sizes.iter().sum()), sizes.len() as u64);
        planned.files.version = Some(chain.version);
        planned.files.free_bytes = Machine.of(self.target())?.room.bytes;
        Ok(planned)
    }

    fn copy(&mut self, observer: &dyn Observer) -> Result<(), Halt> {
        let chain = self.look()?;
        if !staged::is_complete(&self.staging(), &chain.identity)? {
            self.put_together(&chain, observer)?;
        }
        self.native().copy(observer)
    }

    fn before_server_start(&mut self) -> Result<(), Failure> {
        self.native().before_server_start()
    }

    fn complete(&mut self) -> Result<(), Failure> {
        self.native().complete()
    }
}
