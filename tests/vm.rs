//! Backups of virtual machines: real guests of a real libvirt. What is made is whole and is the disk of that moment; what
//! is ended leaves nothing behind, here or at libvirt, and the guest goes on.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "vm/clean.rs"]
mod clean;
#[path = "vm/daemon.rs"]
mod daemon;
#[path = "vm/ended.rs"]
mod ended;
#[path = "vm/faults.rs"]
mod faults;
#[path = "vm/guest.rs"]
mod guest;
#[path = "vm/job.rs"]
mod job;
#[path = "vm/machines.rs"]
mod machines;
#[path = "vm/refused.rs"]
mod refused;
#[path = "vm/restored.rs"]
mod restored;
#[path = "vm/restoring.rs"]
mod restoring;
#[path = "vm/session.rs"]
mod session;
#[path = "vm/shell.rs"]
mod shell;
mod support;

use daemon::{as_user, daemon, scratch_of_user};
use guest::{Guest, Speed};
use session::{Session, order_of};
use std::{
    fs,
    path::{Path, PathBuf},
};
use support::{
    cluster::must,
    place::{listing, names},
};

/// Ends the calling test where libvirt or QEMU is not here.
#[macro_export]
macro_rules! needs_libvirt {
    () => {
        if let Some(why) = $crate::daemon::missing() {
            $crate::support::skip::skip_engine(&why);
            return;
        }
    };
}

pub(crate) fn repository() -> PathBuf {
    scratch_of_user("repository")
}

/// The disk of a point with all that it rests on is this, byte for byte.
#[track_caller]
pub(crate) fn expect_disk(point: &Path, bytes: &[u8]) {
    let raw = scratch_of_user("disk").join("raw");
    must(as_user("qemu-img").args(["convert", "-f", "qcow2", "-O", "raw"]).arg(point.join("vda.qcow2")).arg(&raw));
    assert!(fs::read(&raw).unwrap() == bytes, "{} is the disk of its moment", point.display());
    fs::remove_file(raw).unwrap();
}

/// What the file of a point rests on.
pub(crate) fn backing(point: &Path) -> Option<String> {
    let said = must(as_user("qemu-img").args(["info", "--output=json"]).arg(point.join("vda.qcow2")));
    let info: serde_json::Value = serde_json::from_str(&said).unwrap();
    info["backing-filename"].as_str().map(str::to_owned)
}

pub(crate) fn record(point: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(point.join("howdah_vm.json")).unwrap()).unwrap()
}

#[test]
fn a_full_backup_and_increments_are_the_disks_of_their_moments_and_the_third_is_a_full_one() {
    needs_libvirt!();
    let (daemon, repository) = (daemon(), repository());
    let guest = Guest::start(daemon, Speed::Fast);
    daemon.virsh(&["checkpoint-create-as", &guest.name, "foreign", "--diskspec", "vda"]);
    let folder = repository.join(&guest.name);
    let (mut labels, mut moments, mut before) = (Vec::<String>::new(), Vec::new(), Vec::new());
    for number in 0..4 {
        guest.write();
        let session = Session::new(order_of(daemon, &guest, &repository));
        let label = session.succeed();
        assert_eq!(guest.checkpoints(), ["foreign".to_owned(), session.checkpoint()], "{}", session.log());
        let point = folder.join(&label);
        let rests_on = labels.last().filter(|_| number != 0 && number != 3);
        assert_eq!(backing(&point), rests_on.map(|label| format!("../{label}/vda.qcow2")), "{}", session.log());
        let record = record(&point);
        assert_eq!((&record["session"], &record["by"]), (&session.uuid.to_string().into(), &"ops@bastion".into()));
        assert_eq!(record["rests_on"]["label"].as_str(), rests_on.map(String::as_str));
        let hash = must(as_user("sha256sum").arg(point.join("vda.qcow2")));
        assert!(hash.starts_with(record["disks"][0]["sha256"].as_str().unwrap()), "{hash}");
        assert!(fs::read_to_string(point.join("machine.xml")).unwrap().contains(&guest.name));
        let after = listing(&folder);
        assert!(before.iter().skip(1).all(|line| after.contains(line)), "earlier points stay as they are (R36)");
        // Another attempt of the session, whose end nobody had heard, finds it made.
        assert_eq!(session.succeed(), label);
        before = listing(&folder);
        labels.push(label);
        moments.push(guest.bytes());
        let why =
            ["has no restore point of it yet", "increment 1 on", "increment 2 on", "2 increments since the last full"];
        assert!(session.log().contains(why[number]), "{}", session.log());
    }
    guest.write();
    for (label, bytes) in labels.iter().zip(&moments) {
        expect_disk(&folder.join(label), bytes);
    }
    let mut found = names(&folder);
    found.sort();
    labels.sort();
    assert_eq!(found, labels, "nothing else is there");
}
