//! What libvirt tells of a machine: who it is, which disks it has, how large they are.

use super::xml;
use crate::domain::Failure;
use roxmltree::{Document, Node};
use std::collections::BTreeMap;

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) disks: Vec<Disk>,
    /// All that libvirt tells of it, without its secrets.
    pub(crate) xml: String,
}

/// A disk of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Its name in the guest, such as `vda`.
    pub(crate) name: String,
    /// Whether it is a disk, a CD, a floppy, and so on.
    device: String,
    format: String,
    is_read_only: bool,
    is_transient: bool,
    has_source: bool,
}

/// The room of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DiskRoom {
    /// The bytes that the guest sees.
    pub(crate) capacity: u64,
    /// The bytes that it takes, those of the files that it rests on included.
    pub(crate) taken: u64,
}

impl Disk {
    /// Whether it is part of a backup: what the guest cannot write to, or loses when it ends, is none.
    pub(crate) fn is_backed_up(&self) -> bool {
        matches!(self.device.as_str(), "disk" | "lun") && !self.is_read_only && !self.is_transient && self.has_source
    }
}

impl Machine {
    /// One of which no more is asked than who it is.
    pub(crate) const fn known(name: String, uuid: String) -> Self {
        Self { name, uuid, disks: Vec::new(), xml: String::new() }
    }

    /// The disks of a backup; a machine that has none, or one that cannot hold a bitmap, is refused.
    pub(crate) fn backed_up(&self) -> Result<Vec<&Disk>, Failure> {
        let disks: Vec<&Disk> = self.disks.iter().filter(|disk| disk.is_backed_up()).collect();
        if disks.is_empty() {
            let cause = format!("{} has no disk that a backup could hold", self.name);
            return Err(Failure::incurable(cause, "take it out of the job"));
        }
        match disks.iter().find(|disk| disk.format != "qcow2") {
            None => Ok(disks),
            Some(disk) => Err(Failure::incurable(
                format!("the disk {} of {} is {}, which holds no bitmaps", disk.name, self.name, disk.format),
                "convert it to qcow2 (qemu-img convert, while the machine is off), or take the machine out of the job",
            )),
        }
    }
}

/// Reads `dumpxml`; `None` where it is not whole, or a disk has a name that could not be that of a file.
pub(crate) fn read(text: String) -> Option<Machine> {
    let document = Document::parse(&text).ok()?;
    let disks = xml::at(&document, &["domain", "devices", "disk"]).into_iter().map(disk).collect::<Option<_>>()?;
    let text_of = |name: &str| Some(xml::at(&document, &["domain", name]).first()?.text()?.trim().to_owned());
    let (name, uuid) = (text_of("name")?, text_of("uuid")?);
    Some(Machine { name, uuid, disks, xml: text })
}

fn disk(element: Node<'_, '_>) -> Option<Disk> {
    let below = |name: &str| element.children().find(|child| child.has_tag_name(name));
    let name = below("target")?.attribute("dev")?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name.then(|| Disk {
        name: name.to_owned(),
        device: element.attribute("device").unwrap_or("disk").to_owned(),
        format: below("driver").and_then(|driver| driver.attribute("type")).unwrap_or("raw").to_owned(),
        is_read_only: below("readonly").is_some(),
        is_transient: below("transient").is_some(),
        has_source: below("source").is_some(),
    })
}

/// Reads `domstats --block --backing`: a disk stands there once for itself and once for each file that it rests on.
pub(crate) fn disk_rooms(text: &str) -> BTreeMap<String, DiskRoom> {
    let values: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.trim().split_once('=')).collect();
    let number = |at: u64, key: &str| {
        values.get(format!("block.{at}.{key}").as_str()).and_then(|value| value.parse::<u64>().ok())
    };
    let count = values.get("block.count").and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
    let mut rooms: BTreeMap<String, DiskRoom> = BTreeMap::new();
    for at in 0..count.min(values.len() as u64) {
        let Some(name) = values.get(format!("block.{at}.name").as_str()) else { continue };
        let capacity = number(at, "capacity").unwrap_or(0);
        let room = rooms.entry((*name).to_owned()).or_insert(DiskRoom { capacity, taken: 0 });
        // Where libvirt cannot tell how much a file takes, it may take all.
        let taken = number(at, "physical").unwrap_or(capacity);
        room.taken = room.taken.saturating_add(taken).min(room.capacity);
    }
    rooms
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    const XML: &str = "<domain type='qemu'><name>a&amp;b</name><uuid>u-1</uuid>\
        <metadata><x:disk xmlns:x='y'/><domain><devices><disk><target dev='evil'/></disk></devices></domain></metadata>\
        <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/a'/>\
        <backingStore type='file'><format type='raw'/><source file='/b'/><driver type='raw'/></backingStore>\
        <target dev='vda'/></disk>\
        <disk type='file' device='cdrom'><source file='/c'/><target dev='hdc'/><readonly/></disk>\
        <disk type='file' device='disk'><driver type='qcow2'/><source file='/d'/><target dev='vdb'/><transient/></disk>\
        </devices></domain>";

    #[test]
    fn the_disks_of_a_backup_are_those_that_the_guest_writes_to_and_keeps() {
        let machine = read(XML.to_owned()).unwrap();
        assert_eq!((machine.name.as_str(), machine.uuid.as_str(), machine.disks.len()), ("a&b", "u-1", 3));
        let names: Vec<&str> = machine.backed_up().unwrap().iter().map(|disk| disk.name.as_str()).collect();
        assert_eq!(names, ["vda"]);
        let raw = read(XML.replace("type='qcow2'/><source file='/a'", "type='raw'/><source file='/a'")).unwrap();
        assert!(raw.backed_up().unwrap_err().cause.contains("the disk vda of a&b is raw"));
        assert_eq!(read(XML[..XML.len() - 9].to_owned()), None, "it was cut off");
        assert_eq!(read(XML.replace("'vda'", "'../x'")), None, "a name that leads elsewhere");
    }

    #[test]
    fn a_disk_takes_what_its_files_take_and_never_more_than_the_guest_sees() {
        let text = "Domain: 's'\n  block.count=3\n  block.0.name=vda\n  block.0.capacity=100\n  block.0.physical=10\n  \
                    block.1.name=vda\n  block.1.backingIndex=2\n  block.1.physical=30\n  block.2.name=vdb\n  \
                    block.2.capacity=50\n  block.2.physical=70\n";
        let rooms = disk_rooms(text);
        assert_eq!(rooms["vda"], DiskRoom { capacity: 100, taken: 40 });
        assert_eq!(rooms["vdb"], DiskRoom { capacity: 50, taken: 50 });
        assert!(disk_rooms("block.count=99999999999").is_empty());
    }
}
