//! `howdah explore` on real servers: a restore point is opened where it lies, looked into, listed, and closed from another
//! shell; the backup is afterwards what it was.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "explore/archives.rs"]
mod archives;
#[path = "explore/bed.rs"]
mod bed;
#[path = "explore/chaos.rs"]
mod chaos;
#[path = "explore/clean.rs"]
mod clean;
#[path = "explore/console.rs"]
mod console;
#[path = "explore/faults.rs"]
mod faults;
#[path = "explore/kept.rs"]
mod kept;
#[path = "explore/methods.rs"]
mod methods;
#[path = "explore/packed.rs"]
mod packed;
#[path = "support/rng.rs"]
mod rng;
#[path = "explore/shared.rs"]
mod shared;
mod support;

use bed::{Bed, DUMPS_HELD, HOLD_DUMPS};
use rustix::process::{Pid, Signal, kill_process};
use support::{
    backup::Form,
    cluster::{SUM_OF_ROWS, program, source},
    faults::garble,
    timeout::{until, until_true},
};

/// Opens a backup of this form, asks it, closes it, and looks what is left.
fn opens(form: Form) {
    let bed = Bed::new(form);
    let open = bed.open(&[]);
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum, "{form:?}");
    assert_eq!(open.ask("select count(*) from elsewhere"), "20000", "the tablespace");
    assert!(open.refused("create table x()").contains("read-only"), "{form:?}");
    assert_eq!(open.ask("show archive_mode"), "off");
    assert_eq!(open.ask("show listen_addresses"), "");
    open.ask("begin read write; create table mine as select 1 as a; commit; checkpoint");
    let stopped = bed.explore(&["stop", &open.id().to_string()]).expect_code(0);
    assert_eq!((stopped.stdout.as_str(), stopped.stderr.as_str()), ("", ""), "R26");
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn a_plain_backup_is_opened_where_it_lies() {
    needs_postgres!();
    opens(Form::PLAIN);
}

#[test]
fn a_tar_backup_is_opened() {
    needs_postgres!();
    opens(Form::TAR);
}

#[test]
fn a_packed_backup_is_opened() {
    needs_postgres!();
    opens(Form::packed("server-gzip:1"));
}

#[test]
fn r22_to_r26_what_is_active_is_listed_in_order_and_stopped_by_index_by_name_and_through_a_pipe() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let none = bed.explore(&["stop"]).expect_code(2).expect_words(&["SESSION"]);
    insta::assert_snapshot!("r24_no_session_is_named", none);
    let none = bed.explore(&["stop", "[0]"]).expect_code(3).expect_words(&["none is ongoing"]);
    insta::assert_snapshot!("r23_nothing_has_an_index", none);
    // Two at once on one restore point.
    let opened = [bed.open(&[]), bed.open(&[]), bed.open(&[])];
    let listed = bed.list();
    let order: Vec<_> =
        listed.iter().map(|one| (one["index"].as_u64().unwrap(), one["id"].as_u64().unwrap())).collect();
    let ids: Vec<u64> = opened.iter().map(bed::Opened::id).collect();
    assert_eq!(order, [(0, ids[0]), (1, ids[1]), (2, ids[2])], "R23");
    for one in &opened {
        assert_eq!(one.ask("select count(*) from goods"), "20000");
    }
    // R24: one session, the first argument; R23: by its index now.
    insta::assert_snapshot!("r24_one_session_is_named", bed.explore(&["stop", "[1]", "[2]"]).expect_code(2));
    insta::assert_snapshot!("r26_nothing_is_printed", bed.explore(&["stop", "[1]"]).expect_code(0));
    assert_eq!(bed.list().iter().map(|one| one["id"].as_u64().unwrap()).collect::<Vec<_>>(), [ids[0], ids[2]]);
    // R22: it is not active any more.
    let closed = bed.explore(&["stop", &ids[1].to_string()]).expect_code(3).expect_words(&["not active"]);
    insta::assert_snapshot!("r22_what_is_not_active", closed);
    // R25: the list that was saved before, each in turn; the one that is closed is named, the others go on.
    let saved = serde_json::to_string(&listed).unwrap();
    let stopped = bed.piped(&["stop", "-"], &saved).expect_code(3);
    insta::assert_snapshot!("r25_each_of_a_list_in_turn", stopped);
    assert_eq!(stopped.stdout, "", "R26");
    assert!(stopped.stderr.contains("not active") && stopped.stderr.lines().count() == 1, "{stopped}");
    assert_eq!(bed.list(), Vec::<serde_json::Value>::new());
    bed.expect_nothing_left(&opened.each_ref());
}

