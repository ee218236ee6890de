//! What a new owner makes of the attempts of an earlier one (rule D9).

use super::*;
use howdah::domain::fact::Fact;

#[tokio::test]
async fn d09_a_live_attempt_is_adopted_and_heard_from_its_beginning() {
    let mut house =
        House::new("began; mkfifo go; say '{\"note\":\"one\"}'; read -r line < go; say '{\"note\":\"two\"}'; succeed");
    house.launch();
    let mark = house.began().await;
    assert_eq!(house.report().await, Report::Fact(Fact::Note("one".to_owned())));
    let mut house = House::over(house.leave());
    assert!(is_alive(mark), "it needs no owner");
    house.attempts.adopt(SESSION, uuid(), ATTEMPT, Some(mark));
    assert_eq!(house.began().await, mark);
    assert_eq!(house.report().await, Report::Fact(Fact::Note("one".to_owned())));
    fs::write(house.place().directory().join("go"), "go\n").unwrap();
    assert_eq!(house.report().await, Report::Fact(Fact::Note("two".to_owned())));
    house.over_with(Some(succeeded())).await;
}

#[tokio::test]
async fn d09_an_adopted_attempt_can_be_stopped_and_killed() {
    let mut house = House::new("trap \"say '{\\\"note\\\":\\\"no\\\"}'\" TERM; began; hang");
    house.launch();
    let mark = house.began().await;
    let mut house = House::over(house.leave());
    house.attempts.adopt(SESSION, uuid(), ATTEMPT, Some(mark));
    house.attempts.stop(SESSION, ATTEMPT);
    assert_eq!(house.began().await, mark);
    assert_eq!(house.report().await, Report::Fact(Fact::Note("no".to_owned())));
    house.attempts.kill(SESSION, ATTEMPT);
    // This owner has seen it alive, so it was killed and not lost.
    house.over_with(None).await;
    assert_eq!(group_members(mark).unwrap(), Vec::<ProcessMark>::new());
}

#[tokio::test]
async fn d09_an_attempt_that_ended_while_nobody_looked_tells_its_end() {
    let mut house = House::new("began; mkfifo go; read -r line < go; succeed");
    house.launch();
    let mark = house.began().await;
    let place = house.place();
    let state = house.leave();
    fs::write(place.directory().join("go"), "go\n").unwrap();
    while is_alive(mark) {
        tokio::task::yield_now().await;
    }
    let mut house = House::over(state);
    house.attempts.adopt(SESSION, uuid(), ATTEMPT, Some(mark));
    house.began().await;
    house.over_with(Some(succeeded())).await;
}

#[tokio::test]
async fn d09_an_attempt_that_went_down_without_a_word_is_lost_with_all_it_left() {
    let mut house = House::new(
        "began; say \"{\\\"note\\\":\\\"$$\\\"}\"; tail -f /dev/null & say \"{\\\"note\\\":\\\"$!\\\"}\"; wait",
    );
    house.launch();
    let mark = house.began().await;
    assert_eq!(house.noted_process().await, mark);
    let engine = house.noted_process().await;
    let state = house.leave();
    kill(mark);
    assert!(is_alive(engine), "an engine without a master");
    let mut house = House::over(state);
    house.attempts.adopt(SESSION, uuid(), ATTEMPT, Some(mark));
    house.began().await;
    assert!(matches!(house.report().await, Report::Fact(Fact::Note(_))));
    assert!(matches!(house.report().await, Report::Fact(Fact::Note(_))));
    house.lost().await;
    assert!(!is_alive(engine), "it must not write beside the next attempt");
}

#[tokio::test]
async fn d09_an_attempt_that_was_never_launched_is_lost() {
    let mut house = House::new("");
    house.attempts.adopt(SESSION, uuid(), ATTEMPT, None);
    house.lost().await;
}

/// A worker that runs but has not said its first word when its owner dies.
async fn silent(then: &str) -> House {
    let mut house = House::new(&format!("mkfifo go; echo ready; read -r line < go; {then}"));
    house.launch();
    house.until_printed("ready").await;
    let mut house = House::over(house.leave());
    house.attempts.adopt(SESSION, uuid(), ATTEMPT, None);
    house
}

#[tokio::test]
async fn d09_a_worker_that_has_said_nothing_yet_is_found() {
    let mut house = silent("began; succeed").await;
    fs::write(house.place().directory().join("go"), "go\n").unwrap();
    house.began().await;
    house.over_with(Some(succeeded())).await;
}

#[tokio::test]
async fn d09_a_worker_that_never_says_a_word_can_be_killed() {
    let mut house = silent("hang").await;
    house.attempts.kill(SESSION, ATTEMPT);
    house.over_with(None).await;
}
