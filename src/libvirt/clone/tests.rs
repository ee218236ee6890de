//! Descriptions of machines that reach out of their guests everywhere, and what a copy has of them.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;

/// A machine with all that a copy must not have.
const HOSTILE: &str = "<?xml version='1.0'?>
<domain type='kvm' id='7' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <!-- <name>comment</name> <uuid>c</uuid> -->
  <name>web</name><uuid>11111111-2222-3333-4444-555555555555</uuid><genid>99999999-2222-3333-4444-555555555555</genid>
  <title>it's \"the\" &lt;web&gt; &amp; more</title>
  <metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org'/><name>meta</name>
    <howdah:restore xmlns:howdah='urn:howdah:restore' session='00000000-0000-0000-0000-00000000000f'/></metadata>
  <memory unit='KiB'>16384</memory><vcpu placement='static'>1</vcpu>
  <blkiotune><weight>800</weight><device><path>/dev/sda</path><weight>1000</weight></device></blkiotune>
  <resource><partition>/machine/web</partition></resource>
  <sysinfo type='smbios'><system><entry name='uuid'>11111111-2222-3333-4444-555555555555</entry>
    <entry name='product'>x</entry></system></sysinfo>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><loader readonly='yes' secure='no' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>
    <nvram template='/usr/share/OVMF/OVMF_VARS.fd'>/var/lib/libvirt/qemu/nvram/web_VARS.fd</nvram>
    <kernel>/boot/vmlinuz</kernel><initrd>/boot/initrd</initrd><cmdline>root=/dev/vda</cmdline><boot dev='hd'/></os>
  <features><acpi/></features><cpu mode='host-passthrough'/><on_crash>restart</on_crash>
  <launchSecurity type='sev'><dhCert>x</dhCert></launchSecurity>
  <seclabel type='static' model='dac'><label>0:0</label></seclabel>
  <devices>
    <emulator>/opt/evil/qemu</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' discard='unmap'/><source file='/srv/web/a.qcow2' index='1'/>
      <backingStore type='file'><format type='raw'/><source file='/srv/web/base.raw'/></backingStore>
      <mirror type='file' job='copy'><source file='/srv/mirror'/></mirror>
      <target dev='vda' bus='virtio'/><serial>S&amp;1</serial><alias name='virtio-disk0'/><address type='pci' slot='0x04'/></disk>
    <disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/vg/lv'/><target dev='vdb' bus='virtio'/></disk>
    <disk type='network' device='disk'><source protocol='rbd' name='pool/image'><host name='ceph'/></source><target dev='vdc'/></disk>
    <disk type='file' device='cdrom'><source file='/srv/iso/web.iso'/><target dev='sda' bus='sata'/><readonly/></disk>
    <disk type='block' device='floppy'><source dev='/dev/fd0'/><target dev='fda' bus='fdc'/></disk>
    <controller type='usb' model='none'/>
    <interface type='network'><mac address='52:54:00:11:22:33'/><source network='default' portid='p-1' bridge='virbr0'/>
      <target dev='vnet7'/><model type='virtio'/><boot order='2'/></interface>
    <interface type='bridge'><mac address='52:54:00:11:22:34'/><source bridge='br0'/>
      <virtualport type='openvswitch'><parameters interfaceid='i-1'/></virtualport><script path='/etc/up'/><rom file='/srv/rom'/></interface>
    <interface type='vhostuser'><mac address='52:54:00:11:22:35'/><source type='unix' path='/run/vhost.sock' mode='client'/></interface>
    <interface type='direct'><source dev='eth1' mode='passthrough'/></interface>
    <interface type='hostdev'><source><address type='pci' slot='0x1'/></source></interface>
    <serial type='unix'><source mode='bind' path='/run/web.sock'/><log file='/var/log/web.log' append='off'/><target port='0'/></serial>
    <serial type='tcp'><source mode='bind' host='0.0.0.0' service='4555'/><target port='1'/></serial>
    <console type='unix'><source mode='bind' path='/run/web.sock'/><target type='serial' port='0'/></console>
    <channel type='unix'><source mode='bind' path='/var/lib/libvirt/agent.sock'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <channel type='tcp'><source mode='bind' host='0.0.0.0' service='9999'/><target type='virtio' name='x.y'/></channel>
    <channel type='pty'><target type='guestfwd' address='10.0.2.1' port='4600'/></channel>
    <input type='tablet' bus='usb'/><input type='evdev'><source dev='/dev/input/event3'/></input>
    <graphics type='vnc' port='5999' autoport='no' listen='0.0.0.0' passwd='secret'><listen type='address' address='0.0.0.0'/></graphics>
    <graphics type='egl-headless'><gl rendernode='/dev/dri/renderD128'/></graphics>
    <video><model type='virtio'><acceleration accel3d='yes' rendernode='/dev/dri/renderD128'/></model></video>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'><source type='file' path='/srv/tpm'/></backend></tpm>
    <tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>
    <filesystem type='mount'><source dir='/srv/share'/><target dir='share'/></filesystem>
    <hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>
    <shmem name='shared'><model type='ivshmem-plain'/></shmem>
    <memory model='nvdimm'><source><path>/srv/nvdimm</path></source></memory>
    <vsock model='virtio'><cid auto='no' address='33'/></vsock>
    <rng model='virtio'><backend model='egd' type='udp'><source mode='bind' service='1234'/></backend></rng>
    <memballoon model='none'/>
    <novelty><source file='/etc/shadow'/></novelty>
  </devices>
  <qemu:commandline><qemu:arg value='-drive'/><qemu:arg value='file=/srv/web/a.qcow2'/></qemu:commandline>
