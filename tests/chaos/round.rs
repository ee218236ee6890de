//! What the rounds have hit.

use howdah::domain::Step;
use std::{collections::BTreeMap, fmt};

/// Who was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Victim {
    Owner,
    Worker,
    Server,
}

/// Rounds and kills so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) rounds: u32,
    kills: BTreeMap<(Victim, Option<Step>), u32>,
    /// Moments at which the one who was to be killed was not there.
    misses: u32,
}

impl Tally {
    pub(crate) fn killed(&mut self, victim: Option<Victim>, step: Option<Step>) {
        match victim {
            Some(victim) => *self.kills.entry((victim, step)).or_default() += 1,
            None => self.misses += 1,
        }
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.rounds += other.rounds;
        self.misses += other.misses;
        for (hit, count) in other.kills {
            *self.kills.entry(hit).or_default() += count;
        }
        self
    }

    /// Each kind of process, and each part of the course, had its kills: else the moments were badly chosen.
    pub(crate) fn has_hit_everything(&self) {
        let count = |wanted: &dyn Fn(Victim, Option<Step>) -> bool| -> u32 {
            self.kills.iter().filter(|((victim, step), _)| wanted(*victim, *step)).map(|(_, count)| count).sum()
        };
        for victim in [Victim::Owner, Victim::Worker, Victim::Server] {
            assert!(count(&|one, _| one == victim) > 0, "no {victim:?} was killed\n{self}");
        }
        assert!(count(&|_, step| step == Some(Step::Copy)) > 0, "no kill during the copy\n{self}");
        let serving = [Step::Start, Step::Replay, Step::Probe];
        assert!(
            count(&|_, step| step.is_some_and(|step| serving.contains(&step))) > 0,
            "no kill beside a server\n{self}"
        );
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rounds, {} kills, {} misses", self.rounds, self.kills.values().sum::<u32>(), self.misses)?;
        for ((victim, step), count) in &self.kills {
            let step = step.map_or_else(|| "before the first step".to_owned(), |step| format!("in or after {step}"));
            writeln!(f, "  {count:5} {victim:?} {step}")?;
        }
        Ok(())
    }
}
