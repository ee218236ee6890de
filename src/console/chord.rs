//! A key with its modifiers, as configuration writes it (`ctrl-r`, `shift-tab`, `pgdn`, `?`).
//!
//! Promises: what [`fmt::Display`] writes, [`FromStr`] reads back to the same chord. Never: imports a terminal library;
//! `input` translates into these.

use std::{fmt, str::FromStr};
use thiserror::Error;

/// One press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chord {
    /// The key.
    pub key: Key,
    /// What was held with it.
    pub held: Held,
}

/// A key without modifiers. A letter comes as it is typed, so `A` needs no shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those on the keys")]
pub enum Key {
    Char(char),
    Enter,
    Esc,
    Tab,
    Backspace,
    Delete,
    Insert,
    Home,
    End,
    PageUp,
    PageDown,
    Up,
    Down,
    Left,
    Right,
    Function(u8),
}

/// The modifier of a chord. Terminals tell more than one at a time only now and then, so no binding needs two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those on the keys")]
pub enum Held {
    Nothing,
    Ctrl,
    Alt,
    Shift,
}

/// A text that names no chord.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not a key: write a character, or one of enter, esc, tab, space, backspace, delete, insert, home, end, pgup, pgdn, up, down, left, right, f1 to f12, with ctrl-, alt- or shift- before it"
)]
pub struct NotAChord(String);

const NAMED: [(&str, Key); 15] = [
    ("enter", Key::Enter),
    ("esc", Key::Esc),
    ("tab", Key::Tab),
    ("space", Key::Char(' ')),
    ("backspace", Key::Backspace),
    ("delete", Key::Delete),
    ("insert", Key::Insert),
    ("home", Key::Home),
    ("end", Key::End),
    ("pgup", Key::PageUp),
    ("pgdn", Key::PageDown),
    ("up", Key::Up),
    ("down", Key::Down),
    ("left", Key::Left),
    ("right", Key::Right),
];

impl Chord {
    /// A key alone.
    pub const fn of(key: Key) -> Self {
        Self { key, held: Held::Nothing }
    }

    /// The character that this press types into a text, if it types one.
    pub const fn typed(self) -> Option<char> {
        match (self.key, self.held) {
            (Key::Char(c), Held::Nothing | Held::Shift) => Some(c),
            _ => None,
        }
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = match self.held {
            Held::Nothing => "",
            Held::Ctrl => "ctrl-",
            Held::Alt => "alt-",
            Held::Shift => "shift-",
        };
        let key = match (NAMED.iter().find(|(_, key)| *key == self.key), self.key) {
            (Some((name, _)), _) => (*name).to_owned(),
            (None, Key::Char(c)) => c.to_string(),
            (None, Key::Function(n)) => format!("f{n}"),
            (None, other) => unreachable_name(other),
        };
        f.pad(&format!("{held}{key}"))
    }
}

/// Every key that is neither a character nor a function key stands in [`NAMED`]; its debug name is still a fair answer.
fn unreachable_name(key: Key) -> String {
    format!("{key:?}").to_lowercase()
}

impl FromStr for Chord {
    type Err = NotAChord;

    fn from_str(text: &str) -> Result<Self, NotAChord> {
        let refuse = || NotAChord(text.to_owned());
        let prefixes = [("ctrl-", Held::Ctrl), ("alt-", Held::Alt), ("shift-", Held::Shift)];
        let found = prefixes.into_iter().find_map(|(prefix, held)| Some((text.strip_prefix(prefix)?, held)));
        let (name, held) = found.unwrap_or((text, Held::Nothing));
        let named = NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, key)| *key);
        let function = || name.strip_prefix(['f', 'F'])?.parse().ok().filter(|n| (1..=12).contains(n));
        let mut characters = name.chars();
        let single = match (characters.next(), characters.next()) {
            (Some(c), None) if !c.is_control() => Some(Key::Char(c)),
            _ => None,
        };
        let key = named.or(single).or_else(|| function().map(Key::Function)).ok_or_else(refuse)?;
        // A shifted character is a character of its own, and terminals send it as such.
        if held == Held::Shift && matches!(key, Key::Char(c) if c != ' ') {
            return Err(refuse());
        }
        Ok(Self { key, held })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chord_is_read_as_it_is_written() {
        for text in ["a", "A", "?", "-", "ctrl-r", "alt-x", "shift-tab", "enter", "space", "pgup", "f5", "f12", ":"] {
            assert_eq!(text.parse::<Chord>().map(|chord| chord.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "ctrl-", "f13", "f0", "shift-a", "enterr", "ctrl-alt-x", "\u{1b}"] {
            assert!(text.parse::<Chord>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_plain_characters_are_typed() {
        let typed = |text: &str| text.parse::<Chord>().expect(text).typed();
        assert_eq!([typed("a"), typed("space"), typed("ctrl-a"), typed("enter")], [Some('a'), Some(' '), None, None]);
    }
}
