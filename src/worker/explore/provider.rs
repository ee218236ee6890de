//! The files of a restore point where a server can write to them, without a copy: in the shape of an engine, so that
//! planning, configuring and starting are the restore's own.

use super::{clone, method, overlay, plan, scratch::Scratch};
use crate::{
    domain::{
        ExploreOrder, Failure, FileMethod, FilePlan, WorkerSettings,
        plan::{TablespacePlan, TargetState},
    },
    engine::{
        Engine, Halt, Observer, Planned,
        native::{self, Inspected},
    },
    overlay::Serving,
};
use std::{cell::RefCell, path::Path};
use uuid::Uuid;

/// Provides the files of one order.
pub(super) struct Provider<'a> {
    pub(super) order: &'a ExploreOrder,
    pub(super) method: FileMethod,
    pub(super) scratch: &'a Scratch,
    /// Whom the files are given to, where that is not whoever makes them.
    pub(super) owner: Option<(u32, u32)>,
    pub(super) settings: &'a WorkerSettings,
    pub(super) found: Option<Inspected>,
    /// Where the process that serves the files is given to; `None` for who only plans.
    pub(super) serving: Option<(&'a Path, Uuid, &'a RefCell<Option<Serving>>)>,
}

impl Provider<'_> {
    /// The bytes of a WAL segment, where they can be seen.
    pub(super) fn segment(&mut self) -> Result<Option<u64>, Failure> {
        Ok(self.look()?.segment)
    }

    fn look(&mut self) -> Result<&Inspected, Failure> {
        if self.found.is_none() {
            let (directory, form) = method::base_backup(&self.order.point)?;
            let cluster = self.order.point.facts.system_identifier;
            self.found = Some(native::inspect(directory, form, cluster, self.settings.stall_timeout)?);
        }
        self.found.as_ref().ok_or_else(|| Failure::bug("a backup that was looked at is not known"))
    }
}

impl Engine for Provider<'_> {
    fn plan(&mut self) -> Result<Planned, Failure> {
        let tablespaces = self.scratch.files().join("tablespaces");
        let free = plan::free_at(&self.scratch.path)?;
        let found = self.look()?;
        let planned = |(oid, original): &(u32, std::path::PathBuf)| TablespacePlan {
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
        let Self { scratch, owner, method, settings, serving, .. } = *self;
        let found = self.look()?;
        match method {
            FileMethod::Reflink => clone::make(found, &scratch.files(), owner, observer),
            FileMethod::Overlay => {
                let Some((attempt_dir, session, serving)) = serving else {
                    return Err(Failure::bug("an overlay that is only planned is not mounted").into());
                };
                let limit = plan::limit(settings, plan::free_at(&scratch.path)?.0);
                let wanted = overlay::Wanted { attempt_dir, session, scratch, owner, limit };
                *serving.borrow_mut() = Some(overlay::mount(&wanted, found)?);
                Ok(())
            }
            FileMethod::Copy => Err(Failure::bug("a copy is made by the engine of the backup").into()),
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
