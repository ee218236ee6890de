//! The lines of a file that may have none, or one without end.
//!
//! Promises: no more than the limit of one line is ever in memory.

use super::defect::Defect;
use std::io::{BufRead, Read as _};

/// One line without its end.
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) text: String,
    /// Whether the file ends in the middle of it.
    pub(super) is_last: bool,
}

/// Lines one after the other.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// The number of the line that was read last.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line of at most `max` bytes; `None` at the end.
    pub(super) fn next(&mut self, max: usize) -> Result<Option<Line>, Defect> {
        let bytes = self.bytes(max)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let is_last = !bytes.ends_with(b"\n");
        let mut text = match String::from_utf8(bytes) {
            Ok(text) => text,
            // A file that ends in the middle of a character was cut off there.
            Err(error) if is_last && error.utf8_error().error_len().is_none() => {
                let whole = error.utf8_error().valid_up_to();
                String::from_utf8_lossy(&error.as_bytes()[..whole]).into_owned()
            }
            Err(_) => return Err(Defect::NotUtf8),
        };
        text.truncate(text.trim_end_matches(['\n', '\r']).len());
        Ok(Some(Line { number: self.number, text, is_last }))
    }

    /// The next line with its end, as bytes.
    fn bytes(&mut self, max: usize) -> Result<Vec<u8>, Defect> {
        self.number += 1;
        let mut bytes = Vec::new();
        // One byte more than allowed tells a line that is too long from one that just fits.
        let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
        self.input.by_ref().take(limit).read_until(b'\n', &mut bytes).map_err(Defect::Io)?;
        if bytes.len() > max && !bytes.ends_with(b"\n") {
            return Err(Defect::TooLong { max });
        }
        Ok(bytes)
    }

    /// All that is left, of at most `max` bytes.
    pub(super) fn rest(&mut self, max: usize) -> Result<String, Defect> {
        let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        self.input.by_ref().take(limit).read_to_end(&mut bytes).map_err(Defect::Io)?;
        if bytes.len() > max {
            return Err(Defect::TooLong { max });
        }
        String::from_utf8(bytes).map_err(|_| Defect::NotUtf8)
    }
}
