//! The wizard: three presses of Enter, and what it never lets happen.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{
    keys::state,
    scenes::{answer_plans, cluster_of, places, plan_of, planned, planned_to_rename, set_aside},
    stage::*,
};
use howdah::{
    catalog::CatalogEntry,
    console::message::{Intent, Message, Query},
    domain::{
        AnyRestorePlan, BackupForm, BackupSource, ClusterRestore, Compression, ExistingData, Failure, InstanceName,
        MissingWal, ServerWish, SessionId,
        plan::{ServerPlan, TargetState, WalFinding},
    },
    machine::Refusal,
    manager::{Receipt, ReceiptLine},
};
use std::sync::Arc;

fn fresh() -> Stage {
    Stage::new(snapshot(vec![], &[]), own())
}

fn started(stage: &mut Stage) -> Vec<ClusterRestore> {
    let start = |intent| match intent {
        Intent::Start(orders) => Some(orders.iter().map(|order| order.cluster().unwrap().clone()).collect()),
        _ => None,
    };
    stage.wanted().into_iter().find_map(start).unwrap_or_default()
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for a planner that may refuse")]
fn fine(request: &ClusterRestore) -> Result<howdah::domain::RestorePlan, Failure> {
    Ok(plan_of(request, TargetState::Missing))
}

#[test]
fn three_presses_of_enter_restore_the_newest_backup_of_the_first_instance() {
    let mut stage = Stage::new(snapshot(vec![], &[]), sample());
    assert_eq!(state(&stage), "Tree =ledger");
    stage.press("enter");
    assert_eq!(state(&stage), "Form =ledger");
    stage.tell(places(1)).press("enter");
    answer_plans(&mut stage, fine);
    assert!(stage.text().contains("/srv/pg/ledger (will be created)"), "{}", stage.text());
    stage.press("enter");
    let requests = started(&mut stage);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].point.label, "2026-11-20T0200");
    assert_eq!(requests[0].server, ServerWish::LeaveRunning);
    assert_eq!(requests[0].existing, ExistingData::Refuse);
    // The answer closes the wizard, and the new session is selected as soon as it is there.
    let line = ReceiptLine { session: Some(SessionId(1)), title: Some(InstanceName::new("ledger")), result: Ok(()) };
    stage.tell(Message::Started(Receipt { lines: vec![line] }));
    stage.tell(Message::Snapshot(Arc::new(snapshot(vec![queued(1, "ledger")], &[]))));
    assert_eq!(state(&stage), "Tree #1");
}

#[test]
fn an_enter_that_comes_before_the_places_waits_for_them() {
    let mut stage = fresh();
    stage.press("enter enter");
    assert_eq!(state(&stage), "Form =crm");
    stage.tell(places(1));
    assert_eq!(state(&stage), "Plan =crm");
}

#[test]
fn nothing_starts_before_the_plan_was_shown() {
    let mut stage = fresh();
    stage.press("enter").tell(places(1)).press("enter enter enter");
    assert!(started(&mut stage).is_empty());
    assert!(stage.model.notice().unwrap().text.contains("still being made"));
}

#[test]
fn one_session_for_each_instance_with_places_of_their_own() {
    let mut stage = fresh();
    stage.press("n space down space");
    assert_eq!(state(&stage), "Instances =crm");
    stage.press("enter");
    let wanted = stage.wanted();
    let Some(Intent::Query(Query::Places(_, wanted))) = wanted.last() else { panic!("{wanted:?}") };
    assert_eq!(wanted.directories.len(), 1, "crm was checked from the start, so Space took it away");
}

#[test]
fn answers_to_older_questions_are_void() {
    let mut stage = fresh();
    stage.press("enter").tell(places(1)).press("enter");
    let asked = stage.wanted();
    let Some(Intent::Query(Query::Plan(ticket, at, request))) = asked.into_iter().next_back() else { panic!() };
    stage.press("esc");
    let made = fine(cluster_of(&request)).map(|plan| AnyRestorePlan::Cluster(Box::new(plan)));
    stage.tell(Message::Planned(ticket, at, Box::new(made)));
    stage.press("enter enter");
    assert!(started(&mut stage).is_empty());
}

