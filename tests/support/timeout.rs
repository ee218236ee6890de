//! Waiting for something to become true, for a limited time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Long enough for a busy machine with two cores; a test that needs it all has failed anyway.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(2);

/// Looks again and again until `look` finds something; panics with `what` when patience ends.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < TIMEOUT, "waited {TIMEOUT:?} in vain: {what}");
        // Files and processes of others cannot wake us; a look every few milliseconds costs nothing.
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// Like [`until`], for a plain condition.
pub(crate) fn until_true(what: &str, mut is_so: impl FnMut() -> bool) {
    until(what, || is_so().then_some(()));
}
