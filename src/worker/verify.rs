//! The steps of a verification, in order.
//!
//! Promises: reads the backup and writes nothing but its own report and log; each damage is in the log, also those that a
//! record has no room for. Never: holds a place, or leaves anything behind.

use super::{attempt_files, event_writer::EventWriter};
use crate::{
    domain::{
        Achieved, BackupSource, ByteCount, Damage, Failure, Plan, Step, Success, Verification, VerifyOrder,
        WorkerSettings, quantity::many,
    },
    engine::{
        Halt, Observer, point_use,
        verify::{Verifier, VerifyRequest},
    },
    postgres::manifest::WalRange,
    private_file,
};
use std::{fs::OpenOptions, io::Write, path::Path};

/// Reads the backup to its end.
pub(super) fn run(
    attempt: &Path,
    order: &VerifyOrder,
    settings: &WorkerSettings,
    report: &EventWriter,
) -> Result<Verification, Halt> {
    report.begin(Step::Check, "");
    let log = attempt.join("output.log");
    let mut output = private_file::open(&log, OpenOptions::new().append(true).create(true))
        .map_err(|error| attempt_files::failure("opening the session's log", &error))?;
    let request = request(order, settings)?;
    // Held to the end: what is removed meanwhile would look damaged.
    let _reading = point_use::read(&request.directory, settings.stall_timeout)?;
    let (mut verifier, plan) = Verifier::plan(&request)?;
    let (bytes, files) = (plan.bytes, plan.files);
    report.planned(Plan::Verify(plan));
    report.done(&format!("{bytes} in {}", many(files, "file")));
    go_on(report)?;
    let mut lost = None;
    let mut log = |damage: &Damage| {
        // What cannot be written there is counted in the record all the same.
        let written = writeln!(output, "{damage}");
        lost = lost.take().or(written.err());
    };
    report.begin(Step::Read, "");
    verifier.read(report, &mut log)?;
    report.done(&damages(verifier.found()));
    go_on(report)?;
    report.begin(Step::Wal, "");
    let before = verifier.found().damages_total;
    verifier.check_wal(report, &mut log)?;
    report.done(&wal(verifier.found(), before));
    go_on(report)?;
    report.begin(Step::Finish, "");
    if let Some(error) = lost {
        report.note(&format!("not all damages could be written to the log: {error}"));
    }
    let mut found = verifier.finish();
    found.unchecked.extend(rest_of_chain(&order.point.source));
    report.done(&damages(&found));
    Ok(found)
}

/// What is said of a backup in which nothing was found.
pub(super) fn success(mut found: Verification) -> Success {
    let unchecked = std::mem::take(&mut found.unchecked);
    Success { result: Achieved::Verified(found), warnings: Vec::new(), unchecked }
}

fn request(order: &VerifyOrder, settings: &WorkerSettings) -> Result<VerifyRequest, Failure> {
    let facts = &order.point.facts;
    match &order.point.source {
        BackupSource::BaseBackup { directory, form } | BackupSource::Incremental { directory, form, .. } => {
            Ok(VerifyRequest {
                system_identifier: facts.system_identifier,
                wal: Some(WalRange { timeline: facts.timeline, start: facts.start_lsn, end: facts.stop_lsn }),
                max_rate: order.max_rate,
                ..VerifyRequest::new(directory, *form, settings)
            })
        }
        source @ (BackupSource::PgBackRest { .. } | BackupSource::Barman { .. }) => Err(Failure::incurable(
            format!("this howdah cannot verify {source}"),
            "verify it with the programs that made it",
        )),
    }
}

/// What an incremental backup needs beside itself: only all of them together are whole.
fn rest_of_chain(source: &BackupSource) -> Option<String> {
    let below: Vec<&str> = source.rests_on().iter().map(|member| member.label.as_str()).collect();
    let names = below.join(", ");
    (!below.is_empty()).then(|| format!("it is incremental, and what it rests on was not read: verify {names}, too"))
}

fn go_on(report: &EventWriter) -> Result<(), Halt> {
    if report.stop_requested() { Err(Halt::Stopped) } else { Ok(()) }
}

fn damages(found: &Verification) -> String {
    match found.damages_total {
        0 => "nothing is damaged".to_owned(),
        some => format!("{} found", many(some, "damage")),
    }
}

/// How much WAL was read, and what is wrong with it.
fn wal(found: &Verification, before: u64) -> String {
    match (found.wal_bytes, found.damages_total - before) {
        (ByteCount(0), 0) => "not checked".to_owned(),
        (bytes, 0) => format!("{bytes} read"),
        (bytes, some) => format!("{bytes} read, {} found", many(some, "damage")),
    }
}
