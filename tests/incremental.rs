//! Incremental backups of PostgreSQL 17 and 18: what each rests on is listed, and a chain is restored whole or not at all.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::OnceLock,
};
use support::{
    backup::Repository,
    cluster::{Restored, free_port, server_scratch},
    faults::{flip_byte, largest_data_file},
    howdah::Howdah,
    place::{copy_of, names, open_to_all, root, scratch},
    timeout::until_true,
    versions::{Bed, Version},
};

/// What two tables hold, one of them in a tablespace.
const ROWS: &str = "select (select count(*) || ' ' || md5(string_agg(name, ',' order by id)) from goods) || ' ' \
     || (select count(*) || ' ' || sum(n) from elsewhere)";

/// A full backup and two on top of it, in both forms, and what the cluster held when the last one was taken.
struct Chain {
    plain: [PathBuf; 3],
    tar: [PathBuf; 3],
    rows: String,
}

/// A chain of this version, made once for this binary.
fn chain(version: &Version) -> &'static Chain {
    static MADE: [OnceLock<Chain>; 2] = [const { OnceLock::new() }; 2];
    MADE[usize::from(version.major == 18)].get_or_init(|| {
        open_to_all(root());
        let bed = Bed::make(version, "summarize_wal = on\n");
        let tablespace = server_scratch("tablespace");
        bed.ask(&format!("create tablespace elsewhere location '{}'", tablespace.display()));
        bed.ask(
            "create table elsewhere tablespace elsewhere as select g as id, g * 7 as n from generate_series(1, 5000) g",
        );
        let take = |below: &Option<[PathBuf; 2]>| {
            let manifest =
                |at: usize| below.as_ref().map(|taken| taken[at].join("backup_manifest").display().to_string());
            let on = |at: usize| manifest(at).map_or_else(Vec::new, |path| vec!["-i".to_owned(), path]);
            let with = |more: Vec<String>, at: usize| {
                let words: Vec<String> = more.into_iter().chain(on(at)).collect();
                bed.backup(&words.iter().map(String::as_str).collect::<Vec<_>>())
            };
            let mapping = format!("{}={}", tablespace.display(), server_scratch("mapped").display());
            let plain = with(vec!["-Fp".to_owned(), "-T".to_owned(), mapping], 0);
            [plain, with(vec!["-Ft".to_owned(), "-z".to_owned()], 1)]
        };
        let full = take(&None);
        bed.ask("update goods set name = 'changed' where id % 100 = 0; insert into elsewhere values (5001, 1)");
        let first = take(&Some(full.clone()));
        bed.ask("delete from goods where id > 900; create table more as select 1 as one; checkpoint");
        let second = take(&Some(first.clone()));
        let rows = bed.ask(ROWS);
        let [[p0, t0], [p1, t1], [p2, t2]] = [full, first, second];
        Chain { plain: [p0, p1, p2], tar: [t0, t1, t2], rows }
    })
}

/// A repository with copies of these three as `full`, `monday` and `tuesday`.
fn repository(backups: [&Path; 3]) -> Repository {
    let named = ["full", "monday", "tuesday"].into_iter().zip(backups);
    named.fold(Repository::new(), |repository, (label, backup)| repository.with("shop", label, &copy_of(backup)))
}

/// A user of howdah who has said where this version's programs are.
fn user(version: &Version) -> Howdah {
    let howdah = Howdah::new();
    howdah.configure(&version.settings());
    howdah
}

/// The row of this backup in `backup list`.
fn row(howdah: &Howdah, repository: &Repository, label: &str) -> Value {
    let rows = howdah.run(["backup", "list", "--json", "--repo", repository.0.to_str().unwrap()]).json();
    rows.as_array().unwrap().iter().find(|row| row["restore_point"] == label).cloned().expect(label)
}

/// Nothing of a restore is left: neither at its target nor beside it.
fn nothing_is_left(target: &Path) {
    assert_eq!(names(target.parent().unwrap()), Vec::<String>::new());
}

