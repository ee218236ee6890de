//! What will be done to one restore: who is killed, when, and in which order. Chance decides, and can be repeated.

use super::{cluster::FORMS, rng::Rng};
use howdah::domain::Step;
use std::{collections::BTreeMap, time::Duration};

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Victim {
    /// The process that holds the state directory.
    Owner,
    /// The worker, but not its group.
    Worker,
    /// The restored server's postmaster.
    Engine,
    /// One of the restored server's other processes.
    Backend,
    /// The command that ordered the restore and follows it.
    Client,
}

/// When.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    /// At this part of the time that an undisturbed restore takes.
    Course(f64),
    /// When an attempt is this far in a step, as a part of what the step takes undisturbed.
    Step(Step, f64),
    /// So long after the directory of the next attempt appears: its owner is about to start the worker.
    Launch(Duration),
    /// So long after it is noted that the restore is finished: the marks are about to go.
    Unmark(Duration),
}

/// Some who are killed one right after the other.
#[derive(Debug, Clone)]
pub(crate) struct Volley {
    pub(crate) moment: Moment,
    pub(crate) victims: Vec<Victim>,
}

/// One round.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) form: &'static str,
    /// Whether a command follows the restore; if not, it was ordered and left alone.
    pub(crate) followed: bool,
    /// Whether the restored server is to run on in the end.
    pub(crate) serves: bool,
    pub(crate) volleys: Vec<Volley>,
    /// How long nobody owns the state directory when nobody is left to bring an owner.
    pub(crate) pause: Duration,
}

/// How long an undisturbed restore takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Course {
    pub(crate) total: Duration,
    pub(crate) steps: BTreeMap<Step, Duration>,
}

const STEPS: [Step; 7] =
    [Step::Check, Step::Copy, Step::Configure, Step::Start, Step::Replay, Step::Probe, Step::Finish];

/// The steps in which a server runs.
const SERVED: [Step; 4] = [Step::Start, Step::Replay, Step::Probe, Step::Finish];

impl Plan {
    /// Nothing is done to it.
    pub(crate) const fn undisturbed(form: &'static str) -> Self {
        Self { form, followed: true, serves: false, volleys: Vec::new(), pause: Duration::ZERO }
    }

    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        let (form, followed, serves) = (rng.one_of(&FORMS), rng.below(2) == 0, rng.below(3) == 0);
        let volleys = (0..rng.one_of(&[1, 1, 1, 2, 2, 3])).map(|_| Volley::drawn(rng)).collect();
        Self { form, followed, serves, volleys, pause: Duration::from_millis(rng.below(150)) }
    }
}

impl Volley {
    fn drawn(rng: &mut Rng) -> Self {
        use Victim::{Backend, Client, Engine, Owner, Worker};
        let served: &[&[Victim]] = &[
            &[Engine],
            &[Backend],
            &[Worker, Engine],
            &[Engine, Worker],
            &[Owner, Engine],
            &[Owner, Worker, Engine],
            &[Worker, Owner],
        ];
        let any: &[&[Victim]] = &[
            &[Owner],
            &[Worker],
            &[Owner, Worker],
            &[Worker, Owner],
            &[Client, Owner],
            &[Owner, Client, Worker],
            &[Worker, Owner, Owner],
        ];
        let millis = |rng: &mut Rng, most: u64| Duration::from_micros(rng.below(most * 1000));
        let (moment, victims) = match rng.below(12) {
            0..4 => (Moment::Course(rng.part() * 1.1), rng.one_of(any)),
            4..7 => (Moment::Step(rng.one_of(&STEPS), rng.part()), rng.one_of(any)),
            7..10 => (Moment::Step(rng.one_of(&SERVED), rng.part()), rng.one_of(served)),
            10 => (Moment::Launch(millis(rng, 12)), rng.one_of(any)),
            _ => (Moment::Unmark(millis(rng, 3)), rng.one_of(any)),
        };
        Self { moment, victims: victims.to_vec() }
    }
}
