//! The page of a recovery's goal: how it is opened, what its keys do, what becomes of it.

use super::explore;
use crate::{
    console::{
        action::{Go, PAGE, Press},
        format,
        message::{Intent, Query, RequestId},
        model::{
            Model,
            dialog::Overlay,
            form::Field,
            goal_kind::LineStep,
            goal_page::{GoalPage, GoalPurpose, WindowState},
            goal_wish::{GoalWish, Reachable},
            notice::Tone,
            surroundings::Surroundings,
        },
    },
    domain::{Failure, NearbyCommits, RecoveryTimeline, WalWindow},
    machine::{Resume, Scope},
    manager::SessionAction,
};
use std::sync::Arc;
use tui_input::Input;

const HOUR: i64 = 3_600;

/// Opens it for a choice of the wizard's form.
pub(super) fn open_choice(model: &mut Model, choice: usize) -> Vec<Intent> {
    let Some(one) = model.wizard.as_ref().and_then(|wizard| wizard.form.choices.get(choice)) else { return Vec::new() };
    let (key, wish, title) = (one.key.clone(), one.recovery.clone(), one.title.clone());
    let own = one.chosen().map(|row| row.label().to_owned());
    let ticket = next_ticket(model);
    let zones = model.options.zones.clone();
    let page = GoalPage::new(GoalPurpose::Choice(choice), Some(key), wish, ticket, zones);
    open(model, GoalPage { title, own, ..page })
}

/// Puts the page on the screen, and asks for the window.
pub(super) fn open(model: &mut Model, page: GoalPage) -> Vec<Intent> {
    let query = page.key.clone().map(|key| Intent::Query(Query::Window(page.ticket, key)));
    model.overlays.push(Overlay::Goal(Box::new(page)));
    query.into_iter().collect()
}

/// A number for a question that makes older answers void.
pub(super) fn next_ticket(model: &mut Model) -> RequestId {
    model.runs.tickets += 1;
    RequestId(model.runs.tickets)
}

/// Carries out an action on the page.
pub(super) fn act(model: &mut Model, mut page: Box<GoalPage>, press: Press) -> Vec<Intent> {
    let now = model.moment();
    match press {
        Press::Accept => match page.judged() {
            Ok(found) => return accept(model, &page, &found),
            Err(reason) => model.notify(Tone::Refused, format!("Not taken: {}", format::clean(&reason))),
        },
        Press::Left => page.step(-1, now),
        Press::Right => page.step(1, now),
        Press::Go(go) if let Some(step) = line_step(go) => {
            if !page.step_line(step, now) {
                model.notify(Tone::Info, no_step(&page, step));
            }
        }
        Press::Go(go) => {
            let rows = page.rows();
            let at = rows.iter().position(|row| *row == page.row).unwrap_or(0);
            page.row = rows[go.from(at, rows.len(), PAGE)];
        }
        Press::Mark | Press::Back | Press::Other(_) => {}
    }
    model.overlays.push(Overlay::Goal(page));
    Vec::new()
}

/// Why there is no such step.
fn no_step(page: &GoalPage, step: LineStep) -> &'static str {
    match step {
        LineStep::Seconds(_) | LineStep::Edge { .. } => "No line is known here to move along",
        LineStep::Commit { .. } if page.asked.is_some() || page.rests.is_some() => {
            "The commits around the goal are still being read"
        }
        LineStep::Commit { later: true } => "No commit is known behind the goal",
        LineStep::Commit { later: false } => "No commit is known before the goal",
    }
}

/// The step along the line that a movement means here.
const fn line_step(go: Go) -> Option<LineStep> {
    match go {
        Go::PageUp => Some(LineStep::Seconds(-HOUR)),
        Go::PageDown => Some(LineStep::Seconds(HOUR)),
        Go::Top => Some(LineStep::Edge { latest: false }),
        Go::Bottom => Some(LineStep::Edge { latest: true }),
        Go::PreviousGroup => Some(LineStep::Commit { later: false }),
        Go::NextGroup => Some(LineStep::Commit { later: true }),
        Go::Up | Go::Down | Go::Next | Go::Previous => None,
    }
}

