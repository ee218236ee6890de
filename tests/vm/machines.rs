//! Machines that change between two backups, and machines that two jobs look after: each point is the disk of its moment.

use crate::{
    Guest, Session, Speed, backing,
    daemon::{as_user, daemon, scratch_of_user},
    expect_disk, needs_libvirt, order_of, repository,
    support::{cluster::must, place::names},
};
use howdah::domain::{BackupObject, Disposed, FailureClass, InstanceName};
use std::fs;

#[test]
fn two_jobs_over_one_machine_have_each_its_own_chain() {
    needs_libvirt!();
    let (daemon, guest) = (daemon(), Guest::start(daemon(), Speed::Fast));
    let repositories = [repository(), repository()];
    let mut moments = Vec::new();
    for round in 0..2 {
        for (repository, job) in repositories.iter().zip(["nightly", "hourly"]) {
            guest.write();
            let mut order = order_of(daemon, &guest, repository);
            order.job = InstanceName::new(job);
            let session = Session::new(order);
            let point = repository.join(&guest.name).join(session.succeed());
            assert_eq!(backing(&point).is_some(), round > 0, "{}", session.log());
            moments.push((point, guest.bytes()));
        }
        assert_eq!(guest.checkpoints().len(), 2);
    }
    for (point, bytes) in moments {
        expect_disk(&point, &bytes);
    }
}

#[test]
fn a_disk_that_has_grown_or_come_makes_a_full_one_and_another_machine_of_the_name_is_refused() {
    needs_libvirt!();
    // A path as nobody writes it by hand, to libvirt and back.
    let place = repository();
    let [repository, tab] = ["a & 'b' \"c\" <d>,e:f;ü", "a\tb"].map(|name| place.join(name));
    must(as_user("mkdir").args([&repository, &tab, &place.join("a b")]));
    let (daemon, guest) = (daemon(), Guest::start(daemon(), Speed::Fast));
    let session = Session::new(order_of(daemon, &guest, &tab));
    let failure = session.fail();
    assert_eq!(session.dispose(), Disposed::Nothing);
    assert!(failure.class == FailureClass::Incurable && failure.cause.contains("control characters"), "{failure}");
    let folder = repository.join(&guest.name);
    let next = |says: &str| {
        guest.write();
        let session = Session::new(order_of(daemon, &guest, &repository));
        let point = folder.join(session.succeed());
        assert!(session.log().contains(says), "{says}: {}", session.log());
        point
    };
    expect_disk(&next("has no restore point of it yet"), &guest.bytes());
    let grown = guest.bytes().len() as u64 + (1 << 20);
    daemon.virsh(&["blockresize", &guest.name, "vda", &format!("{grown}b")]);
    let point = next("or of another size");
    let grown = usize::try_from(grown).unwrap();
    let mut bytes = guest.bytes();
    bytes.resize(grown, 0);
    expect_disk(&point, &bytes);
    let empty = scratch_of_user("empty").join("disk.qcow2");
    must(as_user("qemu-img").args(["create", "-q", "-f", "qcow2"]).arg(&empty).arg("0"));
    daemon.virsh(&["attach-disk", &guest.name, empty.to_str().unwrap(), "vdb", "--subdriver", "qcow2"]);
    let point = next("or of another size");
    assert!(point.join("vdb.qcow2").exists() && backing(&point).is_none());
    assert!(backing(&next("increment 1 on")).is_some());

    daemon.virsh(&["destroy", &guest.name]);
    daemon.virsh(&["undefine", "--checkpoints-metadata", &guest.name]);
    guest.define();
    guest.boot();
    let before = names(&folder);
    let session = Session::new(order_of(daemon, &guest, &repository));
    let failure = session.fail();
    assert!(failure.class == FailureClass::Incurable && failure.cause.contains("is of the machine"), "{failure}");
    assert_eq!((session.dispose(), names(&folder), guest.checkpoints()), (Disposed::Nothing, before, Vec::new()));
    // Under a name of its own it has a place of its own.
    let mut session = Session::new(order_of(daemon, &guest, &repository));
    if let BackupObject::VirtualMachine { name, .. } = &mut session.order.object {
        *name = InstanceName::new("another");
    }
    let label = session.succeed();
    assert!(fs::exists(repository.join("another").join(label)).unwrap());
}
