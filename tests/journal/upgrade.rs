//! A journal of version 1, as its own build has left it: schema 2, and records of sessions and events of version 1.

use super::{Harness, ends, new};
use howdah::{
    domain::{Kind, KindFilter, SessionId, StepState, upgrade},
    journal::{JournalReader, Migration, RECORD_VERSION, SqliteJournal, health::health},
    machine::{CompletedDetails, CompletedResult, CompletedRow, Phase, Session},
};
use rusqlite::{Connection, params};
use serde_json::Value;
use std::{fs, panic, path::Path, time::Instant};

/// The tables of schema 2, as its build made them. Never changed.
const SCHEMA_2: &str = "
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        uuid TEXT NOT NULL UNIQUE,
        place TEXT NOT NULL CHECK (place IN ('ongoing', 'completed', 'dismissed')),
        instance TEXT NOT NULL,
        ended INTEGER,
        took INTEGER CHECK (took >= 0),
        result TEXT CHECK (result IN ('succeeded', 'cancelled')),
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        CHECK (place = 'ongoing' OR (ended IS NOT NULL AND took IS NOT NULL AND result IS NOT NULL))
    ) STRICT;
    CREATE INDEX sessions_by_place ON sessions (place, ended DESC, id DESC, result, instance, took);
    CREATE INDEX sessions_by_result ON sessions (result) WHERE place = 'completed';
    CREATE TABLE events (
        number INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES sessions (id),
        at INTEGER NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_session ON events (session, number);
    CREATE TABLE ownership (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch INTEGER NOT NULL
    ) STRICT;
    INSERT INTO ownership VALUES (1, 3);
    PRAGMA user_version = 2;
";

/// The records of version 1 and where each stands in a journal.
const SESSIONS: [(&str, &str); 9] = [
    ("queued", "ongoing"),
    ("running", "ongoing"),
    ("waiting", "ongoing"),
    ("stuck", "ongoing"),
    ("stopping", "ongoing"),
    ("disposing", "ongoing"),
    ("cancelled", "completed"),
    ("succeeded", "completed"),
    ("dismissed", "dismissed"),
];

fn record(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/records/v1/{name}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A session of version 1 under this number.
fn session(name: &str, number: u64) -> Value {
    let mut session = record(&format!("session_{name}"));
    session["id"] = number.into();
    session["uuid"] = uuid::Uuid::from_u128(number.into()).to_string().into();
    session
}

fn old_journal(harness: &Harness) -> Connection {
    let connection = Connection::open(&harness.path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.execute_batch(SCHEMA_2).unwrap();
    connection
}

/// Fills it with a session of each phase and an event of each kind.
fn fill(connection: &Connection) {
    for (number, (name, place)) in (1_u64..).zip(SESSIONS) {
        let uuid = uuid::Uuid::from_u128(number.into()).to_string();
        let ended = (place != "ongoing").then_some(1_000 + number);
        let result = (place != "ongoing").then_some(if name == "cancelled" { "cancelled" } else { "succeeded" });
        let (took, body) = (ended.map(|_| 5), session(name, number).to_string());
        let values = params![number, uuid, place, "orders-7", ended, took, result, body];
        connection.execute("INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8)", values).unwrap();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records/v1");
    let mut events: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("event_") || name.starts_with("created"))
        .collect();
    events.sort();
    for (at, name) in (0_i64..).zip(&events) {
        let body = record(name.trim_end_matches(".json")).to_string();
        connection
            .execute("INSERT INTO events (session, at, version, body) VALUES (8, ?1, 1, ?2)", params![at, body])
            .unwrap();
    }
}

fn expected(name: &str, number: u64) -> Session {
    serde_json::from_value(upgrade::session(1, session(name, number))).unwrap()
}

#[test]
fn what_an_older_owner_has_left_is_read_as_it_lies() {
    let harness = Harness::new();
    fill(&old_journal(&harness));
    let before = fs::read(&harness.path).unwrap();
    let mut reader = JournalReader::open(&harness.path).unwrap();
    let ongoing = reader.ongoing().unwrap();
    assert!(ongoing.unreadable.is_empty(), "{:?}", ongoing.unreadable);
    let wanted: Vec<_> = (1..).zip(&SESSIONS[..6]).map(|(number, (name, _))| expected(name, number)).collect();
    assert_eq!(ongoing.sessions, wanted);
    assert!(wanted.iter().all(|session| session.order().kind() == Kind::Restore));
    let stopping = &wanted[4];
    assert!(matches!(stopping.phase(), Phase::Cancelling { .. }), "{:?}", stopping.phase());
    let done = |state: &StepState| matches!(state, StepState::Done { .. });
    assert_eq!(wanted[1].steps().iter().filter(|(_, state)| done(state)).count(), 1, "steps have their names");
    let completed = reader.completed(KindFilter::Only(Kind::Restore), None).unwrap().found;
    assert_eq!((completed.sessions.len(), completed.unreadable.len()), (2, 0));
    let history = reader.history(SessionId(8)).unwrap();
    let unreadable: Vec<_> = history.iter().filter(|line| line.event == "unreadable").collect();
    assert!(history.len() > 20 && unreadable.is_empty(), "{unreadable:?}");
    let health = health(&harness.path).unwrap();
    assert_eq!((health.schema, health.ongoing, health.ended, health.unreadable.len()), (2, 6, 3, 0));
    assert_eq!(fs::read(&harness.path).unwrap(), before, "nothing was changed");
}

#[test]
fn what_an_older_owner_has_left_goes_on() {
    let harness = Harness::new();
    fill(&old_journal(&harness));
    let mut journal = harness.open();
    let opening = journal.initial_state().unwrap();
    assert!(opening.unreadable.is_empty(), "{:?}", opening.unreadable);
    assert_eq!((opening.last_id, opening.ongoing.len(), ends(&opening)), (9, 6, (1, 1)));
    for (number, (name, _)) in (1..).zip(SESSIONS) {
        assert_eq!(journal.session(SessionId(number)).unwrap(), Some(expected(name, number)), "{name}");
    }
    let mut reader = JournalReader::open(&harness.path).unwrap();
    assert!(reader.history(SessionId(8)).unwrap().iter().all(|line| line.event != "unreadable"));
    // What changes is written anew, the rest stays as it was.
    let mut changed = new(3);
    changed.after = expected("waiting", 3);
    journal.append(&super::batch([changed])).unwrap();
    let versions =
        |sql: &str| -> u32 { Connection::open(&harness.path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(versions("SELECT version FROM sessions WHERE id = 3"), RECORD_VERSION);
    assert_eq!(versions("SELECT count(*) FROM sessions WHERE version = 1 AND kind = 'restore'"), 8);
    drop(journal);
    assert_eq!(harness.open().session(SessionId(3)).unwrap(), Some(expected("waiting", 3)));
}

#[test]
fn the_rows_of_what_an_older_owner_completed_are_given_their_details() {
    let harness = Harness::new();
    let connection = old_journal(&harness);
    fill(&connection);
    // One of the two completed ones cannot be read any more.
    connection.execute("UPDATE sessions SET body = '{}' WHERE id = 8", []).unwrap();
    drop(connection);
    let opening = harness.open().initial_state().unwrap();
    let rows: Vec<_> = opening.completed.iter().map(|row| (row.id.0, row.details.clone())).collect();
    let readable = CompletedRow::of(&expected(SESSIONS[6].0, 7)).unwrap().details;
    assert!(!readable.by.is_empty() && !readable.target.is_empty() && readable.bytes.is_some(), "{readable:?}");
    assert_eq!(rows, [(8, CompletedDetails::default()), (7, readable)]);
}

#[test]
fn an_upgrade_that_breaks_off_leaves_the_old_journal() {
    let harness = Harness::new();
    let connection = old_journal(&harness);
    fill(&connection);
    let copies = "WITH RECURSIVE numbers (n) AS (VALUES (10) UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000)
                  INSERT INTO sessions SELECT n, n, place, instance, ended, took, result, version, body
                  FROM numbers JOIN sessions ON id = 8";
    connection.execute(copies, []).unwrap();
    drop(connection);
    let broken = panic::catch_unwind(|| {
        SqliteJournal::open_watched(&harness.path, &mut |Migration { done, .. }| assert!(done < 3000, "as if killed"))
    });
    assert!(broken.is_err());
    let health = health(&harness.path).unwrap();
    assert_eq!((health.schema, health.ongoing, health.ended), (2, 6, 4994));
    let opening = harness.open().initial_state().unwrap();
    assert_eq!((opening.ongoing.len(), ends(&opening)), (6, (4992, 1)));
}

/// No timed assertion: the machine that runs this may be busy. The time is printed.
#[test]
fn a_hundred_thousand_sessions_are_brought_up_to_date_and_tell_how_far_they_are() {
    const MANY: u64 = 100_000;
    let harness = Harness::new();
    let connection = old_journal(&harness);
    fill(&connection);
    let copies = format!(
        "WITH RECURSIVE numbers (n) AS (VALUES (10) UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
         INSERT INTO sessions SELECT n, n, place, instance, ended + n, took, result, version, body
         FROM numbers JOIN sessions ON id = 8"
    );
    connection.execute(&copies, []).unwrap();
    drop(connection);
    let (begun, mut shown) = (Instant::now(), Vec::new());
    let journal = SqliteJournal::open_watched(&harness.path, &mut |migration| shown.push(migration)).unwrap();
    println!("{MANY} sessions brought up to date in {:?}", begun.elapsed());
    for (schema, total) in [(3, MANY), (4, MANY - 6)] {
        let of_step: Vec<&Migration> = shown.iter().filter(|one| one.schema == schema).collect();
        assert!(of_step.len() >= 100 && of_step.is_sorted_by_key(|one| one.done), "{} times", of_step.len());
        assert_eq!(of_step.last(), Some(&&Migration { schema, done: total, total }));
    }
    let opening = journal.initial_state().unwrap();
    assert_eq!(opening.ended.count(Kind::Restore, CompletedResult::Succeeded), 99_992);
}
