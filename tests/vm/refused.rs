//! Machines that cannot be backed up: each with a sentence that says why and what to do, and nothing written.

use crate::{
    Guest, Session, Speed, daemon::daemon, needs_libvirt, order_of, repository, session::order_of_name,
    support::place::names,
};
use howdah::domain::{BackupObject, Disposed, FailureClass};
use std::fs;

#[test]
fn machines_that_are_unknown_off_or_without_bitmaps_are_refused() {
    needs_libvirt!();
    let (daemon, repository) = (daemon(), repository());
    let refuse = |session: &Session, class: FailureClass, says: &str| {
        let failure = session.fail();
        assert!(failure.class == class && failure.cause.contains(says), "{says}: {failure:?}");
        assert_eq!(session.dispose(), Disposed::Nothing, "{}", session.log());
        assert_eq!(names(&repository), [""; 0]);
    };
    refuse(
        &Session::new(order_of_name(daemon, "no-such-machine", &repository)),
        FailureClass::Incurable,
        "failed to get domain 'no-such-machine'",
    );
    let guest = Guest::start(daemon, Speed::Fast);
    let id = daemon.virsh(&["domid", &guest.name]);
    let mut by_number = Session::new(order_of(daemon, &guest, &repository));
    if let BackupObject::VirtualMachine { domain, .. } = &mut by_number.order.object {
        *domain = id;
    }
    refuse(&by_number, FailureClass::Incurable, "of that number alone");
    let mut elsewhere = Session::new(order_of(daemon, &guest, &repository));
    if let BackupObject::VirtualMachine { uri, .. } = &mut elsewhere.order.object {
        *uri = "qemu+ssh://host/system".to_owned();
    }
    refuse(&elsewhere, FailureClass::Incurable, "is no connection to QEMU on this machine");
    let session = Session::new(order_of(daemon, &guest, &repository));
    daemon.virsh(&["destroy", &guest.name]);
    refuse(&session, FailureClass::Incurable, "is off");
    let raw = repository.with_extension("xml");
    let uuid = daemon.virsh(&["domuuid", &guest.name]);
    let xml = guest.xml("raw").replace("<memory", &format!("<uuid>{uuid}</uuid><memory"));
    fs::write(&raw, xml).unwrap();
    daemon.virsh(&["define", raw.to_str().unwrap()]);
    daemon.virsh(&["start", &guest.name]);
    refuse(&session, FailureClass::Incurable, "is raw, which holds no bitmaps");
}

#[test]
fn a_paused_machine_is_backed_up_as_it_stands() {
    needs_libvirt!();
    let (daemon, repository) = (daemon(), repository());
    let guest = Guest::start(daemon, Speed::Fast);
    daemon.virsh(&["suspend", &guest.name]);
    let session = Session::new(order_of(daemon, &guest, &repository));
    let label = session.succeed();
    assert!(guest.state().starts_with("paused"), "and stays paused");
    crate::expect_disk(&repository.join(&guest.name).join(label), &guest.bytes());
}
