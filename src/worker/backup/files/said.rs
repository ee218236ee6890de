//! What `restic backup --json` says while it works: a line of JSON for each thing, and bare lines for the rest.

use crate::domain::{ByteCount, instance::printable, quantity::count};
use serde::Deserialize;
use std::{collections::VecDeque, io};

/// Bare lines that are kept, among which is the reason when it gives up.
const KEPT: usize = 50;

/// Entries that could not be read and are named one by one.
const NAMED: usize = 3;

/// All that counts of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// How far it has come.
    pub(super) status: Option<Status>,
    /// What it says it has made, once it has.
    pub(super) summary: Option<Summary>,
    unread: u64,
    named: Vec<String>,
    lines: VecDeque<String>,
}

/// How far it has come. The totals grow until it has seen the whole tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) total_files: u64,
    pub(super) files_done: u64,
    pub(super) total_bytes: u64,
    pub(super) bytes_done: u64,
}

/// Its last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    /// The snapshot's identifier, or its beginning.
    pub(super) snapshot: String,
    /// The bytes of all files that it has seen.
    pub(super) bytes: ByteCount,
}

/// A line of JSON. Kinds that a newer restic adds are of no interest.
#[derive(Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
enum Message {
    Status(Status),
    Summary {
        snapshot_id: String,
        total_bytes_processed: u64,
    },
    Error {
        #[serde(default)]
        error: Cause,
        #[serde(default)]
        during: String,
        #[serde(default)]
        item: String,
    },
    #[serde(other)]
    Other,
}

/// Before 0.17 the number of the system's error at best; since then a sentence.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Cause {
    #[serde(rename = "Err")]
    number: Option<i32>,
    message: Option<String>,
}

impl Said {
    /// One line; whether it is worth keeping for a person.
    pub(super) fn hear(&mut self, line: &str) -> bool {
        let line = line.trim();
        match serde_json::from_str::<Message>(line) {
            Ok(Message::Status(status)) => self.status = Some(status),
            Ok(Message::Summary { snapshot_id, total_bytes_processed }) => {
                let is_name = snapshot_id.len() >= 8 && snapshot_id.bytes().all(|byte| byte.is_ascii_hexdigit());
                let summary = Summary { snapshot: snapshot_id, bytes: ByteCount(total_bytes_processed) };
                self.summary = is_name.then_some(summary);
                return true;
            }
            // What the scan for totals stumbles over is met again when it is read.
            Ok(Message::Error { error, during, item }) if during != "scan" => {
                self.unread += 1;
                if self.named.len() < NAMED {
                    self.named.push(printable(&format!("{item}{}", error.clause())));
                }
                return true;
            }
            Ok(Message::Error { .. } | Message::Other) => {}
            Err(_) if line.is_empty() => {}
            Err(_) => {
                if self.lines.len() == KEPT {
                    self.lines.pop_front();
                }
                self.lines.push_back(line.to_owned());
                return true;
            }
        }
        false
    }

    /// What is missing from the restore point, in a sentence; `None` where nothing is.
    pub(super) fn unread(&self) -> Option<String> {
        let more = if self.unread > self.named.len() as u64 { ", ..." } else { "" };
        (self.unread > 0).then(|| {
            let what = if self.unread == 1 { "1 entry".to_owned() } else { format!("{} entries", count(self.unread)) };
            format!("{what} of the tree could not be read: {}{more}", self.named.join(", "))
        })
    }

    /// The bare lines.
    pub(super) fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

impl Cause {
    fn clause(&self) -> String {
        match (&self.message, self.number) {
            (Some(message), _) => format!(" ({message})"),
            (None, Some(number)) => format!(" ({})", io::Error::from_raw_os_error(number)),
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    /// As restic 0.14 says it, and once as 0.18 does.
    const SAID: &str = r#"{"message_type":"verbose_status","action":"new"}
{"message_type":"status","percent_done":0.5,"total_files":3,"files_done":2,"total_bytes":9,"bytes_done":4}
{"message_type":"error","error":{},"during":"scan","item":"/t/d"}
{"message_type":"error","error":{"Op":"open","Path":"/t/b","Err":13},"during":"archival","item":"/t/b"}
{"message_type":"error","error":{},"during":"archival","item":"/t/\u001b[2Jd"}
{"message_type":"error","error":{"message":"went away"},"during":"archival","item":"/t/e"}
{"message_type":"error","error":{},"during":"archival","item":"/t/f"}
{"message_type":"summary","total_bytes_processed":2,"snapshot_id":"46b33c90"}

Warning: at least one source file could not be read
"#;

    fn heard(text: &str) -> Said {
        let mut said = Said::default();
        for line in text.lines() {
            said.hear(line);
        }
        said
    }

    #[test]
    fn what_was_not_read_is_counted_once_and_named() {
        let said = heard(SAID);
        assert_eq!(said.status, Some(Status { total_files: 3, files_done: 2, total_bytes: 9, bytes_done: 4 }));
        assert_eq!(said.summary, Some(Summary { snapshot: "46b33c90".to_owned(), bytes: ByteCount(2) }));
        let unread = "4 entries of the tree could not be read: /t/b (Permission denied (os error 13)), \
                      /t/\\u{1b}[2Jd, /t/e (went away), ...";
        assert_eq!(said.unread().unwrap(), unread);
        assert_eq!(said.text(), "Warning: at least one source file could not be read\n");
        assert_eq!(Said::default().unread(), None);
    }

    #[test]
    fn what_is_no_name_of_a_snapshot_is_no_summary() {
        for id in ["", "46b3", "../../46b33c90"] {
            let line = r#"{"message_type":"summary","total_bytes_processed":2,"snapshot_id":"ID"}"#;
            assert_eq!(heard(&line.replace("ID", id)).summary, None, "{id}");
        }
    }
}
