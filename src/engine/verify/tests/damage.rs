//! Each class of damage is named, in every form, and nothing else is.

use super::*;
use crate::domain::ByteCount;
use std::os::unix::fs::symlink;

/// Writes a backup whose files were changed after its manifest was made, and tells what is found.
fn found(form: BackupForm, change: impl Fn(&mut Fake)) -> Verification {
    let mut fake = sound(form).with_tablespace();
    fake.listed = Some(fake.files.clone());
    change(&mut fake);
    fake.write();
    verified(&fake)
}

#[test]
fn altered_short_long_missing_and_extra_files_are_named_and_no_others() {
    for form in Fake::all_forms() {
        for path in ["base/1/1259", "base/16385/16401", "PG_VERSION", "global/pg_control"] {
            let file = path.to_owned();
            let size = |fake: &Fake| fake.listed.as_ref().unwrap()[path].len() as u64;
            let expected = size(&{
                let mut fake = sound(form);
                fake.listed = Some(fake.files.clone());
                fake
            });
            let altered = found(form, |fake| fake.files.get_mut(path).unwrap()[2] ^= 1);
            assert_eq!(altered.damages, [Damage::Altered { file: file.clone() }], "{form}");
            let short = found(form, |fake| assert!(fake.files.get_mut(path).unwrap().pop().is_some()));
            let wrong = |found| Damage::WrongSize {
                file: file.clone(),
                expected: ByteCount(expected),
                found: ByteCount(found),
            };
            assert_eq!(short.damages, [wrong(expected - 1)], "{form}");
            let long = found(form, |fake| fake.files.get_mut(path).unwrap().push(b'x'));
            assert_eq!(long.damages, [wrong(expected + 1)], "{form}");
            let missing = found(form, |fake| drop(fake.files.remove(path)));
            assert_eq!(missing.damages, [Damage::Missing { file: file.clone() }], "{form}");
            assert_eq!(missing.files, altered.files, "{form}: one file less was compared");
        }
        let extra = found(form, |fake| drop(fake.files.insert("base/1/evil".into(), b"x".to_vec())));
        assert_eq!(extra.damages, [Damage::Extra { file: "base/1/evil".to_owned() }], "{form}");
    }
}

#[test]
fn all_damages_are_named_together_sorted_by_name() {
    for form in Fake::all_forms() {
        let found = found(form, |fake| {
            fake.files.get_mut("global/pg_control").unwrap()[5] ^= 1;
            fake.files.remove("base/1/1259");
            fake.files.insert("base/1/evil".into(), Vec::new());
            fake.files.get_mut("PG_VERSION").unwrap().clear();
            fake.files.remove("pg_tblspc/16384/PG_15_202209061/5/16403");
        });
        let shown: Vec<String> = found.damages.iter().map(ToString::to_string).collect();
        let expected = [
            "short: PG_VERSION: 0 of 3 bytes",
            "missing: base/1/1259",
            "not in the manifest: base/1/evil",
            "altered: global/pg_control",
            "missing: pg_tblspc/16384/PG_15_202209061/5/16403",
        ];
        assert_eq!(shown, expected, "{form}");
        assert!(found.unchecked.is_empty(), "{form}: {:?}", found.unchecked);
    }
}

#[test]
fn what_pg_verifybackup_passes_over_and_our_own_mark_are_no_damage() {
    for form in Fake::all_forms() {
        let found = found(form, |fake| {
            for name in ["standby.signal", "recovery.signal", "pg_wal/notes", "pg_wal/00000002.history", ".howdah/mark"]
            {
                fake.files.insert(name.into(), b"x".to_vec());
            }
            fake.files.insert("postgresql.auto.conf".into(), b"primary_conninfo = ''\n".to_vec());
        });
        assert!(found.is_sound(), "{form}: {found}");
        let shown = found.unchecked.join("\n");
        for name in ["postgresql.auto.conf: it was written after", "standby.signal", "recovery.signal"] {
            assert!(shown.contains(name), "{form}: {shown}");
        }
    }
}

