//! The end of a follower is always reported: one that panics is followed by another.
//!
//! Promises: an attempt whose follower fell over is adopted again by this same owner, after a pause, and what the
//! manager has ordered meanwhile is not lost. Never: hides a panic.

use futures_util::FutureExt;
use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::sync::{Mutex, mpsc};

/// Controls that may wait for a follower: there are two kinds, and a person may press each twice.
const CONTROL_CAPACITY: usize = 4;

/// How long to wait before an attempt is adopted again: what made a follower fall over may be there still, and a person
/// who reads the log should find the reason in it, not a thousand copies.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What the manager wants of a running attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    Stop,
    Kill,
}

/// What has been ordered; it outlives a follower.
#[derive(Debug, Clone)]
pub(super) struct Inbox(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    controls: mpsc::Receiver<Control>,
    stop_wanted: bool,
}

impl Inbox {
    /// A way to order, and where the orders arrive.
    pub(super) fn new() -> (mpsc::Sender<Control>, Self) {
        let (sender, controls) = mpsc::channel(CONTROL_CAPACITY);
        (sender, Self(Arc::new(Mutex::new(Kept { controls, stop_wanted: false }))))
    }

    /// The next order; `None` once nobody is left to give one. May be dropped while it waits.
    pub(super) async fn next(&self) -> Option<Control> {
        let mut kept = self.0.lock().await;
        let control = kept.controls.recv().await;
        kept.stop_wanted |= control == Some(Control::Stop);
        control
    }

    /// Whether the attempt was to stop.
    pub(super) async fn stop_wanted(&self) -> bool {
        self.0.lock().await.stop_wanted
    }
}

/// Runs `first`, and after each panic what `again` makes, until one ends by itself.
pub(super) async fn restart_on_panic<F: Future<Output = ()>>(
    first: impl Future<Output = ()>,
    mut again: impl FnMut() -> F,
) {
    // What a follower holds is dropped with it; the next one reads all from the attempt's own files.
    let mut ended = AssertUnwindSafe(first).catch_unwind().await;
    while let Err(panic) = ended {
        tracing::error!(
            reason = panic_text(&panic),
            "the follower of an attempt fell over; the attempt is adopted again"
        );
        tokio::time::sleep(RETRY_DELAY).await;
        ended = AssertUnwindSafe(again()).catch_unwind().await;
    }
}

fn panic_text(panic: &Box<dyn Any + Send>) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn a_follower_that_falls_over_is_followed_by_another_with_all_orders() {
        let (controls, inbox) = Inbox::new();
        let fallen = Cell::new(0);
        controls.send(Control::Stop).await.unwrap();
        let (first, others) = (inbox.clone(), inbox.clone());
        let falls = async {
            assert_eq!(first.next().await, Some(Control::Stop));
            fallen.set(1);
            panic!("the first fell over");
        };
        restart_on_panic(falls, || {
            let inbox = others.clone();
            let fallen = &fallen;
            async move {
                assert!(inbox.stop_wanted().await, "it was ordered before");
                fallen.set(fallen.get() + 1);
                assert!(fallen.get() > 2, "the second falls over, too");
            }
        })
        .await;
        assert_eq!(fallen.get(), 3);
        controls.send(Control::Kill).await.unwrap();
        assert_eq!(inbox.next().await, Some(Control::Kill));
        drop(controls);
        assert_eq!(inbox.next().await, None);
    }
}
