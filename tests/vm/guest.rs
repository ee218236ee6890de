//! A guest of one sector: it says its name on its serial console, and writes to its disk when it is sent a `w`.

use crate::{
    daemon::{Daemon, as_user, base, base_bytes, give, scratch_of_user, slow_base},
    support::{cluster::must, timeout::until},
};
use std::{
    cell::Cell,
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

const SECTOR: usize = 512;

/// Its code, for 16 bits at 0x7c00: reads the second sector to 0x7e00, prints it up to the first zero on COM1, then waits
/// for a byte. A `w` adds 1 to the sector's last word, writes the sector, and is answered with `W`, or with `!` where the
/// disk does not take it.
const CODE: [u8; 105] = [
    0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0x88, 0x16, 0x69, 0x7c, 0xe8, 0x36, 0x00, 0xbe,
    0x00, 0x7e, 0xac, 0x84, 0xc0, 0x74, 0x05, 0xe8, 0x3d, 0x00, 0xeb, 0xf6, 0xfb, 0xf4, 0xba, 0xfd, 0x03, 0xec, 0xa8,
    0x01, 0x74, 0xf6, 0xba, 0xf8, 0x03, 0xec, 0x3c, 0x77, 0x75, 0x12, 0xff, 0x06, 0xfe, 0x7f, 0xb8, 0x01, 0x03, 0xe8,
    0x10, 0x00, 0x72, 0x04, 0xb0, 0x57, 0xeb, 0x02, 0xb0, 0x21, 0xe8, 0x14, 0x00, 0xeb, 0xd7, 0xb8, 0x01, 0x02, 0xbb,
    0x00, 0x7e, 0xb9, 0x02, 0x00, 0x30, 0xf6, 0x8a, 0x16, 0x69, 0x7c, 0xcd, 0x13, 0xc3, 0x50, 0xba, 0xfd, 0x03, 0xec,
    0xa8, 0x20, 0x74, 0xf8, 0x58, 0xba, 0xf8, 0x03, 0xee, 0xc3,
];

/// How fast its disk is read when all of it is backed up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speed {
    Fast,
    /// Some seconds.
    Slow,
    /// A few times as long: several commands come in between.
    Slower,
    /// Some seconds, from a server of its own.
    Own,
}

impl Speed {
    /// The bytes a second of a server that one guest has for itself.
    pub(crate) const OWN: usize = 9 << 20;
}

/// A guest that runs. Dropping it ends it.
pub(crate) struct Guest<'a> {
    daemon: &'a Daemon,
    pub(crate) name: String,
    place: PathBuf,
    writes: Cell<u16>,
}

impl<'a> Guest<'a> {
    /// Defines and starts it, and waits for its name.
    pub(crate) fn start(daemon: &'a Daemon, speed: Speed) -> Self {
        let place = scratch_of_user("guest");
        let name = place.file_name().unwrap().to_str().unwrap().to_owned();
        let guest = Self { daemon, name, place, writes: Cell::new(0) };
        let (disk, first) = (guest.disk(), guest.place.join("first"));
        let base = match speed {
            Speed::Fast => base().to_str().unwrap().to_owned(),
            Speed::Slow => slow_base(10 << 20),
            Speed::Slower => slow_base(3 << 20),
            Speed::Own => slow_base(Speed::OWN),
        };
        must(as_user("qemu-img").args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b", &base]).arg(&disk));
        fs::write(&first, guest.first_sectors()).unwrap();
        let write = format!("write -s {} 0 {}", first.display(), 2 * SECTOR);
        must(as_user("qemu-io").args(["-f", "qcow2", "-c", &write]).arg(&disk));
        give(&guest.place);
        guest.define();
        guest.boot();
        guest
    }

    /// Makes libvirt know it; without a UUID, so that it gets a new one.
    pub(crate) fn define(&self) {
        let xml = self.place.join("domain.xml");
        fs::write(&xml, self.xml("qcow2")).unwrap();
        give(&self.place);
        self.daemon.virsh(&["define", xml.to_str().unwrap()]);
    }

    pub(crate) fn boot(&self) {
        let log = self.place.join("log");
        fs::remove_file(&log).unwrap_or_default();
        self.daemon.virsh(&["start", &self.name]);
        until("the guest says its name", || {
            let said = fs::read(&log).unwrap_or_default();
            String::from_utf8_lossy(&said).contains(&self.greeting()).then_some(())
        });
    }

    pub(crate) fn disk(&self) -> PathBuf {
        self.place.join("disk.qcow2")
    }

    /// Lets it write, and hears that it did.
    pub(crate) fn write(&self) {
        let mut console = UnixStream::connect(self.place.join("serial")).unwrap();
        console.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        console.write_all(b"w").unwrap();
        let mut answer = [0];
        console.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"W", "the guest runs on and its disk takes what it writes");
        self.writes.set(self.writes.get() + 1);
    }

