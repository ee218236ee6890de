//! What a recording says of itself before its first event.

use super::{Micros, defect::Defect};
use std::{fmt, str::FromStr};

/// Everything that is known of a recording as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The format that it was read from.
    pub version: Version,
    /// The screen at its start.
    pub size: ScreenSize,
    /// What it is called; foreign text.
    pub title: Option<String>,
    /// What was recorded; foreign text.
    pub command: Option<String>,
    /// When it was made, in seconds since 1970.
    pub timestamp: Option<u64>,
    /// The longest pause that a player is to make, where the format can say it (not in version 1).
    pub idle_limit: Option<Micros>,
    /// The type of the terminal, such as `xterm-256color`; foreign text.
    pub terminal: Option<String>,
}

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One JSON object with all output in it.
    V1,
    /// A line an event, with its time since the start.
    V2,
    /// A line an event, with its time since the event before.
    V3,
}

/// The columns and rows of a terminal; both at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenSize {
    columns: u16,
    rows: u16,
}

impl ScreenSize {
    /// No terminal has more columns: a wall of displays at the smallest readable font has fewer.
    pub const MAX_COLUMNS: u16 = 1_000;
    /// As many rows as go with that; both together are 500,000 cells, some 10 MB in memory.
    pub const MAX_ROWS: u16 = 500;

    /// A size within the limits.
    pub fn new(columns: u64, rows: u64) -> Result<Self, Defect> {
        let within = |value: u64, max: u16| u16::try_from(value).ok().filter(|value| (1..=max).contains(value));
        match (within(columns, Self::MAX_COLUMNS), within(rows, Self::MAX_ROWS)) {
            (Some(columns), Some(rows)) => Ok(Self { columns, rows }),
            _ => Err(Defect::Size { columns, rows }),
        }
    }

    /// At least 1.
    pub const fn columns(self) -> u16 {
        self.columns
    }

    /// At least 1.
    pub const fn rows(self) -> u16 {
        self.rows
    }

    /// The smallest size that has room for both.
    #[must_use]
    pub fn or_larger(self, other: Self) -> Self {
        Self { columns: self.columns.max(other.columns), rows: self.rows.max(other.rows) }
    }

    /// Reads `80x24`, as the data of a resize has it.
    pub(super) fn parse(text: &str) -> Result<Self, Defect> {
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let sides = text.split_once('x').and_then(|(columns, rows)| Some((number(columns)?, number(rows)?)));
        let (columns, rows) = sides.ok_or_else(|| Defect::NotASize { text: text.to_owned() })?;
        Self::new(columns, rows)
    }
}

impl FromStr for ScreenSize {
    type Err = Defect;

    fn from_str(text: &str) -> Result<Self, Defect> {
        Self::parse(text)
    }
}

impl fmt::Display for ScreenSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}
