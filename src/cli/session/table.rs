//! A table of plain text whose columns stand under their heads.

use crate::cli::backup_list::width_of;
use std::io::{self, Write};

/// One column.
pub(in crate::cli) struct Column {
    /// What stands above it.
    pub(in crate::cli) head: &'static str,
    /// Whether its values are numbers, which stand right-aligned under each other.
    pub(in crate::cli) number: bool,
}

/// A column of words.
pub(in crate::cli) const fn words(head: &'static str) -> Column {
    Column { head, number: false }
}

/// A column of numbers.
pub(in crate::cli) const fn numbers(head: &'static str) -> Column {
    Column { head, number: true }
}

/// Writes the heads and the rows.
pub(in crate::cli) fn write<const N: usize>(
    out: &mut dyn Write,
    columns: &[Column; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let heads = columns.each_ref().map(|column| column.head.to_owned());
    let mut widths = [0; N];
    for row in [&heads].into_iter().chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = width_of(cell).max(*width);
        }
    }
    for row in [&heads].into_iter().chain(rows) {
        let mut line = String::new();
        for ((column, width), cell) in columns.iter().zip(widths).zip(row) {
            let space = " ".repeat(width - width_of(cell));
            let (before, behind) = if column.number { (space.as_str(), "") } else { ("", space.as_str()) };
            line.extend([before, cell, behind, "  "]);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