#[test]
fn an_edited_field_is_not_overwritten_by_a_proposal() {
    let mut stage = fresh();
    stage.press("enter down down ctrl-u").type_text("/elsewhere").tell(places(1)).press("enter");
    answer_plans(&mut stage, fine);
    stage.press("enter");
    assert_eq!(started(&mut stage)[0].target.directory().to_str(), Some("/elsewhere"));
}

#[test]
fn a_wrong_value_is_told_at_its_field_and_nothing_is_planned() {
    for (keys, text, part) in [
        ("down down ctrl-u", "relative", "crm: \"relative\" is not an absolute path"),
        ("down down down ctrl-u", "70000", "is not a port"),
        ("down down down ctrl-u", "0", "is not a port"),
        ("down down down down down ctrl-u", "fast", "is not an amount"),
    ] {
        let mut stage = fresh();
        stage.press("enter").tell(places(1)).press(keys).type_text(text).wanted();
        stage.press("enter");
        assert!(stage.text().contains(part), "{part}\n{}", stage.text());
        assert!(stage.wanted().is_empty(), "{text}");
    }
}

#[test]
fn s08_other_data_is_renamed_only_after_its_name_was_typed() {
    let mut refusing = fresh();
    planned(&mut refusing, set_aside);
    assert!(refusing.text().contains("Refused: /srv/pg/crm holds other data"), "refuse means refuse");
    refusing.press("enter");
    assert!(started(&mut refusing).is_empty());
    let mut stage = fresh();
    planned_to_rename(&mut stage);
    assert!(stage.text().contains("renamed to /srv/pg/crm.before-2026-11-20"), "{}", stage.text());
    stage.press("enter");
    assert_eq!(state(&stage), "TypeName =crm");
    for wrong in ["", "CRM", "crm2", "yes"] {
        stage.press("ctrl-u").type_text(wrong).press("enter");
        assert_eq!(state(&stage), "TypeName =crm", "{wrong}");
    }
    assert!(started(&mut stage).is_empty());
    stage.press("ctrl-u").type_text("crm").press("enter");
    assert_eq!(started(&mut stage)[0].existing, ExistingData::SetAside);
}

#[test]
fn s08_leave_to_rename_that_the_plan_does_not_need_is_taken_back() {
    let mut stage = fresh();
    // In the form, "rename other data" is chosen; the directory turns out to be free.
    stage.press("enter").tell(places(1)).press("down down down down down down right enter");
    answer_plans(&mut stage, fine);
    stage.press("enter");
    let requests = started(&mut stage);
    assert_eq!(requests[0].existing, ExistingData::Refuse);
}

#[test]
fn a_refused_plan_starts_nothing_and_says_what_to_do() {
    let mut stage = fresh();
    planned(&mut stage, |_| Err(Failure::incurable("port 5433 is in use", "choose another port")));
    let text = stage.text();
    assert!(
        text.contains("Refused: port 5433 is in use") && text.contains("What to do: choose another port"),
        "{text}"
    );
    stage.press("enter");
    assert!(started(&mut stage).is_empty());
}

#[test]
fn what_the_manager_refuses_keeps_the_wizard_open_with_the_reason() {
    let mut stage = fresh();
    planned(&mut stage, fine);
    stage.press("enter");
    let refusal = Refusal::Unknown { id: SessionId(9) };
    let line = ReceiptLine { session: None, title: Some(InstanceName::new("crm")), result: Err(refusal) };
    stage.tell(Message::Started(Receipt { lines: vec![line] }));
    assert!(stage.text().contains("Not started: there is no session 9"), "{}", stage.text());
}

#[test]
fn an_instance_without_a_readable_backup_cannot_be_chosen() {
    let mut stage = fresh();
    stage.press("down enter");
    assert_eq!(state(&stage), "Tree =legacy");
    assert!(stage.model.notice().unwrap().text.contains("no restore point that can be read"));
    stage.press("n down space");
    assert!(stage.model.wizard().unwrap().checked.is_empty());
}

