//! Objects of sessions or runs from a pipe: one, several one after the other, or an array of them, as `list --json` and
//! `jq` give them (R25).
//!
//! Promises: all of it is read and understood before anything is done; what is wrong is named with its line and column.
//! Never: reads an unlimited amount.

use super::SessionError;
use crate::domain::SessionId;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Read},
    marker::PhantomData,
};
use uuid::Uuid;

/// What a pipe may hold, known by fields of its object; what else the object holds is left alone.
pub(in crate::cli) trait FromPipe: Copy + Ord + DeserializeOwned {
    /// What it is called.
    const NAME: &'static str;
    /// The fields that name it.
    const FIELDS: &'static str;
}

/// A session as the pipe names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Piped {
    /// Its number here.
    pub id: SessionId,
    /// Its name everywhere.
    pub uuid: Uuid,
}

impl FromPipe for Piped {
    const NAME: &'static str = "session object";
    const FIELDS: &'static str = "id and uuid";
}

/// The most that is read. An object has about a kilobyte: sixty thousand sessions are more than a pipe is for.
const MAX_INPUT: u64 = 64 << 20;

/// Reads all of them, each once, in the order of their first appearance.
pub(in crate::cli) fn read<T: FromPipe>(input: &mut dyn Read) -> Result<Vec<T>, SessionError> {
    let mut bytes = Vec::new();
    input.take(MAX_INPUT + 1).read_to_end(&mut bytes).map_err(|error| {
        SessionError::Stream(io::Error::new(error.kind(), format!("the standard input cannot be read: {error}")))
    })?;
    if bytes.len() as u64 > MAX_INPUT {
        let most = MAX_INPUT >> 20;
        return Err(SessionError::Usage(format!("the standard input is longer than {most} MiB; nothing was done")));
    }
    let mut named: Vec<T> = Vec::new();
    let mut seen = BTreeSet::new();
    for values in serde_json::Deserializer::from_slice(&bytes).into_iter::<OneOrMany<T>>() {
        let values = values.map_err(|error| {
            let name = T::NAME;
            SessionError::Usage(format!(
                "the standard input is no {name} or list of them, so nothing was done: {error}"
            ))
        })?;
        named.extend(values.0.into_iter().filter(|one| seen.insert(*one)));
    }
    Ok(named)
}

/// One value of the pipe: an object, or an array of objects.
struct OneOrMany<T>(Vec<T>);

impl<'de, T: FromPipe> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Value(PhantomData))
    }
}

struct Value<T>(PhantomData<T>);

impl<'de, T: FromPipe> Visitor<'de> for Value<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} with {}, or an array of them", T::NAME, T::FIELDS)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut many: A) -> Result<OneOrMany<T>, A::Error> {
        let mut found = Vec::new();
        while let Some(one) = many.next_element()? {
            found.push(one);
        }
        Ok(OneOrMany(found))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    const A: &str = r#"{"index":0,"id":1,"uuid":"00000000-0000-0000-0000-000000000001","failure":{"id":"x"}}"#;
    const B: &str = r#"{"uuid":"00000000-0000-0000-0000-000000000002","id":2}"#;

    fn numbers(text: &str) -> Vec<u64> {
        read::<Piped>(&mut text.as_bytes()).unwrap().iter().map(|session| session.id.0).collect()
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
            let error = read::<Piped>(&mut text.as_bytes()).unwrap_err();
            assert!(matches!(error, SessionError::Usage(_)) && error.to_string().contains(word), "{text:.99}: {error}");
        }
    }

    #[test]
    fn an_endless_pipe_is_refused() {
        let error = read::<Piped>(&mut io::repeat(b' ')).unwrap_err();
        assert!(error.to_string().contains("64 MiB"), "{error}");
    }
}
