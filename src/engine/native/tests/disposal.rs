//! What becomes of partial data (D7): the session's own is removed, everything else stays.

use super::{quarrel::contents, site::Running, *};
use crate::domain::{Disposed, Disposition};
use crate::engine::claim::{dispose, is_marked, unmark};

const FORM: BackupForm = BackupForm::Tar(Compression::None);

fn session() -> Uuid {
    Uuid::from_u128(1)
}

fn partly_restored(fake: &Fake) -> Target {
    fake.write();
    let ear = Ear { stop_at: Some(1 << 20), ..Ear::default() };
    // So slow that a busy machine, too, hears of the first megabyte long before the last one is copied.
    let mut engine = fake.engine_for(1, |request| request.max_rate = Rate::per_second(1 << 20));
    let ended = engine.copy(&ear);
    assert!(matches!(ended, Err(Halt::Stopped)), "{}: {ended:?}", fake.form);
    fake.request().target
}

#[test]
fn d07_what_the_session_created_goes_without_a_trace() {
    for fake in Fake::all_forms().flat_map(Fake::both).map(Fake::with_tablespace) {
        let target = partly_restored(&fake);
        assert_eq!(dispose(&target, session(), Disposition::Default), Disposed::Removed, "{}", fake.form);
        assert!(fake.outside().is_empty(), "{:?}", fake.outside());
        assert_eq!(dispose(&target, session(), Disposition::Default), Disposed::Nothing, "again");
    }
}

#[test]
fn d07_directories_that_the_backup_had_lost_go_too_even_those_that_an_older_ledger_does_not_list() {
    for form in Fake::all_forms() {
        let mut fake = Fake::new(form);
        fake.directories.clear();
        let target = partly_restored(&fake);
        let ledger = fake.marked("ledger");
        let lines = fs::read_to_string(&ledger).unwrap();
        let older: String = lines.split_inclusive('\n').filter(|line| !line.ends_with(" pg_notify\n")).collect();
        assert_ne!(older, lines, "{form}: what is made is listed first");
        fs::write(&ledger, older).unwrap();
        fs::remove_dir(fake.directory().join("pg_notify")).unwrap();
        fake.engine().copy(&Ear::default()).unwrap();
        assert!(exists(fake.directory().join("pg_notify")), "{form}");
        assert_eq!(dispose(&target, session(), Disposition::Default), Disposed::Removed, "{form}");
        assert!(fake.outside().is_empty(), "{form}: {:?}", fake.outside());
    }
}

#[test]
fn d07_directories_above_the_target_go_too_when_the_session_made_them() {
    for fake in Fake::both(FORM) {
        fake.write();
        fs::create_dir(fake.place.path().join("srv")).unwrap();
        let target = Target::new(fake.place.path().join("srv/a/b/data"), Port::new(5433).unwrap()).unwrap();
        fake.engine_for(1, |request| request.target = target.clone()).restore(&Ear::default()).unwrap();
        assert_eq!(dispose(&target, session(), Disposition::Remove), Disposed::Removed);
        assert!(!exists(fake.place.path().join("srv/a")) && exists(fake.place.path().join("srv")));
    }
}

#[test]
fn d07_a_directory_that_stood_before_is_kept_by_default_and_emptied_when_asked() {
    for fake in Fake::both(FORM) {
        fs::create_dir(fake.directory()).unwrap();
        let target = partly_restored(&fake);
        assert_eq!(dispose(&target, session(), Disposition::Default), Disposed::Kept);
        assert!(exists(fake.directory().join("base")));
        assert_eq!(dispose(&target, session(), Disposition::Remove), Disposed::Removed);
        assert_eq!(fs::read_dir(fake.directory()).unwrap().count(), 0);
    }
}

#[test]
fn d07_what_others_put_there_stays_and_is_counted() {
    for fake in Fake::both(FORM).map(Fake::with_tablespace) {
        let target = partly_restored(&fake);
        fs::write(fake.directory().join("base/notes.txt"), "mine").unwrap();
        fs::create_dir(fake.directory().join("diary")).unwrap();
        fs::write(fake.place.path().join(format!("data.tablespaces/{OID}/mine")), "mine").unwrap();
        let disposed = dispose(&target, session(), Disposition::Remove);
        assert_eq!(disposed, Disposed::RemovedExcept { left: 3 });
        assert_eq!(fs::read_to_string(fake.directory().join("base/notes.txt")).unwrap(), "mine");
        assert!(!exists(fake.directory().join("PG_VERSION")) && !exists(fake.marked("")));
    }
}

#[test]
fn d07_nothing_is_removed_through_a_link_that_was_put_there() {
    let fake = Fake::new(FORM);
    let target = partly_restored(&fake);
    let precious = fake.place.path().join("precious");
    fs::create_dir_all(precious.join("1")).unwrap();
    fs::write(precious.join("1/1259"), "keep").unwrap();
    fs::remove_dir_all(fake.directory().join("base")).unwrap();
    symlink(&precious, fake.directory().join("base")).unwrap();
    dispose(&target, session(), Disposition::Remove);
    assert_eq!(fs::read_to_string(precious.join("1/1259")).unwrap(), "keep");
}

