//! The Completed heading in the preview, and records that could not be read.

use super::pen;
use crate::{
    console::{
        model::{Model, tree::Group},
        theme::{Brush, Role},
        words,
    },
    manager::CompletedResult,
};
use ratatui::text::Line;

/// How many ended how, and the newest of them.
pub(super) fn group(model: &Model, width: usize, height: usize, brush: &Brush) -> Vec<Line<'static>> {
    let snapshot = &model.matter().snapshot;
    let counts = &snapshot.counts;
    if counts.completed() == 0 {
        let text = "Nothing has been completed yet. Sessions come here when they succeed or are cancelled.";
        return pen::wrapped(text, width, 0, Role::Text, brush);
    }
    let mut lines = vec![
        Line::from(vec![
            brush.span(Role::Done, format!("{} {} restored", brush.glyphs.done, words::count(counts.succeeded as u64))),
            brush.span(
                Role::Cancelled,
                format!("   {} {} cancelled", brush.glyphs.cancelled, words::count(counts.cancelled as u64)),
            ),
        ]),
        Line::default(),
    ];
    let name = (width * 2 / 5).clamp(8, 24);
    for at in model.tree().members(Group::Completed).take(height.saturating_sub(4).max(1)) {
        let row = &snapshot.completed[at];
        let (sign, role, how) = match row.result {
            CompletedResult::Succeeded => (brush.glyphs.done, Role::Done, "restored"),
            CompletedResult::Cancelled => (brush.glyphs.cancelled, Role::Cancelled, "cancelled"),
        };
        let instance = words::clean(row.instance.as_str()).into_owned();
        lines.push(Line::from(vec![
            brush.span(role, format!("{sign} ")),
            brush.span(Role::Text, pen::cell(&instance, name, brush)),
            brush.span(role, format!("  {how:<9}")),
            brush.span(
                Role::Dim,
                format!("  {:>11}  {:>8}", words::moment(row.ended, model.now()), words::duration(row.took)),
            ),
        ]));
    }
    let missing = counts.completed().saturating_sub(snapshot.completed.len());
    if missing > 0 {
        let text = format!("{} older ones are still being read from the journal.", words::count(missing as u64));
        lines.extend(pen::wrapped(&text, width, 0, Role::Dim, brush));
    }
    lines
}

/// Each record with its problem; they hide nothing else (S10).
pub(super) fn unreadable(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let text = "The journal holds records that this build cannot read. They are kept as they are; a newer howdah may \
                read them.";
    let mut lines = pen::wrapped(text, width, 0, Role::Text, brush);
    lines.push(Line::default());
    for record in model.matter().snapshot.unreadable.iter() {
        let text = format!("session {}: {}", record.id, record.problem);
        lines.extend(pen::wrapped(&text, width, 0, Role::Stuck, brush));
    }
    lines
}
