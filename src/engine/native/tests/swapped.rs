//! A target that is removed, replaced or unmounted while a restore works in it, or between two attempts.

use super::*;
use crate::domain::{Disposed, Disposition, FailureClass};
use crate::engine::claim::dispose;
use std::os::unix::fs::MetadataExt;

/// Does something once to the target, in the midst of the copy.
struct Meddler<F: Fn()>(Mutex<Option<F>>);

impl<F: Fn() + Send> Observer for Meddler<F> {
    fn progress(&self, progress: Progress) {
        if progress.bytes_done.0 > (1 << 20)
            && let Some(meddle) = self.0.lock().unwrap().take()
        {
            meddle();
        }
    }

    fn note(&self, _: String) {}

    fn stop_requested(&self) -> bool {
        false
    }
}

fn home(fake: &Fake) -> PathBuf {
    fake.place.path().join(format!("data.tablespaces/{OID}"))
}

#[test]
fn a_target_that_goes_in_the_midst_of_the_copy_is_named_and_not_the_backup() {
    for form in Fake::all_forms() {
        for replaced in [false, true] {
            let fake = Fake::new(form).with_tablespace();
            fake.write();
            let (data, aside) = (fake.directory(), fake.place.path().join("moved-away"));
            let meddler = Meddler(Mutex::new(Some(|| {
                fs::rename(&data, &aside).unwrap();
                if replaced {
                    fs::create_dir(&data).unwrap();
                    fs::write(data.join("precious"), "mine").unwrap();
                }
            })));
            let failure = failure(fake.slow_engine(1).copy(&meddler));
            assert_eq!(failure.class, FailureClass::Incurable, "{form}: {failure}");
            assert!(failure.cause.contains("was removed or replaced by something else"), "{form}: {failure}");
            assert!(!failure.advice.contains("backup"), "{form}: {failure}");
            assert!(!aside.join("global/pg_control").exists(), "s03: {form}");
            assert!(home(&fake).exists());
            assert_eq!(dispose(&fake.request().target, Uuid::from_u128(1), Disposition::Default), Disposed::Gone);
            assert!(!home(&fake).exists() && !exists(fake.place.path().join("data.tablespaces")), "{form}");
            assert_eq!(data.join("precious").exists(), replaced, "what came in its place is somebody's");
            assert!(aside.join(".howdah").exists(), "what was moved away is left to whoever did it");
        }
    }
}

#[test]
fn a_retry_after_the_target_was_removed_begins_anew() {
    for form in Fake::all_forms() {
        let fake = Fake::new(form).with_tablespace();
        fake.write();
        let ear = Ear { stop_at: Some(5 << 19), ..Ear::default() };
        assert!(matches!(fake.slow_engine(1).copy(&ear), Err(Halt::Stopped)));
        fs::remove_dir_all(fake.directory()).unwrap();
        fs::write(home(&fake).join("mine"), "mine").unwrap();
        fake.engine().restore(&Ear::default()).unwrap();
        fake.assert_restored();
        assert_eq!(fs::read_to_string(home(&fake).join("mine")).unwrap(), "mine");
    }
}

#[test]
fn a_home_of_another_session_is_not_cleared() {
    let fake = Fake::new(BackupForm::Plain).with_tablespace();
    fake.write();
    let ear = Ear { stop_at: Some(5 << 19), ..Ear::default() };
    assert!(matches!(fake.slow_engine(1).copy(&ear), Err(Halt::Stopped)));
    fs::remove_dir_all(fake.directory()).unwrap();
    assert!(failure(fake.engine_for(2, |_| {}).copy(&Ear::default())).cause.contains("is not empty"));
    assert_eq!(dispose(&fake.request().target, Uuid::from_u128(2), Disposition::Remove), Disposed::Nothing);
    assert!(home(&fake).join("PG_15_202209061").exists());
}

#[test]
fn r08_nothing_is_written_to_another_device_than_the_one_that_was_claimed() {
    let fake = Fake::new(BackupForm::Plain).with_tablespace();
    fake.write();
    let here = fs::metadata(fake.place.path()).unwrap().dev();
    let (data, home) = (fake.directory(), fake.place.path().join("fast/ts"));
    let moved = |request: &mut ClusterRestore| {
        request.target = request.target.clone().with_tablespace(OID, &home).unwrap();
    };
    for (stands, elsewhere) in [(false, &data), (true, &data), (false, &home), (true, &home)] {
        fs::create_dir_all(fake.place.path().join("fast")).unwrap();
        if stands {
            fs::create_dir(elsewhere).unwrap();
        }
        let devices = [(data.clone(), here), (home.clone(), here)];
        let devices =
            devices.map(|(path, device)| (path.clone(), if path == *elsewhere { device + 1 } else { device }));
        let failure = failure(fake.engine_for(1, moved).on_devices(&devices).copy(&Ear::default()));
        assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
        assert!(failure.cause.contains("another file system is there"), "{failure}");
        let wrote = walkdir::WalkDir::new(elsewhere).min_depth(1).into_iter().filter_map(Result::ok).count();
        assert_eq!(wrote, 0, "{}", elsewhere.display());
        for path in [&data, &home] {
            let _cleared = fs::remove_dir_all(path);
        }
    }
    let devices = [(data.clone(), here), (home.clone(), here)];
    fake.engine_for(1, moved).on_devices(&devices).restore(&Ear::default()).unwrap();
}

#[test]
fn a_file_system_that_is_mounted_inside_the_target_is_not_entered() {
    let root = super::super::root::Root::open(Path::new("/"), super::super::root::Access { owner: None, group: false })
        .unwrap();
    let error = root.create_directory(Path::new("proc/howdah")).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::XDEV.raw_os_error()));
}
