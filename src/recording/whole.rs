//! A recording in memory, for those who move about in it.

use super::{Event, Header, IdleLimit, Micros, Place, ReadError, Reader, Speed, defect::Defect};
use std::io::BufRead;

/// A whole recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    header: Header,
    events: Vec<Event>,
    cut_at: Option<u64>,
}

/// More events than this would take some 80 MB before any text; a day at 20 a second is 1.7 million.
const MAX_EVENTS: usize = 2_000_000;

/// More text than this no terminal session writes that somebody wants to look at again.
const MAX_TEXT: usize = 256 << 20;

impl Recording {
    /// Reads a file to its end. `file` is what errors name.
    pub fn read(input: impl BufRead, file: &str) -> Result<Self, ReadError> {
        let mut reader = Reader::new(input, file)?;
        let (mut events, mut text) = (Vec::new(), 0);
        while let Some(event) = reader.next() {
            let event = event?;
            text += event.kind.text_length();
            if events.len() == MAX_EVENTS {
                return Err(reader.error(Place::File, Defect::TooManyEvents { max: MAX_EVENTS }));
            }
            if text > MAX_TEXT {
                return Err(reader.error(Place::File, Defect::TooMuchText { max: MAX_TEXT }));
            }
            events.push(event);
        }
        Ok(Self { header: reader.header().clone(), events, cut_at: reader.cut_at() })
    }

    /// One that was made here. The events are in the order of time.
    pub fn new(header: Header, events: Vec<Event>) -> Self {
        Self { header, events, cut_at: None }
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All that happens in it, in the order of time.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The line in the middle of which the file breaks off, if it does.
    pub fn cut_at(&self) -> Option<u64> {
        self.cut_at
    }

    /// The moment of its last event.
    pub fn length(&self) -> Micros {
        self.events.last().map_or(Micros::ZERO, |event| event.at)
    }

    /// The same with shorter pauses.
    #[must_use]
    pub fn with_idle_limit(mut self, limit: IdleLimit) -> Self {
        let limit = match limit {
            IdleLimit::OfRecording => self.header.idle_limit,
            IdleLimit::None => None,
            IdleLimit::AtMost(limit) => Some(limit),
        };
        let Some(limit) = limit else { return self };
        let (mut before, mut at) = (Micros::ZERO, Micros::ZERO);
        for event in &mut self.events {
            at = at.plus(event.at.minus(before).min(limit));
            before = std::mem::replace(&mut event.at, at);
        }
        self
    }

    /// The same at another speed.
    #[must_use]
    pub fn at_speed(mut self, speed: Speed) -> Self {
        for event in &mut self.events {
            event.at = speed.time_for(event.at);
        }
        self
    }
}
