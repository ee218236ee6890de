//! What will be done in a quarrel: where the two meet, and who orders, cancels, retries or is killed, and when.

use super::{cluster::FORMS, plan::Victim, rng::Rng};

/// What both want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ground {
    /// One data directory.
    Target,
    /// One port.
    Port,
    /// Both.
    TargetAndPort,
    /// One wants a directory far below the other's.
    Below,
    /// One wants a directory among the other's tablespaces.
    Tablespaces,
}

pub(crate) const GROUNDS: [Ground; 5] =
    [Ground::Target, Ground::Port, Ground::TargetAndPort, Ground::Below, Ground::Tablespaces];

/// What is done by one of the two, or to it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    Start,
    /// Cancels all that it has, with this disposition.
    Cancel(&'static str),
    Retry,
    Kill(Victim),
}

/// One deed, at this part of the time that an undisturbed restore takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blow {
    pub(crate) at: f64,
    pub(crate) side: usize,
    pub(crate) deed: Deed,
}

/// One quarrel.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) ground: Ground,
    pub(crate) forms: [&'static str; 2],
    /// In the order in which they come.
    pub(crate) blows: Vec<Blow>,
    /// Who orders once more when nobody has restored anything.
    pub(crate) last: usize,
}

impl Plan {
    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        let ground = rng.one_of(&GROUNDS);
        let forms = [rng.one_of(&FORMS), rng.one_of(&FORMS)];
        // Often in the same instant: that is when they can miss each other.
        let late = rng.one_of(&[0.0, 0.0, 0.02, 0.3]);
        let mut blows: Vec<Blow> = [0, 1].map(|side| Blow { at: rng.part() * late, side, deed: Deed::Start }).into();
        blows.extend((0..rng.below(7) + 2).map(|_| Blow::drawn(rng)));
        blows.sort_by(|one, other| one.at.total_cmp(&other.at));
        Self { ground, forms, blows, last: side(rng) }
    }
}

fn side(rng: &mut Rng) -> usize {
    usize::from(rng.below(2) == 1)
}

impl Blow {
    fn drawn(rng: &mut Rng) -> Self {
        let deed = match rng.below(15) {
            0..3 => Deed::Start,
            3..6 => Deed::Cancel(rng.one_of(&["", "", "--keep", "--remove", "--set-aside"])),
            6 => Deed::Retry,
            7..11 => Deed::Kill(Victim::Owner),
            11..14 => Deed::Kill(Victim::Worker),
            _ => Deed::Kill(Victim::Engine),
        };
        Self { at: rng.part() * 1.8, side: side(rng), deed }
    }
}
