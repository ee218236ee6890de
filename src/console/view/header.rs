//! The two upper lines: what is going on, whether this window may be closed (S4), what can be done.

use crate::{
    console::{
        action::Verdict,
        bar, format,
        model::{Model, owner::MayClose},
        ports::OpenedFor,
        theme::{Brush, Role},
    },
    machine::CompletedResult,
    manager::OwnerState,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

/// How much the header says. Tried from the richest down until one fits.
#[derive(Clone, Copy)]
struct Fill {
    front: Front,
    counts: Counts,
    safe: Safe,
    clock: bool,
}

/// What stands before the counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Front {
    /// The name, who acts, and which process one is attached to.
    Who,
    /// The name and that process.
    Place,
    Name,
    Nothing,
}

/// How the counts are told. The ends are told by the tree too, so they go before the words do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    All,
    Ongoing,
    Signs,
    Nothing,
}

/// How the answer to "may I close this window?" is told.
#[derive(Clone, Copy)]
enum Safe {
    Long,
    Short,
    Least,
}

const fn fill(front: Front, counts: Counts, safe: Safe, clock: bool) -> Fill {
    Fill { front, counts, safe, clock }
}

const FILLS: [Fill; 12] = [
    fill(Front::Who, Counts::All, Safe::Long, true),
    fill(Front::Place, Counts::All, Safe::Long, true),
    fill(Front::Place, Counts::Ongoing, Safe::Long, true),
    fill(Front::Name, Counts::All, Safe::Long, true),
    fill(Front::Name, Counts::Ongoing, Safe::Long, true),
    fill(Front::Name, Counts::Ongoing, Safe::Short, true),
    fill(Front::Name, Counts::Ongoing, Safe::Short, false),
    fill(Front::Name, Counts::Ongoing, Safe::Least, false),
    fill(Front::Name, Counts::Signs, Safe::Short, true),
    fill(Front::Name, Counts::Signs, Safe::Short, false),
    fill(Front::Nothing, Counts::Signs, Safe::Least, false),
    LEAST,
];

/// Where the owner is gone, that and the age of the picture come first; the picture's moment is the clock.
const AWAY: [Fill; 8] = [
    fill(Front::Who, Counts::All, Safe::Long, false),
    fill(Front::Name, Counts::All, Safe::Long, false),
    fill(Front::Name, Counts::Ongoing, Safe::Long, false),
    fill(Front::Name, Counts::Signs, Safe::Long, false),
    fill(Front::Name, Counts::Signs, Safe::Short, false),
    fill(Front::Nothing, Counts::Signs, Safe::Short, false),
    fill(Front::Nothing, Counts::Signs, Safe::Least, false),
    LEAST,
];

const LEAST: Fill = fill(Front::Nothing, Counts::Nothing, Safe::Least, false);

/// Paints the header.
pub(super) fn paint(buffer: &mut Buffer, area: Rect, model: &Model, brush: &Brush) {
    if area.is_empty() {
        return;
    }
    let width = usize::from(area.width);
    let attached = matches!(model.owner(), OwnerState::Remote { .. });
    let fills = if matches!(model.may_close(), MayClose::Away | MayClose::Unowned) { &AWAY[..] } else { &FILLS[..] };
    let fills = fills.iter().filter(|fill| attached || fill.front != Front::Place);
    let made = fills.map(|fill| (left(model, *fill, brush), right(model, *fill, brush)));
    let fits = |(left, right): &(Line<'_>, Line<'_>)| left.width() + right.width() + 2 <= width;
    let fallback = || {
        let left = badge(model, brush).into_iter().chain(filter(model, brush));
        (left.collect(), right(model, LEAST, brush))
    };
    let (left, right) = made.into_iter().find(fits).unwrap_or_else(fallback);
    let start = width.saturating_sub(right.width() + 1);
    let start = area.x + u16::try_from(start).unwrap_or(0);
    buffer.set_line(start, area.y, &right, area.right() - start);
    // Over the other where there is room for neither: what is only played must never look real.
    buffer.set_line(area.x, area.y, &left, area.width);
}

