//! Looking for a text on the screens of a recording.
//!
//! Promises: a match is a moment at which the text appears that was not on the screen just before; one call looks at
//! one screen at most, and only as far as somebody wants to know.

use super::playback::Playback;
use crate::recording::{EventKind, Recording};
use std::sync::Arc;

/// A text, and where it was found so far.
pub(super) struct Search {
    recording: Arc<Recording>,
    text: String,
    folded: String,
    /// How far the recording was looked through.
    scan: Playback,
    visible: bool,
    /// After how many events it appears, in order.
    matches: Vec<usize>,
    state: SearchState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SearchState {
    Idle,
    /// The first match after so many events is wanted.
    After(usize),
    /// The last match before so many events is wanted.
    Before(usize),
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It appears after so many events.
    At(usize),
    /// It does not appear any more.
    NothingAfter,
    /// It does not appear any earlier.
    NothingBefore,
}

/// What is fed in one piece of work, as in the player.
const SLICE: usize = super::player::SLICE;

impl Search {
    /// For the first moment at which this text, in capitals or not, is on the screen.
    pub(super) fn new(recording: Arc<Recording>, text: String) -> Self {
        let (scan, folded) = (Playback::new(Arc::clone(&recording)), text.to_lowercase());
        Self { recording, text, folded, scan, visible: false, matches: Vec::new(), state: SearchState::After(0) }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_at_work(&self) -> bool {
        self.state != SearchState::Idle
    }

    /// The first match after so many events is wanted.
    pub(super) fn next(&mut self, applied: usize) {
        self.state = SearchState::After(applied);
    }

    /// The last match before that is wanted.
    pub(super) fn previous(&mut self, applied: usize) {
        self.state = SearchState::Before(applied);
    }

    /// Nothing is wanted any more; what was found is kept.
    pub(super) fn stop(&mut self) {
        self.state = SearchState::Idle;
    }

    /// Does a piece of work; what was wanted, once it is known.
    pub(super) fn work(&mut self) -> Option<Found> {
        let done = self.scan.applied() == self.recording.events().len();
        let found = match self.state {
            SearchState::Idle => return None,
            SearchState::After(applied) => {
                let at = self.matches.partition_point(|found| *found <= applied);
                let found = self.matches.get(at).map(|found| Found::At(*found));
                found.or(done.then_some(Found::NothingAfter))
            }
            SearchState::Before(applied) if done || self.scan.applied() + 1 >= applied => {
                let before = self.matches.partition_point(|found| *found < applied);
                let last = before.checked_sub(1).and_then(|last| self.matches.get(last));
                Some(last.map_or(Found::NothingBefore, |found| Found::At(*found)))
            }
            SearchState::Before(_) => None,
        };
        if found.is_some() {
            self.state = SearchState::Idle;
        } else {
            self.scan_on();
        }
        found
    }

    fn scan_on(&mut self) {
        let next = self.scan.applied();
        self.scan.advance(next + 1, SLICE);
        let Some(event) = self.recording.events().get(next) else { return };
        if self.scan.applied() > next && matches!(event.kind, EventKind::Output(_) | EventKind::Resize(_)) {
            let visible = self.scan.emulator().text().iter().any(|line| line.to_lowercase().contains(&self.folded));
            if visible && !self.visible {
                self.matches.push(self.scan.applied());
            }
            self.visible = visible;
        }
    }
}
