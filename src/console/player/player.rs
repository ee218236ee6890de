//! The state of the player: moments and keys go in, and what is to be shown comes out.
//!
//! Promises: pure; the time is an argument and nothing waits. A moment of the recording is shown with every event up to
//! it applied, in the same way whichever way led there.

use super::{
    keyframes::Keyframes,
    keys::{Command, command},
    playback::Playback,
    search::{Found, Search},
};
use crate::{
    console::chord::{Chord, Key},
    domain::{Timestamp, instance::printable},
    recording::{Emulator, EventKind, Micros, Recording, Speed},
};
use std::{sync::Arc, time::Duration};

/// What is fed in one piece of work. Small, since seven bytes may ask for 65,535 characters; that is a quarter of a
/// second at worst.
pub(super) const SLICE: usize = 1 << 10;

/// How far the arrow keys go.
const JUMP: Micros = Micros::seconds(5);

/// Whoever goes back within this time after a marker means the one before it.
const MARKER_GRACE: Micros = Micros::seconds(1);

/// Longer than any line of a screen is no text to be found on one.
const MAX_PROMPT: usize = 200;

/// A recording that is being played.
pub(super) struct Player {
    recording: Arc<Recording>,
    playback: Playback,
    keyframes: Keyframes,
    /// How many events are to be applied.
    goal: usize,
    pace: Pace,
    speed: Speed,
    input: InputMode,
    search: Option<Search>,
    note: String,
}

/// Whether time goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// From this moment of the recording, which was shown then.
    Playing { since: Timestamp, from: Micros },
    /// At this moment of the recording.
    Paused { at: Micros },
}

/// What keys are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InputMode {
    /// Commands.
    Commands,
    /// A text to search for, as far as it is typed.
    Prompt(String),
}

/// What the loop is to do after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterKey {
    GoOn,
    Leave,
    Suspend,
}

/// What the player is about, for the status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    Playing,
    Paused,
    Ended,
    /// On its way to the moment that was asked for.
    Seeking,
    Searching,
}

impl Player {
    /// Plays from the start.
    pub(super) fn new(recording: Recording, speed: Speed, now: Timestamp) -> Self {
        let recording = Arc::new(recording);
        let note = recording.cut_at().map_or_else(String::new, |line| format!("the file breaks off in line {line}"));
        Self {
            playback: Playback::new(Arc::clone(&recording)),
            recording,
            keyframes: Keyframes::new(),
            goal: 0,
            pace: Pace::Playing { since: now, from: Micros::ZERO },
            speed,
            input: InputMode::Commands,
            search: None,
            note,
        }
    }

    pub(super) fn recording(&self) -> &Recording {
        &self.recording
    }

    /// The terminal in memory as it is to be shown.
    pub(super) fn emulator(&self) -> &Emulator {
        self.playback.emulator()
    }

    pub(super) fn speed(&self) -> Speed {
        self.speed
    }

    pub(super) fn input(&self) -> &InputMode {
        &self.input
    }

    /// A remark on the last command; printable, and often empty.
    pub(super) fn note(&self) -> &str {
        &self.note
    }

    pub(super) fn activity(&self) -> Activity {
        if self.search.as_ref().is_some_and(Search::is_at_work) {
            return Activity::Searching;
        }
        if self.playback.applied() != self.goal {
            return Activity::Seeking;
        }
        match self.pace {
            Pace::Playing { .. } => Activity::Playing,
            Pace::Paused { at } if at == self.recording.length() && self.goal == self.recording.events().len() => {
                Activity::Ended
            }
            Pace::Paused { .. } => Activity::Paused,
        }
    }

    /// The moment of the recording that is shown now.
    pub(super) fn position(&self, now: Timestamp) -> Micros {
        match self.pace {
            Pace::Playing { since, from } => {
                let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
                let passed = Micros(u64::try_from(passed.as_micros()).unwrap_or(u64::MAX));
                from.plus(self.speed.shown_in(passed)).min(self.recording.length())
            }
            Pace::Paused { at } => at,
        }
    }

    /// Takes in that it is later.
    pub(super) fn tick(&mut self, now: Timestamp) {
        let Pace::Playing { .. } = self.pace else { return };
        let at = self.position(now);
        self.goal = self.goal.max(self.events_until(at));
        if at >= self.recording.length() {
            self.pace = Pace::Paused { at };
        }
    }

