//! Backups, archives and settings that are wrong: each gets words that name the thing, and nothing is half-done.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};
use support::{
    backup::{Form, Repository, backup, own},
    faults::{Member, edit_manifest, flip_byte, garble, largest_data_file, set_length, smuggle_in},
    howdah::Howdah,
    place::{listing, scratch},
};

/// A restore of a backup that is wrong ends with exit code 3 or 4 at the first attempt, says these words, leaves nothing
/// that could start, and touches nothing beside its target. The list shows the backup, whole or with its problem.
fn is_told(what: &str, repository: &Repository, words: &[&str]) {
    let parent = scratch("target");
    let target = parent.join("data");
    let before = listing(&repository.0);
    let howdah = Howdah::new();
    let ran = howdah.restore(&repository.0, &target, &["--no-start", "--tries", "3", "--every", "1s"]);
    assert!([3, 4].contains(&ran.code.unwrap_or(-1)), "{what}\n{ran}");
    assert!(howdah.events().attempts(1) <= 1, "{what}: waiting does not cure it, and it was tried again\n{ran}");
    let ran_code = ran.code;
    let advised = ran.expect_words(words);
    assert!(!target.join("global/pg_control").exists(), "{what}: S3\n{advised}");
    let claimed = |row: &String| row.contains("/.data.howdah\"") || row.contains("/.data.tablespaces.howdah\"");
    let beside = listing(&parent).into_iter().filter(|row| !row.contains("/data") && !claimed(row));
    assert_eq!(beside.clone().count(), 1, "{what}: {:?}", beside.collect::<Vec<_>>());
    if ran_code == Some(4) {
        let state = howdah.state.to_str().unwrap();
        howdah.run(["session", "cancel", "1", "--remove", "--wait", "--state-dir", state]).expect_code(0);
        assert_eq!(listing(&parent).len(), 1, "{what}: a cancelled restore leaves a trace: {:?}", listing(&parent));
    }
    assert_eq!(listing(&repository.0), before, "{what}: the backup was changed");
}

fn manifest_is_told(what: &str, words: &[&str], change: impl FnOnce(String) -> String) {
    let repository = Repository::of(Form::PLAIN);
    edit_manifest(&repository.b1(), change);
    is_told(what, &repository, words);
}

#[test]
fn a_directory_without_a_manifest_is_a_row_that_says_why_and_the_others_stand() {
    needs_postgres!();
    let broken = own(Form::PLAIN);
    fs::remove_file(broken.join("backup_manifest")).unwrap();
    let repository = Repository::of(Form::TAR).with("broken", "b1", &broken);
    let ran = Howdah::new().run(["backup", "list", "--json", "--repo", repository.0.to_str().unwrap()]).expect_code(0);
    let rows = ran.json();
    let row = |instance: &str| rows.as_array().unwrap().iter().find(|row| row["instance"] == instance).cloned();
    assert!(row("shop").expect("the good one stands")["problem"].is_null(), "{ran}");
    let problem = row("broken").expect("the bad one is shown")["problem"].as_str().unwrap_or_default().to_owned();
    assert!(problem.contains("backup_manifest"), "{problem}\n{ran}");
    let target = scratch("target").join("data");
    let arguments = ["restore", "broken", "--repo", repository.0.to_str().unwrap(), "--to", target.to_str().unwrap()];
    let refused = Howdah::new().run(arguments);
    assert_eq!(refused.code, Some(3), "{refused}");
    refused.expect_words(&["broken"]);
    assert!(!target.exists());
}

#[test]
fn a_manifest_that_was_cut_short_is_told() {
    needs_postgres!();
    for share in [0, 1, 50, 99] {
        let repository = Repository::of(Form::PLAIN);
        let manifest = repository.b1().join("backup_manifest");
        let length = fs::metadata(&manifest).unwrap().len();
        set_length(&manifest, length * share / 100);
        is_told(&format!("{share} % of the manifest"), &repository, &["manifest"]);
    }
}

#[test]
fn a_manifest_whose_own_checksum_is_wrong_is_told() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    let manifest = repository.b1().join("backup_manifest");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("\"Size\": 4", "\"Size\": 5", 1)).unwrap();
    is_told("a number was changed", &repository, &["manifest", "checksum"]);
}

