//! The page on which a goal of recovery is chosen: the window as a line, the wish, what it needs, the commits around it.

use super::{
    position, widgets,
    window_line::{self, OnLine},
};
use crate::{
    console::{
        action::Action,
        format,
        keymap::KeyContext,
        layout::{wizard_body, wizard_frame},
        model::{
            Model,
            goal_kind::{GoalKind, GoalRow},
            goal_page::{GoalPage, GoalPurpose, WindowState},
            goal_wish::Reachable,
        },
        theme::{Brush, Role},
    },
    domain::{
        AtTarget, NearbyCommits, RecoveryGoal, RecoveryTimeline, Timestamp, WalCommit, WalRestorePoint,
        instance::printable, recovery::moment,
    },
};
use ratatui::{buffer::Buffer, layout::Rect, text::Line};

/// Columns of a field's name.
const NAME: usize = 15;

/// Commits that are shown before the goal, and behind it.
const COMMITS: usize = 3;

/// Names that are shown around the chosen one.
const NAMES: usize = 7;

/// Paints it.
pub(super) fn paint(buffer: &mut Buffer, model: &Model, page: &GoalPage, brush: &Brush) {
    let (columns, rows) = (buffer.area.width, buffer.area.height);
    let frame = wizard_frame(columns, rows);
    widgets::dialog(buffer, frame, &title(page), brush);
    let body = wizard_body(columns, rows);
    let upper = Rect { height: body.height.saturating_sub(if body.height > 6 { 2 } else { 1 }), ..body };
    let (lines, focused) = lines(page, usize::from(upper.width), brush);
    let height = usize::from(upper.height);
    // The row with the keys and what is said of the goal are worth seeing together.
    let from = (focused + 2).saturating_sub(height).min(lines.len().saturating_sub(height));
    widgets::marked_lines(buffer, upper, &lines, from, brush);
    position::framed(buffer, frame, upper, (from, lines.len()), brush);
    if body.height > 2 {
        let lowest = Rect { y: body.bottom() - 1, height: 1, ..body };
        buffer.set_line(lowest.x, lowest.y, &hints(model, page, usize::from(lowest.width), brush), lowest.width);
    }
}

fn title(page: &GoalPage) -> String {
    let name = format::clean(&page.title);
    match page.purpose {
        GoalPurpose::Choice(_) | GoalPurpose::Open => format!("Point in time: {name}"),
        GoalPurpose::GoOn(..) => format!("Go on to a later goal: {name}"),
    }
}

/// The page, and the line that has the keys.
fn lines(page: &GoalPage, width: usize, brush: &Brush) -> (Vec<Line<'static>>, usize) {
    let judged = page.judged();
    let mut lines = Vec::new();
    if let Some((_, from)) = page.paused() {
        let committed = from.committed.map_or_else(String::new, |at| format!(", last commit {}", moment(at)));
        lines.extend(widgets::wrapped(&format!("Paused at {}{committed}", from.at), width, 0, Role::Text, brush));
    }
    lines.extend(line(page, judged.as_ref().ok(), width, brush));
    let mut focused = lines.len();
    for row in page.rows() {
        if row == page.row {
            focused = lines.len();
        }
        lines.push(field(page, row, judged.as_ref().ok(), width, brush));
    }
    lines.extend(verdict(page, &judged, width, brush));
    if page.kind == GoalKind::Name {
        lines.extend(names(page, width, brush));
    }
    lines.extend(commits(page, &judged, width, brush));
    if let WindowState::Read(window) = &page.window {
        lines.push(Line::default());
        lines.extend(window_line::legend(window, width, brush));
    }
    (lines, focused)
}

fn line(page: &GoalPage, found: Option<&Reachable>, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    match &page.window {
        WindowState::Reading => widgets::wrapped("Reading the archive", width, 0, Role::Dim, brush),
        WindowState::Unknown(why) => {
            let text = format!("Its recoverable window is not known: {why}");
            widgets::wrapped(&text, width, 0, Role::Waiting, brush)
        }
        WindowState::Read(window) => {
            let wished = if let RecoveryGoal::Time(at) = page.wish.goal { Some(at) } else { None };
            let name = if let RecoveryGoal::Name(name) = &page.wish.goal { Some(name.as_str()) } else { None };
            let at = wished.or_else(|| found.and_then(|found| found.at));
            window_line::lines(window, &OnLine { found, at, name }, width, brush)
        }
    }
}

