//! Real PostgreSQL: every form of backup comes back, and the restored server answers as the source did.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "real_restore/in_place.rs"]
mod in_place;
#[path = "real_restore/restored.rs"]
mod restored;
mod support;

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, process::Command};
use support::{
    backup::{Form, Repository, of_cluster, own},
    cluster::{Cluster, Restored, SUM_OF_ROWS, free_port, is_root, must, program, source, start},
    faults::edit_manifest,
    howdah::{Howdah, Ran},
    place::{listing, scratch},
    timeout::{until, until_true},
};

/// Restores the backup `shop/b1` and insists on success.
fn restore(repository: &Repository, target: &Path, more: &[&str]) -> Ran {
    Howdah::new().restore(&repository.0, target, more).expect_code(0)
}

/// Restores a backup of this form with a server, and asks the server for all rows.
fn comes_back(form: Form) {
    let repository = Repository::of(form);
    let before = listing(&repository.0);
    let target = scratch("target").join("data");
    let port = free_port().to_string();
    let restored = Restored(target.clone());
    let ran = restore(&repository, &target, &["--port", &port]);
    let result = ran.json();
    assert_eq!(result["phase"], "succeeded", "{form:?}\n{ran}");
    assert_eq!(result["attempt"], 1, "{form:?}\n{ran}");
    assert_eq!(result["port"].to_string(), port, "{form:?}\n{ran}");
    assert_eq!(result["server"], "running", "{form:?}\n{ran}");
    assert_eq!(restored.ask(SUM_OF_ROWS), source().sum, "{form:?}");
    assert_eq!(restored.ask("select pg_is_in_recovery()"), "f", "{form:?}");
    assert_eq!(listing(&repository.0), before, "the backup was changed: {form:?}");
    check_modes(&target);
}

/// Modes 0700 and 0600, or with the group's read bits if the source had them; never more.
fn check_modes(target: &Path) {
    for entry in walkdir::WalkDir::new(target).into_iter().filter_map(Result::ok) {
        let Ok(facts) = entry.metadata() else { continue };
        if facts.file_type().is_file() || facts.file_type().is_dir() {
            let others = facts.mode() & 0o027;
            assert_eq!(others, 0, "{} has mode {:o}", entry.path().display(), facts.mode());
        }
        if is_root() {
            let owner = fs::metadata(target).unwrap().uid();
            assert_eq!(facts.uid(), owner, "{} belongs to another user", entry.path().display());
            assert_ne!(owner, 0, "the data directory belongs to root");
        }
    }
}

macro_rules! each_form {
    ($($name:ident: $form:expr;)*) => {$(
        #[test]
        fn $name() {
            needs_postgres!();
            comes_back($form);
        }
    )*};
}

each_form! {
    a_plain_backup_comes_back: Form::PLAIN;
    a_tar_backup_comes_back: Form::TAR;
    a_backup_packed_with_gzip_by_the_server_comes_back: Form::packed("server-gzip:1");
    a_backup_packed_with_gzip_by_the_client_comes_back: Form::packed("client-gzip:1");
    a_backup_packed_with_lz4_by_the_server_comes_back: Form::packed("server-lz4");
    a_backup_packed_with_lz4_by_the_client_comes_back: Form::packed("client-lz4");
    a_backup_packed_with_zstd_by_the_server_comes_back: Form::packed("server-zstd:3");
    a_backup_packed_with_zstd_by_the_client_comes_back: Form::packed("client-zstd:3");
    a_backup_packed_with_zstd_by_two_workers_comes_back: Form::packed("server-zstd:level=3,workers=2");
    a_manifest_without_checksums_is_enough: Form::PLAIN.with_checksums("NONE");
    a_manifest_with_sha224_is_verified: Form::PLAIN.with_checksums("SHA224");
    a_manifest_with_sha256_is_verified: Form::TAR.with_checksums("SHA256");
    a_manifest_with_sha384_is_verified: Form::PLAIN.with_checksums("SHA384");
    a_manifest_with_sha512_is_verified: Form::packed("server-gzip:1").with_checksums("SHA512");
    wal_that_was_fetched_into_a_plain_backup_is_replayed: Form::PLAIN.with_wal("fetch");
    wal_that_was_fetched_into_base_tar_is_replayed: Form::TAR.with_wal("fetch");
    wal_that_was_fetched_into_a_packed_backup_is_replayed: Form::packed("server-zstd:3").with_wal("fetch");
}

#[test]
fn a_backup_that_went_through_an_object_store_and_lost_its_empty_directories_comes_back() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    must(Command::new("find").arg(repository.b1()).args(["-mindepth", "1", "-type", "d", "-empty", "-delete"]));
    for lost in ["pg_notify", "pg_replslot", "pg_twophase", "pg_logical/mappings"] {
        assert!(!repository.b1().join(lost).exists(), "{lost}");
    }
    let target = scratch("target").join("data");
    let restored = Restored(target.clone());
    restore(&repository, &target, &["--port", &free_port().to_string()]);
    assert_eq!(restored.ask(SUM_OF_ROWS), source().sum);
    restored.ask("checkpoint");
    check_modes(&target);
}

