//! What stands at the target: resumed, refused or set aside, and never touched in silence (S2, S7, S8).

use super::{quarrel::contents, *};
use crate::domain::{Disposed, Disposition, FailureClass, plan::TargetState};
use std::process::{Command, Stdio};

const FORM: BackupForm = BackupForm::Tar(Compression::Zstd);

fn refused(fake: &Fake, change: impl FnOnce(&mut ClusterRestore)) -> String {
    let failure = fake.engine_for(1, change).plan().expect_err("a refusal");
    assert_eq!(failure.class, FailureClass::Incurable, "{failure}");
    assert!(!failure.advice.is_empty(), "{failure}");
    failure.cause
}

fn at(path: &Path) -> impl FnOnce(&mut ClusterRestore) {
    let target = Target::new(path, Port::new(5433).unwrap()).unwrap();
    move |request| request.target = target
}

#[test]
fn s08_a_target_that_is_not_free_is_refused_by_name() {
    let fake = Fake::new(FORM);
    fake.write();
    let data = fake.directory();
    fs::write(&data, "").unwrap();
    assert!(refused(&fake, |_| {}).ends_with("data is not a directory"));
    fs::remove_file(&data).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), &data).unwrap();
    assert!(refused(&fake, |_| {}).ends_with("data is a symbolic link"));
    fs::remove_file(&data).unwrap();
    fs::create_dir(&data).unwrap();
    fs::write(data.join("precious"), "").unwrap();
    assert!(refused(&fake, |_| {}).ends_with("data is not empty"));
    fs::write(fake.place.path().join("file"), "").unwrap();
    assert!(refused(&fake, at(&fake.place.path().join("file/data"))).contains("Not a directory"));
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "a refusal touches nothing");
}

#[test]
fn s08_target_and_backup_must_not_lie_in_each_other() {
    let fake = Fake::new(FORM).with_tablespace();
    fake.write();
    for path in [fake.backup().join("data"), fake.backup(), fake.place.path().join("repo")] {
        assert!(refused(&fake, at(&path)).contains("lie in each other"), "{}", path.display());
    }
    symlink(fake.backup(), fake.place.path().join("alias")).unwrap();
    assert!(refused(&fake, at(&fake.place.path().join("alias/deep/data"))).contains("lie in each other"));
    let in_backup = fake.backup().join("ts");
    let moved = |request: &mut ClusterRestore| {
        request.target = request.target.clone().with_tablespace(OID, &in_backup).unwrap();
    };
    assert!(refused(&fake, moved).contains("lie in each other"));
}

#[test]
fn a_home_for_a_tablespace_that_the_backup_does_not_have_is_refused_naming_those_it_has() {
    for form in Fake::all_forms() {
        let with_home_for = |fake: &Fake, oids: &[u32]| {
            let homes = fake.place.path().join("homes");
            let homes = oids.iter().map(|oid| (*oid, homes.join(oid.to_string())));
            let order = |request: &mut ClusterRestore| {
                let target = request.target.clone();
                request.target = homes.fold(target, |to, (oid, home)| to.with_tablespace(oid, home).unwrap());
            };
            fake.engine_for(1, order).plan().map(|plan| plan.files.tablespaces.len())
        };
        let fake = Fake::new(form).with_tablespace();
        let failure = with_home_for(fake.write(), &[99, OID, 98]).expect_err("98 and 99 are unknown");
        assert_eq!(failure.class, FailureClass::Incurable, "{failure}");
        assert_eq!(failure.cause, "the backup has no tablespace 98, 99");
        assert!(failure.advice.starts_with(&format!("it has {OID} (was /")), "{failure}");
        assert_eq!(with_home_for(&fake, &[OID]), Ok(1));
        let failure = with_home_for(Fake::new(form).write(), &[OID]).expect_err("it has none");
        assert!(failure.advice.starts_with("it has no tablespace"), "{failure}");
    }
}

#[test]
fn s08_a_running_postmaster_is_refused_even_when_setting_aside_was_allowed() {
    let fake = Fake::new(FORM);
    fake.write();
    fs::create_dir(fake.directory()).unwrap();
    let mut server =
        Command::new("sleep").arg("60").current_dir(fake.directory()).stdout(Stdio::null()).spawn().unwrap();
    fs::write(fake.directory().join("postmaster.pid"), format!("{}\n/data\n", server.id())).unwrap();
    let cause = refused(&fake, |request| request.existing = ExistingData::SetAside);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(cause.contains(&format!("(postmaster process {})", server.id())), "{cause}");
    let plan = fake.engine_for(1, |request| request.existing = ExistingData::SetAside).plan().unwrap();
    assert!(matches!(plan.files.target, TargetState::SetAside { .. }), "a dead postmaster's file stops nobody");
}

