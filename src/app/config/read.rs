//! How values of `[[job]]` are read and written.

use crate::domain::{InstanceName, Rate};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
use std::{num::NonZeroU16, time::Duration};

pub(super) const fn one() -> NonZeroU16 {
    NonZeroU16::MIN
}

/// A name that the command line can say: `NAME#3` is its third run.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let is_safe = InstanceName::new(&name).as_str() == name;
    if name.trim() != name || name.is_empty() || name.starts_with('-') || name.contains('#') || !is_safe {
        return Err(D::Error::custom(format!(
            "{name:?} is no name of a job or an object: it needs a printable character, and has no # in it, no - at its \
             beginning and no blank around it"
        )));
    }
    Ok(name)
}

pub(super) fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Rate>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
}

pub(super) fn write_duration<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&super::span_text(*span))
}