#[test]
fn s13_a_copy_leaves_the_subscriptions_of_its_source_alone_until_its_line_is_removed() {
    needs_postgres!();
    let [publisher, subscriber] = ["wal_level = logical\n", ""].map(Cluster::make);
    for cluster in [&publisher, &subscriber] {
        cluster.ask("create table orders(id int primary key)");
    }
    publisher.ask("create publication all_orders for table orders");
    let conninfo = publisher.conninfo();
    subscriber.ask(&format!("create subscription orders connection '{conninfo}' publication all_orders"));
    let slot =
        |what: &str| publisher.ask(&format!("select {what} from pg_replication_slots where slot_name = 'orders'"));
    let arrives = |what: &str, id: u32, ask: &dyn Fn(&str) -> String| {
        publisher.ask(&format!("insert into orders values ({id})"));
        until_true(what, || ask(&format!("select count(*) from orders where id = {id}")) == "1");
    };
    arrives("the subscription begins", 1, &|query| subscriber.ask(query));
    let repository = Repository::new().with("shop", "b1", &of_cluster(&subscriber, Form::PLAIN));

    // The source is down for a while, and its slot waits for it: the moment when a copy could take its place.
    subscriber.stop();
    let before = slot("confirmed_flush_lsn");
    let target = scratch("target").join("data");
    let copy = Restored(target.clone());
    let line = "max_logical_replication_workers = '0'";
    Howdah::new().restore(&repository.0, &target, &["--plan"]).expect_code(0).expect_words(&["switched_off", line]);
    let words =
        ["restore", "shop", "--plan", "--repo", repository.0.to_str().unwrap(), "--to", target.to_str().unwrap()];
    Howdah::new().run(words).expect_code(0).expect_words(&["without these lines", line]);
    let ran = restore(&repository, &target, &["--port", &free_port().to_string()]);
    assert_eq!(ran.json()["warnings"], serde_json::json!([]), "{ran}");
    assert_eq!(copy.ask("select subenabled from pg_subscription"), "t", "it is there as it was");
    assert_eq!(copy.ask("select count(*) from pg_stat_activity where backend_type like 'logical%'"), "0");
    assert_eq!((slot("active").as_str(), slot("confirmed_flush_lsn")), ("f", before));
    start(&subscriber.data);
    arrives("the source gets what came after the backup", 2, &|query| subscriber.ask(query));
    assert_eq!(copy.ask("select count(*) from orders"), "1", "the copy took nothing");

    // The copy replaces its source.
    subscriber.stop();
    copy.stop();
    let auto = target.join("postgresql.auto.conf");
    let lines = fs::read_to_string(&auto).unwrap();
    let without = lines.replace(&format!("{line}\n"), "");
    assert_ne!(without, lines);
    fs::write(&auto, without).unwrap();
    start(&target);
    arrives("the copy goes on in its place", 3, &|query| copy.ask(query));
}

#[test]
fn a_backup_without_wal_is_told_before_anything_is_written() {
    needs_postgres!();
    for form in [Form::PLAIN.with_wal("none"), Form::TAR.with_wal("none")] {
        let repository = Repository::of(form);
        let target = scratch("target").join("data");
        let port = free_port().to_string();
        let ran = Howdah::new().restore(&repository.0, &target, &["--port", &port]);
        assert!([3, 4].contains(&ran.code.unwrap()), "{form:?}\n{ran}");
        ran.expect_words(&["WAL"]);
        assert!(!target.exists(), "{form:?}");
    }
}

#[test]
fn files_alone_are_what_pg_verifybackup_accepts_and_a_server_starts_from() {
    needs_postgres!();
    for form in [Form::PLAIN, Form::packed("client-zstd:3")] {
        let repository = Repository::of(form);
        let target = scratch("target").join("data");
        let ran = restore(&repository, &target, &["--no-start"]);
        let result = ran.json();
        assert_eq!(result["server"], "not_started", "{ran}");
        assert!(!target.join("postmaster.pid").exists());
        let manifest = repository.b1().join("backup_manifest");
        // Settings of the restored cluster, and its record, are all that differs from the backup, by design.
        let settings = ["postgresql.auto.conf", "postgresql.conf", "tablespace_map", "backup_manifest"];
        let ignored = settings.into_iter().chain(["howdah_restore.json"]);
        let ignored: Vec<String> = ignored.map(|name| format!("--ignore={name}")).collect();
        must(program("pg_verifybackup").arg("-n").arg("-m").arg(manifest).args(ignored).arg(&target));
        let restored = Restored(target);
        restored.start(free_port());
        assert_eq!(restored.ask(SUM_OF_ROWS), source().sum);
    }
}

