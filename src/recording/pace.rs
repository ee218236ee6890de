//! How fast a recording is shown, and how long its pauses may be.

use super::{Micros, decimal::scaled};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// How many times faster than it was recorded; from a quarter to 16 times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speed {
    hundredths: u64,
}

/// What becomes of long pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdleLimit {
    /// What the recording itself says.
    #[default]
    OfRecording,
    /// Every pause is as long as it was.
    None,
    /// No pause is longer than this.
    AtMost(Micros),
}

/// A text that is no speed, or no limit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the sentences say it")]
pub enum NotAPace {
    #[error("{0:?} is no speed: write a number from 0.25 to 16, such as 2")]
    Speed(String),
    #[error("{0:?} is no limit of pauses: write seconds above 0, such as 1.5, or none")]
    IdleLimit(String),
}

/// The speeds that keys choose from, in hundredths.
const STEPS: [u64; 7] = [25, 50, 100, 200, 400, 800, 1_600];

impl Speed {
    /// As it was recorded.
    pub const NORMAL: Self = Self { hundredths: 100 };

    /// The next step up, or the same at the top.
    #[must_use]
    pub fn faster(self) -> Self {
        let hundredths = STEPS.into_iter().find(|step| *step > self.hundredths).unwrap_or(self.hundredths);
        Self { hundredths }
    }

    /// The next step down, or the same at the bottom.
    #[must_use]
    pub fn slower(self) -> Self {
        let hundredths = STEPS.into_iter().rev().find(|step| *step < self.hundredths).unwrap_or(self.hundredths);
        Self { hundredths }
    }

    /// How much of a recording is shown in this time.
    pub fn shown_in(self, time: Micros) -> Micros {
        Micros(u64::try_from(u128::from(time.0) * u128::from(self.hundredths) / 100).unwrap_or(u64::MAX))
    }

    /// How long it takes to show so much of a recording, rounded up.
    pub fn time_for(self, shown: Micros) -> Micros {
        let time = (u128::from(shown.0) * 100).div_ceil(u128::from(self.hundredths));
        Micros(u64::try_from(time).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Speed {
    /// `x1`, `x0.25`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("x{}.{:02}", self.hundredths / 100, self.hundredths % 100);
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl FromStr for Speed {
    type Err = NotAPace;

    fn from_str(text: &str) -> Result<Self, NotAPace> {
        let hundredths = scaled(text.strip_prefix('x').unwrap_or(text), 2).ok();
        let within = hundredths.filter(|hundredths| (STEPS[0]..=STEPS[STEPS.len() - 1]).contains(hundredths));
        within.map(|hundredths| Self { hundredths }).ok_or_else(|| NotAPace::Speed(text.to_owned()))
    }
}

impl FromStr for IdleLimit {
    type Err = NotAPace;

    fn from_str(text: &str) -> Result<Self, NotAPace> {
        if text == "none" {
            return Ok(Self::None);
        }
        match scaled(text, 6) {
            Ok(micros @ 1..) => Ok(Self::AtMost(Micros(micros))),
            Ok(0) | Err(_) => Err(NotAPace::IdleLimit(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn speeds_are_read_shown_and_stepped_through() {
        for (text, shown) in
            [("1", "x1"), ("0.25", "x0.25"), ("x2", "x2"), ("1.5", "x1.5"), ("16", "x16"), ("10", "x10")]
        {
            assert_eq!(text.parse::<Speed>().unwrap().to_string(), shown);
        }
        for bad in ["", "0", "0.2", "16.01", "-1", "fast", "NaN", "1e9"] {
            assert_eq!(bad.parse::<Speed>(), Err(NotAPace::Speed(bad.to_owned())));
        }
        let odd: Speed = "3".parse().unwrap();
        assert_eq!([odd.faster().to_string(), odd.slower().to_string()], ["x4", "x2"]);
        let (top, bottom): (Speed, Speed) = ("16".parse().unwrap(), "0.25".parse().unwrap());
        assert_eq!((top.faster(), bottom.slower()), (top, bottom));
        assert_eq!(odd.shown_in(Micros(5)), Micros(15));
        assert_eq!(odd.time_for(Micros(16)), Micros(6));
        assert_eq!(top.shown_in(Micros(u64::MAX)), Micros(u64::MAX));
    }

    #[test]
    fn a_limit_of_pauses_is_a_time_or_none() {
        assert_eq!("1.5".parse(), Ok(IdleLimit::AtMost(Micros(1_500_000))));
        assert_eq!("none".parse(), Ok(IdleLimit::None));
        for bad in ["0", "-1", "", "soon"] {
            assert_eq!(bad.parse::<IdleLimit>(), Err(NotAPace::IdleLimit(bad.to_owned())));
        }
    }
}