#[test]
fn r28_r29_a_session_outlives_its_shell_and_its_owner_and_is_opened_again_when_its_worker_or_server_is_killed() {
    needs_postgres!();
    let bed = Bed::with(Form::PLAIN, "[retry]\nevery = \"1s\"\n");
    let first = bed.open(&[]);
    let events = bed.howdah.events();
    let id = first.id();
    // The server dies: a disruption, and the point is opened again.
    let pid = std::fs::read_to_string(bed.explore_dir.join("shop/files/data/postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    let opened_again = |attempt: u32| {
        until("it is open again", || {
            let listed = bed.list();
            let one = listed.first().filter(|one| one["open"] == true && one["attempt"] == attempt)?;
            Some(bed::Opened(one.clone()))
        })
    };
    let second = opened_again(2);
    assert_eq!(second.ask(SUM_OF_ROWS), source().sum);
    // Its worker dies: the same.
    let worker = events.worker(id, 2);
    kill_process(Pid::from_raw(worker.pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
    let third = opened_again(3);
    assert_eq!(third.ask(SUM_OF_ROWS), source().sum);
    // What serves the files dies: what was written is there again.
    third.ask("begin read write; create table mine as select 42 as a; commit");
    assert_eq!(third.text("method"), "overlay");
    kill_process(Pid::from_raw(bed.overlay()).unwrap(), Signal::KILL).unwrap();
    let fourth = opened_again(4);
    assert_eq!(fourth.ask("select a from mine"), "42");
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&first, &second, &third, &fourth]);
}

#[test]
fn r22_a_point_that_items_are_being_taken_out_of_is_closed_only_when_they_are_cancelled_first() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let open = bed.open(&[]);
    let mut holder = open.hold(HOLD_DUMPS);
    let dump = support::place::scratch("dump").join("goods");
    let words = ["restore", "[0]", "postgres/public/goods", "--dump", dump.to_str().unwrap(), "--json"];
    let child = bed.explore(&words).expect_code(0).json()["id"].as_u64().unwrap();
    until_true("the dump waits for the lock", || open.ask(DUMPS_HELD) != "0");
    let refused = bed.explore(&["stop", "[0]"]).expect_code(3);
    refused.expect_words(&[&format!("session {child}"), "being taken out"]);
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum, "it is open as before");
    assert_eq!(bed.list()[0]["children"], serde_json::json!([child]));
    bed.explore(&["stop", "[0]", "--force"]).expect_code(0);
    holder.wait().unwrap();
    assert!(!dump.exists(), "what was begun of it is removed");
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn s15_damage_of_the_backup_is_told_with_the_name_of_its_table_while_it_is_open() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let file = source().ask("select pg_relation_filepath('goods')");
    garble(&bed.repository.b1().join(&file), 3 * 8192 + 4000);
    bed.expect_damage_named();
}

#[test]
fn s7_the_plan_says_how_the_files_are_provided_and_what_is_replayed_and_writes_nothing() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    bed.explore(&["start", "shop", "--plan"]).expect_code(0).expect_words(&["files by", "segment", "read-only"]);
    let plan = bed.explore(&["start", "shop", "--plan", "--json"]).expect_code(0).json();
    assert!(plan["replay"]["segments"].as_u64().unwrap() >= 1, "{plan}");
    assert!(!bed.explore_dir.exists());
    bed.explore(&["start", "nobody"]).expect_code(3).expect_words(&["no instance"]);
    let state = bed.howdah.state.join("in-state");
    let repository = bed.repository.0.join("in-repository");
    for (scratch, word) in [(&state, "state directory"), (&repository, "repository")] {
        let words = ["start", "shop", "--scratch", scratch.to_str().unwrap()];
        bed.explore(&words).expect_code(3).expect_words(&[word]);
    }
    bed.expect_nothing_left(&[]);
}

#[test]
fn a_point_listens_on_a_port_only_when_it_is_asked_to_and_lets_nobody_in_without_a_password() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let port = support::port::free_port();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let foreign = taken.local_addr().unwrap().port().to_string();
    bed.explore(&["start", "shop", "--port", &foreign]).expect_code(3).expect_words(&["in use"]);
    let number = port.to_string();
    bed.explore(&["start", "shop", "--port", &number, "--plan"]).expect_code(0).expect_words(&["password", &number]);
    let open = bed.open(&["--port", &number]);
    assert_eq!(open.ask("show listen_addresses"), "127.0.0.1");
    assert_eq!(open.ask("select count(*) from goods"), "20000");
    let by_tcp = |password: &str| {
        let conninfo = format!("host=127.0.0.1 port={port} user=ana dbname=postgres");
        let mut psql = program("psql");
        psql.env("PGPASSWORD", password).args(["-w", "-XAt", "-c", "select 1", &conninfo]).output().unwrap()
    };
    open.ask("begin read write; create role ana login password 'from the backup'; commit");
    let refused = by_tcp("another");
    assert!(!refused.status.success(), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("password authentication failed"), "{refused:?}");
    assert_eq!(by_tcp("from the backup").stdout, b"1\n");
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
    drop(taken);
}

#[test]
fn a_preloaded_library_that_is_missing_is_left_out_and_named() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let settings = bed.repository.b1().join("postgresql.auto.conf");
    let with = std::fs::read_to_string(&settings).unwrap() + "shared_preload_libraries = 'auto_explain, not_here'\n";
    std::fs::write(&settings, with).unwrap();
    let bed = bed.changed_by_hand();
    let open = bed.open(&[]);
    assert_eq!(open.ask("show shared_preload_libraries"), "auto_explain");
    assert!(bed.said(open.id()).contains("not_here"), "{}", bed.said(open.id()));
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn what_stands_in_the_place_of_the_scratch_is_left_alone() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let theirs = bed.explore_dir.parent().unwrap().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    std::fs::write(theirs.join("file"), "x").unwrap();
    let words = ["start", "shop", "--scratch", theirs.to_str().unwrap(), "--wait"];
    bed.explore(&words).expect_code(4).expect_words(&["has not made"]);
    bed.explore(&["stop", "[0]"]).expect_code(6).expect_words(&["has not made"]);
    assert_eq!(std::fs::read_to_string(theirs.join("file")).unwrap(), "x");
    until_true("it is closed", || bed.list().is_empty());
}
