//! Jobs on the screen: what stands where, how a run is started and stopped, and what is told of it.

use super::{
    keys::state,
    scenes::{job_planned, plans},
    stage::*,
};
use howdah::{
    console::message::{Intent, Message, Query},
    domain::{BackupPlan, Failure, InstanceName, JobId, JobResult, SessionId, StopMode},
    machine::{Refusal, Scope},
    manager::{JobAction, OwnerState, SessionAction, Snapshot},
};
use std::sync::Arc;

fn night_stage() -> Stage {
    let mut stage = Stage::new(night(&busy()), own());
    stage.press("J");
    stage.wanted();
    stage
}

fn after(run: RunStory) -> Snapshot {
    Snapshot { ended_runs: Arc::new(vec![run.row()]), ..busy() }
}

/// What is asked of the manager, without what is only looked up.
fn orders(stage: &mut Stage) -> Vec<Intent> {
    stage.wanted().into_iter().filter(|intent| !matches!(intent, Intent::Query(_))).collect()
}

#[test]
fn r41_r42_objects_stand_below_their_run_in_the_order_of_the_settings_each_with_its_word() {
    let mut stage = night_stage();
    let text = stage.text();
    let at = |name: &str| text.find(name).unwrap_or_else(|| panic!("{name} is missing in {text}"));
    let places = ["nightly", "  shop", "  crm", "  hr", "etc", "weekly"].map(at);
    assert!(places.is_sorted(), "{places:?} {text}");
    stage.press("down");
    let page = stage.text();
    for line in ["shop done ", "crm  in process", "hr   not started", "1 of 3 done"] {
        assert!(page.contains(line), "{line}: {page}");
    }
    stage.press("J");
    let text = stage.text();
    assert!(!text.contains("nightly") && text.contains("Completed"), "runs are not among the restores: {text}");
}

#[test]
fn an_object_in_process_is_a_session_and_the_selection_stays_on_it_when_its_run_ends() {
    let mut stage = night_stage();
    stage.press("down down down");
    assert_eq!(state(&stage), "Tree #41");
    stage.press("c right enter");
    let wanted = orders(&mut stage);
    let [Intent::Act(SessionAction::Cancel(..), Scope::Sessions(ids))] = wanted.as_slice() else {
        panic!("{wanted:?}")
    };
    assert_eq!(ids, &[SessionId(41)]);
    stage.press("down");
    assert_eq!(state(&stage), "Tree object 2 of run 7");
    // It begins: the row is the session's from now on.
    let run = in_second().after(mins(1)).done(41).started(2, 42).arc();
    let snapshot = Snapshot { ongoing: vec![object(&run, 2, 42)], runs: vec![run], ..busy() };
    stage.tell(Message::Snapshot(Arc::new(snapshot)));
    assert_eq!(state(&stage), "Tree #42");
    // The run ends, its rows go.
    stage.tell(Message::Snapshot(Arc::new(after(with_warning()))));
    assert!(state(&stage).starts_with("Tree "), "{}", state(&stage));
    assert!(stage.text().contains("nightly#7: warning: 2 of 3 objects have a new restore point"), "{}", stage.text());
}

#[test]
fn r30_a_stop_is_one_question_whose_safe_button_has_the_keys() {
    let mut stage = night_stage();
    stage.press("down x");
    let text = stage.text();
    assert!(text.contains("[ Leave it running ]"), "{text}");
    assert!(text.contains("Graceful    crm is finished and gets its restore point; hr is not"), "{text}");
    assert!(text.contains("Immediate   crm ends without a restore point; what was made of it"), "{text}");
    stage.press("enter");
    assert_eq!(orders(&mut stage), [], "Enter alone changes nothing");
    for (keys, mode) in [("x tab enter", StopMode::Graceful), ("x left enter", StopMode::Immediate)] {
        stage.press(keys);
        let act = Intent::ActOnJob(JobAction::Stop(mode), JobId(7), "nightly#7".to_owned());
        assert_eq!(orders(&mut stage), [act], "{keys}");
    }
    // The same from the row of an object.
    stage.press("down down x tab enter");
    assert_eq!(orders(&mut stage).len(), 1);
    stage.tell(Message::JobActed(JobAction::Stop(StopMode::Graceful), "nightly#7".to_owned(), Ok(JobId(7))));
    assert!(stage.text().contains("nightly#7 is being stopped gracefully"), "{}", stage.text());
    let refusal = Err(Refusal::JobEnded { result: JobResult::Success });
    stage.tell(Message::JobActed(JobAction::Stop(StopMode::Graceful), "nightly#7".to_owned(), refusal));
    assert!(stage.text().contains("Stop refused: nightly#7"), "{}", stage.text());
}

