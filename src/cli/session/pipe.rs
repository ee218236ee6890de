//! Session objects from a pipe: one, several one after the other, or an array of them, as `list --json` and `jq` give
//! them (R25).
//!
//! Promises: all of it is read and understood before anything is done; what is wrong is named with its line and column.
//! Never: reads an unlimited amount.

use super::SessionError;
use crate::domain::SessionId;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::{
    fmt,
    io::{self, Read},
};
use uuid::Uuid;

/// A session as the pipe names it; what else the object holds is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Piped {
    /// Its number here.
    pub id: SessionId,
    /// Its name everywhere.
    pub uuid: Uuid,
}

/// The most that is read. An object has about a kilobyte: sixty thousand sessions are more than a pipe is for.
const MAX_INPUT: u64 = 64 << 20;

/// Reads all sessions, each once, in the order of their first appearance.
pub fn read(input: &mut dyn Read) -> Result<Vec<Piped>, SessionError> {
    let mut bytes = Vec::new();
    input.take(MAX_INPUT + 1).read_to_end(&mut bytes).map_err(|error| {
        SessionError::Stream(io::Error::new(error.kind(), format!("the standard input cannot be read: {error}")))
    })?;
    if bytes.len() as u64 > MAX_INPUT {
        let most = MAX_INPUT >> 20;
        return Err(SessionError::Usage(format!("the standard input is longer than {most} MiB; nothing was done")));
    }
    let mut sessions: Vec<Piped> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for values in serde_json::Deserializer::from_slice(&bytes).into_iter::<Sessions>() {
        let values = values.map_err(|error| {
            SessionError::Usage(format!(
                "the standard input is no session object or list of them, so nothing was done: {error}"
            ))
        })?;
        sessions.extend(values.0.into_iter().filter(|session| seen.insert((session.id, session.uuid))));
    }
    Ok(sessions)
}

/// One value of the pipe: an object, or an array of objects.
struct Sessions(Vec<Piped>);

impl<'de> Deserialize<'de> for Sessions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Sessions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a session object with id and uuid, or an array of them")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sessions, A::Error> {
                Piped::deserialize(MapAccessDeserializer::new(map)).map(|one| Sessions(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut many: A) -> Result<Sessions, A::Error> {
                let mut sessions = Vec::new();
                while let Some(one) = many.next_element()? {
                    sessions.push(one);
                }
                Ok(Sessions(sessions))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    const A: &str = r#"{"index":0,"id":1,"uuid":"00000000-0000-0000-0000-000000000001","failure":{"id":"x"}}"#;
    const B: &str = r#"{"uuid":"00000000-0000-0000-0000-000000000002","id":2}"#;

    fn numbers(text: &str) -> Vec<u64> {
        read(&mut text.as_bytes()).unwrap().iter().map(|session| session.id.0).collect()
    }

    #[test]
    fn r25_one_several_or_an_array_are_read_each_once() {
        for (text, expected) in [
            (String::new(), vec![]),
            ("\n \n".to_owned(), vec![]),
            ("[]".to_owned(), vec![]),
            (A.to_owned(), vec![1]),
            (format!("{A}\n{B}\n"), vec![1, 2]),
            (format!("{B}{A}"), vec![2, 1]),
            (format!("[\n{A},\n{B}\n]\n"), vec![1, 2]),
            (format!("[{B}] {A} [{A},{B}]"), vec![2, 1]),
        ] {
            assert_eq!(numbers(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_session_is_named_with_its_place() {
        for (text, word) in [
            ("x".to_owned(), "line 1 column 1"),
            (format!("{A}\n{{"), "line 2 column 1"),
            (format!("{A}\n{B}\n3"), "line 3 column 1"),
            ("{\"id\":1}".to_owned(), "uuid"),
            ("{\"id\":-1,\"uuid\":\"00000000-0000-0000-0000-000000000001\"}".to_owned(), "-1"),
            ("{\"id\":1,\"uuid\":\"1\"}".to_owned(), "line 1 column"),
            (format!("[[{A}]]"), "line 1 column"),
            ("\"3\"".to_owned(), "session object"),
            ("null".to_owned(), "session object"),
            ("[".repeat(100_000), "line 1 column"),
        ] {
            let error = read(&mut text.as_bytes()).unwrap_err();
            assert!(matches!(error, SessionError::Usage(_)) && error.to_string().contains(word), "{text:.99}: {error}");
        }
    }

    #[test]
    fn an_endless_pipe_is_refused() {
        let error = read(&mut io::repeat(b' ')).unwrap_err();
        assert!(error.to_string().contains("64 MiB"), "{error}");
    }
}
