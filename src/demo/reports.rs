//! The reports of one attempt as they are put together: each after the pause that the story has for it.
//!
//! Promise: the pauses add up to the story's time, divided by how fast it is played.

use crate::{
    attempt::Scenario as Course,
    domain::{
        Step, StepState,
        fact::{End, Fact},
    },
    machine::Report,
};
use std::{num::NonZeroU32, time::Duration};

/// Progress is reported this often: the screen shows it twice a second, ...
const TICK: Duration = Duration::from_millis(500);

/// ... its history has a column for each second of the story, ...
const COLUMN: Duration = Duration::from_secs(1);

/// ... and more often than this nobody sees anything, however fast the story goes.
const LEAST_TICK: Duration = Duration::from_millis(50);

/// What is done in no time worth telling still takes this long in a story.
const SHORT: Duration = Duration::from_secs(1);

/// How long an attempt takes to stop when asked.
const STOPS_IN: Duration = Duration::from_secs(2);

/// The reports so far.
pub(super) struct Reports {
    steps: Vec<(Duration, Report)>,
    /// How long the story has gone on.
    now: Duration,
    speed: NonZeroU32,
    /// What has passed since the last report.
    passed: Duration,
    /// The step under way, and since when.
    step: Option<(Step, Duration)>,
}

impl Reports {
    /// None yet, at this point of a story that is played so fast.
    pub(super) fn new(now: Duration, speed: NonZeroU32) -> Self {
        Self { steps: Vec::new(), now, speed, passed: Duration::ZERO, step: None }
    }

    /// How long the story has gone on.
    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// The story's time between two reports of progress.
    pub(super) fn tick(&self) -> Duration {
        let speed = self.speed.get();
        (TICK * speed).min(COLUMN).max(LEAST_TICK * speed)
    }

    /// Lets so much of the story pass.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.passed += time;
    }

    pub(super) fn fact(&mut self, fact: Fact) {
        self.report(Report::Fact(fact));
    }

    pub(super) fn begin(&mut self, step: Step) {
        self.step = Some((step, self.now));
        self.fact(Fact::Step { step, state: StepState::Running { detail: String::new() } });
    }

    /// The step under way is done.
    pub(super) fn done(&mut self, detail: &str) {
        if let Some((step, since)) = self.step.take() {
            let state = StepState::Done { took: self.now.saturating_sub(since), detail: detail.to_owned() };
            self.fact(Fact::Step { step, state });
        }
    }

    /// The step under way went wrong.
    pub(super) fn failed(&mut self) {
        if let Some((step, since)) = self.step.take() {
            self.fact(Fact::Step { step, state: StepState::Failed { took: self.now.saturating_sub(since) } });
        }
    }

    /// A step that takes a moment.
    pub(super) fn short(&mut self, step: Step, detail: &str) {
        self.begin(step);
        self.pass(SHORT);
        self.done(detail);
    }

    pub(super) fn skip(&mut self, step: Step, reason: &str) {
        self.fact(Fact::Step { step, state: StepState::Skipped { reason: reason.to_owned() } });
    }

    /// The whole course, with its end.
    pub(super) fn over(mut self, end: End) -> Course {
        self.report(Report::Over(Some(end)));
        Course { steps: self.steps, stops_in: Some(STOPS_IN / self.speed.get()) }
    }

    /// The whole course of what is held open until it is stopped: what it says while it is, and no end.
    pub(super) fn hold(mut self, detail: &str) -> Course {
        self.fact(Fact::Step { step: Step::Hold, state: StepState::Running { detail: detail.to_owned() } });
        Course { steps: self.steps, stops_in: Some(STOPS_IN / self.speed.get()) }
    }

    fn report(&mut self, report: Report) {
        let pause = std::mem::take(&mut self.passed) / self.speed.get();
        self.steps.push((pause, report));
    }
}
