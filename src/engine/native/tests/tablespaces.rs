//! Tablespaces inside the data directory: those that a tar backup has lost are reported, those that it holds come back.

use super::*;
use crate::postgres::pg_tablespace::made::{ROWS, map, page};

const LOST: &str = "tablespace inplace (16392) is not in the backup, and what lies in it is lost: PostgreSQL 15";

/// A backup whose catalog names the tablespace 16392, in a file of this number.
fn with_catalog(form: BackupForm, version: &[u8], file: u32) -> Fake {
    let mut fake = Fake::new(form);
    fake.files.insert("PG_VERSION".into(), version.to_vec());
    fake.files.insert("global/pg_filenode.map".into(), map(file));
    fake.files.insert(format!("global/{file}"), page(&ROWS));
    fake
}

fn warnings(fake: &Fake) -> Vec<String> {
    fake.engine().plan().unwrap().warnings
}

#[test]
fn s15_a_tablespace_that_a_tar_backup_has_lost_is_told_in_the_plan() {
    for form in Fake::all_forms() {
        for file in [1213, 24_711] {
            let shown = warnings(with_catalog(form, b"15\n", file).write());
            let expected = usize::from(form != BackupForm::Plain);
            assert_eq!(
                shown.iter().filter(|text| text.starts_with(LOST)).count(),
                expected,
                "{form} {file}: {shown:?}"
            );
        }
        let mut held = with_catalog(form, b"15\n", 1213);
        held.files.insert("global/1213".into(), page(&[(7808, 0, 0x0901, OID, "elsewhere")]));
        assert_eq!(warnings(held.with_tablespace().write()), [""; 0], "{form}: the backup holds it");
        assert_eq!(warnings(with_catalog(form, b"14\n", 1213).write()), [""; 0], "{form}: 14 has none of these");
    }
}

#[test]
fn a_catalog_that_cannot_be_made_out_is_no_reason_to_refuse() {
    for form in Fake::all_forms() {
        let mut fake = with_catalog(form, b"15\n", 1213);
        fake.files.insert("global/1213".into(), vec![0xff; 8192]);
        assert_eq!(warnings(fake.write()), [""; 0], "{form}");
        let mut without = with_catalog(form, b"15\n", 1213);
        without.files.remove("global/1213");
        assert_eq!(warnings(without.write()), [""; 0], "{form}");
    }
}

/// What PostgreSQL 16 and later write: an archive of the tablespace, and no line for it in the map.
fn in_place(packing: Compression) -> Fake {
    let mut fake = Fake::new(BackupForm::Tar(packing)).with_tablespace();
    fake.files.insert("PG_VERSION".into(), b"16\n".to_vec());
    fake.files.remove("tablespace_map");
    fake
}

#[test]
fn a_tablespace_inside_the_data_directory_comes_back_there() {
    for packing in [Compression::None, Compression::Gzip, Compression::Lz4, Compression::Zstd] {
        let fake = in_place(packing);
        let mut engine = fake.write().engine();
        let plan = engine.plan().unwrap();
        assert_eq!(
            (plan.files.tablespaces.len(), plan.warnings),
            (0, Vec::new()),
            "{packing}: it needs no home of its own"
        );
        engine.restore(&Ear::default()).unwrap();
        fake.assert_restored();
        let home = fake.directory().join(format!("pg_tblspc/{OID}"));
        assert!(home.symlink_metadata().unwrap().is_dir(), "{packing}");
        assert_eq!(fake.outside(), ["data"], "{packing}: nothing of it lies elsewhere");
    }
}

#[test]
fn its_archive_is_unpacked_again_when_a_file_of_it_is_gone() {
    let fake = in_place(Compression::Zstd);
    let mut engine = fake.write().slow_engine(1);
    let total = engine.plan().unwrap().files.bytes.0;
    let ear = Ear { stop_at: Some(total * 9 / 10), ..Ear::default() };
    assert!(matches!(engine.copy(&ear), Err(Halt::Stopped)));
    let file = fake.directory().join(format!("pg_tblspc/{OID}/PG_15_202209061/5/16403"));
    if file.exists() {
        fs::remove_file(&file).unwrap();
    }
    fake.engine().restore(&Ear::default()).unwrap();
    fake.assert_restored();
}

#[test]
fn an_archive_of_a_tablespace_that_nothing_names_is_refused() {
    let fake = in_place(Compression::None);
    let mut other = Fake { files: fake.files.clone(), place: tempfile::tempdir().unwrap(), ..fake };
    other.files.insert("PG_VERSION".into(), b"15\n".to_vec());
    other.files.retain(|path, _| !path.starts_with("pg_tblspc/"));
    other.write();
    let refused = refusal(&mut other.engine());
    assert!(refused.cause.contains("does not name tablespace 16384"), "{refused}");
}
