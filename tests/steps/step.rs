//! One step: what happens, and how large the screen is then.

use super::{rng::Rng, world::NAMES};
use howdah::console::{
    chord::Chord,
    message::{Mouse, MouseAction},
};

/// A step. It can be played on any simulation, so that any part of a list of steps is one, too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) deed: Deed,
    pub(crate) size: (u16, u16),
    /// Which theme it is painted in.
    pub(crate) look: u64,
}

/// What happens. Numbers are drawn from all numbers; what there is to choose from is known only when it is played.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    /// One of the keys that mean something here.
    KnownKey(u64),
    Key(Chord),
    Paste(&'static str),
    Mouse(Mouse),
    Begins(u64),
    GoesOn(u64, u64),
    Ends(u64, u64),
    Dismissed(u64),
    Torn,
    Catalog(u64),
    /// Something that was wanted is answered.
    Answer(u64, u64),
    /// An answer comes that nobody waits for.
    Void(u64),
    /// So many milliseconds pass.
    Wait(u64),
    /// Somebody sets the clock by so many seconds.
    ClockSet(i64),
    Owner(u64),
    Exposed(bool),
    ManagerGone,
}

/// Keys that are typed into texts, and some that mean nothing.
const KEYS: [&str; 30] = [
    "o",
    "r",
    "d",
    "e",
    "c",
    "m",
    "1",
    "5",
    "/",
    "!",
    ":",
    ">",
    "ö",
    "日",
    "\u{301}",
    "א",
    "space",
    "backspace",
    "delete",
    "left",
    "right",
    "home",
    "end",
    "ctrl-u",
    "ctrl-w",
    "ctrl-k",
    "alt-left",
    "f5",
    "insert",
    "ctrl-x",
];

const PASTES: [&str; 6] = ["", "orders", "/srv/pg/orders\r\n", "\u{1b}[2J\u{7}", "crm\tq\n", "日本語 e\u{301}\u{202e}"];

impl Step {
    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        let size = if rng.below(2) == 0 {
            rng.one_of(&[(100, 30), (80, 24), (140, 40), (200, 60)])
        } else {
            (side(rng, 200), side(rng, 60))
        };
        Self { deed: Deed::drawn(rng), size, look: rng.number() }
    }
}

impl Deed {
    fn drawn(rng: &mut Rng) -> Self {
        let number = rng.number();
        match rng.below(200) {
            0..90 => Self::KnownKey(number),
            90..106 => Self::Key(rng.one_of(&KEYS).parse().unwrap()),
            106..110 => Self::Paste(if number.is_multiple_of(2) { rng.one_of(&PASTES) } else { rng.one_of(&NAMES) }),
            110..124 => {
                let action = rng.one_of(&[
                    MouseAction::Press,
                    MouseAction::Press,
                    MouseAction::Menu,
                    MouseAction::WheelUp,
                    MouseAction::WheelDown,
                ]);
                Self::Mouse(Mouse { action, column: side(rng, 202), row: side(rng, 62) })
            }
            124..130 => Self::Begins(number),
            130..146 => Self::GoesOn(number, rng.number()),
            146..152 => Self::Ends(number, rng.number()),
            152..154 => Self::Dismissed(number),
            154 => Self::Torn,
            155..157 => Self::Catalog(number),
            157..185 => Self::Answer(number, rng.number()),
            185..187 => Self::Void(number),
            187..193 => Self::Wait(number % 4_000),
            193 => Self::Wait(number % 40_000),
            194 => {
                let far = rng.one_of(&[1, 60, 3_600, 86_400, 40_000_000]);
                Self::ClockSet(if number.is_multiple_of(2) { far } else { -far })
            }
            195..198 => Self::Owner(number),
            198 => Self::Exposed(number.is_multiple_of(2)),
            _ if number.is_multiple_of(8) => Self::ManagerGone,
            _ => Self::Torn,
        }
    }
}

fn side(rng: &mut Rng, most: u64) -> u16 {
    u16::try_from(rng.below(most) + 1).unwrap()
}
