//! The Completed heading in the preview, and records that could not be read.

use super::{states, summary, widgets};
use crate::{
    console::{
        format,
        model::{
            Model,
            tree::{Group, TreeRow},
        },
        theme::{Brush, Role},
    },
    domain::{Kind, Timestamp},
    manager::{CompletedResult, CompletedRow},
};
use ratatui::text::Line;

/// How many ended how.
pub(super) fn head(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let snapshot = &model.data().snapshot;
    let ended = snapshot.counts.ended.of(Kind::Restore);
    if ended.total() == 0 {
        let text = "Nothing has been completed yet. Sessions come here when they succeed or are cancelled.";
        return widgets::wrapped(text, width, 0, Role::Text, brush);
    }
    let (mut known, mut taken) = (0, 0);
    for row in snapshot.completed.iter().filter(|row| row.kind == Kind::Restore) {
        known += 1;
        taken += usize::from(row.took_items() && row.result == CompletedResult::Succeeded);
    }
    let succeeded = ended.with(CompletedResult::Succeeded);
    let done = |count: usize, word: &str| format!("{} {} {word}", brush.glyphs.done, format::count(count as u64));
    let cancelled = format::count(ended.with(CompletedResult::Cancelled) as u64);
    let mut parts = vec![(Role::Done, done(succeeded.saturating_sub(taken), "restored"))];
    parts.extend((taken > 0).then(|| (Role::Done, done(taken, "taken out"))));
    parts.push((Role::Cancelled, format!("{} {cancelled} cancelled", brush.glyphs.cancelled)));
    let mut lines = vec![Line::default()];
    for (role, text) in parts {
        let gap = if lines.last().is_some_and(|line| line.spans.is_empty()) { "" } else { "   " };
        let full = lines.last().is_some_and(|line| line.width() + gap.len() + format::width(&text) > width);
        if full && !gap.is_empty() {
            lines.push(Line::from(brush.span(role, text)));
        } else if let Some(line) = lines.last_mut() {
            line.push_span(brush.span(role, format!("{gap}{text}")));
        }
    }
    let missing = ended.total().saturating_sub(known);
    if missing > 0 {
        let text = format!("{} older ones are still being read from the journal.", format::count(missing as u64));
        lines.extend(widgets::wrapped(&text, width, 0, Role::Dim, brush));
    }
    lines.push(Line::default());
    lines
}

/// How much the history holds.
pub(super) fn history_head(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let past = &model.data().past;
    let mut lines = Vec::new();
    if let Some(problem) = model.past_problem() {
        let text = format!("The history could not be read: {}", format::clean(problem));
        lines.extend(widgets::wrapped(&text, width, 0, Role::Stuck, brush));
    }
    if !model.knows_past() {
        lines.extend(widgets::wrapped("The journal is being read.", width, 0, Role::Dim, brush));
        return lines;
    }
    if past.is_empty() {
        let text = "No session has ended yet. All that end stay here, also when they are dismissed.";
        lines.extend(widgets::wrapped(text, width, 0, Role::Text, brush));
        return lines;
    }
    let dismissed = past.iter().filter(|one| one.is_dismissed).count();
    let dismissed =
        if dismissed == 0 { String::new() } else { format!(", {} of them dismissed", format::count(dismissed as u64)) };
    let text = format!("{} ended{dismissed}", format::many(past.len(), "session"));
    lines.extend(widgets::wrapped(&text, width, 0, Role::Text, brush));
    lines.push(Line::default());
    lines
}

/// The heading of a kind that has no place under Restore: what goes on, then what has ended.
pub(super) fn of_kind(model: &Model, group: Group, width: usize, height: usize, brush: &Brush) -> Vec<Line<'static>> {
    let rows: Vec<TreeRow> = model.tree().members(group).take(height.saturating_sub(4).max(1)).collect();
    let ongoing = rows.iter().filter_map(|row| model.data().snapshot.ongoing.get(row.ongoing()?));
    let mut lines: Vec<Line<'static>> = ongoing.map(|session| summary::row(model, session, width, brush)).collect();
    let ended: Vec<Cells> = rows.iter().filter_map(|row| cells(model, *row)).collect();
    lines.extend((!lines.is_empty() && !ended.is_empty()).then(Line::default));
    lines.extend(table(&ended, width, brush));
    lines
}

fn cells(model: &Model, row: TreeRow) -> Option<Cells> {
    Some(Cells::of(model.data().snapshot.completed.get(row.completed()?)?, model.now()))
}

/// What is told of one session.
struct Cells {
    word: &'static str,
    result: CompletedResult,
    name: String,
    ended: String,
    took: String,
}

impl Cells {
    fn of(row: &CompletedRow, now: Timestamp) -> Self {
        let name = format::clean(row.title.as_str()).into_owned();
        Self {
            word: states::ended_row(row),
            result: row.result,
            name,
            ended: format::moment(row.ended, now),
            took: format::duration(row.took),
        }
    }
}

/// Name, word, moment and length of each. A column is there as a whole or not at all, since a number that is cut is
/// another number: first the moments go, then the lengths.
fn table(rows: &[Cells], width: usize, brush: &Brush) -> Vec<Line<'static>> {
    const NAME: usize = 8;
    const GAP: usize = 2;
    const WORD: usize = "cancelled".len();
    let widest = |text: fn(&Cells) -> &str| rows.iter().map(|row| format::width(text(row))).max().unwrap_or(0);
    let (ended, took) = (widest(|row| &row.ended), widest(|row| &row.took));
    let room = |columns: &[usize]| {
        let wanted = GAP + NAME + GAP + WORD + columns.iter().map(|column| GAP + column).sum::<usize>();
        width.checked_sub(wanted)
    };
    let (with_ended, with_took, left) = match (room(&[ended, took]), room(&[took])) {
        (Some(left), _) => (true, true, left),
        (None, Some(left)) => (false, true, left),
        (None, None) => (false, false, room(&[]).unwrap_or(0)),
    };
    let name = (width * 2 / 5).clamp(NAME, 24).min(NAME + left);
    let line = |row: &Cells| {
        let (sign, role) = states::sign_of(row.result, &brush.glyphs);
        let mut spans = vec![
            brush.span(role, format!("{sign} ")),
            brush.span(Role::Text, widgets::cell(&row.name, name, brush)),
            brush.span(role, format!("  {:<WORD$}", row.word)),
        ];
        spans.extend(with_ended.then(|| brush.span(Role::Dim, format!("  {:>ended$}", row.ended))));
        spans.extend(with_took.then(|| brush.span(Role::Dim, format!("  {:>took$}", row.took))));
        Line::from(spans)
    };
    rows.iter().map(line).collect()
}

/// Each record with its problem; they hide nothing else (S10).
pub(super) fn unreadable(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let text = "Of these sessions the journal has no record, or one that this build cannot read. What is there is kept \
                as it is.";
    let mut lines = widgets::wrapped(text, width, 0, Role::Text, brush);
    lines.push(Line::default());
    for record in model.data().snapshot.unreadable.iter() {
        let text = format!("session {}: {}", record.id, record.problem);
        lines.extend(widgets::wrapped(&text, width, 0, Role::Stuck, brush));
    }
    lines
}
