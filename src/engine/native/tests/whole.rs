//! Whole backups: every form and checksum comes back byte for byte.

use super::*;
use crate::{
    domain::{
        MajorVersion, SystemIdentifier,
        plan::{TargetState, WalFinding},
    },
    engine::native::mark_place,
    postgres::directories,
};
use std::os::unix::fs::PermissionsExt;

#[test]
fn every_form_with_every_checksum_is_restored_byte_for_byte() {
    let all = [
        Algorithm::None,
        Algorithm::Crc32c,
        Algorithm::Sha224,
        Algorithm::Sha256,
        Algorithm::Sha384,
        Algorithm::Sha512,
    ];
    for (form, algorithm) in Fake::all_forms().flat_map(|form| all.map(|algorithm| (form, algorithm))) {
        let mut fake = Fake::new(form);
        fake.algorithm = algorithm;
        fake.write();
        let mut engine = fake.engine();
        let plan = engine.plan().unwrap();
        assert_eq!((plan.files.target, plan.files.checksum.as_str()), (TargetState::Missing, algorithm.name()));
        assert!(matches!(plan.files.wal, WalFinding::Included { .. }), "{form}: {:?}", plan.files.wal);
        assert!(!exists(fake.directory()), "a plan writes nothing");
        let ear = Ear::default();
        engine.restore(&ear).unwrap();
        fake.assert_restored();
        let end = *ear.last.lock().unwrap();
        assert_eq!((end.bytes_done, end.files_done), (plan.files.bytes, plan.files.files), "{form}");
        assert_eq!((end.bytes_total, end.files_total), (plan.files.bytes, plan.files.files), "{form}");
        engine.finish().unwrap();
        assert!(!exists(fake.directory().join(".howdah")));
        assert_eq!(fake.outside(), ["data"]);
    }
}

#[test]
fn empty_directories_that_the_backup_has_lost_are_made_with_its_modes() {
    for form in Fake::all_forms() {
        let mut fake = Fake::new(form);
        fake.directories.clear();
        fake.write().engine().restore(&Ear::default()).unwrap();
        fake.assert_restored();
        for path in directories::fixed(Some(MajorVersion(15))) {
            let made = fs::symlink_metadata(fake.directory().join(path)).unwrap();
            assert!(made.is_dir(), "{form}: {}", path.display());
            assert_eq!(made.permissions().mode() & 0o777, 0o700, "{form}: {}", path.display());
        }
        assert!(!exists(fake.directory().join("pg_wal/summaries")), "{form}: version 15 does not know it");
    }
}

#[test]
fn an_empty_tablespace_gets_its_version_directory_and_a_full_one_no_other() {
    for form in Fake::all_forms() {
        for empty in [false, true] {
            let mut fake = Fake::new(form).with_tablespace();
            let file = format!("pg_tblspc/{OID}/PG_15_202209061/5/16403");
            if empty {
                fake.files.remove(&file);
            } else {
                let bytes = fake.files.remove(&file).unwrap();
                fake.files.insert(format!("pg_tblspc/{OID}/PG_15_202204291/5/16403"), bytes);
            }
            fake.write().engine().restore(&Ear::default()).unwrap();
            let home = fake.place.path().join(format!("data.tablespaces/{OID}"));
            let names = fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name());
            let names: Vec<_> = names.filter(|name| name != mark_place::DIRECTORY).collect();
            assert_eq!(names, [if empty { "PG_15_202209061" } else { "PG_15_202204291" }], "{form}");
        }
    }
}

#[test]
fn the_plan_knows_version_and_cluster_before_the_copy() {
    for form in Fake::all_forms() {
        let plan = Fake::new(form).write().engine().plan().unwrap();
        assert_eq!(plan.files.version, Some(MajorVersion(15)), "{form}");
        assert_eq!(plan.files.system_identifier, Some(SystemIdentifier(7)), "{form}");
    }
}

