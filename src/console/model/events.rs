//! What the journal tells of one session or run, as its page shows it.
//!
//! Promises: what is shown is printable, and bounded: of a very long story the newest part is kept, and how much is
//! missing is told.

use crate::{
    console::{format, ports::EventHistory},
    domain::Timestamp,
};
use std::{sync::Arc, time::Duration};

/// The story of one session, or of one run of a job, as it was read last.
#[derive(Debug, Clone)]
pub struct Events<T> {
    /// The session or run as it stood when the story was asked for.
    pub of: Arc<T>,
    /// When it was read, in steady time.
    pub read: Timestamp,
    /// How many events came before those that are kept.
    pub left_out: usize,
    /// The newest events, oldest first, safe to show; or why they could not be read.
    pub history: Result<EventHistory, String>,
}

/// How often the events in view are read again while their session changes.
pub const EVENTS_EVERY: Duration = Duration::from_secs(1);

/// An attempt leaves about ten events, so this is the story of a hundred attempts; it is wrapped anew for each frame.
const KEPT: usize = 1_000;

impl<T> Events<T> {
    /// Takes in what was read.
    pub fn new(of: Arc<T>, read: Timestamp, history: Result<EventHistory, String>) -> Self {
        let left_out = history.as_ref().map_or(0, |history| history.len().saturating_sub(KEPT));
        let clean = |(at, text): (Timestamp, String)| (at, one_form(&format::clean(&text)));
        let history = history
            .map(|history| history.into_iter().skip(left_out).map(clean).collect())
            .map_err(|cause| format::clean(&cause).into_owned());
        Self { of, read, left_out, history }
    }
}

/// A sentence whose moments are written as those beside it are: the journal's own form has another order and length.
fn one_form(sentence: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches([',', ';', ':', '.']);
        let moment = Some(bare).filter(|bare| bare.ends_with('Z')).and_then(|bare| bare.parse::<Timestamp>().ok());
        moment.map_or_else(|| word.to_owned(), |at| format!("{}{}", format::event_time(at), &word[bare.len()..]))
    };
    sentence.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
