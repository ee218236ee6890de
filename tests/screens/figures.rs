//! What is on disk, as the screen tells it: on the Restore page, on the page of a session, and before a cancel.

use super::stage::*;
use howdah::{
    domain::{AttemptNo, ByteCount, Failure, Lsn, Reached, Step},
    machine::{Cause, Event, Session, StuckReason},
};
use std::sync::Arc;

/// It copied 31 GiB; then a try failed before it had looked at anything.
fn failed_in_check() -> Story {
    Story::begins(1, "orders", mins(21))
        .launched()
        .planned()
        .doing(Step::Copy, "")
        .copied(31 * GIB, 0)
        .disrupted("repository host db2 refused the connection", 0, mins(0))
        .then(Event::Requeued { cause: Cause::Try(1), by: None })
        .launched()
        .doing(Step::Check, "")
}

fn alone(session: Arc<Session>) -> Stage {
    Stage::new(snapshot(vec![session], &[]), own())
}

#[test]
fn after_a_try_that_failed_in_check_the_node_and_the_session_tell_what_is_on_disk() {
    let failed = failed_in_check().disrupted("the repository /backups is not there", 1, mins(5));
    let (attempt, reached) = (AttemptNo(2), Reached { wal: Lsn(0), bytes: ByteCount(31 * GIB) });
    let (failure, reason) = (Failure::incurable("no space left", ""), StuckReason::Incurable);
    let stuck = failed_in_check().then(Event::GotStuck { attempt, failure, reached, reason });
    for story in [failed_in_check(), failed, stuck] {
        let mut stage = alone(story.arc());
        let text = stage.text();
        assert!(text.contains("31.0 GiB of 61.5 GiB") && text.contains(" 50 %"), "{text}");
        stage.press("g");
        assert!(stage.text().contains("31.0 GiB of 61.5 GiB copied"), "{}", stage.text());
    }
}

#[test]
fn the_node_tells_of_how_many_nothing_is_known() {
    assert!(alone(queued(1, "orders")).press("g").text().contains("nothing planned yet"));
    let mut stage = Stage::new(snapshot(vec![failed_in_check().arc(), queued(2, "crm")], &[]), own());
    let text = stage.press("g").text();
    assert!(text.contains("31.0 GiB of 61.5 GiB copied, 1 session not planned yet"), "{text}");
}

#[test]
fn d07_the_cost_before_a_cancel_is_what_is_on_disk_and_is_given_up_only_where_it_is_removed() {
    let mut stage = alone(failed_in_check().disrupted("the repository /backups is not there", 1, mins(5)).arc());
    stage.press("c down");
    for said in [
        "31.0 GiB would be removed.",
        "31.0 GiB would be removed.",
        "31.0 GiB would stay, for a later restore to the same place.",
        "31.0 GiB would stay under another name.",
    ] {
        let text = stage.text();
        assert!(text.contains(said), "{said}\n{text}");
        stage.press("right");
    }
    let text = alone(queued(1, "orders")).press("c").text();
    assert!(text.contains("Nothing has been copied yet."), "{text}");
}

#[test]
fn a_wide_page_has_the_steps_on_the_left_and_speed_and_attempts_on_the_right() {
    let mut stage = Stage::sized(busy(), own(), (140, 40));
    stage.press("g down down down");
    super::scenes::flowing(&mut stage);
    let text = stage.text();
    let line = |part: &str| text.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(line("Steps").contains("Throughput"), "{text}");
    assert!(line("now, ").contains("average"), "{text}");
    let (steps, attempts) = (line(" Replay "), line("Attempts"));
    assert!(steps.contains("││") && attempts.contains("││"), "{text}");
    // Where the page is narrower they stand one below the other.
    stage.tell(howdah::console::message::Message::Resize(120, 40));
    let text = stage.text();
    assert!(text.lines().any(|line| line.contains("Steps")) && !text.contains("Throughput"), "{text}");
}

#[test]
fn s15_a_restore_point_says_what_its_last_verification_found_and_how_long_ago() {
    use super::scenes::{damaged, sound};
    let shown = |ended: &[Session]| {
        let mut stage = Stage::sized(snapshot(Vec::new(), ended), own(), (140, 40));
        stage.press("G");
        stage.text()
    };
    let verified = |ended: &[Session]| {
        let text = shown(ended);
        let row = text.lines().find(|line| line.contains("2026-11-20 02:00  ")).unwrap().to_owned();
        (row.contains("✓ "), row.contains("✖ damaged "), text.matches("✖ damaged ").count())
    };
    assert_eq!(verified(&[sound()]), (true, false, 0));
    assert_eq!(verified(&[damaged()]), (false, true, 1), "one point alone");
    assert_eq!(verified(&[succeeded(7, "orders")]), (false, false, 0), "a restore is no verification");
}

#[test]
fn what_was_never_restored_here_is_forecast_at_the_speed_of_other_instances() {
    let mut stage = Stage::sized(snapshot(Vec::new(), &[succeeded(7, "orders")]), own(), (140, 40));
    stage.press("G");
    assert!(stage.text().contains("It took about 9 min in 1 earlier restore."), "{}", stage.text());
    stage.press("up up");
    let text = stage.text();
    assert!(text.contains("Not restored here yet. Its files take about"), "{text}");
    assert!(text.contains("at 175 MiB/s, the speed of 1"), "{text}");
    let mut nothing = Stage::sized(snapshot(Vec::new(), &[]), own(), (140, 40));
    nothing.press("G up up");
    assert!(!nothing.text().contains("Not restored here"), "nothing is known: {}", nothing.text());
}

#[test]
fn a_restore_point_is_chosen_on_the_page_of_its_instance_for_what_comes_next() {
    use howdah::console::{message::Message, model::tree::Node};
    let mut stage = Stage::sized(busy(), own(), (140, 40));
    stage.press("G");
    assert!(!stage.text().contains("Selected restore point"), "{}", stage.text());
    stage.press("tab down");
    let text = stage.text();
    let Node::Instance(key) = stage.model.tree().selected().clone() else { panic!("{text}") };
    let one = key.find(&stage.model.data().catalog).unwrap();
    let second = one.rows[1].label().to_owned();
    assert!(text.contains("Selected restore point") && text.matches(&second).count() >= 2, "{text}");
    // What comes next is for this one.
    assert_eq!(stage.model.restore_points().unwrap()[0].label, second);
    stage.press("enter");
    let wizard = stage.model.wizard().unwrap();
    assert_eq!(wizard.form.choices[0].chosen().unwrap().label(), second);
    // A newer backup does not push another one under the keys.
    stage.press("esc");
    let mut catalog = own();
    let instance = catalog.instances.iter_mut().find(|other| key.is(other)).unwrap();
    instance.rows.remove(0);
    stage.tell(Message::Catalog(Arc::new(catalog)));
    assert_eq!(stage.model.restore_points().unwrap()[0].label, second);
    // One that cannot be read is refused with its reason, and below the last one the page goes on.
    stage.press("esc G [ down down tab enter");
    assert!(stage.text().contains("cannot be restored; its line says why"), "{}", stage.text());
    assert!(stage.model.wizard().is_none());
}