</domain>";

fn request(network: bool) -> CloneRequest<'static> {
    let directory = Path::new("/srv/new & 'x'");
    CloneRequest { name: "web & co", session: Uuid::from_u128(5), directory, disks: &["vda"], network }
}

fn made(text: &str) -> Clone {
    of(text, &request(false)).unwrap()
}

/// A machine of this operating system and these devices.
fn machine(os: &str, devices: &str) -> String {
    format!("<domain type='qemu'><name>a</name><uuid>u</uuid><os{os}</os><devices>{devices}</devices></domain>")
}

const DISK: &str = "<disk type='file' device='disk'><source file='/a'/><target dev='vda' bus='virtio'/></disk>";

#[test]
fn s13_a_copy_has_nothing_of_its_sources_host() {
    let made = made(HOSTILE);
    let document = Document::parse(&made.xml).unwrap();
    let own = ["/srv/new & 'x'/", "/usr/share/OVMF/", "/dev/urandom", "urn:howdah:restore"];
    for node in document.descendants() {
        let values = node.attributes().map(|attribute| attribute.value()).chain(node.text());
        for value in values.filter(|value| value.contains('/') || value.contains("::")) {
            assert!(own.iter().any(|own| value.starts_with(own)), "<{}> has {value}", node.tag_name().name());
        }
    }
    for gone in [
        "11111111",
        "99999999",
        "52:54",
        "vnet",
        "portid",
        "p-1",
        "interfaceid",
        "i-1",
        "0.0.0.0",
        "5999",
        "secret",
        "4555",
        "ceph",
        "rbd",
        "qemu:arg",
        "-drive",
        "hostdev",
        "filesystem",
        "shmem",
        "nvdimm",
        "novelty",
        "'33'",
        "egd",
        "evdev",
        "backingStore",
        "mirror",
        "script",
        "parameters",
        "libosinfo",
        "seclabel",
        "launchSecurity",
        "vdb",
        "vdc",
        "root=",
        "comment",
        "00000000f",
    ] {
        assert!(!made.xml.contains(gone), "{gone}: {}", made.xml);
    }
}

