//! The named restore points in the WAL (`pg_create_restore_point`).
//!
//! Promises: they are sought from the newest segment backwards, as long as the time lasts that is given for them; what was
//! looked at is remembered, so that the next look goes on where this one ended; what was not looked at is named. A segment
//! in which no record of that kind can begin starts no program. Never: shows a name that `pg_waldump` has not shown.
//!
//! Sources: `xl_restore_point` in `xlog_internal.h`, `XLogRestorePoint` in `xlog.c`, `XLogRecord` in `xlogrecord.h`.

use super::{Chain, DumpError, Memo, Run, Tools, dump::Dump, file, memo::POINTS};
use crate::{
    domain::{Lsn, Timeline, WalRestorePoint, WalUnsought},
    postgres::{compression, wal::SegmentHeader},
};
use std::{
    collections::BTreeMap,
    io::{self, Read},
    ops::ControlFlow,
    path::Path,
    time::Instant,
};

/// The segments, from the end backwards, that they are sought in: 320 GB in those of the usual size. The memo holds them.
const MAX_SOUGHT: usize = 20_000;

/// Bytes of a segment that are looked at together: a multiple of every size of a page.
const CHUNK: usize = 256 * 1024;

/// The length of the record: its header (24 bytes), that of its data (2), the time (8) and room for the name (64).
const RECORD: [u8; 4] = 98_u32.to_le_bytes();

/// Records begin at a multiple of this (`MAXALIGN`).
const ALIGNMENT: usize = 8;

/// Where in a record its information byte is; that of its resource manager follows.
const INFO: usize = 16;

/// `XLOG_RESTORE_POINT` of the resource manager `RM_XLOG_ID`, which is 0, and the bits that are the manager's own.
const KIND: (u8, u8, u8) = (0x70, 0, 0xF0);

/// The search for them, chain by chain.
pub(super) struct NamedPoints<'a> {
    tools: Option<Tools<'a>>,
    memo: &'a mut Memo,
    until: Instant,
    /// Whether another look would look no further.
    pub(super) complete: bool,
    points: Vec<WalRestorePoint>,
    /// The end of what was not looked at.
    unsought: BTreeMap<Timeline, Lsn>,
    problem: Option<String>,
}

/// What is known of one segment.
enum Sought {
    Names(Vec<(String, Lsn)>),
    /// There was no time for it.
    Later,
    /// The program does not show it.
    Unknown,
}

impl<'a> NamedPoints<'a> {
    /// A search that ends at this moment.
    pub(super) fn new(tools: Option<Tools<'a>>, memo: &'a mut Memo, until: Instant) -> Self {
        let (points, unsought) = (Vec::new(), BTreeMap::new());
        Self { tools, memo, until, complete: true, points, unsought, problem: None }
    }

    /// Seeks along a chain.
    pub(super) fn seek(&mut self, chain: &Chain<'_>) -> io::Result<()> {
        let mut dump = None;
        let mut left = MAX_SOUGHT;
        for run in chain.runs.iter().rev() {
            for number in (run.first..=run.last).rev() {
                let end = chain.start(number + 1).min(run.end);
                let sought = if left == 0 { Sought::Unknown } else { self.segment(&mut dump, chain, run, number)? };
                left = left.saturating_sub(1);
                match sought {
                    Sought::Names(names) => {
                        let at = chain.file(number).map(|(_, stored)| stored.modified);
                        // A file may begin with the WAL of the timeline before.
                        let point = |(name, lsn)| WalRestorePoint { name, timeline: chain.timeline_at(lsn), lsn, at };
                        self.points.extend(names.into_iter().map(point));
                        continue;
                    }
                    Sought::Later => self.complete = false,
                    Sought::Unknown => {}
                }
                let timeline = chain.timeline_at(Lsn(end.0.saturating_sub(1)));
                let before = self.unsought.entry(timeline).or_insert(end);
                *before = end.max(*before);
            }
        }
        Ok(())
    }

    /// What was found, oldest first, and where nobody looked.
    pub(super) fn found(mut self, problems: &mut Vec<String>) -> (Vec<WalRestorePoint>, Vec<WalUnsought>) {
        self.points.sort_by_key(|point| (point.lsn, point.timeline));
        self.points.dedup_by(|one, next| (one.lsn, one.timeline) == (next.lsn, next.timeline));
        problems.extend(self.problem);
        let unsought = self.unsought.into_iter().map(|(timeline, before)| WalUnsought { timeline, before });
        (self.points, unsought.collect())
    }

