//! LineReader in and lines out: JSON values with a newline behind each, never more of them in memory than agreed.

use serde::{Serialize, de::DeserializeOwned};
use std::io;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes that are read at once: the usual line fits, and a hundred idle connections cost nothing.
const READ_SIZE: usize = 16 << 10;

/// A buffer that a long line has blown up beyond this is given back when it is empty.
const MAX_IDLE_CAPACITY: usize = 1 << 20;

/// Why there is no next line.
#[derive(Debug, Error)]
pub(super) enum LineError {
    /// A line is longer than agreed.
    #[error("a line is longer than {0} bytes")]
    TooLong(usize),
    /// The peer went away in the midst of a line. What came of it is worth nothing.
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
    /// JSON cannot hold it: a path that is not UTF-8.
    #[error("it cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Splits a stream into its lines. Waiting for one can be cancelled at any moment and taken up again.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// How far the buffer has been scanned for a newline.
    scanned: usize,
    max_len: usize,
}

/// LineReader on their way out, written as far as the peer takes them.
#[derive(Debug, Default)]
pub(super) struct LineWriter {
    bytes: Vec<u8>,
    written: usize,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(super) fn new(reader: R, max_len: usize) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, scanned: 0, max_len }
    }

    /// From now on a line may have so many bytes.
    pub(super) fn allow(&mut self, max_len: usize) {
        self.max_len = max_len;
    }

    /// The next line without its newline; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, LineError> {
        let length = loop {
            let unscanned = &self.buffer[self.scanned..];
            let end = unscanned.iter().position(|byte| *byte == b'\n').map(|at| self.scanned + at);
            let length = end.unwrap_or(self.buffer.len()) - self.start;
            if length > self.max_len {
                return Err(LineError::TooLong(self.max_len));
            }
            if end.is_some() {
                break length;
            }
            self.scanned = self.buffer.len();
            self.make_room();
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(LineError::CutOff) };
            }
        };
        let start = self.start;
        self.start += length + 1;
        self.scanned = self.start;
        Ok(Some(&self.buffer[start..start + length]))
    }

    /// Throws away the lines that were read, and makes room for the next chunk.
    fn make_room(&mut self) {
        self.buffer.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > MAX_IDLE_CAPACITY {
            self.buffer = Vec::new();
        }
        self.buffer.reserve(READ_SIZE);
    }
}

impl LineWriter {
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

    /// Writes what the peer takes now, and waits until it takes something. Nothing is lost when it is cancelled.
    pub(super) async fn write(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let taken = writer.write(&self.bytes[self.written..]).await?;
        if taken == 0 && !self.is_empty() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.written += taken;
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
            if self.bytes.capacity() > MAX_IDLE_CAPACITY {
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
pub(super) fn encode(value: &impl Serialize, max_len: usize) -> Result<Vec<u8>, EncodeError> {
    let mut line = serde_json::to_vec(value)?;
    if line.len() > max_len {
        return Err(EncodeError::TooLong(max_len));
    }
    line.push(b'\n');
    Ok(line)
}

/// The value that a line holds, or in one clause what is wrong with the line.
pub(super) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| super::protocol::sanitize(&error.to_string()))
}
