//! Actions on the main screen: moving about, marking, filtering, opening; acts on sessions are in `sessions`.

use super::{
    compare, copy, explore, jobs, log, marks, palette, paused, points, server, sessions, tables, take, verify, wizard,
};
use crate::{
    console::{
        action::{Action, Go, Press, Verdict},
        format,
        message::Intent,
        model::{
            Focus, Model,
            notice::Tone,
            preview::Tab,
            tree::{Group, Node, Screen},
        },
        ports::CatalogEntry,
        purpose::Purpose,
    },
    machine::{Phase, Session},
};
use tui_input::Input;

/// Carries out an action of the main screen.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Intent> {
    // The key of the log is the one that opens a group, as Right does.
    if action == Action::Log && on_closed_group(model) {
        sideways(model, 1);
        return Vec::new();
    }
    // To judge an act on a thousand sessions takes its time; moving about is allowed always.
    if action.purpose() != Purpose::Move
        && let Verdict::No(reason) = model.situation().verdict(action)
    {
        return refuse(model, action, &reason);
    }
    match action {
        Action::Retry => return sessions::retry(model),
        Action::Cancel => return sessions::ask_cancel(model),
        Action::Force if matches!(model.tree.selected(), Node::Job(_) | Node::Object(..)) => return jobs::force(model),
        Action::Force => return sessions::ask_force(model),
        Action::Dismiss if model.ended_run().is_some() => return jobs::dismiss(model),
        Action::Dismiss => return sessions::dismiss(model),
        Action::Stop if model.selected_run().is_some() => return jobs::ask_stop(model),
        Action::Stop if model.explored().is_some() => explore::ask_close(model),
        Action::Stop => server::ask_stop(model),
        Action::GoOn => return paused::ask_goal(model),
        Action::Promote => paused::ask_promote(model),
        Action::StopHere => paused::ask_stop_here(model),
        Action::AskServer => return paused::ask_server(model),
        Action::StartJob => return jobs::ask_start(model),
        Action::TakeOut => take::ask(model),
        Action::Compare => compare::ask(model),
        Action::CountRows => return explore::count(model),
        Action::OpenPoint => return explore::ask_open(model),
        Action::NewRestore => return wizard::open(model, false),
        Action::Verify => verify::selected(model),
        Action::Menu => sessions::menu(model),
        Action::Palette => palette::open(model),
        Action::Mouse => {
            model.mouse = !model.mouse;
            let state = if model.mouse { "on: the terminal selects text with Shift held" } else { "off" };
            model.notify(Tone::Info, format!("Mouse {state}"));
            return vec![Intent::Mouse(model.mouse)];
        }
        Action::Refresh => {
            model.reread = Some(std::sync::Arc::clone(&model.shown.catalog));
            model.notify(Tone::Info, "Reading the repositories again");
            return vec![Intent::RefreshCatalog];
        }
        Action::Freeze => freeze(model),
        Action::NextInNeed => next_in_need(model),
        Action::Jobs => switch(model, Screen::Jobs),
        Action::Explore => switch(model, Screen::Explore),
        Action::History => switch(model, Screen::History),
        Action::Sort => tables::sort(model, false),
        Action::SortBack => tables::sort(model, true),
        Action::Widen => tables::widen(model),
        Action::Copy => copy::open(model),
        Action::Filter => {
            // What it lets through must be seen.
            if model.layout().tree.is_empty() {
                (model.wide, model.focus) = (false, Focus::Tree);
            }
            model.typing = Some(Input::new(model.tree.filter().text().to_owned()));
        }
        Action::Progress => tab(model, Tab::Progress),
        Action::Log => tab(model, Tab::Log),
        Action::Request => tab(model, Tab::Request),
        Action::Events => tab(model, Tab::Events),
        Action::SearchLog => log::search(model),
        Action::NextMatch => log::next_match(model, true),
        Action::PreviousMatch => log::next_match(model, false),
        Action::WrapLog => log::wrap(model),
        Action::SaveLog => log::ask_path(model),
        Action::OlderAttempt => attempt(model, false),
        Action::NewerAttempt => attempt(model, true),
        Action::NextPane | Action::PreviousPane => {
            model.typing = None;
            swap_focus(model);
        }
        Action::Accept => return accept(model),
        Action::Back => back(model),
        Action::Mark => marks::one(model),
        Action::MarkRange => marks::range(model),
        Action::MarkAll => marks::all(model),
        Action::Left => sideways(model, -1),
        Action::Right => sideways(model, 1),
        Action::Up
        | Action::Down
        | Action::PageUp
        | Action::PageDown
        | Action::Top
        | Action::Bottom
        | Action::PreviousGroup
        | Action::NextGroup => {
            if let Press::Go(way) = action.press() {
                go(model, way);
            }
        }
        Action::Help | Action::Repaint | Action::Suspend | Action::Close => {}
    }
    Vec::new()
}

