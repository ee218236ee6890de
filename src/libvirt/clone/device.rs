//! The devices of a copy.
//!
//! Promises: a disk is a file of the copy's directory, or not there; a drive for removable media is empty; what would reach
//! out of the guest is left out, or led to where libvirt chooses.

use super::{
    CloneRequest, SERIAL_LOG,
    element::{Element, copied},
    image_of,
    network::interface,
};
use roxmltree::Node;
use std::collections::BTreeSet;

/// The channel of the guest's agent, as QEMU's agent names it.
const AGENT: &str = "org.qemu.guest_agent.0";

/// Devices that are all the guest's own.
const TAKEN: [&str; 8] = ["controller", "video", "sound", "watchdog", "memballoon", "panic", "iommu", "hub"];

/// What is taken over of a disk beside its driver.
const DISK_PARTS: [&str; 10] =
    ["target", "iotune", "serial", "wwn", "vendor", "product", "address", "boot", "blockio", "geometry"];

/// The source of randomness of a guest whose own one was the host's device or a server.
const RANDOM: &str = "/dev/urandom";

/// The devices of one machine, as they are gone through.
pub(super) struct Devices<'a> {
    request: &'a CloneRequest<'a>,
    has_spice: bool,
    has_serial_ports: bool,
    found: BTreeSet<String>,
    interfaces: usize,
    heard: Heard,
    notes: Vec<String>,
}

/// By what the guest can be heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// It may have an agent that answers.
    pub(crate) agent: bool,
    /// What it prints on its serial console is written down.
    pub(crate) serial: bool,
}

impl<'a> Devices<'a> {
    pub(super) fn new(request: &'a CloneRequest<'a>, domain: Node<'_, '_>) -> Self {
        let devices = || domain.children().filter(|child| child.has_tag_name("devices")).flat_map(|all| all.children());
        let is_spice =
            |device: Node<'_, '_>| device.has_tag_name("graphics") && device.attribute("type") == Some("spice");
        Self {
            request,
            has_spice: devices().any(is_spice),
            has_serial_ports: devices().any(|device| device.has_tag_name("serial")),
            found: BTreeSet::new(),
            interfaces: 0,
            heard: Heard::default(),
            notes: Vec::new(),
        }
    }

    /// What the copy has of a device.
    pub(super) fn take(&mut self, device: Node<'_, '_>, left_out: &mut Vec<String>) -> Result<Option<Element>, String> {
        let (name, kind) = (device.tag_name().name(), device.attribute("type").unwrap_or_default());
        if device.tag_name().namespace().is_some() {
            left_out.push(format!("device {name}"));
            return Ok(None);
        }
        Ok(match name {
            "disk" => self.disk(device, left_out)?,
            "interface" => {
                let made = interface(device, self.request.network, left_out);
                self.interfaces += usize::from(made.is_some());
                made
            }
            "serial" | "console" | "channel" => self.character(device, name, kind, left_out),
            "graphics" => self.graphics(device, kind, left_out),
            "rng" => Some(self.rng(device, left_out)),
            "tpm" => self.tpm(device, left_out),
            "vsock" => {
                let cid = Element::new("cid").with("auto", "yes");
                Some(Element::new("vsock").like(device, "model").holding(cid).taking(device, &["address"], left_out))
            }
            "input" if !matches!(kind, "evdev" | "passthrough") => copied(device, &[], left_out),
            "redirdev" if kind == "spicevmc" && self.has_spice => copied(device, &["source"], left_out),
            "memory" if matches!(device.attribute("model"), Some("dimm" | "virtio-mem")) => {
                copied(device, &[], left_out)
            }
            // libvirt knows its own, and where the host has its loudspeakers.
            "emulator" | "audio" => {
                let text = device.text().unwrap_or_default().trim();
                if name == "emulator" && !text.starts_with("/usr/bin/qemu-system-") {
                    left_out.push(format!("emulator {text}: libvirt's own is used"));
                }
                None
            }
            _ if TAKEN.contains(&name) => copied(device, &["audio"], left_out),
            _ => {
                left_out.push(named(device, name, kind));
                None
            }
        })
    }

