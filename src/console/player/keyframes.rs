//! Where playback can be taken up again without beginning at the start.
//!
//! Promises: all together stay within a fixed memory, however long a recording is; then they lie farther apart.

use super::playback::Playback;
use crate::recording::{Keyframe, Recording};
use std::sync::Arc;

/// Keyframes of one recording, in its order.
pub(super) struct Keyframes {
    /// After how many events, and how it stood then.
    frames: Vec<(usize, Keyframe)>,
    /// What is to be fed from one to the next, in bytes.
    spacing: usize,
    /// What was fed since the last one.
    since: usize,
}

/// A terminal in memory takes this in within some 10 ms, so a way back is not noticed.
const FIRST_SPACING: usize = 256 << 10;

/// All keyframes together; one of 80x24 takes a few KiB.
const MAX_BYTES: usize = 64 << 20;

/// So that looking through them costs nothing.
const MAX_FRAMES: usize = 1_024;

impl Keyframes {
    pub(super) fn new() -> Self {
        Self { frames: Vec::new(), spacing: FIRST_SPACING, since: 0 }
    }

    /// Takes one if it is time for it. `cost` was fed since the last call.
    pub(super) fn observe(&mut self, playback: &Playback, cost: usize) {
        let newest = self.frames.last().map_or(0, |(applied, _)| *applied);
        if playback.applied() <= newest {
            // Ground that was gone over already.
            self.since = 0;
            return;
        }
        self.since += cost;
        if self.since >= self.spacing && playback.is_between_events() {
            self.since = 0;
            self.frames.push((playback.applied(), playback.emulator().keyframe()));
            self.thin_out();
        }
    }

    /// The playback that is nearest before so many events.
    pub(super) fn nearest(&self, recording: &Arc<Recording>, goal: usize) -> Playback {
        match self.frames.iter().rev().find(|(applied, _)| *applied <= goal) {
            Some((applied, keyframe)) => Playback::restored(Arc::clone(recording), *applied, keyframe),
            None => Playback::new(Arc::clone(recording)),
        }
    }

    /// After how many events the last keyframe before the goal stands.
    pub(super) fn last_before(&self, goal: usize) -> usize {
        self.frames.iter().rev().find(|(applied, _)| *applied <= goal).map_or(0, |(applied, _)| *applied)
    }

    fn thin_out(&mut self) {
        let bytes: usize = self.frames.iter().map(|(_, keyframe)| keyframe.length()).sum();
        if bytes > MAX_BYTES || self.frames.len() > MAX_FRAMES {
            self.spacing = self.spacing.saturating_mul(2);
            let mut keep = false;
            self.frames.retain(|_| {
                keep = !keep;
                !keep
            });
        }
    }
}
