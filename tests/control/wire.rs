//! The lines of protocol 8, checked in: this version and every later one that speaks it must understand them for ever.

use howdah::control::protocol::{FirstLine, FromClient, FromOwner, PeerVersion, parse_hello};
use serde_json::Value;

const LINES: &str = include_str!("protocol-8.jsonl");

/// Whether all that was sent is still sent so; more may be sent beside it.
fn keeps(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(key, value)| new.get(key).is_some_and(|now| keeps(value, now)))
        }
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| keeps(old, new))
        }
        (old, new) => old == new,
    }
}

#[test]
fn every_line_of_protocol_8_is_understood_and_sent_as_it_was() {
    let (mut clients, mut owners) = (0, 0);
    for line in LINES.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let again = if ["hello", "ask", "watch"].iter().any(|key| value.get(key).is_some()) {
            clients += 1;
            serde_json::to_value(serde_json::from_str::<FromClient>(line).unwrap()).unwrap()
        } else {
            owners += 1;
            serde_json::to_value(serde_json::from_str::<FromOwner<'static>>(line).unwrap()).unwrap()
        };
        assert!(keeps(&value, &again), "{line}\n{again}");
    }
    assert_eq!((clients, owners), (20, 28), "lines are missing");
}

#[test]
fn the_first_line_of_any_version_holds_its_protocol() {
    for (line, protocol, program) in [
        (r#"{"hello":{"protocol":1,"program":"0.1.0"}}"#, 1, "0.1.0"),
        (r#"{"more":[],"welcome":{"pid":"text","protocol":12345678901}}"#, 12_345_678_901, "of an unknown version"),
        (r#"{"hello":{"protocol":2,"program":{"name":"howdah"}}}"#, 2, "of an unknown version"),
    ] {
        let speaks = FirstLine::Version(PeerVersion { protocol, program: program.to_owned() });
        assert_eq!(parse_hello(line.as_bytes()), Some(speaks), "{line}");
    }
    let bye = FirstLine::Bye { reason: "it gave no reason".to_owned(), shutting_down: false };
    assert_eq!(parse_hello(br#"{"bye":{"why":1}}"#), Some(bye));
    for line in ["", "1", "{}", r#"{"hello":{}}"#, r#"{"hello":{"protocol":-1}}"#, "{\"hello\":"] {
        assert_eq!(parse_hello(line.as_bytes()), None, "{line}");
    }
}
