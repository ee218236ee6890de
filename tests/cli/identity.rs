//! Which instance and which restore point is meant: by name, repository, cluster or path, and never by chance (S14).

use crate::support::{
    howdah::{Howdah, Ran},
    place::{copy_of, scratch},
};
use howdah::catalog::sample;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Backups of the sample's instances, each at its place below a directory.
fn repositories(places: &[(&str, &str)]) -> PathBuf {
    let root = scratch("identity");
    let sample = sample::unpack(&root.join("state")).unwrap();
    for (instance, place) in places {
        let backup = fs::read_dir(sample.join(instance)).unwrap().next().unwrap().unwrap().path();
        let to = root.join(place);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(copy_of(&backup), to).unwrap();
    }
    root
}

fn list(howdah: &Howdah, repositories: &[PathBuf]) -> Vec<Value> {
    let ran = howdah.run(with_repositories(&["backup", "list", "--json"], repositories)).expect_code(0);
    ran.json().as_array().unwrap().clone()
}

fn with_repositories(words: &[&str], repositories: &[PathBuf]) -> Vec<String> {
    let repositories = repositories.iter().flat_map(|path| ["--repo".to_owned(), path.to_str().unwrap().to_owned()]);
    words.iter().map(|word| (*word).to_owned()).chain(repositories).collect()
}

