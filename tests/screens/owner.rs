//! The header's answer to "may I close this window?" (S4), and what is told when the owner of the sessions goes.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{
    scenes::{attached, lost, mortal},
    stage::*,
};
use howdah::{
    console::{
        Closing,
        message::{Intent, Message},
        model::notice::Tone,
    },
    domain::{BackupObject, InstanceName, JobId, JobKind, JobObject, JobSpec, Origin, Who},
    machine::{
        Scope,
        job::{JobCreated, JobRun},
    },
    manager::{OwnerState, Receipt, ReceiptLine, SessionAction, Snapshot},
};
use std::{num::NonZeroU16, sync::Arc};
use uuid::Uuid;

const SIZES: [(u16, u16); 6] = [(160, 50), (120, 40), (100, 30), (80, 24), (40, 10), (30, 6)];

fn header(stage: &Stage) -> String {
    stage.text().lines().next().unwrap().to_owned()
}

fn said(stage: &Stage) -> String {
    stage.model.notice().map_or_else(String::new, |notice| notice.text.clone())
}

/// Each world at each size: the header holds one of these phrases, and none of the others.
fn check(play: fn(&mut Stage), worlds: &[Snapshot], phrases: &[&str], never: &[&str]) {
    for world in worlds {
        for size in SIZES {
            let mut stage = Stage::sized(world.clone(), own(), size);
            play(&mut stage);
            let header = header(&stage);
            assert!(phrases.iter().any(|phrase| header.contains(phrase)), "{size:?}: {header}");
            assert!(!never.iter().any(|phrase| header.contains(phrase)), "{size:?}: {header}");
        }
    }
}

fn nothing() -> Snapshot {
    snapshot(vec![], &[])
}

fn working() -> Vec<Snapshot> {
    let each = [copying(1, "a"), waiting(1, "a"), queued(1, "a"), cancelling(1, "a")];
    each.into_iter().map(|session| snapshot(vec![session], &[])).chain([busy()]).collect()
}

#[test]
fn s04_closing_is_safe_whatever_goes_on_because_the_work_goes_on() {
    for play in [|_: &mut Stage| {}, attached as fn(&mut Stage)] {
        check(play, &working(), &["safe to close"], &["logout", "pause"]);
        check(play, &[nothing(), snapshot(vec![stuck(1, "a")], &[])], &["safe to close"], &["goes on", "logout"]);
    }
    let between_two_objects = Snapshot { runs: vec![Arc::new(run_of_a_job())], ..nothing() };
    for goes_on in [snapshot(vec![waiting(1, "a")], &[]), between_two_objects] {
        let stage = Stage::sized(goes_on, own(), (80, 24));
        assert!(header(&stage).contains("safe to close: work goes on"), "{}", header(&stage));
    }
}

/// A run of which no object is in process now.
fn run_of_a_job() -> JobRun {
    let (name, path, target) = (InstanceName::new("etc"), "/etc".into(), "/copies".into());
    let object = JobObject { object: BackupObject::FileCopy { name, path, target }, repository: None, max_rate: None };
    let policy = JobSpec::default_policy();
    let spec = JobSpec::new(InstanceName::new("files"), JobKind::FileCopy, vec![object], NonZeroU16::MIN, policy);
    let (spec, who) = (spec.unwrap(), Who::new("ops", "bastion", 1, None));
    JobRun::create(JobCreated { id: JobId(1), uuid: Uuid::nil(), spec, who, origin: Origin::CommandLine, at: now() })
}

#[test]
fn s04_where_a_logout_ends_the_work_the_header_does_not_say_safe() {
    let play = |stage: &mut Stage| {
        stage.with_closing(mortal());
    };
    check(play, &working(), &["⚑ logout ends the work", "⚑ logout ends work"], &["safe"]);
    // Where nothing works, nothing can be ended.
    check(play, &[nothing(), snapshot(vec![stuck(1, "a")], &[])], &["safe to close"], &["logout"]);
}

