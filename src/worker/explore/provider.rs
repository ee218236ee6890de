//! The files of a restore point where a server can write to them, without a copy: in the shape of an engine, so that
//! planning, configuring and starting are the restore's own.

use super::{
    clone,
    method::{self, Way},
    overlay, plan,
    scratch::Scratch,
    unpacked::Unpacked,
    unpacking::{Entered, InUse, Unpacking},
};
use crate::{
    domain::{
        ByteCount, ClusterRestore, ExploreOrder, Failure, FilePlan, Target, WorkerSettings,
        plan::{TablespacePlan, TargetState},
        quantity::{many, seconds},
    },
    engine::{
        Engine, Halt, Observer, Planned,
        native::{Inspected, NativeEngine, Source},
    },
    overlay::Serving,
    worker::event_writer::EventWriter,
};
use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    time::Instant,
};
use uuid::Uuid;

/// Provides the files of one order.
pub(super) struct Provider<'a> {
    pub(super) order: &'a ExploreOrder,
    pub(super) way: Way,
    pub(super) scratch: &'a Scratch,
    /// Whom the files are given to, where that is not whoever makes them.
    pub(super) owner: Option<(u32, u32)>,
    pub(super) settings: &'a WorkerSettings,
    pub(super) request: &'a ClusterRestore,
    pub(super) found: Inspected,
    /// `None` for who only plans.
    pub(super) attempt: Option<Providing<'a>>,
}

/// What an attempt has for it, and takes from it.
#[derive(Clone, Copy)]
pub(super) struct Providing<'a> {
    pub(super) attempt_dir: &'a Path,
    pub(super) session: Uuid,
    pub(super) report: &'a EventWriter,
    /// Takes the process that serves the files.
    pub(super) serving: &'a RefCell<Option<Serving>>,
    /// Takes the hold on what was unpacked.
    pub(super) in_use: &'a RefCell<Option<InUse>>,
}

impl Provider<'_> {
    /// Mounts the overlay.
    fn mount(&self, providing: &Providing<'_>, observer: &dyn Observer) -> Result<(), Failure> {
        let Self { scratch, owner, way, settings, found, .. } = self;
        let limit = plan::limit_of_writes(settings, way, found.bytes, plan::free_at(&scratch.path)?.0);
        let Providing { attempt_dir, session, .. } = *providing;
        let began = Instant::now();
        if let Source::Members(members) = &found.source {
            let (all, archives) = (many(members.all.len() as u64, "member"), many(members.archives, "archive"));
            observer.log(&format!("the headers of {all} in {archives} were read in {}", seconds(members.took)));
        }
        let wanted = overlay::Wanted { attempt_dir, session, scratch, owner: *owner, limit };
        *providing.serving.borrow_mut() = Some(overlay::mount(&wanted, found, way)?);
        observer.log(&format!("the overlay was mounted after {}", seconds(began.elapsed())));
        Ok(())
    }

    /// Sees to it that the files are unpacked, by us or by another session, and stay while this attempt lasts.
    fn unpack(&self, unpacked: &Unpacked, providing: &Providing<'_>, observer: &dyn Observer) -> Result<(), Halt> {
        let backup = &self.found.directory;
        let began = Instant::now();
        let stopped = || observer.stop_requested();
        let in_use = match unpacked.enter(backup, &stopped, &|sentence| providing.report.detail(sentence))? {
            Entered::Complete(in_use) => {
                observer.log(&format!("found unpacked already, after {}", seconds(began.elapsed())));
                in_use
            }
            Entered::Unpack(unpacking) => {
                providing.report.detail(&format!("unpacking {}", self.found.bytes));
                self.bring(&unpacking, unpacked.unpacker(), observer)?;
                observer.log(&format!("{} were unpacked in {}", self.found.bytes, seconds(began.elapsed())));
                unpacking.complete(backup)?
            }
        };
        *providing.in_use.borrow_mut() = Some(in_use);
        Ok(())
    }

    /// Unpacks as a restore does: verified, durable, and gone on with where an earlier attempt stopped.
    fn bring(&self, unpacking: &Unpacking, unpacker: Uuid, observer: &dyn Observer) -> Result<(), Halt> {
        let (directory, form) = method::base_backup(&self.order.point)?;
        let target = Target::new(unpacking.files().join("data"), self.request.target.port());
        let target = target.map_err(|error| Failure::bug(error.to_string()))?;
        let request = ClusterRestore { target, ..self.request.clone() };
        let mut engine = NativeEngine::new((directory, form), &request, unpacker, None, self.settings);
        let planned = engine.plan()?;
        let left = ByteCount(planned.files.bytes.0.saturating_sub(planned.files.reused.0));
        let limit = plan::limit(self.settings, plan::free_at(&self.scratch.path)?.0);
        plan::check_room(left, limit)?;
        engine.copy(observer)?;
        Ok(engine.complete()?)
    }
}

/// Where the tablespaces of an unpacked backup lie.
pub(super) fn unpacked_tablespace(unpacked: &Unpacked, oid: u32) -> PathBuf {
    let mut home = unpacked.data().into_os_string();
    home.push(".tablespaces");
    PathBuf::from(home).join(oid.to_string())
}

impl Engine for Provider<'_> {
    fn plan(&mut self) -> Result<Planned, Failure> {
        let tablespaces = self.scratch.files().join("tablespaces");
        let free = plan::free_at(&self.scratch.path)?;
        let found = &self.found;
        let planned = |(oid, original): &(u32, PathBuf)| TablespacePlan {
            oid: *oid,
            original: original.clone(),
            directory: tablespaces.join(oid.to_string()),
        };
        let files = FilePlan {
            bytes: found.bytes,
            files: found.files,
            reused: found.bytes,
            free_bytes: free.0,
            free_inodes: free.1,
            target: TargetState::Missing,
            tablespaces: found.tablespaces.iter().map(planned).collect(),
            wal: found.wal.clone(),
            checksum: found.checksum.clone(),
            version: found.version,
            system_identifier: found.system_identifier,
        };
        Ok(Planned { files, warnings: found.warnings.clone() })
    }

    fn copy(&mut self, observer: &dyn Observer) -> Result<(), Halt> {
        let Some(providing) = self.attempt.as_ref() else {
            return Err(Failure::bug("files that are only planned are not provided").into());
        };
        match &self.way {
            Way::Clones => clone::make(&self.found, &self.scratch.files(), self.owner, observer),
            Way::Plain | Way::Members => Ok(self.mount(providing, observer)?),
            Way::Unpacked(unpacked) => {
                self.unpack(unpacked, providing, observer)?;
                Ok(self.mount(providing, observer)?)
            }
            Way::Copy => Err(Failure::bug("a copy is made by the engine of the backup").into()),
        }
    }

    /// What stands in the scratch is all this session's own.
    fn before_server_start(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// `global/pg_control` is there from the beginning: until the server is started, nobody knows of the scratch.
    fn complete(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}
