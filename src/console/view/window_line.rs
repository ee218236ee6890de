//! The recoverable window as a line: backups, timelines and their forks, gaps, named restore points, and the goal on it.
//!
//! Promises: every sign is explained in words below it, and none differs from another by its colour alone.

use super::widgets;
use crate::{
    console::{
        format,
        model::goal_wish::{Reachable, time_at, why_it_ends},
        theme::{Brush, Role},
    },
    domain::{RecoverableSpan, SpanEnd, Timeline, Timestamp, WalWindow, WindowTimeline, instance::printable},
};
use ratatui::text::{Line, Span};
use std::time::Duration;

/// Columns of a row's name.
const NAME: usize = 12;

/// Gaps that are named; the line shows all.
const NAMED: usize = 2;

/// Columns of a moment on the scale.
const MOMENT: usize = 11;

/// A window that is shorter than this is shown to the second.
const SHORT: Duration = Duration::from_mins(10);

/// What stands on the line beside the window.
pub(super) struct OnLine<'a> {
    /// The goal, where it can be reached.
    pub found: Option<&'a Reachable>,
    /// The moment of the goal, whether it can be reached or not.
    pub at: Option<Timestamp>,
    /// The named restore point that is chosen.
    pub name: Option<&'a str>,
}

/// What a column of a timeline is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Nothing,
    Fork,
    /// WAL that some backup can be brought through.
    Reached,
    /// WAL that is of no use to any backup here.
    Unreached,
    Missing,
}

/// Moments on columns.
#[derive(Clone, Copy)]
struct Axis {
    from: Timestamp,
    to: Timestamp,
    room: usize,
}

impl Axis {
    /// From the first moment of the window that is known to the last; `None` where there are no two.
    fn of(window: &WalWindow, room: usize) -> Option<Self> {
        let timelines = window.timelines.iter().flat_map(|one| [one.begins.at, one.ends.at]);
        let spans = window.spans.iter().flat_map(|span| [span.from.at, span.to.at]);
        let known = || timelines.clone().chain(spans.clone()).flatten();
        let (from, to) = (known().min()?, known().max()?);
        (from < to && room > 0).then_some(Self { from, to, room })
    }

    fn column(&self, at: Timestamp) -> usize {
        let whole = i128::from(self.to.as_millisecond() - self.from.as_millisecond()).max(1);
        let part = i128::from(at.clamp(self.from, self.to).as_millisecond() - self.from.as_millisecond());
        usize::try_from(part * (self.room as i128 - 1) / whole).unwrap_or(0)
    }

    /// The moments at the ends and, where there is room, in the middle.
    fn scale(&self, brush: &Brush) -> Line<'static> {
        // Over a few minutes the seconds tell more than the day.
        let pattern = if format::between(self.from, self.to) < SHORT { "%H:%M:%S" } else { "%m-%d %H:%M" };
        let shown = |at: Timestamp| at.strftime(pattern).to_string();
        let mut text = shown(self.from);
        if self.room >= 4 * MOMENT {
            let half = format::between(self.from, self.to) / 2;
            let middle = self.from.checked_add(half).map_or_else(|_| String::new(), shown);
            text = format!("{text:<0$}{middle}", (self.room - MOMENT) / 2);
        }
        let last = shown(self.to);
        let text = if self.room > 2 * MOMENT { format!("{text:<0$}{last}", self.room - MOMENT) } else { text };
        named("UTC", vec![brush.span(Role::Dim, text)], brush)
    }
}

/// The line in so many columns, and what its signs mean.
pub(super) fn lines(window: &WalWindow, on: &OnLine<'_>, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let Some(axis) = Axis::of(window, width.saturating_sub(NAME)) else {
        let text = "Its WAL tells no two moments: a position (LSN), a transaction or a restore point can be chosen.";
        return widgets::wrapped(text, width, 0, Role::Dim, brush);
    };
    let mut lines = vec![axis.scale(brush)];
    lines.push(backups(window, on, axis, brush));
    lines.extend(window.timelines.iter().map(|one| timeline(window, one, axis, brush)));
    if !window.restore_points.is_empty() {
        lines.push(points(window, on, axis, brush));
    }
    lines.extend(on.at.map(|at| goal(at, on.found.is_some(), axis, brush)));
    lines
}

