//! What the threads find, brought together.
//!
//! Promises: at most so many findings wait; who finds more waits until they are taken. Each damage is handed on once.
//! Never: takes a file that could not be read for a damaged one.

use crate::domain::{Damage, Failure, FailureClass, Verification, instance::printable};
use std::sync::mpsc::Receiver;

/// Findings that may wait. They are taken twenty times in a second, so that the threads hardly ever wait for it.
pub(super) const WAITING: usize = 16 << 10;

/// Something that a thread has found.
#[derive(Debug)]
pub(super) enum Finding {
    Damage(Damage),
    /// What was not checked, and why.
    Unchecked(String),
    /// A file that could not be read.
    Unread(Failure),
}

/// The findings of all threads.
#[derive(Debug)]
pub(super) struct Findings {
    receiver: Receiver<Finding>,
    /// The first file that could not be read; one that needs a person before one that waiting may bring back.
    unread: Option<Failure>,
    unread_total: u64,
}

/// Notes a damage, and hands it on.
pub(super) fn add(verification: &mut Verification, damage: Damage, found: &mut dyn FnMut(&Damage)) {
    found(&damage);
    verification.add(damage);
}

impl Findings {
    pub(super) const fn new(receiver: Receiver<Finding>) -> Self {
        Self { receiver, unread: None, unread_total: 0 }
    }

    /// Takes what was found so far.
    pub(super) fn take_in(&mut self, verification: &mut Verification, found: &mut dyn FnMut(&Damage)) {
        for finding in self.receiver.try_iter() {
            match finding {
                Finding::Damage(damage) => add(verification, damage, found),
                Finding::Unchecked(sentence) => verification.unchecked.push(printable(&sentence)),
                Finding::Unread(failure) => {
                    self.unread_total += 1;
                    let waiting = |failure: &Failure| failure.class == FailureClass::Disruption;
                    if self.unread.as_ref().is_none_or(|held| waiting(held) && !waiting(&failure)) {
                        self.unread = Some(failure);
                    }
                }
            }
        }
    }

    /// The failure of a stage in which files could not be read.
    pub(super) fn unread(&mut self, verification: &Verification) -> Option<Failure> {
        let mut failure = self.unread.take()?;
        if self.unread_total > 1 {
            failure.cause = format!("{}; {} files in all could not be read", failure.cause, self.unread_total);
        }
        if !verification.is_sound() {
            failure.cause = format!("{}; damages found so far: {}", failure.cause, verification.damages_total);
        }
        Some(failure)
    }
}