/// Selects a row, as a person does.
pub(super) fn select(model: &mut Model, row: usize) {
    let before = model.tree.selected().clone();
    model.tree.moved = true;
    model.tree.select(row, &model.shown);
    if *model.tree.selected() != before {
        model.preview.reset();
    }
}

fn refuse(model: &mut Model, action: Action, reason: &str) -> Vec<Intent> {
    model.notify(Tone::Refused, format!("{} refused: {reason}", action.label()));
    Vec::new()
}

fn go(model: &mut Model, go: Go) {
    if model.focus == Focus::Preview && model.typing.is_none() {
        match model.table_group() {
            Some(group) => tables::go(model, group, go),
            None if points::go(model, go) => {}
            None => scroll(model, go),
        }
        return;
    }
    let layout = model.layout();
    let page = usize::from(layout.inside(layout.tree).height).saturating_sub(1).max(1);
    let tree = &model.tree;
    let group = tree.group_of(tree.index());
    let to = match go {
        Go::PreviousGroup if tree.index() == tree.heading(group) => tree.heading_before(group),
        Go::PreviousGroup => tree.heading(group),
        Go::NextGroup => tree.heading_after(group),
        Go::Up | Go::Down | Go::PageUp | Go::PageDown | Go::Top | Go::Bottom | Go::Next | Go::Previous => {
            go.from(tree.index(), tree.size(), page)
        }
    };
    select(model, to);
}

fn scroll(model: &mut Model, go: Go) {
    let layout = model.layout();
    let page = usize::from(layout.inside(layout.preview).height).saturating_sub(2).max(1);
    let most = crate::console::view::preview::scroll_end(model);
    let at = model.preview.scroll.min(most);
    let upwards = model.page_hangs();
    let from_top = if upwards { most - at } else { at };
    let to = go.from(from_top, most + 1, page);
    model.preview.scroll = if upwards { most - to } else { to };
}

fn on_closed_group(model: &Model) -> bool {
    model.focus == Focus::Tree && matches!(model.tree.selected(), Node::Group(group) if !model.tree.is_open(*group))
}

fn sideways(model: &mut Model, by: isize) {
    if model.focus == Focus::Preview {
        let to = model.preview.tab.moved(by);
        let has_pages = matches!(model.tree.selected(), Node::Session(_));
        // Left of the first page stands the tree.
        if by < 0 && (to == model.preview.tab || !has_pages) {
            swap_focus(model);
        } else if has_pages {
            tab(model, to);
        }
        return;
    }
    if let Some(level) = model.level_to_fold() {
        let is_open = model.shown.explored.is_open(&level);
        if is_open != (by > 0) {
            model.tree.moved = true;
            model.fold_level(level, by > 0);
            return;
        }
    }
    if let (Some(above), true) = (explore::above(model.tree.selected()), by < 0) {
        go_to(model, &above);
        return;
    }
    let at = model.tree.index();
    let group = model.tree.group_of(at);
    match (model.tree.selected(), by > 0) {
        (Node::Group(group), open) => fold(model, *group, open),
        (_, false) => select(model, model.tree.heading(group)),
        (_, true) => model.focus = Focus::Preview,
    }
}

/// Shows or hides the rows of a heading. Without rows nothing would be seen, and those that come would be hidden.
fn fold(model: &mut Model, group: Group, open: bool) {
    model.tree.moved = true;
    if model.tree.count(group) > 0 {
        model.tree.set_open(group, open, &model.shown);
    } else {
        model.notify(Tone::Info, "There is no row under this heading");
    }
}

/// Shows a page of the preview.
pub(super) fn tab(model: &mut Model, tab: Tab) {
    if model.preview.tab != tab {
        model.preview.tab = tab;
        model.preview.scroll = 0;
        model.preview.forget_failure();
    }
    // Where only one pane fits, asking for a page of the preview means to see it.
    if model.layout().preview.is_empty() {
        model.focus = Focus::Preview;
    }
}

fn attempt(model: &mut Model, newer: bool) {
    let (Some(session), Some((_, current))) = (model.session(), model.log_attempt()) else {
        model.notify(Tone::Refused, "There is no log: no attempt of this session is known yet");
        return;
    };
    let numbers: Vec<_> = session.attempts().iter().map(|record| record.number).collect();
    let at = numbers.iter().position(|number| *number == current).unwrap_or(0);
    let to = if newer { (at + 1).min(numbers.len() - 1) } else { at.saturating_sub(1) };
    // The newest is followed: when another attempt begins, its log is shown.
    model.preview.attempt = (to + 1 < numbers.len()).then(|| numbers[to]);
    model.preview.scroll = 0;
    tab(model, Tab::Log);
}

/// To the next stuck or paused session below the selection, or the first one of all.
fn next_in_need(model: &mut Model) {
    let needs = |session: &Session| matches!(session.phase(), Phase::Stuck { .. } | Phase::Paused { .. });
    let ongoing = &model.shown.snapshot.ongoing;
    let selected = model.tree.selected().session();
    let at = selected.and_then(|id| ongoing.iter().position(|one| one.id() == id));
    let after = at.map_or(0, |at| at + 1);
    let (before, below) = ongoing.split_at(after);
    let found = below.iter().chain(before).find(|session| needs(session)).map(|session| session.id());
    let Some(id) = found else {
        model.notify(Tone::Info, "Nothing needs a person");
        return;
    };
    if *model.tree.selected() == Node::Session(id) {
        model.notify(Tone::Info, "Nothing else needs a person");
    }
    go_to(model, &Node::Session(id));
}

