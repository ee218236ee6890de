//! Trees at the command line: backed up by a job, listed with their kind, brought back by name.

use crate::{
    bed::Bed,
    needs_restic,
    support::{
        howdah::Howdah,
        place::{names, scratch},
    },
};
use std::{fs, os::unix::fs::PermissionsExt as _};

/// A user with a job over the tree `home`, who has run it so often.
fn user(bed: &Bed, runs: usize) -> Howdah {
    user_with(bed, runs, "")
}

fn user_with(bed: &Bed, runs: usize, more: &str) -> Howdah {
    let howdah = Howdah::usual();
    howdah.configure(&format!(
        "repositories = [\"{0}\"]\n{more}[[job]]\nname = \"nightly\"\nkind = \"files\"\nrepository = \"{0}\"\n\
         password_file = \"{1}\"\nobjects = [{{ name = \"home\", path = \"{2}\" }}]\n",
        bed.repository.display(),
        bed.password.display(),
        bed.tree.display(),
    ));
    for run in 0..runs {
        fs::write(bed.tree.join("run"), run.to_string()).unwrap();
        howdah.run(["job", "start", "nightly", "--wait"]).expect_code(0);
    }
    howdah
}

#[test]
fn s14_a_tree_is_listed_with_its_kind_and_comes_back_by_its_name() {
    needs_restic!();
    let bed = Bed::with_repository(1000);
    fs::write(bed.tree.join("a [b] *"), "c").unwrap();
    let howdah = user(&bed, 2);
    let listed = howdah.run(["backup", "list", "--json"]).expect_code(0).json();
    let rows = listed.as_array().unwrap();
    assert_eq!(rows.len(), 2, "{listed}");
    for row in rows {
        let seen = (&row["instance"], &row["workload"], &row["format"]);
        assert_eq!(seen, (&"files:home".into(), &"file_tree".into(), &"restic".into()), "{listed}");
    }
    let older = rows[1]["restore_point"].as_str().unwrap();

    let place = scratch("restores");
    let to = |name: &str| place.join(name).to_str().unwrap().to_owned();
    let plan = howdah.run(["restore", "files:home", "--to", &to("plan"), "--plan"]).expect_code(0).stdout;
    assert!(plan.contains("in 3 files") && names(&place).is_empty(), "{plan}");
    howdah.run(["restore", "files:home", "--to", &to("newest")]);
    howdah.run(["restore", "files:home", "--to", &to("older"), "--point", older]);
    howdah.run(["restore", "files:home", "--to", &to("one"), "--include", "a [b] *"]);
    assert_eq!(names(&place), ["newest", "older", "one"]);
    for (name, run) in [("newest", "1"), ("older", "0")] {
        let back = place.join(name);
        assert_eq!(fs::read_to_string(back.join("run")).unwrap(), run);
        assert!(fs::read(back.join("big")).unwrap() == fs::read(bed.tree.join("big")).unwrap());
    }
    assert_eq!(names(&place.join("one")), ["a [b] *"]);
    let refused = howdah.run(["backup", "verify"]).expect_code(3).stderr;
    assert!(refused.contains("hold no backup of PostgreSQL"), "a tree is not verified: {refused}");
    let sessions = howdah.run(["session", "list", "--all", "--json"]).expect_code(0).json();
    for session in sessions.as_array().unwrap() {
        let seen = (&session["instance"], &session["phase"], &session["port"]);
        assert_eq!(seen, (&"files:home".into(), &"succeeded".into(), &serde_json::Value::Null), "{session}");
    }
}

#[test]
fn s10_a_repository_that_cannot_be_asked_is_a_row_that_says_why() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    let howdah = user(&bed, 1);
    let problem = |howdah: &Howdah| {
        let listed = howdah.run(["backup", "list", "--json"]).json();
        assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
        listed[0]["problem"].as_str().unwrap().to_owned()
    };
    fs::write(&bed.password, "another\n").unwrap();
    assert!(problem(&howdah).contains("password"), "{}", problem(&howdah));
    let stranger = Howdah::usual();
    stranger.configure(&format!("repositories = [\"{}\"]\n", bed.repository.display()));
    assert!(problem(&stranger).contains("name password_file"), "{}", problem(&stranger));
    let refused = stranger.run(["restore", "files:home"]).expect_code(3).stderr;
    assert!(refused.contains("name password_file"), "{refused}");
}

#[test]
fn what_means_nothing_for_a_tree_is_refused() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    let howdah = user(&bed, 1);
    for option in [&["--no-start"][..], &["--name", "x"], &["--port", "5440"], &["--max-rate", "1M"]] {
        let refused = howdah.run([&["restore", "files:home"], option].concat()).expect_code(3).stderr;
        assert!(refused.contains(&format!("{} has no meaning for a tree of files", option[0])), "{refused}");
    }
}

/// restic derives a key for each question, and its repository may lie on a disk that hangs.
#[test]
fn restic_is_asked_only_where_a_tree_may_be_meant() {
    needs_restic!();
    let bed = Bed::with_repository(10);
    user(&bed, 1);
    let place = scratch("programs");
    let (program, asked) = (place.join("restic"), place.join("asked"));
    fs::write(&program, format!("#!/bin/sh\n: >{}\nexec restic \"$@\"\n", asked.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let howdah = user_with(&bed, 0, &format!("[worker]\nbinaries = [\"{}\"]\n", place.display()));
    for words in [&["restore", "orders"][..], &["backup", "verify"], &["explore", "start", "orders"]] {
        howdah.run(words).expect_code(3);
        assert!(!asked.exists(), "{words:?}");
    }
    let found = howdah.run(["doctor"]).stdout;
    assert!(found.contains("1 restore point of 1 instance"), "{found}");
    assert!(asked.exists());
}