#[test]
fn s04_where_nothing_starts_a_keeper_after_a_reboot_the_header_says_until_when() {
    let play = |stage: &mut Stage| {
        stage.with_closing(Closing::UntilReboot);
    };
    check(play, &working(), &["safe to close"], &["logout"]);
    check(play, &[nothing(), snapshot(vec![stuck(1, "a")], &[])], &["safe to close"], &["goes on", "reboot"]);
    for (size, phrase) in [
        ((80, 24), "safe to close: work goes on until reboot  14:02:11 UTC"),
        ((100, 30), "safe to close: work goes on until reboot  14:02:11 UTC"),
        ((50, 24), "safe to close until reboot"),
    ] {
        let mut stage = Stage::sized(snapshot(vec![waiting(1, "a")], &[]), own(), size);
        play(&mut stage);
        assert!(header(&stage).ends_with(phrase), "{size:?}: {}", header(&stage));
        stage.press("?");
        assert!(stage.text().contains("After a restart of this machine"), "{}", stage.text());
    }
}

#[test]
fn s04_the_answer_is_about_now_even_where_the_picture_is_frozen() {
    let mut stage = Stage::new(nothing(), own());
    stage.press("f").tell(Message::Snapshot(Arc::new(busy())));
    assert!(header(&stage).contains("safe to close: work goes on"), "{}", header(&stage));
}

#[test]
fn s04_without_its_owner_the_header_tells_how_old_the_picture_is() {
    let play = |stage: &mut Stage| {
        attached(stage);
        lost(stage);
        stage.tell_at(Message::Due, now().checked_add(secs(90)).unwrap());
    };
    check(play, &[busy(), nothing()], &["⚑ owner lost"], &["safe", "14:03"]);
    let mut stage = Stage::sized(busy(), own(), (80, 24));
    play(&mut stage);
    assert!(header(&stage).contains("owner lost, reconnecting; data from 14:02:11"), "{}", header(&stage));
    // The countdown of a try that nobody will make stands still with the picture.
    assert!(stage.text().contains("try 4/10 in 3:12"), "{}", stage.text());
    assert_eq!(stage.model.next_change(), None);
}

#[test]
fn the_fix_for_a_logout_is_told_at_the_start_and_found_again_in_the_help() {
    let mut stage = Stage::new(nothing(), own());
    stage.with_closing(mortal());
    let notice = stage.model.notice().unwrap().clone();
    assert_eq!(notice.tone, Tone::Warning);
    assert_eq!(notice.text, "Logout ends the work; fix: loginctl enable-linger ops (? shows it again)");
    assert!(stage.model.overlay().is_none(), "nothing stands in the way");
    stage.tell_at(Message::Due, notice.until);
    assert!(!stage.text().contains("loginctl"));
    stage.press("?");
    assert!(stage.text().contains("loginctl enable-linger ops"), "{}", stage.text());
}

#[test]
fn a_state_directory_that_is_opened_to_others_is_told_until_it_is_closed_again() {
    let mut stage = Stage::sized(busy(), own(), (80, 24));
    let problem = "is open to other users (mode 0777\u{1b})";
    stage.tell(Message::Exposed(Some(problem.to_owned())));
    let notice = stage.model.notice().unwrap().clone();
    assert_eq!(notice.tone, Tone::Warning);
    let shown = "The state directory is open to other users (mode 0777\\u{1b}): chmod 700 /var/lib/howdah";
    assert_eq!(notice.text, shown);
    stage.tell_at(Message::Due, notice.until).press("?");
    assert!(stage.text().contains("Fix: chmod 700 /var/lib/howdah"), "{}", stage.text());
    stage.press("esc").tell(Message::Exposed(None));
    assert_eq!(said(&stage), "The state directory is for its user alone again");
    stage.press("?");
    assert!(!stage.text().contains("chmod"), "{}", stage.text());
}

#[test]
fn the_front_says_which_process_one_is_attached_to_where_there_is_room() {
    let mut stage = Stage::sized(nothing(), own(), (100, 30));
    attached(&mut stage);
    assert!(header(&stage).starts_with(" howdah  ops@bastion  attached to process 4090  "), "{}", header(&stage));
    assert_eq!(said(&stage), "", "the first look at the owner is no news");
    stage.press("?");
    assert!(stage.text().contains("belong to process 4090"), "{}", stage.text());
}

