//! Where a command writes: data to one stream, talk to the other.

use std::io::Write;

/// Where the words of the command go.
pub struct Streams<'a> {
    /// Data.
    pub out: &'a mut dyn Write,
    /// Talk.
    pub err: &'a mut dyn Write,
    /// Whether talk goes to a terminal, where one line can be painted over.
    pub live: bool,
    /// The columns of that terminal.
    pub columns: usize,
    /// Whether the result is wanted as JSON.
    pub json: bool,
}
