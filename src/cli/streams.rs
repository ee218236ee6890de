//! Where a command writes: data to one stream, talk to the other.

use crate::domain::instance::printable;
use std::io::{self, Write};

/// Where the words of the command go.
pub struct Streams<'a> {
    /// Data.
    pub out: &'a mut dyn Write,
    /// ProgressLine.
    pub err: &'a mut dyn Write,
    /// Whether talk goes to a terminal, where one line can be painted over.
    pub live: bool,
    /// The columns of that terminal.
    pub columns: usize,
    /// Whether the result is wanted as JSON.
    pub json: bool,
}

/// Writes an error of one or more lines to standard error. Where nobody takes it (a terminal that is gone, a full disk
/// under a keeper's log), the exit code is left.
pub fn print_error(error: &str) {
    let lines: Vec<String> = error.lines().map(printable).collect();
    let _: io::Result<()> = writeln!(io::stderr(), "howdah: {}", lines.join("\n"));
}
