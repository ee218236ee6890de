//! A recording as a picture that moves: each run of cells stands in it once, with the times at which it is shown.
//!
//! Promises: plays for ever, with a pause at its end; where nothing may move, the first picture stands still.

use super::runs::{END, Look, Run, Shape, begin, open_screen, runs};
use crate::{
    console::player::view::{self, paint_screen},
    recording::{Emulator, EventKind, Micros, Recording, ScreenSize},
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::{collections::HashMap, fmt::Write as _};
use thiserror::Error;

/// Pictures that stand for less are not seen: one frame of a film.
const SHORTEST: Micros = Micros(40_000);

/// The last picture stands for so long before all begins again.
const AT_THE_END: Micros = Micros::seconds(2);

/// A browser that is given more than an hour of one picture a second has more to do than to show them.
const MAX_PICTURES: usize = 4_000;

/// A recording is too long to be a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "it has more than {MAX_PICTURES} different pictures, too many for a browser to animate: play it in a terminal, or \
     record a shorter one"
)]
pub struct TooMany;

/// From when to when something is shown.
type Times = Vec<(Micros, Micros)>;

/// What was shown, in the order in which it first was.
#[derive(Default)]
struct Shown {
    runs: Vec<(Run, Times)>,
    places: HashMap<Run, usize>,
    pictures: usize,
    until: Micros,
}

/// The recording as an SVG document with this title.
pub fn animated(recording: &Recording, title: &str) -> Result<String, TooMany> {
    let size = largest(recording);
    let shown = shown(recording, size)?;
    let looks = distinct(shown.runs.iter().filter_map(|(run, _)| match &run.shape {
        Shape::Text(_, look) => Some(look),
        Shape::Back(_) => None,
    }));
    let times = distinct(shown.runs.iter().map(|(_, times)| times));
    // Groups are drawn one over the other, and a background that comes later must not cover a text that was there before.
    let (mut backs, mut texts) = (vec![String::new(); times.len()], vec![String::new(); times.len()]);
    for (run, shown) in &shown.runs {
        let groups = if matches!(run.shape, Shape::Back(_)) { &mut backs } else { &mut texts };
        run.write(&mut groups[times[shown]], |look| format!("class=\"l{}\"", looks[look]));
    }
    let mut out = begin((size.columns(), size.rows()), title);
    style(&mut out, &looks, &times, shown.until);
    out.push_str(&open_screen());
    for groups in [backs, texts] {
        for (times, number) in in_order(&times).into_iter().filter(|(_, number)| !groups[*number].is_empty()) {
            let hidden = if times[0].0 == Micros::ZERO { "" } else { " visibility=\"hidden\"" };
            // Writing to a string cannot fail.
            let _ = writeln!(out, "<g class=\"t{number}\"{hidden}>\n{}</g>", groups[number]);
        }
    }
    out.push_str(END);
    Ok(out)
}

/// The size into which all of it fits.
fn largest(recording: &Recording) -> ScreenSize {
    let own = recording.header().size;
    let later = recording.events().iter().filter_map(|event| match &event.kind {
        EventKind::Resize(size) => Some(*size),
        EventKind::Output(_) | EventKind::Input(_) | EventKind::Marker(_) | EventKind::Exit(_) => None,
    });
    later.fold(own, ScreenSize::or_larger)
}

fn shown(recording: &Recording, size: ScreenSize) -> Result<Shown, TooMany> {
    let mut emulator = Emulator::new(recording.header().size);
    let mut shown = Shown::default();
    let area = Rect::new(0, 0, size.columns(), size.rows());
    let mut stale = true;
    for event in recording.events() {
        let is_seen = event.at.minus(shown.until) >= SHORTEST;
        if stale && is_seen && !matches!(event.kind, EventKind::Marker(_) | EventKind::Input(_)) {
            shown.add(&emulator, area, event.at)?;
            stale = false;
        }
        match &event.kind {
            EventKind::Output(text) => emulator.feed(text),
            EventKind::Resize(size) => emulator.resize(*size),
            EventKind::Input(_) | EventKind::Marker(_) | EventKind::Exit(_) => continue,
        }
        stale = true;
    }
    shown.add(&emulator, area, recording.length().plus(AT_THE_END))?;
    Ok(shown)
}

impl Shown {
    /// The next picture, which is shown until then.
    fn add(&mut self, emulator: &Emulator, area: Rect, until: Micros) -> Result<(), TooMany> {
        self.pictures += 1;
        if self.pictures > MAX_PICTURES {
            return Err(TooMany);
        }
        let mut picture = Buffer::empty(area);
        paint_screen(&mut picture, area, emulator, view::Look { ascii: false, colour: true });
        let from = std::mem::replace(&mut self.until, until);
        for run in runs(&picture) {
            let place = *self.places.entry(run).or_insert_with_key(|run| {
                self.runs.push((run.clone(), Times::new()));
                self.runs.len() - 1
            });
            match self.runs[place].1.last_mut() {
                Some((_, end)) if *end == from => *end = until,
                Some(_) | None => self.runs[place].1.push((from, until)),
            }
        }
        Ok(())
    }
}

/// Each one with a number, in the order of their first appearance.
fn distinct<'a, T: Eq + std::hash::Hash>(all: impl Iterator<Item = &'a T>) -> HashMap<&'a T, usize> {
    let mut numbers = HashMap::new();
    for one in all {
        let next = numbers.len();
        numbers.entry(one).or_insert(next);
    }
    numbers
}

fn in_order<'a, T>(numbers: &HashMap<&'a T, usize>) -> Vec<(&'a T, usize)> {
    let mut all: Vec<_> = numbers.iter().map(|(one, number)| (*one, *number)).collect();
    all.sort_by_key(|(_, number)| *number);
    all
}

/// The style sheet: what a text looks like by its class, and when a group is seen.
fn style(out: &mut String, looks: &HashMap<&Look, usize>, times: &HashMap<&Times, usize>, length: Micros) {
    out.push_str("<style>\n");
    // Writing to a string cannot fail.
    for (look, number) in in_order(looks) {
        let _ = writeln!(out, ".l{number}{{{}}}", look.declarations());
    }
    let _ = writeln!(out, "g g{{animation:{length}s step-end infinite}}");
    for (times, number) in in_order(times) {
        if times.as_slice() == [(Micros::ZERO, length)] {
            continue;
        }
        let _ = write!(out, ".t{number}{{animation-name:t{number}}}@keyframes t{number}{{");
        if times[0].0 != Micros::ZERO {
            out.push_str("0%{visibility:hidden}");
        }
        for (from, to) in times {
            let _ = write!(out, "{}{{visibility:visible}}", Percent(*from, length));
            if *to < length {
                let _ = write!(out, "{}{{visibility:hidden}}", Percent(*to, length));
            }
        }
        out.push_str("}\n");
    }
    out.push_str("@media (prefers-reduced-motion:reduce){g g{animation:none}}\n</style>\n");
}

/// A moment as a part of the whole, to a hundred-thousandth: 40 ms in an hour.
struct Percent(Micros, Micros);

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = u128::from(self.0.0) * 100_000 / u128::from(self.1.0.max(1));
        let text = format!("{}.{:03}", part / 1_000, part % 1_000);
        write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}
