//! The Log page: following its end, searching it, wrapping it, saving it.
//!
//! Promises: what is in view stays in view when the log grows, unless its end is followed. Never: reads or writes a file.

use crate::console::{
    action::{Action, Go, Press},
    format,
    message::{Intent, Query},
    model::{
        Focus, Model,
        log_page::{LogInput, LogSearch, dropped, matches},
        notice::Tone,
        preview::Tab,
    },
    view::{
        log::{height, line_at, row_of, top_row},
        preview::scroll_end,
    },
};
use crate::domain::{AttemptNo, ByteCount, SessionId};
use std::path::PathBuf;
use tui_input::{Input, InputRequest};

/// Begins a search.
pub(super) fn search(model: &mut Model) {
    if shown(model, Action::SearchLog).is_some() {
        model.preview.page.typed = Some(LogInput::Search(Input::default()));
        model.preview.page.search = None;
    }
}

/// To the next match below, or above.
pub(super) fn next_match(model: &mut Model, down: bool) {
    if shown(model, if down { Action::NextMatch } else { Action::PreviousMatch }).is_some() {
        step(model, down);
    }
}

/// Wraps long lines, or cuts them.
pub(super) fn wrap(model: &mut Model) {
    if shown(model, Action::WrapLog).is_some() {
        let (line, _) = top(model);
        model.preview.page.wrap = !model.preview.page.wrap;
        if model.preview.scroll > 0 {
            show_at_top(model, line, 0);
        }
        // Where no line is long, nothing else would be seen of it.
        let lines = if model.preview.page.wrap { "wrapped" } else { "cut" };
        model.notify(Tone::Info, format!("Long lines are {lines}"));
    }
}

/// Asks where to save the log.
pub(super) fn ask_path(model: &mut Model) {
    if let Some((session, attempt)) = shown(model, Action::SaveLog) {
        let path = format!("./howdah-session-{session}-attempt-{attempt}.log");
        model.preview.page.typed = Some(LogInput::Save(Input::new(path)));
    }
}

/// The log that an action is for. From elsewhere, as the palette does it, its page is shown first.
fn shown(model: &mut Model, action: Action) -> Option<(SessionId, AttemptNo)> {
    let log = model.log_attempt();
    if log.is_some() {
        (model.preview.tab, model.focus) = (Tab::Log, Focus::Preview);
    } else {
        model.notify(Tone::Refused, format!("{} refused: select a session that has a log first", action.label()));
    }
    log
}

/// An action while a line is typed at the foot of the page.
pub(super) fn act_typed(model: &mut Model, action: Action) -> Vec<Intent> {
    let searches = matches!(model.preview.page.typed, Some(LogInput::Search(_)));
    match action.press() {
        Press::Accept => match model.preview.page.typed.take() {
            Some(LogInput::Save(input)) => return save(model, input.value()),
            Some(LogInput::Search(_)) | None => {
                model.preview.page.search.take_if(|search| search.text.is_empty());
            }
        },
        Press::Back => {
            model.preview.page.typed = None;
            if searches {
                model.preview.page.search = None;
            }
        }
        Press::Go(Go::Up) if searches => step(model, false),
        Press::Go(Go::Down) if searches => step(model, true),
        Press::Go(_) | Press::Left | Press::Right | Press::Mark | Press::Other(_) => {}
    }
    Vec::new()
}

/// Types into the line; what is searched is shown at once.
pub(super) fn edit(model: &mut Model, requests: &[InputRequest]) {
    let Some(typed) = &mut model.preview.page.typed else { return };
    for request in requests {
        typed.input_mut().handle(*request);
    }
    let LogInput::Search(input) = typed else { return };
    let text = input.value().to_owned();
    let found = matches(model.preview.log_lines(), &text);
    let (from, _) = top(model);
    let line = found.iter().find(|line| **line >= from).or(found.last()).copied();
    model.preview.page.search = Some(LogSearch { text, line });
    show_match(model);
}

/// Ends a search; whether there was one.
pub(super) fn leave_search(model: &mut Model) -> bool {
    model.on_log() && model.preview.page.search.take().is_some()
}

/// Takes in a log that was read.
pub(super) fn read(model: &mut Model, of: (SessionId, AttemptNo), text: Result<Vec<u8>, String>) {
    let steady = model.now.steady;
    let in_view = model.preview.tab == Tab::Log && model.log_attempt() == Some(of);
    let same = model.preview.log.as_ref().is_some_and(|log| (log.session, log.attempt) == of);
    if !in_view || !same {
        model.preview.take_log(of, steady, text);
        // What was found stood in another log.
        if let Some(search) = &mut model.preview.page.search {
            search.line = None;
        }
        return;
    }
    let (line, within) = top(model);
    let before = model.preview.log_lines().to_vec();
    model.preview.take_log(of, steady, text);
    let gone = dropped(&before, model.preview.log_lines());
    if model.preview.scroll > 0 {
        show_at_top(model, line.saturating_sub(gone), within);
    }
    let len = model.preview.log_lines().len();
    if let Some(search) = &mut model.preview.page.search {
        // A log that could not be read has no lines.
        search.line = search.line.and_then(|line| line.checked_sub(gone)).filter(|line| *line < len);
    }
}

/// The log was saved, or could not be.
pub(super) fn saved(model: &mut Model, path: &str, answer: Result<u64, String>) {
    let path = format::clean(path);
    match answer {
        Ok(bytes) => model.notify(Tone::Done, format!("Log saved to {path}: {}", ByteCount(bytes))),
        Err(cause) => {
            model.notify(Tone::Refused, format!("The log was not saved to {path}: {}", format::clean(&cause)));
        }
    }
}

fn save(model: &mut Model, path: &str) -> Vec<Intent> {
    let path = path.trim();
    let Some((session, attempt)) = model.log_attempt() else { return Vec::new() };
    if path.is_empty() {
        model.notify(Tone::Refused, "Save refused: type the path of a file");
        return Vec::new();
    }
    vec![Intent::Query(Query::SaveLog(session, attempt, PathBuf::from(path)))]
}

/// To the next match, or the previous one; around the ends.
fn step(model: &mut Model, down: bool) {
    let Some(search) = &model.preview.page.search else {
        model.notify(Tone::Info, "Nothing is searched in the log yet");
        return;
    };
    let found = matches(model.preview.log_lines(), &search.text);
    let at = search.line;
    let beyond = |line: &&usize| at.is_none_or(|at| if down { **line > at } else { **line < at });
    let next = if down {
        found.iter().find(beyond).or(found.first())
    } else {
        found.iter().rev().find(beyond).or(found.last())
    };
    let Some(line) = next.copied() else {
        model.notify(Tone::Info, "Nothing in the log matches");
        return;
    };
    if let Some(search) = &mut model.preview.page.search {
        search.line = Some(line);
    }
    show_match(model);
}

/// Brings the match into the middle of the page, unless it is in view.
fn show_match(model: &mut Model) {
    let Some(line) = model.preview.page.search.as_ref().and_then(|search| search.line) else { return };
    let (row, first, height) = (row_of(model, line), top_row(model), height(model));
    if !(first..first + height).contains(&row) {
        show_row(model, row.saturating_sub(height / 2));
    }
}

/// The line of the log at the top of the page, and which of its rows is there.
fn top(model: &Model) -> (usize, usize) {
    line_at(model, top_row(model))
}

fn show_at_top(model: &mut Model, line: usize, within: usize) {
    let row = row_of(model, line) + within;
    show_row(model, row);
}

fn show_row(model: &mut Model, row: usize) {
    let end = scroll_end(model);
    model.preview.scroll = end.saturating_sub(row);
}
