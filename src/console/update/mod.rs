//! How a message changes the model, and what the model wants done then.
//!
//! Promises: pure: the same model, message and time lead to the same model and intents. Never: waits for anything, or
//! asks a clock.

mod answers;
mod compare;
mod copy;
mod explore;
mod goal;
mod jobs;
mod keys;
mod log;
mod main_screen;
mod marks;
mod mouse;
mod next;
mod overlays;
mod owner;
mod palette;
mod paused;
mod points;
mod server;
mod sessions;
mod snapshots;
mod tables;
mod take;
mod text;
mod verify;
mod wizard;
mod wizard_plan;

use super::{
    format,
    message::{Intent, Message, Query},
    model::{Detail, Model, notice::Tone, tree::Node},
};
use crate::manager::Moment;
use std::sync::Arc;

/// Takes in one message that came at `now`.
pub fn update(model: &mut Model, message: Message, now: impl Into<Moment>) -> Vec<Intent> {
    model.now = now.into();
    let steady = model.now.steady;
    let mut intents = match message {
        Message::Key(chord) => keys::key(model, chord),
        Message::Paste(text) => text::paste(model, &text),
        Message::Mouse(mouse) => mouse::mouse(model, mouse),
        Message::Resize(columns, rows) => {
            model.size = (columns, rows);
            Vec::new()
        }
        Message::Snapshot(snapshot) => snapshots::snapshot(model, &snapshot),
        Message::ManagerGone => {
            model.manager_gone = true;
            Vec::new()
        }
        Message::Owner(state) => owner::owner(model, state),
        Message::Exposed(problem) => owner::exposed(model, problem),
        Message::Catalog(catalog) => snapshots::catalog(model, catalog),
        Message::Acted(act, receipt) => answers::acted(model, &act, &receipt),
        Message::Started(receipt) => answers::started(model, &receipt),
        Message::Session(id, session) => {
            if matches!(model.detail, Some(Detail::Loading(asked)) if asked == id) {
                model.detail = Some(session.map_or(Detail::Missing(id), Detail::Loaded));
            }
            Vec::new()
        }
        Message::Log(session, attempt, text) => {
            log::read(model, (session, attempt), text);
            Vec::new()
        }
        Message::LogSaved(path, answer) => {
            log::saved(model, &path.to_string_lossy(), answer);
            Vec::new()
        }
        Message::History(id, reported) => {
            model.preview.take_events(id, steady, reported);
            Vec::new()
        }
        Message::Past(answer) => {
            model.take_past(answer);
            Vec::new()
        }
        Message::Server(id, found) => {
            model.take_server(id, found);
            Vec::new()
        }
        Message::ServerStopped(id, name, answer) => {
            server::stopped(model, id, &name, answer);
            Vec::new()
        }
        Message::Proposed(ticket, proposals) => wizard::proposed(model, ticket, proposals),
        Message::Planned(ticket, at, plan) => wizard_plan::planned(model, ticket, at, *plan),
        Message::JobStarted(job, answer) => {
            jobs::started(model, &job, answer);
            Vec::new()
        }
        Message::JobActed(act, name, answer) => {
            jobs::acted(model, act, &name, answer);
            Vec::new()
        }
        Message::Run(id, run) => {
            model.take_run(id, run);
            Vec::new()
        }
        Message::RunHistory(id, history) => {
            model.take_run_events(id, history);
            Vec::new()
        }
        Message::Browsed(session, item, found) => {
            explore::browsed(model, (session, item), found);
            Vec::new()
        }
        Message::Counted(session, item, count) => {
            explore::counted(model, (session, item), count);
            Vec::new()
        }
        Message::Compared(ticket, found) => {
            compare::compared(model, ticket, *found);
            Vec::new()
        }
        Message::OrderPlanned(ticket, plan) => explore::planned(model, ticket, *plan),
        Message::PausedAnswered(id, answer) => paused::answered(model, id, answer),
        Message::Window(ticket, found) => goal::window_read(model, ticket, *found),
        Message::Commits(ticket, found) => goal::commits_read(model, ticket, *found),
        Message::JobPlanned(ticket, plan) => {
            jobs::planned(model, ticket, plan);
            Vec::new()
        }
        Message::RecordingStopped(reason) => {
            notified(model, Tone::Warning, &format!("The recording ends here: {}", format::clean(&reason)))
        }
        Message::NotSuspended => {
            notified(model, Tone::Refused, "Suspend refused: there is no shell here to come back from")
        }
        Message::Due => Vec::new(),
    };
    owner::warn_of_waiting(model, &intents);
    settle(model, &mut intents);
    intents
}

/// Says something, and wants nothing.
fn notified(model: &mut Model, tone: Tone, text: &str) -> Vec<Intent> {
    model.notify(tone, text);
    Vec::new()
}

/// What holds after every message: the selection is in view, what it needs is asked for, old notices are gone.
fn settle(model: &mut Model, intents: &mut Vec<Intent>) {
    let height = model.layout().inside(model.layout().tree).height;
    if height > 0 {
        model.tree.scroll_to_selection(usize::from(height));
    }
    let now = model.now();
    model.tree.settle_filter(&model.shown, now);
    model.settle_tables();
    if model.notice.as_ref().is_some_and(|notice| notice.until <= model.now.steady) {
        model.notice = None;
    }
    if let Node::Session(id) = *model.tree.selected()
        && model.shown.snapshot.session(id).is_none()
    {
        let known = match &model.detail {
            Some(Detail::Loading(known) | Detail::Missing(known)) => *known == id,
            Some(Detail::Loaded(session)) => session.id() == id,
            None => false,
        };
        if !known {
            model.detail = Some(Detail::Loading(id));
            intents.push(Intent::Query(Query::Session(id)));
        }
    }
    if model.log_due().is_some_and(|due| due <= model.now.steady)
        && let Some((session, attempt)) = model.log_attempt()
    {
        model.preview.asked = Some((session, attempt));
        intents.push(Intent::Query(Query::Log(session, attempt)));
    }
    if model.server_due().is_some_and(|due| due <= model.now.steady)
        && let Some(session) = model.session().map(Arc::clone)
    {
        model.ask_server(session.id());
        intents.push(Intent::Query(Query::Server(session)));
    }
    if model.past_due().is_some_and(|due| due <= model.now.steady) {
        model.ask_past();
        intents.push(Intent::Query(Query::Past));
    }
    if model.events_due().is_some_and(|due| due <= model.now.steady)
        && let Some(session) = model.session().map(Arc::clone)
    {
        intents.push(Intent::Query(Query::History(session.id())));
        model.preview.asked_events = Some(session);
    }
    while let Some((level, address)) = model.level_due() {
        std::sync::Arc::make_mut(&mut model.shown.explored).ask(level.clone());
        intents.push(Intent::Query(Query::Browse(level.0, address, level.1)));
    }
    intents.extend(goal::ask_commits(model));
    if let Some(id) = model.run_due() {
        model.ask_run(id);
        intents.push(Intent::Query(Query::Run(id)));
    }
    if model.run_events_due().is_some_and(|due| due <= model.now.steady)
        && let Some(run) = model.run().map(Arc::clone)
    {
        intents.push(Intent::Query(Query::RunHistory(run.id())));
        model.ask_run_events(run);
    }
}
