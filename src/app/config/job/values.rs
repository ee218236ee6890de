//! The values of a job's keys that are more than a text or a number.

use super::super::{duration, span_text};
use crate::domain::{InstanceName, JobSpec, Rate, RetryPolicy};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::time::Duration;

/// `retry` of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobRetry {
    /// Tries of an object.
    pub tries: u32,
    /// From a failure to the next try, such as `10m`.
    #[serde(deserialize_with = "duration", serialize_with = "write_duration")]
    pub every: Duration,
}

impl Default for JobRetry {
    fn default() -> Self {
        let RetryPolicy { tries, every, .. } = JobSpec::default_policy();
        Self { tries, every }
    }
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

fn write_duration<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&span_text(*span))
}
