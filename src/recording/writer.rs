//! Writes asciicast 2 and 3.
//!
//! Promises: the same header and events are the same bytes, whoever writes them and when; what was written can be read
//! even if the recorder dies, up to the last whole line. Never: flushes by itself; that is for whoever knows when it
//! matters.

use super::{Event, EventKind, Header, Micros, json::write_string};
use std::io::{self, Write};

/// The formats that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Times since the start in microseconds. It knows no exit status: that event is left out.
    V2,
    /// Times since the event before in milliseconds.
    V3,
}

/// A recording that is being written.
pub struct Writer<W> {
    output: W,
    format: Format,
    before: Micros,
}

impl<W: Write> Writer<W> {
    /// Writes the header. Its `version` is where it came from and not where it goes.
    pub fn new(mut output: W, format: Format, header: &Header) -> io::Result<Self> {
        match format {
            Format::V2 => {
                let (columns, rows) = (header.size.columns(), header.size.rows());
                write!(output, "{{\"version\": 2, \"width\": {columns}, \"height\": {rows}")?;
                write_common(&mut output, header)?;
                if let Some(terminal) = &header.terminal {
                    output.write_all(b", \"env\": {\"TERM\": ")?;
                    write_string(&mut output, terminal)?;
                    output.write_all(b"}")?;
                }
            }
            Format::V3 => {
                let (columns, rows) = (header.size.columns(), header.size.rows());
                write!(output, "{{\"version\": 3, \"term\": {{\"cols\": {columns}, \"rows\": {rows}")?;
                if let Some(terminal) = &header.terminal {
                    output.write_all(b", \"type\": ")?;
                    write_string(&mut output, terminal)?;
                }
                output.write_all(b"}")?;
                write_common(&mut output, header)?;
            }
        }
        output.write_all(b"}\n")?;
        Ok(Self { output, format, before: Micros::ZERO })
    }

    /// Writes an event. One that is earlier than the one before it gets its time: readers take no steps back.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        if self.format == Format::V2 && matches!(event.kind, EventKind::Exit(_)) {
            return Ok(());
        }
        let at = event.at.max(self.before);
        match self.format {
            Format::V2 => write!(self.output, "[{at}, ")?,
            Format::V3 => {
                // The difference of rounded moments, so that a million intervals are not off by a million roundings.
                let interval = at.rounded_millis() - self.before.rounded_millis();
                write!(self.output, "[{}.{:03}, ", interval / 1_000, interval % 1_000)?;
            }
        }
        self.before = at;
        let mut text = |code: &str, text: &str| {
            write!(self.output, "\"{code}\", ")?;
            write_string(&mut self.output, text)
        };
        match &event.kind {
            EventKind::Output(output) => text("o", output)?,
            EventKind::Input(input) => text("i", input)?,
            EventKind::Marker(label) => text("m", label)?,
            EventKind::Resize(size) => text("r", &size.to_string())?,
            EventKind::Exit(status) => text("x", &status.to_string())?,
        }
        self.output.write_all(b"]\n")
    }

    /// Passes on what was written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// What it wrote to.
    pub fn into_inner(self) -> W {
        self.output
    }
}

/// The attributes that both formats have under the same names.
fn write_common(output: &mut impl Write, header: &Header) -> io::Result<()> {
    if let Some(timestamp) = header.timestamp {
        write!(output, ", \"timestamp\": {timestamp}")?;
    }
    if let Some(limit) = header.idle_limit {
        write!(output, ", \"idle_time_limit\": {limit}")?;
    }
    for (name, text) in [("command", &header.command), ("title", &header.title)] {
        if let Some(text) = text {
            write!(output, ", \"{name}\": ")?;
            write_string(output, text)?;
        }
    }
    Ok(())
}