    fn segment<'b>(
        &mut self,
        dump: &mut Option<Dump<'b>>,
        chain: &Chain<'_>,
        run: &Run,
        number: u64,
    ) -> io::Result<Sought>
    where
        'a: 'b,
    {
        let (Some(tools), Some((timeline, stored))) = (self.tools, chain.file(number)) else {
            return Ok(Sought::Unknown);
        };
        let end = chain.start(number + 1).min(run.end);
        let key = Memo::key(chain, number, POINTS, end);
        if let Some(known) = key.as_deref().and_then(|key| self.memo.points(key)) {
            return Ok(Sought::Names(known));
        }
        if Instant::now() >= self.until {
            return Ok(Sought::Later);
        }
        let names = if may_hold(&chain.listing.path(timeline, stored))? {
            match read(dump, tools, chain, (number, run.last), end) {
                Ok(names) => names,
                Err(DumpError::Archive(error)) => return Err(error),
                Err(DumpError::Program(why)) => {
                    self.problem.get_or_insert(format!("restore points are not all known: {why}"));
                    return Ok(Sought::Unknown);
                }
            }
        } else {
            Vec::new()
        };
        if let Some(key) = key {
            self.memo.learn_points(key, &names);
        }
        Ok(Sought::Names(names))
    }
}

/// The restore points whose records begin in one segment.
fn read<'a>(
    dump: &mut Option<Dump<'a>>,
    tools: Tools<'a>,
    chain: &Chain<'_>,
    (number, last): (u64, u64),
    end: Lsn,
) -> Result<Vec<(String, Lsn)>, DumpError> {
    let dump = match dump {
        Some(dump) => dump,
        None => dump.insert(Dump::new(tools, chain.size)?),
    };
    let mut names = Vec::new();
    dump.restore_points(chain, number..=last.min(number + 1), &mut |name, lsn| {
        if lsn < end {
            names.push((name.to_owned(), lsn));
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    Ok(names)
}

/// Whether a restore point's record may begin in a file; what is damaged may hold one.
fn may_hold(path: &Path) -> io::Result<bool> {
    let looked = file::unpacked(path).and_then(|mut plain| {
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut page = 0;
        loop {
            chunk.clear();
            if plain.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)? == 0 {
                return Ok(false);
            }
            if page == 0 {
                // Without a header the program says what is wrong.
                let Ok(header) = SegmentHeader::parse(&chunk) else { return Ok(true) };
                page = usize::try_from(header.page_size).unwrap_or(CHUNK);
            }
            if chunk.chunks(page).any(has_record) {
                return Ok(true);
            }
        }
    });
    looked.or_else(|error| if compression::is_damage(&error) { Ok(true) } else { Err(error) })
}

/// Whether something on a page looks like the beginning of the record. Its length is never cut by the end of a page.
fn has_record(page: &[u8]) -> bool {
    page.chunks_exact(ALIGNMENT).enumerate().any(|(at, word)| {
        let (info, manager, own) = KIND;
        word[..RECORD.len()] == RECORD
            && page.get(at * ALIGNMENT + INFO..).and_then(|kind| kind.first_chunk::<2>()).is_none_or(|kind| {
                // What stands on the next page may be anything.
                kind[0] & own == info && kind[1] == manager
            })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    const PAGE: usize = 8192;

    fn page(at: usize, info: u8, manager: u8) -> Vec<u8> {
        let mut page = vec![0; PAGE + INFO + 2];
        page[at..at + 4].copy_from_slice(&RECORD);
        page[at + INFO] = info;
        page[at + INFO + 1] = manager;
        page.truncate(PAGE);
        page
    }

    #[test]
    fn what_may_be_the_record_is_seen_wherever_it_begins_and_nothing_else() {
        for at in (24..PAGE).step_by(8) {
            assert!(has_record(&page(at, 0x70, 0)), "{at}");
            assert!(has_record(&page(at, 0x7F, 0)), "{at}: bits that are not the manager's");
        }
        assert!(!has_record(&page(64, 0x60, 0)), "another kind");
        assert!(!has_record(&page(64, 0x70, 10)), "another manager");
        assert!(!has_record(&page(68, 0x70, 0)), "no record begins there");
        assert!(!has_record(&[0; PAGE]));
    }
}