fn comes_back(version: &Version, chain: &Chain, backups: [&Path; 3]) {
    let repository = repository(backups);
    let howdah = user(version);
    let target = scratch("target").join("data");
    let restored = Restored(target.clone());
    let port = free_port().to_string();
    let ran = howdah.restore(&repository.0, &target, &["--point", "tuesday", "--port", &port]).expect_code(0);
    assert_eq!(restored.ask(ROWS), chain.rows, "{ran}");
    assert_eq!(restored.ask("select one from more"), "1");
    assert_eq!(restored.ask("select pg_is_in_recovery()"), "f");
    let beside = ["data".to_owned(), "data.tablespaces".to_owned()];
    assert_eq!(names(target.parent().unwrap()), beside, "what was put together beside it is gone");
    assert!(!target.join(".howdah").exists());
}

#[test]
fn a_chain_of_plain_backups_comes_back() {
    needs_postgres!();
    let version = needs_version!(18);
    let chain = chain(&version);
    let [full, monday, tuesday] = &chain.plain;
    comes_back(&version, chain, [full, monday, tuesday]);
}

#[test]
fn a_chain_of_archives_comes_back() {
    needs_postgres!();
    let version = needs_version!(18);
    let chain = chain(&version);
    let [full, monday, tuesday] = &chain.tar;
    comes_back(&version, chain, [full, monday, tuesday]);
}

#[test]
fn a_list_says_what_each_backup_rests_on_and_which_one_is_missing() {
    needs_postgres!();
    for major in [17, 18] {
        let version = needs_version!(major);
        for [full, monday, tuesday] in [&chain(&version).plain, &chain(&version).tar] {
            let (howdah, repository) = (user(&version), repository([full, monday, tuesday]));
            let said = |label: &str| {
                let row = row(&howdah, &repository, label);
                (row["incremental"].clone(), row["rests_on"].clone())
            };
            assert_eq!(said("full"), (json!(false), json!([])));
            assert_eq!(said("monday"), (json!(true), json!(["full"])));
            assert_eq!(said("tuesday"), (json!(true), json!(["monday", "full"])));
            assert_eq!(row(&howdah, &repository, "tuesday")["version"], major);

            fs::remove_dir_all(repository.0.join("shop/monday")).unwrap();
            let broken = row(&howdah, &repository, "tuesday");
            let problem = broken["problem"].as_str().unwrap();
            assert!(problem.contains("the one that it was made from (begun at "), "{problem}");
            let target = scratch("target").join("data");
            let ran = howdah.restore(&repository.0, &target, &["--point", "tuesday"]).expect_code(3);
            ran.expect_words(&["incremental", "bring that backup back"]);
            nothing_is_left(&target);
        }
    }
}

#[test]
fn a_chain_whose_lowest_backup_is_missing_is_broken_all_the_way_up() {
    needs_postgres!();
    let version = needs_version!(18);
    let [full, monday, tuesday] = &chain(&version).plain;
    let (howdah, repository) = (user(&version), repository([full, monday, tuesday]));
    fs::remove_dir_all(repository.0.join("shop/full")).unwrap();
    for (label, whose) in
        [("monday", "the one that it was made from"), ("tuesday", "the one that monday was made from")]
    {
        let row = row(&howdah, &repository, label);
        assert!(row["problem"].as_str().unwrap().contains(whose), "{row}");
    }
}

#[test]
fn without_the_program_of_that_version_a_chain_is_refused_before_anything_is_written() {
    needs_postgres!();
    // Its clients are in no registry.
    let version = needs_version!(17);
    let [full, monday, tuesday] = &chain(&version).plain;
    let (howdah, repository) = (user(&version), repository([full, monday, tuesday]));
    let target = scratch("target").join("data");
    let ran = howdah.restore(&repository.0, &target, &["--point", "tuesday"]).expect_code(3);
    ran.expect_words(&["pg_combinebackup of PostgreSQL 17", "full, monday", "not on this machine"]);
    nothing_is_left(&target);
    // The full one needs no program.
    let ran = howdah.restore(&repository.0, &target, &["--point", "full", "--no-start"]);
    assert_eq!(ran.json()["phase"], "succeeded", "{ran}");
}

#[test]
fn a_damaged_member_is_named_and_nothing_is_put_together() {
    needs_postgres!();
    let version = needs_version!(18);
    let made = chain(&version);
    for [full, monday, tuesday] in [&made.plain, &made.tar] {
        let repository = repository([full, monday, tuesday]);
        let below = repository.0.join("shop/full");
        let archive = below.join("base.tar.gz");
        let is_plain = !archive.exists();
        let file = if is_plain { largest_data_file(&below) } else { archive };
        let middle = fs::metadata(&file).unwrap().len() / 2;
        flip_byte(&file, middle);
        let target = scratch("target").join("data");
        let ran = user(&version).restore(&repository.0, &target, &["--point", "tuesday"]).expect_code(4);
        ran.expect_words(if is_plain { &["full, which the incremental backup needs, is damaged"] } else { &["base"] });
        assert!(!target.exists(), "nothing is at the target");
    }
}

