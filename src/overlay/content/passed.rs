//! A file that the kernel reads and writes by itself (passthrough), in the upper directory.
//!
//! Promise: all that the file may occupy at its length is taken before. Never: a file of which something is still the
//! lower's.

use super::{
    BLOCK, Content, FileTime, Relaxed, Store,
    room::{settle, whole},
};
use std::{fs::File, io, sync::Arc};

impl Content {
    /// The file for the kernel; `None` where it has to ask for this one. To be called when nobody has it open.
    pub(in crate::overlay) fn pass(&self, store: &Store) -> io::Result<Option<Arc<File>>> {
        let mut state = self.write_state();
        let is_all_here = state.present.contains_all(0..state.lower_end.div_ceil(BLOCK));
        if !state.has_upper || state.size == 0 || !is_all_here || self.opens.load(Relaxed) > 0 {
            return Ok(None);
        }
        // Should it grow all the same, nothing of the lower is to come back.
        let size = state.size;
        self.log_lower_end_before(store, &mut state, size + 1)?;
        let upper = self.upper(store)?;
        let missing = whole(size).saturating_sub(state.occupied);
        if store.room.reserve(missing).is_err() {
            return Ok(None);
        }
        state.passed = Some(Arc::clone(&upper));
        settle(store, &upper, &mut state, missing);
        Ok(Some(upper))
    }

    /// The kernel asks again.
    pub(in crate::overlay) fn end_pass(&self, store: &Store) {
        let mut state = self.write_state();
        if let Some(upper) = state.passed.take() {
            if let Ok(found) = upper.metadata() {
                state.size = found.len();
                self.modified.set(FileTime::modified(&found));
            }
            state.placed.cut(0);
            settle(store, &upper, &mut state, 0);
            store.counters.changed();
        }
    }
}
