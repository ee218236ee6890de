//! The plan says where recovery ends, and refuses what would end elsewhere.

use crate::{
    bed::{Bed, bed, copy},
    needs_postgres,
};
use howdah::{
    archive::plan,
    domain::{
        AtTarget, Failure, FailureClass, Lsn, Recovery, RecoveryGoal, RecoveryPlan, RecoveryTimeline, SystemIdentifier,
        Timeline,
    },
};
use std::{fs, path::Path, process::Command, time::Duration};

const SEGMENT: u64 = 16 << 20;

fn to(goal: RecoveryGoal) -> Recovery {
    let timeline = RecoveryTimeline::Current;
    Recovery { goal, timeline, at_target: AtTarget::Pause, ..Recovery::to_consistency() }
}

fn on(timeline: RecoveryTimeline, goal: RecoveryGoal) -> Recovery {
    Recovery { timeline, ..to(goal) }
}

fn planned(bed: &Bed, archive: &Path, recovery: &Recovery) -> Result<RecoveryPlan, Failure> {
    plan(&bed.point, false, recovery, archive, Some(bed.tools()))
}

fn name(timeline: u32, position: Lsn) -> String {
    format!("{timeline:08X}{:08X}{:08X}", position.0 >> 32, (position.0 & 0xFFFF_FFFF) / SEGMENT)
}

#[test]
fn a_time_ends_before_the_next_transaction_that_has_ended_later() {
    needs_postgres!();
    let bed = bed();
    for (at, pair) in bed.first.windows(2).enumerate() {
        let (one, next) = (pair[0], pair[1]);
        for time in [one.at, one.at + Duration::from_micros(1), next.at - Duration::from_micros(1)] {
            let plan = planned(bed, &bed.archive, &to(RecoveryGoal::Time(time))).unwrap();
            assert_eq!(plan.until, Some(one.at), "{at}: {time}");
            assert!(one.lsn <= plan.end && plan.end < next.lsn, "{at}: {plan:?}");
            assert_eq!((plan.first, plan.last), (name(1, bed.point.start_lsn), name(1, plan.end)));
            assert_eq!(plan.segments, plan.end.0 / SEGMENT - bed.point.start_lsn.0 / SEGMENT + 1);
            assert_eq!((plan.bytes.0, plan.last_record), (plan.segments * SEGMENT, None));
        }
        let exclusive = Recovery { inclusive: false, ..to(RecoveryGoal::Time(next.at)) };
        let plan = planned(bed, &bed.archive, &exclusive).unwrap();
        assert_eq!(plan.until, Some(one.at));
    }
}

#[test]
fn the_time_of_the_last_commit_is_reached_by_its_record_and_a_later_one_is_refused() {
    needs_postgres!();
    let bed = bed();
    let last = *bed.first.last().unwrap();
    let plan = planned(bed, &bed.archive, &to(RecoveryGoal::Time(last.at))).unwrap();
    let record = plan.last_record.unwrap();
    assert!(bed.first[4].lsn <= record && record < last.lsn, "{plan:?}");
    assert_eq!((plan.until, plan.end), (Some(last.at), record));
    let later = to(RecoveryGoal::Time(last.at + Duration::from_micros(1)));
    let refused = planned(bed, &bed.archive, &later).unwrap_err();
    assert_eq!(refused.class, FailureClass::Incurable);
    assert!(refused.cause.contains("is behind the WAL that timeline 1 has"), "{refused}");
    let shown = howdah::domain::recovery::moment(last.at);
    assert!(refused.advice.contains(&format!("to {shown}")), "{refused}");
}

#[test]
fn the_end_of_the_archive_is_its_last_whole_record() {
    needs_postgres!();
    let bed = bed();
    let plan = planned(bed, &bed.archive, &to(RecoveryGoal::Latest)).unwrap();
    let record = plan.last_record.unwrap();
    // Behind the last commit there are a switch, an idle segment and a checkpoint.
    assert!(record > bed.first.last().unwrap().lsn, "{plan:?}");
    assert_eq!(plan.until, Some(bed.first.last().unwrap().at));
    let lsn = |at| planned(bed, &bed.archive, &to(RecoveryGoal::Lsn(at)));
    assert!(lsn(record).is_ok());
    let refused = lsn(Lsn(record.0 + 1)).unwrap_err();
    assert!(refused.advice.contains(&format!("to {record}")), "{refused}");
    let refused = lsn(Lsn(bed.point.stop_lsn.0 - 1)).unwrap_err();
    assert!(refused.cause.contains("is before the backup's end"), "{refused}");
    assert_eq!(lsn(bed.point.stop_lsn).unwrap().end, bed.point.stop_lsn);
    let plan = planned(bed, &bed.archive, &on(RecoveryTimeline::Latest, RecoveryGoal::Latest)).unwrap();
    assert_eq!(plan.path, [Timeline(1), Timeline(2)]);
    assert_eq!(plan.until, Some(bed.second.last().unwrap().at));
    assert!(plan.last.starts_with("00000002"), "{plan:?}");
}

