//! The scenes of backup jobs.

use super::{Scene, own, scene};
use crate::stage::*;
use howdah::{
    catalog::Catalog,
    console::message::{Intent, Message, Query},
    domain::{
        BackupPlan, ByteCount, Failure, InstanceName, JobId, MajorVersion, ObjectPlan, StopMode, SystemIdentifier,
    },
    machine::job::UnreadableJob,
    manager::Snapshot,
};
use std::sync::Arc;

fn night() -> (Snapshot, Catalog) {
    (crate::stage::night(&busy()), own())
}

/// With a run that has ended with a warning, one of a job that is not in the settings any more, and a record that cannot
/// be read.
fn morning() -> (Snapshot, Catalog) {
    let once = RunStory::of(servers("once", &["a", "b"]), 5, mins(300)).started(0, 30).after(mins(3));
    let once = once.stop(StopMode::Immediate).removed(30).row();
    let problem = "the journal's record of run 3 of a job cannot be read: it has version 9".to_owned();
    let ended_runs = Arc::new(vec![with_warning().row(), once]);
    let unreadable_runs = Arc::new(vec![UnreadableJob { id: JobId(3), problem }]);
    (Snapshot { ended_runs, unreadable_runs, ..busy() }, own())
}

/// What happened in the run of the night.
fn history(stage: &mut Stage) {
    let lines = [
        (12, "job nightly (instance) started by ops@bastion through a console: shop, crm, hr"),
        (12, "shop is in process as session 40"),
        (5, "shop is done after 7 min 0 s: restore point 2026-11-20T140100, 61.5 GiB"),
        (5, "crm is in process as session 41"),
    ];
    let lines = lines.map(|(before, text)| (ago(mins(before)), text.to_owned())).to_vec();
    stage.tell(Message::RunHistory(JobId(7), Ok(lines)));
}

/// The plan of the job that was asked for last: its last object cannot be backed up.
pub(crate) fn job_planned(stage: &mut Stage) {
    let ticket = stage.wanted().into_iter().rev().find_map(|intent| match intent {
        Intent::Query(Query::JobPlan(ticket, _)) => Some(ticket),
        _ => None,
    });
    stage.tell(Message::JobPlanned(ticket.unwrap(), plans()));
}

pub(crate) fn plans() -> Vec<ObjectPlan> {
    let plan = |name: &str| BackupPlan {
        directory: format!("/backups/{name}").into(),
        bytes: ByteCount(61 * GIB),
        files: 0,
        free_bytes: ByteCount(210 * GIB),
        free_inodes: Some(16_347_789),
        method: vec!["pg_basebackup 15, as postgres".to_owned()],
        version: Some(MajorVersion(15)),
        system_identifier: Some(SystemIdentifier(7)),
        warnings: vec!["the server's checksums are off: damage in it is not seen".to_owned()],
        keep: None,
    };
    let refused = Failure::incurable("no password for backup@hr", "name a passfile, or a password_command");
    let of = |name: &str| (InstanceName::new(name), Ok(plan(name)));
    vec![of("shop"), of("crm"), (InstanceName::new("hr"), Err(refused))]
}

pub(crate) fn nightly() -> Vec<Scene> {
    vec![
        scene("jobs_all", night, |stage| {
            stage.press("J");
        }),
        scene("jobs_run", night, |stage| {
            stage.press("J down");
            history(stage);
        }),
        scene("jobs_object", night, |stage| {
            stage.press("J down down down");
        }),
        scene("jobs_stop", night, |stage| {
            stage.press("J down x tab");
        }),
        scene("jobs_start", night, |stage| {
            stage.press("J");
            stage.tell(Message::Snapshot(Arc::new(busy()))).press("down S");
            job_planned(stage);
        }),
        scene("jobs_ended", morning, |stage| {
            stage.press("J ]");
        }),
        scene("jobs_warning", morning, |stage| {
            stage.press("J ] down");
            stage.tell(Message::Run(JobId(7), Some(with_warning().arc())));
        }),
        scene("jobs_menu", night, |stage| {
            stage.press("J down m");
        }),
        scene("jobs_filter", night, |stage| {
            stage.press("J /").type_text("crm");
        }),
    ]
}
