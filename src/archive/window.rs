//! The recoverable window of an instance: what each of its restore points can be brought to with an archive.
//!
//! Promises: names, sizes and times of files for all of it; `pg_waldump` only for the ends of what is recoverable, and for
//! restore points in the WAL as long as the time that was given for them lasts, the newest segments first. What was read
//! once is in the [`Memo`]. Never: calls a time exact that was not read from a commit.

use super::{
    Chain, DumpError, Listing, Memo, Run, RunStop, Search, TimelineHistory, Tools, edge,
    named::NamedPoints,
    plan, refuse,
    tail::{Tail, tail},
    timelines,
};
use crate::{
    domain::{BackupFacts, ByteCount, Edge, Failure, Lsn, RecoverableSpan, SpanEnd, Timeline, WalArchive, WalWindow},
    postgres::wal::Segment,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A restore point whose window is sought.
#[derive(Debug, Clone, Copy)]
pub struct WindowPoint<'a> {
    /// Its label.
    pub label: &'a str,
    /// What it says of itself.
    pub facts: &'a BackupFacts,
    /// Whether it holds its own WAL from start to stop.
    pub included: bool,
}

/// A window that was read.
#[derive(Debug)]
pub struct WindowReading {
    /// The window.
    pub window: WalWindow,
    /// The archive as it was listed.
    pub listing: Listing,
    /// Whether another look would seek restore points in no more segments.
    pub complete: bool,
}

