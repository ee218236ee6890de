//! New pictures of sessions and instances, and the news in them.

use crate::{
    console::{
        format,
        message::Intent,
        model::{Model, distinction::full_name, is_reading, notice::Tone, tree::TreeData},
        ports::{Catalog, CatalogEntry, CatalogInstance},
        view::states::ended_row,
    },
    domain::{JobResult, Kind, SessionId},
    machine::{Phase, Session, StuckReason, TakenOut, job::JobRow},
    manager::{CompletedResult, Snapshot},
};
use std::{cmp::Ordering, collections::BTreeMap, path::PathBuf, sync::Arc};

/// Takes in a new snapshot of the sessions.
pub(super) fn snapshot(model: &mut Model, snapshot: &Arc<Snapshot>) -> Vec<Intent> {
    let before = std::mem::replace(&mut model.latest, Arc::clone(snapshot));
    model.record();
    if model.frozen.is_none() {
        show(model, Arc::clone(snapshot));
    }
    let mut news = news(&before, snapshot);
    news.extend(ended_runs(&before, snapshot));
    if let Some((tone, text)) = news.last().cloned() {
        model.notify(tone, text);
    }
    if !model.options.bell {
        return Vec::new();
    }
    news.into_iter().map(|(_, text)| Intent::Ring(text)).collect()
}

/// Shows a picture: rows, marks and turns follow it.
pub(super) fn show(model: &mut Model, snapshot: Arc<Snapshot>) {
    let before = model.shown.clone();
    // Most screens never have one.
    if !model.shown.explored.lines.is_empty() || snapshot.ongoing_of(Kind::Explore).next().is_some() {
        Arc::make_mut(&mut model.shown.explored).refresh(&snapshot);
    }
    if !model.shown.jobs.stand_in(&snapshot) {
        model.shown.jobs = Arc::new(model.shown.jobs.with(&snapshot));
    }
    model.shown.snapshot = snapshot;
    let now = model.now();
    model.tree.refresh(&model.shown, &before, now);
    forget_marks(model, &before);
    model.forget_marked_items();
    model.count_queue();
}

/// Takes in a new snapshot of the instances.
pub(super) fn catalog(model: &mut Model, catalog: Arc<Catalog>) -> Vec<Intent> {
    let before = model.shown.clone();
    if let Some(wizard) = &mut model.wizard {
        wizard.follow(&catalog);
    }
    model.tree.marked_instances.retain(|key| key.find(&catalog).is_some());
    model.shown.catalog = catalog;
    let now = model.now();
    model.tree.refresh(&model.shown, &before, now);
    if let Some(stood) = model.reread.take() {
        let text = found(&stood, &model.shown.catalog);
        model.notify(Tone::Done, text);
    } else if !is_reading(&before.catalog)
        // What needs a person is not pushed aside by what does not.
        && model.notice.as_ref().is_none_or(|notice| matches!(notice.tone, Tone::Done | Tone::Info))
        && let Some(change) = changed(&before.catalog, &model.shown.catalog)
    {
        model.notify(Tone::Info, format!("Repositories read again: {change}"));
    }
    Vec::new()
}

/// What is new and what is gone, where anything is; one of each by its name.
fn changed(before: &Catalog, after: &Catalog) -> Option<String> {
    let restorable = |catalog: &Catalog| -> BTreeMap<(PathBuf, String), String> {
        let points = catalog.rows().filter(|(_, row)| row.is_restorable());
        points.map(|(one, row)| ((one.folder.clone(), row.label().to_owned()), row_name(one, row))).collect()
    };
    let (was, is) = (restorable(before), restorable(after));
    let part = |from: &BTreeMap<_, String>, to: &BTreeMap<_, String>, (first, last): (&str, &str)| {
        let other: Vec<&String> = from.iter().filter(|(key, _)| !to.contains_key(*key)).map(|(_, name)| name).collect();
        let more = match other.len().checked_sub(1)? {
            0 => String::new(),
            more => format!(" and {} more", format::count(more as u64)),
        };
        let points = if other.len() == 1 { "restore point" } else { "restore points" };
        Some(format!("{} {first}{points}{last}, {}{more}", format::count(other.len() as u64), other[0]))
    };
    let problems = after.repositories.iter().filter(|one| one.problem.is_some() && !before.repositories.contains(one));
    let problems = problems.filter_map(|one| one.problem.clone());
    let parts = [part(&is, &was, ("new ", "")), part(&was, &is, ("", " gone"))].into_iter().flatten().chain(problems);
    let parts = parts.collect::<Vec<_>>().join("; ");
    let other = || (before != after).then(|| "something has changed".to_owned());
    if parts.is_empty() { other() } else { Some(format::clean(&parts).into_owned()) }
}

fn row_name(one: &CatalogInstance, row: &CatalogEntry) -> String {
    format!("{}/{}", one.name, row.label())
}