#[test]
fn s13_what_a_copy_does_not_have_is_named() {
    let switched_off = made(HOSTILE).switched_off.join("\n");
    for named in [
        "its network interfaces are unplugged (virsh domiflist web & co names them, and virsh domif-setlink web & co",
        "the variables of its firmware",
        "os kernel: /boot/vmlinuz",
        "os initrd: /boot/initrd",
        "disk vdb (/dev/vg/lv), which is not in the restore point",
        "disk vdc (rbd), which is not in the restore point",
        "/srv/iso/web.iso in the cdrom sda",
        "/dev/fd0 in the floppy fda",
        "network interface of the type vhostuser",
        "network interface of the type direct to eth1",
        "network interface of the type hostdev",
        "its serial 0 was of the type unix /run/web.sock",
        "to /var/log/web.log, and is to serial.log",
        "its serial 1 was of the type tcp 0.0.0.0",
        "its channel x.y was of the type tcp 0.0.0.0",
        "of the type pty",
        "its screen (vnc) was at 0.0.0.0 port 5999",
        "graphics of the type egl-headless",
        "acceleration rendernode: /dev/dri/renderD128",
        "its TPM is a new one",
        "TPM of the host",
        "device filesystem of the type mount /srv/share",
        "device hostdev of the type usb",
        "device shmem",
        "device memory",
        "device input of the type evdev /dev/input/event3",
        "its random numbers came from egd",
        "device novelty /etc/shadow",
        "commandline: options for QEMU itself",
        "emulator /opt/evil/qemu",
        "<launchSecurity>",
        "<resource>",
        "<seclabel>",
        "<metadata>",
    ] {
        assert!(switched_off.contains(named), "{named}:\n{switched_off}");
    }
    let plain = made(&machine("><type>hvm</type>", DISK));
    assert_eq!(plain.switched_off, [""; 0], "nothing was left out");
}

#[test]
fn a_copy_is_the_machine_that_it_was_otherwise() {
    let made = made(HOSTILE);
    let document = Document::parse(&made.xml).unwrap();
    let one = |path: &[&str]| xml::at(&document, path)[0];
    assert_eq!(one(&["domain"]).attribute("type"), Some("kvm"));
    assert_eq!(one(&["domain", "name"]).text(), Some("web & co"));
    assert_eq!(one(&["domain", "title"]).text(), Some("it's \"the\" <web> & more"));
    assert_eq!(one(&["domain", "sysinfo", "system", "entry"]).text(), Some("x"));
    assert!(one(&["domain", "genid"]).text().is_none() && made.heard == Heard { agent: true, serial: true });
    let loader = one(&["domain", "os", "loader"]);
    assert_eq!((loader.text(), loader.attribute("type")), (Some("/usr/share/OVMF/OVMF_CODE.fd"), Some("pflash")));
    let nvram = one(&["domain", "os", "nvram"]);
    assert_eq!(nvram.attribute("template"), Some("/usr/share/OVMF/OVMF_VARS.fd"));
    assert_eq!(nvram_of(&made.xml).unwrap(), "/srv/new & 'x'/nvram.fd");
    let disks = xml::at(&document, &["domain", "devices", "disk"]);
    let part = |disk: Node<'_, '_>, name: &str, attribute: &str| {
        let child = disk.children().find(|child| child.has_tag_name(name))?;
        child.attribute(attribute).map(str::to_owned)
    };
    assert_eq!(disks.len(), 3, "its own one, a CD and a floppy");
    assert_eq!(part(disks[0], "source", "file").unwrap(), "/srv/new & 'x'/vda.qcow2");
    let driver = ["type", "cache", "discard"].map(|name| part(disks[0], "driver", name).unwrap());
    assert_eq!(driver, ["qcow2", "none", "unmap"]);
    assert_eq!(part(disks[0], "address", "slot").unwrap(), "0x04");
    assert!(disks[1..].iter().all(|disk| part(*disk, "source", "file").is_none()));
    let interfaces = xml::at(&document, &["domain", "devices", "interface"]);
    let links: Vec<_> = interfaces.iter().map(|interface| part(*interface, "link", "state")).collect();
    assert_eq!(links, [Some("down".to_owned()), Some("down".to_owned())]);
    assert_eq!(part(interfaces[1], "virtualport", "type").unwrap(), "openvswitch");
    let log = one(&["domain", "devices", "serial", "log"]);
    assert_eq!(log.attribute("file"), Some("/srv/new & 'x'/serial.log"));
    assert_eq!(xml::at(&document, &["domain", "devices", "serial"]).len(), 2);
    assert_eq!(xml::at(&document, &["domain", "devices", "console"]).len(), 0);
    assert_eq!(xml::at(&document, &["domain", "devices", "channel"]).len(), 2);
    assert_eq!(one(&["domain", "devices", "graphics"]).attributes().len(), 2);
    assert_eq!(one(&["domain", "devices", "vsock", "cid"]).attribute("auto"), Some("yes"));
    let connected = of(HOSTILE, &request(true)).unwrap().xml;
    assert!(!connected.contains("<link"), "{connected}");
}