#[test]
fn a_verified_increment_says_that_only_the_chain_is_whole() {
    needs_postgres!();
    let version = needs_version!(18);
    let [full, monday, tuesday] = &chain(&version).plain;
    let (howdah, repository) = (user(&version), repository([full, monday, tuesday]));
    let (repo, state) = (repository.0.to_str().unwrap(), howdah.state.to_str().unwrap());
    let words = ["backup", "verify", "shop", "--point", "tuesday", "--repo", repo, "--state-dir", state];
    howdah.run(words).expect_code(6).expect_words(&["verify monday, full, too"]);
}

/// The programs of this version with a `pg_combinebackup` that, the first time, writes a little and then hangs, and that
/// notes when two of them run at once.
fn hanging(version: &Version) -> (PathBuf, PathBuf) {
    let (bin, notes) = (server_scratch("bin"), scratch("notes"));
    for program in fs::read_dir(&version.bin).unwrap().map(Result::unwrap) {
        if program.file_name() != "pg_combinebackup" {
            symlink(program.path(), bin.join(program.file_name())).unwrap();
        }
    }
    let script = format!(
        "#!/bin/bash\ncd '{notes}' || exit 1\n\
         for pid in $(cat pids 2>/dev/null); do grep -q 'State:.[^ZX]' /proc/$pid/status 2>/dev/null && : >overlap; done\n\
         echo $$ >>pids\n\
         out=; for word in \"$@\"; do [ \"$last\" = -o ] && out=$word; last=$word; done\n\
         if [ ! -e held ]; then mkdir \"$out\"; echo half >\"$out/PG_VERSION\"; : >held; exec tail -f /dev/null; fi\n\
         exec '{real}' \"$@\"\n",
        notes = notes.display(),
        real = version.bin.join("pg_combinebackup").display()
    );
    let program = bin.join("pg_combinebackup");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (bin, notes)
}

#[test]
fn a_worker_killed_while_backups_are_put_together_leaves_nobody_and_the_next_attempt_begins_anew() {
    needs_postgres!();
    let version = needs_version!(18);
    let made = chain(&version);
    let [full, monday, tuesday] = &made.plain;
    let repository = repository([full, monday, tuesday]);
    let (bin, notes) = hanging(&version);
    let howdah = user(&Version { bin, ..version });
    let target = scratch("target").join("data");
    let restored = Restored(target.clone());
    let port = free_port().to_string();
    let words = ["--point", "tuesday", "--port", &port, "--every", "1s"];
    let running = howdah.spawn_restore(&repository.0, &target, &words);
    until_true("the program hangs", || notes.join("held").exists());
    assert!(!target.exists(), "nothing is at the target yet");
    let worker = howdah.events().worker(1, 1);
    kill_process(Pid::from_raw(i32::try_from(worker.pid).unwrap()).unwrap(), Signal::KILL).unwrap();
    let ran = running.wait().expect_code(0);
    assert_eq!(ran.json()["attempt"], 2, "{ran}");
    assert!(!notes.join("overlap").exists(), "two programs wrote at once");
    assert_eq!(fs::read_to_string(notes.join("pids")).unwrap().lines().count(), 2);
    assert_eq!(restored.ask(ROWS), made.rows);
}

#[test]
fn a_restore_cancelled_while_backups_are_put_together_leaves_nothing() {
    needs_postgres!();
    let version = needs_version!(18);
    let [full, monday, tuesday] = &chain(&version).plain;
    let repository = repository([full, monday, tuesday]);
    let (bin, notes) = hanging(&version);
    let howdah = user(&Version { bin, ..version });
    let target = scratch("target").join("data");
    let running = howdah.spawn_restore(&repository.0, &target, &["--point", "tuesday"]);
    until_true("the program hangs", || notes.join("held").exists());
    running.signal(Signal::TERM);
    running.wait().expect_code(5);
    nothing_is_left(&target);
    let pid = fs::read_to_string(notes.join("pids")).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "the program is gone");
}