#[test]
fn r34_the_question_how_to_stop_names_the_checkpoint_that_goes() {
    let run = RunStory::of(machines("vms", &["a", "b"]), 9, mins(2)).started(0, 60).arc();
    let session = object(&run, 0, 60);
    let checkpoint = format!("howdah-vms-{}", session.uuid());
    let snapshot = Snapshot { ongoing: vec![session], runs: vec![run], ..busy() };
    let mut stage = Stage::new(snapshot, own());
    stage.press("J down down down down x");
    let text = stage.text();
    assert!(text.contains("its checkpoint at libvirt is"), "{text}");
    assert!(text.contains(&checkpoint), "{text}");
}

#[test]
fn r40_a_way_to_stop_that_is_refused_is_dim_with_its_reason_and_does_nothing() {
    let etc = RunStory::of(jobs()[1].clone(), 8, mins(2)).started(0, 50).arc();
    let snapshot = Snapshot { ongoing: vec![object(&etc, 0, 50)], runs: vec![Arc::clone(&etc)], ..busy() };
    let mut stage = Stage::new(snapshot, own());
    stage.press("J down down x tab");
    let text = stage.text();
    assert!(text.contains("[ Graceful ]") && text.contains("a file copy makes no restore"), "{text}");
    stage.press("enter");
    assert_eq!(orders(&mut stage), []);
    assert!(stage.text().contains("Stop refused: ") && stage.text().contains("Stop etc#8?"), "{}", stage.text());
    stage.press("tab enter");
    assert_eq!(orders(&mut stage).len(), 1, "the other way is open");
}

#[test]
fn a_second_stop_makes_an_immediate_one_of_a_graceful_one_never_the_reverse() {
    let stopping = |mode| {
        let run = in_second().stop(mode).arc();
        Snapshot { ongoing: vec![object(&run, 1, 41)], runs: vec![run], ..busy() }
    };
    let mut stage = Stage::new(stopping(StopMode::Graceful), own());
    stage.press("J down x tab enter");
    assert_eq!(orders(&mut stage), [], "it is being stopped so already");
    stage.press("tab enter");
    assert_eq!(orders(&mut stage).len(), 1);
    stage.tell(Message::Snapshot(Arc::new(stopping(StopMode::Immediate)))).press("x");
    assert!(stage.text().contains("Stop refused: nightly"), "{}", stage.text());
}

