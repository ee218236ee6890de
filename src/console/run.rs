//! The only loop of the screen: wait, take in all that is ready, then draw once.
//!
//! Promises: at most one frame in 16 ms, with a trailing one; nothing is drawn while nothing changes; nothing foreign is
//! awaited between two frames; what a person has ordered is handed to the manager before the loop ends.

mod published;

use super::{
    input,
    message::{Intent, Message, Query},
    model::{Model, preview::LOG_BYTES},
    ports::{EndReason, Ending, EventHistory, Options, Ports},
    terminal::{HangUp, Screen},
    theme::Brush,
    update::update,
};
use crate::{
    catalog::propose::propose,
    domain::{Origin, RestoreRequest, Who},
    manager::StartRequest,
};
use futures_util::{
    FutureExt as _, Stream, StreamExt as _,
    future::BoxFuture,
    stream::{self, FuturesUnordered},
};
use published::published;
use std::{future::poll_fn, io, pin::pin, sync::Arc, task::Poll, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep_until, timeout},
};

/// One frame at 60 Hz; faster than that nobody sees, and a slow link would only queue it up.
const FRAME: Duration = Duration::from_millis(16);

/// What is taken in at most before a frame, so that a flood of input cannot keep the screen from being painted.
const DRAINED: usize = 1_000;

/// How long orders that are on their way to the manager are waited for when the screen closes.
const LAST_ORDERS: Duration = Duration::from_secs(2);

/// What the loop paints on; the terminal, or a counter of frames in tests.
pub(super) trait Surface {
    /// Columns and rows.
    fn size(&self) -> io::Result<(u16, u16)>;
    /// Paints one frame.
    fn draw(&mut self, model: &Model, brush: &mut Brush) -> io::Result<()>;
    /// Switches the mouse.
    fn set_mouse(&mut self, on: bool) -> io::Result<()>;
    /// Rings and shows a message.
    fn ring(&mut self, text: &str) -> io::Result<()>;
    /// Whether somebody is there who could continue a process that was stopped.
    fn may_suspend(&self) -> bool;
    /// Stops the process until it is continued.
    fn suspend(&mut self) -> io::Result<()>;
    /// Takes the terminal again after somebody else may have had it.
    fn repair(&mut self) -> io::Result<()>;
}

/// What comes from outside the program.
#[derive(Debug)]
pub(super) enum ExternalEvent {
    /// A key, a click, a size.
    Message(Message),
    /// The process is to stop for a while (SIGTSTP).
    Suspend,
    /// The process was continued (SIGCONT).
    Continued,
    /// The screen is to end.
    End(EndReason),
}

/// Opens the screen, runs it until it is left, and gives the terminal back.
pub async fn run(ports: Ports, options: Options) -> io::Result<Ending> {
    let signals = signals()?;
    let mut hang_up = HangUp::watch()?;
    let screen = Screen::enter(options.mouse)?;
    let gone = (&mut hang_up.fired).map(|_| ExternalEvent::End(EndReason::HungUp)).into_stream();
    let outside = stream::select(gone, stream::select(signals, input::events()));
    drive(ports, options, screen, outside).await
}