#[test]
fn an_owner_that_goes_and_comes_back_is_told() {
    let mut stage = Stage::new(busy(), own());
    attached(&mut stage);
    lost(&mut stage);
    let reason = "it closed the connection (Connection reset by peer)";
    assert_eq!(said(&stage), format!("Owner lost, reconnecting: {reason}"));
    let (since, reason) = (now().into(), "no keeper \u{1b}could be started".to_owned());
    let later = Message::Owner(OwnerState::Unreachable { since, reason });
    stage.tell_at(later, now().checked_add(secs(10)).unwrap());
    assert_eq!(said(&stage), "Still no owner, reconnecting: no keeper \\u{1b}could be started");
    assert!(header(&stage).contains("data from 14:02:11"), "{}", header(&stage));
    stage.tell(Message::Owner(OwnerState::Remote { pid: 4_091 }));
    assert_eq!(said(&stage), "Attached to process 4091 again");
    assert!(header(&stage).contains("safe to close"), "{}", header(&stage));
}

/// Between two looks of this screen the owner may have gone and come back.
#[test]
fn another_owner_is_told_even_if_its_absence_was_not_seen() {
    let mut stage = Stage::new(busy(), own());
    attached(&mut stage);
    attached(&mut stage);
    assert_eq!(said(&stage), "");
    stage.tell(Message::Owner(OwnerState::Remote { pid: 4_091 }));
    assert_eq!(said(&stage), "Attached to process 4091 again");
    stage.tell(Message::Owner(OwnerState::Local));
    assert_eq!(said(&stage), "This console owns the sessions now");
}

#[test]
fn without_an_owner_orders_are_still_given_and_their_answer_comes_later() {
    let mut stage = Stage::new(busy(), own());
    attached(&mut stage);
    lost(&mut stage);
    stage.press("down r");
    let orders: Vec<Intent> = stage.wanted().into_iter().filter(|intent| matches!(intent, Intent::Act(..))).collect();
    let billing = stage.model.data().snapshot.ongoing[1].id();
    assert_eq!(orders, [Intent::Act(SessionAction::Retry, Scope::Sessions(vec![billing]))]);
    assert_eq!(said(&stage), "Handed over as soon as the owner is found; the answer comes then");
    stage.tell(Message::Owner(OwnerState::Remote { pid: 4_090 }));
    let instance = stage.model.data().snapshot.ongoing[1].title().clone();
    let line = ReceiptLine { session: Some(billing), title: Some(instance), result: Ok(()) };
    stage.tell(Message::Acted(SessionAction::Retry, Receipt { lines: vec![line] }));
    assert_eq!(said(&stage), "Retry: billing");
}

#[test]
fn where_nobody_owns_the_sessions_the_header_says_so_and_nothing_moves() {
    let nobody = |stage: &mut Stage| {
        stage.tell(Message::Owner(OwnerState::Nobody { since: now().into() }));
    };
    check(nobody, &working(), &["⚑ no owner"], &["safe", "work goes on"]);
    check(nobody, &[nothing()], &["⚑ no owner"], &["safe", "work goes on"]);
    let mut stage = Stage::sized(snapshot(vec![waiting(1, "a")], &[]), own(), (160, 50));
    nobody(&mut stage);
    assert!(
        header(&stage).contains("no owner: nobody manages the sessions; journal of 14:02:11"),
        "{}",
        header(&stage)
    );
    assert!(said(&stage).contains("the journal is shown as it stands"), "{}", said(&stage));
    let minute = now().checked_add(std::time::Duration::from_mins(1)).unwrap();
    stage.press("?");
    assert!(stage.text().contains("nothing is tried again or finished"), "{}", stage.text());
    stage.press("esc");
    stage.tell_at(Message::Due, minute);
    assert_eq!(stage.model.next_change(), None);
    assert!(header(&stage).contains("journal of 14:02:11"), "{}", header(&stage));
    stage.tell_at(Message::Owner(OwnerState::Remote { pid: 7 }), minute);
    assert!(said(&stage).contains("Process 7 manages the sessions now"), "{}", said(&stage));
    assert!(!header(&stage).contains("no owner"), "{}", header(&stage));
}
