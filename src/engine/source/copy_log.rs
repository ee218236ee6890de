//! What the threads that read or copy a backup have for the attempt's log.
//!
//! Promises: of a backup of a million files the log has some thousand lines: the first large files one by one, then all
//! others together once a minute; threads meet here for a large file only. Never: writes, or waits for who does.

use super::{mutex::lock, shared::Shared};
use crate::domain::{
    ByteCount, Rate,
    quantity::{count, many, seconds},
};
use std::{path::Path, sync::Mutex, time::Duration};

/// From this size on a file is worth a line: a disk takes longer for it than a person notices.
pub(in crate::engine) const LARGE_FILE: u64 = 8 << 20;

/// So many large files get lines of their own: what the first of them show, the others do not show better.
const LISTED: u64 = 500;

/// How often the log tells where the copy stands.
const MINUTE: Duration = Duration::from_mins(1);

/// A call that brings nothing for so long is told: no disk that works takes longer, and the attempt goes on.
const WAIT: Duration = Duration::from_secs(5);

/// What waits to be written.
#[derive(Debug, Default)]
pub(in crate::engine) struct CopyLog(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<String>,
    large_files: u64,
    /// Large files without a line of their own, and their bytes, since the last that were told together.
    others: (u64, u64),
}

impl CopyLog {
    /// One sentence.
    pub(in crate::engine) fn say(&self, sentence: impl Into<String>) {
        lock(&self.0).lines.push(sentence.into());
    }

    /// A file of at least [`LARGE_FILE`] stands; `stood` of its bytes an earlier attempt had left.
    pub(in crate::engine) fn large_file(&self, path: &Path, size: u64, stood: u64, took: Duration) {
        let mut waiting = lock(&self.0);
        waiting.large_files += 1;
        if waiting.large_files > LISTED {
            waiting.others.0 += 1;
            waiting.others.1 += size;
            return;
        }
        let rest = if stood > 0 { format!(", {} of it stood already", ByteCount(stood)) } else { String::new() };
        let (bytes, took_shown) = (ByteCount(size), seconds(took));
        let at = rate(size - stood.min(size), took);
        waiting.lines.push(format!("{}: {bytes} in {took_shown}{at}{rest}", path.display()));
        if waiting.large_files == LISTED {
            let from = ByteCount(LARGE_FILE);
            waiting.lines.push(format!("further files of {from} and more are told together, once a minute"));
        }
    }

    /// What waits, in order.
    pub(in crate::engine) fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0).lines)
    }

    /// Large files that were told one by one no more, together.
    pub(in crate::engine) fn tell_others(&self) {
        let mut waiting = lock(&self.0);
        let (files, bytes) = std::mem::take(&mut waiting.others);
        if files > 0 {
            waiting.lines.push(format!("{} together, {} in all", many(files, "large file"), ByteCount(bytes)));
        }
    }
}

/// What is told as time passes: where the copy stands, and what it waits for.
#[derive(Debug, Default)]
pub(in crate::engine) struct RegularLines {
    reported: Duration,
    done: u64,
    /// What was waited for when it was last looked at.
    waits: Option<String>,
}

impl RegularLines {
    /// Looks how things stand, `passed` since the beginning.
    pub(in crate::engine) fn look(&mut self, shared: &Shared, passed: Duration, stall: Duration) {
        let waits = shared.waits_for(WAIT);
        if waits != self.waits {
            if let Some(what) = self.waits.take() {
                shared.log.say(format!("{what} goes on"));
            }
            if let Some(what) = &waits {
                let (waited, limit) = (seconds(WAIT), seconds(stall));
                shared.log.say(format!("{what} has brought nothing for {waited}; after {limit} the attempt ends"));
            }
            self.waits = waits;
        }
        let since = passed.saturating_sub(self.reported);
        if since >= MINUTE {
            self.reported = passed;
            shared.log.tell_others();
            let now = shared.progress();
            let new = now.bytes_done.0.saturating_sub(std::mem::replace(&mut self.done, now.bytes_done.0));
            let files = format!("{} of {}", count(now.files_done), many(now.files_total, "file"));
            let at = rate(new, since);
            shared.log.say(format!("{} of {}, {files}{at}", now.bytes_done, now.bytes_total));
        }
    }
}

/// `, 320.0 MiB/s`; nothing where too little was moved, or too fast, to say so.
fn rate(bytes: u64, took: Duration) -> String {
    let per_second = u128::from(bytes) * 1_000_000 / took.as_micros().max(1);
    let rate = u64::try_from(per_second).ok().and_then(Rate::per_second);
    rate.map_or_else(String::new, |rate| format!(", {rate}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_large_files_the_first_are_told_one_by_one_and_the_others_together() {
        let shared = Shared::new(3 << 40, 100_000, None);
        let (mut regular, mut lines) = (RegularLines::default(), 0);
        for file in 0..100_000_u32 {
            let path = format!("base/1/{file}");
            shared.log.large_file(Path::new(&path), LARGE_FILE, 0, Duration::from_millis(100));
            shared.add_bytes(LARGE_FILE);
            shared.add_file();
            regular.look(&shared, Duration::from_millis(u64::from(file) * 100), MINUTE);
            let said = shared.log.take();
            match file {
                0 => assert_eq!(said, ["base/1/0: 8.0 MiB in 0.1 s, 80.0 MiB/s"]),
                600 => assert_eq!(
                    said,
                    [
                        "101 large files together, 808.0 MiB in all",
                        "4.7 GiB of 3.0 TiB, 601 of 100,000 files, 80.1 MiB/s"
                    ]
                ),
                _ => {}
            }
            lines += said.len();
        }
        shared.log.tell_others();
        assert_eq!(shared.log.take().len(), 1);
        assert!((500..1000).contains(&lines), "{lines}");
    }
}
