//! A report as plain text for a terminal.
//!
//! Promises: no line is longer than 80 columns, but for a word that is. Never: writes anything that is not printable.

use super::document::{Block, Document};
use crate::{cli::backup_list::width_of, domain::instance::printable};

/// The width of a terminal that nobody has made wider.
const COLUMNS: usize = 80;

/// Before all that stands below a heading.
const INDENT: &str = "  ";

/// The label of a fact; the longest is `system identifier`.
const LABEL: usize = 18;

pub(super) fn render(document: &Document) -> String {
    let mut out = String::new();
    hang(&mut out, "", &printable(&document.title));
    for block in &document.blocks {
        match block {
            Block::Section(title) => {
                out.push('\n');
                hang(&mut out, "", &printable(title));
            }
            Block::Part(title) => hang(&mut out, INDENT, &printable(title)),
            Block::Paragraph(text) => hang(&mut out, INDENT, &printable(text)),
            Block::Facts(facts) => {
                for (label, value) in facts {
                    hang(&mut out, &format!("{INDENT}{label:<LABEL$}"), &printable(value));
                }
            }
            Block::Table(heads, rows) => table(&mut out, heads, rows),
        }
    }
    out
}

/// Writes a table whose last column goes on below itself.
fn table(out: &mut String, heads: &[&str], rows: &[Vec<String>]) {
    let heads: Vec<String> = heads.iter().map(|head| head.to_uppercase()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let width = |column: usize| rows.iter().chain([&heads]).map(|row| width_of(&row[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    for row in [&heads].into_iter().chain(&rows) {
        let Some((last, first)) = row.split_last() else { continue };
        let mut line = INDENT.repeat(2);
        for (cell, width) in first.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - width_of(cell) + 2));
        }
        hang(out, &line, last);
    }
}

/// Writes a text behind its first words, wrapped where it stands.
fn hang(out: &mut String, first: &str, text: &str) {
    let column = width_of(first);
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && width_of(&line) + 1 + width_of(word) > COLUMNS {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(column);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_goes_on_below_itself() {
        let mut out = String::new();
        hang(&mut out, "  cause  ", &"word ".repeat(20));
        assert_eq!(out, format!("  cause  {}\n         {}\n", ["word"; 14].join(" "), ["word"; 6].join(" ")));
        let mut out = String::new();
        hang(&mut out, "  x ", &format!("{} y", "p".repeat(90)));
        assert_eq!(out, format!("  x {}\n    y\n", "p".repeat(90)), "a path can be copied");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let blocks = vec![Block::Table(&["A", "B"], vec![vec!["\u{1b}[2J".to_owned(), "\n\r".to_owned()]])];
        let text = render(&Document { title: "\u{202e}".to_owned(), blocks });
        assert!(text.contains("\\u{1b}[2J") && text.contains("\\u{a}\\u{d}"), "{text}");
        assert!(text.lines().count() == 3 && !text.contains('\u{202e}'), "{text}");
    }
}
