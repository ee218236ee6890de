//! Amounts with their unit: bytes and bytes per second.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};
use thiserror::Error;

/// A number of bytes. Shown with binary units (1 KiB is 1,024 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct ByteCount(pub u64);

/// A bandwidth in bytes per second; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Rate(u64);

/// A text that is not an amount of bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{given:?} is not an amount of bytes: write a whole number, or one with k, M, G or T behind it, such as 100M")]
pub struct NotAnAmount {
    given: String,
}

const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, size) in UNITS {
            if self.0 >= size {
                return f.pad(&format!("{:.1} {name}", self.0 as f64 / size as f64));
            }
        }
        f.pad(&format!("{} B", self.0))
    }
}

impl FromStr for ByteCount {
    type Err = NotAnAmount;

    /// Reads `1048576`, `100k`, `100M`, `1.5G` or `2T` (also `MB` and `MiB`); the units are binary, as PostgreSQL's are.
    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let refuse = || NotAnAmount { given: text.to_owned() };
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let factor: u64 = match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
            "" => 1,
            "k" => 1 << 10,
            "m" => 1 << 20,
            "g" => 1 << 30,
            "t" => 1 << 40,
            _ => return Err(refuse()),
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(factor).map(Self).ok_or_else(refuse);
        }
        let value: f64 = number.parse().map_err(|_| refuse())?;
        let bytes = value * factor as f64;
        // Above 2^53 a double no longer counts single bytes, and nobody writes such an amount with a fraction.
        if !(0.0..=9_007_199_254_740_992.0).contains(&bytes) {
            return Err(refuse());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked just above")]
        Ok(Self(bytes as u64))
    }
}

impl Rate {
    /// The rate, or `None` for zero: nothing could ever be copied at that speed.
    pub const fn per_second(bytes: u64) -> Option<Self> {
        if bytes == 0 { None } else { Some(Self(bytes)) }
    }

    /// Bytes per second.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", ByteCount(self.0))
    }
}

impl TryFrom<u64> for Rate {
    type Error = String;

    fn try_from(bytes: u64) -> Result<Self, String> {
        Self::per_second(bytes).ok_or_else(|| "a rate of zero bytes a second".to_owned())
    }
}

impl From<Rate> for u64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl FromStr for Rate {
    type Err = NotAnAmount;

    /// As for [`ByteCount`], with an optional `/s`.
    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let amount: ByteCount = text.trim().trim_end_matches("/s").parse()?;
        Self::per_second(amount.0).ok_or_else(|| NotAnAmount { given: text.to_owned() })
    }
}

/// A number as people read it: `2,611`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of something: `1 session`, `2,611 sessions`.
pub fn many(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", count(number)) }
}

/// A length of time as a log tells it: `0.3 s`, `12 min 5 s`, `3 h 20 min`.
pub fn seconds(length: Duration) -> String {
    let whole = length.as_secs();
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{:.1} s", length.as_secs_f64()),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_binary_units_and_shown_short() {
        for (text, bytes, shown) in [
            ("0", 0, "0 B"),
            ("1023", 1023, "1023 B"),
            ("1k", 1024, "1.0 KiB"),
            ("100M", 104_857_600, "100.0 MiB"),
            ("1.5 GiB", 1_610_612_736, "1.5 GiB"),
            ("2TB", 2 << 40, "2.0 TiB"),
        ] {
            let amount: ByteCount = text.parse().expect(text);
            assert_eq!((amount.0, amount.to_string().as_str()), (bytes, shown), "{text}");
        }
    }

    #[test]
    fn numbers_are_grouped_and_one_is_singular() {
        assert_eq!([0, 999, 4_213, 1_000_000].map(count), ["0", "999", "4,213", "1,000,000"]);
        assert_eq!([0, 1, 1_276].map(|number| many(number, "file")), ["0 files", "1 file", "1,276 files"]);
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for text in ["", "x", "-1", "1X", "99999999999999T", "1e400G", "."] {
            assert!(text.parse::<ByteCount>().is_err(), "{text}");
        }
        assert!("0".parse::<Rate>().is_err());
        assert_eq!("10M/s".parse::<Rate>().expect("a rate").bytes(), 10 << 20);
    }
}