#[test]
fn s15_without_checksums_sizes_are_compared_and_no_content_is_called_verified() {
    for form in Fake::all_forms() {
        let mut fake = sound(form);
        fake.algorithm = Algorithm::None;
        fake.listed = Some(fake.files.clone());
        fake.files.get_mut("base/1/1259").unwrap()[0] ^= 1;
        fake.files.get_mut("base/16385/16400").unwrap().push(0);
        fake.write();
        let found = verified(&fake);
        assert_eq!((found.files, found.damages.len()), (0, 1), "{form}: {found}");
        assert!(matches!(&found.damages[0], Damage::WrongSize { file, .. } if file == "base/16385/16400"), "{form}");
        let listed = fake.files.len() - 1;
        assert!(
            found.unchecked[0].contains(&format!("the contents of {listed} files")),
            "{form}: {:?}",
            found.unchecked
        );
    }
}

#[test]
fn a_manifest_that_was_altered_is_damage_and_what_it_says_is_compared_all_the_same() {
    for form in Fake::all_forms() {
        let mut fake = sound(form);
        fake.listed = Some(fake.files.clone());
        fake.files.get_mut("base/1/1259").unwrap()[0] ^= 1;
        fake.write();
        let path = fake.backup().join("backup_manifest");
        let text = fs::read_to_string(&path).unwrap().replace("23:44:44", "23:44:45");
        fs::write(&path, text).unwrap();
        let shown: Vec<String> = verified(&fake).damages.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "backup_manifest: the manifest does not match its own checksum: it was altered or damaged",
                "altered: base/1/1259"
            ]
        );
    }
}

#[test]
fn a_manifest_that_says_nothing_leaves_everything_unchecked_and_is_damage() {
    for form in Fake::all_forms() {
        for (content, says) in [
            (Some(&b""[..]), "backup_manifest: the manifest is empty"),
            (Some(b"{\"a"), "cut short"),
            (None, "missing: backup_manifest"),
        ] {
            let fake = sound(form);
            fake.write();
            let path = fake.backup().join("backup_manifest");
            match content {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let found = verified(&fake);
            assert_eq!((found.damages_total, found.files), (1, 0), "{form}: {found}");
            assert!(found.damages[0].to_string().contains(says), "{form}: {found}");
            assert!(found.unchecked.iter().any(|shown| shown.contains("files: ")), "{form}: {:?}", found.unchecked);
            assert!(found.unchecked.iter().any(|shown| shown.starts_with("WAL: ")), "{form}: {:?}", found.unchecked);
        }
    }
}

#[test]
fn a_pipe_or_a_link_in_the_place_of_the_manifest_is_not_opened() {
    for form in Fake::all_forms() {
        let fake = sound(form);
        fake.write();
        let path = fake.backup().join("backup_manifest");
        let kept = fake.place.path().join("kept");
        fs::rename(&path, &kept).unwrap();
        symlink(&kept, &path).unwrap();
        let linked = verified(&fake);
        fs::remove_file(&path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        for found in [linked, verified(&fake)] {
            assert!(found.to_string().contains("is not a regular file"), "{form}: {found}");
        }
    }
}

#[test]
fn what_is_no_file_is_named_and_never_opened() {
    let fake = sound(BackupForm::Plain).with_tablespace();
    fake.write();
    rustix::fs::mkfifoat(rustix::fs::CWD, fake.backup().join("base/1/pipe"), 0o600.into()).unwrap();
    fs::remove_file(fake.backup().join("base/1/1259")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, fake.backup().join("base/1/1259"), 0o600.into()).unwrap();
    symlink("/etc/passwd", fake.backup().join("base/1/link")).unwrap();
    // A link in the place of a tablespace that leads to the backup itself would never end.
    symlink(fake.place.path(), fake.backup().join("pg_tblspc/17")).unwrap();
    let shown: Vec<String> = verified(&fake).damages.iter().map(ToString::to_string).collect();
    let extra = ["base/1/1259", "base/1/link", "base/1/pipe", "pg_tblspc/17"]
        .map(|name| format!("not in the manifest: {name}"));
    let mut expected = extra.to_vec();
    expected.insert(0, "missing: base/1/1259".to_owned());
    assert_eq!(shown, expected);
}

#[test]
fn a_tablespace_that_is_gone_takes_its_files_along_by_name() {
    for form in Fake::all_forms() {
        let fake = sound(form).with_tablespace();
        fake.write();
        match form {
            BackupForm::Plain => fs::remove_dir_all(fake.place.path().join("repo/backup_ts")).unwrap(),
            BackupForm::Tar(_) => fs::remove_file(archive(&fake, "16384.tar")).unwrap(),
        }
        let file = "pg_tblspc/16384/PG_15_202209061/5/16403".to_owned();
        assert_eq!(verified(&fake).damages, [Damage::Missing { file }], "{form}");
    }
}
