//! A list of steps that breaks a rule, made shorter.

use super::{simulation::Simulation, step::Step};
use std::{
    fmt::Write as _,
    panic::{self, AssertUnwindSafe},
};

/// A rule that was broken.
#[derive(Debug)]
pub(crate) struct Broken {
    /// Which one, in a sentence.
    rule: String,
    /// The steps up to there, as they came out.
    played: Vec<String>,
}

/// Plays steps in a round with this number until a rule is broken.
pub(crate) fn broken_rule(round: u64, steps: &[Step]) -> Result<(), Broken> {
    let mut played = Vec::new();
    let mut simulation = Simulation::new(round);
    for step in steps {
        match panic::catch_unwind(AssertUnwindSafe(|| simulation.play(step))) {
            Ok((words, holds)) => {
                played.push(words);
                if let Err(rule) = holds {
                    return Err(Broken { rule, played });
                }
            }
            Err(panicked) => {
                let text = panicked.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panicked.downcast_ref::<&str>().copied()).unwrap_or("without a word");
                played.push(format!("{step:?}"));
                return Err(Broken { rule: format!("it panicked: {text}"), played });
            }
        }
    }
    Ok(())
}

/// The shortest list that still breaks a rule, found by leaving out halves, quarters, and so on down to single steps.
pub(crate) fn shortest(round: u64, steps: &[Step], mut broken: Broken) -> String {
    let mut kept = steps[..broken.played.len()].to_vec();
    let mut part = kept.len().div_ceil(2);
    loop {
        let mut from = 0;
        while from < kept.len() {
            let mut fewer = kept.clone();
            fewer.drain(from..(from + part).min(kept.len()));
            match broken_rule(round, &fewer) {
                Err(other) => {
                    fewer.truncate(other.played.len());
                    (kept, broken) = (fewer, other);
                }
                Ok(()) => from += part,
            }
        }
        if part == 1 {
            break;
        }
        part = part.div_ceil(2);
    }
    let mut text = broken.rule;
    for played in &broken.played {
        write!(text, "\n  {played}").unwrap();
    }
    text
}
