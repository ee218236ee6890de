//! A screen with a world behind it, and the steps that are played on them.

use super::{
    rules,
    stage::*,
    step::{Deed, Step},
    world::{World, pick},
};
use howdah::{
    console::{
        ConsoleOptions, Keymap, Theme,
        action::Action,
        chord::Chord,
        keymap::KeyContext,
        message::{Intent, Message},
        model::{Model, tree::TreeData},
    },
    manager::{Moment, OwnerState},
};
use std::{sync::Arc, time::Duration};

const THEMES: [Theme; 5] = [Theme::Dark, Theme::Light, Theme::Sixteen, Theme::Mono, Theme::XRay];

/// More of what was wanted is never answered; so are the oldest questions of a link that is gone.
const WANTED: usize = 40;

pub(crate) struct Simulation {
    pub(crate) stage: Stage,
    world: World,
    /// What the screen wanted and nobody has answered.
    wanted: Vec<Intent>,
    at: Moment,
}

impl Simulation {
    /// The busy world on a screen of the usual size. Every second round rings, and every third is in ASCII.
    pub(crate) fn new(round: u64) -> Self {
        let world = World::new();
        let options = ConsoleOptions {
            bell: round.is_multiple_of(2),
            ascii: round.is_multiple_of(3),
            mouse: round.is_multiple_of(5),
            ..options()
        };
        let (snapshot, catalog) = (Arc::new(world.snapshot()), Arc::new(world.catalog()));
        let data = TreeData::new(snapshot, catalog);
        let stage = Stage { model: Model::new(options, data, (100, 30), now()), intents: Vec::new() };
        Self { stage, world, wanted: Vec::new(), at: now().into() }
    }

    /// Plays a step: what it came to, in words, and the rule that it broke.
    pub(crate) fn play(&mut self, step: &Step) -> (String, Result<(), String>) {
        self.pass(10);
        let (columns, rows) = step.size;
        self.tell(Message::Resize(columns, rows));
        let mut words = format!("{columns}x{rows} {:?}", step.deed);
        let answered = match self.deed(&step.deed) {
            None => Ok(()),
            Some(Message::Key(chord)) => {
                words = format!("{columns}x{rows} {chord} in {:?}", self.stage.model.key_context());
                self.press(chord)
            }
            Some(message) => {
                self.tell(message);
                Ok(())
            }
        };
        let theme = THEMES[pick(step.look, THEMES.len())];
        (words, answered.and_then(|()| rules::hold(&self.stage, theme)))
    }

    fn press(&mut self, chord: Chord) -> Result<(), String> {
        let before = self.stage.model.clone();
        let old = self.wanted.len();
        self.tell(Message::Key(chord));
        rules::answered(&before, &self.stage.model, chord, &self.wanted[old.min(self.wanted.len())..], self.at)
    }

    /// What is said to the screen by a deed, after the world has changed.
    fn deed(&mut self, deed: &Deed) -> Option<Message> {
        match *deed {
            Deed::KnownKey(number) => {
                let known = known_keys(&self.stage.model);
                return Some(Message::Key(known[pick(number, known.len())]));
            }
            Deed::Key(chord) => return Some(Message::Key(chord)),
            Deed::Paste(text) => return Some(Message::Paste(text.to_owned())),
            Deed::Mouse(mouse) => return Some(Message::Mouse(mouse)),
            Deed::Begins(draw) => self.world.begin(draw),
            Deed::GoesOn(which, draw) => self.world.go_on(which, draw),
            Deed::Ends(which, draw) => self.world.end(which, draw),
            Deed::Dismissed(which) => self.world.dismiss(which),
            Deed::Torn => self.world.tear(),
            Deed::Catalog(draw) => {
                self.world.change_catalog(draw);
                return Some(Message::Catalog(Arc::new(self.world.catalog())));
            }
            Deed::Answer(which, draw) => {
                if self.wanted.is_empty() {
                    return None;
                }
                let wanted = self.wanted.remove(pick(which, self.wanted.len()));
                let answer = self.world.answer(wanted, draw);
                // The owner publishes what an order has changed before it answers.
                self.tell(Message::Snapshot(Arc::new(self.world.snapshot())));
                return answer;
            }
            Deed::Void(draw) => return Some(self.world.void(draw)),
            Deed::Wait(millis) => {
                self.pass(millis);
                return Some(Message::Due);
            }
            Deed::ClockSet(seconds) => {
                let by = Duration::from_secs(seconds.unsigned_abs());
                let wall = self.at.wall;
                let set = if seconds < 0 { wall.checked_sub(by) } else { wall.checked_add(by) };
                self.at.wall = set.unwrap();
                return Some(Message::Due);
            }
            Deed::Owner(draw) => {
                return Some(Message::Owner(match draw % 3 {
                    0 => OwnerState::Local,
                    1 => OwnerState::Remote { pid: 4_090 },
                    _ => OwnerState::Unreachable { since: self.at, reason: "it hung up\u{1b}[2J".to_owned() },
                }));
            }
            Deed::Exposed(is_so) => {
                return Some(Message::Exposed(is_so.then(|| "can be read by others\u{1b}[2J".to_owned())));
            }
            Deed::ManagerGone => return Some(Message::ManagerGone),
        }
        Some(Message::Snapshot(Arc::new(self.world.snapshot())))
    }

    fn pass(&mut self, millis: u64) {
        let by = Duration::from_millis(millis);
        self.at =
            Moment { wall: self.at.wall.checked_add(by).unwrap(), steady: self.at.steady.checked_add(by).unwrap() };
    }

    fn tell(&mut self, message: Message) {
        self.stage.tell_at(message, self.at);
        self.wanted.extend(self.stage.wanted());
        let surplus = self.wanted.len().saturating_sub(WANTED);
        self.wanted.drain(..surplus);
    }
}

/// Every key that the map knows in this place.
fn known_keys(model: &Model) -> Vec<Chord> {
    let (map, place): (&Keymap, KeyContext) = (&model.options().keymap, model.key_context());
    let keys = Action::all().flat_map(|action| map.keys(action).into_iter().map(move |chord| (action, chord)));
    keys.filter(|(action, chord)| map.action(place, *chord) == Some(*action)).map(|(_, chord)| chord).collect()
}