#[test]
fn a_time_before_the_end_of_the_backup_is_refused() {
    needs_postgres!();
    let bed = bed();
    let plan = planned(bed, &bed.archive, &to(RecoveryGoal::Immediate)).unwrap();
    let earliest = plan.until.unwrap();
    assert_eq!((plan.end, plan.last_record), (bed.point.stop_lsn, None));
    assert!(earliest < bed.first[0].at);
    for recovery in [
        to(RecoveryGoal::Time(earliest - Duration::from_micros(1))),
        Recovery { inclusive: false, ..to(RecoveryGoal::Time(earliest)) },
    ] {
        let refused = planned(bed, &bed.archive, &recovery).unwrap_err();
        assert!(refused.cause.contains("is before the backup's end"), "{refused}");
        assert!(refused.advice.contains("choose an older restore point"), "{refused}");
    }
    assert_eq!(planned(bed, &bed.archive, &to(RecoveryGoal::Time(earliest))).unwrap().until, Some(earliest));
}

#[test]
fn a_gap_is_named_and_what_lies_before_it_can_be_reached() {
    needs_postgres!();
    let bed = bed();
    let archive = copy(&bed.archive);
    let missing = name(1, bed.first[3].lsn);
    fs::remove_file(archive.join(&missing)).unwrap();
    for goal in [RecoveryGoal::Latest, RecoveryGoal::Time(bed.first[4].at), RecoveryGoal::Lsn(bed.first[4].lsn)] {
        let refused = planned(bed, &archive, &to(goal.clone())).unwrap_err();
        assert!(refused.class == FailureClass::Incurable && refused.cause.contains(&missing), "{goal:?}: {refused}");
        let until = howdah::domain::recovery::moment(bed.first[2].at);
        assert!(refused.advice.contains(&until), "{goal:?}: {refused}");
    }
    let plan = planned(bed, &archive, &to(RecoveryGoal::Time(bed.first[1].at))).unwrap();
    assert_eq!(plan.until, Some(bed.first[1].at));
    let plan = planned(bed, &archive, &to(RecoveryGoal::Time(bed.first[2].at))).unwrap();
    assert!(plan.last_record.is_some() && plan.until == Some(bed.first[2].at), "{plan:?}");
    // Timeline 2 has left before the gap.
    assert!(planned(bed, &archive, &on(RecoveryTimeline::Latest, RecoveryGoal::Latest)).is_ok());
    fs::remove_file(archive.join(name(1, bed.point.start_lsn))).unwrap();
    let refused = planned(bed, &archive, &to(RecoveryGoal::Time(bed.first[1].at))).unwrap_err();
    assert!(refused.cause.contains(&name(1, bed.point.start_lsn)), "{refused}");
    // What the backup holds itself need not be in the archive.
    let first = Some(bed.tools());
    assert!(plan_included(bed, &archive, RecoveryGoal::Immediate, first).is_ok());
}

fn plan_included(
    bed: &Bed,
    archive: &Path,
    goal: RecoveryGoal,
    tools: Option<howdah::archive::Tools<'_>>,
) -> Result<RecoveryPlan, Failure> {
    plan(&bed.point, true, &to(goal), archive, tools)
}

