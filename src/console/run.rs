//! The only loop of the screen: wait, take in all that is ready, then draw once.
//!
//! Promises: at most one frame in 16 ms, with a trailing one, and far fewer of what only progresses; nothing is drawn
//! while nothing changes; nothing foreign is awaited between two frames; what a person has ordered is handed to the manager before the loop ends.

mod published;
mod queries;

use super::{
    input,
    live_recording::LiveRecording,
    message::{Intent, Message},
    model::Model,
    ports::{ConsoleOptions, EndReason, Ending, Ports},
    surface::{ExternalEvent, Surface},
    terminal::{HangUp, Screen},
    theme::Brush,
    update::update,
};
use crate::{
    domain::{Order, Origin},
    manager::{StartJob, StartRequest},
};
use futures_util::{
    FutureExt as _, Stream, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream, FuturesUnordered},
};
use published::published;
use queries::run_query;
use std::{
    future::poll_fn,
    io,
    ops::ControlFlow,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep_until, timeout},
};

/// One frame at 60 Hz; faster than that nobody sees, and a slow link would only queue it up.
pub(super) const FRAME: Duration = Duration::from_millis(16);

/// What is taken in at most before a frame, so that a flood of input cannot keep the screen from being painted.
const DRAINED: usize = 1_000;

/// How long orders that are on their way to the manager are waited for when the screen closes.
const LAST_ORDERS: Duration = Duration::from_secs(2);

/// Opens the screen, runs it until it is left, and gives the terminal back. What the terminal is sent goes into the
/// recording, too, if there is one.
pub async fn run(ports: Ports, options: ConsoleOptions, recording: Option<LiveRecording>) -> io::Result<Ending> {
    let signals = signals()?;
    let mut hang_up = HangUp::watch()?;
    let stopped = stopped(recording.as_ref());
    let screen = Screen::enter(options.mouse, recording)?;
    let gone = (&mut hang_up.fired).map(|_| ExternalEvent::End(EndReason::HungUp)).into_stream();
    let outside = stream::select(stream::select(gone, stopped), stream::select(signals, input::events()));
    drive(ports, options, screen, outside).await
}

/// The end of a recording that ends before the screen does.
fn stopped(recording: Option<&LiveRecording>) -> impl Stream<Item = ExternalEvent> + use<> {
    let reason = recording.map(LiveRecording::stopped);
    stream::once(async move {
        let mut reason = reason?;
        let reason = reason.wait_for(Option::is_some).await.ok()?.clone()?;
        Some(ExternalEvent::Message(Message::RecordingStopped(reason)))
    })
    .filter_map(std::future::ready)
    .chain(stream::pending())
    .boxed()
}

/// The loop itself.
pub(super) async fn drive(
    ports: Ports,
    options: ConsoleOptions,
    surface: impl Surface,
    outside: impl Stream<Item = ExternalEvent>,
) -> io::Result<Ending> {
    let (first, mut published) = published(&ports);
    let brush = Brush::new(options.theme, options.ascii);
    let model = Model::new(options, first.data, surface.size()?, ports.clock.moment());
    let mut screen = Running::new(ports, surface, brush, model);
    let mut inbox: Vec<ExternalEvent> = Vec::new();
    screen.messages.push(Message::Owner(first.owner));
    let reason = {
        // Dropped before the terminal is given back: what is typed from then on is for the shell.
        let mut outside = pin!(outside);
        loop {
            drain(outside.as_mut(), &mut inbox).await;
            if let ControlFlow::Break(reason) = screen.take_in(inbox.drain(..)).await? {
                break reason;
            }
            if !screen.messages.is_empty() {
                continue;
            }
            let now = Instant::now();
            let may_paint = screen.paint(now)?;
            let due = screen.model.next_change().map(|moment| now + screen.ports.clock.until_steady(moment));
            tokio::select! {
                biased;
                one = outside.next() => inbox.push(one.unwrap_or(ExternalEvent::End(EndReason::HungUp))),
                Some(message) = screen.orders.next(), if !screen.orders.is_empty() => screen.messages.push(message),
                Some(message) = screen.queries.next(), if !screen.queries.is_empty() => screen.messages.push(message),
                Some(message) = screen.comparison.next() => screen.messages.push(message),
                Some(message) = published.next() => screen.messages.push(message),
                () = sleep_until(may_paint), if screen.stale.is_some() => {}
                () = sleep_until(due.unwrap_or(now)), if due.is_some() => screen.messages.push(Message::Due),
            }
        }
    };
    Ok(screen.close(reason).await)
}

