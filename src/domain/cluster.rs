//! What identifies a PostgreSQL cluster and a place in its write-ahead log.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// A log sequence number: a byte position in the WAL, written `16/B374D848` (high and low 32 bits in hex).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

/// A timeline of a cluster; a new one begins with each promotion. Counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timeline(pub u32);

/// What `initdb` gave a cluster to tell it from all others (`pg_control`, first eight bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SystemIdentifier(pub u64);

/// A cluster that may not be known yet, as text: it takes 64 bits, and JSON numbers of many readers hold 53.
pub mod identifier_as_text {
    use super::SystemIdentifier;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// The digits, or `null`.
    pub fn serialize<S: Serializer>(identifier: &Option<SystemIdentifier>, serializer: S) -> Result<S::Ok, S::Error> {
        match identifier {
            Some(identifier) => serializer.collect_str(identifier),
            None => serializer.serialize_none(),
        }
    }

    /// The reverse.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemIdentifier>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| text.parse().map(SystemIdentifier).map_err(D::Error::custom)).transpose()
    }
}

/// A major version of PostgreSQL, such as 15: data directories and binaries must agree on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MajorVersion(pub u32);

/// A text that is not an LSN.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not an LSN: two hexadecimal numbers with a slash between them, such as 16/B374D848")]
pub struct NotAnLsn(String);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF))
    }
}

impl FromStr for Lsn {
    type Err = NotAnLsn;

    fn from_str(text: &str) -> Result<Self, NotAnLsn> {
        let refuse = || NotAnLsn(text.to_owned());
        let (high, low) = text.split_once('/').ok_or_else(refuse)?;
        let part = |part: &str| {
            let hex = !part.is_empty() && part.len() <= 8 && part.bytes().all(|b| b.is_ascii_hexdigit());
            if hex { u32::from_str_radix(part, 16).map_err(|_| refuse()) } else { Err(refuse()) }
        };
        Ok(Self(u64::from(part(high)?) << 32 | u64::from(part(low)?)))
    }
}

impl Serialize for Lsn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lsn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SystemIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for MajorVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_lsn_is_read_and_written_as_postgresql_does() {
        assert_eq!("16/B374D848".parse(), Ok(Lsn(0x16_B374_D848)));
        assert_eq!(Lsn(0x16_B374_D848).to_string(), "16/B374D848");
        assert_eq!("0/0".parse(), Ok(Lsn(0)));
        for text in ["", "/", "1", "1/", "G/1", "+1/2", "1/123456789"] {
            assert!(text.parse::<Lsn>().is_err(), "{text}");
        }
    }
}