#[test]
fn a_server_that_was_only_wanted_for_the_probe_is_stopped_again() {
    needs_postgres!();
    let target = scratch("target").join("data");
    let port = free_port().to_string();
    let ran = restore(&Repository::of(Form::PLAIN), &target, &["--port", &port, "--stop-after-probe"]);
    assert_eq!(ran.json()["server"], "stopped", "{ran}");
    let restored = Restored(target.clone());
    assert!(!restored.is_running());
    assert!(!target.join("postmaster.pid").exists());
    restored.start(free_port());
    assert_eq!(restored.ask(SUM_OF_ROWS), source().sum);
}

#[test]
fn a_tablespace_goes_to_a_new_home_and_the_original_is_left_alone() {
    needs_postgres!();
    for form in [Form::PLAIN, Form::TAR] {
        let original = listing(&source().tablespace);
        let target = scratch("target").join("data");
        let port = free_port().to_string();
        let restored = Restored(target.clone());
        restore(&Repository::of(form), &target, &["--port", &port]);
        let home = restored.ask("select pg_tablespace_location(oid) from pg_tablespace where spcname = 'elsewhere'");
        let oid = restored.ask("select oid from pg_tablespace where spcname = 'elsewhere'");
        assert_eq!(Path::new(&home), target.with_file_name("data.tablespaces").join(oid), "{form:?}");
        assert_eq!(restored.ask("select count(*) from elsewhere"), "20000", "{form:?}");
        assert_eq!(listing(&source().tablespace), original, "{form:?}");
    }
}

#[test]
fn a_file_name_that_is_not_utf8_comes_back_too() {
    needs_postgres!();
    for form in [Form::PLAIN, Form::packed("server-lz4")] {
        let target = scratch("target").join("data");
        restore(&Repository::of(form), &target, &["--no-start"]);
        let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"caf\xe9");
        assert_eq!(fs::read(target.join(name)).unwrap(), b"a file with a name in Latin-1\n", "{form:?}");
    }
}

#[test]
fn an_empty_directory_that_stands_there_is_used() {
    needs_postgres!();
    let target = scratch("target");
    restore(&Repository::of(Form::PLAIN), &target, &["--no-start"]);
    assert!(target.join("global/pg_control").exists());
}

#[test]
fn the_newest_backup_is_taken_unless_one_is_named() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    // Backups are told apart by age in whole seconds: this one is made after the first second is over.
    let newer = {
        let made = source().ask("select extract(epoch from now())::bigint");
        until("a second passes", || (source().ask("select extract(epoch from now())::bigint") != made).then_some(()));
        own(Form::TAR.with_checksums("SHA224"))
    };
    let repository = repository.with("shop", "b2", &newer);
    let target = scratch("target").join("data");
    let plan = |more: &[&str]| {
        let more: Vec<&str> = ["--plan"].iter().chain(more).copied().collect();
        Howdah::new().restore(&repository.0, &target, &more).expect_code(0)
    };
    plan(&[]).expect_words(&["SHA224"]);
    plan(&["--point", "b1"]).expect_words(&["CRC32C"]);
    Howdah::new().restore(&repository.0, &target, &["--point", "b3"]).expect_code(3).expect_words(&["b3"]);
    assert!(!target.exists(), "a plan writes nothing");
}

#[test]
fn a_backup_that_lies_directly_in_the_repository_names_the_instance_itself() {
    needs_postgres!();
    let repository = scratch("repository");
    fs::rename(own(Form::TAR), repository.join("shop")).unwrap();
    let target = scratch("target").join("data");
    Howdah::new().restore(&repository, &target, &["--no-start"]).expect_code(0);
    assert!(target.join("global/pg_control").exists());
}

#[test]
fn a_backup_without_configuration_files_comes_back_with_the_sizes_of_its_source() {
    needs_postgres!();
    // As Debian's clusters are backed up, whose configuration lies elsewhere.
    let repository = Repository::of(Form::PLAIN);
    let backup = repository.b1();
    let gone = ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"];
    for name in gone {
        fs::remove_file(backup.join(name)).unwrap();
    }
    edit_manifest(&backup, |text| {
        let listed = |line: &&str| !gone.iter().any(|name| line.contains(&format!("\"Path\": \"{name}\"")));
        let kept: Vec<&str> = text.lines().filter(listed).collect();
        kept.join("\n").replace(",\n],", "\n],") + "\n"
    });
    let target = scratch("target").join("data");
    let port = free_port().to_string();
    let restored = Restored(target.clone());
    let ran = restore(&repository, &target, &["--port", &port]);
    assert_eq!(restored.ask(SUM_OF_ROWS), source().sum, "{ran}");
    let written = fs::read_to_string(target.join("postgresql.conf")).unwrap();
    assert!(written.contains("max_connections = "), "{written}");
}