/// Takes in everything that is ready, before anything is drawn.
pub(super) async fn drain(mut outside: Pin<&mut impl Stream<Item = ExternalEvent>>, inbox: &mut Vec<ExternalEvent>) {
    for _ in 0..DRAINED {
        // With the loop's own waker: crossterm's stream keeps the waker of its first poll and wakes no other.
        match poll_fn(|context| Poll::Ready(outside.as_mut().poll_next(context))).await {
            Poll::Ready(Some(one)) => inbox.push(one),
            Poll::Ready(None) => inbox.push(ExternalEvent::End(EndReason::HungUp)),
            Poll::Pending => return,
        }
        if matches!(inbox.last(), Some(ExternalEvent::End(_))) {
            return;
        }
    }
}

/// A screen that runs.
struct Running<S> {
    ports: Ports,
    surface: S,
    brush: Brush,
    model: Model,
    /// Orders are for the manager and must arrive.
    orders: FuturesUnordered<BoxFuture<'static, Message>>,
    /// Queries are for the screen alone.
    queries: FuturesUnordered<BoxFuture<'static, Message>>,
    /// What a comparison finds; one at a time.
    comparison: BoxStream<'static, Message>,
    messages: Vec<Message>,
    painted: Option<Instant>,
    /// Whether the picture is older than the model, and how soon that must be seen.
    stale: Option<Haste>,
}

/// How soon a change must be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Haste {
    /// Figures that move by themselves.
    Progress,
    /// What a person has done, or has to hear.
    AtOnce,
}

impl<S: Surface> Running<S> {
    fn new(ports: Ports, surface: S, brush: Brush, model: Model) -> Self {
        let (orders, queries, messages) = (FuturesUnordered::new(), FuturesUnordered::new(), Vec::new());
        let (comparison, stale) = (stream::pending().boxed(), Some(Haste::AtOnce));
        Self { ports, surface, brush, model, orders, queries, comparison, messages, painted: None, stale }
    }

