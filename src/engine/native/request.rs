//! What is asked of the native engine.

use super::space::Disks;
use crate::domain::{BackupForm, ExistingData, SystemIdentifier, Target, restored::MarkLocation};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use uuid::Uuid;

/// What is to be copied, as far as the plan needs it.
#[derive(Debug, Clone)]
pub(super) struct CopyRequest {
    /// The directory of the backup.
    pub(super) backup: PathBuf,
    pub(super) form: BackupForm,
    /// The cluster that it is of, where that was found out before.
    pub(super) cluster: Option<SystemIdentifier>,
    pub(super) target: Target,
    pub(super) existing: ExistingData,
    pub(super) session: Uuid,
    pub(super) owner: Option<(u32, u32)>,
    /// Repositories and the state directory, and what each is called.
    pub(super) reserved: Vec<(PathBuf, &'static str)>,
    /// Where the mark goes.
    pub(super) mark: MarkLocation,
    /// The devices that claimed directories are on.
    pub(super) devices: Vec<(PathBuf, u64)>,
    /// The disks that the target may be on.
    pub(super) disks: Arc<dyn Disks>,
}

impl CopyRequest {
    /// The device that a directory must be on; `None` where none is known for it.
    pub(super) fn device_of(&self, directory: &Path) -> Option<u64> {
        self.devices.iter().find(|(claimed, _)| claimed == directory).map(|(_, device)| *device)
    }
}
