//! What happens in a recording.

use super::{Micros, ScreenSize};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, since the start; never before the event before it.
    pub at: Micros,
    /// What.
    pub kind: EventKind,
}

/// What can happen. All text is foreign: any character and any escape sequence may be in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The program wrote this to its terminal.
    Output(String),
    /// This was typed.
    Input(String),
    /// The terminal got this size.
    Resize(ScreenSize),
    /// A place that somebody marked, with its label, which may be empty.
    Marker(String),
    /// The program ended with this exit status (version 3).
    Exit(i32),
}

impl EventKind {
    /// How many bytes of text it holds.
    pub fn text_length(&self) -> usize {
        match self {
            Self::Output(text) | Self::Input(text) | Self::Marker(text) => text.len(),
            Self::Resize(_) | Self::Exit(_) => 0,
        }
    }
}
