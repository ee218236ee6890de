//! Backups that are ended in the middle, by a person or by a fault: nothing of them stays, and all else does.

use crate::{
    Guest, Session, Speed, backing,
    daemon::{Daemon, daemon, scratch_of_user},
    expect_disk, needs_libvirt, order_of, repository,
    support::{place::names, timeout::until_true},
};
use howdah::domain::{Disposed, FailureClass, fact::End};
use std::fs;

#[test]
fn r32_r34_a_stop_in_the_middle_deletes_the_checkpoint_and_the_guest_goes_on() {
    needs_libvirt!();
    let (daemon, repository) = (daemon(), repository());
    let guest = Guest::start(daemon, Speed::Slow);
    let session = Session::new(order_of(daemon, &guest, &repository));
    let attempt = session.start();
    attempt.until_under_way();
    assert_eq!(attempt.stop(), End::Stopped);
    assert_eq!(guest.checkpoints(), [session.checkpoint()], "libvirt keeps it by itself");
    assert_eq!(session.dispose(), Disposed::Removed, "{}", session.log());
    assert_eq!((guest.checkpoints(), guest.has_job()), (Vec::new(), false));
    assert_eq!(names(&repository), [""; 0], "{}", session.log());
    guest.write();
    // Whoever removes it is killed, and another one comes.
    assert_eq!(session.dispose(), Disposed::Nothing);
    // What was aborted does not block the next one.
    Session::new(order_of(daemon, &guest, &repository)).succeed();
}

#[test]
fn r34_a_checkpoint_of_a_machine_that_has_gone_off_is_deleted_and_its_bitmap_is_said_to_stay() {
    needs_libvirt!();
    let (daemon, repository) = (daemon(), repository());
    let guest = Guest::start(daemon, Speed::Slow);
    let session = Session::new(order_of(daemon, &guest, &repository));
    let attempt = session.start();
    attempt.until_under_way();
    assert_eq!(attempt.stop(), End::Stopped);
    daemon.virsh(&["destroy", &guest.name]);
    let Disposed::RemovedUnproven { what } = session.dispose() else { panic!("{}", session.log()) };
    assert!(what.contains("is off: the bitmap"), "{what}");
    assert_eq!((guest.checkpoints(), names(&repository)), (Vec::new(), Vec::new()));
    guest.boot();
    Session::new(order_of(daemon, &guest, &repository)).succeed();
}

#[test]
fn d09_a_backup_whose_worker_was_killed_is_watched_by_the_next_one_or_ended_by_the_disposal() {
    needs_libvirt!();
    let (daemon, repository) = (daemon(), repository());
    let guest = Guest::start(daemon, Speed::Slow);
    let kill = |session: &Session| {
        let attempt = session.start();
        attempt.until_under_way();
        attempt.kill();
        assert!(guest.has_job(), "it goes on at libvirt");
    };
    let session = Session::new(order_of(daemon, &guest, &repository));
    kill(&session);
    assert_eq!(session.dispose(), Disposed::Removed, "{}", session.log());
    assert_eq!((guest.checkpoints(), guest.has_job()), (Vec::new(), false));
    let session = Session::new(order_of(daemon, &guest, &repository));
    kill(&session);
    let label = session.succeed();
    assert!(session.log().contains("an earlier attempt has begun goes on at libvirt"), "{}", session.log());
    assert_eq!(names(&repository.join(&guest.name)), std::slice::from_ref(&label));
    expect_disk(&repository.join(&guest.name).join(label), &guest.bytes());
}

#[test]
fn d09_a_libvirtd_that_is_killed_is_a_disruption_and_its_backup_is_watched_again() {
    needs_libvirt!();
    let repository = repository();
    let mut daemon = Daemon::new();
    let name;
    {
        let guest = Guest::start(&daemon, Speed::Slow);
        name = guest.name.clone();
        std::mem::forget(guest);
    }
    let session = Session::new(crate::session::order_of_name(&daemon, &name, &repository));
    let attempt = session.start();
    attempt.until_under_way();
    daemon.kill();
    let failure = session.failure_of(attempt.end());
    assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
    assert!(matches!(session.fail().class, FailureClass::Disruption), "nobody answers");
    daemon.start();
    let label = session.succeed();
    assert!(session.log().contains("goes on at libvirt"), "{}", session.log());
    assert_eq!(backing(&repository.join(&name).join(label)), None);
    daemon.virsh(&["destroy", &name]);
}

