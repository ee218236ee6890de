//! Damaged and hostile backups: each is refused as incurable, by name, and nothing is written outside the target.

use super::*;
use crate::domain::FailureClass;
use tar::EntryType;

/// Changes a whole backup in one way and expects the restore to fail for that reason, without `pg_control` in place.
fn check(form: BackupForm, change: impl Fn(&mut Fake), says: &str) {
    let mut fake = Fake::new(form);
    fake.listed = Some(fake.files.clone());
    change(&mut fake);
    fake.write();
    let refused = refusal(&mut fake.engine());
    assert_eq!(refused.class, FailureClass::Incurable, "{form}: {refused}");
    assert!(refused.cause.contains(says), "{form}: {says:?} is not in {refused}");
    assert!(!refused.advice.is_empty(), "{refused}");
    assert!(!exists(fake.directory().join("global/pg_control")), "s03: {form}: {says}");
    assert!(fake.outside().iter().all(|name| name == "data"), "{:?}", fake.outside());
}

fn alter(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

#[test]
fn a_file_missing_extra_longer_shorter_or_altered_is_named() {
    // A small file, a large one with an odd end, and one at the top: each form meets one of them.
    let paths = ["base/1/1259", "base/16385/16401", "PG_VERSION"];
    for (form, path) in Fake::all_forms().zip(paths.into_iter().cycle()) {
        let file = |fake: &mut Fake| fake.files.remove(path).unwrap();
        check(form, |fake| drop(file(fake)), &format!("{path} is missing from the backup"));
        check(form, |fake| fake.files.get_mut(path).unwrap().push(b'x'), &format!("{path} in the backup has"));
        check(form, |fake| fake.files.get_mut(path).unwrap().push(b'x'), "longer than the manifest says");
        check(
            form,
            |fake| assert!(fake.files.get_mut(path).unwrap().pop().is_some()),
            "shorter than the manifest says",
        );
        let says = format!("{path} in the backup does not match the manifest");
        check(form, |fake| alter(fake.files.get_mut(path).unwrap()), &says);
        check(
            form,
            |fake| alter(fake.files.get_mut("global/pg_control").unwrap()),
            "global/pg_control in the backup does",
        );
        check(form, |fake| drop(fake.files.remove("global/pg_control")), "global/pg_control");
        let extra = |name: &'static str| move |fake: &mut Fake| drop(fake.files.insert(name.into(), b"x".to_vec()));
        check(form, extra("base/1/evil"), "base/1/evil is in the backup, but its manifest does not list it");
        check(form, extra("pg_wal/evil"), "pg_wal/evil is in the backup, but its manifest");
    }
}

#[test]
fn s15_one_altered_byte_is_found_by_every_checksum_in_every_form() {
    let all = [Algorithm::Crc32c, Algorithm::Sha224, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];
    for (form, algorithm) in Fake::all_forms().flat_map(|form| all.map(|algorithm| (form, algorithm))) {
        for path in ["base/1/1259", "base/16385/16401", "global/pg_control"] {
            let change = |fake: &mut Fake| {
                fake.algorithm = algorithm;
                alter(fake.files.get_mut(path).unwrap());
            };
            let name = algorithm.name();
            let says = "in the backup does not match the manifest: its bytes were altered";
            check(form, change, &format!("{path} {says} ({name} differs)"));
        }
    }
}

#[test]
fn wal_that_is_not_what_its_name_says_is_refused() {
    for form in Fake::all_forms() {
        let with = |at: usize| move |fake: &mut Fake| fake.files.get_mut(SEGMENT).unwrap()[at] ^= 0x40;
        check(form, with(1), "is no WAL segment");
        check(form, with(10), "holds the WAL from");
        check(form, with(24), "to another cluster");
    }
}

#[test]
fn an_archive_cut_short_or_corrupt_is_named() {
    for packing in [Compression::None, Compression::Gzip, Compression::Lz4, Compression::Zstd] {
        for cut in [10, 700, 5_000, 2_000_000] {
            let fake = Fake::new(BackupForm::Tar(packing));
            fake.write();
            let path = fs::read_dir(fake.backup())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .find(|path| path.to_string_lossy().contains("/base.tar"))
                .unwrap();
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &whole[..cut]).unwrap();
            let refused = refusal(&mut fake.engine());
            assert_eq!(refused.class, FailureClass::Incurable, "{packing} cut at {cut}: {refused}");
            assert!(
                refused.cause.contains("base.tar") || refused.cause.contains("missing"),
                "{packing} at {cut}: {refused}"
            );
            let mut corrupt = whole.clone();
            corrupt[whole.len() / 2..whole.len() / 2 + 64].fill(0xAA);
            fs::write(&path, corrupt).unwrap();
            let refused = refusal(&mut fake.engine_for(2, |request| {
                request.target = Target::new(fake.place.path().join("other"), Port::new(1).unwrap()).unwrap();
            }));
            assert_eq!(refused.class, FailureClass::Incurable, "{packing} corrupt: {refused}");
        }
    }
}

