//! The WAL of a backup: damaged, missing, of another cluster, not there by design.

use super::*;
use crate::{
    domain::{Lsn, Timeline},
    engine::native::tests::header,
    postgres::{manifest::WalRange, wal::tests::writer::SIZE},
};

/// What is found of a backup whose WAL was changed.
fn with_wal(form: BackupForm, change: impl Fn(&mut Vec<u8>)) -> Verification {
    let mut fake = sound(form);
    change(fake.files.get_mut(SEGMENT).unwrap());
    fake.write();
    verified(&fake)
}

#[test]
fn a_flipped_byte_names_the_position_of_its_record_and_one_behind_the_range_nothing() {
    for form in Fake::all_forms() {
        for (byte, record) in [(0x28 + 30, 0x28), (0x28 + 72 + 60, 0x28 + 72), (0x28 + 144 + 8, 0x28 + 144)] {
            let found = with_wal(form, |bytes| bytes[byte] ^= 1);
            let [Damage::Wal { timeline: Timeline(1), at, problem }] = &found.damages[..] else {
                panic!("{form}: {found}")
            };
            assert_eq!(*at, Lsn(2 * SIZE + record), "{form}: {problem}");
            assert_eq!(found.wal_bytes.0, record - 0x28, "{form}");
        }
        assert!(with_wal(form, |bytes| bytes[0x110] ^= 1).is_sound(), "{form}");
    }
}

#[test]
fn wal_of_another_cluster_or_length_is_damage() {
    for form in Fake::all_forms() {
        let foreign = with_wal(form, |bytes| bytes[24] ^= 1);
        assert!(
            foreign.to_string().contains("the segment belongs to another cluster: 6 instead of 7"),
            "{form}: {foreign}"
        );
        let short = with_wal(form, |bytes| bytes.truncate(100));
        assert!(short.to_string().contains("WAL at 0/200028 on timeline 1: the segment has 100"), "{form}: {short}");
        let empty = with_wal(form, Vec::clear);
        assert_eq!(empty.damages_total, 1, "{form}: {empty}");
    }
}

#[test]
fn s15_wal_that_was_left_out_is_unchecked_and_wal_that_is_lost_is_damage() {
    for form in Fake::all_forms() {
        let mut fake = sound(form);
        fake.files.remove(SEGMENT);
        fake.write();
        if form != BackupForm::Plain {
            fs::remove_file(archive(&fake, "pg_wal.tar")).unwrap();
        }
        let found = verified(&fake);
        assert!(found.is_sound() && found.wal_bytes.0 == 0, "{form}: {found}");
        assert_eq!(found.unchecked, ["WAL: the backup was made without it (pg_basebackup -X none)"], "{form}");
        // The note that pg_basebackup leaves shows that a segment was there; so does an archive for it.
        let mut fake = sound(form);
        fake.files.remove(SEGMENT);
        fake.files.insert("pg_wal/archive_status/000000010000000000000002.done".into(), Vec::new());
        fake.write();
        let found = verified(&fake);
        assert_eq!(
            found.to_string(),
            "damaged: WAL at 0/200028 on timeline 1: the WAL up to 0/200100 is missing (1 segment)",
            "{form}"
        );
    }
}

#[test]
fn a_segment_that_comes_twice_is_named_once() {
    let mut fake = sound(BackupForm::Tar(Compression::Gzip));
    fake.write();
    let bytes = fake.files[SEGMENT].clone();
    fake.hostile.push((header(SEGMENT, tar::EntryType::Regular, bytes.len()), bytes));
    fake.write();
    assert_eq!(verified(&fake).damages, [Damage::Duplicate { file: SEGMENT.to_owned() }]);
}

#[test]
fn an_archive_of_wal_that_breaks_off_is_named_with_the_first_position_that_it_lacks() {
    for packing in [Compression::None, Compression::Gzip, Compression::Lz4, Compression::Zstd] {
        let fake = sound(BackupForm::Tar(packing));
        fake.write();
        let path = archive(&fake, "pg_wal.tar");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let found = verified(&fake);
        let shown: Vec<String> = found.damages.iter().map(ToString::to_string).collect();
        assert!(shown.len() == 2 && shown[0].starts_with("pg_wal.tar"), "{packing}: {shown:?}");
        assert!(
            shown[1].starts_with("WAL at 0/200028 on timeline 1: pg_wal.tar")
                && shown[1].ends_with("breaks off before it"),
            "{shown:?}"
        );
    }
}

#[test]
fn a_known_range_stands_in_for_a_manifest_that_cannot_be_read() {
    for form in Fake::all_forms() {
        let mut fake = sound(form);
        fake.files.get_mut(SEGMENT).unwrap()[0x28 + 30] ^= 1;
        fake.write();
        fs::remove_file(fake.backup().join("backup_manifest")).unwrap();
        let range = WalRange { timeline: Timeline(1), start: Lsn(0x20_0028), end: Lsn(0x20_0100) };
        let request = VerifyRequest { wal: Some(range), ..request(&fake) };
        let found = verify(&request, &Ear::default(), &mut |_| {}).unwrap();
        assert!(
            matches!(found.damages[..], [Damage::Missing { .. }, Damage::Wal { at: Lsn(0x20_0028), .. }]),
            "{form}: {found}"
        );
    }
}
