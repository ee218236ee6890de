//! What the preview pane shows of the selection: which tab, how far down, which log.

use super::{events::Events, log_page::LogPage};
use crate::{
    console::{format, ports::EventHistory},
    domain::{AttemptNo, SessionId, Timestamp},
    machine::Session,
};
use std::{sync::Arc, time::Duration};

/// The pages of the preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tab {
    /// Gauge, numbers, steps, attempts.
    Progress,
    /// The raw output of an attempt.
    Log,
    /// The request, the plan, the exact command.
    Request,
    /// What happened, in order.
    Events,
}

/// The state of the preview.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The page.
    pub tab: Tab,
    /// Lines scrolled down. On a page that hangs at its end it counts upwards, so that new lines stay in view.
    pub scroll: usize,
    /// The attempt whose log is wanted; `None` is the newest.
    pub attempt: Option<AttemptNo>,
    /// The label of the restore point that the keys are on, on the page of an instance; `None` is the newest.
    pub point: Option<String>,
    /// The log as it was read last.
    pub log: Option<Log>,
    /// How the log is looked at.
    pub page: LogPage,
    /// The log that was asked for and has not come yet.
    pub asked: Option<(SessionId, AttemptNo)>,
    /// The events as they were read last.
    pub events: Option<Events<Session>>,
    /// The session, as it stood then, whose events were asked for and have not come yet.
    pub asked_events: Option<Arc<Session>>,
}

/// The end of one attempt's raw output.
#[derive(Debug, Clone)]
pub struct Log {
    /// The session.
    pub session: SessionId,
    /// The attempt.
    pub attempt: AttemptNo,
    /// When it was read, in steady time.
    pub read: Timestamp,
    /// Whether it was read from its beginning.
    pub is_whole: bool,
    /// Its lines, safe to show; or why it could not be read.
    pub lines: Result<Vec<String>, String>,
}

/// How much of a log is read: some thousand lines, and still read in a few milliseconds.
pub const LOG_BYTES: u64 = 256 * 1024;

/// How often the log of a running attempt is read again while it is in view.
pub const LOG_EVERY: Duration = Duration::from_secs(1);

impl Tab {
    /// All of them, from left to right.
    pub const ALL: [Self; 4] = [Self::Progress, Self::Log, Self::Request, Self::Events];

    /// Its name on the screen.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Progress => "Progress",
            Self::Log => "Log",
            Self::Request => "Request",
            Self::Events => "Events",
        }
    }

    /// Whether the page hangs at its end: what is newest is read first.
    pub const fn hangs(self) -> bool {
        match self {
            Self::Log | Self::Events => true,
            Self::Progress | Self::Request => false,
        }
    }

    /// The page `by` places to the right, at most at an end.
    #[must_use]
    pub fn moved(self, by: isize) -> Self {
        let at = (self as usize).saturating_add_signed(by).min(Self::ALL.len() - 1);
        Self::ALL[at]
    }
}

impl Preview {
    /// The first page, at its top.
    pub fn new() -> Self {
        let page = LogPage::default();
        Self {
            tab: Tab::Progress,
            scroll: 0,
            attempt: None,
            point: None,
            log: None,
            page,
            asked: None,
            events: None,
            asked_events: None,
        }
    }

    /// Shows another selection from its top; the page stays.
    pub fn reset(&mut self) {
        self.scroll = 0;
        self.point = None;
        self.attempt = None;
        (self.page.search, self.page.typed) = (None, None);
    }

    /// Lets events that could not be read be asked for again when somebody looks at them the next time.
    pub fn forget_failure(&mut self) {
        self.events.take_if(|events| events.history.is_err());
    }

    /// The events of this session, as they were read last.
    pub fn events_of(&self, id: SessionId) -> Option<&Events<Session>> {
        self.events.as_ref().filter(|events| events.of.id() == id)
    }

    /// Takes in events that were asked for.
    pub fn take_events(&mut self, of: SessionId, read: Timestamp, history: Result<EventHistory, String>) {
        if let Some(session) = self.asked_events.take_if(|asked| asked.id() == of) {
            self.events = Some(Events::new(session, read, history));
        }
    }

    /// The lines of the log that was read last.
    pub fn log_lines(&self) -> &[String] {
        self.log.as_ref().and_then(|log| log.lines.as_deref().ok()).unwrap_or_default()
    }

    /// Takes in a log.
    pub fn take_log(&mut self, of: (SessionId, AttemptNo), read: Timestamp, text: Result<Vec<u8>, String>) {
        if self.asked == Some(of) {
            self.asked = None;
        }
        let is_whole = text.as_ref().is_ok_and(|bytes| (bytes.len() as u64) < LOG_BYTES);
        let lines = text.map(|bytes| lines(&bytes, is_whole)).map_err(|cause| format::clean(&cause).into_owned());
        self.log = Some(Log { session: of.0, attempt: of.1, read, is_whole, lines });
    }
}

impl Default for Preview {
    fn default() -> Self {
        Self::new()
    }
}

/// The lines of raw output. A carriage return inside a line is what a progress display leaves: its last state counts.
fn lines(bytes: &[u8], is_whole: bool) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let last_state = |line: &str| {
        let line = line.trim_end_matches('\r');
        format::clean(&line.rsplit('\r').next().unwrap_or(line).replace('\t', "    ")).into_owned()
    };
    // Of the first line of what is not whole a part is missing: it must not look whole.
    text.lines().skip(usize::from(!is_whole)).map(last_state).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_output_cannot_steer_the_terminal() {
        let shown = lines(b"one\r\n10 %\r20 %\r30 %\n\x1b[2Jred\xff\n", true);
        assert_eq!(shown, ["one", "30 %", "\\u{1b}[2Jred\u{fffd}"]);
    }
}