fn field(page: &GoalPage, row: GoalRow, found: Option<&Reachable>, width: usize, brush: &Brush) -> Line<'static> {
    let has_keys = page.row == row;
    let (pointer, role) = if has_keys { (brush.glyphs.closed, Role::Key) } else { (" ", Role::Dim) };
    let mut spans = vec![brush.span(role, format!("{pointer} {}", widgets::cell(name(page, row), NAME, brush)))];
    let room = width.saturating_sub(NAME + 2);
    let text = match row {
        GoalRow::Kind => page.kind.label().to_owned(),
        GoalRow::Line => found.and_then(|found| found.at).map_or_else(|| "not on it".to_owned(), moment),
        GoalRow::Value => match (page.text(), &page.wish.goal) {
            (Some(input), _) => {
                spans.extend(widgets::input(input, room.min(40), has_keys, brush));
                return Line::from(spans);
            }
            (None, RecoveryGoal::Name(name)) => printable(name),
            (None, _) => "none".to_owned(),
        },
        GoalRow::Then => then(page.wish.at_target).to_owned(),
        GoalRow::Inclusive if page.wish.inclusive => "with what happened exactly then".to_owned(),
        GoalRow::Inclusive => "without what happened exactly then".to_owned(),
        GoalRow::Timeline => match page.wish.timeline {
            RecoveryTimeline::Latest => "latest: the newest that is reached".to_owned(),
            RecoveryTimeline::Current => "current: the backup's own".to_owned(),
            RecoveryTimeline::Number(number) => number.to_string(),
        },
        GoalRow::Base => match (&page.wish.base, found.and_then(|found| found.base.as_ref())) {
            (Some(label), _) => printable(label),
            (None, Some(label)) => format!("chosen for the goal: {}", printable(label)),
            (None, None) => "chosen for the goal".to_owned(),
        },
    };
    spans.extend(super::form::value(&text, room, has_keys, brush));
    Line::from(spans)
}

/// What moves along the line, by the keys in force, the most useful first.
fn steps(model: &Model) -> Vec<(String, &'static str)> {
    let key = |action| model.options().keymap.key(KeyContext::Goal, action).map(|key| key.to_string());
    let pair = |back, on, word| Some((format!("{}/{}", key(back)?, key(on)?), word));
    let all = [
        pair(Action::Left, Action::Right, "minute"),
        pair(Action::PageUp, Action::PageDown, "hour"),
        pair(Action::PreviousGroup, Action::NextGroup, "commit"),
        pair(Action::Top, Action::Bottom, "ends"),
    ];
    all.into_iter().flatten().collect()
}

const fn name(page: &GoalPage, row: GoalRow) -> &'static str {
    match row {
        GoalRow::Kind => "Recover to",
        GoalRow::Line => "On the line",
        GoalRow::Value => match page.kind {
            GoalKind::Lsn => "LSN",
            GoalKind::Xid => "Transaction",
            GoalKind::Name => "Restore point",
            GoalKind::Time | GoalKind::OwnEnd | GoalKind::Latest | GoalKind::Immediate => "Time",
        },
        GoalRow::Then => "At the goal",
        GoalRow::Inclusive => "Inclusive",
        GoalRow::Timeline => "Timeline",
        GoalRow::Base => "Backup",
    }
}

/// What happens at the goal.
const fn then(at_target: AtTarget) -> &'static str {
    match at_target {
        AtTarget::Pause => "pause: it answers read-only, a person decides",
        AtTarget::Promote => "promote: it is opened for writing",
        AtTarget::ShutDown => "shut down: the server is stopped there",
    }
}

/// The goal in words and what it needs, or why it is refused and what would be possible.
fn verdict(page: &GoalPage, judged: &Result<Reachable, String>, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let found = match judged {
        Ok(found) => found,
        Err(reason) => {
            let (sign, role) = match &page.window {
                WindowState::Reading if page.problem.is_none() => (brush.glyphs.pending, Role::Dim),
                WindowState::Reading | WindowState::Read(_) | WindowState::Unknown(_) => {
                    (brush.glyphs.stuck, Role::Stuck)
                }
            };
            return widgets::hung(&format!("{sign} {reason}"), width, 2, role, brush);
        }
    };
    let mut text = format!("{} recovers to {}", brush.glyphs.done, page.wish.goal);
    if !page.wish.inclusive && page.rows().contains(&GoalRow::Inclusive) {
        text.push_str(", without what happened exactly then");
    }
    if let [first, others @ ..] = found.path.as_slice() {
        let path = others.iter().fold(format!(", on timeline {first}"), |text, one| format!("{text}, then {one}"));
        text.push_str(&path);
    }
    if let Some(base) = found.base.as_ref().filter(|_| page.kind != GoalKind::OwnEnd) {
        text = format!("{text}; from backup {}", printable(base));
    }
    let mut lines = widgets::hung(&text, width, 2, Role::Done, brush);
    if let Some(read) = &page.read_as {
        lines.extend(widgets::wrapped(&format!("read as {read}"), width, 2, Role::Dim, brush));
    }
    if let Some(doubt) = &found.doubt {
        lines.extend(widgets::hung(&format!("{} {doubt}", brush.glyphs.warning), width, 2, Role::Waiting, brush));
    }
    lines
}

