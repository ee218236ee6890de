//! Marks and whose they are: made, taken over, and removed.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
use super::*;
use std::os::unix::fs::PermissionsExt;

const OURS: Uuid = Uuid::from_u128(1);

fn scratch(place: &tempfile::TempDir) -> Scratch {
    Scratch::new(place.path().join("shop"), OURS)
}

fn mark(method: FileMethod) -> Mark {
    Mark::new(OURS, Path::new("/state"), method)
}

#[test]
fn only_what_bears_the_mark_of_the_session_is_removed() {
    let place = tempfile::tempdir().unwrap();
    let scratch = scratch(&place);
    assert!(!scratch.remove().unwrap());
    scratch.make(&mut mark(FileMethod::Overlay)).unwrap();
    fs::create_dir_all(scratch.data().join("base")).unwrap();
    let outside = place.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "x").unwrap();
    std::os::unix::fs::symlink(&outside, scratch.path.join("link")).unwrap();
    let other = Scratch::new(scratch.path.clone(), Uuid::from_u128(2));
    assert_eq!(other.look().unwrap(), Found::Foreign);
    assert!(other.remove().is_err() && scratch.data().exists());
    assert!(other.make(&mut Mark::new(Uuid::from_u128(2), Path::new("/state"), FileMethod::Copy)).is_err());
    assert!(scratch.remove().unwrap());
    assert!(!scratch.path.exists() && outside.join("file").exists());
    fs::create_dir(&scratch.path).unwrap();
    fs::write(scratch.path.join("explore.txt"), "theirs").unwrap();
    assert!(scratch.remove().is_err() && scratch.make(&mut mark(FileMethod::Copy)).is_err());
    assert!(scratch.path.join("explore.txt").exists());
}

#[test]
fn what_takes_the_name_of_a_scratch_meanwhile_is_not_touched() {
    let place = tempfile::tempdir().unwrap();
    let scratch = scratch(&place);
    scratch.make(&mut mark(FileMethod::Overlay)).unwrap();
    fs::create_dir_all(scratch.data()).unwrap();
    let theirs = place.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("file"), "x").unwrap();
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o700)).unwrap();
    let mut held = scratch.hold_own().unwrap().unwrap();
    fs::rename(&scratch.path, place.path().join("aside")).unwrap();
    std::os::unix::fs::symlink(&theirs, &scratch.path).unwrap();
    held.clear().unwrap();
    held.make().unwrap();
    assert!(held.remove().is_err());
    assert!(fs::read_dir(place.path().join("aside")).unwrap().next().is_none(), "what was held is cleared");
    assert!(theirs.join("file").exists() && theirs.metadata().unwrap().permissions().mode() & 0o777 == 0o700);
    assert_eq!(scratch.look().unwrap(), Found::Foreign);
    assert!(scratch.make(&mut mark(FileMethod::Copy)).is_err() && scratch.remove().is_err());
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 1, "nothing was made there");
    fs::remove_file(&scratch.path).unwrap();
    fs::create_dir(&scratch.path).unwrap();
    assert!(held.remove().is_err() && scratch.path.exists(), "an empty one of somebody else");
}

#[test]
fn an_empty_directory_of_another_user_is_not_taken() {
    if !geteuid().is_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let scratch = scratch(&place);
    fs::create_dir(&scratch.path).unwrap();
    std::os::unix::fs::chown(&scratch.path, Some(65534), None).unwrap();
    assert_eq!(scratch.look().unwrap(), Found::Foreign);
    assert!(scratch.make(&mut mark(FileMethod::Overlay)).is_err());
    std::os::unix::fs::chown(&scratch.path, Some(0), None).unwrap();
    assert!(!scratch.make(&mut mark(FileMethod::Overlay)).unwrap() && scratch.remove().unwrap());
}

#[test]
fn what_was_written_before_the_machine_went_down_is_begun_anew_unless_it_is_a_copy() {
    for (method, stays) in [(FileMethod::Overlay, false), (FileMethod::Reflink, false), (FileMethod::Copy, true)] {
        let place = tempfile::tempdir().unwrap();
        let scratch = scratch(&place);
        let mut before = Mark { boot: Some(Uuid::from_u128(77)), ..mark(method) };
        scratch.make(&mut before).unwrap();
        scratch.provided(&before).unwrap();
        fs::create_dir(scratch.path.join("written")).unwrap();
        assert_eq!(scratch.make(&mut mark(method)).unwrap(), stays, "{method}");
        assert_eq!(scratch.path.join("written").exists(), stays, "{method}");
        scratch.provided(&mark(method)).unwrap();
        fs::create_dir_all(scratch.path.join("written")).unwrap();
        assert!(scratch.make(&mut mark(method)).unwrap());
        assert!(scratch.path.join("written").exists(), "the same boot");
    }
}

#[test]
fn an_unpacked_backup_stays_noted_until_the_session_that_noted_it_is_closed() {
    let place = tempfile::tempdir().unwrap();
    let scratch = scratch(&place);
    let noting = |name: &str| Mark { unpacked: [name.to_owned()].into(), ..mark(FileMethod::Overlay) };
    let refers = |name: &str, except: Option<&Path>| referring_to(place.path(), name, except).unwrap();
    scratch.make(&mut noting("a")).unwrap();
    assert!(refers("a", None) && !refers("b", None));
    assert!(!refers("a", Some(&scratch.path)), "its own");
    // The backup was replaced, and then FUSE was gone.
    scratch.make(&mut noting("b")).unwrap();
    assert!(refers("a", None) && refers("b", None));
    scratch.make(&mut mark(FileMethod::Copy)).unwrap();
    assert!(refers("a", None) && refers("b", None));
    fs::write(place.path().join("file"), "x").unwrap();
    std::os::unix::fs::symlink(&scratch.path, place.path().join("link")).unwrap();
    fs::create_dir_all(place.path().join("odd").join(MARK)).unwrap();
    fs::create_dir(place.path().join("linked")).unwrap();
    std::os::unix::fs::symlink(scratch.path.join(MARK), place.path().join("linked").join(MARK)).unwrap();
    if geteuid().is_root() {
        let theirs = place.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        fs::copy(scratch.path.join(MARK), theirs.join(MARK)).unwrap();
        std::os::unix::fs::chown(theirs.join(MARK), Some(65534), None).unwrap();
    }
    scratch.remove().unwrap();
    assert!(!refers("a", None), "closed");
}

#[test]
fn a_mark_that_was_being_written_is_no_foreign_data() {
    let place = tempfile::tempdir().unwrap();
    let scratch = scratch(&place);
    fs::create_dir(&scratch.path).unwrap();
    fs::write(scratch.path.join("explore.json.howdah-new"), "{").unwrap();
    assert_eq!(scratch.look().unwrap(), Found::Nothing);
    scratch.make(&mut mark(FileMethod::Copy)).unwrap();
    assert!(scratch.remove().unwrap() && !scratch.path.exists());
}