    /// Takes in what came from outside, and all messages. What they lead to may be messages again.
    async fn take_in(&mut self, inbox: impl Iterator<Item = ExternalEvent>) -> io::Result<ControlFlow<EndReason>> {
        for one in inbox {
            match one {
                ExternalEvent::Message(message) => self.messages.push(message),
                ExternalEvent::Suspend => self.suspend().await?,
                ExternalEvent::Continued => {
                    self.surface.repair()?;
                    self.take_size()?;
                }
                ExternalEvent::End(reason) => return Ok(ControlFlow::Break(reason)),
            }
        }
        for message in std::mem::take(&mut self.messages) {
            self.stale = self.stale.max(Some(self.haste(&message)));
            for intent in update(&mut self.model, message, self.ports.clock.moment()) {
                if let ControlFlow::Break(reason) = self.carry_out(intent).await? {
                    return Ok(ControlFlow::Break(reason));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn carry_out(&mut self, intent: Intent) -> io::Result<ControlFlow<EndReason>> {
        let by = || self.model.options().by.clone();
        match intent {
            Intent::Close => return Ok(ControlFlow::Break(EndReason::Closed)),
            Intent::Suspend => self.suspend().await?,
            Intent::Repaint => self.surface.repair()?,
            Intent::Copy(text) => self.surface.copy(&text)?,
            Intent::Mouse(on) => self.surface.set_mouse(on)?,
            Intent::Ring(text) => self.surface.ring(&text)?,
            Intent::RefreshCatalog => (self.ports.refresh_catalog)(),
            Intent::Act(act, scope) => {
                let answer = self.ports.manager.act(act.clone(), scope, by());
                self.orders.push(answer.map(move |receipt| Message::Acted(act, receipt)).boxed());
            }
            Intent::Start(orders) => {
                let answer = self.ports.manager.start(start_request(orders), by());
                self.orders.push(answer.map(Message::Started).boxed());
            }
            Intent::StopServer(session, process) => {
                let (id, name) = (session.id(), session.title().to_string());
                let answer = (self.ports.stop_server)(session, process);
                self.orders.push(answer.map(move |ended| Message::ServerStopped(id, name, ended)).boxed());
            }
            Intent::StartJob(spec) => {
                let job = spec.name().clone();
                let answer = self.ports.manager.start_job(StartJob { spec: *spec, origin: Origin::Console }, by());
                self.orders.push(answer.map(move |answer| Message::JobStarted(job, answer)).boxed());
            }
            Intent::ActOnJob(act, run, name) => {
                let answer = self.ports.manager.act_on_job(act, run, by());
                self.orders.push(answer.map(move |answer| Message::JobActed(act, name, answer)).boxed());
            }
            Intent::Compare(ticket, wish) => {
                let found = (self.ports.compare)(*wish).map(move |found| {
                    let found = found.map_err(|failure| failure.to_string());
                    Message::Compared(ticket, Box::new(found))
                });
                self.comparison = found.chain(stream::pending()).boxed();
            }
            Intent::StopComparing => self.comparison = stream::pending().boxed(),
            Intent::Query(query) => self.queries.push(run_query(&self.ports, query, &by())),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Paints what is stale, unless it was painted just now; says from when on it may be painted again.
    fn paint(&mut self, now: Instant) -> io::Result<Instant> {
        let may_paint = match self.stale {
            Some(Haste::Progress) => self.may_show_progress(now),
            Some(Haste::AtOnce) | None => self.painted.map_or(now, |painted| painted + FRAME),
        };
        if self.stale.is_some() && may_paint <= now {
            self.surface.draw(&self.model, &mut self.brush)?;
            self.painted = Some(now);
            self.stale = None;
        }
        Ok(may_paint)
    }

    /// After its pause, or at the next moment that a clock of that beat would tick: so countdowns, clock and progress
    /// share their frames.
    fn may_show_progress(&self, now: Instant) -> Instant {
        let pause = self.model.options().progress_pause;
        let Some(painted) = self.painted else { return now };
        // In the time of that clock, which goes faster than ours where a story is played.
        let speed = self.ports.clock.speed().get();
        let beat = i64::try_from(pause.as_millis() * u128::from(speed)).unwrap_or(i64::MAX).max(1);
        let into = self.ports.clock.moment().wall.as_millisecond().rem_euclid(beat);
        let until_beat = Duration::from_millis((beat - into).unsigned_abs()) / speed;
        let on_beat = if into == 0 { now } else { now + until_beat };
        (painted + pause).min(on_beat).max(painted + FRAME)
    }

    /// How soon the change that a message brings must be seen.
    fn haste(&self, message: &Message) -> Haste {
        match message {
            Message::Due | Message::Server(..) => Haste::Progress,
            Message::Compared(_, found) if found.as_ref().as_ref().is_ok_and(|found| !found.ended) => Haste::Progress,
            // Of what merely goes on; who comes, goes or gets stuck is seen at once.
            Message::Snapshot(snapshot) if snapshot.counts == self.model.latest.counts => Haste::Progress,
            Message::Snapshot(_)
            | Message::Key(_)
            | Message::Paste(_)
            | Message::Mouse(_)
            | Message::Resize(..)
            | Message::ManagerGone
            | Message::Owner(_)
            | Message::Exposed(_)
            | Message::Catalog(_)
            | Message::Acted(..)
            | Message::Started(_)
            | Message::Session(..)
            | Message::LogSaved(..)
            | Message::Log(..)
            | Message::History(..)
            | Message::Past(_)
            | Message::ServerStopped(..)
            | Message::Proposed(..)
            | Message::Planned(..)
            | Message::JobStarted(..)
            | Message::JobActed(..)
            | Message::Run(..)
            | Message::RunHistory(..)
            | Message::JobPlanned(..)
            | Message::Window(..)
            | Message::PausedAnswered(..)
            | Message::Commits(..)
            | Message::OrderPlanned(..)
            | Message::Browsed(..)
            | Message::Counted(..)
            | Message::Compared(..)
            | Message::RecordingStopped(_)
            | Message::NotSuspended => Haste::AtOnce,
        }
    }

    /// Stands still until the shell continues us. Nothing can be shown or answered meanwhile, so this is the one place
    /// where the loop waits: a process that stands still must not own what others wait for.
    async fn suspend(&mut self) -> io::Result<()> {
        if !self.surface.may_suspend() {
            self.messages.push(Message::NotSuspended);
            return Ok(());
        }
        (self.ports.release)().await;
        self.surface.suspend()?;
        (self.ports.reacquire)().await;
        self.take_size()
    }

    fn take_size(&mut self) -> io::Result<()> {
        let (columns, rows) = self.surface.size()?;
        self.messages.push(Message::Resize(columns, rows));
        Ok(())
    }

    /// A person who orders and leaves in one breath has still ordered.
    async fn close(mut self, reason: EndReason) -> Ending {
        let last = async { while self.orders.next().await.is_some() {} };
        if timeout(LAST_ORDERS, last).await.is_err() {
            tracing::warn!("the session manager did not answer the last orders before the screen closed");
        }
        self.model.ending(reason)
    }
}

/// The order of a person at this screen.
fn start_request(orders: Vec<Order>) -> StartRequest {
    StartRequest { orders, policy: None, origin: Origin::Console }
}

/// SIGTERM, SIGHUP and a SIGINT that no key has sent end the screen, SIGTSTP and SIGCONT are what a shell's job control sends.
pub(super) fn signals() -> io::Result<impl Stream<Item = ExternalEvent>> {
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
        watch(SignalKind::interrupt(), || ExternalEvent::End(EndReason::Signal))?,
        watch(raw(rustix::process::Signal::TSTP), || ExternalEvent::Suspend)?,
        watch(raw(rustix::process::Signal::CONT), || ExternalEvent::Continued)?,
    ]))
}

#[cfg(test)]
mod tests;
