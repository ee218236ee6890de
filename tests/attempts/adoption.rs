//! What a new owner makes of the attempts of an earlier one (rule D9).

use super::*;
use howdah::domain::fact::Fact;

#[tokio::test]
async fn d09_a_live_attempt_is_adopted_and_heard_from_its_beginning() {
    let mut harness = Harness::new(
        "began; mkfifo go; say '{\"note\":\"one\"}'; read -r line < go; say '{\"note\":\"two\"}'; succeed",
    );
    harness.launch();
    let mark = harness.began().await;
    assert_eq!(harness.report().await, Report::Fact(Fact::Note("one".to_owned())));
    let mut harness = Harness::over(harness.leave());
    assert!(is_alive(mark), "it needs no owner");
    harness.attempts.adopt(SESSION, uuid(), ATTEMPT, Some(mark));
    assert_eq!(harness.began().await, mark);
    assert_eq!(harness.report().await, Report::Fact(Fact::Note("one".to_owned())));
    fs::write(harness.place().directory().join("go"), "go\n").unwrap();
    assert_eq!(harness.report().await, Report::Fact(Fact::Note("two".to_owned())));
    harness.over_with(Some(succeeded())).await;
}

#[tokio::test]
async fn d09_an_adopted_attempt_can_be_stopped_and_killed() {
    let mut harness = Harness::new("trap \"say '{\\\"note\\\":\\\"no\\\"}'\" TERM; began; hang");
    harness.launch();
    let mark = harness.began().await;
    let mut harness = Harness::over(harness.leave());
    harness.attempts.adopt(SESSION, uuid(), ATTEMPT, Some(mark));
    harness.attempts.stop(SESSION, ATTEMPT);
    assert_eq!(harness.began().await, mark);
    assert_eq!(harness.report().await, Report::Fact(Fact::Note("no".to_owned())));
    harness.attempts.kill(SESSION, ATTEMPT);
    // This owner has seen it alive, so it was killed and not lost.
    harness.over_with(None).await;
    assert_eq!(group_members(mark).unwrap(), Vec::<ProcessMark>::new());
}

#[tokio::test]
async fn d09_an_attempt_that_ended_while_nobody_looked_tells_its_end() {
    let mut harness = Harness::new("began; mkfifo go; read -r line < go; succeed");
    harness.launch();
    let mark = harness.began().await;
    let place = harness.place();
    let state = harness.leave();
    fs::write(place.directory().join("go"), "go\n").unwrap();
    while is_alive(mark) {
        tokio::task::yield_now().await;
    }
    let mut harness = Harness::over(state);
    harness.attempts.adopt(SESSION, uuid(), ATTEMPT, Some(mark));
    harness.began().await;
    harness.over_with(Some(succeeded())).await;
}

#[tokio::test]
async fn d09_an_attempt_that_went_down_without_a_word_is_lost_with_all_it_left() {
    let mut harness = Harness::new(
        "began; say \"{\\\"note\\\":\\\"$$\\\"}\"; tail -f /dev/null & say \"{\\\"note\\\":\\\"$!\\\"}\"; wait",
    );
    harness.launch();
    let mark = harness.began().await;
    assert_eq!(harness.noted_process().await, mark);
    let engine = harness.noted_process().await;
    let state = harness.leave();
    kill(mark);
    assert!(is_alive(engine), "an engine without a master");
    let mut harness = Harness::over(state);
    harness.attempts.adopt(SESSION, uuid(), ATTEMPT, Some(mark));
    harness.began().await;
    assert!(matches!(harness.report().await, Report::Fact(Fact::Note(_))));
    assert!(matches!(harness.report().await, Report::Fact(Fact::Note(_))));
    harness.lost().await;
    assert!(!is_alive(engine), "it must not write beside the next attempt");
}

#[tokio::test]
async fn d09_an_attempt_that_was_never_launched_is_lost() {
    let mut harness = Harness::new("");
    harness.attempts.adopt(SESSION, uuid(), ATTEMPT, None);
    harness.lost().await;
}

/// A worker that runs but has not said its first word when its owner dies.
async fn silent(then: &str) -> Harness {
    let mut harness = Harness::new(&format!("mkfifo go; echo ready; read -r line < go; {then}"));
    harness.launch();
    harness.until_printed("ready").await;
    let mut harness = Harness::over(harness.leave());
    harness.attempts.adopt(SESSION, uuid(), ATTEMPT, None);
    harness
}

#[tokio::test]
async fn d09_a_worker_that_has_said_nothing_yet_is_found() {
    let mut harness = silent("began; succeed").await;
    fs::write(harness.place().directory().join("go"), "go\n").unwrap();
    harness.began().await;
    harness.over_with(Some(succeeded())).await;
}

#[tokio::test]
async fn d09_a_worker_that_never_says_a_word_can_be_killed() {
    let mut harness = silent("hang").await;
    harness.attempts.kill(SESSION, ATTEMPT);
    harness.over_with(None).await;
}
