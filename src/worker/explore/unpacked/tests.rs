//! Who comes to an unpacked backup, who may remove it, and what is left alone.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{
    super::{
        scratch::{Mark as ScratchMark, Scratch},
        unpacking::{Entered, InUse, Unpacking},
    },
    *,
};
use crate::{
    domain::{FailureClass, FileMethod},
    engine::Halt,
};
use std::{
    cell::Cell,
    fs::Permissions,
    os::unix::fs::{PermissionsExt, symlink},
};

fn unpacked(place: &tempfile::TempDir) -> Unpacked {
    Unpacked::of(&place.path().join("shop"), Path::new("/srv/backup"), "abc")
}

fn enter(unpacked: &Unpacked) -> Result<Entered, Halt> {
    unpacked.enter(Path::new("/srv/backup"), &|| false, &|_| {})
}

fn begin(unpacked: &Unpacked) -> Unpacking {
    match enter(unpacked).unwrap() {
        Entered::Unpack(unpacking) => unpacking,
        Entered::Complete(_) => panic!("it is complete"),
    }
}

fn complete(unpacked: &Unpacked) -> InUse {
    let unpacking = begin(unpacked);
    fs::create_dir_all(unpacked.data()).unwrap();
    unpacking.complete(Path::new("/srv/backup")).unwrap()
}

/// The scratch of a session that has noted it.
fn noted(place: &tempfile::TempDir, name: &str, unpacked: &Unpacked) -> Scratch {
    let session = Uuid::from_u128(1);
    let scratch = Scratch::new(place.path().join(name), session);
    let mut mark = ScratchMark::new(session, Path::new("/state"), FileMethod::Overlay);
    mark.unpacked.insert(unpacked.name().to_owned());
    scratch.make(&mut mark).unwrap();
    scratch
}

#[test]
fn a_point_has_its_own_directory_and_each_user_another() {
    let scratch = Path::new("/e/shop");
    let one = Unpacked::of(scratch, Path::new("/b"), "abc");
    assert_eq!(one, Unpacked::of(Path::new("/e/other"), Path::new("/b"), "abc"));
    assert!(one.name().starts_with(&format!(".unpacked-{}-", geteuid().as_raw())));
    assert_eq!(Unpacked::named(scratch, one.name().to_owned()).as_ref(), Some(&one));
    for no_name in ["", "shop", ".unpacked-0/../shop", "/etc", "../.unpacked-0-a"] {
        assert_eq!(Unpacked::named(scratch, no_name.to_owned()), None, "{no_name}");
    }
    for other in [Unpacked::of(scratch, Path::new("/c"), "abc"), Unpacked::of(scratch, Path::new("/b"), "abd")] {
        assert_ne!(one, other);
        assert_ne!(one.unpacker(), other.unpacker());
    }
}

#[test]
fn one_unpacks_others_wait_and_then_all_use_it_until_the_last_is_gone() {
    let place = tempfile::tempdir().unwrap();
    let unpacked = unpacked(&place);
    assert_eq!(unpacked.look().unwrap(), Found::Nothing);
    let unpacking = begin(&unpacked);
    assert_eq!(unpacked.look().unwrap(), Found::Partial { busy: true });
    let said = Cell::new(0);
    let waited = unpacked.enter(Path::new(""), &|| said.get() > 0, &|sentence| {
        assert!(sentence.contains("another session unpacks"), "{sentence}");
        said.set(said.get() + 1);
    });
    assert!(matches!(waited, Err(Halt::Stopped)));
    assert_eq!(unpacked.remove_if_unused(None).unwrap(), Removal::Used);
    fs::create_dir_all(unpacked.data()).unwrap();
    let first = unpacking.complete(Path::new("/srv/backup")).unwrap();
    assert_eq!(unpacked.look().unwrap(), Found::Complete);
    let Entered::Complete(second) = enter(&unpacked).unwrap() else { panic!("it was complete") };
    drop(first);
    assert_eq!(unpacked.remove_if_unused(None).unwrap(), Removal::Used);
    assert!(unpacked.data().exists());
    drop(second);
    assert_eq!(unpacked.remove_if_unused(None).unwrap(), Removal::Removed);
    assert_eq!(unpacked.remove_if_unused(None).unwrap(), Removal::Nothing);
    assert!(!unpacked.path().exists());
}

