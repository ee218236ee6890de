//! Verifications that end early: stopped, not allowed to read, without their repository.

use super::*;
use crate::{
    domain::{FailureClass, Progress, Rate},
    engine::Observer,
};
use rustix::thread::CapabilitySet;
use std::{os::unix::fs::PermissionsExt, sync::Mutex};

/// Does something to the backup in the midst of the reading.
struct Meddler<F: Fn() + Sync> {
    at: u64,
    deed: F,
    last: Mutex<Progress>,
}

impl<F: Fn() + Sync> Observer for Meddler<F> {
    fn progress(&self, progress: Progress) {
        let before = std::mem::replace(&mut *self.last.lock().unwrap(), progress);
        if before.bytes_done.0 <= self.at && progress.bytes_done.0 > self.at {
            (self.deed)();
        }
    }

    fn note(&self, _: String) {}

    fn stop_requested(&self) -> bool {
        false
    }
}

fn slow(fake: &Fake) -> VerifyRequest {
    VerifyRequest { max_rate: Rate::per_second(4 << 20), ..request(fake) }
}

#[test]
fn a_verification_that_is_told_to_stop_stops() {
    for form in Fake::all_forms() {
        let fake = sound(form);
        fake.write();
        let ear = Ear { stop_at: Some(300_000), ..Ear::default() };
        let ended = verify(&slow(&fake), &ear, &mut |_| {});
        assert!(matches!(ended, Err(Halt::Stopped)), "{form}: {ended:?}");
        let last = *ear.last.lock().unwrap();
        assert!(last.bytes_done < last.bytes_total, "{form}: {last:?}");
    }
}

#[test]
fn r08_a_repository_that_vanishes_is_a_disruption_and_no_damage() {
    for form in [BackupForm::Plain, BackupForm::Tar(Compression::None), BackupForm::Tar(Compression::Zstd)] {
        let fake = sound(form);
        fake.write();
        let (repo, away) = (fake.place.path().join("repo"), fake.place.path().join("away"));
        let deed = || fs::rename(&repo, &away).unwrap();
        let meddler = Meddler { at: 300_000, deed, last: Mutex::default() };
        let mut heard = Vec::new();
        let failure = failure(verify(&slow(&fake), &meddler, &mut |damage| heard.push(damage.clone())).map(drop));
        assert_eq!(failure.class, FailureClass::Disruption, "{form}: {failure}");
        assert!(failure.cause.contains("its repository vanished"), "{form}: {failure}");
        assert!(failure.advice.contains("begins anew"), "{form}: {failure}");
        assert!(!failure.cause.contains("in all"), "{form}: nothing is tried any more: {failure}");
        assert!(heard.is_empty(), "{form}: {heard:?}");
        let failure = refused(&fake);
        assert_eq!(failure.class, FailureClass::Disruption, "{form}: {failure}");
    }
}

#[test]
fn a_file_that_vanishes_while_its_backup_stands_is_missing() {
    let fake = sound(BackupForm::Plain);
    fake.write();
    // Small files come last.
    let gone = fake.backup().join("base/1/1259");
    let meddler = Meddler { at: 300_000, deed: || fs::remove_file(&gone).unwrap(), last: Mutex::default() };
    let found = verify(&slow(&fake), &meddler, &mut |_| {}).unwrap();
    assert_eq!(found.damages, [Damage::Missing { file: "base/1/1259".to_owned() }]);
}

#[test]
fn a_file_that_nobody_lets_us_read_fails_the_stage_at_its_end_and_is_no_damage() {
    // Root reads everything, unless it has given that right away: this thread and those that it starts have.
    let reads_all = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
    let mut rights = rustix::thread::capabilities(None).unwrap();
    rights.effective.remove(reads_all);
    rustix::thread::set_capabilities(None, rights).unwrap();
    for form in Fake::all_forms() {
        let mut fake = sound(form).with_tablespace();
        fake.listed = Some(fake.files.clone());
        fake.files.get_mut("base/1/1259").unwrap()[0] ^= 1;
        fake.write();
        let closed = match form {
            BackupForm::Plain => fake.backup().join("base/16385/16401"),
            BackupForm::Tar(_) => archive(&fake, "16384.tar"),
        };
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        let mut heard = Vec::new();
        let failure =
            failure(verify(&request(&fake), &Ear::default(), &mut |damage| heard.push(damage.clone())).map(drop));
        assert_eq!(failure.class, FailureClass::Incurable, "{form}: {failure}");
        assert!(failure.cause.contains(closed.to_str().unwrap()), "{form}: {failure}");
        assert!(failure.cause.contains("damages found so far: 1"), "{form}: {failure}");
        assert_eq!(heard, [Damage::Altered { file: "base/1/1259".to_owned() }], "{form}: it goes on to its end");
    }
}

#[test]
fn a_read_that_brings_nothing_is_a_disruption() {
    let fake = Fake { stall: Duration::from_millis(700), ..sound(BackupForm::Tar(Compression::None)) };
    fake.write();
    let (mut verifier, _) = Verifier::plan(&request(&fake)).unwrap();
    let path = base(&fake);
    fs::remove_file(&path).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
    let failure = failure(verifier.read(&Ear::default(), &mut |_| {}));
    assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
    assert!(failure.cause.contains("the repository stalls: reading"), "{failure}");
}