/// Selects a row of the tree wherever it stands.
pub(super) fn go_to(model: &mut Model, node: &Node) {
    model.tree.moved = true;
    if model.tree.select_node(node, &model.shown) {
        model.preview.reset();
        return;
    }
    let here = |screen: &Screen| *screen != Screen::History && model.shown.place(node, 0, *screen).is_some();
    show(model, Screen::ALL.into_iter().find(here).unwrap_or(Screen::Restore));
    if model.tree.select_node(node, &model.shown) {
        model.preview.reset();
    } else {
        model.notify(Tone::Refused, "The filter hides it; / and Esc show all rows");
    }
}

/// To another screen, or from it back to the first one.
fn switch(model: &mut Model, screen: Screen) {
    show(model, if model.tree.screen() == screen { Screen::Restore } else { screen });
}

/// Shows a screen as it was left. Marks do not go along: an action must never be for rows that are not in sight.
pub(super) fn show(model: &mut Model, screen: Screen) {
    if model.tree.screen() != screen {
        marks::clear(model);
        model.tree.moved = true;
        model.tree.switch(screen, &model.shown);
        model.preview.reset();
    }
}

fn swap_focus(model: &mut Model) {
    if model.wide {
        model.wide = false;
    }
    model.focus = match model.focus {
        Focus::Tree => Focus::Preview,
        Focus::Preview => Focus::Tree,
    };
}

fn accept(model: &mut Model) -> Vec<Intent> {
    if model.typing.is_some() {
        keep_filter(model);
        return Vec::new();
    }
    if model.focus == Focus::Preview
        && let Some(group) = model.table_group()
    {
        tables::enter(model, group);
        return Vec::new();
    }
    if model.focus == Focus::Preview && !matches!(model.tree.selected(), Node::Instance(_)) {
        model.notify(Tone::Info, "There is nothing to open here");
        return Vec::new();
    }
    match model.tree.selected().clone() {
        Node::Instance(key) => {
            let on = key.find(&model.shown.catalog).and_then(|one| model.point_under_keys(one));
            if let Some(CatalogEntry::Unreadable { label, .. }) = on {
                let text = format!("Open refused: {} cannot be restored; its line says why", format::clean(label));
                model.notify(Tone::Refused, text);
                return Vec::new();
            }
            return wizard::open(model, true);
        }
        Node::Group(Group::Instances) if !model.tree.marked_instances.is_empty() => return wizard::open(model, true),
        Node::Group(group) => fold(model, group, !model.tree.is_open(group)),
        Node::Session(_) | Node::Item(..) if let Some(level) = model.level_to_fold() => {
            let is_open = model.shown.explored.is_open(&level);
            model.tree.moved = true;
            model.fold_level(level, !is_open);
        }
        Node::Item(..)
        | Node::Session(_)
        | Node::Unreadable(_)
        | Node::Job(_)
        | Node::Object(..)
        | Node::Run(_)
        | Node::UnreadableRun(_) => model.focus = Focus::Preview,
    }
    Vec::new()
}

/// Leaves the line that the filter is typed in; not while it holds a word that means nothing.
fn keep_filter(model: &mut Model) {
    if let Some(problem) = model.tree.filter().problem().map(str::to_owned) {
        model.notify(Tone::Refused, problem);
        return;
    }
    model.typing = None;
    if model.tree.filter().is_empty() {
        model.set_filter("");
    }
}

/// One step back: what is being typed, the preview, the filter, the marks, the notice. Never out of the screen.
fn back(model: &mut Model) {
    if model.typing.take().is_some() {
        model.set_filter("");
    } else if log::leave_search(model) {
        // Nothing else is left by the same key.
    } else if model.wide {
        tables::widen(model);
    } else if model.focus == Focus::Preview {
        model.focus = Focus::Tree;
    } else if !model.tree.filter().is_empty() {
        model.set_filter("");
    } else if marks::any(model) {
        marks::clear(model);
        // They may have stood in a closed group, and what told of them behind another notice.
        model.notify(Tone::Info, "Nothing is marked any more");
    } else if model.frozen.is_some() {
        freeze(model);
    } else if model.tree.screen() == Screen::Restore {
        model.notice = None;
    } else {
        show(model, Screen::Restore);
    }
}

fn freeze(model: &mut Model) {
    if model.frozen.take().is_some() {
        let latest = std::sync::Arc::clone(&model.latest);
        super::snapshots::show(model, latest);
        model.notify(Tone::Info, "Display updates again");
    } else {
        model.frozen = Some(model.moment());
        model.notify(Tone::Info, "Display frozen; the work goes on");
    }
}