/// What the signs mean, which segments are missing, what else is wrong.
pub(super) fn legend(window: &WalWindow, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let has_points = !window.restore_points.is_empty();
    let signs = [
        (true, format!("b backup, B the one that is restored, {} recoverable", brush.glyphs.full)),
        (true, format!("{} WAL that no backup reaches", brush.glyphs.rest)),
        (!window.gaps.is_empty(), "x WAL is missing".to_owned()),
        (has_points, "r restore point, R the chosen one".to_owned()),
    ];
    let signs: Vec<String> = signs.into_iter().filter(|(is, _)| *is).map(|(_, text)| text).collect();
    let mut lines = widgets::wrapped(&signs.join(", "), width, 0, Role::Dim, brush);
    for gap in window.gaps.iter().take(NAMED) {
        let segments = if gap.first == gap.last {
            format!("segment {}", gap.first)
        } else {
            format!("{} segments, {} to {}", format::count(gap.segments), gap.first, gap.last)
        };
        let text = format!("missing on timeline {}: {segments}", gap.timeline);
        lines.extend(widgets::wrapped(&text, width, 0, Role::Waiting, brush));
    }
    let more = window.gaps.len().saturating_sub(NAMED);
    if more > 0 {
        let text = format!("and {}", format::many(more, "more gap"));
        lines.extend(widgets::wrapped(&text, width, 0, Role::Waiting, brush));
    }
    if let Some(span) = window.spans.iter().max_by_key(|span| (span.path.last().copied(), span.to.lsn)) {
        let at = span.to.at.map_or_else(|| format!("LSN {}", span.to.lsn), crate::domain::recovery::moment);
        let text = format!("possible up to {at}: {}", why_it_ends(&span.ends_by));
        lines.extend(widgets::wrapped(&text, width, 0, Role::Dim, brush));
    }
    let unsought = window.unsought_words();
    lines.extend(unsought.iter().flat_map(|text| widgets::wrapped(text, width, 0, Role::Dim, brush)));
    let problems = window.problems.iter().flat_map(|text| widgets::wrapped(text, width, 0, Role::Waiting, brush));
    lines.extend(problems);
    lines
}

