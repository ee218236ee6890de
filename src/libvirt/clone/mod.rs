//! The description of a machine that is made of another one's: a copy that meets its source nowhere.
//!
//! What is taken over stands in lists here; all else is left out and named (S13). The copy has a name of its own, and gets
//! UUID, MAC addresses, sockets and ports from libvirt; its disks, the variables of its firmware and the log of its serial
//! console are files of one directory.
//!
//! Promises: no file, socket, device, directory or fixed port of the source's host is in the description, but the program
//! of its firmware, which is only read; what is told is printable. Never: copies text as it stands.

mod device;
mod element;
mod network;
#[cfg(test)]
mod tests;

use super::xml;
use crate::domain::instance::printable;
use device::{Devices, Heard};
use element::{Element, copied};
use roxmltree::{Document, Node};
use std::{collections::BTreeSet, path::Path};
use uuid::Uuid;

/// The name space of what a restore leaves in the description, to know its own again.
const NAMESPACE: &str = "urn:howdah:restore";

/// In the machine's directory: what its serial console prints, and the variables of its firmware.
pub(crate) const SERIAL_LOG: &str = "serial.log";
pub(crate) const NVRAM: &str = "nvram.fd";

/// A clause that names what was left out is no longer than this.
const MAX_CLAUSE: usize = 200;

/// Parts of a description that say nothing of the host.
const TAKEN: [&str; 24] = [
    "title",
    "description",
    "maxMemory",
    "memory",
    "currentMemory",
    "memtune",
    "memoryBacking",
    "vcpu",
    "vcpus",
    "iothreads",
    "iothreadids",
    "defaultiothread",
    "cputune",
    "numatune",
    "features",
    "cpu",
    "clock",
    "on_poweroff",
    "on_reboot",
    "on_crash",
    "on_lockfailure",
    "pm",
    "perf",
    "blkiotune",
];

/// What the copy has of its own, or gets from libvirt.
const NEW: [&str; 4] = ["name", "uuid", "os", "devices"];

/// The machine that is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CloneRequest<'a> {
    pub(crate) name: &'a str,
    pub(crate) session: Uuid,
    /// Where its files are.
    pub(crate) directory: &'a Path,
    /// The disks that there are, by their names in the guest.
    pub(crate) disks: &'a [&'a str],
    /// Whether its network interfaces are connected.
    pub(crate) network: bool,
}

/// Its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clone {
    pub(crate) xml: String,
    /// What is not as it was at the source, and how to give it back: printable clauses.
    pub(crate) switched_off: Vec<String>,
    /// By what its guest can be heard.
    pub(crate) heard: Heard,
}

/// The file of a disk in the machine's directory.
pub(crate) fn image_of(disk: &str) -> String {
    format!("{disk}.qcow2")
}

/// Makes the description of a copy; why it cannot be made, where it cannot.
pub(crate) fn of(text: &str, request: &CloneRequest<'_>) -> Result<Clone, String> {
    let document = Document::parse(text).map_err(|error| format!("it is not whole: {error}"))?;
    let source = document.root_element();
    if !source.has_tag_name("domain") {
        return Err("it describes no machine".to_owned());
    }
    if request.directory.to_str().is_none() {
        return Err("libvirt takes no path that is not UTF-8".to_owned());
    }
    let mut left_out = Vec::new();
    let mut domain = Element::new("domain").like(source, "type");
    let mark = Element::new("howdah:restore").with("xmlns:howdah", NAMESPACE);
    let mark = mark.with("session", &request.session.to_string());
    domain.children.push(Element::new("name").saying(request.name));
    domain.children.push(Element::new("metadata").holding(mark));
    for child in source.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        if child.tag_name().namespace().is_some() {
            left_out.push(format!("{name}: options for QEMU itself"));
        } else if TAKEN.contains(&name) {
            // Limits of the host's own disks are named by their paths.
            domain.children.extend(copied(child, &["device"], &mut left_out));
        } else if name == "os" {
            domain.children.push(os(child, request, &mut left_out));
        } else if name == "sysinfo" {
            domain.children.extend(sysinfo(child, &mut left_out));
        } else if name == "genid" {
            domain.children.push(Element::new("genid"));
        } else if is_named(child, name) {
            left_out.push(format!("<{name}>"));
        }
    }
    let (mut devices, mut all) = (Devices::new(request, source), Element::new("devices"));
    for device in xml::at(&document, &["domain", "devices"]).iter().flat_map(Node::children).filter(Node::is_element) {
        all.children.extend(devices.take(device, &mut left_out)?);
    }
    if let Some(missing) = devices.missing() {
        return Err(format!("it has no disk {missing}"));
    }
    domain.children.push(all);
    let mut switched_off = devices.switched_off();
    switched_off.append(&mut left_out);
    let mut xml = String::new();
    domain.write(&mut xml);
    Ok(Clone { xml, switched_off: clauses(&switched_off), heard: devices.heard() })
}

