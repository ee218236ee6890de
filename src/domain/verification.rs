//! What reading a backup to its end has found: which files and which WAL are not as they should be.

use super::{ByteCount, Lsn, Timeline, instance::printable, quantity::many};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The damages that a record keeps; how many there are in all is counted beside them.
pub const MAX_DAMAGES: usize = 1000;

/// What was read of a backup, and what was found in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verification {
    /// Files whose bytes were compared with the manifest, WAL not included.
    pub files: u64,
    /// Their bytes.
    pub bytes: ByteCount,
    /// Bytes of WAL whose records were checked.
    pub wal_bytes: ByteCount,
    /// The first [`MAX_DAMAGES`] damages, in the order of their names.
    pub damages: Vec<Damage>,
    /// How many damages there are.
    pub damages_total: u64,
    /// What was not checked, each with its reason (S15): printable sentences.
    pub unchecked: Vec<String>,
}

/// One thing in a backup that is not as it should be. Names are printable and relative to the cluster's data directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// The manifest itself is altered or cannot be read to its end.
    Manifest {
        /// How.
        problem: String,
    },
    /// An archive cannot be unpacked to its end.
    Archive {
        /// Its name.
        file: String,
        /// How.
        problem: String,
    },
    /// A file has its size, and other bytes.
    Altered {
        /// Which.
        file: String,
    },
    /// A file has another size.
    WrongSize {
        /// Which.
        file: String,
        /// The size that the manifest tells.
        expected: ByteCount,
        /// The size that it has.
        found: ByteCount,
    },
    /// The manifest lists a file that is not there.
    Missing {
        /// Which.
        file: String,
    },
    /// A file is there that the manifest does not list, or something that is no file.
    Extra {
        /// Which.
        file: String,
    },
    /// A file is there twice; one of the two was compared.
    Duplicate {
        /// Which.
        file: String,
    },
    /// WAL that the backup needs is missing or damaged from here on.
    Wal {
        /// On this timeline.
        timeline: Timeline,
        /// The first position that cannot be read.
        at: Lsn,
        /// How.
        problem: String,
    },
}

impl Verification {
    /// Whether what was read is as it should be.
    pub const fn is_sound(&self) -> bool {
        self.damages_total == 0
    }

    /// Counts a damage, and keeps it if it is one of the first by name.
    pub fn add(&mut self, damage: Damage) {
        self.damages_total += 1;
        let at = self.damages.partition_point(|kept| kept.order() <= damage.order());
        if at < MAX_DAMAGES {
            self.damages.truncate(MAX_DAMAGES - 1);
            self.damages.insert(at, damage);
        }
    }
}

impl Damage {
    /// What damages are sorted by: their names; the WAL, whose positions are its names, comes behind the files.
    fn order(&self) -> (bool, &str, &Self) {
        match self {
            Self::Manifest { .. } => (false, "backup_manifest", self),
            Self::Archive { file, .. }
            | Self::Altered { file }
            | Self::WrongSize { file, .. }
            | Self::Missing { file }
            | Self::Extra { file }
            | Self::Duplicate { file } => (false, file, self),
            Self::Wal { .. } => (true, "", self),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest { problem } => write!(f, "backup_manifest: {}", printable(problem)),
            Self::Archive { file, problem } => write!(f, "{}: {}", printable(file), printable(problem)),
            Self::Altered { file } => write!(f, "altered: {}", printable(file)),
            Self::WrongSize { file, expected, found } if found < expected => {
                write!(f, "short: {}: {} of {} bytes", printable(file), found.0, expected.0)
            }
            Self::WrongSize { file, expected, found } => {
                write!(f, "too long: {}: {} bytes, not {}", printable(file), found.0, expected.0)
            }
            Self::Missing { file } => write!(f, "missing: {}", printable(file)),
            Self::Extra { file } => write!(f, "not in the manifest: {}", printable(file)),
            Self::Duplicate { file } => write!(f, "there twice: {}", printable(file)),
            Self::Wal { timeline, at, problem } => {
                write!(f, "WAL at {at} on timeline {}: {}", timeline.0, printable(problem))
            }
        }
    }
}

impl fmt::Display for Verification {
    /// The result in one line: how much was read, or how much is damaged and the first of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.damages.first(), self.damages_total) {
            (Some(first), 1) => write!(f, "damaged: {first}")?,
            (Some(first), total) => write!(f, "damaged in {total} places: {first}; and more")?,
            (None, _) if self.wal_bytes.0 > 0 => {
                write!(f, "{} verified, {}, and {} of WAL", many(self.files, "file"), self.bytes, self.wal_bytes)?;
            }
            (None, _) => write!(f, "{} verified, {}", many(self.files, "file"), self.bytes)?,
        }
        for unchecked in &self.unchecked {
            write!(f, "; not verified: {}", printable(unchecked))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s15_damage_is_counted_beyond_what_is_kept_and_said_first() {
        let mut found = Verification { files: 3, bytes: ByteCount(2048), ..Verification::default() };
        assert!(found.is_sound());
        assert_eq!(found.to_string(), "3 files verified, 2.0 KiB");
        found.add(Damage::Missing { file: "base/1/\u{1b}[2J".to_owned() });
        assert!(!found.is_sound() && !found.to_string().contains('\u{1b}'), "{found}");
        for _ in 0..MAX_DAMAGES {
            found.add(Damage::Altered { file: "global/1262".to_owned() });
        }
        assert_eq!((found.damages.len(), found.damages_total), (MAX_DAMAGES, MAX_DAMAGES as u64 + 1));
        found.unchecked.push("WAL: none".to_owned());
        let shown = found.to_string();
        assert!(
            shown.starts_with("damaged in 1001 places: missing: base/1/") && shown.ends_with("not verified: WAL: none")
        );
    }

    #[test]
    fn the_damages_that_are_kept_are_the_first_by_name_whenever_they_come() {
        let mut found = Verification::default();
        let total = MAX_DAMAGES + 500;
        for at in (0..total).rev().step_by(2).chain((0..total).step_by(2)) {
            found.add(Damage::Missing { file: format!("base/1/{at:05}") });
        }
        found.add(Damage::Manifest { problem: "altered".to_owned() });
        found.add(Damage::Wal { timeline: Timeline(1), at: Lsn(7), problem: "gone".to_owned() });
        assert_eq!((found.damages.len(), found.damages_total), (MAX_DAMAGES, total as u64 + 2));
        assert_eq!(found.damages[0], Damage::Manifest { problem: "altered".to_owned() });
        let names = (0..MAX_DAMAGES - 1).map(|at| Damage::Missing { file: format!("base/1/{at:05}") });
        assert!(found.damages[1..].iter().cloned().eq(names));
    }

    #[test]
    fn a_size_says_in_which_direction_it_is_wrong() {
        let size = |expected, found| Damage::WrongSize {
            file: "a".to_owned(),
            expected: ByteCount(expected),
            found: ByteCount(found),
        };
        assert_eq!(size(10, 4).to_string(), "short: a: 4 of 10 bytes");
        assert_eq!(size(10, 14).to_string(), "too long: a: 14 bytes, not 10");
    }
}
