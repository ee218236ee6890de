//! A recording on its way through the terminal in memory.
//!
//! Promises: one call does a bounded piece of work, however much is to be done.

use crate::recording::{Emulator, EventKind, Keyframe, Recording};
use std::sync::Arc;

/// A terminal in memory with the first so many events of a recording applied to it.
pub(super) struct Playback {
    recording: Arc<Recording>,
    emulator: Emulator,
    applied: usize,
    /// How many bytes of the next event's text were fed already.
    fed: usize,
}

/// What a resize counts, in bytes of text: it may move every cell of a screen.
const RESIZE_COST: usize = 1_024;

impl Playback {
    /// Before the first event.
    pub(super) fn new(recording: Arc<Recording>) -> Self {
        let emulator = Emulator::new(recording.header().size);
        Self { recording, emulator, applied: 0, fed: 0 }
    }

    /// After so many events, as it stood then.
    pub(super) fn restored(recording: Arc<Recording>, applied: usize, keyframe: &Keyframe) -> Self {
        Self { recording, emulator: Emulator::restored(keyframe), applied, fed: 0 }
    }

    /// How many events were applied as a whole.
    pub(super) fn applied(&self) -> usize {
        self.applied
    }

    /// Whether no part of a further event was applied.
    pub(super) fn is_between_events(&self) -> bool {
        self.fed == 0
    }

    pub(super) fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Goes on until so many events are applied, but feeds only about so many bytes. Returns what it has cost.
    pub(super) fn advance(&mut self, goal: usize, budget: usize) -> usize {
        let mut cost = 0;
        while cost < budget && self.applied < goal {
            let Some(event) = self.recording.events().get(self.applied) else { break };
            // Even an event of nothing counts, so that a million of them are not one piece of work.
            cost += 1;
            match &event.kind {
                EventKind::Output(text) => {
                    // A character has four bytes at most, so this always goes on.
                    let end = text.floor_char_boundary(self.fed + (budget - cost).max(4));
                    self.emulator.feed(&text[self.fed..end]);
                    cost += end - self.fed;
                    self.fed = end;
                    if end < text.len() {
                        break;
                    }
                }
                EventKind::Resize(size) => {
                    self.emulator.resize(*size);
                    cost += RESIZE_COST;
                }
                EventKind::Input(_) | EventKind::Marker(_) | EventKind::Exit(_) => {}
            }
            self.applied += 1;
            self.fed = 0;
        }
        cost
    }
}
