//! The image of a disk: the files of its chain are copied and compared, then the increments are put into the full one.
//!
//! | In the directory | What it is |
//! |---|---|
//! | `vda.increment-1.partial` | an increment that is being copied |
//! | `vda.increment-1` | one that was compared with its record |
//! | `vda.qcow2.partial` | the full backup that is being copied, or that increments are being put into |
//! | `vda.qcow2` | the image, whole |
//!
//! Promises: QEMU reads copies alone, whose hashes were the recorded ones and which rest on each other and on nothing else;
//! the mark says before the first increment goes into an image that this has begun, since from then on its hash says
//! nothing. An image gets its name when it is whole and on the disk.

use super::{
    Machine,
    copy::{Copying, Link, unwritten},
    gauge::Gauge,
    place::{self, Mark, increment_of, partial},
    program,
};
use crate::{
    domain::{Failure, instance::printable_name},
    engine::{Halt, Observer},
    libvirt::{clone::image_of, qcow2},
    postgres::configure::DataDirectory,
};
use std::{
    fs::{self, File},
    path::Path,
};

/// A disk and the files that it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) name: String,
    /// The bytes that the guest sees.
    pub(super) capacity: u64,
    /// The full one first.
    pub(super) links: Vec<Link>,
}

/// What stands of a disk in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) is_whole: bool,
    /// Bytes of those that will be counted.
    pub(super) bytes: u64,
}

impl Disk {
    /// The bytes that are written for it: all files once, and each increment once more into the image.
    pub(super) fn bytes(&self) -> u64 {
        self.copied_bytes() + self.increments_bytes()
    }

    fn copied_bytes(&self) -> u64 {
        self.links.iter().map(|link| link.bytes).sum()
    }

    fn increments_bytes(&self) -> u64 {
        self.links.iter().skip(1).map(|link| link.bytes).sum()
    }

    /// The names of the copies while they come, and once they are whole. That of the full one stays as it is until the
    /// image is whole.
    fn names(&self) -> impl Iterator<Item = (&Link, String, String)> {
        self.links.iter().enumerate().map(|(number, link)| {
            let name = if number == 0 { partial(&image_of(&self.name)) } else { increment_of(&self.name, number) };
            (link, if number == 0 { name.clone() } else { partial(&name) }, name)
        })
    }

    /// Looks what an earlier attempt has left.
    pub(super) fn found(&self, directory: &Path, mark: &Mark) -> Found {
        let len = |name: &str| fs::symlink_metadata(directory.join(name)).map_or(0, |about| about.len());
        if directory.join(image_of(&self.name)).is_file() {
            return Found { is_whole: true, bytes: self.bytes() };
        }
        if mark.flattening.contains(&self.name) {
            return Found { is_whole: false, bytes: self.copied_bytes() };
        }
        let bytes = self.names().map(|(link, partial, name)| len(&partial).max(len(&name)).min(link.bytes)).sum();
        Found { is_whole: false, bytes }
    }
}

/// Makes the image of a disk, or what is missing of it.
pub(super) fn make(machine: &Machine<'_>, disk: &Disk, mark: &mut Mark, gauge: &Gauge<'_>) -> Result<(), Halt> {
    let directory = &machine.order.directory;
    let image = directory.join(image_of(&disk.name));
    if disk.found(directory, mark).is_whole {
        gauge.skip(disk.bytes());
    } else {
        if mark.flattening.contains(&disk.name) && !is_sound(machine, disk)? {
            machine.report.note(&format!("the image of {} was torn, and is made anew", disk.name));
            clear(machine, disk, mark)?;
        }
        if mark.flattening.contains(&disk.name) {
            gauge.skip(disk.copied_bytes());
        } else {
            copy(machine, disk, gauge)?;
        }
        flatten(machine, disk, mark, gauge)?;
        judge(disk, &directory.join(partial(&image_of(&disk.name))), None, Some(disk.capacity))?;
        name_image(directory, disk)?;
        machine.report.log(&format!("{} is whole", printable_name(image.as_os_str())));
    }
    let open = DataDirectory::open(directory).map_err(|error| unwritten(directory, &error))?;
    for (_, _, name) in disk.names().skip(1) {
        open.remove(&name).map_err(|error| unwritten(directory, &error))?;
    }
    gauge.file();
    Ok(())
}

