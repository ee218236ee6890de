//! Network interfaces of a copy.
//!
//! Promises: none has the MAC address, the port or the device of the source's, and each is unplugged unless it was asked
//! for (S13).

use super::element::Element;
use roxmltree::Node;

/// Interfaces that share what they are connected to.
const KINDS: [&str; 4] = ["network", "bridge", "direct", "user"];

/// What is taken over of one.
const PARTS: [&str; 11] =
    ["model", "driver", "address", "boot", "bandwidth", "vlan", "filterref", "mtu", "coalesce", "acpi", "rom"];

/// How an interface is connected.
const CONNECTION: [&str; 5] = ["network", "portgroup", "bridge", "dev", "mode"];

/// The interface of a copy, or what stays away.
pub(super) fn interface(source: Node<'_, '_>, is_connected: bool, left_out: &mut Vec<String>) -> Option<Element> {
    let kind = source.attribute("type").unwrap_or_default();
    let below = |name: &str| source.children().find(|child| child.has_tag_name(name));
    let connection = below("source");
    let to = |name| connection.and_then(|source| source.attribute(name));
    // It takes the host's device for itself alone.
    let takes_device = to("mode") == Some("passthrough");
    if !KINDS.contains(&kind) || takes_device {
        let to = CONNECTION.iter().find_map(|name| to(name)).unwrap_or("a socket or a device of the host");
        left_out.push(format!("network interface of the type {kind} to {to} (virsh attach-interface)"));
        return None;
    }
    let mut interface = Element::new("interface").with("type", kind).like(source, "trustGuestRxFilters");
    if let Some(source) = connection.filter(|_| kind != "user") {
        interface.children.push(CONNECTION.iter().fold(Element::new("source"), |made, name| made.like(source, name)));
    }
    if let Some(port) = below("virtualport") {
        // Its parameters name a port that the source has.
        interface.children.push(Element::new("virtualport").like(port, "type"));
    }
    interface = interface.taking(source, &PARTS, left_out);
    let was_down = below("link").is_some_and(|link| link.attribute("state") == Some("down"));
    if !is_connected || was_down {
        interface.children.push(Element::new("link").with("state", "down"));
    }
    if below("portForward").is_some() {
        left_out.push("ports of the host that lead to the guest (portForward)".to_owned());
    }
    Some(interface)
}
