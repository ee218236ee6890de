//! The loop of the player: wait, take in all that is ready, work for a moment, then draw once.
//!
//! Promises: nothing is drawn while nothing changes; a key is taken in between two short pieces of work; the terminal
//! is given back whole on every way out.

use super::{
    player::{AfterKey, Player},
    view::{self, Look},
};
use crate::{
    console::{
        input,
        message::Message,
        ports::EndReason,
        run::{FRAME, drain, signals},
        surface::{ExternalEvent, Surface as _},
        terminal::{HangUp, Screen},
        theme::{Brush, Theme},
    },
    manager::Clock,
    recording::{Recording, Speed},
};
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use std::{io, ops::ControlFlow, pin::pin, time::Duration};
use tokio::time::{Instant, sleep_until};

/// What is settled before the player opens.
#[derive(Debug, Clone, Copy)]
pub struct PlayerOptions {
    /// How fast it plays at first.
    pub speed: Speed,
    /// The colours of the status line. With [`Theme::Mono`] the recording has none either.
    pub theme: Theme,
    /// Whether only ASCII is shown.
    pub ascii: bool,
}

/// How long is worked before keys are looked for again; half a frame, so that frames still come in time.
const WORK: Duration = Duration::from_millis(8);

/// While a long way is made, pictures from along it are of little use; a few a second show that it goes on.
const FRAME_UNDER_WAY: Duration = Duration::from_millis(100);

/// A terminal with the player in it.
struct Running {
    player: Player,
    screen: Screen,
    brush: Brush,
    look: Look,
    clock: Clock,
    painted: Option<Instant>,
    /// Whether the picture is older than the player.
    stale: bool,
    /// Whether there is work left.
    busy: bool,
}

/// Opens the screen, plays until it is left, and gives the terminal back.
pub async fn run(recording: Recording, options: PlayerOptions, clock: Clock) -> io::Result<EndReason> {
    let signals = signals()?;
    let mut hang_up = HangUp::watch()?;
    let screen = Screen::enter(false, None)?;
    let gone = (&mut hang_up.fired).map(|_| ExternalEvent::End(EndReason::HungUp)).into_stream();
    let outside = stream::select(gone, stream::select(signals, input::events()));
    let running = Running {
        player: Player::new(recording, options.speed, clock.moment().steady),
        screen,
        brush: Brush::new(options.theme, options.ascii),
        look: Look { ascii: options.ascii, colour: options.theme != Theme::Mono },
        clock,
        painted: None,
        stale: true,
        busy: true,
    };
    drive(running, outside).await
}

async fn drive(mut running: Running, outside: impl Stream<Item = ExternalEvent>) -> io::Result<EndReason> {
    let mut inbox = Vec::new();
    // Dropped before the terminal is given back: what is typed from then on is for the shell.
    let mut outside = pin!(outside);
    loop {
        drain(outside.as_mut(), &mut inbox).await;
        for one in inbox.drain(..) {
            if let ControlFlow::Break(reason) = running.take_in(one)? {
                return Ok(reason);
            }
        }
        running.work();
        let now = Instant::now();
        let may_paint = running.paint(now)?;
        let due = running.due().map(|wait| now + wait);
        tokio::select! {
            biased;
            one = outside.next() => inbox.push(one.unwrap_or(ExternalEvent::End(EndReason::HungUp))),
            () = tokio::task::yield_now(), if running.busy => {}
            () = sleep_until(may_paint), if running.stale => {}
            () = sleep_until(due.unwrap_or(now)), if due.is_some() => running.stale = true,
        }
    }
}

impl Running {
    fn take_in(&mut self, one: ExternalEvent) -> io::Result<ControlFlow<EndReason>> {
        let now = self.clock.moment().steady;
        self.stale = true;
        match one {
            ExternalEvent::Message(Message::Key(chord)) => match self.player.key(chord, now) {
                AfterKey::GoOn => {}
                AfterKey::Leave => return Ok(ControlFlow::Break(EndReason::Closed)),
                AfterKey::Suspend => self.suspend()?,
            },
            ExternalEvent::Message(Message::Paste(text)) => self.player.paste(&text),
            // The next frame asks for the size; of all other messages none comes from a terminal.
            ExternalEvent::Message(_) => {}
            ExternalEvent::Suspend => {
                self.player.pause(now);
                self.suspend()?;
            }
            ExternalEvent::Continued => self.screen.repair()?,
            ExternalEvent::End(reason) => return Ok(ControlFlow::Break(reason)),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn suspend(&mut self) -> io::Result<()> {
        if self.screen.may_suspend() { self.screen.suspend() } else { Ok(()) }
    }

    /// Works until there is no more to do, or for a moment.
    fn work(&mut self) {
        self.player.tick(self.clock.moment().steady);
        let begun = Instant::now();
        let was_busy = self.busy;
        loop {
            self.busy = self.player.work();
            if !self.busy || begun.elapsed() >= WORK {
                break;
            }
        }
        self.stale |= self.busy || was_busy;
    }

    /// Paints what is stale, unless it was painted just now; says from when on it may be painted again.
    fn paint(&mut self, now: Instant) -> io::Result<Instant> {
        let pause = if self.busy { FRAME_UNDER_WAY } else { FRAME };
        let may_paint = self.painted.map_or(now, |painted| painted + pause);
        if self.stale && may_paint <= now {
            let (player, look, brush) = (&self.player, self.look, &self.brush);
            let moment = self.clock.moment().steady;
            self.screen.paint(|buffer| view::paint(buffer, player, look, brush, moment))?;
            self.painted = Some(now);
            self.stale = false;
        }
        Ok(may_paint)
    }

    /// How long until there is something new to show.
    fn due(&self) -> Option<Duration> {
        let due = self.player.due(self.clock.moment().steady)?;
        Some(self.clock.until_steady(due))
    }
}