fn named(name: &str, mut spans: Vec<Span<'static>>, brush: &Brush) -> Line<'static> {
    spans.insert(0, brush.span(Role::Dim, widgets::cell(name, NAME, brush)));
    Line::from(spans)
}

/// Signs on their columns; where two fall together, the louder one is seen.
fn signs(axis: Axis, all: impl Iterator<Item = (Timestamp, bool)>, quiet: char, loud: char) -> String {
    let mut row = vec![' '; axis.room];
    for (at, is_loud) in all {
        let cell = &mut row[axis.column(at)];
        if *cell != loud {
            *cell = if is_loud { loud } else { quiet };
        }
    }
    row.into_iter().collect::<String>().trim_end().to_owned()
}

fn backups(window: &WalWindow, on: &OnLine<'_>, axis: Axis, brush: &Brush) -> Line<'static> {
    let used = on.found.and_then(|found| found.base.as_deref());
    let all = window.spans.iter().filter_map(|span| Some((span.from.at?, Some(span.label.as_str()) == used)));
    named("backups", vec![brush.span(Role::Title, signs(axis, all, 'b', 'B'))], brush)
}

fn points(window: &WalWindow, on: &OnLine<'_>, axis: Axis, brush: &Brush) -> Line<'static> {
    let at =
        |point: &crate::domain::WalRestorePoint| point.at.or_else(|| time_at(window, &[point.timeline], point.lsn));
    let all = window.restore_points.iter().filter_map(|point| Some((at(point)?, Some(point.name.as_str()) == on.name)));
    named("points", vec![brush.span(Role::Mark, signs(axis, all, 'r', 'R'))], brush)
}

fn timeline(window: &WalWindow, one: &WindowTimeline, axis: Axis, brush: &Brush) -> Line<'static> {
    let cells = cells(window, one, axis);
    let glyphs = &brush.glyphs;
    let mut spans: Vec<Span<'static>> = Vec::new();
    for run in cells.chunk_by(|a, b| a == b) {
        let (role, sign) = match run[0] {
            Cell::Nothing => (Role::Dim, " "),
            Cell::Fork => (Role::Border, glyphs.border.bottom_left),
            Cell::Reached => (Role::Gauge, glyphs.full),
            Cell::Unreached => (Role::Rest, glyphs.rest),
            Cell::Missing => (Role::Stuck, "x"),
        };
        spans.push(brush.span(role, sign.repeat(run.len())));
    }
    let name = match one.parent {
        Some((parent, _)) => format!("{} from {parent}", one.number),
        None => format!("timeline {}", one.number),
    };
    named(&name, spans, brush)
}

fn cells(window: &WalWindow, one: &WindowTimeline, axis: Axis) -> Vec<Cell> {
    let mut cells = vec![Cell::Nothing; axis.room];
    let mut fill = |from: Timestamp, to: Timestamp, what: Cell| {
        for cell in cells.iter_mut().take(axis.column(to) + 1).skip(axis.column(from)) {
            *cell = what;
        }
    };
    let begins = one.begins.at.unwrap_or(axis.from);
    let ends = one.ends.at.unwrap_or(axis.to);
    fill(begins, ends, Cell::Unreached);
    for span in window.spans.iter().filter(|span| span.path.contains(&one.number)) {
        let from = span.from.at.unwrap_or(begins).max(begins);
        // Behind the last commit nothing is missing where the archive just ends.
        let whole = span.ends_by == SpanEnd::EndOfArchive && span.path.last() == Some(&one.number);
        let last = span.to.at.filter(|_| !whole).unwrap_or(ends);
        let to = leaves(window, span, one.number).unwrap_or(ends).min(last).min(ends);
        if from <= to {
            fill(from, to, Cell::Reached);
        }
    }
    for gap in window.gaps.iter().filter(|gap| gap.timeline == one.number) {
        fill(gap.from.at.unwrap_or(begins), gap.to.at.unwrap_or(ends), Cell::Missing);
    }
    // The commit before a gap and the one behind it are there, where there is room to show that.
    for gap in window.gaps.iter().filter(|gap| gap.timeline == one.number) {
        let ends = [gap.from.at, gap.to.at].map(|at| at.map(|at| axis.column(at)));
        if let [Some(from), Some(to)] = ends
            && from + 1 < to
        {
            let reached = |span: &RecoverableSpan| span.from.at.is_some_and(|at| axis.column(at) <= to);
            let behind = window.spans.iter().any(|span| reached(span) && span.from.at >= gap.to.at);
            cells[from] = Cell::Reached;
            cells[to] = if behind { Cell::Reached } else { Cell::Unreached };
        }
    }
    if one.parent.is_some() {
        cells[axis.column(begins)] = Cell::Fork;
    }
    cells
}

/// When a path leaves a timeline for the next.
fn leaves(window: &WalWindow, span: &RecoverableSpan, timeline: Timeline) -> Option<Timestamp> {
    let at = span.path.iter().position(|one| *one == timeline)?;
    let next = span.path.get(at + 1)?;
    let (_, fork) = window.timelines.iter().find(|one| one.number == *next)?.parent?;
    time_at(window, &[timeline], fork)
}

fn goal(at: Timestamp, can_be: bool, axis: Axis, brush: &Brush) -> Line<'static> {
    let column = axis.column(at);
    let (role, word) = if can_be { (Role::Key, "") } else { (Role::Stuck, " refused") };
    let sign = match (at < axis.from, at > axis.to) {
        (true, _) => "<",
        (_, true) => ">",
        (false, false) => "^",
    };
    let text = format!("{}{word}", at.strftime("%H:%M:%S"));
    let text = if column + 2 + text.len() <= axis.room {
        format!("{:column$}{sign} {text}", "")
    } else {
        format!("{:1$}{text} {sign}", "", column.saturating_sub(text.len() + 1))
    };
    named("goal", vec![brush.span(role, printable(&text))], brush)
}
