//! Other users than root, and places without FUSE: each in a mount namespace of its own, by starting this test again there.

use crate::{
    compare::{content, difference},
    harness::Overlay,
    model,
    rng::Rng,
    support::{
        again::{DEVICE_FOR_ALL, again, is_inside},
        cluster, place,
        skip::skip,
        timeout::until_true,
    },
};
use howdah::overlay;
use std::{fs, io::ErrorKind, os::unix::fs::FileExt as _, process::Command};

pub(crate) fn a_user_mounts_through_the_helper(test: &str) {
    if !is_inside() && cluster::is_root() {
        if Command::new("fusermount3").arg("-V").output().is_err() {
            return skip("there is no fusermount3 (package fuse3)", true);
        }
        if cluster::binaries().is_err() {
            return skip("there is no user postgres to mount as", true);
        }
        return again(test, DEVICE_FOR_ALL, Some("postgres"));
    }
    assert!(!cluster::is_root());
    assert_eq!(overlay::available(), Ok(()));
    let lower = model::lower(&mut Rng::of_round(2, 2), &place::scratch("user"));
    let expected = place::copy_of(&lower);
    model::private(&expected);
    let mut overlay = Overlay::of(&lower);
    overlay.start();
    for root in [overlay.data(), expected.clone()] {
        fs::write(root.join("base/text"), "changed").unwrap();
        fs::create_dir(root.join("made")).unwrap();
    }
    difference(&overlay.data(), &expected).unwrap();
    overlay.kill();
    overlay.start();
    difference(&overlay.data(), &expected).unwrap();
    let held = fs::File::open(overlay.data().join("large")).unwrap();
    let unmounted = overlay::unmount(&overlay.order.name).unwrap();
    assert_eq!(unmounted.mounts, [(overlay.order.mount.clone(), overlay::Detachment::Lazy)]);
    drop(held);
    assert!(overlay.serving.take().unwrap().wait(crate::support::timeout::TIMEOUT).unwrap());
    overlay.start();
    overlay.stop();
}

pub(crate) fn where_there_is_no_fuse_the_reason_is_a_sentence(test: &str) {
    if !is_inside() {
        if !cluster::is_root() {
            return skip("only root makes a namespace without /dev/fuse", false);
        }
        return again(test, "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3", None);
    }
    let why = overlay::available().unwrap_err();
    assert!(why.starts_with("there is no /dev/fuse"), "{why}");
    let lower = model::lower(&mut Rng::of_round(3, 3), &place::scratch("no-fuse"));
    let error = Overlay::of(&lower).try_start().unwrap_err().to_string();
    assert!(error.starts_with("cannot mount at"), "{error}");
}

/// The disk itself may be full long before the limit is reached.
pub(crate) fn a_disk_that_is_full_below_changes_nothing(test: &str) {
    if !is_inside() {
        if !cluster::is_root() {
            return skip("only root mounts a small disk", false);
        }
        return again(test, "true", None);
    }
    let lower = model::lower(&mut Rng::of_round(4, 4), &place::scratch("full"));
    let mut overlay = Overlay::of(&lower);
    fs::create_dir(&overlay.order.upper).unwrap();
    let upper = &overlay.order.upper;
    cluster::must(Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(upper));
    overlay.start();
    let open = |overlay: &Overlay, name: &str| {
        fs::OpenOptions::new().write(true).create(true).truncate(false).open(overlay.data().join(name)).unwrap()
    };
    // From now on the log of blocks has a place ahead.
    open(&overlay, "base/text").write_all_at(b"x", 0).unwrap();
    let filler = open(&overlay, "filler");
    let piece = vec![9; 256 << 10];
    let mut at = 0;
    while filler.write_all_at(&piece, at).is_ok() {
        at += piece.len() as u64;
    }
    let len = filler.metadata().unwrap().len();
    let large = open(&overlay, "base/large");
    assert_eq!(large.write_all_at(&piece, 0).unwrap_err().kind(), ErrorKind::StorageFull);
    overlay.kill();
    drop((filler, large));
    overlay.start();
    assert_eq!(fs::metadata(overlay.data().join("filler")).unwrap().len(), len, "a write that failed made it longer");
    let (shown, was) = (content(&overlay.data().join("base/large")), fs::read(lower.join("base/large")).unwrap());
    let is_either = |(shown, was): (&u8, &u8)| shown == was || *shown == 9;
    assert!(shown.len() == was.len() && shown.iter().zip(&was).all(is_either), "a write that failed left zeros");
    // Files can still be removed, and then there is room.
    fs::remove_file(overlay.data().join("filler")).unwrap();
    let large = open(&overlay, "base/large");
    until_true("what was removed is free", || large.write_all_at(&piece, 0).is_ok());
}