#[test]
fn an_unreadable_restore_point_is_shown_with_its_reason_and_cannot_be_chosen() {
    let mut stage = fresh();
    stage.press("G enter space G");
    assert!(stage.text().contains("backup_manifest is cut short"), "{}", stage.text());
    stage.press("enter");
    assert_eq!(state(&stage), "Points =orders");
    stage.press("up enter");
    assert_eq!(state(&stage), "Form =orders");
    assert!(stage.text().contains("2026-11-19T0200") && !stage.text().contains("newest"), "{}", stage.text());
}

#[test]
fn s07_a_backup_that_lacks_wal_is_started_only_when_the_form_says_so() {
    #[expect(clippy::unnecessary_wraps, reason = "it stands for a planner that may refuse")]
    fn lacking(request: &ClusterRestore) -> Result<howdah::domain::RestorePlan, Failure> {
        let wal = WalFinding::Missing { what: "000000010000000000000007 is not in the backup".to_owned() };
        let server = ServerPlan::NoServer { reason: "only the files were asked for".to_owned() };
        let plan = plan_of(request, TargetState::Missing);
        let files = howdah::domain::FilePlan { wal, ..plan.files };
        Ok(howdah::domain::RestorePlan { files, server, ..plan })
    }
    let mut stage = fresh();
    planned(&mut stage, lacking);
    assert!(stage.text().contains("Refused: no server could start on these files"), "{}", stage.text());
    stage.press("enter");
    assert!(started(&mut stage).is_empty());
    stage.press("esc down down down down down down down right enter");
    answer_plans(&mut stage, lacking);
    stage.press("enter");
    assert_eq!(started(&mut stage)[0].missing_wal, MissingWal::Accept);
}

#[test]
fn the_plan_shows_the_bandwidth_limit_and_how_long_it_makes_the_copy() {
    let planned_at = |rate: &str, form: BackupForm| {
        let mut catalog = own();
        for instance in &mut catalog.instances {
            for row in &mut instance.rows {
                if let CatalogEntry::Restorable(point) = row {
                    point.source = BackupSource::BaseBackup { directory: "/backups/crm".into(), form };
                }
            }
        }
        let mut stage = Stage::new(snapshot(vec![], &[]), catalog);
        stage.press("enter").tell(places(1)).press("down down down down down ctrl-u").type_text(rate).press("enter");
        answer_plans(&mut stage, fine);
        // A space where a line was broken.
        stage.text().replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let bytes = plan_of(&request("crm", 5433), TargetState::Missing).files.bytes.0;
    let years = bytes / 5 / 31_557_600;
    assert!(years > 1, "{bytes}");
    for (rate, form, said) in [
        ("100M", BackupForm::Plain, "Bandwidth at most 100.0 MiB/s: the copy takes at least ".to_owned()),
        ("5", BackupForm::Plain, format!("⚑ at most 5 B/s: the copy takes at least {years} years; a number without")),
        ("5", BackupForm::Tar(Compression::None), format!("takes at least {years} years")),
        ("5", BackupForm::Tar(Compression::Zstd), format!("what is written would take {years} years if it were not")),
    ] {
        let text = planned_at(rate, form);
        assert!(text.contains(&said), "{said}\n{text}");
    }
    assert!(!planned_at("", BackupForm::Plain).contains("Bandwidth at most"));
}

#[test]
fn a_list_is_offered_only_where_space_opens_one() {
    let mut stage = fresh();
    stage.press("enter").tell(places(1));
    assert!(stage.text().contains("space list"), "{}", stage.text());
    for keys in ["down down down down", "down down"] {
        stage.press(keys);
        assert!(stage.text().contains("other value") && !stage.text().contains(" list"), "{}", stage.text());
    }
}

#[test]
fn a_plan_that_is_longer_than_its_frame_says_where_it_stands() {
    let mut stage = Stage::sized(snapshot(vec![], &[]), own(), (80, 14));
    planned(&mut stage, fine);
    let at = |stage: &Stage| stage.text().lines().nth(12).unwrap().to_owned();
    assert!(at(&stage).contains(" line 7 of "), "{}", stage.text());
    stage.press("down");
    assert!(at(&stage).contains(" line 8 of "), "{}", stage.text());
}
