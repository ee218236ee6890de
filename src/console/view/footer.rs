//! The lowest line: the answer to the last action (in two lines where it is long), else what is being typed, else the most useful keys here.

use super::widgets;
use crate::console::{
    action::Action,
    format,
    keymap::KeyContext,
    model::{
        Model,
        notice::Tone,
        tree::{Group, Node},
    },
    theme::{Brush, Role, Theme},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::{Clear, Widget as _},
};

/// Paints the footer.
pub(super) fn paint(buffer: &mut Buffer, area: Rect, model: &Model, brush: &Brush) {
    if area.is_empty() {
        return;
    }
    let width = usize::from(area.width);
    let keys = keys(model, width, brush);
    if let Some(input) = model.typing() {
        let mut spans = vec![brush.span(Role::Key, " /")];
        let problem = model.tree().filter().problem();
        let others = if problem.is_some() { width * 2 / 3 } else { 34 };
        spans.extend(widgets::input(input, width.saturating_sub(others).clamp(1, 40), true, brush));
        let (role, about) = match (problem, input.value()) {
            (Some(problem), _) => (Role::Stuck, problem),
            (None, "") => (Role::Dim, "words, !word, phase:stuck, host:, by:, since:1h"),
            (None, _) => (Role::Dim, "Enter keeps it, Esc clears it"),
        };
        let room = width.saturating_sub(Line::from(spans.clone()).width() + 2);
        let about = format::clean(about);
        spans.push(brush.span(role, format!("  {}", format::fit(&about, room, brush.glyphs.more))));
        buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
        return;
    }
    let left = left(model, brush);
    if left.width() > 1 {
        buffer.set_line(area.x, area.y, &left, area.width);
    }
    if let Some(start) = keys_at(left.width(), keys.width(), width) {
        let start = area.x + u16::try_from(start).unwrap_or(area.width);
        buffer.set_line(start, area.y, &keys, area.right() - start);
    }
}

/// Paints the first line of a notice that one line has no room for above the footer, over whatever stands there: a notice
/// is read in a moment, and what it covers comes back.
pub(super) fn paint_above(buffer: &mut Buffer, footer: Rect, model: &Model, brush: &Brush) {
    let (role, Some(first), _) = said(model, brush) else { return };
    if model.typing().is_some() || footer.is_empty() {
        return;
    }
    let above = Rect { y: footer.y.saturating_sub(1), height: 1, ..footer };
    for area in [above, footer] {
        Clear.render(area, buffer);
    }
    buffer.set_line(above.x, above.y, &Line::from(vec![Span::raw(" "), brush.span(role, first)]), above.width);
    paint(buffer, footer, model, brush);
}

/// The column that the keys begin in: the first where nothing else stands, else as far right as they go.
fn keys_at(left: usize, keys: usize, width: usize) -> Option<usize> {
    if left <= 1 { Some(0) } else { (left + keys + 3 <= width).then(|| width.saturating_sub(keys + 1)) }
}

/// The action whose key stands in this column.
pub(in crate::console) fn action_at(model: &Model, column: u16) -> Option<Action> {
    if model.typing().is_some() {
        return None;
    }
    let width = usize::from(model.size().0);
    // Where things stand does not depend on how they are coloured.
    let brush = Brush::new(Theme::Mono, model.options().ascii);
    let start = keys_at(left(model, &brush).width(), keys(model, width, &brush).width(), width)?;
    let mut at = start + 1;
    let hit = |(_, key, label): &(Action, String, &str)| {
        let end = at + format::width(key) + 1 + format::width(label);
        (std::mem::replace(&mut at, end + 2)..end).contains(&usize::from(column))
    };
    fitting(model, width, &brush).into_iter().find(hit).map(|(action, ..)| action)
}

fn left(model: &Model, brush: &Brush) -> Line<'static> {
    let (role, _, text) = said(model, brush);
    Line::from(vec![Span::raw(" "), brush.span(role, text)])
}

/// What stands at the left, and what comes before it where that takes two lines.
fn said(model: &Model, brush: &Brush) -> (Role, Option<String>, String) {
    let room = usize::from(model.size().0).saturating_sub(2);
    let fit = |text: &str| format::fit(text, room, brush.glyphs.more).into_owned();
    let Some(notice) = model.notice() else { return (Role::Dim, None, fit(&hint(model))) };
    let role = match notice.tone {
        Tone::Done => Role::Done,
        Tone::Refused => Role::Waiting,
        Tone::Info => Role::Text,
        Tone::Warning => Role::Stuck,
    };
    let text = format::clean(&notice.text);
    let mut lines = format::wrap(&text, room).into_iter();
    match lines.next() {
        Some(first) if model.layout().bordered && lines.len() > 0 => {
            (role, Some(first), fit(&lines.collect::<Vec<_>>().join(" ")))
        }
        Some(_) | None => (role, None, fit(&text)),
    }
}

