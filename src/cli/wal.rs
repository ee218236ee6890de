//! `howdah wal show`: what an instance can be recovered to, as text for people or as JSON for programs.
//!
//! Promises: no name from disk or from the WAL can steer a terminal, in either form; a time that was not read from a commit
//! is marked. Never: decides an exit status.

use super::backup_list::{escaped, width_of};
use crate::{
    catalog::CatalogInstance,
    domain::{
        ArchiveOrigin, ByteCount, Edge, Failure, RecoverableSpan, SpanEnd, Timeline, WalArchive, WalWindow,
        WindowTimeline,
        instance::{printable, printable_name},
        quantity::many,
        recovery::moment,
    },
};
use serde_json::{Value, json};
use std::io::{self, Write};

/// One archive of an instance, and what was read of it.
pub struct ShownArchive {
    /// The archive.
    pub archive: WalArchive,
    /// The window with it, or why it cannot be read.
    pub window: Result<WalWindow, Failure>,
}

/// More than a person reads; JSON has all.
const MAX_LINES: usize = 40;

const HEAD: [&str; 6] = ["RESTORE POINT", "TIMELINES", "FROM", "TO", "LAST LSN", "ENDS BY"];

/// Shows all archives of an instance, the one that is taken first before the others.
pub fn show(instance: &CatalogInstance, archives: &[ShownArchive], json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        let objects: Vec<Value> = archives.iter().map(|one| object(instance, one)).collect();
        writeln!(out, "{}", escaped(&serde_json::to_string(&objects)?))?;
    } else {
        for (at, one) in archives.iter().enumerate() {
            if at > 0 {
                writeln!(out)?;
            }
            write_text(one, out)?;
        }
    }
    out.flush()
}

fn object(instance: &CatalogInstance, shown: &ShownArchive) -> Value {
    let mut object = json!({
        "instance": instance.name.as_str(),
        "instance_id": instance.id(),
        "archive": shown.archive.directory.to_string_lossy(),
        "origin": shown.archive.origin,
        "problem": shown.window.as_ref().err().map(ToString::to_string),
    });
    let Ok(window) = &shown.window else { return object };
    let identifier = window.system_identifier.map(|identifier| identifier.to_string());
    let more = [
        ("system_identifier", json!(identifier)),
        ("segment_size", json!(window.segment_size)),
        ("segments", json!(window.segments)),
        ("bytes", json!(window.bytes)),
        ("timelines", json!(window.timelines)),
        ("gaps", json!(window.gaps)),
        ("spans", json!(window.spans)),
        ("restore_points", json!(window.restore_points)),
        ("unsought", json!(window.unsought)),
        ("problems", json!(window.problems)),
    ];
    if let Value::Object(fields) = &mut object {
        fields.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    object
}

fn write_text(shown: &ShownArchive, out: &mut dyn Write) -> io::Result<()> {
    let origin = match shown.archive.origin {
        ArchiveOrigin::Setting => "named in the settings",
        ArchiveOrigin::Beside => "found beside the backups",
        ArchiveOrigin::ArchiveCommand => "named by the archive_command of the backup",
    };
    writeln!(out, "archive      {} ({origin})", printable_name(shown.archive.directory.as_os_str()))?;
    let Ok(window) = &shown.window else { return writeln!(out, "             cannot be read") };
    let size = window.segment_size.map_or_else(String::new, |ByteCount(size)| format!(" of {}", ByteCount(size)));
    writeln!(out, "holds        {}{size}, {}", many(window.segments, "segment"), window.bytes)?;
    for timeline in &window.timelines {
        writeln!(out, "timeline {:<3} {}", timeline.number, timeline_text(timeline))?;
    }
    let rows: Vec<String> = window
        .gaps
        .iter()
        .map(|gap| {
            let until = if gap.segments == 1 { String::new() } else { format!(" to {}", gap.last) };
            let (missing, between) = (many(gap.segments, "segment"), (edge(gap.from), edge(gap.to)));
            format!("gap          {}{until}, {missing} missing, between {} and {}", gap.first, between.0, between.1)
        })
        .collect();
    write_some(&rows, "gap", out)?;
    if window.spans.is_empty() {
        writeln!(out, "No restore point can be recovered further than to its own end.")?;
    } else {
        writeln!(out)?;
        write_spans(&window.spans, out)?;
    }
    let rows: Vec<String> = window
        .restore_points
        .iter()
        .map(|point| {
            let at = point.at.map_or_else(String::new, |at| format!(", about {}", moment(at)));
            format!("in the WAL   {} at {} on timeline {}{at}", printable(&point.name), point.lsn, point.timeline)
        })
        .collect();
    if !rows.is_empty() {
        writeln!(out)?;
    }
    write_some(&rows, "restore point", out)?;
    if let Some(unsought) = window.unsought_words() {
        writeln!(out, "note         {unsought} (--names looks on)")?;
    }
    for problem in &window.problems {
        writeln!(out, "note         {}", printable(problem))?;
    }
    Ok(())
}

/// The newest lines, and how many there are besides.
fn write_some(lines: &[String], what: &str, out: &mut dyn Write) -> io::Result<()> {
    let left = lines.len().saturating_sub(MAX_LINES);
    if left > 0 {
        writeln!(out, "             {} before these; --json has all", many(left as u64, what))?;
    }
    lines[left..].iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn write_spans(spans: &[RecoverableSpan], out: &mut dyn Write) -> io::Result<()> {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(spans.iter().map(|span| {
        let path: Vec<String> = span.path.iter().map(Timeline::to_string).collect();
        let last = span.last_record.map_or_else(|| "-".to_owned(), |last| last.to_string());
        [printable(&span.label), path.join(", "), time(span.from), time(span.to), last, end_text(&span.ends_by)]
    }));
    let mut widths = [0; HEAD.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = width_of(cell).max(*width);
        }
    }
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.extend([cell.as_str(), &" ".repeat(width - width_of(cell)), "  "]);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn timeline_text(timeline: &WindowTimeline) -> String {
    let from = timeline.parent.map_or_else(String::new, |(parent, at)| format!("forked from {parent} at {at}, "));
    format!("{from}WAL from {} to {}", edge(timeline.begins), edge(timeline.ends))
}

fn end_text(end: &SpanEnd) -> String {
    match end {
        SpanEnd::EndOfArchive => "end of the archive".to_owned(),
        SpanEnd::Gap { segment } => format!("{segment} is missing"),
        SpanEnd::Unusable { segment, why } => printable(&format!("{segment}: {why}")),
    }
}

fn edge(edge: Edge) -> String {
    match edge.at {
        Some(_) => format!("{} ({})", edge.lsn, time(edge)),
        None => edge.lsn.to_string(),
    }
}

fn time(edge: Edge) -> String {
    match edge.at {
        Some(at) if edge.exact => moment(at),
        Some(at) => format!("about {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")),
        None => "-".to_owned(),
    }
}
