//! Tablespaces inside the data directory: a tar backup of PostgreSQL 15 has lost them, a plain one has not.

use super::restore;
use crate::needs_postgres;
use crate::support::{
    backup::{Form, Repository},
    cluster::{Restored, free_port, must, program, server_scratch},
    howdah::Howdah,
    place::{copy_of, scratch},
};
use std::fs;

#[test]
fn s15_what_a_tar_backup_has_lost_is_told_before_and_after() {
    needs_postgres!();
    let target = scratch("target").join("data");
    let server = Restored(target.clone());
    restore(&Repository::of(Form::PLAIN), &target, &["--port", &free_port().to_string()]);
    if server.ask("show server_version_num").parse::<u32>().unwrap() / 10_000 != 15 {
        return;
    }
    for statement in [
        "alter role postgres set allow_in_place_tablespaces = on",
        "create tablespace inside location ''",
        "create table kept tablespace inside as select 7 n",
        "checkpoint",
    ] {
        server.ask(statement);
    }
    let lock = fs::read_to_string(target.join("postmaster.pid")).unwrap();
    let line = |number: usize| lock.lines().nth(number - 1).unwrap().trim().to_owned();
    let home = server_scratch("in-place");
    let repository = scratch("repository");
    let location = server.ask("select pg_tablespace_location(oid) from pg_tablespace where spcname = 'elsewhere'");
    let mapping = format!("{location}={}", home.join("ts").display());
    for (name, options) in [("plain", &["-T", &mapping][..]), ("tar", &["-Ft"]), ("packed", &["-Ft", "-z"])] {
        let mut command = program("pg_basebackup");
        command.args(["-h", &line(5), "-p", &line(4), "-U", "postgres", "-c", "fast", "--no-sync"]).args(options);
        must(command.arg("-D").arg(home.join(name)));
        fs::create_dir_all(repository.join("shop")).unwrap();
        fs::rename(copy_of(&home.join(name)), repository.join("shop").join(name)).unwrap();
    }
    for (name, code) in [("plain", 0), ("tar", 6), ("packed", 6)] {
        let again = scratch("again").join("data");
        let howdah = Howdah::new();
        let plan = howdah.restore(&repository, &again, &["--plan", "--point", name]).expect_code(0).json();
        let words = ["--point", name, "--port", &free_port().to_string()];
        let restored = Restored(again.clone());
        let ran = howdah.restore(&repository, &again, &words).expect_code(code);
        for shown in [&plan["warnings"], &ran.json()["warnings"]] {
            let shown: Vec<&str> = shown.as_array().unwrap().iter().filter_map(|text| text.as_str()).collect();
            let lost = shown.iter().filter(|text| text.starts_with("tablespace inside (")).count();
            assert_eq!(lost, usize::from(code == 6), "{name}: {shown:?}");
        }
        if code == 0 {
            assert_eq!(restored.ask("select n from kept"), "7");
        }
    }
}
