//! Disruptions and what a try makes of them (R8, R10, S2, S3).

use super::*;
use crate::domain::{Disposed, Disposition, FailureClass, plan::TargetState};
use std::os::unix::fs::MetadataExt;

/// Stops a first attempt in the middle.
pub(super) fn stopped_in_the_middle(fake: &Fake) {
    fake.write();
    let ear = Ear { stop_at: Some(5 << 19), ..Ear::default() };
    let ended = fake.slow_engine(1).copy(&ear);
    assert!(matches!(ended, Err(Halt::Stopped)), "{}: {ended:?}", fake.form);
    assert!(!exists(fake.directory().join("global/pg_control")), "s03: {}", fake.form);
}

#[test]
fn s02_a_try_reuses_what_is_verified_and_ends_with_the_same_bytes() {
    for fake in Fake::all_forms().flat_map(Fake::both).map(Fake::with_tablespace) {
        let form = fake.form;
        stopped_in_the_middle(&fake);
        let mut engine = fake.engine();
        let plan = engine.plan().unwrap();
        assert_eq!(plan.files.target, TargetState::Leftover, "{form}");
        assert!(plan.files.reused.0 > 0, "{form}");
        let inode = |path: &String| fs::metadata(fake.directory().join(path)).unwrap().ino();
        let ledger = fs::read_to_string(fake.marked("ledger")).unwrap();
        let verified =
            |path: &&String| ledger.lines().any(|line| line.contains(" v ") && line.ends_with(&format!(" {path}")));
        let kept: Vec<&String> =
            fake.files.keys().filter(|path| !path.starts_with("pg_tblspc")).filter(verified).collect();
        let before: Vec<u64> = kept.iter().map(|path| inode(path)).collect();
        let ear = Ear::default();
        engine.restore(&ear).unwrap();
        fake.assert_restored();
        let after: Vec<u64> = kept.iter().map(|path| inode(path)).collect();
        assert!(!kept.is_empty() && before == after, "{form}: a verified file was written again");
        let end = *ear.last.lock().unwrap();
        assert_eq!(end.bytes_reused, plan.files.reused, "{form}: what the plan has told");
        assert_eq!((end.bytes_done, end.files_done), (plan.files.bytes, plan.files.files), "{form}");
    }
}

#[test]
fn s02_a_file_that_was_touched_since_is_copied_again() {
    for form in Fake::all_forms() {
        let fake = Fake::new(form);
        fake.write().engine().restore(&Ear::default()).unwrap();
        fs::write(fake.directory().join("base/1/1259"), noise(77, 8192)).unwrap();
        fs::remove_file(fake.directory().join("base/16385/16402")).unwrap();
        fake.engine().restore(&Ear::default()).unwrap();
        fake.assert_restored();
    }
}

#[test]
fn s03_a_try_that_must_copy_again_takes_pg_control_away_first() {
    let fake = Fake::new(BackupForm::Plain);
    fake.write().engine().restore(&Ear::default()).unwrap();
    assert!(exists(fake.directory().join("global/pg_control")));
    fs::remove_file(fake.directory().join("base/1/1259")).unwrap();
    let mut engine = fake.engine();
    engine.plan().unwrap();
    fs::rename(fake.backup().join("base/1/1259"), fake.backup().join("base/1/away")).unwrap();
    assert!(failure(engine.copy(&Ear::default())).cause.contains("base/1/1259 is missing"));
    assert!(!exists(fake.directory().join("global/pg_control")));
    fs::rename(fake.backup().join("base/1/away"), fake.backup().join("base/1/1259")).unwrap();
    fake.engine().restore(&Ear::default()).unwrap();
    fake.assert_restored();
}

#[test]
fn r08_a_repository_that_vanishes_is_a_disruption_and_a_try_goes_on() {
    for form in Fake::all_forms() {
        let fake = Fake::new(form).with_tablespace();
        stopped_in_the_middle(&fake);
        let (repo, away) = (fake.place.path().join("repo"), fake.place.path().join("away"));
        let mut engine = fake.engine();
        engine.plan().unwrap();
        fs::rename(&repo, &away).unwrap();
        let in_copy = failure(engine.copy(&Ear::default()));
        assert_eq!(in_copy.class, FailureClass::Disruption, "{form}: {in_copy}");
        let in_plan = fake.engine().plan().unwrap_err();
        assert_eq!(in_plan.class, FailureClass::Disruption, "{form}: {in_plan}");
        assert!(in_plan.cause.contains("its repository vanished"), "{in_plan}");
        assert_eq!(in_plan.advice, "mount or move the repository back", "nothing may have begun");
        fs::rename(&away, &repo).unwrap();
        let mut engine = fake.engine();
        assert!(engine.plan().unwrap().files.reused.0 > 0, "r10: {form}");
        engine.restore(&Ear::default()).unwrap();
        fake.assert_restored();
    }
}

