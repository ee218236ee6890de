//! What a restore of a machine will do, and every reason not to.
//!
//! Promises: writes nothing, here or at libvirt; the chain is read from its records, and what rests on anything outside
//! its folder is refused; what is planned is what is done (S7).

use super::{
    copy::{Link, increments},
    image::{self, Disk},
    place::{self, Occupant},
};
use crate::{
    domain::{ByteCount, DataPlan, Failure, MachineRestore, WorkerSettings, instance::printable_name, quantity::many},
    engine::{
        point_use::{self, PointLock},
        watched::watched,
    },
    libvirt::{
        clone::{self, Clone, CloneRequest},
        domain::refuse_name,
        image::sha256_of,
        machine::Machine,
        point::{self, FoundPoint},
        virsh::Virsh,
    },
    postgres::{configure::DataDirectory, server::classify},
    worker::backup::repository_failure,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

/// A description is some kilobytes; what is longer is none.
const MAX_XML_LEN: u64 = 1 << 20;

/// Files of the directory that are no images: the mark, a log, variables.
const SMALL_FILES: u64 = 4;

/// An image's tables grow when increments are put into it.
const OVERHEAD: u64 = 4 << 20;

/// All that is known before the first byte is written.
pub(super) struct Checked {
    pub(super) plan: DataPlan,
    pub(super) disks: Vec<Disk>,
    pub(super) clone: Clone,
    pub(super) virsh: Virsh,
    pub(super) occupant: Occupant,
    /// The session's own machine, where an earlier attempt has defined it.
    pub(super) defined: Option<Machine>,
    /// Keeps the points of the chain from being removed meanwhile.
    pub(super) reading: Vec<PointLock>,
}

/// Looks and decides.
pub(super) fn check(order: &MachineRestore, settings: &WorkerSettings, session: Uuid) -> Result<Checked, Failure> {
    refuse_name(order.name.as_str())?;
    refuse_place(order, settings)?;
    let virsh = Virsh::new(&order.uri)?;
    let (chain, reading, xml) = chain(order, settings.stall_timeout)?;
    let disks = disks(&chain)?;
    let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
    let (name, directory) = (order.name.as_str(), order.directory.as_path());
    let request = CloneRequest { name, session, directory, disks: &names, network: order.network };
    let clone = clone::of(&xml, &request).map_err(|why| {
        let cause = format!("{} of {} cannot be used: {why}", point::XML, order.label);
        Failure::incurable(cause, "choose another restore point")
    })?;
    let occupant = place::look(directory, session)?;
    let defined = own_machine(&virsh, order, session)?;
    let room = room(order)?;
    let plan = plan(order, &disks, &clone, &occupant, room);
    refuse_full(&plan)?;
    Ok(Checked { plan, disks, clone, virsh, occupant, defined, reading })
}

/// The machine of the new name, where this session has made it; one of somebody else is refused.
pub(super) fn own_machine(virsh: &Virsh, order: &MachineRestore, session: Uuid) -> Result<Option<Machine>, Failure> {
    let name = order.name.as_str();
    match virsh.find(name)? {
        None => Ok(None),
        Some(found) if clone::made_by(&found.xml) == Some(session) => Ok(Some(found)),
        Some(found) => Err(Failure::incurable(
            format!("libvirt has a virtual machine {name} already ({}), which this session has not made", found.uuid),
            "choose another name (virsh list --all names those that are taken): it is left as it is",
        )),
    }
}

/// Refuses a target that libvirt cannot be told of, and places in which nothing is restored.
fn refuse_place(order: &MachineRestore, settings: &WorkerSettings) -> Result<(), Failure> {
    let directory = &order.directory;
    let shown = printable_name(directory.as_os_str());
    let refuse = |cause: String| Err(Failure::incurable(cause, "name another directory"));
    if !directory.is_absolute() || directory.components().any(|part| part.as_os_str() == "..") {
        return refuse(format!("{shown} is no path from the root on"));
    }
    if directory.to_str().is_none_or(|path| path.chars().any(char::is_control)) {
        return refuse(format!("libvirt takes no path that is no text, as {shown}"));
    }
    let real = real(directory);
    let repository = order.backup.parent().map(|folder| (folder.to_owned(), "the restore points"));
    let repositories = settings.repositories.iter().map(|path| (path.clone(), "the repository"));
    let state = settings.state.iter().map(|path| (path.clone(), "the state directory"));
    for (path, what) in repository.into_iter().chain(repositories).chain(state) {
        let other = self::real(&path);
        if real.starts_with(&other) || other.starts_with(&real) {
            return refuse(format!("{shown} and {what} {} lie in each other", printable_name(path.as_os_str())));
        }
    }
    Ok(())
}

/// The path with the links in its existing part followed.
fn real(path: &Path) -> PathBuf {
    let found =
        path.ancestors().find_map(|above| Some((fs::canonicalize(above).ok()?, path.strip_prefix(above).ok()?)));
    found.map_or_else(
        || path.to_owned(),
        |(above, rest)| if rest.as_os_str().is_empty() { above } else { above.join(rest) },
    )
}

/// The chain of the restore point, the full one first, held against removal; and the machine's description.
fn chain(order: &MachineRestore, stall: Duration) -> Result<(Vec<FoundPoint>, Vec<PointLock>, String), Failure> {
    let (backup, label) = (order.backup.clone(), order.label.clone());
    let (chain, xml) = watched(&order.backup.display().to_string(), stall, move |heartbeat| {
        let folder = backup.parent().unwrap_or(&backup);
        let unread = |error: std::io::Error| repository_failure("looking at", folder, &error);
        let mut directories = Vec::new();
        for entry in fs::read_dir(folder).map_err(unread)? {
            heartbeat.beat();
            directories.push(entry.map_err(unread)?.path());
        }
        let points = point::find(directories.iter().map(PathBuf::as_path));
        let Some(newest) = points.iter().find(|point| point.path.file_name() == backup.file_name()) else {
            let cause = format!("{} has no record of a machine's restore point that can be read", backup.display());
            return Err(Failure::incurable(cause, "choose another restore point"));
        };
        let chain = point::chain(&points, newest).map_err(|why| broken(&label, &why))?;
        let xml = description(newest)?;
        let mut chain: Vec<FoundPoint> = chain.into_iter().cloned().collect();
        chain.reverse();
        Ok::<_, Failure>((chain, xml))
    })?;
    let mut reading = Vec::new();
    for point in &chain {
        reading.extend(point_use::read_recorded(&point.path, point::POINT, stall)?);
    }
    Ok((chain, reading, xml))
}

fn description(point: &FoundPoint) -> Result<String, Failure> {
    let read = DataDirectory::open(&point.path).and_then(|open| open.read(point::XML, MAX_XML_LEN));
    let text = read.map_err(|error| repository_failure("reading", &point.path.join(point::XML), &error))?;
    let text = text.and_then(|text| String::from_utf8(text).ok());
    text.filter(|text| sha256_of(text) == point.record.xml_sha256).ok_or_else(|| {
        let cause = format!("{} of {} is gone, or is not the one that was recorded", point::XML, point.label);
        Failure::incurable(cause, "choose another restore point")
    })
}

fn broken(label: &str, why: &str) -> Failure {
    Failure::incurable(
        format!("the chain of {label} is broken: {why}"),
        "choose a restore point that does not rest on it, or bring back what is missing",
    )
}

/// The files of each disk, which rest on each other and on nothing else.
fn disks(chain: &[FoundPoint]) -> Result<Vec<Disk>, Failure> {
    let Some(newest) = chain.last() else { return Err(Failure::bug("a chain without a restore point")) };
    let mut disks = Vec::new();
    for wanted in &newest.record.disks {
        let file = point::file_of(&wanted.name);
        let mut links: Vec<Link> = Vec::new();
        for point in chain {
            let Some(found) = point.record.disks.iter().find(|disk| disk.name == wanted.name) else {
                let why = format!("{} has no disk {}", point.label, wanted.name);
                return Err(broken(&newest.label, &why));
            };
            let before = point.record.rests_on.as_ref().map(|on| format!("../{}/{file}", on.label));
            links.push(Link {
                label: point.label.clone(),
                path: point.path.join(&file),
                bytes: found.bytes,
                sha256: found.sha256.clone(),
                backing: before,
            });
        }
        let disk = Disk { name: wanted.name.clone(), capacity: wanted.capacity, links };
        for (number, link) in disk.links.iter().enumerate() {
            let capacity = (number + 1 == disk.links.len()).then_some(disk.capacity);
            image::judge(&disk, &link.path, link.backing.as_deref(), capacity)?;
        }
        disks.push(disk);
    }
    if disks.is_empty() {
        return Err(Failure::incurable(format!("{} holds no disk", newest.label), "choose another restore point"));
    }
    Ok(disks)
}

/// Free bytes and inodes where the images go.
fn room(order: &MachineRestore) -> Result<(u64, Option<u64>), Failure> {
    let directory = &order.directory;
    let nearest = directory.ancestors().find(|path| path.is_dir()).unwrap_or(directory);
    let failed = |error: rustix::io::Errno| {
        classify::of_io(&format!("looking at {}", printable_name(nearest.as_os_str())), &error.into())
    };
    let room = rustix::fs::statvfs(nearest).map_err(failed)?;
    Ok((room.f_bavail.saturating_mul(room.f_frsize), (room.f_files > 0).then_some(room.f_favail)))
}

fn plan(
    order: &MachineRestore,
    disks: &[Disk],
    clone: &Clone,
    occupant: &Occupant,
    (free_bytes, free_inodes): (u64, Option<u64>),
) -> DataPlan {
    let reused = match occupant {
        Occupant::Missing | Occupant::Empty => 0,
        Occupant::Own(mark) => disks.iter().map(|disk| disk.found(&order.directory, mark).bytes).sum(),
    };
    let mut method = Vec::new();
    for disk in disks {
        let (name, capacity) = (&disk.name, ByteCount(disk.capacity));
        method.push(match disk.links.len() {
            1 => format!("a full backup becomes the image of the disk {name} of {capacity}"),
            more => format!("a full backup and {} become one image of the disk {name} of {capacity}", increments(more)),
        });
    }
    let name = &order.name;
    method.push(format!("defined as {name} at {}, with new MAC addresses and without its UUID", order.uri));
    method.push(if order.start {
        format!("{name} is started, and is listened to")
    } else {
        format!("{name} is not started")
    });
    if let Some(rate) = order.max_rate {
        method.push(format!("at most {rate} are read of the restore points"));
    }
    let mut warnings = Vec::new();
    if order.network {
        let warning = "its network is connected: a guest with fixed addresses has those of its source";
        warnings.push(warning.to_owned());
    }
    DataPlan {
        directory: order.directory.clone(),
        bytes: ByteCount(disks.iter().map(Disk::bytes).sum()),
        files: disks.len() as u64,
        reused: ByteCount(reused),
        free_bytes: ByteCount(free_bytes),
        free_inodes,
        method,
        switched_off: clone.switched_off.clone(),
        warnings,
    }
}

/// Refuses a file system without the room for what is missing.
fn refuse_full(plan: &DataPlan) -> Result<(), Failure> {
    let (bytes, free) =
        (plan.bytes.0.saturating_sub(plan.reused.0).saturating_add(OVERHEAD * plan.files), plan.free_bytes);
    let shown = printable_name(plan.directory.as_os_str());
    let advice = "make room there, or choose another directory";
    if bytes > free.0 {
        let cause = format!("the images take about {} more, and {free} are free at {shown}", ByteCount(bytes));
        return Err(Failure::incurable(cause, advice));
    }
    match plan.free_inodes {
        Some(inodes) if inodes < plan.files + SMALL_FILES => {
            Err(Failure::incurable(format!("only {} are free at {shown}", many(inodes, "inode")), advice))
        }
        Some(_) | None => Ok(()),
    }
}
