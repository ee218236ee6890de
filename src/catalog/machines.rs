//! The restore points of a virtual machine as rows.

use super::{
    model::{Access, CatalogEntry},
    wording::{problem, refused},
};
use crate::{
    domain::{InstanceName, MachineRestorePoint, instance::printable},
    libvirt::listing::{ListedPoint, PointFacts, list},
};
use std::path::Path;

/// What stands in the directory of a machine's restore points.
pub(super) fn rows(machine: &InstanceName, folder: &Path, access: &Access) -> Vec<CatalogEntry> {
    match list(folder) {
        Ok(points) => points.into_iter().map(|point| row(machine, point, access)).collect(),
        Err(error) => vec![CatalogEntry::Unreadable {
            instance: machine.clone(),
            label: machine.as_str().to_owned(),
            path: folder.to_owned(),
            problem: refused("the directory", &error),
        }],
    }
}

fn row(machine: &InstanceName, point: ListedPoint, access: &Access) -> CatalogEntry {
    const ANOTHER: &str = "put back what is gone, or use another restore point";
    let ListedPoint { label, path, facts } = point;
    let label = printable(&label);
    let unreadable = |path, cause: &str| CatalogEntry::Unreadable {
        instance: machine.clone(),
        label: label.clone(),
        path,
        problem: problem(cause, ANOTHER),
    };
    let (Some(folder), true) = (path.parent(), path.to_str().is_some()) else {
        return unreadable(path, "the name of the directory is not UTF-8");
    };
    match facts {
        Err(cause) | Ok(PointFacts { problem: Some(cause), .. }) => unreadable(path, &cause),
        Ok(PointFacts { machine: domain, taken_at, size, increments, problem: None, .. }) => {
            CatalogEntry::Machine(MachineRestorePoint {
                machine: machine.clone(),
                label,
                size,
                taken_at,
                domain,
                increments,
                uri: access.connections.get(folder).cloned(),
                directory: path,
            })
        }
    }
}
