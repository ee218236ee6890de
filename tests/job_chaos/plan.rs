//! What will be done to one run of a job: who is killed, when, and whether it is stopped. Chance decides, and can be
//! repeated.

use crate::rng::Rng;
use howdah::domain::{Step, StopMode};
use std::time::Duration;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Victim {
    /// The owner of the state directory.
    Owner,
    /// A worker, but not its group.
    Worker,
    /// One of the two processes of `pg_basebackup`.
    Program,
    /// The server that is backed up; it comes back a moment later.
    Server,
}

/// When.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    /// At this part of the time that an undisturbed run takes.
    Course(f64),
    /// So long after an attempt begins this step.
    Step(Step, Duration),
    /// So long after the blow before it: what follows from that is under way, such as a disposal after a stop.
    After(Duration),
}

/// Something that is done to a run.
#[derive(Debug, Clone)]
pub(crate) enum Blow {
    /// These are killed, one right after the other.
    Kill(Vec<Victim>),
    /// A person stops it.
    Stop(StopMode),
}

/// One round.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Archives instead of a plain directory.
    pub(crate) tar: bool,
    /// Objects at once.
    pub(crate) parallel: u64,
    /// As the settings have it.
    pub(crate) rate: Option<&'static str>,
    pub(crate) blows: Vec<(Moment, Blow)>,
    /// How long nobody owns the state directory, and no server is there, after they were killed.
    pub(crate) pause: Duration,
}

const STEPS: [Step; 5] = [Step::Check, Step::Checkpoint, Step::Copy, Step::Seal, Step::Finish];

impl Plan {
    /// Nothing is done to it.
    pub(crate) const fn undisturbed() -> Self {
        Self { tar: false, parallel: 1, rate: None, blows: Vec::new(), pause: Duration::ZERO }
    }

    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        let (tar, parallel) = (rng.below(3) == 0, rng.one_of(&[1, 1, 2]));
        let rate = rng.one_of(&[None, Some("32M"), Some("16M")]);
        let mut blows: Vec<_> = (0..rng.one_of(&[1, 1, 2, 2, 3])).map(|_| (moment(rng), kill(rng))).collect();
        let stop = Blow::Stop(rng.one_of(&StopMode::ALL));
        match rng.below(6) {
            0 => blows.insert(usize::try_from(rng.below(blows.len() as u64 + 1)).unwrap(), (moment(rng), stop)),
            // Somebody is killed while what follows from the stop is under way.
            1 => blows = vec![(moment(rng), stop), (Moment::After(millis(rng, 600)), kill(rng))],
            // The restore point has its name, and nobody has told yet.
            2 => {
                let finished = Moment::Step(Step::Finish, millis(rng, 5));
                let killed = Blow::Kill(vec![Victim::Worker]);
                blows = vec![(finished, killed), (Moment::After(millis(rng, 30)), stop)];
            }
            _ => {}
        }
        Self { tar, parallel, rate, blows, pause: Duration::from_millis(rng.below(150)) }
    }

    /// Whether anybody stops it so.
    pub(crate) fn asks_for(&self, wanted: StopMode) -> bool {
        self.blows.iter().any(|(_, blow)| matches!(blow, Blow::Stop(mode) if *mode == wanted))
    }
}

fn moment(rng: &mut Rng) -> Moment {
    match rng.below(3) {
        0 => Moment::Course(rng.part() * 1.1),
        _ => Moment::Step(rng.one_of(&STEPS), millis(rng, 60)),
    }
}

fn millis(rng: &mut Rng, most: u64) -> Duration {
    Duration::from_micros(rng.below(most * 1000))
}

fn kill(rng: &mut Rng) -> Blow {
    use Victim::{Owner, Program, Server, Worker};
    let victims: [&[Victim]; 10] = [
        &[Owner],
        &[Owner],
        &[Worker],
        &[Worker],
        &[Program],
        &[Program],
        &[Server],
        &[Owner, Worker],
        &[Worker, Owner],
        &[Program, Owner],
    ];
    Blow::Kill(rng.one_of(&victims).to_vec())
}