/// The named restore points around the chosen one.
fn names(page: &GoalPage, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let all = page.names();
    let chosen = |point: &WalRestorePoint| page.wish.goal == RecoveryGoal::Name(point.name.clone());
    let at = all.iter().position(chosen).unwrap_or(0);
    let first = at.saturating_sub(NAMES / 2).min(all.len().saturating_sub(NAMES));
    let line = |point: &WalRestorePoint| {
        let (sign, role) = if chosen(point) { (brush.glyphs.on, Role::Key) } else { (brush.glyphs.off, Role::Text) };
        let at = point.at.map_or_else(|| format!("LSN {}", point.lsn), moment);
        let text = format!("  {sign} {}  {at}, timeline {}", printable(&point.name), point.timeline);
        Line::from(brush.span(role, format::fit(&text, width, brush.glyphs.more).into_owned()))
    };
    let mut lines: Vec<_> = all.iter().skip(first).take(NAMES).map(line).collect();
    if all.len() > NAMES {
        let text = format!("{} of {} restore points", at + 1, format::count(all.len() as u64));
        lines.push(Line::from(brush.span(Role::Dim, format!("    {text}"))));
    }
    lines
}

/// The last commits up to the goal and the first behind it.
fn commits(page: &GoalPage, judged: &Result<Reachable, String>, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let found = judged.as_ref().ok().filter(|_| page.kind != GoalKind::OwnEnd);
    let Some(found) = found.filter(|_| page.window().is_some()) else { return Vec::new() };
    let title = |text: &str| vec![Line::from(brush.span(Role::Title, text.to_owned()))];
    let is_asked = page.asked.is_some() || page.rests.is_some();
    let Some(near) = page.surroundings(found).map(|read| &read.commits) else {
        return if is_asked { title("Commits around it: reading the archive") } else { Vec::new() };
    };
    if let Some(why) = &near.unknown {
        let text = format!("Commits around it are not known: {why}");
        return widgets::wrapped(&text, width, 0, Role::Dim, brush);
    }
    let mut lines = title(if is_asked { "Commits around it, reading the archive" } else { "Commits around it (UTC)" });
    let (before, after) = sides(near, page, found);
    // The nearest stand first: they are what one aims between.
    let side = |word: &str, commit: Option<&&WalCommit>| {
        commit.map_or_else(String::new, |commit| format!("{word} {} xid {}", fine(commit.at, found.at), commit.xid))
    };
    let rows = before.len().max(after.len()).min(COMMITS);
    for at in 0..rows {
        let (before, after) = (side("before", before.iter().rev().nth(at)), side("after", after.get(at)));
        let room = width / 2;
        if format::width(&before) + 4 <= room && format::width(&after) + 2 <= room {
            lines.push(Line::from(brush.span(Role::Text, format!("  {before:<0$}{after}", room - 2))));
        } else {
            let sides = [before, after].into_iter().filter(|text| !text.is_empty());
            lines.extend(sides.map(|text| Line::from(brush.span(Role::Text, format!("  {text}")))));
        }
    }
    if before.is_empty() && after.is_empty() {
        lines.push(Line::from(brush.span(Role::Dim, "  none in the segment around it")));
    }
    lines
}

/// Commits that are part of the result, and those behind them: the goal may have moved among those that were read.
fn sides<'a>(near: &'a NearbyCommits, page: &GoalPage, found: &Reachable) -> (Vec<&'a WalCommit>, Vec<&'a WalCommit>) {
    let all = near.before.iter().chain(&near.after);
    match (&page.wish.goal, found.lsn) {
        (RecoveryGoal::Time(at), _) if page.wish.inclusive => all.partition(|commit| commit.at <= *at),
        (RecoveryGoal::Time(at), _) => all.partition(|commit| commit.at < *at),
        (_, Some(lsn)) if page.wish.inclusive => all.partition(|commit| commit.lsn <= lsn),
        (_, Some(lsn)) => all.partition(|commit| commit.lsn < lsn),
        (_, None) => (near.before.iter().collect(), near.after.iter().collect()),
    }
}

/// A moment with all digits that commits are told apart by, and its day where that is not the goal's.
fn fine(at: Timestamp, goal: Option<Timestamp>) -> String {
    let day = |at: Timestamp| at.strftime("%m-%d").to_string();
    let time = at.strftime("%H:%M:%S%.6f");
    if goal.is_some_and(|goal| day(goal) == day(at)) { time.to_string() } else { format!("{} {time}", day(at)) }
}

fn hints(model: &Model, page: &GoalPage, width: usize, brush: &Brush) -> Line<'static> {
    let place = model.key_context();
    let takes = match page.purpose {
        GoalPurpose::Choice(_) | GoalPurpose::Open => "takes it",
        GoalPurpose::GoOn(..) => "goes on to it",
    };
    let keymap = &model.options().keymap;
    let pair = |(action, label): (Action, &'static str)| Some((keymap.key(place, action)?.to_string(), label));
    let mut pairs: Vec<_> = pair((Action::Accept, takes)).into_iter().collect();
    if page.row == GoalRow::Line {
        pairs.extend(steps(model));
    } else {
        pairs.extend(pair((Action::Down, "next field")));
        pairs.extend(pair((Action::Right, "other value")).filter(|_| place == KeyContext::Goal));
    }
    pairs.extend(pair((Action::Back, "back")));
    // The first and the last of them are needed by whoever is lost.
    while widgets::hints(&pairs, brush).width() > width && pairs.len() > 2 {
        pairs.remove(pairs.len() - 2);
    }
    widgets::hints(&pairs, brush)
}
