//! The screen without a terminal: what a terminal would have been sent is kept, with the moment of each piece.
//!
//! Promises: the loop and the painter are those of the real screen; times are tokio's, so on paused time a recording is
//! the same each time, byte for byte. Never: asks anything of the environment.

use super::{
    chord::Chord,
    message::Message,
    model::Model,
    painter::Painter,
    ports::{ConsoleOptions, Ending, Ports},
    run::drive,
    surface::{ExternalEvent, Surface},
    theme::Brush,
    view,
};
use crate::recording::{Event, EventKind, Micros, ScreenSize};
use futures_util::{Stream, StreamExt as _};
use ratatui::{
    buffer::{Buffer, CellWidth as _},
    layout::Rect,
};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::watch, time::Instant};

/// What a terminal is sent before the first picture: no cursor, an empty screen.
const OPENING: &str = "\x1b[?25l\x1b[0m\x1b[2J";

/// What it is sent when the screen is left on it as it is: its own look, and the cursor.
const CLOSING: &str = "\x1b[0m\x1b[?25h";

/// A recording that is being made; a clone is the same one.
#[derive(Debug, Clone)]
pub struct Recorder {
    started: Instant,
    size: ScreenSize,
    made: Arc<Mutex<Made>>,
    /// How many pictures were painted.
    painted: watch::Sender<u64>,
}

#[derive(Debug)]
struct Made {
    painter: Painter,
    events: Vec<Event>,
    stills: Vec<Still>,
}

/// The picture at a marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// The marker's label.
    pub label: String,
    /// How many events of the recording lead to it, its marker included.
    pub events: usize,
    /// What the screen shows.
    pub picture: Buffer,
}

impl Recorder {
    /// Begins now, with an empty screen.
    pub fn new(size: ScreenSize) -> Self {
        let painter = Painter::new(Rect::new(0, 0, size.columns(), size.rows()));
        let made = Made { painter, events: Vec::new(), stills: Vec::new() };
        let recorder =
            Self { started: Instant::now(), size, made: Arc::new(Mutex::new(made)), painted: watch::Sender::new(0) };
        recorder.made().push(Micros::ZERO, EventKind::Output(OPENING.to_owned()));
        recorder
    }

    /// Runs the screen until it is closed or there are no more keys.
    pub async fn run(
        &self,
        ports: Ports,
        options: ConsoleOptions,
        keys: impl Stream<Item = Chord>,
    ) -> io::Result<Ending> {
        // Fused, since the loop asks once more before it ends.
        let keys = keys.map(|key| ExternalEvent::Message(Message::Key(key))).fuse();
        drive(ports, options, self.clone(), keys).await
    }

    /// Ends the recording now; the last picture stays.
    pub fn finish(&self) {
        let at = self.now();
        let mut made = self.made();
        made.push(at, EventKind::Output(CLOSING.to_owned()));
        made.push(at, EventKind::Exit(0));
    }

    /// Gives this moment a name, and keeps what is shown.
    pub fn mark(&self, label: &str) {
        let at = self.now();
        let mut made = self.made();
        made.push(at, EventKind::Marker(label.to_owned()));
        let (events, picture) = (made.events.len(), made.painter.shown().clone());
        made.stills.push(Still { label: label.to_owned(), events, picture });
    }

    /// What is on the screen, row by row.
    pub fn text(&self) -> String {
        text(self.made().painter.shown())
    }

    /// What is on the screen.
    pub fn shown(&self) -> Buffer {
        self.made().painter.shown().clone()
    }

    /// Changes with each picture.
    pub fn pictures(&self) -> watch::Receiver<u64> {
        self.painted.subscribe()
    }

    /// All that was recorded so far.
    pub fn events(&self) -> Vec<Event> {
        self.made().events.clone()
    }

    /// The pictures at the markers so far.
    pub fn stills(&self) -> Vec<Still> {
        self.made().stills.clone()
    }

    fn now(&self) -> Micros {
        Micros(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Made {
    fn push(&mut self, at: Micros, kind: EventKind) {
        self.events.push(Event { at, kind });
    }
}

impl Surface for Recorder {
    fn size(&self) -> io::Result<(u16, u16)> {
        Ok((self.size.columns(), self.size.rows()))
    }

    fn draw(&mut self, model: &Model, brush: &mut Brush) -> io::Result<()> {
        let at = self.now();
        let sent = {
            let mut made = self.made();
            let sent = made.painter.paint(|buffer| view::paint(buffer, model, brush));
            if sent.is_empty() {
                return Ok(());
            }
            made.push(at, EventKind::Output(sent));
            made.events.len() as u64
        };
        self.painted.send_replace(sent);
        Ok(())
    }

    fn repair(&mut self) -> io::Result<()> {
        let at = self.now();
        let mut made = self.made();
        made.painter = Painter::new(made.painter.area());
        made.push(at, EventKind::Output(OPENING.to_owned()));
        Ok(())
    }
}

/// The text of a picture; a wide character takes its place once.
fn text(picture: &Buffer) -> String {
    let area = picture.area;
    let mut text = String::new();
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let symbol = picture[(x, y)].symbol();
            text.push_str(symbol);
            x += symbol.cell_width().max(1);
        }
        text.push('\n');
    }
    text
}