#[test]
fn only_the_session_that_made_it_is_named_in_a_copy() {
    assert_eq!(made_by(&made(HOSTILE).xml), Some(Uuid::from_u128(5)));
    assert_eq!(made_by(HOSTILE), Some(Uuid::from_u128(15)), "a copy of a copy names the later one alone");
    for other in [
        "<domain/>",
        "<domain><restore session='00000000-0000-0000-0000-000000000005'/></domain>",
        "<domain><metadata><restore session='00000000-0000-0000-0000-000000000005'/></metadata></domain>",
        "<domain><metadata><x><h:restore xmlns:h='urn:howdah:restore' session='00000000-0000-0000-0000-000000000005'/></x>\
         </metadata></domain>",
        "not a description",
    ] {
        assert_eq!(made_by(other), None, "{other}");
    }
}

#[test]
fn firmware_that_libvirt_has_chosen_it_chooses_again() {
    let os = " firmware='efi'><type>hvm</type><loader readonly='yes' secure='yes' type='pflash'>/x/CODE.fd</loader>\
              <nvram template='/x/VARS.fd'>/y/a_VARS.fd</nvram><boot dev='hd'/>";
    let xml = made(&machine(os, DISK)).xml;
    let wanted = "<os firmware='efi'><type>hvm</type><loader secure='yes'/><boot dev='hd'/>\
                  <nvram>/srv/new &amp; &apos;x&apos;/nvram.fd</nvram></os>";
    assert!(xml.contains(wanted), "{xml}");
    let xml = made(&machine(" firmware='efi'><type>hvm</type>", DISK)).xml;
    assert!(xml.contains("/nvram.fd</nvram>"), "or libvirt would choose a place of its own: {xml}");
    let stateless = " firmware='efi'><type>hvm</type><loader stateless='yes'/>";
    let xml = made(&machine(stateless, DISK)).xml;
    assert!(!xml.contains("nvram") && xml.contains("<loader stateless='yes'/>"), "{xml}");
    assert!(!made(&machine(" firmware='bios'><type>hvm</type>", DISK)).xml.contains("nvram"));
}

#[test]
fn what_does_not_fit_its_restore_point_is_refused() {
    let refused = |text: &str| of(text, &request(false)).unwrap_err();
    assert_eq!(refused(&machine("><type>hvm</type>", "")), "it has no disk vda");
    assert_eq!(refused(&machine("><type>hvm</type>", &DISK.repeat(2))), "it has two disks vda");
    assert_eq!(refused("<other/>"), "it describes no machine");
    assert!(refused("<domain>").starts_with("it is not whole"));
    let bomb = "<!DOCTYPE d [<!ENTITY a 'aaaa'>]><domain><name>&a;</name></domain>";
    assert!(refused(bomb).starts_with("it is not whole"));
    let escape = machine("><type>hvm</type>", &[DISK, "<lease><key>\u{9b}2J</key></lease>"].concat());
    assert!(made(&escape).switched_off.iter().all(|clause| clause.chars().all(|c| !c.is_control())));
}
