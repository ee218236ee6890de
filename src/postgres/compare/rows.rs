//! The rows of one side as they come: each the text of its key, and a checksum.

use super::order::{KeyOrder, KeyValue};
use crate::{domain::Failure, postgres::client::stream::PsqlStream};
use std::{
    io::{BufRead, BufReader, Read},
    process::ChildStdout,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

/// Rows that are handed on together: few enough that a screen moves, enough that handing on costs nothing.
const BATCH: usize = 500;

/// Batches that wait for the other side.
const QUEUED: usize = 4;

/// A key of an index is a few kilobytes at most; a line that is longer is something else.
const MAX_LINE: u64 = 1 << 20;

/// How often it is asked whether to go on.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The text of its key.
    pub(super) key: Vec<u8>,
    pub(super) sum: Vec<u8>,
    /// What it is ordered by: the values of the key's columns.
    pub(super) values: Vec<KeyValue>,
}

/// What comes next.
pub(super) enum Next {
    Row(Row),
    End,
    Stopped,
}

/// The rows of one side. Dropping it ends its program.
pub(super) struct Rows {
    stream: Option<PsqlStream>,
    received: Receiver<Result<Vec<Row>, Failure>>,
    batch: std::vec::IntoIter<Row>,
    last: Vec<KeyValue>,
}

impl Rows {
    /// `key` is how its columns are ordered, in their order.
    pub(super) fn of(mut stream: PsqlStream, key: Vec<KeyOrder>) -> Result<Self, Failure> {
        let output = stream.output.take().ok_or_else(|| Failure::bug("psql has no output"))?;
        let (sender, received) = sync_channel(QUEUED);
        thread::spawn(move || read(output, &key, &sender));
        Ok(Self { stream: Some(stream), received, batch: Vec::new().into_iter(), last: Vec::new() })
    }

    pub(super) fn next(&mut self, doing: &str, go_on: &mut dyn FnMut() -> bool) -> Result<Next, Failure> {
        loop {
            if let Some(row) = self.batch.next() {
                // Before the first key there are no values, which is less than any.
                if row.values <= self.last {
                    return Err(Failure::bug(format!("{doing}: the rows are not in the order of their keys")));
                }
                self.last.clone_from(&row.values);
                return Ok(Next::Row(row));
            }
            match self.received.recv_timeout(POLL_INTERVAL) {
                Ok(batch) => {
                    self.batch = batch?.into_iter();
                    if !go_on() {
                        return Ok(Next::Stopped);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    if !go_on() {
                        return Ok(Next::Stopped);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.stream.take().map_or(Ok(()), |stream| stream.finish(doing))?;
                    return Ok(Next::End);
                }
            }
        }
    }
}

fn read(mut output: BufReader<ChildStdout>, key: &[KeyOrder], sender: &SyncSender<Result<Vec<Row>, Failure>>) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let mut line = Vec::new();
        let row = match output.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) if line.pop() == Some(b'\n') => row(&line, key),
            // Cut short by the end of its program, whose own words say more.
            Ok(_) => break,
            Err(error) => Err(Failure::disruption(format!("reading rows: {error}"), "")),
        };
        let ended = row.is_err();
        match row {
            Ok(row) => batch.push(row),
            // Nobody listens any more when the comparison was stopped.
            Err(failure) => drop(sender.send(Err(failure))),
        }
        if ended || (batch.len() == BATCH && sender.send(Ok(std::mem::take(&mut batch))).is_err()) {
            return;
        }
    }
    if !batch.is_empty() {
        // As above.
        drop(sender.send(Ok(batch)));
    }
}

/// A line in COPY's text format: the key's text, the checksum, the values of the key's columns.
fn row(line: &[u8], key: &[KeyOrder]) -> Result<Row, Failure> {
    let mut columns = line.split(|byte| *byte == b'\t');
    let odd = || Failure::bug("a row of a comparison has another shape");
    let (Some(text), Some(sum)) = (columns.next(), columns.next()) else { return Err(odd()) };
    let mut value = |order: &KeyOrder| order.value(unescaped(columns.next().ok_or_else(odd)?));
    let values = key.iter().map(&mut value).collect::<Result<_, _>>()?;
    match columns.next() {
        None => Ok(Row { key: unescaped(text), sum: sum.to_vec(), values }),
        Some(_) => Err(odd()),
    }
}

/// The value behind COPY's escapes (PostgreSQL documentation, COPY, "Text Format"): they would change the order.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = text.iter().copied();
    let mut value = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            value.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'b') => value.push(8),
            Some(b'f') => value.push(12),
            Some(b'n') => value.push(b'\n'),
            Some(b'r') => value.push(b'\r'),
            Some(b't') => value.push(b'\t'),
            Some(b'v') => value.push(11),
            Some(other) => value.push(other),
            None => value.push(b'\\'),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn a_key_is_what_stands_behind_its_escapes() {
        let key = [KeyOrder::Text, KeyOrder::Number];
        let found = row(b"(\"a\\tb\\\\c\\n\",7)\tabc\t(\"a\\tb\\\\c\\n\")\t7", &key).unwrap();
        assert_eq!((found.key.as_slice(), found.sum.as_slice()), (&b"(\"a\tb\\c\n\",7)"[..], &b"abc"[..]));
        let number = KeyOrder::Number.value(b"7".to_vec()).unwrap();
        assert_eq!(found.values, [KeyValue::Text(b"(\"a\tb\\c\n\")".to_vec()), number]);
        for line in [&b"one column"[..], b"a\tb\tc", b"a\tb\tc\td", b"a\tb\tc\t7\te"] {
            assert!(row(line, &key).is_err());
        }
    }
}
