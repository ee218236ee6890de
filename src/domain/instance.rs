//! The name of a PostgreSQL instance as a repository tells it.

use serde::{Deserialize, Serialize};
use std::{
    ffi::OsStr,
    fmt::{self, Write},
    os::unix::ffi::OsStrExt,
};

/// The name of an instance: not empty, and free of control characters, so that it can be shown anywhere.
///
/// A name on disk may hold any byte. What cannot be shown as it is, is escaped when the name is made (`\u{1b}`),
/// so two names never look alike by a hidden character. That holds for a name that another process wrote, too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct InstanceName(String);

impl InstanceName {
    /// Makes a name that is safe to show; an empty one becomes `(unnamed)`.
    pub fn new(raw: &str) -> Self {
        if raw.is_empty() { Self("(unnamed)".to_owned()) } else { Self(printable(raw)) }
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for InstanceName {
    fn from(raw: String) -> Self {
        Self::new(&raw)
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A copy of `raw` in which nothing can steer a terminal: control characters, escapes, and the invisible characters
/// that reorder or hide text are written as `\u{..}`.
pub fn printable(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        if is_printable(c) {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    out
}

/// The same of a name or path of the file system, whose bytes that are no text are written as `\x..`: two names that
/// differ are also told apart.
pub fn printable_name(raw: &OsStr) -> String {
    let mut shown = String::new();
    for chunk in raw.as_bytes().utf8_chunks() {
        shown.push_str(&printable(chunk.valid()));
        for byte in chunk.invalid() {
            write!(shown, "\\x{byte:02x}").expect("a string takes all that is written to it");
        }
    }
    shown
}

/// Whether a character is only drawn: it steers no terminal, and it neither hides nor reorders what stands beside it.
pub fn is_printable(c: char) -> bool {
    !c.is_control() && !is_invisible(c)
}

/// Characters that are not drawn (Unicode, "Default_Ignorable_Code_Point") and those that reorder lines. Terminals do not
/// agree on the width of what a variation selector follows, either.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_carry_an_escape_sequence() {
        assert_eq!(InstanceName::new("or\u{1b}[2Jders").as_str(), "or\\u{1b}[2Jders");
        assert_eq!(InstanceName::new("").as_str(), "(unnamed)");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(printable("größe"), "größe");
        for hidden in ['\u{34f}', '\u{3164}', '\u{fe0f}', '\u{e0041}'] {
            assert_eq!(printable(&format!("a{hidden}")), format!("a\\u{{{:x}}}", u32::from(hidden)));
        }
    }

    #[test]
    fn a_name_is_escaped_when_it_is_read_and_only_once() {
        let read = |json: &str| serde_json::from_str::<InstanceName>(json).expect("a string");
        let name = read(r#""or\u001b[2Jders""#);
        assert_eq!(name.as_str(), "or\\u{1b}[2Jders");
        assert_eq!(read(&serde_json::to_string(&name).expect("a string")), name);
        assert_eq!(read("\"\"").as_str(), "(unnamed)");
    }
}
