//! What goes wrong below an overlay, and what an overlay refuses.

use crate::{
    compare::{content, difference, fingerprint},
    harness::Overlay,
    members, model,
    rng::Rng,
    support::{place, timeout::until_true},
};
use howdah::{
    domain::ByteCount,
    overlay::{self, Lower, OverlayError, Root},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
    process::Command,
};

fn lower() -> std::path::PathBuf {
    model::lower(&mut Rng::of_round(1, 1), &place::scratch("faults"))
}

/// The code of the error that reading a file ends in.
fn read_error(path: &Path) -> Option<i32> {
    fs::read(path).err().and_then(|error| error.raw_os_error())
}

pub(crate) fn a_lower_file_that_changed_is_an_error_with_its_name() {
    let lower = lower();
    let mut overlay = Overlay::of(&lower);
    overlay.start();
    let data = overlay.data();
    // Open and read once: the length is looked at each time.
    let held = File::open(data.join("base/large")).unwrap();
    held.read_exact_at(&mut [0; 100], 0).unwrap();
    rustix::fs::fadvise(&held, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let shorter = OpenOptions::new().write(true).open(lower.join("base/large")).unwrap();
    shorter.set_len(200_000).unwrap();
    OpenOptions::new().append(true).open(lower.join("base/text")).unwrap().write_all(b"more").unwrap();
    fs::remove_file(lower.join("base/small")).unwrap();
    fs::remove_file(lower.join("base/page")).unwrap();
    symlink(lower.join("page"), lower.join("base/page")).unwrap();
    let io = Some(rustix::io::Errno::IO.raw_os_error());
    assert_eq!(held.read_exact_at(&mut [0; 100], 100_000).err().and_then(|error| error.raw_os_error()), io);
    for name in ["large", "text", "small", "page"] {
        let path = data.join("base").join(name);
        assert_eq!(read_error(&path), io, "{name}");
        // A partial write needs the rest of its block.
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        assert_eq!(file.write_all_at(b"x", 10).err().and_then(|error| error.raw_os_error()), io, "{name}");
        let log = overlay.log();
        assert_eq!(log.matches(lower.join("base").join(name).to_str().unwrap()).count(), 1, "{name}: {log}");
    }
    // Whole blocks need nothing of it.
    let file = OpenOptions::new().write(true).open(data.join("base/large")).unwrap();
    file.write_all_at(&[7; 8192], 8192).unwrap();
    let mut block = vec![0; 8192];
    File::open(data.join("base/large")).unwrap().read_exact_at(&mut block, 8192).unwrap();
    assert_eq!(block, [7; 8192]);
    assert_eq!(content(&data.join("large")), fs::read(lower.join("large")).unwrap(), "others are as they were");
    until_true("the status names them", || overlay.status().unreadable.len() == 4);
    // After a kill the name is still there, and still an error: it is not looked for a second time.
    overlay.kill();
    overlay.start();
    assert_eq!(read_error(&data.join("base/small")), io);
    overlay.stop();
}

pub(crate) fn what_becomes_of_an_open_file_after_its_name_is_gone_does_not_outlive_a_kill() {
    let mut overlay = Overlay::of(&lower());
    overlay.start();
    let path = overlay.data().join("base/large");
    let held = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    // The lower's end moves, and must be known when the file is longer again; mode and times are changes, too.
    held.set_len(5_000).unwrap();
    held.set_len(50_000).unwrap();
    held.write_all_at(b"x", 20_000).unwrap();
    held.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
    held.set_modified(std::time::UNIX_EPOCH).unwrap();
    held.sync_all().unwrap();
    overlay.kill();
    overlay.start();
    assert!(!path.exists());
    overlay.stop();
}

pub(crate) fn what_was_cut_off_takes_its_room_again() {
    let mut overlay = Overlay::of(&lower());
    let limit = 6 << 20;
    overlay.order.limit = ByteCount(limit);
    overlay.start();
    let file = File::create(overlay.data().join("cut")).unwrap();
    let whole = vec![1; 2 << 20];
    file.write_all_at(&whole, 0).unwrap();
    file.set_len(0).unwrap();
    file.set_len(whole.len() as u64).unwrap();
    let filler = File::create(overlay.data().join("filler")).unwrap();
    let piece = vec![2; 50_000];
    let pieces = (0..limit).step_by(50_000).take_while(|at| filler.write_all_at(&piece, *at).is_ok()).count();
    assert!(pieces > 80, "{pieces} pieces: what was cut off gave its room back");
    assert_eq!(file.write_all_at(&whole, 0).unwrap_err().kind(), ErrorKind::StorageFull);
    assert!(overlay::occupied_by(&overlay.order.upper).unwrap() <= limit);
}

pub(crate) fn the_limit_is_never_exceeded_and_says_no_space() {
    let lower = lower();
    let mut overlay = Overlay::of(&lower);
    let limit = 6 << 20;
    overlay.order.limit = ByteCount(limit);
    overlay.start();
    let file = File::create(overlay.data().join("filler")).unwrap();
    let mut at = 0;
    let full = loop {
        match file.write_all_at(&vec![1; 50_000], at) {
            Ok(()) => at += 50_000,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    assert!(at > limit / 2, "{at} bytes of {limit}");
    // The kernel writes what ends a page by itself: a part of the last write may have come through.
    let len = file.metadata().unwrap().len();
    assert!((at..at + 50_000).contains(&len), "{len} bytes after {at} that were acknowledged");
    assert!(content(&overlay.data().join("filler")).iter().all(|byte| *byte == 1));
    assert!(overlay::occupied_by(&overlay.order.upper).unwrap() <= limit);
    let space = rustix::fs::statvfs(&overlay.order.mount).unwrap();
    assert!(space.f_bavail * space.f_frsize < 100_000, "{} blocks are free", space.f_bavail);
    until_true("the refusals are in the status", || overlay.status().refused > 0);
    // What is there can be written over, before and after a new beginning.
    for _ in 0..2 {
        let file = OpenOptions::new().write(true).open(overlay.data().join("filler")).unwrap();
        file.write_all_at(&vec![2; 1 << 20], 12_345).unwrap();
        assert_eq!(file.write_all_at(&vec![1; 100_000], at).unwrap_err().kind(), ErrorKind::StorageFull);
        let lower = OpenOptions::new().write(true).open(overlay.data().join("base/large")).unwrap();
        assert_eq!(lower.write_all_at(&vec![1; 100_000], 0).unwrap_err().kind(), ErrorKind::StorageFull);
        overlay.kill();
        overlay.start();
        assert!(overlay::occupied_by(&overlay.order.upper).unwrap() <= limit);
    }
    fs::remove_file(overlay.data().join("filler")).unwrap();
    let file = OpenOptions::new().write(true).open(overlay.data().join("base/large")).unwrap();
    // The kernel lets go of a removed file when it comes to it.
    until_true("what was removed is free", || {
        let space = rustix::fs::statvfs(&overlay.order.mount).unwrap();
        space.f_bavail * space.f_frsize > limit / 2
    });
    assert!(overlay::occupied_by(&overlay.order.upper).unwrap() < 1 << 20);
    file.write_all_at(&vec![1; 100_000], 0).unwrap();
    drop(file);
    overlay.stop();
}

pub(crate) fn members_of_an_archive_are_files() {
    let lower = lower();
    let home = place::scratch("archive");
    let tar = home.join("base.tar");
    let made = Command::new("tar").arg("-C").arg(&lower).arg("-cf").arg(&tar).arg(".").status().unwrap();
    assert!(made.success());
    let list = members::list(&home.join("members"), &[(&tar, "")]);
    let before = fingerprint(&home);
    let roots = |list: &Path| vec![Root { at: "data".into(), from: Lower::Members(list.to_owned()) }];
    let mut overlay = Overlay::of_roots(roots(&list));
    overlay.start();
    let expected = place::copy_of(&lower);
    model::private(&expected);
    difference(&overlay.data(), &expected).unwrap();
    for root in [overlay.data(), expected.clone()] {
        let file = OpenOptions::new().write(true).open(root.join("base/large")).unwrap();
        file.write_all_at(b"changed", 8190).unwrap();
        fs::rename(root.join("one"), root.join("two")).unwrap();
    }
    overlay.kill();
    overlay.start();
    difference(&overlay.data(), &expected).unwrap();
    overlay.stop();
    assert_eq!(fingerprint(&home), before);
    for (line, why) in [
        (r#"{"path":"../x","modified":0,"kind":"directory"}"#, "does not lie below"),
        (r#"{"path":"x","modified":0,"kind":{"link":{"target":"/etc"}}}"#, "symbolic link"),
        (r#"{"path":"x","modified":0,"kind":{"file":{"archive":"TAR","offset":9,"length":99999999}}}"#, "reach over"),
        ("nonsense", "line 1"),
    ] {
        fs::write(home.join("bad"), line.replace("TAR", tar.to_str().unwrap())).unwrap();
        let error = Overlay::of_roots(roots(&home.join("bad"))).try_start().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

pub(crate) fn what_cannot_be_right_is_refused_and_left_alone() {
    let lower = lower();
    let mut overlay = Overlay::of(&lower);
    overlay.start();
    fs::write(overlay.data().join("new"), "written").unwrap();
    // Twice at once: by name, and by the upper directory.
    let mut second = Overlay::of(&lower);
    second.order.name.clone_from(&overlay.order.name);
    let refused = |overlay: &mut Overlay, why: &str| match overlay.try_start() {
        Err(OverlayError::NotServing(words)) => assert!(words.contains(why), "{words}"),
        other => panic!("{other:?}"),
    };
    refused(&mut second, "is mounted already");
    "howdah-test-second".clone_into(&mut second.order.name);
    second.order.upper.clone_from(&overlay.order.upper);
    refused(&mut second, "is being served by another process");
    overlay.stop();
    refused(&mut second, "it is of another order");
    // A link that leads out, unless the order says what is to be shown there.
    symlink("/etc", lower.join("base/link")).unwrap();
    let mut third = Overlay::of(&lower);
    refused(&mut third, "it is a symbolic link to /etc");
    fs::remove_dir_all(&third.order.upper).unwrap();
    third.order.links = vec![("data/base/link".into(), "/somewhere".into())];
    third.order.hidden = vec!["data/other".into(), "data/base/one".into()];
    third.start();
    assert_eq!(fs::read_link(third.data().join("base/link")).unwrap(), Path::new("/somewhere"));
    assert!(!third.data().join("other").exists() && !third.data().join("base/one").exists());
    third.stop();
    // Another run of the kernel, damage, and a directory that holds something else.
    let state = overlay.order.upper.join("state.json");
    let text = fs::read_to_string(&state).unwrap();
    let boot = howdah::process::boot().unwrap().to_string();
    fs::write(&state, text.replace(&boot, "00000000-0000-4000-8000-000000000000")).unwrap();
    refused(&mut overlay, "was written before this machine was started");
    fs::write(&state, &text).unwrap();
    let names = overlay.order.upper.join("names");
    let whole = fs::read(&names).unwrap();
    let mut spoiled = whole.clone();
    spoiled[20] ^= 1;
    fs::write(&names, spoiled).unwrap();
    refused(&mut overlay, "is damaged at byte 0");
    fs::write(&names, &whole[..whole.len() - 1]).unwrap();
    overlay.start();
    assert!(!overlay.data().join("new").exists(), "a record that was cut off is no record");
    overlay.stop();
    let mut foreign = Overlay::of(&lower);
    foreign.order.hidden = vec!["data/base/link".into()];
    fs::create_dir(&foreign.order.upper).unwrap();
    fs::write(foreign.order.upper.join("mine"), "precious").unwrap();
    refused(&mut foreign, "it is not empty");
    assert_eq!(fs::read(foreign.order.upper.join("mine")).unwrap(), b"precious");
}

pub(crate) fn what_is_not_offered_has_its_own_errno() {
    let mut overlay = Overlay::of(&lower());
    overlay.start();
    let data = overlay.data();
    let code = |result: io::Result<()>| result.unwrap_err().raw_os_error().unwrap();
    let errno = |errno: rustix::io::Errno| errno.raw_os_error();
    assert_eq!(code(fs::hard_link(data.join("one"), data.join("two"))), errno(rustix::io::Errno::PERM));
    let pipe = rustix::fs::mknodat(
        rustix::fs::CWD,
        data.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    );
    assert_eq!(pipe.unwrap_err(), rustix::io::Errno::PERM);
    let attribute = rustix::fs::setxattr(data.join("one"), "user.x", b"y", rustix::fs::XattrFlags::empty());
    assert_eq!(attribute.unwrap_err(), rustix::io::Errno::OPNOTSUPP);
    let file = OpenOptions::new().write(true).open(data.join("large")).unwrap();
    let punched = rustix::fs::fallocate(
        &file,
        rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE,
        0,
        8192,
    );
    assert_eq!(punched.unwrap_err(), rustix::io::Errno::OPNOTSUPP);
    drop(file);
    let long = "x".repeat(256);
    assert_eq!(code(fs::write(data.join(long), "")), errno(rustix::io::Errno::NAMETOOLONG));
    let (uid, gid) = overlay.order.owner;
    let found = fs::metadata(data.join("one")).unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (uid, gid, 0o600));
    overlay.stop();
}

/// Names that come and go while a large directory is listed.
pub(crate) fn a_listing_that_changes_misses_and_repeats_nothing() {
    let lower = place::scratch("listing").join("lower");
    fs::create_dir(&lower).unwrap();
    for number in 0..3000 {
        File::create(lower.join(format!("stays-{number}"))).unwrap();
    }
    let mut overlay = Overlay::of(&lower);
    overlay.start();
    let mut seen = Vec::new();
    for (number, entry) in fs::read_dir(overlay.data()).unwrap().enumerate() {
        seen.push(entry.unwrap().file_name().into_string().unwrap());
        if number % 3 == 0 && number < 3000 {
            File::create(overlay.data().join(format!("comes-{number}"))).unwrap();
        }
        if number % 3 == 1 && number > 3 {
            let _gone = fs::remove_file(overlay.data().join(format!("comes-{}", number - 4)));
        }
    }
    let mut stays: Vec<&String> = seen.iter().filter(|name| name.starts_with("stays")).collect();
    stays.sort();
    assert_eq!(stays.len(), 3000);
    stays.dedup();
    assert_eq!(stays.len(), 3000, "a name was listed twice");
    overlay.stop();
}

/// A server that uses files as one wants to unmount: by force, and the proof is that nothing is mounted.
pub(crate) fn a_mount_in_use_goes_by_force() {
    let mut overlay = Overlay::of(&lower());
    overlay.start();
    let held = File::open(overlay.data().join("large")).unwrap();
    assert!(overlay::is_mounted(&overlay.order.name).unwrap());
    assert!(overlay::is_served(&overlay.order.name, overlay.serving.as_ref().unwrap().mark()).unwrap());
    let unmounted = overlay::unmount(&overlay.order.name).unwrap();
    assert_eq!(unmounted.mounts, [(overlay.order.mount.clone(), overlay::Detachment::Lazy)]);
    assert!(!overlay::is_mounted(&overlay.order.name).unwrap());
    held.read_exact_at(&mut [0; 10], 100_000).unwrap();
    drop(held);
    let mut serving = overlay.serving.take().unwrap();
    assert!(serving.wait(crate::support::timeout::TIMEOUT).unwrap(), "it ends with the last open file");
    assert_eq!(overlay::unmount(&overlay.order.name).unwrap().mounts, [], "twice does no harm");
}