/// What Enter does here, where that is worth a word.
fn hint(model: &Model) -> String {
    if model.overlay().is_some() || model.wizard().is_some() {
        return String::new();
    }
    let tree = model.tree();
    let (sessions, instances) = (tree.marked.len(), tree.marked_instances.len());
    let marked = match (sessions, instances) {
        (0, 0) => None,
        (_, 0) => Some(format!("{} marked: actions are for them", format::many(sessions, "session"))),
        (0, _) => Some(format!("{} marked: Enter restores them", format::many(instances, "instance"))),
        (_, _) => {
            Some(format!("{} and {} marked", format::many(sessions, "session"), format::many(instances, "instance")))
        }
    };
    let items = tree.marked_items.len();
    if items > 0 {
        let key = widgets::key(model, Action::TakeOut);
        let it = if items == 1 { "it" } else { "them" };
        let items = format!("{} marked: {key} takes {it} out", format::many(items, "item"));
        return marked.map_or_else(|| items.clone(), |marked| format!("{items}; {marked}"));
    }
    if let Some(marked) = marked {
        return marked;
    }
    match tree.selected() {
        Node::Instance(key) => format!("Enter restores {}", format::clean(&key.title(&model.data().catalog))),
        Node::Group(Group::Restore) if model.data().snapshot.ongoing.is_empty() => "No restore is under way".to_owned(),
        Node::Group(_)
        | Node::Session(_)
        | Node::Unreadable(_)
        | Node::Job(_)
        | Node::Object(..)
        | Node::Run(_)
        | Node::UnreadableRun(_)
        | Node::Item(..) => String::new(),
    }
}

/// The keys that are most useful with what is selected, the most useful first.
fn wanted(model: &Model) -> &'static [(Action, &'static str)] {
    let has_table = model.table_group().is_some();
    match model.key_context() {
        KeyContext::Tree => match model.tree().selected() {
            Node::Session(_) => &[
                (Action::Filter, "filter"),
                (Action::Log, "log"),
                (Action::Mark, "mark"),
                (Action::NextPane, "preview"),
                (Action::Close, "close"),
                (Action::Mouse, "mouse"),
            ],
            Node::Group(_) if has_table => &[
                (Action::Filter, "filter"),
                (Action::NextPane, "rows"),
                (Action::Sort, "sort"),
                (Action::Widen, "widen"),
                (Action::NextInNeed, "next in need"),
                (Action::Close, "close"),
                (Action::Mouse, "mouse"),
            ],
            Node::Instance(_) => &[
                (Action::Filter, "filter"),
                (Action::Verify, "verify"),
                (Action::Mark, "mark"),
                (Action::NextPane, "preview"),
                (Action::Close, "close"),
                (Action::Mouse, "mouse"),
            ],
            Node::Job(_) | Node::Object(..) => &[
                (Action::Filter, "filter"),
                (Action::StartJob, "start"),
                (Action::Stop, "stop"),
                (Action::NextPane, "preview"),
                (Action::Close, "close"),
                (Action::Mouse, "mouse"),
            ],
            Node::Run(_) => &[
                (Action::Filter, "filter"),
                (Action::StartJob, "start again"),
                (Action::Dismiss, "dismiss"),
                (Action::NextPane, "preview"),
                (Action::Close, "close"),
            ],
            Node::Item(..) => &[
                (Action::Filter, "filter"),
                (Action::TakeOut, "take out"),
                (Action::Mark, "mark"),
                (Action::Compare, "compare"),
                (Action::Copy, "copy"),
                (Action::NextPane, "preview"),
                (Action::Stop, "close the point"),
            ],
            Node::Group(_) | Node::Unreadable(_) | Node::UnreadableRun(_) => {
                &[(Action::Filter, "filter"), (Action::NextPane, "preview"), (Action::Close, "close")]
            }
        },
        KeyContext::Preview if has_table => &[
            (Action::Accept, "open"),
            (Action::Sort, "sort"),
            (Action::Widen, "widen"),
            (Action::NextPane, "tree"),
            (Action::Back, "back"),
        ],
        KeyContext::Preview => &[
            (Action::Left, "tab"),
            (Action::Right, "tab"),
            (Action::Widen, "widen"),
            (Action::NextPane, "tree"),
            (Action::Back, "back"),
        ],
        KeyContext::Log => &[
            (Action::SearchLog, "search"),
            (Action::NextMatch, "next match"),
            (Action::WrapLog, "wrap"),
            (Action::SaveLog, "save"),
            (Action::NextPane, "tree"),
            (Action::Back, "back"),
        ],
        KeyContext::LogInput => &[(Action::Accept, "keeps it"), (Action::Back, "leaves it")],
        KeyContext::Filter
        | KeyContext::Palette
        | KeyContext::Menu
        | KeyContext::TextView
        | KeyContext::Confirmation
        | KeyContext::TypeName
        | KeyContext::Instances
        | KeyContext::Form
        | KeyContext::FormText
        | KeyContext::Points
        | KeyContext::Plan
        | KeyContext::Destination
        | KeyContext::Goal
        | KeyContext::GoalText => &[],
    }
}

/// As many of the keys as there is room for.
fn keys(model: &Model, room: usize, brush: &Brush) -> Line<'static> {
    let mut line = line(&fitting(model, room, brush), brush);
    line.spans.insert(0, Span::raw(" "));
    line
}

fn fitting(model: &Model, room: usize, brush: &Brush) -> Vec<(Action, String, &'static str)> {
    let keymap = &model.options().keymap;
    let pair = |(action, label): &(Action, &'static str)| {
        let key = keymap.key(model.key_context(), *action)?;
        Some((*action, key.to_string(), *label))
    };
    let mut pairs: Vec<_> = wanted(model).iter().filter_map(pair).collect();
    while line(&pairs, brush).width() + 1 > room && pairs.pop().is_some() {}
    pairs
}

fn line(pairs: &[(Action, String, &'static str)], brush: &Brush) -> Line<'static> {
    let pairs: Vec<(String, &str)> = pairs.iter().map(|(_, key, label)| (key.clone(), *label)).collect();
    widgets::hints(&pairs, brush)
}