#[test]
fn a_manifest_with_wrong_fields_is_told() {
    needs_postgres!();
    let once = |from: &'static str, to: &'static str| {
        move |text: String| {
            assert!(text.contains(from), "the manifest has no {from}");
            text.replacen(from, to, 1)
        }
    };
    manifest_is_told("no files", &["manifest"], once("\"Files\"", "\"Filez\""));
    manifest_is_told("no size", &["size"], once("\"Size\"", "\"Sighs\""));
    manifest_is_told("a size twice", &["size"], once("\"Size\": ", "\"Size\": 1, \"Size\": "));
    manifest_is_told("a size that is a text", &["manifest"], once("\"Size\": ", "\"Size\": \"many\", \"Was\": "));
    manifest_is_told("a negative size", &["manifest"], once("\"Size\": ", "\"Size\": -"));
    manifest_is_told("an unknown algorithm", &["ROT13"], once("\"CRC32C\"", "\"ROT13\""));
    manifest_is_told("a checksum that is no hex", &["checksum"], once("\"Checksum\": \"", "\"Checksum\": \"zz"));
    manifest_is_told("a version from the future", &["version"], once("Version\": 1", "Version\": 99"));
    manifest_is_told("no WAL ranges", &["WAL"], once("\"WAL-Ranges\"", "\"WAL-Strangers\""));
    manifest_is_told("an LSN that is none", &["LSN"], once("\"Start-LSN\": \"", "\"Start-LSN\": \"x"));
    manifest_is_told("a path upwards", &["path"], once("\"Path\": \"", "\"Path\": \"../../"));
    manifest_is_told("an absolute path", &["path"], once("\"Path\": \"", "\"Path\": \"/"));
}

#[test]
fn a_path_that_the_manifest_names_twice_is_told() {
    needs_postgres!();
    manifest_is_told("a file twice", &["twice"], |text| {
        let begin = text.find("{ \"Path\"").unwrap();
        let end = begin + text[begin..].find("},").unwrap() + 2;
        format!("{}{}{}", &text[..end], &text[begin..end], &text[end..])
    });
}

#[test]
fn files_that_differ_from_the_manifest_are_told_by_name() {
    needs_postgres!();
    let case = |what: &str, change: &dyn Fn(&Path)| {
        let repository = Repository::of(Form::PLAIN);
        let victim = largest_data_file(&repository.b1());
        change(&victim);
        is_told(what, &repository, &[victim.file_name().unwrap().to_str().unwrap()]);
    };
    case("missing", &|victim| fs::remove_file(victim).unwrap());
    case("longer", &|victim| set_length(victim, fs::metadata(victim).unwrap().len() + 8192));
    case("shorter", &|victim| set_length(victim, fs::metadata(victim).unwrap().len() - 8192));
    case("altered", &|victim| flip_byte(victim, 12_345));
    case("a directory instead", &|victim| {
        fs::remove_file(victim).unwrap();
        fs::create_dir(victim).unwrap();
    });
    case("a symbolic link instead", &|victim| {
        fs::rename(victim, victim.with_extension("elsewhere")).unwrap();
        std::os::unix::fs::symlink(victim.with_extension("elsewhere"), victim).unwrap();
    });
}

#[test]
fn a_file_that_the_manifest_does_not_know_is_told_or_left_out() {
    needs_postgres!();
    let repository = Repository::of(Form::PLAIN);
    fs::write(repository.b1().join("base/stranger"), "who are you?").unwrap();
    let target = scratch("target").join("data");
    let ran = Howdah::new().restore(&repository.0, &target, &["--no-start"]);
    assert!([0, 3, 4].contains(&ran.code.unwrap()), "{ran}");
    assert!(!target.join("base/stranger").exists());
    ran.expect_words(&["stranger"]);
}

#[test]
fn an_archive_that_was_cut_short_or_altered_is_told() {
    needs_postgres!();
    for (form, name) in [
        (Form::TAR, "base.tar"),
        (Form::packed("server-gzip:1"), "base.tar.gz"),
        (Form::packed("server-lz4"), "base.tar.lz4"),
        (Form::packed("server-zstd:3"), "base.tar.zst"),
    ] {
        for share in [10, 90] {
            let repository = Repository::of(form);
            let archive = repository.b1().join(name);
            let length = fs::metadata(&archive).unwrap().len();
            set_length(&archive, length * share / 100);
            is_told(&format!("{share} % of {name}"), &repository, &["base.tar"]);
            let repository = Repository::of(form);
            garble(&repository.b1().join(name), length * share / 100);
            is_told(&format!("bytes of {name} at {share} %"), &repository, &["damaged"]);
        }
    }
}