/// Paints the action bar: what is possible now is lit.
pub(super) fn paint_bar(buffer: &mut Buffer, area: Rect, model: &Model, brush: &Brush) {
    if area.is_empty() {
        return;
    }
    let situation = model.situation();
    let items = bar::items(model);
    let free = items.first().map_or(area.width, |item| item.columns.start);
    let about = if model.tree().marked.is_empty() {
        String::new()
    } else {
        format!("  for {} marked", format::count(model.tree().marked.len() as u64))
    };
    let mut end = area.x;
    for tab in bar::tabs(model) {
        let role = if tab.screen == model.tree().screen() { Role::Title } else { Role::Text };
        let line = Line::from(vec![brush.span(Role::Key, tab.key), brush.span(role, tab.label)]);
        (end, _) = buffer.set_line(area.x + tab.columns.start, area.y, &line, area.width - tab.columns.start);
    }
    let about = Line::from(brush.span(Role::Mark, about));
    if usize::from(end) + about.width() < usize::from(free) {
        buffer.set_line(end, area.y, &about, free - end);
    }
    for item in items {
        let lit = situation.verdict(item.action) == Verdict::Ready;
        let (key, label) = if lit { (Role::Key, Role::Text) } else { (Role::Off, Role::Off) };
        let mut spans = vec![brush.span(key, item.key)];
        if !item.label.is_empty() {
            spans.push(brush.span(label, format!(" {}", item.label)));
        }
        let width = area.width.saturating_sub(item.columns.start);
        buffer.set_line(area.x + item.columns.start, area.y, &Line::from(spans), width);
    }
}

fn left(model: &Model, fill: Fill, brush: &Brush) -> Line<'static> {
    let counts = &model.data().snapshot.counts;
    let ended = |result| counts.ended.with(result);
    let glyphs = &brush.glyphs;
    let mut spans: Vec<Span<'static>> = badge(model, brush).into_iter().chain(filter(model, brush)).collect();
    if fill.front != Front::Nothing {
        spans.push(brush.span(Role::Title, " howdah"));
    }
    if fill.front == Front::Who {
        spans.push(brush.span(Role::Dim, format!("  {}", format::clean(&model.options().by.account()))));
    }
    if let (Front::Who | Front::Place, OwnerState::Remote { pid }) = (fill.front, model.owner()) {
        spans.push(brush.span(Role::Dim, format!("  attached to process {pid}")));
    }
    let all = [
        (counts.stuck, glyphs.stuck, "stuck", Role::Stuck),
        (ended(CompletedResult::Damaged), glyphs.stuck, "damaged", Role::Stuck),
        (ended(CompletedResult::Failed), glyphs.stuck, "failed", Role::Stuck),
        (counts.paused, glyphs.paused, "paused", Role::Waiting),
        (counts.waiting, glyphs.waiting, "waiting", Role::Waiting),
        (counts.running, glyphs.running, "running", Role::Running),
        (counts.cancelling, glyphs.cancelling, "cancelling", Role::Cancelling),
        (counts.queued, glyphs.queued, "queued", Role::Queued),
        (counts.succeeded(), glyphs.done, "done", Role::Done),
        (counts.cancelled(), glyphs.cancelled, "cancelled", Role::Cancelled),
        (ended(CompletedResult::Stopped), glyphs.cancelled, "stopped", Role::Cancelled),
    ];
    // The last three are ends that need nobody.
    let shown = if fill.counts == Counts::All { &all[..] } else { &all[..all.len() - 3] };
    for (count, glyph, word, role) in shown.iter().filter(|(count, ..)| *count > 0) {
        let count = format::count(*count as u64);
        let text = match fill.counts {
            Counts::All | Counts::Ongoing => format!("  {glyph} {count} {word}"),
            Counts::Signs => format!(" {glyph} {count}"),
            Counts::Nothing => break,
        };
        spans.push(brush.span(*role, text));
    }
    Line::from(spans)
}