    /// A disk that was to be there and is not described.
    pub(super) fn missing(&self) -> Option<&str> {
        self.request.disks.iter().copied().find(|disk| !self.found.contains(*disk))
    }

    pub(super) const fn heard(&self) -> Heard {
        self.heard
    }

    /// What is another than at the source.
    pub(super) fn switched_off(&self) -> Vec<String> {
        let name = self.request.name;
        let mut all = Vec::new();
        if self.interfaces > 0 && !self.request.network {
            all.push(format!(
                "its network interfaces are unplugged (virsh domiflist {name} names them, and virsh domif-setlink {name} \
                 INTERFACE up plugs one in)"
            ));
        }
        all.extend(self.notes.iter().cloned());
        all
    }

    fn disk(&mut self, disk: Node<'_, '_>, left_out: &mut Vec<String>) -> Result<Option<Element>, String> {
        let below = |name: &str| disk.children().find(|child| child.has_tag_name(name));
        let target = below("target").and_then(|target| target.attribute("dev")).unwrap_or_default();
        let device = disk.attribute("device").unwrap_or("disk");
        let driver = Element::new("driver").with("name", "qemu");
        let made = Element::new("disk").with("type", "file");
        if matches!(device, "cdrom" | "floppy") {
            if let Some(source) = below("source") {
                let medium = source.attributes().next().map_or("a medium", |attribute| attribute.value());
                left_out.push(format!("{medium} in the {device} {target} (virsh change-media)"));
            }
            let made = made.with("device", device).holding(driver.with("type", "raw"));
            return Ok(Some(made.taking(disk, &["target", "address", "boot", "readonly", "blockio"], left_out)));
        }
        if !self.request.disks.contains(&target) {
            let at = below("source").and_then(|source| source.attributes().next());
            let at = at.map_or_else(String::new, |attribute| format!(" ({})", attribute.value()));
            left_out.push(format!("disk {target}{at}, which is not in the restore point (virsh attach-disk)"));
            return Ok(None);
        }
        if !self.found.insert(target.to_owned()) {
            return Err(format!("it has two disks {target}"));
        }
        let driver = below("driver").map_or(Element::new("driver"), |had| {
            let mut driver = copied(had, &["metadata_cache"], left_out).unwrap_or_else(|| Element::new("driver"));
            "driver".clone_into(&mut driver.name);
            driver
        });
        let file = self.request.directory.join(image_of(target));
        let made = made.with("device", "disk").like(disk, "model");
        let made = made.holding(driver.with("name", "qemu").with("type", "qcow2"));
        let made = made.holding(Element::new("source").with("file", &file.to_string_lossy()));
        Ok(Some(made.taking(disk, &DISK_PARTS, left_out)))
    }

    fn character(
        &mut self,
        device: Node<'_, '_>,
        name: &str,
        kind: &str,
        left_out: &mut Vec<String>,
    ) -> Option<Element> {
        let below = |name: &str| device.children().find(|child| child.has_tag_name(name));
        let target = |attribute: &str| below("target").and_then(|target| target.attribute(attribute));
        let was = below("source").and_then(|source| source.attribute("path").or_else(|| source.attribute("host")));
        if name == "channel" {
            return self.channel(device, kind, was, left_out);
        }
        // The first serial port is listed once more as a console, which libvirt does by itself.
        if name == "console" && (self.has_serial_ports || matches!(target("type"), None | Some("serial"))) {
            return None;
        }
        if kind != "pty" {
            let was = was.map_or_else(String::new, |was| format!(" {was}"));
            self.notes.push(format!(
                "its {name} {} was of the type {kind}{was}, and is a pty",
                target("port").unwrap_or("0")
            ));
        }
        let mut made = Element::new(name).with("type", "pty");
        if !self.heard.serial {
            self.heard.serial = true;
            let log = self.request.directory.join(SERIAL_LOG);
            let log = Element::new("log").with("file", &log.to_string_lossy()).with("append", "off");
            made.children.push(log);
            if let Some(log) = below("log").and_then(|log| log.attribute("file")) {
                self.notes.push(format!("what its {name} prints was written to {log}, and is to {SERIAL_LOG}"));
            }
        }
        Some(made.taking(device, &["target", "address"], left_out))
    }

