//! A recording of a live screen: what goes to the terminal goes into a file as well.
//!
//! Promises: the screen neither waits for the file nor ends with it, since a thread of its own writes it; whatever goes
//! wrong ends the recording, with the reason, and the file holds whole events up to there; what was written is there
//! when the process is killed. Never: holds what is typed, but as the screen shows it.

use crate::recording::{Event, EventKind, Format, Header, Micros, ScreenSize, Writer};
use std::{
    fs::File,
    io::{self, BufWriter, Seek as _},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    thread,
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// So many pictures may wait for a slow disk: those of some four minutes.
const MAX_WAITING: usize = 1_024;

/// How long the disk is waited for when the screen closes.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// A recording under way.
#[derive(Debug)]
pub struct LiveRecording {
    started: Instant,
    size: ScreenSize,
    /// None when it has ended.
    events: Option<SyncSender<Event>>,
    /// Closed when everything is written.
    written: Receiver<()>,
    stopped: watch::Sender<Option<String>>,
}

impl LiveRecording {
    /// Begins now, in an empty file. The error is that of its first line.
    pub fn begin(mut file: File, format: Format, header: &Header) -> io::Result<Self> {
        let mut writer = Writer::new(BufWriter::new(file.try_clone()?), format, header)?;
        writer.flush()?;
        let whole = file.stream_position()?;
        let (events, waiting) = sync_channel(MAX_WAITING);
        let (done, written) = sync_channel(0);
        let stopped = watch::Sender::new(None);
        let report = stopped.clone();
        thread::Builder::new().name("recording".to_owned()).spawn(move || {
            if let Err(error) = write((writer, file, whole), &waiting) {
                report.send_replace(Some(error.to_string()));
            }
            drop(done);
        })?;
        Ok(Self { started: Instant::now(), size: header.size, events: Some(events), written, stopped })
    }

    /// Why it has ended before the screen did, once it has.
    pub fn stopped(&self) -> watch::Receiver<Option<String>> {
        self.stopped.subscribe()
    }

    /// This was written to the terminal.
    pub(super) fn output(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.push(EventKind::Output(String::from_utf8_lossy(bytes).into_owned()));
        }
    }

    /// The terminal has this size now.
    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        match ScreenSize::new(columns.into(), rows.into()) {
            Ok(size) if size == self.size => {}
            Ok(size) => {
                self.size = size;
                self.push(EventKind::Resize(size));
            }
            Err(defect) => self.stop(&defect),
        }
    }

    fn push(&mut self, kind: EventKind) {
        let at = Micros(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX));
        match self.events.as_ref().map(|events| events.try_send(Event { at, kind })) {
            // The thread has ended, and has said why.
            Some(Err(TrySendError::Disconnected(_))) => self.events = None,
            Some(Err(TrySendError::Full(_))) => self.stop("its disk is too slow"),
            Some(Ok(())) | None => {}
        }
    }

    fn stop(&mut self, reason: &(impl ToString + ?Sized)) {
        self.events = None;
        self.stopped.send_replace(Some(reason.to_string()));
    }
}

impl Drop for LiveRecording {
    fn drop(&mut self) {
        self.events = None;
        if self.written.recv_timeout(LAST_EVENTS) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the disk of the recording did not take its last pictures before the screen closed");
        }
    }
}

/// Writes each event as it comes. After an error the file is cut behind its last whole one.
fn write(
    (mut writer, mut file, mut whole): (Writer<BufWriter<File>>, File, u64),
    events: &Receiver<Event>,
) -> io::Result<()> {
    for event in events {
        let written = writer.event(&event).and_then(|()| writer.flush()).and_then(|()| file.stream_position());
        match written {
            Ok(position) => whole = position,
            Err(error) => {
                // Nothing of what is still in memory may follow.
                drop(writer.into_inner().into_parts());
                // Where that cannot be done either, readers know a last line that is not whole.
                file.set_len(whole).unwrap_or_default();
                return Err(error);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn a_disk_that_takes_nothing_ends_the_recording_and_holds_up_nobody() {
        let (events, waiting) = sync_channel(2);
        let (done, written) = sync_channel(0);
        let size = ScreenSize::new(80, 24).unwrap();
        let stopped = watch::Sender::new(None);
        let mut recording = LiveRecording { started: Instant::now(), size, events: Some(events), written, stopped };
        recording.output(b"one");
        recording.resize(80, 24);
        recording.resize(81, 24);
        assert_eq!(*recording.stopped().borrow(), None);
        recording.output(b"three");
        assert_eq!(recording.stopped().borrow().as_deref(), Some("its disk is too slow"));
        recording.output(b"four");
        let kinds: Vec<EventKind> = waiting.try_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventKind::Output("one".to_owned()), EventKind::Resize(ScreenSize::new(81, 24).unwrap())]);
        drop(done);
    }

    #[test]
    fn a_terminal_without_a_size_ends_the_recording() {
        let header = Header {
            version: crate::recording::Version::V2,
            size: ScreenSize::new(80, 24).unwrap(),
            title: None,
            command: None,
            timestamp: None,
            idle_limit: None,
            terminal: None,
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut recording = LiveRecording::begin(file.reopen().unwrap(), Format::V2, &header).unwrap();
        recording.output("é".as_bytes());
        recording.resize(0, 0);
        assert!(recording.stopped().borrow().as_deref().is_some_and(|reason| reason.contains("0x0")));
        drop(recording);
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(text.ends_with(", \"o\", \"é\"]\n") && text.lines().count() == 2, "{text}");
    }
}