#[test]
fn what_a_scratch_names_stays_though_nobody_uses_it() {
    let place = tempfile::tempdir().unwrap();
    let unpacked = unpacked(&place);
    drop(complete(&unpacked));
    let waits = noted(&place, "waits", &unpacked);
    assert_eq!(unpacked.remove_if_unused(None).unwrap(), Removal::Used);
    assert_eq!(unpacked.remove_if_unused(Some(&waits.path)).unwrap(), Removal::Removed);
    drop(complete(&unpacked));
    waits.remove().unwrap();
    assert_eq!(unpacked.remove_if_unused(None).unwrap(), Removal::Removed);
}

#[test]
fn what_was_begun_is_gone_on_with_and_what_was_being_removed_is_not() {
    let place = tempfile::tempdir().unwrap();
    let unpacked = unpacked(&place);
    let unpacking = begin(&unpacked);
    fs::create_dir_all(unpacked.data()).unwrap();
    drop(unpacking);
    assert_eq!(unpacked.look().unwrap(), Found::Partial { busy: false });
    drop(begin(&unpacked));
    assert!(unpacked.data().exists(), "the engine goes on with it");
    let Opened::Ours(home) = unpacked.open().unwrap() else { panic!("it is ours") };
    unpacked.mark(&home, Path::new(""), State::Removing).unwrap();
    assert_eq!(unpacked.look().unwrap(), Found::Partial { busy: false });
    drop(begin(&unpacked));
    assert!(!unpacked.data().exists());
    // Killed before the mark was there, or after it was gone.
    fs::remove_file(unpacked.path().join(MARK)).unwrap();
    fs::write(unpacked.path().join(UNFINISHED_MARK), "{").unwrap();
    drop(complete(&unpacked));
    assert_eq!(unpacked.remove_if_unused(None).unwrap(), Removal::Removed);
}

#[test]
fn a_lock_on_what_was_removed_meanwhile_is_none() {
    for again in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let unpacked = unpacked(&place);
        drop(begin(&unpacked));
        let open = || {
            let Opened::Ours(home) = unpacked.open().unwrap() else { panic!("it is ours") };
            let lock = open_lock(&home, OFlags::empty()).unwrap();
            (home, lock)
        };
        let (home, lock) = open();
        assert_eq!(unpacked.remove_if_unused(None).unwrap(), Removal::Removed);
        let _another = again.then(|| begin(&unpacked));
        assert!(unpacked.enter_with(home, lock, Path::new("")).unwrap().is_none(), "made again: {again}");
    }
}

#[test]
fn what_is_not_ours_is_neither_used_nor_removed() {
    let foreign = |make: &dyn Fn(&Path)| {
        let place = tempfile::tempdir().unwrap();
        let unpacked = unpacked(&place);
        make(&unpacked.path());
        let Found::Foreign(why) = unpacked.look().unwrap() else { panic!("{:?}", unpacked.look()) };
        let Err(Halt::Failed(failure)) = enter(&unpacked) else { panic!("{why}: it was entered") };
        assert_eq!(failure.class, FailureClass::Incurable);
        assert_eq!(unpacked.remove_if_unused(None).unwrap(), Removal::Nothing);
        assert!(unpacked.path().symlink_metadata().is_ok());
        why
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let whole = super::tests::unpacked(&elsewhere);
    drop(complete(&whole));
    let move_there = |path: &Path| {
        fs::create_dir(path).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
        fs::copy(whole.path().join(MARK), path.join(MARK)).unwrap();
    };
    assert!(foreign(&|path| symlink(whole.path(), path).unwrap()).contains("no directory"));
    assert!(foreign(&|path| fs::write(path, "x").unwrap()).contains("no directory"));
    let wide = |path: &Path| {
        move_there(path);
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    };
    assert!(foreign(&wide).contains("open to other users"));
    let with_text = |text: &'static str| {
        move |path: &Path| {
            move_there(path);
            fs::write(path.join(MARK), text).unwrap();
        }
    };
    assert!(foreign(&with_text("{")).contains("no howdah"));
    let renamed = r#"{"version":1,"name":".unpacked-0-ffff","backup":"/b","state":"complete"}"#;
    assert!(foreign(&with_text(renamed)).contains("no howdah"));
    let bare = |path: &Path| {
        move_there(path);
        fs::remove_file(path.join(MARK)).unwrap();
        fs::write(path.join("theirs"), "x").unwrap();
    };
    assert!(foreign(&bare).contains("no howdah"));
    if geteuid().is_root() {
        let given = |path: &Path| {
            move_there(path);
            std::os::unix::fs::chown(path, Some(65534), None).unwrap();
        };
        assert!(foreign(&given).contains("another user"));
    }
}
