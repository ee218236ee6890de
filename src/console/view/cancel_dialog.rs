//! The question before a cancel: which sessions, and what becomes of the data of each.
//!
//! Promises: tells it as it stands now, not as it stood when the question was opened; what only the mark at the target
//! knows is told as a condition.

use super::{overlays::buttons, states, widgets};
use crate::{
    console::{
        format,
        model::{
            Model,
            dialog::{CancelDialog, CancelFocus},
            distinction::full_name,
        },
        theme::{Brush, Role},
    },
    domain::{ByteCount, Disposition, plan::TargetState},
    machine::Session,
};
use ratatui::{buffer::Buffer, text::Line};
use std::sync::Arc;

/// What becomes of a session's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It has no data, or none yet.
    Nothing,
    Removed,
    Kept,
    Renamed,
    /// Removed if the session made the directory, which its mark tells.
    ByMark,
}

const WIDTH: u16 = 78;

/// Below the list stand the sum, disposition, a blank, the buttons and the hint; around it the frame.
const FIXED: usize = 7;

/// Paints it.
pub(super) fn paint(buffer: &mut Buffer, model: &Model, state: &CancelDialog, brush: &Brush) {
    let room = usize::from(WIDTH.min(buffer.area.width)).saturating_sub(4);
    let line =
        |role: Role, text: &str| Line::from(brush.span(role, format::fit(text, room, brush.glyphs.more).into_owned()));
    let snapshot = &model.data().snapshot;
    let sessions: Vec<&Arc<Session>> = state.sessions.iter().filter_map(|id| snapshot.session(*id)).collect();
    // More than these would push the buttons off a small screen; the rest is counted.
    let space = usize::from(buffer.area.height).saturating_sub(FIXED + 1).clamp(1, 8);
    // Two lines each where there is room for both.
    let each = if sessions.len() * 2 <= space { 2 } else { 1 };
    let shown = sessions.len().min(space / each);
    let mut lines: Vec<Line<'_>> = Vec::new();
    for session in sessions.iter().take(shown) {
        let name = full_name(snapshot, session);
        let what = effect(session, state.disposition);
        if each == 2 {
            let now = states::long(session, model.now(), model.queued_ahead(session.id()));
            lines.push(line(Role::Text, &format!("{name}: {now}")));
            lines.push(line(Role::Waiting, &format!("   {what}")));
        } else {
            lines.push(line(Role::Text, &format!("{name}: {what}")));
        }
    }
    if sessions.len() > shown {
        lines.push(line(Role::Dim, &format!("and {} more", format::count((sessions.len() - shown) as u64))));
    }
    let ended = state.sessions.len() - sessions.len();
    if ended > 0 {
        lines.push(line(Role::Dim, &format!("{} ended meanwhile", format::many(ended, "session"))));
    }
    lines.push(line(Role::Waiting, &sum(&sessions, state.disposition)));
    let has_keys = state.focus == CancelFocus::Disposition;
    let (label, value) = if has_keys { (Role::Key, Role::Input) } else { (Role::Dim, Role::Text) };
    lines.push(Line::from(vec![
        brush.span(label, "Partial data: "),
        brush.span(value, state.disposition.to_string()),
        brush.span(Role::Dim, format!("  {}", meaning(state.disposition))),
    ]));
    lines.push(Line::default());
    let (keep, go) = if state.sessions.len() == 1 { ("Keep it", "Cancel it") } else { ("Keep them", "Cancel them") };
    lines.push(buttons(keep, go, state.focus == CancelFocus::Keep, state.focus == CancelFocus::Cancel, brush));
    lines.push(line(Role::Dim, "Tab moves on, left and right change, Enter chooses, Esc leaves"));
    let title = format!("Cancel {}?", format::many(state.sessions.len(), "session"));
    let area = widgets::middle(buffer, WIDTH, u16::try_from(lines.len() + 2).unwrap_or(u16::MAX));
    let area = widgets::dialog(buffer, area, &title, brush);
    let from = lines.len().saturating_sub(usize::from(area.height));
    widgets::lines(buffer, area, &lines, from);
}

fn fate(session: &Session, wish: Disposition) -> Fate {
    let has_data = session.bytes_done().0 > 0 && session.order().leftover().is_some();
    if !has_data || session.order().directory().is_none() {
        return Fate::Nothing;
    }
    match wish {
        Disposition::Remove => Fate::Removed,
        Disposition::Keep => Fate::Kept,
        Disposition::SetAside => Fate::Renamed,
        Disposition::Default => match session.restore_plan().map(|plan| &plan.files.target) {
            Some(TargetState::Missing | TargetState::SetAside { .. }) => Fate::Removed,
            Some(TargetState::Empty) => Fate::Kept,
            Some(TargetState::Leftover) | None => Fate::ByMark,
        },
    }
}

/// What will happen to the data of one session.
fn effect(session: &Session, wish: Disposition) -> String {
    let directory = session.order().directory().map(format::path).unwrap_or_default();
    let bytes = session.bytes_done();
    match fate(session, wish) {
        Fate::Nothing => "nothing is on disk yet".to_owned(),
        Fate::Removed => format!("remove {directory} ({bytes})"),
        Fate::Kept => format!("keep {directory} ({bytes})"),
        Fate::Renamed => format!("rename {directory} ({bytes})"),
        Fate::ByMark => format!("remove {directory} ({bytes}) if this session made it"),
    }
}

/// What it comes to.
fn sum(sessions: &[&Arc<Session>], wish: Disposition) -> String {
    let of = |wanted: Fate| -> u64 {
        sessions.iter().filter(|one| fate(one, wish) == wanted).map(|one| one.bytes_done().0).sum()
    };
    let parts = [
        (of(Fate::Removed), "would be removed"),
        (of(Fate::ByMark), "would be removed where the session made the directory"),
        (of(Fate::Kept), "would stay, for a later restore to the same place"),
        (of(Fate::Renamed), "would stay under another name"),
    ];
    let sums: Vec<String> = parts
        .into_iter()
        .filter(|(bytes, _)| *bytes > 0)
        .map(|(bytes, what)| format!("{} {what}", ByteCount(bytes)))
        .collect();
    if sums.is_empty() { "Nothing has been copied yet.".to_owned() } else { sums.join(", ") + "." }
}

/// What a disposition means (D7).
const fn meaning(wish: Disposition) -> &'static str {
    match wish {
        Disposition::Default => "remove where the session made the directory",
        Disposition::Remove => "remove what the sessions created, nothing else",
        Disposition::Keep => "leave it for a later restore to the same place",
        Disposition::SetAside => "rename the directory",
    }
}