/// Reads the window. `effort` is how long restore points are sought in the WAL.
///
/// # Errors
///
/// A disruption where the archive cannot be reached; incurable where it may not be read.
pub fn window(
    archive: &WalArchive,
    points: &[WindowPoint<'_>],
    tools: Option<Tools<'_>>,
    memo: &mut Memo,
    effort: Duration,
) -> Result<WindowReading, Failure> {
    let directory = &archive.directory;
    let unreachable = |error: &std::io::Error| refuse::unreachable(directory, error);
    let cluster = points.iter().find_map(|point| point.facts.system_identifier);
    let listing = Listing::read(directory, cluster).map_err(|error| unreachable(&error))?;
    let mut window = WalWindow {
        archive: archive.clone(),
        system_identifier: listing.header.map(|header| header.system_identifier),
        segment_size: listing.size().map(|size| ByteCount(size.bytes())),
        segments: listing.segments,
        bytes: ByteCount(listing.bytes),
        timelines: timelines::timelines(&listing),
        gaps: Vec::new(),
        spans: Vec::new(),
        restore_points: Vec::new(),
        unsought: Vec::new(),
        moments: timelines::moments(&listing),
        problems: listing.problems.clone(),
    };
    let own = listing.header.is_none_or(|header| cluster.is_none_or(|cluster| cluster == header.system_identifier));
    if !own {
        window.problems.push("the WAL in it is of another cluster: nothing can be recovered with it".to_owned());
        return Ok(WindowReading { window, listing, complete: true });
    }
    let mut reader = Reader { tools, memo, tails: BTreeMap::new(), problems: Vec::new() };
    let histories = timelines::histories(&listing, points, &mut window.problems);
    let chains: Vec<_> =
        histories.iter().filter_map(|history| Some((history, Chain::new(&listing, history)?))).collect();
    for (history, chain) in &chains {
        timelines::add_gaps(&mut window.gaps, chain);
        let passed = |point: &&WindowPoint<'_>| plan::is_child(history, point.facts);
        for point in points.iter().filter(passed) {
            let span = reader.span(chain, *point).map_err(|error| unreachable(&error))?;
            window.spans.extend(span.filter(|span| is_an_end(span, history, &histories)));
        }
    }
    let mut problems = reader.problems;
    let mut named = NamedPoints::new(tools, memo, Instant::now() + effort);
    // What is common to several timelines is sought on the newest.
    for (_, chain) in chains.iter().rev() {
        named.seek(chain).map_err(|error| unreachable(&error))?;
    }
    let complete = named.complete;
    (window.restore_points, window.unsought) = named.found(&mut problems);
    // What was read of files that are gone is of no use; without the program nothing was looked up.
    if tools.is_some() {
        memo.forget_unused();
    }
    window.gaps.sort_by_key(|gap| (gap.timeline, gap.from.lsn));
    window
        .spans
        .sort_by(|one, next| (one.from.lsn, &one.label, &one.path).cmp(&(next.from.lsn, &next.label, &next.path)));
    window.problems.append(&mut problems);
    if tools.is_none() && !window.spans.is_empty() {
        window.problems.push("times are about right: there is no pg_waldump of the cluster's version here".to_owned());
    }
    drop(chains);
    Ok(WindowReading { window, listing, complete })
}

/// Whether a span is more than the beginning of that of a newer timeline.
fn is_an_end(span: &RecoverableSpan, history: &TimelineHistory, all: &[TimelineHistory]) -> bool {
    let left = all.iter().filter_map(|other| other.leaves(history.timeline)).max();
    left.is_none_or(|left| span.last_record.is_some_and(|last| last >= left))
}

/// Reads what is at the ends, each once.
struct Reader<'a> {
    tools: Option<Tools<'a>>,
    memo: &'a mut Memo,
    /// The ends of runs, by timeline and first segment.
    tails: BTreeMap<(Timeline, u64), Tail>,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// What one restore point can be brought to along a chain; `None` where not even its own end can be reached.
    fn span(&mut self, chain: &Chain<'_>, point: WindowPoint<'_>) -> std::io::Result<Option<RecoverableSpan>> {
        let facts = point.facts;
        let from = self.backup_end(chain, facts)?;
        let path = chain.timelines().skip_while(|timeline| *timeline != facts.timeline).collect();
        let alone = |ends_by| RecoverableSpan {
            label: point.label.to_owned(),
            path,
            start: facts.start_lsn,
            from,
            to: from,
            last_record: None,
            ends_by,
        };
        let first = if point.included { chain.number(facts.stop_lsn) } else { chain.number(facts.start_lsn) };
        let Some(run) = chain.run(first).filter(|run| run.end >= facts.stop_lsn) else {
            let behind = chain.runs.iter().any(|run| run.first > first);
            let segment = Segment { timeline: chain.owner(first), number: first }.file_name(chain.size);
            let ends_by = if behind { SpanEnd::Gap { segment } } else { SpanEnd::EndOfArchive };
            return Ok(point.included.then(|| alone(ends_by)));
        };
        let tail = self.tail(chain, run, facts)?;
        let mut span = alone(ends_by(chain, run, &tail));
        if let Some(last) = tail.last.filter(|last| *last >= facts.stop_lsn) {
            span.last_record = Some(last);
            span.to = self.end(chain, run, last)?;
        }
        Ok(Some(span))
    }

    fn tail(&mut self, chain: &Chain<'_>, run: &Run, facts: &BackupFacts) -> std::io::Result<Tail> {
        let leaf = chain.timelines().last().unwrap_or(facts.timeline);
        if let Some(known) = self.tails.get(&(leaf, run.first)) {
            return Ok(known.clone());
        }
        let cluster = chain.listing.header.map(|header| header.system_identifier);
        let read = || tail(chain, chain.start(run.first), run.end, cluster);
        let found = match Memo::key(chain, run.last, "tail", run.end) {
            Some(key) => self.memo.tail(key, read)?,
            None => read()?,
        };
        self.tails.insert((leaf, run.first), found.clone());
        Ok(found)
    }

    fn backup_end(&mut self, chain: &Chain<'_>, facts: &BackupFacts) -> std::io::Result<Edge> {
        let inside = chain.number(Lsn(facts.stop_lsn.0.saturating_sub(1)));
        let read = || edge::backup_end(chain, facts, self.tools);
        let key = if self.tools.is_some() { Memo::key(chain, inside, "stop", facts.stop_lsn) } else { None };
        let found = match key {
            Some(key) => self.memo.edge(key, read),
            None => read(),
        };
        match found {
            Ok(edge) => Ok(edge),
            Err(DumpError::Archive(error)) => Err(error),
            Err(DumpError::Program(_)) => Ok(Edge { lsn: facts.stop_lsn, at: Some(facts.taken_at), exact: false }),
        }
    }

    /// The last goal of a run: its last record, and the last commit up to that.
    fn end(&mut self, chain: &Chain<'_>, run: &Run, last: Lsn) -> std::io::Result<Edge> {
        let before = Lsn(last.0.saturating_add(1));
        let about = Edge { lsn: last, at: chain.file(run.last).map(|(_, stored)| stored.modified), exact: false };
        let Some(tools) = self.tools else { return Ok(about) };
        let read = || {
            let found = Search::new(chain, run.end, tools)?.commit_before(before, run.first)?;
            Ok(found.map_or(about, |end| Edge { lsn: last, at: Some(end.at), exact: true }))
        };
        let found = match Memo::key(chain, run.last, "end", before) {
            Some(key) => self.memo.edge(key, read),
            None => read(),
        };
        match found {
            Ok(edge) => Ok(edge),
            Err(DumpError::Archive(error)) => Err(error),
            Err(DumpError::Program(why)) => {
                let problem = format!("the last commit is not known exactly: {why}");
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
                Ok(about)
            }
        }
    }
}

fn ends_by(chain: &Chain<'_>, run: &Run, tail: &Tail) -> SpanEnd {
    if let Some((segment, problem)) = &tail.damage {
        let why = format!("it is damaged at {}: {}", problem.at, problem.fault);
        return SpanEnd::Unusable { segment: segment.file_name(chain.size), why };
    }
    match &run.stop {
        RunStop::Nothing => SpanEnd::EndOfArchive,
        RunStop::Missing(segment) => SpanEnd::Gap { segment: segment.file_name(chain.size) },
        RunStop::Unusable(segment, why) => {
            SpanEnd::Unusable { segment: segment.file_name(chain.size), why: why.clone() }
        }
    }
}
