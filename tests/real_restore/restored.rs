//! A restored cluster beside backups: what PostgreSQL makes of it is a backup, the cluster itself is not.

use super::restore;
use crate::needs_postgres;
use crate::support::{
    backup::{Form, Repository},
    cluster::{Restored, SUM_OF_ROWS, free_port, must, program, server_scratch, source},
    howdah::Howdah,
    place::{copy_of, scratch},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

fn rows(repository: &Path) -> Vec<Value> {
    let ran = Howdah::new().run(["backup", "list", "--json", "--repo", repository.to_str().unwrap()]).expect_code(0);
    ran.json().as_array().unwrap().clone()
}

/// Puts a copy of a directory into a repository, as somebody does who takes it for a backup.
fn put(repository: &Path, place: &str, directory: &Path) {
    let to = repository.join(place);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::rename(copy_of(directory), to).unwrap();
}

/// What `pg_basebackup` makes of a running server.
fn backup_of(server: &Restored, more: &[&str]) -> PathBuf {
    let home = server_scratch("second");
    let lock = fs::read_to_string(server.0.join("postmaster.pid")).unwrap();
    let line = |number: usize| lock.lines().nth(number - 1).unwrap().trim().to_owned();
    let tablespace = server.ask("select pg_tablespace_location(oid) from pg_tablespace where spcname = 'elsewhere'");
    let mut command = program("pg_basebackup");
    command.args(["-h", &line(5), "-p", &line(4), "-U", "postgres", "-c", "fast", "--no-sync", "-D"]);
    command.arg(home.join("b1")).arg("-T").arg(format!("{tablespace}={}", home.join("ts").display())).args(more);
    must(&mut command);
    home.join("b1")
}

#[test]
fn a_backup_of_a_restored_cluster_is_a_restore_point_and_the_cluster_is_none() {
    needs_postgres!();
    let target = scratch("target").join("data");
    let server = Restored(target.clone());
    let ran = restore(&Repository::of(Form::PLAIN), &target, &["--port", &free_port().to_string()]);
    let record: Value = serde_json::from_slice(&fs::read(target.join("howdah_restore.json")).unwrap()).unwrap();
    assert_eq!((&record["session"], &record["label"]), (&ran.json()["uuid"], &"b1".into()));
    assert!(record["by"].as_str().is_some_and(|by| by.contains('@')), "{record}");
    let repository = scratch("repository");
    put(&repository, "shop/running", &target);
    for (name, more) in [("plain", &[][..]), ("standby", &["-R"])] {
        put(&repository, &format!("shop/{name}"), &backup_of(&server, more));
    }
    server.stop();
    put(&repository, "shop/stopped", &target);

    let again = scratch("again").join("data");
    let words = ["--no-start", "--point", "standby"];
    Howdah::new().restore(&repository, &again, &words).expect_code(0);
    let listed = fs::read_to_string(again.join("backup_manifest")).unwrap();
    assert!(listed.contains("\"howdah_restore.json\""), "the backup holds the record of the first restore");
    put(&repository, "shop/again", &again);

    let found = rows(&repository);
    let problem = |label: &str| found.iter().find(|row| row["restore_point"] == label).unwrap()["problem"].clone();
    for label in ["plain", "standby"] {
        assert!(problem(label).is_null(), "{label}: {}", problem(label));
    }
    let source_of = |label: &str| problem(label).as_str().unwrap_or_default().to_owned();
    for (label, from) in [("running", "/shop/b1,"), ("stopped", "/shop/b1,"), ("again", "/shop/standby,")] {
        let shown = source_of(label);
        assert!(shown.starts_with("a restored cluster, not a backup (restored on 2"), "{label}: {shown}");
        assert!(shown.contains(from), "{label}: {shown}");
    }
    let restored = Restored(again);
    restored.start(free_port());
    assert_eq!(restored.ask(SUM_OF_ROWS), source().sum);
}
