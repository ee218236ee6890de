//! Lines in and lines out: JSON values with a newline behind each, never more of them in memory than agreed.

use serde::{Serialize, de::DeserializeOwned};
use std::io;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What is read at once: the usual line fits, and a hundred idle connections cost nothing.
const CHUNK: usize = 16 << 10;

/// A buffer that a long line has blown up beyond this is given back when it is empty.
const KEPT: usize = 1 << 20;

/// Why there is no next line.
#[derive(Debug, Error)]
pub(super) enum LineError {
    /// A line is longer than agreed.
    #[error("a line is longer than {0} bytes")]
    TooLong(usize),
    /// The peer went away in the midst of a line. What it had said of it is worth nothing.
    #[error("the last line was cut off")]
    CutOff,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
}

/// Why a value cannot be a line.
#[derive(Debug, Error)]
pub(super) enum EncodeError {
    /// It would be longer than the peer reads.
    #[error("it takes more than {0} bytes")]
    TooLong(usize),
    /// JSON cannot say it: a path that is not UTF-8.
    #[error("it cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Takes a stream apart into its lines. Waiting for one can be given up at any moment and taken up again.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// How far a newline has been sought.
    sought: usize,
    longest: usize,
}

/// Lines on their way out, written as far as the peer takes them.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, longest: usize) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, sought: 0, longest }
    }

    /// From now on a line may have so many bytes.
    pub(super) fn allow(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// The next line without its newline; `None` when the peer has said its last.
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, LineError> {
        let length = loop {
            let unsought = &self.buffer[self.sought..];
            let end = unsought.iter().position(|byte| *byte == b'\n').map(|at| self.sought + at);
            let length = end.unwrap_or(self.buffer.len()) - self.start;
            if length > self.longest {
                return Err(LineError::TooLong(self.longest));
            }
            if end.is_some() {
                break length;
            }
            self.sought = self.buffer.len();
            self.make_room();
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(LineError::CutOff) };
            }
        };
        let start = self.start;
        self.start += length + 1;
        self.sought = self.start;
        Ok(Some(&self.buffer[start..start + length]))
    }

    /// Throws away the lines that were read, and makes room for the next chunk.
    fn make_room(&mut self) {
        self.buffer.drain(..self.start);
        self.sought -= self.start;
        self.start = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
        self.buffer.reserve(CHUNK);
    }
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that the peer has not taken yet.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Adds a line that is ready.
    pub(super) fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
    }

    /// Writes what the peer takes now, and waits until it takes something. Nothing is lost when it is given up.
    pub(super) async fn write(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let taken = writer.write(&self.bytes[self.written..]).await?;
        if taken == 0 && !self.is_empty() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.written += taken;
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
            if self.bytes.capacity() > KEPT {
                self.bytes = Vec::new();
            }
        }
        Ok(())
    }

    /// Writes everything.
    pub(super) async fn flush(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while !self.is_empty() {
            self.write(writer).await?;
        }
        Ok(())
    }
}

/// A value as a line of at most so many bytes, newline not counted.
pub(super) fn encode(value: &impl Serialize, longest: usize) -> Result<Vec<u8>, EncodeError> {
    let mut line = serde_json::to_vec(value)?;
    if line.len() > longest {
        return Err(EncodeError::TooLong(longest));
    }
    line.push(b'\n');
    Ok(line)
}

/// The value that a line holds, or in one clause what is wrong with the line.
pub(super) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| super::protocol::foreign(&error.to_string()))
}
