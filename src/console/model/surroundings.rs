//! The commits that were read around a goal, and the goals that they are the surroundings of.
//!
//! Promise: between two of them there is no other, so they hold for each goal that lies among them, and for no other.

use crate::{
    console::message::NearGoal,
    domain::{NearbyCommits, Timeline, WalCommit},
};

/// A place that commits are read around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoalPlace {
    /// The timeline that it is on.
    pub timeline: Timeline,
    /// Where on it.
    pub near: NearGoal,
}

/// The commits around a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// The place that they were read around.
    pub of: GoalPlace,
    /// What was read.
    pub commits: NearbyCommits,
}

impl Surroundings {
    /// All that were read, in the order of the WAL.
    pub fn all(&self) -> impl Iterator<Item = &WalCommit> {
        self.commits.before.iter().chain(&self.commits.after)
    }

    /// Whether they are what stands around this place, too.
    pub fn hold_for(&self, place: GoalPlace) -> bool {
        if self.of == place {
            return true;
        }
        if self.of.timeline != place.timeline {
            return false;
        }
        match (self.of.near, place.near) {
            (NearGoal::Moment(of), NearGoal::Moment(at)) => among(of, at, self.all().map(|commit| commit.at)),
            (NearGoal::Position(of), NearGoal::Position(at)) => among(of, at, self.all().map(|commit| commit.lsn)),
            (NearGoal::Moment(_), NearGoal::Position(_)) | (NearGoal::Position(_), NearGoal::Moment(_)) => false,
        }
    }
}

/// Whether it lies between the first and the last of what was read around `of`.
fn among<T: Ord + Copy>(of: T, at: T, all: impl Iterator<Item = T>) -> bool {
    let (first, last) = all.fold((of, of), |(first, last), one| (first.min(one), last.max(one)));
    (first..=last).contains(&at)
}
