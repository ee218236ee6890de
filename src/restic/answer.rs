//! What restic answers in JSON (its manual, "Scripting").

use crate::domain::{ByteCount, Failure, Timestamp, workload::snapshot_label};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use std::path::PathBuf;

/// One snapshot of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Snapshot {
    /// 64 hexadecimal digits.
    pub(crate) id: String,
    /// When it was begun.
    pub(crate) time: Timestamp,
    /// What was backed up. Bytes that are no text were replaced by whoever wrote the list.
    #[serde(default)]
    pub(crate) paths: Vec<PathBuf>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) tags: Vec<String>,
    #[serde(default)]
    pub(crate) hostname: String,
    /// What its maker has counted; restic before 0.17 stores none.
    #[serde(default)]
    pub(crate) summary: Option<Counted>,
}

/// What restic counts when it makes a snapshot, as far as it is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Counted {
    /// The bytes of all files.
    pub(crate) total_bytes_processed: u64,
}

/// A lock in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Lock {
    /// When it was taken, or refreshed, which its owner does every five minutes.
    pub(crate) time: Timestamp,
    pub(crate) hostname: String,
    pub(crate) pid: u32,
    /// Left out for root.
    #[serde(default)]
    pub(crate) uid: u32,
    /// Nobody else may read meanwhile, since pieces are removed.
    #[serde(default)]
    pub(crate) exclusive: bool,
}

impl Snapshot {
    pub(crate) fn has(&self, tag: &str) -> bool {
        self.tags.iter().any(|found| found == tag)
    }

    /// What a person calls it.
    pub(crate) fn label(&self) -> String {
        snapshot_label(self.time, &self.id)
    }
}

/// The identifier in a repository's configuration.
pub(crate) fn identifier(answer: &str) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Config {
        id: String,
    }
    let Config { id } = read(answer)?;
    if is_identifier(&id) { Ok(id) } else { Err(unknown(answer)) }
}

/// The snapshots of a list; `null` is an empty one.
pub(crate) fn snapshots(answer: &str) -> Result<Vec<Snapshot>, Failure> {
    let found: Option<Vec<Snapshot>> = read(answer)?;
    let found = found.unwrap_or_default();
    if found.iter().all(|snapshot| is_identifier(&snapshot.id)) { Ok(found) } else { Err(unknown(answer)) }
}

/// The bytes that a snapshot takes when it is restored.
pub(crate) fn size(answer: &str) -> Result<ByteCount, Failure> {
    #[derive(Deserialize)]
    struct Stats {
        total_size: u64,
    }
    let Stats { total_size } = read(answer)?;
    Ok(ByteCount(total_size))
}

/// A lock, or nothing that could be one.
pub(crate) fn lock(answer: &str) -> Option<Lock> {
    serde_json::from_str(answer).ok()
}

/// Whether it is the name of something in a repository, and so can be part of a path.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A list; Go writes an empty one as `null`.
fn list<'de, D: Deserializer<'de>>(found: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(found)?.unwrap_or_default())
}

fn read<T: DeserializeOwned>(answer: &str) -> Result<T, Failure> {
    serde_json::from_str(answer).map_err(|_| unknown(answer))
}

/// The failure of an answer that is none.
pub(crate) fn unknown(answer: &str) -> Failure {
    let first = answer.lines().next().unwrap_or_default();
    let shown: String = first.chars().take(80).collect();
    Failure::incurable(format!("this restic answers what howdah does not know: {shown:?}"), "use another version of it")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn a_snapshot_has_a_label_and_what_is_none_is_no_answer() {
        let id = "566846ac07164dfbf0b515f88ecd070e17dbaba1df39a41258b67a067081da80";
        let text = |id: &str| {
            format!(
                "[{{\"time\":\"2026-11-23T02:17:00.738069104+01:00\",\"paths\":[\"/a\"],\"tags\":[\"x\"],\"id\":\"{id}\"}}]"
            )
        };
        let found = snapshots(&text(id)).unwrap();
        assert_eq!(found[0].label(), "2026-11-23T011700-566846ac");
        assert!(found[0].has("x") && !found[0].has("y"));
        assert_eq!(snapshots("null").unwrap(), []);
        for strange in [text("../../etc"), text(&id[1..]), "{}".to_owned(), String::new()] {
            assert!(snapshots(&strange).unwrap_err().cause.contains("does not know"), "{strange}");
        }
        assert_eq!(identifier(&format!("{{\"version\":2,\"id\":\"{id}\"}}")).unwrap(), id);
        assert!(identifier("{\"id\":\"x\"}").is_err());
        let root = "{\"time\":\"2026-11-23T02:17:33Z\",\"exclusive\":false,\"hostname\":\"vm\",\"pid\":4680}";
        assert_eq!(lock(root).unwrap().uid, 0);
    }
}