/// Runs a command line that a person would paste, in a shell.
fn pasted(howdah: &Howdah, line: &str, repositories: &[PathBuf]) -> Ran {
    let mut command = Command::new("sh");
    let words = with_repositories(&["--to", "/var/tmp/never", "--plan", "--json"], repositories);
    command.args(["-c", &format!("exec {} restore {line} \"$@\"", env!("CARGO_BIN_EXE_howdah")), "sh"]).args(words);
    let output = command.envs(howdah.environment()).env_remove("HOWDAH_REPO").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// The candidates of a refusal, as they stand on their lines.
fn candidates(refused: &Ran) -> Vec<String> {
    let lines = refused.stderr.lines().filter_map(|line| line.strip_prefix("  "));
    lines.map(|line| line.split("  (").next().unwrap().trim().to_owned()).collect()
}

#[test]
fn s14_an_ambiguous_name_is_refused_with_candidates_that_can_be_pasted() {
    for places in [
        &[("depot", "r1/orders/b1"), ("crm", "r3/orders/b1")][..],
        &[("depot", "r1/orders/b1"), ("crm", "r1/orders/b2")],
        &[("depot", "r 1/it's/b1"), ("crm", "r3/it's/b1")],
    ] {
        let root = repositories(places);
        let repositories: BTreeSet<PathBuf> =
            places.iter().map(|(_, place)| root.join(Path::new(place).iter().next().unwrap())).collect();
        let repositories: Vec<PathBuf> = repositories.into_iter().collect();
        let howdah = Howdah::new();
        let name = Path::new(places[0].1).iter().nth(1).unwrap().to_str().unwrap();
        let words = with_repositories(&["restore", name, "--plan", "--json"], &repositories);
        let refused = howdah.run(&words).expect_code(3).expect_words(&["means 2 instances"]);
        let shown = refused.json();
        let mut planned = BTreeSet::new();
        assert_eq!(candidates(&refused).len(), 2, "{refused}");
        for (line, candidate) in candidates(&refused).iter().zip(shown["candidates"].as_array().unwrap()) {
            let plan = pasted(&howdah, line, &repositories).expect_code(0).json();
            assert!(plan["backup"].as_str().unwrap().starts_with(candidate["path"].as_str().unwrap()), "{plan}");
            let id = candidate["instance_id"].as_str().unwrap();
            assert!(id.ends_with(&format!("@{}", plan["system_identifier"].as_str().unwrap())), "{id}: {plan}");
            let words =
                with_repositories(&["restore", id, "--to", "/var/tmp/never", "--plan", "--json"], &repositories);
            assert_eq!(howdah.run(words).expect_code(0).json()["backup"], plan["backup"], "{id}");
            planned.insert(plan["backup"].as_str().unwrap().to_owned());
        }
        assert_eq!(planned.len(), 2, "each candidate is another backup: {refused}");
        let words = with_repositories(&["session", "start", name], &repositories);
        let not_started = howdah.run(words).expect_code(3).expect_words(&["was not started", "means 2 instances"]);
        assert_eq!(not_started.stderr.lines().count(), 3, "{not_started}");
    }
}

#[test]
fn s14_a_label_that_two_instances_have_is_refused_and_a_path_is_enough() {
    let root = repositories(&[("depot", "r1/orders/b1"), ("crm", "r3/orders/b1")]);
    let repositories = ["r1", "r3"].map(|name| root.join(name));
    let howdah = Howdah::new();
    let plan = |point: &str| {
        let words = ["restore", "orders", "--point", point, "--to", "/var/tmp/never", "--plan", "--json"];
        howdah.run(with_repositories(&words, &repositories))
    };
    let refused = plan("b1").expect_code(3).expect_words(&["\"b1\" means 2 backups"]);
    assert_eq!(candidates(&refused).len(), 2, "{refused}");
    let chosen: Vec<Value> = candidates(&refused)
        .iter()
        .map(|line| pasted(&howdah, line, &repositories).expect_code(0).json()["backup"].clone())
        .collect();
    let paths = ["r1", "r3"].map(|name| root.join(name).join("orders/b1"));
    assert_eq!(chosen, paths.each_ref().map(|path| Value::from(path.to_str().unwrap())));
    for path in &paths {
        assert_eq!(plan(path.to_str().unwrap()).expect_code(0).json()["backup"], path.to_str().unwrap());
    }
    plan("b9").expect_code(3).expect_words(&["means 2 instances"]);
    plan(root.to_str().unwrap()).expect_code(3).expect_words(&["means 2 instances"]);
}

#[test]
fn s14_the_list_and_the_plan_show_path_and_cluster() {
    let root = repositories(&[("depot", "r1/orders/b1"), ("crm", "r1/orders/b2"), ("crm", "r1/crm/b1")]);
    let (howdah, repository) = (Howdah::new(), [root.join("r1")]);
    let rows = list(&howdah, &repository);
    let ids: BTreeSet<&str> = rows.iter().map(|row| row["instance_id"].as_str().unwrap()).collect();
    assert_eq!((rows.len(), ids.len()), (3, 3));
    for row in &rows {
        let (cluster, path) = (row["system_identifier"].as_str().unwrap(), row["path"].as_str().unwrap());
        let id = format!("{}:{}@{cluster}", repository[0].display(), row["instance"].as_str().unwrap());
        assert_eq!((row["instance_id"].as_str(), row["repository"].as_str()), (Some(&*id), repository[0].to_str()));
        let ran = howdah.run(with_repositories(&["restore", &id, "--to", "/var/tmp/never", "--plan"], &repository));
        ran.expect_code(0).expect_words(&[path, &format!("system identifier {cluster}")]);
    }
    let table = howdah.run(with_repositories(&["backup", "list"], &repository)).expect_code(0);
    for row in &rows {
        let cells = ["path", "system_identifier"].map(|key| row[key].as_str().unwrap());
        assert!(table.stdout.lines().any(|line| cells.iter().all(|cell| line.contains(cell))), "{table}");
    }
    assert!(table.stderr.contains("orders holds backups of 2 clusters; they are 2 instances: "), "{table}");
    assert!(!table.stderr.contains("crm holds"), "{table}");
}

#[test]
fn s14_a_cluster_that_is_not_yet_known_is_read_by_the_plan() {
    let root = repositories(&[("crm", "r1/orders/b1")]);
    fs::remove_file(root.join("r1/orders/b1/pg_wal.tar.gz")).unwrap();
    let (howdah, repository) = (Howdah::new(), [root.join("r1")]);
    let rows = list(&howdah, &repository);
    assert!(rows[0]["system_identifier"].is_null(), "{rows:?}");
    assert!(rows[0]["instance_id"].as_str().unwrap().ends_with("r1:orders@unknown"), "{rows:?}");
    let words = ["restore", "orders", "--no-start", "--to", "/var/tmp/never", "--plan", "--json"];
    let plan = howdah.run(with_repositories(&words, &repository)).expect_code(0).json();
    let of_sample = repositories(&[("crm", "r/crm/b1")]).join("r");
    assert_eq!(plan["system_identifier"], list(&howdah, &[of_sample])[0]["system_identifier"]);
}