/// What the filter leaves, where there is no frame to say it.
fn filter(model: &Model, brush: &Brush) -> Option<Span<'static>> {
    let (shown, all) = model.filtered().filter(|_| !model.layout().bordered)?;
    let text = format!(" {} of {} shown", format::count(shown as u64), format::count(all as u64));
    Some(brush.span(Role::Mark, text))
}

/// What stands before everything else where all is only played.
fn badge(model: &Model, brush: &Brush) -> Option<Span<'static>> {
    match model.options().purpose {
        OpenedFor::Work => None,
        OpenedFor::Demo => Some(brush.span(Role::Sample, " DEMO")),
        OpenedFor::Replay => Some(brush.span(Role::Sample, " REPLAY")),
    }
}

fn right(model: &Model, fill: Fill, brush: &Brush) -> Line<'static> {
    let mut spans = Vec::new();
    if model.is_frozen() {
        spans.push(brush.span(Role::Mark, "frozen  "));
    }
    spans.push(safe(model, fill.safe, brush));
    if fill.clock {
        // A clock that stands still must not look like one that goes: nothing is painted while nothing changes.
        let clock = format::clock(model.now());
        let clock = if model.is_ticking() { format!("  {clock} UTC") } else { format!("  as of {clock} UTC") };
        spans.push(brush.span(Role::Dim, clock));
    }
    Line::from(spans)
}

/// The answer to "may I close this window?". What threatens the work is told by a sign too, never by colour alone.
fn safe(model: &Model, how: Safe, brush: &Brush) -> Span<'static> {
    let sign = brush.glyphs.warning;
    match (model.may_close(), how) {
        (MayClose::ManagerGone, _) => brush.span(Role::Stuck, "session manager ended: open howdah again"),
        (MayClose::Away, Safe::Long) => {
            let moment = format::clock(model.now());
            brush.span(Role::Stuck, format!("{sign} owner lost, reconnecting; data from {moment}"))
        }
        (MayClose::Away, Safe::Short) => {
            brush.span(Role::Stuck, format!("{sign} owner lost; data from {}", format::clock(model.now())))
        }
        (MayClose::Unowned, Safe::Long) => {
            let moment = format::clock(model.now());
            brush.span(Role::Stuck, format!("{sign} no owner: nobody manages the sessions; journal of {moment}"))
        }
        (MayClose::Unowned, Safe::Short) => {
            brush.span(Role::Stuck, format!("{sign} no owner; journal of {}", format::clock(model.now())))
        }
        (MayClose::Unowned, Safe::Least) => brush.span(Role::Stuck, format!("{sign} no owner")),
        (MayClose::Away, Safe::Least) => brush.span(Role::Stuck, format!("{sign} owner lost")),
        (MayClose::LogoutEnds, Safe::Long | Safe::Short) => {
            brush.span(Role::Stuck, format!("{sign} logout ends the work"))
        }
        (MayClose::LogoutEnds, Safe::Least) => brush.span(Role::Stuck, format!("{sign} logout ends work")),
        (MayClose::WorkGoesOn, Safe::Long) => brush.span(Role::Done, "safe to close: work goes on"),
        (MayClose::UntilReboot, Safe::Long) => brush.span(Role::Done, "safe to close: work goes on until reboot"),
        (MayClose::UntilReboot, Safe::Short) => brush.span(Role::Done, "safe to close until reboot"),
        (MayClose::WorkGoesOn, Safe::Short | Safe::Least)
        | (MayClose::UntilReboot, Safe::Least)
        | (MayClose::Idle, _) => brush.span(Role::Done, "safe to close"),
    }
}
