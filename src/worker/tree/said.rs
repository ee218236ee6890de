//! What `restic restore` says while it works: bare English lines, on which it depends whether its end was a good one.
//!
//! restic 0.14 counts what it could not restore, says so, and goes on.

use std::collections::VecDeque;

/// Lines that are kept of each kind.
const KEPT: usize = 50;

/// Before an entry that could not be restored or verified.
const IGNORED: &str = "ignoring error for ";

/// In a line on a piece of the repository that could not be read and is tried again.
const RETRYING: &str = "returned error, retrying after";

/// Before the number of files that were read back.
const VERIFIED: &str = "finished verifying ";

/// What it says when all goes well.
const PROGRESS: [&str; 3] = ["restoring <", "verifying files in ", "Summary: "];

/// All that counts of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// What could not be restored, or is not as it was backed up: the first lines.
    errors: Vec<String>,
    /// How many there were.
    pub(super) failed: u64,
    /// The last line on what is tried again.
    pub(super) retrying: Option<String>,
    /// How many files it has read back and found as they were.
    pub(super) verified: Option<u64>,
    rest: VecDeque<String>,
}

impl Said {
    /// One line; whether it is worth keeping for a person.
    pub(super) fn hear(&mut self, line: &str) -> bool {
        let line = line.trim();
        if line.is_empty() {
            return false;
        }
        if line.starts_with(IGNORED) {
            self.failed += 1;
            if self.errors.len() < KEPT {
                self.errors.push(line.to_owned());
            }
        } else if line.contains(RETRYING) {
            self.retrying = Some(line.to_owned());
        } else if let Some(number) = number_after(line, VERIFIED) {
            self.verified = Some(number);
        } else if let Some(number) = number_after(line, "Fatal: There were ").or(number_after(line, "There were ")) {
            // Not fewer than it has named.
            self.failed = self.failed.max(number);
        } else if !PROGRESS.iter().any(|words| line.starts_with(words)) {
            if self.rest.len() == KEPT {
                self.rest.pop_front();
            }
            self.rest.push_back(line.to_owned());
        }
        true
    }

    /// Whether it names anything that could not be restored.
    pub(super) fn names_any(&self) -> bool {
        !self.errors.is_empty()
    }

    /// What may be the reason of an end: what could not be restored first.
    pub(super) fn reasons(&self) -> String {
        self.errors.iter().chain(&self.rest).chain(&self.retrying).flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

fn number_after(line: &str, words: &str) -> Option<u64> {
    line.strip_prefix(words)?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn heard(text: &str) -> Said {
        let mut said = Said::default();
        for line in text.lines() {
            said.hear(line);
        }
        said
    }

    #[test]
    fn errors_are_counted_whether_each_is_named_or_their_number_alone() {
        let text = "restoring <Snapshot 7ea9ac11 of [/t]> to x\n\nignoring error for /t/a: ciphertext verification failed\n\
                    Load(<data/0a>, 18, 0) returned error, retrying after 1s: open x: no such file or directory\n\
                    Fatal: There were 3 errors\n";
        let said = heard(text);
        assert_eq!((said.failed, said.verified), (3, None));
        assert!(said.retrying.as_ref().unwrap().contains("no such file"));
        assert!(said.reasons().starts_with("ignoring error for /t/a"), "{}", said.reasons());
        assert_eq!(heard("ignoring error for /t/a: x\nThere were 0 errors").failed, 1);
        let well = heard("verifying files in x\nfinished verifying 5 files in x (took 4ms)");
        assert_eq!((well.failed, well.verified), (0, Some(5)));
        assert_eq!(heard("finished verifying all files").verified, None);
    }
}
