//! Restores of machines: to their end, refused, ended in the middle by a person or a fault. The images are those of their
//! moment, the source runs on, and what others have is as it was.

use crate::{
    Guest, Speed,
    daemon::{Daemon, daemon, give, scratch_of_user},
    needs_libvirt, record, repository,
    restoring::{Chain, Moment, Restoring, backed_up, bytes_of, chain, copied},
    support::{place::listing, timeout::until_true},
};
use howdah::domain::{Achieved, Disposed, Disposition, Failure, FailureClass, InstanceName, fact::End};
use std::{
    fs,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// In place of a program: given this word it first does something, says so, and hangs.
fn hanging(program: &str, word: &str, first: &str) -> (PathBuf, PathBuf) {
    let place = scratch_of_user("programs");
    let (stand_in, hangs) = (place.join(program), place.join("hangs"));
    let script = format!(
        "#!/bin/sh\nPATH=${{PATH#*:}}\ncase \" $* \" in *\" {word} \"*) {first}; : >{hangs}; exec tail -f {hangs};; esac\n\
         exec {program} \"$@\"\n",
        hangs = hangs.display()
    );
    fs::write(&stand_in, script).unwrap();
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    give(&place);
    (place, hangs)
}

#[track_caller]
fn incurable(failure: &Failure, cause: &str) {
    assert!(failure.class == FailureClass::Incurable && failure.cause.contains(cause), "{failure}");
    assert!(!failure.advice.is_empty(), "{failure}");
}

fn flip(path: &Path, at: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// Half of a slow copy is there.
fn under_way(restoring: &Restoring) -> crate::session::Attempt {
    let attempt = restoring.start();
    attempt.until_under_way();
    attempt
}

#[test]
fn a_chain_becomes_images_of_their_moments_and_a_guest_says_its_name_while_its_source_runs_on() {
    needs_libvirt!();
    let (daemon, Chain { name: source, guest, moments, repository }) = (daemon(), chain());
    let before = listing(repository);
    let restoring = Restoring::of(daemon, source, &moments[2].point).started();
    let success = restoring.succeed();
    let answer = format!("its serial console says: I am {source}");
    let name = restoring.order.name.to_string();
    assert_eq!(success.result, Achieved::VirtualMachine { name: name.clone(), answer: Some(answer) });
    assert!(success.unchecked[0].contains("qemu-img made of 2 increments was not compared"), "{success:?}");
    restoring.expect_disk(&moments[2].bytes);
    assert_eq!(
        (restoring.files(), restoring.state().as_str()),
        (vec!["serial.log".into(), "vda.qcow2".into()], "running")
    );
    let xml = daemon.virsh(&["dumpxml", &name]);
    for of_source in [
        record(&moments[2].point)["uuid"].as_str().unwrap(),
        &guest.lock().unwrap().disk().display().to_string(),
        "/serial'",
    ] {
        assert!(!xml.contains(of_source), "{of_source}: {xml}");
    }
    let log = restoring.log();
    assert!(
        log.contains("its serial 0 was of the type unix") && log.contains("a full backup and 2 increments"),
        "{log}"
    );
    // Another attempt of the session, whose end nobody had heard, finds it made.
    let uuid = restoring.uuid();
    assert_eq!((restoring.succeed(), restoring.uuid()), (success, uuid));
    assert_eq!(restoring.dispose(Disposition::Default), Disposed::Kept, "it was done");
    assert_eq!(restoring.state(), "running");
    guest.lock().unwrap().write();

    for moment in &moments[..2] {
        let restoring = Restoring::of(daemon, source, &moment.point);
        let success = restoring.succeed();
        let Achieved::VirtualMachine { answer: None, .. } = &success.result else { panic!("{success:?}") };
        assert!(success.unchecked.last().unwrap().contains("whether it boots was not seen"), "{success:?}");
        restoring.expect_disk(&moment.bytes);
        assert_eq!((restoring.files(), restoring.state().as_str()), (vec!["vda.qcow2".into()], "shut off"));
    }
    assert!(before == listing(repository), "restore points are read alone");
}

#[test]
fn s15_a_chain_that_was_altered_or_is_not_whole_is_refused_and_nothing_is_defined() {
    needs_libvirt!();
    let (daemon, repository) = (daemon(), repository());
    let guest = Guest::start(daemon, Speed::Fast);
    let [full, newest] = backed_up(daemon, &guest, &repository, 2).try_into().ok().unwrap();
    let file = |moment: &Moment| moment.point.join("vda.qcow2");
    let refused = |cause: &str, left: Disposed| {
        let restoring = Restoring::of(daemon, &guest.name, &newest.point).started();
        incurable(&restoring.fail(), cause);
        assert_eq!(restoring.uuid(), None, "{}", restoring.log());
        assert_eq!(restoring.dispose(Disposition::Default), left, "{}", restoring.log());
        assert!(!restoring.order.directory.exists());
    };
    for (moment, at) in [(&full, bytes_of(&full) - 1), (&full, 70_000), (&newest, bytes_of(&newest) / 2)] {
        flip(&file(moment), at);
        refused("is not what the backup wrote: its SHA-256", Disposed::Removed);
        flip(&file(moment), at);
    }
    // The name of what it rests on stands in its first cluster.
    let text = fs::read(file(&newest)).unwrap();
    let label = full.point.file_name().unwrap().to_str().unwrap().as_bytes();
    let at = text.windows(label.len()).position(|found| found == label).unwrap() as u64;
    flip(&file(&newest), at);
    refused("rests on ../", Disposed::Nothing);
    flip(&file(&newest), at);
    let xml = newest.point.join("machine.xml");
    flip(&xml, 20);
    refused("machine.xml of", Disposed::Nothing);
    flip(&xml, 20);
    let hidden = repository.join("hidden");
    fs::rename(&full.point, &hidden).unwrap();
    refused("which is gone", Disposed::Nothing);
    fs::rename(&hidden, &full.point).unwrap();
    fs::rename(file(&full), &hidden).unwrap();
    refused("is gone or of another length", Disposed::Nothing);
    fs::rename(&hidden, file(&full)).unwrap();
    Restoring::of(daemon, &guest.name, &newest.point).succeed();
}

#[test]
fn s08_names_and_directories_of_others_are_left_alone() {
    needs_libvirt!();
    let (daemon, Chain { name: source, guest, moments, .. }) = (daemon(), chain());
    let full = &moments[0];
    let other = |change: &dyn Fn(&mut Restoring), cause: &str| {
        let mut restoring = Restoring::of(daemon, source, &full.point).started();
        change(&mut restoring);
        incurable(&restoring.fail(), cause);
        assert_eq!(restoring.dispose(Disposition::Remove), Disposed::Nothing, "{}", restoring.log());
    };
    other(&|restoring| restoring.order.name = InstanceName::new(source), "which this session has not made");
    other(&|restoring| restoring.order.name = InstanceName::new("../x"), "cannot be the name");
    other(
        &|restoring| restoring.order.uri = "qemu+ssh://elsewhere/system".to_owned(),
        "no connection to QEMU on this machine",
    );
    other(&|restoring| restoring.order.directory = full.point.join("in"), "lie in each other");
    let theirs = scratch_of_user("theirs");
    fs::write(theirs.join("vda.qcow2"), "theirs").unwrap();
    other(&|restoring| restoring.order.directory.clone_from(&theirs), "is not empty: vda.qcow2 is in it");
    assert_eq!(fs::read_to_string(theirs.join("vda.qcow2")).unwrap(), "theirs");
    let guest = guest.lock().unwrap();
    guest.write();
    assert!(guest.state().starts_with("running"), "the machine of that name is as it was");

    // Two sessions of two state directories: for the directory, and for the name.
    let first = Restoring::of(daemon, source, &full.point).slowly();
    let attempt = under_way(&first);
    let mut second = first.rival();
    incurable(&second.fail(), &first.order.directory.display().to_string());
    second.order.directory = scratch_of_user("second").join("disks");
    incurable(&second.fail(), first.order.name.as_str());
    assert_eq!(second.dispose(Disposition::Default), Disposed::Nothing, "{}", second.log());
    assert_eq!(attempt.stop(), End::Stopped);
    assert_eq!(first.dispose(Disposition::Default), Disposed::Removed, "{}", first.log());
}

#[test]
fn s02_a_restore_that_was_killed_in_its_copy_goes_on_from_there_and_a_cancel_removes_its_own() {
    needs_libvirt!();
    let (daemon, Chain { name: source, moments, .. }) = (daemon(), chain());
    let [full, newest, ..] = moments.as_slice() else { panic!() };
    let restoring = Restoring::of(daemon, source, &newest.point).slowly();
    under_way(&restoring).kill();
    let came = fs::metadata(restoring.order.directory.join("vda.qcow2.partial")).unwrap().len();
    assert!((1..bytes_of(full)).contains(&came) && restoring.uuid().is_none(), "{came}");
    let restoring = restoring.at_once();
    let attempt = restoring.start();
    assert_eq!(copied(&attempt), came, "{}", restoring.log());
    assert!(matches!(attempt.end(), End::Succeeded(_)), "{}", restoring.log());
    restoring.expect_disk(&newest.bytes);

    let restoring = Restoring::of(daemon, source, &newest.point).slowly();
    assert_eq!(under_way(&restoring).stop(), End::Stopped);
    assert_eq!(restoring.dispose(Disposition::Keep), Disposed::Kept);
    assert_eq!(restoring.files(), [".howdah-machine.json", "vda.qcow2.partial"]);
    assert_eq!(restoring.dispose(Disposition::Default), Disposed::Removed);
    assert!(!restoring.order.directory.exists());
    let mut restoring = Restoring::of(daemon, source, &newest.point).slowly();
    restoring.order.directory = scratch_of_user("given");
    assert_eq!(under_way(&restoring).stop(), End::Stopped);
    assert_eq!(restoring.dispose(Disposition::Default), Disposed::Kept, "it has not made the directory (D7)");
    assert_eq!(restoring.dispose(Disposition::Remove), Disposed::Removed, "{}", restoring.log());
    assert_eq!(restoring.files(), [""; 0]);
}

#[test]
fn s02_an_image_that_increments_were_being_put_into_takes_them_again_or_is_made_anew_where_it_is_torn() {
    needs_libvirt!();
    let (daemon, Chain { name: source, moments, .. }) = (daemon(), chain());
    let sizes: Vec<u64> = moments.iter().map(bytes_of).collect();
    // Of the clusters that an increment holds.
    let half = "PATH=${PATH#*:} qemu-io -f qcow2 -c 'write -P 7 4k 8k' vda.qcow2.partial";
    // The table of reference counts begins in the second cluster.
    let torn = "head -c 65536 /dev/zero | tr '\\0' '\\252' | dd of=vda.qcow2.partial bs=65536 seek=1 conv=notrunc";
    for (harm, kept) in [("true", true), (half, true), (torn, false)] {
        let (programs, hangs) = hanging("qemu-img", "commit", harm);
        let mut restoring = Restoring::of(daemon, source, &moments[2].point);
        restoring.programs = Some(programs);
        let attempt = restoring.start();
        until_true("increments are put into the image", || hangs.exists());
        if kept {
            attempt.kill();
        } else {
            assert_eq!(attempt.stop(), End::Stopped, "a program that hangs holds up no stop");
        }
        assert_eq!(restoring.uuid(), None);
        restoring.programs = None;
        let attempt = restoring.start();
        let wanted = if kept { sizes.iter().sum() } else { 0 };
        assert_eq!(copied(&attempt), wanted, "{}", restoring.log());
        assert_eq!(restoring.log().contains("was torn, and is made anew"), !kept, "{}", restoring.log());
        assert!(matches!(attempt.end(), End::Succeeded(_)), "{}", restoring.log());
        restoring.expect_disk(&moments[2].bytes);
        assert_eq!(restoring.files(), ["vda.qcow2"]);
    }
}

#[test]
fn a_machine_that_was_defined_when_its_worker_was_killed_is_known_again_and_goes_with_a_cancel() {
    needs_libvirt!();
    let (daemon, Chain { name: source, guest, moments, .. }) = (daemon(), chain());
    let full = &moments[0];
    let killed = |restoring: &mut Restoring, first: &str| {
        let (programs, hangs) = hanging("virsh", "start", first);
        restoring.programs = Some(programs);
        let attempt = restoring.start();
        until_true("it is defined, and to be started", || hangs.exists());
        attempt.kill();
        restoring.programs = None;
        // As if it had been before the UUID was written down.
        let mark = restoring.order.directory.join(".howdah-machine.json");
        let mut text: serde_json::Value = serde_json::from_slice(&fs::read(&mark).unwrap()).unwrap();
        text["uuid"] = serde_json::Value::Null;
        fs::write(&mark, text.to_string()).unwrap();
        restoring.uuid().unwrap()
    };
    let mut restoring = Restoring::of(daemon, source, &full.point).started();
    // What libvirt was asked for by then goes on.
    let uuid = killed(&mut restoring, "virsh \"$@\" & true");
    // Somebody else's session of the same order has no part in it.
    incurable(&restoring.rival().fail(), &restoring.order.directory.display().to_string());
    let success = restoring.succeed();
    assert!(success.to_string().contains(&format!("I am {source}")), "{success}");
    assert_eq!(restoring.uuid(), Some(uuid), "{}", restoring.log());
    assert!(restoring.log().contains("an earlier attempt has defined it"), "{}", restoring.log());

    let mut restoring = Restoring::of(daemon, source, &full.point).started();
    killed(&mut restoring, "virsh \"$@\"");
    assert_eq!(restoring.dispose(Disposition::Default), Disposed::Removed, "{}", restoring.log());
    assert!(restoring.uuid().is_none() && !restoring.order.directory.exists(), "{}", restoring.log());
    // Somebody has put another machine in the place of ours.
    let mut restoring = Restoring::of(daemon, source, &full.point).started();
    killed(&mut restoring, "true");
    let name = restoring.order.name.as_str();
    let _was_off = daemon.try_virsh(&["destroy", name]);
    daemon.virsh(&["undefine", name]);
    let xml = scratch_of_user("foreign").join("xml");
    let theirs = guest.lock().unwrap().xml("qcow2").replace(&format!("<name>{source}<"), &format!("<name>{name}<"));
    fs::write(&xml, theirs).unwrap();
    daemon.virsh(&["define", xml.to_str().unwrap()]);
    let theirs = restoring.uuid();
    incurable(&restoring.fail(), "which this session has not made");
    assert_eq!(restoring.dispose(Disposition::Default), Disposed::Removed, "{}", restoring.log());
    assert_eq!(restoring.uuid(), theirs, "it is left alone: {}", restoring.log());
    daemon.virsh(&["undefine", name]);
}

#[test]
fn r08_a_libvirtd_that_is_gone_is_a_disruption_and_a_cancel_keeps_what_may_be_in_use() {
    needs_libvirt!();
    let repository = repository();
    let mut daemon = Daemon::new();
    let guest = Guest::start(&daemon, Speed::Fast);
    let [full] = backed_up(&daemon, &guest, &repository, 1).try_into().ok().unwrap();
    let restoring = Restoring::of(&daemon, &guest.name, &full.point).started();
    let (source, greeting) = (guest.name.clone(), format!("I am {}", guest.name));
    std::mem::forget(guest);
    let attempt = restoring.start();
    until_true("libvirt has the machine", || restoring.uuid().is_some());
    daemon.kill();
    let failure = restoring.failure_of(attempt.end());
    assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
    assert_eq!(restoring.fail().class, FailureClass::Disruption, "nobody answers");
    let refused = restoring.cannot_dispose();
    assert_eq!(refused.class, FailureClass::Disruption, "{refused}");
    assert!(restoring.files().contains(&"vda.qcow2".to_owned()), "its guest may run on it");
    daemon.start();
    let success = restoring.succeed();
    assert!(success.to_string().contains(&greeting), "{success}");
    restoring.expect_disk(&full.bytes);
    daemon.virsh(&["destroy", &source]);
}
