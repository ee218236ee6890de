//! A mark beside its data directory: what it means when that directory is gone, moved, or somebody else's (S8, S9, D7).

use super::{quarrel::contents, resume::stopped_in_the_middle, *};
use crate::{
    domain::{Disposed, Disposition, plan::TargetState},
    engine::{
        claim::{dispose, is_marked, unmark},
        native::{root::Access, site},
    },
};
use std::os::unix::fs::PermissionsExt;

const OWN: Access = Access { owner: None, group: false };

const FORM: BackupForm = BackupForm::Tar(Compression::None);

fn session(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn marked_beside() -> Fake {
    let [_, beside] = Fake::both(FORM);
    beside
}

fn half_restored() -> Fake {
    let fake = marked_beside().with_tablespace();
    stopped_in_the_middle(&fake);
    fake
}

fn no_trace(fake: &Fake) {
    assert!(fake.outside().is_empty(), "{:?}", fake.outside());
}

#[test]
fn s08_a_target_with_its_mark_beside_holds_the_clusters_own_files_alone() {
    for form in Fake::all_forms() {
        for stands in [false, true] {
            let [_, fake] = Fake::both(form);
            let own = |fake: &Fake| {
                let names = fs::read_dir(fake.directory()).unwrap().map(|entry| entry.unwrap().file_name());
                assert_eq!(names.filter(|name| name.to_str().unwrap().starts_with('.')).count(), 0, "{form}");
            };
            if stands {
                fs::create_dir(fake.directory()).unwrap();
            }
            stopped_in_the_middle(&fake);
            own(&fake);
            assert!(exists(fake.marked("session.json")), "{form}");
            let mut engine = fake.engine();
            engine.restore(&Ear::default()).unwrap();
            own(&fake);
            fake.assert_restored();
            engine.finish().unwrap();
            assert_eq!(fake.outside(), ["data"], "{form}");
        }
    }
}

/// What a person may do to a directory while its session waits, and the new one that then has its name.
fn replaced(fake: &Fake, by: impl Fn(&Path)) -> PathBuf {
    by(&fake.directory());
    let precious = fake.directory().join("base/1/1259");
    fs::create_dir_all(precious.parent().unwrap()).unwrap();
    fs::write(&precious, "precious").unwrap();
    precious
}

#[test]
fn s08_a_mark_beside_means_nothing_to_another_directory_of_that_name() {
    type By = fn(&Path);
    let ways: [By; 2] =
        [|data| fs::remove_dir_all(data).unwrap(), |data| fs::rename(data, data.with_file_name("moved")).unwrap()];
    for by in ways {
        for wish in [Disposition::Default, Disposition::Remove, Disposition::Keep, Disposition::SetAside] {
            let fake = half_restored();
            let precious = replaced(&fake, by);
            let before = contents(&fake);
            let target = fake.request().target;
            assert!(!is_marked(&target, session(1)));
            let refused = refusal(&mut fake.engine());
            assert!(refused.cause.ends_with("data is not empty"), "{refused}");
            assert_eq!(contents(&fake), before);
            assert!(matches!(dispose(&target, session(1), wish), Disposed::Gone | Disposed::Kept), "{wish:?}");
            assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
            assert!(!exists(fake.marked("")), "{wish:?}: its mark goes, for its data is gone");
        }
    }
}

#[test]
fn s08_the_new_one_is_set_aside_without_the_mark_of_the_old_one() {
    let fake = half_restored();
    replaced(&fake, |data| fs::remove_dir_all(data).unwrap());
    fake.engine_for(1, |request| request.existing = ExistingData::SetAside).restore(&Ear::default()).unwrap();
    fake.assert_restored();
    let aside = fake.place.path().join("data.set-aside-1");
    assert_eq!(fs::read_to_string(aside.join("base/1/1259")).unwrap(), "precious");
    assert!(!exists(aside.join(".howdah")) && is_marked(&fake.request().target, session(1)));
}

#[test]
fn d07_of_a_directory_that_somebody_removed_nothing_is_left() {
    let fake = half_restored();
    let target = fake.request().target;
    fs::remove_dir_all(fake.directory()).unwrap();
    assert_eq!(dispose(&target, session(2), Disposition::Remove), Disposed::Nothing);
    assert!(exists(fake.marked("session.json")), "it is another session's");
    assert_eq!(dispose(&target, session(1), Disposition::Remove), Disposed::Gone);
    no_trace(&fake);
    // Directories above go, too, those that the session made.
    let target = Target::new(fake.place.path().join("a/b/data"), Port::new(5433).unwrap()).unwrap();
    fake.engine_for(1, |request| request.target = target.clone()).restore(&Ear::default()).unwrap();
    fs::remove_dir_all(target.directory()).unwrap();
    assert_eq!(dispose(&target, session(1), Disposition::Default), Disposed::Gone);
    no_trace(&fake);
}

#[test]
fn s02_where_the_data_is_gone_its_own_session_and_every_other_begin_anew() {
    for next in [1, 2] {
        let fake = half_restored();
        fs::remove_dir_all(fake.directory()).unwrap();
        fs::remove_dir_all(fake.place.path().join("data.tablespaces")).unwrap();
        let mut engine = fake.engine_for(next, |_| {});
        let plan = engine.plan().unwrap();
        assert_eq!((plan.files.target, plan.files.reused.0), (TargetState::Missing, 0));
        engine.restore(&Ear::default()).unwrap();
        fake.assert_restored();
        let target = fake.request().target;
        assert!(is_marked(&target, session(next)));
        assert_eq!(dispose(&target, session(next), Disposition::Default), Disposed::Removed);
        no_trace(&fake);
    }
}

/// The ledger of data that is gone names files that somebody may have put into the new directory since.
#[test]
fn d07_what_the_ledger_of_gone_data_named_is_not_removed_from_the_next() {
    let fake = half_restored();
    fs::remove_dir_all(fake.directory()).unwrap();
    fs::remove_dir_all(fake.backup()).unwrap();
    let mut smaller = marked_beside();
    smaller.place = fake.place;
    smaller.files.remove("base/16385/16402").unwrap();
    smaller.write().engine_for(2, |_| {}).restore(&Ear::default()).unwrap();
    let added = smaller.directory().join("base/16385/16402");
    fs::create_dir_all(added.parent().unwrap()).unwrap();
    fs::write(&added, "precious").unwrap();
    let disposed = dispose(&smaller.request().target, session(2), Disposition::Remove);
    assert_eq!(disposed, Disposed::RemovedExcept { left: 1 });
    assert_eq!(fs::read_to_string(added).unwrap(), "precious");
}

#[test]
fn d07_who_was_killed_before_the_mark_or_after_it_leaves_nothing_for_good() {
    type After = fn(&Fake);
    let killed: [(&str, After); 4] = [
        ("the lock was taken", |fake| fs::remove_file(fake.marked("session.json")).unwrap()),
        ("its directory was made", |fake| {
            fs::remove_file(fake.marked("session.json")).unwrap();
            fs::remove_dir_all(fake.marked("control")).unwrap_or_default();
            fs::remove_file(fake.marked("ledger")).unwrap();
        }),
        ("the mark was half written", |fake| {
            fs::rename(fake.marked("session.json"), fake.marked("session.json.new")).unwrap();
        }),
        ("the mark was written", |_| {}),
    ];
    for (when, kill) in killed {
        for goes_on in [false, true] {
            let fake = marked_beside();
            stopped_in_the_middle(&fake);
            fs::rename(fake.directory(), fake.place.path().join(format!("data.howdah-{}", session(1)))).unwrap();
            kill(&fake);
            if goes_on {
                fake.engine().restore(&Ear::default()).unwrap();
                fake.assert_restored();
            }
            let disposed = fake.engine().dispose(Disposition::Default);
            assert_eq!(disposed == Disposed::Removed, goes_on, "{when}: {disposed:?}");
            no_trace(&fake);
        }
    }
}

#[test]
fn the_end_of_a_restore_that_was_interrupted_takes_the_rest_of_its_mark() {
    let fake = marked_beside();
    fake.write().engine().restore(&Ear::default()).unwrap();
    let target = fake.request().target;
    fs::remove_file(fake.marked("session.json")).unwrap();
    assert!(!is_marked(&target, session(1)) && exists(fake.marked("ledger")));
    unmark(&target, session(1)).unwrap();
    assert_eq!(fake.outside(), ["data"]);
    unmark(&target, session(1)).unwrap();
    fake.assert_restored();
}

#[test]
fn s02_what_was_kept_is_gone_on_with_by_the_next_session() {
    let fake = half_restored();
    assert_eq!(fake.engine().dispose(Disposition::Keep), Disposed::Kept);
    let mut next = fake.engine_for(2, |_| {});
    let plan = next.plan().unwrap();
    assert_eq!(plan.files.target, TargetState::Leftover);
    assert!(plan.files.reused.0 > 0);
    next.restore(&Ear::default()).unwrap();
    fake.assert_restored();
    assert!(is_marked(&fake.request().target, session(2)) && !exists(fake.directory().join(".howdah")));
}

#[test]
fn s08_data_that_is_set_aside_takes_its_mark_with_it() {
    for by_its_own_session in [true, false] {
        let fake = half_restored();
        let aside = fake.place.path().join("data.set-aside-1");
        if by_its_own_session {
            let disposed = fake.engine().dispose(Disposition::SetAside);
            assert_eq!(disposed, Disposed::SetAside { to: aside.clone() });
        } else {
            fake.engine_for(2, |request| request.existing = ExistingData::SetAside).restore(&Ear::default()).unwrap();
            fake.assert_restored();
            assert!(is_marked(&fake.request().target, session(2)));
        }
        let moved = Target::new(&aside, Port::new(5433).unwrap()).unwrap();
        assert!(is_marked(&moved, session(1)) && exists(aside.join(".howdah/ledger")));
        assert_eq!(exists(fake.marked("")), !by_its_own_session);
    }
}

#[test]
fn s08_what_stands_where_the_mark_goes_is_left_alone() {
    type Put = fn(&Path);
    let ways: [Put; 3] = [
        |mark| fs::write(mark, "precious").unwrap(),
        |mark| symlink("/etc", mark).unwrap(),
        |mark| {
            fs::create_dir(mark).unwrap();
            fs::write(mark.join("controlled"), "precious").unwrap();
        },
    ];
    for put in ways {
        let fake = marked_beside();
        fake.write();
        put(&fake.place.path().join(".data.howdah-mark"));
        let before = contents(&fake);
        let refused = refusal(&mut fake.engine());
        assert!(
            refused
                .cause
                .ends_with(".data.howdah-mark is where the mark of the restore goes, and it is something else")
        );
        assert_eq!(fake.engine().dispose(Disposition::Remove), Disposed::Nothing);
        assert_eq!(contents(&fake), before);
        assert_eq!(fake.outside(), [".data.howdah-mark"]);
    }
}

#[test]
fn s08_the_mark_of_a_newer_howdah_is_left_alone() {
    let fake = half_restored();
    fs::remove_dir_all(fake.directory()).unwrap();
    let mark = fs::read_to_string(fake.marked("session.json")).unwrap();
    fs::write(fake.marked("session.json"), mark.replace("\"version\": 2", "\"version\": 99")).unwrap();
    let before = contents(&fake);
    for session in [1, 2] {
        let mut engine = fake.engine_for(session, |_| {});
        assert!(refusal(&mut engine).cause.contains("was not written by this howdah"));
        engine.dispose(Disposition::Keep);
        assert_eq!(contents(&fake), before);
    }
}

#[test]
fn a_target_that_cannot_have_its_mark_beside_it_is_refused_before_anything_is_made() {
    let fake = marked_beside();
    fake.write();
    let long = fake.place.path().join("d".repeat(243));
    let target = Target::new(&long, Port::new(5433).unwrap()).unwrap();
    let refused = refusal(&mut fake.engine_for(1, |request| request.target = target.clone()));
    assert!(refused.cause.contains("is too long for the mark of the restore beside it"), "{refused}");
    assert_eq!(dispose(&target, session(1), Disposition::Remove), Disposed::Nothing);
    no_trace(&fake);
    let fits = Target::new(fake.place.path().join("d".repeat(242)), Port::new(5433).unwrap()).unwrap();
    let mut engine = fake.engine_for(1, |request| request.target = fits.clone());
    assert!(engine.plan().is_ok());
    let refused = site::check_mark(MarkLocation::Beside, Path::new("/proc"), OWN).unwrap_err();
    assert!(refused.cause.contains("/proc is a mount point"), "{refused}");
}

#[test]
fn s09_a_mark_that_somebody_else_put_beside_the_data_is_not_believed() {
    // Only root can give anything away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let someone = 65_533;
    for for_others in [true, false] {
        let fake = half_restored();
        let target = fake.request().target;
        let mode = if for_others { 0o777 } else { 0o755 };
        fs::set_permissions(fake.place.path(), fs::Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(fake.marked(""), Some(someone), Some(someone)).unwrap();
        assert_eq!(is_marked(&target, session(1)), !for_others);
        // Of the owner of the data it could as well stand inside.
        std::os::unix::fs::chown(fake.directory(), Some(someone), Some(someone)).unwrap();
        assert!(is_marked(&target, session(1)));
    }
}

/// Where others may make entries, somebody may have made the mark's directory before the restore comes, with a second name
/// of another file in it.
#[test]
fn s08_a_directory_that_somebody_else_made_for_the_mark_is_not_written_into() {
    // Only root can give anything away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    for comes_late in [false, true] {
        let fake = marked_beside();
        fake.write();
        fs::set_permissions(fake.place.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        let precious = fake.place.path().join("repo/precious");
        fs::write(&precious, "precious").unwrap();
        let mut engine = fake.engine();
        if comes_late {
            engine.plan().unwrap();
        }
        fs::create_dir(fake.marked("")).unwrap();
        fs::hard_link(&precious, fake.marked("ledger")).unwrap();
        std::os::unix::fs::chown(fake.marked(""), Some(65_533), Some(65_533)).unwrap();
        let refused = if comes_late { failure(engine.copy(&Ear::default())) } else { refusal(&mut engine) };
        assert!(refused.cause.contains("and it is something else"), "{refused}");
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious", "late: {comes_late}");
        assert!(!exists(fake.directory()) && !exists(fake.marked("session.json")));
    }
}
