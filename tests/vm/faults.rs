//! Faults below a backup: each has its class and a sentence, and nothing of the backup stays.

use crate::{
    Guest, Session, Speed,
    daemon::{daemon, end_slow_base, give, scratch_of_user},
    needs_libvirt, order_of, repository,
    support::{again, cluster::is_root, place::names, skip},
};
use howdah::domain::{Disposed, FailureClass};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// A file system for one backup and little more.
const SMALL: &str =
    "mkdir small && mount -t tmpfs -o size=40m tmpfs small && chmod 777 small && export SMALL=$PWD/small";

/// A program that is found before the real one.
fn program(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_target_that_becomes_full_is_incurable() {
    needs_libvirt!();
    if !again::is_inside() {
        if !is_root() {
            return skip::skip("only root may mount a file system", false);
        }
        return again::again("faults::a_target_that_becomes_full_is_incurable", SMALL, None);
    }
    let repository = PathBuf::from(std::env::var_os("SMALL").unwrap());
    let guest = Guest::start(daemon(), Speed::Slow);
    let session = Session::new(order_of(daemon(), &guest, &repository));
    let attempt = session.start();
    attempt.until_under_way();
    let full = fs::write(repository.join("full"), vec![1; 40 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let failure = session.failure_of(attempt.end());
    assert!(failure.class == FailureClass::Incurable && failure.cause.contains("No space left on device"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed, "{}", session.log());
    assert_eq!(
        (guest.checkpoints(), guest.has_job(), names(&repository)),
        (Vec::new(), false, vec!["full".to_owned()])
    );
    guest.write();
    let failure = session.fail();
    assert!(failure.class == FailureClass::Incurable && failure.cause.contains("are free in"), "{failure}");
    fs::remove_file(repository.join("full")).unwrap();
    session.succeed();
}

#[test]
fn a_disk_that_cannot_be_read_is_a_disruption() {
    needs_libvirt!();
    let (daemon, repository) = (daemon(), repository());
    let guest = Guest::start(daemon, Speed::Own);
    let session = Session::new(order_of(daemon, &guest, &repository));
    let attempt = session.start();
    attempt.until_under_way();
    end_slow_base(Speed::OWN);
    let failure = session.failure_of(attempt.end());
    assert!(failure.class == FailureClass::Disruption && failure.cause.contains("Input/output error"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed, "{}", session.log());
    assert_eq!((guest.checkpoints(), guest.has_job(), names(&repository)), (Vec::new(), false, Vec::new()));
    guest.write();
}

/// QEMU closes its file a moment after libvirt has called the backup complete.
#[test]
fn a_file_that_qemu_still_holds_is_waited_for() {
    needs_libvirt!();
    let (daemon, repository, programs) = (daemon(), repository(), scratch_of_user("programs"));
    let script = "#!/bin/sh\nPATH=${PATH#*:}\nfor file; do :; done\nif mkdir \"$0.once\" 2>/dev/null; then\n\
                  qemu-io -f qcow2 -c 'sleep 1500' \"$file\" >/dev/null 2>&1 &\n\
                  while qemu-img info \"$file\" >/dev/null 2>&1; do :; done\nfi\nexec qemu-img \"$@\"\n";
    program(&programs.join("qemu-img"), script);
    let guest = Guest::start(daemon, Speed::Fast);
    let mut session = Session::new(order_of(daemon, &guest, &repository));
    session.programs = Some(programs.clone());
    let label = session.succeed();
    assert!(programs.join("qemu-img.once").exists(), "the file was locked meanwhile");
    crate::expect_disk(&repository.join(&guest.name).join(label), &guest.bytes());
}

/// libvirt says no, and that is its answer: the disposal does not wait whether a backup begins after all.
#[test]
fn a_backup_that_libvirt_refuses_leaves_nothing_to_wait_for() {
    needs_libvirt!();
    let (daemon, repository, programs) = (daemon(), repository(), scratch_of_user("programs"));
    let guest = Guest::start(daemon, Speed::Fast);
    let script = format!(
        "#!/bin/sh\nPATH=${{PATH#*:}}\ncase \"$*\" in *backup-begin*)\n\
         for made in '{}'/.incoming-*; do echo theirs >\"$made/vda.qcow2\"; done;; esac\nexec virsh \"$@\"\n",
        repository.join(&guest.name).display()
    );
    program(&programs.join("virsh"), &script);
    let mut session = Session::new(order_of(daemon, &guest, &repository));
    session.programs = Some(programs);
    let failure = session.fail();
    assert!(failure.class == FailureClass::Incurable && failure.cause.contains("exists"), "{failure}");
    assert!(session.howdah.state.join("attempts/1/1/checkpoint.answered").exists());
    assert_eq!(session.dispose(), Disposed::Removed, "{}", session.log());
    assert_eq!((guest.checkpoints(), names(&repository)), (Vec::new(), Vec::new()));
}

#[test]
fn a_repository_that_is_moved_away_is_a_disruption_and_what_lies_there_is_said() {
    needs_libvirt!();
    let (daemon, place) = (daemon(), repository());
    let [repository, elsewhere] = ["there", "elsewhere"].map(|name| place.join(name));
    fs::create_dir(&repository).unwrap();
    give(&repository);
    let guest = Guest::start(daemon, Speed::Slow);
    let session = Session::new(order_of(daemon, &guest, &repository));
    let attempt = session.start();
    attempt.until_under_way();
    fs::rename(&repository, &elsewhere).unwrap();
    let failure = session.failure_of(attempt.end());
    assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
    let Disposed::RemovedUnproven { what } = session.dispose() else { panic!("{}", session.log()) };
    assert!(what.contains(".incoming-"), "{what}");
    assert_eq!((guest.checkpoints(), guest.has_job()), (Vec::new(), false), "{}", session.log());
    guest.write();
    fs::remove_dir_all(&repository).unwrap_or_default();
    fs::rename(&elsewhere, &repository).unwrap();
    assert_eq!(session.dispose(), Disposed::Removed, "{}", session.log());
    assert_eq!(names(&repository), [""; 0]);
}
