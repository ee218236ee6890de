//! What a run of many rounds came to: who was hit in which step, and how it ended.

use super::{observer::Stage, plan::Victim};
use howdah::domain::Step;
use std::{collections::BTreeMap, fmt};

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    hits: BTreeMap<(Stage, Victim), u32>,
    /// Rounds in which somebody was killed.
    pub(crate) rounds: u64,
    /// Rounds that were over before anybody was.
    pub(crate) spared: u64,
    /// Orders that never became a session, since nobody was left to take them.
    pub(crate) unborn: u64,
    /// Attempts that it took, all rounds together.
    pub(crate) attempts: u64,
    /// Restored clusters that were started once more by hand.
    pub(crate) started: u64,
}

const VICTIMS: [Victim; 5] = [Victim::Owner, Victim::Worker, Victim::Engine, Victim::Backend, Victim::Client];

impl Stats {
    pub(crate) fn hit(&mut self, victim: Victim, stage: Stage) {
        *self.hits.entry((stage, victim)).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (hit, times) in other.hits {
            *self.hits.entry(hit).or_default() += times;
        }
        self.rounds += other.rounds;
        self.spared += other.spared;
        self.unborn += other.unborn;
        self.attempts += other.attempts;
        self.started += other.started;
    }

    pub(crate) fn kills(&self) -> u32 {
        self.hits.values().sum()
    }

    /// How often anybody was hit while this step was under way.
    pub(crate) fn in_step(&self, step: Step) -> u32 {
        self.hits.iter().filter(|((stage, _), _)| *stage == Stage::In(step)).map(|(_, times)| times).sum()
    }

    pub(crate) fn of(&self, victim: Victim) -> u32 {
        self.hits.iter().filter(|((_, hit), _)| *hit == victim).map(|(_, times)| times).sum()
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, spared, unborn, attempts, started, .. } = self;
        writeln!(f, "{rounds} rounds, {} kills, {attempts} attempts, {started} started by hand", self.kills())?;
        writeln!(f, "{spared} more were done before anybody was hit, {unborn} orders were never taken")?;
        write!(f, "{:10}", "")?;
        VICTIMS.iter().try_for_each(|victim| write!(f, "{:>9}", format!("{victim:?}").to_lowercase()))?;
        let mut stages: Vec<Stage> = self.hits.keys().map(|(stage, _)| *stage).collect();
        stages.dedup();
        for stage in stages {
            write!(f, "\n{stage:10}")?;
            for victim in VICTIMS {
                write!(f, "{:>9}", self.hits.get(&(stage, victim)).copied().unwrap_or(0))?;
            }
        }
        Ok(())
    }
}
