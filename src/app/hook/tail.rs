//! The end of what a hook prints, for one line of the log.

use crate::domain::instance::printable;

/// Lines that are kept: the last ones of a script say what went wrong.
const LINES: usize = 10;

/// Bytes that are kept.
const BYTES: usize = 2048;

/// The last bytes so far.
#[derive(Debug, Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let excess = self.0.len().saturating_sub(BYTES);
        self.0.drain(..excess);
    }

    /// The last lines, printable, with a bar between them.
    pub(super) fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(LINES)..];
        last.iter().map(|line| printable(line.trim_end())).collect::<Vec<_>>().join(" | ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_printable() {
        let mut tail = Tail::default();
        assert_eq!(tail.text(), "");
        for number in 0..10_000 {
            tail.push(format!("line {number}\n\n").as_bytes());
        }
        tail.push(b"\x1b[2J\xff\n");
        let text = tail.text();
        assert!(text.starts_with("line 9991 | ") && text.ends_with(" | \\u{1b}[2J\u{fffd}"), "{text}");
        assert!(tail.0.len() <= BYTES);
    }
}