#[test]
fn a_hostile_member_writes_nothing_outside_and_is_refused() {
    for form in [Compression::None, Compression::Zstd].map(BackupForm::Tar) {
        for (name, kind, says) in [
            ("../evil", EntryType::Regular, "leads out of the data directory"),
            ("/tmp/howdah-evil", EntryType::Regular, "absolute name"),
            ("base/../../evil", EntryType::Directory, "leads out of the data directory"),
            ("base/link", EntryType::Symlink, "symbolic link"),
            ("pg_tblspc/16384", EntryType::Symlink, "symbolic link"),
            ("base/hard", EntryType::Link, "hard link"),
            ("base/device", EntryType::Char, "device"),
            ("base/pipe", EntryType::Fifo, "named pipe"),
            ("././@LongLink", EntryType::GNULongName, "GNU header"),
            ("longname", EntryType::GNULongName, "changes the name"),
            ("pax", EntryType::XHeader, "changes the name"),
            ("base/1/1259", EntryType::Regular, "is there twice"),
            ("global/pg_control", EntryType::Regular, "is there twice"),
            ("base/unknown", EntryType::Regular, "does not list it"),
            (".howdah/ledger", EntryType::Regular, "does not list it"),
            (".howdah/deep/", EntryType::Directory, "does not list it"),
        ] {
            let evil = |fake: &mut Fake| {
                let bytes = match name {
                    "base/1/1259" | "global/pg_control" => fake.files[name].clone(),
                    _ if kind == EntryType::Regular || kind == EntryType::GNULongName => b"evil".to_vec(),
                    _ => Vec::new(),
                };
                let mut header = header(name, kind, bytes.len());
                header.set_link_name("../../outside").unwrap();
                header.set_cksum();
                fake.hostile.push((header, bytes));
            };
            check(form, evil, says);
        }
    }
    assert!(!exists("/tmp/howdah-evil"));
}

#[test]
fn a_plain_backup_with_links_or_pipes_in_it_is_refused() {
    let fake = Fake::new(BackupForm::Plain);
    fake.write();
    symlink("/etc/passwd", fake.backup().join("base/1/link")).unwrap();
    assert!(refusal(&mut fake.engine()).cause.contains("base/1/link in the backup is a symbolic link"));
    let fake = Fake::new(BackupForm::Plain);
    fake.write();
    rustix::fs::mkfifoat(rustix::fs::CWD, fake.backup().join("base/1/pipe"), 0o600.into()).unwrap();
    assert!(refusal(&mut fake.engine()).cause.contains("neither a file nor a directory"));
}

#[test]
fn a_tablespace_without_archive_and_an_archive_without_tablespace_are_refused() {
    let form = BackupForm::Tar(Compression::Zstd);
    let fake = Fake::new(form).with_tablespace();
    fake.write();
    fs::remove_file(fake.backup().join(format!("{OID}.tar.zst"))).unwrap();
    assert!(refusal(&mut fake.engine()).cause.contains("the archive 16384.tar of a tablespace is missing"));
    let fake = Fake::new(form);
    fake.write();
    fs::write(fake.backup().join("99.tar"), "").unwrap();
    assert!(refusal(&mut fake.engine()).cause.contains("does not name tablespace 99"));
    let fake = Fake::new(BackupForm::Plain).with_tablespace();
    fake.write();
    fs::remove_dir_all(fake.place.path().join("repo/backup_ts")).unwrap();
    let refused = refusal(&mut fake.engine());
    assert_eq!(refused.class, FailureClass::Incurable, "{refused}");
    assert!(refused.cause.contains("leads to a directory that is not there"), "{refused}");
}

#[test]
fn a_manifest_that_is_missing_or_damaged_is_incurable_while_the_backup_stands() {
    for form in Fake::all_forms() {
        let fake = Fake::new(form);
        fake.write();
        let path = fake.backup().join("backup_manifest");
        let text = fs::read_to_string(&path).unwrap();
        for (content, says) in [
            (Some(text.replace("1259", "1260")), "does not match its own checksum"),
            (Some(text[..text.len() / 2].to_owned()), "cut short"),
            (None, "backup_manifest is missing from the backup"),
        ] {
            match content {
                Some(content) => fs::write(&path, content).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let refused = refusal(&mut fake.engine());
            assert_eq!(refused.class, FailureClass::Incurable, "{refused}");
            assert!(refused.cause.contains(says), "{refused}");
        }
    }
}
