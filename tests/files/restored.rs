//! Trees that come back from restic: whole or in part, as they were, and nothing else with them.

use crate::{
    bed::Bed,
    needs_restic,
    restoring::{files, picture},
    support::{
        again::{again, is_inside},
        cluster::is_root,
        place::{listing, names},
    },
};
use howdah::{
    domain::{ByteCount, Disposed, Disposition, FailureClass, WorkerSettings, fact::End},
    worker::plan_files,
};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};
use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, chown, symlink},
    },
    process::Command,
};

/// A tree with everything that a tree may hold.
fn bed() -> Bed {
    let bed = Bed::with_repository(1 << 20);
    let at = |name: &[u8]| bed.tree.join(OsStr::from_bytes(name));
    for name in [&b"-rf"[..], b"a\nb", b"\x1b[2J", b"caf\xe9", b"--exclude=*", b"sp ace", b"*", b"[a]", b"b\\c", b"q?"]
    {
        fs::write(at(name), name).unwrap();
    }
    fs::create_dir_all(at(b"d\xff/deep/empty")).unwrap();
    fs::write(at(b"d\xff/deep/file"), "text").unwrap();
    fs::write(at(b"empty"), "").unwrap();
    fs::hard_link(at(b"sp ace"), at(b"other name")).unwrap();
    symlink("/etc/passwd", at(b"outside")).unwrap();
    symlink("/var/tmp", at(b"outer")).unwrap();
    mknodat(CWD, at(b"pipe"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    fs::create_dir(at(b"closed")).unwrap();
    fs::write(at(b"closed/file"), "x").unwrap();
    fs::set_permissions(at(b"closed/file"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::set_permissions(at(b"closed"), fs::Permissions::from_mode(0o500)).unwrap();
    fs::set_permissions(&bed.tree, fs::Permissions::from_mode(0o2751)).unwrap();
    // Where the file system has such attributes.
    let _unsupported: rustix::io::Result<()> = setxattr(at(b"empty"), "user.howdah", b"kept", XattrFlags::empty());
    if is_root() {
        chown(at(b"empty"), Some(1), Some(2)).unwrap();
        mknodat(CWD, at(b"null"), FileType::CharacterDevice, Mode::from_raw_mode(0o604), makedev(1, 3)).unwrap();
    }
    for name in [&b"empty"[..], b"d\xff/deep", b"outside", b"."] {
        let touched =
            Command::new("touch").args(["-h", "-d", "2001-02-03 04:05:06.789"]).arg(at(name)).status().unwrap();
        assert!(touched.success());
    }
    bed
}

#[test]
fn a_tree_comes_back_as_it_was_under_a_new_name_and_the_next_attempt_says_the_same() {
    needs_restic!();
    let bed = bed();
    let restore = bed.restore();
    let before = listing(&bed.folder());
    let success = restore.succeed();
    restore.is_whole(&bed);
    assert_eq!(listing(&bed.folder()), before, "a restore only reads");
    let bytes = (1 << 20) + 3 + 3 + 4 + 4 + 11 + 2 * 6 + 1 + 3 + 3 + 2 + 4 + 1;
    assert_eq!(files(&success), (15, ByteCount(bytes)), "the file with two names counts twice");
    assert!(success.unchecked[0].contains("not compared"), "{success:?}");
    if is_root() {
        assert_eq!(success.warnings, ["2 devices or named pipes in the snapshot: made again as they were"]);
    }
    let log = restore.log();
    assert!(log.contains("restic has read back 15 of 15 files") && !log.contains("hunter2"), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
    // Another attempt, whose end nobody had heard, finds it done; so does whoever removes what it left.
    fs::write(restore.order.directory.join("of a person"), "x").unwrap();
    let restic = vec![bed.instead_of("--repo", "exit 1")];
    let mut restore = restore;
    restore.session.binaries = restic;
    assert_eq!(restore.succeed(), success);
    let End::Succeeded(found) = restore.end_of_disposal(Disposition::Remove) else { panic!("{}", restore.log()) };
    assert_eq!(found, success);
    assert!(restore.order.directory.join("of a person").exists());
}

#[test]
fn an_empty_directory_is_filled_and_is_like_the_trees_own_afterwards() {
    needs_restic!();
    let bed = bed();
    let restore = bed.restore();
    fs::create_dir(&restore.order.directory).unwrap();
    let success = restore.succeed();
    restore.is_whole(&bed);
    assert!(success.warnings.iter().any(|warning| warning.contains("there already")), "{success:?}");
    // Another attempt, or a disposal, finds it done; what a person has put there since is none of their business.
    fs::write(restore.order.directory.join("of a person"), "x").unwrap();
    assert_eq!(restore.succeed(), success);
    assert_eq!(restore.end_of_disposal(Disposition::Remove), End::Succeeded(success));
    fs::remove_file(restore.order.directory.join("of a person")).unwrap();
    restore.succeed();
    restore.is_whole(&bed);
}

#[test]
fn a_tree_comes_back_to_its_own_place_when_it_is_lost() {
    needs_restic!();
    let bed = bed();
    let mut restore = bed.restore();
    let before = picture(&bed.tree);
    restore.order.directory.clone_from(&bed.tree);
    fs::rename(&bed.tree, bed.tree.with_extension("lost")).unwrap();
    restore.succeed();
    assert_eq!(picture(&bed.tree), before);
}

#[test]
fn paths_that_are_wanted_come_with_the_directories_above_and_their_names_are_taken_as_they_are() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    for name in ["a*b", "axb", "[x]", "x", "**", "q?", "qq", "b\\s", "bs", "!no", "$HOME", "-v"] {
        fs::create_dir(bed.tree.join(name)).unwrap();
        fs::write(bed.tree.join(name).join("file"), name).unwrap();
        fs::write(bed.tree.join(name).join("other"), name).unwrap();
    }
    fs::set_permissions(bed.tree.join("a*b"), fs::Permissions::from_mode(0o711)).unwrap();
    let id = bed.backed_up(&bed.tree);
    let whole = bed.tree.join("x").to_str().unwrap().to_owned();
    for (paths, files_of, wanted) in [
        (&["a*b", "[x]", "**"][..], 6, &["**", "[x]", "a*b"][..]),
        (&["q?/file", "b\\s", "./!no"], 5, &["!no", "b\\s", "q?"]),
        (&["$HOME", "-v", &whole], 6, &["$HOME", "-v", "x"]),
        (&["x/file"], 1, &["x"]),
    ] {
        let restore = bed.restore_of(&id).including(paths);
        let success = restore.succeed();
        assert_eq!(files(&success).0, files_of, "{paths:?}");
        assert_eq!(names(&restore.order.directory), wanted, "{}", restore.log());
    }
    let restore = bed.restore_of(&id).including(&["a*b/file"]);
    restore.succeed();
    let mut wanted = picture(&bed.tree);
    wanted.retain(|path, _| ["", "a*b", "a*b/file"].contains(&path.to_str().unwrap()));
    assert_eq!(picture(&restore.order.directory), wanted);
}

#[test]
fn a_plan_writes_nothing_and_says_what_goes_where() {
    needs_restic!();
    let bed = bed();
    let mut restore = bed.restore().including(&["sp ace", "[a]"]);
    let before = (listing(restore.above()), listing(&bed.folder()));
    let plan = plan_files(&restore.order, &WorkerSettings::default()).unwrap();
    assert_eq!((plan.files, plan.bytes, plan.reused), (2, ByteCount(9), ByteCount(0)));
    let shown = plan.method.join("\n");
    for says in [&restore.order.snapshot[..8], "restic ", "without a lock", "/[a], ", "gets its name when"] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    restore.order.include.clear();
    fs::create_dir(&restore.order.directory).unwrap();
    let plan = plan_files(&restore.order, &WorkerSettings::default()).unwrap();
    assert_eq!(plan.files, 15);
    assert!(plan.method.join("\n").contains("is moved up when"), "{plan:?}");
    fs::remove_dir(&restore.order.directory).unwrap();
    assert_eq!((listing(restore.above()), listing(&bed.folder())), before);
}

/// Such a user may move no directory that its owner may not write to, nor empty it.
#[test]
fn a_user_who_is_not_root_gets_closed_directories_too_and_is_refused_what_only_root_can_make() {
    needs_restic!();
    if is_root() && !is_inside() {
        let test =
            "restored::a_user_who_is_not_root_gets_closed_directories_too_and_is_refused_what_only_root_can_make";
        return again(test, "true", Some("nobody"));
    }
    let bed = bed();
    let closed = |path: &std::path::Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    bed.fill("more", 4 << 20);
    closed(&bed.tree, 0o555);
    let id = bed.backed_up(&bed.tree);
    for exists in [false, true] {
        let restore = bed.restore_of(&id);
        if exists {
            fs::create_dir(&restore.order.directory).unwrap();
        }
        let success = restore.succeed();
        restore.is_whole(&bed);
        assert!(success.warnings[0].contains("does not run as root"), "{success:?}");
        // Or nobody but root could clear it away.
        for name in ["", "closed"] {
            closed(&restore.order.directory.join(name), 0o755);
        }
    }
    let mut restore = bed.restore_of(&id);
    restore.under_way(&bed).kill();
    let incoming = restore.incoming();
    fs::create_dir_all(incoming.join("tree/a/b")).unwrap();
    for name in ["tree/a/b", "tree/a"] {
        closed(&incoming.join(name), 0o500);
    }
    assert_eq!(restore.dispose(Disposition::Default), Disposed::Removed);
    assert_eq!(names(restore.above()), [] as [&str; 0]);
    let device = r#"{"type":"chardev","path":"TREE/null","struct_type":"node"}"#;
    let device = device.replace("TREE", bed.tree.to_str().unwrap());
    let mut restore = bed.restore_of(&id);
    restore.session.binaries = vec![bed.instead_of("ls", &format!("RESTIC \"$@\"\necho '{device}'"))];
    restore.refused(FailureClass::Incurable, "1 device, which only root can make");
    let mut restore = bed.restore_of(&id);
    restore.order.directory = "/etc/howdah-test".into();
    let failure = restore.fail();
    assert_eq!(failure.class, FailureClass::Incurable, "{failure}");
    for name in ["", "closed"] {
        closed(&bed.tree.join(name), 0o755);
    }
}