#[test]
fn d07_what_the_sessions_own_server_made_goes_too() {
    for fake in Fake::both(FORM).map(Fake::with_tablespace) {
        fake.write();
        let mut engine = fake.engine();
        engine.restore(&Ear::default()).unwrap();
        engine.before_server_start().unwrap();
        for path in ["pg_stat_tmp/x", "global/new", "base/77/1", "postmaster.opts", "backup_label.old", "log/today.log"]
        {
            let path = fake.directory().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::write(fake.place.path().join(format!("data.tablespaces/{OID}/PG_15_202209061/5/new")), "").unwrap();
        assert_eq!(engine.dispose(Disposition::Default), Disposed::Removed);
        assert!(fake.outside().is_empty(), "{:?}", fake.outside());
    }
}

#[test]
fn d07_keep_and_set_aside_leave_all_bytes() {
    for fake in Fake::both(FORM).map(Fake::with_tablespace) {
        let target = partly_restored(&fake);
        assert_eq!(dispose(&target, session(), Disposition::Keep), Disposed::Kept);
        fs::create_dir(fake.place.path().join("data.set-aside-1")).unwrap();
        let to = fake.place.path().join("data.set-aside-2");
        assert_eq!(dispose(&target, session(), Disposition::SetAside), Disposed::SetAside { to: to.clone() });
        assert!(to.join("base").is_dir() && !exists(fake.directory()));
        let home = fake.place.path().join(format!("data.tablespaces/{OID}"));
        assert!(home.with_file_name(format!("{OID}.set-aside-1")).is_dir() && !exists(home));
        assert_eq!(dispose(&target, session(), Disposition::SetAside), Disposed::Nothing);
    }
}

#[test]
fn d07_data_that_a_server_runs_on_stays_whatever_is_wished() {
    for fake in Fake::both(FORM).map(Fake::with_tablespace) {
        let target = partly_restored(&fake);
        let server = Running::named("anything", &fake.directory(), fake.place.path());
        let pid = server.0.id();
        fs::write(fake.directory().join("postmaster.pid"), format!("{pid}\n{}\n", fake.directory().display())).unwrap();
        let before = contents(&fake);
        for wish in [Disposition::Default, Disposition::Remove, Disposition::Keep, Disposition::SetAside] {
            let Disposed::Failed { cause } = dispose(&target, session(), wish) else { panic!("{wish:?}: not refused") };
            assert!(
                cause.contains(&format!("(postmaster process {pid})")) && cause.contains("cancel again"),
                "{cause}"
            );
            assert_eq!(contents(&fake), before, "{wish:?}");
        }
        drop(server);
        let disposed = dispose(&target, session(), Disposition::Remove);
        assert_eq!(disposed, Disposed::RemovedExcept { left: 1 }, "its lock file is not of this session");
    }
}

#[test]
fn d07_another_sessions_or_foreign_data_is_not_touched() {
    let fake = Fake::new(FORM);
    let target = partly_restored(&fake);
    assert_eq!(dispose(&target, Uuid::from_u128(2), Disposition::Remove), Disposed::Nothing);
    assert!(exists(fake.directory().join("base")));
    let foreign = Fake::new(FORM);
    fs::create_dir(foreign.directory()).unwrap();
    fs::write(foreign.directory().join("precious"), "").unwrap();
    assert_eq!(dispose(&foreign.request().target, session(), Disposition::Remove), Disposed::Nothing);
    assert!(exists(foreign.directory().join("precious")));
}

#[test]
fn the_marks_of_a_session_go_as_one_and_those_of_another_stay() {
    for fake in Fake::both(FORM) {
        let target = partly_restored(&fake);
        let (ours, mark) = (fake.marked(""), fake.marked("session.json"));
        unmark(&target, Uuid::from_u128(2)).unwrap();
        assert!(is_marked(&target, session()) && !is_marked(&target, Uuid::from_u128(2)));
        // Killed in the middle: what goes first makes it no mark any more, whatever else stands.
        fs::remove_file(&mark).unwrap();
        assert!(!is_marked(&target, session()) && exists(ours.join("ledger")));
        unmark(&target, session()).unwrap();
        assert!(!exists(&ours) && exists(fake.directory().join("base")));
        unmark(&target, session()).unwrap();
    }
}

/// Killed between the mark of a home and the directory around it.
#[test]
fn a_home_that_was_half_unmarked_is_unmarked_whole() {
    for finished in [true, false] {
        let fake = Fake::new(FORM).with_tablespace();
        let target = partly_restored(&fake);
        let home = target.tablespace_parent().join(OID.to_string());
        let around = home.join(".howdah");
        fs::remove_file(around.join("home.json")).unwrap();
        if finished {
            unmark(&target, session()).unwrap();
            assert!(exists(&home), "what was restored stays");
        } else {
            assert_eq!(dispose(&target, session(), Disposition::Remove), Disposed::Removed);
        }
        assert!(!exists(&around), "finished: {finished}");
    }
    let fake = Fake::new(FORM).with_tablespace();
    let target = partly_restored(&fake);
    let around = target.tablespace_parent().join(OID.to_string()).join(".howdah");
    fs::rename(around.join("home.json"), around.join("precious")).unwrap();
    unmark(&target, session()).unwrap();
    assert!(exists(around.join("precious")), "what is not the mark is somebody's");
}
