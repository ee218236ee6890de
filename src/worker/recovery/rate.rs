//! How fast replay was on this machine: `replay-rates.json` in the state directory.
//!
//! Promises: an expectation comes from replays that were seen here, and from nothing else. Never: holds up a restore; what
//! cannot be noted is not known later.

use crate::private_file;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
    time::Duration,
};

const NAME: &str = "replay-rates.json";

/// The last few say how it is now.
const KEPT: usize = 8;

/// Less WAL is replayed in a moment that says nothing of the rate.
const SMALLEST: u64 = 32 << 20;

/// A handful of numbers; more than this is something else.
const MAX_LEN: u64 = 1 << 16;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Rates {
    /// Bytes of WAL a second, the newest last.
    bytes_per_second: Vec<u64>,
}

/// Notes that so many bytes were replayed in this time.
pub(super) fn note(state: &Path, bytes: u64, took: Duration) -> io::Result<()> {
    if bytes < SMALLEST {
        return Ok(());
    }
    let mut rates = read(state)?;
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    rates.bytes_per_second.push(bytes.saturating_mul(1000) / millis);
    let surplus = rates.bytes_per_second.len().saturating_sub(KEPT);
    rates.bytes_per_second.drain(..surplus);
    // Of two workers that write at once one is forgotten: no more is lost than a number.
    let new = state.join(format!("{NAME}.{}", std::process::id()));
    let mut file = private_file::open(&new, OpenOptions::new().write(true).create(true).truncate(true))?;
    file.write_all(&serde_json::to_vec(&rates)?)?;
    fs::rename(&new, state.join(NAME))
}

/// How long the replay of so many bytes takes, at best and at worst, by what was seen here.
pub(in crate::worker) fn expected(state: &Path, bytes: u64) -> Option<(Duration, Duration)> {
    let rates = read(state).ok()?.bytes_per_second;
    let (slowest, fastest) = (rates.iter().min()?, rates.iter().max()?);
    let of = |rate: u64| Duration::from_millis(bytes.saturating_mul(1000) / rate.max(1));
    // One replay is no range: another may meet other work on the same machine.
    let worst = if rates.len() == 1 { of(*slowest).saturating_mul(2) } else { of(*slowest) };
    Some((of(*fastest), worst))
}

fn read(state: &Path) -> io::Result<Rates> {
    let mut text = Vec::new();
    match File::open(state.join(NAME)) {
        Ok(file) => drop(file.take(MAX_LEN).read_to_end(&mut text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Rates::default()),
        Err(error) => return Err(error),
    }
    // A file that says nothing is begun anew.
    Ok(serde_json::from_slice(&text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn what_is_expected_lies_between_the_slowest_and_the_fastest_that_were_seen() {
        let place = tempfile::tempdir().unwrap();
        let state = place.path();
        let (mib, second) = (1 << 20, Duration::from_secs(1));
        assert_eq!(expected(state, 1 << 30), None);
        note(state, SMALLEST - 1, second).unwrap();
        assert_eq!(expected(state, 1 << 30), None, "too short to say anything");
        note(state, 100 * mib, second).unwrap();
        let took = |bytes| expected(state, bytes).unwrap();
        assert_eq!(took(1000 * mib), (10 * second, 20 * second));
        note(state, 50 * mib, second).unwrap();
        assert_eq!(took(1000 * mib), (10 * second, 20 * second));
        note(state, 200 * mib, second).unwrap();
        assert_eq!(took(1000 * mib), (5 * second, 20 * second));
        for _ in 0..KEPT {
            note(state, 100 * mib, second).unwrap();
        }
        assert_eq!(took(1000 * mib), (10 * second, 10 * second), "what is long ago counts no more");
        fs::write(state.join(NAME), "{").unwrap();
        assert_eq!(expected(state, mib), None);
        note(state, 100 * mib, second).unwrap();
        assert_eq!(took(100 * mib), (second, 2 * second));
    }
}