    fn channel(
        &mut self,
        device: Node<'_, '_>,
        kind: &str,
        was: Option<&str>,
        left_out: &mut Vec<String>,
    ) -> Option<Element> {
        let target = device.children().find(|child| child.has_tag_name("target"));
        let is_virtio = target.and_then(|target| target.attribute("type")) == Some("virtio");
        let name = target.and_then(|target| target.attribute("name")).unwrap_or_default();
        let kind = match kind {
            "spicevmc" | "qemu-vdagent" if is_virtio && self.has_spice => kind,
            _ if is_virtio && kind != "spicevmc" && kind != "qemu-vdagent" => {
                if kind != "unix" {
                    let was = was.map_or_else(String::new, |was| format!(" {was}"));
                    self.notes
                        .push(format!("its channel {name} was of the type {kind}{was}, and is a socket of libvirt's"));
                }
                "unix"
            }
            _ => {
                left_out.push(format!("channel {name} of the type {kind}"));
                return None;
            }
        };
        self.heard.agent |= name == AGENT;
        let target = Element::new("target").with("type", "virtio").with("name", name);
        Some(Element::new("channel").with("type", kind).holding(target).taking(device, &["address"], left_out))
    }

    fn graphics(&mut self, device: Node<'_, '_>, kind: &str, left_out: &mut Vec<String>) -> Option<Element> {
        if !matches!(kind, "vnc" | "spice") {
            left_out.push(format!("graphics of the type {kind}"));
            return None;
        }
        let at = |name| device.attribute(name);
        let is_fixed = at("autoport") != Some("yes") && at("port").is_some_and(|port| port != "-1");
        let is_open = at("listen").is_some_and(|listen| !matches!(listen, "127.0.0.1" | "::1" | "localhost"));
        if is_fixed || is_open || at("socket").is_some() {
            let was = at("socket").map_or_else(
                || format!("{} port {}", at("listen").unwrap_or("any address"), at("port").unwrap_or("-1")),
                str::to_owned,
            );
            self.notes
                .push(format!("its screen ({kind}) was at {was}, and is where libvirt chooses (virsh domdisplay)"));
        }
        Some(Element::new("graphics").with("type", kind).with("autoport", "yes").like(device, "keymap"))
    }

    fn rng(&mut self, device: Node<'_, '_>, left_out: &mut Vec<String>) -> Element {
        let backend = device.children().find(|child| child.has_tag_name("backend"));
        let model = backend.and_then(|backend| backend.attribute("model")).unwrap_or("random");
        let made = match model {
            "builtin" => Element::new("backend").with("model", "builtin"),
            _ => Element::new("backend").with("model", "random").saying(RANDOM),
        };
        if !matches!(model, "builtin" | "random") {
            self.notes.push(format!("its random numbers came from {model}, and come from {RANDOM}"));
        }
        let rng = Element::new("rng").like(device, "model").taking(device, &["rate", "address"], left_out);
        rng.holding(made)
    }

    fn tpm(&mut self, device: Node<'_, '_>, left_out: &mut Vec<String>) -> Option<Element> {
        let backend = device.children().find(|child| child.has_tag_name("backend"));
        let Some(backend) = backend.filter(|backend| backend.attribute("type") == Some("emulator")) else {
            left_out.push("TPM of the host".to_owned());
            return None;
        };
        self.notes.push("its TPM is a new one: what was sealed with the old one stays sealed".to_owned());
        let made = Element::new("backend").with("type", "emulator").like(backend, "version");
        let made = made.taking(backend, &["active_pcr_banks"], left_out);
        Some(Element::new("tpm").like(device, "model").holding(made).taking(device, &["address"], left_out))
    }
}

/// What a device that is left out was.
fn named(device: Node<'_, '_>, name: &str, kind: &str) -> String {
    let source = device.children().find(|child| child.has_tag_name("source"));
    let of = source.and_then(|source| source.attributes().next()).map(|attribute| attribute.value());
    let of = of.map_or_else(String::new, |of| format!(" {of}"));
    let kind = if kind.is_empty() { String::new() } else { format!(" of the type {kind}") };
    format!("device {name}{kind}{of} (virsh attach-device)")
}
