//! How a person or a script names a session: `3`, `[0]`, or the beginning of its uuid.
//!
//! Promises: a name that fits several sessions names none. Never: guesses a name; a word that can be no name is refused
//! as wrong usage before anything is read.

use super::{SessionError, reader::Reader};
use crate::{
    domain::{SessionId, instance::printable},
    machine::Refusal,
};
use std::str::FromStr;
use thiserror::Error;

/// A name as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionName {
    /// Digits, the first of which is not 0: a number, or else the beginning of a uuid.
    Number(String),
    /// A place among the ongoing sessions, counted from 0 (R23).
    Place(String),
    /// The beginning of a uuid, in small letters, with its hyphens.
    Beginning(String),
}

/// One session, or those that come through a pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionSelector {
    /// `-`: session objects on standard input (R25).
    Piped,
    /// One.
    One(SessionName),
}

/// A word that can name no session.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it names no session: write its number, [n] of the list, or at least {SHORTEST} characters of its uuid")]
pub struct NoName;

/// Fewer characters of a uuid are more likely a slip than a name.
const SHORTEST: usize = 4;

/// How many a refusal names when a beginning fits several.
pub(in crate::cli) const NAMED: usize = 5;

/// Hexadecimal digits of a uuid, and before which of them its hyphens stand (RFC 9562).
const DIGITS: usize = 32;
const HYPHENS: [usize; 4] = [8, 12, 16, 20];

impl FromStr for SessionName {
    type Err = NoName;

    fn from_str(word: &str) -> Result<Self, NoName> {
        let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(place) = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return if all_digits(place) { Ok(Self::Place(place.to_owned())) } else { Err(NoName) };
        }
        if all_digits(word) && (word == "0" || !word.starts_with('0')) {
            return Ok(Self::Number(word.to_owned()));
        }
        beginning(word).map(Self::Beginning).ok_or(NoName)
    }
}

impl FromStr for SessionSelector {
    type Err = NoName;

    fn from_str(word: &str) -> Result<Self, NoName> {
        if word == "-" { Ok(Self::Piped) } else { word.parse().map(Self::One) }
    }
}

impl SessionName {
    /// The session that is meant. One of a kind that is not read is refused, and its kind is named.
    pub fn resolve(&self, reader: &mut Reader) -> Result<SessionId, SessionError> {
        let id = self.find(reader)?;
        match reader.other_kind(id)? {
            None => Ok(id),
            Some(kind) => {
                let refusal = Refusal::OtherKind { kind };
                Err(SessionError::Refused(printable(&format!("session {id} was left alone: {refusal}"))))
            }
        }
    }

    fn find(&self, reader: &mut Reader) -> Result<SessionId, SessionError> {
        match self {
            Self::Number(digits) => {
                let id = digits.parse().map(SessionId);
                if let Ok(id) = id
                    && reader.journal.uuid(id)?.is_some()
                {
                    return Ok(id);
                }
                let unknown = || SessionError::Refused(format!("there is no session {digits}"));
                let beginning = beginning(digits).ok_or_else(unknown)?;
                unique(reader, &beginning)?.ok_or_else(unknown)
            }
            Self::Place(digits) => place(reader, digits),
            Self::Beginning(beginning) => {
                let unknown =
                    || SessionError::Refused(format!("there is no session whose uuid begins with {beginning}"));
                unique(reader, beginning)?.ok_or_else(unknown)
            }
        }
    }
}

/// The beginning of a uuid as the journal writes it; `None` for what can be none. Hyphens may be left out, but stand
/// nowhere else.
pub(in crate::cli) fn beginning(word: &str) -> Option<String> {
    let digits: String = word.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    let fits = digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && (SHORTEST..=DIGITS).contains(&digits.len());
    let mut written = String::with_capacity(DIGITS + HYPHENS.len());
    for (at, digit) in digits.chars().enumerate() {
        if HYPHENS.contains(&at) {
            written.push('-');
        }
        written.push(digit);
    }
    let as_typed = !word.contains('-') || word.to_ascii_lowercase().trim_end_matches('-') == written;
    (fits && as_typed).then_some(written)
}

/// The one session whose uuid begins so.
fn unique(reader: &mut Reader, beginning: &str) -> Result<Option<SessionId>, SessionError> {
    let found = reader.journal.with_prefix(beginning, NAMED + 1)?;
    if let [] | [_] = found.as_slice() {
        return Ok(found.first().map(|named| named.id));
    }
    let named: Vec<String> =
        found.iter().take(NAMED).map(|named| format!("{} ({})", named.id, printable(&named.uuid))).collect();
    let more = if found.len() > NAMED { " and more" } else { "" };
    Err(SessionError::Refused(format!(
        "{beginning} fits several sessions: {}{more}; write more of the uuid, or the number",
        named.join(", ")
    )))
}

fn place(reader: &mut Reader, digits: &str) -> Result<SessionId, SessionError> {
    let ongoing = reader.stored()?;
    let found = digits.parse::<usize>().ok().and_then(|place| ongoing.get(place));
    found.map(crate::machine::Session::id).ok_or_else(|| {
        SessionError::Refused(match ongoing.len() {
            0 => format!("there is no session [{digits}]: none is ongoing"),
            1 => format!("there is no session [{digits}]: one is ongoing, [0]"),
            many => format!("there is no session [{digits}]: {many} are ongoing, [0] to [{}]", many - 1),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_number_a_place_or_the_beginning_of_a_uuid() {
        let beginning = |text: &str| Ok(SessionName::Beginning(text.to_owned()));
        for (word, name) in [
            ("3", Ok(SessionName::Number("3".to_owned()))),
            ("0", Ok(SessionName::Number("0".to_owned()))),
            ("12345678901234567890123", Ok(SessionName::Number("12345678901234567890123".to_owned()))),
            ("[0]", Ok(SessionName::Place("0".to_owned()))),
            ("[12]", Ok(SessionName::Place("12".to_owned()))),
            ("0199", beginning("0199")),
            ("ABCD", beginning("abcd")),
            ("0199aBcD-", beginning("0199abcd")),
            ("0199abcd-7", beginning("0199abcd-7")),
            ("0199abcd7", beginning("0199abcd-7")),
            ("0199abcd12347567890123456789ABCD", beginning("0199abcd-1234-7567-8901-23456789abcd")),
            ("0199abcd-1234-7567-8901-23456789abcd", beginning("0199abcd-1234-7567-8901-23456789abcd")),
        ] {
            assert_eq!(word.parse::<SessionName>(), name, "{word}");
        }
        for word in
            ["", "-", "--", "[", "[]", "[-1]", "[x]", "[1", "1]", "-1", "019", "01-99", "xyzz", "00", "+3", " 3"]
        {
            assert_eq!(word.parse::<SessionName>(), Err(NoName), "{word:?}");
        }
        assert_eq!("0199abcd1234756789012345678901234".parse::<SessionName>(), Err(NoName), "too long");
        assert_eq!("-".parse::<SessionSelector>(), Ok(SessionSelector::Piped));
    }
}