#[test]
fn s7_a_run_starts_after_its_plan_was_shown_and_only_then() {
    let mut stage = Stage::new(busy(), own());
    stage.press("J down S tab enter");
    assert!(stage.text().contains("its plan is still being made"), "{}", stage.text());
    assert_eq!(orders_left(&mut stage), 0);
    stage.press("esc S");
    job_planned(&mut stage);
    let text = stage.text();
    for part in ["/backups/shop", "about 61.0 GiB", "210.0 GiB", "no password for backup@hr", "[ Leave it ]"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    stage.press("enter");
    assert_eq!(orders(&mut stage), [], "the safe button has the keys");
    stage.press("S");
    job_planned(&mut stage);
    stage.press("tab enter");
    assert_eq!(orders(&mut stage), [Intent::StartJob(Box::new(jobs()[0].clone()))]);
    stage.tell(Message::JobStarted(InstanceName::new("nightly"), Ok(JobId(7))));
    assert!(stage.text().contains("Started nightly#7"), "{}", stage.text());
    assert_eq!(state(&stage), "Tree job nightly");
}

/// Orders so far; what is only looked up stays wanted.
fn orders_left(stage: &mut Stage) -> usize {
    stage.intents.iter().filter(|intent| !matches!(intent, Intent::Query(_))).count()
}

#[test]
fn a_run_of_which_no_object_can_be_backed_up_is_not_started_and_an_older_plan_is_void() {
    let mut stage = Stage::new(busy(), own());
    stage.press("J down S");
    let [.., Intent::Query(Query::JobPlan(old, _))] = stage.wanted()[..] else { panic!("a plan is wanted") };
    stage.press("esc S");
    stage.tell(Message::JobPlanned(old, plans()));
    assert!(stage.text().contains("Its plan is being made"), "{}", stage.text());
    let [.., Intent::Query(Query::JobPlan(ticket, _))] = stage.wanted()[..] else { panic!("a plan is wanted") };
    let none = |(name, _): (InstanceName, Result<BackupPlan, Failure>)| (name, Err(Failure::incurable("no", "mend")));
    stage.tell(Message::JobPlanned(ticket, plans().into_iter().map(none).collect()));
    stage.press("tab enter");
    assert!(stage.text().contains("none of its objects can be backed up now"), "{}", stage.text());
    assert_eq!(orders(&mut stage), []);
}

#[test]
fn what_cannot_be_started_says_why() {
    for (snapshot, keys, reason) in [
        (night(&busy()), "J down S", "Start job refused: nightly#7 goes on"),
        (night(&busy()), "J S", "Start job refused: select a job first"),
        (
            after(RunStory::of(servers("once", &["a"]), 5, mins(3)).started(0, 30).done(30)),
            "J down down down down S",
            "once is not in the settings any more",
        ),
        (busy(), "J down x", "Stop refused: nightly does not run"),
        (busy(), "J down c", "its objects are sessions"),
    ] {
        let mut stage = Stage::new(snapshot, own());
        stage.press(keys);
        assert!(stage.text().contains(reason), "{keys}: {reason}: {}", stage.text());
        assert_eq!(orders(&mut stage), []);
    }
}

#[test]
fn d10_a_run_that_has_ended_is_read_whole_and_stays_until_it_is_dismissed() {
    let mut stage = Stage::new(after(with_warning()), own());
    stage.press("J ] down");
    assert_eq!(state(&stage), "Tree run 7");
    assert!(stage.wanted().contains(&Intent::Query(Query::Run(JobId(7)))));
    stage.tell(Message::Run(JobId(7), Some(with_warning().arc())));
    assert!(stage.wanted().contains(&Intent::Query(Query::RunHistory(JobId(7)))));
    let cause = "First cause: hr: no connection";
    assert!(stage.text().contains(cause) && stage.text().contains("hr   failed"), "{}", stage.text());
    stage.press("d");
    assert_eq!(orders(&mut stage), [Intent::ActOnJob(JobAction::Dismiss, JobId(7), "nightly#7".to_owned())]);
    let mut row = (*with_warning().row()).clone();
    row.dismissed = true;
    let dismissed = Snapshot { ended_runs: Arc::new(vec![Arc::new(row)]), ..busy() };
    stage.tell(Message::Snapshot(Arc::new(dismissed)));
    let text = stage.text();
    assert!(!text.contains("nightly#7") && text.contains("nightly warning"), "its job still tells of it: {text}");
}

#[test]
fn what_is_ordered_while_the_owner_is_away_says_that_its_answer_comes_late() {
    let mut stage = night_stage();
    let away = OwnerState::Unreachable { since: now().into(), reason: "it hung up".to_owned() };
    stage.tell(Message::Owner(away)).press("down x tab enter");
    assert_eq!(orders(&mut stage).len(), 1);
    assert!(stage.text().contains("Handed over as soon as the owner is found"), "{}", stage.text());
}

#[test]
fn a_page_of_very_many_jobs_says_how_many_it_leaves_to_the_tree() {
    let ran = |number: u64| RunStory::of(servers(&format!("once-{number}"), &["a"]), number, mins(9));
    let row = |number| ran(number).started(0, number).done(number).row();
    let snapshot = |jobs| Snapshot { ended_runs: Arc::new((1..=jobs).map(row).collect()), ..busy() };
    for (jobs, more) in [(250, Some("and 53 more, in the tree")), (197, None)] {
        let mut stage = Stage::sized(snapshot(jobs), own(), (100, 230));
        stage.press("J");
        let text = stage.text();
        assert_eq!(text.contains("more, in the tree"), more.is_some(), "{jobs}");
        assert!(more.is_none_or(|more| text.contains(more)), "{jobs}");
    }
}

#[test]
fn progress_alone_makes_no_rows_anew() {
    let mut stage = night_stage();
    let before = Arc::clone(&stage.model.data().jobs);
    let again = stage.model.data().snapshot.as_ref().clone();
    stage.tell(Message::Snapshot(Arc::new(Snapshot { revision: 9, ..again })));
    assert!(Arc::ptr_eq(&before, &stage.model.data().jobs));
}