/// What reading the repositories again has found.
fn found(before: &Catalog, after: &Catalog) -> String {
    let points = |catalog: &Catalog| catalog.instances.iter().map(|one| one.rows.len()).sum::<usize>();
    let problems = after.repositories.iter().filter(|one| one.problem.is_some()).count();
    let (was, is) = (points(before), points(after));
    let change = match is.cmp(&was) {
        Ordering::Equal => "as before".to_owned(),
        Ordering::Greater => format!("{} more than before", format::count((is - was) as u64)),
        Ordering::Less => format!("{} fewer than before", format::count((was - is) as u64)),
    };
    let instances = format::many(after.instances.len(), "instance");
    let unread = if problems == 0 {
        String::new()
    } else {
        format!("; {} cannot be read", format::many(problems, "repository"))
    };
    format!("Read again: {instances}, {}, {change}{unread}", format::many(is, "backup"))
}

/// A mark on a session that has changed sides or is gone must not surprise anybody later.
fn forget_marks(model: &mut Model, before: &TreeData) {
    if model.tree.marked.is_empty() {
        return;
    }
    let snapshot = &model.shown.snapshot;
    model.tree.marked.retain(|id| {
        let was_ongoing = before.snapshot.session(*id).is_some();
        let is_ongoing = snapshot.session(*id).is_some();
        is_ongoing || (!was_ongoing && snapshot.completed.iter().any(|row| row.id == *id))
    });
}

/// A session that has come to something which a person wants to be reported: its tone, the picture that has it with its
/// namesakes, and what stands around its name.
type News<'a> = (Tone, &'a Snapshot, &'a Session, [String; 2]);

/// What a person wants to be reported: a session completed, or needs a person.
fn news(before: &Snapshot, after: &Snapshot) -> Vec<(Tone, String)> {
    /// Of so many at once the last ones are named in full: to look for the namesakes of each of thousands takes too long.
    const NAMED: usize = 16;
    let news = changes(before, after);
    let from = news.len().saturating_sub(NAMED);
    let say = |(at, (tone, snapshot, session, [front, end])): (usize, News<'_>)| {
        let title = || format::clean(session.title().as_str()).into_owned();
        let name = if at < from { title() } else { full_name(snapshot, session) };
        (tone, format::clean(&format!("{front}{name} {end}")).into_owned())
    };
    news.into_iter().enumerate().map(say).collect()
}

/// The runs of jobs that have ended: more than the ends of their objects, and so told behind them.
fn ended_runs(before: &Snapshot, after: &Snapshot) -> Vec<(Tone, String)> {
    let was_going_on = |row: &&Arc<JobRow>| before.run(row.id).is_some() && after.run(row.id).is_none();
    let rows = after.ended_runs.iter().take(if before.runs.is_empty() { 0 } else { usize::MAX }).filter(was_going_on);
    let say = |row: &Arc<JobRow>| {
        let tone = match row.result {
            JobResult::Success | JobResult::Stopped => Tone::Done,
            JobResult::Warning | JobResult::Failed => Tone::Refused,
        };
        (tone, format::clean(&format!("{}#{}: {}: {}", row.name, row.id, row.result, row.detail)).into_owned())
    };
    rows.map(say).collect()
}

fn changes<'a>(before: &'a Snapshot, after: &'a Snapshot) -> Vec<News<'a>> {
    let was: BTreeMap<SessionId, &Arc<Session>> = before.ongoing.iter().map(|one| (one.id(), one)).collect();
    let mut gone = was.len();
    let mut news: Vec<News<'_>> = Vec::new();
    for session in &after.ongoing {
        let Some(old) = was.get(&session.id()) else { continue };
        gone -= 1;
        if let (Phase::Stuck { failure, reason, .. }, false) =
            (session.phase(), matches!(old.phase(), Phase::Stuck { .. }))
        {
            let used_up =
                if *reason == StuckReason::TriesUsedUp { session.policy().used_up() + ": " } else { String::new() };
            let end = format!("is stuck: {used_up}{}", failure.cause);
            news.push((Tone::Refused, after, session, [String::new(), end]));
        }
    }
    // Newest first: those that went from ongoing to completed stand at the front.
    for row in after.completed.iter() {
        if gone == 0 {
            break;
        }
        let Some(session) = was.get(&row.id) else { continue };
        gone -= 1;
        let word = ended_row(row);
        let took = format::duration(row.took);
        let (tone, front, end) = match (row.result, TakenOut::of(session)) {
            (CompletedResult::Succeeded, Some(taken)) => {
                (Tone::Done, format!("{} taken out of ", taken.what), format!("{}, took {took}", taken.to))
            }
            (CompletedResult::Succeeded, None) => (Tone::Done, String::new(), format!("is {word}, took {took}")),
            (CompletedResult::Cancelled | CompletedResult::Stopped, taken) => {
                let front = taken.map_or("", |_| "taking items out of ");
                (Tone::Done, front.to_owned(), format!("is {word}"))
            }
            (CompletedResult::Damaged, _) => (Tone::Refused, "the backup of ".to_owned(), format!("is {word}")),
            (CompletedResult::Failed, _) => (Tone::Refused, String::new(), word.to_owned()),
        };
        news.push((tone, before, session, [front, end]));
    }
    news
}