#[test]
fn an_archive_that_is_missing_or_is_none_is_told() {
    needs_postgres!();
    let repository = Repository::of(Form::TAR);
    fs::remove_file(repository.b1().join("base.tar")).unwrap();
    is_told("no base.tar", &repository, &["shop"]);
    let repository = Repository::of(Form::TAR);
    fs::write(repository.b1().join("base.tar"), "this is not an archive").unwrap();
    is_told("no archive", &repository, &["base.tar"]);
    let tablespace = |repository: &Repository| -> PathBuf {
        let is_archive_of_a_tablespace = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            path.extension().is_some_and(|end| end == "tar") && name.starts_with(|c: char| c.is_ascii_digit())
        };
        let files = fs::read_dir(repository.b1()).unwrap().map(|entry| entry.unwrap().path());
        files.into_iter().find(is_archive_of_a_tablespace).expect("the archive of the tablespace")
    };
    let repository = Repository::of(Form::TAR);
    let archive = tablespace(&repository);
    fs::remove_file(&archive).unwrap();
    is_told("no archive of the tablespace", &repository, &[archive.file_stem().unwrap().to_str().unwrap()]);
}

#[test]
fn a_hostile_archive_writes_nothing_outside_the_target() {
    needs_postgres!();
    let outside = scratch("outside");
    let victim = outside.join("victim");
    fs::write(&victim, "precious").unwrap();
    let absolute: &'static str = Box::leak(outside.join("absolute").to_str().unwrap().to_owned().into_boxed_str());
    let device = Member { kind: b'3', ..Member::file("device") };
    let fifo = Member { kind: b'6', ..Member::file("fifo") };
    let version = || Member { content: b"15\n", ..Member::file("PG_VERSION") };
    let cases: Vec<(&str, Vec<Member>)> = vec![
        ("upwards", vec![Member::file("../outside")]),
        ("upwards in the middle", vec![Member::file("base/../../outside")]),
        ("absolute", vec![Member::file(absolute)]),
        (
            "a symbolic link, and a file through it",
            vec![Member::link(b'2', "door", &outside), Member::file("door/through")],
        ),
        ("a symbolic link as a file of the cluster", vec![Member::link(b'2', "PG_VERSION", &victim)]),
        ("a hard link", vec![Member::link(b'1', "hard", &victim)]),
        ("a device", vec![device]),
        ("a pipe", vec![fifo]),
        ("a name twice", vec![Member::file("PG_VERSION"), Member::file("PG_VERSION")]),
        ("a name twice with the right content", vec![version()]),
        ("a stranger", vec![Member::file("base/stranger")]),
    ];
    let before = listing(&outside);
    for (what, members) in cases {
        let repository = Repository::of(Form::TAR);
        smuggle_in(&repository.b1().join("base.tar"), &members);
        is_told(what, &repository, &[members[0].name.rsplit('/').next().unwrap()]);
        assert_eq!(listing(&outside), before, "{what}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{what}");
    }
}

#[test]
fn control_characters_in_names_never_reach_the_terminal() {
    needs_postgres!();
    let broken = own(Form::PLAIN);
    fs::write(broken.join("backup_manifest"), "\u{1b}[2Jnot json").unwrap();
    let repository = Repository::new().with("ev\u{1b}[31mil", "b\n1", &broken);
    let ran = Howdah::new().run(["backup", "list", "--repo", repository.0.to_str().unwrap()]);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{ran}");
    assert!(ran.stdout.contains("ev\\u{1b}[31mil"), "{ran}");
    assert!(backup(Form::PLAIN).exists());
}

#[test]
fn s03_a_cluster_that_cannot_be_configured_cannot_be_started() {
    needs_postgres!();
    for form in [Form::PLAIN, Form::TAR] {
        let repository = Repository::of(form);
        let backup = repository.b1();
        // A directory where the settings of the copy would be written.
        if form == Form::PLAIN {
            fs::create_dir(backup.join("standby.signal")).unwrap();
        } else {
            let member = Member { name: "standby.signal/", kind: b'5', link: String::new(), content: b"" };
            smuggle_in(&backup.join("base.tar"), &[member]);
        }
        let target = scratch("target").join("data");
        let howdah = Howdah::new();
        let ran = howdah.restore(&repository.0, &target, &["--no-start"]);
        assert_eq!(ran.code, Some(4), "{form:?}: {ran}");
        assert_eq!(ran.json()["failure"]["step"], "configure", "{form:?}: {ran}");
        ran.expect_words(&["standby.signal"]);
        assert!(target.join("PG_VERSION").exists() && !target.join("global/pg_control").exists(), "{form:?}");
    }
}