#[test]
fn timelines_are_followed_by_their_histories() {
    needs_postgres!();
    let bed = bed();
    let second = RecoveryTimeline::Number(Timeline(2));
    for committed in &bed.second[..2] {
        let plan = planned(bed, &bed.archive, &on(second, RecoveryGoal::Time(committed.at))).unwrap();
        assert_eq!((plan.until, plan.path), (Some(committed.at), vec![Timeline(1), Timeline(2)]));
    }
    // What timeline 1 committed behind the fork is not on timeline 2.
    assert!(bed.fork < bed.first[3].lsn);
    let plan = planned(bed, &bed.archive, &on(second, RecoveryGoal::Lsn(bed.fork))).unwrap();
    assert_eq!(plan.last, name(2, bed.fork));
    let far = Lsn(bed.first[5].lsn.0 - 1);
    let refused = planned(bed, &bed.archive, &on(second, RecoveryGoal::Lsn(Lsn(far.0 + SEGMENT)))).unwrap_err();
    assert!(refused.advice.contains("--timeline 1"), "{refused}");
    let unknown = on(RecoveryTimeline::Number(Timeline(7)), RecoveryGoal::Latest);
    let refused = planned(bed, &bed.archive, &unknown).unwrap_err();
    assert!(refused.cause.contains("00000007.history is not in the archive"), "{refused}");
    let archive = copy(&bed.archive);
    fs::write(archive.join("00000002.history"), "nonsense\n").unwrap();
    let refused = planned(bed, &archive, &on(RecoveryTimeline::Latest, RecoveryGoal::Latest)).unwrap_err();
    assert!(refused.cause.contains("00000002.history cannot be believed"), "{refused}");
    assert!(planned(bed, &archive, &to(RecoveryGoal::Latest)).is_ok());
    fs::write(archive.join("00000002.history"), format!("1\t{}\tx\n", bed.point.start_lsn)).unwrap();
    let refused = planned(bed, &archive, &on(second, RecoveryGoal::Latest)).unwrap_err();
    assert!(refused.cause.contains("before the backup's end"), "{refused}");
    let plan = planned(bed, &archive, &on(RecoveryTimeline::Latest, RecoveryGoal::Latest)).unwrap();
    assert_eq!(plan.path, [Timeline(1)]);
}

#[test]
fn packed_segments_are_as_good_as_plain_ones() {
    needs_postgres!();
    let bed = bed();
    let plain = planned(bed, &bed.archive, &to(RecoveryGoal::Latest)).unwrap();
    let archive = copy(&bed.archive);
    for entry in fs::read_dir(&archive).unwrap().map(Result::unwrap) {
        if entry.file_name().len() == 24 {
            assert!(Command::new("gzip").arg(entry.path()).status().unwrap().success());
        }
    }
    let packed = planned(bed, &archive, &to(RecoveryGoal::Latest)).unwrap();
    assert!(packed.bytes < plain.bytes);
    assert_eq!((packed.end, packed.until, packed.last), (plain.end, plain.until, plain.last));
    let time = to(RecoveryGoal::Time(bed.first[3].at));
    assert_eq!(planned(bed, &archive, &time).unwrap().until, Some(bed.first[3].at));
}

#[test]
fn without_the_programs_times_are_those_of_the_files() {
    needs_postgres!();
    let bed = bed();
    let time = to(RecoveryGoal::Time(bed.first[3].at));
    let plan_without = |recovery: &Recovery| plan(&bed.point, false, recovery, &bed.archive, None);
    let about = plan_without(&time).unwrap();
    assert_eq!((about.until, &about.last), (None, &name(1, bed.first[3].lsn)), "{about:?}");
    let refused = plan_without(&to(RecoveryGoal::Time("2099-01-01T00:00:00Z".parse().unwrap()))).unwrap_err();
    assert!(refused.advice.contains("to about "), "{refused}");
    let refused = plan_without(&to(RecoveryGoal::Time("1999-01-01T00:00:00Z".parse().unwrap()))).unwrap_err();
    assert!(refused.cause.contains("is before the backup's end"), "{refused}");
}

#[test]
fn what_is_no_archive_of_the_cluster_is_refused_and_what_cannot_be_reached_waits() {
    needs_postgres!();
    let bed = bed();
    let gone = planned(bed, &bed.archive.join("gone"), &to(RecoveryGoal::Latest)).unwrap_err();
    assert_eq!(gone.class, FailureClass::Disruption, "{gone}");
    let mut other = bed.point.clone();
    other.system_identifier = Some(SystemIdentifier(7));
    let refused = plan(&other, false, &to(RecoveryGoal::Latest), &bed.archive, None).unwrap_err();
    assert!(refused.cause.contains("and the backup is of 7"), "{refused}");
    let empty = planned(bed, &bed.backup.join("pg_wal/archive_status"), &to(RecoveryGoal::Latest)).unwrap_err();
    assert!(empty.cause.contains("holds no WAL segment"), "{empty}");
    let archive = copy(&bed.archive);
    let short = archive.join(name(1, bed.first[3].lsn));
    fs::OpenOptions::new().write(true).open(&short).unwrap().set_len(5_000_000).unwrap();
    let refused = planned(bed, &archive, &to(RecoveryGoal::Latest)).unwrap_err();
    assert!(refused.cause.contains("it has 5000000 instead of 16777216 bytes"), "{refused}");
}
