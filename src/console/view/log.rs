//! The Log page: what an attempt does, and the raw output of its programs.

use super::{preview, widgets};
use crate::{
    console::{
        action::Action,
        format,
        model::{
            Model,
            log_page::{LogInput, found, matches},
        },
        theme::{Brush, Role},
    },
    machine::Session,
};
use ratatui::text::{Line, Span};
use std::ops::Range;

/// A line that says which attempt, then the output.
pub(super) fn lines(model: &Model, session: &Session, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let say = |role: Role, text: &str| Line::from(brush.span(role, text.to_owned()));
    let Some((id, attempt)) = model.log_attempt() else {
        return vec![say(Role::Dim, "No attempt has been made yet, so there is no output.")];
    };
    let number = session.attempts().len();
    let (older, newer) = (widgets::key(model, Action::OlderAttempt), widgets::key(model, Action::NewerAttempt));
    let which = format!("Output of attempt {attempt} of {number}; {older} and {newer} show the others");
    let mut lines = vec![Line::from(brush.span(Role::Dim, format::fit(&which, width, brush.glyphs.more).into_owned()))];
    let log = model.preview().log.as_ref().filter(|log| (log.session, log.attempt) == (id, attempt));
    match log.map(|log| &log.lines) {
        None => lines.push(say(Role::Dim, "Reading")),
        Some(Err(cause)) => lines.push(say(Role::Stuck, &format!("It cannot be read: {cause}"))),
        Some(Ok(text)) if text.is_empty() => lines.push(say(Role::Dim, "It has written nothing.")),
        Some(Ok(text)) => {
            let search = model.preview().page.search.as_ref();
            for (at, line) in text.iter().enumerate() {
                let is_shown = search.is_some_and(|search| search.line == Some(at));
                let role = if is_shown { Role::Caret } else { Role::Input };
                let marks = search.map_or_else(Vec::new, |search| found(line, &search.text));
                let rows = rows(line, width, model.preview().page.wrap);
                lines.extend(rows.into_iter().map(|row| Line::from(spans(line, row, &marks, role, brush))));
            }
        }
    }
    lines
}

/// The row of the page on which a line of the log begins.
pub(in crate::console) fn row_of(model: &Model, line: usize) -> usize {
    let (width, wrap) = (usize::from(area(model).width), model.preview().page.wrap);
    let before = model.preview().log_lines().iter().take(line);
    // The line above the log.
    1 + if wrap { before.map(|line| rows(line, width, true).len()).sum() } else { before.count() }
}

/// The line of the log that has this row of the page, counted from 0, and which of its rows that is.
pub(in crate::console) fn line_at(model: &Model, row: usize) -> (usize, usize) {
    let (width, wrap) = (usize::from(area(model).width), model.preview().page.wrap);
    let lines = model.preview().log_lines();
    let mut left = row.saturating_sub(1);
    for (number, line) in lines.iter().enumerate() {
        let taken = if wrap { rows(line, width, true).len() } else { 1 };
        if left < taken {
            return (number, left);
        }
        left -= taken;
    }
    (lines.len().saturating_sub(1), 0)
}

/// The uppermost row in view.
pub(in crate::console) fn top_row(model: &Model) -> usize {
    preview::scroll_end(model).saturating_sub(model.preview().scroll)
}

/// Rows of the page.
pub(in crate::console) fn height(model: &Model) -> usize {
    usize::from(area(model).height)
}

/// What stands at the foot of the page: what is being typed, or what is searched.
pub(super) fn foot(model: &Model, width: usize, brush: &Brush) -> Option<Line<'static>> {
    let page = &model.preview().page;
    let count = page.search.as_ref().map(|search| {
        let found = matches(model.preview().log_lines(), &search.text);
        let at = search.line.and_then(|line| found.iter().position(|other| *other == line));
        match (at, found.len()) {
            _ if search.text.is_empty() => String::new(),
            (_, 0) => "  no match".to_owned(),
            (Some(at), all) => format!("  {} of {}", format::count(at as u64 + 1), format::count(all as u64)),
            (None, all) => format!("  {}", format::count(all as u64)),
        }
    });
    let count = count.unwrap_or_default();
    match (&page.typed, &page.search) {
        (Some(LogInput::Search(input)), _) => {
            let mut spans = vec![brush.span(Role::Key, "/")];
            spans.extend(widgets::input(input, width.saturating_sub(20).clamp(1, 40), true, brush));
            spans.push(brush.span(Role::Dim, count));
            Some(Line::from(spans))
        }
        (Some(LogInput::Save(input)), _) => {
            let mut spans = vec![brush.span(Role::Key, "Save to ")];
            spans.extend(widgets::input(input, width.saturating_sub(9).max(1), true, brush));
            Some(Line::from(spans))
        }
        (None, Some(search)) => {
            let text = format::fit(&format::clean(&search.text), 40, brush.glyphs.more).into_owned();
            Some(Line::from(vec![
                brush.span(Role::Key, "/"),
                brush.span(Role::Text, text),
                brush.span(Role::Dim, count),
            ]))
        }
        (None, None) => None,
    }
}

fn area(model: &Model) -> ratatui::layout::Rect {
    preview::page_area(model, &model.layout())
}

/// The parts of a line that each take a row: as many columns as there are, whatever the words; or all of it.
fn rows(line: &str, width: usize, wrap: bool) -> Vec<Range<usize>> {
    if !wrap || line.len() <= width {
        return std::iter::once(0..line.len()).collect();
    }
    let (mut rows, mut from, mut used) = (Vec::new(), 0, 0);
    for (at, c) in line.char_indices() {
        let wide = format::width(c.encode_utf8(&mut [0; 4]));
        if used + wide > width && at > from {
            rows.push(from..at);
            (from, used) = (at, 0);
        }
        used += wide;
    }
    rows.push(from..line.len());
    rows
}

/// One row, with what is searched marked.
fn spans(line: &str, row: Range<usize>, marks: &[Range<usize>], role: Role, brush: &Brush) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let mut at = row.start;
    for mark in marks {
        let (start, end) = (mark.start.clamp(at, row.end), mark.end.clamp(at, row.end));
        if start < end {
            if at < start {
                spans.push(brush.span(Role::Text, line[at..start].to_owned()));
            }
            spans.push(brush.span(role, line[start..end].to_owned()));
            at = end;
        }
    }
    if at < row.end || spans.is_empty() {
        spans.push(brush.span(Role::Text, line[at..row.end].to_owned()));
    }
    spans
}