    /// All bytes of its disk now: what it was made of and what it has written since.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = base_bytes().to_vec();
        bytes[..2 * SECTOR].copy_from_slice(&self.first_sectors());
        bytes
    }

    pub(crate) fn state(&self) -> String {
        self.daemon.virsh(&["domstate", "--reason", &self.name])
    }

    pub(crate) fn checkpoints(&self) -> Vec<String> {
        let names = self.daemon.virsh(&["checkpoint-list", "--name", &self.name]);
        let names = names.lines().map(str::trim).filter(|name| !name.is_empty());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        names
    }

    pub(crate) fn has_job(&self) -> bool {
        !self.daemon.virsh(&["domjobinfo", "--rawstats", &self.name]).starts_with("Job type: 0")
    }

    /// The process of its QEMU.
    pub(crate) fn kill(&self) {
        let pattern = format!("guest={},", self.name);
        let pid = must(std::process::Command::new("pgrep").args(["-f", "--", &pattern]));
        must(std::process::Command::new("kill").args(["-KILL", pid.lines().next().unwrap()]));
        until("libvirt sees it", || self.state().starts_with("shut off").then_some(()));
    }

    /// Its description, with its disk in this format.
    pub(crate) fn xml(&self, format: &str) -> String {
        // Others keep in it what they like: longer than a pipe holds.
        let (name, place, note) = (&self.name, self.place.display(), "note".repeat(32 << 10));
        format!(
            "<domain type='qemu'><name>{name}</name><metadata><n:ote xmlns:n='n'>{note}</n:ote></metadata><memory unit='MiB'>16</memory><vcpu>1</vcpu>\
             <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os><features><acpi/></features><devices>\
             <disk type='file' device='disk'><driver name='qemu' type='{format}'/><source file='{place}/disk.qcow2'/>\
             <target dev='vda' bus='virtio'/></disk>\
             <serial type='unix'><source mode='bind' path='{place}/serial'/><log file='{place}/log' append='off'/>\
             <target port='0'/></serial><controller type='usb' model='none'/><memballoon model='none'/>\
             </devices></domain>"
        )
    }

    fn greeting(&self) -> String {
        format!("I am {}", self.name)
    }

    fn first_sectors(&self) -> Vec<u8> {
        let mut bytes = vec![0; 2 * SECTOR];
        bytes[..CODE.len()].copy_from_slice(&CODE);
        bytes[SECTOR - 2..SECTOR].copy_from_slice(&[0x55, 0xaa]);
        let greeting = format!("{}\r\n", self.greeting());
        bytes[SECTOR..SECTOR + greeting.len()].copy_from_slice(greeting.as_bytes());
        bytes[2 * SECTOR - 2..].copy_from_slice(&self.writes.get().to_le_bytes());
        bytes
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        let _was_off = self.daemon.try_virsh(&["destroy", &self.name]);
        let _was_none = self.daemon.try_virsh(&["undefine", "--checkpoints-metadata", &self.name]);
    }
}