#[test]
fn s08_old_data_is_set_aside_whole_and_never_over_something() {
    for form in Fake::all_forms() {
        let fake = Fake::new(form).with_tablespace();
        fake.write();
        let old_home = fake.place.path().join(format!("data.tablespaces/{OID}"));
        fs::create_dir_all(&old_home).unwrap();
        fs::write(old_home.join("old"), "old").unwrap();
        fs::create_dir_all(fake.directory().join("pg_tblspc")).unwrap();
        symlink(&old_home, fake.directory().join(format!("pg_tblspc/{OID}"))).unwrap();
        fs::create_dir(fake.place.path().join("data.set-aside-1")).unwrap();
        let mut engine = fake.engine_for(1, |request| request.existing = ExistingData::SetAside);
        let TargetState::SetAside { to } = engine.plan().unwrap().files.target else { panic!("not set aside") };
        assert_eq!(to, fake.place.path().join("data.set-aside-2"));
        engine.restore(&Ear::default()).unwrap();
        fake.assert_restored();
        let through_link = fs::read_to_string(to.join(format!("pg_tblspc/{OID}/old"))).unwrap();
        assert_eq!(through_link, "old", "the old cluster still finds its tablespace");
    }
}

#[test]
fn s08_a_tablespace_directory_that_holds_something_is_refused_and_not_touched() {
    for form in Fake::all_forms() {
        for (named, plan_first) in [(false, false), (true, false), (false, true), (true, true)] {
            let fake = Fake::new(form).with_tablespace();
            fake.write();
            let home = if named { "fast/ts".to_owned() } else { format!("data.tablespaces/{OID}") };
            let home = fake.place.path().join(home);
            let moved = |request: &mut ClusterRestore| {
                if named {
                    request.target = request.target.clone().with_tablespace(OID, &home).unwrap();
                }
            };
            let mut engine = fake.engine_for(1, moved);
            if plan_first {
                engine.plan().unwrap();
            }
            // Another cluster's tablespace, with the very names that the restore would make.
            let theirs = home.join("PG_15_202209061/5");
            fs::create_dir_all(&theirs).unwrap();
            fs::write(theirs.join("16403"), "theirs").unwrap();
            let before = contents(&fake);
            let (refused, says) = if plan_first {
                (failure(engine.copy(&Ear::default())), "is not empty any more: something was put there")
            } else {
                (engine.plan().expect_err("the directory is in use"), "is not empty")
            };
            assert_eq!(refused.class, FailureClass::Incurable, "{form}: {refused}");
            let says = format!("{} {says}", home.display());
            assert!(refused.cause.contains(&says), "{form}: {refused}");
            assert_eq!(engine.dispose(Disposition::Remove), Disposed::Nothing, "{form}");
            assert_eq!(contents(&fake), before, "{form}");
            assert!(!exists(fake.directory()), "{form}");
        }
    }
}

#[test]
fn s08_what_came_into_an_empty_target_after_the_plan_is_not_touched() {
    for form in Fake::all_forms() {
        let fake = Fake::new(form);
        fake.write();
        fs::create_dir(fake.directory()).unwrap();
        let mut engine = fake.engine();
        engine.plan().unwrap();
        fs::write(fake.directory().join("PG_VERSION"), "theirs").unwrap();
        let before = contents(&fake);
        let refused = failure(engine.copy(&Ear::default()));
        assert!(refused.cause.contains("is not empty any more"), "{form}: {refused}");
        assert_eq!(engine.dispose(Disposition::Remove), Disposed::Nothing, "{form}");
        assert_eq!(contents(&fake), before, "{form}");
    }
}

#[test]
fn s07_no_space_is_found_before_a_byte_is_written() {
    let mut fake = Fake::new(FORM);
    let mut listed = fake.files.clone();
    listed.remove("base/1/empty");
    fake.listed = Some(listed);
    fake.write();
    fake.list_more(
        r#"{ "Path": "base/1/empty", "Size": 9000000000000000, "Last-Modified": "2026-11-20 23:44:44 GMT" }"#,
    );
    let cause = refused(&fake, |_| {});
    assert!(cause.contains("no space for the restore at") && cause.contains("TiB"), "{cause}");
    assert!(!exists(fake.directory()));
}

#[test]
fn an_empty_directory_is_used_and_missing_parents_are_made() {
    let fake = Fake::new(FORM);
    fake.write();
    fs::create_dir(fake.directory()).unwrap();
    let mut engine = fake.engine();
    assert_eq!(engine.plan().unwrap().files.target, TargetState::Empty);
    engine.restore(&Ear::default()).unwrap();
    fake.assert_restored();
    let deep = fake.place.path().join("a/b/c/data");
    fake.engine_for(2, at(&deep)).restore(&Ear::default()).unwrap();
    assert!(deep.join("global/pg_control").is_file());
}