/// The loop itself.
pub(super) async fn drive(
    ports: Ports,
    options: Options,
    mut surface: impl Surface,
    outside: impl Stream<Item = ExternalEvent>,
) -> io::Result<Ending> {
    let mut outside = pin!(outside);
    let (first, mut published) = published(&ports);
    let mut brush = Brush::new(options.theme, options.ascii);
    let mut model = Model::new(options, first.data, surface.size()?, ports.clock.moment());
    // Orders are for the manager and must arrive; looks are for the screen alone.
    let mut orders: FuturesUnordered<BoxFuture<'static, Message>> = FuturesUnordered::new();
    let mut queries: FuturesUnordered<BoxFuture<'static, Message>> = FuturesUnordered::new();
    let mut inbox: Vec<ExternalEvent> = Vec::new();
    let mut messages: Vec<Message> = vec![Message::Owner(first.owner)];
    let mut painted: Option<Instant> = None;
    let mut stale = true;
    let reason = 'screen: loop {
        // Everything that is ready is taken in before anything is drawn.
        for _ in 0..DRAINED {
            // With the loop's own waker: crossterm's stream keeps the waker of its first poll and wakes no other.
            match poll_fn(|context| Poll::Ready(outside.as_mut().poll_next(context))).await {
                Poll::Ready(Some(one)) => inbox.push(one),
                Poll::Ready(None) => inbox.push(ExternalEvent::End(EndReason::HungUp)),
                Poll::Pending => break,
            }
            if matches!(inbox.last(), Some(ExternalEvent::End(_))) {
                break;
            }
        }
        for one in inbox.drain(..) {
            match one {
                ExternalEvent::Message(message) => messages.push(message),
                ExternalEvent::Suspend => suspend(&ports, &mut surface, &mut messages).await?,
                ExternalEvent::Continued => {
                    surface.repair()?;
                    let (columns, rows) = surface.size()?;
                    messages.push(Message::Resize(columns, rows));
                }
                ExternalEvent::End(reason) => break 'screen reason,
            }
        }
        for message in std::mem::take(&mut messages) {
            stale = true;
            for intent in update(&mut model, message, ports.clock.moment()) {
                match intent {
                    Intent::Close => break 'screen EndReason::Closed,
                    Intent::Suspend => suspend(&ports, &mut surface, &mut messages).await?,
                    Intent::Mouse(on) => surface.set_mouse(on)?,
                    Intent::Ring(text) => surface.ring(&text)?,
                    Intent::RefreshCatalog => (ports.refresh_catalog)(),
                    Intent::Act(act, scope) => {
                        let answer = ports.manager.act(act, scope, model.options().by.clone());
                        orders.push(answer.map(move |receipt| Message::Acted(act, receipt)).boxed());
                    }
                    Intent::Start(requests) => {
                        let answer = ports.manager.start(order(requests), model.options().by.clone());
                        orders.push(answer.map(Message::Started).boxed());
                    }
                    Intent::Query(query) => queries.push(run_query(&ports, query, &model.options().by)),
                }
            }
        }
        if !messages.is_empty() {
            continue;
        }
        let now = Instant::now();
        let may_paint = painted.map_or(now, |painted| painted + FRAME);
        if stale && may_paint <= now {
            surface.draw(&model, &mut brush)?;
            painted = Some(now);
            stale = false;
        }
        let due = model.next_change().map(|moment| now + ports.clock.until_steady(moment));
        tokio::select! {
            biased;
            one = outside.next() => inbox.push(one.unwrap_or(ExternalEvent::End(EndReason::HungUp))),
            Some(message) = orders.next(), if !orders.is_empty() => messages.push(message),
            Some(message) = queries.next(), if !queries.is_empty() => messages.push(message),
            Some(message) = published.next() => messages.push(message),
            () = sleep_until(may_paint), if stale => {}
            () = sleep_until(due.unwrap_or(now)), if due.is_some() => messages.push(Message::Due),
        }
    };
    // A person who orders and leaves in one breath has still ordered.
    let last = async { while orders.next().await.is_some() {} };
    if timeout(LAST_ORDERS, last).await.is_err() {
        tracing::warn!("the session manager did not answer the last orders before the screen closed");
    }
    Ok(model.ending(reason))
}

/// The order of a person at this screen.
fn order(requests: Vec<RestoreRequest>) -> StartRequest {
    StartRequest { requests, policy: None, origin: Origin::Console }
}

/// Looks something up, without holding up the loop.
fn run_query(ports: &Ports, query: Query, by: &Who) -> BoxFuture<'static, Message> {
    match query {
        Query::Session(id) => {
            ports.manager.session(id, by.clone()).map(move |session| Message::Session(id, session)).boxed()
        }
        Query::Log(session, attempt) => {
            let text = (ports.log)(session, attempt, LOG_BYTES);
            let told = |error: io::Error| error.to_string();
            text.map(move |text| Message::Log(session, attempt, text.map_err(told))).boxed()
        }
        Query::History(id) => {
            let told = |told: io::Result<EventHistory>| told.map_err(|error| error.to_string());
            (ports.history)(id).map(move |answer| Message::History(id, told(answer))).boxed()
        }
        Query::Places(ticket, wanted) => {
            let system = Arc::clone(&ports.system);
            let found = tokio::task::spawn_blocking(move || propose(&wanted, system.as_ref()));
            // Without an answer the fields keep what they say.
            found.map(move |found| Message::Proposed(ticket, found.unwrap_or_default())).boxed()
        }
        Query::Plan(ticket, at, request) => {
            (ports.plan)(*request).map(move |plan| Message::Planned(ticket, at, Box::new(plan))).boxed()
        }
    }
}

/// Stands still until the shell continues us. Nothing can be shown or answered meanwhile, so this is the one place where
/// the loop waits: a process that stands still must not own what others wait for.
async fn suspend(ports: &Ports, surface: &mut impl Surface, messages: &mut Vec<Message>) -> io::Result<()> {
    if !surface.may_suspend() {
        messages.push(Message::NotSuspended);
        return Ok(());
    }
    (ports.release)().await;
    surface.suspend()?;
    (ports.reacquire)().await;
    let (columns, rows) = surface.size()?;
    messages.push(Message::Resize(columns, rows));
    Ok(())
}

/// SIGTERM and SIGHUP end the screen, SIGTSTP and SIGCONT are what a shell's job control sends.
fn signals() -> io::Result<impl Stream<Item = ExternalEvent>> {
    let watch = |kind: SignalKind, make: fn() -> ExternalEvent| -> io::Result<_> {
        let source = signal(kind)?;
        Ok(stream::unfold(source, move |mut source| async move {
            source.recv().await;
            Some((make(), source))
        })
        .boxed())
    };
    let raw = |signal: rustix::process::Signal| SignalKind::from_raw(signal.as_raw());
    Ok(stream::select_all([
        watch(SignalKind::terminate(), || ExternalEvent::End(EndReason::Signal))?,
        watch(SignalKind::hangup(), || ExternalEvent::End(EndReason::Signal))?,
        watch(raw(rustix::process::Signal::TSTP), || ExternalEvent::Suspend)?,
        watch(raw(rustix::process::Signal::CONT), || ExternalEvent::Continued)?,
    ]))
}

#[cfg(test)]
mod tests;