/// Copies the files of a disk, and compares each with its record.
fn copy(machine: &Machine<'_>, disk: &Disk, gauge: &Gauge<'_>) -> Result<(), Halt> {
    let directory = &machine.order.directory;
    let copying = Copying { gauge, stop: machine.stop, rate: machine.order.max_rate };
    for (link, partial, name) in disk.names() {
        machine.go_on()?;
        let (from, to) = (directory.join(&partial), directory.join(&name));
        if partial != name && to.is_file() {
            gauge.skip(link.bytes);
            continue;
        }
        machine.report.detail(&format!("{} of {}", disk.name, link.label));
        copying.file(link, &from)?;
        judge(disk, &from, link.backing.as_deref(), None)?;
        machine.report.log(&format!("{} of {}: {} bytes, SHA-256 as recorded", disk.name, link.label, link.bytes));
        if partial != name {
            rename(directory, &partial, &name)?;
        }
    }
    Ok(())
}

/// Puts the increments into the image. It can be begun anew: what is there already is put there again.
fn flatten(machine: &Machine<'_>, disk: &Disk, mark: &mut Mark, gauge: &Gauge<'_>) -> Result<(), Halt> {
    let directory = &machine.order.directory;
    let names: Vec<String> = disk.names().map(|(_, _, name)| name).collect();
    let [base, .., top] = names.as_slice() else { return Ok(()) };
    if !mark.flattening.contains(&disk.name) {
        mark.flattening.push(disk.name.clone());
        place::write(directory, mark)?;
    }
    machine.go_on()?;
    for pair in names.windows(2) {
        let [below, above] = pair else { continue };
        program::rebase(machine, directory, above, below)?;
    }
    let before = *gauge.progress();
    machine.report.detail(&format!(
        "putting {} into the image of {}",
        super::copy::increments(disk.links.len()),
        disk.name
    ));
    let bytes = disk.increments_bytes();
    program::commit(machine, directory, (top, base), &mut |share| gauge.set(before, share_of(bytes, share)))?;
    gauge.set(before, bytes);
    Ok(())
}

/// Whether an image that increments were being put into can take them again.
fn is_sound(machine: &Machine<'_>, disk: &Disk) -> Result<bool, Halt> {
    let directory = &machine.order.directory;
    let all_there = disk.names().all(|(_, _, name)| directory.join(name).is_file());
    Ok(all_there && program::check(machine, directory, &partial(&image_of(&disk.name)))?)
}

/// Removes what stands of a disk.
fn clear(machine: &Machine<'_>, disk: &Disk, mark: &mut Mark) -> Result<(), Failure> {
    let directory = &machine.order.directory;
    let failed = |error| unwritten(directory, &error);
    let open = DataDirectory::open(directory).map_err(failed)?;
    for (_, partial, name) in disk.names() {
        open.remove(&partial).map_err(failed)?;
        open.remove(&name).map_err(failed)?;
    }
    mark.flattening.retain(|name| *name != disk.name);
    place::write(directory, mark)
}

/// Refuses a file that rests on something else than it is to, or is of another size.
pub(super) fn judge(disk: &Disk, file: &Path, backing: Option<&str>, capacity: Option<u64>) -> Result<(), Failure> {
    let shown = printable_name(file.as_os_str());
    let header = qcow2::read(file)
        .map_err(|error| crate::postgres::server::classify::of_io(&format!("reading {shown}"), &error))?;
    let found = header.as_ref().map(|header| header.capacity);
    let fault = qcow2::fault(header.as_ref(), backing).or_else(|| match capacity {
        Some(wanted) if found != Some(wanted) => Some(format!("has {} bytes instead of {wanted}", found.unwrap_or(0))),
        Some(_) | None => None,
    });
    let Some(fault) = fault else { return Ok(()) };
    Err(Failure::incurable(
        format!("{shown}, a file of the disk {}, {fault}", disk.name),
        "nothing was defined; choose another restore point, and see who writes to the repository",
    ))
}

fn name_image(directory: &Path, disk: &Disk) -> Result<(), Failure> {
    let image = image_of(&disk.name);
    let from = partial(&image);
    let path = directory.join(&from);
    File::open(&path).and_then(|file| file.sync_all()).map_err(|error| unwritten(&path, &error))?;
    rename(directory, &from, &image)
}

fn rename(directory: &Path, from: &str, to: &str) -> Result<(), Failure> {
    let renamed = DataDirectory::open(directory).and_then(|open| open.rename(from, to));
    renamed.map_err(|error| unwritten(&directory.join(to), &error))
}

/// A share in hundredths of a percent of some bytes.
fn share_of(bytes: u64, share: u16) -> u64 {
    u64::try_from(u128::from(bytes) * u128::from(share.min(10_000)) / 10_000).unwrap_or(bytes)
}
