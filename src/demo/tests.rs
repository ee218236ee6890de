//! Scenarios are read as they are written, and what is wrong with one is named with its line.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod open_points;

use super::{
    Scenario, Story, World,
    embedded::{self, SCENARIOS},
    plan,
    scenario::PlannedEnd,
    script::{Action, Condition},
};
use crate::{
    domain::{AttemptNo, JobResult, SessionId},
    machine::Scope,
    manager::{Clock, OwnerState, SessionAction},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// A whole scenario that a test changes a line of.
const SMALL: &str = r#"title = "small"
starts = "2026-11-20T02:00:00Z"
speed = 2
size = "80x24"

[person]
user = "ops"
host = "bastion"

[[repository]]
path = "/backups"
rate = "100M"
down = [{ from = "1m", to = "2m", cause = "gone" }]

[[repository.instance]]
name = "orders"
version = 17
backups = [{ age = "2h", size = "10G", files = 100, wal = "16M" }]

[[restore]]
instance = "orders"
attempts = [{ ends = "stuck", after = "5G", cause = "full" }]

[[script]]
wait = "session orders is stuck"
marker = "it is stuck"
"#;

fn read(text: &str) -> Result<Scenario<String>, String> {
    Scenario::read(text, "small.toml").map_err(|error| error.to_string())
}

#[test]
fn a_scenario_is_what_its_file_says() {
    let Scenario { story, script, size } = read(SMALL).unwrap();
    assert_eq!((story.speed.get(), size, story.by.account().as_str()), (2, (80, 24), "ops@bastion"));
    let point = story.catalog.instances[0].newest().unwrap();
    assert_eq!((point.label.as_str(), point.facts.size.0), ("2026-11-20T0000", 10 << 30));
    assert_eq!(story.repository_of(point).unwrap().down[0].to, Duration::from_mins(2));
    let [attempt] = story.attempts_of(&point.instance) else { panic!("one attempt is planned") };
    assert!(matches!(&attempt.end, PlannedEnd::Stuck(mishap) if mishap.cause == "full"));
    let [Action::Wait(wait, 25), Action::Mark(label)] = script.as_slice() else { panic!("{script:?}") };
    assert_eq!((wait.to_string().as_str(), label.as_str()), ("session orders is stuck", "it is stuck"));
}

#[test]
fn what_is_wrong_is_named_with_file_and_line() {
    for (good, bad, line, words) in [
        ("speed = 2", "speed = 0", 3, "from 1 to 1000"),
        ("speed = 2", "sped = 2", 3, "unknown field `sped`"),
        ("80x24", "80", 4, "such as 100x30"),
        ("user = \"ops\"\n", "", 6, "missing field `user`"),
        ("\"/backups\"", "\"backups\"", 11, "from the root on"),
        ("100M", "fast", 12, "such as 100M"),
        ("\"2m\"", "\"1m\"", 13, "comes back later"),
        ("\"1m\"", "\"soon\"", 13, "90s, 5m or 1h 30m"),
        (
            "backups = [{ age = \"2h\", size = \"10G\", files = 100, wal = \"16M\" }]",
            "backups = []",
            18,
            "at least one",
        ),
        ("instance = \"orders\"", "instance = \"order\"", 21, "write one of orders"),
        ("after = \"5G\"", "after = \"50G\"", 22, "ends after 10.0 GiB"),
        (", cause = \"full\"", "", 22, "needs after"),
        ("ends = \"stuck\", ", "", 22, "add ends"),
        ("[[script]]", "[[job]]\nname = \"j\"\nrepository = \"/x\"\nobjects = []\n[[script]]", 26, "has this path"),
        ("[[script]]", "[[job]]\nname = \"j\"\nrepository = \"/backups\"\nobjects = []\n[[script]]", 24, "no objects"),
        ("is stuck", "is sad", 25, "can be waited for"),
        ("session orders", "session order", 25, "write one of orders"),
        ("wait = \"session orders is stuck\"", "wait = \"nothing is ongoing\"\npause = \"1s\"", 24, "one of wait"),
        ("wait = \"session orders is stuck\"\nmarker = \"it is stuck\"", "", 24, "one of wait"),
    ] {
        assert!(SMALL.contains(good), "{good}");
        let problem = read(&SMALL.replacen(good, bad, 1)).expect_err(bad);
        assert!(problem.starts_with(&format!("small.toml, line {line}: ")), "{bad}: {problem}");
        assert!(problem.contains(words), "{bad}: {problem}");
    }
}

#[test]
fn conditions_are_written_as_they_are_read() {
    for text in [
        "session orders is queued",
        "session orders is replaying",
        "session orders is cancelled",
        "session orders is open",
        "session orders has copied 40%",
        "session orders has made 1 try",
        "session orders has made 3 tries",
        "nothing is ongoing",
        "screen shows owner lost",
    ] {
        assert_eq!(text.parse::<Condition>().unwrap().to_string(), text);
    }
    for text in ["", "session orders", "session orders has copied 101%", "session a b is done", "screen shows "] {
        assert!(text.parse::<Condition>().is_err(), "{text:?}");
    }
}

/// A story that comes with howdah, under way.
fn begin(name: &str) -> (World, Arc<Story>) {
    let story = Arc::new(Scenario::<String>::read(embedded::find(name).unwrap(), name).unwrap().story);
    let clock = Clock::starting_at(story.starts).at_speed(story.speed);
    (World::begin(&story, clock).unwrap(), story)
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_comes_back_is_tried_until_then_and_read_on_where_it_stood() {
    let begun = Instant::now();
    let (world, story) = begin("repository-down");
    world.service.snapshots().wait_for(|now| now.counts.succeeded() == 3).await.unwrap();
    let history = world.history()(SessionId(1));
    let tries = history.iter().filter(|(_, sentence)| sentence.contains("is due")).count();
    assert_eq!(tries, 4, "{history:#?}");
    let over = history.iter().any(|(_, sentence)| sentence.contains("the disruption is over"));
    assert!(over, "{history:#?}");
    let took = begun.elapsed() * story.speed.get();
    assert!((Duration::from_mins(24)..Duration::from_mins(31)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn while_the_link_is_cut_nothing_is_seen_and_nothing_is_taken() {
    let (mut world, story) = begin("link-cut");
    world.owner.wait_for(|owner| matches!(owner, OwnerState::Unreachable { .. })).await.unwrap();
    let mut snapshots = world.service.snapshots();
    let before = snapshots.borrow_and_update().revision;
    let scope = Scope::Sessions(vec![SessionId(1)]);
    let receipt = world.service.act(SessionAction::Retry, scope, story.by.clone()).await;
    assert_eq!(receipt.done(), 0, "{receipt:?}");
    assert!(timeout(Duration::from_secs(20), snapshots.changed()).await.is_err(), "the owner goes on unseen");
    world.owner.wait_for(|owner| matches!(owner, OwnerState::Remote { .. })).await.unwrap();
    snapshots.wait_for(|now| now.revision > before + 100).await.unwrap();
    let session = world.service.session(SessionId(1), story.by.clone()).await.unwrap();
    assert_eq!(session.attempts().last().unwrap().number, AttemptNo(1), "the work went on");
}

#[test]
fn the_scenarios_that_come_with_howdah_can_be_played() {
    for (name, text) in SCENARIOS {
        let scenario = Scenario::<String>::read(text, name).unwrap();
        let story = &scenario.story;
        let happens = !(story.restores.is_empty() && story.jobs.is_empty() && story.tables.is_empty());
        assert!(!scenario.script.is_empty() && happens, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_run_by_themselves_each_object_as_its_file_says() {
    let (world, story) = begin("three-jobs");
    let mut snapshots = world.service.snapshots();
    let ended = snapshots.wait_for(|now| now.ended_runs.len() == 3).await.unwrap().clone();
    assert!(ended.ended_runs.iter().all(|row| row.result == JobResult::Success), "nobody stopped one");
    let small = ended.ended_runs.iter().find(|row| row.name.as_str() == "small").unwrap();
    let history = world.run_history()(small.id);
    let sentences: Vec<&str> = history.iter().map(|(_, sentence)| sentence.as_str()).collect();
    assert!(sentences.iter().any(|one| one.starts_with("tickets is done after 1")), "{sentences:#?}");
    let tickets = ended.completed.iter().find(|row| row.title.as_str() == "tickets").unwrap();
    assert_eq!(tickets.details.tries, Some(1), "it was disrupted once");
    assert_eq!(plan::of_job(&story, &story.jobs[0].spec).len(), 3);
}
