//! Verifying small made-up backups, sound and damaged in every way.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod archives;
mod damage;
mod ends;
mod hostile;
mod wal;

use super::{Verifier, VerifyRequest};
use crate::{
    domain::{BackupForm, Compression, Damage, Failure, Verification, WorkerSettings},
    engine::{
        Halt, Observer,
        native::tests::{Ear, Fake, SEGMENT, failure},
    },
    postgres::{manifest::Algorithm, wal::tests::writer::Wal},
};
use std::{fs, path::PathBuf, time::Duration};

/// A segment whose records fill the range that the manifest of every fake backup names, and go on behind it.
fn records() -> Wal {
    let mut wal = Wal::new();
    for _ in 0..60 {
        wal.record(48);
    }
    wal
}

/// A backup that is as it should be, not yet written.
fn sound(form: BackupForm) -> Fake {
    let mut fake = Fake::new(form);
    fake.files.insert(SEGMENT.to_owned(), records().segments().swap_remove(0).1);
    fake
}

fn request(fake: &Fake) -> VerifyRequest {
    let settings = WorkerSettings { stall_timeout: fake.stall, copy_workers: 2, ..Default::default() };
    VerifyRequest::new(&fake.backup(), fake.form, &settings)
}

/// All stages, one after the other.
fn verify(
    request: &VerifyRequest,
    observer: &dyn Observer,
    found: &mut dyn FnMut(&Damage),
) -> Result<Verification, Halt> {
    let (mut verifier, _) = Verifier::plan(request)?;
    verifier.read(observer, found)?;
    verifier.check_wal(observer, found)?;
    Ok(verifier.finish())
}

/// Verifies, and holds what was handed on against what came of it.
fn verified(fake: &Fake) -> Verification {
    let mut heard = Vec::new();
    let mut found = verify(&request(fake), &Ear::default(), &mut |damage| heard.push(damage.clone())).unwrap();
    assert_eq!(heard.len() as u64, found.damages_total);
    let mut all = Verification::default();
    for damage in heard {
        all.add(damage);
    }
    assert_eq!(all.damages, found.damages, "each is handed on once");
    found.unchecked.sort();
    found
}

fn refused(fake: &Fake) -> Failure {
    failure(verify(&request(fake), &Ear::default(), &mut |_| {}).map(drop))
}

/// The archive of the base.
fn base(fake: &Fake) -> PathBuf {
    archive(fake, "base.tar")
}

fn archive(fake: &Fake, name: &str) -> PathBuf {
    let paths = fs::read_dir(fake.backup()).unwrap().map(|entry| entry.unwrap().path());
    paths.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with(name)).unwrap()
}

#[test]
fn a_sound_backup_is_verified_to_its_last_byte_in_every_form() {
    let all = [Algorithm::Crc32c, Algorithm::Sha224, Algorithm::Sha512];
    for (form, algorithm) in Fake::all_forms().flat_map(|form| all.map(|algorithm| (form, algorithm))) {
        let mut fake = sound(form).with_tablespace();
        fake.algorithm = algorithm;
        fake.write();
        let ear = Ear::default();
        let (mut verifier, plan) = Verifier::plan(&request(&fake)).unwrap();
        assert_eq!(plan.checksum.as_deref(), Some(algorithm.name()));
        verifier.read(&ear, &mut |damage| panic!("{damage}")).unwrap();
        verifier.check_wal(&ear, &mut |damage| panic!("{damage}")).unwrap();
        let found = verifier.finish();
        let listed = || fake.files.iter().filter(|(path, _)| !path.starts_with("pg_wal/"));
        assert!(found.is_sound() && found.unchecked.is_empty(), "{form}: {found}");
        assert_eq!(found.files, listed().count() as u64, "{form}");
        assert_eq!(found.bytes.0, listed().map(|(_, bytes)| bytes.len() as u64).sum::<u64>(), "{form}");
        assert_eq!(found.wal_bytes.0, 0x20_0100 - 0x20_0028, "{form}");
        let end = *ear.last.lock().unwrap();
        assert_eq!((end.bytes_done, end.files_done), (end.bytes_total, end.files_total), "{form}");
        assert_eq!(end.bytes_total.0, found.bytes.0 + (1 << 20), "{form}: WAL counts");
        assert_eq!(end.files_total, found.files + 1, "{form}");
    }
}

#[test]
fn a_backup_is_left_exactly_as_it_was() {
    for form in Fake::all_forms() {
        let fake = sound(form).with_tablespace();
        fake.write();
        let listing = || -> Vec<(PathBuf, u64, std::time::SystemTime)> {
            let entries = walkdir::WalkDir::new(fake.place.path()).sort_by_file_name().into_iter().map(Result::unwrap);
            let facts = entries.map(|entry| (entry.path().to_owned(), entry.metadata().unwrap()));
            facts.map(|(path, about)| (path, about.len(), about.modified().unwrap())).collect()
        };
        let before = listing();
        verified(&fake);
        assert_eq!(listing(), before, "{form}");
    }
}
