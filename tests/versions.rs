//! PostgreSQL 13 to 18: a backup of each, in both forms, is listed with what it is, verified, restored and asked.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use serde_json::Value;
use std::{fs, path::Path};
use support::{
    backup::Repository,
    cluster::{Restored, free_port},
    howdah::{Howdah, Ran},
    place::scratch,
    versions::{Bed, Version},
};

/// What the table holds, in few words.
const ROWS: &str = "select count(*) || ' ' || md5(string_agg(name, ',' order by id)) from goods";

/// A user of howdah who has said where this version's programs are.
fn user(version: &Version) -> Howdah {
    let howdah = Howdah::new();
    howdah.configure(&version.settings());
    howdah
}

/// The rows of `backup list`.
fn listed(howdah: &Howdah, repository: &Repository) -> Vec<Value> {
    let rows = howdah.run(["backup", "list", "--json", "--repo", repository.0.to_str().unwrap()]).expect_code(0).json();
    rows.as_array().unwrap().clone()
}

fn verify(howdah: &Howdah, repository: &Repository, point: &str) -> Ran {
    let (repository, state) = (repository.0.to_str().unwrap(), howdah.state.to_str().unwrap());
    howdah.run(["backup", "verify", "shop", "--point", point, "--repo", repository, "--state-dir", state, "--json"])
}

/// `pg_control_version` of a data directory (`pg_control.h`): where all else in the file is depends on it.
fn control_layout(data: &Path) -> u32 {
    let bytes = fs::read(data.join("global/pg_control")).unwrap();
    u32::from_ne_bytes(bytes[8..12].try_into().unwrap())
}

/// The whole way of both forms.
fn comes_back(version: &Version, manifest: u32, layout: u32) {
    let bed = Bed::make(version, "");
    let cluster = bed.ask("select system_identifier from pg_control_system()");
    let rows = bed.ask(ROWS);
    let plain = bed.backup(&["-Fp", "-X", "stream"]);
    assert_eq!(control_layout(&plain), layout);
    let head = fs::read_to_string(plain.join("backup_manifest")).unwrap();
    assert!(head.starts_with(&format!("{{ \"PostgreSQL-Backup-Manifest-Version\": {manifest},\n")), "{head:.80}");
    let repository = Repository::new().with("shop", "plain", &plain).with("shop", "tar", &bed.backup(&["-Ft", "-z"]));
    let howdah = user(version);
    let listed = listed(&howdah, &repository);
    assert_eq!(listed.len(), 2, "{listed:?}");
    for row in listed {
        assert_eq!((&row["problem"], &row["version"]), (&Value::Null, &version.major.into()), "{row}");
        assert_eq!(row["system_identifier"], cluster, "{row}");
    }
    for form in ["plain", "tar"] {
        verify(&howdah, &repository, form).expect_code(0);
        let target = scratch("target").join("data");
        let restored = Restored(target.clone());
        let port = free_port().to_string();
        let ran = howdah.restore(&repository.0, &target, &["--point", form, "--port", &port]).expect_code(0);
        assert_eq!(ran.json()["server"], "running", "{ran}");
        assert_eq!(restored.ask(ROWS), rows, "{ran}");
        assert_eq!(restored.ask("show server_version_num")[..2], version.major.to_string(), "{ran}");
        assert_eq!(restored.ask("select pg_is_in_recovery()"), "f", "{ran}");
        restored.ask("insert into goods values (1001, 'it is open'); checkpoint");
    }
}

macro_rules! each_version {
    ($($name:ident: $major:expr, manifest $manifest:expr, layout $layout:expr;)*) => {$(
        #[test]
        fn $name() {
            needs_postgres!();
            comes_back(&needs_version!($major), $manifest, $layout);
        }
    )*};
}

each_version! {
    postgresql_13_comes_back: 13, manifest 1, layout 1300;
    postgresql_14_comes_back: 14, manifest 1, layout 1300;
    postgresql_15_comes_back: 15, manifest 1, layout 1300;
    postgresql_16_comes_back: 16, manifest 1, layout 1300;
    postgresql_17_comes_back: 17, manifest 2, layout 1700;
    postgresql_18_comes_back: 18, manifest 2, layout 1800;
}

#[test]
fn where_a_versions_programs_are_not_its_files_come_back_and_the_reason_is_said() {
    needs_postgres!();
    let version = needs_version!(17);
    let bed = Bed::make(&version, "");
    let rows = bed.ask(ROWS);
    let repository = Repository::new().with("shop", "b1", &bed.backup(&["-Fp"]));
    let target = scratch("target").join("data");
    let howdah = Howdah::new();
    let ran = howdah.restore(&repository.0, &target, &[]).expect_code(0);
    ran.expect_words(&["no PostgreSQL 17 programs are on this machine"]);
    // What it brought is a cluster all the same.
    let restored = Restored(target);
    restored.start_with(&version.bin, free_port());
    assert_eq!(restored.ask(ROWS), rows);
}
