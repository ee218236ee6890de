//! Archives that are broken, lie, or hold what no backup has.

use super::*;
use crate::engine::native::tests::{contents::noise, header};
use tar::EntryType;

const PACKINGS: [Compression; 4] = [Compression::None, Compression::Gzip, Compression::Lz4, Compression::Zstd];

#[test]
fn a_broken_archive_is_named_and_what_lies_behind_its_break_is_not_called_missing() {
    for packing in PACKINGS {
        for corrupt in [false, true] {
            let mut fake = sound(BackupForm::Tar(packing)).with_tablespace();
            fake.listed = Some(fake.files.clone());
            // The other archive is read all the same.
            fake.files.get_mut("pg_tblspc/16384/PG_15_202209061/5/16403").unwrap()[9] ^= 1;
            fake.write();
            let path = base(&fake);
            let mut bytes = fs::read(&path).unwrap();
            if corrupt {
                let middle = bytes.len() / 2;
                // Longer than any file and any packed block, so that the header of one is hit.
                bytes[middle..middle + 1_700_000].fill(0xAA);
            } else {
                bytes.truncate(bytes.len() / 2);
            }
            fs::write(&path, bytes).unwrap();
            let found = verified(&fake);
            let shown: Vec<String> = found.damages.iter().map(ToString::to_string).collect();
            let of_tablespace = "altered: pg_tblspc/16384/PG_15_202209061/5/16403".to_owned();
            assert!(shown.contains(&of_tablespace), "{packing} {corrupt}: {shown:?}");
            assert!(shown.iter().all(|line| !line.starts_with("missing")), "{packing} {corrupt}: {shown:?}");
            assert!(shown[0].starts_with("base.tar"), "{packing} {corrupt}: {shown:?}");
            assert!(
                found.unchecked.iter().any(|line| line.starts_with("files that base.tar")),
                "{:?}",
                found.unchecked
            );
            let unseen: u64 = found.unchecked[0].rsplit_once(": ").unwrap().1.parse().unwrap();
            let altered = shown.len() as u64 - 1;
            let listed = fake.files.len() as u64 - 1;
            assert_eq!(found.files + altered + unseen, listed, "{packing} {corrupt}: {found}");
        }
    }
}

#[test]
fn an_archive_that_ends_between_two_members_or_has_a_hole_is_damaged() {
    let cut_at = |fake: &Fake, from_end: bool| {
        let mut at = 0;
        let bytes = fs::read(base(fake)).unwrap();
        let mut members = Vec::new();
        while bytes[at] != 0 {
            members.push(at);
            let size = usize::from_str_radix(str::from_utf8(&bytes[at + 124..at + 135]).unwrap(), 8).unwrap();
            at += 512 + size.next_multiple_of(512);
        }
        if from_end { at } else { members[members.len() / 2] }
    };
    let check = |spoil: &dyn Fn(&Fake, &mut Vec<u8>), says: &str, unseen: bool| {
        let fake = sound(BackupForm::Tar(Compression::None));
        fake.write();
        let mut bytes = fs::read(base(&fake)).unwrap();
        spoil(&fake, &mut bytes);
        fs::write(base(&fake), bytes).unwrap();
        let found = verified(&fake);
        let [Damage::Archive { file, problem }] = &found.damages[..] else { panic!("{found}") };
        assert!(file == "base.tar" && problem.contains(says), "{found}");
        assert_eq!(!found.unchecked.is_empty(), unseen, "{found}");
    };
    check(&|fake, bytes| bytes.truncate(cut_at(fake, false)), "the empty blocks at its end are missing", true);
    check(&|fake, bytes| bytes.truncate(cut_at(fake, true)), "the empty blocks at its end are missing", false);
    check(
        &|fake, bytes| {
            let at = cut_at(fake, false);
            bytes[at..at + 512].fill(0);
        },
        "has a hole",
        true,
    );
    check(
        &|fake, bytes| {
            let at = cut_at(fake, false);
            bytes[at + 3] ^= 1;
        },
        "cannot be unpacked to its end",
        true,
    );
}

#[test]
fn members_that_no_backup_has_are_extra_and_those_that_come_twice_are_named() {
    for packing in [Compression::None, Compression::Zstd] {
        for (name, kind, expected) in [
            ("../evil", EntryType::Regular, "not in the manifest: ../evil"),
            ("/tmp/howdah-evil", EntryType::Regular, "not in the manifest: /tmp/howdah-evil"),
            ("base/link", EntryType::Symlink, "not in the manifest: base/link"),
            ("base/pipe", EntryType::Fifo, "not in the manifest: base/pipe"),
            ("././@LongLink", EntryType::GNULongName, "not in the manifest: ././@LongLink"),
            ("pax", EntryType::XHeader, "not in the manifest: pax"),
            ("base/\u{1b}[2Jx", EntryType::Regular, "not in the manifest: base/\\u{1b}[2Jx"),
            ("base/unknown", EntryType::Regular, "not in the manifest: base/unknown"),
            ("base/1/1259", EntryType::Regular, "there twice: base/1/1259"),
            ("global/pg_control", EntryType::Regular, "there twice: global/pg_control"),
        ] {
            let mut fake = sound(BackupForm::Tar(packing));
            let bytes = if kind == EntryType::Regular { b"evil".to_vec() } else { Vec::new() };
            fake.hostile.push((header(name, kind, bytes.len()), bytes));
            fake.write();
            let found = verified(&fake);
            let shown: Vec<String> = found.damages.iter().map(ToString::to_string).collect();
            assert_eq!(shown, [expected], "{packing}");
            assert_eq!(found.files, fake.files.len() as u64 - 1, "{packing}: all others were compared");
        }
    }
}

#[test]
fn an_archive_that_is_not_there_is_named_and_so_is_one_that_is_there_twice() {
    let form = BackupForm::Tar(Compression::None);
    let fake = sound(form);
    fake.write();
    fs::rename(base(&fake), fake.place.path().join("repo/kept")).unwrap();
    let found = verified(&fake);
    assert!(found.damages.contains(&Damage::Missing { file: "base.tar".to_owned() }), "{found}");
    assert_eq!(found.damages_total, fake.files.len() as u64 - 1, "the archive, and each file of it: {found}");
    assert!(found.unchecked[0].starts_with("postgresql.auto.conf: it is not there"), "{:?}", found.unchecked);
    let fake = sound(form);
    fake.write();
    fs::write(fake.backup().join("base.tar.gz"), noise(1, 100)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", fake.backup().join("99.tar")).unwrap();
    let shown: Vec<String> = verified(&fake).damages.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["not in the manifest: 99.tar", "there twice: base.tar.gz"]);
}