/// The session that has made a machine of this description.
pub(crate) fn made_by(text: &str) -> Option<Uuid> {
    let document = Document::parse(text).ok()?;
    let metadata = xml::at(&document, &["domain", "metadata"]);
    let mark = metadata.first()?.children().find(|child| child.has_tag_name((NAMESPACE, "restore")))?;
    mark.attribute("session")?.parse().ok()
}

/// The files that a description names as those of disks and firmware variables.
pub(crate) fn nvram_of(text: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let nvram = *xml::at(&document, &["domain", "os", "nvram"]).first()?;
    let source = nvram.children().find(|child| child.has_tag_name("source"));
    let file = source.and_then(|source| source.attribute("file")).or_else(|| nvram.text());
    file.map(|file| file.trim().to_owned())
}

/// Firmware as it was, with variables of its own. What boots from a file of the host is left out.
fn os(source: Node<'_, '_>, request: &CloneRequest<'_>, left_out: &mut Vec<String>) -> Element {
    let chosen_by_libvirt = source.attribute("firmware").is_some();
    let mut os = Element::new("os").like(source, "firmware");
    let (mut has_variables, mut nvram) = (source.attribute("firmware") == Some("efi"), Element::new("nvram"));
    for child in source.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "type" | "firmware" | "boot" | "bootmenu" | "bios" | "smbios" => {
                os.children.extend(copied(child, &[], left_out));
            }
            "loader" => {
                has_variables &= child.attribute("stateless") != Some("yes");
                let loader = Element::new("loader").like(child, "secure").like(child, "stateless");
                if chosen_by_libvirt {
                    let is_needed = !loader.attributes.is_empty();
                    os.children.extend(is_needed.then_some(loader));
                } else {
                    let loader = loader.like(child, "readonly").like(child, "type").like(child, "format");
                    os.children.push(loader.saying(child.text().unwrap_or_default().trim()));
                }
            }
            "nvram" => {
                has_variables = true;
                let names: &[&str] = if chosen_by_libvirt { &[] } else { &["template", "templateFormat", "format"] };
                nvram = names.iter().fold(nvram, |nvram, name| nvram.like(child, name));
                left_out.push("the variables of its firmware: new ones are made of the firmware's own".to_owned());
            }
            name => left_out.push(format!("os {name}: {}", child.text().unwrap_or_default().trim())),
        }
    }
    if has_variables {
        os.children.push(nvram.saying(&request.directory.join(NVRAM).to_string_lossy()));
    }
    os
}

/// What the guest reads of its board. The UUID there has to be that of the machine.
fn sysinfo(source: Node<'_, '_>, left_out: &mut Vec<String>) -> Option<Element> {
    let mut sysinfo = copied(source, &[], left_out)?;
    let is_own = |entry: &Element| entry.attributes.iter().all(|(name, value)| name != "name" || value != "uuid");
    for table in sysinfo.children.iter_mut().filter(|table| table.name == "system") {
        table.children.retain(is_own);
    }
    // An entry whose file was left out says nothing.
    sysinfo.children.retain(|child| child.name != "entry" || !child.text.is_empty());
    Some(sysinfo)
}

/// Whether a part that is not taken over is worth naming: libvirt makes the others anew.
fn is_named(part: Node<'_, '_>, name: &str) -> bool {
    match name {
        "metadata" | "seclabel" if !part.children().any(|child| child.is_element()) => {
            part.attribute("type") == Some("static")
        }
        "metadata" => {
            part.children().any(|child| child.is_element() && child.tag_name().namespace() != Some(NAMESPACE))
        }
        "seclabel" => part.attribute("type") != Some("dynamic"),
        "resource" => {
            part.children().filter_map(|child| child.text()).any(|text| !matches!(text.trim(), "" | "/machine"))
        }
        _ => !NEW.contains(&name),
    }
}

/// Printable, none too long, and each once.
fn clauses(all: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let printable = all.iter().map(|clause| {
        let clause = printable(clause);
        if clause.chars().count() <= MAX_CLAUSE {
            clause
        } else {
            clause.chars().take(MAX_CLAUSE - 1).chain(['…']).collect()
        }
    });
    printable.filter(|clause| seen.insert(clause.clone())).collect()
}
