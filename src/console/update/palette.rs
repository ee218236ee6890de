//! The palette: every action by name, and the way to every session and instance by theirs, best match first.
//!
//! Promises: what is called as it was typed comes before what only speaks of it; without a text the actions that were
//! used last come first. What may not be done now is there with its reason.

use super::{main_screen, next::Next};
use crate::console::{
    action::{Action, PAGE, Press, Verdict},
    format,
    model::{
        Model,
        dialog::{Overlay, Palette, PaletteRow},
        notice::Tone,
        tree::{InstanceKey, Node},
    },
    view::states,
};
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};
use tui_input::Input;

/// Of the completed sessions the newest are looked through: older ones are found by the filter.
const COMPLETED: usize = 500;

/// More rows are not read; another letter is typed.
const ROWS: usize = 60;

/// How many actions that were used last are remembered.
const RECENT: usize = 5;

/// How well a row matches, better ones larger: in which way, then how closely.
type Score = (u8, u32);

/// Opens it with every action.
pub(super) fn open(model: &mut Model) {
    model.overlays.push(Overlay::Palette(Palette { input: Input::default(), found: Vec::new(), at: 0 }));
    find(model);
}

/// Looks again after the text has changed.
pub(super) fn find(model: &mut Model) {
    let Some(Overlay::Palette(state)) = model.overlays.last() else { return };
    let text = state.input.value().trim().to_lowercase();
    let found = if text.is_empty() { every_action(model) } else { matching(model, &text) };
    if let Some(Overlay::Palette(state)) = model.overlays.last_mut() {
        (state.found, state.at) = (found, 0);
    }
}

/// Those that were used last, then all others in the order of the help.
fn every_action(model: &Model) -> Vec<PaletteRow> {
    let situation = model.situation();
    let recent = model.recent.iter().copied();
    let others = Action::all().filter(|action| !model.recent.contains(action));
    recent.chain(others).map(|action| PaletteRow::Act(action, situation.verdict(action))).collect()
}

fn matching(model: &Model, text: &str) -> Vec<PaletteRow> {
    let situation = model.situation();
    let pattern = Pattern::parse(text, CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut closely = |name: &str| pattern.score(Utf32Str::new(name, &mut buffer), &mut matcher);
    let mut found: Vec<(Score, PaletteRow)> = Vec::new();
    for action in Action::all() {
        let score = score(action, text, &mut closely);
        found.extend(score.map(|score| (score, PaletteRow::Act(action, situation.verdict(action)))));
    }
    // A number leads to its session, a name to all that are called so.
    let wanted = text.strip_prefix("go to ").unwrap_or(text).trim_start_matches('#');
    for (node, name, about) in places(model) {
        let by_number = matches!(&node, Node::Session(id) if id.to_string() == wanted);
        let lower = name.to_lowercase();
        let score = if by_number {
            Some((5, 0))
        } else if lower.starts_with(wanted) {
            Some((3, 1))
        } else {
            lower.contains(wanted).then_some((2, 1))
        };
        found.extend(score.map(|score| (score, PaletteRow::Go(node, format!("{name}  {about}")))));
    }
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, row)| row).take(ROWS).collect()
}

/// A name that begins so, another word for it that does, a name in which the letters stand, a sentence that holds the word.
fn score(action: Action, text: &str, closely: &mut impl FnMut(&str) -> Option<u32>) -> Option<Score> {
    let label = action.label().to_lowercase();
    let begins = |name: &str| name.split(' ').any(|word| word.starts_with(text)) || name.starts_with(text);
    if begins(&label) {
        return Some((5, closely(&label).unwrap_or(0)));
    }
    if action.synonyms().iter().any(|word| word.starts_with(text)) {
        return Some((4, 0));
    }
    closely(&label).map(|score| (3, score)).or_else(|| action.help().to_lowercase().contains(text).then_some((1, 0)))
}

/// Where one can go: node, name, and a few words on it.
fn places(model: &Model) -> Vec<(Node, String, String)> {
    let data = model.data();
    let ongoing = data.snapshot.ongoing.iter().map(|session| {
        let name = format::clean(session.title().as_str()).into_owned();
        let distinction = model.distinction(session).map_or_else(String::new, |what| format!(" {what}"));
        let about = format!("session {}, {}", session.id(), states::word(session));
        (Node::Session(session.id()), name + &distinction, about)
    });
    let completed = data.snapshot.completed.iter().take(COMPLETED).map(|row| {
        let word = states::ended_row(row);
        let about = format!("session {}, {word} {}", row.id, format::moment(row.ended, model.now()));
        (Node::Session(row.id), format::clean(row.title.as_str()).into_owned(), about)
    });
    let instances = data.catalog.instances.iter().map(|one| {
        let about = format!("{}, {}", one.workload.noun(), format::many(one.rows.len(), "restore point"));
        (Node::Instance(InstanceKey::of(one)), format::clean(one.name.as_str()).into_owned(), about)
    });
    let jobs = data.jobs.list.iter().map(|job| {
        let about = match (&job.run, &job.last) {
            (Some(_), _) => "job, running".to_owned(),
            (None, Some(row)) => format!("job, {} {}", row.result, format::moment(row.ended, model.now())),
            (None, None) => "job, never ran".to_owned(),
        };
        (Node::Job(job.name.clone()), format::clean(job.name.as_str()).into_owned(), about)
    });
    ongoing.chain(instances).chain(jobs).chain(completed).collect()
}

/// Carries out an action inside the palette.
pub(super) fn act(model: &mut Model, action: Action) -> Next {
    let Some(Overlay::Palette(mut state)) = model.overlays.pop() else { return Next::nothing() };
    match action.press() {
        Press::Back => return Next::nothing(),
        Press::Accept => return chosen(model, state.found.get(state.at).cloned()),
        Press::Go(go) => state.at = go.from(state.at, state.found.len(), PAGE),
        Press::Left | Press::Right | Press::Mark | Press::Other(_) => {}
    }
    model.overlays.push(Overlay::Palette(state));
    Next::nothing()
}

fn chosen(model: &mut Model, row: Option<PaletteRow>) -> Next {
    match row {
        Some(PaletteRow::Act(action, Verdict::Ready)) => {
            model.recent.retain(|other| *other != action);
            model.recent.insert(0, action);
            model.recent.truncate(RECENT);
            Next::Perform(action)
        }
        Some(PaletteRow::Act(action, Verdict::No(reason))) => {
            model.notify(Tone::Refused, format!("{} refused: {reason}", action.label()));
            Next::nothing()
        }
        Some(PaletteRow::Go(node, _)) => {
            main_screen::go_to(model, &node);
            Next::nothing()
        }
        None => Next::nothing(),
    }
}
