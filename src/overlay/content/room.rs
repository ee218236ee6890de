//! What a file occupies in the upper directory, and what is taken for it before it does.

use super::{BLOCK, State, Store};
use crate::overlay::sparse::holes;
use std::{fs::File, io, ops::Range, os::unix::fs::MetadataExt as _};

/// Does something that makes a file occupy at most these bytes more, once there is room for them.
pub(super) fn reserved(
    store: &Store,
    upper: &File,
    state: &mut State,
    range: Range<u64>,
    work: impl FnOnce(&State) -> io::Result<()>,
) -> io::Result<()> {
    let most = range.end - range.start;
    let bytes = if store.room.reserve(most).is_ok() {
        most
    } else {
        // Where it is tight, only what is not there yet counts.
        let holes = holes(upper, range)?;
        store.room.reserve(holes).inspect_err(|_| store.counters.was_refused())?;
        holes
    };
    let done = work(state);
    settle(store, upper, state, bytes);
    done
}

/// Counts what the file occupies now.
pub(super) fn settle(store: &Store, upper: &File, state: &mut State, reserved: u64) {
    // Where the system cannot say it, the reservation stands.
    let occupied = upper.metadata().map_or(state.occupied + reserved, |found| found.blocks() * 512);
    let occupied = if state.passed.is_some() { occupied.max(whole(state.size)) } else { occupied };
    store.room.settle(reserved, state.occupied, occupied);
    state.occupied = occupied;
}

/// Bytes of the blocks that so many bytes are in.
pub(super) fn whole(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK) * BLOCK
}
