//! What the screen looks up, and the messages that answer it.

use crate::{
    console::{
        message::{Browsed, Message, Query},
        model::preview::LOG_BYTES,
        ports::{EventHistory, Ports},
    },
    domain::{Failure, Who},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::io;

/// Looks something up, without holding up the loop.
pub(super) fn run_query(ports: &Ports, query: Query, by: &Who) -> BoxFuture<'static, Message> {
    match query {
        Query::Session(id) => {
            ports.manager.session(id, by.clone()).map(move |session| Message::Session(id, session)).boxed()
        }
        Query::Log(session, attempt) => {
            let text = (ports.log)(session, attempt, LOG_BYTES);
            let as_text = |error: io::Error| error.to_string();
            text.map(move |text| Message::Log(session, attempt, text.map_err(as_text))).boxed()
        }
        Query::SaveLog(session, attempt, path) => {
            let saved = (ports.save_log)(session, attempt, path.clone());
            saved.map(move |saved| Message::LogSaved(path, saved.map_err(|error| error.to_string()))).boxed()
        }
        Query::History(id) => {
            let as_text = |history: io::Result<EventHistory>| history.map_err(|error| error.to_string());
            (ports.history)(id).map(move |answer| Message::History(id, as_text(answer))).boxed()
        }
        Query::Run(id) => ports.manager.job(id, by.clone()).map(move |run| Message::Run(id, run)).boxed(),
        Query::RunHistory(id) => {
            let as_text = |history: io::Result<EventHistory>| history.map_err(|error| error.to_string());
            (ports.run_history)(id).map(move |answer| Message::RunHistory(id, as_text(answer))).boxed()
        }
        Query::Browse(session, address, item) => {
            let read = (ports.browse)(address, item.clone());
            let as_text = |failure: Failure| failure.to_string();
            read.map(move |found| Message::Browsed(session, item, found.map_err(as_text))).boxed()
        }
        Query::Count(session, address, item) => {
            let counted = (ports.count)(address, item.clone());
            let as_text = |failure: Failure| failure.to_string();
            counted.map(move |count| Message::Counted(session, item, count.map_err(as_text))).boxed()
        }
        Query::OrderPlan(ticket, wish) => {
            (ports.plan_order)(wish).map(move |plan| Message::OrderPlanned(ticket, Box::new(plan))).boxed()
        }
        Query::JobPlan(ticket, spec) => {
            (ports.plan_job)(*spec).map(move |plan| Message::JobPlanned(ticket, plan)).boxed()
        }
        Query::Past => {
            let as_text = |error: io::Error| error.to_string();
            (ports.past)().map(move |past| Message::Past(past.map_err(as_text))).boxed()
        }
        Query::Server(session) => {
            let id = session.id();
            (ports.server)(session).map(move |found| Message::Server(id, found)).boxed()
        }
        Query::Places(ticket, wanted) => {
            (ports.places)(wanted).map(move |found| Message::Proposed(ticket, found)).boxed()
        }
        Query::AskPaused(session, address) => {
            let names = |found: Result<Browsed, Failure>| match found.map_err(|failure| failure.to_string())? {
                Browsed::Databases(found) => Ok(found.into_iter().map(|one| one.name).collect()),
                Browsed::Schemas(_) | Browsed::Relations(_) | Browsed::Table { .. } => Ok(Vec::new()),
            };
            (ports.browse)(address, None).map(move |found| Message::PausedAnswered(session, names(found))).boxed()
        }
        Query::Window(ticket, key) => {
            (ports.window)(key).map(move |found| Message::Window(ticket, Box::new(found))).boxed()
        }
        Query::Commits(ticket, key, timeline, near) => {
            let found = (ports.commits)(key, timeline, near);
            found.map(move |found| Message::Commits(ticket, Box::new(found))).boxed()
        }
        Query::Plan(ticket, at, request) => {
            (ports.plan)(*request).map(move |plan| Message::Planned(ticket, at, Box::new(plan))).boxed()
        }
    }
}
