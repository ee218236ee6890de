//! What goes wrong around an open restore point: its backup is out of reach, its scratch is full, its paths are long, the
//! server that its items go into is gone.

use super::{
    bed::{Bed, DUMPS_HELD, HOLD_DUMPS, Opened},
    needs_postgres,
    support::{
        backup::{Form, Repository},
        cluster::{Cluster, SUM_OF_ROWS, must, source, start},
        faults::SmallDisk,
        howdah::Howdah,
        place::{open_to_all, scratch},
        skip::skip,
        timeout::{until, until_true},
    },
};
use std::{path::PathBuf, process::Command};

#[test]
fn a_repository_that_is_unmounted_under_an_open_point_is_named_and_what_is_there_goes_on() {
    needs_postgres!();
    let Some(disk) = SmallDisk::of_megabytes(200) else {
        return skip("only root mounts a disk that goes", false);
    };
    let repository = Repository(disk.0.join("repository"));
    must(Command::new("cp").arg("-a").arg(Repository::of(Form::PLAIN).0).arg(&repository.0));
    let bed = Bed::over(repository, scratch("explore").join("open"), "");
    let open = bed.open(&[]);
    assert_eq!(open.ask("select count(*) from elsewhere"), "20000");
    let elsewhere = disk.vanish();
    let refused = open.refused("select count(*) from goods");
    assert!(refused.contains("Input/output error"), "{refused}");
    // Nothing of the backup can be read now; the server knows the name from what it has in memory, or the file is all.
    let file = bed.repository.b1().join(source().ask("select pg_relation_filepath('goods')"));
    until_true("the file is named", || {
        let said = bed.said(open.id());
        said.lines().any(|line| line.contains(file.to_str().unwrap()) && line.contains("cannot be read"))
    });
    assert_eq!(open.ask("select count(*) from elsewhere"), "20000", "it is open as before");
    disk.come_back(&elsewhere);
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum, "what is back can be read");
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
    drop(elsewhere);
}

#[test]
fn a_scratch_that_is_full_refuses_what_is_written_and_is_emptied_when_the_point_is_closed() {
    needs_postgres!();
    let Some(disk) = SmallDisk::of_megabytes(80) else {
        return skip("only root mounts a small disk", false);
    };
    let bed = Bed::over(Repository::of(Form::PLAIN), disk.0.join("open"), "[retry]\nevery = \"1s\"\n");
    let open = bed.open(&[]);
    let fill = "begin read write; create table mine as select md5(g::text) from generate_series(1, 10000000) g";
    let refused = open.refused(fill);
    assert!(refused.contains("No space left on device") || refused.contains("terminat"), "{refused}");
    // Whatever the server made of it, it or the next one answers; nothing of the backup is changed or lost.
    let again = until("it answers", || {
        let open = bed.list().into_iter().find(|one| one["open"] == true).map(Opened)?;
        (open.try_to_ask(SUM_OF_ROWS)? == source().sum).then_some(open)
    });
    until_true("the limit is said", || bed.said(open.id()).contains("has reached its limit"));
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&open, &again]);
}

#[test]
fn paths_that_are_longer_than_a_socket_may_be_are_no_hindrance() {
    needs_postgres!();
    // An address of a socket holds 107 bytes (unix(7)).
    let deep: PathBuf = scratch("deep").join("a".repeat(120)).join("b".repeat(120));
    std::fs::create_dir_all(deep.join("home")).unwrap();
    open_to_all(deep.parent().unwrap());
    open_to_all(&deep);
    let user = Howdah::in_home(deep.join("home"));
    let bed = Bed::of(user, Repository::of(Form::PLAIN), deep.join("open"), "");
    let open = bed.open(&[]);
    assert!(open.text("sockets").len() < 80, "{}", open.text("sockets"));
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn r8_a_live_server_that_is_gone_is_waited_for_and_gets_each_row_once() {
    needs_postgres!();
    let bed = Bed::with(Form::PLAIN, "[retry]\nevery = \"1s\"\n");
    let open = bed.open(&[]);
    let live = Cluster::make("");
    let mut holder = open.hold(HOLD_DUMPS);
    let words = ["restore", "[0]", "postgres/public/goods", "--to", &live.conninfo(), "--json"];
    let child = bed.explore(&words).expect_code(0).json()["id"].as_u64().unwrap();
    until_true("the dump waits for the lock", || open.ask(DUMPS_HELD) != "0");
    live.stop();
    holder.kill().unwrap();
    holder.wait().unwrap();
    let row = || {
        let state = bed.howdah.state.to_str().unwrap();
        let words = ["session", "list", "--kind", "restore", "--all", "--json", "--state-dir", state];
        let listed = bed.howdah.run(words).expect_code(0).json();
        listed.as_array().unwrap().iter().find(|one| one["id"] == child).unwrap().clone()
    };
    until("it waits", || (row()["phase"] == "waiting").then_some(()));
    start(&live.data);
    let done = until("it is done", || Some(row()).filter(|row| row["phase"] == "succeeded"));
    assert!(done["attempt"].as_u64().unwrap() > 1, "{done}");
    assert_eq!(live.ask("select count(*), count(distinct id) from goods"), "20000|20000");
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}