#[test]
fn tablespaces_go_to_new_places_and_links_and_map_follow() {
    for form in Fake::all_forms() {
        let fake = Fake::new(form).with_tablespace();
        fake.write();
        let mut engine = fake.engine();
        let plan = engine.plan().unwrap();
        let home = fake.place.path().join(format!("data.tablespaces/{OID}"));
        assert_eq!((plan.files.tablespaces[0].oid, &plan.files.tablespaces[0].directory), (OID, &home));
        engine.restore(&Ear::default()).unwrap();
        fake.assert_restored();
        assert_eq!(fs::read_link(fake.directory().join(format!("pg_tblspc/{OID}"))).unwrap(), home);
        assert!(home.join("PG_15_202209061/5/16403").is_file());
        if form != BackupForm::Plain {
            let map = fs::read_to_string(fake.directory().join("tablespace_map")).unwrap();
            assert_eq!(map, format!("{OID} {}\n", home.display()));
        }
    }
}

#[test]
fn files_are_private_unless_the_server_granted_its_group() {
    for (manifest_mode, directory, file) in [(0o600, 0o700, 0o600), (0o640, 0o750, 0o640), (0o644, 0o700, 0o600)] {
        let fake = Fake::new(BackupForm::Tar(Compression::None));
        fake.write();
        let manifest = fake.backup().join("backup_manifest");
        fs::set_permissions(manifest, fs::Permissions::from_mode(manifest_mode)).unwrap();
        fake.engine().restore(&Ear::default()).unwrap();
        let mode = |path: &str| fs::metadata(fake.directory().join(path)).unwrap().permissions().mode() & 0o7777;
        for path in ["", "base", "base/1", "pg_notify"] {
            assert_eq!(mode(path), directory, "{path}");
        }
        for path in ["PG_VERSION", "base/16385/16400", "global/pg_control", "backup_manifest"] {
            assert_eq!(mode(path), file, "{path}");
        }
    }
}

#[test]
fn what_pg_basebackup_r_changes_is_restored_as_it_is_and_told() {
    for form in Fake::all_forms() {
        let mut fake = Fake::new(form);
        fake.listed = Some(fake.files.clone());
        fake.files.insert("postgresql.auto.conf".into(), b"primary_conninfo = 'host=db1'\n".to_vec());
        fake.files.insert("standby.signal".into(), Vec::new());
        fake.write();
        let (mut engine, ear) = (fake.engine(), Ear::default());
        engine.restore(&ear).unwrap();
        fake.assert_restored();
        let notes = ear.notes.lock().unwrap().join("\n");
        assert!(notes.contains("postgresql.auto.conf was changed after"), "{form}: {notes}");
        assert!(notes.contains("standby.signal"), "{form}: {notes}");
    }
}

#[test]
fn a_backup_without_wal_is_restored_and_the_plan_says_what_is_missing() {
    for form in Fake::all_forms() {
        let mut fake = Fake::new(form);
        fake.files.remove(SEGMENT);
        fake.write();
        let mut engine = fake.engine();
        let plan = engine.plan().unwrap();
        let WalFinding::Missing { what } = &plan.files.wal else { panic!("{form}: {:?}", plan.files.wal) };
        assert!(what.contains("WAL from 0/200028 to 0/200100"), "{what}");
        assert!(plan.warnings.iter().any(|text| text.contains("consistent")), "{:?}", plan.warnings);
        engine.restore(&Ear::default()).unwrap();
        fake.assert_restored();
    }
}

#[test]
fn a_wal_segment_of_another_size_is_named_with_its_size() {
    for form in Fake::all_forms() {
        // The last one has a size that a segment may have, too; only its header shows that it is not its own.
        for bytes in [700_000, (1 << 20) + 1, 2 << 20] {
            let mut fake = Fake::new(form);
            fake.files.get_mut(SEGMENT).unwrap().resize(bytes, 0);
            let plan = fake.write().engine().plan().unwrap();
            let WalFinding::Missing { what } = &plan.files.wal else { panic!("{form}: {:?}", plan.files.wal) };
            let wanted = format!("000000010000000000000002 has {bytes} bytes, and a segment has 1048576");
            assert!(what.ends_with(&wanted) && !what.contains("is not in the backup"), "{form}: {what}");
        }
    }
}