    /// When there is something new to show, if time goes on: the next event, or the next second of the clock.
    pub(super) fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let Pace::Playing { .. } = self.pace else { return None };
        let at = self.position(now);
        let next_second = Micros::seconds(at.0 / 1_000_000 + 1);
        let next = self.recording.events().get(self.goal).map_or(next_second, |event| event.at.min(next_second));
        let wait = self.speed.time_for(next.minus(at));
        now.checked_add(Duration::from_micros(wait.0)).ok()
    }

    /// Does a piece of the work there is. True when there is more.
    pub(super) fn work(&mut self) -> bool {
        if let Some(found) = self.search.as_mut().and_then(Search::work) {
            self.take_found(found);
        }
        // Restoring a keyframe costs as much as a piece of work, so it pays only for a longer way.
        let is_beyond = self.playback.applied() > self.goal
            || (self.playback.applied() == self.goal && !self.playback.is_between_events());
        if is_beyond || self.keyframes.last_before(self.goal) > self.playback.applied() {
            self.playback = self.keyframes.nearest(&self.recording, self.goal);
        }
        let cost = self.playback.advance(self.goal, SLICE);
        self.keyframes.observe(&self.playback, cost);
        matches!(self.activity(), Activity::Seeking | Activity::Searching)
    }

    /// Takes a key.
    pub(super) fn key(&mut self, chord: Chord, now: Timestamp) -> AfterKey {
        self.tick(now);
        self.note.clear();
        if self.is_for_prompt(chord) || self.is_end_of_search(chord) {
            return AfterKey::GoOn;
        }
        match command(chord) {
            Some(Command::Leave) => return AfterKey::Leave,
            Some(Command::Suspend) => return self.suspend(now),
            // What is being typed is not done with other keys meanwhile.
            Some(command) if self.input == InputMode::Commands => self.carry_out(command, now),
            Some(_) | None => {}
        }
        AfterKey::GoOn
    }

    /// Takes a key for the text that is being typed, if one is and the key is for it.
    fn is_for_prompt(&mut self, chord: Chord) -> bool {
        let InputMode::Prompt(text) = &mut self.input else { return false };
        if let Some(c) = chord.typed() {
            if text.chars().count() < MAX_PROMPT {
                text.push(c);
            }
        } else if chord.key == Key::Backspace {
            text.pop();
        } else if chord.key == Key::Esc {
            self.input = InputMode::Commands;
        } else if chord.key == Key::Enter {
            let text = std::mem::take(text);
            self.input = InputMode::Commands;
            if !text.is_empty() {
                self.search = Some(Search::new(Arc::clone(&self.recording), text));
            }
        } else {
            return false;
        }
        true
    }

    /// Ends a search that is under way, if this is the key for it: it means what is being done, not the whole player.
    fn is_end_of_search(&mut self, chord: Chord) -> bool {
        let at_work = self.search.as_mut().filter(|search| chord.key == Key::Esc && search.is_at_work());
        at_work.map(Search::stop).is_some()
    }

    /// Takes a text that was pasted; only the prompt has a use for it.
    pub(super) fn paste(&mut self, pasted: &str) {
        if let InputMode::Prompt(text) = &mut self.input {
            let room = MAX_PROMPT.saturating_sub(text.chars().count());
            text.extend(pasted.chars().filter(|c| !c.is_control()).take(room));
        }
    }

    /// A process that stands still plays nothing meanwhile.
    fn suspend(&mut self, now: Timestamp) -> AfterKey {
        self.pause(now);
        AfterKey::Suspend
    }

    /// Stops the time.
    pub(super) fn pause(&mut self, now: Timestamp) {
        self.tick(now);
        self.pace = Pace::Paused { at: self.position(now) };
    }

    fn carry_out(&mut self, command: Command, now: Timestamp) {
        if let Some(search) = &mut self.search {
            search.stop();
        }
        let at = self.position(now);
        match command {
            Command::Pause => match self.pace {
                Pace::Playing { .. } => self.pause(now),
                Pace::Paused { .. } if self.activity() == Activity::Ended => {
                    self.goal = 0;
                    self.pace = Pace::Playing { since: now, from: Micros::ZERO };
                }
                Pace::Paused { at } => self.pace = Pace::Playing { since: now, from: at },
            },
            Command::Step => self.step(now),
            Command::Back => self.move_to(at.minus(JUMP), now),
            Command::Forward => self.move_to(at.plus(JUMP), now),
            Command::PreviousMarker => self.previous_marker(now),
            Command::NextMarker => self.next_marker(now),
            Command::Slower | Command::Faster => {
                self.speed = if command == Command::Slower { self.speed.slower() } else { self.speed.faster() };
                self.go_on_from(at, now);
            }
            Command::Search => self.input = InputMode::Prompt(String::new()),
            Command::NextMatch | Command::PreviousMatch => {
                let goal = self.goal;
                match &mut self.search {
                    None => "nothing was searched for yet: /".clone_into(&mut self.note),
                    Some(search) if command == Command::NextMatch => search.next(goal),
                    Some(search) => search.previous(goal),
                }
            }
            Command::Start => self.move_to(Micros::ZERO, now),
            Command::End => self.move_to(self.recording.length(), now),
            Command::Leave | Command::Suspend => {}
        }
        self.tick(now);
    }

    /// To the next output, and no further.
    fn step(&mut self, now: Timestamp) {
        self.pause(now);
        let rest = self.recording.events().get(self.goal..).unwrap_or_default();
        match rest.iter().position(|event| matches!(event.kind, EventKind::Output(_))) {
            Some(ahead) => self.stand_after(self.goal + ahead + 1),
            None => "no more output".clone_into(&mut self.note),
        }
    }

    fn next_marker(&mut self, now: Timestamp) {
        let ahead = self.markers().find(|(index, ..)| *index >= self.goal);
        let note = ahead.map_or_else(|| "no marker after this".to_owned(), |(.., label)| marker_note(label));
        if let Some((index, at, _)) = ahead {
            self.goal = index + 1;
            self.go_on_from(at, now);
        }
        self.note = note;
    }

    fn previous_marker(&mut self, now: Timestamp) {
        let at = self.position(now);
        let grace = if matches!(self.pace, Pace::Playing { .. }) { MARKER_GRACE } else { Micros::ZERO };
        let behind =
            self.markers().take_while(|(index, marked, _)| *index < self.goal && marked.plus(grace) < at).last();
        let note = behind.map_or_else(|| "no marker before this".to_owned(), |(.., label)| marker_note(label));
        if let Some((index, at, _)) = behind {
            self.goal = index + 1;
            self.go_on_from(at, now);
        }
        self.note = note;
    }

    /// Every marker: its place, its time, its label.
    fn markers(&self) -> impl Iterator<Item = (usize, Micros, &str)> {
        self.recording.events().iter().enumerate().filter_map(|(index, event)| match &event.kind {
            EventKind::Marker(label) => Some((index, event.at, &**label)),
            EventKind::Output(_) | EventKind::Input(_) | EventKind::Resize(_) | EventKind::Exit(_) => None,
        })
    }

    fn take_found(&mut self, found: Found) {
        let text = self.search.as_ref().map(|search| printable(search.text())).unwrap_or_default();
        match found {
            Found::At(applied) => {
                self.stand_after(applied);
                self.note = format!("found: {text}");
            }
            Found::NothingAfter => self.note = format!("does not appear after this: {text}"),
            Found::NothingBefore => self.note = format!("does not appear before this: {text}"),
        }
    }

    /// Shows the recording after so many events, and pauses there.
    fn stand_after(&mut self, applied: usize) {
        self.goal = applied;
        let at = applied.checked_sub(1).and_then(|last| self.recording.events().get(last));
        self.pace = Pace::Paused { at: at.map_or(Micros::ZERO, |event| event.at) };
    }

    /// Shows another moment, playing or paused as before.
    fn move_to(&mut self, at: Micros, now: Timestamp) {
        let at = at.min(self.recording.length());
        self.goal = self.events_until(at);
        self.go_on_from(at, now);
    }

    fn go_on_from(&mut self, at: Micros, now: Timestamp) {
        self.pace = match self.pace {
            Pace::Playing { .. } => Pace::Playing { since: now, from: at },
            Pace::Paused { .. } => Pace::Paused { at },
        };
    }

    /// How many events have happened by then.
    fn events_until(&self, at: Micros) -> usize {
        self.recording.events().partition_point(|event| event.at <= at)
    }
}

fn marker_note(label: &str) -> String {
    if label.is_empty() { "marker".to_owned() } else { format!("marker: {}", printable(label)) }
}
