//! What can be wrong with a recording, in words that say what to do.

use super::{Micros, ScreenSize};
use crate::domain::instance::printable;
use std::{fmt, io};
use thiserror::Error;

/// A recording that cannot be read, and where.
#[derive(Debug, Error)]
#[error("{}{place}: {defect}; {}", printable(.file), self.fix())]
pub struct ReadError {
    /// The file, as it was named.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What.
    #[source]
    pub defect: Defect,
}

/// Where something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the file as a whole.
    File,
    /// In this line, counted from 1.
    Line(u64),
    /// In this element of `stdout` in version 1, counted from 1.
    Frame(usize),
}

/// What is wrong.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the sentences say it")]
pub enum Defect {
    #[error("it cannot be read: {0}")]
    Io(io::Error),
    #[error("there is nothing in it")]
    Empty,
    #[error("it is longer than {max} bytes")]
    TooLong { max: usize },
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("this is not how an asciicast begins ({0})")]
    NotAHeader(String),
    #[error("this is version {0} of asciicast, and howdah knows 1, 2 and 3")]
    UnknownVersion(u64),
    #[error(
        "a screen of {columns}x{rows} cannot be shown: columns go from 1 to {}, rows from 1 to {}",
        ScreenSize::MAX_COLUMNS,
        ScreenSize::MAX_ROWS
    )]
    Size { columns: u64, rows: u64 },
    #[error("{:?} is no size of a screen such as 80x24", clipped(.text))]
    NotASize { text: String },
    #[error("this is no event [time, code, text] ({0})")]
    NotAnEvent(String),
    #[error("the time {} {why}", clipped(.text))]
    Time { text: String, why: String },
    #[error("the time goes back, from {before} to {after} seconds")]
    Backwards { before: Micros, after: Micros },
    #[error("a time of more than {} days cannot be right", Micros::MAX.0 / 86_400_000_000)]
    TooLate,
    #[error("{:?} is no exit status", clipped(.text))]
    NotAStatus { text: String },
    #[error("it has more than {max} events")]
    TooManyEvents { max: usize },
    #[error("it holds more than {} MiB of text", .max >> 20)]
    TooMuchText { max: usize },
}

impl ReadError {
    /// What a person can do about it.
    fn fix(&self) -> String {
        match (&self.defect, self.place) {
            (Defect::Io(_), _) => "name a file that can be read".to_owned(),
            (Defect::UnknownVersion(_), _) => "asciinema convert can write version 2 or 3 of it".to_owned(),
            (Defect::NotAHeader(_), _) | (_, Place::File | Place::Line(..2)) => {
                "play a file that asciinema rec or howdah has written, and that is whole".to_owned()
            }
            (_, Place::Line(line)) => format!("head -n {} of the file keeps what comes before", line - 1),
            (_, Place::Frame(frame)) => format!("take element {frame} out of \"stdout\""),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line(line) => write!(f, ", line {line}"),
            Self::Frame(frame) => write!(f, ", element {frame} of \"stdout\""),
        }
    }
}

/// The beginning of a foreign text, short enough for a message.
fn clipped(text: &str) -> String {
    const MAX: usize = 40;
    let mut clipped: String = text.chars().take(MAX).collect();
    if clipped.len() < text.len() {
        clipped.push_str("...");
    }
    clipped
}