#[test]
fn r08_a_repository_that_stalls_is_a_disruption_even_while_a_thread_hangs() {
    let fake = Fake { stall: Duration::from_millis(700), ..Fake::new(BackupForm::Plain) };
    fake.write();
    let mut engine = fake.engine();
    engine.plan().unwrap();
    let file = fake.backup().join("base/16385/16400");
    fs::remove_file(&file).unwrap();
    // Opening a pipe that nobody writes to hangs like a read from a dead server does.
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, 0o600.into()).unwrap();
    let failure = failure(engine.copy(&Ear::default()));
    assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
    assert!(failure.cause.contains("the repository stalls: reading") && failure.cause.contains("16400"), "{failure}");
}

#[test]
fn r08_a_repository_that_stalls_while_it_is_looked_at_is_a_disruption() {
    let fake = Fake { stall: Duration::from_millis(700), ..Fake::new(BackupForm::Plain) };
    fake.write();
    let manifest = fake.backup().join("backup_manifest");
    fs::remove_file(&manifest).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &manifest, 0o600.into()).unwrap();
    let failure = fake.engine().plan().unwrap_err();
    assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
    assert!(failure.cause.contains("brought nothing"), "{failure}");
}

#[test]
fn s02_an_archive_all_of_whose_files_are_verified_is_not_read_again() {
    let fake = Fake::new(BackupForm::Tar(Compression::Zstd)).with_tablespace();
    fake.write().engine().restore(&Ear::default()).unwrap();
    fs::remove_file(fake.directory().join(format!("pg_tblspc/{OID}/PG_15_202209061/5/16403"))).unwrap();
    fs::remove_file(fake.directory().join("global/pg_control")).unwrap();
    let ear = Ear::default();
    fake.engine().restore(&ear).unwrap();
    fake.assert_restored();
    let notes = ear.notes.lock().unwrap().join("\n");
    assert_eq!(notes, "16384.tar.zst is read from its beginning; verified files are not written again");
}

#[test]
fn s02_another_session_goes_on_with_what_was_kept_of_the_same_backup_only() {
    let fake = Fake::new(BackupForm::Tar(Compression::Lz4));
    stopped_in_the_middle(&fake);
    let before_it_was_kept = fake.engine_for(2, |_| {}).plan().unwrap_err();
    assert!(before_it_was_kept.cause.contains("the partial data of another session"), "{before_it_was_kept}");
    assert_eq!(fake.engine().dispose(Disposition::Keep), Disposed::Kept);
    assert_eq!(fake.engine_for(2, |_| {}).plan().unwrap().files.target, TargetState::Leftover);
    let mut other = Fake::new(BackupForm::Tar(Compression::Lz4));
    other.files.insert("base/1/1259".into(), noise(55, 8192));
    other.write();
    let mut engine = other.engine_for(2, |request| request.target = fake.request().target);
    assert!(engine.plan().unwrap_err().cause.contains("is not empty"));
    let mut same = other.engine_for(1, |request| request.target = fake.request().target);
    assert!(same.plan().unwrap_err().cause.contains("is no longer the backup that this restore began with"));
}

#[test]
fn s02_after_the_server_ran_the_files_are_its_own_and_stay() {
    let fake = Fake::new(BackupForm::Plain);
    fake.write();
    let mut engine = fake.engine();
    engine.restore(&Ear::default()).unwrap();
    engine.before_server_start().unwrap();
    fs::write(fake.directory().join("base/1/1259"), "replayed").unwrap();
    let (mut again, ear) = (fake.engine(), Ear::default());
    assert_eq!(again.plan().unwrap().files.target, TargetState::Leftover);
    again.restore(&ear).unwrap();
    assert_eq!(fs::read_to_string(fake.directory().join("base/1/1259")).unwrap(), "replayed");
    let end = *ear.last.lock().unwrap();
    assert_eq!(end.bytes_done, end.bytes_total);
    assert_eq!(fake.engine().dispose(Disposition::Keep), Disposed::Kept);
    let mut other = fake.engine_for(2, |_| {});
    assert!(other.plan().unwrap_err().cause.contains("is not empty"), "for another session it is data");
}

