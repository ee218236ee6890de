//! What a run of many rounds came to: who was hit in which step, and how the runs of the job ended.

use crate::plan::Victim;
use howdah::domain::{JobResult, Step};
use std::{collections::BTreeMap, fmt};

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    hits: BTreeMap<(Option<Step>, Victim), u32>,
    pub(crate) results: BTreeMap<&'static str, u64>,
    pub(crate) rounds: u64,
    pub(crate) stops: u64,
    pub(crate) attempts: u64,
    /// Restore points that were made, and verified here.
    pub(crate) points: u64,
}

const VICTIMS: [Victim; 4] = [Victim::Owner, Victim::Worker, Victim::Program, Victim::Server];

impl Stats {
    pub(crate) fn hit(&mut self, victim: Victim, step: Option<Step>) {
        *self.hits.entry((step, victim)).or_default() += 1;
    }

    pub(crate) fn ended(&mut self, result: JobResult) {
        *self.results.entry(result.as_str()).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (hit, times) in other.hits {
            *self.hits.entry(hit).or_default() += times;
        }
        for (result, times) in other.results {
            *self.results.entry(result).or_default() += times;
        }
        self.rounds += 1;
        self.stops += other.stops;
        self.attempts += other.attempts;
        self.points += other.points;
    }

    pub(crate) fn of(&self, victim: Victim) -> u32 {
        self.hits.iter().filter(|((_, hit), _)| *hit == victim).map(|(_, times)| times).sum()
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hits, results, rounds, stops, attempts, points } = self;
        let kills: u32 = hits.values().sum();
        writeln!(f, "{rounds} rounds, {kills} kills, {stops} stops, {attempts} attempts, {points} points made")?;
        writeln!(f, "{results:?}")?;
        write!(f, "{:12}", "")?;
        VICTIMS.iter().try_for_each(|victim| write!(f, "{:>9}", format!("{victim:?}").to_lowercase()))?;
        let mut steps: Vec<Option<Step>> = hits.keys().map(|(step, _)| *step).collect();
        steps.dedup();
        for step in steps {
            let name = step.map_or_else(|| "between".to_owned(), |step| step.to_string());
            write!(f, "\n{name:12}")?;
            for victim in VICTIMS {
                write!(f, "{:>9}", hits.get(&(step, victim)).copied().unwrap_or(0))?;
            }
        }
        Ok(())
    }
}