#[test]
fn what_was_not_seen_at_libvirt_is_said() {
    needs_libvirt!();
    let repository = repository();
    let mut daemon = Daemon::new();
    let guest = Guest::start(&daemon, Speed::Slow);
    let name = guest.name.clone();
    std::mem::forget(guest);
    let session = Session::new(crate::session::order_of_name(&daemon, &name, &repository));
    let attempt = session.start();
    attempt.until_under_way();
    assert_eq!(attempt.stop(), End::Stopped);
    daemon.kill();
    let Disposed::RemovedUnproven { what } = session.dispose() else { panic!("{}", session.log()) };
    assert!(what.contains("the backup and its checkpoint at libvirt"), "{what}");
    daemon.start();
    daemon.virsh(&["destroy", &name]);
}

#[test]
fn a_foreign_backup_is_left_to_its_end_with_its_checkpoint() {
    needs_libvirt!();
    let (daemon, repository, other) = (daemon(), repository(), scratch_of_user("other"));
    let guest = Guest::start(daemon, Speed::Slow);
    let [backup, checkpoint] = ["backup.xml", "checkpoint.xml"].map(|name| other.join(name));
    let file = other.join("vda.qcow2");
    fs::write(
        &backup,
        format!(
            "<domainbackup mode='push'><disks><disk name='vda' type='file'><driver type='qcow2'/>\
             <target file='{}'/></disk></disks></domainbackup>",
            file.display()
        ),
    )
    .unwrap();
    fs::write(&checkpoint, "<domaincheckpoint><name>theirs</name></domaincheckpoint>").unwrap();
    let [backup, checkpoint] = [&backup, &checkpoint].map(|path| path.to_str().unwrap());
    daemon.virsh(&["backup-begin", &guest.name, backup, checkpoint]);
    let session = Session::new(order_of(daemon, &guest, &repository));
    let failure = session.fail();
    assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
    assert!(failure.cause.contains("a backup that is not this session's runs"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Nothing, "{}", session.log());
    until_true("it ends by itself", || !guest.has_job());
    assert!(file.exists() && names(&repository).is_empty(), "nobody has aborted it");
    let label = session.succeed();
    assert_eq!(guest.checkpoints(), [session.checkpoint(), "theirs".to_owned()]);
    expect_disk(&repository.join(&guest.name).join(label), &guest.bytes());
}

#[test]
fn a_bitmap_that_a_crash_has_broken_is_cured_by_a_full_backup() {
    needs_libvirt!();
    let (daemon, repository) = (daemon(), repository());
    let guest = Guest::start(daemon, Speed::Fast);
    let folder = repository.join(&guest.name);
    Session::new(order_of(daemon, &guest, &repository)).succeed();
    guest.kill();
    let session = Session::new(order_of(daemon, &guest, &repository));
    let failure = session.fail();
    assert!(failure.class == FailureClass::Incurable && failure.cause.contains("has crashed"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Nothing);
    guest.boot();
    guest.write();
    let session = Session::new(order_of(daemon, &guest, &repository));
    let point = folder.join(session.succeed());
    assert!(session.log().contains("has lost its bitmap"), "{}", session.log());
    assert_eq!((backing(&point), guest.checkpoints()), (None, vec![session.checkpoint()]));
    guest.write();
    let session = Session::new(order_of(daemon, &guest, &repository));
    let point = folder.join(session.succeed());
    assert!(backing(&point).is_some(), "the next one is an increment again: {}", session.log());
    expect_disk(&point, &guest.bytes());
}