#[test]
fn s14_the_plan_reads_the_cluster_from_the_archive_when_nothing_else_tells_it() {
    for form in Fake::all_forms() {
        let mut fake = Fake::new(form);
        // Without WAL only pg_control shows it, and that is the last member of the archive.
        fake.files.remove(SEGMENT);
        fake.write();
        assert_eq!(fake.engine().plan().unwrap().files.system_identifier, Some(SystemIdentifier(7)), "{form}");
        let known = |request: &mut ClusterRestore| request.point.facts.learn(Some(SystemIdentifier(9)));
        let plan = fake.engine_for(1, known).plan().unwrap();
        let read_again = if form == BackupForm::Plain { 7 } else { 9 };
        assert_eq!(
            plan.files.system_identifier,
            Some(SystemIdentifier(read_again)),
            "{form}: what was read is not read again"
        );
    }
}

#[test]
fn wal_fetched_into_the_base_is_found_and_restored() {
    let mut fake = Fake::new(BackupForm::Tar(Compression::Gzip));
    fake.files.insert("pg_wal/archive_status/000000010000000000000002.done".into(), Vec::new());
    fake.write();
    // The server lists the `.done` files of the segments that it put into the base.
    fake.list_more(
        r#"{ "Path": "pg_wal/archive_status/000000010000000000000002.done", "Size": 0, "Last-Modified": "2026-11-20 23:44:44 GMT" }"#,
    );
    let mut base = tar::Builder::new(Vec::new());
    for (path, bytes) in &fake.files {
        append(&mut base, path, tar::EntryType::Regular, bytes);
    }
    fs::write(fake.backup().join("base.tar.gz"), pack(Compression::Gzip, &base.into_inner().unwrap())).unwrap();
    fs::remove_file(fake.backup().join("pg_wal.tar.gz")).unwrap();
    let mut engine = fake.engine();
    let plan = engine.plan().unwrap();
    assert!(matches!(plan.files.wal, WalFinding::Included { .. }), "{:?}", plan.files.wal);
    engine.restore(&Ear::default()).unwrap();
    assert_eq!(fs::read(fake.directory().join(SEGMENT)).unwrap(), segment());
}

#[test]
fn wal_is_written_even_when_no_other_archive_has_made_its_directories_yet() {
    for form in Fake::all_forms() {
        let mut fake = Fake::new(form);
        fake.directories = vec!["pg_notify/"];
        fake.files.insert("pg_wal/archive_status/000000010000000000000002.done".into(), Vec::new());
        fake.write().engine().restore(&Ear::default()).unwrap();
        fake.assert_restored();
        assert!(fake.directory().join("pg_tblspc").is_dir() && fake.directory().join("pg_wal/archive_status").is_dir());
    }
}

#[test]
fn parents_of_the_target_that_would_have_to_be_made_are_named() {
    let fake = Fake::new(BackupForm::Plain);
    fake.write();
    let place = fake.place.path();
    for (target, warned) in [
        ("data", None),
        ("a/data", Some(format!("{} does not exist either", place.join("a").display()))),
        ("a/b/c/data", Some(format!("{} and what lies between do not exist either: 3 dir", place.join("a").display()))),
    ] {
        let target = Target::new(place.join(target), Port::new(5433).unwrap()).unwrap();
        let warnings = fake.engine_for(1, |request| request.target = target.clone()).plan().unwrap().warnings;
        let found =
            warnings.iter().find(|warning| warning.contains("does not exist") || warning.contains("do not exist"));
        assert_eq!(found.is_some(), warned.is_some(), "{warnings:?}");
        assert!(found.zip(warned).is_none_or(|(found, warned)| found.starts_with(&warned)), "{warnings:?}");
    }
}
