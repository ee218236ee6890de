//! A report as Markdown for a wiki: CommonMark, with the tables of GitHub and GitLab.
//!
//! Promises: text from outside is text, whatever it holds. Never: writes markup that is not its own.

use super::document::{Block, Document};
use crate::domain::instance::printable;
use std::fmt::Write as _;

pub(super) fn render(document: &Document) -> String {
    let mut out = format!("# {}\n", escape(&document.title));
    for block in &document.blocks {
        out.push('\n');
        match block {
            Block::Section(title) => line(&mut out, &format!("## {}", escape(title))),
            Block::Part(title) => line(&mut out, &format!("### {}", escape(title))),
            Block::Paragraph(text) => line(&mut out, &escape(text)),
            Block::Facts(facts) => {
                for (label, value) in facts {
                    line(&mut out, &format!("- **{label}**: {}", escape(value)));
                }
            }
            Block::Table(heads, rows) => {
                row(&mut out, heads.iter().copied());
                row(&mut out, heads.iter().map(|_| "---"));
                for cells in rows {
                    let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
                    row(&mut out, cells.iter().map(String::as_str));
                }
            }
        }
    }
    out
}

fn row<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    out.push('|');
    for cell in cells {
        write!(out, " {cell} |").expect("a string takes all that is written to it");
    }
    out.push('\n');
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

/// The text with a backslash before each character that could be markup (CommonMark 0.31, "Backslash escapes"); what
/// begins a block does so at the beginning alone.
fn escape(text: &str) -> String {
    let text = printable(text);
    let mut out = String::with_capacity(text.len());
    let numbered = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_item = numbered.starts_with(['.', ')']) && numbered[1..].chars().next().is_none_or(char::is_whitespace);
    let list = (is_item && numbered.len() < text.len()).then(|| text.len() - numbered.len());
    for (at, c) in text.char_indices() {
        let is_markup = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '#' | '$' | '!');
        let begins_block = at == 0 && matches!(c, '-' | '+' | '=' | ':') || list == Some(at);
        if is_markup || begins_block {
            out.push('\\');
        }
        out.push(c);
    }
    // Four spaces at the beginning would be code, two at the end a break.
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_markup_is_text() {
        for (text, escaped) in [
            ("a|b", "a\\|b"),
            ("`rm -rf`", "\\`rm -rf\\`"),
            ("[x](http://y)", "\\[x\\](http://y)"),
            ("![x](y)", "\\!\\[x\\](y)"),
            ("<script>", "\\<script\\>"),
            ("# title", "\\# title"),
            ("- item - item", "\\- item - item"),
            ("12. item 1.", "12\\. item 1."),
            ("2026-11-20 1.", "2026-11-20 1."),
            ("1.5 s", "1.5 s"),
            ("1.", "1\\."),
            ("&lt; \\ ~~x~~ _y_ **z**", "\\&lt; \\\\ \\~\\~x\\~\\~ \\_y\\_ \\*\\*z\\*\\*"),
            ("two\nlines", "two\\\\u{a}lines"),
            ("    code", "code"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }
}
