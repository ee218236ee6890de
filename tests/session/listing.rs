//! `howdah session list`: the order, the table, the array, and what is said when there is nothing.

use crate::{
    harness::{Harness, Life, copied, one_of_each},
    support::howdah::Howdah,
};
use insta::assert_snapshot;
use serde_json::Value;
use std::{fs, os::unix::net::UnixListener, process::Stdio};

#[test]
fn a_table_shows_each_phase_by_sign_and_word() {
    let harness = Harness::of(one_of_each());
    harness.tell(2, 1, [copied(434)]);
    let owner = harness.owned();
    let ran = harness.run(&["list", "--all"]).expect_code(0);
    assert_snapshot!(ran.stdout, @"
    INDEX  NUMBER  UUID      INSTANCE  PHASE                  PROGRESS  TARGET                          STARTED (UTC)
      [0]       1  aaaa0001  orders-1  ◦ queued                      -  /var/tmp/howdah-never/orders-1  2020-02-02 02:00:00
      [1]       2  aaaa0002  orders-2  ◉ running                  43 %  /var/tmp/howdah-never/orders-2  2020-02-02 02:00:00
      [2]       3  aaaa0003  orders-3  ◌ waiting, try 1 of 3       0 %  /var/tmp/howdah-never/orders-3  2020-02-02 02:00:00
      [3]       4  aaaa0004  orders-4  ✖ stuck                     0 %  /var/tmp/howdah-never/orders-4  2020-02-02 02:00:00
      [4]       5  aaaa0005  orders-5  ⊘ cancelling                0 %  /var/tmp/howdah-never/orders-5  2020-02-02 02:00:00
        -       7  aaaa0007  orders-7  ∅ cancelled                 0 %  /var/tmp/howdah-never/orders-7  2020-02-02 02:00:00
        -       6  aaaa0006  orders-6  ✓ succeeded               100 %  /var/tmp/howdah-never/orders-6  2020-02-02 02:00:00
    ");
    assert_eq!(ran.stderr, "");
    let ran = harness.run(&["list", "--ascii"]).expect_code(0);
    assert!(ran.stdout.is_ascii(), "{ran}");
    assert_snapshot!(ran.stdout, @"
    INDEX  NUMBER  UUID      INSTANCE  PHASE                  PROGRESS  TARGET                          STARTED (UTC)
      [0]       1  aaaa0001  orders-1  . queued                      -  /var/tmp/howdah-never/orders-1  2020-02-02 02:00:00
      [1]       2  aaaa0002  orders-2  * running                  43 %  /var/tmp/howdah-never/orders-2  2020-02-02 02:00:00
      [2]       3  aaaa0003  orders-3  ~ waiting, try 1 of 3       0 %  /var/tmp/howdah-never/orders-3  2020-02-02 02:00:00
      [3]       4  aaaa0004  orders-4  ! stuck                     0 %  /var/tmp/howdah-never/orders-4  2020-02-02 02:00:00
      [4]       5  aaaa0005  orders-5  x cancelling                0 %  /var/tmp/howdah-never/orders-5  2020-02-02 02:00:00
    ");
    drop(owner);
    let ran = harness.run(&["list"]).expect_code(0);
    assert_snapshot!(harness.masked(&ran.stderr), @"howdah: nobody owns ~/state, so nothing is tried again or finished there: start howdah keeper");
}

#[test]
fn r23_the_array_holds_the_ongoing_sessions_in_the_order_of_their_places() {
    let harness = Harness::of(one_of_each());
    let rows = harness.run(&["list", "--json"]).expect_code(0).json();
    let rows = rows.as_array().unwrap();
    for (place, row) in rows.iter().enumerate() {
        assert_eq!(row["index"], place);
        assert_eq!(row["id"], place + 1, "oldest first");
        let named = harness.run(&["show", &format!("[{place}]"), "--json"]).expect_code(0).json();
        assert_eq!(named["uuid"], row["uuid"]);
    }
    let phases: Vec<&str> = rows.iter().map(|row| row["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["queued", "running", "waiting", "stuck", "cancelling"]);
    let all = harness.run(&["list", "--json", "--all"]).expect_code(0).json();
    let all: Vec<(u64, Value)> =
        all.as_array().unwrap().iter().map(|row| (row["id"].as_u64().unwrap(), row["index"].clone())).collect();
    let places = (0..5_u64).map(|place| (place + 1, Value::from(place)));
    let expected: Vec<(u64, Value)> = places.chain([(7, Value::Null), (6, Value::Null)]).collect();
    assert_eq!(all, expected, "the newest end first, and none that was dismissed");
}

#[test]
fn an_object_is_flat_and_null_where_nothing_applies() {
    let harness = Harness::of(one_of_each());
    let _owner = harness.owned();
    harness.tell(2, 1, [copied(999)]);
    let rows = harness.run(&["list", "--json", "--all"]).expect_code(0).json();
    let rows: Vec<&serde_json::Map<String, Value>> =
        rows.as_array().unwrap().iter().map(|row| row.as_object().unwrap()).collect();
    let keys: Vec<&String> = rows[0].keys().collect();
    assert_snapshot!(keys.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(" "), @"attempt backup by bytes_done bytes_reused bytes_total created damages damages_total dismissed disposed disposition ended ending failure files_done first_cause id index instance kind left lost next_try origin overdue paused percent phase pid port reason recovery restore_point server step system_identifier target took_seconds tries_limit tries_total tries_used unchecked uuid wal_percent warnings");
    let mut shown = String::new();
    for row in &rows {
        assert_eq!(row.keys().collect::<Vec<_>>(), keys, "the same fields in every phase");
        assert_eq!((&row["created"], &row["by"]), (&"2020-02-02T02:00:00Z".into(), &"ops".into()));
        assert_eq!((&row["restore_point"], &row["kind"]), (&"2026-11-20T0200".into(), &"restore".into()));
        let backup = format!("/backup/orders-{}/2026-11-20T0200", row["id"]);
        assert_eq!((&row["backup"], &row["system_identifier"]), (&backup.into(), &Value::Null));
        let same = ["created", "by", "backup", "restore_point", "uuid", "target", "port", "instance", "kind"];
        let own = row.iter().filter(|(key, value)| !same.contains(&key.as_str()) && !value.is_null());
        let own: Vec<String> = own.map(|(key, value)| format!("{key}={value}")).collect();
        shown += &own.join(" ");
        shown.push('\n');
    }
    assert_snapshot!(shown, @r#"
    dismissed=false id=1 index=0 lost=false origin="command_line" phase="queued" tries_limit=3 tries_total=0
    attempt=1 bytes_done=999 bytes_reused=0 bytes_total=1000 dismissed=false files_done=9 id=2 index=1 lost=false origin="command_line" percent=99 phase="running" pid=1001 step="copy" tries_limit=3 tries_total=0
    attempt=1 bytes_done=0 bytes_reused=0 bytes_total=1000 dismissed=false failure={"advice":"","cause":"the repository is gone","class":"disruption","step":null} files_done=0 first_cause="the repository is gone" id=3 index=2 lost=false next_try="2120-01-09T02:00:10Z" origin="console" percent=0 phase="waiting" tries_limit=3 tries_total=0 tries_used=0
    attempt=1 bytes_done=0 bytes_reused=0 bytes_total=1000 dismissed=false failure={"advice":"make room, then retry","cause":"no space left on /var/tmp/howdah-never","class":"incurable","step":"copy"} files_done=0 first_cause="no space left on /var/tmp/howdah-never" id=4 index=3 lost=false origin="command_line" percent=0 phase="stuck" reason="incurable" tries_limit=3 tries_total=0
    attempt=1 bytes_done=0 bytes_reused=0 bytes_total=1000 dismissed=false disposition="remove" files_done=0 id=5 index=4 lost=false origin="command_line" overdue=false percent=0 phase="cancelling" pid=1001 step="copy" tries_limit=3 tries_total=0
    attempt=2 bytes_done=0 bytes_reused=0 bytes_total=1000 dismissed=false disposed="removed" ended="2020-02-02T02:03:20Z" ending="partial data removed" files_done=0 id=7 left=[] lost=false origin="console" percent=0 phase="cancelled" took_seconds=200.0 tries_limit=3 tries_total=0
    attempt=1 bytes_done=1000 bytes_reused=0 bytes_total=1000 dismissed=false ended="2020-02-02T02:01:40Z" ending="files restored; no server was started: as asked" files_done=0 id=6 lost=false origin="command_line" percent=100 phase="succeeded" server="not_started" took_seconds=100.0 tries_limit=3 tries_total=0 unchecked=[] warnings=[]
    "#);
}

#[test]
fn nothing_is_listed_where_there_is_nothing() {
    let howdah = Howdah::new();
    let state = howdah.state.to_str().unwrap().to_owned();
    let list = |more: &[&str]| {
        let mut arguments = vec!["session", "list", "--state-dir", &state];
        arguments.extend(more);
        let ran = howdah.run(arguments).expect_code(0);
        (ran.stdout, ran.stderr)
    };
    let none = ("[]\n".to_owned(), "howdah: no session is ongoing\n".to_owned());
    assert_eq!(list(&[]), (String::new(), none.1.clone()));
    assert_eq!(list(&["--json"]), none);
    assert_eq!(list(&["--all"]).1, "howdah: there is no session\n");
    assert!(!howdah.state.exists(), "a reader makes nothing");
    fs::create_dir(&howdah.state).unwrap();
    assert_eq!(list(&["--json"]), none);
    // An owner that has made the file, and not its tables yet.
    fs::write(howdah.state.join("journal.db"), "").unwrap();
    assert_eq!(list(&["--json"]), none);
}

#[test]
fn s10_a_record_that_cannot_be_read_is_told_and_hides_no_other() {
    let harness = Harness::of(one_of_each());
    harness.spoil("UPDATE sessions SET body = '{' WHERE id IN (2, 6)");
    let ran = harness.run(&["list", "--json", "--all"]).expect_code(0);
    let ids: Vec<u64> = ran.json().as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [1, 3, 4, 5, 7]);
    for session in ["session 2", "session 6"] {
        assert_eq!(ran.stderr.matches(session).count(), 1, "{ran}");
    }
    harness.run(&["show", "2"]).expect_code(1).expect_words(&["session 2 cannot be read"]);
}

#[test]
fn a_journal_of_a_newer_howdah_is_told_and_left_alone() {
    let harness = Harness::of(one_of_each());
    rusqlite::Connection::open(harness.journal()).unwrap().pragma_update(None, "user_version", 7).unwrap();
    harness.run(&["list"]).expect_code(1).expect_words(&["schema 7", "newer howdah"]);
    fs::remove_file(harness.journal()).unwrap();
    fs::create_dir(harness.journal()).unwrap();
    harness.run(&["list"]).expect_code(1).expect_words(&["journal.db", "not a file"]);
    fs::remove_dir(harness.journal()).unwrap();
    fs::write(harness.journal(), "no database at all, though long enough to look like one".repeat(9)).unwrap();
    harness.run(&["list"]).expect_code(1).expect_words(&["journal.db"]);
}

#[test]
fn that_nobody_owns_the_sessions_is_said_once() {
    let harness = Harness::of([Life::queued(1).stuck(), Life::queued(2).waiting()]);
    let ran = harness.run(&["list", "--json"]).expect_code(0).expect_words(&["howdah keeper"]);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
    // A socket that an owner left behind owns nothing, and is not asked.
    drop(UnixListener::bind(harness.state().join("control.sock")).unwrap());
    harness.run(&["list"]).expect_code(0).expect_words(&["howdah keeper"]);
    // Somebody owns it: the lock is held.
    let lock = fs::File::create(harness.state().join("owner.lock")).unwrap();
    lock.lock().unwrap();
    let ran = harness.run(&["list"]).expect_code(0);
    assert_eq!(ran.stderr, "");
    drop(lock);
    // Nothing is ongoing: nobody is needed.
    let ran = Harness::of([Life::queued(1).succeeded(9)]).run(&["list", "--all"]).expect_code(0);
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    let harness = Harness::of([Life::queued(1), Life::queued(2).succeeded(9)]);
    // More than any pipe holds.
    harness.spoil(
        "WITH RECURSIVE numbers (n) AS (VALUES (3) UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000)
         INSERT INTO sessions (id, uuid, place, kind, parent, instance, ended, took, result, version, body)
         SELECT n, n, place, kind, parent, instance, ended + n, took, result, version, body
         FROM numbers JOIN sessions ON id = 2",
    );
    for more in [&["--json"][..], &[]] {
        let mut arguments = vec!["list", "--all"];
        arguments.extend(more);
        let mut command = harness.howdah.command(harness.arguments(&arguments));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut first).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(0), ""), "{first}");
    }
    // Pages do not lose or repeat any.
    let rows = harness.run(&["list", "--all", "--json"]).expect_code(0).json();
    let mut ends: Vec<u64> = Vec::new();
    for row in &rows.as_array().unwrap()[1..] {
        assert_eq!(row["phase"], "succeeded");
        ends.push(row["id"].as_u64().unwrap());
    }
    assert_eq!(ends.len(), 1999);
}

#[test]
fn no_text_of_a_record_can_steer_a_terminal() {
    let harness = Harness::of([Life::queued(1).stuck()]);
    harness.spoil("UPDATE sessions SET body = replace(body, 'no space left', 'no \\u001b[2J\\u009b space')");
    harness.spoil("UPDATE sessions SET body = replace(body, 'howdah-never', 'how\\u001b]0;x\\u0007\\u202edah')");
    for arguments in [&["list"][..], &["list", "--json"], &["show", "1"], &["show", "1", "--json"], &["watch", "1"]] {
        let ran = harness.run(arguments);
        assert!(ran.stdout.contains("stuck"), "{ran}");
        assert!(ran.stdout.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{ran}");
    }
    let exact = harness.run(&["show", "1", "--json"]).json();
    assert!(exact["target"].as_str().unwrap().contains("\u{1b}]0;x\u{7}\u{202e}"), "a program gets the exact path");
}

#[test]
fn an_owner_is_missed_only_where_one_has_something_to_do() {
    let harness = Harness::of([Life::queued(1).stuck()]);
    assert_eq!(harness.run(&["list"]).expect_code(0).stderr, "", "what is stuck waits for a person");
    let harness = Harness::of([Life::queued(1).stuck(), Life::queued(2).waiting()]);
    harness.run(&["list"]).expect_code(0).expect_words(&["nobody owns"]);
}