/// A plain backup with one large file whose restore was stopped in the midst of it, and the path of its first half.
pub(super) fn half_of_a_large_file() -> (Fake, std::path::PathBuf) {
    let mut fake = Fake::new(BackupForm::Plain);
    fake.files.insert("base/1/9999".into(), noise(9, 5 << 20));
    stopped_in_the_middle(&fake);
    let half = fake.directory().join("base/1/9999");
    let stands = fs::metadata(&half).unwrap().len();
    assert!((1 << 20..5 << 20).contains(&stands), "{stands}");
    (fake, half)
}

#[test]
fn s02_a_file_that_stands_half_copied_is_gone_on_with() {
    let (fake, _) = half_of_a_large_file();
    let mut engine = fake.engine();
    let planned = engine.plan().unwrap().files.reused;
    let ear = Ear::default();
    engine.restore(&ear).unwrap();
    fake.assert_restored();
    let reused = ear.last.lock().unwrap().bytes_reused;
    assert!(reused == planned && reused.0 >= 1 << 20, "{reused}, and {planned} was told before");
}

#[test]
fn s02_a_half_copied_file_that_was_altered_is_copied_anew() {
    let (fake, half) = half_of_a_large_file();
    let mut bytes = fs::read(&half).unwrap();
    bytes[10] ^= 1;
    fs::write(&half, bytes).unwrap();
    let ear = Ear::default();
    fake.engine().restore(&ear).unwrap();
    fake.assert_restored();
    assert!(ear.notes.lock().unwrap().iter().any(|note| note.contains("copied anew")));
    let end = *ear.last.lock().unwrap();
    assert_eq!(end.bytes_done, end.bytes_total);
}

#[test]
fn s02_without_a_checksum_a_half_copied_file_is_copied_anew() {
    let mut fake = Fake::new(BackupForm::Plain);
    fake.algorithm = Algorithm::None;
    fake.files.insert("base/1/9999".into(), noise(9, 5 << 20));
    stopped_in_the_middle(&fake);
    let half = fake.directory().join("base/1/9999");
    let mut bytes = fs::read(&half).unwrap();
    bytes[10] ^= 1;
    fs::write(&half, bytes).unwrap();
    fake.engine().restore(&Ear::default()).unwrap();
    fake.assert_restored();
}

#[test]
fn s03_nothing_could_start_before_the_engine_is_told_that_all_else_is_done() {
    for fake in Fake::all_forms().flat_map(Fake::both) {
        let form = fake.form;
        fake.write();
        let mut engine = fake.engine();
        engine.copy(&Ear::default()).unwrap();
        engine.before_server_start().unwrap();
        let (control, waits) = (fake.directory().join("global/pg_control"), fake.marked("control"));
        assert!(!exists(&control) && exists(waits.join("global/pg_control")), "{form}");
        // The attempt fails here; the next one finds all else, and does not copy what was configured meanwhile.
        fs::write(fake.directory().join("postgresql.auto.conf"), "port = 1").unwrap();
        let mut again = fake.engine();
        assert!(again.plan().unwrap().files.reused.0 > 0, "{form}");
        again.restore(&Ear::default()).unwrap();
        fake.assert_restored();
        again.complete().unwrap();
        let stands = fs::metadata(&control).unwrap().ino();
        fake.engine().complete().unwrap();
        assert_eq!(fs::metadata(&control).unwrap().ino(), stands, "it is put in place once: {form}");
    }
}

#[test]
fn s03_what_waits_to_be_the_last_file_is_not_installed_when_it_was_altered() {
    for fake in Fake::both(BackupForm::Plain) {
        fake.write();
        let mut engine = fake.engine();
        engine.copy(&Ear::default()).unwrap();
        fs::write(fake.marked("control/global/pg_control"), noise(7, 8192)).unwrap();
        assert!(engine.complete().unwrap_err().cause.contains("was altered after it was verified"));
        assert!(!exists(fake.directory().join("global/pg_control")));
        fake.engine().restore(&Ear::default()).unwrap();
        fake.assert_restored();
    }
}