/// Takes what was chosen.
fn accept(model: &mut Model, page: &GoalPage, found: &Reachable) -> Vec<Intent> {
    match &page.purpose {
        GoalPurpose::Choice(number) => {
            let Some(wizard) = &mut model.wizard else { return Vec::new() };
            let Some(choice) = wizard.form.choices.get_mut(*number) else { return Vec::new() };
            choice.recovery = GoalWish { timeline: seen(page, found), ..page.wish.clone() };
            let base = found.base.as_ref().and_then(|label| choice.rows.iter().position(|row| row.label() == label));
            choice.point = base.unwrap_or(choice.point);
            let next = wizard.form.fields().iter().position(|field| *field == Field::Goal(*number));
            wizard.form.at = next.map_or(wizard.form.at, |at| at + 1);
            wizard.form.problem = None;
            Vec::new()
        }
        GoalPurpose::Open => {
            let wish = GoalWish { timeline: seen(page, found), ..page.wish.clone() };
            explore::take_goal(model, wish, found.base.as_deref())
        }
        GoalPurpose::GoOn(session) => {
            let resume = Resume::GoOn { goal: page.wish.goal.clone(), inclusive: page.wish.inclusive };
            vec![Intent::Act(SessionAction::Resume(resume), Scope::Sessions(vec![session.id()]))]
        }
    }
}

/// What was seen on the line is what is meant, whatever timeline comes up meanwhile.
fn seen(page: &GoalPage, found: &Reachable) -> RecoveryTimeline {
    found.path.last().map_or(page.wish.timeline, |last| RecoveryTimeline::Number(*last))
}

/// Edits the text that the keys go to.
pub(super) fn edit(model: &mut Model, change: impl FnOnce(&mut Input)) {
    let now = model.moment();
    let Some(Overlay::Goal(page)) = model.overlays.last_mut() else { return };
    if let Some(input) = page.input() {
        change(input);
        page.read_text(now);
    }
}

/// Takes in a window, where its question still stands.
pub(super) fn window_read(model: &mut Model, ticket: RequestId, found: Result<WalWindow, Failure>) -> Vec<Intent> {
    let now = model.moment();
    let Some(page) = pages(model).find(|page| page.ticket == ticket) else { return Vec::new() };
    page.window = match found {
        Ok(window) => WindowState::Read(Arc::new(window)),
        Err(failure) => WindowState::Unknown(format::clean(&failure.cause).into_owned()),
    };
    // What holds already is looked at like what is chosen.
    page.moved(now.steady);
    Vec::new()
}

/// Takes in commits; those of an older goal are void.
pub(super) fn commits_read(model: &mut Model, ticket: RequestId, found: Result<NearbyCommits, Failure>) -> Vec<Intent> {
    let asked = |page: &GoalPage| page.asked.filter(|(asked, _)| *asked == ticket).map(|(_, of)| of);
    let Some((page, of)) = pages(model).find_map(|page| asked(page).map(|of| (page, of))) else { return Vec::new() };
    let unknown = |failure: Failure| NearbyCommits { unknown: Some(failure.cause), ..NearbyCommits::default() };
    page.commits = Some(Surroundings { of, commits: found.unwrap_or_else(unknown) });
    page.asked = None;
    Vec::new()
}

/// Asks for the commits around a goal that has come to rest.
pub(super) fn ask_commits(model: &mut Model) -> Option<Intent> {
    let now = model.moment().steady;
    let is_due = pages(model).any(|page| page.rests.is_some_and(|rests| rests <= now));
    if !is_due {
        return None;
    }
    let ticket = next_ticket(model);
    let page = pages(model).find(|page| page.rests.is_some_and(|rests| rests <= now))?;
    let due = page.commits_due(now);
    page.rests = None;
    let (key, place) = due?;
    page.asked = Some((ticket, place));
    Some(Intent::Query(Query::Commits(ticket, key, place.timeline, place.near)))
}

fn pages(model: &mut Model) -> impl Iterator<Item = &mut GoalPage> {
    model
        .overlays
        .iter_mut()
        .filter_map(|overlay| if let Overlay::Goal(page) = overlay { Some(&mut **page) } else { None })
}
